//! Opens the journal's file: readable by its owner only, with a small cache.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redb::backends::FileBackend;
use redb::{BackendError, Database, StorageBackend};

use super::{JournalError, seal};

/// Bytes of pages kept in memory, read and unwritten ones together. redb's own default is 1 GiB.
const CACHE_SIZE: usize = 4 << 20;

/// Where the bytes are. It is kept, because after an error of the disk the database must be opened anew.
#[derive(Debug)]
pub(super) enum Source {
    File(JournalFile),
    Backend(SharedBackend),
}

/// A file, and when it was last read as a whole.
#[derive(Debug)]
pub(super) struct JournalFile {
    path: PathBuf,
    checked: Mutex<Option<Duration>>,
}

impl Source {
    pub(super) fn file(path: &Path) -> Self {
        Self::File(JournalFile { path: path.to_owned(), checked: Mutex::default() })
    }

    /// Opens the database, and repairs it if it was not closed. Every page is read against its checksum, because redb trusts an open
    /// file: one altered byte would be read as it stands, or end in a panic. That takes about as long as reading the file, and is left out
    /// while a [`seal`] vouches for it.
    pub(super) fn open(&self) -> Result<Database, JournalError> {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_SIZE).set_check_integrity_on_open(true);
        Ok(match self {
            Self::File(JournalFile { path, checked }) => {
                let backend = FileBackend::new(open_private(path)?)?;
                discard_unfinished(&backend)?;
                let before = seal::take(path);
                let database = builder.set_check_integrity_on_open(before.is_none()).create_with_backend(backend)?;
                *checked.lock().unwrap_or_else(PoisonError::into_inner) = before.or_else(|| seal::changed(path));
                database
            }
            Self::Backend(backend) => {
                discard_unfinished(backend)?;
                builder.create_with_backend(backend.clone())?
            }
        })
    }

    /// Seals the file of a database that was closed in order. Without a seal the next opening takes longer, and nothing else.
    pub(super) fn seal(&self) {
        if let Self::File(JournalFile { path, checked }) = self
            && let Some(checked) = checked.lock().unwrap_or_else(PoisonError::into_inner).take()
            && let Err(error) = seal::put(path, checked)
        {
            tracing::debug!(%error, "the journal was not sealed");
        }
    }

    /// Length in bytes.
    pub(super) fn len(&self) -> Result<u64, JournalError> {
        Ok(match self {
            Self::File(file) => fs::metadata(&file.path)?.len(),
            Self::Backend(backend) => backend.len()?,
        })
    }
}

/// A backend that outlives the database that was opened with it.
#[derive(Debug, Clone)]
pub(super) struct SharedBackend(pub(super) Arc<dyn StorageBackend>);

impl StorageBackend for SharedBackend {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.unlock_range(start, end)
    }
}

/// Empties a file whose making was interrupted, so that it can be made again. redb writes the first bytes, its magic number, when the
/// rest of a new file is on disk; while they are zero nothing was ever committed. redb 4.5 refuses such a file.
fn discard_unfinished(backend: &impl StorageBackend) -> Result<(), JournalError> {
    const WHOLE: (Bound<u64>, Bound<u64>) = (Bound::Unbounded, Bound::Unbounded);
    if !is_unfinished(backend)? {
        return Ok(());
    }
    // Another process may be making the file at this moment.
    let locked = match backend.try_lock_range(WHOLE.0, WHOLE.1) {
        Ok(true) => true,
        Ok(false) => return Err(JournalError::HeldByAnother),
        Err(BackendError::Unsupported) => false,
        Err(BackendError::Io(error)) => return Err(error.into()),
        Err(other) => return Err(JournalError::Disk { cause: other.to_string() }),
    };
    if is_unfinished(backend)? {
        backend.set_len(0)?;
        backend.sync_data()?;
    }
    if locked {
        backend.unlock_range(WHOLE.0, WHOLE.1).map_err(redb::Error::from)?;
    }
    Ok(())
}

fn is_unfinished(backend: &impl StorageBackend) -> io::Result<bool> {
    let mut magic = [0; 9];
    if backend.len()? < magic.len() as u64 {
        return Ok(false);
    }
    backend.read(0, &mut magic)?;
    Ok(magic == [0; 9])
}

fn open_private(path: &Path) -> Result<File, JournalError> {
    if let Some(folder) = path.parent() {
        private::create_folder(folder)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    Ok(private::open(&mut options, path)?)
}

/// Subjects and addresses stand in the journal: only the owner may read it.
#[cfg(unix)]
mod private {
    use std::fs::{DirBuilder, File, OpenOptions, Permissions};
    use std::io;
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
    use std::path::Path;

    pub(super) fn create_folder(folder: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)
    }

    pub(super) fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
        let file = options.mode(0o600).open(path)?;
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
        Ok(file)
    }
}

/// Elsewhere the data folder lies in the user's own profile, which only the user may read.
#[cfg(not(unix))]
mod private {
    use std::fs::{File, OpenOptions, create_dir_all};
    use std::io;
    use std::path::Path;

    pub(super) fn create_folder(folder: &Path) -> io::Result<()> {
        create_dir_all(folder)
    }

    pub(super) fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
        options.open(path)
    }
}
