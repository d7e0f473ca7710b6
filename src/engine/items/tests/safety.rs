use super::*;
use crate::journal::PairState;
use crate::model::ReasonCode;

fn change(field: Field, value: Option<Value>) -> crate::model::FieldChanges {
    [(field, value)].into()
}

#[test]
fn v2_a_creation_in_the_groupware_whose_answer_was_lost_is_not_doubled() {
    let (store, crm, mut agent) = world();
    crm.put("R1", "APPOINTMENT", event("Call", 2));
    store.lock().lose_answers = 1;
    agent.try_run().unwrap_err();
    assert_eq!(store.lock().items.len(), 1);
    agent.converge();
    assert_eq!((store.lock().items.len(), crm.lock().records.len(), agent.pairs().len()), (1, 1, 1));
    assert!(agent.journal.intents(&account()).unwrap().is_empty());
}

#[test]
fn v2_a_creation_in_the_crm_whose_answer_was_lost_is_not_doubled_and_later_edits_arrive() {
    for edited in [false, true] {
        let (store, crm, mut agent) = world();
        store.put("a", "uid-a", event("Visit", 1));
        crm.lock().lose_answers = 1;
        agent.try_run().unwrap_err();
        assert_eq!(crm.lock().records.len(), 1);
        if edited {
            store.edit("a", &change(Field::Subject, Some(text("Edited"))));
        }
        agent.converge();
        assert_eq!(crm.only().fields, store.fields("a"));
        assert_eq!(agent.pairs().len(), 1);
    }
}

#[test]
fn a_creation_in_the_crm_whose_answer_was_lost_is_not_brought_back_after_a_deletion() {
    let (store, crm, mut agent) = world();
    store.put("a", "uid-a", event("Visit", 1));
    crm.lock().lose_answers = 1;
    agent.try_run().unwrap_err();
    store.delete("a");
    agent.converge();
    assert!(store.lock().items.is_empty());
    assert_eq!(agent.pairs()[0].state, PairState::RemovedByUser);
}

#[test]
fn an_item_that_was_edited_before_the_answer_to_its_creation_came_is_not_removed_unasked() {
    for edited in [false, true] {
        let (store, crm, mut agent) = world();
        crm.put("R1", "APPOINTMENT", event("Call", 2));
        store.lock().lose_answers = 1;
        agent.try_run().unwrap_err();
        let id = store.lock().items.keys().next().unwrap().clone();
        if edited {
            store.edit(&id, &change(Field::Subject, Some(text("Edited"))));
        }
        crm.delete("R1");
        agent.converge();
        assert_eq!(store.lock().items.len(), usize::from(edited));
        assert_eq!(agent.parked().iter().any(|entry| entry.reason.code == ReasonCode::DeletedAndChanged), edited);
    }
}

#[test]
fn v2_an_update_whose_answer_was_lost_is_probed() {
    let (store, crm, mut agent) = world();
    store.put("a", "uid-a", event("Visit", 1));
    agent.converge();
    let id = crm.only().link.id;
    store.edit("a", &change(Field::Subject, Some(text("Edited"))));
    crm.edit(&id, &change(Field::Location, Some(text("Hamburg"))));
    store.lock().lose_answers = 1;
    agent.try_run().unwrap_err();
    crm.lock().lose_answers = 1;
    agent.try_run().unwrap_err();
    agent.converge();
    assert_eq!(crm.fields(&id), store.fields("a"));
}

#[test]
fn a_change_between_reading_and_writing_is_not_overwritten() {
    let (store, crm, mut agent) = world();
    store.put("a", "uid-a", event("Visit", 1));
    agent.converge();
    let id = crm.only().link.id;
    crm.edit(&id, &change(Field::Location, Some(text("Hamburg"))));
    store.lock().race = Some(("a".into(), Field::Subject, text("Meanwhile")));
    agent.converge();
    assert_eq!(store.fields("a")[&Field::Subject], text("Meanwhile"));
    assert_eq!(store.fields("a"), crm.fields(&id));
}

#[test]
fn v8_a_mass_deletion_is_parked_and_done_only_when_the_user_confirms() {
    let (store, crm, mut agent) = world();
    for n in 0..30 {
        store.put(&format!("i{n:02}"), &format!("uid-{n:02}"), event(&format!("Visit {n}"), 1));
    }
    agent.converge();
    let ids: Vec<String> = crm.lock().records.keys().cloned().collect();
    ids.iter().take(11).for_each(|id| crm.delete(id));
    agent.converge();
    assert_eq!(store.lock().items.len(), 30, "nothing is deleted");
    assert_eq!(agent.parked().len(), 11);
    assert!(agent.parked().iter().all(|entry| entry.reason.code == ReasonCode::MassChange));
    let key = agent.parked()[0].id.as_str().into();
    let refused = agent.parked()[1].id.as_str().into();
    agent.wish(Wish::Confirm { key });
    agent.wish(Wish::Refuse { key: refused });
    agent.converge();
    assert_eq!((store.lock().items.len(), agent.parked().len()), (29, 9));
}

