use chrono::TimeDelta;

use super::*;
use crate::crm::RecordKind;
use crate::journal::{ItemOutcome, PairState};
use crate::model::{Person, ReasonCode};

fn change(field: Field, value: Option<Value>) -> crate::model::FieldChanges {
    [(field, value)].into()
}

#[test]
fn r1_a_new_appointment_becomes_a_record_and_then_follows_both_sides() {
    let (store, crm, mut agent) = world();
    store.put("a", "uid-a", event("Visit", 1));
    let count = agent.converge();
    assert_eq!((count.count, count.changed, count.errors), (1, 1, 0));
    let view = crm.only();
    assert_eq!((view.activity_type.as_str(), view.uid.as_deref()), ("APPOINTMENT", Some("uid-a")));
    assert_eq!(view.fields, event("Visit", 1));

    store.edit("a", &change(Field::Subject, Some(text("Long visit"))));
    agent.converge();
    assert_eq!(crm.fields(&view.link.id)[&Field::Subject], text("Long visit"));

    crm.edit(&view.link.id, &change(Field::Location, Some(text("Hamburg"))));
    agent.converge();
    assert_eq!(store.fields("a")[&Field::Location], text("Hamburg"));
}

#[test]
fn r4_a_new_record_becomes_an_appointment_with_the_default_show_as() {
    let (store, crm, mut agent) = world();
    agent.settings.link_back = true;
    crm.put("R1", "APPOINTMENT", event("Call", 2));
    agent.converge();
    let (_, item) = store.lock().items.values().next().unwrap().clone();
    assert_eq!(item.parts[0].fields[&Field::ShowAs], text("busy"));
    assert_eq!(item.parts[0].record.as_deref(), Some("R1"));
    assert_eq!(crm.only().uid, Some(item.uid), "the record is bound to its item");
    assert!(!crm.only().fields.contains_key(&Field::ShowAs), "R65: show-as is not mapped to the CRM");
}

#[test]
fn both_sides_changed_another_field_and_both_changes_arrive() {
    let (store, crm, mut agent) = world();
    store.put("a", "uid-a", event("Visit", 1));
    agent.converge();
    let id = crm.only().link.id;
    store.edit("a", &change(Field::Location, Some(text("Hamburg"))));
    crm.edit(&id, &change(Field::Subject, Some(text("Tour"))));
    agent.converge();
    assert_eq!(store.fields("a"), crm.fields(&id));
    assert_eq!((&store.fields("a")[&Field::Location], &store.fields("a")[&Field::Subject]), (&text("Hamburg"), &text("Tour")));
}

#[test]
fn c8_the_crm_wins_a_true_conflict_and_the_loser_is_kept() {
    let (store, crm, mut agent) = world();
    store.put("a", "uid-a", event("Visit", 1));
    agent.converge();
    let id = crm.only().link.id;
    store.edit("a", &change(Field::Subject, Some(text("Groupware"))));
    crm.edit(&id, &change(Field::Subject, Some(text("CRM"))));
    agent.converge();
    assert_eq!(store.fields("a")[&Field::Subject], text("CRM"));
    let losers = agent.journal.conflict_losers(&account(), Area::Calendar, 9).unwrap();
    assert_eq!(losers.len(), 1);
    assert_eq!(losers[0].lost, Some(text("Groupware")));
}

#[test]
fn x9_a_conflict_that_the_user_is_asked_about_waits_and_is_settled_by_his_choice() {
    let (store, crm, mut agent) = world();
    agent.settings.conflicts = ConflictPolicy::Ask;
    store.put("a", "uid-a", event("Visit", 1));
    agent.converge();
    let id = crm.only().link.id;
    store.edit("a", &change(Field::Subject, Some(text("Groupware"))));
    crm.edit(&id, &change(Field::Subject, Some(text("CRM"))));
    agent.converge();
    assert_eq!(agent.parked()[0].reason.code, ReasonCode::Conflict);
    let choices = [(Field::Subject, crate::journal::ConflictSide::Groupware)].into();
    agent.wish(Wish::Resolve { key: "uid:uid-a".into(), choices });
    agent.converge();
    assert_eq!(crm.fields(&id)[&Field::Subject], text("Groupware"));
    assert!(agent.parked().is_empty());
    assert!(agent.journal.wishes(&account(), Area::Calendar).unwrap().is_empty());
}

