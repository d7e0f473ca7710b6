//! ORGANIZER and ATTENDEE (RFC 5545 §3.8.4.1 and §3.8.4.3) ↔ participants. Written only where invitations are allowed (V9).

use std::collections::BTreeMap;

use super::{IcalFault, Source, Target};
use crate::groupware::lines::Property;
use crate::model::{Field, Person, Value};

const ANSWERS: [(&str, &str); 5] = [
    ("NEEDS-ACTION", "needs-action"),
    ("ACCEPTED", "accepted"),
    ("DECLINED", "declined"),
    ("TENTATIVE", "tentative"),
    ("DELEGATED", "delegated"),
];

/// The component names an organiser or attendees.
pub(in super::super) fn names_people(source: &Source<'_>) -> bool {
    source.first("ORGANIZER").is_some() || source.first("ATTENDEE").is_some()
}

/// The mail address in lower case; empty where there is none. Calendar Server writes `urn:uuid:…` or a path with the address in EMAIL.
pub(super) fn address(property: &Property<'_>) -> String {
    let value = property.value().trim();
    let mail = value.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("mailto:")).and_then(|_| value.get(7..));
    let bare = || (value.contains('@') && !value.contains([':', '/'])).then_some(value);
    let mail = mail.or_else(bare).map(str::to_owned).or_else(|| property.parameter("EMAIL").map(std::borrow::Cow::into_owned));
    mail.unwrap_or_default().trim().trim_matches(['<', '>']).split('?').next().unwrap_or_default().to_lowercase()
}

fn person(property: &Property<'_>, organiser: bool) -> Option<Person> {
    let address = address(property);
    let name = property.parameter("CN").map(|name| name.trim().trim_matches('"').to_owned()).unwrap_or_default();
    // Many programs repeat the address as the name.
    let name = if name.eq_ignore_ascii_case(&address) { String::new() } else { name };
    if address.is_empty() && name.is_empty() {
        return None;
    }
    let is = |parameter: &str, word: &str| property.parameter(parameter).is_some_and(|value| value.eq_ignore_ascii_case(word));
    let role = match () {
        () if organiser => "organiser",
        () if is("CUTYPE", "RESOURCE") || is("CUTYPE", "ROOM") => "resource",
        () if is("ROLE", "OPT-PARTICIPANT") => "optional",
        () if is("ROLE", "NON-PARTICIPANT") => "informed",
        () => "required",
    };
    let answer = match property.parameter("PARTSTAT") {
        // Of tasks.
        Some(answer) if ["COMPLETED", "IN-PROCESS"].iter().any(|word| answer.eq_ignore_ascii_case(word)) => "accepted",
        Some(answer) => ANSWERS.iter().find(|(theirs, _)| answer.eq_ignore_ascii_case(theirs)).map_or("needs-action", |(_, ours)| ours),
        None if organiser => "",
        None => "needs-action",
    };
    Some(Person { address, name, role: role.to_owned(), answer: answer.to_owned() })
}

/// The organiser is one person even where he is among the attendees too: then the answer is that of the attendee.
fn people(source: &Source<'_>) -> Vec<Person> {
    let mut found: BTreeMap<(String, String), Person> = BTreeMap::new();
    let key = |person: &Person| (person.address.clone(), if person.address.is_empty() { person.name.clone() } else { String::new() });
    let organiser = source.first("ORGANIZER").and_then(|property| person(&property, true));
    let organiser_key = organiser.as_ref().map(key);
    for person in source.all("ATTENDEE").filter_map(|property| person(&property, false)) {
        found.entry(key(&person)).or_insert(person);
    }
    if let (Some(organiser), Some(key)) = (organiser, organiser_key) {
        let entry = found.entry(key).or_insert_with(|| organiser.clone());
        "organiser".clone_into(&mut entry.role);
        if entry.name.is_empty() {
            entry.name = organiser.name;
        }
    }
    let mut people: Vec<_> = found.into_values().collect();
    people.sort();
    people
}

