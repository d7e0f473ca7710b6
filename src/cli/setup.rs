//! `crmsync setup`: asks for what is missing, stores secrets where they belong, tries the servers, writes the configuration file.

use std::io::{self, Write as _};

use url::Url;

use crate::crm::Crm as _;
use crate::groupware::imap::ImapConnector;
use crate::groupware::{MailConnector as _, MailStore as _};
use crate::model::AccountId;
use crate::oauth::{Credentials, OAuthError, SignIn};
use crate::settings::{
    Account, AuthMethod, CrmAccess, CrmAuth, DavAccess, DavAuth, Endpoints, ImapAccess, OAuthProvider, Secret, SecretPlace, SecretSettings,
    SecretValue, Secrets, Security, SignInSettings, Sources, load, write_account, write_crm, write_secrets, write_setting,
};
use crate::system::{SystemResolver, private_dir};

use super::arguments::{Global, Setup};
use super::exit::{Exit, Failure, Outcome};
use super::output::Output;
use super::session::{secrets_of, sign_ins, sources};

pub(super) async fn run(global: &Global, arguments: Box<Setup>) -> Outcome {
    let (sources, dirs) = sources(global)?;
    let form = Form { output: Output { json: global.json } };
    let place = secret_settings(&arguments, &sources)?;
    let secrets = secrets_of(&place, &sources, form.output);
    let account = form.account(&arguments)?;
    let crm = form.crm(&arguments)?;
    let client_secret = account.oauth.as_ref().and_then(|oauth| oauth.client_secret.as_ref());
    let calendar = account.dav.as_ref().map(|dav| &dav.secret).filter(|secret| **secret != account.imap.secret);
    let asked = [
        (Some(&account.imap.secret), "password of the mailbox"),
        (calendar, "password of the calendar server"),
        (client_secret, "client secret of the provider"),
        (Some(&crm.secret), "token or password of the CRM"),
    ];
    for (secret, what) in asked.into_iter().filter_map(|(secret, what)| Some((secret?, what))) {
        form.store_secret(&secrets, secret, what).await?;
    }
    let name = AccountId(arguments.account.clone());
    let sign_in = sign_ins(&secrets).of(&account)?;
    let mut signed_in = true;
    if !arguments.no_check {
        if let Some(sign_in) = &sign_in {
            signed_in = form.sign_in(sign_in).await?;
        }
        if signed_in {
            try_mailbox(&name, &account, Credentials::new(secrets.clone(), sign_in.clone()), &dirs.data).await?;
        }
        try_crm(&crm, &secrets).await?;
    }
    let path = &sources.config;
    let failed = |error: crate::settings::WriteError| Failure::new(Exit::Config, error.to_string());
    if arguments.secret_store.is_some() || arguments.passphrase.is_some() {
        write_secrets(path, &place).map_err(failed)?;
    }
    write_crm(path, &crm).map_err(failed)?;
    write_account(path, &name, &account).map_err(failed)?;
    if !arguments.selectors.is_empty() {
        write_setting(path, "mail.selectors", Some(&arguments.selectors.join(", "))).map_err(failed)?;
    }
    let value = serde_json::json!({ "config": path, "account": name, "checked": !arguments.no_check && signed_in });
    form.output.answer(&value, |out| {
        writeln!(out, "Account {name} is set up in {}.", path.display())?;
        if sign_in.is_some() && (arguments.no_check || !signed_in) {
            writeln!(out, "First: `crmsync sign-in --account {name}`.")?;
        }
        writeln!(out, "Next: `crmsync doctor`, then `crmsync sync --dry-run`, then `crmsync sync`.")
    })?;
    Ok(Exit::Ok)
}

/// Asks for what the arguments leave open.
struct Form {
    output: Output,
}

