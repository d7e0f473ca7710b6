//! N (RFC 6350 §6.2.2) ↔ prefix, given, middle, family name and suffix. Parts that stay are not touched, and neither are further ones (RFC 9554).

use super::{Source, Target, VcardFault};
use crate::groupware::vcard::line::{Line, escaped};
use crate::groupware::vcard::source::{Entry, part};
use crate::model::{Field, Value};

/// The parts in their order, and what joins the words of a list.
const PARTS: [(Field, &str); 5] =
    [(Field::FamilyName, " "), (Field::GivenName, " "), (Field::MiddleName, " "), (Field::Prefix, " "), (Field::Suffix, ", ")];

/// The name as it is written, not as it is spoken (RFC 9554 §4.6).
fn entry<'a, 's>(source: &'a Source<'s>) -> Option<&'a Entry<'s>> {
    source.all("N").find(|entry| entry.parameter("PHONETIC").is_none())
}

fn read(source: &Source<'_>, at: usize) -> Option<Value> {
    let (_, separator) = PARTS.get(at)?;
    part(source.style, entry(source)?.parts().get(at)?, separator).map(Value::Text)
}

pub(super) fn read_family(source: &Source<'_>) -> Option<Value> {
    read(source, 0)
}

pub(super) fn read_given(source: &Source<'_>) -> Option<Value> {
    read(source, 1)
}

pub(super) fn read_middle(source: &Source<'_>) -> Option<Value> {
    read(source, 2)
}

pub(super) fn read_prefix(source: &Source<'_>) -> Option<Value> {
    read(source, 3)
}

pub(super) fn read_suffix(source: &Source<'_>) -> Option<Value> {
    read(source, 4)
}

/// Writes all parts, whichever changed: they share a line.
pub(super) fn write(target: &mut Target<'_, '_>, _: Option<&Value>) -> Result<(), VcardFault> {
    let source = target.source;
    let entry = entry(source);
    let mut parts = entry.map(Entry::parts).unwrap_or_default();
    for (at, (field, separator)) in PARTS.iter().enumerate() {
        let wanted = super::text(*field, target.after.get(field))?;
        let said = parts.get(at).and_then(|raw| part(source.style, raw, separator));
        if said.as_deref() != wanted {
            if parts.len() <= at {
                parts.resize(at + 1, String::new());
            }
            if let Some(raw) = parts.get_mut(at) {
                *raw = wanted.map(|text| escaped(source.style, text)).unwrap_or_default();
            }
        }
    }
    // Five parts always: 3.0 says nothing of fewer, and SOGo 5.8 drops the last where it is empty.
    if parts.len() < PARTS.len() && (entry.is_none() || parts.iter().any(|part| !part.is_empty())) {
        parts.resize(PARTS.len(), String::new());
    }
    match entry {
        Some(entry) => target.change(entry, Line::of(entry).value(parts.join(";"))),
        None => target.add_shared("N", &parts.join(";")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{card, card4, card21, edited, value, words};
    use super::*;

    #[test]
    fn r92_every_part_of_a_name_is_read() {
        let text = card("N;LANGUAGE=de:Stevenson;John;Philip,Paul;Dr.;Jr.,M.D.\\, A.C.P.");
        for (field, expected) in [
            (Field::FamilyName, "Stevenson"),
            (Field::GivenName, "John"),
            (Field::MiddleName, "Philip Paul"),
            (Field::Prefix, "Dr."),
            (Field::Suffix, "Jr., M.D., A.C.P."),
        ] {
            assert_eq!(value(&text, field), words(expected));
        }
        assert_eq!(value(&card("N:;;;"), Field::FamilyName), None);
        assert_eq!(value(&card("FN:x"), Field::FamilyName), None);
        assert_eq!(value(&card4("N;PHONETIC=ipa;ALTID=1:x\r\nN;ALTID=1:Sun;;;;"), Field::FamilyName), words("Sun"));
    }

    #[test]
    fn parts_that_stay_keep_their_spelling() {
        let text = card("N;LANGUAGE=de:Stevenson;John;Philip,Paul;Dr.;Jr.,M.D.;second");
        let written = edited(&text, Field::FamilyName, words("a;b, c"));
        assert_eq!(written, card("N;LANGUAGE=de:a\\;b\\, c;John;Philip,Paul;Dr.;Jr.,M.D.;second"));
        assert_eq!(edited(&text, Field::Suffix, None), card("N;LANGUAGE=de:Stevenson;John;Philip,Paul;Dr.;;second"));
        assert_eq!(edited(&card("N:Doe;Jane"), Field::Prefix, words("Dr.")), card("N:Doe;Jane;;Dr.;"));
        assert_eq!(edited(&card("FN:x"), Field::GivenName, words("x")), card("FN:x\r\nN:;x;;;"));
    }

    #[test]
    fn vcard_2_1_umlauts_are_wrapped() {
        let text = card21("N;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:M=FCller;J=F6rg;;;");
        assert_eq!(value(&text, Field::FamilyName), words("Müller"));
        let written = edited(&text, Field::GivenName, words("Jane"));
        assert_eq!(written, card21("N;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:M=C3=BCller;Jane;;;"));
        assert_eq!(edited(&written, Field::FamilyName, words("Muller, A")), card21("N:Muller, A;Jane;;;"));
    }
}
