//! One user's week: every kind of item, made at either end, changed at either end, and deleted.

use chrono::{DateTime, Datelike as _, Days, NaiveDate, TimeDelta, Utc, Weekday};
use crmsync::model::{Field, FieldChanges, Fields, Moment, Slot, Value};

use crate::scene::{Scene, differing, said};

/// Nine o'clock UTC on a day to come.
pub fn at(ahead: u64) -> DateTime<Utc> {
    Utc::now().date_naive().checked_add_days(Days::new(ahead)).unwrap().and_hms_opt(9, 0, 0).unwrap().and_utc()
}

/// That day as iCalendar writes it.
pub fn day(ahead: u64) -> String {
    at(ahead).format("%Y%m%d").to_string()
}

/// An event with these lines.
pub fn event(uid: &str, lines: &str) -> String {
    format!("BEGIN:VEVENT\nUID:{uid}\nDTSTAMP:20261101T080000Z\n{lines}END:VEVENT\n")
}

/// What a phone has put into the calendar. The UIDs are the scene's own: Cyrus has each once in all calendars of a user.
pub fn week(scene: &Scene) {
    let own = &scene.calendar.rsplit('/').nth(1).unwrap()[..8];
    let event = |uid: &str, lines: &str| event(&format!("{uid}-{own}"), lines);
    let visit = format!(
        "DTSTART;TZID=Europe/Berlin:{0}T090000\nDTEND;TZID=Europe/Berlin:{0}T100000\nSUMMARY:Visit\nLOCATION:Office\nX-PHONE-COLOUR;X-A=1:blue\n",
        day(2)
    );
    scene.put("visit.ics", &event("visit", &visit));
    scene.put("fair.ics", &event("fair", &format!("DTSTART;VALUE=DATE:{}\nDTEND;VALUE=DATE:{}\nSUMMARY:Fair\n", day(5), day(7))));
    let series = format!("DTSTART:{0}T080000Z\nDTEND:{0}T083000Z\nRRULE:FREQ=WEEKLY;COUNT=4\nSUMMARY:Planning\n", day(3));
    let moved = format!("RECURRENCE-ID:{0}T080000Z\nDTSTART:{0}T100000Z\nDTEND:{0}T103000Z\nSUMMARY:Planning (moved)\n", day(10));
    scene.put("planning.ics", &(event("planning", &series) + &event("planning", &moved)));
    let dentist = format!("DTSTART:{0}T060000Z\nDTEND:{0}T070000Z\nSUMMARY:Dentist\nCLASS:PRIVATE\n", day(4));
    scene.put("dentist.ics", &event("dentist", &dentist));
    let list = format!("BEGIN:VTODO\nUID:list-{own}\nDTSTAMP:20261101T080000Z\nDUE;VALUE=DATE:{}\nSUMMARY:Price list\nEND:VTODO\n", day(1));
    scene.put("list.ics", &list);
}

pub fn a_week_is_the_same_at_both_ends(server: &'static str) {
    let scene = &Scene::new(server);
    week(scene);
    scene.settle();
    assert_eq!(scene.record("Visit").activity_type, "APPOINTMENT", "{}", scene.server);
    assert_eq!(scene.record("Price list").activity_type, "TASK", "{}", scene.server);
    assert!(scene.record("Dentist").fields.contains_key(&Field::Private), "{}", scene.server);
    assert!(scene.record("Planning").fields.contains_key(&Field::Recurrence), "{}", scene.server);
    assert!(scene.record("Planning (moved)").recurrence_id.is_some(), "{}", scene.server);

    let before = scene.item("visit.ics");
    assert!(before.contains("R0000"), "{}: the link is there: {before}", scene.server);
    scene.change("Visit", Field::Location, "Room 4");
    scene.settle();
    let after = scene.item("visit.ics");
    let expected = ["LOCATION:Office", "LOCATION:Room 4"].map(str::to_owned).into();
    assert_eq!(differing(&before, &after), expected, "{}: v7", scene.server);

    scene.send("PUT", "visit.ics", after.replace("SUMMARY:Visit", "SUMMARY:Visit at the harbour"));
    scene.settle();
    assert_eq!(said(&scene.record("Visit at the harbour"), Field::Location), "Room 4", "{}", scene.server);

    scene.change("Price list", Field::TaskStatus, "completed");
    scene.settle();
    assert!(scene.item("list.ics").contains("STATUS:COMPLETED"), "{}", scene.server);

    let count = scene.records().len();
    scene.agent.lose_the_journal();
    scene.settle();
    assert_eq!(scene.records().len(), count, "{}: x11", scene.server);

    let fair = format!("R{:06}", scene.record("Fair").number);
    scene.crm.running().delete_record(&fair).unwrap();
    assert!(matches!(scene.send("DELETE", "dentist.ics", "").0, 200..300));
    scene.settle();
    assert_ne!(scene.send("GET", "fair.ics", "").0, 200, "{}: deleted in the CRM, behind the guard", scene.server);
    scene.record("Dentist");
    assert_eq!(scene.parked(), ["deleted-in-groupware"], "{}: c9", scene.server);
}

