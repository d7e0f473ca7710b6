//! What the mappers' tests share.

use crate::groupware::vcard::{edit, read};
use crate::groupware::{Part, PartEdit};
use crate::model::{Field, Value};

fn of_version(version: &str, lines: &str) -> String {
    let lines = if lines.is_empty() { String::new() } else { format!("{lines}\r\n") };
    format!("BEGIN:VCARD\r\nVERSION:{version}\r\nUID:u1\r\n{lines}END:VCARD\r\n")
}

/// A card of 3.0 with these lines.
pub(in super::super) fn card(lines: &str) -> String {
    of_version("3.0", lines)
}

pub(in super::super) fn card21(lines: &str) -> String {
    of_version("2.1", lines)
}

pub(in super::super) fn card4(lines: &str) -> String {
    of_version("4.0", lines)
}

pub(in super::super) fn part(text: &str) -> Part {
    read(text).unwrap().parts.remove(0)
}

pub(in super::super) fn value(text: &str, field: Field) -> Option<Value> {
    part(text).fields.remove(&field)
}

pub(in super::super) fn words(text: &str) -> Option<Value> {
    Some(Value::Text(text.to_owned()))
}

pub(in super::super) fn try_edit(text: &str, field: Field, wanted: Option<Value>) -> Result<String, super::VcardFault> {
    edit(&read(text).unwrap(), &[PartEdit::Set { recurrence_id: None, changes: [(field, wanted)].into(), link: None }])
}

/// The text after a change, which is read back as it was asked for.
#[allow(clippy::needless_pass_by_value, reason = "calls read better")]
pub(in super::super) fn edited(text: &str, field: Field, wanted: Option<Value>) -> String {
    let written = try_edit(text, field, wanted.clone()).unwrap();
    assert_eq!(value(&written, field), wanted, "{written}");
    assert_eq!(try_edit(&written, field, wanted).unwrap(), written);
    written
}
