//! The areas of items (calendar, tasks, later contacts): collect → decide → intend → write → settle.
//!
//! The unit of pairing is a part of an item (a single item, the master of a series, one occurrence), the unit of a groupware write is the
//! item, CRM writes go in batches. What the user asks for is a [`crate::journal::Wish`], which the next run carries out.

mod job;
mod plan;

use crate::crm::CrmRecords;
use crate::groupware::ItemStore;
use crate::journal::AreaCount;

use super::context::Context;
use super::error::EngineError;

pub use job::{ItemCapabilities, ItemJob};
pub use plan::{FieldStep, ItemPlan, PlannedItem, PlannedStep, StepKind};

/// Synchronises one area of the account in `store`. Returns whether the user stopped it at a batch border. On an error, what was done
/// before is in the journal and in `count`.
pub async fn synchronise<S: ItemStore, C: CrmRecords>(
    store: &S,
    crm: &C,
    job: &ItemJob,
    ctx: &Context,
    count: &mut AreaCount,
) -> Result<bool, EngineError> {
    let _ = (store, crm, job, ctx, count);
    Ok(false)
}

/// What [`synchronise`] would do, for at most `limit` items. Writes nothing, neither at a server nor in the journal.
pub async fn plan<S: ItemStore, C: CrmRecords>(
    store: &S,
    crm: &C,
    job: &ItemJob,
    ctx: &Context,
    limit: usize,
) -> Result<ItemPlan, EngineError> {
    let _ = (store, crm, job, ctx, limit);
    Ok(ItemPlan::default())
}
