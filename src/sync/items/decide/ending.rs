//! What becomes of one side when the other is gone, or is to go.

use super::Situation;
use crate::crm::{RecordKind, RecordState};
use crate::journal::{Pair, PairState};
use crate::model::{Field, ItemKey, ReasonCode};
use crate::sync::NextTry;
use crate::sync::items::decision::{PartDecision, What};
use crate::sync::items::deletion;
use crate::sync::items::parts::ItemPart;

impl Situation<'_> {
    /// The user removed the item earlier. The record stays as it is, unless he asks for something.
    pub(super) fn removed(&self, fact: Option<&RecordState>, decided: &mut PartDecision) {
        if self.facts.will.push && fact.is_some() {
            decided.what = What::CreateItem;
        } else if self.facts.will.confirm {
            decided.merge.to_crm = deletion::cancelled(&decided.record, self.rules);
            decided.what = What::Become(PairState::RemovedByUser);
        }
    }

    /// R81.
    pub(super) fn remove_on_request(&self, fact: Option<&RecordState>, decided: &mut PartDecision) {
        if self.may_write() {
            // An activity that goes to the groupware only when it is sent needs no mark that keeps it from coming back.
            let sent_only = matches!(fact, Some(RecordState::Present(view)) if view.kind == RecordKind::Other);
            decided.what = What::Remove((!sent_only).then_some(PairState::RemovedByUser));
        } else {
            decided.park = Some(self.barrier());
        }
    }

    /// The item, or the occurrence, was deleted in the groupware (C9).
    pub(super) fn item_deleted(&self, pair: &Pair, decided: &mut PartDecision) {
        decided.what = What::Become(PairState::RemovedByUser);
        if pair.record.is_none() || self.facts.will.refuse {
            return;
        }
        match deletion::of_item(&decided.record, self.rules) {
            deletion::InCrm::Keep => {}
            deletion::InCrm::Cancel(changes) => decided.merge.to_crm = changes,
            deletion::InCrm::Ask => decided.park = Some((ReasonCode::DeletedInGroupware.into(), NextTry::User)),
        }
    }

    /// The record was deleted in the CRM.
    pub(super) fn record_deleted(&self, pair: &Pair, part: &ItemPart, decided: &mut PartDecision) {
        // With its master the whole series goes, and what somebody said of one occurrence with it.
        let of_series = |(key, part): (&ItemKey, &ItemPart)| self.facts.pairs.get(key).map_or(part.exists, |pair| differs(pair, part));
        let changed = differs(pair, part) || part.recurrence_id.is_none() && self.whole.list.iter().any(of_series);
        decided.what = match deletion::of_record(changed && !self.facts.will.confirm, self.rules) {
            _ if self.facts.will.refuse => What::Become(PairState::RecordGone),
            deletion::InGroupware::Keep => What::Become(PairState::RecordGone),
            deletion::InGroupware::Ask => {
                decided.park = Some((ReasonCode::DeletedAndChanged.into(), NextTry::User));
                What::Nothing
            }
            deletion::InGroupware::Remove if self.may_write() => What::Remove(None),
            deletion::InGroupware::Remove => {
                decided.park = Some(self.barrier());
                What::Become(PairState::RecordGone)
            }
        };
    }
}

/// Whether somebody changed a part since its pair was settled.
fn differs(pair: &Pair, part: &ItemPart) -> bool {
    let said = &pair.base.groupware;
    // Where the answer to its creation was lost, it may lack what the server does not keep, and have a shown name of the server's own.
    let seen = pair.item.is_some();
    let added = |field: &Field| seen || *field != Field::FileAs;
    part.fields.iter().any(|(field, value)| said.get(field).map_or_else(|| added(field), |said| said != value))
        || seen && said.keys().any(|field| !part.fields.contains_key(field))
}
