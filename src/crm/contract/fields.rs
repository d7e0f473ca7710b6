//! The fields of an item on the wire, from and to [`Fields`]: the one place that knows both forms.
//!
//! Members have the names of [`Field`] in camel case. Reading normalises, so that equal contents are equal values; a member nobody
//! knows is ignored.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::MomentDocument;
use crate::model::contact::{ContactAddress, Handle, Phone, Place};
use crate::model::{Field, FieldChanges, Fields, Moment, Note, Person, Recurrence, Slot, Value};

/// The fields of an item that are not empty, by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldsDocument(pub BTreeMap<String, Json>);

/// A field that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct FieldFault {
    /// Its name in the contract.
    pub field: String,
    /// What is wrong.
    pub reason: String,
}

impl FieldFault {
    /// A fault of a member.
    pub(crate) fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }
}

/// Start and end on the wire.
#[derive(Debug, Serialize, Deserialize)]
struct SlotDocument {
    start: MomentDocument,
    end: MomentDocument,
}

/// A series on the wire.
#[derive(Debug, Serialize, Deserialize)]
struct RecurrenceDocument {
    #[serde(default)]
    rules: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    additional: Vec<MomentDocument>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    excluded: Vec<MomentDocument>,
}

/// The name of a field in the contract: `show-as` is `showAs`.
#[must_use]
pub fn field_name(field: Field) -> String {
    let mut name = String::new();
    for (position, word) in field.name().split('-').enumerate() {
        let mut letters = word.chars();
        if position > 0 {
            name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        }
        name.push_str(letters.as_str());
    }
    name
}

/// The field with this name in the contract.
#[must_use]
pub fn field_named(name: &str) -> Option<Field> {
    Field::ALL.iter().copied().find(|&field| field_name(field) == name)
}

impl From<&Fields> for FieldsDocument {
    fn from(fields: &Fields) -> Self {
        Self(fields.iter().map(|(&field, value)| (field_name(field), write(value))).collect())
    }
}

impl FieldsDocument {
    /// The fields it holds, normalised. What is `null` or empty is absent.
    pub fn read(&self) -> Result<Fields, FieldFault> {
        let mut fields = Fields::new();
        for (name, json) in &self.0 {
            let Some(field) = field_named(name) else { continue };
            if let Some(value) = read(field, json).map_err(|reason| FieldFault::new(name, reason))? {
                fields.insert(field, value);
            }
        }
        Ok(fields)
    }

    /// The change of fields that sets these and empties those named in `clear`; a field that is set to something empty is emptied.
    pub fn read_changes(&self, clear: &[String]) -> Result<FieldChanges, FieldFault> {
        let mut changes: FieldChanges = clear.iter().filter_map(|name| field_named(name)).map(|field| (field, None)).collect();
        for (name, json) in &self.0 {
            if let Some(field) = field_named(name) {
                changes.insert(field, read(field, json).map_err(|reason| FieldFault::new(name, reason))?);
            }
        }
        Ok(changes)
    }
}

/// A change of fields as what is set, and the names of what is emptied.
pub(super) fn write_changes(changes: &FieldChanges) -> (FieldsDocument, Vec<String>) {
    let set = changes.iter().filter_map(|(&field, value)| Some((field_name(field), write(value.as_ref()?))));
    let clear = changes.iter().filter(|(_, value)| value.is_none()).map(|(&field, _)| field_name(field));
    (FieldsDocument(set.collect()), clear.collect())
}

fn write(value: &Value) -> Json {
    // The documents have no maps with odd keys and no numbers but integers: writing them cannot fail.
    let document = |result: Result<Json, serde_json::Error>| result.unwrap_or_default();
    let moments = |list: &[Moment]| list.iter().map(MomentDocument::from).collect::<Vec<_>>();
    match value {
        Value::Text(text) => Json::from(text.as_str()),
        Value::Number(number) => Json::from(*number),
        Value::Flag(flag) => Json::from(*flag),
        Value::Words(words) => words.iter().map(String::as_str).collect(),
        Value::Note(note) => document(serde_json::to_value(note)),
        Value::Slot(slot) => document(serde_json::to_value(SlotDocument { start: (&slot.start).into(), end: (&slot.end).into() })),
        Value::Moment(moment) => document(serde_json::to_value(MomentDocument::from(moment))),
        Value::Recurrence(series) => document(serde_json::to_value(RecurrenceDocument {
            rules: series.rules.clone(),
            additional: moments(&series.additional),
            excluded: moments(&series.excluded),
        })),
        Value::People(people) => document(serde_json::to_value(people)),
        Value::Addresses(list) => document(serde_json::to_value(list)),
        Value::Phones(list) => document(serde_json::to_value(list)),
        Value::Handles(list) => document(serde_json::to_value(list)),
        Value::Places(list) => document(serde_json::to_value(list)),
        Value::PartialDate(date) => document(serde_json::to_value(date)),
        Value::Photo(photo) => document(serde_json::to_value(photo)),
    }
}

