use super::super::properties::testing::{berlin, day, event, instant, task, utc};
use super::super::*;

const SERIES: &str = include_str!("../../../../protocol-fixtures/ical/series-with-overrides.ics");

fn expand(text: &str, from: &str, to: &str, limit: usize) -> Occurrences {
    let item = read(text, &Context::default()).unwrap();
    occurrences(&item, instant(from), instant(to), limit)
}

fn starts(text: &str, from: &str, to: &str) -> Vec<Moment> {
    let found = expand(text, from, to, 1000);
    assert!(found.complete);
    found.list.into_iter().map(|occurrence| occurrence.slot.start).collect()
}

#[test]
fn x18_overrides_move_in_and_out_of_the_window() {
    let found = expand(SERIES, "2026-11-23T00:00:00Z", "2026-12-12T00:00:00Z", 100);
    let list: Vec<_> = found.list.iter().map(|o| (o.recurrence_id.as_ref().unwrap().key(), o.slot.start.key(), o.part)).collect();
    let expected = [
        // Cancelled, and said so by its part.
        ("20261126T080000Z", "20261126T080000Z", 1),
        // Moved to the day after.
        ("20261203T080000Z", "20261204T130000Z", 2),
        ("20261210T080000Z", "20261210T080000Z", 0),
    ];
    assert_eq!(list, expected.map(|(id, start, part)| (id.to_owned(), start.to_owned(), part)));
    assert_eq!(starts(SERIES, "2026-12-03T00:00:00Z", "2026-12-04T00:00:00Z"), []);
    assert_eq!(starts(SERIES, "2026-12-17T00:00:00Z", "2026-12-18T00:00:00Z"), [], "excluded");
}

#[test]
fn a_single_item_is_its_only_occurrence() {
    let text = event("DTSTART:20261122T090000Z\r\nDTEND:20261122T100000Z");
    assert_eq!(starts(&text, "2026-11-22T09:30:00Z", "2026-11-23T00:00:00Z"), [utc("2026-11-22T09:00:00")]);
    assert_eq!(starts(&text, "2026-11-22T10:00:00Z", "2026-11-23T00:00:00Z"), []);
    assert_eq!(expand(&text, "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z", 9).list[0].recurrence_id, None);
}

#[test]
fn i10_the_clock_counts_over_changes_of_clocks() {
    let text = event("DTSTART;TZID=Europe/Berlin:20260328T023000\r\nDURATION:PT1H\r\nRRULE:FREQ=DAILY;COUNT=3");
    let found = expand(&text, "2026-03-01T00:00:00Z", "2026-04-30T00:00:00Z", 9);
    let starts: Vec<_> = found.list.iter().map(|occurrence| occurrence.slot.start.key()).collect();
    assert_eq!(starts, ["20260328T013000Z", "20260329T013000Z", "20260330T003000Z"]);
    let text = event("DTSTART;TZID=Europe/Berlin:20261024T023000\r\nRRULE:FREQ=DAILY;COUNT=3");
    let found = expand(&text, "2026-10-01T00:00:00Z", "2026-11-30T00:00:00Z", 9);
    let starts: Vec<_> = found.list.iter().map(|occurrence| occurrence.slot.start.key()).collect();
    assert_eq!(starts, ["20261024T003000Z", "20261025T003000Z", "20261026T013000Z"]);
}

#[test]
fn several_rules_additional_dates_and_exceptions_are_one_set() {
    let text = event(
        "DTSTART;TZID=Europe/Berlin:20261102T090000\r\nRRULE:FREQ=MONTHLY;BYDAY=1MO\r\nRRULE:FREQ=WEEKLY;UNTIL=20261116\r\n\
         RDATE:20261118T100000Z\r\nEXDATE;VALUE=DATE:20261109",
    );
    let expected =
        [berlin("2026-11-02T09:00:00"), berlin("2026-11-16T09:00:00"), berlin("2026-11-18T11:00:00"), berlin("2026-12-07T09:00:00")];
    assert_eq!(starts(&text, "2026-11-01T00:00:00Z", "2026-12-31T00:00:00Z"), expected);
}

