use chrono::NaiveDate;

use super::super::properties::testing::{berlin, day, event, instant, task, utc};
use super::super::*;
use crate::groupware::{CrmLink, DraftPart};
use crate::model::{Area, Field, FieldChanges, Note, Recurrence, Value};

const SERIES: &str = include_str!("../../../../protocol-fixtures/ical/series-with-overrides.ics");

fn item(text: &str) -> Item {
    read(text, &Context::default()).unwrap()
}

fn set(recurrence_id: Option<Moment>, changes: impl IntoIterator<Item = (Field, Option<Value>)>) -> PartEdit {
    PartEdit::Set { recurrence_id, changes: changes.into_iter().collect::<FieldChanges>(), link: None }
}

fn subject(text: &str) -> (Field, Option<Value>) {
    (Field::Subject, Some(Value::Text(text.to_owned())))
}

fn edited(text: &str, edits: &[PartEdit]) -> String {
    edit(&item(text), edits, &Context::default()).unwrap()
}

/// Lines only one of two texts has.
fn differing(before: &str, after: &str) -> (Vec<String>, Vec<String>) {
    let lines = |text: &str| text.split_inclusive('\n').map(str::to_owned).collect::<Vec<_>>();
    let (before, after) = (lines(before), lines(after));
    let start = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
    let end = before.iter().rev().zip(after.iter().rev()).take_while(|(a, b)| a == b).count();
    let end = end.min(before.len() - start).min(after.len() - start);
    (before[start..before.len() - end].to_vec(), after[start..after.len() - end].to_vec())
}

#[test]
fn a_series_is_read_with_its_overrides() {
    let item = item(SERIES);
    assert_eq!((item.uid.as_str(), item.area, item.scheduled), ("series-1@example.org", Area::Calendar, false));
    let ids: Vec<_> = item.parts.iter().map(|part| part.recurrence_id.as_ref().map(Moment::key)).collect();
    assert_eq!(ids, [None, Some("20261126T080000Z".to_owned()), Some("20261203T080000Z".to_owned())]);
    assert!(item.parts[1].fields.contains_key(&Field::Cancelled));
}

#[test]
fn i10_fixtures_of_other_programs_read_as_their_authors_meant() {
    let fields = |text: &str| item(text).parts.remove(0).fields;
    let exchange = fields(include_str!("../../../../protocol-fixtures/ical/exchange-all-day.ics"));
    assert_eq!(exchange.get(&Field::Slot), Some(&Value::Slot(Slot { start: day("2027-03-01"), end: day("2027-03-03") })));
    assert_eq!(exchange.get(&Field::ShowAs), Some(&Value::Text("out-of-office".to_owned())));
    assert!(!exchange.contains_key(&Field::Note) && !exchange.contains_key(&Field::Location));
    let lightning = fields(include_str!("../../../../protocol-fixtures/ical/lightning-html-task.ics"));
    assert_eq!(lightning.get(&Field::Due), Some(&Value::Moment(berlin("2026-11-24T17:00:00"))));
    assert!(!lightning.contains_key(&Field::Reminder), "an alarm by mail is none of a person's");
    let odd = fields(include_str!("../../../../protocol-fixtures/ical/odd-but-readable.ics"));
    assert_eq!(odd.get(&Field::Slot), Some(&Value::Slot(Slot { start: utc("2026-11-22T09:00:00"), end: utc("2026-11-22T10:30:00") })));
    assert_eq!(odd.get(&Field::Subject), Some(&Value::Text("Kleingeschrieben".to_owned())));
}

#[test]
fn objects_that_are_no_item_say_why() {
    let fault = |text: &str| read(text, &Context::default()).unwrap_err();
    assert_eq!(fault("hello"), IcalFault::NoItem { found: None });
    assert_eq!(
        fault("BEGIN:VCALENDAR\nBEGIN:VJOURNAL\nEND:VJOURNAL\nEND:VCALENDAR"),
        IcalFault::NoItem { found: Some("VJOURNAL".to_owned()) }
    );
    assert_eq!(fault("BEGIN:VCALENDAR\nVERSION:1.0\nBEGIN:VEVENT\nEND:VEVENT\nEND:VCALENDAR"), IcalFault::Outdated);
    assert_eq!(fault("BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VEVENT\nEND:VCALENDAR"), IcalFault::NoUid);
    let two = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nEND:VEVENT\nBEGIN:VEVENT\nUID:2\nEND:VEVENT\nEND:VCALENDAR";
    assert_eq!(fault(two), IcalFault::SeveralItems);
    assert_eq!(fault(&two.replace("UID:2", "UID:1")), IcalFault::DoubledPart);
    assert!(matches!(fault(&event("DTSTART:soon")), IcalFault::BadValue { property: "DTSTART", .. }));
    assert!(matches!(fault(&event("DTSTART:20261122\r\nRRULE:FREQ=SOMETIMES")), IcalFault::BadValue { property: "RRULE", .. }));
}

