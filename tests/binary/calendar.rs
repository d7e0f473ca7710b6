//! Appointments and tasks by the program itself: a CalDAV server and a CRM on loopback, and a user at each of them.

use std::collections::BTreeSet;

use chrono::{Days, NaiveDate, Utc};
use crmsync::model::{Field, FieldChanges, Value};
use crmsync::sandbox::crm::{StoredRecord, SyncAs};
use crmsync::sandbox::dav::{Handle, Quirks, RunningDav, SandboxDavOptions};
use crmsync::sandbox::imap::SandboxImapOptions;
use crmsync::sandbox::samples;
use serde_json::Value as Json;

use super::stage::{Finished, Side, Stage, USER};

const SYNC: &[&str] = &["sync", "--area", "calendar,tasks", "--all", "--yes", "--json"];

/// An installation whose account has a calendar server with samples, and a CRM with appointments of its own.
struct Scene {
    stage: Stage,
    dav: RunningDav,
}

impl Scene {
    fn new(quirks: Quirks, settings: &str) -> Self {
        let stage = Stage::new(SandboxImapOptions::default(), "");
        let dav = stage.start_dav(SandboxDavOptions { quirks, ..SandboxDavOptions::default() });
        samples::calendar::populate(&dav.handle(), Utc::now().date_naive());
        stage.crm.seed_records(Utc::now()).unwrap();
        let scene = Self { stage, dav };
        scene.configure(settings);
        scene
    }

    fn configure(&self, settings: &str) {
        self.configure_at(settings, &self.dav.url());
    }

    fn configure_at(&self, settings: &str, url: &str) {
        self.stage.configure("");
        let text = std::fs::read_to_string(self.stage.config_file()).unwrap();
        let more = format!("[accounts.work.dav]\nurl = \"{url}\"\n{settings}\n");
        std::fs::write(self.stage.config_file(), text + &more).unwrap();
    }

    fn groupware(&self) -> Handle {
        self.dav.handle()
    }

    fn sync(&self) -> Json {
        let finished = self.stage.run(SYNC).sane();
        assert_eq!(finished.code, Some(0), "{finished:?}");
        finished.json()
    }

    /// Runs until nothing is written any more; at most two runs after the last change (V6).
    #[track_caller]
    fn settle(&self) {
        self.sync();
        self.sync();
        let before = self.writes();
        let answer = self.sync();
        assert_eq!(self.writes(), before, "a run over what is the same writes nothing: {answer}");
    }

    /// Requests that changed something at the calendar server, and records with their versions.
    fn writes(&self) -> (usize, Vec<(u64, u64)>) {
        let requests = self.groupware().requests();
        let puts = requests.iter().filter(|request| request.starts_with("PUT ") || request.starts_with("DELETE ")).count();
        (puts, self.records().iter().map(|record| (record.number, record.version)).collect())
    }

    fn records(&self) -> Vec<StoredRecord> {
        self.stage.crm.records().unwrap().into_iter().filter(|record| !record.deleted).collect()
    }

    #[track_caller]
    fn record(&self, subject: &str) -> StoredRecord {
        let all = self.records();
        let mut found = all.iter().filter(|record| text(record, Field::Subject) == subject);
        let record = found.next().unwrap_or_else(|| panic!("no record \"{subject}\" in {all:#?}")).clone();
        assert!(found.next().is_none(), "\"{subject}\" twice");
        record
    }

    fn change(&self, subject: &str, field: Field, value: &str) {
        let id = id(&self.record(subject));
        self.stage.crm.change_record(&id, FieldChanges::from([(field, Some(Value::Text(value.to_owned())))])).unwrap().unwrap();
    }

    fn item(&self, collection: &str, name: &str) -> String {
        self.groupware().get(USER, collection, name).unwrap_or_else(|| panic!("no {collection}/{name}"))
    }

    fn edit(&self, collection: &str, name: &str, from: &str, to: &str) {
        let before = self.item(collection, name);
        assert!(before.contains(from), "{before}");
        self.groupware().put(USER, collection, name, &before.replace(from, to));
    }

