//! The open database, shared by the owner thread and the readers, and opened anew after an error of the disk.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use redb::{Database, ReadTransaction, ReadableDatabase, WriteTransaction};
use uuid::Uuid;

use super::file::Source;
use super::{JournalError, migrations};

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
        *guard = None;
    }
}
