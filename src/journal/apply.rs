//! Makes changes in a transaction.

use redb::{ReadableTable, WriteTransaction};

use super::records::SettledMail;
use super::tables::{
    BATCHES, BINDINGS, CONSENTS, CURSORS, HISTORY, INTENTS, LOCATED, LOCKS, PARKED, RUN_ITEMS, RUN_ITEMS_BY_MESSAGE_ID, RUNS, SETTLED,
    SETTLED_BY_MESSAGE_ID, SUCCESSES,
};
use super::{Change, JournalError, RunItem};
use crate::model::{AccountId, ItemKey, MailLocation, MailboxName, RunId};

/// Makes one change. An error leaves the transaction half done; it must be aborted.
pub(super) fn apply(txn: &WriteTransaction, change: &Change) -> Result<(), JournalError> {
    match change {
        Change::SettleMail { account, key, mail } => settle(txn, account, key, mail)?,
        Change::Locate { location, located } => LOCATED.put(txn, location_key(location), located)?,
        Change::ForgetLocation(location) => LOCATED.remove(txn, location_key(location))?,
        Change::ForgetMailbox { account, mailbox } => forget_mailbox(txn, account, mailbox)?,
        Change::SetCursor { account, area, collection, cursor } => {
            CURSORS.put(txn, (account.as_str(), area.name(), collection), cursor)?;
        }
        Change::RemoveCursor { account, area, collection } => CURSORS.remove(txn, (account.as_str(), area.name(), collection))?,
        Change::PutIntent(intent) => INTENTS.put(txn, intent.operation.id.as_str(), intent)?,
        Change::RemoveIntent(id) => INTENTS.remove(txn, id.as_str())?,
        Change::PutBatch(batch) => BATCHES.put(txn, batch.key.as_str(), batch)?,
        Change::RemoveBatch(key) => BATCHES.remove(txn, key.as_str())?,
        Change::Park(entry) => PARKED.put(txn, (entry.account.as_str(), entry.area.name(), &entry.id), entry)?,
        Change::Unpark { area, account, id } => PARKED.remove(txn, (account.as_str(), area.name(), id))?,
        Change::PutRun(run) => RUNS.put(txn, run.id.as_str(), run)?,
        Change::AddRunItem { run, item } => add_run_item(txn, run, item)?,
        Change::AddHistory(entry) => {
            let number = txn.open_table(HISTORY.definition())?.last()?.map_or(0, |(number, _)| number.value().saturating_add(1));
            HISTORY.put(txn, number, entry)?;
        }
        Change::RecordConsent { account, area, consent } => CONSENTS.put(txn, (account.as_str(), area.name()), consent)?,
        Change::RemoveConsent { account, area } => CONSENTS.remove(txn, (account.as_str(), area.name()))?,
        Change::LockAccount { account, lock } => LOCKS.put(txn, account.as_str(), lock)?,
        Change::UnlockAccount(account) => LOCKS.remove(txn, account.as_str())?,
        Change::Bind { account, role, mailbox } => BINDINGS.put(txn, (account.as_str(), role), mailbox)?,
        Change::Unbind { account, role } => BINDINGS.remove(txn, (account.as_str(), role))?,
        Change::Succeeded { account, at } => SUCCESSES.put(txn, account.as_str(), at)?,
    }
    Ok(())
}

fn location_key(location: &MailLocation) -> (&str, &str, u32, u32) {
    (location.account.as_str(), &location.mailbox.0, location.uid_validity, location.uid)
}

/// The record and its index entry. A record that stood there loses its entry if its Message-ID was another; one that cannot be read is
/// replaced, because that is the repair, and what remains of it in the index is passed over by reads.
fn settle(txn: &WriteTransaction, account: &AccountId, key: &ItemKey, mail: &SettledMail) -> Result<(), JournalError> {
    let (account, key) = (account.as_str(), key.as_str());
    let before = SETTLED.replace(txn, (account, key), mail, |json| SETTLED.decode(&key, json).ok())?;
    let before = before.flatten().and_then(|mail| mail.message_id);
    if let Some(before) = before.filter(|before| Some(before) != mail.message_id.as_ref()) {
        SETTLED_BY_MESSAGE_ID.remove(txn, (&before, account, key))?;
    }
    if let Some(message_id) = &mail.message_id {
        SETTLED_BY_MESSAGE_ID.put(txn, (message_id, account, key), &())?;
    }
    Ok(())
}

fn forget_mailbox(txn: &WriteTransaction, account: &AccountId, mailbox: &MailboxName) -> Result<(), JournalError> {
    let (first, last) = ((account.as_str(), mailbox.0.as_str(), 0, 0), (account.as_str(), mailbox.0.as_str(), u32::MAX, u32::MAX));
    txn.open_table(LOCATED.definition())?.retain_in(first..=last, |_, _| false)?;
    Ok(())
}

fn add_run_item(txn: &WriteTransaction, run: &RunId, item: &RunItem) -> Result<(), JournalError> {
    let run = run.as_str();
    let number = {
        let table = txn.open_table(RUN_ITEMS.definition())?;
        let last = table.range((run, 0)..=(run, u64::MAX))?.next_back().transpose()?;
        last.map_or(0, |(key, _)| key.value().1.saturating_add(1))
    };
    RUN_ITEMS.put(txn, (run, number), item)?;
    if let Some(message_id) = &item.message_id {
        RUN_ITEMS_BY_MESSAGE_ID.put(txn, (message_id, run, number), &())?;
    }
    Ok(())
}
