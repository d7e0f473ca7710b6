//! Writes records in batches; a failing batch is bisected (V10). A write that is sent again has the same identity, so that it is made
//! once (V2).

use std::collections::VecDeque;
use std::time::Duration;

use crate::crm::{CrmError, CrmRecords, RecordAction, RecordState, RecordView, RecordWrite, WriteResult, WriteVerdict};
use crate::engine::error::EngineError;
use crate::groupware::ItemStore;
use crate::model::{ItemKey, Reason, ReasonCode};
use crate::sync::items::Guard;
use crate::sync::{NextTry, Remedy, classify, halves, next_delay};

use super::Sync;
use super::carry::Work;
use super::write::ItemOutcome;

/// Attempts to send one batch within a run.
const ATTEMPTS: u32 = 4;

/// A longer wait than this is left to the next run.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// Records that fail alone, before it is believed that not they are at fault but the CRM.
const POISON_LIMIT: usize = 3;

/// What became of the write of a record.
#[derive(Debug)]
pub(super) enum RecordOutcome {
    /// It says this now.
    Written(RecordView),
    /// It was there, and the employee joined it.
    Joined(RecordView),
    /// Not written: the record has another version, is gone, or is no longer the employee's.
    Found(RecordState),
    /// The CRM does not take it.
    Refused(Reason, NextTry),
    /// It was not sent, or what became of it is not known.
    Unknown,
}

/// A write with the work and the part it belongs to.
type Sent = (usize, ItemKey, RecordWrite);

