//! URL (RFC 5545 §3.8.4.6) ↔ url.

use super::{IcalFault, Source, Target};
use crate::model::{Field, Value};

pub(super) fn read(source: &Source<'_>) -> Result<Option<Value>, IcalFault> {
    Ok(source.raw("URL").map(Value::Text))
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), IcalFault> {
    match super::text(Field::Url, value)? {
        // A URI is not escaped; a line end in one would be an injection of lines.
        Some(url) if url.chars().any(char::is_control) => return Err(IcalFault::BadField { field: Field::Url }),
        Some(url) => target.put("URL", &[], url.trim()),
        None => target.remove("URL"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{edited, event, refused, value};
    use crate::model::{Field, Value};

    #[test]
    fn is_not_escaped() {
        let url = Value::Text("https://example.org/a;b,c?d=1".to_owned());
        let written = edited(&event("SUMMARY:a"), Field::Url, Some(url.clone()));
        assert_eq!(written, event("SUMMARY:a\r\nURL:https://example.org/a;b,c?d=1"));
        assert_eq!(value(&written, Field::Url), Some(url));
    }

    #[test]
    fn cannot_bring_lines_in() {
        refused(&event("SUMMARY:a"), Field::Url, Some(Value::Text("https://a\r\nATTENDEE:mailto:b@c".to_owned())));
    }
}
