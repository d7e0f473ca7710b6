//! What the mappers' tests share.

use chrono::{NaiveDate, NaiveDateTime};

use crate::groupware::ical::{Context, IcalFault, edit, read};
use crate::groupware::zones::moment_in;
use crate::groupware::{CrmLink, Part, PartEdit};
use crate::model::{Field, Instant, Moment, Person, Value};

/// An appointment with these lines.
pub(in super::super) fn event(lines: &str) -> String {
    object("VEVENT", lines)
}

/// A task with these lines.
pub(in super::super) fn task(lines: &str) -> String {
    object("VTODO", lines)
}

fn object(name: &str, lines: &str) -> String {
    let lines = if lines.is_empty() { String::new() } else { format!("{lines}\r\n") };
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:{name}\r\nUID:u1\r\n{lines}END:{name}\r\nEND:VCALENDAR\r\n")
}

pub(in super::super) fn part(text: &str) -> Part {
    read(text, &Context::default()).unwrap().parts.remove(0)
}

pub(in super::super) fn value(text: &str, field: Field) -> Option<Value> {
    part(text).fields.remove(&field)
}

pub(in super::super) fn value_for(text: &str, field: Field, address: &str) -> Option<Value> {
    let context = Context { own_addresses: [address.to_owned()].into(), ..Context::default() };
    read(text, &context).unwrap().parts.remove(0).fields.remove(&field)
}

fn change(text: &str, field: Field, value: Option<Value>, context: &Context) -> Result<String, IcalFault> {
    let item = read(text, context).unwrap();
    edit(&item, &[PartEdit::Set { recurrence_id: None, changes: [(field, value)].into(), link: None }], context)
}

/// The text after a change, which is read back as it was asked for.
#[allow(clippy::needless_pass_by_value, reason = "calls read better")]
pub(in super::super) fn edited(text: &str, field: Field, wanted: Option<Value>) -> String {
    let written = change(text, field, wanted.clone(), &Context::default()).unwrap();
    assert_eq!(value(&written, field), wanted, "{written}");
    written
}

pub(in super::super) fn edited_with_attendees(text: &str, field: Field, wanted: Option<Value>) -> String {
    change(text, field, wanted, &Context { allow_attendees: true, ..Context::default() }).unwrap()
}

pub(in super::super) fn refused(text: &str, field: Field, wanted: Option<Value>) {
    let context = Context { own_addresses: ["alice@example.org".to_owned()].into(), ..Context::default() };
    change(text, field, wanted, &context).unwrap_err();
}

pub(in super::super) fn linked(text: &str, link: Option<CrmLink>) -> String {
    let context = Context::default();
    let item = read(text, &context).unwrap();
    edit(&item, &[PartEdit::Set { recurrence_id: None, changes: [].into(), link: Some(link) }], &context).unwrap()
}

pub(in super::super) fn instant(text: &str) -> Instant {
    text.parse().unwrap()
}

fn at(text: &str) -> NaiveDateTime {
    text.parse().unwrap()
}

pub(in super::super) fn day(text: &str) -> Moment {
    Moment::Day(text.parse::<NaiveDate>().unwrap())
}

pub(in super::super) fn floating(text: &str) -> Moment {
    Moment::Floating(at(text))
}

pub(in super::super) fn utc(text: &str) -> Moment {
    Moment::utc(at(text).and_utc())
}

pub(in super::super) fn berlin(text: &str) -> Moment {
    moment_in(chrono_tz::Tz::Europe__Berlin, at(text))
}

pub(in super::super) fn person(address: &str, name: &str, role: &str, answer: &str) -> Person {
    Person { address: address.to_owned(), name: name.to_owned(), role: role.to_owned(), answer: answer.to_owned() }
}