/// A phone's change of a text in an item.
fn edit(scene: &Scene, name: &str, from: &str, to: &str) {
    let text = scene.item(name);
    assert!(text.contains(from), "{}: {text}", scene.server);
    let (status, words) = scene.send("PUT", name, text.replace(from, to));
    assert!(matches!(status, 200..300), "{}: {status} {words}", scene.server);
}

/// A change in the CRM that takes something away, or is no text.
fn set(scene: &Scene, subject: &str, field: Field, value: Option<Value>) {
    let changes: FieldChanges = [(field, value)].into();
    scene.crm.running().change_record(&scene.record(subject).id(), changes).unwrap().unwrap();
}

pub fn i10_a_series_with_overrides_follows_either_side(server: &'static str) {
    let scene = &Scene::new(server);
    week(scene);
    scene.settle();
    let before = scene.item("planning.ics");
    set(scene, "Planning (moved)", Field::Location, Some(Value::Text("Room 4".to_owned())));
    scene.settle();
    let after = scene.item("planning.ics");
    assert_eq!(differing(&before, &after), ["LOCATION:Room 4".to_owned()].into(), "{server}: v7: one occurrence, one line");

    edit(scene, "planning.ics", "SUMMARY:Planning (moved)", "SUMMARY:Planning (late)");
    let own = before.lines().find_map(|line| line.strip_prefix("UID:")).unwrap().trim().to_owned();
    let third = day(17);
    let lines = format!("RECURRENCE-ID:{third}T080000Z\nDTSTART:{third}T080000Z\nDTEND:{third}T083000Z\nSUMMARY:Planning (third)\n");
    let more = event(&own, &lines).replace('\n', "\r\n") + "END:VCALENDAR";
    edit(scene, "planning.ics", "END:VCALENDAR", &more);
    scene.settle();
    assert_eq!(said(&scene.record("Planning (late)"), Field::Location), "Room 4", "{server}");
    assert!(scene.record("Planning (third)").recurrence_id.is_some(), "{server}");
    assert!(scene.record("Planning").recurrence_id.is_none(), "{server}");

    let crm = scene.crm.running();
    crm.delete_record(&scene.record("Planning (third)").id()).unwrap();
    scene.settle();
    let text = scene.item("planning.ics");
    assert!(!text.contains("(third)") && text.contains("EXDATE"), "{server}: an occurrence deleted in the CRM: {text}");
    assert!(text.contains("SUMMARY:Planning (late)") && text.contains("RRULE"), "{server}: {text}");
    assert!(scene.parked().is_empty(), "{server}: {:?}", scene.parked());
}

/// The Saturday before the clocks go forward in Europe.
fn before_summer_time() -> NaiveDate {
    let from = Utc::now().date_naive() + Days::new(7);
    let last_sunday =
        |year| (25..=31).filter_map(|day| NaiveDate::from_ymd_opt(year, 3, day)).find(|day| day.weekday() == Weekday::Sun).unwrap();
    (from.year()..).map(|year| last_sunday(year) - Days::new(1)).find(|day| *day > from).unwrap()
}

