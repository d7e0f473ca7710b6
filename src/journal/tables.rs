//! The tables. Keys are tuples, so that everything of an account, a mailbox or a run is one range; values are JSON of one record type.
//!
//! A new table needs a migration step, which may be empty: `migrations` creates every table of [`each`] when the version changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::marker::PhantomData;

use redb::{Key, ReadOnlyTable, ReadTransaction, TableDefinition, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::JournalError;
use super::items::{AreaTally, ConflictLoser, KnownItem, KnownRecord, Pair, Wish};
use super::records::{Consent, Cursor, HistoryEntry, Located, Lock, Parked, PendingBatch, RunItem, RunRecord, SettledMail};
use crate::model::{Instant, Intent, ItemKey, MailboxName};

pub(super) type Key2 = (&'static str, &'static str);
pub(super) type Key3 = (&'static str, &'static str, &'static str);
pub(super) type Location = (&'static str, &'static str, u32, u32);
pub(super) type Key4 = (&'static str, &'static str, &'static str, &'static str);

/// Schema version and instance id.
pub(super) const META: Table<&'static str, serde_json::Value> = Table::new("meta");
/// (account, item key).
pub(super) const SETTLED: Table<Key2, SettledMail> = Table::new("settled-mails");
/// Index: (Message-ID, account, item key).
pub(super) const SETTLED_BY_MESSAGE_ID: Table<Key3, ()> = Table::new("settled-mails-by-message-id");
/// (account, mailbox, UIDVALIDITY, UID).
pub(super) const LOCATED: Table<Location, Located> = Table::new("mail-locations");
/// (account, area, collection).
pub(super) const CURSORS: Table<Key3, Cursor> = Table::new("cursors");
/// Operation id.
pub(super) const INTENTS: Table<&'static str, Intent> = Table::new("intents");
/// Idempotency key.
pub(super) const BATCHES: Table<&'static str, PendingBatch> = Table::new("pending-batches");
/// (account, area, id).
pub(super) const PARKED: Table<Key3, Parked> = Table::new("parked");
/// Run id; sorts by time.
pub(super) const RUNS: Table<&'static str, RunRecord> = Table::new("runs");
/// (run id, number within the run).
pub(super) const RUN_ITEMS: Table<(&'static str, u64), RunItem> = Table::new("run-items");
/// Index: (Message-ID, run id, number within the run).
pub(super) const RUN_ITEMS_BY_MESSAGE_ID: Table<(&'static str, &'static str, u64), ()> = Table::new("run-items-by-message-id");
/// Number, ascending in time.
pub(super) const HISTORY: Table<u64, HistoryEntry> = Table::new("history");
/// (account, area).
pub(super) const CONSENTS: Table<Key2, Consent> = Table::new("consents");
/// Account.
pub(super) const LOCKS: Table<&'static str, Lock> = Table::new("locks");
/// (account, role).
pub(super) const BINDINGS: Table<Key2, MailboxName> = Table::new("bindings");
/// Account.
pub(super) const SUCCESSES: Table<&'static str, Instant> = Table::new("last-successes");

/// (account, area, item key): items of the groupware and the CRM that are the same, with the last common base.
pub(super) const PAIRS: Table<Key3, Pair> = Table::new("pairs");
/// Index: (account, area, record id).
pub(super) const PAIRS_BY_RECORD: Table<Key3, ItemKey> = Table::new("pairs-by-record");
/// Index: pairs whose item lacks the link to its record, (account, area, item key).
pub(super) const PAIRS_TO_LINK: Table<Key3, ()> = Table::new("pairs-to-link");
/// (account, area, collection, item).
pub(super) const KNOWN_ITEMS: Table<Key4, KnownItem> = Table::new("known-items");
/// Index: items to look at again, (account, area, seconds since 1970, collection, item).
pub(super) const KNOWN_ITEMS_DUE: Table<(&'static str, &'static str, i64, &'static str, &'static str), ()> = Table::new("known-items-due");
/// (account, area, record id): records that are not paired.
pub(super) const KNOWN_RECORDS: Table<Key3, KnownRecord> = Table::new("known-records");
/// Index: records to look at again, (account, area, seconds since 1970, record id).
pub(super) const KNOWN_RECORDS_DUE: Table<(&'static str, &'static str, i64, &'static str), ()> = Table::new("known-records-due");
/// (account, area, item key or record id): what the user asked for and is not carried out yet.
pub(super) const WISHES: Table<Key3, Wish> = Table::new("pending-changes");
/// (account, area, id): what lost in a conflict.
pub(super) const CONFLICT_LOSERS: Table<Key3, ConflictLoser> = Table::new("conflict-losers");
/// (account, area).
pub(super) const TALLIES: Table<Key2, AreaTally> = Table::new("area-tallies");

/// A table: its name, the type of its keys, and the record type of its values.
pub(super) struct Table<K, V> {
    pub(super) name: &'static str,
    types: PhantomData<fn() -> (K, V)>,
}

/// A table that is open in a write transaction. Opening one costs about as much as writing a record.
pub(super) type Rows<'txn, K> = redb::Table<'txn, K, &'static [u8]>;

/// Something done with every table, whatever its types.
pub(super) trait Visitor {
    fn visit<K, V>(&mut self, table: &Table<K, V>) -> Result<(), JournalError>
    where
        K: Key + 'static,
        for<'k> K::SelfType<'k>: Serialize,
        V: Serialize + DeserializeOwned;
}

/// Shows every table to `visitor`, in a fixed order.
pub(super) fn each(visitor: &mut impl Visitor) -> Result<(), JournalError> {
    visitor.visit(&META)?;
    visitor.visit(&SETTLED)?;
    visitor.visit(&SETTLED_BY_MESSAGE_ID)?;
    visitor.visit(&LOCATED)?;
    visitor.visit(&CURSORS)?;
    visitor.visit(&INTENTS)?;
    visitor.visit(&BATCHES)?;
    visitor.visit(&PARKED)?;
    visitor.visit(&RUNS)?;
    visitor.visit(&RUN_ITEMS)?;
    visitor.visit(&RUN_ITEMS_BY_MESSAGE_ID)?;
    visitor.visit(&HISTORY)?;
    visitor.visit(&CONSENTS)?;
    visitor.visit(&LOCKS)?;
    visitor.visit(&BINDINGS)?;
    visitor.visit(&SUCCESSES)?;
    visitor.visit(&PAIRS)?;
    visitor.visit(&PAIRS_BY_RECORD)?;
    visitor.visit(&PAIRS_TO_LINK)?;
    visitor.visit(&KNOWN_ITEMS)?;
    visitor.visit(&KNOWN_ITEMS_DUE)?;
    visitor.visit(&KNOWN_RECORDS)?;
    visitor.visit(&KNOWN_RECORDS_DUE)?;
    visitor.visit(&WISHES)?;
    visitor.visit(&CONFLICT_LOSERS)?;
    visitor.visit(&TALLIES)
}

impl<K, V> Table<K, V> {
    const fn new(name: &'static str) -> Self {
        Self { name, types: PhantomData }
    }
}

#[allow(clippy::needless_pass_by_value, reason = "keys are small tuples of references")]
impl<K: Key + 'static, V: Serialize + DeserializeOwned> Table<K, V> {
    pub(super) const fn definition(&self) -> TableDefinition<'static, K, &'static [u8]> {
        TableDefinition::new(self.name)
    }

    /// The table as of the last commit.
    pub(super) fn open(&self, txn: &ReadTransaction) -> Result<ReadOnlyTable<K, &'static [u8]>, JournalError> {
        Ok(txn.open_table(self.definition())?)
    }

    /// One record.
    pub(super) fn get<'k>(&self, txn: &ReadTransaction, key: K::SelfType<'k>) -> Result<Option<V>, JournalError>
    where
        K: 'k,
    {
        match self.open(txn)?.get(&key)? {
            Some(value) => self.decode(&key, value.value()).map(Some),
            None => Ok(None),
        }
    }

    /// The records of those of `items` that have one under their `key`.
    pub(super) fn among<'k>(
        &self,
        txn: &ReadTransaction,
        items: &'k BTreeSet<ItemKey>,
        key: impl Fn(&'k ItemKey) -> K::SelfType<'k>,
    ) -> Result<BTreeMap<ItemKey, V>, JournalError>
    where
        K: 'k,
    {
        let table = self.open(txn)?;
        let mut found = BTreeMap::new();
        for item in items {
            if let Some(json) = table.get(key(item))? {
                found.insert(item.clone(), self.decode(&key(item), json.value())?);
            }
        }
        Ok(found)
    }

    /// Whether there is a record, readable or not.
    pub(super) fn has<'k>(&self, txn: &ReadTransaction, key: K::SelfType<'k>) -> Result<bool, JournalError>
    where
        K: 'k,
    {
        Ok(self.open(txn)?.get(&key)?.is_some())
    }

    /// The table, to be written. A transaction can have it open once at a time.
    pub(super) fn open_to_write<'txn>(&self, txn: &'txn WriteTransaction) -> Result<Rows<'txn, K>, JournalError> {
        Ok(txn.open_table(self.definition())?)
    }

    /// Writes a record.
    pub(super) fn put<'k>(&self, txn: &WriteTransaction, key: K::SelfType<'k>, record: &V) -> Result<(), JournalError>
    where
        K: 'k,
    {
        self.put_into(&mut self.open_to_write(txn)?, key, record)
    }

    /// Writes a record into the open table.
    pub(super) fn put_into<'k>(&self, rows: &mut Rows<'_, K>, key: K::SelfType<'k>, record: &V) -> Result<(), JournalError>
    where
        K: 'k,
    {
        self.replace(rows, key, record, |_| ())?;
        Ok(())
    }

    /// Writes a record into the open table, after a look at the one that stood there.
    pub(super) fn replace<'k, T>(
        &self,
        rows: &mut Rows<'_, K>,
        key: K::SelfType<'k>,
        record: &V,
        before: impl FnOnce(&[u8]) -> T,
    ) -> Result<Option<T>, JournalError>
    where
        K: 'k,
    {
        let json = serde_json::to_vec(record).map_err(|error| JournalError::Unwritable { table: self.name, cause: error.to_string() })?;
        let replaced = rows.insert(&key, json.as_slice())?;
        Ok(replaced.map(|json| before(json.value())))
    }

    /// Removes a record; one that is not there is removed already.
    pub(super) fn remove<'k>(&self, txn: &WriteTransaction, key: K::SelfType<'k>) -> Result<(), JournalError>
    where
        K: 'k,
    {
        txn.open_table(self.definition())?.remove(&key)?;
        Ok(())
    }

    /// What the bytes under `key` mean.
    pub(super) fn decode(&self, key: &impl Debug, json: &[u8]) -> Result<V, JournalError> {
        serde_json::from_slice(json).map_err(|error| JournalError::Unreadable {
            table: self.name,
            key: format!("{key:?}"),
            cause: error.to_string(),
        })
    }
}
