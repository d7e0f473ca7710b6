//! CONTACT (RFC 5545 §3.8.4.2) ↔ contacts. Its text is free: an address in it, or in a `mailto:` of ALTREP, is told apart from the name.

use super::{IcalFault, Source, Target};
use crate::groupware::ical::source::one_line;
use crate::groupware::lines::{Property, escape, unescape};
use crate::model::{Field, Person, Value};

fn person(property: &Property<'_>) -> Option<Person> {
    let text = one_line(&unescape(property.value()), ", ")?;
    let in_brackets = text.split_once('<').and_then(|(name, rest)| rest.split_once('>').map(|(address, _)| (name.trim(), address.trim())));
    let (name, address) = match in_brackets {
        Some((name, address)) if address.contains('@') => (name.to_owned(), address.to_owned()),
        _ if text.contains('@') && !text.contains(char::is_whitespace) => (String::new(), text.clone()),
        _ => {
            let altrep = property.parameter("ALTREP");
            let address = altrep.as_deref().and_then(|uri| uri.strip_prefix("mailto:")).unwrap_or_default().to_owned();
            (text, address)
        }
    };
    let address = address.trim_start_matches("mailto:").to_lowercase();
    Some(Person { address, name, role: String::new(), answer: String::new() })
}

pub(super) fn read(source: &Source<'_>) -> Result<Option<Value>, IcalFault> {
    let mut people: Vec<_> = source.all("CONTACT").filter_map(|property| person(&property)).collect();
    people.sort();
    people.dedup();
    Ok((!people.is_empty()).then_some(Value::People(people)))
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), IcalFault> {
    let wanted: &[Person] = match value {
        None => &[],
        Some(Value::People(people)) => people,
        Some(_) => return Err(IcalFault::BadField { field: Field::Contacts }),
    };
    let mut missing: Vec<&Person> = wanted.iter().collect();
    for property in target.source.all("CONTACT") {
        let said = person(&property);
        let known = |person: &Person| said.as_ref().is_some_and(|said| (&said.address, &said.name) == (&person.address, &person.name));
        if wanted.iter().any(known) {
            missing.retain(|person| !known(person));
        } else {
            target.editor.remove(property.line);
        }
    }
    for person in missing {
        let text = match (person.name.as_str(), person.address.as_str()) {
            ("", address) => address.to_owned(),
            (name, "") => name.to_owned(),
            (name, address) => format!("{name} <{address}>"),
        };
        target.add(&format!("CONTACT:{}", escape(&text)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{edited, event, person, value};
    use crate::model::{Field, Value};

    #[test]
    fn r74_addresses_are_told_apart_from_names() {
        let text = event(
            "CONTACT:Bob\\, B. <Bob@Example.org>\r\nCONTACT;ALTREP=\"mailto:eve@example.org\":Eve\r\nCONTACT:Jim\\, +49 1\r\nCONTACT:a@b.c",
        );
        let expected = vec![
            person("", "Jim, +49 1", "", ""),
            person("a@b.c", "", "", ""),
            person("bob@example.org", "Bob, B.", "", ""),
            person("eve@example.org", "Eve", "", ""),
        ];
        assert_eq!(value(&text, Field::Contacts), Some(Value::People(expected.clone())));
        let written = edited(&text, Field::Contacts, Some(Value::People(vec![expected[3].clone(), person("x@y.z", "X", "", "")])));
        assert_eq!(written, event("CONTACT;ALTREP=\"mailto:eve@example.org\":Eve\r\nCONTACT:X <x@y.z>"));
    }
}
