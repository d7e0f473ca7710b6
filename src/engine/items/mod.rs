//! The areas of items (calendar, tasks, contacts): collect → decide → intend → write → settle.
//!
//! The unit of pairing is a part of an item (a single item, the master of a series, one occurrence), the unit of a groupware write is the
//! item, CRM writes go in batches. What the user asks for is a [`crate::journal::Wish`], which the next run carries out.
//!
//! Recovery is deciding again: an intent without an outcome names an item, which is read on both sides and compared with the base. What was
//! written says the same on both sides and needs no write; what was not is decided anew. A creation that was begun has a pair with one
//! side missing, whose base is what was sent: the same creation again answers what is there, under the same identity (V2).

mod cards;
mod carry;
mod collect;
mod deliver;
mod job;
mod links;
mod part_result;
mod plan;
mod process;
mod settle;
mod unit;
mod unlisted;
mod waiting;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use crate::crm::{CrmRecords, RecordState};
use crate::groupware::{Collection, ItemStore};
use crate::journal::{AreaCount, Change, ItemPlace};
use crate::model::{Instant, OpId, Reason};
use crate::settings::UpdateScope;
use crate::sync::items::{Guard, Will};

use super::context::Context;
use super::error::EngineError;
use super::events::RunEvent;

pub use job::{ItemCapabilities, ItemJob};
pub use plan::{FieldStep, ItemPlan, PlannedItem, PlannedStep, StepKind, plan};

use unit::Unit;

/// One synchronisation in progress.
pub(super) struct Sync<'a, S, C> {
    store: &'a S,
    crm: &'a C,
    job: &'a ItemJob,
    ctx: &'a Context,
    count: AreaCount,
    /// When it began: what is due, and the window, are judged by it.
    started: Instant,
    /// The collections that take part.
    collections: BTreeMap<String, Collection>,
    /// Those that cannot be read now, with their names for people.
    unread: BTreeMap<String, String>,
    /// Items of this run that cannot be read, with their UIDs where they are known.
    broken: BTreeMap<ItemPlace, String>,
    /// Where new items go.
    target: Option<String>,
    /// Records that were read and not given to a unit yet.
    records: BTreeMap<String, RecordState>,
    /// The UIDs they belong to.
    uid_of: BTreeMap<String, BTreeSet<String>>,
    /// Records that are gone and belong to no pair.
    unpaired_gone: BTreeSet<String>,
    /// Contacts of which several cards bear the id.
    barred: BTreeSet<String>,
    /// Second records of one part.
    doubled: Vec<(String, RecordState, Reason)>,
    /// What the user asked for, by UID, with the ids of his wishes.
    wills: BTreeMap<String, (Will, BTreeSet<String>)>,
    /// Wishes that are about nothing any more.
    void_wishes: Vec<String>,
    /// Intents of earlier runs, by UID.
    stale: BTreeMap<String, Vec<OpId>>,
    /// UIDs to look at though nothing moved.
    again: BTreeSet<String>,
    /// The UIDs of pairs whose items are read, by where the pairs know them.
    uid_at: BTreeMap<ItemPlace, String>,
    /// UIDs dealt with, with where their item lies.
    seen: BTreeMap<String, Option<ItemPlace>>,
    /// Items that are proved to be gone.
    gone: BTreeSet<ItemPlace>,
    /// Units the guard is to be asked about (V8).
    risky: Vec<Unit>,
    /// The guard has tripped in this run.
    tripped: bool,
    /// What would be done, when nothing is to be.
    dry: Option<Vec<PlannedItem>>,
}

/// Synchronises one area of the account in `store`. Returns whether the user stopped it at a batch border. On an error, what was done
/// before is in the journal and in `count`.
pub async fn synchronise<S: ItemStore, C: CrmRecords>(
    store: &S,
    crm: &C,
    job: &ItemJob,
    ctx: &Context,
    count: &mut AreaCount,
) -> Result<bool, EngineError> {
    let mut sync = Sync::new(store, crm, job, ctx);
    let result = sync.run().await;
    *count = sync.count;
    result
}

impl<'a, S: ItemStore, C: CrmRecords> Sync<'a, S, C> {
    fn new(store: &'a S, crm: &'a C, job: &'a ItemJob, ctx: &'a Context) -> Self {
        Self {
            store,
            crm,
            job,
            ctx,
            count: AreaCount::default(),
            started: ctx.now(),
            collections: BTreeMap::new(),
            unread: BTreeMap::new(),
            broken: BTreeMap::new(),
            target: None,
            records: BTreeMap::new(),
            uid_of: BTreeMap::new(),
            unpaired_gone: BTreeSet::new(),
            barred: BTreeSet::new(),
            doubled: Vec::new(),
            wills: BTreeMap::new(),
            void_wishes: Vec::new(),
            stale: BTreeMap::new(),
            again: BTreeSet::new(),
            uid_at: BTreeMap::new(),
            seen: BTreeMap::new(),
            gone: BTreeSet::new(),
            risky: Vec::new(),
            tripped: false,
            dry: None,
        }
    }

    /// Returns whether the user stopped it.
    async fn run(&mut self) -> Result<bool, EngineError> {
        let mut collected = self.collect().await?;
        if !self.job.guards.on(Guard::CursorWithItems) {
            self.ctx.commit(std::mem::take(&mut collected.cursors)).await?;
        }
        self.gone = std::mem::take(&mut collected.gone);
        self.count.left = collected.fetch.len().saturating_add(self.gone.len()).saturating_add(self.records.len()) as u64;
        if self.process(std::mem::take(&mut collected.fetch)).await? {
            return Ok(true);
        }
        if self.dry.is_some() {
            return Ok(false);
        }
        let mut changes = self.remainder()?;
        if self.remembers() {
            // Everything they cover is settled by now (V3).
            changes.append(&mut collected.cursors);
        }
        self.ctx.commit(changes).await?;
        self.write_links().await?;
        self.ctx.tell(&RunEvent::Progress { area: self.job.area, count: self.count });
        Ok(false)
    }

    /// A refresh of times alone (R42) leaves everything else to the next whole run: it moves no cursor and remembers no version.
    fn remembers(&self) -> bool {
        self.job.settings.update_scope == UpdateScope::All
    }

    /// What concerns no item: wishes and records that are about nothing any more, second records of one part.
    fn remainder(&mut self) -> Result<Vec<Change>, EngineError> {
        let (account, area) = (self.ctx.account.clone(), self.job.area);
        let mut changes = Vec::new();
        for id in std::mem::take(&mut self.void_wishes) {
            changes.push(Change::RemoveWish { account: account.clone(), area, id });
        }
        for record in std::mem::take(&mut self.unpaired_gone) {
            changes.push(Change::ForgetRecord { account: account.clone(), area, record });
        }
        for (id, fact, reason) in std::mem::take(&mut self.doubled) {
            if let RecordState::Present(view) = fact {
                self.park_record(&id, &view, reason, &mut changes)?;
            }
        }
        for ops in std::mem::take(&mut self.stale).into_values() {
            changes.extend(ops.into_iter().map(Change::RemoveIntent));
        }
        Ok(changes)
    }
}

#[cfg(test)]
mod tests;
