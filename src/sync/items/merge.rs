//! The three-way merge of one pair, field by field (C7, C8, V5).
//!
//! A side has changed a field when it says something else than it said in the base. A change on one side flows to the other; where both
//! changed, the policy of the field decides, and what loses is kept. Wall clocks and version tokens play no part.

use std::collections::{BTreeMap, BTreeSet};

use crate::journal::{Base, ConflictSide};
use crate::model::{Field, FieldChanges, Fields, Value};
use crate::settings::{ConflictPolicy, SyncDirection, UpdateScope};

use super::Rules;
use super::lists::{self, Said};
use super::visibility::Visibility;

/// Which way a field may flow in one pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Both ways.
    Both,
    /// Both ways, a list entry by entry.
    Entries,
    /// To the CRM; what the CRM says is not carried, and not asked for again.
    ToCrm,
    /// To the CRM, because the item must not be written: what the CRM changed is held (V9).
    Held,
    /// One way by the settings: what the other side changed stays a change, should the settings open the way.
    OnlyToCrm,
    /// The other way by the settings.
    OnlyToGroupware,
    /// Not part of this merge: the base keeps what it says.
    Closed,
}

/// What a merge has decided.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Merge {
    /// Fields to write into the item.
    pub to_groupware: FieldChanges,
    /// Fields to write into the record.
    pub to_crm: FieldChanges,
    /// Fields that need no write: the base takes what each side says.
    pub agreed: BTreeSet<Field>,
    /// Fields that the CRM changed and that must not be written into the item.
    pub held: BTreeSet<Field>,
    /// Fields that both sides changed and of which the user is asked.
    pub undecided: BTreeSet<Field>,
    /// What loses.
    pub losers: Vec<Loser>,
}

/// A value that loses against the other side's.
#[derive(Debug, Clone, PartialEq)]
pub struct Loser {
    /// The field.
    pub field: Field,
    /// Whose value loses.
    pub side: ConflictSide,
    /// What loses.
    pub lost: Option<Value>,
    /// What wins.
    pub won: Option<Value>,
}

impl Merge {
    /// Whether a field that said something would say nothing (V8).
    #[must_use]
    pub fn empties(&self) -> bool {
        self.to_groupware.values().chain(self.to_crm.values()).any(Option::is_none)
    }

    /// Whether nothing is to be written.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.to_groupware.is_empty() && self.to_crm.is_empty()
    }
}

/// Which way a field may flow. `writable`: the item may be written at all (V9, read-only collections).
#[must_use]
pub fn lane(field: Field, rules: &Rules<'_>, visibility: &Visibility, writable: bool) -> Lane {
    let in_scope = match rules.settings.update_scope {
        UpdateScope::All => true,
        UpdateScope::Time => matches!(field, Field::Slot | Field::Start | Field::Due),
    };
    if !in_scope || !visibility.shows(field) {
        return Lane::Closed;
    }
    match rules.settings.direction {
        SyncDirection::ToCrm => return Lane::OnlyToCrm,
        SyncDirection::ToGroupware if !writable || is_told_only(field, rules) => return Lane::Closed,
        SyncDirection::ToGroupware => return Lane::OnlyToGroupware,
        SyncDirection::Both => {}
    }
    // Where the CRM learns only the time, nobody there can make the item public and learn the rest (V13).
    let stays_private = field == Field::Private && *visibility == Visibility::Busy;
    if is_told_only(field, rules) || stays_private {
        Lane::ToCrm
    } else if writable {
        Lane::Both
    } else {
        Lane::Held
    }
}

/// Fields that are told to the CRM and never taken from it: show-as (R65, R66), what the account's owner answered, where a meeting takes
/// place online (X6), and, while invitations are off, who takes part (V9).
fn is_told_only(field: Field, rules: &Rules<'_>) -> bool {
    match field {
        Field::ShowAs | Field::Declined | Field::MeetingLink => true,
        Field::Participants => !rules.settings.invitations,
        _ => false,
    }
}

