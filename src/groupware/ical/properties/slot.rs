//! DTSTART with DTEND or DURATION (RFC 5545 §3.6.1) ↔ slot.

use chrono::{NaiveTime, TimeDelta};

use super::{IcalFault, Source, Target};
use crate::groupware::ical::dates::{self, Span};
use crate::model::{Field, Moment, Slot, Value};

/// Outlook's and Exchange's mark of all-day appointments.
pub(in super::super) const ALL_DAY_MARK: &str = "X-MICROSOFT-CDO-ALLDAYEVENT";

pub(super) fn read(source: &Source<'_>) -> Result<Option<Value>, IcalFault> {
    Ok(slot(source)?.map(Value::Slot))
}

fn slot(source: &Source<'_>) -> Result<Option<Slot>, IcalFault> {
    let Some(property) = source.first("DTSTART") else { return Ok(None) };
    let start = dates::moment(source, &property, property.value(), "DTSTART")?;
    let end = match source.first("DTEND") {
        Some(property) => dates::moment(source, &property, property.value(), "DTEND")?,
        None => match source.first("DURATION").and_then(|property| dates::span(property.value())) {
            Some(span) => dates::add(&start, span),
            None => start.clone(),
        },
    };
    Ok(Some(repaired(start, end)))
}

/// An end of the same kind as the start and not before it. A day without an end, or with itself as its end, lasts a day; a time without
/// one takes no time (RFC 5545 §3.6.1).
fn repaired(start: Moment, end: Moment) -> Slot {
    let end = match (&start, &end) {
        (Moment::Day(_), Moment::Day(_)) | (Moment::Floating(_), Moment::Floating(_)) | (Moment::Zoned { .. }, Moment::Zoned { .. }) => end,
        (Moment::Day(_), other) => {
            // The end of a day that is told by the clock: a time after midnight belongs to a day that is not over.
            let at = dates::wall(other);
            let open = i64::from(at.time() != NaiveTime::MIN);
            Moment::Day(at.date().checked_add_signed(TimeDelta::days(open)).unwrap_or(at.date()))
        }
        (_, other) => dates::like(&start, dates::wall(other)),
    };
    let end = match &start {
        Moment::Day(_) if end.approximate_instant() <= start.approximate_instant() => dates::add(&start, Span { days: 1, seconds: 0 }),
        _ if end.approximate_instant() < start.approximate_instant() => start.clone(),
        _ => end,
    };
    Slot { start, end }
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), IcalFault> {
    // RFC 5545 §3.6.1 demands DTSTART of an object without METHOD.
    let Some(Value::Slot(wanted)) = value else { return Err(IcalFault::BadField { field: Field::Slot }) };
    let same_kind = std::mem::discriminant(&wanted.start) == std::mem::discriminant(&wanted.end);
    if !same_kind || wanted.end.approximate_instant() < wanted.start.approximate_instant() {
        return Err(IcalFault::BadField { field: Field::Slot });
    }
    let before = slot(&target.source)?;
    if before.as_ref() == Some(wanted) {
        return Ok(());
    }
    let moved = before.as_ref().is_none_or(|before| before.start != wanted.start);
    if moved {
        target.put_moment("DTSTART", &wanted.start);
    }
    let has_end = target.source.first("DTEND").is_some();
    let span = target.source.first("DURATION").and_then(|property| dates::span(property.value()));
    match span {
        _ if has_end => {
            if moved || before.is_none_or(|before| before.end != wanted.end) {
                target.put_moment("DTEND", &wanted.end);
            }
            // Both together are not allowed, and only DTEND was read.
            target.remove("DURATION");
        }
        Some(span) if repaired(wanted.start.clone(), dates::add(&wanted.start, span)) == *wanted => {}
        Some(_) => {
            if let Some(span) = length(wanted) {
                target.put("DURATION", &[], &dates::span_value(span));
            } else {
                target.remove("DURATION");
                target.put_moment("DTEND", &wanted.end);
            }
        }
        None => {
            if repaired(wanted.start.clone(), wanted.start.clone()) != *wanted {
                target.put_moment("DTEND", &wanted.end);
            }
        }
    }
    // Outlook believes its mark before the form of the dates.
    let all_day = matches!(wanted.start, Moment::Day(_));
    if target.source.first(ALL_DAY_MARK).is_some() && target.source.is(ALL_DAY_MARK, "TRUE") != all_day {
        target.put(ALL_DAY_MARK, &[], if all_day { "TRUE" } else { "FALSE" });
    }
    Ok(())
}

