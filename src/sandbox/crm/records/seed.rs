//! What the demo begins with, and what tests do as users of the CRM.

use chrono::{DateTime, Datelike as _, Days, NaiveDate, NaiveTime, Utc, Weekday};

use super::decide::{leave, linked};
use super::{StoredRecord, SyncAs, number};
use crate::crm::RecordKind;
use crate::crm::contract::MomentDocument;
use crate::model::{Field, FieldChanges, Fields, Moment, Note, Person, Slot, Value};
use crate::sandbox::crm::server::App;
use crate::sandbox::crm::{RunningCrm, StoreError};

impl App {
    /// A new record of a user of the CRM.
    pub(super) fn add_record(&self, activity_type: &str, owner: &str, fields: Fields) -> Result<StoredRecord, StoreError> {
        let mut record = StoredRecord::new(activity_type, owner, fields);
        record.linked = linked(&self.directory(), &record.fields);
        self.store.change_records(|tables| tables.put(&mut record))?;
        self.hint("records");
        Ok(record)
    }

    /// Changes a record as a user of the CRM. `None` when there is none, or `change` refuses.
    pub(super) fn change_record(
        &self,
        id: &str,
        change: impl FnOnce(&mut StoredRecord) -> bool,
    ) -> Result<Option<StoredRecord>, StoreError> {
        let Some(number) = number(id) else { return Ok(None) };
        let directory = self.directory().clone();
        let changed = self.store.change_records(|tables| {
            let Some(mut record) = tables.get(number)?.filter(|record| !record.deleted) else { return Ok(None) };
            if !change(&mut record) {
                return Ok(None);
            }
            record.origin = None;
            record.linked = linked(&directory, &record.fields);
            tables.put(&mut record)?;
            Ok(Some(record))
        })?;
        self.hint("records");
        Ok(changed)
    }
}

impl RunningCrm {
    /// Every record that was not deleted, oldest first.
    pub fn records(&self) -> Result<Vec<StoredRecord>, StoreError> {
        let mut all = Vec::new();
        self.app.store.records(u64::MAX, |record| {
            all.extend((!record.deleted).then_some(record));
            std::ops::ControlFlow::Continue(())
        })?;
        all.reverse();
        Ok(all)
    }

    /// Makes a record as a user of the CRM does.
    pub fn add_record(&self, activity_type: &str, owner: &str, fields: Fields) -> Result<StoredRecord, StoreError> {
        self.app.add_record(activity_type, owner, fields)
    }

    /// Changes fields of a record as a user of the CRM does; `None` when there is no such record.
    pub fn change_record(&self, id: &str, changes: FieldChanges) -> Result<Option<StoredRecord>, StoreError> {
        self.app.change_record(id, |record| {
            record.set_fields(changes);
            true
        })
    }

    /// Deletes a record as a user of the CRM does.
    pub fn delete_record(&self, id: &str) -> Result<(), StoreError> {
        self.app.delete_record(id)
    }

    /// "Sync as appointment", "Sync as task" ([`SyncAs`]) or "Delete groupware entry"; false where the button is disabled.
    pub fn send_record(&self, id: &str, sync_as: SyncAs) -> Result<bool, StoreError> {
        self.app.send_record(id, sync_as)
    }

    /// Makes every change cursor too old.
    pub fn expire_cursors(&self) -> Result<(), StoreError> {
        self.app.store.expire_cursors()
    }

    /// A few appointments, tasks and calls of the first employee in the days after `now`.
    pub fn seed_records(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        let Some(owner) = self.app.directory().employees.first().map(|employee| employee.id.clone()) else { return Ok(()) };
        for (activity_type, fields) in samples(now.date_naive()) {
            self.app.add_record(activity_type, &owner, fields)?;
        }
        Ok(())
    }
}

impl App {
    pub(super) fn delete_record(&self, id: &str) -> Result<(), StoreError> {
        self.change_record(id, |record| {
            for owner in record.owners.clone() {
                leave(record, &owner);
            }
            true
        })
        .map(drop)
    }

