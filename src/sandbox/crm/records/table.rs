//! The tables of records. Each change is one commit: the record, its place in the log, its key.

use std::ops::ControlFlow;

use redb::{ReadableDatabase as _, ReadableTable as _, TableDefinition};

use super::StoredRecord;
use crate::model::Moment;
use crate::sandbox::crm::contacts;
use crate::sandbox::crm::store::{Store, StoreError, parse};

const RECORDS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("records");
/// One row for each record: its number by the sequence of its last change. A snapshot and what follows it are the same walk.
const LOG: TableDefinition<'_, u64, u64> = TableDefinition::new("record-log");
/// Numbers of the records with a UID and RECURRENCE-ID.
const KEYS: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("record-keys");
/// Results by employee and operation.
const WRITES: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("record-writes");
const META: TableDefinition<'_, &str, &str> = TableDefinition::new("record-meta");

/// Makes the tables, and the name of this log.
pub(in crate::sandbox::crm) fn create_tables(write: &redb::WriteTransaction) -> Result<(), StoreError> {
    write.open_table(RECORDS)?;
    write.open_table(LOG)?;
    write.open_table(KEYS)?;
    write.open_table(WRITES)?;
    let mut meta = write.open_table(META)?;
    if meta.get("log")?.is_none() {
        meta.insert("log", new_log_name().as_str())?;
    }
    Ok(())
}

fn new_log_name() -> String {
    uuid::Uuid::new_v4().simple().to_string().chars().take(8).collect()
}

/// The tables while they are changed.
pub(in crate::sandbox::crm) struct Tables<'t> {
    records: redb::Table<'t, u64, &'static [u8]>,
    log: redb::Table<'t, u64, u64>,
    keys: redb::Table<'t, (&'static str, &'static str), &'static [u8]>,
    writes: redb::Table<'t, (&'static str, &'static str), &'static [u8]>,
    pub(in crate::sandbox::crm) contacts: contacts::table::Tables<'t>,
}

impl Store {
    /// Changes records in one commit.
    pub(in crate::sandbox::crm) fn change_records<T>(
        &self,
        work: impl FnOnce(&mut Tables<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let write = self.database()?.begin_write()?;
        let result = {
            let mut tables = Tables {
                records: write.open_table(RECORDS)?,
                log: write.open_table(LOG)?,
                keys: write.open_table(KEYS)?,
                writes: write.open_table(WRITES)?,
                contacts: contacts::table::Tables::open(&write)?,
            };
            work(&mut tables)?
        };
        write.commit()?;
        Ok(result)
    }

    /// One record, a deleted one too.
    pub(super) fn record(&self, number: u64) -> Result<Option<StoredRecord>, StoreError> {
        let read = self.database()?.begin_read()?;
        read.open_table(RECORDS)?.get(number)?.map(|row| parse(row.value())).transpose()
    }

    /// Records below `before`, newest first, deleted ones among them, as long as `take` says so.
    pub(in crate::sandbox::crm) fn records(
        &self,
        before: u64,
        mut take: impl FnMut(StoredRecord) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let read = self.database()?.begin_read()?;
        for row in read.open_table(RECORDS)?.range(..before)?.rev() {
            if take(parse(row?.1.value())?).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Records in the order of their last changes, those after `after` only, as long as `take` says so.
    pub(super) fn record_changes(&self, after: u64, mut take: impl FnMut(StoredRecord) -> ControlFlow<()>) -> Result<(), StoreError> {
        let read = self.database()?.begin_read()?;
        let records = read.open_table(RECORDS)?;
        for row in read.open_table(LOG)?.range(after.saturating_add(1)..)? {
            let Some(record) = records.get(row?.1.value())? else { continue };
            if take(parse(record.value())?).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The name of this log, which every cursor bears.
    pub(super) fn log_name(&self) -> Result<String, StoreError> {
        let read = self.database()?.begin_read()?;
        Ok(read.open_table(META)?.get("log")?.map(|row| row.value().to_owned()).unwrap_or_default())
    }

    /// Forgets the tombstones, and with the log's name every cursor given before. The rows of the records stay: a number is never given
    /// twice.
    pub(in crate::sandbox::crm) fn expire_cursors(&self) -> Result<(), StoreError> {
        let write = self.database()?.begin_write()?;
        {
            let (mut log, records) = (write.open_table(LOG)?, write.open_table(RECORDS)?);
            let mut gone = Vec::new();
            for row in log.iter()? {
                let (sequence, number) = row?;
                let record: Option<StoredRecord> = records.get(number.value())?.map(|row| parse(row.value())).transpose()?;
                if record.is_none_or(|record| record.deleted) {
                    gone.push(sequence.value());
                }
            }
            for sequence in gone {
                log.remove(sequence)?;
            }
            contacts::table::forget_tombstones(&write)?;
            write.open_table(META)?.insert("log", new_log_name().as_str())?;
        }
        write.commit()?;
        Ok(())
    }
}

impl Tables<'_> {
    pub(super) fn get(&self, number: u64) -> Result<Option<StoredRecord>, StoreError> {
        self.records.get(number)?.map(|row| parse(row.value())).transpose()
    }

    /// Keeps a record in a new version; a record with the number 0 is a new one.
    pub(super) fn put(&mut self, record: &mut StoredRecord) -> Result<(), StoreError> {
        let earlier = self.get(record.number)?;
        if record.number == 0 {
            record.number = self.records.last()?.map_or(1, |(number, _)| number.value() + 1);
        }
        if let Some(earlier) = &earlier {
            self.log.remove(earlier.sequence)?;
            self.set_key(earlier, false)?;
        }
        record.version += 1;
        record.sequence =
            self.log.last()?.map_or(0, |(sequence, _)| sequence.value()).max(earlier.map_or(0, |earlier| earlier.sequence)) + 1;
        record.kinds.insert(record.kind());
        if record.deleted {
            record.fields.clear();
            record.linked.clear();
        } else {
            self.set_key(record, true)?;
        }
        self.log.insert(record.sequence, record.number)?;
        self.records.insert(record.number, serde_json::to_vec(record)?.as_slice())?;
        Ok(())
    }

    /// The records with a key.
    pub(super) fn with_key(&self, uid: &str, recurrence_id: Option<&Moment>) -> Result<Vec<StoredRecord>, StoreError> {
        let numbers: Vec<u64> =
            self.keys.get((uid, key(recurrence_id).as_str()))?.map(|row| parse(row.value())).transpose()?.unwrap_or_default();
        numbers.into_iter().filter_map(|number| self.get(number).transpose()).collect()
    }

    fn set_key(&mut self, record: &StoredRecord, there: bool) -> Result<(), StoreError> {
        let Some(uid) = record.uid.as_deref() else { return Ok(()) };
        let occurrence = key(record.recurrence_id.as_ref());
        let place = (uid, occurrence.as_str());
        let mut numbers: Vec<u64> = self.keys.get(place)?.map(|row| parse(row.value())).transpose()?.unwrap_or_default();
        numbers.retain(|number| *number != record.number);
        if there {
            numbers.push(record.number);
        }
        self.keys.insert(place, serde_json::to_vec(&numbers)?.as_slice())?;
        Ok(())
    }

    /// What was kept of an operation.
    pub(super) fn write_result(&self, employee: &str, op: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.writes.get((employee, op))?.map(|row| row.value().to_vec()))
    }

    pub(super) fn keep_write_result(&mut self, employee: &str, op: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.writes.insert((employee, op), bytes)?;
        Ok(())
    }
}

fn key(recurrence_id: Option<&Moment>) -> String {
    recurrence_id.map(Moment::key).unwrap_or_default()
}
