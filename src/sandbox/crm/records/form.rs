//! The form of a record: its fields as texts, and the texts as changes of fields. Only what was edited changes: the rest keeps its zone,
//! its HTML and all that the form does not show.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use serde_json::{Value as Json, json};

use super::{StoredRecord, native_kind};
use crate::crm::RecordKind;
use crate::crm::contract::{FieldFault, FieldsDocument};
use crate::model::{Field, FieldChanges, Fields, Moment, Person, Value};

/// Zone of times that are new.
const ZONE: &str = "Europe/Berlin";

/// The texts of a form by the names of its inputs. A box that is not ticked is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Texts {
    pub(super) subject: String,
    pub(super) location: String,
    pub(super) start: String,
    pub(super) end: String,
    pub(super) due: String,
    pub(super) all_day: String,
    pub(super) reminder: String,
    pub(super) status: String,
    pub(super) participants: String,
    pub(super) note: String,
    pub(super) private: String,
}

impl Texts {
    /// What a form shows of these fields.
    pub(super) fn of(fields: &Fields) -> Self {
        let text = |field| match fields.get(&field) {
            Some(Value::Text(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Note(note)) => note.text.clone(),
            Some(Value::Flag(true)) => "true".to_owned(),
            Some(Value::People(people)) => people.iter().map(|person| person.address.as_str()).collect::<Vec<_>>().join(", "),
            _ => String::new(),
        };
        let mut texts = Self {
            subject: text(Field::Subject),
            location: text(Field::Location),
            reminder: text(Field::Reminder),
            status: text(Field::TaskStatus),
            participants: text(Field::Participants),
            note: text(Field::Note),
            private: text(Field::Private),
            ..Self::default()
        };
        let mut whole_day = false;
        if let Some(Value::Slot(slot)) = fields.get(&Field::Slot) {
            texts.start = input(&slot.start);
            // People name the last day, calendars the day after it.
            texts.end = match &slot.end {
                Moment::Day(day) => input(&Moment::Day(day.pred_opt().unwrap_or(*day))),
                end => input(end),
            };
            whole_day = matches!(slot.start, Moment::Day(_));
        }
        if let Some(Value::Moment(due)) = fields.get(&Field::Due) {
            texts.due = input(due);
            whole_day |= matches!(due, Moment::Day(_));
        }
        if whole_day {
            "true".clone_into(&mut texts.all_day);
        }
        texts
    }

    /// What was sent, over what there was: an input that the form does not have says nothing, but a box that is not ticked is not sent.
    pub(super) fn sent(mut form: BTreeMap<String, String>, before: Self) -> Self {
        let mut text = |name: &str, before: String| form.remove(name).map_or(before, |text| text.replace("\r\n", "\n").trim().to_owned());
        Self {
            subject: text("subject", before.subject),
            location: text("location", before.location),
            start: text("start", before.start),
            end: text("end", before.end),
            due: text("due", before.due),
            all_day: text("all_day", String::new()),
            reminder: text("reminder", before.reminder),
            status: text("status", before.status),
            participants: text("participants", before.participants),
            note: text("note", before.note),
            private: text("private", String::new()),
        }
    }

    /// The changes that make `fields` say what was sent.
    pub(super) fn changes(&self, fields: &Fields) -> Result<FieldChanges, FieldFault> {
        let before = Self::of(fields);
        let mut set = BTreeMap::<String, Json>::new();
        let mut put = |name: &str, value: Json| drop(set.insert(name.to_owned(), value));
        let texts = [
            ("subject", &self.subject, &before.subject),
            ("location", &self.location, &before.location),
            ("taskStatus", &self.status, &before.status),
        ];
        for (name, now, before) in texts {
            if now != before {
                put(name, json!(now));
            }
        }
        if self.note.trim() != before.note.trim() {
            put("note", json!({ "text": self.note }));
        }
        if self.private != before.private {
            put("private", json!(!self.private.is_empty()));
        }
        if self.reminder != before.reminder {
            let minutes = match self.reminder.as_str() {
                "" => Json::Null,
                text => json!(text.parse::<i64>().map_err(|_| fault("reminder", "it is a number of minutes"))?),
            };
            put("reminder", minutes);
        }
        if self.participants != before.participants {
            put("participants", json!(self.people(fields)));
        }
        let whole_day = !self.all_day.is_empty();
        let other_kind = self.all_day != before.all_day;
        if self.start != before.start || self.end != before.end || (other_kind && !self.start.is_empty()) {
            let slot = match fields.get(&Field::Slot) {
                Some(Value::Slot(slot)) => Some(slot),
                _ => None,
            };
            let (start, end) = (slot.map(|slot| &slot.start), slot.map(|slot| &slot.end));
            if self.start.is_empty() {
                put("slot", Json::Null);
            } else {
                let last = if self.end.is_empty() { &self.start } else { &self.end };
                put("slot", json!({ "start": moment(&self.start, whole_day, 0, start)?, "end": moment(last, whole_day, 1, end)? }));
            }
        }
        if self.due != before.due || (other_kind && !self.due.is_empty()) {
            let due = match fields.get(&Field::Due) {
                Some(Value::Moment(moment)) => Some(moment),
                _ => None,
            };
            put("due", if self.due.is_empty() { Json::Null } else { moment(&self.due, whole_day, 0, due)? });
        }
        FieldsDocument(set).read_changes(&[])
    }

    /// The people named, those who were there before as they were.
    fn people(&self, fields: &Fields) -> Vec<Person> {
        let before = match fields.get(&Field::Participants) {
            Some(Value::People(people)) => people.as_slice(),
            _ => &[],
        };
        let addresses = self.participants.split([',', ';', '\n']).map(str::trim).filter(|address| !address.is_empty());
        addresses
            .map(|address| {
                let known = before.iter().find(|person| person.address.eq_ignore_ascii_case(address));
                known.cloned().unwrap_or_else(|| Person {
                    address: address.to_lowercase(),
                    name: String::new(),
                    role: "required".to_owned(),
                    answer: String::new(),
                })
            })
            .collect()
    }
}

fn fault(field: &str, reason: &str) -> FieldFault {
    FieldFault { field: field.to_owned(), reason: reason.to_owned() }
}

/// A moment as the value of an input for a local date and time.
fn input(moment: &Moment) -> String {
    match moment {
        Moment::Day(day) => format!("{day}T00:00"),
        Moment::Floating(local) | Moment::Zoned { local, .. } => local.format("%Y-%m-%dT%H:%M").to_string(),
    }
}

/// The moment in an input, `later` days later when it is a day, in the zone of the one before.
fn moment(text: &str, whole_day: bool, later: u64, before: Option<&Moment>) -> Result<Json, FieldFault> {
    let Some((date, _)) = text.split_once('T') else { return Err(fault("slot", "it is no date with a time")) };
    if whole_day {
        let day: NaiveDate = date.parse().map_err(|_| fault("slot", "it is no date"))?;
        let day = day.checked_add_days(Days::new(later)).ok_or_else(|| fault("slot", "it is out of range"))?;
        return Ok(json!({ "date": day.to_string() }));
    }
    Ok(match before {
        Some(Moment::Floating(_)) => json!({ "local": text }),
        Some(Moment::Zoned { zone, .. }) => json!({ "local": text, "zone": zone }),
        _ => json!({ "local": text, "zone": ZONE }),
    })
}

/// A form for tasks has another time than one for appointments.
pub(super) fn is_task(record: &StoredRecord) -> bool {
    record.kind() == RecordKind::Task || native_kind(&record.activity_type) == RecordKind::Task
}

#[cfg(test)]
mod tests {
    use super::super::seed::samples;
    use super::*;

