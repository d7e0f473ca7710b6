//! What the areas of items (calendar, tasks, contacts) keep: pairs, what is known of both sides, the user's wishes, lost values.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::crm::{RecordKind, RecordLink};
use crate::model::{Field, FieldChanges, Fields, Instant, ItemKey, Moment, Reason, RunId, Value};

/// A part of a groupware item and a CRM record that belong together. Its key is `uid:UID`, or `uid:UID#OCCURRENCE`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// UID of the item.
    pub uid: String,
    /// Which occurrence of its series.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recurrence_id: Option<Moment>,
    /// Where the item lies; `None` while its creation is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemPlace>,
    /// The CRM's record with its version; `None` while its creation is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordLink>,
    /// Kind of the record.
    pub kind: RecordKind,
    /// Type of the record, decided when the pair was made (R67, R68).
    pub activity_type: String,
    /// What both sides said when they last agreed.
    pub base: Base,
    /// What it is.
    pub state: PairState,
    /// The link in the item's text (R76).
    pub link: LinkState,
    /// What the user chose for fields in conflict; used up by the next decision (X9).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub choices: BTreeMap<Field, ConflictSide>,
    /// Since when it is a pair.
    pub since: Instant,
}

/// Where an item lies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ItemPlace {
    /// Id of the collection.
    pub collection: String,
    /// Id of the item in it.
    pub id: String,
}

/// What both sides said when they last agreed. Usually the same; where a server alters or drops what it is given, each side keeps its own
/// form, so that the difference is nobody's change (V6).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// What the groupware said.
    pub groupware: Fields,
    /// Where the CRM said something else: its value, or `None` where it had none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub crm: FieldChanges,
}

/// What a pair is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PairState {
    /// Both sides follow each other.
    Active,
    /// The item was removed; the record stays and is not sent again until asked (C9).
    RemovedByUser,
    /// The record is gone; the item stays and is not imported again.
    RecordGone,
    /// The user parted them; neither is paired again until asked.
    Unlinked,
}

/// The link to the record in the item's text (R76).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "link", rename_all = "kebab-case")]
pub enum LinkState {
    /// Not wanted, or not allowed (V9).
    None,
    /// To be written.
    Pending,
    /// Written, once; a user who takes it out is left alone.
    Written {
        /// Digest of what was written.
        digest: String,
    },
}

/// What is known of an item, so that it is fetched only when it has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownItem {
    /// Version it was last read or written in; `None` where the server told none.
    pub version: Option<String>,
    /// Its UID; empty when it could not be read.
    pub uid: String,
    /// Why it is not paired, and the digest of the rules that said so; `None` when it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<(Reason, String)>,
    /// When it is looked at again though it did not change: further occurrences of a series come into the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look_again: Option<Instant>,
}

/// What is known of a record that is not paired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownRecord {
    /// Version it was last read in.
    pub version: String,
    /// Why it is not paired.
    pub reason: Reason,
    /// When it is looked at again: the window reaches it.
    pub look_again: Instant,
}

/// What the user asked for and the next run carries out. One for an item or a record: a later one replaces it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "wish", rename_all = "kebab-case")]
pub enum Wish {
    /// Send a record to the groupware as an item of the area (R78–R80), or send a removed one again.
    Push {
        /// The record.
        record: String,
    },
    /// Remove the groupware item and end the pair (R81).
    RemoveItem {
        /// The pair.
        key: ItemKey,
    },
    /// End the pair; both sides stay.
    Unlink {
        /// The pair.
        key: ItemKey,
    },
    /// Settle a conflict.
    Resolve {
        /// The pair.
        key: ItemKey,
        /// Whose value holds, by field.
        choices: BTreeMap<Field, ConflictSide>,
    },
    /// Bring a card into the CRM as a new contact (R102).
    Import {
        /// The card's key.
        key: ItemKey,
        /// Where it lies.
        item: ItemPlace,
        /// Id of the business partner.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        partner: Option<String>,
    },
    /// Pair a card with a contact that the CRM has already (C17).
    Link {
        /// The card's key.
        key: ItemKey,
        /// Where it lies.
        item: ItemPlace,
        /// The contact.
        record: String,
    },
    /// Do what was parked: the deletion, the cancellation, the change of many.
    Confirm {
        /// The pair.
        key: ItemKey,
    },
    /// Do not do what was parked.
    Refuse {
        /// The pair.
        key: ItemKey,
    },
}

