//! Dates, times and durations (RFC 5545 §3.3.4 to §3.3.6), read tolerantly and written strictly.

use std::fmt::Write as _;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use chrono_tz::Tz;

use super::fault::IcalFault;
use super::source::Source;
use crate::groupware::lines::Property;
use crate::groupware::zones::{iana, local, moment_in};
use crate::model::{Instant, Moment};

/// What a date or time value says without its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stamp {
    Day(NaiveDate),
    Local(NaiveDateTime),
    Utc(NaiveDateTime),
}

/// A duration: days follow the calendar, seconds the clock (RFC 5545 §3.3.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Span {
    pub(super) days: i64,
    pub(super) seconds: i64,
}

/// Reads `20261122`, `20261122T0900`, `20261122T090000`, the same with `Z`, and the extended form `2026-11-22T09:00:00`. Second 60 and
/// hour 24 are taken for what follows them.
pub(super) fn stamp(value: &str) -> Option<Stamp> {
    let value = value.trim();
    if value.len() > 30 {
        return None;
    }
    let (value, utc) = value.strip_suffix(['Z', 'z']).map_or((value, false), |value| (value, true));
    let (date, time) = value.split_once(['T', 't']).map_or((value, ""), |(date, time)| (date, time));
    let [year, month, day] = numbers(date, [4, 2, 2])?;
    let day = NaiveDate::from_ymd_opt(i32::try_from(year).ok().filter(|year| *year > 0)?, month, day)?;
    if time.is_empty() {
        return Some(Stamp::Day(day));
    }
    let [hour, minute, second] = numbers(time, [2, 2, 2])?;
    if hour > 24 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = i64::from(hour * 3600 + minute * 60 + second);
    let local = day.and_time(NaiveTime::MIN).checked_add_signed(TimeDelta::seconds(seconds))?;
    Some(if utc { Stamp::Utc(local) } else { Stamp::Local(local) })
}

/// Numbers of fixed widths one after the other; hyphens and colons between them are skipped, the last one may be missing.
fn numbers(text: &str, widths: [usize; 3]) -> Option<[u32; 3]> {
    let mut rest = text;
    let mut read = [0; 3];
    for (at, (number, width)) in read.iter_mut().zip(widths).enumerate() {
        if at == 2 && rest.is_empty() && widths.first() == Some(&2) {
            break;
        }
        let digits = rest.get(..width).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
        *number = digits.parse().ok()?;
        rest = rest.get(width..)?;
        if at < 2 {
            rest = rest.strip_prefix(['-', ':']).unwrap_or(rest);
        }
    }
    // Fractions of a second, which some programs write, mean nothing here.
    (rest.is_empty() || rest.starts_with('.')).then_some(read)
}

/// The moment a value of a property denotes.
pub(super) fn moment(source: &Source<'_>, property: &Property<'_>, value: &str, name: &'static str) -> Result<Moment, IcalFault> {
    let stamp = stamp(value).ok_or_else(|| IcalFault::bad_value(name, value))?;
    let is_date = || property.parameter("VALUE").is_some_and(|kind| kind.eq_ignore_ascii_case("DATE"));
    Ok(match stamp {
        Stamp::Day(day) => Moment::Day(day),
        // DATE with a time: the day counts (seen from Exchange 2007 and Zimbra).
        Stamp::Local(at) | Stamp::Utc(at) if is_date() => Moment::Day(at.date()),
        Stamp::Local(at) if source.midnights_are_days && at.time() == NaiveTime::MIN => Moment::Day(at.date()),
        Stamp::Utc(at) => Moment::utc(at.and_utc()),
        Stamp::Local(at) => match property.parameter("TZID") {
            Some(tzid) => source.zones.moment(&tzid, at),
            None => Moment::Floating(at),
        },
    })
}

/// The value of a moment, its zone left out.
pub(super) fn value(moment: &Moment) -> String {
    match moment {
        Moment::Day(day) => day.format("%Y%m%d").to_string(),
        Moment::Floating(at) => at.format("%Y%m%dT%H%M%S").to_string(),
        Moment::Zoned { local, zone, instant } => match iana(zone) {
            Some(tz) if tz != Tz::UTC => local.format("%Y%m%dT%H%M%S").to_string(),
            _ => instant.format("%Y%m%dT%H%M%SZ").to_string(),
        },
    }
}

