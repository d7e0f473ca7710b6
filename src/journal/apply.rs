//! Makes changes in a transaction.

use redb::{ReadableTable, WriteTransaction};

use super::records::SettledMail;
use super::tables::{
    BATCHES, BINDINGS, CONFLICT_LOSERS, CONSENTS, CURSORS, HISTORY, INTENTS, KNOWN_ITEMS, KNOWN_ITEMS_DUE, KNOWN_RECORDS,
    KNOWN_RECORDS_DUE, LOCATED, LOCKS, PAIRS, PAIRS_BY_RECORD, PAIRS_TO_LINK, PARKED, RUN_ITEMS, RUN_ITEMS_BY_MESSAGE_ID, RUNS, SETTLED,
    SETTLED_BY_MESSAGE_ID, SUCCESSES, TALLIES, WISHES,
};
use super::{AreaTally, Change, ItemPlace, JournalError, KnownItem, Pair, PairState, RunItem};
use crate::model::{AccountId, Area, ItemKey, MailLocation, MailboxName, RunId};

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
        Change::PutPair { account, area, key, pair } => put_pair(txn, account, *area, key, pair)?,
        Change::RemovePair { account, area, key } => remove_pair(txn, account, *area, key)?,
        Change::KnowItem { account, area, place, known } => know_item(txn, account, *area, place, known)?,
        Change::ForgetItem { account, area, place } => forget_item(txn, account, *area, place)?,
        Change::KnowRecord { account, area, record, known } => {
            forget_record(txn, account, *area, record)?;
            let (account, area) = (account.as_str(), area.name());
            KNOWN_RECORDS.put(txn, (account, area, record), known)?;
            KNOWN_RECORDS_DUE.put(txn, (account, area, known.look_again.timestamp(), record), &())?;
        }
        Change::ForgetRecord { account, area, record } => forget_record(txn, account, *area, record)?,
        Change::PutWish { account, area, wish } => WISHES.put(txn, (account.as_str(), area.name(), wish.id()), wish)?,
        Change::RemoveWish { account, area, id } => WISHES.remove(txn, (account.as_str(), area.name(), id))?,
        Change::AddConflictLoser { account, area, loser } => {
            let id = format!("{} {} {}", loser.run, loser.key, loser.field);
            CONFLICT_LOSERS.put(txn, (account.as_str(), area.name(), &id), loser)?;
        }
        Change::AddRisky { account, area, at, count } => tally(txn, account, *area, |tally| tally.add_risky(*at, *count))?,
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

/// The pair with its index entries, and the tally when it becomes or ceases to be an active one.
fn put_pair(txn: &WriteTransaction, account: &AccountId, area: Area, key: &ItemKey, pair: &Pair) -> Result<(), JournalError> {
    let (id, name, key) = (account.as_str(), area.name(), key.as_str());
    let before = PAIRS.replace(txn, (id, name, key), pair, |json| PAIRS.decode(&key, json).ok())?.flatten();
    let record_before = before.as_ref().and_then(|pair| pair.record.as_ref());
    if let Some(record) = record_before.filter(|record| pair.record.as_ref().is_none_or(|now| now.id != record.id)) {
        unindex_record(txn, (id, name, &record.id), key)?;
    }
    if let Some(record) = pair.record.as_ref().filter(|record| record_before.is_none_or(|before| before.id != record.id)) {
        PAIRS_BY_RECORD.put(txn, (id, name, &record.id), &key.into())?;
    }
    if pair.waits_for_link() {
        PAIRS_TO_LINK.put(txn, (id, name, key), &())?;
    } else {
        PAIRS_TO_LINK.remove(txn, (id, name, key))?;
    }
    let was = before.is_some_and(|pair| pair.state == PairState::Active);
    match (was, pair.state == PairState::Active) {
        (false, true) => tally(txn, account, area, |tally| tally.pairs = tally.pairs.saturating_add(1)),
        (true, false) => tally(txn, account, area, |tally| tally.pairs = tally.pairs.saturating_sub(1)),
        _ => Ok(()),
    }
}

