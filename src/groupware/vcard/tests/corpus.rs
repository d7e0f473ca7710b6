//! Every card of the corpus is read without panic, changed field by field, and nothing else of it moves.

use std::path::PathBuf;

use super::super::*;
use super::full;
use crate::groupware::lines::Document;
use crate::model::{Area, Field, Fields, Value};

/// Our own fixtures, and the cards of the folder that `CRMSYNC_CORPUS` names, each for itself.
fn cards() -> Vec<(PathBuf, String)> {
    let mut folders = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("protocol-fixtures/vcard")];
    folders
        .extend(std::env::var_os("CRMSYNC_CORPUS").filter(|folder| !folder.is_empty()).map(|folder| PathBuf::from(folder).join("vcard")));
    let mut paths: Vec<_> =
        folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|kind| kind == "vcf"));
    paths.sort();
    let mut cards = Vec::new();
    for path in paths {
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        let document = Document::parse(&text).unwrap();
        let outer: Vec<_> = document.components().iter().filter(|component| component.parent.is_none()).collect();
        if outer.len() < 2 {
            cards.push((path, text));
            continue;
        }
        for component in outer {
            cards.push((path.clone(), document.raw(component.begin, component.end).to_owned()));
        }
    }
    cards
}

/// Names of the properties of one field's lines, in upper case and without groups.
fn own(field: Field) -> &'static [&'static str] {
    match field {
        Field::Prefix | Field::GivenName | Field::MiddleName | Field::FamilyName | Field::Suffix => &["N"],
        Field::PhoneticGivenName => &["X-PHONETIC-FIRST-NAME"],
        Field::PhoneticFamilyName => &["X-PHONETIC-LAST-NAME"],
        Field::FileAs => &["FN"],
        Field::Organisation => &["KIND", "X-ABSHOWAS", "X-ADDRESSBOOKSERVER-KIND"],
        Field::Company | Field::Department => &["ORG"],
        Field::JobTitle => &["TITLE"],
        Field::Role => &["ROLE"],
        Field::Url => &["URL", "X-ABLABEL"],
        Field::Emails => &["EMAIL", "X-ABLABEL"],
        Field::Phones => &["TEL", "X-ABLABEL"],
        Field::Messaging => {
            &["IMPP", "X-JABBER", "X-AIM", "X-ICQ", "X-MSN", "X-YAHOO", "X-SKYPE", "X-GTALK", "X-MS-IMADDRESS", "X-ABLABEL"]
        }
        Field::Places => &["ADR", "X-ABADR", "X-ABLABEL"],
        Field::Birthday => &["BDAY"],
        Field::Anniversary => &["ANNIVERSARY", "X-ABDATE", "X-ABLABEL", "X-ANNIVERSARY", "X-MS-ANNIVERSARY"],
        Field::Categories => &["CATEGORIES"],
        Field::Private => &["CLASS"],
        Field::Note => &["NOTE"],
        Field::Photo => &["PHOTO"],
        _ => &[],
    }
}

/// Logical lines that are not a field's own, byte for byte.
fn others(text: &str, field: Field) -> Vec<String> {
    let document = Document::parse(text).unwrap();
    let lines = (0..).map_while(|line| document.property(line));
    let foreign = lines.filter(|property| !own(field).contains(&property.own_name().to_ascii_uppercase().as_str()));
    foreign.map(|property| document.raw(property.line, property.line).to_owned()).collect()
}

/// Of the addresses those of the kinds that were written: where one goes that had a second of its kind, this comes up.
fn wanted_kinds(said: &Value, written: &Value) -> Value {
    let (Value::Places(said), Value::Places(written)) = (said, written) else { return said.clone() };
    Value::places(said.iter().filter(|one| written.iter().any(|other| other.kind == one.kind)).cloned()).unwrap()
}

fn without(fields: &Fields, field: Field) -> Fields {
    fields.iter().filter(|(key, _)| **key != field).map(|(key, value)| (*key, value.clone())).collect()
}

#[test]
fn v7_every_card_keeps_what_a_change_does_not_name() {
    let mut read_well = 0;
    for (path, text) in cards() {
        let item = match read(&text) {
            Ok(item) => item,
            Err(fault) => {
                assert!(matches!(fault, VcardFault::NoContact { .. } | VcardFault::NoCard), "{}: {fault}\n{text}", path.display());
                continue;
            }
        };
        read_well += 1;
        assert_eq!(item.area, Area::Contacts);
        let fields = &item.parts[0].fields;
        let set = |changes| PartEdit::Set { recurrence_id: None, changes, link: None };
        assert_eq!(edit(&item, &[]).unwrap(), text, "{}", path.display());
        let same = set(fields.iter().map(|(field, value)| (*field, Some(value.clone()))).collect());
        assert_eq!(edit(&item, &[same]).unwrap(), text, "{}", path.display());
        for (field, value) in full() {
            let written = edit(&item, &[set([(field, Some(value.clone()))].into())]).unwrap();
            let again = read(&written).unwrap_or_else(|fault| panic!("{}: {fault}\n{written}", path.display()));
            let said = again.parts[0].fields.get(&field).map(|said| wanted_kinds(said, &value));
            assert_eq!(said.as_ref(), Some(&value), "{} {field}\n{written}", path.display());
            assert_eq!(without(&again.parts[0].fields, field), without(fields, field), "{} {field}\n{written}", path.display());
            assert_eq!(others(&written, field), others(&text, field), "{} {field}\n{written}", path.display());
            let emptied = edit(&item, &[set([(field, None)].into())]).unwrap();
            // A label goes with what it labels.
            let unlabelled =
                |text: &str| others(text, field).into_iter().filter(|line| !line.to_ascii_uppercase().contains("X-AB")).collect::<Vec<_>>();
            assert_eq!(unlabelled(&emptied), unlabelled(&text), "{} {field}\n{emptied}", path.display());
            let again = read(&emptied).unwrap();
            assert_eq!(without(&again.parts[0].fields, field), without(fields, field), "{} {field}\n{emptied}", path.display());
        }
    }
    println!("{read_well} cards read and changed");
    assert!(read_well >= 4, "{read_well}");
}
