//! What follows from a deletion, once it is proved (C9, R81, R83, V8).

use crate::model::{Area, Field, FieldChanges, Fields, Value};
use crate::settings::{OnGroupwareDelete, SyncDirection};

use super::Rules;

/// What follows in the CRM from a deletion in the groupware. The record is never deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InCrm {
    /// Nothing; the pair becomes "removed by user".
    Keep,
    /// It is cancelled, by these fields.
    Cancel(FieldChanges),
    /// The pair becomes "removed by user", and the user is asked whether to cancel.
    Ask,
}

/// What a deletion in the groupware does in the CRM; `record` is what the record says.
#[must_use]
pub fn of_item(record: &Fields, rules: &Rules<'_>) -> InCrm {
    let cancelled = cancelled(record, rules);
    match rules.settings.on_groupware_delete {
        OnGroupwareDelete::Keep => InCrm::Keep,
        // There is nothing to ask about what is over or cancelled.
        _ if cancelled.is_empty() || rules.settings.direction == SyncDirection::ToGroupware => InCrm::Keep,
        OnGroupwareDelete::Cancel => InCrm::Cancel(cancelled),
        OnGroupwareDelete::Ask => InCrm::Ask,
    }
}

/// The fields that cancel a record; none when it is cancelled or completed.
#[must_use]
pub fn cancelled(record: &Fields, rules: &Rules<'_>) -> FieldChanges {
    let done = |value: Option<&Value>| matches!(value, Some(Value::Text(status)) if status == "cancelled" || status == "completed");
    match rules.area {
        // R93: nothing of it reaches a contact.
        Area::Contacts => FieldChanges::new(),
        Area::Tasks if done(record.get(&Field::TaskStatus)) => FieldChanges::new(),
        Area::Tasks => [(Field::TaskStatus, Some(Value::Text("cancelled".to_owned())))].into(),
        _ if record.contains_key(&Field::Cancelled) => FieldChanges::new(),
        _ => [(Field::Cancelled, Some(Value::Flag(true)))].into(),
    }
}

/// What follows in the groupware from a deletion in the CRM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InGroupware {
    /// The item, or the occurrence, is removed.
    Remove,
    /// The user is asked: the item was changed since.
    Ask,
    /// The item stays, and the pair ends.
    Keep,
}

/// What a deletion in the CRM does in the groupware; `changed`: the item says something else than in the base.
#[must_use]
pub fn of_record(changed: bool, rules: &Rules<'_>) -> InGroupware {
    match rules.settings.direction {
        SyncDirection::ToCrm => InGroupware::Keep,
        _ if changed => InGroupware::Ask,
        _ => InGroupware::Remove,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{event, rules, settings, text};
    use super::*;

    #[test]
    fn c9_a_deletion_in_the_groupware_keeps_cancels_or_asks() {
        let mut settings = settings();
        assert_eq!(of_item(&event("a", 1), &rules(&settings)), InCrm::Ask);
        settings.on_groupware_delete = OnGroupwareDelete::Keep;
        assert_eq!(of_item(&event("a", 1), &rules(&settings)), InCrm::Keep);
        settings.on_groupware_delete = OnGroupwareDelete::Cancel;
        assert_eq!(of_item(&event("a", 1), &rules(&settings)), InCrm::Cancel([(Field::Cancelled, Some(Value::Flag(true)))].into()));
        let tasks = Rules { area: Area::Tasks, ..rules(&settings) };
        assert_eq!(of_item(&Fields::new(), &tasks), InCrm::Cancel([(Field::TaskStatus, Some(text("cancelled")))].into()));
        assert_eq!(of_item(&[(Field::TaskStatus, text("completed"))].into(), &tasks), InCrm::Keep, "there is nothing to cancel");
    }

    #[test]
    fn a_deletion_in_the_crm_asks_when_the_item_was_changed_since() {
        let mut settings = settings();
        assert_eq!([of_record(false, &rules(&settings)), of_record(true, &rules(&settings))], [InGroupware::Remove, InGroupware::Ask]);
        settings.direction = SyncDirection::ToCrm;
        assert_eq!(of_record(false, &rules(&settings)), InGroupware::Keep);
    }
}
