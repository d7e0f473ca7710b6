//! Secrets in a file of our own, for systems without a keyring: encrypted with a passphrase.
//!
//! The key is derived by Argon2id (RFC 9106) from the passphrase and a salt of the file; all entries together are sealed by
//! ChaCha20-Poly1305 (RFC 8439) with a new nonce at every write, and the head of the file is authenticated with them. The file is replaced
//! as a whole (it is never half written), belongs to its owner alone, and is locked against other processes while it is changed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use argon2::{Algorithm, Argon2, Params, Version};
use data_encoding::BASE64;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};

use super::SecretValue;
use super::keyring::{SecretStore, StoreError};

/// What the file says it is.
const FORMAT: &str = "crmsync-secrets-1";
/// Larger files are none of ours.
const MAX_FILE: u64 = 16 * 1024 * 1024;
/// A head that asks for more memory than this (KiB) or more rounds is not from us.
const MAX_COST: KdfCost = KdfCost { memory: 1024 * 1024, rounds: 20 };

/// What deriving the key costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KdfCost {
    /// Memory in KiB.
    pub memory: u32,
    /// Passes over it.
    pub rounds: u32,
}

impl Default for KdfCost {
    /// RFC 9106 §4, second choice, with one lane: a fifth of a second.
    fn default() -> Self {
        Self { memory: 64 * 1024, rounds: 3 }
    }
}

/// An encrypted file of secrets.
pub struct SecretFile {
    path: PathBuf,
    cost: KdfCost,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    passphrase: Option<SecretValue>,
    /// The key derived last, and from what: deriving is slow on purpose.
    key: Option<(Head, [u8; 32])>,
}

/// How the key is derived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    format: String,
    cost: KdfCost,
    salt: String,
}

/// The file.
#[derive(Serialize, Deserialize)]
struct Sealed {
    head: Head,
    nonce: String,
    entries: String,
}

type Entries = BTreeMap<String, String>;

impl SecretFile {
    /// A file at `path`, which need not exist yet.
    #[must_use]
    pub fn new(path: PathBuf, cost: KdfCost) -> Self {
        Self { path, cost, state: Mutex::default() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it has its passphrase.
    #[must_use]
    pub fn has_passphrase(&self) -> bool {
        self.state().passphrase.is_some()
    }

    /// Gives it its passphrase; whether it is the right one shows when the file is read.
    pub fn set_passphrase(&self, passphrase: SecretValue) {
        *self.state() = State { passphrase: Some(passphrase), key: None };
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, what: &dyn std::fmt::Display) -> StoreError {
        StoreError::Failed(format!("{}: {what}", self.path.display()))
    }

    fn read_sealed(&self) -> Result<Option<Sealed>, StoreError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed(&error)),
        };
        let mut bytes = Vec::new();
        file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| self.failed(&error))?;
        let sealed: Sealed = serde_json::from_slice(&bytes).map_err(|_| self.failed(&"this is no file of secrets of crmsync"))?;
        let Head { format, cost, .. } = &sealed.head;
        if format != FORMAT || cost.memory > MAX_COST.memory || cost.rounds > MAX_COST.rounds {
            return Err(self.failed(&"this is a file of secrets of another version"));
        }
        Ok(Some(sealed))
    }

    fn key(&self, head: &Head) -> Result<LessSafeKey, StoreError> {
        let mut state = self.state();
        let known = state.key.as_ref().filter(|(known, _)| known == head).map(|(_, key)| *key);
        let key = if let Some(key) = known {
            key
        } else {
            let locked = || StoreError::Locked(format!("{} wants its passphrase", self.path.display()));
            let passphrase = state.passphrase.as_ref().ok_or_else(locked)?;
            let salt = BASE64.decode(head.salt.as_bytes()).map_err(|error| self.failed(&error))?;
            let params = Params::new(head.cost.memory, head.cost.rounds, 1, Some(32)).map_err(|error| self.failed(&error))?;
            let mut key = [0; 32];
            Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
                .hash_password_into(passphrase.expose().as_bytes(), &salt, &mut key)
                .map_err(|error| self.failed(&error))?;
            state.key = Some((head.clone(), key));
            key
        };
        let key = UnboundKey::new(&CHACHA20_POLY1305, &key).map_err(|_| self.failed(&"the key cannot be used"))?;
        Ok(LessSafeKey::new(key))
    }

    fn open(&self, sealed: &Sealed) -> Result<Entries, StoreError> {
        let broken = || self.failed(&"the file was damaged; remove it, then store its secrets anew");
        let nonce = BASE64.decode(sealed.nonce.as_bytes()).map_err(|_| broken())?;
        let mut bytes = BASE64.decode(sealed.entries.as_bytes()).map_err(|_| broken())?;
        let nonce = Nonce::try_assume_unique_for_key(&nonce).map_err(|_| broken())?;
        let aad = Aad::from(serde_json::to_vec(&sealed.head).map_err(|_| broken())?);
        let wrong = |_| StoreError::Locked(format!("the passphrase of {} is wrong, or the file was altered", self.path.display()));
        let plain = self.key(&sealed.head)?.open_in_place(nonce, aad, &mut bytes).map_err(wrong)?;
        serde_json::from_slice(plain).map_err(|_| broken())
    }

    fn entries(&self) -> Result<Option<(Head, Entries)>, StoreError> {
        self.read_sealed()?.map(|sealed| Ok((sealed.head.clone(), self.open(&sealed)?))).transpose()
    }

    /// Changes the entries; `change` says whether there is something to write.
    fn change(&self, change: impl FnOnce(&mut Entries) -> Result<bool, StoreError>) -> Result<(), StoreError> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !folder.is_dir() {
            crate::system::private_dir(folder).map_err(|error| self.failed(&error))?;
        }
        // Another process that changes the file waits here; a lock ends with its process.
        let lock = File::options().create(true).truncate(false).write(true).open(self.path.with_extension("lock"));
        let lock = lock.map_err(|error| self.failed(&error))?;
        lock.lock().map_err(|error| self.failed(&error))?;
        let (head, mut entries) = match self.entries()? {
            Some(found) => found,
            None => (Head { format: FORMAT.to_owned(), cost: self.cost, salt: BASE64.encode(&random::<16>(self)?) }, Entries::new()),
        };
        if !change(&mut entries)? {
            return Ok(());
        }
        let nonce = random::<NONCE_LEN>(self)?;
        let unusable = |_| self.failed(&"cannot be encrypted");
        let mut bytes = serde_json::to_vec(&entries).map_err(|error| self.failed(&error))?;
        let aad = Aad::from(serde_json::to_vec(&head).map_err(|error| self.failed(&error))?);
        self.key(&head)?.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut bytes).map_err(unusable)?;
        let sealed = Sealed { head, nonce: BASE64.encode(&nonce), entries: BASE64.encode(&bytes) };
        let text = serde_json::to_vec_pretty(&sealed).map_err(|error| self.failed(&error))?;
        replace(&self.path, folder, &text).map_err(|error| self.failed(&error))
    }
}

