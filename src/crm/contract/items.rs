//! `/v1/changes` and `/v1/items`: appointments, tasks and contacts, and the writes to them.

use serde::{Deserialize, Serialize};

use super::fields::write_changes;
use super::{FieldFault, FieldsDocument, LinkedRecord, MomentDocument, RecordLink};
use crate::crm::{ContactFacts, RecordAction, RecordKind, RecordOrigin, RecordView, RecordWrite};
use crate::model::{Moment, OpId};

/// A page of changes, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangesDocument {
    /// The changes.
    pub changes: Vec<ChangeDocument>,
    /// Where to go on.
    pub cursor: String,
    /// More are waiting.
    #[serde(default)]
    pub more: bool,
}

/// One change: a record as it is now, or a tombstone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeDocument {
    /// The record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemDocument>,
    /// It was deleted, or is no longer the employee's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<RecordLink>,
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemDocument {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: String,
    /// Address of its page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// `appointment`, `task`, `contact`, `organisation` or `other`.
    pub kind: String,
    /// Activity type.
    #[serde(rename = "type")]
    pub activity_type: String,
    /// UID of the groupware item it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Which occurrence of that item's series it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recurrence_id: Option<MomentDocument>,
    /// What it says.
    #[serde(default)]
    pub fields: FieldsDocument,
    /// What the CRM linked it to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub linked: Vec<LinkedRecord>,
    /// Who wrote this version, when it was an agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<ItemOrigin>,
    /// What a contact says besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<ContactFacts>,
}

/// Which write of which agent made a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemOrigin {
    /// The agent's instance id.
    pub agent: String,
    /// Its operation.
    pub op_id: OpId,
}

/// Writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemBatch {
    /// The agent's instance id, which comes back in `origin`.
    pub agent: String,
    /// 1 to 150 writes.
    pub items: Vec<ItemWriteDocument>,
}

/// One write. Which members it needs follows from its action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemWriteDocument {
    /// Authoritative for idempotency, for each employee.
    pub op_id: OpId,
    /// What is done.
    pub action: ItemAction,
    /// `contact` or `organisation`, to create one; absent for activities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Id of the business partner, to create a contact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<String>,
    /// Activity type: to create, or to change it.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub activity_type: Option<String>,
    /// UID of the groupware item: to create, or to bind a record to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Occurrence, beside `uid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recurrence_id: Option<MomentDocument>,
    /// Id of the record, to update or delete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Only if the record has this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_version: Option<String>,
    /// Fields that are set.
    #[serde(default)]
    pub fields: FieldsDocument,
    /// Names of fields that are emptied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clear: Vec<String>,
}

/// What a write does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ItemAction {
    /// A new record, or joining the one the organisation has.
    Create,
    /// Some fields of a record.
    Update,
    /// The employee's part in a record ends.
    Delete,
}

/// One result for each write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemBatchAnswer {
    /// The results.
    pub results: Vec<ItemResultDocument>,
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemResultDocument {
    /// The write.
    pub op_id: OpId,
    /// What became of it.
    pub verdict: ItemVerdict,
    /// The record as it is now; there for `applied`, `unchanged`, `joined` and `conflict`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemDocument>,
    /// The CRM's words, for `rejected` and `retry`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The field that `rejected` is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// What became of a write. One that nobody knows makes the whole answer unreadable: whether something was stored would be a guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names are those of the port's verdicts")]
pub enum ItemVerdict {
    Applied,
    Unchanged,
    Joined,
    Conflict,
    Gone,
    Rejected,
    Retry,
}

/// The name of a kind.
#[must_use]
pub const fn kind_name(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Appointment => "appointment",
        RecordKind::Task => "task",
        RecordKind::Contact => "contact",
        RecordKind::Organisation => "organisation",
        RecordKind::Other => "other",
    }
}

/// The kind with a name. One of a later contract concerns the groupware as little as [`RecordKind::Other`].
#[must_use]
pub fn kind_named(name: &str) -> RecordKind {
    match name {
        "appointment" => RecordKind::Appointment,
        "task" => RecordKind::Task,
        "contact" => RecordKind::Contact,
        "organisation" => RecordKind::Organisation,
        _ => RecordKind::Other,
    }
}

impl ItemDocument {
    /// The record, or which member cannot be read.
    pub fn read(self) -> Result<RecordView, FieldFault> {
        let kind = kind_named(&self.kind);
        let is_contact = matches!(kind, RecordKind::Contact | RecordKind::Organisation);
        Ok(RecordView {
            kind,
            // A contact of which nothing more is said is nobody's in particular.
            contact: is_contact.then(|| self.contact.unwrap_or_default()),
            recurrence_id: read_recurrence_id(self.recurrence_id.as_ref())?,
            fields: self.fields.read()?,
            link: RecordLink { id: self.id, version: self.version, link: self.link },
            activity_type: self.activity_type,
            uid: self.uid.filter(|uid| !uid.is_empty()),
            origin: self.origin.map(|origin| RecordOrigin { agent: origin.agent, op: origin.op_id }),
        })
    }
}