#[test]
fn v7_without_a_change_the_text_is_the_same() {
    let same = item(SERIES);
    let all: FieldChanges = same.parts[0].fields.iter().map(|(field, value)| (*field, Some(value.clone()))).collect();
    assert_eq!(edited(SERIES, &[]), SERIES);
    assert_eq!(edited(SERIES, &[PartEdit::Set { recurrence_id: None, changes: all, link: None }]), SERIES);
}

#[test]
fn v7_a_change_touches_its_own_lines_only() {
    let written = edited(SERIES, &[set(Some(berlin("2026-12-03T09:00:00")), [subject("Neu")])]);
    let (before, after) = differing(SERIES, &written);
    assert_eq!((before.len(), after.as_slice()), (1, ["SUMMARY:Neu\r\n".to_owned()].as_slice()));
}

#[test]
fn an_occurrence_gets_an_override_made_from_the_master() {
    let link = CrmLink { record: "9".to_owned(), url: None, lines: vec![] };
    let edit = PartEdit::Set { recurrence_id: Some(utc("2026-12-10T08:00:00")), changes: [subject("Neu")].into(), link: Some(Some(link)) };
    let written = edited(SERIES, &[edit]);
    let (before, after) = differing(SERIES, &written);
    assert!(before.is_empty(), "{before:?}");
    let after = after.concat();
    assert!(
        after.contains("RECURRENCE-ID;TZID=Europe/Berlin:20261210T090000\r\nDTSTART;TZID=Europe/Berlin:20261210T090000\r\n"),
        "{after}"
    );
    assert!(after.contains("DTEND;TZID=Europe/Berlin:20261210T100000\r\n"), "{after}");
    assert!(after.contains("X-UNKNOWN;X-P=\"a;b\":kept\r\n") && after.contains("BEGIN:VALARM"), "{after}");
    assert!(!after.contains("RRULE") && !after.contains("EXDATE"), "{after}");
    let again = item(&written);
    assert_eq!(again.parts[3].fields.get(&Field::Subject), Some(&Value::Text("Neu".to_owned())));
    assert_eq!(again.parts[3].record.as_deref(), Some("9"));
    // Not a day of the series.
    let fault = edit_fault(SERIES, &[set(Some(utc("2026-12-11T08:00:00")), [subject("Neu")])]);
    assert_eq!(fault, IcalFault::NoSuchPart);
}

fn edit_fault(text: &str, edits: &[PartEdit]) -> IcalFault {
    edit(&item(text), edits, &Context::default()).unwrap_err()
}

#[test]
fn an_excluded_occurrence_goes_with_its_override() {
    let written = edited(SERIES, &[PartEdit::Exclude { recurrence_id: utc("2026-12-03T08:00:00") }]);
    let again = item(&written);
    assert_eq!(again.parts.len(), 2);
    let Some(Value::Recurrence(recurrence)) = again.parts[0].fields.get(&Field::Recurrence) else { panic!() };
    assert!(recurrence.excluded.contains(&berlin("2026-12-03T09:00:00")), "{written}");
    assert!(written.contains("EXDATE;TZID=Europe/Berlin:20261203T090000\r\n"), "{written}");
    assert_eq!(
        edit_fault(&event("DTSTART:20261122T080000Z"), &[PartEdit::Exclude { recurrence_id: utc("2026-11-22T08:00:00") }]),
        IcalFault::NoSuchPart
    );
}