#[test]
fn v8_a_record_out_of_sight_takes_no_item_with_it_and_is_followed_when_it_is_back() {
    let (store, crm, mut agent) = world();
    store.put("a", "uid-a", event("Visit", 1));
    agent.converge();
    let view = crm.only();
    crm.lock().withheld.insert(view.link.id.clone());
    crm.delete(&view.link.id);
    agent.converge();
    assert_eq!(store.fields("a")[&Field::Subject], text("Visit"));
    assert!(crm.lock().records.is_empty(), "no second record is made of it");
    assert_eq!(agent.parked(), []);

    crm.lock().store(view.clone());
    crm.edit(&view.link.id, &change(Field::Location, Some(text("Hamburg"))));
    agent.converge();
    assert_eq!(store.fields("a")[&Field::Location], text("Hamburg"));
    crm.lock().withheld.clear();
    crm.delete(&view.link.id);
    agent.converge();
    assert!(store.lock().items.is_empty());
}

#[test]
fn v8_ten_deletions_within_a_day_are_the_usual() {
    let (store, crm, mut agent) = world();
    for n in 0..30 {
        store.put(&format!("i{n:02}"), &format!("uid-{n:02}"), event(&format!("Visit {n}"), 1));
    }
    agent.converge();
    let ids: Vec<String> = crm.lock().records.keys().cloned().collect();
    ids.iter().take(10).for_each(|id| crm.delete(id));
    agent.converge();
    assert_eq!(store.lock().items.len(), 20);
    crm.delete(&ids[10]);
    agent.converge();
    assert_eq!(store.lock().items.len(), 20, "the eleventh of the day is asked about");
    assert_eq!(agent.parked()[0].reason.code, ReasonCode::MassChange);
}

#[test]
fn v8_a_field_emptied_everywhere_is_parked() {
    let (store, crm, mut agent) = world();
    for n in 0..12 {
        let mut fields = event(&format!("Visit {n}"), 1);
        fields.insert(Field::Location, text("Hamburg"));
        store.put(&format!("i{n:02}"), &format!("uid-{n:02}"), fields);
    }
    agent.converge();
    for n in 0..12 {
        store.edit(&format!("i{n:02}"), &change(Field::Location, None));
    }
    agent.converge();
    assert!(crm.lock().records.values().all(|view| view.fields.contains_key(&Field::Location)));
    assert_eq!(agent.parked().len(), 12);
}

#[test]
fn v8_a_collection_that_is_not_selected_any_more_is_no_deletion() {
    let (store, crm, mut agent) = world();
    store.put("a", "uid-a", event("Visit", 1));
    agent.converge();
    agent.settings.collections = ["other".to_owned()].into();
    agent.rules = "others".into();
    agent.converge();
    assert_eq!(agent.pairs()[0].state, PairState::Active);
    assert_eq!(crm.lock().records.len(), 1);
}

#[test]
fn v8_a_collection_made_anew_in_the_same_place_is_asked_about_and_goes_on() {
    let (store, crm, mut agent) = world();
    for n in 0..12 {
        store.put(&format!("i{n:02}"), &format!("uid-{n:02}"), event(&format!("Visit {n}"), 1));
    }
    agent.converge();
    let records = crm.lock().records.clone();
    {
        let mut server = store.lock();
        (server.items, server.made_anew) = (BTreeMap::new(), true);
        server.clock += 1;
    }
    store.put("new", "uid-new", event("After", 1));
    agent.converge();
    assert!(agent.parked().iter().all(|entry| entry.reason.code == ReasonCode::MassChange));
    assert_eq!((agent.parked().len(), crm.lock().records.len()), (12, 13));
    assert!(records.iter().all(|(id, record)| crm.lock().records.get(id) == Some(record)), "nothing is deleted or cancelled");
}

#[test]
fn v8_a_selected_collection_that_is_missing_is_told_of_until_it_is_there() {
    let (_store, _crm, mut agent) = world();
    agent.settings.collections = ["Team".to_owned()].into();
    agent.converge();
    assert_eq!(
        agent.parked().iter().map(|entry| (entry.title.as_str(), entry.reason.code)).collect::<Vec<_>>(),
        [("Team", ReasonCode::FolderRefused)]
    );
    agent.settings.collections = ["Calendar".to_owned()].into();
    agent.rules = "others".into();
    agent.converge();
    assert!(agent.parked().is_empty());
}

