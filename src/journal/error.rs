//! What can go wrong with the journal, and what the user can do about it.

use std::io;

/// Why the journal did not do what was asked. Every variant has a [repair](Self::repair).
///
/// A commit that failed with [`Disk`](Self::Disk) or [`DiskFull`](Self::DiskFull) is *not acknowledged*: whether it stands is known
/// only after the next successful read. That is the same state as after a crash, and is healed in the same way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// Another process, or another handle of this one, has the file.
    #[error("the journal is in use by another crmsync")]
    HeldByAnother,
    /// There is no room on the disk.
    #[error("the disk with the journal is full: {cause}")]
    DiskFull {
        /// The system's words.
        cause: String,
    },
    /// The disk failed in another way.
    #[error("the journal could not be read or written: {cause}")]
    Disk {
        /// The system's words.
        cause: String,
    },
    /// The file is no journal, is cut short, or was altered.
    #[error("the journal's file is damaged or is not a journal: {cause}")]
    Damaged {
        /// What was found.
        cause: String,
    },
    /// A newer crmsync wrote the file.
    #[error("the journal has schema version {found}, this crmsync knows versions up to {known}")]
    TooNew {
        /// Version of the file.
        found: u32,
        /// Newest version that can be read.
        known: u32,
    },
    /// One record does not mean anything.
    #[error("record {key} of the journal's table \"{table}\" cannot be read: {cause}")]
    Unreadable {
        /// Table.
        table: &'static str,
        /// Key.
        key: String,
        /// What was found.
        cause: String,
    },
    /// A record cannot be written as JSON.
    #[error("a record for the journal's table \"{table}\" cannot be written: {cause}")]
    Unwritable {
        /// Table.
        table: &'static str,
        /// Why.
        cause: String,
    },
    /// An export could not be written to where it should go.
    #[error("the export could not be written: {cause}")]
    Export {
        /// The system's words.
        cause: String,
    },
    /// The journal was closed by [`Journal::close`](super::Journal::close).
    #[error("the journal is closed")]
    Closed,
}

impl JournalError {
    /// What the user can do about it.
    #[must_use]
    pub const fn repair(&self) -> &'static str {
        match self {
            Self::HeldByAnother => "wait until the other crmsync has ended, or use the one that runs",
            Self::DiskFull { .. } => "make room on the disk; the next run goes on where this one stopped",
            Self::Disk { .. } => "check the disk and the rights to the data folder; the next run goes on where this one stopped",
            Self::Damaged { .. } => {
                "move the journal's file away: the next run builds a new one, and nothing is doubled, because the CRM knows each item by \
                 its key"
            }
            Self::Unreadable { .. } => {
                "see `crmsync journal check`; if it does not help, move the journal's file away: the next run builds a new one, and \
                 nothing is doubled, because the CRM knows each item by its key"
            }
            Self::TooNew { .. } => {
                "upgrade crmsync; or move the journal's file away: the next run builds a new one, and nothing is doubled, because the CRM \
                 knows each item by its key"
            }
            Self::Unwritable { .. } => "report it: this is a defect of crmsync",
            Self::Export { .. } => "check the disk and the rights to the folder of the export",
            Self::Closed => "start the command again",
        }
    }

    /// After such an error redb refuses everything until the file is opened anew, which repairs it where needed.
    pub(super) const fn needs_reopening(&self) -> bool {
        matches!(self, Self::DiskFull { .. } | Self::Disk { .. } | Self::Damaged { .. })
    }
}

impl From<io::Error> for JournalError {
    fn from(error: io::Error) -> Self {
        let cause = error.to_string();
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Self::DiskFull { cause },
            // redb says `InvalidData` for a wrong header, and meets the end of a file that was cut short.
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => Self::Damaged { cause },
            _ => Self::Disk { cause },
        }
    }
}

impl From<redb::Error> for JournalError {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) => error.into(),
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => Self::HeldByAnother,
            redb::Error::PreviousIo | redb::Error::LockPoisoned(_) | redb::Error::TransactionPoisoned => {
                Self::Disk { cause: error.to_string() }
            }
            other => Self::Damaged { cause: other.to_string() },
        }
    }
}

macro_rules! through_redb_error {
    ($($error:ident)*) => {
        $(impl From<redb::$error> for JournalError {
            fn from(error: redb::$error) -> Self {
                redb::Error::from(error).into()
            }
        })*
    };
}
through_redb_error!(DatabaseError StorageError TransactionError TableError CommitError CompactionError);
