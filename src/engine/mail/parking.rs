//! What waits: mails without a match, refused ones, unread ones, whole folders. An entry is due when its next try has come; while any is,
//! every source is searched whole, so that a mail that was moved, copied or renumbered meanwhile is found wherever it lies now. An entry
//! whose mail no complete search finds is let go.

use std::collections::{BTreeMap, BTreeSet};

use crate::crm::Crm;
use crate::engine::error::EngineError;
use crate::groupware::{GroupwareError, MailConnector, MailTraits};
use crate::journal::{Change, ItemOutcome, LocatedState, Parked, RunItem};
use crate::model::{Area, Instant, ItemKey, MailLocation, MailboxName, Reason, ReasonCode};
use crate::settings::MailMark;
use crate::sync::{NextTry, next_delay, next_not_found_try};

use super::Import;
use super::read::ReadMail;
use super::settle::{Ledger, line, locate};
use super::survey::Survey;

const FOLDER_PREFIX: &str = "folder:";
const KEYWORD_PREFIX: &str = "keyword:";

/// Id of the entry for a folder that waits as a whole.
fn folder_id(name: &MailboxName) -> String {
    format!("{FOLDER_PREFIX}{name}")
}

/// Id of the entry for a mailbox that keeps no keywords.
pub(super) fn keyword_id(name: &MailboxName) -> String {
    format!("{KEYWORD_PREFIX}{name}")
}

/// Id of the entry for a mail that could not be read, and so has no key.
fn unread_id(location: &MailLocation) -> String {
    format!("{}/{}/{}", location.mailbox, location.uid_validity, location.uid)
}

/// Whether its next try has come. Folders and what concerns a whole mailbox are looked at in every run.
pub(super) fn is_due(entry: &Parked, now: Instant) -> bool {
    let is_mail = !entry.id.starts_with(FOLDER_PREFIX) && !entry.id.starts_with(KEYWORD_PREFIX);
    is_mail && entry.next_try.is_some_and(|at| at <= now)
}

/// The entry of a mail that is no longer where it was: it waits on, to be found elsewhere. What was never read is known by its place only.
pub(super) fn dislodged(entry: &Parked) -> Change {
    match &entry.location {
        Some(location) if unread_id(location) == entry.id => {
            Change::Unpark { area: entry.area, account: entry.account.clone(), id: entry.id.clone() }
        }
        _ => Change::Park(Parked { location: None, ..entry.clone() }),
    }
}

