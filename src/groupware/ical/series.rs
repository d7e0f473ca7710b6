//! The occurrences of a series in a window.
//!
//! Rules are expanded on the clock of the series, without a zone, and each result is then told in the zone: so a gap or an overlap of
//! summer time moves one occurrence and not the rule, and days and floating times need no case of their own.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use chrono_tz::Tz;
use rrule::{RRule, RRuleSet, Unvalidated};

use super::dates::{self, Stamp};
use super::{Occurrence, Occurrences, edit::anchor, rules};
use crate::groupware::lines::Document;
use crate::groupware::zones::{iana, local};
use crate::groupware::{Item, Part};
use crate::model::{Field, Fields, Instant, Moment, Recurrence, Slot, Value};

/// Steps a rule may take before the list is called incomplete, by how often it repeats: a rule that matches seldom works between steps.
const STEPS: usize = 20_000;
const MINUTELY_STEPS: usize = 5_000;
const SECONDLY_STEPS: usize = 200;

pub(super) fn occurrences(item: &Item, from: Instant, to: Instant, limit: usize) -> Occurrences {
    let mut found = Occurrences { list: Vec::new(), complete: true };
    let mut overridden = BTreeSet::new();
    for (at, part) in item.parts.iter().enumerate() {
        let Some(id) = &part.recurrence_id else { continue };
        overridden.insert(id.key());
        if let Some(slot) = slot_of(&part.fields).filter(|slot| overlaps(slot, from, to)) {
            found.list.push(Occurrence { recurrence_id: Some(id.clone()), slot, part: at });
        }
    }
    let master = item.parts.iter().position(|part| part.recurrence_id.is_none());
    if let Some((at, part)) = master.and_then(|at| item.parts.get(at).map(|part| (at, part)))
        && let Some(slot) = slot_of(&part.fields)
    {
        match part.fields.get(&Field::Recurrence) {
            Some(Value::Recurrence(recurrence)) => {
                let window = Window { from, to, enough: limit.saturating_add(overridden.len()) };
                let (starts, complete) = starts(item, &slot, recurrence, window);
                found.complete = complete;
                for start in starts.into_values().filter(|start| !overridden.contains(&start.key())) {
                    let slot = Slot { end: moved(&slot.end, &slot.start, &start), start: start.clone() };
                    if overlaps(&slot, from, to) {
                        found.list.push(Occurrence { recurrence_id: Some(start), slot, part: at });
                    }
                }
            }
            _ if overlaps(&slot, from, to) => found.list.push(Occurrence { recurrence_id: None, slot, part: at }),
            _ => {}
        }
    }
    found
        .list
        .sort_by_cached_key(|occurrence| (occurrence.slot.start.approximate_instant(), occurrence.recurrence_id.as_ref().map(Moment::key)));
    if found.list.len() > limit {
        found.list.truncate(limit);
        found.complete = false;
    }
    found
}

/// There is an occurrence of this id. Where the bound on work leaves it open, there is.
pub(super) fn occurs(item: &Item, id: &Moment) -> bool {
    let around = |days| id.approximate_instant().checked_add_signed(TimeDelta::days(days)).unwrap_or_else(|| id.approximate_instant());
    let Some(Part { fields, .. }) = item.parts.iter().find(|part| part.recurrence_id.is_none()) else { return false };
    let (Some(slot), Some(Value::Recurrence(recurrence))) = (slot_of(fields), fields.get(&Field::Recurrence)) else { return false };
    let window = Window { from: around(-2), to: around(2), enough: STEPS };
    let (starts, complete) = starts(item, &slot, recurrence, window);
    !complete || starts.contains_key(&dates::told_like(&slot.start, id).key())
}

/// Moves a time as far as an occurrence is from the start of its series: the length of an appointment stays what the clock says for days
/// and floating times, and exact for others (RFC 5545 §3.8.5.3).
pub(super) fn moved(moment: &Moment, start: &Moment, occurrence: &Moment) -> Moment {
    if moment == start {
        return occurrence.clone();
    }
    if let (Moment::Zoned { instant, zone, .. }, Moment::Zoned { instant: from, .. }, Moment::Zoned { instant: to, .. }) =
        (moment, start, occurrence)
    {
        let Some(instant) = to.checked_add_signed(*instant - *from) else { return moment.clone() };
        return iana(zone).map_or_else(|| Moment::utc(instant), |zone| dates::in_zone(zone, instant));
    }
    let at = dates::wall(occurrence).checked_add_signed(dates::wall(moment) - dates::wall(start));
    dates::like(moment, at.unwrap_or_else(|| dates::wall(moment)))
}

