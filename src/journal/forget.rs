//! Takes everything of an account out of the journal.

use std::collections::{BTreeMap, BTreeSet};

use redb::{Key, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::tables::{
    BATCHES, BINDINGS, CONFLICT_LOSERS, CONSENTS, CURSORS, HISTORY, INTENTS, KNOWN_ITEMS, KNOWN_ITEMS_DUE, KNOWN_RECORDS,
    KNOWN_RECORDS_DUE, Key2, Key3, LOCATED, LOCKS, PAIRS, PAIRS_BY_RECORD, PAIRS_TO_LINK, PARKED, RUN_ITEMS, RUN_ITEMS_BY_MESSAGE_ID, RUNS,
    SETTLED, SETTLED_BY_MESSAGE_ID, SUCCESSES, TALLIES, Table, WISHES,
};
use super::{Journal, JournalError, store::Store};
use crate::model::AccountId;

impl Journal {
    /// Removes every record of an account, with their index entries, and gives the number of records removed from each table. It is
    /// done in pages; after a crash in between, done again it removes the rest. The cursors go first, so that a half-forgotten
    /// account is read anew. No run of that account may be going on. Room on the disk comes back with [`compact`](Self::compact).
    pub fn forget_account(&self, account: &AccountId) -> Result<BTreeMap<&'static str, u64>, JournalError> {
        let id = account.as_str();
        let mut removal = Removal { store: self.store(), removed: BTreeMap::new() };

        removal.by_first_of_three(&CURSORS, id)?;
        removal.remove(&INTENTS, |_, json| INTENTS.decode(&"", json).is_ok_and(|intent| intent.operation.account == *account))?;
        removal.remove(&BATCHES, |_, json| BATCHES.decode(&"", json).is_ok_and(|batch| batch.account == *account))?;
        removal.by_first_of_three(&PARKED, id)?;
        removal.remove(&LOCATED, |&(row_account, ..), _| row_account == id)?;
        removal.remove_indexed(
            &SETTLED,
            |&(row_account, _), _| row_account == id,
            |txn, &(row_account, key), json| match SETTLED.decode(&key, json).ok().and_then(|mail| mail.message_id) {
                Some(message_id) => SETTLED_BY_MESSAGE_ID.remove(txn, (&message_id, row_account, key)),
                None => Ok(()),
            },
        )?;

        let mut runs = BTreeSet::new();
        self.store().scan(&RUNS, |_, &run, json| {
            if RUNS.decode(&run, json).is_ok_and(|record| record.account == *account) {
                runs.insert(run.to_owned());
            }
            Ok(())
        })?;
        removal.remove_indexed(
            &RUN_ITEMS,
            |&(run, _), _| runs.contains(run),
            |txn, &(run, number), json| match RUN_ITEMS.decode(&number, json).ok().and_then(|item| item.message_id) {
                Some(message_id) => RUN_ITEMS_BY_MESSAGE_ID.remove(txn, (&message_id, run, number)),
                None => Ok(()),
            },
        )?;
        removal.remove(&RUNS, |&run, _| runs.contains(run))?;
        removal.remove(&HISTORY, |_, json| HISTORY.decode(&"", json).is_ok_and(|entry| entry.intent.operation.account == *account))?;

        removal.by_first_of_three(&PAIRS_BY_RECORD, id)?;
        removal.by_first_of_three(&PAIRS_TO_LINK, id)?;
        removal.by_first_of_three(&PAIRS, id)?;
        removal.remove(&KNOWN_ITEMS_DUE, |&(row_account, ..), _| row_account == id)?;
        removal.remove(&KNOWN_ITEMS, |&(row_account, ..), _| row_account == id)?;
        removal.remove(&KNOWN_RECORDS_DUE, |&(row_account, ..), _| row_account == id)?;
        removal.by_first_of_three(&KNOWN_RECORDS, id)?;
        removal.by_first_of_three(&WISHES, id)?;
        removal.by_first_of_three(&CONFLICT_LOSERS, id)?;
        removal.by_first_of_two(&TALLIES, id)?;
        removal.by_first_of_two(&CONSENTS, id)?;
        removal.by_first_of_two(&BINDINGS, id)?;
        removal.remove(&LOCKS, |&row_account, _| row_account == id)?;
        removal.remove(&SUCCESSES, |&row_account, _| row_account == id)?;
        Ok(removal.removed)
    }
}

struct Removal<'a> {
    store: &'a Store,
    removed: BTreeMap<&'static str, u64>,
}

impl Removal<'_> {
    fn by_first_of_two<V: Serialize + DeserializeOwned>(&mut self, table: &Table<Key2, V>, account: &str) -> Result<(), JournalError> {
        self.remove(table, |&(row_account, _), _| row_account == account)
    }

    fn by_first_of_three<V: Serialize + DeserializeOwned>(&mut self, table: &Table<Key3, V>, account: &str) -> Result<(), JournalError> {
        self.remove(table, |&(row_account, ..), _| row_account == account)
    }

    /// Removes the records that `belongs` chooses, page by page.
    fn remove<K, V>(&mut self, table: &Table<K, V>, belongs: impl for<'k> Fn(&K::SelfType<'k>, &[u8]) -> bool) -> Result<(), JournalError>
    where
        K: Key + 'static,
        V: Serialize + DeserializeOwned,
    {
        self.remove_indexed(table, belongs, |_, _, _| Ok(()))
    }

    /// As [`remove`](Self::remove); `unindex` takes a record out of its index in the same transaction.
    fn remove_indexed<K, V>(
        &mut self,
        table: &Table<K, V>,
        belongs: impl for<'k> Fn(&K::SelfType<'k>, &[u8]) -> bool,
        unindex: impl for<'k> Fn(&WriteTransaction, &K::SelfType<'k>, &[u8]) -> Result<(), JournalError>,
    ) -> Result<(), JournalError>
    where
        K: Key + 'static,
        V: Serialize + DeserializeOwned,
    {
        let mut after = None;
        loop {
            let mut chosen = Vec::new();
            after = self.store.page(table, after.as_deref(), |_, key, json| {
                if belongs(key, json) {
                    chosen.push(K::as_bytes(key).as_ref().to_vec());
                }
                Ok(())
            })?;
            if !chosen.is_empty() {
                self.store.write(|txn| {
                    let mut rows = txn.open_table(table.definition())?;
                    for bytes in &chosen {
                        let key = K::from_bytes(bytes);
                        if let Some(json) = rows.remove(&key)? {
                            unindex(txn, &key, json.value())?;
                        }
                    }
                    Ok(())
                })?;
                let count = self.removed.entry(table.name).or_default();
                *count = count.saturating_add(chosen.len() as u64);
            }
            if after.is_none() {
                return Ok(());
            }
        }
    }
}
