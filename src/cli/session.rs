//! What most commands start from: the settings in force, the journal, the CRM, the accounts.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::crm::http::HttpCrm;
use crate::crm::{Capabilities, Crm as _, CrmError, Profile};
use crate::engine::EngineError;
use crate::engine::contacts::ContactJob;
use crate::engine::items::{ItemCapabilities, ItemJob};
use crate::engine::mail::MailJob;
use crate::engine::web_folder::WebFolderWriter;
use crate::groupware::dav::{CalDavConnector, CalDavOptions, CardDavConnector, CardDavOptions};
use crate::groupware::imap::ImapConnector;
use crate::groupware::{LoginGate, ical};
use crate::journal::Journal;
use crate::model::{AccountId, Area, CrmSettings};
use crate::oauth::{Credentials, SignIns};
use crate::settings::{
    AskPassphrase, Effective, KdfCost, SecretPlace, SecretSettings, Secrets, Settings, Sources, WebFolder, item_rules_digest, load,
    mail_rules_digest, write_setting,
};
use crate::sync::Addresses;
use crate::sync::items::Guards;
use crate::system::{Dirs, SystemClock, SystemRandom, SystemResolver, private_dir};

use super::arguments::Global;
use super::exit::{Exit, Failure};
use super::output::Output;

/// One command's surroundings.
pub(super) struct Session {
    pub output: Output,
    pub settings: Settings,
    pub journal: Journal,
    /// Folder for large bodies.
    pub spool: PathBuf,
    pub sources: Sources,
    pub secrets: Secrets,
    pub sign_ins: SignIns,
    crm: OnceCell<HttpCrm>,
    /// What the CRM holds for the employee; `None` offline, and without the profile `settings`.
    crm_settings: Option<CrmSettings>,
    capabilities: OnceCell<Arc<Capabilities>>,
}

impl Session {
    /// Settings and journal, without asking the CRM for its level of the settings.
    pub(super) fn offline(global: &Global) -> Result<Self, Failure> {
        let (sources, dirs) = sources(global)?;
        let effective = load(&sources, None)?;
        let secrets = secrets_of(&effective.settings.secrets, &sources, Output { json: global.json });
        Self::open(global, sources, &dirs, effective, secrets, None)
    }

    /// Settings with the CRM's level, and the CRM itself.
    pub(super) async fn online(global: &Global) -> Result<Self, Failure> {
        let (sources, dirs) = sources(global)?;
        let local = load(&sources, None)?;
        // Where secrets lie is this computer's own; the CRM's level does not change it.
        let secrets = secrets_of(&local.settings.secrets, &sources, Output { json: global.json });
        let crm = connect(&local.settings, &secrets).await?;
        let crm_settings = crm_settings(&crm).await?;
        let effective = load(&sources, crm_settings.as_ref())?;
        let session = Self::open(global, sources, &dirs, effective, secrets, crm_settings)?;
        let crm = crm.for_agent(&session.journal.instance().to_string());
        // Only now is it set, and nobody else has the session yet.
        let _ = session.crm.set(crm);
        Ok(session)
    }

    fn open(
        global: &Global,
        sources: Sources,
        dirs: &Dirs,
        effective: Effective,
        secrets: Secrets,
        crm_settings: Option<CrmSettings>,
    ) -> Result<Self, Failure> {
        for warning in &effective.warnings {
            super::eprint_lines(&warning.to_string());
        }
        let journal = Journal::open(&dirs.data.join("journal.redb"))?;
        let spool = dirs.data.join("spool");
        // The journal is held, so nobody else spools: what lies there is left from a process that was killed.
        let _ = std::fs::remove_dir_all(&spool);
        private_dir(&spool).map_err(|cause| EngineError::Folder { path: spool.display().to_string(), cause })?;
        Ok(Self {
            output: Output { json: global.json },
            settings: effective.settings,
            journal,
            spool,
            sources,
            sign_ins: sign_ins(&secrets),
            secrets,
            crm: OnceCell::new(),
            crm_settings,
            capabilities: OnceCell::new(),
        })
    }