/// One of the two sides of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConflictSide {
    /// The groupware.
    Groupware,
    /// The CRM.
    Crm,
}

/// A value that lost when both sides had changed a field (C8, X9).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConflictLoser {
    /// The pair.
    pub key: ItemKey,
    /// Title for people.
    pub title: String,
    /// The field.
    pub field: Field,
    /// Whose value lost.
    pub side: ConflictSide,
    /// What lost; `None` when that side had emptied the field.
    pub lost: Option<Value>,
    /// What won.
    pub won: Option<Value>,
    /// In which run.
    pub run: RunId,
    /// When.
    pub at: Instant,
}

/// Numbers of an area, kept so that no run has to count (V8).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AreaTally {
    /// Active pairs.
    pub pairs: u64,
    /// Deletions and emptied fields carried out of late, by the hour they fell in (seconds since 1970, divided by 3600).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub risky: BTreeMap<i64, u64>,
}

impl Base {
    /// What both sides said, each in its own form.
    #[must_use]
    pub fn of(groupware: Fields, crm: &Fields) -> Self {
        let mut differing = FieldChanges::new();
        for (field, value) in crm {
            if groupware.get(field) != Some(value) {
                differing.insert(*field, Some(value.clone()));
            }
        }
        for field in groupware.keys() {
            if !crm.contains_key(field) {
                differing.insert(*field, None);
            }
        }
        Self { groupware, crm: differing }
    }

    /// What the CRM said of one field.
    #[must_use]
    pub fn crm_value(&self, field: Field) -> Option<&Value> {
        match self.crm.get(&field) {
            Some(value) => value.as_ref(),
            None => self.groupware.get(&field),
        }
    }

    /// What both sides say alike, of two that met by a creation: whatever differs is a change of both, so that nothing is run over.
    #[must_use]
    pub fn common(groupware: &Fields, crm: &Fields) -> Self {
        let alike = groupware.iter().filter(|(field, value)| crm.get(field) == Some(*value));
        Self { groupware: alike.map(|(field, value)| (*field, value.clone())).collect(), crm: FieldChanges::new() }
    }

    /// What the CRM said.
    #[must_use]
    pub fn crm_fields(&self) -> Fields {
        let mut fields = self.groupware.clone();
        for (field, value) in &self.crm {
            match value {
                Some(value) => drop(fields.insert(*field, value.clone())),
                None => drop(fields.remove(field)),
            }
        }
        fields
    }
}

impl Pair {
    /// Whether its item lacks the link.
    pub(super) const fn waits_for_link(&self) -> bool {
        matches!((self.state, &self.link), (PairState::Active, LinkState::Pending))
    }
}

impl Wish {
    /// What it is about: the key of its table.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Push { record } => record,
            Self::RemoveItem { key }
            | Self::Unlink { key }
            | Self::Resolve { key, .. }
            | Self::Import { key, .. }
            | Self::Link { key, .. }
            | Self::Confirm { key }
            | Self::Refuse { key } => key.as_str(),
        }
    }
}

/// Hours for which risky changes are remembered.
const RISKY_HOURS: i64 = 24;

impl AreaTally {
    /// Deletions and emptied fields carried out within the last 24 hours (to the hour, rather more than less).
    #[must_use]
    pub fn risky_lately(&self, now: Instant) -> u64 {
        let first = hour(now).saturating_sub(RISKY_HOURS);
        self.risky.range(first..).fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    pub(super) fn add_risky(&mut self, at: Instant, count: u64) {
        let first = hour(at).saturating_sub(RISKY_HOURS);
        self.risky.retain(|hour, _| *hour >= first);
        let sum = self.risky.entry(hour(at)).or_default();
        *sum = sum.saturating_add(count);
    }
}

const fn hour(at: Instant) -> i64 {
    at.timestamp().div_euclid(3600)
}
