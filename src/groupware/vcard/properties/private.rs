//! CLASS (RFC 2426 §3.7.1) ↔ private. 4.0 has no such property; servers keep it all the same. Any class but PUBLIC is private, because private
//! data must not leave by mistake (V13).

use super::{Source, Target, VcardFault};
use crate::groupware::vcard::line::Line;
use crate::groupware::vcard::source::Entry;
use crate::model::{Field, Value};

const NAME: &str = "CLASS";

pub(super) fn read(source: &Source<'_>) -> Option<Value> {
    let private = source.all(NAME).filter_map(Entry::line_of_text).any(|class| !class.eq_ignore_ascii_case("PUBLIC"));
    private.then_some(Value::Flag(true))
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), VcardFault> {
    let source = target.source;
    if super::flag(Field::Private, value)? {
        match source.first(NAME) {
            Some(entry) => target.change(entry, Line::of(entry).value("PRIVATE")),
            None => target.add(Line::new(NAME).value("PRIVATE")),
        }
    } else {
        for entry in source.all(NAME) {
            target.change(entry, Line::of(entry).value("PUBLIC"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{card, edited, value};
    use super::*;

    #[test]
    fn v13_everything_that_is_not_public_is_private() {
        for (line, private) in [("CLASS:PRIVATE", true), ("class:Confidential", true), ("CLASS:PUBLIC", false), ("FN:x", false)] {
            assert_eq!(value(&card(line), Field::Private), private.then_some(Value::Flag(true)), "{line}");
        }
        assert_eq!(edited(&card("FN:x"), Field::Private, Some(Value::Flag(true))), card("FN:x\r\nCLASS:PRIVATE"));
        assert_eq!(edited(&card("CLASS:CONFIDENTIAL"), Field::Private, None), card("CLASS:PUBLIC"));
    }
}
