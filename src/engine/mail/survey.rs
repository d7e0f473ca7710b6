//! Which mails are to be dealt with: mailboxes, cursors, UIDs.

use std::collections::BTreeMap;

use crate::crm::Crm;
use crate::engine::error::EngineError;
use crate::engine::events::RunEvent;
use crate::groupware::{Access, GroupwareError, Known, MailConnector, MailStore as _, Selected, UidSet};
use crate::journal::{Change, Cursor, LocatedState, Parked};
use crate::model::{Area, ItemKey, MailLocation, MailboxName, ReasonCode};
use crate::settings::MailSelector;
use crate::sync::{MailSource, MissingMailbox, Remedy, SourceInputs, StopScope, beside_inbox, classify, plan_sources};

use super::Import;
use super::parking::{dislodged, is_due};

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
        let parked = self.parked_now()?;
        self.due = parked.values().filter(|entry| is_due(entry, self.started)).map(|entry| entry.id.clone()).collect();
        // Items have keys; what could not be read has none.
        self.unread = parked.keys().filter(|id| !id.starts_with("mail:")).cloned().collect();
        let mut surveys = Vec::new();
        for source in sources {
            let name = source.mailbox.clone();
            let survey = match self.survey(source, &parked, access).await {
                Ok(survey) => survey,
                Err(EngineError::Groupware(error)) if is_of_mailbox(&error) => {
                    self.open = None;
                    if access == Access::ReadWrite && !matches!(error, GroupwareError::NoSuchMailbox { .. }) {
                        self.skip_mailbox(&name, &error).await?;
                    }
                    self.all_seen = false;
                    continue;
                }
                Err(error) => return Err(error),
            };
            self.surveyed.insert((name.clone(), survey.selected.uid_validity));
            self.ctx.tell(&RunEvent::Surveyed { area: Area::Mail, collection: name.0, found: survey.uids.len() as u64 });
            surveys.push(survey);
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

    /// Surveys one mailbox.
    async fn survey(&mut self, source: MailSource, parked: &BTreeMap<String, Parked>, access: Access) -> Result<Survey, EngineError> {
        let (account, mailbox) = (self.ctx.account.clone(), source.mailbox.clone());
        self.open = None;
        let cursor = self.ctx.journal.cursor(&account, Area::Mail, &mailbox.0)?;
        let selected = self.select_known(&mailbox, cursor.as_ref(), access).await?;
        self.open = Some((mailbox.clone(), selected.clone()));
        let standing = standing(cursor.as_ref(), &selected, &self.job.rules);
        let floor = match standing {
            // A mail that is due may lie anywhere by now.
            _ if !self.due.is_empty() => None,
            Standing::Unchanged => return Ok(Survey { source, selected, uids: UidSet::new(), moves_cursor: false }),
            Standing::Grown { uid_next } => Some(uid_next),
            Standing::Void | Standing::Unknown => None,
        };
        if matches!(standing, Standing::Void) && access == Access::ReadWrite {
            let collection = mailbox.0.clone();
            let mut changes = vec![
                Change::ForgetMailbox { account: account.clone(), mailbox: mailbox.clone() },
                Change::RemoveCursor { account: account.clone(), area: Area::Mail, collection },
            ];
            let stale = |location: &MailLocation| location.mailbox == mailbox && location.uid_validity != selected.uid_validity;
            changes.extend(parked.values().filter(|entry| entry.location.as_ref().is_some_and(stale)).map(dislodged));
            self.ctx.commit(changes).await?;
        }
        let mut query = source.query.clone();
        if source.selector != MailSelector::Category {
            query.from_uid = floor;
        }
        let found = self.store.search(&query).await?;
        let located = self.ctx.journal.located_in(&account, &mailbox, selected.uid_validity, &found)?;
        let other_rules = matches!(standing, Standing::Unknown);
        let waits = |id: &String| {
            let too_large = |entry: &Parked| other_rules && entry.reason.code == ReasonCode::TooLarge;
            parked.get(id).is_some_and(|entry| !self.due.contains(id) && !too_large(entry))
        };
        let mut uids: UidSet = found
            .into_iter()
            .filter(|uid| match located.get(uid).map(|located| &located.state) {
                None => true,
                Some(LocatedState::Done) => false,
                Some(LocatedState::LeftOut { rules, .. }) => *rules != self.job.rules,
                Some(LocatedState::Parked { id }) => !waits(id),
            })
            .collect();
        let mut changes = Vec::new();
        for entry in parked.values().filter(|entry| self.due.contains(&entry.id)) {
            let Some(place) = &entry.location else { continue };
            if place.mailbox != mailbox || place.uid_validity != selected.uid_validity || uids.contains(&place.uid) {
                continue;
            }
            if self.ctx.journal.settled_mail(&account, &ItemKey(entry.id.clone()))?.is_some() {
                // In the CRM already, marked half: only its placement is missing.
                uids.insert(place.uid);
            } else {
                // Deleted, or the user took the category away: it is not selected any more.
                changes.push(dislodged(entry));
            }
        }
        if access == Access::ReadWrite && !changes.is_empty() {
            self.ctx.commit(changes).await?;
        }
        Ok(Survey { source, selected, uids, moves_cursor: true })
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

/// Whether an error concerns one mailbox only, so that the others go on.
pub(super) fn is_of_mailbox(error: &GroupwareError) -> bool {
    matches!(classify::groupware(error), Remedy::StopArea { scope: StopScope::Mailbox })
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