    #[test]
    fn a_form_that_nobody_edited_changes_nothing() {
        for (_, fields) in samples("2026-11-22".parse().unwrap()) {
            assert_eq!(Texts::of(&fields).changes(&fields), Ok(FieldChanges::new()));
        }
    }

    #[test]
    fn what_was_edited_is_changed_and_keeps_the_zone() {
        let (_, fields) = samples("2026-11-22".parse().unwrap()).remove(0);
        let mut texts = Texts::of(&fields);
        texts.start = texts.start.replace("T09:00", "T10:30");
        texts.location.clear();
        let changes = texts.changes(&fields).unwrap();
        assert_eq!(changes.keys().copied().collect::<Vec<_>>(), [Field::Location, Field::Slot]);
        let Some(Some(Value::Slot(slot))) = changes.get(&Field::Slot) else { panic!() };
        assert!(matches!(&slot.start, Moment::Zoned { zone, local, .. } if zone == ZONE && local.to_string().ends_with("10:30:00")));
        texts.all_day = "true".to_owned();
        let Some(Some(Value::Slot(slot))) = texts.changes(&fields).unwrap().remove(&Field::Slot) else { panic!() };
        assert!(matches!((&slot.start, &slot.end), (Moment::Day(first), Moment::Day(last)) if first.succ_opt() == Some(*last)));
        texts.end = "2020-01-01T00:00".to_owned();
        assert_eq!(texts.changes(&fields).unwrap_err().field, "slot");
    }
}
