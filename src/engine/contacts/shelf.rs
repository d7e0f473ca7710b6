//! The address books as the engine of items sees them: the one for contacts of the CRM is there, and a picture that is to be written is
//! fetched from the CRM when it is needed, because neither the journal nor the CRM's list of changes holds it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::crm::{CrmContacts, CrmError, RecordView};
use crate::groupware::{
    Collection, CollectionId, Delta, Draft, Fetched, GroupwareError, Item, ItemId, ItemStore, ItemStoreFeatures, PartEdit, Removed,
    StoredItem, Written,
};
use crate::model::contact::Photo;
use crate::model::{Area, Digest, Field, Value};
use crate::sync::{Remedy, classify};

/// Id of an address book that is not there yet, in a plan.
const PLANNED: &str = "planned:";

/// Which contact has which picture.
#[derive(Debug, Default)]
pub(super) struct Shelf(Mutex<BTreeMap<Digest, String>>);

impl Shelf {
    /// Remembers whose picture it is.
    pub(super) fn note(&self, view: &RecordView) {
        if let Some(Value::Photo(photo)) = view.fields.get(&Field::Photo) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(photo.digest.clone(), view.link.id.clone());
        }
    }

    fn owner(&self, digest: &Digest) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }
}

/// What became of the search for a picture.
enum Picture {
    Found(Photo),
    /// The contact has none any more.
    Gone,
    /// It cannot be had, and why.
    Missing(String),
}

/// Stands before the address books.
pub(super) struct AddressBooks<'a, S, C> {
    pub(super) store: &'a S,
    pub(super) crm: &'a C,
    pub(super) shelf: &'a Shelf,
    /// Pictures take part.
    pub(super) photos: bool,
    /// Name of the address book that is to be there.
    pub(super) wanted: Option<&'a str>,
    /// Nothing is to be made.
    pub(super) dry: bool,
}

impl<S: ItemStore, C: CrmContacts> AddressBooks<'_, S, C> {
    fn seen(&self, mut stored: StoredItem) -> StoredItem {
        if !self.photos {
            stored.item.parts.iter_mut().for_each(|part| drop(part.fields.remove(&Field::Photo)));
        }
        stored
    }

    fn seen_after(&self, written: Written) -> Written {
        match written {
            Written::Stored(item) => Written::Stored(self.seen(item)),
            Written::Changed(item) => Written::Changed(self.seen(item)),
            Written::Exists(item) => Written::Exists(self.seen(item)),
            other => other,
        }
    }

    /// The picture with its bytes. A CRM that does not answer stops the run, which begins again where it was.
    async fn picture(&self, photo: &Photo) -> Result<Picture, GroupwareError> {
        if photo.bytes.is_some() {
            return Ok(Picture::Found(photo.clone()));
        }
        let Some(id) = self.shelf.owner(&photo.digest) else {
            return Ok(Picture::Missing("the picture is not at hand".to_owned()));
        };
        match self.crm.photo(&id).await {
            Ok(Some(photo)) => Ok(Picture::Found(photo)),
            // What is no picture that a card could hold: the contact is worth having without it.
            Ok(None) | Err(CrmError::Contract(_)) => Ok(Picture::Gone),
            Err(error) => match classify::crm(&error) {
                Remedy::RetryLater { .. } | Remedy::AskForAnswer | Remedy::NeedsUser { .. } => {
                    Err(GroupwareError::Offline { server: "the CRM".to_owned(), cause: error.to_string() })
                }
                _ => Ok(Picture::Missing(format!("the CRM does not give the picture: {error}"))),
            },
        }
    }
}

/// Whether a server that refuses this may take it without the picture.
const fn may_be_too_large(written: &Result<Written, GroupwareError>) -> bool {
    matches!(
        written,
        Ok(Written::Refused(_)) | Err(GroupwareError::TooLarge { .. } | GroupwareError::Refused { .. } | GroupwareError::OverQuota { .. })
    )
}

/// Takes the picture out of a change; whether there was one.
fn take_photo(edits: &mut [PartEdit]) -> bool {
    let mut found = false;
    for edit in edits {
        if let PartEdit::Set { changes, .. } = edit {
            found |= matches!(changes.remove(&Field::Photo), Some(Some(_)));
        }
    }
    found
}

