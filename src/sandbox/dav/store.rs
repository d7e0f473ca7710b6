//! What the server holds: per user collections of items, each with a log of changes.

use std::collections::{BTreeMap, BTreeSet};

use super::quirks::Quirks;

/// What a collection is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A calendar for these components: `VEVENT`, `VTODO`.
    Calendar(BTreeSet<String>),
    /// An address book.
    AddressBook,
}

impl Kind {
    /// A calendar for one component.
    #[must_use]
    pub fn calendar(component: &str) -> Self {
        Self::Calendar([component.to_owned()].into())
    }
}

/// An item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) text: String,
    /// Number of the change that made it: its ETag is this in quotes.
    pub(super) change: u64,
}

impl Stored {
    pub(super) fn etag(&self) -> String {
        format!("\"{}\"", self.change)
    }

    /// The UID, unfolded.
    pub(super) fn uid(&self) -> Option<String> {
        property(&self.text, "UID")
    }
}

/// Value of the first property of this name, unfolded.
pub(super) fn property(text: &str, name: &str) -> Option<String> {
    let unfolded = text.replace("\r\n ", "").replace("\n ", "").replace("\r\n\t", "").replace("\n\t", "");
    unfolded.lines().find_map(|line| {
        let (head, value) = line.split_once(':')?;
        head.split(';').next().filter(|found| found.eq_ignore_ascii_case(name)).map(|_| value.trim().to_owned())
    })
}

/// A collection.
#[derive(Debug, Clone)]
pub(super) struct Collection {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) items: BTreeMap<String, Stored>,
    /// Last change of every name that ever was.
    pub(super) log: BTreeMap<String, u64>,
    /// Last change.
    pub(super) change: u64,
    /// Tokens below this one are not known.
    pub(super) oldest: u64,
    /// Differs from that of an earlier collection of the same name.
    pub(super) birth: u64,
}

impl Collection {
    pub(super) fn token(&self) -> String {
        format!("urn:sandbox:{}-{}", self.birth, self.change)
    }

    /// The change a token stands for, if it is one of this collection.
    pub(super) fn known(&self, token: &str) -> Option<u64> {
        let (birth, change) = token.strip_prefix("urn:sandbox:")?.split_once('-')?;
        let change: u64 = change.parse().ok()?;
        (birth.parse() == Ok(self.birth) && change >= self.oldest && change <= self.change).then_some(change)
    }
}

/// Everything.
#[derive(Debug)]
pub(super) struct State {
    pub(super) homes: BTreeMap<String, BTreeMap<String, Collection>>,
    pub(super) quirks: Quirks,
    /// Requests seen: `METHOD path`.
    pub(super) requests: Vec<String>,
    /// What a server that schedules would have mailed: `METHOD uid`.
    pub(super) outbox: Vec<String>,
    /// Counts every change of anything, so that no ETag comes twice.
    clock: u64,
}

impl State {
    pub(super) fn new<'a>(users: impl Iterator<Item = &'a String>, quirks: Quirks) -> Self {
        let mut state = Self { homes: BTreeMap::new(), quirks, requests: Vec::new(), outbox: Vec::new(), clock: 0 };
        for user in users {
            state.homes.insert(user.clone(), BTreeMap::new());
            state.make(user, "calendar", "Calendar", Kind::calendar("VEVENT"));
            state.make(user, "tasks", "Tasks", Kind::calendar("VTODO"));
            state.make(user, "contacts", "Contacts", Kind::AddressBook);
        }
        state
    }

    pub(super) fn collection(&mut self, user: &str, path: &str) -> Option<&mut Collection> {
        self.homes.get_mut(user)?.get_mut(path)
    }

    /// Makes a collection; false if there is one of that name.
    pub(super) fn make(&mut self, user: &str, path: &str, name: &str, kind: Kind) -> bool {
        self.clock += 1;
        let birth = self.clock;
        let Some(home) = self.homes.get_mut(user) else { return false };
        if home.contains_key(path) {
            return false;
        }
        let collection =
            Collection { name: name.to_owned(), kind, items: BTreeMap::new(), log: BTreeMap::new(), change: birth, oldest: birth, birth };
        home.insert(path.to_owned(), collection);
        true
    }

    /// Stores an item; its ETag.
    pub(super) fn put(&mut self, user: &str, path: &str, item: &str, text: String) -> Option<String> {
        self.clock += 1;
        let change = self.clock;
        let collection = self.collection(user, path)?;
        collection.change = change;
        collection.log.insert(item.to_owned(), change);
        let stored = Stored { text, change };
        let etag = stored.etag();
        collection.items.insert(item.to_owned(), stored);
        Some(etag)
    }

    /// Removes an item; whether it was there.
    pub(super) fn remove(&mut self, user: &str, path: &str, item: &str) -> bool {
        self.clock += 1;
        let change = self.clock;
        let Some(collection) = self.collection(user, path) else { return false };
        if collection.items.remove(item).is_none() {
            return false;
        }
        collection.change = change;
        collection.log.insert(item.to_owned(), change);
        true
    }
}