    fn parked(&self) -> Vec<(String, String)> {
        let parked = self.stage.json(&["parked"]);
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        parked.as_array().unwrap().iter().map(|entry| (text(&entry["title"]), text(&entry["reason"]["code"]))).collect()
    }

    fn uids(&self) -> Vec<String> {
        let all = ["calendar", "tasks"].into_iter().flat_map(|collection| self.groupware().items(USER, collection));
        let uid = |text: String| text.lines().find_map(|line| line.strip_prefix("UID:").map(str::to_owned)).unwrap();
        let mut uids: Vec<String> = all.map(|(_, text)| uid(text)).collect();
        uids.sort();
        uids
    }
}

fn id(record: &StoredRecord) -> String {
    format!("R{:06}", record.number)
}

fn text(record: &StoredRecord, field: Field) -> String {
    match record.fields.get(&field) {
        Some(Value::Text(text)) => text.clone(),
        _ => String::new(),
    }
}

/// Unfolded lines that only one of the two has.
fn differing(before: &str, after: &str) -> Vec<String> {
    let lines = |text: &str| text.replace("\r\n ", "").lines().map(str::to_owned).collect::<BTreeSet<_>>();
    lines(before).symmetric_difference(&lines(after)).cloned().collect()
}

#[test]
fn r1_both_sides_are_the_same_after_a_run_and_a_further_one_is_quiet() {
    let scene = Scene::new(Quirks::default(), "");
    let of_crm: Vec<String> = scene.records().iter().map(|record| text(record, Field::Subject)).collect();
    scene.settle();
    assert_eq!(scene.record("Prepare the offer for Solaris").activity_type, "APPOINTMENT", "r67");
    assert_eq!(scene.record("Showroom lighting: visit").activity_type, "MEETING", "r68");
    assert_eq!(scene.record("Send the price list to Van Dijk").activity_type, "TASK", "r3");
    assert!(scene.record("Dentist").fields.contains_key(&Field::Private), "r72");
    let item = scene.item("calendar", "offer-preparation.ics");
    assert!(item.contains(&id(&scene.record("Prepare the offer for Solaris"))), "r76, x29: {item}");
    let all = ["calendar", "tasks"].map(|collection| scene.groupware().items(USER, collection)).concat();
    let all: String = all.into_iter().map(|(_, text)| text.replace("\r\n ", "")).collect();
    let arrived = of_crm.iter().filter(|subject| all.contains(&format!("SUMMARY:{}", subject.replace(',', "\\,")))).count();
    assert!(arrived > 0, "r4: none of {of_crm:?} in the calendar");
}

#[test]
fn r6_a_change_on_either_side_reaches_the_other_and_touches_nothing_else() {
    let scene = Scene::new(Quirks::default(), "");
    scene.settle();
    scene.edit("calendar", "offer-preparation.ics", "SUMMARY:Prepare the offer for Solaris", "SUMMARY:Prepare the second offer");
    scene.sync();
    let record = scene.record("Prepare the second offer");
    assert_eq!(text(&record, Field::Location), "Office");
    let before = scene.item("calendar", "offer-preparation.ics");
    scene.change("Prepare the second offer", Field::Location, "Room 4, second floor");
    scene.sync();
    let after = scene.item("calendar", "offer-preparation.ics");
    assert_eq!(differing(&before, &after), ["LOCATION:Office", "LOCATION:Room 4\\, second floor"], "v7");
    scene.settle();
    assert_eq!(scene.item("calendar", "offer-preparation.ics"), after);
}

#[test]
fn c8_what_lost_when_both_sides_changed_a_field_is_kept_and_shown() {
    let scene = Scene::new(Quirks::default(), "");
    scene.settle();
    scene.edit("calendar", "offer-preparation.ics", "LOCATION:Office", "LOCATION:Canteen");
    scene.change("Prepare the offer for Solaris", Field::Location, "Room 4");
    scene.settle();
    assert!(scene.item("calendar", "offer-preparation.ics").contains("LOCATION:Room 4"));
    let conflicts = scene.stage.json(&["conflicts"]);
    assert_eq!(conflicts["lost"][0]["lost"]["text"], "Canteen", "{conflicts}");
    assert_eq!(conflicts["lost"][0]["won"]["text"], "Room 4", "{conflicts}");
}

