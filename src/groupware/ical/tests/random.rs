//! Random changes and hostile objects.

use proptest::prelude::*;

use super::super::properties::testing::{berlin, day, event, utc};
use super::super::*;
use crate::model::{Field, FieldChanges, Note, Value};

fn moment() -> impl Strategy<Value = (Moment, Moment)> {
    let minutes = 0..60 * 24 * 3000_i64;
    (minutes, 0..5000_i64, 0..4).prop_map(|(start, length, kind)| {
        let at = |minutes: i64| chrono::DateTime::from_timestamp(1_700_000_000 / 60 * 60 + minutes * 60, 0).unwrap().naive_utc();
        let (from, to) = (at(start), at(start + length));
        match kind {
            0 => (Moment::Floating(from), Moment::Floating(to)),
            1 => (Moment::utc(from.and_utc()), Moment::utc(to.and_utc())),
            2 => (Moment::Day(from.date()), Moment::Day(to.date() + chrono::TimeDelta::days(1))),
            _ => {
                let tz = chrono_tz::Tz::Europe__Berlin;
                let zoned = |at: chrono::NaiveDateTime| super::super::dates::in_zone(tz, at.and_utc());
                (zoned(from), zoned(to))
            }
        }
    })
}

fn line() -> impl Strategy<Value = String> {
    "[^\\p{C}\\p{Z}][^\\p{C}\\p{Z}]{0,40}( [^\\p{C}\\p{Z}]{1,60}){0,3}"
}

fn change() -> impl Strategy<Value = (Field, Option<Value>)> {
    prop_oneof![
        line().prop_map(|text| (Field::Subject, Some(Value::Text(text)))),
        line().prop_map(|text| (Field::Location, Some(Value::Text(text)))),
        proptest::collection::vec(line(), 1..5)
            .prop_map(|lines| (Field::Note, Some(Value::Note(Note { text: lines.join("\n"), html: None })))),
        proptest::collection::btree_set(line(), 1..4).prop_map(|words| (Field::Categories, Some(Value::Words(words)))),
        moment().prop_map(|(start, end)| (Field::Slot, Some(Value::Slot(Slot { start, end })))),
        (0..20_000_i64).prop_map(|minutes| (Field::Reminder, Some(Value::Number(minutes)))),
        (1..10_i64).prop_map(|number| (Field::Priority, Some(Value::Number(number)))),
        Just((Field::Reminder, None)),
        Just((Field::Note, None)),
        Just((Field::Categories, None)),
        Just((Field::Private, Some(Value::Flag(true)))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn v5_a_changed_field_reads_as_it_was_written_and_no_other_moves(changes in proptest::collection::vec(change(), 1..5)) {
        let context = Context::default();
        let start = event("DTSTART;TZID=Europe/Berlin:20261122T090000\r\nDTEND;TZID=Europe/Berlin:20261122T100000\r\nSUMMARY:a\r\nTRANSP:OPAQUE\r\nX-A;B=\"c;d\":e");
        let mut item = read(&start, &context).unwrap();
        for (field, value) in changes {
            let mut expected = item.parts[0].fields.clone();
            match value.clone() {
                Some(value) => expected.insert(field, value),
                None => expected.remove(&field),
            };
            let changes = FieldChanges::from([(field, value)]);
            let text = edit(&item, &[PartEdit::Set { recurrence_id: None, changes, link: None }], &context).unwrap();
            prop_assert!(text.contains("X-A;B=\"c;d\":e\r\n"));
            item = read(&text, &context).unwrap();
            prop_assert_eq!(&item.parts[0].fields, &expected, "{}", text);
        }
    }

    #[test]
    fn no_text_is_a_panic(text in "((BEGIN|END):(VCALENDAR|VEVENT|VTODO|VALARM|VTIMEZONE|STANDARD)\r?\n|(UID|DTSTART|DTEND|DUE|DURATION|RRULE|EXDATE|RDATE|TRIGGER|DESCRIPTION|ATTENDEE|RECURRENCE-ID|TZOFFSETTO|CATEGORIES)(;(TZID|VALUE|CN)=[ -~ä]{0,6})?:([0-9TZ+-]{0,16}|FREQ=[A-Z;=0-9]{0,20}|[ -~ä\\\\]{0,12})\r?\n){0,40}") {
        let context = Context { own_addresses: ["a@b.c".to_owned()].into(), ..Context::default() };
        if let Ok(item) = read(&text, &context) {
            let _ = edit(&item, &[PartEdit::Exclude { recurrence_id: day("2026-11-22") }], &context);
            let moved = Slot { start: berlin("2026-11-22T09:00:00"), end: berlin("2026-11-22T09:00:00") };
            let changes = FieldChanges::from([(Field::Slot, Some(Value::Slot(moved))), (Field::Note, None)]);
            let _ = edit(&item, &[PartEdit::Set { recurrence_id: None, changes, link: Some(None) }], &context);
            let _ = occurrences(&item, "2026-01-01T00:00:00Z".parse().unwrap(), "2026-02-01T00:00:00Z".parse().unwrap(), 10);
        }
    }
}

#[test]
fn hostile_objects_take_linear_time() {
    let context = Context::default();
    let shapes: [fn(usize) -> String; 6] = [
        |size| "X-A:1\r\n".repeat(size / 7),
        |size| format!("DESCRIPTION:{}\r\n", "a\\n".repeat(size / 3)),
        |size| format!("CATEGORIES:{}\r\n", "ab,".repeat(size / 3)),
        |size| format!("DESCRIPTION:{}\r\n", "[crmsync 1\\n".repeat(size / 12)),
        |size| format!("X-ALT-DESC;FMTTYPE=text/html:{}\r\n", "<p>https://zoom.us".repeat(size / 18)),
        |size| "BEGIN:VALARM\r\nEND:VALARM\r\n".repeat(size / 26),
    ];
    for (at, shape) in shapes.iter().enumerate() {
        let took = |size: usize| {
            let text = event(&format!("DTSTART:20261122T090000Z\r\n{}X-Z:1", shape(size)));
            let began = std::time::Instant::now();
            let item = read(&text, &context).unwrap();
            let changes = FieldChanges::from([
                (Field::Subject, Some(Value::Text("x".to_owned()))),
                (Field::Note, None),
                (Field::Reminder, Some(Value::Number(5))),
            ]);
            edit(&item, &[PartEdit::Set { recurrence_id: None, changes, link: None }], &context).unwrap();
            began.elapsed()
        };
        let (small, large) = (took(10_000), took(160_000));
        // Sixteen times as much, with room for a busy machine; a quadratic one takes 256 times as long.
        assert!(large < small * 100 + std::time::Duration::from_millis(500), "shape {at}: {small:?} {large:?}");
    }
    let found = read(&event("DTSTART:20261122T090000Z"), &context).unwrap();
    assert_eq!(
        found.parts[0].fields.get(&Field::Slot),
        Some(&Value::Slot(Slot { start: utc("2026-11-22T09:00:00"), end: utc("2026-11-22T09:00:00") }))
    );
}
