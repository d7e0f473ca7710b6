//! Which mails are to be dealt with: mailboxes, cursors, UIDs.

use std::collections::{BTreeMap, BTreeSet};

use crate::crm::Crm;
use crate::engine::error::EngineError;
use crate::engine::events::RunEvent;
use crate::groupware::{Access, GroupwareError, Known, MailConnector, MailStore as _, Selected, UidSet};
use crate::journal::{Change, Cursor, LocatedState, Parked};
use crate::model::{Area, MailLocation, MailboxName, Reason};
use crate::settings::MailSelector;
use crate::sync::{MailSource, MissingMailbox, SourceInputs, beside_inbox, plan_sources};

use super::Import;

/// Role under which the import folder is bound (C19).
const IMPORT_ROLE: &str = "import";

/// Role under which the archive folder is bound (C19).
const ARCHIVE_ROLE: &str = "archive";

/// A mailbox with the UIDs to deal with.
pub(super) struct Survey {
    pub source: MailSource,
    pub selected: Selected,
    pub uids: UidSet,
    /// The search saw all there is, so that the cursor may move behind it.
    pub moves_cursor: bool,
}

impl<N: MailConnector, C: Crm> Import<'_, N, C> {
    /// Surveys every source. With [`Access::ReadOnly`] nothing is created, neither at the server nor in the journal.
    pub(super) async fn survey_all(&mut self, access: Access) -> Result<Vec<Survey>, EngineError> {
        let sources = self.sources(access).await?;
        let parked: BTreeMap<String, Parked> = self
            .ctx
            .journal
            .parked(Some(&self.ctx.account))?
            .into_iter()
            .filter(|entry| entry.area == Area::Mail)
            .map(|entry| (entry.id.clone(), entry))
            .collect();
        let mut surveys = Vec::new();
        for source in sources {
            if let Some(survey) = self.survey(source, &parked, access).await? {
                let found = survey.uids.len() as u64;
                self.ctx.tell(&RunEvent::Surveyed { area: Area::Mail, collection: survey.source.mailbox.0.clone(), found });
                surveys.push(survey);
            }
        }
        Ok(surveys)
    }

    /// The mailboxes to import from. Creates and binds the import folder, parks folders with an unknown status key.
    async fn sources(&mut self, access: Access) -> Result<Vec<MailSource>, EngineError> {
        let (account, journal) = (&self.ctx.account, &self.ctx.journal);
        let mailboxes = self.store.mailboxes().await?;
        let import_binding = journal.binding(account, IMPORT_ROLE)?;
        let archive_binding = journal.binding(account, ARCHIVE_ROLE)?;
        let plan = plan_sources(&SourceInputs {
            mailboxes: &mailboxes,
            features: self.store.features(),
            settings: &self.job.settings,
            statuses: &self.job.capabilities.statuses,
            import_binding: import_binding.as_ref(),
            archive_binding: archive_binding.as_ref(),
        });
        if access == Access::ReadOnly {
            if let Some(name) = plan.archive_folder {
                self.archive = name;
            }
            return Ok(plan.sources);
        }
        let mut changes = Vec::new();
        for missing in &plan.missing {
            match missing {
                MissingMailbox::ImportFolder(name) => {
                    let created = self.create_import_folder(name).await?;
                    changes.push(self.bind(IMPORT_ROLE, &created));
                }
                // Created with the first mail that is moved there.
                MissingMailbox::ArchiveFolder(name) => self.archive = name.clone(),
                MissingMailbox::CategoryFolder(_) => {
                    tracing::warn!("a folder of mail.category_folders does not exist; see `crmsync doctor`");
                }
            }
        }
        if let Some(name) = plan.import_folder.filter(|name| import_binding.as_ref() != Some(name)) {
            changes.push(self.bind(IMPORT_ROLE, &name));
        }
        if let Some(name) = plan.archive_folder {
            if archive_binding.as_ref() != Some(&name) {
                changes.push(self.bind(ARCHIVE_ROLE, &name));
            }
            self.archive = name;
        }
        changes.extend(self.park_folders(&plan.parked)?);
        self.ctx.commit(changes).await?;
        Ok(plan.sources)
    }

    /// Creates the import folder below INBOX, or beside it where INBOX takes no children.
    async fn create_import_folder(&mut self, name: &MailboxName) -> Result<MailboxName, EngineError> {
        match (self.store.create_mailbox(name).await, beside_inbox(name, self.store.features())) {
            (Ok(()), _) => Ok(name.clone()),
            (Err(GroupwareError::Refused { .. }), Some(other)) => {
                self.store.create_mailbox(&other).await?;
                Ok(other)
            }
            (Err(error), _) => Err(error.into()),
        }
    }

    /// A role is bound to a mailbox once, so that a change of language never forks folders.
    fn bind(&self, role: &str, mailbox: &MailboxName) -> Change {
        Change::Bind { account: self.ctx.account.clone(), role: role.to_owned(), mailbox: mailbox.clone() }
    }

    /// Parks folders whose status key is unknown, and releases those that are sound again (R16).
    fn park_folders(&mut self, unknown: &[(MailboxName, Reason)]) -> Result<Vec<Change>, EngineError> {
        let account = &self.ctx.account;
        let ids: BTreeSet<String> = unknown.iter().map(|(name, _)| folder_id(name)).collect();
        let before = self.ctx.journal.parked(Some(account))?;
        let mut changes: Vec<Change> = before
            .iter()
            .filter(|entry| entry.id.starts_with(FOLDER_PREFIX) && !ids.contains(&entry.id))
            .map(|entry| Change::Unpark { area: entry.area, account: account.clone(), id: entry.id.clone() })
            .collect();
        for (name, reason) in unknown {
            self.count.errors += 1;
            let id = folder_id(name);
            if before.iter().any(|entry| entry.id == id && entry.reason == *reason) {
                continue;
            }
            changes.push(Change::Park(Parked {
                id,
                area: Area::Mail,
                account: account.clone(),
                title: name.0.clone(),
                date: None,
                reason: reason.clone(),
                since: self.ctx.now(),
                tries: 0,
                next_try: None,
                location: None,
                message_id: None,
                addresses: Vec::new(),
            }));
        }
        Ok(changes)
    }

    /// Surveys one mailbox; `None` when it is gone.
    async fn survey(
        &mut self,
        source: MailSource,
        parked: &BTreeMap<String, Parked>,
        access: Access,
    ) -> Result<Option<Survey>, EngineError> {
        let (account, mailbox) = (self.ctx.account.clone(), source.mailbox.clone());
        self.open = None;
        let cursor = self.ctx.journal.cursor(&account, Area::Mail, &mailbox.0)?;
        let selected = match self.select_known(&mailbox, cursor.as_ref(), access).await {
            Ok(selected) => selected,
            Err(EngineError::Groupware(GroupwareError::NoSuchMailbox { .. })) => return Ok(None),
            Err(error) => return Err(error),
        };
        self.open = Some((mailbox.clone(), selected.clone()));
        let floor = match standing(cursor.as_ref(), &selected, &self.job.rules) {
            Standing::Unchanged => {
                let uids = due(parked, &mailbox, &selected, self.ctx.now());
                return Ok(Some(Survey { source, selected, uids, moves_cursor: false }));
            }
            Standing::Void => {
                if access == Access::ReadWrite {
                    let forget = Change::ForgetMailbox { account: account.clone(), mailbox: mailbox.clone() };
                    let collection = mailbox.0.clone();
                    self.ctx.commit(vec![forget, Change::RemoveCursor { account: account.clone(), area: Area::Mail, collection }]).await?;
                }
                None
            }
            Standing::Grown { uid_next } => Some(uid_next),
            Standing::Unknown => None,
        };
        let mut query = source.query.clone();
        if source.selector != MailSelector::Category {
            query.from_uid = floor;
        }
        let found = self.store.search(&query).await?;
        let located = self.ctx.journal.located_in(&account, &mailbox, selected.uid_validity, &found)?;
        let mut uids = due(parked, &mailbox, &selected, self.ctx.now());
        uids.extend(found.into_iter().filter(|uid| match located.get(uid).map(|located| &located.state) {
            None => true,
            Some(LocatedState::Done) => false,
            Some(LocatedState::LeftOut { rules, .. }) => *rules != self.job.rules,
            Some(LocatedState::Parked { id }) => !parked.contains_key(id),
        }));
        Ok(Some(Survey { source, selected, uids, moves_cursor: true }))
    }

    /// Opens a mailbox. Where the server tells which UIDs vanished since the cursor, the journal forgets them.
    async fn select_known(&mut self, mailbox: &MailboxName, cursor: Option<&Cursor>, access: Access) -> Result<Selected, EngineError> {
        let known = match cursor {
            Some(Cursor::Mailbox { uid_validity, highest_modseq: Some(modseq), .. }) if access == Access::ReadWrite => {
                Known { uid_validity: *uid_validity, highest_modseq: *modseq }
            }
            _ => return Ok(self.store.select(mailbox, access).await?),
        };
        if !self.store.features().qresync {
            return Ok(self.store.select(mailbox, access).await?);
        }
        let (selected, vanished) = self.store.resync(mailbox, known).await?;
        if !vanished.is_empty() && selected.uid_validity == known.uid_validity {
            let account = &self.ctx.account;
            let located = self.ctx.journal.located(account, mailbox, selected.uid_validity)?;
            let gone = vanished.iter().filter(|(first, last)| first <= last).flat_map(|(first, last)| located.range(first..=last));
            let forget = gone.map(|(uid, _)| {
                Change::ForgetLocation(MailLocation {
                    account: account.clone(),
                    mailbox: mailbox.clone(),
                    uid_validity: selected.uid_validity,
                    uid: *uid,
                })
            });
            self.ctx.commit(forget.collect()).await?;
        }
        Ok(selected)
    }
}