impl<N: MailConnector, C: Crm> Import<'_, N, C> {
    /// What waits in this area, by id.
    pub(super) fn parked_now(&self) -> Result<BTreeMap<String, Parked>, EngineError> {
        let parked = self.ctx.journal.parked(Some(&self.ctx.account))?;
        Ok(parked.into_iter().filter(|entry| entry.area == Area::Mail).map(|entry| (entry.id.clone(), entry)).collect())
    }

    /// Parks a mail that was read, with a line in the run.
    pub(super) fn park(&mut self, read: &ReadMail, reason: Reason, retry: NextTry, ledger: &mut Ledger) -> Result<(), EngineError> {
        self.park_entry(read, reason.clone(), retry, ledger)?;
        let outcome = if reason.code == ReasonCode::NotFound { ItemOutcome::NotFound } else { ItemOutcome::Parked };
        self.record(line(read, outcome, Some(reason)), ledger);
        Ok(())
    }

    /// Parks a mail that was read.
    pub(super) fn park_entry(&self, read: &ReadMail, reason: Reason, retry: NextTry, ledger: &mut Ledger) -> Result<(), EngineError> {
        let id = read.key().0;
        let before = self.ctx.journal.parked_entry(Area::Mail, &self.ctx.account, &id)?;
        let tries = before.as_ref().map_or(0, |entry| entry.tries).saturating_add(1);
        ledger.changes.push(Change::Park(Parked {
            id: id.clone(),
            area: Area::Mail,
            account: self.ctx.account.clone(),
            title: read.mail.subject.clone(),
            date: read.mail.date.map(|date| date.to_rfc3339()),
            reason,
            since: before.map_or_else(|| self.ctx.now(), |entry| entry.since),
            tries,
            next_try: self.next_try(retry, tries),
            location: Some(read.location.clone()),
            message_id: read.mail.message_id.clone(),
            addresses: self.job.addresses.external(&read.mail),
            item: None,
            record: None,
        }));
        ledger.changes.push(locate(&read.location, Some(read.key()), LocatedState::Parked { id }));
        Ok(())
    }

    /// Parks a mail that was never fetched.
    pub(super) fn park_unread(
        &mut self,
        survey: &Survey,
        uid: u32,
        traits: &MailTraits,
        reason: Reason,
        retry: NextTry,
        ledger: &mut Ledger,
    ) -> Result<(), EngineError> {
        let location = self.location(survey, uid);
        let id = unread_id(&location);
        let before = self.ctx.journal.parked_entry(Area::Mail, &self.ctx.account, &id)?;
        let tries = before.as_ref().map_or(0, |entry| entry.tries).saturating_add(1);
        let entry = Parked {
            id: id.clone(),
            area: Area::Mail,
            account: self.ctx.account.clone(),
            title: format!("Mail {uid} in {} ({} bytes)", location.mailbox, traits.size),
            date: traits.internal_date.map(|date| date.to_rfc3339()),
            reason: reason.clone(),
            since: before.as_ref().map_or_else(|| self.ctx.now(), |entry| entry.since),
            tries,
            next_try: self.next_try(retry, tries),
            location: Some(location.clone()),
            message_id: traits.message_id.clone(),
            addresses: Vec::new(),
            item: None,
            record: None,
        };
        let line = RunItem {
            area: Area::Mail,
            key: None,
            title: entry.title.clone(),
            date: entry.date.clone(),
            collection: location.mailbox.0.clone(),
            outcome: ItemOutcome::Parked,
            reason: Some(reason),
            record: None,
            message_id: entry.message_id.clone(),
        };
        ledger.changes.push(Change::Park(entry));
        ledger.changes.push(locate(&location, None, LocatedState::Parked { id }));
        self.record(line, ledger);
        Ok(())
    }

    /// What waited at a place because it could not be read is read now, and goes on under its own key.
    pub(super) fn release_unread(&self, location: &MailLocation, ledger: &mut Ledger) {
        let id = unread_id(location);
        if self.unread.contains(&id) {
            ledger.changes.push(self.unpark(id));
        }
    }

    /// A copy of a mail that waits: it is looked at again when that one is.
    pub(super) fn wait_too(&mut self, read: &ReadMail, ledger: &mut Ledger) {
        let key: ItemKey = read.key();
        let id = key.0.clone();
        ledger.changes.push(locate(&read.location, Some(key), LocatedState::Parked { id }));
        self.count_one();
    }

    /// The same; if nobody knows where that one lies, or its place is void, it is this one.
    pub(super) fn wait_here(&mut self, read: &ReadMail, entry: Parked, ledger: &mut Ledger) {
        let here = &read.location;
        let void = |old: &MailLocation| old.mailbox == here.mailbox && old.uid_validity != here.uid_validity;
        if entry.location.as_ref().is_none_or(void) {
            ledger.changes.push(Change::Park(Parked { location: Some(here.clone()), ..entry }));
        }
        self.wait_too(read, ledger);
    }

    /// Mails that were gone before they could be read. What waits there may have been moved.
    pub(super) fn forget_gone(&mut self, survey: &Survey, gone: &[u32], ledger: &mut Ledger) -> Result<(), EngineError> {
        if gone.is_empty() {
            return Ok(());
        }
        let locations: BTreeSet<MailLocation> = gone.iter().map(|uid| self.location(survey, *uid)).collect();
        for entry in self.parked_now()?.values() {
            if entry.location.as_ref().is_some_and(|location| locations.contains(location)) {
                ledger.changes.push(dislodged(entry));
            }
        }
        self.count.left = self.count.left.saturating_sub(gone.len() as u64);
        ledger.changes.extend(locations.into_iter().map(Change::ForgetLocation));
        Ok(())
    }

    /// After a run that saw everything: what was due and was found nowhere waits no longer. Should it come back, it is a new mail.
    pub(super) async fn release_lost(&self) -> Result<(), EngineError> {
        if !self.all_seen || self.due.is_empty() {
            return Ok(());
        }
        let mut changes = Vec::new();
        for entry in self.parked_now()?.into_values().filter(|entry| self.due.contains(&entry.id) && is_due(entry, self.started)) {
            match entry.location {
                Some(place) if self.surveyed.contains(&(place.mailbox.clone(), place.uid_validity)) => continue,
                // Its mailbox is gone, or no longer selected; if it returns, it is read from its beginning.
                Some(place) => {
                    changes.push(Change::RemoveCursor { account: entry.account, area: entry.area, collection: place.mailbox.0.clone() });
                    changes.push(Change::ForgetLocation(place));
                }
                None => {}
            }
            changes.push(self.unpark(entry.id));
        }
        if changes.is_empty() { Ok(()) } else { self.ctx.commit(changes).await }
    }

    /// Parks folders whose status key is unknown, and releases those that are sound again (R16). What a keyword that does not stick has
    /// parked is released when no keyword is wanted any more.
    pub(super) fn park_folders(&mut self, unknown: &[(MailboxName, Reason)]) -> Result<Vec<Change>, EngineError> {
        let ids: BTreeSet<String> = unknown.iter().map(|(name, _)| folder_id(name)).collect();
        let before = self.parked_now()?;
        let keywords = self.job.settings.marks.contains(&MailMark::Keyword);
        let released = |id: &String| (id.starts_with(FOLDER_PREFIX) && !ids.contains(id)) || (id.starts_with(KEYWORD_PREFIX) && !keywords);
        let mut changes: Vec<Change> = before.keys().filter(|id| released(id)).map(|id| self.unpark(id.clone())).collect();
        for (name, reason) in unknown {
            self.count.errors += 1;
            if before.get(&folder_id(name)).is_none_or(|entry| entry.reason != *reason) {
                changes.push(self.park_folder(name, reason.clone()));
            }
        }
        Ok(changes)
    }

    fn park_folder(&self, name: &MailboxName, reason: Reason) -> Change {
        Change::Park(Parked {
            id: folder_id(name),
            area: Area::Mail,
            account: self.ctx.account.clone(),
            title: name.0.clone(),
            date: None,
            reason,
            since: self.ctx.now(),
            tries: 0,
            next_try: None,
            location: None,
            message_id: None,
            addresses: Vec::new(),
            item: None,
            record: None,
        })
    }

    /// A mailbox that the server does not open: it is told, and the others go on.
    pub(super) async fn skip_mailbox(&mut self, name: &MailboxName, error: &GroupwareError) -> Result<(), EngineError> {
        self.all_seen = false;
        self.count.errors += 1;
        self.ctx.commit(vec![self.park_folder(name, Reason::new(ReasonCode::FolderRefused, error.to_string()))]).await
    }

    /// When a parked mail is tried again.
    fn next_try(&self, retry: NextTry, tries: u32) -> Option<Instant> {
        let (now, jitter) = (self.ctx.now(), self.ctx.random.next_u64());
        match retry {
            NextTry::User => None,
            NextTry::Backoff => chrono::TimeDelta::from_std(next_delay(tries, jitter)).ok().map(|delay| now + delay),
            NextTry::NotFound => Some(next_not_found_try(tries, self.job.settings.retry_hours, now, jitter)),
        }
    }

    fn location(&self, survey: &Survey, uid: u32) -> MailLocation {
        MailLocation {
            account: self.ctx.account.clone(),
            mailbox: survey.source.mailbox.clone(),
            uid_validity: survey.selected.uid_validity,
            uid,
        }
    }

    pub(super) fn unpark(&self, id: String) -> Change {
        Change::Unpark { area: Area::Mail, account: self.ctx.account.clone(), id }
    }
}