impl Form {
    fn account(&self, arguments: &Setup) -> Result<Account, Failure> {
        let mut addresses = arguments.address.clone();
        if addresses.is_empty() {
            addresses.push(self.answer(None, "Your mail address", None, "--address")?);
        }
        let first = addresses.first().cloned().unwrap_or_default();
        let provider = self.provider(arguments)?;
        let usual_host = match provider.as_deref() {
            Some("microsoft") => Some("outlook.office365.com"),
            Some("google") => Some("imap.gmail.com"),
            _ => None,
        };
        let host = self.answer(arguments.imap_host.as_deref(), "IMAP server", usual_host, "--imap-host")?;
        let security = match self
            .answer(arguments.imap_security.as_deref(), "Connection (tls, starttls, none)", Some("tls"), "--imap-security")?
            .as_str()
        {
            "tls" => Security::Tls,
            "starttls" => Security::Starttls,
            "none" => Security::None,
            other => return Err(Failure::new(Exit::Usage, format!("--imap-security: \"{other}\" is none of tls, starttls, none"))),
        };
        let usual_auth = if provider.is_some() { "xoauth2" } else { "password" };
        let auth = match arguments.imap_auth.as_deref().unwrap_or(usual_auth) {
            "password" => AuthMethod::Password,
            "xoauth2" => AuthMethod::Xoauth2,
            "oauthbearer" => AuthMethod::Oauthbearer,
            other => return Err(Failure::new(Exit::Usage, format!("--imap-auth: \"{other}\" is none of password, xoauth2, oauthbearer"))),
        };
        let user = self.answer(arguments.imap_user.as_deref(), "IMAP user name", Some(&first), "--imap-user")?;
        let secret = if provider.is_some() {
            Secret::SignIn
        } else {
            let question = "Where is its password (keyring, env:NAME, command:PROGRAM ARGUMENTS)";
            let place = self.answer(arguments.imap_secret.as_deref(), question, Some("keyring"), "--imap-secret")?;
            secret_source(&place, &format!("{}-imap", arguments.account))?
        };
        let imap = ImapAccess {
            host,
            port: arguments.imap_port.unwrap_or(if security == Security::Tls { 993 } else { 143 }),
            security,
            auth,
            user,
            secret,
            ca_file: arguments.imap_ca_file.clone(),
        };
        let oauth = match provider {
            Some(provider) => Some(self.oauth(arguments, &provider, &imap)?),
            None => None,
        };
        let dav = dav(arguments, &imap)?;
        Ok(Account { addresses, imap, carddav: dav.clone(), dav, oauth })
    }

    /// The provider of tokens; `None` for a password. Who has said something about the sign-in already is not asked.
    fn provider(&self, arguments: &Setup) -> Result<Option<String>, Failure> {
        if arguments.oauth_provider.is_some() || arguments.imap_auth.is_some() || arguments.imap_secret.is_some() {
            return Ok(arguments.oauth_provider.clone());
        }
        if !self.output.interactive() {
            return Ok(None);
        }
        let question = "Sign in by password, or at microsoft or google (OAuth 2)";
        match self.answer(None, question, Some("password"), "--oauth-provider")?.as_str() {
            "password" => Ok(None),
            known @ ("microsoft" | "google") => Ok(Some(known.to_owned())),
            other => Err(Failure::new(
                Exit::Usage,
                format!("\"{other}\" is none of password, microsoft, google; others go by --oauth-provider custom"),
            )),
        }
    }

    fn oauth(&self, arguments: &Setup, provider: &str, imap: &ImapAccess) -> Result<SignInSettings, Failure> {
        let client_id =
            self.answer(arguments.oauth_client_id.as_deref(), "Client id of crmsync at the provider", None, "--oauth-client-id")?;
        let entry = format!("{}-oauth-client", arguments.account);
        let client_secret = match (&arguments.oauth_client_secret, provider) {
            (Some(place), _) => Some(secret_source(place, &entry)?),
            (None, "google") => Some(Secret::Keyring(entry)),
            (None, _) => None,
        };
        let url = |text: &Option<String>, flag: &str| {
            let wrong = |error| Failure::new(Exit::Usage, format!("{flag} is no address: {error}"));
            text.as_deref().map(Url::parse).transpose().map_err(wrong)
        };
        let provider = match provider {
            "microsoft" => {
                let tenant = arguments.oauth_tenant.as_deref();
                let question = "Id or domain of your organisation at Microsoft";
                OAuthProvider::Microsoft { tenant: self.answer(tenant, question, Some("organizations"), "--oauth-tenant")? }
            }
            "google" => OAuthProvider::Google,
            _ => {
                let missing =
                    || Failure::new(Exit::Usage, "--oauth-token-url is missing; a custom provider has to be known by its addresses");
                OAuthProvider::Custom(Box::new(Endpoints {
                    authorization: url(&arguments.oauth_authorization_url, "--oauth-authorization-url")?,
                    token: url(&arguments.oauth_token_url, "--oauth-token-url")?.ok_or_else(missing)?,
                    device: url(&arguments.oauth_device_url, "--oauth-device-url")?,
                    revocation: None,
                }))
            }
        };
        Ok(SignInSettings {
            provider,
            client_id,
            client_secret,
            user: arguments.oauth_user.clone().unwrap_or_else(|| imap.user.clone()),
            scopes: arguments.oauth_scopes.clone(),
            redirect_port: 0,
            ca_file: imap.ca_file.clone(),
        })
    }