#[test]
fn a_moved_series_takes_its_exceptions_along() {
    let slot = Slot { start: berlin("2026-11-20T14:30:00"), end: berlin("2026-11-20T15:00:00") };
    let written = edited(SERIES, &[set(None, [(Field::Slot, Some(Value::Slot(slot)))])]);
    let again = item(&written);
    let ids: Vec<_> = again.parts.iter().map(|part| part.recurrence_id.clone()).collect();
    assert_eq!(ids, [None, Some(berlin("2026-11-27T14:30:00")), Some(berlin("2026-12-04T14:30:00"))]);
    let Some(Value::Recurrence(recurrence)) = again.parts[0].fields.get(&Field::Recurrence) else { panic!() };
    assert_eq!(recurrence.excluded, [berlin("2026-12-18T14:30:00")]);
    // To days.
    let slot = Slot { start: day("2026-11-19"), end: day("2026-11-20") };
    let again = item(&edited(SERIES, &[set(None, [(Field::Slot, Some(Value::Slot(slot)))])]));
    assert_eq!(again.parts[2].recurrence_id, Some(day("2026-12-03")));
}

#[test]
fn a_series_that_ends_takes_its_overrides_with_it() {
    let written = edited(SERIES, &[set(None, [(Field::Recurrence, None)])]);
    assert_eq!(item(&written).parts.len(), 1);
}

#[test]
fn v9_a_meeting_is_edited_with_its_people_untouched_and_never_multiplied() {
    let people = "ORGANIZER:mailto:a@example.org\r\nATTENDEE;SCHEDULE-STATUS=1.2:mailto:b@example.org";
    let text = event(&format!("DTSTART:20261122T080000Z\r\nRRULE:FREQ=DAILY\r\n{people}\r\nSUMMARY:x"));
    assert!(item(&text).scheduled);
    let written = edited(&text, &[set(None, [subject("y")])]);
    assert_eq!(written, text.replace("SUMMARY:x", "SUMMARY:y"));
    assert_eq!(edit_fault(&text, &[set(Some(utc("2026-11-23T08:00:00")), [subject("y")])]), IcalFault::AttendeesNotAllowed);
    let allowed = Context { allow_attendees: true, ..Context::default() };
    let written = edit(&item(&text), &[set(Some(utc("2026-11-23T08:00:00")), [subject("y")])], &allowed).unwrap();
    assert_eq!(written.matches("ATTENDEE").count(), 2);
}

#[test]
fn a_new_zone_brings_its_definition() {
    let text = event("DTSTART:20261122T080000Z\r\nDTEND:20261122T090000Z");
    let slot = Slot { start: berlin("2026-11-22T09:00:00"), end: berlin("2026-11-22T11:00:00") };
    let written = edited(&text, &[set(None, [(Field::Slot, Some(Value::Slot(slot)))])]);
    assert_eq!(written.matches("BEGIN:VTIMEZONE").count(), 1);
    assert!(written.contains("TZID:Europe/Berlin\r\n") && written.contains("RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\r\n"), "{written}");
    // A name the object has for the zone is used again.
    let text = event("DTSTART;TZID=W. Europe Standard Time:20261122T080000");
    let slot = Slot { start: berlin("2026-11-23T09:00:00"), end: berlin("2026-11-23T11:00:00") };
    let written = edited(&text, &[set(None, [(Field::Slot, Some(Value::Slot(slot)))])]);
    assert_eq!(
        written,
        event("DTSTART;TZID=W. Europe Standard Time:20261123T090000\r\nDTEND;TZID=W. Europe Standard Time:20261123T110000")
    );
}

fn draft(area: Area) -> Draft {
    let note = Note { text: "Zeile; 1\nZeile 2".to_owned(), html: None };
    let link =
        CrmLink { record: "4711".to_owned(), url: Some("https://crm.example.org/4711".to_owned()), lines: vec!["Bob <b@c.d>".to_owned()] };
    let mut fields: crate::model::Fields = [
        (Field::Subject, Value::Text("Besuch, \"Termin\"".to_owned())),
        (Field::Location, Value::Text("Büro".to_owned())),
        (Field::Note, Value::Note(note)),
        (Field::Private, Value::Flag(true)),
        (Field::Categories, Value::Words(["CRM".to_owned()].into())),
        (Field::Priority, Value::Number(3)),
        (Field::Reminder, Value::Number(15)),
        (Field::Url, Value::Text("https://example.org/".to_owned())),
    ]
    .into();
    if area == Area::Calendar {
        let slot = Slot { start: berlin("2026-11-22T09:00:00"), end: berlin("2026-11-22T10:00:00") };
        fields.insert(Field::Slot, Value::Slot(slot));
        let recurrence = Recurrence {
            rules: vec!["FREQ=MONTHLY;BYDAY=-1SU".to_owned(), "FREQ=WEEKLY".to_owned()],
            additional: vec![],
            excluded: vec![berlin("2026-11-29T09:00:00")],
        };
        fields.insert(Field::Recurrence, Value::Recurrence(recurrence));
        fields.insert(Field::ShowAs, Value::Text("out-of-office".to_owned()));
    } else {
        fields.insert(Field::Due, Value::Moment(day("2026-11-24")));
        fields.insert(Field::TaskStatus, Value::Text("in-process".to_owned()));
        fields.insert(Field::Percent, Value::Number(30));
    }
    let part = DraftPart { recurrence_id: None, fields, link: Some(link) };
    Draft { create_id: "c1".to_owned(), uid: "uid-1".to_owned(), area, parts: vec![part] }
}