    /// The CRM of an online session.
    pub(super) fn crm(&self) -> Result<&HttpCrm, Failure> {
        self.crm.get().ok_or_else(|| Failure::new(Exit::Software, "the CRM was not connected"))
    }

    /// Connects the CRM of an offline session.
    pub(super) async fn connect_crm(&self) -> Result<&HttpCrm, Failure> {
        self.crm.get_or_try_init(|| connect(&self.settings, &self.secrets)).await
    }

    /// The accounts to work on: the named one, or all.
    pub(super) fn accounts(&self, name: Option<&str>) -> Result<Vec<AccountId>, Failure> {
        match name {
            Some(name) if self.settings.accounts.contains_key(&AccountId::from(name)) => Ok(vec![AccountId::from(name)]),
            Some(name) => Err(Failure::new(Exit::NoInput, format!("the configuration has no account \"{name}\""))),
            None => Ok(self.settings.accounts.keys().cloned().collect()),
        }
    }

    /// Refuses what the employee's record in the CRM does not allow. Of it and of this computer the stricter wins (R121).
    pub(super) fn permit(&self) -> Result<(), Failure> {
        self.crm_settings.as_ref().map_or(Ok(()), |record| self.permit_by(record))
    }

    /// The same by a record that was just read.
    pub(super) fn permit_by(&self, record: &CrmSettings) -> Result<(), Failure> {
        let mut mirrored = false;
        for account in self.settings.accounts.keys() {
            mirrored |= self.journal.lock(account)?.is_some_and(|lock| lock.mirrored);
        }
        permitted(record, mirrored)
    }

    /// What the connections of an account sign in with.
    fn credentials(&self, account: &AccountId) -> Result<Credentials, Failure> {
        let sign_in = match self.settings.accounts.get(account) {
            Some(account) => self.sign_ins.of(account)?,
            None => None,
        };
        Ok(Credentials::new(self.secrets.clone(), sign_in))
    }

    /// What the CRM offers, asked once.
    pub(super) async fn capabilities(&self) -> Result<Arc<Capabilities>, Failure> {
        let ask = || async { Ok::<_, Failure>(Arc::new(self.crm()?.capabilities().await?)) };
        self.capabilities.get_or_try_init(ask).await.cloned()
    }

    /// What the mail import of an account works with.
    pub(super) async fn mail_job(&self, account: &AccountId) -> Result<MailJob, Failure> {
        let mail = Arc::new(self.settings.mail.clone());
        let own = self.own_addresses(account);
        let own = || own.iter().map(String::as_str);
        let rules = mail_rules_digest(&mail, own());
        let addresses = Arc::new(Addresses::new(own(), &mail.internal, &mail.freemail));
        let web_folder = match &mail.web_folder {
            Some(folder) => Some(Arc::new(self.web_folder(folder).await?)),
            None => None,
        };
        Ok(MailJob { settings: mail, capabilities: self.capabilities().await?, addresses, rules, web_folder })
    }

    /// The employee's own addresses: those of the account, and those the CRM knows.
    fn own_addresses(&self, account: &AccountId) -> BTreeSet<String> {
        let of_account = self.settings.accounts.get(account).into_iter().flat_map(|account| &account.addresses);
        of_account
            .chain(self.crm_settings.iter().flat_map(|settings| &settings.own_addresses))
            .map(|address| address.to_lowercase())
            .collect()
    }

    /// What the synchronisation of an area of items works with.
    pub(super) async fn item_job(&self, account: &AccountId, area: Area) -> Result<ItemJob, Failure> {
        let capabilities = self.capabilities().await?;
        if !capabilities.profiles.contains(&Profile::Activities) {
            return Err(EngineError::ProfileMissing { profile: "activities", area }.into());
        }
        let settings = Arc::new(if area == Area::Tasks { self.settings.tasks.clone() } else { self.settings.calendar.clone() });
        let own_addresses = self.own_addresses(account);
        let rules = item_rules_digest(&settings, capabilities.series_taken, own_addresses.iter().map(String::as_str));
        Ok(ItemJob {
            area,
            settings,
            capabilities: ItemCapabilities { max_items: capabilities.limits.max_items, takes_series: capabilities.series_taken },
            own_addresses,
            crm_instance: self.settings.crm.url.to_string(),
            rules,
            expander: ical::occurrences,
            contacts: None,
            guards: Guards::default(),
        })
    }