#[test]
fn a_date_in_until_lets_the_whole_day_pass() {
    let until = |until: &str| {
        starts(
            &event(&format!("DTSTART;TZID=Europe/Berlin:20261122T090000\r\nRRULE:FREQ=DAILY;UNTIL={until}")),
            "2026-11-01T00:00:00Z",
            "2026-12-31T00:00:00Z",
        )
        .len()
    };
    assert_eq!((until("20261124"), until("20261124T080000Z"), until("20261124T075959Z"), until("20261124T090000")), (3, 3, 2, 3));
    assert_eq!(until("20261101"), 1, "the start always takes place");
    let days = event("DTSTART;VALUE=DATE:20261122\r\nRRULE:FREQ=DAILY;UNTIL=20261124T000000Z");
    assert_eq!(starts(&days, "2026-11-01T00:00:00Z", "2026-12-31T00:00:00Z").last(), Some(&day("2026-11-24")));
}

#[test]
fn an_endless_series_is_looked_at_only_in_the_window() {
    let text = event("DTSTART;TZID=Europe/Berlin:19700101T090000\r\nRRULE:FREQ=DAILY;INTERVAL=3");
    let found = starts(&text, "2026-11-20T00:00:00Z", "2026-11-27T00:00:00Z");
    assert_eq!(found, [berlin("2026-11-21T09:00:00"), berlin("2026-11-24T09:00:00")]);
    let weekly = event("DTSTART;TZID=Europe/Berlin:19700107T090000\r\nRRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;WKST=SU");
    let slow = event("DTSTART;TZID=Europe/Berlin:19700107T090000\r\nRRULE:FREQ=WEEKLY;COUNT=9999;INTERVAL=2;BYDAY=MO,WE;WKST=SU");
    let window = ("2026-11-01T00:00:00Z", "2026-12-31T00:00:00Z");
    assert_eq!(starts(&weekly, window.0, window.1), starts(&slow, window.0, window.1));
}

#[test]
fn a_cut_list_says_so() {
    let text = event("DTSTART:20261122T090000Z\r\nRRULE:FREQ=DAILY");
    let found = expand(&text, "2026-11-01T00:00:00Z", "2036-11-01T00:00:00Z", 5);
    assert_eq!((found.list.len(), found.complete), (5, false));
    assert_eq!(found.list[4].slot.start, utc("2026-11-26T09:00:00"));
}

#[test]
fn hostile_rules_end() {
    for rule in [
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=99999999",
        "FREQ=WEEKLY;BYDAY=1MO",
        "FREQ=WEEKLY;BYMONTHDAY=1",
        "FREQ=SECONDLY",
        "FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=SECONDLY;COUNT=4000000000",
        "FREQ=MONTHLY;BYSETPOS=400;BYDAY=MO",
        "FREQ=YEARLY;BYWEEKNO=99;BYHOUR=77",
    ] {
        for start in ["DTSTART:00010101T000000Z", "DTSTART:20261122T090000Z", "DTSTART:99991231T235959Z"] {
            let text = event(&format!("{start}\r\nRRULE:{rule}"));
            let began = std::time::Instant::now();
            let found = expand(&text, "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z", 50);
            assert!(found.list.len() <= 50 && began.elapsed().as_secs() < 30, "{rule}");
        }
    }
}

#[test]
fn ordinals_in_a_weekly_rule_mean_nothing() {
    let text = event("DTSTART:20261102T090000Z\r\nRRULE:FREQ=WEEKLY;COUNT=2;BYDAY=1MO");
    assert_eq!(starts(&text, "2026-11-01T00:00:00Z", "2026-12-31T00:00:00Z"), [utc("2026-11-02T09:00:00"), utc("2026-11-09T09:00:00")]);
}

#[test]
fn tasks_repeat_from_their_due_time() {
    let text = task("DUE;VALUE=DATE:20261122\r\nRRULE:FREQ=WEEKLY;COUNT=2");
    assert_eq!(starts(&text, "2026-11-01T00:00:00Z", "2026-12-31T00:00:00Z"), [day("2026-11-22"), day("2026-11-29")]);
}

#[test]
fn an_old_exclusion_rule_still_counts() {
    let text = event("DTSTART:20261122T090000Z\r\nRRULE:FREQ=DAILY;COUNT=4\r\nEXRULE:FREQ=DAILY;INTERVAL=2;COUNT=2");
    assert_eq!(starts(&text, "2026-11-01T00:00:00Z", "2026-12-31T00:00:00Z"), [utc("2026-11-23T09:00:00"), utc("2026-11-25T09:00:00")]);
}