#[test]
fn x9_a_conflict_waits_for_the_users_choice_where_he_wants_to_be_asked() {
    let scene = Scene::new(Quirks::default(), "[calendar]\nconflicts = \"ask\"");
    scene.settle();
    scene.edit("calendar", "offer-preparation.ics", "LOCATION:Office", "LOCATION:Canteen");
    scene.change("Prepare the offer for Solaris", Field::Location, "Room 4");
    scene.settle();
    assert_eq!(scene.parked(), [("Prepare the offer for Solaris".to_owned(), "conflict".to_owned())]);
    scene.stage.json(&["conflicts", "resolve", "offer-preparation@nordwind.example", "--keep", "groupware"]);
    scene.settle();
    assert_eq!(text(&scene.record("Prepare the offer for Solaris"), Field::Location), "Canteen");
    assert!(scene.parked().is_empty());
}

#[test]
fn c9_a_deletion_in_the_groupware_never_deletes_and_one_in_the_crm_removes_the_item() {
    let scene = Scene::new(Quirks::default(), "");
    scene.settle();
    assert!(
        scene.groupware().remove(USER, "calendar", "offer-preparation.ics") && scene.groupware().remove(USER, "tasks", "price-list.ics")
    );
    scene.settle();
    scene.record("Prepare the offer for Solaris");
    scene.record("Send the price list to Van Dijk");
    assert_eq!(
        scene.parked(),
        [("Prepare the offer for Solaris".to_owned(), "deleted-in-groupware".to_owned())],
        "r83: a task is left alone"
    );
    scene.stage.json(&["parked", "confirm", "uid:offer-preparation@nordwind.example"]);
    scene.settle();
    assert!(scene.record("Prepare the offer for Solaris").fields.contains_key(&Field::Cancelled));
    scene.stage.crm.delete_record(&id(&scene.record("Trade fair"))).unwrap();
    scene.settle();
    assert_eq!(scene.groupware().get(USER, "calendar", "trade-fair.ics"), None);
}

#[test]
fn v9_no_server_that_schedules_is_made_to_mail_anybody() {
    for (name, quirks) in [("sogo", Quirks::sogo()), ("davmail", Quirks::davmail())] {
        let scene = Scene::new(quirks, "");
        scene.settle();
        let meeting = scene.item("calendar", "showroom-visit.ics");
        scene.change("Showroom lighting: visit", Field::Location, "Elsewhere");
        scene.settle();
        assert_eq!(scene.item("calendar", "showroom-visit.ics"), meeting, "{name}");
        assert_eq!(scene.parked(), [("Showroom lighting: visit".to_owned(), "needs-invitations".to_owned())], "{name}");
        scene.stage.crm.delete_record(&id(&scene.record("Showroom lighting: visit"))).unwrap();
        scene.edit("calendar", "offer-preparation.ics", "LOCATION:Office", "LOCATION:Canteen");
        scene.settle();
        assert_eq!(text(&scene.record("Prepare the offer for Solaris"), Field::Location), "Canteen", "{name}");
        assert!(scene.groupware().outbox().is_empty(), "{name}: {:?}", scene.groupware().outbox());
    }
}

#[test]
fn v13_a_private_appointment_leaves_the_machine_as_far_as_the_settings_say() {
    let busy = Scene::new(Quirks::default(), "[calendar]\nprivate = \"busy_only\"");
    busy.settle();
    assert!(busy.records().iter().all(|record| text(record, Field::Subject) != "Dentist"));
    assert!(busy.records().iter().any(|record| record.uid.as_deref() == Some("dentist@nordwind.example")));
    let skip = Scene::new(Quirks::default(), "[calendar]\nprivate = \"skip\"");
    skip.settle();
    assert!(skip.records().iter().all(|record| record.uid.as_deref() != Some("dentist@nordwind.example")));
}