    /// Whether somebody is signed in; asks for it on a terminal.
    async fn sign_in(&self, sign_in: &SignIn) -> Result<bool, Failure> {
        match sign_in.standing().await {
            Ok(_) => Ok(true),
            Err(OAuthError::NotSignedIn { .. }) if self.output.interactive() => {
                super::sign_in::sign_in(sign_in, super::sign_in::usual_way(sign_in)).await?;
                Ok(true)
            }
            Err(OAuthError::NotSignedIn { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn crm(&self, arguments: &Setup) -> Result<CrmAccess, Failure> {
        let url = self.answer(arguments.crm_url.as_deref(), "Address of the CRM", None, "--crm-url")?;
        let url = Url::parse(&url).map_err(|error| Failure::new(Exit::Usage, format!("--crm-url: \"{url}\" is no address: {error}")))?;
        let (auth, user) = match arguments.crm_auth.as_deref().unwrap_or("bearer") {
            "bearer" => (CrmAuth::Bearer, None),
            "basic" => (CrmAuth::Basic, Some(self.answer(arguments.crm_user.as_deref(), "User name at the CRM", None, "--crm-user")?)),
            other => return Err(Failure::new(Exit::Usage, format!("--crm-auth: \"{other}\" is none of bearer, basic"))),
        };
        let secret = self.answer(
            arguments.crm_secret.as_deref(),
            "Where is its token (keyring, env:NAME, command:PROGRAM ARGUMENTS)",
            Some("keyring"),
            "--crm-secret",
        )?;
        Ok(CrmAccess { url, auth, user, secret: secret_source(&secret, "crm")?, ca_file: None })
    }

    /// The given value, else what the user types, else the default. Without a terminal a missing value is a fault that names its flag.
    fn answer(&self, given: Option<&str>, question: &str, default: Option<&str>, flag: &str) -> Result<String, Failure> {
        if let Some(given) = given {
            return Ok(given.to_owned());
        }
        if !self.output.interactive() {
            let missing = || Failure::new(Exit::Usage, format!("{flag} is missing; without a terminal nothing can be asked"));
            return default.map(str::to_owned).ok_or_else(missing);
        }
        let mut err = io::stderr().lock();
        match default {
            Some(default) => write!(err, "{question} [{default}]: ")?,
            None => write!(err, "{question}: ")?,
        }
        err.flush()?;
        let mut line = String::new();
        if io::stdin().read_line(&mut line)? == 0 {
            return Err(Failure::new(Exit::Usage, "set-up was broken off; nothing was written"));
        }
        match (line.trim(), default) {
            ("", Some(default)) => Ok(default.to_owned()),
            ("", None) => Err(Failure::new(Exit::Usage, format!("{question}: nothing was given"))),
            (text, _) => Ok(text.to_owned()),
        }
    }

    /// Asks for a secret that goes to the keyring; other sources are the user's own.
    async fn store_secret(&self, secrets: &Secrets, secret: &Secret, what: &str) -> Result<(), Failure> {
        let Secret::Keyring(entry) = secret else { return Ok(()) };
        if !self.output.interactive() {
            // It may be there from an earlier set-up.
            return Ok(secrets.read(secret).await.map(drop)?);
        }
        let prompt = format!("The {what} (not shown; goes to the keyring): ");
        let typed = tokio::task::spawn_blocking(move || rpassword::prompt_password(prompt))
            .await
            .map_err(|error| Failure::new(Exit::Software, error.to_string()))??;
        Ok(secrets.write(entry, &SecretValue::new(typed)).await?)
    }
}

/// The server of calendar and tasks, if one is named. Name, password and authorities are those of the mailbox unless they are given.
fn dav(arguments: &Setup, imap: &ImapAccess) -> Result<Option<DavAccess>, Failure> {
    let Some(url) = &arguments.dav_url else { return Ok(None) };
    let url = Url::parse(url).map_err(|error| Failure::new(Exit::Usage, format!("--dav-url: \"{url}\" is no address: {error}")))?;
    let secret = match &arguments.dav_secret {
        Some(secret) => secret_source(secret, &format!("{}-dav", arguments.account))?,
        None => imap.secret.clone(),
    };
    Ok(Some(DavAccess {
        url,
        user: arguments.dav_user.clone().unwrap_or_else(|| imap.user.clone()),
        auth: if secret == Secret::SignIn { DavAuth::Bearer } else { DavAuth::Basic },
        secret,
        ca_file: imap.ca_file.clone(),
    }))
}

/// `keyring`, `env:NAME` or `command:PROGRAM ARGUMENTS`.
fn secret_source(text: &str, entry: &str) -> Result<Secret, Failure> {
    let wrong = || {
        Failure::new(
            Exit::Usage,
            format!(
                "\"{text}\" says not where a secret is: use keyring, env:NAME or command:PROGRAM ARGUMENTS; the secret itself stands nowhere"
            ),
        )
    };
    match text.split_once(':') {
        None if text == "keyring" => Ok(Secret::Keyring(entry.to_owned())),
        Some(("env", name)) if !name.is_empty() => Ok(Secret::Environment(name.to_owned())),
        Some(("command", command)) if !command.trim().is_empty() => {
            Ok(Secret::Command(command.split_whitespace().map(str::to_owned).collect()))
        }
        _ => Err(wrong()),
    }
}

/// Where secrets lie: as the arguments say, else as the configuration does, if there is one.
fn secret_settings(arguments: &Setup, sources: &Sources) -> Result<SecretSettings, Failure> {
    let known = load(sources, None).ok().map(|effective| effective.settings.secrets);
    let mut settings = known.unwrap_or(SecretSettings { store: SecretPlace::Keyring, passphrase: None });
    match arguments.secret_store.as_deref() {
        Some("file") => settings.store = SecretPlace::File,
        Some(_) => settings = SecretSettings { store: SecretPlace::Keyring, passphrase: None },
        None => {}
    }
    if let Some(place) = &arguments.passphrase {
        settings.passphrase = Some(secret_source(place, "").map(|secret| match secret {
            Secret::Keyring(_) => Err(Failure::new(Exit::Usage, "--passphrase: the passphrase cannot lie in the file that it opens")),
            other => Ok(other),
        })??);
    }
    Ok(settings)
}

async fn try_mailbox(name: &AccountId, account: &Account, credentials: Credentials, data: &std::path::Path) -> Result<(), Failure> {
    let spool = data.join("spool");
    private_dir(&spool)?;
    let connector = ImapConnector::new(name.clone(), account.imap.clone(), credentials, std::sync::Arc::new(SystemResolver), spool);
    connector.connect().await?.close().await;
    Ok(())
}

async fn try_crm(access: &CrmAccess, secrets: &Secrets) -> Result<(), Failure> {
    let secret = secrets.read(&access.secret).await?;
    crate::crm::http::HttpCrm::new(access, secret.expose())?.capabilities().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_itself_is_never_taken_for_a_place() {
        assert!(secret_source("hunter2", "crm").is_err());
        assert_eq!(secret_source("env:TOKEN", "crm").unwrap(), Secret::Environment("TOKEN".into()));
        assert_eq!(
            secret_source("command:pass show crm", "crm").unwrap(),
            Secret::Command(vec!["pass".into(), "show".into(), "crm".into()])
        );
    }
}
