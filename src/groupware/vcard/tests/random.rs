//! Random changes and hostile cards.

use proptest::prelude::*;

use super::super::properties::testing::{card, card4, card21};
use super::super::*;
use super::full;
use crate::model::contact::{ContactAddress, Phone, Place};
use crate::model::{Field, FieldChanges, Fields, Note, Value};

fn line() -> impl Strategy<Value = String> {
    "[^\\p{C}\\p{Z}][^\\p{C}\\p{Z}]{0,40}( [^\\p{C}\\p{Z}]{1,60}){0,3}"
}

fn kind() -> impl Strategy<Value = String> {
    "work|home|other"
}

fn address() -> impl Strategy<Value = ContactAddress> {
    ("[a-z]{1,8}@[a-z]{1,8}\\.example", kind(), "([A-Za-zäß;:,\"^]{0,9})", any::<bool>())
        .prop_map(|(address, kind, name, preferred)| ContactAddress { address, kind, name, preferred })
}

fn phone() -> impl Strategy<Value = Phone> {
    ("\\+[1-9][0-9 ()/-]{1,14}[0-9]", "work|home|mobile|work-mobile|work-fax|home-fax|pager|main|car|assistant|other", any::<bool>())
        .prop_map(|(number, kind, preferred)| Phone { kind, number, preferred })
}

fn place() -> impl Strategy<Value = Place> {
    (kind(), line(), line(), "DE|NL|Atlantis").prop_map(|(kind, street, locality, country)| Place {
        kind,
        street,
        locality,
        country,
        ..Place::default()
    })
}

fn change() -> impl Strategy<Value = (Field, Option<Value>)> {
    prop_oneof![
        line().prop_map(|text| (Field::FamilyName, Some(Value::Text(text)))),
        line().prop_map(|text| (Field::Suffix, Some(Value::Text(text)))),
        line().prop_map(|text| (Field::FileAs, Some(Value::Text(text)))),
        line().prop_map(|text| (Field::Company, Some(Value::Text(text)))),
        line().prop_map(|text| (Field::Department, Some(Value::Text(text)))),
        proptest::collection::vec(line(), 1..5)
            .prop_map(|lines| (Field::Note, Some(Value::Note(Note { text: lines.join("\n"), html: None })))),
        proptest::collection::btree_set(line(), 1..4).prop_map(|words| (Field::Categories, Some(Value::Words(words)))),
        proptest::collection::vec(address(), 0..4).prop_map(|list| (Field::Emails, Value::addresses(list))),
        proptest::collection::vec(phone(), 0..4).prop_map(|list| (Field::Phones, Value::phones(list))),
        proptest::collection::vec(place(), 0..3).prop_map(|list| (Field::Places, Value::places(list))),
        Just((Field::Note, None)),
        Just((Field::Categories, None)),
        Just((Field::Suffix, None)),
        Just((Field::Organisation, Some(Value::Flag(true)))),
        Just((Field::Organisation, None)),
    ]
}

/// What a list says where spellings of one number are one.
fn expected(fields: &mut Fields, field: Field, value: Option<Value>) {
    match value {
        Some(value) => fields.insert(field, value),
        None => fields.remove(&field),
    };
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn v5_a_changed_field_reads_as_it_was_written_and_no_other_moves(changes in proptest::collection::vec(change(), 1..6), version in 0..3) {
        let lines = "FN:x\r\nX-A;B=\"c;d\":e";
        let start = match version { 0 => card21(lines), 1 => card(lines), _ => card4(lines) };
        let mut item = read(&start).unwrap();
        for (field, value) in changes {
            let mut fields = item.parts[0].fields.clone();
            expected(&mut fields, field, value.clone());
            let text = edit(&item, &[PartEdit::Set { recurrence_id: None, changes: FieldChanges::from([(field, value)]), link: None }]).unwrap();
            prop_assert!(text.contains("X-A;B=\"c;d\":e\r\n"));
            item = read(&text).unwrap();
            prop_assert_eq!(&item.parts[0].fields, &fields, "{}", text);
        }
    }

    #[test]
    fn no_text_is_a_panic(text in "((BEGIN|END):VCARD\r?\n|(item1\\.)?(UID|N|FN|ADR|TEL|EMAIL|BDAY|PHOTO|NOTE|ORG|IMPP|X-ABDATE|X-ABLabel|KIND|CATEGORIES|VERSION)(;(TYPE|VALUE|ENCODING|CHARSET|PREF|X-DISPLAY-NAME)?=?[ -~ä]{0,8})?:([0-9T=-]{0,16}|data:image/png;base64,[A-Za-z=]{0,9}|[ -~ä\\\\=]{0,20})=?\r?\n){0,30}") {
        if let Ok(item) = read(&text) {
            let changes: FieldChanges = full().into_iter().map(|(field, value)| (field, Some(value))).collect();
            let none = changes.keys().map(|field| (*field, None)).collect();
            for changes in [changes, none] {
                let edits = [PartEdit::Set { recurrence_id: None, changes, link: Some(None) }];
                let _ = read(&edit(&item, &edits).unwrap());
            }
        }
    }
}

#[test]
fn hostile_cards_take_linear_time() {
    let shapes: [fn(usize) -> String; 9] = [
        |size| "X-A:1\r\n".repeat(size / 7),
        |size| format!("NOTE:{}\r\n", "a\\n".repeat(size / 3)),
        |size| format!("CATEGORIES:{}\r\n", "ab,".repeat(size / 3)),
        |size| format!("NOTE:{}\r\n", "[crmsync 1\\n".repeat(size / 12)),
        |size| "item1.TEL:1\r\n".repeat(size / 13),
        |size| (0..size / 20).fold(String::new(), |all, at| all + "EMAIL;PREF=2:" + &at.to_string() + "@b.c\r\n"),
        |size| format!("NOTE;ENCODING=QUOTED-PRINTABLE:{}\r\n", "=\r\n".repeat(size / 3)),
        |size| format!("TEL{}:1\r\n", ";TYPE=a".repeat(size / 7)),
        |size| format!("PHOTO;ENCODING=b:{}\r\n", "QUJD\r\n ".repeat(size / 7)),
    ];
    for (at, shape) in shapes.iter().enumerate() {
        let took = |size: usize| {
            let text = card(&format!("{}X-Z:1", shape(size)));
            let began = std::time::Instant::now();
            let item = read(&text).unwrap();
            let emails = Value::addresses((0..size / 40).map(|at| ContactAddress {
                address: format!("{}@b.c", at * 2),
                kind: "work".to_owned(),
                name: String::new(),
                preferred: false,
            }));
            let changes =
                FieldChanges::from([(Field::Emails, emails), (Field::Note, None), (Field::Phones, None), (Field::Categories, None)]);
            edit(&item, &[PartEdit::Set { recurrence_id: None, changes, link: None }]).unwrap();
            began.elapsed()
        };
        let (small, large) = (took(10_000), took(160_000));
        // Sixteen times as much, with room for a busy machine; a quadratic one takes 256 times as long.
        assert!(large < small * 100 + std::time::Duration::from_millis(500), "shape {at}: {small:?} {large:?}");
    }
}
