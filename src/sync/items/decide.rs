//! From the state of one item and its records to what is written where. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::crm::{RecordAction, RecordKind, RecordState, RecordView};
use crate::groupware::{Draft, DraftPart, Item, PartEdit, StoredItem};
use crate::journal::{Base, ConflictSide, Pair, PairState};
use crate::model::{Area, Field, FieldChanges, Fields, Instant, ItemKey, Moment, Reason, ReasonCode, Value};
use crate::settings::{SyncDirection, UpdateScope};
use crate::sync::NextTry;

use super::identity::{item_id, part_key};
use super::merge::{self, Lane, Merge};
use super::parts::{ItemPart, Parts, parts};
use super::visibility::{self, Visibility, visibility};
use super::window::{self, Standing};
use super::{Expander, Guard, Rules, activity_type, deletion, link_back, scheduling};

/// What is known of one item (one UID of an account) and its records.
#[derive(Debug)]
pub struct Facts<'a> {
    /// Identity of the CRM: items made from its records are named after it.
    pub crm_instance: &'a str,
    /// UID of the item.
    pub uid: &'a str,
    /// What is known of the item.
    pub item: Presence<'a>,
    /// Its collection can be written; for a new item: there is one for it.
    pub collection_writable: bool,
    /// Its pairs, by key.
    pub pairs: &'a BTreeMap<ItemKey, Pair>,
    /// Records that were read, by the key of their part. Those of pairs that are not here have not changed.
    pub records: &'a BTreeMap<ItemKey, RecordState>,
    /// What the user asked for.
    pub will: &'a Will,
    /// Expands series.
    pub expander: Expander,
}

/// What is known of an item.
#[derive(Debug, Clone, Copy)]
pub enum Presence<'a> {
    /// It is there.
    Present(&'a StoredItem),
    /// It is proved to be gone (V8).
    Gone,
    /// It has never been there, as far as is known.
    Absent,
}

/// What the user asked for, of one item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Will {
    /// Send it to the groupware whatever the window says (R78–R80).
    pub push: bool,
    /// Remove the item and end its pairs (R81).
    pub remove: bool,
    /// End its pairs.
    pub unlink: bool,
    /// Do what was parked.
    pub confirm: bool,
    /// Do not do what was parked.
    pub refuse: bool,
    /// Whose value holds, by field.
    pub choices: BTreeMap<Field, ConflictSide>,
}

/// What is to be done with an item and its records.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decision {
    /// What is to be done with each part.
    pub parts: Vec<PartDecision>,
    /// What is written into the groupware.
    pub groupware: Option<GroupwareWrite>,
    /// A deletion or an emptied field is among it, and the user did not ask for it: the guard is to be asked (V8).
    pub risky: bool,
    /// The item is looked at again though it does not change.
    pub expanded: bool,
}

/// A write of an item.
#[derive(Debug, Clone, PartialEq)]
pub enum GroupwareWrite {
    /// A new one.
    Create(Draft),
    /// Edits of its parts.
    Edit(Vec<PartEdit>),
    /// It is removed.
    Remove,
}

/// What is to be done with one part and its record.
#[derive(Debug, Clone, PartialEq)]
pub struct PartDecision {
    /// Key.
    pub key: ItemKey,
    /// Which occurrence.
    pub recurrence_id: Option<Moment>,
    /// What.
    pub what: What,
    /// Which fields flow.
    pub merge: Merge,
    /// What the merge started from.
    pub base: Option<Base>,
    /// What the item says; what must not leave is not in it.
    pub item: Fields,
    /// What the record says.
    pub record: Fields,
    /// Kind of the record.
    pub kind: RecordKind,
    /// Type of the record, now or to be.
    pub activity_type: String,
    /// The write into the CRM.
    pub write: Option<RecordAction>,
    /// It waits, entirely or in what is left undone.
    pub park: Option<(Reason, NextTry)>,
    /// The item may be written.
    pub writable: bool,
    /// The item has a component for it, with this mark.
    pub component: Option<Option<String>>,
    /// The title for people.
    pub title: String,
    /// Start or due time for people.
    pub date: Option<String>,
}