#[test]
fn v2_what_is_built_reads_as_it_was_meant_and_is_the_same_every_time() {
    for area in [Area::Calendar, Area::Tasks] {
        let mut draft = draft(area);
        let now = instant("2026-11-22T08:00:00Z");
        let built = build(&draft, now, &Context::default()).unwrap();
        assert_eq!(built, build(&draft, now, &Context::default()).unwrap());
        let part = item(&built).parts.remove(0);
        assert_eq!(part.fields, draft.parts[0].fields, "{built}");
        assert_eq!(part.record.as_deref(), Some("4711"));
        assert!(built.replace("\r\n ", "").contains("<a href=\\\"https".replace('\\', "").as_str()), "{built}");
        assert!(built.split("\r\n").all(|line| line.len() <= 75), "{built}");
        let read_by_calcard = calcard::icalendar::ICalendar::parse(&built);
        assert!(read_by_calcard.is_ok(), "{built}");
        // Nobody is invited (V9).
        let people = vec![crate::model::Person {
            address: "a@b.c".to_owned(),
            name: String::new(),
            role: "required".to_owned(),
            answer: "needs-action".to_owned(),
        }];
        draft.parts[0].fields.insert(Field::Participants, Value::People(people));
        assert_eq!(build(&draft, now, &Context::default()).unwrap(), built);
        let allowed = Context { allow_attendees: true, ..Context::default() };
        assert!(build(&draft, now, &allowed).unwrap().contains("ATTENDEE"));
    }
}

#[test]
fn built_series_carry_their_overrides() {
    let mut draft = draft(Area::Calendar);
    let slot = Slot { start: berlin("2026-12-06T12:00:00"), end: berlin("2026-12-06T13:00:00") };
    let fields = [(Field::Slot, Value::Slot(slot)), (Field::ShowAs, Value::Text("busy".to_owned()))].into();
    draft.parts.push(DraftPart { recurrence_id: Some(utc("2026-12-06T08:00:00")), fields, link: None });
    let built = build(&draft, instant("2026-11-22T08:00:00Z"), &Context::default()).unwrap();
    let item = item(&built);
    assert_eq!(item.parts[1].recurrence_id, Some(berlin("2026-12-06T09:00:00")));
    assert_eq!(item.parts[1].fields, draft.parts[1].fields);
}

/// Why new objects are not built by the icalendar crate, which has no type for a VTIMEZONE either.
#[test]
fn icalendar_0_17_loses_a_second_rule() {
    use icalendar::{Calendar, Component, Event};
    let event = Event::new().uid("u").summary("x").add_property("RRULE", "FREQ=DAILY").add_property("RRULE", "FREQ=WEEKLY").done();
    let text = Calendar::from([event]).to_string();
    assert_eq!(text.matches("RRULE").count(), 1, "{text}");
}

#[test]
fn tasks_move_with_their_due_time() {
    let text = task("DTSTART;VALUE=DATE:20261122\r\nDUE;VALUE=DATE:20261124\r\nRRULE:FREQ=WEEKLY");
    let written = edited(&text, &[set(Some(day("2026-11-29")), [subject("x")])]);
    let again = item(&written);
    assert_eq!(again.parts[1].fields.get(&Field::Due), Some(&Value::Moment(Moment::Day(NaiveDate::from_ymd_opt(2026, 12, 1).unwrap()))));
}
