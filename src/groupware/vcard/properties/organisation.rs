//! KIND (RFC 6350 §6.1.4), X-ADDRESSBOOKSERVER-KIND (Calendar Server; Cyrus 3.6 writes KIND so) and X-ABShowAs (Apple) ↔ organisation.

use super::{Source, Target, VcardFault};
use crate::groupware::vcard::line::Line;
use crate::groupware::vcard::source::Style;
use crate::model::{Field, Value};

const KINDS: [&str; 2] = ["KIND", "X-ADDRESSBOOKSERVER-KIND"];
const SHOW_AS: &str = "X-ABSHOWAS";

/// What the card is of, in lower case.
pub(in super::super) fn kind(source: &Source<'_>) -> Option<String> {
    KINDS.iter().find_map(|name| source.line_of_text(name)).map(|kind| kind.to_ascii_lowercase())
}

/// A person or an organisation. An unknown kind is a person (RFC 6350 §6.1.4).
pub(in super::super) fn is_contact(kind: &str) -> bool {
    !matches!(kind, "group" | "location" | "device" | "application" | "thing")
}

pub(super) fn read(source: &Source<'_>) -> Option<Value> {
    let shown = source.line_of_text(SHOW_AS).is_some_and(|text| text.eq_ignore_ascii_case("COMPANY"));
    (shown || kind(source).as_deref() == Some("org")).then_some(Value::Flag(true))
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), VcardFault> {
    let source = target.source;
    let organisation = super::flag(Field::Organisation, value)?;
    if !organisation {
        for entry in source.any(&[SHOW_AS, KINDS[0], KINDS[1]]) {
            target.remove(entry);
        }
    } else if let Some(entry) = KINDS.iter().find_map(|name| source.first(name)) {
        target.change(entry, Line::of(entry).value("org"));
    } else if source.style == Style::V4 {
        target.add(Line::new("KIND").value("org"));
    } else if let Some(entry) = source.first(SHOW_AS) {
        target.change(entry, Line::of(entry).value("COMPANY"));
    } else {
        target.add(Line::new("X-ABShowAs").value("COMPANY"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{card, card4, edited, value};
    use super::*;

    #[test]
    fn every_way_to_say_it_is_read() {
        let yes = Some(Value::Flag(true));
        for text in [card4("KIND:org"), card("X-ABShowAs:COMPANY"), card("X-ADDRESSBOOKSERVER-KIND:ORG"), card("item1.X-ABSHOWAS:company")]
        {
            assert_eq!(value(&text, Field::Organisation), yes, "{text}");
            assert_eq!(edited(&text, Field::Organisation, None).matches("\r\n").count(), text.matches("\r\n").count() - 1);
        }
        assert_eq!(value(&card4("KIND:individual"), Field::Organisation), None);
    }

    #[test]
    fn is_written_as_the_version_has_it() {
        let yes = Some(Value::Flag(true));
        assert_eq!(edited(&card4("FN:x"), Field::Organisation, yes.clone()), card4("FN:x\r\nKIND:org"));
        assert_eq!(edited(&card4("KIND:individual"), Field::Organisation, yes.clone()), card4("KIND:org"));
        assert_eq!(edited(&card("FN:x"), Field::Organisation, yes), card("FN:x\r\nX-ABShowAs:COMPANY"));
    }
}
