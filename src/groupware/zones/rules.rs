//! A VTIMEZONE evaluated (RFC 5545 §3.6.5): for zones whose name says nothing.

use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Weekday};
use chrono_tz::{TZ_VARIANTS, Tz};
use windows_timezones::WindowsTimezone;

use super::names::fixed;
use crate::groupware::lines::Document;
use crate::model::Instant;

/// Observances of one VTIMEZONE that are looked at, and additional onsets (RDATE) of each.
const MAX_OBSERVANCES: usize = 200;
const MAX_ONSETS: usize = 500;

/// The rules of a VTIMEZONE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    observances: Vec<Observance>,
}

/// STANDARD or DAYLIGHT: an offset from its onsets on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Observance {
    /// Seconds east of UTC before and after an onset.
    from: i32,
    to: i32,
    /// Onsets on the clock as it goes before them.
    start: NaiveDateTime,
    further: Vec<NaiveDateTime>,
    yearly: Option<Yearly>,
    /// Last onset of the rule, in UTC.
    until: Option<NaiveDateTime>,
}

/// One onset a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Yearly {
    /// The nth weekday of a month, from its end where negative.
    Weekday { month: u32, weekday: Weekday, nth: i32 },
    /// The first such weekday on or after a day of a month.
    After { month: u32, weekday: Weekday, day: u32 },
    /// A day of a month.
    Day { month: u32, day: u32 },
}

impl Rules {
    /// Reads a VTIMEZONE; `None` where it has no observance that can be read.
    pub(super) fn read(document: &Document<'_>, component: usize) -> Option<Self> {
        let children = ["STANDARD", "DAYLIGHT"].into_iter().flat_map(|name| document.children(component, name));
        let observances: Vec<_> = children.take(MAX_OBSERVANCES).filter_map(|child| observance(document, child)).collect();
        (!observances.is_empty()).then_some(Self { observances })
    }

    /// The instant of a wall-clock time.
    pub(super) fn instant(&self, local: NaiveDateTime) -> Instant {
        let shift = |seconds: i32| local.checked_sub_signed(TimeDelta::seconds(i64::from(seconds))).unwrap_or(local);
        shift(self.offset_at_local(local)).and_utc()
    }

    /// The onset that governs a wall-clock time: the last one not after it.
    fn offset_at_local(&self, local: NaiveDateTime) -> i32 {
        let onsets = self.onsets(local.year());
        let last = onsets.iter().rfind(|(onset, _)| onset.wall <= local).map(|(_, to)| *to);
        last.or_else(|| self.observances.iter().min_by_key(|observance| observance.start).map(|observance| observance.from)).unwrap_or(0)
    }

    fn offset_at(&self, utc: NaiveDateTime) -> i32 {
        let onsets = self.onsets(utc.year());
        let last = onsets.iter().rfind(|(onset, _)| onset.utc <= utc).map(|(_, to)| *to);
        last.or_else(|| self.observances.iter().min_by_key(|observance| observance.start).map(|observance| observance.from)).unwrap_or(0)
    }

    /// Onsets of the year, those around it, and the last before them, in order.
    fn onsets(&self, year: i32) -> Vec<(Onset, i32)> {
        let mut onsets = Vec::new();
        for observance in &self.observances {
            let mut add = |wall: NaiveDateTime| {
                let utc = wall.checked_sub_signed(TimeDelta::seconds(i64::from(observance.from))).unwrap_or(wall);
                onsets.push((Onset { utc, wall }, observance.to));
            };
            add(observance.start);
            observance.further.iter().copied().for_each(&mut add);
            let Some(yearly) = observance.yearly else { continue };
            let last_year = observance.until.map_or(year + 1, |until| until.year().min(year + 1));
            for year in (last_year - 2)..=last_year {
                let Some(wall) = yearly.in_year(year).map(|day| day.and_time(observance.start.time())) else { continue };
                let ended = observance.until.is_some_and(|until| wall > until + TimeDelta::seconds(i64::from(observance.from)));
                if wall > observance.start && !ended {
                    add(wall);
                }
            }
        }
        onsets.sort_unstable_by_key(|(onset, _)| onset.utc);
        onsets
    }

    /// An IANA zone that has the same offsets from a year before to two years after.
    pub(super) fn zone(&self, near: NaiveDateTime) -> Option<Tz> {
        let samples = self.samples(near);
        let first = samples.first().map(|(_, offset)| *offset)?;
        if samples.iter().all(|(_, offset)| *offset == first)
            && let Some(zone) = fixed(first)
        {
            return Some(zone);
        }
        let says_the_same = |zone: &Tz| agrees(*zone, &samples);
        // The zones most people live in come before the hundreds that have the same rules by accident.
        let common = [
            Tz::Europe__Berlin,
            Tz::Europe__London,
            Tz::America__New_York,
            Tz::America__Chicago,
            Tz::America__Denver,
            Tz::America__Los_Angeles,
        ];
        let main =
            TZ_VARIANTS.iter().copied().filter(|zone| WindowsTimezone::try_from(*zone).is_ok_and(|windows| Tz::from(windows) == *zone));
        common.into_iter().chain(main).find(says_the_same).or_else(|| TZ_VARIANTS.iter().copied().find(says_the_same))
    }

    /// This zone has the same offsets.
    pub(super) fn matches(&self, zone: Tz, near: NaiveDateTime) -> bool {
        agrees(zone, &self.samples(near))
    }

