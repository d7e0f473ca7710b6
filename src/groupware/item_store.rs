//! The port to a server of appointments, tasks and contacts. It knows nothing of a wire or a format: an item has an opaque id and a
//! version token, a collection an opaque delta cursor, and content is [`Fields`]. The adapter keeps the format (iCalendar, vCard, JSON).

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{Area, FieldChanges, Fields, Moment};

use super::GroupwareError;

/// Signs in to a server of items.
pub trait ItemConnector: Send + Sync {
    /// The signed-in server.
    type Store: ItemStore;

    /// Signs in: the credentials are tried once. [`GroupwareError::LoginRejected`] locks the account (V11).
    fn connect(&self) -> impl Future<Output = Result<Self::Store, GroupwareError>> + Send;
}

/// A signed-in server of items. Requests may run side by side.
pub trait ItemStore: Send + Sync {
    /// What the server can do.
    fn features(&self) -> &ItemStoreFeatures;

    /// Every collection of the account that can hold items of `area`, with its present state token: one request per home where the server
    /// allows it, so that a run in which nothing moved costs no more.
    fn collections(&self, area: Area) -> impl Future<Output = Result<Vec<Collection>, GroupwareError>> + Send;

    /// What changed in a collection since `cursor`; everything without one, or when the server no longer knows it
    /// ([`Delta::whole`] then says so).
    fn changes(&self, collection: &CollectionId, cursor: Option<&str>) -> impl Future<Output = Result<Delta, GroupwareError>> + Send;

    /// Items with their content: exactly one answer per id, in the order asked. One broken item never spoils its neighbours (V10).
    fn fetch(&self, collection: &CollectionId, ids: &[ItemId]) -> impl Future<Output = Result<Vec<Fetched>, GroupwareError>> + Send;

    /// Items with one of these UIDs, each with its UID, by the server's own search: it finds what a listing lacked. Nothing where the server
    /// cannot search.
    fn with_uids(
        &self,
        collection: &CollectionId,
        area: Area,
        uids: &[String],
    ) -> impl Future<Output = Result<Vec<(String, ItemId)>, GroupwareError>> + Send;

    /// Creates an item under a name that follows from `draft.create_id`, only if there is none: a repetition answers
    /// [`Written::Exists`] with what is there.
    fn create(&self, collection: &CollectionId, draft: &Draft) -> impl Future<Output = Result<Written, GroupwareError>> + Send;

    /// The id that an item of this `create_id` has in any collection. Pure.
    fn named(&self, create_id: &str) -> ItemId;

    /// Edits an item in place, only if it still has the version of `current`. Everything the edits do not name stays byte for byte (V7).
    fn update(
        &self,
        collection: &CollectionId,
        current: &StoredItem,
        edits: &[PartEdit],
    ) -> impl Future<Output = Result<Written, GroupwareError>> + Send;

    /// Removes an item, only if it still has this version.
    fn remove(
        &self,
        collection: &CollectionId,
        id: &ItemId,
        version: Option<&str>,
    ) -> impl Future<Output = Result<Removed, GroupwareError>> + Send;

    /// A collection for items of `area` with this name for people. Its own name on the server follows from it, so that a repetition finds what
    /// an earlier one made. [`GroupwareError::Refused`] where the server lets no program make one.
    fn create_collection(&self, area: Area, name: &str) -> impl Future<Output = Result<Collection, GroupwareError>> + Send {
        let text = format!("collections of {area} named \"{name}\" cannot be made here");
        async move { Err(GroupwareError::Refused { command: "create", code: None, text }) }
    }

    /// The item as it would read after the edits, for a plan or a preview. Pure.
    fn preview(&self, current: &StoredItem, edits: &[PartEdit]) -> Result<Item, GroupwareError>;
}

/// What a server of items can do, and what crmsync must not do there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ItemStoreFeatures {
    /// Name and version of the server where it tells, for people.
    pub server: String,
    /// The server itself mails attendees when an item with ORGANIZER and ATTENDEE is written or removed (V9).
    pub schedules: bool,
    /// Changes are told by cursor; else a listing is compared.
    pub delta: bool,
    /// Conditions on writes are honoured. Where they are not, the adapter looks before and after.
    pub conditional_writes: bool,
}

/// Opaque name of a collection, stable while the collection exists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CollectionId(pub String);

/// Opaque name of an item in its collection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ItemId(pub String);

/// A collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// Its id.
    pub id: CollectionId,
    /// Name for people.
    pub name: String,
    /// Areas whose items it may hold.
    pub areas: BTreeSet<Area>,
    /// Items can be written.
    pub writable: bool,
    /// Changes with the content, where the server has such a token: equal means nothing moved.
    pub state: Option<String>,
}