fn read(field: Field, json: &Json) -> Result<Option<Value>, String> {
    if json.is_null() {
        return Ok(None);
    }
    match field {
        Field::Subject
        | Field::Location
        | Field::MeetingLink
        | Field::Url
        | Field::Prefix
        | Field::GivenName
        | Field::MiddleName
        | Field::FamilyName
        | Field::Suffix
        | Field::PhoneticGivenName
        | Field::PhoneticFamilyName
        | Field::FileAs
        | Field::Company
        | Field::Department
        | Field::JobTitle
        | Field::Role => Ok(line(&parse::<String>(json)?).map(Value::Text)),
        Field::Emails => Ok(Value::addresses(parse::<Vec<ContactAddress>>(json)?)),
        Field::Phones => Ok(Value::phones(parse::<Vec<Phone>>(json)?)),
        Field::Messaging => Ok(Value::handles(parse::<Vec<Handle>>(json)?)),
        Field::Places => Ok(Value::places(parse::<Vec<Place>>(json)?)),
        Field::Birthday | Field::Anniversary => {
            Value::partial_date(parse(json)?).map(Some).ok_or_else(|| "there is no such date".to_owned())
        }
        Field::Photo => parse(json).map(|photo| Some(Value::Photo(photo))),
        // A word of a later contract leaves the groupware's own show-as alone.
        Field::ShowAs => Ok(known(&parse::<String>(json)?, &["free", "tentative", "busy", "out-of-office", "elsewhere"]).map(Value::Text)),
        Field::TaskStatus => match parse::<String>(json)?.as_str() {
            "needs-action" | "" => Ok(None),
            status => known(status, &["in-process", "completed", "cancelled"])
                .map(|status| Some(Value::Text(status)))
                .ok_or_else(|| "this status is unknown".to_owned()),
        },
        Field::Note => Ok(note(parse(json)?).map(Value::Note)),
        Field::Slot => slot(&parse(json)?).map(|slot| Some(Value::Slot(slot))),
        Field::Start | Field::Due => parse::<MomentDocument>(json)?.read().map(|moment| Some(Value::Moment(moment))),
        Field::Completed => Ok(Some(Value::Moment(match parse::<MomentDocument>(json)?.read()? {
            Moment::Zoned { instant, .. } => Moment::utc(instant),
            other => Moment::utc(other.approximate_instant()),
        }))),
        Field::Recurrence => Ok(recurrence(&parse(json)?)?.map(Value::Recurrence)),
        Field::Private | Field::Cancelled | Field::Declined | Field::Organisation => Ok(parse::<bool>(json)?.then_some(Value::Flag(true))),
        Field::Categories => {
            let words: BTreeSet<String> = parse::<Vec<String>>(json)?.iter().filter_map(|word| line(word)).collect();
            Ok((!words.is_empty()).then_some(Value::Words(words)))
        }
        Field::Priority => Ok(Some(whole(json)?).filter(|priority| (1..=9).contains(priority)).map(Value::Number)),
        Field::Percent => Ok(Some(whole(json)?.min(100)).filter(|&percent| percent > 0).map(Value::Number)),
        Field::Reminder => whole(json).map(|minutes| Some(Value::Number(minutes))),
        Field::Participants | Field::Contacts => {
            let people = people(parse(json)?);
            Ok((!people.is_empty()).then_some(Value::People(people)))
        }
    }
}

fn parse<T: serde::de::DeserializeOwned>(json: &Json) -> Result<T, String> {
    T::deserialize(json).map_err(|error| error.to_string())
}

/// A whole number, which JSON may write as `3.0` (JSON Schema 2020-12 §4.2.3).
fn whole(json: &Json) -> Result<i64, String> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match (json.as_i64(), json.as_f64()) {
        (Some(number), _) => Ok(number),
        #[expect(clippy::cast_possible_truncation, reason = "whole and in range")]
        (None, Some(number)) if number.fract() == 0.0 && number.abs() < EXACT => Ok(number as i64),
        _ => Err("it is no whole number".to_owned()),
    }
}