    /// Instants with their offsets: the item's own first, then every onset with the second before it, and each quarter.
    fn samples(&self, near: NaiveDateTime) -> Vec<(NaiveDateTime, i32)> {
        let mut instants = vec![near];
        for year in [near.year(), near.year() + 1] {
            for (onset, _) in self.onsets(year).iter().filter(|(onset, _)| (year..=year + 1).contains(&onset.utc.year())) {
                instants.push(onset.utc);
                instants.extend(onset.utc.checked_sub_signed(TimeDelta::seconds(1)));
            }
        }
        instants.extend((1..8).filter_map(|quarter| near.checked_add_months(Months::new(quarter * 3))));
        instants.into_iter().map(|utc| (utc, self.offset_at(utc))).collect()
    }
}

/// When an observance begins.
#[derive(Debug, Clone, Copy)]
struct Onset {
    utc: NaiveDateTime,
    wall: NaiveDateTime,
}

fn agrees(zone: Tz, samples: &[(NaiveDateTime, i32)]) -> bool {
    samples.iter().all(|(utc, offset)| zone.offset_from_utc_datetime(utc).fix().local_minus_utc() == *offset)
}

impl Yearly {
    fn in_year(self, year: i32) -> Option<NaiveDate> {
        match self {
            Self::Weekday { month, weekday, nth } if nth > 0 => {
                NaiveDate::from_weekday_of_month_opt(year, month, weekday, u8::try_from(nth).ok()?)
            }
            Self::Weekday { month, weekday, nth } => {
                let last = NaiveDate::from_ymd_opt(year, month, 1)?.checked_add_months(Months::new(1))?.pred_opt()?;
                let back = (7 + last.weekday().num_days_from_monday() - weekday.num_days_from_monday()) % 7;
                let weeks = u32::try_from(-nth - 1).ok()?;
                last.checked_sub_days(Days::new(u64::from(back + weeks.checked_mul(7)?))).filter(|day| day.month() == month)
            }
            Self::After { month, weekday, day } => {
                let first = NaiveDate::from_ymd_opt(year, month, day)?;
                let ahead = (7 + weekday.num_days_from_monday() - first.weekday().num_days_from_monday()) % 7;
                first.checked_add_days(Days::new(u64::from(ahead)))
            }
            Self::Day { month, day } => NaiveDate::from_ymd_opt(year, month, day),
        }
    }

    /// Reads an RRULE; `None` for one that is not yearly.
    fn read(rule: &str, start: NaiveDateTime) -> Option<Self> {
        let part = |name: &str| {
            rule.split(';')
                .filter_map(|part| part.split_once('='))
                .find(|(found, _)| found.trim().eq_ignore_ascii_case(name))
                .map(|(_, value)| value.trim())
        };
        if !part("FREQ")?.eq_ignore_ascii_case("YEARLY") {
            return None;
        }
        let month = part("BYMONTH").map_or(Some(start.month()), |month| month.parse().ok())?;
        let days = part("BYMONTHDAY");
        let Some(by_day) = part("BYDAY") else {
            let day = days.map_or(Some(start.day()), |day| day.parse().ok())?;
            return Some(Self::Day { month, day });
        };
        let (nth, weekday) = by_day.split_at_checked(by_day.len().checked_sub(2)?)?;
        let weekday = match weekday.to_ascii_uppercase().as_str() {
            "MO" => Weekday::Mon,
            "TU" => Weekday::Tue,
            "WE" => Weekday::Wed,
            "TH" => Weekday::Thu,
            "FR" => Weekday::Fri,
            "SA" => Weekday::Sat,
            "SU" => Weekday::Sun,
            _ => return None,
        };
        if let Some(days) = days {
            let day = days.split(',').filter_map(|day| day.trim().parse().ok()).min()?;
            return Some(Self::After { month, weekday, day });
        }
        let nth = nth.trim_start_matches('+').parse().ok().filter(|nth: &i32| *nth != 0 && nth.abs() <= 5)?;
        Some(Self::Weekday { month, weekday, nth })
    }
}

fn observance(document: &Document<'_>, component: usize) -> Option<Observance> {
    let offset = |name: &str| document.first(component, name).and_then(|property| seconds_east(property.value()));
    let to = offset("TZOFFSETTO")?;
    let start = date_time(document.first(component, "DTSTART")?.value())?;
    let rule = document.first(component, "RRULE");
    let until = rule.as_ref().and_then(|rule| {
        let rule = rule.value();
        let at = rule.to_ascii_uppercase().find("UNTIL=")?;
        date_time(rule.get(at + 6..)?.split(';').next()?)
    });
    let further = document
        .properties(component, "RDATE")
        .flat_map(|property| property.value().split(',').map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|value| date_time(&value))
        .take(MAX_ONSETS)
        .collect();
    let yearly = rule.and_then(|rule| Yearly::read(rule.value(), start));
    Some(Observance { from: offset("TZOFFSETFROM").unwrap_or(to), to, start, further, yearly, until })
}

/// `+0100`, `-053000` (RFC 5545 §3.3.14).
fn seconds_east(value: &str) -> Option<i32> {
    let value = value.trim();
    let (sign, digits) = value.strip_prefix('-').map_or((1, value.strip_prefix('+').unwrap_or(value)), |digits| (-1, digits));
    if !(4..=6).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| digits.get(range).map_or(Some(0), |part| part.parse::<i32>().ok());
    let seconds = part(0..2)? * 3600 + part(2..4)? * 60 + part(4..6).unwrap_or(0);
    (seconds < 86_400).then_some(seconds * sign)
}

fn date_time(value: &str) -> Option<NaiveDateTime> {
    let value = value.trim().trim_end_matches(['Z', 'z']);
    let found = NaiveDateTime::parse_from_str(value, "%Y%m%dT%H%M%S").ok();
    let found = found.or_else(|| NaiveDate::parse_from_str(value, "%Y%m%d").ok().map(|day| day.and_time(NaiveTime::MIN)))?;
    (0..=9999).contains(&found.year()).then_some(found)
}
