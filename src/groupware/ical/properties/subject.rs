//! SUMMARY (RFC 5545 §3.8.1.12) ↔ subject.

use super::{IcalFault, Source, Target};
use crate::groupware::ical::source::one_line;
use crate::model::{Field, Value};

pub(super) fn read(source: &Source<'_>) -> Result<Option<Value>, IcalFault> {
    Ok(source.line_of_text("SUMMARY", " ").map(Value::Text))
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), IcalFault> {
    let text = super::text(Field::Subject, value)?.and_then(|text| one_line(text, " "));
    target.put_text("SUMMARY", text.as_deref());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{edited, event, value};
    use crate::model::{Field, Value};

    #[test]
    fn is_read_without_escapes_and_folding() {
        let found = value(&event("SUMMARY;LANGUAGE=de: Besuch\\, Termin\r\n \\; Stadt\\nmitte "), Field::Subject);
        assert_eq!(found, Some(Value::Text("Besuch, Termin; Stadt mitte".to_owned())));
        assert_eq!(value(&event("SUMMARY: "), Field::Subject), None);
    }

    #[test]
    fn is_written_with_escapes_and_its_parameters_stay() {
        let text = event("X-A:1\r\nSUMMARY;LANGUAGE=de:old\r\nSUMMARY:second\r\nX-B:2");
        let written = edited(&text, Field::Subject, Some(Value::Text("a, b; c\\ \"d\"".to_owned())));
        assert_eq!(written, event("X-A:1\r\nSUMMARY;LANGUAGE=de:a\\, b\\; c\\\\ \"d\"\r\nX-B:2"));
        assert_eq!(edited(&written, Field::Subject, None), event("X-A:1\r\nX-B:2"));
    }
}
