//! Writes the outcome of a set into the journal, in one transaction, with the intents to mark or move its mails.

use std::collections::BTreeMap;

use crate::crm::{Crm, ItemResult};
use crate::engine::error::EngineError;
use crate::engine::events::RunEvent;
use crate::groupware::MailConnector;
use crate::journal::{Change, ItemOutcome, Located, LocatedState, Parked, RunItem, SettledMail};
use crate::model::{Action, Area, BatchKey, Instant, Intent, ItemKey, MailLocation, Operation, Reason, ReasonCode};
use crate::sync::{NextTry, Placed, consequence, next_delay, next_not_found_try, placement};

use super::deliver::{Answer, unanswered};
use super::read::{Prepared, ReadMail};
use super::survey::Survey;
use super::{Import, attachments};

/// What the settling of one set gathers.
#[derive(Default)]
struct Ledger {
    changes: Vec<Change>,
    intents: Vec<Intent>,
}

impl<N: MailConnector, C: Crm> Import<'_, N, C> {
    /// Settles a set whose mails were posted, and returns the intents to place them.
    pub(super) async fn settle(
        &mut self,
        survey: &Survey,
        prepared: Prepared,
        answered: Vec<(ReadMail, Answer)>,
        finished: Vec<BatchKey>,
    ) -> Result<Vec<Intent>, EngineError> {
        let mut ledger = Ledger::default();
        // What waited here for being read, marked or moved waits no longer under its place; if it fails again, it is parked anew.
        let read = answered.iter().map(|(read, _)| read).chain(&prepared.copies).chain(prepared.known.iter().map(|(read, _)| read));
        let read = read.chain(&prepared.waiting).chain(prepared.left_out.iter().map(|(read, _)| read));
        ledger.changes.extend(read.map(|read| self.unpark(location_id(&read.location))));
        let mut outcomes: BTreeMap<ItemKey, (Placed, Option<String>)> = BTreeMap::new();
        for (read, answer) in answered {
            match answer {
                Answer::Result(result) => {
                    if let Some(placed) = self.settle_result(survey, &read, result.clone(), &mut ledger).await? {
                        outcomes.insert(read.key(), (placed, result.customer_folder));
                    }
                }
                Answer::Poison(reason) => self.park(&read, reason, NextTry::Backoff, &mut ledger)?,
            }
        }
        for read in prepared.copies {
            // A copy of a mail that stayed unsettled stays so too.
            if let Some((placed, _)) = outcomes.get(&read.key()).cloned() {
                self.record(item(&read, survey, ItemOutcome::AlreadyThere, None), &mut ledger);
                self.finish(survey, &read, placed, &mut ledger);
            }
        }
        for (read, settled) in prepared.known {
            self.settle_known(survey, &read, &settled, &mut ledger).await?;
        }
        for read in prepared.waiting {
            let id = read.key().0;
            ledger.changes.push(locate(&read.location, Some(read.key()), LocatedState::Parked { id }));
            self.count_one();
        }
        for (read, reason) in prepared.left_out {
            let state = LocatedState::LeftOut { reason: reason.clone(), rules: self.job.rules.clone() };
            ledger.changes.push(locate(&read.location, Some(read.key()), state));
            ledger.changes.push(self.unpark(read.key().0));
            self.record(item(&read, survey, ItemOutcome::LeftOut, Some(reason)), &mut ledger);
        }
        for (uid, traits, reason) in prepared.too_large {
            self.park_unread(survey, uid, &traits, reason, NextTry::User, &mut ledger)?;
        }
        // The server may have been out of order for a moment.
        for (uid, traits, reason) in prepared.unreadable {
            self.park_unread(survey, uid, &traits, reason, NextTry::Backoff, &mut ledger)?;
        }
        for uid in prepared.gone {
            self.forget_gone(survey, uid, &mut ledger)?;
        }
        ledger.changes.extend(finished.into_iter().map(Change::RemoveBatch));
        ledger.changes.extend(ledger.intents.iter().cloned().map(Change::PutIntent));
        self.ctx.commit(ledger.changes).await?;
        Ok(ledger.intents)
    }

    /// One result of the CRM. Returns how copies of the mail are to be placed, unless it waits.
    async fn settle_result(
        &mut self,
        survey: &Survey,
        read: &ReadMail,
        result: ItemResult,
        ledger: &mut Ledger,
    ) -> Result<Option<Placed>, EngineError> {
        let follows = consequence(result.verdict, &result.reason);
        if let Some(parking) = follows.park {
            self.park(read, parking.reason, parking.next_try, ledger)?;
            if let Some(placed) = follows.placed {
                self.place_later(survey, read, placed, ledger);
            }
            return Ok(None);
        }
        let settled = SettledMail {
            verdict: result.verdict,
            record: result.record.clone(),
            linked: result.linked,
            customer_folder: result.customer_folder.clone(),
            ..unanswered(read, self.ctx)
        };
        // Given to an earlier request: the journal was lost, the CRM was not.
        let outcome = if result.replayed { ItemOutcome::AlreadyThere } else { follows.outcome };
        ledger.changes.push(Change::SettleMail { account: self.ctx.account.clone(), key: read.key(), mail: settled });
        ledger.changes.push(self.unpark(read.key().0));
        let mut line = item(read, survey, outcome, follows.reason);
        line.record = result.record;
        self.record(line, ledger);
        let Some(placed) = follows.placed else {
            ledger.changes.push(locate(&read.location, Some(read.key()), LocatedState::Done));
            return Ok(None);
        };
        self.store_and_finish(survey, read, placed, result.customer_folder.as_deref(), ledger).await?;
        Ok(Some(placed))
    }

    /// A mail that was settled before: moved back, copied, marked again, or cut off before its mark (I2).
    async fn settle_known(
        &mut self,
        survey: &Survey,
        read: &ReadMail,
        settled: &SettledMail,
        ledger: &mut Ledger,
    ) -> Result<(), EngineError> {
        let follows = consequence(settled.verdict, "");
        ledger.changes.push(self.unpark(read.key().0));
        if self.recovered.remove(&read.key()) {
            self.count.left = self.count.left.saturating_sub(1);
        } else {
            let mut line = item(read, survey, ItemOutcome::AlreadyThere, None);
            line.record.clone_from(&settled.record);
            self.record(line, ledger);
        }
        if let Some(placed) = follows.placed {
            return self.store_and_finish(survey, read, placed, settled.customer_folder.as_deref(), ledger).await;
        }
        ledger.changes.push(locate(&read.location, Some(read.key()), LocatedState::Done));
        Ok(())
    }

    /// Stores the attachments in the web folder, then intends the mark or move. What cannot be stored is tried again later, and stays.
    async fn store_and_finish(
        &mut self,
        survey: &Survey,
        read: &ReadMail,
        placed: Placed,
        customer_folder: Option<&str>,
        ledger: &mut Ledger,
    ) -> Result<(), EngineError> {
        match attachments::store(self.job, self.ctx, read, customer_folder).await {
            Ok(()) => self.finish(survey, read, placed, ledger),
            Err(cause) => self.park(read, Reason::new(ReasonCode::WebFolder, cause), NextTry::Backoff, ledger)?,
        }
        Ok(())
    }

    /// Intends the mark or move; a mail that needs neither is done.
    fn finish(&mut self, survey: &Survey, read: &ReadMail, placed: Placed, ledger: &mut Ledger) {
        if !self.place_later(survey, read, placed, ledger) {
            ledger.changes.push(locate(&read.location, Some(read.key()), LocatedState::Done));
        }
    }

    /// Adds the intent to place a mail; `false` when it is placed already.
    fn place_later(&self, survey: &Survey, read: &ReadMail, placed: Placed, ledger: &mut Ledger) -> bool {
        let wanted = placement(placed, &survey.source, &read.traits.keywords, &self.job.settings);
        if wanted.is_empty() {
            return false;
        }
        let action = Action::PlaceMail {
            location: read.location.clone(),
            add: wanted.add,
            remove: wanted.remove,
            move_to: wanted.move_to.map(|target| self.target_mailbox(target)),
            message_id: read.mail.message_id.clone(),
            size: read.raw.len(),
            target_uid_next: None,
        };
        let operation =
            Operation { id: self.ctx.new_op_id(), area: Area::Mail, account: self.ctx.account.clone(), item: read.key(), action };
        ledger.intents.push(Intent { operation, run: self.ctx.run.clone(), decided_at: self.ctx.now() });
        true
    }

    /// Parks a mail that was read.
    fn park(&mut self, read: &ReadMail, reason: Reason, retry: NextTry, ledger: &mut Ledger) -> Result<(), EngineError> {
        let id = read.key().0;
        let before = self.ctx.journal.parked_entry(Area::Mail, &self.ctx.account, &id)?;
        let tries = before.as_ref().map_or(0, |entry| entry.tries) + 1;
        let parked = Parked {
            id: id.clone(),
            area: Area::Mail,
            account: self.ctx.account.clone(),
            title: read.mail.subject.clone(),
            date: read.mail.date.map(|date| date.to_rfc3339()),
            reason: reason.clone(),
            since: before.map_or_else(|| self.ctx.now(), |entry| entry.since),
            tries,
            next_try: self.next_try(retry, tries),
            location: Some(read.location.clone()),
            message_id: read.mail.message_id.clone(),
            addresses: self.job.addresses.external(&read.mail),
        };
        ledger.changes.push(Change::Park(parked));
        ledger.changes.push(locate(&read.location, Some(read.key()), LocatedState::Parked { id }));
        let outcome = if reason.code == ReasonCode::NotFound { ItemOutcome::NotFound } else { ItemOutcome::Parked };
        let line = RunItem {
            area: Area::Mail,
            key: Some(read.key()),
            title: read.mail.subject.clone(),
            date: read.mail.date.map(|date| date.to_rfc3339()),
            collection: read.location.mailbox.0.clone(),
            outcome,
            reason: Some(reason),
            record: None,
            message_id: read.mail.message_id.clone(),
        };
        self.record(line, ledger);
        Ok(())
    }

    /// Parks a mail that was never fetched.
    fn park_unread(
        &mut self,
        survey: &Survey,
        uid: u32,
        traits: &crate::groupware::MailTraits,
        reason: Reason,
        retry: NextTry,
        ledger: &mut Ledger,
    ) -> Result<(), EngineError> {
        let location = self.location(survey, uid);
        let id = location_id(&location);
        let before = self.ctx.journal.parked_entry(Area::Mail, &self.ctx.account, &id)?;
        let tries = before.as_ref().map_or(0, |entry| entry.tries) + 1;
        let title = format!("Mail {uid} in {} ({} bytes)", location.mailbox, traits.size);
        let date = traits.internal_date.map(|date| date.to_rfc3339());
        ledger.changes.push(Change::Park(Parked {
            id: id.clone(),
            area: Area::Mail,
            account: self.ctx.account.clone(),
            title: title.clone(),
            date: date.clone(),
            reason: reason.clone(),
            since: before.as_ref().map_or_else(|| self.ctx.now(), |entry| entry.since),
            tries,
            next_try: self.next_try(retry, tries),
            location: Some(location.clone()),
            message_id: traits.message_id.clone(),
            addresses: Vec::new(),
        }));
        ledger.changes.push(locate(&location, None, LocatedState::Parked { id }));
        let line = RunItem {
            area: Area::Mail,
            key: None,
            title,
            date,
            collection: location.mailbox.0,
            outcome: ItemOutcome::Parked,
            reason: Some(reason),
            record: None,
            message_id: traits.message_id.clone(),
        };
        self.record(line, ledger);
        Ok(())
    }

    /// A mail that was gone before it could be read. What was parked there waits no longer, unless it was seen elsewhere since.
    fn forget_gone(&mut self, survey: &Survey, uid: u32, ledger: &mut Ledger) -> Result<(), EngineError> {
        let location = self.location(survey, uid);
        let here = self.ctx.journal.parked(Some(&self.ctx.account))?.into_iter().filter(|entry| entry.location.as_ref() == Some(&location));
        ledger.changes.extend(here.map(|entry| self.unpark(entry.id)));
        ledger.changes.push(Change::ForgetLocation(location));
        self.count.left = self.count.left.saturating_sub(1);
        Ok(())
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

    /// Writes a line of the run, counts it, and tells the listeners.
    pub(super) fn note(&mut self, line: RunItem, changes: &mut Vec<Change>) {
        self.count_one();
        match line.outcome {
            ItemOutcome::Imported | ItemOutcome::Joined => self.count.changed += 1,
            ItemOutcome::Parked => self.count.errors += 1,
            ItemOutcome::AlreadyThere | ItemOutcome::LeftOut | ItemOutcome::NotFound => {}
        }
        self.ctx.tell(&RunEvent::Item(line.clone()));
        changes.push(Change::AddRunItem { run: self.ctx.run.clone(), item: line });
    }

    fn record(&mut self, line: RunItem, ledger: &mut Ledger) {
        self.note(line, &mut ledger.changes);
    }

    fn count_one(&mut self) {
        self.count.count += 1;
        self.count.left = self.count.left.saturating_sub(1);
    }
}

/// The id under which waits what is known of a mail by its place alone: it was never read, or it is read and not yet marked or moved.
pub(super) fn location_id(location: &MailLocation) -> String {
    format!("{}/{}/{}", location.mailbox, location.uid_validity, location.uid)
}

fn locate(location: &MailLocation, key: Option<ItemKey>, state: LocatedState) -> Change {
    Change::Locate { location: location.clone(), located: Located { key, state } }
}

fn item(read: &ReadMail, survey: &Survey, outcome: ItemOutcome, reason: Option<Reason>) -> RunItem {
    RunItem {
        area: Area::Mail,
        key: Some(read.key()),
        title: read.mail.subject.clone(),
        date: read.mail.date.map(|date| date.to_rfc3339()),
        collection: survey.source.mailbox.0.clone(),
        outcome,
        reason,
        record: None,
        message_id: read.mail.message_id.clone(),
    }
}
