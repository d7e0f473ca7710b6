//! Every file of the corpus is read without panic, changed field by field, and nothing else of it moves.

use std::path::PathBuf;

use super::super::properties::testing::berlin;
use super::super::*;
use crate::model::{Area, Field, Fields, Note, Value};

/// Our own fixtures, and those of the folder that `CRMSYNC_CORPUS` names.
fn texts() -> Vec<(PathBuf, String)> {
    let mut folders = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("protocol-fixtures/ical")];
    folders.extend(std::env::var_os("CRMSYNC_CORPUS").filter(|folder| !folder.is_empty()).map(|folder| PathBuf::from(folder).join("ical")));
    let mut paths: Vec<_> =
        folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
        .into_iter()
        .filter(|path| path.extension().is_some_and(|kind| kind == "ics"))
        .map(|path| {
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            (path, identified(&text))
        })
        .collect()
}

/// Many files of the corpus are pieces without a UID: they get one.
fn identified(text: &str) -> String {
    if read(text, &Context::default()) != Err(IcalFault::NoUid) {
        return text.to_owned();
    }
    let begins = |line: &str| ["BEGIN:VEVENT", "BEGIN:VTODO"].iter().any(|begin| line.trim_end().eq_ignore_ascii_case(begin));
    text.split_inclusive('\n').map(|line| if begins(line) { format!("{line}UID:u1\r\n") } else { line.to_owned() }).collect()
}

/// A new value for each field that can be set alone.
fn values(area: Area) -> Vec<(Field, Value)> {
    let text = |text: &str| Value::Text(text.to_owned());
    let mut values = vec![
        (Field::Subject, text("Neuer Titel; mit, Zeichen \\ und ä")),
        (Field::Location, text("Büro")),
        (
            Field::Note,
            Value::Note(Note {
                text: "Zeile 1\n\nZeile 2, lang genug, um gefaltet zu werden: äöü äöü äöü äöü äöü äöü".to_owned(),
                html: None,
            }),
        ),
        (Field::Private, Value::Flag(true)),
        (Field::Categories, Value::Words(["crmsync test".to_owned()].into())),
        (Field::Priority, Value::Number(7)),
        (Field::Url, text("https://example.org/a?b=c")),
        (Field::MeetingLink, text("https://meet.example.org/x")),
        (Field::Reminder, Value::Number(37)),
    ];
    if area == Area::Tasks {
        values.push((Field::Due, Value::Moment(berlin("2027-01-02T03:04:00"))));
        values.push((Field::TaskStatus, text("cancelled")));
        values.push((Field::Percent, Value::Number(55)));
    } else {
        values.push((Field::Slot, Value::Slot(Slot { start: berlin("2027-01-02T03:04:00"), end: berlin("2027-01-02T05:00:00") })));
        values.push((Field::ShowAs, text("out-of-office")));
        values.push((Field::Cancelled, Value::Flag(true)));
    }
    values
}

/// Names of the properties of one field's lines, and of the folded rest of these.
fn own(field: Field) -> &'static [&'static str] {
    match field {
        Field::Subject => &["SUMMARY"],
        Field::Location => &["LOCATION"],
        Field::Note => &["DESCRIPTION", "X-ALT-DESC"],
        Field::Private => &["CLASS"],
        Field::Categories => &["CATEGORIES"],
        Field::Priority => &["PRIORITY"],
        Field::Url => &["URL"],
        Field::MeetingLink => &["CONFERENCE", "X-GOOGLE-CONFERENCE", "X-MICROSOFT-SKYPETEAMSMEETINGURL"],
        Field::Reminder => &["TRIGGER", "BEGIN", "END", "ACTION", "DESCRIPTION"],
        Field::Slot | Field::Due => &["DTSTART", "DTEND", "DUE", "DURATION", "EXDATE", "RECURRENCE-ID", "X-MICROSOFT-CDO-ALLDAYEVENT"],
        Field::ShowAs => &["TRANSP", "X-MICROSOFT-CDO-BUSYSTATUS", "STATUS"],
        Field::Cancelled | Field::TaskStatus => &["STATUS"],
        Field::Percent => &["PERCENT-COMPLETE"],
        _ => &[],
    }
}

/// Logical lines that are not a field's own, and not part of a VTIMEZONE that a new zone brought.
fn others(text: &str, field: Field, definitions: bool) -> Vec<String> {
    let document = crate::groupware::lines::Document::parse(text).unwrap();
    let zones: Vec<_> = document.components().iter().filter(|component| component.name.eq_ignore_ascii_case("VTIMEZONE")).collect();
    let mut kept = Vec::new();
    let mut line = 0;
    while let Some(property) = document.property(line) {
        let defined = definitions && zones.iter().any(|zone| (zone.begin..=zone.end).contains(&line));
        if !defined && !own(field).iter().any(|name| property.name().eq_ignore_ascii_case(name)) {
            kept.push(document.raw(line, line).to_owned());
        }
        line += 1;
    }
    kept
}

#[test]
fn v7_every_file_keeps_what_a_change_does_not_name() {
    let context = Context::default();
    let mut read_well = 0;
    for (path, text) in texts() {
        let item = match read(&text, &context) {
            Ok(item) => item,
            Err(fault) => {
                assert!(!fault.to_string().is_empty());
                continue;
            }
        };
        read_well += 1;
        assert_eq!(edit(&item, &[], &context).unwrap(), text, "{}", path.display());
        for part in &item.parts {
            let id = part.recurrence_id.clone();
            let same = part.fields.iter().map(|(field, value)| (*field, Some(value.clone()))).collect();
            let same = PartEdit::Set { recurrence_id: id.clone(), changes: same, link: None };
            assert_eq!(edit(&item, &[same], &context).unwrap(), text, "{}", path.display());
            for (field, value) in values(item.area) {
                let change = PartEdit::Set { recurrence_id: id.clone(), changes: [(field, Some(value.clone()))].into(), link: None };
                let written = edit(&item, &[change], &context).unwrap();
                let again = read(&written, &context).unwrap_or_else(|fault| panic!("{}: {fault}\n{written}", path.display()));
                let place = again.parts.iter().find(|part| part.recurrence_id == id).unwrap();
                assert_eq!(place.fields.get(&field), Some(&value), "{} {field}\n{written}", path.display());
                assert_eq!(without(&place.fields, field), without(&part.fields, field), "{} {field}\n{written}", path.display());
                let timed = matches!(field, Field::Slot | Field::Due);
                assert_eq!(others(&written, field, timed), others(&text, field, timed), "{} {field}", path.display());
            }
        }
        let all = occurrences(&item, "1900-01-01T00:00:00Z".parse().unwrap(), "2100-01-01T00:00:00Z".parse().unwrap(), 500);
        assert!(all.list.len() <= 500);
    }
    println!("{read_well} objects read and changed");
    assert!(read_well >= 4);
}

/// The other fields; what follows from the changed one is left out.
fn without(fields: &Fields, field: Field) -> Fields {
    let follows: &[Field] = match field {
        Field::Note | Field::Location | Field::Url => &[Field::MeetingLink],
        Field::Slot => &[Field::Recurrence],
        // STATUS:CANCELLED takes the place of STATUS:TENTATIVE.
        Field::Cancelled => &[Field::ShowAs],
        // A reminder of a task hangs on which times it has; 100 per cent on what is completed.
        Field::Due => &[Field::Reminder],
        Field::Percent => &[Field::TaskStatus],
        _ => &[],
    };
    fields.iter().filter(|(key, _)| **key != field && !follows.contains(key)).map(|(key, value)| (*key, value.clone())).collect()
}
