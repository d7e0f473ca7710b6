//! The form of a contact: its fields as texts, and the texts as changes of fields. What was not edited stays as it is.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::crm::contract::{FieldFault, FieldsDocument, field_name};
use crate::model::contact::{ContactAddress, PHONE_KINDS, PLACE_KINDS, Phone};
use crate::model::{Field, FieldChanges, Fields, Value};

/// Fields of one line each.
pub(super) const LINES: [(Field, &str); 12] = [
    (Field::Prefix, "Form of address"),
    (Field::GivenName, "First name"),
    (Field::MiddleName, "Further names"),
    (Field::FamilyName, "Last name"),
    (Field::Suffix, "After the name"),
    (Field::FileAs, "File as"),
    (Field::Company, "Company"),
    (Field::Department, "Department"),
    (Field::JobTitle, "Position"),
    (Field::Role, "Role"),
    (Field::Url, "Web page"),
    (Field::Birthday, "Birthday"),
];

/// Fields of several lines, with what stands in a line.
pub(super) const BLOCKS: [(Field, &str); 4] = [
    (Field::Emails, "Mail addresses: kind, address, * for the first"),
    (Field::Phones, "Telephones: kind, number"),
    (Field::Places, "Addresses: kind | street | code | town | country"),
    (Field::Note, "Note"),
];

/// Fields that are ticked.
pub(super) const TICKS: [(Field, &str); 1] = [(Field::Private, "Private")];

/// What a form shows of a field.
pub(super) fn shown(fields: &Fields, field: Field) -> String {
    let star = |preferred: bool| if preferred { " *" } else { "" };
    let lines = |lines: Vec<String>| lines.join("\n");
    match fields.get(&field) {
        Some(Value::Text(text)) => text.clone(),
        Some(Value::Flag(true)) => "true".to_owned(),
        Some(Value::Note(note)) => note.text.clone(),
        Some(Value::PartialDate(date)) => {
            let day = format!("{:02}-{:02}", date.month, date.day);
            date.year.map_or_else(|| day.clone(), |year| format!("{year:04}-{day}"))
        }
        Some(Value::Addresses(list)) => {
            lines(list.iter().map(|entry| format!("{} {}{}", entry.kind, entry.address, star(entry.preferred))).collect())
        }
        Some(Value::Phones(list)) => {
            lines(list.iter().map(|entry| format!("{} {}{}", entry.kind, entry.number, star(entry.preferred))).collect())
        }
        Some(Value::Places(list)) => {
            let street = |street: &str| street.replace('\n', ", ");
            let line = |place: &crate::model::contact::Place| {
                [place.kind.as_str(), &street(&place.street), &place.postal_code, &place.locality, &place.country].join(" | ")
            };
            lines(list.iter().map(line).collect())
        }
        _ => String::new(),
    }
}

/// The changes that make `fields` say what was sent. A box that is not ticked is not sent.
pub(super) fn changes(form: &BTreeMap<String, String>, fields: &Fields) -> Result<FieldChanges, FieldFault> {
    let mut set = BTreeMap::<String, Json>::new();
    for (field, _) in LINES.iter().chain(&BLOCKS) {
        let name = field_name(*field);
        let Some(text) = form.get(&name).map(|text| text.replace("\r\n", "\n").trim().to_owned()) else { continue };
        if text != shown(fields, *field) {
            set.insert(name, document(*field, &text, fields)?);
        }
    }
    for (field, _) in TICKS {
        let ticked = form.contains_key(&field_name(field));
        if ticked != fields.contains_key(&field) {
            set.insert(field_name(field), ticked.into());
        }
    }
    FieldsDocument(set).read_changes(&[])
}