/// Merges a pair. Without a base (a first pairing, or the journal was lost) a value on one side alone flows to the other. `relayed`: an agent
/// wrote the record last, so that what changed there was said in a groupware.
pub fn merge(
    base: Option<&Base>,
    groupware: &Fields,
    (crm, relayed): (&Fields, bool),
    policy: impl Fn(Field) -> ConflictPolicy,
    lane: impl Fn(Field) -> Lane,
    choices: &BTreeMap<Field, ConflictSide>,
) -> Merge {
    let mut merge = Merge::default();
    let mut fields: BTreeSet<Field> = groupware.keys().chain(crm.keys()).copied().collect();
    if let Some(base) = base {
        fields.extend(base.groupware.keys().chain(base.crm.keys()));
    }
    for field in fields {
        let lane = lane(field);
        if lane == Lane::Closed {
            continue;
        }
        let (g, c) = (groupware.get(&field), crm.get(&field));
        let (g_changed, c_changed) = match base {
            Some(base) => (g != base.groupware.get(&field), c != base.crm_value(field)),
            // One side alone is its change; two values are both sides' change.
            None => (g.is_some(), c.is_some()),
        };
        if g == c {
            if base.is_none() || g_changed || c_changed {
                merge.agreed.insert(field);
            }
            continue;
        }
        if !g_changed && !c_changed {
            continue;
        }
        let first = base.is_none();
        let policy = policy(field);
        // Two groupwares that both win would take the field from each other for ever.
        let policy = if relayed && !g_changed && policy == ConflictPolicy::GroupwareWins { ConflictPolicy::TwoWay } else { policy };
        let choice = choices.get(&field).copied();
        let mut lane = lane;
        if lane == Lane::Entries {
            let said = (base.and_then(|base| base.groupware.get(&field)), base.and_then(|base| base.crm_value(field)));
            if merge.list(field, (said.0, g), (said.1, c), policy, choice) {
                continue;
            }
            lane = Lane::Both;
        }
        merge.field(field, lane, (g, g_changed), (c, c_changed), policy, choice, first);
    }
    merge
}

impl Merge {
    /// Merges a list entry by entry. Whether it was one that can be merged so.
    fn list(&mut self, field: Field, g: Said<'_>, c: Said<'_>, policy: ConflictPolicy, choice: Option<ConflictSide>) -> bool {
        if matches!(policy, ConflictPolicy::CrmWins | ConflictPolicy::GroupwareWins) {
            // One side's value holds as a whole.
            return false;
        }
        let side = choice.unwrap_or(ConflictSide::Crm);
        let Some(after) = lists::merge(field, g, c, side) else { return false };
        if after.conflict && choice.is_none() && policy == ConflictPolicy::Ask {
            self.undecided.insert(field);
            return true;
        }
        if after.conflict {
            let (lost, won) = match side {
                ConflictSide::Crm => (g.1, c.1),
                ConflictSide::Groupware => (c.1, g.1),
            };
            let loser = if side == ConflictSide::Crm { ConflictSide::Groupware } else { ConflictSide::Crm };
            self.losers.push(Loser { field, side: loser, lost: lost.cloned(), won: won.cloned() });
        }
        if after.groupware.as_ref() != g.1 {
            self.to_groupware.insert(field, after.groupware);
        }
        if after.crm.as_ref() != c.1 {
            self.to_crm.insert(field, after.crm);
        }
        if !self.to_groupware.contains_key(&field) && !self.to_crm.contains_key(&field) {
            self.agreed.insert(field);
        }
        true
    }