/// When a part takes place; a task from its start to its due time.
fn slot_of(fields: &Fields) -> Option<Slot> {
    if let Some(Value::Slot(slot)) = fields.get(&Field::Slot) {
        return Some(slot.clone());
    }
    let start = anchor(fields)?;
    let end = match fields.get(&Field::Due) {
        Some(Value::Moment(due)) if std::mem::discriminant(due) == std::mem::discriminant(&start) => due.clone(),
        _ => start.clone(),
    };
    Some(Slot { start, end })
}

fn overlaps(slot: &Slot, from: Instant, to: Instant) -> bool {
    let (start, end) = (slot.start.approximate_instant(), slot.end.approximate_instant());
    start < to && (end > from || start >= from)
}

#[derive(Debug, Clone, Copy)]
struct Window {
    from: Instant,
    to: Instant,
    /// So many results of one rule are enough.
    enough: usize,
}

/// Starts of occurrences near the window by key, overrides not regarded; and whether these are all.
fn starts(item: &Item, slot: &Slot, recurrence: &Recurrence, window: Window) -> (BTreeMap<String, Moment>, bool) {
    let length = slot.end.approximate_instant() - slot.start.approximate_instant();
    // A day of slack on either side: the clock of the series is not UTC.
    let slack = TimeDelta::days(2);
    let wide = |at: Option<DateTime<chrono::Utc>>, or: Instant| at.unwrap_or(or).naive_utc();
    let lower = wide(window.from.checked_sub_signed(length + slack), DateTime::<chrono::Utc>::MIN_UTC);
    let upper = wide(window.to.checked_add_signed(slack), DateTime::<chrono::Utc>::MAX_UTC);
    let enough = window.enough.saturating_add(recurrence.excluded.len());
    let first = dates::wall(&slot.start);
    let mut complete = true;
    let mut walls = BTreeSet::new();
    // The start is the first occurrence whatever the rules say (RFC 5545 §3.8.5.3).
    walls.insert(first);
    for rule in &recurrence.rules {
        let (expanded, all) = expand(rule, &slot.start, lower, upper, enough);
        walls.extend(expanded);
        complete &= all;
    }
    for rule in exclusion_rules(item) {
        let (expanded, all) = expand(&rule, &slot.start, lower, upper, STEPS);
        for wall in expanded {
            walls.remove(&wall);
        }
        complete &= all;
    }
    let mut starts: BTreeMap<String, Moment> = BTreeMap::new();
    let additional = recurrence.additional.iter().map(|moment| dates::told_like(&slot.start, moment));
    for start in walls.into_iter().map(|wall| dates::like(&slot.start, wall)).chain(additional) {
        starts.insert(start.key(), start);
    }
    for excluded in &recurrence.excluded {
        match (excluded, &slot.start) {
            // Some programs exclude a timed occurrence by its day.
            (Moment::Day(day), Moment::Floating(_) | Moment::Zoned { .. }) => {
                starts.retain(|_, start| dates::wall(start).date() != *day);
            }
            _ => {
                starts.remove(&dates::told_like(&slot.start, excluded).key());
            }
        }
    }
    (starts, complete)
}

/// EXRULE, which RFC 5545 no longer has (Appendix A.3.2) and old objects do.
fn exclusion_rules(item: &Item) -> Vec<String> {
    if !item.original.contains("EXRULE") {
        return Vec::new();
    }
    let Ok(document) = Document::parse(&item.original) else { return Vec::new() };
    let of = |index| document.properties(index, "EXRULE").filter_map(|property| rules::normal(property.value())).collect::<Vec<_>>();
    (0..document.components().len()).flat_map(of).take(20).collect()
}

/// The results of one rule on the clock between two times, ascending, and whether these are all.
fn expand(rule: &str, start: &Moment, lower: NaiveDateTime, upper: NaiveDateTime, enough: usize) -> (Vec<NaiveDateTime>, bool) {
    let first = dates::wall(start);
    let part =
        |name: &str| rule.split(';').filter_map(|part| part.split_once('=')).find(|(found, _)| *found == name).map(|(_, value)| value);
    let until = part("UNTIL").and_then(|until| last(until, start));
    let frequency = part("FREQ").unwrap_or_default();
    let counted = part("COUNT").is_some();
    let from = if counted { first } else { forwarded(first, lower, frequency, part("INTERVAL")) };
    if impossible(part("BYMONTH"), part("BYMONTHDAY")) {
        return (Vec::new(), true);
    }
    let Some(rule) = parsed(rule, frequency, from) else { return (Vec::new(), false) };
    let steps = match frequency {
        "SECONDLY" => SECONDLY_STEPS,
        "MINUTELY" => MINUTELY_STEPS,
        _ => STEPS,
    };
    let mut found = Vec::new();
    let set = RRuleSet::new(from.and_utc().with_timezone(&rrule::Tz::UTC)).rrule(rule).limit();
    for (step, at) in (&set).into_iter().enumerate() {
        let at = at.naive_utc();
        if at >= upper || until.is_some_and(|until| at > until) {
            return (found, true);
        }
        if step >= steps || found.len() > enough {
            return (found, false);
        }
        if at >= lower {
            found.push(at);
        }
    }
    // A rule that ends without being told to has run into the crate's own bound, which matters only where steps are small.
    let bounded = matches!(frequency, "SECONDLY" | "MINUTELY" | "HOURLY") && !counted;
    (found, !bounded)
}

