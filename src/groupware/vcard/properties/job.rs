//! TITLE (RFC 6350 §6.6.1) ↔ job title, ROLE (§6.6.2) ↔ role.

use super::{Source, Target, VcardFault};
use crate::model::{Field, Value};

pub(super) fn read_title(source: &Source<'_>) -> Option<Value> {
    source.line_of_text("TITLE").map(Value::Text)
}

pub(super) fn read_role(source: &Source<'_>) -> Option<Value> {
    source.line_of_text("ROLE").map(Value::Text)
}

pub(super) fn write_title(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), VcardFault> {
    target.put_text("TITLE", super::text(Field::JobTitle, value)?);
    Ok(())
}

pub(super) fn write_role(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), VcardFault> {
    target.put_text("ROLE", super::text(Field::Role, value)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{card, edited, try_edit, value, words};
    use super::*;

    #[test]
    fn the_first_is_ours_and_the_others_stay() {
        let text = card("title:Head\\, purchasing\r\nTITLE;LANGUAGE=de:Leiter");
        assert_eq!(value(&text, Field::JobTitle), words("Head, purchasing"));
        let written = edited(&text, Field::JobTitle, words("CEO"));
        assert_eq!(written, card("title:CEO\r\nTITLE;LANGUAGE=de:Leiter"));
        assert_eq!(try_edit(&written, Field::JobTitle, None).unwrap(), card("TITLE;LANGUAGE=de:Leiter"));
        assert_eq!(edited(&card("FN:x"), Field::Role, words("decides; pays")), card("FN:x\r\nROLE:decides\\; pays"));
    }
}