    pub(super) fn send_record(&self, id: &str, sync_as: SyncAs) -> Result<bool, StoreError> {
        let changed = self.change_record(id, |record| {
            let allowed = match sync_as {
                SyncAs::Appointment | SyncAs::Task => record.can_be_sent(),
                SyncAs::Nothing => record.kind() != RecordKind::Other,
                SyncAs::Native => false,
            };
            if allowed {
                record.sync_as = sync_as;
            }
            allowed
        });
        Ok(changed?.is_some())
    }
}

/// A time of a day in the zone of the invented organisation.
pub(super) fn berlin(day: NaiveDate, hour: u32, minute: u32) -> Option<Moment> {
    let time = day.and_time(NaiveTime::from_hms_opt(hour, minute, 0)?);
    let document = MomentDocument {
        local: Some(time.format("%Y-%m-%dT%H:%M:%S").to_string()),
        zone: Some("Europe/Berlin".to_owned()),
        ..MomentDocument::default()
    };
    document.read().ok()
}

pub(super) fn samples(today: NaiveDate) -> Vec<(&'static str, Fields)> {
    let workday = |ahead: u64| {
        let day = today.checked_add_days(Days::new(ahead)).unwrap_or(today);
        match day.weekday() {
            Weekday::Sat => day.checked_add_days(Days::new(2)),
            Weekday::Sun => day.succ_opt(),
            _ => Some(day),
        }
        .unwrap_or(day)
    };
    let text = |text: &str| Value::Text(text.to_owned());
    let slot = |day: NaiveDate, from: u32, to: u32| {
        Some((Field::Slot, Value::Slot(Slot { start: berlin(day, from, 0)?, end: berlin(day, to, 0)? })))
    };
    let person = |address: &str, name: &str, role: &str| Person {
        address: address.to_owned(),
        name: name.to_owned(),
        role: role.to_owned(),
        answer: String::new(),
    };
    let mut review = Fields::from([
        (Field::Subject, text("Jahresgespräch Solaris Technik")),
        (Field::Location, text("Hamburg, Speicherstadt 4")),
        (Field::Note, Value::Note(Note { text: "Stückzahlen fürs nächste Jahr\nWartungsvertrag ansprechen".to_owned(), html: None })),
        (Field::Reminder, Value::Number(30)),
        (
            Field::Participants,
            Value::People(vec![
                person("anna.berger@nordwind.example", "Anna Berger", "organiser"),
                person("clara.hofmann@solaris-technik.example", "Clara Hofmann", "required"),
            ]),
        ),
    ]);
    review.extend(slot(workday(2), 9, 11));
    let mut planning = Fields::from([(Field::Subject, text("Angebote durchgehen")), (Field::ShowAs, text("busy"))]);
    planning.extend(slot(workday(1), 14, 15));
    let fair = workday(9);
    let fair = Fields::from([
        (Field::Subject, text("Hausmesse Brückner Maschinenbau")),
        (
            Field::Slot,
            Value::Slot(Slot { start: Moment::Day(fair), end: Moment::Day(fair.checked_add_days(Days::new(2)).unwrap_or(fair)) }),
        ),
        (Field::Contacts, Value::People(vec![person("t.brueckner@brueckner-mb.example", "Tobias Brückner", "")])),
    ]);
    let mut dentist = Fields::from([(Field::Subject, text("Zahnarzt")), (Field::Private, Value::Flag(true))]);
    dentist.extend(slot(workday(4), 8, 9));
    let task = |subject: &str, day: NaiveDate, priority: i64| {
        Fields::from([
            (Field::Subject, text(subject)),
            (Field::Due, Value::Moment(Moment::Day(day))),
            (Field::Priority, Value::Number(priority)),
        ])
    };
    let mut call = Fields::from([
        (Field::Subject, text("Anruf Van Dijk wegen Liefertermin")),
        (Field::Contacts, Value::People(vec![person("joost@vandijk.example", "Joost Bakker", "")])),
    ]);
    call.extend(slot(workday(3), 10, 11));
    vec![
        ("MEETING", review),
        ("APPOINTMENT", planning),
        ("APPOINTMENT", fair),
        ("APPOINTMENT", dentist),
        ("TASK", task("Angebot Wechselrichter nachfassen", workday(1), 3)),
        ("TASK", task("Preisliste prüfen", workday(2), 5)),
        ("CALL", call),
    ]
}