/// Reads a duration such as `-PT15M`, `P1DT2H`, `P2W`.
pub(super) fn span(value: &str) -> Option<Span> {
    let value = value.trim();
    let (sign, rest) = value.strip_prefix('-').map_or((1, value.strip_prefix('+').unwrap_or(value)), |rest| (-1, rest));
    let rest = rest.strip_prefix(['P', 'p'])?;
    if rest.is_empty() || rest.len() > 40 {
        return None;
    }
    let mut span = Span::default();
    let mut number: Option<i64> = None;
    for byte in rest.bytes() {
        let unit = match byte {
            b'0'..=b'9' => {
                number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(i64::from(byte - b'0'))?);
                continue;
            }
            b'T' | b't' => continue,
            other => other.to_ascii_uppercase(),
        };
        // A hundred years are enough for any appointment, and keep every sum within bounds.
        let count = number.take().filter(|count| *count <= 4_000_000_000)?;
        match unit {
            b'W' => span.days += count.min(60_000) * 7,
            b'D' => span.days += count.min(400_000),
            b'H' => span.seconds += count.min(10_000_000) * 3600,
            b'M' => span.seconds += count.min(600_000_000) * 60,
            b'S' => span.seconds += count,
            _ => return None,
        }
    }
    number.is_none().then_some(Span { days: span.days * sign, seconds: span.seconds * sign })
}

/// Writes a duration. Writing to a string cannot fail.
pub(super) fn span_value(span: Span) -> String {
    let sign = if span.days < 0 || span.seconds < 0 { "-" } else { "" };
    let (days, seconds) = (span.days.abs(), span.seconds.abs());
    let mut written = format!("{sign}P");
    if days > 0 {
        let _ = write!(written, "{days}D");
    }
    if seconds > 0 || days == 0 {
        written.push('T');
        for (count, unit) in [(seconds / 3600, 'H'), (seconds / 60 % 60, 'M'), (seconds % 60, 'S')] {
            if count > 0 {
                let _ = write!(written, "{count}{unit}");
            }
        }
        if seconds == 0 {
            written.push_str("0S");
        }
    }
    written
}

/// A moment moved on: first by days on the calendar, then by seconds on the clock. One that would leave the calendar stays.
pub(super) fn add(moment: &Moment, span: Span) -> Moment {
    let days = TimeDelta::try_days(span.days).unwrap_or_default();
    let seconds = TimeDelta::try_seconds(span.seconds).unwrap_or_default();
    match moment {
        Moment::Day(day) => {
            let whole = TimeDelta::try_days(span.days + span.seconds / 86_400).unwrap_or_default();
            Moment::Day(day.checked_add_signed(whole).filter(|day| within(*day)).unwrap_or(*day))
        }
        Moment::Floating(at) => {
            let moved = at.checked_add_signed(days).and_then(|at| at.checked_add_signed(seconds));
            Moment::Floating(moved.filter(|at| within(at.date())).unwrap_or(*at))
        }
        Moment::Zoned { local: at, zone, instant } => {
            let Some(tz) = iana(zone) else { return Moment::utc(shifted(*instant, days + seconds)) };
            let day = at.checked_add_signed(days).filter(|at| within(at.date())).unwrap_or(*at);
            let moved = moment_in(tz, day);
            match (&moved, span.seconds) {
                (Moment::Zoned { instant, .. }, 1.. | ..=-1) => in_zone(tz, shifted(*instant, seconds)),
                _ => moved,
            }
        }
    }
}

fn within(day: NaiveDate) -> bool {
    (1..=9999).contains(&day.year())
}

fn shifted(instant: Instant, by: TimeDelta) -> Instant {
    instant.checked_add_signed(by).filter(|moved: &DateTime<_>| within(moved.date_naive())).unwrap_or(instant)
}

/// An instant told in a zone.
pub(super) fn in_zone(tz: Tz, instant: Instant) -> Moment {
    let zone = if tz == Tz::UTC { crate::groupware::zones::UTC } else { tz.name() };
    Moment::Zoned { local: local(tz, instant), zone: zone.to_owned(), instant }
}

/// The time on the clock of a moment; midnight of a day.
pub(super) fn wall(moment: &Moment) -> NaiveDateTime {
    match moment {
        Moment::Day(day) => day.and_time(NaiveTime::MIN),
        Moment::Floating(at) => *at,
        Moment::Zoned { local, .. } => *local,
    }
}

/// A time on the clock, as a moment of the kind and zone of another.
pub(super) fn like(pattern: &Moment, at: NaiveDateTime) -> Moment {
    match pattern {
        Moment::Day(_) => Moment::Day(at.date()),
        Moment::Floating(_) => Moment::Floating(at),
        Moment::Zoned { zone, .. } => iana(zone).map_or_else(|| Moment::utc(at.and_utc()), |tz| moment_in(tz, at)),
    }
}

/// Another moment told in the kind and zone of this one.
pub(super) fn told_like(pattern: &Moment, moment: &Moment) -> Moment {
    match (pattern, moment) {
        (Moment::Zoned { zone, .. }, Moment::Zoned { instant, .. }) => {
            iana(zone).map_or_else(|| moment.clone(), |tz| in_zone(tz, *instant))
        }
        (Moment::Day(_), Moment::Day(_)) | (Moment::Floating(_), Moment::Floating(_)) => moment.clone(),
        (pattern, moment) => like(pattern, wall(moment)),
    }
}