/// The length of a slot as a duration; `None` where start and end are told in different zones, which a duration cannot say.
fn length(slot: &Slot) -> Option<Span> {
    match (&slot.start, &slot.end) {
        (Moment::Day(start), Moment::Day(end)) => Some(Span { days: (*end - *start).num_days(), seconds: 0 }),
        (Moment::Floating(start), Moment::Floating(end)) => Some(Span { days: 0, seconds: (*end - *start).num_seconds() }),
        (Moment::Zoned { zone, instant: start, .. }, Moment::Zoned { zone: other, instant: end, .. }) if zone == other => {
            Some(Span { days: 0, seconds: (*end - *start).num_seconds() })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{berlin, day, edited, event, floating, refused, utc, value};
    use super::*;

    fn slot_of(lines: &str) -> Slot {
        match value(&event(lines), Field::Slot) {
            Some(Value::Slot(slot)) => slot,
            other => panic!("{other:?}"),
        }
    }

    fn slot(start: Moment, end: Moment) -> Slot {
        Slot { start, end }
    }

    fn set(lines: &str, start: Moment, end: Moment) -> String {
        let written = edited(&event(lines), Field::Slot, Some(Value::Slot(slot(start.clone(), end.clone()))));
        assert_eq!(value(&written, Field::Slot), Some(Value::Slot(slot(start, end))), "{written}");
        written
    }

    #[test]
    fn a_missing_end_follows_the_rfc() {
        assert_eq!(slot_of("DTSTART;VALUE=DATE:20261122"), slot(day("2026-11-22"), day("2026-11-23")));
        assert_eq!(slot_of("DTSTART:20261122T090000"), slot(floating("2026-11-22T09:00:00"), floating("2026-11-22T09:00:00")));
        assert_eq!(slot_of("DTSTART:20261122T090000Z\r\nDURATION:PT90M"), slot(utc("2026-11-22T09:00:00"), utc("2026-11-22T10:30:00")));
        assert_eq!(slot_of("DTSTART;VALUE=DATE:20261122\r\nDURATION:P2D"), slot(day("2026-11-22"), day("2026-11-24")));
    }

    #[test]
    fn i10_ends_that_do_not_fit_are_repaired() {
        assert_eq!(slot_of("DTSTART:20261122\r\nDTEND:20261122"), slot(day("2026-11-22"), day("2026-11-23")));
        assert_eq!(
            slot_of("DTSTART:20261122T090000Z\r\nDTEND:20261121T090000Z"),
            slot(utc("2026-11-22T09:00:00"), utc("2026-11-22T09:00:00"))
        );
        let mixed = slot_of("DTSTART;TZID=Europe/Berlin:20261122T090000\r\nDTEND:20261122T100000");
        assert_eq!(mixed, slot(berlin("2026-11-22T09:00:00"), berlin("2026-11-22T10:00:00")));
        assert_eq!(slot_of("DTSTART;VALUE=DATE:20261122T000000\r\nDTEND:20261123T000000Z"), slot(day("2026-11-22"), day("2026-11-23")));
    }

    #[test]
    fn a_duration_of_days_keeps_the_time_over_a_change_of_clocks() {
        let found = slot_of("DTSTART;TZID=Europe/Berlin:20261024T200000\r\nDURATION:P1D");
        assert_eq!(found.end, berlin("2026-10-25T20:00:00"));
        let found = slot_of("DTSTART;TZID=Europe/Berlin:20261024T200000\r\nDURATION:PT24H");
        assert_eq!(found.end, berlin("2026-10-25T19:00:00"));
    }

    #[test]
    fn exchange_marks_midnights_that_are_days() {
        let lines = "DTSTART;TZID=W. Europe Standard Time:20261122T000000\r\nDTEND;TZID=W. Europe Standard Time:20261124T000000\r\nX-MICROSOFT-CDO-ALLDAYEVENT:TRUE";
        assert_eq!(slot_of(lines), slot(day("2026-11-22"), day("2026-11-24")));
        let written = set(lines, berlin("2026-11-22T09:00:00"), berlin("2026-11-22T10:00:00"));
        assert!(written.contains("X-MICROSOFT-CDO-ALLDAYEVENT:FALSE"), "{written}");
    }

    #[test]
    fn only_what_moved_is_written() {
        let lines = "DTSTART;X-A=1;TZID=Europe/Berlin:20261122T090000\r\nX-B:1\r\nDTEND;TZID=Europe/Berlin:20261122T100000";
        let written = set(lines, berlin("2026-11-22T09:00:00"), berlin("2026-11-22T11:00:00"));
        assert!(
            written.contains("DTSTART;X-A=1;TZID=Europe/Berlin:20261122T090000\r\nX-B:1\r\nDTEND;TZID=Europe/Berlin:20261122T110000"),
            "{written}"
        );
        let written = set("DTSTART:20261122T090000Z\r\nDURATION:PT1H", utc("2026-11-23T09:00:00"), utc("2026-11-23T10:00:00"));
        assert_eq!(written, event("DTSTART:20261123T090000Z\r\nDURATION:PT1H"));
        let written = set("DTSTART:20261122T090000Z\r\nDURATION:PT1H", utc("2026-11-22T09:00:00"), utc("2026-11-22T10:15:00"));
        assert_eq!(written, event("DTSTART:20261122T090000Z\r\nDURATION:PT1H15M"));
        let written = set("DTSTART:20261122T090000Z", day("2026-11-22"), day("2026-11-23"));
        assert_eq!(written, event("DTSTART;VALUE=DATE:20261122"));
        let written = set("DTSTART;VALUE=DATE:20261122", floating("2026-11-22T09:00:00"), floating("2026-11-22T10:00:00"));
        assert_eq!(written, event("DTSTART:20261122T090000\r\nDTEND:20261122T100000"));
    }

    #[test]
    fn a_slot_that_is_none_is_refused() {
        let text = event("DTSTART:20261122T090000Z");
        refused(&text, Field::Slot, None);
        refused(&text, Field::Slot, Some(Value::Slot(slot(day("2026-11-22"), utc("2026-11-23T09:00:00")))));
        refused(&text, Field::Slot, Some(Value::Slot(slot(day("2026-11-22"), day("2026-11-21")))));
    }
}