#[test]
fn v6_what_a_server_drops_or_alters_is_nobodys_change() {
    let (store, crm, mut agent) = world();
    store.lock().alter = Some(|fields| {
        fields.remove(&Field::Reminder);
        if let Some(Value::Text(subject)) = fields.get_mut(&Field::Subject) {
            *subject = subject.to_uppercase();
        }
    });
    let mut fields = event("Call", 2);
    fields.insert(Field::Reminder, Value::Number(15));
    crm.put("R1", "APPOINTMENT", fields.clone());
    agent.converge();
    assert_eq!(crm.fields("R1"), fields, "nothing comes back");
    crm.edit("R1", &change(Field::Location, Some(text("Hamburg"))));
    agent.converge();
    assert_eq!(crm.fields("R1")[&Field::Subject], text("Call"));
}

#[test]
fn v6_what_the_crm_alters_is_nobodys_change() {
    let (store, crm, mut agent) = world();
    crm.lock().alter = Some(|fields| drop(fields.insert(Field::Subject, text("[x]"))));
    store.put("a", "uid-a", event("Visit", 1));
    agent.converge();
    assert_eq!(store.fields("a")[&Field::Subject], text("Visit"));
}

#[test]
fn v4_a_lost_journal_is_rebuilt_without_a_write() {
    let (store, crm, mut agent) = world();
    store.put("a", "uid-a", event("Visit", 1));
    crm.put("R9", "APPOINTMENT", event("Call", 2));
    agent.converge();
    let writes = (store.writes(), crm.writes());
    let items = store.lock().items.len();
    agent.lose_journal();
    agent.converge();
    assert_eq!((store.writes(), crm.writes()), writes);
    assert_eq!((store.lock().items.len(), crm.lock().records.len(), agent.pairs().len()), (items, 2, 2));
}

#[test]
fn v12_two_agents_on_one_account_converge_to_one_record_and_one_item() {
    let (store, crm, mut first) = world();
    let mut second = Agent::new(&store, &crm);
    store.put("a", "uid-a", event("Visit", 1));
    crm.put("R9", "APPOINTMENT", event("Call", 2));
    first.run();
    second.run();
    first.run();
    let writes = (store.writes(), crm.writes());
    second.run();
    first.run();
    assert_eq!((store.writes(), crm.writes()), writes);
    assert_eq!((store.lock().items.len(), crm.lock().records.len()), (2, 2));
}

#[test]
fn x28_a_copy_of_a_paired_item_is_something_new() {
    let (store, crm, mut agent) = world();
    agent.settings.link_back = true;
    store.put("a", "uid-a", event("Visit", 1));
    agent.converge();
    let mut copy = store.lock().items["a"].1.clone();
    assert!(copy.parts[0].record.is_some());
    copy.uid = "uid-b".into();
    store.put_item("b", copy);
    agent.converge();
    assert_eq!((crm.lock().records.len(), agent.pairs().len()), (2, 2));
    let mark = |id: &str| store.lock().items[id].1.parts[0].record.clone();
    assert_ne!(mark("b"), mark("a"));
}

#[test]
fn equal_content_is_paired_when_it_is_unique_and_parked_when_it_is_not() {
    let (store, crm, mut agent) = world();
    store.put("a", "uid-a", event("Visit", 1));
    crm.put("R1", "APPOINTMENT", event("Visit", 1));
    store.put("b", "uid-b", event("Lunch", 2));
    crm.put("R2", "APPOINTMENT", event("Lunch", 2));
    crm.put("R3", "APPOINTMENT", event("Lunch", 2));
    agent.converge();
    assert_eq!((store.lock().items.len(), crm.lock().records.len(), agent.pairs().len()), (2, 3, 1));
    assert!(agent.parked().iter().all(|entry| entry.reason.code == ReasonCode::Ambiguous));
    assert_eq!(agent.parked().len(), 3);
}

