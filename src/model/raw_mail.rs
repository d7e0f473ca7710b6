//! The original bytes of a mail, in memory or in a spool file, with their digest.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use sha2::Digest as _;

use super::Digest;

/// A body above this many bytes goes to a spool file, so that memory stays flat.
pub const SPOOL_THRESHOLD: u64 = 2 * 1024 * 1024;

/// The bytes of one mail. Cheap to clone; a spool file is removed with the last clone.
#[derive(Debug, Clone)]
pub struct RawMail {
    digest: Digest,
    len: u64,
    store: Store,
}

#[derive(Debug, Clone)]
enum Store {
    Memory(Bytes),
    Spooled(Arc<tempfile::NamedTempFile>),
}

impl RawMail {
    /// A mail from bytes in memory.
    #[must_use]
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { digest: Digest::of(&bytes), len: bytes.len() as u64, store: Store::Memory(bytes) }
    }

    /// SHA-256 of the bytes.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Length in bytes.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is not one byte.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes, when they lie in memory.
    #[must_use]
    pub const fn in_memory(&self) -> Option<&Bytes> {
        match &self.store {
            Store::Memory(bytes) => Some(bytes),
            Store::Spooled(_) => None,
        }
    }

    /// The spool file, when the mail does not lie in memory.
    #[must_use]
    pub fn spool_path(&self) -> Option<&Path> {
        match &self.store {
            Store::Memory(_) => None,
            Store::Spooled(file) => Some(file.path()),
        }
    }

    /// A reader from the first byte; any number may be open.
    pub fn reader(&self) -> io::Result<RawMailReader> {
        Ok(match &self.store {
            Store::Memory(bytes) => RawMailReader::Memory(Cursor::new(bytes.clone())),
            Store::Spooled(file) => RawMailReader::File(io::BufReader::with_capacity(64 * 1024, file.reopen()?)),
        })
    }
}

/// Reads a [`RawMail`] from its first byte.
#[derive(Debug)]
pub enum RawMailReader {
    /// From memory.
    Memory(Cursor<Bytes>),
    /// From the spool file.
    File(io::BufReader<File>),
}

impl Read for RawMailReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Memory(cursor) => cursor.read(buf),
            Self::File(file) => file.read(buf),
        }
    }
}

/// Takes the bytes of a mail as they arrive. Moves to a spool file above [`SPOOL_THRESHOLD`].
#[derive(Debug)]
pub struct RawMailWriter {
    spool_dir: PathBuf,
    threshold: u64,
    hash: sha2::Sha256,
    len: u64,
    memory: Vec<u8>,
    spool: Option<tempfile::NamedTempFile>,
}

impl RawMailWriter {
    /// A writer that spools into `spool_dir`, which must exist; `expected` is the announced length in bytes, a hint only.
    #[must_use]
    pub fn new(spool_dir: &Path, expected: u64) -> Self {
        let capacity = if expected > SPOOL_THRESHOLD { 0 } else { usize::try_from(expected).unwrap_or(0) };
        Self {
            spool_dir: spool_dir.to_owned(),
            threshold: SPOOL_THRESHOLD,
            hash: sha2::Sha256::new(),
            len: 0,
            memory: Vec::with_capacity(capacity.min(64 * 1024)),
            spool: None,
        }
    }

    /// The same with another threshold in bytes; with 0 every mail that is not empty is spooled.
    #[must_use]
    pub const fn with_threshold(mut self, threshold: u64) -> Self {
        self.threshold = threshold;
        self
    }

    /// Takes the next bytes. Fails only when the spool file cannot be written, for example on a full disk.
    pub fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.hash.update(chunk);
        self.len += chunk.len() as u64;
        if let Some(file) = &mut self.spool {
            return file.write_all(chunk);
        }
        self.memory.extend_from_slice(chunk);
        if self.memory.len() as u64 > self.threshold {
            let mut file = tempfile::Builder::new().prefix("mail-").suffix(".spool").tempfile_in(&self.spool_dir)?;
            file.write_all(&self.memory)?;
            self.memory = Vec::new();
            self.spool = Some(file);
        }
        Ok(())
    }

    /// The finished mail.
    pub fn finish(self) -> io::Result<RawMail> {
        let digest = Digest::from_sha256(&self.hash.finalize());
        let store = match self.spool {
            Some(mut file) => {
                file.flush()?;
                file.rewind()?;
                Store::Spooled(Arc::new(file))
            }
            None => Store::Memory(self.memory.into()),
        };
        Ok(RawMail { digest, len: self.len, store })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(chunks: &[&[u8]], dir: &Path) -> RawMail {
        let mut writer = RawMailWriter::new(dir, 0);
        for chunk in chunks {
            writer.write(chunk).unwrap();
        }
        writer.finish().unwrap()
    }

    #[test]
    fn a_small_mail_stays_in_memory_with_its_digest() {
        let dir = tempfile::tempdir().unwrap();
        let mail = written(&[b"Subject: a\r\n", b"\r\nb"], dir.path());
        assert_eq!(mail.in_memory().unwrap().as_ref(), b"Subject: a\r\n\r\nb");
        assert_eq!(mail.digest(), RawMail::from_bytes(&b"Subject: a\r\n\r\nb"[..]).digest());
    }

    #[test]
    fn a_large_mail_is_spooled_and_its_file_goes_with_the_last_clone() {
        let dir = tempfile::tempdir().unwrap();
        let block = vec![b'x'; 1024 * 1024];
        let mail = written(&[&block, &block, &block], dir.path());
        let path = mail.spool_path().unwrap().to_owned();
        let clone = mail.clone();
        drop(mail);
        let mut bytes = Vec::new();
        clone.reader().unwrap().read_to_end(&mut bytes).unwrap();
        assert_eq!(&Digest::of(&bytes), clone.digest());
        drop(clone);
        assert!(!path.exists());
    }
}
