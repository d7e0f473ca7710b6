//! Writes the outcome of a set into the journal, in one transaction, with the intents to mark or move its mails.

use std::collections::{BTreeMap, BTreeSet};

use crate::crm::{Crm, ItemResult};
use crate::engine::error::EngineError;
use crate::engine::events::RunEvent;
use crate::groupware::MailConnector;
use crate::journal::{Change, ItemOutcome, Located, LocatedState, RunItem, SettledMail};
use crate::model::{Action, Area, BatchKey, Intent, ItemKey, MailLocation, Operation, Reason, ReasonCode};
use crate::sync::{NextTry, Placed, consequence, placement};

use super::deliver::{Answer, unanswered};
use super::read::{Prepared, ReadMail};
use super::survey::Survey;
use super::{Import, attachments};

/// What the settling of one set gathers.
#[derive(Default)]
pub(super) struct Ledger {
    pub changes: Vec<Change>,
    pub intents: Vec<Intent>,
}

/// What copies of a mail share of its outcome.
enum Follows {
    /// They are marked and moved alike.
    Placed(Placed),
    /// They stay where they are, for good.
    Nothing,
    /// They wait with it.
    Wait,
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
        let posted = answered.iter().map(|(read, _)| read);
        let others = prepared.known.iter().map(|(read, _)| read).chain(prepared.left_out.iter().map(|(read, _)| read));
        for read in posted.chain(others).chain(&prepared.copies).chain(prepared.waiting.iter().map(|(read, _)| read)) {
            self.release_unread(&read.location, &mut ledger);
        }
        let mut outcomes: BTreeMap<ItemKey, Option<Placed>> = BTreeMap::new();
        let mut parked: BTreeSet<ItemKey> = BTreeSet::new();
        for (read, answer) in answered {
            match answer {
                Answer::Result(result) => match self.settle_result(survey, &read, result, &mut ledger).await? {
                    Follows::Placed(placed) => drop(outcomes.insert(read.key(), Some(placed))),
                    Follows::Nothing => drop(outcomes.insert(read.key(), None)),
                    Follows::Wait => drop(parked.insert(read.key())),
                },
                Answer::Poison(reason) => {
                    parked.insert(read.key());
                    self.park(&read, reason, NextTry::Backoff, &mut ledger)?;
                }
            }
        }
        for read in prepared.copies {
            // A copy of a mail that waits does too; one of a mail that stayed unsettled stays so.
            if parked.contains(&read.key()) {
                self.wait_too(&read, &mut ledger);
            } else if let Some(placed) = outcomes.get(&read.key()).copied() {
                self.record(line(&read, ItemOutcome::AlreadyThere, None), &mut ledger);
                match placed {
                    Some(placed) => self.finish(survey, &read, placed, &mut ledger),
                    None => ledger.changes.push(locate(&read.location, Some(read.key()), LocatedState::Done)),
                }
            }
        }
        for (read, settled) in prepared.known {
            self.settle_known(survey, &read, &settled, &mut ledger).await?;
        }
        for (read, entry) in prepared.waiting {
            self.wait_here(&read, entry, &mut ledger);
        }
        for (read, reason) in prepared.left_out {
            let state = LocatedState::LeftOut { reason: reason.clone(), rules: self.job.rules.clone() };
            ledger.changes.push(locate(&read.location, Some(read.key()), state));
            ledger.changes.push(self.unpark(read.key().0));
            self.record(line(&read, ItemOutcome::LeftOut, Some(reason)), &mut ledger);
        }
        for (uid, traits, reason) in prepared.too_large {
            self.park_unread(survey, uid, &traits, reason, NextTry::User, &mut ledger)?;
        }
        // The server may have been out of order for a moment.
        for (uid, traits, reason) in prepared.unreadable {
            self.park_unread(survey, uid, &traits, reason, NextTry::Backoff, &mut ledger)?;
        }
        self.forget_gone(survey, &prepared.gone, &mut ledger)?;
        ledger.changes.extend(finished.into_iter().map(Change::RemoveBatch));
        ledger.changes.extend(ledger.intents.iter().cloned().map(Change::PutIntent));
        self.ctx.commit(ledger.changes).await?;
        Ok(ledger.intents)
    }

    /// One result of the CRM. Returns what copies of the mail share of it.
    async fn settle_result(
        &mut self,
        survey: &Survey,
        read: &ReadMail,
        result: ItemResult,
        ledger: &mut Ledger,
    ) -> Result<Follows, EngineError> {
        let follows = consequence(result.verdict, &result.reason);
        if let Some(parking) = follows.park {
            self.park(read, parking.reason, parking.next_try, ledger)?;
            if let Some(placed) = follows.placed {
                self.place_later(survey, read, placed, ledger);
            }
            return Ok(Follows::Wait);
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
        let mut line = self::line(read, outcome, follows.reason);
        line.record = result.record;
        self.record(line, ledger);
        let Some(placed) = follows.placed else {
            ledger.changes.push(locate(&read.location, Some(read.key()), LocatedState::Done));
            return Ok(Follows::Nothing);
        };
        self.store_and_finish(survey, read, placed, result.customer_folder.as_deref(), ledger).await?;
        Ok(Follows::Placed(placed))
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
        if self.recovered.remove(&read.key()) {
            self.count.left = self.count.left.saturating_sub(1);
        } else {
            let mut line = self::line(read, ItemOutcome::AlreadyThere, None);
            line.record.clone_from(&settled.record);
            self.record(line, ledger);
        }
        if let Some(placed) = follows.placed {
            return self.store_and_finish(survey, read, placed, settled.customer_folder.as_deref(), ledger).await;
        }
        self.done(read, ledger);
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
            Err(cause) => {
                let reason = Reason::new(ReasonCode::WebFolder, cause);
                self.park_entry(read, reason.clone(), NextTry::Backoff, ledger)?;
                self.remark(line(read, ItemOutcome::Parked, Some(reason)), &mut ledger.changes);
            }
        }
        Ok(())
    }

    /// Intends the mark or move; a mail that needs neither is done.
    fn finish(&mut self, survey: &Survey, read: &ReadMail, placed: Placed, ledger: &mut Ledger) {
        if !self.place_later(survey, read, placed, ledger) {
            self.done(read, ledger);
        }
    }

    /// Nothing is left to do for a settled mail, and it waits for nothing.
    fn done(&self, read: &ReadMail, ledger: &mut Ledger) {
        ledger.changes.push(locate(&read.location, Some(read.key()), LocatedState::Done));
        ledger.changes.push(self.unpark(read.key().0));
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
            size: read.traits.size,
            target_uid_next: None,
        };
        let operation =
            Operation { id: self.ctx.new_op_id(), area: Area::Mail, account: self.ctx.account.clone(), item: read.key(), action };
        ledger.intents.push(Intent { operation, run: self.ctx.run.clone(), decided_at: self.ctx.now() });
        true
    }

    /// Writes a line of the run, counts it, and tells the listeners.
    pub(super) fn note(&mut self, line: RunItem, changes: &mut Vec<Change>) {
        self.count_one();
        match line.outcome {
            ItemOutcome::Imported
            | ItemOutcome::Joined
            | ItemOutcome::Updated
            | ItemOutcome::Exported
            | ItemOutcome::Removed
            | ItemOutcome::Linked => self.count.changed += 1,
            ItemOutcome::Parked => self.count.errors += 1,
            ItemOutcome::AlreadyThere | ItemOutcome::LeftOut | ItemOutcome::NotFound => {}
        }
        self.ctx.tell(&RunEvent::Item(line.clone()));
        changes.push(Change::AddRunItem { run: self.ctx.run.clone(), item: line });
    }

    /// Writes a line about trouble with a mail that is counted already.
    pub(super) fn remark(&mut self, line: RunItem, changes: &mut Vec<Change>) {
        self.count.errors += 1;
        self.ctx.tell(&RunEvent::Item(line.clone()));
        changes.push(Change::AddRunItem { run: self.ctx.run.clone(), item: line });
    }

    pub(super) fn record(&mut self, line: RunItem, ledger: &mut Ledger) {
        self.note(line, &mut ledger.changes);
    }

    pub(super) fn count_one(&mut self) {
        self.count.count += 1;
        self.count.left = self.count.left.saturating_sub(1);
    }
}

pub(super) fn locate(location: &MailLocation, key: Option<ItemKey>, state: LocatedState) -> Change {
    Change::Locate { location: location.clone(), located: Located { key, state } }
}

/// The run's line about a mail that was read.
pub(super) fn line(read: &ReadMail, outcome: ItemOutcome, reason: Option<Reason>) -> RunItem {
    RunItem {
        area: Area::Mail,
        key: Some(read.key()),
        title: read.mail.subject.clone(),
        date: read.mail.date.map(|date| date.to_rfc3339()),
        collection: read.location.mailbox.0.clone(),
        outcome,
        reason,
        record: None,
        message_id: read.mail.message_id.clone(),
    }
}
