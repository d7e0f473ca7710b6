//! What is decided otherwise for a card and its contact.

use super::Situation;
use crate::crm::{RecordState, RecordView};
use crate::journal::{Pair, PairState};
use crate::model::{Reason, ReasonCode};
use crate::settings::SyncDirection;
use crate::sync::NextTry;
use crate::sync::contacts::{Admission, ContactPolicy, admit};
use crate::sync::items::decision::{PartDecision, What};
use crate::sync::items::parts::ItemPart;
use crate::sync::items::{activity_type, contacts};

impl Situation<'_> {
    /// A card without a contact (R89, R102): it comes into the CRM when the user says so, and under whom.
    pub(super) fn new_card(&self, part: &ItemPart, policy: &ContactPolicy, decided: &mut PartDecision) -> What {
        if part.record.is_some() {
            return What::LeaveOut(ReasonCode::PairEnded.into());
        }
        let Admission::Offered(fields) = admit(part.fields.clone(), None, &policy.category) else {
            return What::LeaveOut(ReasonCode::NoCategory.into());
        };
        if self.facts.will.link {
            let why = Reason::new(ReasonCode::Ambiguous, "the contact is gone, or has another card");
            decided.park = Some((why, NextTry::User));
            return What::Nothing;
        }
        if self.facts.will.import.is_none() {
            return What::LeaveOut(ReasonCode::AwaitsImport.into());
        }
        if self.rules.settings.direction == SyncDirection::ToGroupware {
            return What::LeaveOut(ReasonCode::DirectionOff.into());
        }
        if let Some(refusal) = contacts::refusal(&fields, policy) {
            decided.park = Some((refusal, NextTry::User));
            return What::Nothing;
        }
        decided.item = contacts::without_derived(fields);
        activity_type::of_new(&decided.item, self.rules).clone_into(&mut decided.activity_type);
        What::CreateRecord
    }

    /// Why a card and a contact that belong together by their ids are not paired.
    pub(super) fn bars_pairing(&self, part: &ItemPart, view: &RecordView) -> Option<Reason> {
        let policy = self.rules.contacts?;
        if self.facts.will.link {
            let offered = matches!(admit(part.fields.clone(), None, &policy.category), Admission::Offered(_));
            return (part.record.is_none() && !offered).then(|| ReasonCode::NoCategory.into());
        }
        policy.leaves_out(view).then(|| ReasonCode::NotSelected.into())
    }

    /// Whether the contact does not belong into the address book any more (R85).
    pub(super) fn is_unselected(&self, fact: Option<&RecordState>) -> bool {
        let (Some(policy), Some(RecordState::Present(view))) = (self.rules.contacts, fact) else { return false };
        !self.facts.will.push && !self.facts.will.link && policy.leaves_out(view)
    }

    /// The contact lost its selection: its card goes, unless somebody changed it since (R85, R112).
    pub(super) fn unselected(&self, pair: &Pair, part: Option<&ItemPart>, vanished: bool, decided: &mut PartDecision) {
        match (pair.state, part) {
            (PairState::Active, Some(_)) if self.facts.will.refuse => decided.what = What::Become(PairState::Unlinked),
            (PairState::Active, Some(part)) => self.record_deleted(pair, part, decided),
            // What was removed before may come anew when it is selected again.
            (PairState::RemovedByUser, None) => decided.what = What::Forget,
            (_, None) if vanished || pair.item.is_none() => decided.what = What::Forget,
            _ => {}
        }
    }
}