#[test]
fn x11_a_lost_journal_and_expired_cursors_bring_nothing_twice() {
    let scene = Scene::new(Quirks::default(), "");
    scene.settle();
    let (records, uids) = (scene.records().len(), scene.uids());
    scene.groupware().expire_tokens();
    scene.stage.crm.expire_cursors().unwrap();
    scene.settle();
    scene.stage.lose_the_journal();
    scene.settle();
    assert_eq!((scene.records().len(), scene.uids()), (records, uids));
}

#[test]
fn v8_a_collection_that_is_gone_or_made_anew_is_no_deletion() {
    let scene = Scene::new(Quirks::default(), "");
    scene.settle();
    let records = scene.records().len();
    assert!(scene.groupware().remove_collection(USER, "calendar"));
    let away = scene.stage.run(SYNC).sane();
    assert!(!away.stdout.is_empty());
    assert!(scene.groupware().make(USER, "calendar", "Calendar", crmsync::sandbox::dav::Kind::calendar("VEVENT")));
    let _ = scene.stage.run(SYNC).sane();
    let _ = scene.stage.run(SYNC).sane();
    assert_eq!(scene.records().len(), records);
    assert!(scene.records().iter().all(|record| !record.fields.contains_key(&Field::Cancelled)));
}

#[test]
fn r50_a_dry_run_says_what_would_be_written_and_writes_nothing() {
    let scene = Scene::new(Quirks::default(), "");
    let before = scene.writes();
    let plan = scene.stage.json(&["sync", "--area", "calendar,tasks", "--dry-run"]);
    assert!(plan["calendar"]["items"].as_array().is_some_and(|items| items.len() >= 5), "{plan}");
    assert!(plan["tasks"]["items"].as_array().is_some_and(|items| items.len() >= 2), "{plan}");
    assert_eq!(scene.writes(), before);
    let shown: Finished = scene.stage.run(&["sync", "--area", "calendar", "--dry-run"]).sane();
    assert!(shown.stdout.contains("create in the CRM") && shown.stdout.contains("Nothing was written."), "{}", shown.stdout);
}

#[test]
fn r78_to_r81_a_single_activity_is_sent_and_taken_back() {
    let scene = Scene::new(Quirks::default(), "");
    scene.settle();
    let day = |days| Utc::now().date_naive().checked_add_days(Days::new(days)).unwrap();
    let call = call(day(2));
    let created = scene.stage.crm.add_record("CALL", "anna", call).unwrap();
    let id = id(&created);
    scene.settle();
    assert!(!scene.uids().iter().any(|uid| scene.stage.json(&["pairs"]).to_string().contains(&id) && uid.contains(&id)), "not by itself");
    let before = scene.uids().len();
    scene.stage.json(&["activity", "push", &id, "--as", "appointment"]);
    assert_eq!(scene.uids().len(), before + 1, "r79");
    let again = scene.stage.run(&["activity", "push", &id, "--as", "task"]).sane();
    assert_eq!(again.code, Some(64), "r80: {again:?}");
    scene.stage.json(&["activity", "remove", &id]);
    scene.settle();
    assert_eq!(scene.uids().len(), before, "r81");
    scene.record("Call the harbour office");
    assert!(scene.stage.crm.send_record(&id, SyncAs::Appointment).unwrap());
    scene.settle();
    assert_eq!(scene.uids().len(), before + 1, "the CRM's own button does the same");
    assert!(scene.stage.crm.send_record(&id, SyncAs::Nothing).unwrap());
    scene.settle();
    assert_eq!(scene.uids().len(), before, "and so does its \"Delete groupware entry\"");
}

fn call(day: NaiveDate) -> crmsync::model::Fields {
    use crmsync::model::{Moment, Slot};
    let at = |hour| Moment::utc(day.and_hms_opt(hour, 0, 0).unwrap().and_utc());
    [(Field::Subject, Value::Text("Call the harbour office".to_owned())), (Field::Slot, Value::Slot(Slot { start: at(9), end: at(10) }))]
        .into()
}

