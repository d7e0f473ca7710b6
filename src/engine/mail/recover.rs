//! Takes up what an earlier run left in the middle: batches without an answer, intents without an outcome (V2).

use crate::crm::{Crm, ItemResult};
use crate::engine::error::EngineError;
use crate::groupware::MailConnector;
use crate::journal::{Change, PendingBatch, RunItem, SettledMail};
use crate::model::{Area, ItemKey, MailLocation};
use crate::sync::{Remedy, classify, consequence};

use super::Import;

impl<N: MailConnector, C: Crm> Import<'_, N, C> {
    /// Batches first: their answers say what may be placed.
    pub(super) async fn recover(&mut self) -> Result<(), EngineError> {
        for batch in self.ctx.journal.pending_batches(&self.ctx.account)? {
            self.recover_batch(batch).await?;
        }
        let intents = self.ctx.journal.intents(&self.ctx.account)?;
        self.place(intents).await
    }

    /// Asks what became of a batch. If the CRM never processed it, or has no sound answer, it is given up: its mails are found again, and
    /// their item keys keep what was processed from being doubled.
    async fn recover_batch(&mut self, batch: PendingBatch) -> Result<(), EngineError> {
        let answer = match self.crm.batch_answer(&batch.key).await {
            Ok(answer) => answer,
            Err(error) => match classify::crm(&error) {
                Remedy::AskForAnswer | Remedy::RetryLater { .. } | Remedy::NeedsUser { .. } => return Err(error.into()),
                // An answer that stays broken must not hold up everything for ever (V10).
                _ => None,
            },
        };
        let mut changes = vec![Change::RemoveBatch(batch.key)];
        for (location, key, unanswered) in batch.members {
            let result = answer.iter().flat_map(|answer| &answer.results).find(|result| result.key == key);
            if let Some(result) = result {
                self.settle_recovered(&location, &key, unanswered, result.clone(), &mut changes);
            }
        }
        self.ctx.commit(changes).await
    }

    /// Settles a mail by an answer that came late. Its mark or move follows when it is found again, known: that is why a parked entry
    /// stays, due as it is, for a mail that lies below the cursor.
    fn settle_recovered(
        &mut self,
        location: &MailLocation,
        key: &ItemKey,
        unanswered: SettledMail,
        result: ItemResult,
        changes: &mut Vec<Change>,
    ) {
        let follows = consequence(result.verdict, &result.reason);
        if follows.park.is_some() {
            // Parked when it is found and posted again: the answer will be the same.
            return;
        }
        let line = RunItem {
            area: Area::Mail,
            key: Some(key.clone()),
            title: unanswered.subject.clone(),
            date: unanswered.date.clone(),
            collection: location.mailbox.0.clone(),
            outcome: follows.outcome,
            reason: follows.reason,
            record: result.record.clone(),
            message_id: unanswered.message_id.clone(),
        };
        let settled = SettledMail {
            verdict: result.verdict,
            record: result.record,
            linked: result.linked,
            customer_folder: result.customer_folder,
            ..unanswered
        };
        changes.push(Change::SettleMail { account: self.ctx.account.clone(), key: key.clone(), mail: settled });
        self.note(line, changes);
        self.recovered.insert(key.clone());
    }
}
