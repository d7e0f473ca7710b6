//! Another agent, or a lost journal, and an item that does not show itself (V4, V12).

use super::*;
use crate::crm::RecordView;
use crate::model::ReasonCode;

/// An appointment of the user with its record, on a server that takes a UID twice, and an agent that knows of neither.
fn newcomer() -> (FakeStore, FakeCrm, Agent) {
    let (store, crm, mut first) = world();
    store.put("a", "uid-a", event("Visit", 1));
    first.converge();
    store.lock().takes_uids_twice = true;
    let second = Agent::new(&store, &crm);
    (store, crm, second)
}

fn counts(store: &FakeStore, crm: &FakeCrm, agent: &Agent) -> (usize, usize, usize) {
    (store.lock().items.len(), crm.lock().records.len(), agent.pairs().len())
}

#[test]
fn v12_an_item_that_a_listing_lacks_is_found_by_its_uid() {
    let (store, crm, mut agent) = newcomer();
    store.lock().unlisted.insert("a".to_owned());
    agent.converge();
    assert_eq!(counts(&store, &crm, &agent), (1, 1, 1));
    assert!(agent.parked().is_empty());
}

#[test]
fn v12_while_an_item_cannot_be_read_no_other_one_is_made_for_its_record() {
    let (store, crm, mut agent) = newcomer();
    store.lock().broken.insert("a".to_owned());
    agent.run();
    assert_eq!(counts(&store, &crm, &agent), (1, 1, 0));
    let mut codes: Vec<ReasonCode> = agent.parked().into_iter().map(|entry| entry.reason.code).collect();
    codes.sort();
    assert_eq!(codes, [ReasonCode::BrokenItem, ReasonCode::MayBeThere]);
    // A record that never had an item does not wait.
    crm.put("R9", "APPOINTMENT", event("Call", 2));
    agent.run();
    assert_eq!(counts(&store, &crm, &agent), (2, 2, 1));
    store.lock().broken.clear();
    store.edit("a", &[(Field::Location, Some(text("Kiel")))].into());
    agent.later(TimeDelta::days(1));
    agent.converge();
    assert_eq!(counts(&store, &crm, &agent), (2, 2, 2));
    assert!(agent.parked().is_empty(), "{:?}", agent.parked());
}

#[test]
fn v12_an_item_made_from_a_record_out_of_sight_gets_no_second_record() {
    let (store, crm, mut first) = world();
    crm.put("R1", "APPOINTMENT", event("Call", 2));
    first.converge();
    let record = crm.lock().records.remove("R1").unwrap();
    crm.lock().withheld.insert("R1".to_owned());
    let mut agent = Agent::new(&store, &crm);
    agent.run();
    assert_eq!(counts(&store, &crm, &agent), (1, 0, 0));
    assert_eq!(agent.parked()[0].reason.code, ReasonCode::RecordWithheld);
    // It comes back, and was never bound.
    crm.lock().withheld.clear();
    crm.lock().store(RecordView { uid: None, ..record });
    agent.later(TimeDelta::days(1));
    agent.converge();
    assert_eq!(counts(&store, &crm, &agent), (1, 1, 1));
    assert!(agent.parked().is_empty(), "{:?}", agent.parked());
}

#[test]
fn a_copy_of_an_item_whose_record_is_out_of_sight_is_something_new() {
    let (store, crm, mut first) = world();
    crm.put("R1", "APPOINTMENT", event("Call", 2));
    first.converge();
    let mut copy = store.lock().items.values().next().unwrap().1.clone();
    copy.uid = "uid-copy".to_owned();
    store.put_item("copy", copy);
    crm.lock().records.clear();
    crm.lock().withheld.insert("R1".to_owned());
    let mut agent = Agent::new(&store, &crm);
    agent.run();
    assert_eq!(counts(&store, &crm, &agent), (2, 1, 1));
}

#[test]
fn x28_a_copy_of_an_item_whose_record_is_not_bound_yet_is_something_new() {
    let (store, crm, mut agent) = world();
    agent.settings.link_back = true;
    crm.put("R1", "APPOINTMENT", event("Call", 2));
    crm.lock().lose_answers = 1;
    agent.try_run().unwrap_err();
    let mut copy = store.lock().items.values().next().unwrap().1.clone();
    copy.uid = "uid-copy".to_owned();
    copy.parts[0].fields.insert(Field::Subject, text("Another call"));
    copy.parts[0].record = Some("R1".to_owned());
    store.put_item("copy", copy);
    let mut view = crm.lock().records["R1"].clone();
    view.uid = None;
    crm.lock().store(view);
    let mut other = Agent::new(&store, &crm);
    other.converge();
    assert_eq!(store.fields("copy")[&Field::Subject], text("Another call"));
    assert_eq!(counts(&store, &crm, &other), (2, 2, 2));
}
