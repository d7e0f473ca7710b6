//! FN (RFC 6350 §6.2.1) ↔ file-as. A card must have one (RFC 6352 servers refuse it else): when the field is emptied, it is made of the rest.

use super::{Source, Target, VcardFault};
use crate::model::{Field, Fields, Value};

const NAME: &str = "FN";

pub(super) fn read(source: &Source<'_>) -> Option<Value> {
    source.line_of_text(NAME).map(Value::Text)
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), VcardFault> {
    super::text(Field::FileAs, value)?;
    target.put_text(NAME, Some(&shown(target.after)));
    Ok(())
}

/// What is shown of a contact: its file-as, else its name, company, address or number.
pub(in super::super) fn shown(fields: &Fields) -> String {
    let text = |field: Field| match fields.get(&field) {
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let names: Vec<String> = [Field::GivenName, Field::FamilyName].into_iter().filter_map(text).collect();
    let address = match fields.get(&Field::Emails) {
        Some(Value::Addresses(list)) => list.first().map(|one| one.address.clone()),
        _ => None,
    };
    let number = match fields.get(&Field::Phones) {
        Some(Value::Phones(list)) => list.first().map(|one| one.number.clone()),
        _ => None,
    };
    let name = (!names.is_empty()).then(|| names.join(" "));
    text(Field::FileAs).or(name).or_else(|| text(Field::Company)).or(address).or(number).unwrap_or_else(|| "?".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{card, edited, try_edit, value, words};
    use super::*;

    #[test]
    fn is_the_name_that_is_shown() {
        let text = card("FN;LANGUAGE=de:Doe\\, Jane");
        assert_eq!(value(&text, Field::FileAs), words("Doe, Jane"));
        assert_eq!(edited(&text, Field::FileAs, words("Jane; Doe")), card("FN;LANGUAGE=de:Jane\\; Doe"));
    }

    #[test]
    fn no_card_is_left_without_one() {
        assert_eq!(try_edit(&card("FN:x\r\nN:Doe;Jane;;;"), Field::FileAs, None).unwrap(), card("FN:Jane Doe\r\nN:Doe;Jane;;;"));
        assert_eq!(try_edit(&card("FN:x\r\nORG:ACME"), Field::FileAs, None).unwrap(), card("FN:ACME\r\nORG:ACME"));
        assert_eq!(try_edit(&card("FN:x"), Field::FileAs, None).unwrap(), card("FN:?"));
    }
}