/// One line without blanks around it; `None` when nothing is left.
fn line(text: &str) -> Option<String> {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = line.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

fn known(word: &str, words: &[&str]) -> Option<String> {
    words.contains(&word).then(|| word.to_owned())
}

fn note(note: Note) -> Option<Note> {
    let text = note.text.replace("\r\n", "\n").replace('\r', "\n");
    let mut clean: String = text.split('\n').map(str::trim_end).collect::<Vec<_>>().join("\n");
    clean.truncate(clean.trim_end_matches('\n').len());
    let html = note.html.filter(|html| !html.trim().is_empty());
    (!clean.is_empty() || html.is_some()).then_some(Note { text: clean, html })
}

fn slot(document: &SlotDocument) -> Result<Slot, String> {
    let (start, mut end) = (document.start.read()?, document.end.read()?);
    let in_order = match (&start, &end) {
        (Moment::Day(first), Moment::Day(last)) if first == last => {
            // An end that was meant inclusive: no day has no length.
            end = Moment::Day(first.succ_opt().ok_or_else(|| "the end is out of range".to_owned())?);
            true
        }
        (Moment::Day(first), Moment::Day(last)) => first < last,
        (Moment::Floating(first), Moment::Floating(last)) => first <= last,
        (Moment::Zoned { instant: first, .. }, Moment::Zoned { instant: last, .. }) => first <= last,
        _ => return Err("start and end are of different kinds".to_owned()),
    };
    if in_order { Ok(Slot { start, end }) } else { Err("the end is before the start".to_owned()) }
}

fn recurrence(document: &RecurrenceDocument) -> Result<Option<Recurrence>, String> {
    let moments = |list: &[MomentDocument]| {
        let mut moments: Vec<Moment> = list.iter().map(MomentDocument::read).collect::<Result<_, String>>()?;
        moments.sort_by_cached_key(Moment::key);
        moments.dedup();
        Ok::<_, String>(moments)
    };
    let mut rules: Vec<String> = document.rules.iter().map(|rule| normal_rule(rule)).filter(|rule| !rule.is_empty()).collect();
    rules.sort();
    rules.dedup();
    let series = Recurrence { rules, additional: moments(&document.additional)?, excluded: moments(&document.excluded)? };
    // Exceptions of nothing say nothing.
    Ok((!series.rules.is_empty() || !series.additional.is_empty()).then_some(series))
}

/// A rule in the form of [`Recurrence::rules`].
fn normal_rule(rule: &str) -> String {
    const ORDER: [&str; 14] = [
        "FREQ",
        "UNTIL",
        "COUNT",
        "INTERVAL",
        "BYSECOND",
        "BYMINUTE",
        "BYHOUR",
        "BYDAY",
        "BYMONTHDAY",
        "BYYEARDAY",
        "BYWEEKNO",
        "BYMONTH",
        "BYSETPOS",
        "WKST",
    ];
    let rule = rule.trim().to_ascii_uppercase();
    let rule = rule.strip_prefix("RRULE:").unwrap_or(&rule);
    let mut parts: Vec<&str> =
        rule.split(';').map(str::trim).filter(|part| !part.is_empty() && !matches!(*part, "INTERVAL=1" | "WKST=MO")).collect();
    let place = |part: &&str| {
        let name = part.split('=').next().unwrap_or_default();
        ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len())
    };
    parts.sort_by_key(place);
    parts.join(";")
}

/// People with something to know them by, in the order of their addresses. A role or answer nobody knows is left empty.
fn people(list: Vec<PersonDocument>) -> Vec<Person> {
    let among = |text: String, words: &[&str]| known(&text, words).unwrap_or_default();
    let people = list.into_iter().map(|person| Person {
        address: line(&person.address).unwrap_or_default().to_lowercase(),
        name: line(&person.name).unwrap_or_default(),
        role: among(person.role, &["organiser", "required", "optional", "informed", "resource"]),
        answer: among(person.answer, &["needs-action", "accepted", "declined", "tentative", "delegated"]),
    });
    let mut people: Vec<Person> = people.filter(|person| !person.address.is_empty() || !person.name.is_empty()).collect();
    people.sort();
    people.dedup();
    people
}

/// Somebody on the wire; every member may be absent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PersonDocument {
    address: String,
    name: String,
    role: String,
    answer: String,
}

#[cfg(test)]
mod tests;
