//! Care for the file: is it sound, and is it larger than it must be.

use std::collections::{BTreeMap, BTreeSet};

use redb::Key;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::migrations::SCHEMA;
use super::tables::{
    self, BATCHES, INTENTS, LOCATED, PAIRS, PAIRS_BY_RECORD, PAIRS_TO_LINK, PARKED, RUN_ITEMS, RUN_ITEMS_BY_MESSAGE_ID, RUNS, SETTLED,
    SETTLED_BY_MESSAGE_ID, Table, Visitor,
};
use super::{Journal, JournalError, LocatedState, store::Store};
use crate::crm::MailVerdict;
use crate::model::{Action, Intent, MailLocation};

/// Faults that a report spells out.
const FAULTS_SHOWN: usize = 100;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JournalReport {
    /// Version of the schema.
    pub schema: u32,
    /// Id of this journal.
    pub instance: Uuid,
    /// Length of the file in bytes.
    pub file_size: u64,
    /// Records in each table.
    pub records: BTreeMap<&'static str, u64>,
    /// Number of faults.
    pub fault_count: u64,
    /// The first hundred faults in plain words. They name keys and accounts: for the user, not for a log.
    pub faults: Vec<String>,
}

/// What compacting gained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Compacted {
    /// Length of the file in bytes before.
    pub before: u64,
    /// Length of the file in bytes after.
    pub after: u64,
}

impl JournalReport {
    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.fault_count == 0
    }

    fn fault(&mut self, words: impl FnOnce() -> String) {
        self.fault_count = self.fault_count.saturating_add(1);
        if self.faults.len() < FAULTS_SHOWN {
            self.faults.push(words());
        }
    }

    fn expect(&mut self, holds: bool, words: impl FnOnce() -> String) {
        if !holds {
            self.fault(words);
        }
    }
}

impl Journal {
    /// Reads the whole file: every page against its checksum, every record, and whether records that belong together are there. A
    /// structure that redb can repair is repaired, and reported. Others wait while the pages are read.
    pub fn check(&self) -> Result<JournalReport, JournalError> {
        let store = self.store();
        let intact = store.alone(|database| Ok(database.check_integrity()?))?;
        let mut report = JournalReport {
            schema: SCHEMA,
            instance: store.instance(),
            file_size: store.file_size()?,
            records: BTreeMap::new(),
            fault_count: 0,
            faults: Vec::new(),
        };
        report.expect(intact, || "the structure of the file was not sound; it has been repaired".to_owned());
        tables::each(&mut EveryRecord { store, report: &mut report })?;
        check_settled(store, &mut report)?;
        check_locations(store, &mut report)?;
        check_writes(store, &mut report)?;
        check_pairs(store, &mut report)?;
        check_runs(store, &mut report)?;
        Ok(report)
    }

    /// Gives room that removed records left back to the disk. Others wait meanwhile (about a third of a second for a million records).
    pub fn compact(&self) -> Result<Compacted, JournalError> {
        let store = self.store();
        let before = store.file_size()?;
        store.alone(|database| Ok(database.compact()?))?;
        Ok(Compacted { before, after: store.file_size()? })
    }
}

/// Counts the records and reads each.
struct EveryRecord<'a> {
    store: &'a Store,
    report: &'a mut JournalReport,
}

impl Visitor for EveryRecord<'_> {
    fn visit<K, V>(&mut self, table: &Table<K, V>) -> Result<(), JournalError>
    where
        K: Key + 'static,
        for<'k> K::SelfType<'k>: Serialize,
        V: Serialize + DeserializeOwned,
    {
        let mut count = 0_u64;
        self.store.scan(table, |_, key, json| {
            count = count.saturating_add(1);
            if let Err(error) = table.decode(key, json) {
                self.report.fault(|| error.to_string());
            }
            Ok(())
        })?;
        self.report.records.insert(table.name, count);
        Ok(())
    }
}

// Records that cannot be read were reported already; what follows passes over them.

fn check_settled(store: &Store, report: &mut JournalReport) -> Result<(), JournalError> {
    store.scan(&SETTLED, |txn, &(account, key), json| {
        let Ok(mail) = SETTLED.decode(&key, json) else { return Ok(()) };
        report
            .expect(mail.verdict != MailVerdict::Retry, || format!("mail {key} of {account} is settled though the CRM asked for a retry"));
        if let Some(id) = &mail.message_id {
            let indexed = SETTLED_BY_MESSAGE_ID.has(txn, (id, account, key))?;
            report.expect(indexed, || format!("mail {key} of {account} is missing from the index by Message-ID"));
        }
        Ok(())
    })?;
    store.scan(&SETTLED_BY_MESSAGE_ID, |txn, &(id, account, key), _| {
        let mail = SETTLED.get(txn, (account, key)).ok().flatten();
        let belongs = mail.is_some_and(|mail| mail.message_id.as_deref() == Some(id));
        report.expect(belongs, || format!("the index by Message-ID names mail {key} of {account}, which is not settled under that id"));
        Ok(())
    })
}