fn remove_pair(txn: &WriteTransaction, account: &AccountId, area: Area, key: &ItemKey) -> Result<(), JournalError> {
    let (id, name, key) = (account.as_str(), area.name(), key.as_str());
    let before = txn.open_table(PAIRS.definition())?.remove((id, name, key))?.and_then(|json| PAIRS.decode(&key, json.value()).ok());
    PAIRS_TO_LINK.remove(txn, (id, name, key))?;
    let Some(pair) = before else { return Ok(()) };
    if let Some(record) = &pair.record {
        unindex_record(txn, (id, name, &record.id), key)?;
    }
    if pair.state == PairState::Active {
        tally(txn, account, area, |tally| tally.pairs = tally.pairs.saturating_sub(1))?;
    }
    Ok(())
}

/// Takes a record out of the index, unless it belongs to another pair by now.
fn unindex_record(txn: &WriteTransaction, row: (&str, &str, &str), key: &str) -> Result<(), JournalError> {
    let mut table = txn.open_table(PAIRS_BY_RECORD.definition())?;
    let ours = table.get(row)?.is_some_and(|json| PAIRS_BY_RECORD.decode(&row, json.value()).is_ok_and(|other| other.as_str() == key));
    if ours {
        table.remove(row)?;
    }
    Ok(())
}

fn know_item(txn: &WriteTransaction, account: &AccountId, area: Area, place: &ItemPlace, known: &KnownItem) -> Result<(), JournalError> {
    let (account, area, collection, item) = (account.as_str(), area.name(), place.collection.as_str(), place.id.as_str());
    let due = |known: &KnownItem| known.look_again.map(|at| at.timestamp());
    let row = (account, area, collection, item);
    let before = KNOWN_ITEMS.replace(txn, row, known, |json| KNOWN_ITEMS.decode(&item, json).ok())?;
    let before = before.flatten().and_then(|known| due(&known));
    if let Some(before) = before.filter(|before| due(known) != Some(*before)) {
        KNOWN_ITEMS_DUE.remove(txn, (account, area, before, collection, item))?;
    }
    if let Some(at) = due(known) {
        KNOWN_ITEMS_DUE.put(txn, (account, area, at, collection, item), &())?;
    }
    Ok(())
}

fn forget_item(txn: &WriteTransaction, account: &AccountId, area: Area, place: &ItemPlace) -> Result<(), JournalError> {
    let (account, area, collection, item) = (account.as_str(), area.name(), place.collection.as_str(), place.id.as_str());
    let mut table = txn.open_table(KNOWN_ITEMS.definition())?;
    let before = table.remove((account, area, collection, item))?.and_then(|json| KNOWN_ITEMS.decode(&item, json.value()).ok());
    if let Some(at) = before.and_then(|known| known.look_again) {
        KNOWN_ITEMS_DUE.remove(txn, (account, area, at.timestamp(), collection, item))?;
    }
    Ok(())
}

fn forget_record(txn: &WriteTransaction, account: &AccountId, area: Area, record: &str) -> Result<(), JournalError> {
    let (account, area) = (account.as_str(), area.name());
    let mut table = txn.open_table(KNOWN_RECORDS.definition())?;
    let before = table.remove((account, area, record))?.and_then(|json| KNOWN_RECORDS.decode(&record, json.value()).ok());
    if let Some(known) = before {
        KNOWN_RECORDS_DUE.remove(txn, (account, area, known.look_again.timestamp(), record))?;
    }
    Ok(())
}

fn tally(txn: &WriteTransaction, account: &AccountId, area: Area, change: impl FnOnce(&mut AreaTally)) -> Result<(), JournalError> {
    let row = (account.as_str(), area.name());
    let before = txn.open_table(TALLIES.definition())?.get(row)?.and_then(|json| TALLIES.decode(&row, json.value()).ok());
    let mut tally = before.unwrap_or_default();
    change(&mut tally);
    TALLIES.put(txn, row, &tally)
}
