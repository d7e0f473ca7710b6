//! What a run would do with items, without doing it (R50, X1).

use serde::Serialize;

use crate::journal::ConflictSide;
use crate::model::{Area, Field, ItemKey, Reason, Value};

/// What a run would do.
#[derive(Debug, Default, Serialize)]
pub struct ItemPlan {
    /// Items with something to do, in the order of the run.
    pub items: Vec<PlannedItem>,
    /// Items beyond these.
    pub left: u64,
}

/// What would be done with one item or record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedItem {
    /// Area.
    pub area: Area,
    /// Key.
    pub key: ItemKey,
    /// Title for people.
    pub title: String,
    /// Start or due time, RFC 3339 or a date.
    pub date: Option<String>,
    /// Name of the collection, where the item lies or would lie.
    pub collection: String,
    /// The writes, in order.
    pub steps: Vec<PlannedStep>,
    /// Why nothing, or not all, would be done.
    pub reason: Option<Reason>,
}

/// One write.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedStep {
    /// Where.
    pub side: ConflictSide,
    /// What.
    pub what: StepKind,
    /// Fields with what they say before and after.
    pub fields: Vec<FieldStep>,
}

/// What a write does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// Something new.
    Create,
    /// Fields change.
    Update,
    /// It is removed.
    Remove,
    /// One occurrence is taken out of its series.
    Exclude,
    /// It is bound to its counterpart.
    Bind,
}

/// A change of one field.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldStep {
    /// The field.
    pub field: Field,
    /// What it says now.
    pub from: Option<Value>,
    /// What it would say.
    pub to: Option<Value>,
}
