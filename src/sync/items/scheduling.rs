//! No sync causes an invitation, an update or a cancellation (V9, X6).

use crate::groupware::Item;
use crate::model::{Field, Fields};

use super::Rules;

/// Whether an item may be written or removed: on a server that schedules, any change of an item with ORGANIZER or ATTENDEE mails people.
#[must_use]
pub const fn may_write(item: &Item, rules: &Rules<'_>) -> bool {
    rules.settings.invitations || !rules.schedules || !item.scheduled
}

/// What a new item may say: nobody is invited by it.
#[must_use]
pub fn without_invitations(mut fields: Fields, rules: &Rules<'_>) -> Fields {
    if !rules.settings.invitations {
        fields.remove(&Field::Participants);
    }
    fields
}
