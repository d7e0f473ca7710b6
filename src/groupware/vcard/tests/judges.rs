//! Cards that we build, read by others.

use calcard::vcard::{VCard, VCardProperty};

use super::super::*;
use super::{draft, full};
use crate::groupware::link;
use crate::model::{Field, Fields};

fn comparable(mut fields: Fields) -> Fields {
    fields.remove(&Field::Organisation);
    fields
}

#[test]
fn a_new_card_says_what_was_asked_for_in_both_versions() {
    for (version, number) in [(Version::V3, "3.0"), (Version::V4, "4.0")] {
        let text = build(&draft(full()), version).unwrap();
        assert!(text.contains(&format!("VERSION:{number}\r\n")), "{text}");
        assert!(text.split("\r\n").all(|line| line.len() <= 75 && !line.contains('\n')), "{text}");
        for name in ["UID", "FN", "N", "ORG", "TITLE", "NOTE", "BDAY", "PHOTO"] {
            assert_eq!(text.lines().filter(|line| line.split([':', ';']).next() == Some(name)).count(), 1, "{name} {text}");
        }
        let item = read(&text).unwrap();
        assert_eq!(comparable(item.parts[0].fields.clone()), comparable(full()), "{text}");
        assert_eq!(item.uid, draft(full()).uid);
        assert_eq!(item.parts[0].record.as_deref(), Some("4711"));
        assert!(item.parts[0].link_block.as_deref().is_some_and(|block| block.starts_with(link::OPEN)));
    }
}

#[test]
fn calcard_reads_in_them_what_we_do() {
    for version in [Version::V3, Version::V4] {
        let text = build(&draft(full()), version).unwrap();
        let card = VCard::parse(&text).unwrap_or_else(|entry| panic!("{entry:?}\n{text}"));
        let texts = |property: &VCardProperty| -> Vec<Vec<String>> {
            let values = |entry: &calcard::vcard::VCardEntry| entry.values.iter().map(|value| format!("{value:?}")).collect();
            card.properties(property).map(values).collect()
        };
        let text_of =
            |property: &VCardProperty| card.property(property).and_then(|entry| entry.values.first()?.as_text()).map(str::to_owned);
        assert_eq!(text_of(&VCardProperty::Fn).as_deref(), Some("Doe, Jané"));
        assert_eq!(text_of(&VCardProperty::Title).as_deref(), Some("Head, purchasing"));
        assert!(
            text_of(&VCardProperty::Note).is_some_and(|note| note.starts_with("Zeile 1\n\nZeile 2, lang") && note.ends_with("[/crmsync]"))
        );
        assert_eq!(texts(&VCardProperty::Email).len(), 3);
        assert_eq!(texts(&VCardProperty::Tel).len(), crate::model::contact::PHONE_KINDS.len());
        assert_eq!(texts(&VCardProperty::Adr).len(), 2);
        let all = format!("{:?}", card.entries);
        for word in ["Doe; Smith", "MBA, jun.", "Nordwind GmbH; Co", "Königstraße 1\\nHinterhaus; links", "a, b", "Deutschland"] {
            assert!(all.contains(word), "{word} {all}");
        }
    }
}

#[test]
fn a_strict_reader_of_4_0_takes_them() {
    let text = build(&draft(full()), Version::V4).unwrap();
    let card = vcard_parser::parse_vcards(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(card.len(), 1);
    let written = card[0].to_string();
    for line in text.replace("\r\n ", "").lines() {
        let name = line.split([':', ';']).next().unwrap();
        assert!(written.contains(name), "{name} is missing in {written}");
    }
}

#[test]
fn a_card_of_nothing_is_a_card_all_the_same() {
    for version in [Version::V3, Version::V4] {
        let text = build(&draft(Fields::new()), version).unwrap();
        assert!(text.contains("\r\nFN:?\r\n") && text.contains("\r\nN:;;;;\r\n"), "{text}");
        VCard::parse(&text).unwrap();
    }
    let mut nameless = draft(Fields::new());
    nameless.uid = "\r\n".to_owned();
    assert_eq!(build(&nameless, Version::V3), Err(VcardFault::NoUid));
}
