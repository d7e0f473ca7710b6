//! NOTE (RFC 6350 §6.7.2) ↔ note, and the block at its end that links to the CRM.

use super::{Source, Target, VcardFault};
use crate::groupware::lines::tidy_lines;
use crate::groupware::vcard::source::Entry;
use crate::groupware::{CrmLink, link};
use crate::model::{Field, Note, Value};

const NAME: &str = "NOTE";

fn whole(source: &Source<'_>) -> Option<String> {
    source.first(NAME).map(Entry::text)
}

pub(super) fn read(source: &Source<'_>) -> Option<Value> {
    let text = tidy_lines(&link::strip(&whole(source)?));
    (!text.is_empty()).then_some(Value::Note(Note { text, html: None }))
}

/// The record that the card names, and its block as written.
pub(in super::super) fn record(source: &Source<'_>) -> (Option<String>, Option<String>) {
    let property = source.first(link::RECORD).map(Entry::text);
    link::read(property.as_deref(), whole(source).as_deref())
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), VcardFault> {
    let note = match value {
        None => None,
        Some(Value::Note(note)) => Some(note.text.as_str()),
        Some(_) => return Err(VcardFault::BadField { field: Field::Note }),
    };
    write_both(target, Some(note), None);
    Ok(())
}

/// Writes the note (`None` leaves it), the link (`None` leaves it), or both.
#[allow(clippy::option_option, reason = "the outer one is absence of a change, as in the port")]
pub(in super::super) fn write_both(target: &mut Target<'_, '_>, note: Option<Option<&str>>, wanted: Option<Option<&CrmLink>>) {
    let source = target.source;
    let old = whole(source).unwrap_or_default();
    let (old_record, old_block) = record(source);
    let block = match wanted {
        None => old_block.clone(),
        Some(link) => link.map(link::text),
    };
    match wanted {
        Some(Some(link)) if source.first(link::RECORD).is_none() || old_record.as_ref() != Some(&link.record) => {
            target.put_text(link::RECORD, Some(&link.record));
        }
        Some(None) => target.put_text(link::RECORD, None),
        _ => {}
    }
    let body = match note {
        None if block == old_block => return,
        None => link::strip(&old).into_owned(),
        Some(note) if block == old_block && note.unwrap_or_default() == tidy_lines(&link::strip(&old)) => return,
        Some(note) => note.unwrap_or_default().to_owned(),
    };
    let text = link::joined(&body, block.as_deref());
    target.put_text(NAME, Some(text.as_str()).filter(|text| !text.is_empty()));
}

#[cfg(test)]
mod tests {
    use super::super::testing::{card, card21, edited, part, value};
    use super::*;
    use crate::groupware::PartEdit;
    use crate::groupware::vcard::{edit, read};

    fn note(text: &str) -> Option<Value> {
        Some(Value::Note(Note { text: text.to_owned(), html: None }))
    }

    fn linked(text: &str, link: Option<CrmLink>) -> String {
        edit(&read(text).unwrap(), &[PartEdit::Set { recurrence_id: None, changes: [].into(), link: Some(link) }]).unwrap()
    }

    fn link() -> CrmLink {
        CrmLink { record: "4711".to_owned(), url: Some("https://crm.example.org/4711".to_owned()), lines: vec![] }
    }

    const BLOCK: &str = "[crmsync 4711]\\nhttps://crm.example.org/4711\\n[/crmsync]";

    #[test]
    fn is_read_normalised_and_written_with_its_line_ends() {
        assert_eq!(value(&card("NOTE:  a\\, b  \\n\\nc\\n \\n"), Field::Note), note("  a, b\n\nc"));
        assert_eq!(
            edited(&card("NOTE;LANGUAGE=de:a\r\nX-A:1"), Field::Note, note("b\nc; d")),
            card("NOTE;LANGUAGE=de:b\\nc\\; d\r\nX-A:1")
        );
        assert_eq!(edited(&card("NOTE:a\r\nX-A:1"), Field::Note, None), card("X-A:1"));
        assert_eq!(
            edited(&card21("X-A:1"), Field::Note, note("a\nb")),
            card21("X-A:1\r\nNOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:a=0D=0Ab")
        );
        assert_eq!(value(&card21("NOTE;ENCODING=QUOTED-PRINTABLE:a=0D=0A=\r\nb"), Field::Note), note("a\nb"));
    }

    #[test]
    fn r99_the_link_comes_and_goes_and_the_note_stays() {
        let text = card("NOTE:a\r\nX-A:1");
        let written = linked(&text, Some(link()));
        assert_eq!(written.replace("\r\n ", ""), card(&format!("NOTE:a\\n\\n{BLOCK}\r\nX-A:1\r\nX-CRMSYNC-RECORD:4711")));
        assert_eq!(part(&written).record.as_deref(), Some("4711"));
        assert_eq!(value(&written, Field::Note), note("a"));
        assert_eq!(linked(&written, Some(link())), written);
        assert_eq!(linked(&written, None), text);
        let renamed = edited(&written, Field::Note, note("b"));
        assert_eq!(part(&renamed).link_block, part(&written).link_block);
        assert_eq!(part(&edited(&renamed, Field::Note, None)).record.as_deref(), Some("4711"));
    }

    #[test]
    fn davmail_6_keeps_no_property_of_ours_and_the_block_tells() {
        let text = card(&format!("NOTE:a\\n\\n{BLOCK}"));
        assert_eq!(part(&text).record.as_deref(), Some("4711"));
    }
}