    #[allow(clippy::too_many_arguments, reason = "one field's whole situation")]
    fn field(
        &mut self,
        field: Field,
        lane: Lane,
        (g, g_changed): (Option<&Value>, bool),
        (c, c_changed): (Option<&Value>, bool),
        policy: ConflictPolicy,
        choice: Option<ConflictSide>,
        first: bool,
    ) {
        // Where a side is only told, a difference at a first pairing is how it is, not a change (V4).
        let flows_to_crm = g_changed && lane != Lane::OnlyToGroupware && !(first && lane == Lane::ToCrm);
        let flows_to_groupware = c_changed && matches!(lane, Lane::Both | Lane::OnlyToGroupware);
        let winner = match (flows_to_crm, flows_to_groupware) {
            (false, false) => {
                match lane {
                    // There is no evidence of a change at a first pairing: what must not flow is how it is.
                    _ if first => drop(self.agreed.insert(field)),
                    Lane::ToCrm => drop(self.agreed.insert(field)),
                    Lane::Held => drop(self.held.insert(field)),
                    _ => {}
                }
                return;
            }
            (true, true) => match (choice, policy) {
                (Some(side), _) => side,
                (None, ConflictPolicy::TwoWay | ConflictPolicy::CrmWins) => ConflictSide::Crm,
                (None, ConflictPolicy::GroupwareWins) => ConflictSide::Groupware,
                (None, ConflictPolicy::Ask) => {
                    self.undecided.insert(field);
                    return;
                }
            },
            (true, false) if !first && lane == Lane::Both && policy == ConflictPolicy::CrmWins => ConflictSide::Crm,
            (false, true) if !first && lane == Lane::Both && policy == ConflictPolicy::GroupwareWins => ConflictSide::Groupware,
            (true, false) => ConflictSide::Groupware,
            (false, true) => ConflictSide::Crm,
        };
        match winner {
            ConflictSide::Crm => {
                if g_changed {
                    self.losers.push(Loser { field, side: ConflictSide::Groupware, lost: g.cloned(), won: c.cloned() });
                }
                self.to_groupware.insert(field, c.cloned());
            }
            ConflictSide::Groupware => {
                // What is never taken from the CRM cannot lose.
                if c_changed && lane != Lane::ToCrm {
                    self.losers.push(Loser { field, side: ConflictSide::Crm, lost: c.cloned(), won: g.cloned() });
                }
                self.to_crm.insert(field, g.cloned());
            }
        }
    }
}

/// What each side said before the writes of a merge, and after them where one was made.
#[derive(Debug, Clone, Copy)]
pub struct Sides<'a> {
    /// The item before.
    pub groupware: &'a Fields,
    /// The item as the server keeps it after the write.
    pub groupware_after: Option<&'a Fields>,
    /// The record before.
    pub crm: &'a Fields,
    /// The record as the CRM keeps it after the write.
    pub crm_after: Option<&'a Fields>,
}

/// The base after the writes that were made (V6): what flowed is agreed in the form each side keeps it in; what a server altered or
/// dropped besides is nobody's change; what has not flowed yet stays a change.
#[must_use]
pub fn advance(base: Option<&Base>, merge: &Merge, sides: &Sides<'_>) -> Base {
    let (mut g, mut c) = base.map_or_else(Default::default, |base| (base.groupware.clone(), base.crm_fields()));
    for field in &merge.agreed {
        put(&mut g, *field, sides.groupware.get(field));
        put(&mut c, *field, sides.crm.get(field));
    }
    // What flows both ways is agreed when both have it: else the base would take for known what one of them has never seen.
    let halfway = |field: &Field| {
        let both = merge.to_groupware.contains_key(field) && merge.to_crm.contains_key(field);
        both && (sides.groupware_after.is_none() || sides.crm_after.is_none())
    };
    if let Some(after) = sides.groupware_after {
        let fields: BTreeSet<Field> = after.keys().chain(g.keys()).chain(merge.to_groupware.keys()).copied().collect();
        for field in fields.into_iter().filter(|field| !halfway(field)) {
            if merge.to_groupware.contains_key(&field) {
                put(&mut c, field, sides.crm.get(&field));
                put(&mut g, field, after.get(&field));
            } else if g.get(&field) == sides.groupware.get(&field) {
                put(&mut g, field, after.get(&field));
            }
        }
    }
    if let Some(after) = sides.crm_after {
        let fields: BTreeSet<Field> = after.keys().chain(c.keys()).chain(merge.to_crm.keys()).copied().collect();
        for field in fields.into_iter().filter(|field| !halfway(field)) {
            if merge.to_crm.contains_key(&field) {
                put(&mut g, field, sides.groupware_after.unwrap_or(sides.groupware).get(&field));
                put(&mut c, field, after.get(&field));
            } else if c.get(&field) == sides.crm.get(&field) {
                put(&mut c, field, after.get(&field));
            }
        }
    }
    Base::of(g, &c)
}