fn check_locations(store: &Store, report: &mut JournalReport) -> Result<(), JournalError> {
    store.scan(&LOCATED, |txn, &(account, mailbox, uid_validity, uid), json| {
        let Ok(located) = LOCATED.decode(&uid, json) else { return Ok(()) };
        let place = || format!("UID {uid} of {mailbox} ({account}, UIDVALIDITY {uid_validity})");
        match (&located.state, &located.key) {
            (LocatedState::Done, Some(key)) => {
                let there = SETTLED.has(txn, (account, key.as_str()))?;
                report.expect(there, || format!("{} is done, but its mail {key} is not settled", place()));
            }
            // A parked entry may be gone while other copies of its mail still point to it: they are looked at again then.
            (LocatedState::Done, None) | (LocatedState::LeftOut { .. } | LocatedState::Parked { .. }, _) => {}
        }
        Ok(())
    })
}

fn check_writes(store: &Store, report: &mut JournalReport) -> Result<(), JournalError> {
    store.scan(&INTENTS, |_, &id, json| {
        let Ok(intent) = INTENTS.decode(&id, json) else { return Ok(()) };
        report.expect(intent.operation.id.as_str() == id, || format!("intent {id} stands under another id"));
        report.expect(is_location_sane(&intent), || format!("intent {id} names a place that cannot be"));
        Ok(())
    })?;
    store.scan(&BATCHES, |_, &key, json| {
        let Ok(batch) = BATCHES.decode(&key, json) else { return Ok(()) };
        report.expect(batch.key.as_str() == key, || format!("batch {key} stands under another key"));
        report.expect(!batch.members.is_empty(), || format!("batch {key} has no members"));
        let distinct: BTreeSet<_> = batch.members.iter().map(|(_, item, _)| item).collect();
        report.expect(distinct.len() == batch.members.len(), || format!("batch {key} has a mail twice"));
        let sane = batch.members.iter().all(|(location, ..)| location.account == batch.account && is_place(location));
        report.expect(sane, || format!("batch {key} names a place that cannot be"));
        Ok(())
    })?;
    store.scan(&PARKED, |_, &(account, area, id), json| {
        let Ok(entry) = PARKED.decode(&id, json) else { return Ok(()) };
        let same = (entry.account.as_str(), entry.area.name(), entry.id.as_str()) == (account, area, id);
        report.expect(same, || format!("parked item {id} of {account} stands under another key"));
        Ok(())
    })
}

fn is_location_sane(intent: &Intent) -> bool {
    match &intent.operation.action {
        Action::PlaceMail { location, .. } => location.account == intent.operation.account && is_place(location),
        _ => true,
    }
}

/// UIDs and UIDVALIDITY are never 0 (RFC 9051 §2.3.1.1).
const fn is_place(location: &MailLocation) -> bool {
    location.uid != 0 && location.uid_validity != 0
}

fn check_pairs(store: &Store, report: &mut JournalReport) -> Result<(), JournalError> {
    store.scan(&PAIRS, |txn, &(account, area, key), json| {
        let Ok(pair) = PAIRS.decode(&key, json) else { return Ok(()) };
        report.expect(pair.item.is_some() || pair.record.is_some(), || format!("pair {key} of {account} has neither item nor record"));
        if let Some(record) = &pair.record {
            let indexed = PAIRS_BY_RECORD.get(txn, (account, area, &record.id)).ok().flatten();
            report.expect(indexed.is_some_and(|other| other.as_str() == key), || {
                format!("pair {key} of {account} is missing from the index by record")
            });
        }
        let waits = PAIRS_TO_LINK.has(txn, (account, area, key))?;
        report.expect(waits == pair.waits_for_link(), || format!("pair {key} of {account} stands wrongly in the list of missing links"));
        Ok(())
    })?;
    store.scan(&PAIRS_BY_RECORD, |txn, &(account, area, record), json| {
        let Ok(key) = PAIRS_BY_RECORD.decode(&record, json) else { return Ok(()) };
        let pair = PAIRS.get(txn, (account, area, key.as_str())).ok().flatten();
        let belongs = pair.and_then(|pair| pair.record).is_some_and(|link| link.id == record);
        report.expect(belongs, || format!("the index by record names pair {key} of {account}, which is not of record {record}"));
        Ok(())
    })
}

fn check_runs(store: &Store, report: &mut JournalReport) -> Result<(), JournalError> {
    store.scan(&RUNS, |_, &id, json| {
        let Ok(run) = RUNS.decode(&id, json) else { return Ok(()) };
        report.expect(run.id.as_str() == id, || format!("run {id} stands under another id"));
        Ok(())
    })?;
    store.scan(&RUN_ITEMS, |txn, &(run, number), json| {
        let Ok(item) = RUN_ITEMS.decode(&number, json) else { return Ok(()) };
        let there = RUNS.has(txn, run)?;
        report.expect(there, || format!("item {number} belongs to run {run}, which is not there"));
        if let Some(id) = &item.message_id {
            let indexed = RUN_ITEMS_BY_MESSAGE_ID.has(txn, (id, run, number))?;
            report.expect(indexed, || format!("item {number} of run {run} is missing from the index by Message-ID"));
        }
        Ok(())
    })?;
    store.scan(&RUN_ITEMS_BY_MESSAGE_ID, |txn, &(id, run, number), _| {
        let item = RUN_ITEMS.get(txn, (run, number)).ok().flatten();
        let belongs = item.is_some_and(|item| item.message_id.as_deref() == Some(id));
        report.expect(belongs, || format!("the index by Message-ID names item {number} of run {run}, which does not have that id"));
        Ok(())
    })
}
