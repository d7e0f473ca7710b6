//! From the state of one item and its records to what is written where. Pure.

mod card;
mod ending;

use std::collections::BTreeSet;

use crate::crm::{RecordKind, RecordState, RecordView};
use crate::groupware::StoredItem;
use crate::journal::{Base, Pair, PairState};
use crate::model::{Area, Field, FieldChanges, Fields, ItemKey, Moment, Reason, ReasonCode, Value};
use crate::settings::{SyncDirection, UpdateScope};
use crate::sync::NextTry;

use super::decision::{Decision, Facts, PartDecision, Presence, What};
use super::identity::part_key;
use super::merge::{self, Lane, Merge};
use super::parts::{ItemPart, Parts, parts};
use super::spoken::{date, title};
use super::visibility::{self, Visibility, visibility};
use super::window::{self, Standing};
use super::writes::{draft, edits, record_write};
use super::{Guard, Rules, activity_type, contacts, scheduling};

/// Decides what is to be done with an item and its records.
#[must_use]
pub fn decide(facts: &Facts<'_>, rules: &Rules<'_>) -> Decision {
    let stored = match facts.item {
        Presence::Present(stored) => Some(stored),
        Presence::Gone | Presence::Absent | Presence::Doubtful(_) => None,
    };
    let whole = stored.map(|stored| parts(&stored.item, facts.pairs, facts.expander, rules)).unwrap_or_default();
    let keys: BTreeSet<&ItemKey> = whole.list.keys().chain(facts.pairs.keys()).chain(facts.records.keys()).collect();
    let mut decision = Decision { expanded: whole.expanded, ..Decision::default() };
    for key in keys {
        let part = Situation { facts, rules, stored, whole: &whole, key, part: whole.list.get(key) };
        let mut decided = part.decide();
        if facts.will.refuse {
            refuse_emptying(&mut decided);
        }
        decision.risky |= !(facts.will.confirm || facts.will.remove) && is_risky(&decided, facts);
        decision.parts.push(decided);
    }
    decision.groupware = match stored {
        Some(stored) => edits(&mut decision.parts, &stored.item, facts, rules),
        None => draft(&mut decision.parts, facts, rules),
    };
    for part in &mut decision.parts {
        part.write = record_write(part, facts, rules);
    }
    decision
}

/// V8: a deletion, or a field that is emptied.
fn is_risky(part: &PartDecision, facts: &Facts<'_>) -> bool {
    let active = facts.pairs.get(&part.key).is_some_and(|pair| pair.state == PairState::Active && pair.record.is_some());
    let deletes = match part.what {
        What::Remove(_) => active && !facts.will.unlink,
        What::Become(PairState::RemovedByUser) => active && !facts.will.refuse,
        _ => false,
    };
    deletes || part.merge.empties()
}

/// The user does not want fields to be emptied: they are written back.
fn refuse_emptying(part: &mut PartDecision) {
    let emptied = |changes: &FieldChanges| changes.iter().filter(|(_, value)| value.is_none()).map(|(field, _)| *field).collect::<Vec<_>>();
    for field in emptied(&part.merge.to_groupware) {
        part.merge.to_groupware.remove(&field);
        part.merge.to_crm.insert(field, part.item.get(&field).cloned());
    }
    for field in emptied(&part.merge.to_crm) {
        if let Some(value) = part.record.get(&field) {
            part.merge.to_crm.remove(&field);
            part.merge.to_groupware.insert(field, Some(value.clone()));
        }
    }
}

/// One part with all that is known of it.
struct Situation<'a> {
    facts: &'a Facts<'a>,
    rules: &'a Rules<'a>,
    stored: Option<&'a StoredItem>,
    whole: &'a Parts,
    key: &'a ItemKey,
    part: Option<&'a ItemPart>,
}

