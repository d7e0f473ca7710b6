//! What became of one part whose writes were answered: its pair with the new base (V6), and what is still to do.

use std::collections::BTreeMap;

use crate::crm::{CrmRecords, RecordLink, RecordState, RecordView};
use crate::groupware::ItemStore;
use crate::journal::{Base, ItemOutcome as Outcome, LinkState, Pair, PairState};
use crate::model::{Field, FieldChanges, Fields, Instant, Reason, Value};
use crate::sync::NextTry;
use crate::sync::items::merge::{self, Sides};
use crate::sync::items::parts::Parts;
use crate::sync::items::{GroupwareWrite, Guard, PartDecision, What, link_back};

use super::Sync;
use super::carry::{Work, drafted};
use super::deliver::RecordOutcome;
use super::unit::Unit;
use super::write::ItemOutcome;

/// What became of one part.
pub(super) struct PartResult {
    /// The pair; `None` removes it.
    pub pair: Option<Pair>,
    /// It is decided again with what is known now.
    pub again: bool,
    /// For the run's list.
    pub outcome: Option<Outcome>,
    /// It waits.
    pub park: Option<(Reason, NextTry)>,
    /// It is not paired, for this reason.
    pub left_out: Option<Reason>,
    /// A record that is looked at again when the window reaches it.
    pub later: Option<(RecordView, Instant)>,
}

