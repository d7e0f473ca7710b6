//! Accounts, mailboxes and messages in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, FixedOffset};

use super::quirks::Keywords;

/// Flags and keywords of a message. Spelled as the mailbox knows them, so that equal ones are the same text.
pub(super) type Flags = BTreeSet<Arc<str>>;

/// One message.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) raw: Bytes,
    pub(super) flags: Flags,
    pub(super) internal_date: DateTime<FixedOffset>,
    pub(super) modseq: u64,
}

/// One mailbox. Its messages lie by UID; every change has a modification sequence of its own, by which changes are found.
#[derive(Debug)]
pub(super) struct Mailbox {
    pub(super) name: String,
    pub(super) selectable: bool,
    pub(super) special_use: Option<&'static str>,
    pub(super) uid_validity: u32,
    pub(super) uid_next: u32,
    pub(super) highest_modseq: u64,
    pub(super) messages: BTreeMap<u32, Message>,
    /// Modification sequence → UID, one entry a message.
    pub(super) changed: BTreeMap<u64, u32>,
    /// Modification sequence → UID that went.
    pub(super) vanished: BTreeMap<u64, u32>,
    /// Messages that went but are still delivered to sessions that know them (Cyrus).
    pub(super) ghosts: BTreeMap<u32, Message>,
    /// Lower case → first spelling of every keyword ever set.
    keywords: BTreeMap<String, Arc<str>>,
}

/// Why a keyword cannot be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeywordRefused {
    NotPermitted,
    TooMany,
}

impl Mailbox {
    fn new(name: &str, uid_validity: u32) -> Self {
        Self {
            name: name.to_owned(),
            selectable: true,
            special_use: None,
            uid_validity,
            uid_next: 1,
            highest_modseq: 1,
            messages: BTreeMap::new(),
            changed: BTreeMap::new(),
            vanished: BTreeMap::new(),
            ghosts: BTreeMap::new(),
            keywords: BTreeMap::new(),
        }
    }

    /// Keywords ever set here, in their first spelling.
    pub(super) fn keywords(&self) -> impl Iterator<Item = &str> {
        self.keywords.values().map(AsRef::as_ref)
    }

    /// The mailbox's spelling of `flags`, learning new keywords as far as `policy` allows.
    pub(super) fn intern<'a>(&mut self, flags: impl IntoIterator<Item = &'a str>, policy: Keywords) -> Result<Flags, KeywordRefused> {
        let mut interned = Flags::new();
        for flag in flags {
            if flag.starts_with('\\') {
                interned.insert(Arc::from(flag));
                continue;
            }
            let key = flag.to_lowercase();
            if let Some(known) = self.keywords.get(&key) {
                interned.insert(Arc::clone(known));
                continue;
            }
            match policy {
                Keywords::Ignored | Keywords::Dropped => continue,
                Keywords::Refused => return Err(KeywordRefused::NotPermitted),
                Keywords::AtMost(limit) if self.keywords.len() >= limit => return Err(KeywordRefused::TooMany),
                Keywords::Kept | Keywords::AtMost(_) => {}
            }
            let spelling: Arc<str> = Arc::from(flag);
            self.keywords.insert(key, Arc::clone(&spelling));
            interned.insert(spelling);
        }
        Ok(interned)
    }

    fn touch(&mut self) -> u64 {
        self.highest_modseq += 1;
        self.highest_modseq
    }

    /// Adds a message; its UID.
    pub(super) fn add(&mut self, raw: Bytes, flags: Flags, internal_date: DateTime<FixedOffset>) -> u32 {
        let uid = self.uid_next;
        self.uid_next = self.uid_next.saturating_add(1);
        let modseq = self.touch();
        self.messages.insert(uid, Message { raw, flags, internal_date, modseq });
        self.changed.insert(modseq, uid);
        uid
    }

    /// Sets the flags of a message. Returns the new modification sequence, or `None` when nothing changed or it is gone.
    pub(super) fn set_flags(&mut self, uid: u32, flags: Flags) -> Option<u64> {
        let modseq = self.highest_modseq + 1;
        let message = self.messages.get_mut(&uid).filter(|message| message.flags != flags)?;
        message.flags = flags;
        self.changed.remove(&message.modseq);
        message.modseq = modseq;
        self.changed.insert(modseq, uid);
        self.highest_modseq = modseq;
        Some(modseq)
    }

    /// Removes a message for good. `haunt` keeps it for sessions that know it.
    pub(super) fn expunge(&mut self, uid: u32, haunt: bool) -> Option<Message> {
        let message = self.messages.remove(&uid)?;
        self.changed.remove(&message.modseq);
        let modseq = self.touch();
        self.vanished.insert(modseq, uid);
        if haunt {
            self.ghosts.insert(uid, message.clone());
        }
        Some(message)
    }

    /// UIDs that went after `modseq`, ascending.
    pub(super) fn vanished_since(&self, modseq: u64) -> Vec<u32> {
        let mut uids: Vec<u32> = self.vanished.range(modseq.saturating_add(1)..).map(|(_, uid)| *uid).collect();
        uids.sort_unstable();
        uids
    }
}

/// Identity of a mailbox beyond its name: a rename keeps it, a deletion ends it.
pub(super) type MailboxKey = u64;

/// One user's mailboxes.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) password: String,
    pub(super) token: Option<String>,
    pub(super) subscribed: BTreeSet<String>,
    mailboxes: BTreeMap<MailboxKey, Mailbox>,
    names: BTreeMap<String, MailboxKey>,
    next_key: MailboxKey,
    next_validity: u32,
}

/// First UIDVALIDITY of an account. Like a clock in seconds, as most servers have it.
const FIRST_VALIDITY: u32 = 1_760_000_000;