impl Situation<'_> {
    fn decide(&self) -> PartDecision {
        let pair = self.facts.pairs.get(self.key);
        let fact = self.facts.records.get(self.key);
        let view = fact.and_then(RecordState::view);
        let mut decided = self.blank(pair, view);
        if pair.is_some() && self.facts.will.unlink {
            decided.what = What::Become(PairState::Unlinked);
            return decided;
        }
        match (pair, self.part, fact) {
            (Some(pair), part, fact) => self.paired(pair, part, fact, &mut decided),
            (None, Some(part), Some(RecordState::Present(view))) => match (self.rules.contacts, self.bars_pairing(part, view)) {
                // The CRM has it from an import that nobody remembers: the same write answers it.
                (Some(policy), _) if self.facts.will.import.is_some() => decided.what = self.new_card(part, policy, &mut decided),
                (_, Some(reason)) => decided.what = What::LeaveOut(reason),
                (_, None) => self.follow(None, part, &mut decided),
            },
            // It was made from the record: another one must not be made from it (V12).
            (None, Some(_), _) if self.master_is_withheld() => {
                decided.park = Some((ReasonCode::RecordWithheld.into(), NextTry::Backoff));
            }
            (None, Some(part), _) => decided.what = self.new_item(part, &mut decided),
            (None, None, Some(RecordState::Present(view))) => decided.what = self.new_record(view, &mut decided),
            (None, None, _) => {}
        }
        decided
    }

    fn blank(&self, pair: Option<&Pair>, view: Option<&RecordView>) -> PartDecision {
        let item = self.part.map(|part| part.fields.clone()).unwrap_or_default();
        let record = match (view, pair) {
            (Some(view), _) => view.fields.clone(),
            (None, Some(pair)) => pair.base.crm_fields(),
            (None, None) => Fields::new(),
        };
        let spoken = if item.is_empty() { &record } else { &item };
        PartDecision {
            key: self.key.clone(),
            recurrence_id: self.recurrence_id(pair, view),
            what: What::Nothing,
            merge: Merge::default(),
            base: None,
            title: title(spoken),
            date: date(spoken),
            kind: view.map(|view| view.kind).or(pair.map(|pair| pair.kind)).unwrap_or(match self.rules.area {
                Area::Tasks => RecordKind::Task,
                Area::Contacts if item.contains_key(&Field::Organisation) => RecordKind::Organisation,
                Area::Contacts => RecordKind::Contact,
                _ => RecordKind::Appointment,
            }),
            activity_type: view
                .map(|view| view.activity_type.clone())
                .or_else(|| pair.map(|pair| pair.activity_type.clone()))
                .unwrap_or_default(),
            write: None,
            park: None,
            writable: self.may_write(),
            component: self.part.filter(|part| part.exists).map(|part| part.record.clone()),
            item,
            record,
        }
    }

    fn recurrence_id(&self, pair: Option<&Pair>, view: Option<&RecordView>) -> Option<Moment> {
        let of_part = self.part.and_then(|part| part.recurrence_id.clone());
        of_part.or_else(|| pair.and_then(|pair| pair.recurrence_id.clone())).or_else(|| view.and_then(|view| view.recurrence_id.clone()))
    }

    /// V9, and collections that cannot be written.
    fn may_write(&self) -> bool {
        self.facts.collection_writable && self.stored.is_none_or(|stored| scheduling::may_write(&stored.item, self.rules))
    }

    /// Why no item is made: it may be there.
    fn doubt(&self) -> Option<(Reason, NextTry)> {
        match self.facts.item {
            Presence::Doubtful(why) => Some((Reason::new(ReasonCode::MayBeThere, why), NextTry::Backoff)),
            Presence::Present(_) | Presence::Gone | Presence::Absent => None,
        }
    }

    /// Why the item must not be written.
    fn barrier(&self) -> (Reason, NextTry) {
        let code = if self.facts.collection_writable { ReasonCode::NeedsInvitations } else { ReasonCode::ReadOnlyCollection };
        (code.into(), NextTry::User)
    }

    fn paired(&self, pair: &Pair, part: Option<&ItemPart>, fact: Option<&RecordState>, decided: &mut PartDecision) {
        let gone = matches!(fact, Some(RecordState::Deleted | RecordState::Withheld));
        // Absence from a list that was cut proves nothing, and neither does an item that was not asked for (V8).
        let vanished = match self.facts.item {
            Presence::Present(_) => part.is_none() && self.whole.complete,
            Presence::Gone => true,
            Presence::Absent | Presence::Doubtful(_) => false,
        };
        if let (Some(policy), None, Some(part), Some(_)) = (self.rules.contacts, &pair.record, part, &self.facts.will.import) {
            // Its import was cut off: the same write again answers what became of it.
            decided.what = self.new_card(part, policy, decided);
            return;
        }
        if pair.record.is_some() && self.is_unselected(fact) {
            self.unselected(pair, part, vanished, decided);
            return;
        }
        match pair.state {
            PairState::Unlinked | PairState::RecordGone if vanished && (gone || pair.state == PairState::RecordGone) => {
                decided.what = What::Forget;
            }
            PairState::Unlinked if !self.facts.will.push => {}
            PairState::RecordGone => {
                if let (Some(part), Some(RecordState::Present(_))) = (part, fact) {
                    self.follow(Some(&pair.base), part, decided);
                }
            }
            PairState::RemovedByUser if gone => {
                decided.what = if part.is_none() { What::Forget } else { What::Become(PairState::RecordGone) }
            }
            PairState::RemovedByUser if part.is_none() => self.removed(fact, decided),
            PairState::Active | PairState::RemovedByUser | PairState::Unlinked => match (part, gone) {
                (Some(_), false) if self.facts.will.remove || taken_back(pair, fact) => self.remove_on_request(fact, decided),
                (Some(part), false) => self.follow(Some(&Self::present_base(pair, part, fact)), part, decided),
                (Some(_), true) if self.is_withheld(fact) => decided.what = What::Become(PairState::RecordGone),
                (Some(part), true) => self.record_deleted(pair, part, decided),
                (None, true) if vanished || pair.item.is_none() => decided.what = What::Forget,
                (None, false) if vanished => self.item_deleted(pair, decided),
                // Its creation in the groupware was cut off.
                (None, false) if pair.item.is_none() && matches!(self.facts.item, Presence::Absent | Presence::Present(_)) => {
                    if self.is_bound_elsewhere(fact) {
                        decided.what = What::Forget;
                    } else if fact.is_some() {
                        decided.what = What::CreateItem;
                    }
                }
                (None, false) if pair.item.is_none() => decided.park = self.doubt(),
                (None, _) => {}
            },
        }
    }

    /// Whether the record has another item by now: another agent, or the user, gave it one before this one was made.
    fn is_bound_elsewhere(&self, fact: Option<&RecordState>) -> bool {
        let uid = fact.and_then(RecordState::view).and_then(|view| view.uid.as_ref());
        uid.is_some_and(|uid| uid != self.facts.uid)
    }

    /// Whether the item was made from a record that is out of sight.
    fn master_is_withheld(&self) -> bool {
        let master = part_key(self.facts.uid, None);
        matches!(self.facts.records.get(&master), Some(RecordState::Withheld)) && !self.facts.pairs.contains_key(&master)
    }

    /// Whether the record may only be out of the employee's sight (V8).
    fn is_withheld(&self, fact: Option<&RecordState>) -> bool {
        matches!(fact, Some(RecordState::Withheld)) && self.rules.guards.on(Guard::ProofOfDeletion)
    }

    /// The base of a pair. Where a creation was cut off, one side has not been seen yet.
    fn present_base(pair: &Pair, part: &ItemPart, fact: Option<&RecordState>) -> Base {
        match (&pair.item, &pair.record, fact) {
            // The item was made from the record. Whether the server dropped what it lacks, or somebody emptied it, cannot be told: it is
            // written once more.
            (None, _, _) => {
                let kept = |fields: &Fields| {
                    fields
                        .iter()
                        .filter(|(field, _)| part.fields.contains_key(field))
                        .map(|(field, value)| (*field, value.clone()))
                        .collect()
                };
                Base::of(kept(&pair.base.groupware), &kept(&pair.base.crm_fields()))
            }
            // Whether the record was made from the item, or by somebody else, or was changed since, cannot be told.
            (_, None, Some(RecordState::Present(view))) => Base::common(&pair.base.groupware, &view.fields),
            _ => pair.base.clone(),
        }
    }

    /// Merges what both sides say; without a base at a first pairing.
    fn follow(&self, base: Option<&Base>, part: &ItemPart, decided: &mut PartDecision) {
        let pair = self.facts.pairs.get(self.key);
        if pair.is_some_and(|pair| pair.record.is_none()) && !matches!(self.facts.records.get(self.key), Some(RecordState::Present(_))) {
            // Its creation in the CRM was cut off: whether the CRM has it is found out by the same write.
            decided.what = self.new_item(part, decided);
            return;
        }
        let shown = visibility(&part.fields, self.whole.master.as_ref(), self.rules);
        if let Visibility::Hidden(reason) = &shown {
            decided.what = if pair.is_some() { What::Nothing } else { What::LeaveOut(reason.clone()) };
            return;
        }
        let mut choices = pair.map(|pair| pair.choices.clone()).unwrap_or_default();
        choices.extend(&self.facts.will.choices);
        let settings = self.rules.settings;
        let policy = |field| settings.field_conflicts.get(&field).copied().unwrap_or(settings.conflicts);
        let lane = |field| self.lane(field, &shown, base.is_none());
        let view = self.facts.records.get(self.key).and_then(RecordState::view);
        let relayed = view.is_some_and(|view| view.origin.is_some());
        let agreed = base.filter(|_| self.rules.guards.on(Guard::ContentDecides));
        let mut merge = merge::merge(agreed, &part.fields, (&decided.record, relayed), policy, lane, &choices);
        if !merge.undecided.is_empty() {
            let names: Vec<&str> = merge.undecided.iter().map(|field| field.name()).collect();
            decided.park = Some((Reason::new(ReasonCode::Conflict, names.join(", ")), NextTry::User));
            merge = Merge { agreed: merge.agreed, undecided: merge.undecided, ..Merge::default() };
        } else if !merge.held.is_empty() {
            decided.park = Some(self.barrier());
        }
        if let Some(policy) = self.rules.contacts {
            contacts::rename(&mut merge, &part.fields, &decided.record);
            if let Some(refusal) = contacts::hold_faults(&mut merge, &decided.record, policy) {
                decided.park = Some((refusal, NextTry::User));
            }
        }
        decided.what = What::Follow;
        decided.merge = merge;
        decided.base = base.cloned();
        if let Some(base) = base
            && shown.shows(Field::Participants)
            && settings.direction != SyncDirection::ToGroupware
            && let Some(now) = activity_type::changed(&decided.activity_type, &base.groupware, &part.fields, self.rules)
        {
            now.clone_into(&mut decided.activity_type);
        }
    }

    fn lane(&self, field: Field, shown: &Visibility, first: bool) -> Lane {
        match merge::lane(field, self.rules, shown, self.may_write()) {
            // A first pairing must not write into what must not be written, and holds nothing either.
            Lane::Held if first => Lane::OnlyToCrm,
            // That it is private is told in any case (V13).
            Lane::ToCrm if first && field == Field::Private => Lane::OnlyToCrm,
            Lane::Both if self.rules.contacts.is_some() => Lane::Entries,
            lane => lane,
        }
    }

    /// An item without a record (R1, R3).
    fn new_item(&self, part: &ItemPart, decided: &mut PartDecision) -> What {
        if let Some(policy) = self.rules.contacts {
            return self.new_card(part, policy, decided);
        }
        let (settings, master) = (self.rules.settings, self.whole.master.as_ref());
        let out = |code: ReasonCode| What::LeaveOut(code.into());
        let shown = visibility(&part.fields, master, self.rules);
        if let Visibility::Hidden(reason) = shown {
            return What::LeaveOut(reason);
        }
        // What the CRM may have already is not judged anew.
        let begun = self.facts.pairs.get(self.key).is_some_and(|pair| pair.record.is_none());
        if !begun {
            if settings.direction == SyncDirection::ToGroupware || !settings.create_in_crm || settings.update_scope == UpdateScope::Time {
                return out(ReasonCode::DirectionOff);
            }
            if visibility::lacks_category(&part.fields, master, self.rules) {
                return out(ReasonCode::NoCategory);
            }
            if takes_no_place(&part.fields) {
                return out(ReasonCode::NotTakingPlace);
            }
            if !part.may_be_new || window::for_crm(&part.fields, self.rules) != Standing::Inside {
                return out(ReasonCode::OutsideWindow);
            }
        }
        decided.item = shown.of_fields(&part.fields);
        activity_type::of_new(&decided.item, self.rules).clone_into(&mut decided.activity_type);
        What::CreateRecord
    }

    /// A record without an item (R4, R70, R71).
    fn new_record(&self, view: &RecordView, decided: &mut PartDecision) -> What {
        let (settings, pushed) = (self.rules.settings, self.facts.will.push);
        let out = |code: ReasonCode| What::LeaveOut(code.into());
        if !pushed {
            if settings.direction == SyncDirection::ToCrm || !settings.create_in_groupware || settings.update_scope == UpdateScope::Time {
                return out(ReasonCode::DirectionOff);
            }
            if view.kind == RecordKind::Other || self.rules.contacts.is_some_and(|policy| policy.leaves_out(view)) {
                return What::Nothing;
            }
            if takes_no_place(&view.fields) {
                return out(ReasonCode::NotTakingPlace);
            }
            match window::for_groupware(&view.fields, self.rules) {
                Standing::Inside => {}
                Standing::Later(at) => return What::Later(at),
                Standing::Past => return out(ReasonCode::OutsideWindow),
            }
        }
        if let Some(doubt) = self.doubt() {
            decided.park = Some(doubt);
            return What::Nothing;
        }
        if !self.may_write() {
            let (reason, next) = if self.stored.is_some() { self.barrier() } else { (ReasonCode::NoCollection.into(), NextTry::User) };
            decided.park = Some((reason, next));
            return What::Nothing;
        }
        What::CreateItem
    }
}

/// Cancelled, declined or completed: nothing to create on the other side.
fn takes_no_place(fields: &Fields) -> bool {
    let done = matches!(fields.get(&Field::TaskStatus), Some(Value::Text(status)) if status == "cancelled" || status == "completed");
    done || fields.contains_key(&Field::Cancelled) || fields.contains_key(&Field::Declined)
}

/// Whether the user of the CRM took the activity back there (R81): it was one for the groupware, and is none any longer.
fn taken_back(pair: &Pair, fact: Option<&RecordState>) -> bool {
    pair.kind != RecordKind::Other && matches!(fact, Some(RecordState::Present(view)) if view.kind == RecordKind::Other)
}
