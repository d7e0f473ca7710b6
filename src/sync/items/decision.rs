//! What a decision is made from, and what it says.

use std::collections::BTreeMap;

use crate::crm::{RecordAction, RecordKind, RecordState};
use crate::groupware::{Draft, PartEdit, StoredItem};
use crate::journal::{Base, ConflictSide, Pair, PairState};
use crate::model::{Field, Fields, Instant, ItemKey, Moment, Reason};
use crate::sync::NextTry;

use super::Expander;
use super::merge::Merge;

/// What is known of one item (one UID of an account) and its records.
#[derive(Debug)]
pub struct Facts<'a> {
    /// Identity of the CRM: items made from its records are named after it.
    pub crm_instance: &'a str,
    /// UID of the item.
    pub uid: &'a str,
    /// What is known of the item.
    pub item: Presence<'a>,
    /// Its collection can be written; for a new item: there is one for it.
    pub collection_writable: bool,
    /// Its pairs, by key.
    pub pairs: &'a BTreeMap<ItemKey, Pair>,
    /// Records that were read, by the key of their part. Those of pairs that are not here have not changed.
    pub records: &'a BTreeMap<ItemKey, RecordState>,
    /// What the user asked for.
    pub will: &'a Will,
    /// Expands series.
    pub expander: Expander,
}

/// What is known of an item.
#[derive(Debug, Clone, Copy)]
pub enum Presence<'a> {
    /// It is there.
    Present(&'a StoredItem),
    /// It is proved to be gone (V8).
    Gone,
    /// It has never been there, as far as is known.
    Absent,
    /// It was not found, and may be there: something cannot be read, which is said.
    Doubtful(&'a str),
}

/// What the user asked for, of one item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Will {
    /// Send it to the groupware whatever the window says (R78–R80).
    pub push: bool,
    /// Remove the item and end its pairs (R81).
    pub remove: bool,
    /// End its pairs.
    pub unlink: bool,
    /// Do what was parked.
    pub confirm: bool,
    /// Do not do what was parked.
    pub refuse: bool,
    /// Whose value holds, by field.
    pub choices: BTreeMap<Field, ConflictSide>,
    /// Bring the card into the CRM (R102).
    pub import: Option<Import>,
    /// Pair the card with the contact that came with the wish.
    pub link: bool,
}

/// How a card comes into the CRM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Import {
    /// Id of the business partner.
    pub partner: Option<String>,
}

/// What is to be done with an item and its records.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decision {
    /// What is to be done with each part.
    pub parts: Vec<PartDecision>,
    /// What is written into the groupware.
    pub groupware: Option<GroupwareWrite>,
    /// A deletion or an emptied field is among it, and the user did not ask for it: the guard is to be asked (V8).
    pub risky: bool,
    /// The item is looked at again though it does not change.
    pub expanded: bool,
}

/// A write of an item.
#[derive(Debug, Clone, PartialEq)]
pub enum GroupwareWrite {
    /// A new one.
    Create(Draft),
    /// Edits of its parts.
    Edit(Vec<PartEdit>),
    /// It is removed.
    Remove,
}

/// What is to be done with one part and its record.
#[derive(Debug, Clone, PartialEq)]
pub struct PartDecision {
    /// Key.
    pub key: ItemKey,
    /// Which occurrence.
    pub recurrence_id: Option<Moment>,
    /// What.
    pub what: What,
    /// Which fields flow.
    pub merge: Merge,
    /// What the merge started from.
    pub base: Option<Base>,
    /// What the item says; what must not leave is not in it.
    pub item: Fields,
    /// What the record says.
    pub record: Fields,
    /// Kind of the record.
    pub kind: RecordKind,
    /// Type of the record, now or to be.
    pub activity_type: String,
    /// The write into the CRM.
    pub write: Option<RecordAction>,
    /// It waits, entirely or in what is left undone.
    pub park: Option<(Reason, NextTry)>,
    /// The item may be written.
    pub writable: bool,
    /// The item has a component for it, with this mark.
    pub component: Option<Option<String>>,
    /// The title for people.
    pub title: String,
    /// Start or due time for people.
    pub date: Option<String>,
}

/// What is done with a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Nothing: the pair stays as it is.
    Nothing,
    /// The pair follows its merge; a new pair when there was none.
    Follow,
    /// A new record.
    CreateRecord,
    /// A new item, or a new part of one.
    CreateItem,
    /// The item, or this occurrence, is removed; then the pair becomes this, or is no more.
    Remove(Option<PairState>),
    /// The pair becomes this.
    Become(PairState),
    /// The pair is no more.
    Forget,
    /// It is not paired, for this reason.
    LeaveOut(Reason),
    /// It is not paired until the window reaches it.
    Later(Instant),
}
