//! What an appointment, a task or a contact says, apart from the form either side keeps it in: named fields with normalised values.
//!
//! Both sides are read into [`Fields`], compared, merged and written field by field. A field that is empty is absent. Two values that
//! mean the same are equal: mappers normalise (line ends, trailing blanks, order of words, order of rule parts) before they build one.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDate, NaiveDateTime};
use serde::{Deserialize, Serialize};

use super::Instant;

/// The fields of one item that are not empty.
pub type Fields = BTreeMap<Field, Value>;

/// A change of fields: `None` empties one; what is not named stays.
pub type FieldChanges = BTreeMap<Field, Option<Value>>;

/// A field of an appointment or a task. Contacts add theirs here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    /// Title. [`Value::Text`].
    Subject,
    /// Place. [`Value::Text`].
    Location,
    /// Body text, without the delimited block that crmsync writes at its end. [`Value::Note`].
    Note,
    /// Start and end of an appointment; one field, because half of it means nothing. [`Value::Slot`].
    Slot,
    /// Start of a task. [`Value::Moment`].
    Start,
    /// When a task is due. [`Value::Moment`].
    Due,
    /// Rules of a series; only on its master. [`Value::Recurrence`].
    Recurrence,
    /// `free`, `tentative`, `busy`, `out-of-office` or `elsewhere` (C15). [`Value::Text`].
    ShowAs,
    /// Seen by its owner only (R72). [`Value::Flag`], absent for public.
    Private,
    /// Labels. [`Value::Words`].
    Categories,
    /// 1 (high) to 9 (low) (RFC 5545 §3.8.1.9). [`Value::Number`].
    Priority,
    /// Minutes before the start (before the due time of a task). [`Value::Number`].
    Reminder,
    /// Who takes part, the organiser among them. [`Value::People`].
    Participants,
    /// Whom the item names besides (RFC 5545 §3.8.4.2). [`Value::People`].
    Contacts,
    /// The appointment is cancelled. [`Value::Flag`].
    Cancelled,
    /// The account's owner declined it. [`Value::Flag`].
    Declined,
    /// Where an online meeting takes place. [`Value::Text`].
    MeetingLink,
    /// Its page. [`Value::Text`].
    Url,
    /// `needs-action`, `in-process`, `completed` or `cancelled`. [`Value::Text`], absent for `needs-action`.
    TaskStatus,
    /// Per cent done, 1 to 100. [`Value::Number`].
    Percent,
    /// When a task was completed. [`Value::Moment`], always UTC.
    Completed,
}

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

impl Field {
    /// Every field.
    pub const ALL: &'static [Self] = &[
        Self::Subject,
        Self::Location,
        Self::Note,
        Self::Slot,
        Self::Start,
        Self::Due,
        Self::Recurrence,
        Self::ShowAs,
        Self::Private,
        Self::Categories,
        Self::Priority,
        Self::Reminder,
        Self::Participants,
        Self::Contacts,
        Self::Cancelled,
        Self::Declined,
        Self::MeetingLink,
        Self::Url,
        Self::TaskStatus,
        Self::Percent,
        Self::Completed,
    ];

    /// The name used in settings, plans and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Location => "location",
            Self::Note => "note",
            Self::Slot => "slot",
            Self::Start => "start",
            Self::Due => "due",
            Self::Recurrence => "recurrence",
            Self::ShowAs => "show-as",
            Self::Private => "private",
            Self::Categories => "categories",
            Self::Priority => "priority",
            Self::Reminder => "reminder",
            Self::Participants => "participants",
            Self::Contacts => "contacts",
            Self::Cancelled => "cancelled",
            Self::Declined => "declined",
            Self::MeetingLink => "meeting-link",
            Self::Url => "url",
            Self::TaskStatus => "task-status",
            Self::Percent => "percent",
            Self::Completed => "completed",
        }
    }

    /// The field of this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.name() == name)
    }
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
