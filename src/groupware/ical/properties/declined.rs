//! PARTSTAT=DECLINED of the account's own ATTENDEE ↔ declined. Writing it is an answer to the organiser, hence only where invitations are
//! allowed (V9).

use super::participants::address;
use super::{IcalFault, Source, Target};
use crate::groupware::lines::Property;
use crate::model::{Field, Value};

fn own<'s>(source: &Source<'s>) -> Option<Property<'s>> {
    if source.context.own_addresses.is_empty() {
        return None;
    }
    let addresses = &source.context.own_addresses;
    source.all("ATTENDEE").find(|property| addresses.contains(&address(property)))
}

fn declined(property: &Property<'_>) -> bool {
    property.parameter("PARTSTAT").is_some_and(|answer| answer.eq_ignore_ascii_case("DECLINED"))
}

pub(super) fn read(source: &Source<'_>) -> Result<Option<Value>, IcalFault> {
    Ok(own(source).is_some_and(|property| declined(&property)).then_some(Value::Flag(true)))
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), IcalFault> {
    let wanted = super::flag(Field::Declined, value)?;
    let Some(property) = own(&target.source) else {
        return if wanted { Err(IcalFault::BadField { field: Field::Declined }) } else { Ok(()) };
    };
    if declined(&property) == wanted {
        return Ok(());
    }
    if !target.source.context.allow_attendees {
        return Err(IcalFault::AttendeesNotAllowed);
    }
    let answer = if wanted { "DECLINED" } else { "NEEDS-ACTION" };
    target.editor.replace(property.line, property.with(&[("PARTSTAT", Some(answer))], property.value()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{event, refused, value, value_for};
    use crate::model::{Field, Value};

    #[test]
    fn i10_only_the_own_answer_counts() {
        let text = event("ATTENDEE;PARTSTAT=DECLINED:mailto:Bob@Example.org\r\nATTENDEE;PARTSTAT=ACCEPTED:mailto:alice@example.org");
        assert_eq!(value_for(&text, Field::Declined, "bob@example.org"), Some(Value::Flag(true)));
        assert_eq!(value_for(&text, Field::Declined, "alice@example.org"), None);
        assert_eq!(value(&text, Field::Declined), None);
        refused(&text, Field::Declined, Some(Value::Flag(true)));
    }
}
