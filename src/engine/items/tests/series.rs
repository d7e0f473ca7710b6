use super::*;
use crate::groupware::Part;
use crate::journal::PairState;
use crate::model::{FieldChanges, ReasonCode, Recurrence};
use crate::sync::items::Occurrence;

fn change(field: Field, value: Option<Value>) -> FieldChanges {
    [(field, value)].into()
}

fn day(n: i64) -> Moment {
    Moment::utc(chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::days(n))
}

/// Every day of the window from the master's on, as far as its rule says.
fn daily(item: &Item, from: Instant, to: Instant, limit: usize) -> Occurrences {
    let master = &item.parts[0].fields;
    let (Some(Value::Slot(first)), Some(Value::Recurrence(rule))) = (master.get(&Field::Slot), master.get(&Field::Recurrence)) else {
        return Occurrences { list: Vec::new(), complete: true };
    };
    let count: i64 = rule.rules[0].trim_start_matches("FREQ=DAILY;COUNT=").parse().unwrap();
    let mut list = Vec::new();
    for n in 0..count {
        let start = Moment::utc(first.start.approximate_instant() + TimeDelta::days(n));
        let inside = start.approximate_instant() >= from && start.approximate_instant() < to;
        if rule.excluded.contains(&start) || !inside {
            continue;
        }
        let part = item.parts.iter().position(|part| part.recurrence_id.as_ref() == Some(&start));
        let slot = match part.map(|part| &item.parts[part].fields[&Field::Slot]) {
            Some(Value::Slot(slot)) => slot.clone(),
            _ => Slot { end: Moment::utc(start.approximate_instant() + TimeDelta::hours(1)), start: start.clone() },
        };
        list.push(Occurrence { recurrence_id: Some(start), slot, part: part.unwrap_or(0) });
    }
    list.truncate(limit);
    Occurrences { list, complete: true }
}

fn series(store: &FakeStore, count: u32) {
    let mut fields = event("Stand-up", 1);
    let rules = vec![format!("FREQ=DAILY;COUNT={count}")];
    fields.insert(Field::Recurrence, Value::Recurrence(Recurrence { rules, ..Recurrence::default() }));
    store.put("s", "uid-s", fields);
}

fn override_day(store: &FakeStore, n: i64, subject: &str) {
    let mut item = store.lock().items["s"].1.clone();
    let fields = event(subject, n);
    item.parts.push(Part { recurrence_id: Some(day(n)), fields, record: None, link_block: None });
    store.put_item("s", item);
}

#[test]
fn x18_a_series_goes_as_a_series_where_the_crm_takes_one() {
    let (store, crm, mut agent) = world();
    agent.expander = daily;
    series(&store, 3);
    override_day(&store, 2, "Retrospective");
    agent.converge();
    let views: Vec<_> = crm.lock().records.values().cloned().collect();
    assert_eq!(views.len(), 2);
    assert!(views.iter().any(|view| view.recurrence_id.is_none() && view.fields.contains_key(&Field::Recurrence)));
    let exception = views.iter().find(|view| view.recurrence_id == Some(day(2))).unwrap();
    crm.edit(&exception.link.id, &change(Field::Subject, Some(text("Review"))));
    agent.converge();
    assert_eq!(store.lock().items["s"].1.parts[1].fields[&Field::Subject], text("Review"));
    assert_eq!(store.fields("s")[&Field::Subject], text("Stand-up"));
}

#[test]
fn a_series_goes_as_occurrences_inside_the_window_where_the_crm_takes_none() {
    let (store, crm, mut agent) = world();
    (agent.takes_series, agent.expander) = (false, daily);
    series(&store, 40);
    agent.converge();
    assert_eq!(crm.lock().records.len(), 30);
    agent.later(TimeDelta::days(2));
    agent.converge();
    assert_eq!(crm.lock().records.len(), 32, "the window has moved on though nothing changed");
    let id = crm.lock().records.values().find(|view| view.recurrence_id == Some(day(5))).unwrap().link.id.clone();
    crm.edit(&id, &change(Field::Location, Some(text("Kitchen"))));
    agent.converge();
    let item = store.lock().items["s"].1.clone();
    assert_eq!((item.parts.len(), item.parts[1].recurrence_id.as_ref()), (2, Some(&day(5))));
    assert_eq!(item.parts[1].fields[&Field::Location], text("Kitchen"));
}

#[test]
fn an_occurrence_deleted_in_the_crm_is_taken_out_of_the_series() {
    let (store, crm, mut agent) = world();
    (agent.takes_series, agent.expander) = (false, daily);
    series(&store, 4);
    agent.converge();
    let id = crm.lock().records.values().find(|view| view.recurrence_id == Some(day(2))).unwrap().link.id.clone();
    crm.delete(&id);
    agent.converge();
    let Value::Recurrence(rule) = store.fields("s")[&Field::Recurrence].clone() else { panic!("a series") };
    assert_eq!(rule.excluded, [day(2)]);
    assert_eq!((crm.lock().records.len(), agent.pairs().len()), (3, 3));
}

#[test]
fn an_occurrence_deleted_in_the_groupware_ends_its_own_pair_only() {
    let (store, crm, mut agent) = world();
    (agent.takes_series, agent.expander) = (false, daily);
    agent.settings.on_groupware_delete = OnGroupwareDelete::Cancel;
    series(&store, 4);
    agent.converge();
    let rule = Recurrence { rules: vec!["FREQ=DAILY;COUNT=4".into()], excluded: vec![day(3)], ..Recurrence::default() };
    store.edit("s", &change(Field::Recurrence, Some(Value::Recurrence(rule))));
    agent.converge();
    let states: Vec<PairState> = agent.pairs().iter().map(|pair| pair.state).collect();
    assert_eq!(states, [PairState::Active, PairState::Active, PairState::RemovedByUser, PairState::Active]);
    let cancelled = crm.lock().records.values().filter(|view| view.fields.contains_key(&Field::Cancelled)).count();
    assert_eq!(cancelled, 1);
}

#[test]
fn a_series_made_in_the_crm_becomes_one_item() {
    let (store, crm, mut agent) = world();
    agent.expander = daily;
    let mut fields = event("Stand-up", 1);
    let rules = vec!["FREQ=DAILY;COUNT=3".to_owned()];
    fields.insert(Field::Recurrence, Value::Recurrence(Recurrence { rules, ..Recurrence::default() }));
    crm.put("R1", "APPOINTMENT", fields);
    agent.converge();
    assert_eq!(store.lock().items.len(), 1);
    assert!(store.lock().items.values().next().unwrap().1.parts[0].fields.contains_key(&Field::Recurrence));
    crm.delete("R1");
    agent.converge();
    assert!(store.lock().items.is_empty());
}

#[test]
fn a_series_deleted_in_the_crm_is_asked_about_when_an_occurrence_was_changed_since() {
    for changed in [false, true] {
        let (store, crm, mut agent) = world();
        agent.expander = daily;
        series(&store, 3);
        agent.converge();
        let id = crm.only().link.id;
        if changed {
            override_day(&store, 2, "Retrospective");
        }
        crm.delete(&id);
        agent.converge();
        assert_eq!(store.lock().items.len(), usize::from(changed));
        let codes: Vec<ReasonCode> = agent.parked().into_iter().map(|entry| entry.reason.code).collect();
        assert_eq!(codes.contains(&ReasonCode::DeletedAndChanged), changed, "{codes:?}");
    }
}