impl Account {
    /// An account that has an empty INBOX.
    pub(super) fn new(password: &str, token: Option<&str>) -> Self {
        let mut account = Self {
            password: password.to_owned(),
            token: token.map(str::to_owned),
            subscribed: BTreeSet::new(),
            mailboxes: BTreeMap::new(),
            names: BTreeMap::new(),
            next_key: 0,
            next_validity: FIRST_VALIDITY,
        };
        account.create("INBOX");
        account
    }

    fn validity(&mut self) -> u32 {
        self.next_validity += 1;
        self.next_validity
    }

    /// The mailbox of this name, made if it is not there.
    pub(super) fn create(&mut self, name: &str) -> &mut Mailbox {
        let key = self.key(name).unwrap_or_else(|| {
            self.next_key += 1;
            self.names.insert(name.to_owned(), self.next_key);
            self.next_key
        });
        let validity = if self.mailboxes.contains_key(&key) { 0 } else { self.validity() };
        self.mailboxes.entry(key).or_insert_with(|| Mailbox::new(name, validity))
    }

    pub(super) fn key(&self, name: &str) -> Option<MailboxKey> {
        self.names.get(name).copied()
    }

    pub(super) fn by_key(&self, key: MailboxKey) -> Option<&Mailbox> {
        self.mailboxes.get(&key)
    }

    pub(super) fn by_key_mut(&mut self, key: MailboxKey) -> Option<&mut Mailbox> {
        self.mailboxes.get_mut(&key)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Mailbox> {
        self.by_key(self.key(name)?)
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Mailbox> {
        self.by_key_mut(self.key(name)?)
    }

    /// Every mailbox, by name.
    pub(super) fn all(&self) -> impl Iterator<Item = &Mailbox> {
        self.names.values().filter_map(|key| self.mailboxes.get(key))
    }

    /// Whether any mailbox's name begins with `prefix`.
    pub(super) fn has_below(&self, prefix: &str) -> bool {
        self.names.range(prefix.to_owned()..).next().is_some_and(|(name, _)| name.starts_with(prefix))
    }

    /// Removes a mailbox with all its messages.
    pub(super) fn delete(&mut self, name: &str) -> Option<Mailbox> {
        let key = self.names.remove(name)?;
        self.mailboxes.remove(&key)
    }

    /// Renames one mailbox, not those below it. `new_validity` gives it another UIDVALIDITY.
    pub(super) fn rename(&mut self, from: &str, to: &str, new_validity: bool) {
        let validity = self.validity();
        if let Some(key) = self.names.remove(from)
            && let Some(mailbox) = self.mailboxes.get_mut(&key)
        {
            to.clone_into(&mut mailbox.name);
            if new_validity {
                mailbox.uid_validity = validity;
            }
            self.names.insert(to.to_owned(), key);
        }
    }

    /// Gives a mailbox a new UIDVALIDITY and numbers its messages from 1, so that old UIDs mean other messages.
    pub(super) fn bump_validity(&mut self, name: &str) {
        let Some(old) = self.delete(name) else { return };
        let mailbox = self.create(name);
        mailbox.selectable = old.selectable;
        mailbox.special_use = old.special_use;
        mailbox.keywords = old.keywords;
        for message in old.messages.into_values() {
            mailbox.add(message.raw, message.flags, message.internal_date);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date() -> DateTime<FixedOffset> {
        DateTime::UNIX_EPOCH.fixed_offset()
    }

    #[test]
    fn keywords_keep_their_first_spelling() {
        let mut account = Account::new("p", None);
        let inbox = account.create("INBOX");
        inbox.intern(["CRMcorner"], Keywords::Kept).unwrap();
        let flags = inbox.intern(["crmCORNER", "\\Seen"], Keywords::Refused).unwrap();
        assert_eq!(flags.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["CRMcorner", "\\Seen"]);
        assert_eq!(inbox.intern(["New"], Keywords::Refused), Err(KeywordRefused::NotPermitted));
        assert_eq!(inbox.intern(["New"], Keywords::AtMost(1)), Err(KeywordRefused::TooMany));
        assert_eq!(inbox.intern(["New"], Keywords::Dropped), Ok(Flags::new()));
    }

    #[test]
    fn a_recreated_mailbox_has_another_uid_validity_and_a_bump_renumbers() {
        let mut account = Account::new("p", None);
        let first = account.create("A").uid_validity;
        account.delete("A");
        assert!(account.create("A").uid_validity > first);
        let mailbox = account.create("A");
        for _ in 0..3 {
            mailbox.add(Bytes::from_static(b"x"), Flags::new(), date());
        }
        mailbox.expunge(1, false);
        let before = mailbox.uid_validity;
        account.bump_validity("A");
        let after = account.get("A").unwrap();
        assert!(after.uid_validity > before);
        assert_eq!(after.messages.keys().copied().collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn changes_are_found_by_modification_sequence() {
        let mut account = Account::new("p", None);
        let inbox = account.create("INBOX");
        for _ in 0..3 {
            inbox.add(Bytes::from_static(b"x"), Flags::new(), date());
        }
        let before = inbox.highest_modseq;
        let seen = inbox.intern(["\\Seen"], Keywords::Kept).unwrap();
        assert!(inbox.set_flags(2, seen.clone()).is_some());
        assert!(inbox.set_flags(2, seen).is_none(), "nothing changed");
        inbox.expunge(3, false);
        assert_eq!(inbox.changed.range(before + 1..).map(|(_, uid)| *uid).collect::<Vec<_>>(), [2]);
        assert_eq!(inbox.vanished_since(before), [3]);
    }
}
