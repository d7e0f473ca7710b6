//! One small mapper a property, both directions in one place.
#![allow(clippy::unnecessary_wraps, reason = "mappers have one signature")]

mod cancelled;
mod categories;
mod completed;
mod contacts;
mod declined;
mod due;
mod location;
mod meeting_link;
pub(super) mod note;
mod participants;
mod percent;
mod priority;
mod private;
pub(super) mod recurrence;
mod reminder;
mod show_as;
mod slot;
mod start;
mod subject;
mod task_status;
mod url;

use super::fault::IcalFault;
use super::source::{Source, Target};
use crate::model::{Field, Value};

pub(super) use participants::names_people;
pub(super) use slot::ALL_DAY_MARK;

type Read = fn(&Source<'_>) -> Result<Option<Value>, IcalFault>;
type Write = fn(&mut Target<'_, '_>, Option<&Value>) -> Result<(), IcalFault>;

/// How a field is read from and written to a component.
pub(super) struct Mapper {
    pub(super) field: Field,
    pub(super) read: Read,
    pub(super) write: Write,
}

macro_rules! mappers {
    ($($field:ident $module:ident),* $(,)?) => {
        &[$(Mapper { field: Field::$field, read: $module::read, write: $module::write }),*]
    };
}

/// Of VEVENT. The order is that of writing: a new object gets its lines so.
const EVENT: &[Mapper] = mappers![
    Subject subject,
    Slot slot,
    Recurrence recurrence,
    Location location,
    Note note,
    ShowAs show_as,
    Private private,
    Categories categories,
    Priority priority,
    Participants participants,
    Contacts contacts,
    Declined declined,
    Cancelled cancelled,
    MeetingLink meeting_link,
    Url url,
    Reminder reminder,
];

/// Of VTODO.
const TASK: &[Mapper] = mappers![
    Subject subject,
    Start start,
    Due due,
    Recurrence recurrence,
    Location location,
    Note note,
    Private private,
    Categories categories,
    Priority priority,
    Participants participants,
    Contacts contacts,
    Declined declined,
    TaskStatus task_status,
    Percent percent,
    Completed completed,
    MeetingLink meeting_link,
    Url url,
    Reminder reminder,
];

/// The mappers of a task, else of an appointment.
pub(super) const fn of(task: bool) -> &'static [Mapper] {
    if task { TASK } else { EVENT }
}

/// The text of a value, if it is one.
fn text(field: Field, value: Option<&Value>) -> Result<Option<&str>, IcalFault> {
    match value {
        None => Ok(None),
        Some(Value::Text(text)) => Ok(Some(text)),
        Some(_) => Err(IcalFault::BadField { field }),
    }
}

/// The flag of a value, if it is one.
fn flag(field: Field, value: Option<&Value>) -> Result<bool, IcalFault> {
    match value {
        None => Ok(false),
        Some(Value::Flag(flag)) => Ok(*flag),
        Some(_) => Err(IcalFault::BadField { field }),
    }
}

/// The number of a value, if it is one within these bounds.
fn number(field: Field, value: Option<&Value>, bounds: std::ops::RangeInclusive<i64>) -> Result<Option<i64>, IcalFault> {
    match value {
        None => Ok(None),
        Some(Value::Number(number)) if bounds.contains(number) => Ok(Some(*number)),
        Some(_) => Err(IcalFault::BadField { field }),
    }
}

#[cfg(test)]
pub(in crate::groupware::ical) mod testing;
