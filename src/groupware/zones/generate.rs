//! A VTIMEZONE for an IANA zone: what an object needs that names a zone (RFC 5545 §3.2.19), and no more.

use std::fmt::Write as _;

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Weekday};
use chrono_tz::{OffsetName, Tz};

/// Years after the item for which transitions are looked at.
const YEARS: i32 = 12;

/// A transition of a zone.
#[derive(Debug, Clone, Copy)]
struct Transition {
    /// On the clock as it goes before.
    wall: NaiveDateTime,
    from: i32,
    to: i32,
    daylight: bool,
    utc: NaiveDateTime,
}

/// The component for times from `near` on, as lines without line ends. Zones that change their clocks by a yearly rule get that rule;
/// others every transition of the next twelve years.
#[must_use]
pub fn vtimezone(zone: Tz, near: NaiveDateTime) -> Vec<String> {
    let mut lines = vec!["BEGIN:VTIMEZONE".to_owned(), format!("TZID:{}", zone.name())];
    let year = near.year().clamp(1900, 2100) - 1;
    let transitions = transitions(zone, year, year + YEARS);
    let Some(first) = transitions.first() else {
        let start = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap_or_default().and_time(NaiveTime::MIN);
        let offset = offset_at(zone, near);
        let only = Transition { wall: start, from: offset, to: offset, daylight: false, utc: start };
        push(&mut lines, zone, only, "");
        lines.push("END:VTIMEZONE".to_owned());
        return lines;
    };
    if let Some((standard, daylight)) = yearly(&transitions) {
        for (transition, rule) in [standard, daylight] {
            push(&mut lines, zone, transition, &rule);
        }
    } else {
        // What holds before the first transition.
        let before = Transition {
            wall: first.wall - TimeDelta::days(366),
            to: first.from,
            daylight: false,
            utc: first.utc - TimeDelta::days(366),
            ..*first
        };
        push(&mut lines, zone, before, "");
        for transition in &transitions {
            push(&mut lines, zone, *transition, "");
        }
    }
    lines.push("END:VTIMEZONE".to_owned());
    lines
}

fn push(lines: &mut Vec<String>, zone: Tz, transition: Transition, rule: &str) {
    let kind = if transition.daylight { "DAYLIGHT" } else { "STANDARD" };
    lines.push(format!("BEGIN:{kind}"));
    lines.push(format!("DTSTART:{}", transition.wall.format("%Y%m%dT%H%M%S")));
    if !rule.is_empty() {
        lines.push(format!("RRULE:{rule}"));
    }
    lines.push(format!("TZOFFSETFROM:{}", offset(transition.from)));
    lines.push(format!("TZOFFSETTO:{}", offset(transition.to)));
    let known = zone.offset_from_utc_datetime(&transition.utc);
    // Zones without an abbreviation have a number for one, which is no name.
    if let Some(name) = known.abbreviation().filter(|name| name.bytes().all(|byte| byte.is_ascii_alphabetic())) {
        lines.push(format!("TZNAME:{name}"));
    }
    lines.push(format!("END:{kind}"));
}

fn offset(seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.abs();
    let mut written = format!("{sign}{:02}{:02}", seconds / 3600, seconds / 60 % 60);
    if seconds % 60 != 0 {
        // Writing to a string cannot fail.
        let _ = write!(written, "{:02}", seconds % 60);
    }
    written
}

fn offset_at(zone: Tz, utc: NaiveDateTime) -> i32 {
    zone.offset_from_utc_datetime(&utc).fix().local_minus_utc()
}

/// Every transition from the start of one year to the start of another, found by halving: the database tells offsets only.
fn transitions(zone: Tz, from: i32, to: i32) -> Vec<Transition> {
    let at = |year| NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or_default().and_time(NaiveTime::MIN);
    let (mut low, end) = (at(from), at(to));
    let mut found = Vec::new();
    // Ten days are shorter than any period that was ever kept, Ramadan in Morocco included.
    while low < end {
        let high = low + TimeDelta::days(10);
        let (before, after) = (offset_at(zone, low), offset_at(zone, high));
        if before != after {
            let (mut left, mut right) = (low, high);
            while right - left > TimeDelta::seconds(1) {
                let middle = left + TimeDelta::seconds((right - left).num_seconds() / 2);
                if offset_at(zone, middle) == before { left = middle } else { right = middle }
            }
            let wall = right + TimeDelta::seconds(i64::from(before));
            found.push(Transition { wall, from: before, to: after, daylight: after > before, utc: right });
        }
        low = high;
    }
    found
}

/// The first two transitions with their rules, where every year has the same two.
fn yearly(transitions: &[Transition]) -> Option<((Transition, String), (Transition, String))> {
    let rule = |daylight: bool| {
        let mine: Vec<_> = transitions.iter().filter(|transition| transition.daylight == daylight).collect();
        let first = **mine.first()?;
        let one_a_year = mine.windows(2).all(|pair| match pair {
            [a, b] => b.wall.year() == a.wall.year() + 1,
            _ => false,
        });
        let same = mine.iter().all(|other| {
            (other.wall.month(), other.wall.weekday(), other.wall.time(), other.from, other.to)
                == (first.wall.month(), first.wall.weekday(), first.wall.time(), first.from, first.to)
        });
        let last = mine.iter().all(|other| is_last(other.wall.date()));
        let nth = mine.iter().all(|other| nth(other.wall.date()) == nth(first.wall.date())).then(|| nth(first.wall.date()));
        let nth = if last { Some(-1) } else { nth }?;
        let weekday = match first.wall.weekday() {
            Weekday::Mon => "MO",
            Weekday::Tue => "TU",
            Weekday::Wed => "WE",
            Weekday::Thu => "TH",
            Weekday::Fri => "FR",
            Weekday::Sat => "SA",
            Weekday::Sun => "SU",
        };
        let rule = format!("FREQ=YEARLY;BYMONTH={};BYDAY={nth}{weekday}", first.wall.month());
        (one_a_year && same && mine.len() + 1 >= usize::try_from(YEARS).unwrap_or(0)).then_some((first, rule))
    };
    Some((rule(false)?, rule(true)?))
}

/// Which weekday of its month a day is, from 1.
fn nth(day: NaiveDate) -> i32 {
    i32::try_from(day.day0() / 7 + 1).unwrap_or(1)
}

fn is_last(day: NaiveDate) -> bool {
    (day + TimeDelta::days(7)).month() != day.month()
}