#[test]
fn x16_x8_why_pairs_and_history_tell_what_belongs_to_what() {
    let scene = Scene::new(Quirks::default(), "");
    scene.settle();
    scene.change("Prepare the offer for Solaris", Field::Location, "Room 4");
    scene.settle();
    let shown = scene.stage.json(&["pairs", "show", "offer-preparation@nordwind.example"]);
    assert_eq!(shown["groupware"]["says"]["location"]["text"], "Room 4", "{shown}");
    assert_eq!(shown["crm"]["says"]["location"]["text"], "Room 4", "{shown}");
    let why = scene.stage.json(&["why", "offer-preparation@nordwind.example"]);
    assert_eq!(why["pairs"][0]["activity_type"], "APPOINTMENT", "{why}");
    let history = scene.stage.json(&["history"]);
    assert!(history.to_string().contains("LOCATION:Office"), "what stood there before: {history}");
    scene.stage.json(&["pairs", "unlink", "offer-preparation@nordwind.example"]);
    scene.settle();
    scene.edit("calendar", "offer-preparation.ics", "LOCATION:Room 4", "LOCATION:Canteen");
    scene.settle();
    assert_eq!(text(&scene.record("Prepare the offer for Solaris"), Field::Location), "Room 4");
}

#[test]
fn x21_the_doctor_says_what_the_calendar_server_can_do_and_what_follows() {
    let plain = Scene::new(Quirks::default(), "");
    let sound = plain.stage.run(&["doctor"]).sane();
    assert!(sound.stdout.contains("calendar: \"Calendar\"") && sound.stdout.contains("tasks: \"Tasks\""), "{}", sound.stdout);
    let davmail = Scene::new(Quirks::davmail(), "");
    let advised = davmail.stage.run(&["doctor"]).sane();
    assert!(advised.stdout.contains("mails attendees by itself") && advised.stdout.contains("listings are compared"), "{}", advised.stdout);
    assert!(!davmail.groupware().requests().iter().any(|request| request.starts_with("PUT ")), "it writes nothing");
}

#[test]
fn v11_a_password_that_the_calendar_server_rejects_locks_the_account_and_is_sent_once() {
    let scene = Scene::new(Quirks::default(), "");
    let text = std::fs::read_to_string(scene.stage.config_file()).unwrap();
    let wrong = text.replace("[accounts.work.dav]\n", "[accounts.work.dav]\nuser = \"bert\"\n");
    std::fs::write(scene.stage.config_file(), wrong).unwrap();
    let rejected = scene.stage.run(&["doctor"]).sane();
    assert!(rejected.stdout.contains("rejected"), "{}", rejected.stdout);
    let sent = scene.groupware().requests().len();
    assert_eq!(scene.stage.run(SYNC).sane().code, Some(77));
    assert_eq!(scene.stage.run(&["doctor"]).sane().code, rejected.code);
    assert_eq!(scene.groupware().requests().len(), sent, "nothing more goes to the server");
}

/// Kill -9 at every turn of the conversation with the CRM, then a run that heals it.
#[test]
fn v1_v2_killed_at_every_turn_with_the_crm_nothing_is_lost_or_doubled() {
    let reference = Scene::new(Quirks::default(), "");
    reference.settle();
    let expected = (reference.records().len(), reference.uids().len());
    let mut scene = Scene::new(Quirks::default(), "");
    scene.stage = scene.stage.behind_proxies("");
    scene.configure("");
    let mut turn = 0;
    while turn < 40 {
        let steps = scene.stage.steps(Side::Crm);
        scene.stage.strike_at(&[(Side::Crm, steps + turn)]);
        let _ = scene.stage.run(SYNC);
        let struck = scene.stage.struck().len();
        scene.stage.spare();
        scene.settle();
        assert_eq!((scene.records().len(), scene.uids().len()), expected, "after {:?}", scene.stage.struck().last());
        // So that there is something to write again on both sides.
        scene.stage.lose_the_journal();
        scene.edit("calendar", "trade-fair.ics", "SUMMARY:Trade fair", "SUMMARY:Trade fair.");
        if struck == 0 {
            break;
        }
        turn += 3;
    }
}