/// What changed in a collection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delta {
    /// New or changed items; of a whole listing, all of them. An item may be named although it did not change.
    pub changed: Vec<ItemRef>,
    /// Items the server says are gone, each confirmed by asking for the item itself.
    pub removed: Vec<ItemId>,
    /// `changed` is the complete listing: what is known and not in it is absent. Absence still needs [`Fetched::Gone`] as proof (V8).
    pub whole: bool,
    /// Where to go on next time; `None` where the server has no cursor.
    pub cursor: Option<String>,
}

/// An item without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemRef {
    /// Its id.
    pub id: ItemId,
    /// Its version, where the server tells.
    pub version: Option<String>,
}

/// An answer to [`ItemStore::fetch`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// The item.
    Item(StoredItem),
    /// The server says that it does not exist: 404 or 410 for the item itself. The only proof of a deletion (V8).
    Gone(ItemId),
    /// It is there and cannot be read.
    Unreadable {
        /// Which; version as known.
        item: ItemRef,
        /// Its UID, where that much can be read.
        uid: Option<String>,
        /// Why, in plain words.
        why: String,
    },
}

/// An item as the server keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredItem {
    /// Its id.
    pub id: ItemId,
    /// Its version. `None` where the server gave none: then the next listing brings it.
    pub version: Option<String>,
    /// Its content.
    pub item: Item,
}

/// The content of an item: one appointment or task, or a series with its overrides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// UID, the same in every copy of the item.
    pub uid: String,
    /// Area, by what the data is and not by the collection it lies in.
    pub area: Area,
    /// Master first (if present), then overrides by RECURRENCE-ID. None of what is no item of any area, such as a list of contacts.
    pub parts: Vec<Part>,
    /// ORGANIZER or ATTENDEE stands in some part: on a server that schedules, a write would mail people (V9).
    pub scheduled: bool,
    /// The format's own text, to edit in place and for the before-image in the history.
    pub original: Arc<str>,
}

/// One component of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Which occurrence it replaces; `None` for the master or a single item.
    pub recurrence_id: Option<Moment>,
    /// What it says.
    pub fields: Fields,
    /// The CRM record it carries the id of.
    pub record: Option<String>,
    /// The link block at the end of its text, if there is one, as written.
    pub link_block: Option<String>,
}

/// A new item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// Names the item on the server, `[A-Za-z0-9-]`; follows from account, instance and record (`UUIDv5`), so that a repetition names the same.
    pub create_id: String,
    /// UID.
    pub uid: String,
    /// Area.
    pub area: Area,
    /// Master first, then overrides.
    pub parts: Vec<DraftPart>,
}

/// One component of a new item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftPart {
    /// Which occurrence it replaces.
    pub recurrence_id: Option<Moment>,
    /// What it says.
    pub fields: Fields,
    /// The link to its CRM record.
    pub link: Option<CrmLink>,
}

/// What an item says of its CRM record: id in a property of its own, address and people in the delimited block at the end of the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrmLink {
    /// Record id.
    pub record: String,
    /// Address of the record's page.
    pub url: Option<String>,
    /// Lines below the address, such as participants the CRM knows.
    pub lines: Vec<String>,
}

/// A change of one component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "edit", rename_all = "kebab-case")]
pub enum PartEdit {
    /// Fields of a component that exists; of an occurrence without override, one is made from the master first.
    Set {
        /// The component or occurrence.
        recurrence_id: Option<Moment>,
        /// The fields.
        changes: FieldChanges,
        /// `None` leaves the link as it is, `Some(None)` removes it.
        #[serde(default, skip_serializing_if = "Option::is_none", with = "double_option")]
        link: Option<Option<CrmLink>>,
    },
    /// One occurrence of a series does not take place: EXDATE, and its override goes.
    Exclude {
        /// The occurrence.
        recurrence_id: Moment,
    },
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// Stored; this is what the server keeps now, read back where it might differ (V6).
    Stored(StoredItem),
    /// Not written: the item has another version; this is it.
    Changed(StoredItem),
    /// Not created: an item of that name, or with that UID, is there; this is it.
    Exists(StoredItem),
    /// Not written: the item is gone.
    Gone,
    /// Not written: the server refuses this content; its words.
    Refused(String),
}

/// What became of a removal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// It is gone now.
    Done,
    /// It was gone before.
    WasGone,
    /// Not removed: it has another version; this is it.
    Changed(StoredItem),
    /// Not removed: the server refuses; its words.
    Refused(String),
}

/// `Option<Option<T>>` in JSON: absent, null, or a value.
mod double_option {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[allow(clippy::option_option, clippy::ref_option, reason = "serde's `with` fixes the signature")]
    pub(super) fn serialize<T: Serialize, S: Serializer>(value: &Option<Option<T>>, serializer: S) -> Result<S::Ok, S::Error> {
        value.as_ref().and_then(Option::as_ref).serialize(serializer)
    }

    #[allow(clippy::option_option, reason = "the outer one is absence")]
    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
        Option::deserialize(deserializer).map(Some)
    }
}