/// What is done with a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Nothing: the pair stays as it is.
    Nothing,
    /// The pair follows its merge; a new pair when there was none.
    Follow,
    /// A new record.
    CreateRecord,
    /// A new item, or a new part of one.
    CreateItem,
    /// The item, or this occurrence, is removed; then the pair becomes this, or is no more.
    Remove(Option<PairState>),
    /// The pair becomes this.
    Become(PairState),
    /// The pair is no more.
    Forget,
    /// It is not paired, for this reason.
    LeaveOut(Reason),
    /// It is not paired until the window reaches it.
    Later(Instant),
}

/// Decides what is to be done with an item and its records.
#[must_use]
pub fn decide(facts: &Facts<'_>, rules: &Rules<'_>) -> Decision {
    let stored = match facts.item {
        Presence::Present(stored) => Some(stored),
        Presence::Gone | Presence::Absent => None,
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
            (None, Some(part), Some(RecordState::Present(_))) => self.follow(None, part, &mut decided),
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
            Presence::Absent => false,
        };
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
                    if fact.is_some() {
                        decided.what = What::CreateItem;
                    }
                }
                (None, _) => {}
            },
        }
    }

    /// Whether the record may only be out of the employee's sight (V8).
    fn is_withheld(&self, fact: Option<&RecordState>) -> bool {
        matches!(fact, Some(RecordState::Withheld)) && self.rules.guards.on(Guard::ProofOfDeletion)
    }

    /// The base of a pair. Where a creation was cut off, one side has not been seen yet.
    fn present_base(pair: &Pair, part: &ItemPart, fact: Option<&RecordState>) -> Base {
        match (&pair.item, &pair.record, fact) {
            // The item was made from the record: what it lacks the server has dropped.
            (None, _, _) => {
                let kept = |field: &Field| part.fields.contains_key(field);
                let groupware = pair.base.groupware.iter().filter(|(field, _)| kept(field));
                Base::of(groupware.map(|(field, value)| (*field, value.clone())).collect(), &pair.base.crm_fields())
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
        let agreed = base.filter(|_| self.rules.guards.on(Guard::ContentDecides));
        let mut merge = merge::merge(agreed, &part.fields, &decided.record, policy, lane, &choices);
        if !merge.undecided.is_empty() {
            let names: Vec<&str> = merge.undecided.iter().map(|field| field.name()).collect();
            decided.park = Some((Reason::new(ReasonCode::Conflict, names.join(", ")), NextTry::User));
            merge = Merge { agreed: merge.agreed, undecided: merge.undecided, ..Merge::default() };
        } else if !merge.held.is_empty() {
            decided.park = Some(self.barrier());
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
            lane => lane,
        }
    }

    /// An item without a record (R1, R3).
    fn new_item(&self, part: &ItemPart, decided: &mut PartDecision) -> What {
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
            if view.kind == RecordKind::Other {
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
        if !self.may_write() {
            let (reason, next) = if self.stored.is_some() { self.barrier() } else { (ReasonCode::NoCollection.into(), NextTry::User) };
            decided.park = Some((reason, next));
            return What::Nothing;
        }
        What::CreateItem
    }

    /// The user removed the item earlier. The record stays as it is, unless he asks for something.
    fn removed(&self, fact: Option<&RecordState>, decided: &mut PartDecision) {
        if self.facts.will.push && fact.is_some() {
            decided.what = What::CreateItem;
        } else if self.facts.will.confirm {
            decided.merge.to_crm = deletion::cancelled(&decided.record, self.rules);
            decided.what = What::Become(PairState::RemovedByUser);
        }
    }

    /// R81.
    fn remove_on_request(&self, fact: Option<&RecordState>, decided: &mut PartDecision) {
        if self.may_write() {
            // An activity that goes to the groupware only when it is sent needs no mark that keeps it from coming back.
            let sent_only = matches!(fact, Some(RecordState::Present(view)) if view.kind == RecordKind::Other);
            decided.what = What::Remove((!sent_only).then_some(PairState::RemovedByUser));
        } else {
            decided.park = Some(self.barrier());
        }
    }

    /// The item, or the occurrence, was deleted in the groupware (C9).
    fn item_deleted(&self, pair: &Pair, decided: &mut PartDecision) {
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
    fn record_deleted(&self, pair: &Pair, part: &ItemPart, decided: &mut PartDecision) {
        let said = &pair.base.groupware;
        let changed = pair.item.is_some() && part.fields.iter().any(|(field, value)| said.get(field) != Some(value))
            || said.keys().any(|field| !part.fields.contains_key(field));
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

/// What the fields of a new item say; `None` where the record cannot be one.
fn draft_fields(record: &Fields, rules: &Rules<'_>) -> Fields {
    let mut fields = scheduling::without_invitations(record.clone(), rules);
    fields.remove(&Field::Declined);
    fields.remove(&Field::MeetingLink);
    if rules.area == Area::Calendar {
        fields.insert(Field::ShowAs, Value::Text(rules.settings.default_show_as.clone()));
    }
    fields
}

/// A new item of all parts that are to be created. An override without its series is not created.
fn draft(decisions: &mut [PartDecision], facts: &Facts<'_>, rules: &Rules<'_>) -> Option<GroupwareWrite> {
    let has_master = decisions.iter().any(|part| part.what == What::CreateItem && part.recurrence_id.is_none());
    let mut parts = Vec::new();
    let mut named_after = None;
    for part in decisions.iter_mut().filter(|part| part.what == What::CreateItem) {
        if !has_master {
            part.what = What::LeaveOut(ReasonCode::NoSeries.into());
            continue;
        }
        let Some(RecordState::Present(view)) = facts.records.get(&part.key) else { continue };
        part.item = draft_fields(&part.record, rules);
        if part.recurrence_id.is_some() {
            part.item.remove(&Field::Recurrence);
        }
        let link = rules.settings.link_back.then(|| link_back::wanted(&view.link, &part.record));
        if part.recurrence_id.is_none() {
            named_after = Some(view.link.id.clone());
        }
        parts.push(DraftPart { recurrence_id: part.recurrence_id.clone(), fields: part.item.clone(), link });
    }
    parts.sort_by_key(|part| part.recurrence_id.as_ref().map(Moment::key));
    let create_id = if rules.guards.on(Guard::StableCreateId) { item_id(facts.crm_instance, &named_after?) } else { facts.uid.to_owned() };
    Some(GroupwareWrite::Create(Draft { create_id, uid: facts.uid.to_owned(), area: rules.area, parts }))
}

/// The edits of an item that is there. When its master is removed, all of it is.
fn edits(decisions: &mut [PartDecision], item: &Item, facts: &Facts<'_>, rules: &Rules<'_>) -> Option<GroupwareWrite> {
    let removes = |part: &PartDecision| matches!(part.what, What::Remove(_));
    let whole = decisions.iter().any(|part| removes(part) && (part.recurrence_id.is_none() || item.parts.len() == 1 && is_orphan(item)));
    if whole {
        for part in decisions.iter_mut().filter(|part| facts.pairs.contains_key(&part.key)) {
            if !removes(part) {
                let state = if facts.will.remove { Some(PairState::RemovedByUser) } else { None };
                // A record of an occurrence outlives its series: it is the user's to look at.
                part.what = if matches!(facts.records.get(&part.key), Some(RecordState::Deleted)) {
                    What::Remove(None)
                } else {
                    What::Remove(state.or(Some(PairState::RemovedByUser)))
                };
                part.merge = Merge::default();
            }
        }
        for part in decisions.iter_mut().filter(|part| !facts.pairs.contains_key(&part.key)) {
            part.what = What::Nothing;
        }
        return Some(GroupwareWrite::Remove);
    }
    let mut edits = Vec::new();
    for part in decisions.iter_mut() {
        match (&part.what, &part.recurrence_id) {
            (What::Remove(_), Some(recurrence_id)) => edits.push(PartEdit::Exclude { recurrence_id: recurrence_id.clone() }),
            (What::CreateItem, _) => {
                part.item = draft_fields(&part.record, rules);
                part.item.remove(&Field::Recurrence);
                let changes = part.item.iter().map(|(field, value)| (*field, Some(value.clone()))).collect();
                edits.push(PartEdit::Set { recurrence_id: part.recurrence_id.clone(), changes, link: None });
            }
            (What::Follow, _) if !part.merge.to_groupware.is_empty() => edits.push(PartEdit::Set {
                recurrence_id: part.recurrence_id.clone(),
                changes: part.merge.to_groupware.clone(),
                link: None,
            }),
            _ => {}
        }
    }
    if edits.is_empty() { None } else { Some(GroupwareWrite::Edit(edits)) }
}

/// An override that came without its series, as invitations to one occurrence do.
fn is_orphan(item: &Item) -> bool {
    item.parts.iter().all(|part| part.recurrence_id.is_some())
}

/// The write into the CRM that a part needs.
fn record_write(part: &PartDecision, facts: &Facts<'_>, rules: &Rules<'_>) -> Option<RecordAction> {
    if part.what == What::CreateRecord {
        return Some(RecordAction::Create {
            activity_type: part.activity_type.clone(),
            uid: facts.uid.to_owned(),
            recurrence_id: part.recurrence_id.clone(),
            fields: part.item.clone(),
        });
    }
    if !matches!(part.what, What::Follow | What::CreateItem | What::Become(PairState::RemovedByUser)) {
        return None;
    }
    let pair = facts.pairs.get(&part.key);
    let view = facts.records.get(&part.key).and_then(RecordState::view);
    let link = view.map(|view| &view.link).or_else(|| pair.and_then(|pair| pair.record.as_ref()))?;
    let bound =
        view.is_none_or(|view| view.uid.as_deref() == Some(facts.uid) && part_key(facts.uid, view.recurrence_id.as_ref()) == part.key);
    // A record that was given to another item meanwhile stays there: two agents would take it from each other for ever.
    let free = view.is_none_or(|view| view.uid.is_none() || view.uid.as_deref() == Some(facts.uid));
    let bind = (!bound && free).then(|| (facts.uid.to_owned(), part.recurrence_id.clone()));
    let present = view.map(|view| view.activity_type.as_str()).or_else(|| pair.map(|pair| pair.activity_type.as_str()));
    let activity_type = Some(part.activity_type.clone()).filter(|now| present.is_some_and(|present| present != now));
    if part.merge.to_crm.is_empty() && bind.is_none() && activity_type.is_none() {
        return None;
    }
    Some(RecordAction::Update {
        id: link.id.clone(),
        if_version: link.version.clone(),
        bind,
        activity_type,
        changes: if rules.guards.on(Guard::ChangedFieldsOnly) {
            part.merge.to_crm.clone()
        } else {
            part.item.iter().map(|(field, value)| (*field, Some(value.clone()))).collect()
        },
    })
}

/// Cancelled, declined or completed: nothing to create on the other side.
fn takes_no_place(fields: &Fields) -> bool {
    let done = matches!(fields.get(&Field::TaskStatus), Some(Value::Text(status)) if status == "cancelled" || status == "completed");
    done || fields.contains_key(&Field::Cancelled) || fields.contains_key(&Field::Declined)
}

/// Title for people.
#[must_use]
pub fn title(fields: &Fields) -> String {
    match fields.get(&Field::Subject) {
        Some(Value::Text(subject)) => subject.clone(),
        _ => String::new(),
    }
}

/// Start or due time for people.
#[must_use]
pub fn date(fields: &Fields) -> Option<String> {
    let moment = match (fields.get(&Field::Slot), fields.get(&Field::Due).or_else(|| fields.get(&Field::Start))) {
        (Some(Value::Slot(slot)), _) => &slot.start,
        (None, Some(Value::Moment(moment))) => moment,
        _ => return None,
    };
    Some(match moment {
        Moment::Day(day) => day.to_string(),
        Moment::Floating(local) => local.format("%Y-%m-%dT%H:%M:%S").to_string(),
        Moment::Zoned { instant, .. } => instant.to_rfc3339(),
    })
}

/// Whether the user of the CRM took the activity back there (R81): it was one for the groupware, and is none any longer.
fn taken_back(pair: &Pair, fact: Option<&RecordState>) -> bool {
    pair.kind != RecordKind::Other && matches!(fact, Some(RecordState::Present(view)) if view.kind == RecordKind::Other)
}