impl From<&RecordView> for ItemDocument {
    fn from(view: &RecordView) -> Self {
        Self {
            id: view.link.id.clone(),
            version: view.link.version.clone(),
            link: view.link.link.clone(),
            kind: kind_name(view.kind).to_owned(),
            activity_type: view.activity_type.clone(),
            uid: view.uid.clone(),
            recurrence_id: view.recurrence_id.as_ref().map(MomentDocument::from),
            fields: (&view.fields).into(),
            linked: Vec::new(),
            origin: view.origin.as_ref().map(|origin| ItemOrigin { agent: origin.agent.clone(), op_id: origin.op.clone() }),
            contact: view.contact.clone(),
        }
    }
}

impl From<&RecordWrite> for ItemWriteDocument {
    fn from(write: &RecordWrite) -> Self {
        let empty = |action| Self {
            op_id: write.op.clone(),
            action,
            kind: None,
            partner: None,
            activity_type: None,
            uid: None,
            recurrence_id: None,
            id: None,
            if_version: None,
            fields: FieldsDocument::default(),
            clear: Vec::new(),
        };
        let occurrence = |moment: &Option<Moment>| moment.as_ref().map(MomentDocument::from);
        match &write.action {
            RecordAction::Create { activity_type, uid, recurrence_id, fields } => Self {
                activity_type: Some(activity_type.clone()),
                uid: Some(uid.clone()),
                recurrence_id: occurrence(recurrence_id),
                fields: fields.into(),
                ..empty(ItemAction::Create)
            },
            RecordAction::CreateContact { kind, uid, partner, fields } => Self {
                kind: Some(kind_name(*kind).to_owned()),
                partner: partner.clone(),
                uid: Some(uid.clone()),
                fields: fields.into(),
                ..empty(ItemAction::Create)
            },
            RecordAction::Update { id, if_version, activity_type, bind, changes } => {
                let (fields, clear) = write_changes(changes);
                Self {
                    id: Some(id.clone()),
                    if_version: Some(if_version.clone()),
                    activity_type: activity_type.clone(),
                    uid: bind.as_ref().map(|(uid, _)| uid.clone()),
                    recurrence_id: bind.as_ref().and_then(|(_, moment)| occurrence(moment)),
                    fields,
                    clear,
                    ..empty(ItemAction::Update)
                }
            }
            RecordAction::Delete { id, if_version } => {
                Self { id: Some(id.clone()), if_version: Some(if_version.clone()), ..empty(ItemAction::Delete) }
            }
        }
    }
}

impl ItemWriteDocument {
    /// The write, or which member is missing or cannot be read.
    pub fn read(self) -> Result<RecordWrite, FieldFault> {
        let needed =
            |name: &str, text: Option<String>| text.filter(|text| !text.is_empty()).ok_or_else(|| FieldFault::new(name, "it is missing"));
        let recurrence_id = read_recurrence_id(self.recurrence_id.as_ref())?;
        let action = match self.action {
            ItemAction::Create if self.kind.is_some() => RecordAction::CreateContact {
                kind: match self.kind.as_deref().map(kind_named) {
                    Some(kind @ (RecordKind::Contact | RecordKind::Organisation)) => kind,
                    _ => return Err(FieldFault::new("kind", "it is contact or organisation")),
                },
                uid: needed("uid", self.uid)?,
                partner: self.partner.filter(|id| !id.is_empty()),
                fields: self.fields.read()?,
            },
            ItemAction::Create => RecordAction::Create {
                activity_type: needed("type", self.activity_type)?,
                uid: needed("uid", self.uid)?,
                recurrence_id,
                fields: self.fields.read()?,
            },
            ItemAction::Update => RecordAction::Update {
                id: needed("id", self.id)?,
                if_version: needed("ifVersion", self.if_version)?,
                activity_type: self.activity_type.filter(|key| !key.is_empty()),
                bind: self.uid.filter(|uid| !uid.is_empty()).map(|uid| (uid, recurrence_id)),
                changes: self.fields.read_changes(&self.clear)?,
            },
            ItemAction::Delete => RecordAction::Delete { id: needed("id", self.id)?, if_version: needed("ifVersion", self.if_version)? },
        };
        Ok(RecordWrite { op: self.op_id, action })
    }
}

fn read_recurrence_id(document: Option<&MomentDocument>) -> Result<Option<Moment>, FieldFault> {
    document.map(MomentDocument::read).transpose().map_err(|reason| FieldFault::new("recurrenceId", reason))
}