#[test]
fn v9_an_item_with_attendees_is_never_written_on_a_server_that_schedules() {
    let (mut store, crm, _) = world();
    store.features.schedules = true;
    let mut agent = Agent::new(&store, &crm);
    agent.settings.link_back = true;
    store.put("a", "uid-a", event("Visit", 1));
    let mut item = store.lock().items["a"].1.clone();
    item.scheduled = true;
    store.put_item("a", item);
    agent.converge();
    let id = crm.only().link.id;
    store.edit("a", &change(Field::Location, Some(text("Hamburg"))));
    crm.edit(&id, &change(Field::Subject, Some(text("CRM"))));
    agent.converge();
    assert_eq!(store.writes(), 0);
    assert_eq!(crm.fields(&id)[&Field::Location], text("Hamburg"));
    assert_eq!(agent.parked()[0].reason.code, ReasonCode::NeedsInvitations);
    crm.delete(&id);
    agent.converge();
    assert_eq!(store.writes(), 0);
    assert_eq!(store.lock().items.len(), 1);
    assert!(crm.lock().records.is_empty());
}

#[test]
fn v10_a_record_that_breaks_every_request_does_not_hold_up_its_neighbours() {
    let (store, crm, mut agent) = world();
    for n in 0..12 {
        store.put(&format!("i{n:02}"), &format!("uid-{n:02}"), event(&format!("Visit {n}"), 1));
    }
    crm.lock().poison = Some("Visit 7".into());
    agent.converge();
    assert_eq!(crm.lock().records.len(), 11);
    assert_eq!((agent.parked().len(), agent.parked()[0].title.as_str()), (1, "Visit 7"));
    crm.lock().poison = None;
    agent.later(TimeDelta::days(1));
    agent.converge();
    assert_eq!((crm.lock().records.len(), agent.parked().len()), (12, 0));
}

#[test]
fn v13_private_items_go_as_the_settings_say() {
    for (private, fields) in [(PrivateItems::AsPrivate, Some(3)), (PrivateItems::BusyOnly, Some(3)), (PrivateItems::Skip, None)] {
        let (store, crm, mut agent) = world();
        agent.settings.private = private;
        let mut item = event("Doctor", 1);
        item.insert(Field::Private, Value::Flag(true));
        store.put("a", "uid-a", item);
        agent.converge();
        assert_eq!(crm.lock().records.values().next().map(|view| view.fields.len()), fields, "{private:?}");
        let titled = crm.lock().records.values().any(|view| view.fields.get(&Field::Subject) == Some(&Value::Text("Doctor".into())));
        assert_eq!(titled, private == PrivateItems::AsPrivate, "busy only has a title in place of its own");
        store.edit("a", &change(Field::Note, Some(Value::Note(crate::model::Note { text: "secret".into(), html: None }))));
        agent.converge();
        let told = crm.lock().records.values().any(|view| view.fields.contains_key(&Field::Note));
        assert_eq!(told, private == PrivateItems::AsPrivate);
    }
}

#[test]
fn r42_a_refresh_of_times_touches_nothing_else_and_the_rest_follows_later() {
    let (store, crm, mut agent) = world();
    store.put("a", "uid-a", event("Visit", 1));
    agent.converge();
    let id = crm.only().link.id;
    store.edit("a", &[(Field::Subject, Some(text("Edited"))), (Field::Slot, Some(slot(3)))].into());
    store.put("b", "uid-b", event("New", 1));
    agent.settings.update_scope = UpdateScope::Time;
    agent.converge();
    assert_eq!(crm.fields(&id), event("Visit", 3));
    agent.settings.update_scope = UpdateScope::All;
    agent.converge();
    assert_eq!(crm.fields(&id), event("Edited", 3));
    assert_eq!(crm.lock().records.len(), 2);
}

#[test]
fn a_moved_item_keeps_its_pair() {
    let (store, crm, mut agent) = world();
    store.put("a", "uid-a", event("Visit", 1));
    agent.converge();
    let item = store.lock().items["a"].1.clone();
    store.delete("a");
    store.put_item("z", item);
    agent.converge();
    assert_eq!(agent.pairs()[0].state, PairState::Active);
    crm.edit(&crm.only().link.id, &change(Field::Subject, Some(text("CRM"))));
    agent.converge();
    assert_eq!(store.fields("z")[&Field::Subject], text("CRM"));
}

#[test]
fn x19_each_direction_can_be_switched_off() {
    let (store, crm, mut agent) = world();
    agent.settings.direction = SyncDirection::ToCrm;
    store.put("a", "uid-a", event("Visit", 1));
    crm.put("R1", "APPOINTMENT", event("Call", 2));
    agent.converge();
    assert_eq!((store.writes(), crm.lock().records.len()), (0, 2));
    let (store, crm, mut agent) = world();
    agent.settings.direction = SyncDirection::ToGroupware;
    store.put("a", "uid-a", event("Visit", 1));
    crm.put("R1", "APPOINTMENT", event("Call", 2));
    agent.converge();
    assert_eq!((store.lock().items.len(), crm.lock().records.len()), (2, 1));
}
