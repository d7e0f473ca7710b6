//! One user's week: every kind of item, made at either end, changed at either end, and deleted.

use chrono::{DateTime, Days, Utc};
use crmsync::model::Field;

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
