//! LOCATION (RFC 5545 §3.8.1.7) ↔ location. Apple writes an address over several lines, which become one.

use super::{IcalFault, Source, Target};
use crate::groupware::ical::source::one_line;
use crate::model::{Field, Value};

pub(super) fn read(source: &Source<'_>) -> Result<Option<Value>, IcalFault> {
    Ok(source.line_of_text("LOCATION", ", ").map(Value::Text))
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), IcalFault> {
    let text = super::text(Field::Location, value)?.and_then(|text| one_line(text, ", "));
    target.put_text("LOCATION", text.as_deref());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{edited, event, value};
    use crate::model::{Field, Value};

    #[test]
    fn several_lines_become_one() {
        let found = value(&event("LOCATION:Haus A\\nMarkt 1\\n\\n12345 Stadt\\n"), Field::Location);
        assert_eq!(found, Some(Value::Text("Haus A, Markt 1, 12345 Stadt".to_owned())));
    }

    #[test]
    fn a_new_one_goes_behind_the_last_property() {
        let text = event("SUMMARY:a\r\nBEGIN:VALARM\r\nACTION:DISPLAY\r\nEND:VALARM\r\nX-A:1");
        let written = edited(&text, Field::Location, Some(Value::Text("Büro".to_owned())));
        assert_eq!(written, event("SUMMARY:a\r\nLOCATION:Büro\r\nBEGIN:VALARM\r\nACTION:DISPLAY\r\nEND:VALARM\r\nX-A:1"));
    }
}
