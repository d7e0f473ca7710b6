//! Posts mails in batches: a batch is journalled before it is sent, a lost answer is asked for, a failing batch is bisected (V2, V10).

use std::collections::VecDeque;
use std::time::Duration;

use crate::crm::http::manifest_digest;
use crate::crm::{BatchAnswer, Crm, CrmError, ItemResult, MailBatch, MailImport, MailVerdict};
use crate::engine::context::Context;
use crate::engine::error::EngineError;
use crate::journal::{Change, PendingBatch, SettledMail};
use crate::model::{BatchKey, ItemKey, Reason, ReasonCode};
use crate::sync::{Remedy, classify, halves, next_delay};

use super::MailJob;
use super::read::ReadMail;

/// Attempts to post one batch within a run.
const ATTEMPTS: u32 = 4;

/// A longer wait than this is left to the next run.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// Mails that fail alone, before it is believed that not they are at fault but the CRM.
const POISON_LIMIT: usize = 3;

/// What became of the mails that were to be posted.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    /// Mails with their answer.
    pub answered: Vec<(ReadMail, Answer)>,
    /// Batches that are answered: removed from the journal when their results are settled.
    pub finished: Vec<BatchKey>,
    /// Mails without an answer; they stay as they are, the next run takes them up.
    pub unsettled: usize,
    /// What stopped the delivery.
    pub stop: Option<CrmError>,
}

/// The answer for one mail.
#[derive(Debug)]
pub(super) enum Answer {
    /// The CRM's result.
    Result(ItemResult),
    /// Every request with it fails.
    Poison(Reason),
}

type Group = Vec<(ReadMail, MailImport)>;

/// Posts all mails. `before` goes to disk first, in one commit with the first batch. Fails only when the journal does; the CRM's failure is in
/// [`Delivery::stop`], beside what was answered before.
pub(super) async fn deliver<C: Crm>(
    crm: &C,
    job: &MailJob,
    ctx: &Context,
    imports: Group,
    mut before: Vec<Change>,
) -> Result<Delivery, EngineError> {
    let mut delivery = Delivery::default();
    let mut queue = VecDeque::from([imports]);
    let mut poison: Vec<(ReadMail, Answer)> = Vec::new();
    let mut answered = 0_usize;
    let mut rekeyed = false;
    while let Some(group) = queue.pop_front() {
        if group.is_empty() {
            continue;
        }
        if group.len() > job.capabilities.limits.max_items.clamp(1, 150) {
            push_halves(&mut queue, group);
            continue;
        }
        let (reads, items): (Vec<ReadMail>, Vec<MailImport>) = group.into_iter().unzip();
        let batch = MailBatch::new(BatchKey(ctx.random.uuid().to_string()), ctx.run.clone(), items);
        before.push(Change::PutBatch(pending(&batch, &reads, ctx)));
        ctx.commit(std::mem::take(&mut before)).await?;
        let error = match post(crm, &batch, ctx).await {
            Ok(answer) => {
                answered += answer.results.len();
                delivery.finished.push(batch.key);
                delivery.answered.extend(reads.into_iter().zip(answer.results.into_iter().map(Answer::Result)));
                continue;
            }
            Err(error) => error,
        };
        let group: Group = reads.into_iter().zip(batch.items).collect();
        if matches!(classify::crm(&error), Remedy::RetryNow) && !rekeyed {
            // Whatever has this key is not this batch. Once: a CRM that says so of every key is at fault itself.
            rekeyed = true;
            ctx.commit(vec![Change::RemoveBatch(batch.key)]).await?;
            queue.push_front(group);
            continue;
        }
        let reason = match classify::crm(&error) {
            Remedy::Bisect { reason } => Some(reason),
            Remedy::Halve => Some(Reason::new(ReasonCode::TooLarge, error.to_string())),
            _ => None,
        };
        match reason {
            Some(_) if group.len() > 1 => {
                ctx.commit(vec![Change::RemoveBatch(batch.key)]).await?;
                push_halves(&mut queue, group);
            }
            Some(reason) if answered > 0 || poison.len() < POISON_LIMIT => {
                delivery.finished.push(batch.key);
                poison.extend(group.into_iter().map(|(read, _)| (read, Answer::Poison(reason.clone()))));
            }
            _ => {
                delivery.unsettled += group.len() + queue.iter().map(Vec::len).sum::<usize>();
                delivery.stop = Some(error);
                break;
            }
        }
    }
    ctx.commit(before).await?;
    if delivery.stop.is_some() && answered == 0 {
        // Nothing went through: the CRM is at fault, not these mails.
        delivery.unsettled += poison.len();
    } else {
        delivery.answered.append(&mut poison);
    }
    Ok(delivery)
}

