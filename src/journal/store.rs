//! The open database, shared by the owner thread and the readers, and opened anew after an error of the disk.

use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use redb::{Database, Key, ReadTransaction, ReadableDatabase, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::file::Source;
use super::tables::Table;
use super::{JournalError, migrations};

/// Records of one page of a long read or a long removal.
const PAGE: usize = 1_000;

#[derive(Debug)]
pub(super) struct Store {
    source: Source,
    /// `None` when it could not be opened anew, or is closed. Readers and the writer share the lock; compacting, checking and opening
    /// anew hold it alone. No transaction outlives it.
    database: RwLock<Option<Database>>,
    /// The next access opens the database anew.
    broken: AtomicBool,
    closed: AtomicBool,
    commits: AtomicU64,
    instance: Uuid,
}

impl Store {
    pub(super) fn open(source: Source) -> Result<Self, JournalError> {
        let database = source.open()?;
        let instance = migrations::prepare(&database)?;
        Ok(Self {
            source,
            database: RwLock::new(Some(database)),
            broken: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            commits: AtomicU64::new(0),
            instance,
        })
    }

    pub(super) const fn instance(&self) -> Uuid {
        self.instance
    }

    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    pub(super) fn file_size(&self) -> Result<u64, JournalError> {
        self.source.len()
    }

    /// One short read transaction.
    pub(super) fn read<T>(&self, read: impl FnOnce(&ReadTransaction) -> Result<T, JournalError>) -> Result<T, JournalError> {
        self.shared(|database| read(&database.begin_read()?))
    }

    /// One write transaction: durable when this returns, or without any effect when `write` fails.
    pub(super) fn write<T>(&self, write: impl FnOnce(&WriteTransaction) -> Result<T, JournalError>) -> Result<T, JournalError> {
        self.shared(|database| {
            let txn = database.begin_write()?;
            let result = write(&txn)?;
            txn.commit()?;
            self.commits.fetch_add(1, Ordering::Relaxed);
            Ok(result)
        })
    }

    /// Shows at most a page of a table's records behind the key with the bytes `after` to `visit`, in one read transaction, with which
    /// `visit` can look up others. Gives the bytes of the last key, or `None` when the table is done.
    pub(super) fn page<K, V>(
        &self,
        table: &Table<K, V>,
        after: Option<&[u8]>,
        mut visit: impl for<'k> FnMut(&ReadTransaction, &K::SelfType<'k>, &[u8]) -> Result<(), JournalError>,
    ) -> Result<Option<Vec<u8>>, JournalError>
    where
        K: Key + 'static,
        V: Serialize + DeserializeOwned,
    {
        self.read(|txn| {
            let first = after.map_or(Bound::Unbounded, |bytes| Bound::Excluded(K::from_bytes(bytes)));
            let mut last = None;
            for row in table.open(txn)?.range::<K::SelfType<'_>>((first, Bound::Unbounded))?.take(PAGE) {
                let (key, json) = row?;
                visit(txn, &key.value(), json.value())?;
                last = Some(K::as_bytes(&key.value()).as_ref().to_vec());
            }
            Ok(last)
        })
    }

    /// Shows a whole table to `visit`, page by page: changes made meanwhile may or may not be seen.
    pub(super) fn scan<K, V>(
        &self,
        table: &Table<K, V>,
        mut visit: impl for<'k> FnMut(&ReadTransaction, &K::SelfType<'k>, &[u8]) -> Result<(), JournalError>,
    ) -> Result<(), JournalError>
    where
        K: Key + 'static,
        V: Serialize + DeserializeOwned,
    {
        let mut after = None;
        loop {
            after = self.page(table, after.as_deref(), &mut visit)?;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Access beside others.
    fn shared<T>(&self, access: impl FnOnce(&Database) -> Result<T, JournalError>) -> Result<T, JournalError> {
        self.reopen_if_broken()?;
        let guard = self.database.read().unwrap_or_else(PoisonError::into_inner);
        self.noting_errors(access(guard.as_ref().ok_or(JournalError::Closed)?))
    }

    /// Access while nobody else has any.
    pub(super) fn alone<T>(&self, access: impl FnOnce(&mut Database) -> Result<T, JournalError>) -> Result<T, JournalError> {
        self.reopen_if_broken()?;
        let mut guard = self.database.write().unwrap_or_else(PoisonError::into_inner);
        self.noting_errors(access(guard.as_mut().ok_or(JournalError::Closed)?))
    }

    fn noting_errors<T>(&self, result: Result<T, JournalError>) -> Result<T, JournalError> {
        if result.as_ref().is_err_and(JournalError::needs_reopening) {
            self.broken.store(true, Ordering::Release);
        }
        result
    }

    fn reopen_if_broken(&self) -> Result<(), JournalError> {
        if !self.broken.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut guard = self.database.write().unwrap_or_else(PoisonError::into_inner);
        if self.closed.load(Ordering::Acquire) {
            return Err(JournalError::Closed);
        }
        if self.broken.load(Ordering::Acquire) {
            // The old one is closed first: it holds the lock of the file.
            *guard = None;
            *guard = Some(self.source.open()?);
            self.broken.store(false, Ordering::Release);
        }
        Ok(())
    }

    /// Closes the database for good. Every later access fails with [`JournalError::Closed`].
    pub(super) fn close(&self) {
        let mut guard = self.database.write().unwrap_or_else(PoisonError::into_inner);
        self.closed.store(true, Ordering::Release);
        if guard.take().is_some() && !self.broken.load(Ordering::Acquire) {
            self.source.seal();
        }
    }
}