impl<S: ItemStore, C: CrmContacts> ItemStore for AddressBooks<'_, S, C> {
    fn features(&self) -> &ItemStoreFeatures {
        self.store.features()
    }

    async fn collections(&self, area: Area) -> Result<Vec<Collection>, GroupwareError> {
        let mut found = self.store.collections(area).await?;
        let Some(name) = self.wanted else { return Ok(found) };
        if !found.iter().any(|one| one.name == name || one.id.0 == name) {
            let book = if self.dry {
                Collection {
                    id: CollectionId(PLANNED.to_owned()),
                    name: name.to_owned(),
                    areas: [area].into(),
                    writable: true,
                    state: Some(String::new()),
                }
            } else {
                let mut made = self.store.create_collection(area, name).await?;
                // A server that keeps no names has it under the name that the path has.
                name.clone_into(&mut made.name);
                found.retain(|one| one.id != made.id);
                made
            };
            found.push(book);
        }
        Ok(found)
    }

    async fn changes(&self, collection: &CollectionId, cursor: Option<&str>) -> Result<Delta, GroupwareError> {
        if collection.0 == PLANNED {
            return Ok(Delta { whole: true, ..Delta::default() });
        }
        self.store.changes(collection, cursor).await
    }

    async fn fetch(&self, collection: &CollectionId, ids: &[ItemId]) -> Result<Vec<Fetched>, GroupwareError> {
        if collection.0 == PLANNED {
            return Ok(ids.iter().cloned().map(Fetched::Gone).collect());
        }
        let seen = |fetched| match fetched {
            Fetched::Item(item) => Fetched::Item(self.seen(item)),
            other => other,
        };
        Ok(self.store.fetch(collection, ids).await?.into_iter().map(seen).collect())
    }

    async fn with_uids(&self, collection: &CollectionId, area: Area, uids: &[String]) -> Result<Vec<(String, ItemId)>, GroupwareError> {
        if collection.0 == PLANNED { Ok(Vec::new()) } else { self.store.with_uids(collection, area, uids).await }
    }

    async fn create(&self, collection: &CollectionId, draft: &Draft) -> Result<Written, GroupwareError> {
        let mut filled = draft.clone();
        let mut has_photo = false;
        for part in &mut filled.parts {
            let Some(Value::Photo(photo)) = part.fields.get(&Field::Photo).cloned() else { continue };
            match self.picture(&photo).await? {
                Picture::Found(photo) => {
                    has_photo = true;
                    part.fields.insert(Field::Photo, Value::Photo(photo));
                }
                Picture::Gone => drop(part.fields.remove(&Field::Photo)),
                Picture::Missing(why) => return Ok(Written::Refused(why)),
            }
        }
        let mut written = self.store.create(collection, &filled).await;
        if has_photo && may_be_too_large(&written) {
            tracing::warn!("the address book does not take a card with its picture: it is written without");
            filled.parts.iter_mut().for_each(|part| drop(part.fields.remove(&Field::Photo)));
            written = self.store.create(collection, &filled).await;
        }
        written.map(|written| self.seen_after(written))
    }

    fn named(&self, create_id: &str) -> ItemId {
        self.store.named(create_id)
    }

    async fn update(&self, collection: &CollectionId, current: &StoredItem, edits: &[PartEdit]) -> Result<Written, GroupwareError> {
        let mut filled = edits.to_vec();
        for edit in &mut filled {
            let PartEdit::Set { changes, .. } = edit else { continue };
            let Some(Some(Value::Photo(photo))) = changes.get(&Field::Photo).cloned() else { continue };
            match self.picture(&photo).await? {
                Picture::Found(photo) => drop(changes.insert(Field::Photo, Some(Value::Photo(photo)))),
                Picture::Gone => drop(changes.remove(&Field::Photo)),
                Picture::Missing(why) => return Ok(Written::Refused(why)),
            }
        }
        let mut written = self.store.update(collection, current, &filled).await;
        if may_be_too_large(&written) && take_photo(&mut filled) {
            tracing::warn!("the address book does not take a card with its picture: it is written without");
            written = self.store.update(collection, current, &filled).await;
        }
        written.map(|written| self.seen_after(written))
    }

    async fn remove(&self, collection: &CollectionId, id: &ItemId, version: Option<&str>) -> Result<Removed, GroupwareError> {
        Ok(match self.store.remove(collection, id, version).await? {
            Removed::Changed(item) => Removed::Changed(self.seen(item)),
            other => other,
        })
    }

    async fn create_collection(&self, area: Area, name: &str) -> Result<Collection, GroupwareError> {
        self.store.create_collection(area, name).await
    }

    fn preview(&self, current: &StoredItem, edits: &[PartEdit]) -> Result<Item, GroupwareError> {
        self.store.preview(current, edits)
    }
}
