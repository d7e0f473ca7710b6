//! Which type an item becomes in the CRM (R3, R67, R68, R69). Show-as plays no part.

use std::collections::BTreeSet;

use crate::model::{Area, Field, Fields, Value};

use super::Rules;

/// An appointment without other people.
pub const APPOINTMENT: &str = "APPOINTMENT";
/// An appointment with other people.
pub const MEETING: &str = "MEETING";
/// A task.
pub const TASK: &str = "TASK";

/// The type of a new record.
#[must_use]
pub fn of_new(fields: &Fields, rules: &Rules<'_>) -> &'static str {
    match rules.area {
        Area::Tasks => TASK,
        _ if has_others(fields, rules.own) => MEETING,
        _ => APPOINTMENT,
    }
}

/// The type an existing record becomes, if another: only an appointment or a meeting, and only when the item's participants differ from
/// the base. A legacy follow-up and whatever else the user sent stays what it is.
#[must_use]
pub fn changed(present: &str, base: &Fields, fields: &Fields, rules: &Rules<'_>) -> Option<&'static str> {
    if ![APPOINTMENT, MEETING].contains(&present) || base.get(&Field::Participants) == fields.get(&Field::Participants) {
        return None;
    }
    Some(of_new(fields, rules)).filter(|now| *now != present)
}

fn has_others(fields: &Fields, own: &BTreeSet<String>) -> bool {
    let Some(Value::People(people)) = fields.get(&Field::Participants) else { return false };
    people.iter().any(|person| person.role != "resource" && (person.address.is_empty() || !own.contains(&person.address.to_lowercase())))
}
