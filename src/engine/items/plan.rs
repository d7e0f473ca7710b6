//! What a run would do with items, without doing it (R50, X1).

use serde::Serialize;

use crate::crm::{CrmRecords, RecordAction};
use crate::engine::context::Context;
use crate::engine::error::EngineError;
use crate::groupware::{ItemStore, PartEdit};
use crate::journal::ConflictSide;
use crate::model::{Area, Field, FieldChanges, Fields, ItemKey, Reason, ReasonCode, Value};
use crate::sync::items::{GroupwareWrite, PartDecision, What};

use super::carry::Work;
use super::unit::Unit;
use super::{ItemJob, Sync};

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

/// What [`super::synchronise`] would do, for at most `limit` items. Writes nothing, neither at a server nor in the journal.
pub async fn plan<S: ItemStore, C: CrmRecords>(
    store: &S,
    crm: &C,
    job: &ItemJob,
    ctx: &Context,
    limit: usize,
) -> Result<ItemPlan, EngineError> {
    let mut sync = Sync::new(store, crm, job, ctx);
    sync.dry = Some(Vec::new());
    sync.run().await?;
    let mut items = sync.dry.take().unwrap_or_default();
    let left = items.len().saturating_sub(limit) as u64;
    items.truncate(limit);
    Ok(ItemPlan { items, left })
}

impl<S: ItemStore, C: CrmRecords> Sync<'_, S, C> {
    /// Notes what would be done with units.
    pub(super) fn note_plan(&mut self, works: &[Work]) {
        let mut planned = Vec::new();
        for work in works {
            for part in &work.decision.parts {
                let steps = steps(part, work.decision.groupware.as_ref());
                let reason = match &part.what {
                    What::LeaveOut(reason) => Some(reason.clone()),
                    _ => part.park.as_ref().map(|(reason, _)| reason.clone()),
                };
                if steps.is_empty() && reason.is_none() {
                    continue;
                }
                let collection = work.unit.place.as_ref().map(|place| &place.collection).or(self.target.as_ref());
                planned.push(PlannedItem {
                    area: self.job.area,
                    key: part.key.clone(),
                    title: part.title.clone(),
                    date: part.date.clone(),
                    collection: collection.map(|id| self.collection_name(id)).unwrap_or_default(),
                    steps,
                    reason,
                });
            }
        }
        if let Some(dry) = &mut self.dry {
            dry.append(&mut planned);
        }
    }

    /// Notes what the guard would stop.
    pub(super) fn note_stopped(&mut self, unit: &Unit) {
        let decision = self.decide(unit);
        let collection = unit.place.as_ref().map(|place| self.collection_name(&place.collection)).unwrap_or_default();
        let Some(dry) = &mut self.dry else { return };
        for part in decision.parts {
            dry.push(PlannedItem {
                area: self.job.area,
                steps: steps(&part, decision.groupware.as_ref()),
                key: part.key,
                title: part.title,
                date: part.date,
                collection: collection.clone(),
                reason: Some(ReasonCode::MassChange.into()),
            });
        }
    }
}

/// The writes that a part causes.
fn steps(part: &PartDecision, write: Option<&GroupwareWrite>) -> Vec<PlannedStep> {
    let mut steps = Vec::new();
    let mut step = |side, what, fields| steps.push(PlannedStep { side, what, fields });
    match (&part.what, write) {
        (What::Remove(_), Some(GroupwareWrite::Remove)) => step(ConflictSide::Groupware, StepKind::Remove, Vec::new()),
        (What::Remove(_), _) => step(ConflictSide::Groupware, StepKind::Exclude, Vec::new()),
        (What::CreateItem, _) => step(ConflictSide::Groupware, StepKind::Create, all(&part.item)),
        (What::Follow, Some(GroupwareWrite::Edit(edits))) => {
            let edit = edits.iter().find_map(|edit| match edit {
                PartEdit::Set { recurrence_id, changes, .. } if *recurrence_id == part.recurrence_id => Some(changes),
                _ => None,
            });
            if let Some(changes) = edit {
                step(ConflictSide::Groupware, StepKind::Update, changed(&part.item, changes));
            }
        }
        _ => {}
    }
    match &part.write {
        Some(RecordAction::Create { fields, .. } | RecordAction::CreateContact { fields, .. }) => {
            step(ConflictSide::Crm, StepKind::Create, all(fields));
        }
        Some(RecordAction::Update { bind, changes, .. }) => {
            if !changes.is_empty() {
                step(ConflictSide::Crm, StepKind::Update, changed(&part.record, changes));
            }
            if bind.is_some() {
                step(ConflictSide::Crm, StepKind::Bind, Vec::new());
            }
        }
        Some(RecordAction::Delete { .. }) | None => {}
    }
    steps
}

fn all(fields: &Fields) -> Vec<FieldStep> {
    fields.iter().map(|(field, value)| FieldStep { field: *field, from: None, to: Some(value.clone()) }).collect()
}

fn changed(before: &Fields, changes: &FieldChanges) -> Vec<FieldStep> {
    changes.iter().map(|(field, to)| FieldStep { field: *field, from: before.get(field).cloned(), to: to.clone() }).collect()
}