/// Reads a rule for rrule, which knows UTC only here; UNTIL is looked at by us. What has no meaning there is repaired: ordinals of weekdays
/// mean something in a monthly or yearly rule alone (rrule 0.14 takes every day for them), BYSETPOS nothing by itself.
fn parsed(rule: &str, frequency: &str, from: NaiveDateTime) -> Option<RRule> {
    let start = from.and_utc().with_timezone(&rrule::Tz::UTC);
    let parts = rule.split(';').filter(|part| !part.starts_with("UNTIL=") && !part.starts_with("X-"));
    let parts: Vec<String> = parts
        .map(|part| match part.strip_prefix("BYDAY=") {
            Some(days) if !matches!(frequency, "MONTHLY" | "YEARLY") => {
                let plain = days.split(',').map(|day| day.trim_start_matches(|c: char| c == '-' || c.is_ascii_digit()));
                format!("BYDAY={}", plain.collect::<Vec<_>>().join(","))
            }
            _ => part.to_owned(),
        })
        .collect();
    let read = |text: String| text.parse::<RRule<Unvalidated>>().ok().and_then(|rule| rule.validate(start).ok());
    read(parts.join(";")).or_else(|| {
        let alone: Vec<_> = parts.into_iter().filter(|part| !part.starts_with("BYSETPOS=")).collect();
        read(alone.join(";"))
    })
}

/// None of its months has any of its days: rrule would look for one for seconds.
fn impossible(months: Option<&str>, days: Option<&str>) -> bool {
    let numbers = |list: &str| list.split(',').filter_map(|number| number.parse::<i32>().ok()).collect::<Vec<_>>();
    let (Some(months), Some(days)) = (months.map(numbers), days.map(numbers)) else { return false };
    let length = |month: &i32| match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    months.iter().all(|month| days.iter().all(|day| day.abs() > length(month)))
}

/// The last time on the clock of the series that UNTIL lets pass. A date lets the whole day pass, which Google and Exchange mean by it;
/// an instant is told in the zone of the series.
fn last(until: &str, start: &Moment) -> Option<NaiveDateTime> {
    let zone = match start {
        Moment::Zoned { zone, .. } => iana(zone),
        _ => None,
    };
    Some(match dates::stamp(until)? {
        Stamp::Day(day) => end_of(day),
        Stamp::Local(at) | Stamp::Utc(at) if matches!(start, Moment::Day(_)) => end_of(at.date()),
        Stamp::Local(at) => at,
        Stamp::Utc(at) => local(zone.unwrap_or(Tz::UTC), at.and_utc()),
    })
}

fn end_of(day: NaiveDate) -> NaiveDateTime {
    day.and_time(NaiveTime::from_hms_opt(23, 59, 59).unwrap_or_default())
}

/// A later start with the same results from `lower` on: whole intervals on. Only for rules whose results do not hang on the date they
/// start at otherwise; months and years are few enough to be counted.
fn forwarded(first: NaiveDateTime, lower: NaiveDateTime, frequency: &str, interval: Option<&str>) -> NaiveDateTime {
    let seconds = match frequency {
        "WEEKLY" => 7 * 86_400,
        "DAILY" => 86_400,
        "HOURLY" => 3_600,
        "MINUTELY" => 60,
        "SECONDLY" => 1,
        _ => return first,
    };
    let interval = interval.and_then(|interval| interval.parse::<i64>().ok()).unwrap_or(1).max(1);
    let step = seconds * interval;
    // One interval short of it, so that a week that has begun is whole.
    let steps = ((lower - first).num_seconds() / step - 1).max(0);
    let moved = TimeDelta::try_seconds(steps.saturating_mul(step)).and_then(|by| first.checked_add_signed(by));
    moved.filter(|at| (1..=9999).contains(&at.year())).unwrap_or(first)
}