impl<S: ItemStore, C: CrmRecords> Sync<'_, S, C> {
    /// Makes the CRM writes of all works whose groupware write succeeded. The error that stops the run, if there is one.
    pub(super) async fn write_records(&self, works: &mut [Work]) -> Option<EngineError> {
        let mut writes: Vec<Sent> = Vec::new();
        for (index, work) in works.iter().enumerate() {
            if !matches!(work.item, ItemOutcome::NotNeeded | ItemOutcome::Stored(_) | ItemOutcome::Removed) {
                continue;
            }
            for part in &work.decision.parts {
                if let (Some(action), Some(op)) = (&part.write, Self::record_op(work, &part.key)) {
                    let mut action = action.clone();
                    if let (RecordAction::Create { uid, .. }, false) = (&mut action, self.job.guards.on(Guard::OneRecordPerPart)) {
                        uid.push_str(&self.ctx.journal.instance().to_string());
                    }
                    writes.push((index, part.key.clone(), RecordWrite { op, action }));
                }
            }
        }
        let (outcomes, stop) = self.deliver(writes).await;
        for (index, key, outcome) in outcomes {
            if let Some(work) = works.get_mut(index) {
                work.records.insert(key, outcome);
            }
        }
        stop.map(EngineError::Crm)
    }

    async fn deliver(&self, writes: Vec<Sent>) -> (Vec<(usize, ItemKey, RecordOutcome)>, Option<CrmError>) {
        let most = self.job.capabilities.max_items.max(1);
        let mut outcomes = Vec::new();
        let mut poison: Vec<(Sent, Reason)> = Vec::new();
        let mut queue: VecDeque<Vec<Sent>> = writes.chunks(most).map(<[Sent]>::to_vec).collect();
        let mut answered = 0_usize;
        let mut stop = None;
        while let Some(group) = queue.pop_front() {
            let error = match self.send(&group).await {
                Ok(results) => {
                    answered += results.len();
                    for ((index, key, write), result) in group.into_iter().zip(results) {
                        let outcome = match outcome(result.verdict) {
                            Some(outcome) => outcome,
                            None => self.look_for(&write).await,
                        };
                        outcomes.push((index, key, outcome));
                    }
                    continue;
                }
                Err(error) => error,
            };
            let reason = match classify::crm(&error) {
                Remedy::Bisect { reason } => Some(reason),
                Remedy::Halve => Some(Reason::new(ReasonCode::TooLarge, error.to_string())),
                _ => None,
            };
            match reason {
                Some(_) if group.len() > 1 => {
                    let (first, second) = halves(group);
                    queue.push_front(second);
                    queue.push_front(first);
                }
                Some(reason) if answered > 0 || poison.len() < POISON_LIMIT => {
                    poison.extend(group.into_iter().map(|sent| (sent, reason.clone())));
                }
                _ => {
                    let rest = std::iter::once(group).chain(queue).flatten();
                    outcomes.extend(rest.map(|(index, key, _)| (index, key, RecordOutcome::Unknown)));
                    stop = Some(error);
                    break;
                }
            }
        }
        // When nothing went through, the CRM is at fault, not these records.
        let at_fault = stop.is_some() && answered == 0;
        outcomes.extend(poison.into_iter().map(|((index, key, _), reason)| {
            let outcome = if at_fault { RecordOutcome::Unknown } else { RecordOutcome::Refused(reason, NextTry::Backoff) };
            (index, key, outcome)
        }));
        (outcomes, stop)
    }

    /// What became of a record that could not be written because it is gone. Where that cannot be found out, the next run does.
    async fn look_for(&self, write: &RecordWrite) -> RecordOutcome {
        match &write.action {
            RecordAction::Update { id, .. } | RecordAction::Delete { id, .. } => {
                self.crm.record(id).await.map_or(RecordOutcome::Unknown, RecordOutcome::Found)
            }
            RecordAction::Create { .. } | RecordAction::CreateContact { .. } => RecordOutcome::Unknown,
        }
    }

    /// Sends one batch until it is answered, or it is clear that it will not be in this run.
    async fn send(&self, group: &[Sent]) -> Result<Vec<WriteResult>, CrmError> {
        let writes: Vec<RecordWrite> = group.iter().map(|(_, _, write)| write.clone()).collect();
        let mut tries = 0;
        loop {
            let error = match self.crm.write_records(&writes).await {
                Ok(results) => return arranged(results, &writes),
                Err(error) => error,
            };
            let delay = match classify::crm(&error) {
                Remedy::RetryLater { after: Some(after) } => after,
                Remedy::AskForAnswer | Remedy::RetryLater { after: None } => {
                    next_delay(tries, self.ctx.random.next_u64()).min(Duration::from_secs(1 << tries.min(4)))
                }
                _ => return Err(error),
            };
            tries += 1;
            if tries >= ATTEMPTS || delay > LONGEST_WAIT || self.ctx.cancel.is_cancelled() {
                return Err(error);
            }
            self.ctx.wait(&error.to_string(), delay).await;
        }
    }
}

/// The results in the order of the writes; an answer that is not complete is none.
fn arranged(mut results: Vec<WriteResult>, writes: &[RecordWrite]) -> Result<Vec<WriteResult>, CrmError> {
    let mut ordered = Vec::with_capacity(writes.len());
    for write in writes {
        let place = results.iter().position(|result| result.op == write.op);
        let place = place.ok_or_else(|| CrmError::Contract("a write has no result".to_owned()))?;
        ordered.push(results.remove(place));
    }
    Ok(ordered)
}

/// `None` where the record has to be asked for.
fn outcome(verdict: WriteVerdict) -> Option<RecordOutcome> {
    Some(match verdict {
        WriteVerdict::Applied(view) | WriteVerdict::Unchanged(view) => RecordOutcome::Written(view),
        WriteVerdict::Joined(view) => RecordOutcome::Joined(view),
        WriteVerdict::Conflict(view) => RecordOutcome::Found(RecordState::Present(view)),
        WriteVerdict::Gone => return None,
        WriteVerdict::Rejected { reason, field } => {
            let words = field.map_or_else(|| reason.clone(), |field| format!("{field}: {reason}"));
            RecordOutcome::Refused(Reason::new(ReasonCode::RejectedByCrm, words), NextTry::User)
        }
        WriteVerdict::Retry { reason } => RecordOutcome::Refused(Reason::new(ReasonCode::CrmRetry, reason), NextTry::Backoff),
    })
}
