//! Keeps a grant among the secrets, in parts where an entry cannot be long.
//!
//! The Windows Credential Manager takes 2,560 bytes an entry, which are 1,280 characters, and tokens of Microsoft are longer. The parts are
//! written first, beside the old ones, then the entry that names them: cut off at any point, the old grant stands or the new one does.

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use crate::settings::{Secret, SecretError, SecretValue, Secrets};

use super::Grant;

/// Characters of an entry.
const PART: usize = if cfg!(windows) { 1_200 } else { 16_000 };
/// Parts of a grant; more are none of ours.
const MAX_PARTS: usize = 64;
/// How the entry begins that names parts. A grant begins with `{`.
const MANIFEST: &str = "crmsync-parts";

/// The place of one grant.
#[derive(Debug, Clone)]
pub(super) struct GrantStore {
    secrets: Secrets,
    entry: String,
    part: usize,
}

/// Where the parts are, and what they are together.
#[derive(Debug, PartialEq, Eq)]
struct Manifest {
    /// `a` or `b`, by turns.
    slot: char,
    count: usize,
    digest: String,
}

impl Manifest {
    fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let (Some(MANIFEST), Some(slot), Some(count), Some(digest), None) =
            (words.next(), words.next(), words.next(), words.next(), words.next())
        else {
            return None;
        };
        let slot = slot.parse().ok().filter(|slot| matches!(slot, 'a' | 'b'))?;
        let count = count.parse().ok().filter(|count| (1..=MAX_PARTS).contains(count))?;
        Some(Self { slot, count, digest: digest.to_owned() })
    }
}

impl GrantStore {
    pub(super) fn new(secrets: Secrets, entry: String) -> Self {
        Self { secrets, entry, part: PART }
    }

    #[cfg(test)]
    pub(super) fn with_part(self, part: usize) -> Self {
        Self { part, ..self }
    }

    /// The grant; `None` when there is none, or one that was damaged.
    pub(super) async fn read(&self) -> Result<Option<Grant>, SecretError> {
        let Some(text) = self.text(&self.entry).await? else { return Ok(None) };
        let grant = match Manifest::read(text.expose()) {
            None => Grant::from_text(text.expose()),
            Some(manifest) => self.joined(&manifest).await?,
        };
        if grant.is_none() {
            tracing::warn!("the stored sign-in is damaged");
        }
        Ok(grant)
    }

    /// Puts a grant in the place of the old one.
    pub(super) async fn write(&self, grant: &Grant) -> Result<(), SecretError> {
        let old = self.text(&self.entry).await?.and_then(|text| Manifest::read(text.expose()));
        let text = grant.to_text();
        if text.expose().len() <= self.part {
            self.secrets.write(&self.entry, &text).await?;
        } else {
            let slot = if old.as_ref().is_some_and(|old| old.slot == 'a') { 'b' } else { 'a' };
            // The text is ASCII but for what a provider may write into a token; no character is cut.
            let parts = parts(text.expose(), self.part);
            for (index, part) in parts.iter().enumerate() {
                self.secrets.write(&self.part_name(slot, index), &SecretValue::new((*part).to_owned())).await?;
            }
            let manifest = format!("{MANIFEST} {slot} {} {}", parts.len(), digest(text.expose()));
            self.secrets.write(&self.entry, &SecretValue::new(manifest)).await?;
        }
        if let Some(old) = old {
            self.remove(&old).await;
        }
        Ok(())
    }

    /// Forgets the grant.
    pub(super) async fn delete(&self) -> Result<(), SecretError> {
        let manifest = self.text(&self.entry).await?.and_then(|text| Manifest::read(text.expose()));
        self.secrets.delete(&self.entry).await?;
        if let Some(manifest) = manifest {
            self.remove(&manifest).await;
        }
        Ok(())
    }

    async fn joined(&self, manifest: &Manifest) -> Result<Option<Grant>, SecretError> {
        let mut text = String::new();
        for index in 0..manifest.count {
            let Some(part) = self.text(&self.part_name(manifest.slot, index)).await? else { return Ok(None) };
            text.push_str(part.expose());
        }
        let text = SecretValue::new(text);
        Ok(if digest(text.expose()) == manifest.digest { Grant::from_text(text.expose()) } else { None })
    }