fn random<const LENGTH: usize>(file: &SecretFile) -> Result<[u8; LENGTH], StoreError> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(|error| file.failed(&error))?;
    Ok(bytes)
}

/// Writes beside the file and renames. The mode is 0600 from the start.
fn replace(path: &Path, folder: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(".secrets-").suffix(".tmp").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

impl Drop for SecretFile {
    fn drop(&mut self) {
        if let Some((_, key)) = &mut self.state().key {
            key.fill(0);
            std::hint::black_box(&key);
        }
    }
}

impl SecretStore for SecretFile {
    fn read(&self, entry: &str) -> Result<String, StoreError> {
        let (_, mut entries) = self.entries()?.ok_or(StoreError::NoEntry)?;
        entries.remove(entry).ok_or(StoreError::NoEntry)
    }

    fn write(&self, entry: &str, secret: &str) -> Result<(), StoreError> {
        self.change(|entries| {
            entries.insert(entry.to_owned(), secret.to_owned());
            Ok(true)
        })
    }

    fn delete(&self, entry: &str) -> Result<(), StoreError> {
        if self.read_sealed()?.is_none() {
            return Err(StoreError::NoEntry);
        }
        self.change(|entries| entries.remove(entry).map(|_| true).ok_or(StoreError::NoEntry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: KdfCost = KdfCost { memory: 64, rounds: 1 };

    fn opened(path: &Path, passphrase: &str) -> SecretFile {
        let file = SecretFile::new(path.to_owned(), CHEAP);
        file.set_passphrase(SecretValue::new(passphrase.to_owned()));
        file
    }

    #[test]
    fn entries_come_back_with_the_right_passphrase_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("secrets.json");
        let file = opened(&path, "correct horse");
        assert_eq!(file.read("crm"), Err(StoreError::NoEntry));
        assert_eq!(file.delete("crm"), Err(StoreError::NoEntry));
        file.write("crm", "hunter2").unwrap();
        file.write("work", "t0ken").unwrap();
        let again = opened(&path, "correct horse");
        assert_eq!((again.read("crm").unwrap().as_str(), again.read("work").unwrap().as_str()), ("hunter2", "t0ken"));
        again.delete("crm").unwrap();
        assert_eq!(file.read("crm"), Err(StoreError::NoEntry));
        let wrong = opened(&path, "battery staple");
        assert!(matches!(wrong.read("work"), Err(StoreError::Locked(said)) if said.contains("wrong")));
        assert!(matches!(wrong.write("work", "x"), Err(StoreError::Locked(_))), "nothing is overwritten with another passphrase");
        assert!(matches!(SecretFile::new(path.clone(), CHEAP).read("work"), Err(StoreError::Locked(_))));
        let bytes = std::fs::read_to_string(&path).unwrap();
        assert!(!bytes.contains("t0ken") && !bytes.contains("work"), "not even the names stand there: {bytes}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn every_altered_byte_is_noticed_and_none_makes_it_panic() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.json");
        opened(&path, "p").write("work", "t0ken").unwrap();
        let sound = std::fs::read(&path).unwrap();
        for at in 0..sound.len() {
            let mut bytes = sound.clone();
            bytes[at] ^= 0x01;
            std::fs::write(&path, &bytes).unwrap();
            if let Ok(read) = opened(&path, "p").read("work") {
                // Blanks between the members are nobody's.
                assert_eq!(read, "t0ken");
                assert!(sound[at].is_ascii_whitespace(), "byte {at}");
            }
        }
        for broken in [&b""[..], b"{}", b"\xff\xfe", &sound[..sound.len() / 2]] {
            std::fs::write(&path, broken).unwrap();
            assert!(matches!(opened(&path, "p").read("work"), Err(StoreError::Failed(_))));
            assert!(matches!(opened(&path, "p").write("work", "x"), Err(StoreError::Failed(_))), "a foreign file is not overwritten");
        }
    }

    #[test]
    fn two_at_once_lose_nothing_of_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.json");
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let path = &path;
                scope.spawn(move || {
                    let file = opened(path, "p");
                    for turn in 0..5 {
                        file.write(&format!("{thread}-{turn}"), "x").unwrap();
                    }
                });
            }
        });
        let file = opened(&path, "p");
        assert!((0..4).all(|thread| (0..5).all(|turn| file.read(&format!("{thread}-{turn}")).is_ok())));
    }
}
