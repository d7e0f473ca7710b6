//! No sync causes an invitation, an update or a cancellation (V9, X6).

use crate::groupware::Item;
use crate::model::{Field, Fields};

use super::{Guard, Rules};

/// Whether an item may be written or removed: on a server that schedules, any change of an item with ORGANIZER or ATTENDEE mails people.
#[must_use]
pub fn may_write(item: &Item, rules: &Rules<'_>) -> bool {
    !rules.guards.on(Guard::NoInvitations) || rules.settings.invitations || !rules.schedules || !item.scheduled
}

/// What a new item may say: nobody is invited by it.
#[must_use]
pub fn without_invitations(mut fields: Fields, rules: &Rules<'_>) -> Fields {
    if !rules.settings.invitations {
        fields.remove(&Field::Participants);
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::super::testing::{event, rules, settings};
    use super::*;
    use crate::model::{Area, Value};

    #[test]
    fn v9_an_item_with_attendees_is_written_only_where_nobody_is_mailed() {
        let mut settings = settings();
        let item = |scheduled| Item { uid: "u".into(), area: Area::Calendar, parts: Vec::new(), scheduled, original: "".into() };
        let quiet = |settings| Rules { schedules: false, ..rules(settings) };
        assert!(!may_write(&item(true), &rules(&settings)));
        assert!(may_write(&item(false), &rules(&settings)) && may_write(&item(true), &quiet(&settings)));
        settings.invitations = true;
        assert!(may_write(&item(true), &rules(&settings)));
    }

    #[test]
    fn v9_nobody_is_invited_by_a_new_item() {
        let mut settings = settings();
        let mut fields = event("a", 1);
        fields.insert(Field::Participants, Value::People(Vec::new()));
        assert!(!without_invitations(fields.clone(), &rules(&settings)).contains_key(&Field::Participants));
        settings.invitations = true;
        assert!(without_invitations(fields, &rules(&settings)).contains_key(&Field::Participants));
    }
}
