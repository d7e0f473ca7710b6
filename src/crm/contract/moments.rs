//! Points in calendar time on the wire, from and to [`Moment`].

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime, SecondsFormat, TimeDelta, TimeZone as _, Timelike as _};
use serde::{Deserialize, Serialize};

use crate::model::{Instant, Moment};

/// A day, a time in a zone, or a time of no zone: exactly one of `{date}`, `{local, zone, instant}` and `{local}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MomentDocument {
    /// `2026-11-22`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// `2026-11-22T09:00:00`, by the wall clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<String>,
    /// IANA name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The instant, RFC 3339. It follows from the others, and only tells apart the two passes of an hour that a clock change repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instant: Option<String>,
}

impl From<&Moment> for MomentDocument {
    fn from(moment: &Moment) -> Self {
        let wall = |local: &NaiveDateTime| Some(local.format("%Y-%m-%dT%H:%M:%S").to_string());
        match moment {
            Moment::Day(day) => Self { date: Some(day.format("%Y-%m-%d").to_string()), ..Self::default() },
            Moment::Floating(local) => Self { local: wall(local), ..Self::default() },
            Moment::Zoned { local, zone, instant } => Self {
                date: None,
                local: wall(local),
                zone: Some(zone.clone()),
                // RFC 3339 has years of four digits only.
                instant: (0..=9999).contains(&instant.year()).then(|| instant.to_rfc3339_opts(SecondsFormat::Secs, true)),
            },
        }
    }
}

impl MomentDocument {
    /// The moment it states, or what is wrong with it. Fractions of a second are dropped: calendars have none.
    pub fn read(&self) -> Result<Moment, String> {
        match (&self.date, &self.local, &self.zone) {
            (Some(date), None, None) => Ok(Moment::Day(read_day(date)?)),
            (None, Some(local), None) => Ok(Moment::Floating(read_local(local)?)),
            (None, Some(local), Some(zone)) => {
                let local = read_local(local)?;
                let known: chrono_tz::Tz = zone.parse().map_err(|_| "the zone is no IANA name".to_owned())?;
                let stated = self.instant.as_deref().and_then(|text| DateTime::parse_from_rfc3339(text).ok()).map(|time| time.to_utc());
                let instant = instant_of(local, known, stated).ok_or_else(|| "the time is out of range".to_owned())?;
                Ok(Moment::Zoned { local, zone: known.name().to_owned(), instant })
            }
            _ => Err("a moment is a date, a local time, or a local time with its zone".to_owned()),
        }
    }
}

fn read_day(text: &str) -> Result<NaiveDate, String> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| "the date is none".to_owned())?;
    in_range(day.year()).map(|()| day)
}

fn read_local(text: &str) -> Result<NaiveDateTime, String> {
    let read = |format| NaiveDateTime::parse_from_str(text, format);
    let time = read("%Y-%m-%dT%H:%M:%S%.f").or_else(|_| read("%Y-%m-%dT%H:%M")).map_err(|_| "the local time is none".to_owned())?;
    in_range(time.year())?;
    time.with_nanosecond(0).ok_or_else(|| "the local time is none".to_owned())
}

fn in_range(year: i32) -> Result<(), String> {
    if (0..=9999).contains(&year) { Ok(()) } else { Err("the year is out of range".to_owned()) }
}

/// The instant of a wall-clock time (RFC 5545 §3.3.5): the first pass of a repeated hour unless the second is stated; a time that a
/// clock change leaves out counts by the offset before the change.
fn instant_of(local: NaiveDateTime, zone: chrono_tz::Tz, stated: Option<Instant>) -> Option<Instant> {
    match zone.from_local_datetime(&local) {
        chrono::LocalResult::Single(time) => Some(time.to_utc()),
        chrono::LocalResult::Ambiguous(first, second) => Some(if stated == Some(second.to_utc()) { second } else { first }.to_utc()),
        chrono::LocalResult::None => {
            let before = zone.from_local_datetime(&local.checked_sub_signed(TimeDelta::days(1))?).earliest()?;
            before.to_utc().checked_add_signed(TimeDelta::days(1))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zoned(local: &str, instant: Option<&str>) -> MomentDocument {
        MomentDocument {
            local: Some(local.to_owned()),
            zone: Some("Europe/Berlin".to_owned()),
            instant: instant.map(str::to_owned),
            date: None,
        }
    }

    fn instant(document: &MomentDocument) -> String {
        match document.read().unwrap() {
            Moment::Zoned { instant, .. } => instant.to_rfc3339_opts(SecondsFormat::Secs, true),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_time_in_a_zone_has_the_instant_that_follows_from_it_whatever_is_stated() {
        assert_eq!(instant(&zoned("2026-11-22T09:00:00", Some("2026-11-22T08:00:00Z"))), "2026-11-22T08:00:00Z");
        assert_eq!(instant(&zoned("2026-11-22T09:00", Some("1999-01-01T00:00:00Z"))), "2026-11-22T08:00:00Z");
        assert_eq!(instant(&zoned("2026-07-22T09:00:00.250", None)), "2026-07-22T07:00:00Z");
    }

    #[test]
    fn a_repeated_hour_is_told_apart_by_its_instant_and_a_left_out_one_counts_from_before() {
        assert_eq!(instant(&zoned("2026-10-25T02:30:00", None)), "2026-10-25T00:30:00Z");
        assert_eq!(instant(&zoned("2026-10-25T02:30:00", Some("2026-10-25T01:30:00Z"))), "2026-10-25T01:30:00Z");
        assert_eq!(instant(&zoned("2026-03-29T02:30:00", None)), "2026-03-29T01:30:00Z");
    }

    #[test]
    fn what_is_no_moment_is_said_so() {
        let text = |text: &str| serde_json::from_str::<MomentDocument>(text).unwrap().read();
        assert!(text(r#"{"date":"2026-11-22","local":"2026-11-22T09:00:00"}"#).is_err());
        assert!(text(r#"{"local":"2026-11-22T09:00:00","zone":"W. Europe Standard Time"}"#).is_err());
        assert!(text(r#"{"date":"2026-02-30"}"#).is_err());
        assert!(text(r#"{"zone":"UTC","instant":"2026-11-22T09:00:00Z"}"#).is_err());
        assert!(text("{}").is_err());
        assert!(text(r#"{"local":"9999-12-31T23:59:59","zone":"Pacific/Honolulu"}"#).is_ok());
    }
}