pub fn i10_days_privacy_tasks_and_people_follow_either_side(server: &'static str) {
    let scene = &Scene::new(server);
    week(scene);
    let own = &scene.calendar.rsplit('/').nth(1).unwrap()[..8];
    let first = before_summer_time();
    let written = |day: NaiveDate| day.format("%Y%m%d").to_string();
    let last = first + Days::new(3);
    let lines = format!("DTSTART;VALUE=DATE:{}\nDTEND;VALUE=DATE:{}\nSUMMARY:Holiday\n", written(first), written(last));
    scene.put("holiday.ics", &event(&format!("holiday-{own}"), &lines));
    let people = "ORGANIZER;SCHEDULE-AGENT=CLIENT:mailto:anna@firma.example\nATTENDEE;SCHEDULE-AGENT=CLIENT;CN=Karl Kunde:mailto:kontakt@kunde.example\n";
    let lines = format!("DTSTART:{0}T120000Z\nDTEND:{0}T130000Z\nSUMMARY:Round table\n{people}", day(6));
    scene.put("round.ics", &event(&format!("round-{own}"), &lines));
    scene.settle();

    let days = |from, to| Value::Slot(Slot { start: Moment::Day(from), end: Moment::Day(to) });
    assert_eq!(scene.record("Holiday").fields[&Field::Slot], days(first, last), "{server}: three days, one of them an hour shorter");
    let before = scene.item("holiday.ics");
    set(scene, "Holiday", Field::Slot, Some(days(first, last + Days::new(1))));
    scene.settle();
    let moved = differing(&before, &scene.item("holiday.ics"));
    assert_eq!(moved.len(), 2, "{server}: {moved:?}");
    assert!(moved.iter().all(|line| line.starts_with("DTEND;VALUE=DATE:")), "{server}: {moved:?}");

    set(scene, "Visit", Field::Private, Some(Value::Flag(true)));
    scene.settle();
    edit(scene, "visit.ics", "CLASS:PRIVATE", "CLASS:PUBLIC");
    edit(scene, "dentist.ics", "CLASS:PRIVATE", "CLASS:PUBLIC");
    scene.settle();
    assert!(!scene.record("Visit").fields.contains_key(&Field::Private), "{server}: r72");
    assert!(!scene.record("Dentist").fields.contains_key(&Field::Private), "{server}: r73");

    assert!(scene.record("Round table").fields.contains_key(&Field::Participants), "{server}");
    scene.change("Round table", Field::Location, "Room 9");
    scene.settle();
    let round = scene.item("round.ics").replace("\r\n ", "").replace("\n ", "");
    assert!(round.contains("Karl Kunde") && round.contains("mailto:kontakt@kunde.example"), "{server}: {round}");
    // Whoever schedules mails the people invited; the others are written to.
    let mailed = !server.starts_with("RADICALE");
    assert_eq!(round.contains("LOCATION:Room 9"), !mailed, "{server}: {round}");
    assert_eq!(scene.parked(), vec!["needs-invitations"; usize::from(mailed)], "{server}: v9");

    edit(
        scene,
        "list.ics",
        "SUMMARY:Price list",
        "STATUS:COMPLETED\r\nPERCENT-COMPLETE:100\r\nCOMPLETED:20261120T080000Z\r\nSUMMARY:Price list",
    );
    scene.settle();
    assert_eq!(said(&scene.record("Price list"), Field::TaskStatus), "completed", "{server}");
    scene.change("Price list", Field::TaskStatus, "in-process");
    scene.settle();
    assert!(scene.item("list.ics").contains("STATUS:IN-PROCESS"), "{server}");
}

pub fn i7_a_window_that_moves_by_a_month_creates_and_never_deletes(server: &'static str) {
    let scene = &Scene::new(server);
    let own = &scene.calendar.rsplit('/').nth(1).unwrap()[..8];
    let past = (Utc::now() - TimeDelta::days(45)).format("%Y%m%d").to_string();
    scene.put("past.ics", &event(&format!("past-{own}"), &format!("DTSTART:{past}T090000Z\nDTEND:{past}T100000Z\nSUMMARY:Past\n")));
    let slot = Slot { start: Moment::utc(at(45)), end: Moment::utc(at(45) + TimeDelta::hours(1)) };
    let fields: Fields = [(Field::Subject, Value::Text("Far".to_owned())), (Field::Slot, Value::Slot(slot))].into();
    scene.crm.running().add_record("APPOINTMENT", "anna", fields).unwrap();
    scene.settle();
    assert_eq!((scene.every_item().len(), scene.records().len()), (1, 1), "{server}: outside on both sides");

    scene.configure(&scene.address, "past_days = 62\nfuture_days = 62");
    scene.settle();
    assert_eq!((scene.every_item().len(), scene.records().len()), (2, 2), "{server}: a month more");

    scene.configure(&scene.address, "past_days = 1\nfuture_days = 1");
    scene.change("Far", Field::Location, "Hall 4");
    edit(scene, "past.ics", "SUMMARY:Past", "SUMMARY:Past and over");
    scene.settle();
    scene.record("Past and over");
    let items = scene.every_item();
    assert_eq!((items.len(), scene.records().len()), (2, 2), "{server}: what leaves the window stays");
    assert!(items.values().any(|text| text.contains("LOCATION:Hall 4")), "{server}: and is kept up to date");
}
