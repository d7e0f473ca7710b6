//! What tests and the demo do to the server behind the protocol's back: they are the user at another client.

use std::sync::Arc;

use super::Shared;
use super::quirks::Quirks;
use super::store::Kind;

/// A way into a running server.
#[derive(Debug, Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Stores an item as another client would.
    pub fn put(&self, user: &str, collection: &str, item: &str, text: &str) {
        self.shared.state().put(user, collection, item, text.to_owned());
    }

    /// Removes an item; whether it was there.
    #[must_use]
    pub fn remove(&self, user: &str, collection: &str, item: &str) -> bool {
        self.shared.state().remove(user, collection, item)
    }

    /// The text of an item.
    #[must_use]
    pub fn get(&self, user: &str, collection: &str, item: &str) -> Option<String> {
        Some(self.shared.state().collection(user, collection)?.items.get(item)?.text.clone())
    }

    /// Names and texts of all items of a collection.
    #[must_use]
    pub fn items(&self, user: &str, collection: &str) -> Vec<(String, String)> {
        let mut state = self.shared.state();
        let Some(collection) = state.collection(user, collection) else { return Vec::new() };
        collection.items.iter().map(|(name, item)| (name.clone(), item.text.clone())).collect()
    }

    /// Makes a collection; false if there is one of that name.
    #[must_use]
    pub fn make(&self, user: &str, collection: &str, name: &str, kind: Kind) -> bool {
        self.shared.state().make(user, collection, name, kind)
    }

    /// Removes a collection with all it holds; whether it was there.
    #[must_use]
    pub fn remove_collection(&self, user: &str, collection: &str) -> bool {
        self.shared.state().homes.get_mut(user).is_some_and(|home| home.remove(collection).is_some())
    }

    /// Makes every sync token given so far unknown.
    pub fn expire_tokens(&self) {
        for collection in self.shared.state().homes.values_mut().flat_map(|home| home.values_mut()) {
            collection.oldest = collection.change + 1;
        }
    }

    /// Changes how the server behaves.
    pub fn change_quirks(&self, change: impl FnOnce(&mut Quirks)) {
        change(&mut self.shared.state().quirks);
    }

    /// Requests seen so far, as `METHOD path`.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.shared.state().requests.clone()
    }

    /// What a server that schedules would have mailed so far, as `METHOD uid`.
    #[must_use]
    pub fn outbox(&self) -> Vec<String> {
        self.shared.state().outbox.clone()
    }
}