    /// What the synchronisation of contacts works with.
    pub(super) async fn contact_job(&self) -> Result<ContactJob, Failure> {
        let capabilities = self.capabilities().await?;
        if !capabilities.profiles.contains(&Profile::Contacts) {
            return Err(EngineError::ProfileMissing { profile: "contacts", area: Area::Contacts }.into());
        }
        Ok(ContactJob {
            settings: Arc::new(self.settings.contacts.clone()),
            demands: capabilities.contacts.clone(),
            max_items: capabilities.limits.max_items,
            crm_instance: self.settings.crm.url.to_string(),
        })
    }

    /// Signs in to an account's server of contacts.
    pub(super) fn contact_connector(&self, account: &AccountId) -> Result<CardDavConnector, Failure> {
        let carddav = self.settings.accounts.get(account).and_then(|settings| settings.carddav.clone());
        let access = carddav.ok_or_else(|| {
            let repair = format!("write its address as url below [accounts.{account}.carddav]");
            Failure::new(Exit::Config, format!("account \"{account}\" has no server of contacts; {repair}"))
        })?;
        let credentials = self.credentials(account)?;
        Ok(CardDavConnector::new(account.clone(), access, credentials, LoginGate::new(), CardDavOptions::default()))
    }

    /// A file of this installation's own.
    pub(super) fn data_file(&self, name: &str) -> PathBuf {
        self.spool.with_file_name(name)
    }

    /// Signs in to an account's server of calendar and tasks.
    pub(super) fn item_connector(&self, account: &AccountId) -> Result<CalDavConnector, Failure> {
        let dav = self.settings.accounts.get(account).and_then(|settings| settings.dav.clone());
        let access = dav.ok_or_else(|| {
            let repair = format!("write its address as url below [accounts.{account}.dav]");
            Failure::new(Exit::Config, format!("account \"{account}\" has no calendar server; {repair}"))
        })?;
        let invitations = self.settings.calendar.invitations;
        let options = CalDavOptions { own_addresses: self.own_addresses(account), invitations, ..CalDavOptions::default() };
        let clock = Arc::new(SystemClock);
        Ok(CalDavConnector::new(account.clone(), access, self.credentials(account)?, LoginGate::new(), clock, options))
    }

    async fn web_folder(&self, folder: &WebFolder) -> Result<WebFolderWriter, Failure> {
        let secret = match folder {
            WebFolder::WebDav { secret: Some(secret), .. } => {
                let read = self.secrets.read(secret).await?;
                Some(read.expose().to_owned())
            }
            _ => None,
        };
        WebFolderWriter::open(folder, secret).map_err(|error| Failure::new(Exit::Io, error.to_string()))
    }

    /// Signs in to an account's mailbox server.
    pub(super) fn connector(&self, account: &AccountId) -> Result<ImapConnector, Failure> {
        let settings = self
            .settings
            .accounts
            .get(account)
            .ok_or_else(|| Failure::new(Exit::NoInput, format!("the configuration has no account \"{account}\"")))?;
        let (access, credentials) = (settings.imap.clone(), self.credentials(account)?);
        Ok(ImapConnector::new(account.clone(), access, credentials, Arc::new(SystemResolver), self.spool.clone()))
    }

    /// Adds to the user's never-log list, in the configuration file.
    pub(super) fn add_never_log(&mut self, who: &str) -> Result<(), Failure> {
        if self.settings.mail.never_log.iter().any(|entry| entry == who) {
            return Ok(());
        }
        self.settings.mail.never_log.push(who.to_owned());
        let list = self.settings.mail.never_log.join(", ");
        write_setting(&self.sources.config, "mail.never_log", Some(&list)).map_err(|error| Failure::new(Exit::Config, error.to_string()))
    }
}