pub(super) fn read(source: &Source<'_>) -> Result<Option<Value>, IcalFault> {
    let people = people(source);
    Ok((!people.is_empty()).then_some(Value::People(people)))
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), IcalFault> {
    let bad = || IcalFault::BadField { field: Field::Participants };
    let wanted: &[Person] = match value {
        None => &[],
        Some(Value::People(people)) => people,
        Some(_) => return Err(bad()),
    };
    let before = people(&target.source);
    if before == wanted {
        return Ok(());
    }
    if !target.source.context.allow_attendees {
        return Err(IcalFault::AttendeesNotAllowed);
    }
    // An invitation needs an address, and one that cannot bring lines in.
    if wanted.iter().any(|person| !person.address.contains('@') || person.address.chars().any(|c| c.is_control() || c.is_whitespace())) {
        return Err(bad());
    }
    let same = |address: &str| wanted.iter().find(|person| person.address == address);
    let mut missing: Vec<&Person> = wanted.iter().filter(|person| person.role != "organiser").collect();
    for property in target.source.all("ATTENDEE") {
        let said = address(&property);
        missing.retain(|person| person.address != said);
        match same(&said) {
            None => target.editor.remove(property.line),
            Some(person) if before.contains(person) => {}
            Some(person) => {
                let line = property.with(&parameters(person), property.value());
                target.editor.replace(property.line, line);
            }
        }
    }
    for person in missing {
        target.add(&Property::line("ATTENDEE", &parameters(person), &format!("mailto:{}", person.address)));
    }
    match wanted.iter().find(|person| person.role == "organiser") {
        None => target.remove("ORGANIZER"),
        Some(organiser) if before.contains(organiser) => {}
        Some(organiser) => {
            let name = (!organiser.name.is_empty()).then_some(organiser.name.as_str());
            target.put("ORGANIZER", &[("CN", name)], &format!("mailto:{}", organiser.address));
        }
    }
    Ok(())
}

fn parameters(person: &Person) -> [(&'static str, Option<&str>); 4] {
    let role = match person.role.as_str() {
        "optional" => Some("OPT-PARTICIPANT"),
        "informed" => Some("NON-PARTICIPANT"),
        _ => Some("REQ-PARTICIPANT"),
    };
    let kind = (person.role == "resource").then_some("RESOURCE");
    let answer = ANSWERS.iter().find(|(_, ours)| *ours == person.answer).map_or("NEEDS-ACTION", |(theirs, _)| theirs);
    [("CUTYPE", kind), ("ROLE", role), ("PARTSTAT", Some(answer)), ("CN", (!person.name.is_empty()).then_some(person.name.as_str()))]
}

#[cfg(test)]
mod tests {
    use super::super::testing::{edited_with_attendees, event, person, refused, value};
    use crate::model::{Field, Value};

    const MEETING: &str = "ORGANIZER;CN=\"Alice; A.\":mailto:Alice@Example.org\r\n\
        ATTENDEE;PARTSTAT=ACCEPTED;ROLE=CHAIR:MAILTO:alice@example.org\r\n\
        ATTENDEE;CN=Bob;X-A=1;ROLE=OPT-PARTICIPANT;PARTSTAT=TENTATIVE:mailto:bob@example.org\r\n\
        ATTENDEE;CUTYPE=ROOM;CN=room@example.org:mailto:room@example.org\r\n\
        ATTENDEE;EMAIL=carl@example.org:urn:uuid:8a3f";

    #[test]
    fn r75_people_are_read_in_the_order_of_their_addresses() {
        let expected = vec![
            person("alice@example.org", "Alice; A.", "organiser", "accepted"),
            person("bob@example.org", "Bob", "optional", "tentative"),
            person("carl@example.org", "", "required", "needs-action"),
            person("room@example.org", "", "resource", "needs-action"),
        ];
        assert_eq!(value(&event(MEETING), Field::Participants), Some(Value::People(expected)));
    }

    #[test]
    fn v9_nobody_is_written_unless_it_is_allowed() {
        refused(&event("X-A:1"), Field::Participants, Some(Value::People(vec![person("a@b.c", "", "required", "")])));
        refused(&event(MEETING), Field::Participants, None);
    }

    #[test]
    fn allowed_changes_touch_only_who_changed() {
        let text = event(MEETING);
        let Some(Value::People(mut people)) = value(&text, Field::Participants) else { panic!() };
        people.remove(3);
        people[1].answer = "accepted".to_owned();
        people.push(person("new@example.org", "Näh, N.", "required", "needs-action"));
        let written = edited_with_attendees(&text, Field::Participants, Some(Value::People(people.clone())));
        assert_eq!(value(&written, Field::Participants), Some(Value::People(people)));
        let written = written.replace("\r\n ", "");
        assert!(written.contains("ATTENDEE;CN=Bob;X-A=1;ROLE=OPT-PARTICIPANT;PARTSTAT=ACCEPTED:mailto:bob@example.org\r\n"), "{written}");
        assert!(written.contains("ATTENDEE;EMAIL=carl@example.org:urn:uuid:8a3f\r\n"), "{written}");
        assert!(written.contains("ORGANIZER;CN=\"Alice; A.\":mailto:Alice@Example.org\r\n"), "{written}");
        assert!(!written.contains("room@"), "{written}");
    }
}
