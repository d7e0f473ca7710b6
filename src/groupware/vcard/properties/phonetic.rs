//! X-PHONETIC-FIRST-NAME and X-PHONETIC-LAST-NAME (Apple, Google) ↔ names as they are spoken. SORT-STRING and SORT-AS are how a name is sorted,
//! which is another thing: they are left alone.

use super::{Source, Target, VcardFault};
use crate::model::{Field, Value};

const GIVEN: &str = "X-PHONETIC-FIRST-NAME";
const FAMILY: &str = "X-PHONETIC-LAST-NAME";

pub(super) fn read_given(source: &Source<'_>) -> Option<Value> {
    source.line_of_text(GIVEN).map(Value::Text)
}

pub(super) fn read_family(source: &Source<'_>) -> Option<Value> {
    source.line_of_text(FAMILY).map(Value::Text)
}

pub(super) fn write_given(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), VcardFault> {
    target.put_text(GIVEN, super::text(Field::PhoneticGivenName, value)?);
    Ok(())
}

pub(super) fn write_family(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), VcardFault> {
    target.put_text(FAMILY, super::text(Field::PhoneticFamilyName, value)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{card, edited, value, words};
    use super::*;

    #[test]
    fn what_is_spoken_stands_beside_what_is_sorted() {
        let text = card("SORT-STRING:Yamada\r\nX-PHONETIC-LAST-NAME:ヤマダ");
        assert_eq!(value(&text, Field::PhoneticFamilyName), words("ヤマダ"));
        let written = edited(&text, Field::PhoneticGivenName, words("タロウ"));
        assert_eq!(written, card("SORT-STRING:Yamada\r\nX-PHONETIC-LAST-NAME:ヤマダ\r\nX-PHONETIC-FIRST-NAME:タロウ"));
        assert_eq!(edited(&written, Field::PhoneticFamilyName, None), card("SORT-STRING:Yamada\r\nX-PHONETIC-FIRST-NAME:タロウ"));
    }
}