fn put(fields: &mut Fields, field: Field, value: Option<&Value>) {
    match value {
        Some(value) => drop(fields.insert(field, value.clone())),
        None => drop(fields.remove(&field)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{rules, settings, text};
    use super::*;

    const FIELDS: [Field; 4] = [Field::Subject, Field::Location, Field::Url, Field::Note];

    fn fields() -> impl Strategy<Value = Fields> {
        proptest::collection::vec(0..4_u8, FIELDS.len()).prop_map(|values| {
            let given = FIELDS.iter().zip(values).filter(|(_, value)| *value > 0);
            given.map(|(field, value)| (*field, text(&value.to_string()))).collect()
        })
    }

    fn policies() -> impl Strategy<Value = ConflictPolicy> {
        prop_oneof![Just(ConflictPolicy::TwoWay), Just(ConflictPolicy::CrmWins), Just(ConflictPolicy::GroupwareWins)]
    }

    fn lanes() -> impl Strategy<Value = Lane> {
        prop_oneof![
            Just(Lane::Both),
            Just(Lane::ToCrm),
            Just(Lane::Held),
            Just(Lane::OnlyToCrm),
            Just(Lane::OnlyToGroupware),
            Just(Lane::Closed)
        ]
    }

    fn applied(fields: &Fields, changes: &FieldChanges) -> Fields {
        let mut fields = fields.clone();
        for (field, value) in changes {
            put(&mut fields, *field, value.as_ref());
        }
        fields
    }

    fn sides<'a>(g: &'a Fields, g_after: Option<&'a Fields>, c: &'a Fields, c_after: Option<&'a Fields>) -> Sides<'a> {
        Sides { groupware: g, groupware_after: g_after, crm: c, crm_after: c_after }
    }

    proptest! {
        #[test]
        fn both_sides_say_the_same_after_a_merge(base in proptest::option::of(fields()), g in fields(), c in fields(), policy in policies()) {
            let base = base.map(|fields| Base::of(fields.clone(), &fields));
            let merge = merge(base.as_ref(), &g, (&c, false), |_| policy, |_| Lane::Both, &BTreeMap::new());
            prop_assert_eq!(applied(&g, &merge.to_groupware), applied(&c, &merge.to_crm));
            prop_assert!(merge.to_groupware.keys().all(|field| !merge.to_crm.contains_key(field)));
        }

        #[test]
        fn v6_the_base_after_the_writes_has_nothing_left_to_merge(
            base in proptest::option::of(fields()), g in fields(), c in fields(), policy in policies(), lane in lanes(), altered in fields(),
        ) {
            let base = base.map(|fields| Base::of(fields.clone(), &fields));
            let first = merge(base.as_ref(), &g, (&c, false), |_| policy, |_| lane, &BTreeMap::new());
            // The server stores something else than it was given.
            let g_after = if first.to_groupware.is_empty() { g.clone() } else { altered };
            let c_after = applied(&c, &first.to_crm);
            let next = advance(base.as_ref(), &first, &sides(&g, (!first.to_groupware.is_empty()).then_some(&g_after), &c, (!first.to_crm.is_empty()).then_some(&c_after)));
            let second = merge(Some(&next), &g_after, (&c_after, false), |_| policy, |_| lane, &BTreeMap::new());
            prop_assert!(second.is_quiet(), "{second:?}");
        }

        #[test]
        fn what_has_not_flowed_yet_stays_a_change(base in fields(), g in fields(), c in fields()) {
            let base = Base::of(base.clone(), &base);
            let first = merge(Some(&base), &g, (&c, false), |_| ConflictPolicy::TwoWay, |_| Lane::Both, &BTreeMap::new());
            let g_after = applied(&g, &first.to_groupware);
            // The groupware write was made, the CRM write was not.
            let half = advance(Some(&base), &first, &sides(&g, Some(&g_after), &c, None));
            let second = merge(Some(&half), &g_after, (&c, false), |_| ConflictPolicy::TwoWay, |_| Lane::Both, &BTreeMap::new());
            prop_assert_eq!(&second.to_crm, &first.to_crm);
            prop_assert!(second.to_groupware.is_empty());
        }

        #[test]
        fn v9_nothing_flows_into_an_item_that_must_not_be_written(base in proptest::option::of(fields()), g in fields(), c in fields(), policy in policies()) {
            let base = base.map(|fields| Base::of(fields.clone(), &fields));
            for lane in [Lane::Held, Lane::ToCrm, Lane::OnlyToCrm, Lane::Closed] {
                let merge = merge(base.as_ref(), &g, (&c, false), |_| policy, |_| lane, &BTreeMap::new());
                prop_assert!(merge.to_groupware.is_empty());
            }
            for lane in [Lane::OnlyToGroupware, Lane::Closed] {
                let merge = merge(base.as_ref(), &g, (&c, false), |_| policy, |_| lane, &BTreeMap::new());
                prop_assert!(merge.to_crm.is_empty());
            }
        }

        #[test]
        fn every_value_that_is_overwritten_is_kept(base in fields(), g in fields(), c in fields(), policy in policies()) {
            let base = Base::of(base.clone(), &base);
            let merge = merge(Some(&base), &g, (&c, false), |_| policy, |_| Lane::Both, &BTreeMap::new());
            for field in merge.to_groupware.keys().filter(|field| g.get(field) != base.groupware.get(field)) {
                prop_assert!(merge.losers.iter().any(|loser| loser.field == *field && loser.side == ConflictSide::Groupware));
            }
            for field in merge.to_crm.keys().filter(|field| c.get(field) != base.crm_value(**field)) {
                prop_assert!(merge.losers.iter().any(|loser| loser.field == *field && loser.side == ConflictSide::Crm));
            }
        }
    }

    #[test]
    fn v9_what_the_crm_changed_of_an_item_with_attendees_is_held() {
        let base: Fields = [(Field::Subject, text("a"))].into();
        let crm: Fields = [(Field::Subject, text("b"))].into();
        let found =
            merge(Some(&Base::of(base.clone(), &base)), &base, (&crm, false), |_| ConflictPolicy::TwoWay, |_| Lane::Held, &BTreeMap::new());
        assert_eq!(found.held, [Field::Subject].into());
        let next = advance(Some(&Base::of(base.clone(), &base)), &found, &sides(&base, None, &crm, None));
        assert_eq!(next.crm_fields(), base, "it stays a change");
    }

    #[test]
    fn c8_a_conflict_is_asked_about_when_the_policy_says_so_and_settled_by_a_choice() {
        let base: Fields = [(Field::Subject, text("a"))].into();
        let (g, c): (Fields, Fields) = ([(Field::Subject, text("g"))].into(), [(Field::Subject, text("c"))].into());
        let base = Base::of(base.clone(), &base);
        let ask =
            |choices: &BTreeMap<Field, ConflictSide>| merge(Some(&base), &g, (&c, false), |_| ConflictPolicy::Ask, |_| Lane::Both, choices);
        assert_eq!(ask(&BTreeMap::new()).undecided, [Field::Subject].into());
        assert_eq!(ask(&[(Field::Subject, ConflictSide::Groupware)].into()).to_crm, [(Field::Subject, Some(text("g")))].into());
        assert_eq!(ask(&[(Field::Subject, ConflictSide::Crm)].into()).to_groupware, [(Field::Subject, Some(text("c")))].into());
    }

    #[test]
    fn c7_a_refresh_of_times_carries_times_only() {
        let mut settings = settings();
        settings.update_scope = UpdateScope::Time;
        let open = |field| lane(field, &rules(&settings), &Visibility::Full, true) != Lane::Closed;
        assert!(open(Field::Slot) && open(Field::Start) && open(Field::Due));
        assert!(!open(Field::Subject) && !open(Field::Recurrence) && !open(Field::Private));
    }

    #[test]
    fn r66_show_as_and_participants_are_told_to_the_crm_and_never_taken_from_it() {
        let mut settings = settings();
        for field in [Field::ShowAs, Field::Participants, Field::Declined, Field::MeetingLink] {
            assert_eq!(lane(field, &rules(&settings), &Visibility::Full, true), Lane::ToCrm, "{field}");
        }
        settings.invitations = true;
        assert_eq!(lane(Field::Participants, &rules(&settings), &Visibility::Full, true), Lane::Both);
        settings.direction = SyncDirection::ToGroupware;
        assert_eq!(lane(Field::ShowAs, &rules(&settings), &Visibility::Full, true), Lane::Closed);
    }
}
