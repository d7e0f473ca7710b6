//! Makes changes in a transaction.

use redb::{ReadableTable, WriteTransaction};

use super::tables::{
    BATCHES, BINDINGS, CONSENTS, CURSORS, HISTORY, INTENTS, LOCATED, LOCKS, Location, PARKED, RUN_ITEMS, RUN_ITEMS_BY_MESSAGE_ID, RUNS,
    Rows, SETTLED, SETTLED_BY_MESSAGE_ID, SUCCESSES,
};
use super::{Change, JournalError, apply_items};
use crate::model::{AccountId, MailLocation, MailboxName};

/// Makes changes. They keep their order within a table; the tables that an import fills are opened once for all of them. An error leaves the
/// transaction half done; it must be aborted.
pub(super) fn apply<'c>(txn: &WriteTransaction, changes: impl Iterator<Item = &'c Change> + Clone) -> Result<(), JournalError> {
    settle_mails(txn, changes.clone())?;
    locate_mails(txn, changes.clone())?;
    add_run_items(txn, changes.clone())?;
    park_items(txn, changes.clone())?;
    for change in changes {
        match change {
            Change::SettleMail { .. }
            | Change::Locate { .. }
            | Change::ForgetLocation(_)
            | Change::ForgetMailbox { .. }
            | Change::AddRunItem { .. }
            | Change::Park(_)
            | Change::Unpark { .. } => {}
            Change::SetCursor { account, area, collection, cursor } => {
                CURSORS.put(txn, (account.as_str(), area.name(), collection), cursor)?;
            }
            Change::RemoveCursor { account, area, collection } => CURSORS.remove(txn, (account.as_str(), area.name(), collection))?,
            Change::PutIntent(intent) => INTENTS.put(txn, intent.operation.id.as_str(), intent)?,
            Change::RemoveIntent(id) => INTENTS.remove(txn, id.as_str())?,
            Change::PutBatch(batch) => BATCHES.put(txn, batch.key.as_str(), batch)?,
            Change::RemoveBatch(key) => BATCHES.remove(txn, key.as_str())?,
            Change::PutRun(run) => RUNS.put(txn, run.id.as_str(), run)?,
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
            Change::PutPair { .. }
            | Change::RemovePair { .. }
            | Change::KnowItem { .. }
            | Change::ForgetItem { .. }
            | Change::KnowRecord { .. }
            | Change::ForgetRecord { .. }
            | Change::PutWish { .. }
            | Change::RemoveWish { .. }
            | Change::AddConflictLoser { .. }
            | Change::AddRisky { .. } => apply_items::apply(txn, change)?,
            Change::Succeeded { account, at } => SUCCESSES.put(txn, account.as_str(), at)?,
        }
    }
    Ok(())
}

/// Writes settled mails with their index entries. A record that stood there loses its entry if its Message-ID was another; one that cannot be
/// read is replaced, because that is the repair, and what remains of it in the index is passed over by reads.
fn settle_mails<'c>(txn: &WriteTransaction, changes: impl Iterator<Item = &'c Change>) -> Result<(), JournalError> {
    let mut mails = changes
        .filter_map(|change| match change {
            Change::SettleMail { account, key, mail } => Some((account.as_str(), key.as_str(), mail)),
            _ => None,
        })
        .peekable();
    if mails.peek().is_none() {
        return Ok(());
    }
    let (mut rows, mut index) = (SETTLED.open_to_write(txn)?, SETTLED_BY_MESSAGE_ID.open_to_write(txn)?);
    for (account, key, mail) in mails {
        let before = SETTLED.replace(&mut rows, (account, key), mail, |json| SETTLED.decode(&key, json).ok())?;
        let before = before.flatten().and_then(|mail| mail.message_id);
        if let Some(before) = before.filter(|before| Some(before) != mail.message_id.as_ref()) {
            index.remove((before.as_str(), account, key))?;
        }
        if let Some(message_id) = &mail.message_id {
            SETTLED_BY_MESSAGE_ID.put_into(&mut index, (message_id, account, key), &())?;
        }
    }
    Ok(())
}

fn locate_mails<'c>(txn: &WriteTransaction, changes: impl Iterator<Item = &'c Change>) -> Result<(), JournalError> {
    let mut rows = None;
    for change in changes {
        let (Change::Locate { .. } | Change::ForgetLocation(_) | Change::ForgetMailbox { .. }) = change else { continue };
        let rows = match &mut rows {
            Some(rows) => rows,
            closed => closed.insert(LOCATED.open_to_write(txn)?),
        };
        match change {
            Change::Locate { location, located } => LOCATED.put_into(rows, location_key(location), located)?,
            Change::ForgetLocation(location) => drop(rows.remove(location_key(location))?),
            Change::ForgetMailbox { account, mailbox } => forget_mailbox(rows, account, mailbox)?,
            _ => {}
        }
    }
    Ok(())
}

/// Numbers the items of each run without gaps.
fn add_run_items<'c>(txn: &WriteTransaction, changes: impl Iterator<Item = &'c Change>) -> Result<(), JournalError> {
    let mut items = changes
        .filter_map(|change| match change {
            Change::AddRunItem { run, item } => Some((run.as_str(), item)),
            _ => None,
        })
        .peekable();
    if items.peek().is_none() {
        return Ok(());
    }
    let (mut rows, mut index) = (RUN_ITEMS.open_to_write(txn)?, RUN_ITEMS_BY_MESSAGE_ID.open_to_write(txn)?);
    let mut before: Option<(&str, u64)> = None;
    for (run, item) in items {
        let last = match before {
            Some((of, last)) if of == run => Some(last),
            _ => rows.range((run, 0)..=(run, u64::MAX))?.next_back().transpose()?.map(|(key, _)| key.value().1),
        };
        let number = last.map_or(0, |last| last.saturating_add(1));
        before = Some((run, number));
        RUN_ITEMS.put_into(&mut rows, (run, number), item)?;
        if let Some(message_id) = &item.message_id {
            RUN_ITEMS_BY_MESSAGE_ID.put_into(&mut index, (message_id, run, number), &())?;
        }
    }
    Ok(())
}

fn park_items<'c>(txn: &WriteTransaction, changes: impl Iterator<Item = &'c Change>) -> Result<(), JournalError> {
    let mut rows = None;
    for change in changes {
        let (Change::Park(_) | Change::Unpark { .. }) = change else { continue };
        let rows = match &mut rows {
            Some(rows) => rows,
            closed => closed.insert(PARKED.open_to_write(txn)?),
        };
        match change {
            Change::Park(entry) => PARKED.put_into(rows, (entry.account.as_str(), entry.area.name(), &entry.id), entry)?,
            Change::Unpark { area, account, id } => drop(rows.remove((account.as_str(), area.name(), id.as_str()))?),
            _ => {}
        }
    }
    Ok(())
}

fn location_key(location: &MailLocation) -> (&str, &str, u32, u32) {
    (location.account.as_str(), &location.mailbox.0, location.uid_validity, location.uid)
}

fn forget_mailbox(rows: &mut Rows<'_, Location>, account: &AccountId, mailbox: &MailboxName) -> Result<(), JournalError> {
    let (first, last) = ((account.as_str(), mailbox.0.as_str(), 0, 0), (account.as_str(), mailbox.0.as_str(), u32::MAX, u32::MAX));
    Ok(rows.retain_in(first..=last, |_, _| false)?)
}
