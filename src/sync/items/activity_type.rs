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

/// A contact, which has no type of activity.
pub const CONTACT: &str = "CONTACT";

/// The type of a new record.
#[must_use]
pub fn of_new(fields: &Fields, rules: &Rules<'_>) -> &'static str {
    match rules.area {
        Area::Tasks => TASK,
        Area::Contacts => CONTACT,
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

#[cfg(test)]
mod tests {
    use super::super::testing::{event, rules, settings};
    use super::*;
    use crate::model::Person;

    fn with(addresses: &[&str]) -> Fields {
        let person =
            |address: &&str| Person { address: (*address).into(), name: String::new(), role: "required".into(), answer: String::new() };
        let mut fields = event("Visit", 1);
        fields.insert(Field::Participants, Value::People(addresses.iter().map(person).collect()));
        fields
    }

    #[test]
    fn r67_an_item_with_other_people_is_a_meeting_and_one_without_an_appointment() {
        let settings = settings();
        assert_eq!(of_new(&event("a", 1), &rules(&settings)), APPOINTMENT);
        assert_eq!(of_new(&with(&["Anna@nordwind.example"]), &rules(&settings)), APPOINTMENT, "the owner alone");
        assert_eq!(of_new(&with(&["anna@nordwind.example", "kai@kunde.example"]), &rules(&settings)), MEETING);
        assert_eq!(of_new(&with(&["kai@kunde.example"]), &Rules { area: Area::Tasks, ..rules(&settings) }), TASK);
    }

    #[test]
    fn r68_the_type_is_decided_again_only_when_the_participants_changed() {
        let settings = settings();
        let (alone, met) = (event("a", 1), with(&["kai@kunde.example"]));
        assert_eq!(changed(APPOINTMENT, &alone, &met, &rules(&settings)), Some(MEETING));
        assert_eq!(changed(MEETING, &met, &alone, &rules(&settings)), Some(APPOINTMENT));
        assert_eq!(changed(APPOINTMENT, &met, &met, &rules(&settings)), None, "the CRM's user has changed it");
        assert_eq!(changed("FOLLOWUP", &alone, &met, &rules(&settings)), None, "r69: a follow-up stays one");
    }
}