fn document(field: Field, text: &str, fields: &Fields) -> Result<Json, FieldFault> {
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok(match field {
        _ if text.is_empty() => Json::Null,
        Field::Note => json!({ "text": text }),
        Field::Birthday => birthday(text)?,
        Field::Emails => {
            let before: &[ContactAddress] = match fields.get(&Field::Emails) {
                Some(Value::Addresses(list)) => list,
                _ => &[],
            };
            let entry = |line: &str| {
                let (kind, address, preferred) = entry(line, &PLACE_KINDS, "work");
                let name = before.iter().find(|known| known.address.eq_ignore_ascii_case(address)).map(|known| known.name.clone());
                json!({ "kind": kind, "address": address, "preferred": preferred, "name": name.unwrap_or_default() })
            };
            lines().map(entry).collect()
        }
        Field::Phones => {
            let entry = |line: &str| {
                let (kind, number, preferred) = entry(line, &PHONE_KINDS, "work");
                json!(Phone { kind: kind.to_owned(), number: number.to_owned(), preferred })
            };
            lines().map(entry).collect()
        }
        Field::Places => {
            let place = |line: &str| {
                let mut parts = line.split('|').map(str::trim);
                let mut part = || parts.next().unwrap_or_default().to_owned();
                json!({ "kind": part(), "street": part(), "postalCode": part(), "locality": part(), "country": part() })
            };
            lines().map(place).collect()
        }
        _ => json!(text),
    })
}

/// A line with an optional kind before and an optional star behind.
fn entry<'a>(line: &'a str, kinds: &[&str], usual: &'a str) -> (&'a str, &'a str, bool) {
    let (line, preferred) = line.strip_suffix('*').map_or((line, false), |line| (line.trim_end(), true));
    match line.split_once(char::is_whitespace) {
        Some((kind, rest)) if kinds.contains(&kind) => (kind, rest.trim_start(), preferred),
        _ => (usual, line, preferred),
    }
}

fn birthday(text: &str) -> Result<Json, FieldFault> {
    let parts: Option<Vec<i32>> = text.split('-').map(|part| part.parse().ok()).collect();
    match parts.as_deref() {
        Some([year, month, day]) => Ok(json!({ "year": year, "month": month, "day": day })),
        Some([month, day]) => Ok(json!({ "month": month, "day": day })),
        _ => Err(FieldFault { field: "birthday".to_owned(), reason: "it is YYYY-MM-DD, or MM-DD".to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(fields: &Fields) -> BTreeMap<String, String> {
        let texts = LINES.iter().chain(&BLOCKS).map(|(field, _)| (field_name(*field), shown(fields, *field)));
        texts
            .chain(TICKS.iter().filter(|(field, _)| fields.contains_key(field)).map(|(field, _)| (field_name(*field), "true".into())))
            .collect()
    }

    fn read(document: Json) -> Fields {
        serde_json::from_value::<FieldsDocument>(document).unwrap().read().unwrap()
    }

    #[test]
    fn a_form_that_nobody_edited_changes_nothing_and_what_was_edited_changes_alone() {
        let fields = read(json!({
            "familyName": "Hofmann", "private": true, "birthday": {"month": 4, "day": 17}, "note": {"text": "a\nb", "html": "<p>a</p>"},
            "emails": [{"kind": "work", "address": "c@x.example", "name": "Clara"}, {"kind": "home", "address": "d@x.example", "preferred": true}],
            "phones": [{"kind": "mobile", "number": "0171 5550123"}],
            "places": [{"kind": "work", "street": "Kai 1\nHof", "locality": "Kiel", "country": "DE"}],
        }));
        assert_eq!(changes(&form(&fields), &fields), Ok(FieldChanges::new()));
        let mut edited = form(&fields);
        edited.insert("emails".into(), "c@x.example *\nhome d@x.example".into());
        edited.insert("birthday".into(), "1980-04-17".into());
        edited.remove("private");
        let changes = changes(&edited, &fields).unwrap();
        assert_eq!(changes.keys().copied().collect::<Vec<_>>(), [Field::Private, Field::Emails, Field::Birthday]);
        let Some(Some(Value::Addresses(list))) = changes.get(&Field::Emails) else { panic!() };
        assert!(list[0].preferred && list[0].name == "Clara" && !list[1].preferred);
        edited.insert("birthday".into(), "in April".into());
        assert_eq!(super::changes(&edited, &fields).unwrap_err().field, "birthday");
    }
}
