//! URL (RFC 6350 §6.7.8) ↔ url.

use super::{Source, Target, VcardFault};
use crate::groupware::vcard::line::{Line, escaped_uri};
use crate::model::{Field, Value};

pub(super) fn read(source: &Source<'_>) -> Option<Value> {
    let entry = source.first("URL")?;
    // Google and Apple escape the colon of a URI.
    entry.line_of_text().map(|text| Value::Text(text.replace("\\:", ":")))
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), VcardFault> {
    let source = target.source;
    match (source.first("URL"), super::text(Field::Url, value)?) {
        // A line end in a URI would be an injection of lines.
        (_, Some(url)) if url.chars().any(char::is_control) => return Err(VcardFault::BadField { field: Field::Url }),
        (Some(entry), Some(url)) => target.change(entry, Line::of(entry).value(escaped_uri(url))),
        (None, Some(url)) => target.add(Line::new("URL").value(escaped_uri(url))),
        (Some(entry), None) => target.remove(entry),
        (None, None) => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{card, edited, try_edit, value, words};
    use super::*;

    #[test]
    fn radicale_3_9_needs_its_commas_escaped_and_it_loses_its_label_with_itself() {
        let text = card("item2.URL;type=pref:http\\://a.example/b\\;c\r\nitem2.X-ABLabel:_$!<HomePage>!$_\r\nFN:x");
        assert_eq!(value(&text, Field::Url), words("http://a.example/b;c"));
        let written = edited(&text, Field::Url, words("https://x.example/?a=1,2;3"));
        assert_eq!(written, card("item2.URL;type=pref:https://x.example/?a=1\\,2;3\r\nitem2.X-ABLabel:_$!<HomePage>!$_\r\nFN:x"));
        assert_eq!(edited(&written, Field::Url, None), card("FN:x"));
        assert!(try_edit(&text, Field::Url, words("https://a\r\nNOTE:b")).is_err());
    }
}