impl<S: ItemStore, C: CrmRecords> Sync<'_, S, C> {
    /// What became of one part whose groupware write, if any, was made.
    pub(super) fn part_result(&self, work: &mut Work, part: &PartDecision, after: Option<&Parts>) -> PartResult {
        let pair = work.unit.pairs.get(&part.key).cloned();
        let mut result =
            PartResult { pair: pair.clone(), again: false, outcome: None, park: part.park.clone(), left_out: None, later: None };
        let record = work.records.remove(&part.key);
        let answered = match record {
            Some(RecordOutcome::Written(view)) => Some((view, false)),
            Some(RecordOutcome::Joined(view)) => Some((view, true)),
            Some(RecordOutcome::Found(record)) => {
                work.unit.records.insert(part.key.clone(), record);
                result.again = true;
                None
            }
            Some(RecordOutcome::Refused(reason, next)) => {
                result.park = Some((reason, next));
                None
            }
            Some(RecordOutcome::Unknown) | None => None,
        };
        let wrote_item = matches!(work.item, ItemOutcome::Stored(_));
        let fields_after = after.and_then(|after| after.list.get(&part.key)).map(|part| part.fields.clone());
        match &part.what {
            What::Nothing => {}
            What::LeaveOut(reason) => {
                result.left_out = Some(reason.clone());
                result.outcome = Some(Outcome::LeftOut);
            }
            What::Later(at) => {
                if let Some(RecordState::Present(view)) = work.unit.records.get(&part.key) {
                    result.later = Some((view.clone(), *at));
                }
            }
            What::Forget => {
                result.pair = None;
                result.outcome = Some(Outcome::Removed);
            }
            What::Become(state) => {
                let mut changed = pair.unwrap_or_else(|| self.new_pair(&work.unit, part));
                if let Some((view, _)) = answered {
                    // The item is taken to say it too: should it come back, that is a change. What the record says besides it has not heard.
                    let (mut groupware, mut crm) = (changed.base.groupware.clone(), changed.base.crm_fields());
                    for (field, value) in &part.merge.to_crm {
                        put(&mut groupware, *field, value.as_ref());
                        put(&mut crm, *field, view.fields.get(field));
                    }
                    changed.base = Base::of(groupware, &crm);
                    changed.record = Some(view.link);
                }
                changed.record = changed.record.or_else(|| work.unit.record_link(&part.key));
                if !result.again {
                    changed.state = *state;
                    result.outcome = Some(Outcome::Removed);
                }
                result.pair = Some(changed);
            }
            What::Remove(state) => {
                result.outcome = Some(Outcome::Removed);
                result.pair = match (state, pair) {
                    (Some(state), Some(pair)) => Some(Pair { state: *state, ..pair }),
                    _ => None,
                };
            }
            What::CreateRecord => self.record_created(work, part, pair, answered, &mut result),
            What::CreateItem => {
                let mut made = self.new_pair(&work.unit, part);
                let fields = fields_after.unwrap_or_else(|| part.item.clone());
                let mut record = part.record.clone();
                if let Some((view, _)) = answered {
                    record.clone_from(&view.fields);
                    made.record = Some(view.link);
                }
                made.base = Base::of(fields, &record);
                made.link = match &work.decision.groupware {
                    Some(GroupwareWrite::Create(draft)) => {
                        drafted(draft, part).and_then(|part| part.link.as_ref()).map_or(LinkState::None, |_| Self::written_link(&made))
                    }
                    _ => LinkState::None,
                };
                result.outcome = Some(Outcome::Exported);
                result.pair = Some(made);
            }
            What::Follow => self.followed(work, part, pair, answered, fields_after.as_ref().filter(|_| wrote_item), &mut result),
        }
        if result.again {
            result.outcome = None;
            result.park = None;
        }
        result
    }

    fn record_created(
        &self,
        work: &mut Work,
        part: &PartDecision,
        pair: Option<Pair>,
        answered: Option<(RecordView, bool)>,
        result: &mut PartResult,
    ) {
        let begun = pair.filter(|pair| pair.record.is_none());
        let Some((view, joined)) = answered else {
            // Whether the CRM has it is found out by the same write.
            let base = Base::of(part.item.clone(), &part.item);
            result.pair = begun.or_else(|| Some(Pair { base, ..self.new_pair(&work.unit, part) }));
            return;
        };
        let mut made = self.new_pair(&work.unit, part);
        made.record = Some(view.link.clone());
        made.kind = view.kind;
        made.activity_type.clone_from(&view.activity_type);
        made.base = if joined {
            // An earlier attempt made it, or somebody else: what differs is decided in the next round.
            result.again = part.item != view.fields;
            let sent = begun.as_ref().map_or(&part.item, |begun| &begun.base.groupware);
            work.unit.records.insert(part.key.clone(), RecordState::Present(view.clone()));
            Base::common(sent, &view.fields)
        } else {
            let stored = if self.job.guards.on(Guard::BaseIsStored) { &view.fields } else { &part.item };
            Base::of(part.item.clone(), stored)
        };
        made.link = link_back::state(
            &made,
            part.writable,
            part.component.is_some(),
            part.component.as_ref().and_then(|mark| mark.as_deref()),
            &self.rules(),
        );
        result.outcome = Some(if joined && begun.is_none() { Outcome::Joined } else { Outcome::Imported });
        result.pair = Some(made);
    }

    #[allow(clippy::too_many_arguments, reason = "one part's whole situation")]
    fn followed(
        &self,
        work: &Work,
        part: &PartDecision,
        pair: Option<Pair>,
        answered: Option<(RecordView, bool)>,
        fields_after: Option<&Fields>,
        result: &mut PartResult,
    ) {
        let refused = result.park.is_some() && part.park.is_none();
        let view = answered.map(|(view, _)| view);
        let sides = Sides {
            groupware: &part.item,
            groupware_after: fields_after,
            crm: &part.record,
            crm_after: view.as_ref().map(|view| &view.fields),
        };
        let sent = (written(&part.item, &part.merge.to_groupware), written(&part.record, &part.merge.to_crm));
        let sides = if self.job.guards.on(Guard::BaseIsStored) {
            sides
        } else {
            Sides { groupware_after: Some(&sent.0), crm_after: Some(&sent.1), ..sides }
        };
        let first = pair.is_none();
        let mut now = pair.unwrap_or_else(|| self.new_pair(&work.unit, part));
        now.base = merge::advance(part.base.as_ref(), &part.merge, &sides);
        now.item.clone_from(&work.unit.place);
        now.state = PairState::Active;
        let read = view.as_ref().or_else(|| work.unit.records.get(&part.key).and_then(RecordState::view));
        if let Some(link) = read.map(|view| view.link.clone()).or_else(|| work.unit.record_link(&part.key)) {
            // What the base has not heard must be heard before the next write: with the version from before that one is refused.
            let unheard = read.is_some_and(|view| now.base.crm_fields() != view.fields);
            now.record = Some(match now.record {
                Some(before) if unheard && before.id == link.id => RecordLink { version: before.version, ..link },
                _ => link,
            });
        }
        now.kind = part.kind;
        if !refused {
            now.activity_type.clone_from(&part.activity_type);
        }
        if part.park.is_none() {
            now.choices.clear();
        }
        let component = part.component.as_ref();
        now.link = link_back::state(&now, part.writable, component.is_some(), component.and_then(|mark| mark.as_deref()), &self.rules());
        result.outcome = match (part.merge.is_quiet(), first) {
            (false, _) => Some(Outcome::Updated),
            (true, true) => Some(Outcome::AlreadyThere),
            (true, false) => None,
        };
        result.pair = Some(now);
    }

    /// A pair as it begins, without a base.
    fn new_pair(&self, unit: &Unit, part: &PartDecision) -> Pair {
        Pair {
            uid: unit.uid.clone(),
            recurrence_id: part.recurrence_id.clone(),
            item: unit.place.clone(),
            record: unit.record_link(&part.key),
            kind: part.kind,
            activity_type: part.activity_type.clone(),
            base: Base::default(),
            state: PairState::Active,
            link: LinkState::None,
            choices: BTreeMap::new(),
            since: unit.pairs.get(&part.key).map_or_else(|| self.ctx.now(), |pair| pair.since),
        }
    }

    /// The state of a link that was written with the item.
    pub(super) fn written_link(pair: &Pair) -> LinkState {
        pair.record
            .as_ref()
            .map_or(LinkState::None, |record| LinkState::Written { digest: link_back::digest(&link_back::wanted(record, &Fields::new())) })
    }
}

/// What a side would say if it kept what it was sent.
fn written(before: &Fields, changes: &FieldChanges) -> Fields {
    let mut after = before.clone();
    for (field, value) in changes {
        put(&mut after, *field, value.as_ref());
    }
    after
}

fn put(fields: &mut Fields, field: Field, value: Option<&Value>) {
    match value {
        Some(value) => drop(fields.insert(field, value.clone())),
        None => drop(fields.remove(&field)),
    }
}