/// Where the settings and the data are.
pub(super) fn sources(global: &Global) -> Result<(Sources, Dirs), Failure> {
    let dirs = Dirs::locate(global.config.as_deref(), global.data_dir.as_deref())
        .map_err(|error| Failure::new(Exit::Config, error.to_string()))?;
    Ok((Sources::of_system(dirs.config_file.clone(), Vec::new()), dirs))
}

/// The place of secrets that the settings name. A passphrase that is in no other place is asked for on a terminal, once it is needed.
pub(super) fn secrets_of(settings: &SecretSettings, sources: &Sources, output: Output) -> Secrets {
    match settings.store {
        SecretPlace::Keyring => Secrets::of_system(),
        SecretPlace::File => {
            let ask: AskPassphrase = Arc::new(move |path| {
                let prompt = format!("Passphrase of {} (not shown): ", path.display());
                if output.interactive() { rpassword::prompt_password(prompt).ok() } else { None }
            });
            let path = sources.config.with_file_name("secrets.json");
            Secrets::in_file(path, KdfCost::default(), settings.passphrase.clone(), ask, Arc::clone(&sources.environment))
        }
    }
}

/// The sign-ins of this computer.
pub(super) fn sign_ins(secrets: &Secrets) -> SignIns {
    SignIns::new(secrets.clone(), Arc::new(SystemClock), Arc::new(SystemRandom))
}

/// The CRM of these settings.
pub(super) async fn connect(settings: &Settings, secrets: &Secrets) -> Result<HttpCrm, Failure> {
    let secret = secrets.read(&settings.crm.secret).await.map_err(|error| {
        let failure = Failure::from(CrmError::Secret { cause: error.to_string() });
        if error.is_transient() { Failure::new(Exit::TempFail, failure.message) } else { failure }
    })?;
    Ok(HttpCrm::new(&settings.crm, secret.expose())?)
}

/// The CRM's level of the settings; a CRM without the profile has none.
pub(super) async fn crm_settings(crm: &HttpCrm) -> Result<Option<CrmSettings>, Failure> {
    match crm.settings().await {
        Ok(settings) => Ok(Some(settings)),
        Err(CrmError::NotOffered { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What the employee's record allows a manual run. A lock that an account of this computer has set there (`mirrored`) concerns that
/// account, which is locked here too, and not the others.
fn permitted(record: &CrmSettings, mirrored: bool) -> Result<(), Failure> {
    if !record.interactive {
        let message = "your employee record in the CRM does not allow interactive use of crmsync; ask your administrator to allow it";
        return Err(Failure::new(Exit::NoPermission, message));
    }
    if record.password_locked && !mirrored {
        let message = "your employee record in the CRM says \"groupware password locked\"; ask your administrator, correct the password, then run `crmsync unlock`";
        return Err(Failure::new(Exit::NoPermission, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(interactive: bool, password_locked: bool) -> CrmSettings {
        CrmSettings { interactive, password_locked, ..CrmSettings::default() }
    }

    #[test]
    fn r62_a_manual_run_needs_the_employees_flag() {
        let refused = permitted(&record(false, false), false).unwrap_err();
        assert_eq!(refused.exit, Exit::NoPermission);
        assert!(refused.message.contains("administrator"), "R64: {}", refused.message);
        assert!(permitted(&record(true, false), false).is_ok());
    }

    #[test]
    fn r63_r121_a_lock_at_the_crm_counts_here_unless_it_is_the_mirror_of_one_of_ours() {
        let refused = permitted(&record(true, true), false).unwrap_err();
        assert!(refused.message.contains("administrator") && refused.message.contains("crmsync unlock"), "R64: {}", refused.message);
        assert!(permitted(&record(true, true), true).is_ok());
        assert!(permitted(&record(false, true), true).is_err());
    }
}
