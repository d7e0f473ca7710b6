//! What the engine asks of a CRM with the profile `activities` or `contacts`: changes, batched writes, single records.

use std::collections::BTreeSet;
use std::future::Future;

use serde::{Deserialize, Serialize};

use crate::model::{FieldChanges, Fields, Moment, OpId};

use super::{ContactFacts, CrmError, RecordLink};

/// The records of a CRM that concern the signed-in employee.
pub trait CrmRecords: Send + Sync {
    /// A page of changes after `cursor`, at least once each; all records without a cursor (a snapshot, where `more` pages follow).
    /// [`CrmError::CursorExpired`] when the CRM no longer knows the cursor.
    fn changes(&self, kinds: &BTreeSet<RecordKind>, cursor: Option<&str>) -> impl Future<Output = Result<ChangePage, CrmError>> + Send;

    /// One record.
    fn record(&self, id: &str) -> impl Future<Output = Result<RecordState, CrmError>> + Send;

    /// Writes up to [`super::Limits::max_items`] records. Exactly one result per write, in the order asked; the CRM has committed them. The same
    /// `op` again gives the first result.
    fn write_records(&self, writes: &[RecordWrite]) -> impl Future<Output = Result<Vec<WriteResult>, CrmError>> + Send;
}

/// What kind of groupware item a record corresponds to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordKind {
    /// Appointment, meeting, legacy follow-up, or an activity of another type that the user sent as an appointment (R7).
    Appointment,
    /// Task, or an activity of another type that the user sent as a task.
    Task,
    /// Contact person, a private person among them.
    Contact,
    /// Organisation, which has a contact of its own.
    Organisation,
    /// Any other activity: concerns the groupware only when the user sends it.
    Other,
}

/// A page of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangePage {
    /// The changes, oldest first.
    pub changes: Vec<RecordChange>,
    /// Where to go on.
    pub cursor: String,
    /// More are waiting.
    pub more: bool,
}

/// One change.
#[allow(clippy::large_enum_variant, reason = "nearly all are present")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordChange {
    /// The record as it is now.
    Present(RecordView),
    /// It was deleted, or is no longer the employee's: which of the two, [`CrmRecords::record`] tells.
    Gone {
        /// Its id.
        id: String,
        /// Its last version.
        version: String,
    },
    /// It changed, but what the CRM says of it cannot be read. The others go on; this one waits for the user (V10).
    Unreadable {
        /// Its id.
        id: String,
        /// Its version.
        version: String,
        /// What is wrong, without contents.
        reason: String,
    },
}

/// What the CRM says of one record.
#[allow(clippy::large_enum_variant, reason = "nearly all are present")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordState {
    /// This is what it says.
    Present(RecordView),
    /// It was deleted: the only proof of a deletion (V8).
    Deleted,
    /// The employee does not see it, or it never was. Rights may have been lost; no deletion follows from it (V8).
    Withheld,
}

impl RecordState {
    /// The record, if it can be seen.
    #[must_use]
    pub const fn view(&self) -> Option<&RecordView> {
        match self {
            Self::Present(view) => Some(view),
            Self::Deleted | Self::Withheld => None,
        }
    }

    /// The record, if it can be seen.
    #[must_use]
    pub fn into_view(self) -> Option<RecordView> {
        match self {
            Self::Present(view) => Some(view),
            Self::Deleted | Self::Withheld => None,
        }
    }
}

/// What the CRM's events hint at. Hints only: what happens while nobody listens is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrmHint {
    /// Records changed: ask for changes.
    Records,
    /// Settings changed.
    Settings,
}

/// The four main links of an activity (R32).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MainLink {
    /// The employee it is delegated to.
    DelegatedTo,
    /// The contact person or business partner it is with.
    ActivityWith,
    /// Its main inquiry.
    MainInquiry,
    /// Its main project.
    MainProject,
}

/// A record as the CRM keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordView {
    /// Id, version and page.
    pub link: RecordLink,
    /// Kind.
    pub kind: RecordKind,
    /// The CRM's type: `APPOINTMENT`, `MEETING`, `FOLLOWUP`, `TASK`, …; of no meaning for a contact.
    pub activity_type: String,
    /// UID of the groupware item it belongs to: in the organisation (V12), but for a contact, of which each employee has a card of his own.
    pub uid: Option<String>,
    /// Which occurrence of that item's series it is.
    pub recurrence_id: Option<Moment>,
    /// What it says.
    pub fields: Fields,
    /// Who wrote this version: an agent's write with its operation, so that an echo is known (I8).
    pub origin: Option<RecordOrigin>,
    /// What a contact's record says besides; `None` for activities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<ContactFacts>,
}

/// Which write made a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordOrigin {
    /// The agent's instance id.
    pub agent: String,
    /// Its operation.
    pub op: OpId,
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordWrite {
    /// Identity of the write, authoritative for idempotency.
    pub op: OpId,
    /// What is written.
    pub action: RecordAction,
}

/// What is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum RecordAction {
    /// A new record. Where the organisation has one with this UID and RECURRENCE-ID, the employee joins it (V12).
    Create {
        /// Type.
        activity_type: String,
        /// UID.
        uid: String,
        /// Occurrence.
        recurrence_id: Option<Moment>,
        /// What it says.
        fields: Fields,
    },
    /// A new contact. Where the employee has one with this UID, that one is the answer.
    CreateContact {
        /// [`RecordKind::Contact`] or [`RecordKind::Organisation`].
        kind: RecordKind,
        /// UID of the employee's card.
        uid: String,
        /// Id of the business partner, without which a CRM takes no person (R102).
        partner: Option<String>,
        /// What it says. The picture is put by [`super::CrmContacts::put_photo`]; here it says nothing, as in an update.
        fields: Fields,
    },
    /// Some fields of a record.
    Update {
        /// Its id.
        id: String,
        /// Only if it has this version.
        if_version: String,
        /// UID and occurrence, when the record is bound to a groupware item by this write.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bind: Option<(String, Option<Moment>)>,
        /// The type it becomes, where participants came or went (R67, R68).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        activity_type: Option<String>,
        /// The fields.
        changes: FieldChanges,
    },
    /// The employee's part in a record ends; the CRM decides whether the record goes. Only on the user's explicit word.
    Delete {
        /// Its id.
        id: String,
        /// Only if it has this version.
        if_version: String,
    },
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteResult {
    /// The write.
    pub op: OpId,
    /// What became of it.
    pub verdict: WriteVerdict,
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteVerdict {
    /// Stored; this is the record now (V6).
    Applied(RecordView),
    /// Nothing to do: it said so already.
    Unchanged(RecordView),
    /// The record was there; the employee joined it. This is what it says.
    Joined(RecordView),
    /// Not written: the record has another version; this is it.
    Conflict(RecordView),
    /// Not written: the record is gone, or no longer the employee's.
    Gone,
    /// Refused for good: the CRM's words, and the field it is about.
    Rejected {
        /// The words.
        reason: String,
        /// The field, by its name in the contract.
        field: Option<String>,
    },
    /// Not now.
    Retry {
        /// The words.
        reason: String,
    },
}