    /// What is left behind is overwritten by the grant after the next one.
    async fn remove(&self, manifest: &Manifest) {
        for index in 0..manifest.count {
            if self.secrets.delete(&self.part_name(manifest.slot, index)).await.is_err() {
                return;
            }
        }
    }

    async fn text(&self, entry: &str) -> Result<Option<SecretValue>, SecretError> {
        match self.secrets.read(&Secret::Keyring(entry.to_owned())).await {
            Ok(text) => Ok(Some(text)),
            Err(SecretError::NoEntry { .. } | SecretError::Unusable { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn part_name(&self, slot: char, index: usize) -> String {
        format!("{} {slot}{index}", self.entry)
    }
}

/// Cuts a text into parts of at most `length` bytes, at the borders of characters.
fn parts(text: &str, length: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (part, after) = rest.split_at(rest.floor_char_boundary(length.max(4)));
        parts.push(part);
        rest = after;
    }
    parts
}

fn digest(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::tests::Memory;
    use super::*;
    use crate::model::Instant;

    fn grant(access: &str) -> Grant {
        Grant {
            refresh: Some(SecretValue::new("r".repeat(300))),
            access: Some(SecretValue::new(access.to_owned())),
            issued: Instant::UNIX_EPOCH,
            lifetime: Duration::from_hours(1),
        }
    }

    fn store(memory: &Memory, part: usize) -> GrantStore {
        GrantStore::new(memory.secrets(), "sign-in".to_owned()).with_part(part)
    }

    #[tokio::test]
    async fn a_long_grant_is_split_into_entries_that_a_small_store_takes() {
        let memory = Memory::default();
        memory.limit(100);
        let store = store(&memory, 100);
        assert_eq!(store.read().await, Ok(None));
        for round in ["a", "bé", "c"] {
            let grant = grant(&round.repeat(700));
            store.write(&grant).await.unwrap();
            assert_eq!(store.read().await.unwrap(), Some(grant));
        }
        let entries = memory.entries();
        let longest = entries.iter().map(String::len).max();
        store.write(&grant("short")).await.unwrap();
        assert!(longest.is_some() && memory.entries().len() < entries.len(), "the old parts are gone: {:?}", memory.entries());
        store.delete().await.unwrap();
        assert!(memory.entries().is_empty(), "{:?}", memory.entries());
        store.delete().await.unwrap();
    }

    #[tokio::test]
    async fn cut_off_at_any_write_the_old_grant_stands_or_the_new_one_does() {
        for (old, new) in [(700, 900), (10, 900), (700, 10)] {
            let (old, new) = (grant(&"o".repeat(old)), grant(&"n".repeat(new)));
            for cut in 0.. {
                let memory = Memory::default();
                let store = store(&memory, 400);
                store.write(&old).await.unwrap();
                memory.fail_after(cut);
                let written = store.write(&new).await;
                memory.fail_after(usize::MAX);
                let found = store.read().await.unwrap().expect("one of the two");
                assert!(found == new || (found == old && written.is_err()), "cut after {cut}");
                store.write(&new).await.unwrap();
                assert_eq!(store.read().await.unwrap(), Some(new.clone()), "and the next write heals it");
                if written.is_ok() {
                    break;
                }
            }
        }
    }

    #[tokio::test]
    async fn parts_that_do_not_fit_are_noticed() {
        let memory = Memory::default();
        let store = store(&memory, 100);
        store.write(&grant(&"o".repeat(700))).await.unwrap();
        let part = memory.entries().into_iter().find(|name| name.ends_with(" a1")).unwrap();
        memory.set(&part, "x");
        assert_eq!(store.read().await, Ok(None), "a part of another write");
        memory.remove(&part);
        assert_eq!(store.read().await, Ok(None), "a part that is gone");
        for broken in ["crmsync-parts", "crmsync-parts a 99999999999 x", "crmsync-parts a 65 x", "crmsync-parts c 1 x", "{", "hello"] {
            memory.set("sign-in", broken);
            assert_eq!(store.read().await, Ok(None), "{broken}");
        }
    }

    #[tokio::test]
    async fn a_store_that_is_locked_is_named_and_passes() {
        let memory = Memory::default();
        memory.lock();
        let error = store(&memory, 100).read().await.unwrap_err();
        assert!(error.is_transient() && error.to_string().contains("locked"), "{error}");
    }
}