fn push_halves(queue: &mut VecDeque<Group>, group: Group) {
    let (first, second) = halves(group);
    queue.push_front(second);
    queue.push_front(first);
}

/// What the journal needs to settle the batch after a crash.
fn pending(batch: &MailBatch, reads: &[ReadMail], ctx: &Context) -> PendingBatch {
    let now = ctx.now();
    let members = reads.iter().map(|read| (read.location.clone(), read.key(), unanswered(read, ctx))).collect();
    PendingBatch {
        key: batch.key.clone(),
        account: ctx.account.clone(),
        run: ctx.run.clone(),
        manifest: manifest_digest(batch),
        members,
        created_at: now,
    }
}

/// The journal's record of a mail before its answer is known.
pub(super) fn unanswered(read: &ReadMail, ctx: &Context) -> SettledMail {
    SettledMail {
        verdict: MailVerdict::Retry,
        record: None,
        linked: Vec::new(),
        customer_folder: None,
        message_id: read.mail.message_id.clone(),
        raw_digest: read.mail.raw_digest.clone(),
        subject: read.mail.subject.clone(),
        date: read.mail.date.map(|date| date.to_rfc3339()),
        mailbox: read.location.mailbox.clone(),
        run: ctx.run.clone(),
        settled_at: ctx.now(),
    }
}

/// Posts one batch until it is answered, or it is clear that it will not be in this run.
async fn post<C: Crm>(crm: &C, batch: &MailBatch, ctx: &Context) -> Result<BatchAnswer, CrmError> {
    let mut tries = 0;
    loop {
        let error = match crm.import_mails(batch).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let delay = match classify::crm(&error) {
            Remedy::RetryLater { after: Some(after) } => after,
            Remedy::AskForAnswer | Remedy::RetryLater { after: None } => {
                next_delay(tries, ctx.random.next_u64()).min(Duration::from_secs(1 << tries.min(4)))
            }
            _ => return Err(error),
        };
        tries += 1;
        if tries >= ATTEMPTS || delay > LONGEST_WAIT || ctx.cancel.is_cancelled() {
            return Err(error);
        }
        ctx.wait(&error.to_string(), delay).await;
        if matches!(classify::crm(&error), Remedy::AskForAnswer)
            && let Ok(Some(answer)) = crm.batch_answer(&batch.key).await
            && let Some(answer) = arranged(answer, batch.items.iter().map(|item| &item.key))
        {
            return Ok(answer);
        }
    }
}

/// An answer that was asked for later, in the order of the batch: the CRM keeps results by item, in an order of its own. `None` when a mail
/// has no result: the batch is posted again then.
fn arranged<'a>(mut answer: BatchAnswer, keys: impl Iterator<Item = &'a ItemKey>) -> Option<BatchAnswer> {
    let take = |key: &ItemKey| {
        let place = answer.results.iter().position(|result| result.key == *key)?;
        Some(answer.results.swap_remove(place))
    };
    keys.map(take).collect::<Option<Vec<_>>>().map(|results| BatchAnswer { results })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(keys: &[&str]) -> BatchAnswer {
        let result = |key: &&str| ItemResult {
            key: ItemKey::from(*key),
            verdict: MailVerdict::Created,
            record: None,
            linked: Vec::new(),
            customer_folder: None,
            reason: String::new(),
            replayed: false,
        };
        BatchAnswer { results: keys.iter().map(result).collect() }
    }

    #[test]
    fn an_answer_asked_for_later_is_given_to_the_mails_it_belongs_to() {
        let keys = ["a", "b", "c"].map(ItemKey::from);
        assert_eq!(arranged(answer(&["c", "a", "b"]), keys.iter()), Some(answer(&["a", "b", "c"])));
        assert_eq!(arranged(answer(&["c", "a"]), keys.iter()), None, "a mail without a result is not processed");
    }
}
