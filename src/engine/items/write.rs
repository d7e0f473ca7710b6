//! Writes items, several at a time. A failure of one is its own (V10); a failure of the server stops the run.

use futures_util::{StreamExt as _, stream};

use crate::crm::CrmRecords;
use crate::engine::error::EngineError;
use crate::groupware::{GroupwareError, ItemStore, Removed, StoredItem, Written};
use crate::model::{Reason, ReasonCode};
use crate::sync::items::GroupwareWrite;
use crate::sync::{NextTry, Remedy, classify};

use super::Sync;
use super::carry::Work;

/// Writes on their way at the same time.
const PARALLEL: usize = 4;

/// What became of the write of an item.
#[derive(Debug)]
pub(super) enum ItemOutcome {
    /// There was nothing to write.
    NotNeeded,
    /// It is written, and reads so now.
    Stored(StoredItem),
    /// It is removed.
    Removed,
    /// It has another version, or was there already: this is it.
    Changed(StoredItem),
    /// It went meanwhile.
    Gone,
    /// The server does not take it.
    Refused(Reason, NextTry),
    /// It was not sent, or what became of it is not known.
    Unknown,
}

impl<S: ItemStore, C: CrmRecords> Sync<'_, S, C> {
    /// Makes the groupware writes of all works. The error that stops the run, if there is one.
    pub(super) async fn write_items(&self, works: &mut [Work]) -> Option<EngineError> {
        let writes: Vec<usize> =
            works.iter().enumerate().filter(|(_, work)| work.decision.groupware.is_some()).map(|(index, _)| index).collect();
        let mut stop: Option<GroupwareError> = None;
        let mut outcomes = Vec::new();
        {
            let works = &*works;
            let sent = writes.into_iter().filter_map(|index| works.get(index).map(|work| (index, work)));
            let mut results =
                stream::iter(sent.map(|(index, work)| async move { (index, self.write_item(work).await) })).buffered(PARALLEL);
            while let Some((index, result)) = results.next().await {
                match result {
                    Ok(outcome) => outcomes.push((index, outcome)),
                    Err(error) => {
                        outcomes.push((index, refusal(&error).unwrap_or(ItemOutcome::Unknown)));
                        if refusal(&error).is_none() {
                            stop = stop.or(Some(error));
                            // Nothing more is sent; what is on its way has an unknown outcome.
                            break;
                        }
                    }
                }
            }
        }
        let answered: std::collections::BTreeSet<usize> = outcomes.iter().map(|(index, _)| *index).collect();
        for (index, outcome) in outcomes {
            if let Some(work) = works.get_mut(index) {
                work.item = outcome;
            }
        }
        for (index, work) in works.iter_mut().enumerate() {
            if work.decision.groupware.is_some() && !answered.contains(&index) {
                work.item = ItemOutcome::Unknown;
            }
        }
        stop.map(EngineError::Groupware)
    }

    async fn write_item(&self, work: &Work) -> Result<ItemOutcome, GroupwareError> {
        let written = match (&work.decision.groupware, &work.unit.place, &work.unit.stored) {
            (Some(GroupwareWrite::Create(draft)), _, _) => {
                let Some(target) = &self.target else {
                    return Ok(ItemOutcome::Refused(ReasonCode::NoCollection.into(), NextTry::User));
                };
                self.store.create(&crate::groupware::CollectionId(target.clone()), draft).await?
            }
            (Some(GroupwareWrite::Edit(edits)), Some(place), Some(stored)) => {
                self.store.update(&Self::collection_id(place), stored, edits).await?
            }
            (Some(GroupwareWrite::Remove), Some(place), Some(stored)) => {
                let removed = self.store.remove(&Self::collection_id(place), &stored.id, stored.version.as_deref()).await?;
                return Ok(match removed {
                    Removed::Done | Removed::WasGone => ItemOutcome::Removed,
                    Removed::Changed(now) => ItemOutcome::Changed(now),
                    Removed::Refused(words) => refused(words),
                });
            }
            _ => return Ok(ItemOutcome::NotNeeded),
        };
        Ok(match written {
            Written::Stored(now) => ItemOutcome::Stored(now),
            Written::Changed(now) | Written::Exists(now) => ItemOutcome::Changed(now),
            Written::Gone => ItemOutcome::Gone,
            Written::Refused(words) => refused(words),
        })
    }
}

fn refused(words: String) -> ItemOutcome {
    ItemOutcome::Refused(Reason::new(ReasonCode::RefusedByGroupware, words), NextTry::Backoff)
}

/// A failure that is this item's own.
fn refusal(error: &GroupwareError) -> Option<ItemOutcome> {
    match classify::groupware(error) {
        Remedy::Park { reason } | Remedy::Bisect { reason } => Some(ItemOutcome::Refused(reason, NextTry::Backoff)),
        Remedy::StopArea { .. } => Some(refused(error.to_string())),
        _ => None,
    }
}