#[test]
fn r70_the_window_limits_what_is_created_and_not_what_is_updated() {
    let (store, crm, mut agent) = world();
    crm.put("R1", "APPOINTMENT", event("Far", 40));
    agent.converge();
    assert!(store.lock().items.is_empty());
    agent.later(TimeDelta::days(10));
    agent.converge();
    assert_eq!(store.lock().items.len(), 1, "the window has reached it");
    crm.edit("R1", &change(Field::Slot, Some(slot(400))));
    agent.converge();
    let id = store.lock().items.keys().next().unwrap().clone();
    assert_eq!(store.fields(&id)[&Field::Slot], slot(400));
}

#[test]
fn c9_a_deletion_in_the_groupware_ends_the_pair_and_is_not_undone() {
    let (store, crm, mut agent) = world();
    crm.put("R1", "APPOINTMENT", event("Call", 2));
    agent.converge();
    let id = store.lock().items.keys().next().unwrap().clone();
    store.delete(&id);
    agent.converge();
    crm.edit("R1", &change(Field::Subject, Some(text("Changed"))));
    agent.converge();
    assert!(store.lock().items.is_empty());
    assert_eq!(agent.pairs()[0].state, PairState::RemovedByUser);
    agent.wish(Wish::Push { record: "R1".into() });
    agent.converge();
    assert_eq!(store.lock().items.len(), 1, "sent again on request");
    assert_eq!(agent.pairs()[0].state, PairState::Active);
}

#[test]
fn c9_the_user_is_asked_whether_to_cancel_and_is_obeyed() {
    for (wish, cancelled) in [(Wish::Confirm { key: "uid:uid-a".into() }, true), (Wish::Refuse { key: "uid:uid-a".into() }, false)] {
        let (store, crm, mut agent) = world();
        agent.settings.on_groupware_delete = OnGroupwareDelete::Ask;
        store.put("a", "uid-a", event("Visit", 1));
        agent.converge();
        store.delete("a");
        agent.converge();
        assert_eq!(agent.parked()[0].reason.code, ReasonCode::DeletedInGroupware);
        assert!(!crm.only().fields.contains_key(&Field::Cancelled));
        agent.wish(wish);
        agent.converge();
        assert_eq!(crm.only().fields.contains_key(&Field::Cancelled), cancelled);
        assert!(agent.parked().is_empty());
    }
}

#[test]
fn a_deletion_in_the_crm_removes_the_item_unless_it_was_changed() {
    let (store, crm, mut agent) = world();
    store.put("a", "uid-a", event("Visit", 1));
    store.put("b", "uid-b", event("Lunch", 2));
    agent.converge();
    let ids: BTreeMap<String, String> = crm.lock().records.values().map(|view| (view.uid.clone().unwrap(), view.link.id.clone())).collect();
    crm.delete(&ids["uid-a"]);
    crm.delete(&ids["uid-b"]);
    store.edit("b", &change(Field::Location, Some(text("Cafe"))));
    agent.converge();
    assert_eq!(store.lock().items.keys().collect::<Vec<_>>(), ["b"]);
    assert_eq!(agent.parked()[0].reason.code, ReasonCode::DeletedAndChanged);
    agent.wish(Wish::Refuse { key: "uid:uid-b".into() });
    agent.converge();
    assert_eq!(store.lock().items.len(), 1);
    assert!(crm.lock().records.is_empty(), "what is kept here is not imported again");
}

#[test]
fn r78_an_activity_of_another_type_is_sent_on_request_only() {
    let (store, crm, mut agent) = world();
    crm.put("R1", "PHONE", event("Call back", 2));
    agent.converge();
    assert!(store.lock().items.is_empty());
    agent.wish(Wish::Push { record: "R1".into() });
    agent.converge();
    assert_eq!(store.lock().items.len(), 1);
    assert_eq!(agent.pairs()[0].kind, RecordKind::Other);
    assert_eq!(agent.pairs()[0].activity_type, "PHONE");
}

