//! The values of [`Field`](super::Field)s that appointments and tasks have; those of contacts are in [`contact`](super::contact).

use std::collections::BTreeSet;

use chrono::{NaiveDate, NaiveDateTime};
use serde::{Deserialize, Serialize};

use super::Instant;
use super::contact::{ContactAddress, Handle, PartialDate, Phone, Photo, Place};

/// The value of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// One line or an identifier; never empty.
    Text(String),
    /// A number in the unit of its field.
    Number(i64),
    /// Only ever `true`: false is absence.
    Flag(bool),
    /// Labels in order; never empty.
    Words(BTreeSet<String>),
    /// Text with its HTML form.
    Note(Note),
    /// Start and end.
    Slot(Slot),
    /// A date or a time.
    Moment(Moment),
    /// Rules of a series.
    Recurrence(Recurrence),
    /// People in the order of their addresses; never empty.
    People(Vec<Person>),
    /// Mail addresses of a contact, ascending; never empty.
    Addresses(Vec<ContactAddress>),
    /// Telephone numbers of a contact, ascending; never empty.
    Phones(Vec<Phone>),
    /// Names in messaging services, ascending; never empty.
    Handles(Vec<Handle>),
    /// Postal addresses, ascending; never empty, at most one of a kind.
    Places(Vec<Place>),
    /// A date of which the year may be unknown.
    PartialDate(PartialDate),
    /// A picture.
    Photo(Photo),
}

/// A text with its HTML form, if it has one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Note {
    /// Plain text with `\n` line ends, no blanks at the end of lines, no empty lines at its end.
    pub text: String,
    /// HTML as the author's program wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
}

/// Notes are compared by their text: every program writes the HTML of the same text differently.
impl PartialEq for Note {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Note {}

/// Start and end of an appointment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Start; a [`Moment::Day`] makes it all-day.
    pub start: Moment,
    /// End, exclusive; of the same kind as the start and not before it.
    pub end: Moment,
}

/// A point in calendar time as its author wrote it (RFC 5545 §3.3.4 and §3.3.5).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// A day of no zone: never midnight of some zone.
    Day(NaiveDate),
    /// A time on the clock of whoever looks at it.
    Floating(NaiveDateTime),
    /// A time in a zone, with the instant it denotes.
    Zoned {
        /// Wall-clock time.
        local: NaiveDateTime,
        /// IANA name; `UTC` for times written in UTC.
        zone: String,
        /// The instant.
        instant: Instant,
    },
}

impl Moment {
    /// A time in UTC.
    #[must_use]
    pub fn utc(instant: Instant) -> Self {
        Self::Zoned { local: instant.naive_utc(), zone: "UTC".to_owned(), instant }
    }

    /// The form a RECURRENCE-ID takes in keys: `20261122`, `20261122T090000` (floating) or `20261122T080000Z` (any zone, in UTC), so
    /// that one occurrence has one key however its time is written.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Day(day) => day.format("%Y%m%d").to_string(),
            Self::Floating(local) => local.format("%Y%m%dT%H%M%S").to_string(),
            Self::Zoned { instant, .. } => instant.format("%Y%m%dT%H%M%SZ").to_string(),
        }
    }

    /// The instant for comparisons with a window: a day and a floating time count as UTC, at most 14 hours off, so that windows must
    /// not be cut closer than a day.
    #[must_use]
    pub fn approximate_instant(&self) -> Instant {
        match self {
            Self::Day(day) => day.and_time(chrono::NaiveTime::MIN).and_utc(),
            Self::Floating(local) => local.and_utc(),
            Self::Zoned { instant, .. } => *instant,
        }
    }
}

/// Moments are the same when they say the same to everybody: the zone's name counts (a series in another zone moves apart), the
/// instant follows from it.
impl PartialEq for Moment {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Day(a), Self::Day(b)) => a == b,
            (Self::Floating(a), Self::Floating(b)) => a == b,
            (Self::Zoned { local: a, zone: p, .. }, Self::Zoned { local: b, zone: q, .. }) => a == b && p == q,
            _ => false,
        }
    }
}

impl Eq for Moment {}

/// What repeats, and when not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recurrence {
    /// Values of RRULE in upper case with their parts in the order of RFC 5545 §3.3.10, defaults left out; sorted.
    pub rules: Vec<String>,
    /// Further occurrences (RDATE), ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub additional: Vec<Moment>,
    /// Occurrences that do not take place (EXDATE), ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded: Vec<Moment>,
}

/// Somebody an item names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Person {
    /// Mail address in lower case; empty where only a name is known.
    pub address: String,
    /// Name for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// `organiser`, `required`, `optional`, `informed` or `resource`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub role: String,
    /// `needs-action`, `accepted`, `declined`, `tentative` or `delegated`; empty where unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub answer: String,
}