/// How a mailbox stands to its cursor.
enum Standing {
    /// Nothing moved since.
    Unchanged,
    /// Something may have; UIDs below are known.
    Grown { uid_next: u32 },
    /// Its UIDs mean something else now.
    Void,
    /// It was never read, or under other rules.
    Unknown,
}

fn standing(cursor: Option<&Cursor>, selected: &Selected, rules_now: &str) -> Standing {
    let Some(Cursor::Mailbox { uid_validity, uid_next, highest_modseq, rules }) = cursor else { return Standing::Unknown };
    // DavMail says UIDVALIDITY 1 for ever: a UIDNEXT that went down shows a recreated mailbox all the same.
    if *uid_validity != selected.uid_validity || selected.uid_next.is_some_and(|now| now < *uid_next) {
        return Standing::Void;
    }
    if rules != rules_now {
        return Standing::Unknown;
    }
    if highest_modseq.is_some() && *highest_modseq == selected.highest_modseq && selected.uid_next == Some(*uid_next) {
        return Standing::Unchanged;
    }
    Standing::Grown { uid_next: *uid_next }
}

/// UIDs in this mailbox that are parked and due.
fn due(parked: &BTreeMap<String, Parked>, mailbox: &MailboxName, selected: &Selected, now: crate::model::Instant) -> UidSet {
    parked
        .values()
        .filter(|entry| entry.next_try.is_some_and(|at| at <= now))
        .filter_map(|entry| entry.location.as_ref())
        .filter(|location| location.mailbox == *mailbox && location.uid_validity == selected.uid_validity)
        .map(|location| location.uid)
        .collect()
}

const FOLDER_PREFIX: &str = "folder:";

fn folder_id(name: &MailboxName) -> String {
    format!("{FOLDER_PREFIX}{name}")
}