#[test]
fn r81_the_groupware_entry_is_removed_on_request_and_the_pair_ends() {
    let (store, crm, mut agent) = world();
    crm.put("R1", "APPOINTMENT", event("Call", 2));
    agent.converge();
    let key = crate::sync::items::identity::part_key(&agent.pairs()[0].uid, None);
    agent.wish(Wish::RemoveItem { key });
    agent.converge();
    assert!(store.lock().items.is_empty());
    assert_eq!(crm.lock().records.len(), 1);
    assert_eq!(agent.pairs()[0].state, PairState::RemovedByUser);
}

#[test]
fn an_unlinked_pair_leaves_both_sides_alone() {
    let (store, crm, mut agent) = world();
    store.put("a", "uid-a", event("Visit", 1));
    agent.converge();
    agent.wish(Wish::Unlink { key: "uid:uid-a".into() });
    agent.converge();
    store.edit("a", &change(Field::Subject, Some(text("Mine"))));
    agent.converge();
    assert_eq!(crm.only().fields[&Field::Subject], text("Visit"));
}

#[test]
fn r76_the_link_is_written_once_and_only_into_an_item_that_has_not_changed() {
    let (store, crm, mut agent) = world();
    agent.settings.link_back = true;
    store.put("a", "uid-a", event("Visit", 1));
    agent.converge();
    assert_eq!(store.lock().items["a"].1.parts[0].record, Some(crm.only().link.id));
    let runs = agent.journal.run_items(&RunId("run-0001".into()), None, 9).unwrap();
    assert_eq!(runs.iter().map(|(_, item)| item.outcome).collect::<Vec<_>>(), [ItemOutcome::Imported, ItemOutcome::Linked]);
    let mut item = store.lock().items["a"].1.clone();
    (item.parts[0].record, item.parts[0].link_block) = (None, None);
    store.put_item("a", item);
    agent.converge();
    assert_eq!(store.lock().items["a"].1.parts[0].record, None, "who takes it out is left alone");
}

#[test]
fn r67_participants_make_a_meeting_and_losing_them_an_appointment() {
    let (store, crm, mut agent) = world();
    let mut fields = event("Visit", 1);
    let person = |address: &str| Person { address: address.into(), name: String::new(), role: "required".into(), answer: String::new() };
    fields.insert(Field::Participants, Value::People(vec![person("anna@nordwind.example"), person("kai@kunde.example")]));
    store.put("a", "uid-a", fields);
    agent.converge();
    assert_eq!(crm.only().activity_type, "MEETING");
    store.edit("a", &change(Field::Participants, None));
    agent.converge();
    assert_eq!(crm.only().activity_type, "APPOINTMENT");
}

#[test]
fn a_run_in_which_nothing_moved_asks_each_side_once() {
    let (store, crm, mut agent) = world();
    for n in 0..20 {
        store.put(&format!("i{n}"), &format!("uid-{n}"), event(&format!("Visit {n}"), 1));
    }
    agent.converge();
    agent.run();
    let before = (store.lock().requests, crm.lock().requests);
    agent.run();
    assert_eq!((store.lock().requests - before.0, crm.lock().requests - before.1), (1, 1));
}

#[test]
fn a_dry_run_says_what_would_be_written_and_writes_nothing() {
    let (store, crm, mut agent) = world();
    store.put("a", "uid-a", event("Visit", 1));
    crm.put("R1", "APPOINTMENT", event("Call", 2));
    let commits = agent.journal.commits();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let plan = runtime.block_on(crate::engine::items::plan(&agent.store, &agent.crm, &agent.job(), &agent.context(), 10)).unwrap();
    assert_eq!((store.writes(), crm.writes(), agent.journal.commits()), (0, 0, commits));
    let steps: Vec<_> = plan.items.iter().map(|item| (item.title.as_str(), item.steps.len())).collect();
    assert_eq!(steps, [("Visit", 1), ("Call", 2)], "the record is created in the groupware and bound");
    agent.converge();
}

#[test]
fn a_lost_crm_cursor_is_a_normal_path() {
    let (store, crm, mut agent) = world();
    crm.lock().page = 2;
    for n in 0..7 {
        crm.put(&format!("R{n}"), "APPOINTMENT", event(&format!("Call {n}"), 2));
    }
    agent.converge();
    assert_eq!(store.lock().items.len(), 7);
    crm.edit("R3", &change(Field::Subject, Some(text("Changed"))));
    crm.delete("R4");
    crm.lock().expired = true;
    let writes = store.writes();
    agent.converge();
    assert_eq!(store.writes(), writes + 2, "one changed, one removed");
    assert_eq!(store.lock().items.len(), 6);
}

#[test]
fn a_server_without_delta_is_compared_by_listing() {
    let (mut store, crm, _) = world();
    store.features.delta = false;
    let mut agent = Agent::new(&store, &crm);
    store.put("a", "uid-a", event("Visit", 1));
    store.put("b", "uid-b", event("Lunch", 2));
    agent.converge();
    store.delete("a");
    store.edit("b", &change(Field::Subject, Some(text("Dinner"))));
    agent.converge();
    let states: Vec<PairState> = agent.pairs().iter().map(|pair| pair.state).collect();
    assert_eq!(states, [PairState::RemovedByUser, PairState::Active]);
}

#[test]
fn where_the_groupware_wins_what_another_agent_relayed_is_a_groupwares_word_too() {
    let origin = || Some(crate::crm::RecordOrigin { agent: "another".into(), op: crate::model::OpId("op".into()) });
    for relayed in [false, true] {
        let (store, crm, mut agent) = world();
        agent.settings.conflicts = ConflictPolicy::GroupwareWins;
        store.put("a", "uid-a", event("Visit", 1));
        agent.converge();
        let mut view = crm.only();
        view.fields.insert(Field::Subject, text("Moved"));
        view.origin = origin().filter(|_| relayed);
        crm.lock().store(view);
        agent.converge();
        let expected = text(if relayed { "Moved" } else { "Visit" });
        assert_eq!((&store.fields("a")[&Field::Subject], &crm.only().fields[&Field::Subject]), (&expected, &expected));
    }
}

#[test]
fn an_item_that_comes_back_hears_what_the_record_said_meanwhile() {
    let (store, crm, mut agent) = world();
    agent.settings.on_groupware_delete = OnGroupwareDelete::Cancel;
    store.put("a", "uid-a", event("Visit", 1));
    agent.converge();
    store.delete("a");
    crm.edit(&crm.only().link.id, &change(Field::Location, Some(text("Kiel"))));
    agent.converge();
    assert_eq!(agent.pairs()[0].state, PairState::RemovedByUser);
    store.put("b", "uid-a", event("Visit", 1));
    agent.converge();
    assert_eq!(store.fields("b").get(&Field::Location), Some(&text("Kiel")));
    assert_eq!(agent.pairs()[0].state, PairState::Active);
}

#[test]
fn c8_what_did_not_flow_by_the_settings_is_kept_when_it_loses_later() {
    let (store, crm, mut agent) = world();
    agent.settings.direction = SyncDirection::ToCrm;
    store.put("a", "uid-a", event("Visit", 1));
    agent.converge();
    crm.edit(&crm.only().link.id, &change(Field::Subject, Some(text("By the CRM"))));
    agent.converge();
    assert_eq!(store.fields("a")[&Field::Subject], text("Visit"));
    store.edit("a", &change(Field::Subject, Some(text("By the user"))));
    agent.converge();
    assert_eq!(crm.only().fields[&Field::Subject], text("By the user"));
    let losers = agent.journal.conflict_losers(&account(), Area::Calendar, 10).unwrap();
    assert_eq!(losers.into_iter().map(|loser| loser.lost).collect::<Vec<_>>(), [Some(text("By the CRM"))]);
}
