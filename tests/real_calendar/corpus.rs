//! Calendar objects as real programs wrote them: each is put on the server, comes into the CRM, is changed there in one field, and only
//! the lines of that field change on the server.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use chrono::TimeDelta;
use crmsync::model::{Field, Fields, Moment, Note, Slot, Value};
use crmsync::sandbox::crm::StoredRecord;
use crmsync::sync::items::link_back::LINKS_PER_RUN;

use crate::scene::Scene;
use crate::support::servers::corpus;

/// Of a file with many items, which are much alike.
const MOST_OF_A_FILE: usize = 4;

/// A moved series takes its exceptions along.
const SLOT: &[&str] = &["DTSTART", "DTEND", "EXDATE", "RECURRENCE-ID", "RDATE", "X-MICROSOFT-CDO-ALLDAYEVENT"];

/// What became of the files at the server.
#[derive(Default)]
struct Shelf {
    /// Objects by name, as the server stored them.
    stored: BTreeMap<String, String>,
    /// How many of them as they were found, and not made fit first.
    as_found: usize,
    /// What the server took in no form, with its status.
    refused: Vec<String>,
}

/// A change of one field in the CRM.
struct Change {
    field: Field,
    /// Properties whose lines carry the field.
    lines: &'static [&'static str],
}

pub fn v7_every_object_of_the_corpus_keeps_what_a_change_in_the_crm_does_not_name(server: &'static str) {
    // So that nothing is too old.
    let scene = Scene::with(server, "past_days = 36600");
    let shelf = put_all(&scene);
    let count = shelf.stored.len();
    println!(
        "{server}: {count} objects stored, {} of them as found, {} refused: {:#?}",
        shelf.as_found,
        shelf.refused.len(),
        shelf.refused
    );

    // So many links at most are written back in one run.
    scene.settle_within(2 + count.div_ceil(LINKS_PER_RUN));
    let waiting = waiting(&scene);
    println!("{server}: {} wait: {waiting:#?}", waiting.len());
    let before = scene.items(shelf.stored.keys());
    let mut faults = Vec::new();
    for (name, text) in &before {
        let added = differing(&shelf.stored[name], text);
        let foreign: Vec<_> = added.iter().filter(|line| !is_one_of(line, &["DESCRIPTION", "X-ALT-DESC", "X-CRMSYNC-RECORD"])).collect();
        if !foreign.is_empty() {
            faults.push(format!("{name}: the link alone is added, not {foreign:#?}\n{text}"));
        }
    }

    let changes = change_each(&scene);
    assert!(changes.len() * 3 > count, "{server}: only {} of {count} can be changed", changes.len());
    scene.settle();
    let waiting = self::waiting(&scene);
    let mut arrived = 0;
    for (name, after) in scene.items(shelf.stored.keys()) {
        let before = &before[&name];
        let moved = differing(before, &after);
        let Some(Change { field, lines }) = changes.get(&name).filter(|_| !waiting.contains_key(&name)) else {
            if !moved.is_empty() {
                faults.push(format!("{name} was not to be changed: {moved:#?}"));
            }
            continue;
        };
        let foreign: Vec<_> = moved.iter().filter(|line| !is_one_of(line, lines)).collect();
        if !foreign.is_empty() || moved.is_empty() {
            faults.push(format!("{name}: {field} moved {foreign:#?}\nbefore:\n{before}\nafter:\n{after}"));
        }
        arrived += 1;
    }
    println!("{server}: {arrived} objects changed in one field, {} wait: {waiting:#?}", waiting.len());
    assert!(faults.is_empty(), "{server}: {} faults:\n{}", faults.len(), faults.join("\n"));
}

/// The project's own fixtures, and the files of the folder that `CRMSYNC_CORPUS` names.
fn files() -> Vec<PathBuf> {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("protocol-fixtures/ical");
    let folders = [Some(own), corpus().map(|folder| folder.join("ical"))];
    let entries = folders.into_iter().flatten().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Puts every file on the server: as it is, else as a program that imports files makes an object of each of its items.
fn put_all(scene: &Scene) -> Shelf {
    let mut shelf = Shelf::default();
    let mut names = Vec::new();
    let mut uids = BTreeSet::new();
    for (number, file) in files().iter().enumerate() {
        let bytes = std::fs::read(file).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let name = format!("{number:03}.ics");
        let stem = file.file_name().unwrap().to_string_lossy().into_owned();
        let items = items(&text);
        if items.len() <= 1 && matches!(scene.send("PUT", &name, bytes).0, 200 | 201 | 204) {
            uids.extend(items.into_keys());
            shelf.as_found += 1;
            names.push(name);
            continue;
        }
        if items.is_empty() {
            shelf.refused.push(format!("{stem}: no appointment and no task"));
        }
        for (index, (uid, components)) in items.into_iter().take(MOST_OF_A_FILE).enumerate() {
            let own = if uid.is_empty() || !uids.insert(uid.clone()) { Some(format!("corpus-{number}-{index}")) } else { None };
            let name = format!("{number:03}-{index}.ics");
            let (status, words) = scene.send("PUT", &name, object(&text, &components, own.as_deref()));
            // Xandikos 0.2.8 tells of an error with 207.
            if matches!(status, 200 | 201 | 204) {
                names.push(name);
            } else {
                shelf.refused.push(format!("{stem} #{index}: {status} {}", said(&words)));
            }
        }
    }
    shelf.stored = scene.items(&names);
    shelf
}

/// The lines of components below VCALENDAR, with their names.
fn components(text: &str) -> Vec<(String, Vec<&str>)> {
    let mut found: Vec<(String, Vec<&str>)> = Vec::new();
    let (mut depth, mut top) = (0, 2);
    for line in text.lines() {
        let upper = line.trim().to_ascii_uppercase();
        if let Some(name) = upper.strip_prefix("BEGIN:") {
            depth += 1;
            if depth == 1 {
                // Some files are a bare component.
                top = if name == "VCALENDAR" { 2 } else { 1 };
            }
            if depth == top {
                found.push((name.to_owned(), Vec::new()));
            }
        }
        if depth >= top && !found.is_empty() {
            found.last_mut().unwrap().1.push(line);
        }
        if upper.starts_with("END:") {
            depth -= 1;
        }
    }
    found
}

/// Appointments and tasks by UID; those without one by themselves.
fn items(text: &str) -> BTreeMap<String, Vec<Vec<&str>>> {
    let mut items: BTreeMap<String, Vec<Vec<&str>>> = BTreeMap::new();
    for (name, lines) in components(text) {
        if name == "VEVENT" || name == "VTODO" {
            let at = lines.iter().position(|line| line.to_ascii_uppercase().starts_with("UID"));
            let folded = |at: usize| lines[at + 1..].iter().take_while(|line| line.starts_with([' ', '\t']));
            let uid = at.map(|at| lines[at].to_owned() + &folded(at).map(|line| &line[1..]).collect::<String>());
            let uid = uid.and_then(|line| line.split_once(':').map(|(_, uid)| uid.trim().to_owned())).unwrap_or_default();
            items.entry(uid).or_default().push(lines);
        }
    }
    items
}

/// An object of these components, with the time zones of the file, and perhaps another UID.
fn object(text: &str, components: &[Vec<&str>], uid: Option<&str>) -> String {
    let zones = self::components(text).into_iter().filter(|(name, _)| name == "VTIMEZONE").flat_map(|(_, lines)| lines);
    let mut lines: Vec<String> = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//corpus//EN"].map(str::to_owned).into();
    lines.extend(zones.map(str::to_owned));
    for component in components {
        let mut rest = component.iter();
        lines.extend(rest.next().map(|begin| (*begin).to_owned()));
        let named = |name: &str| component.iter().any(|line| line.to_ascii_uppercase().starts_with(name));
        let task = named("BEGIN:VTODO");
        let needed = [("DTSTAMP", ":20260101T000000Z"), ("SUMMARY", ":Ohne Titel"), ("DTSTART", ";VALUE=DATE:20260101")];
        lines.extend(
            needed
                .into_iter()
                .take(if task { 2 } else { 3 })
                .filter(|(name, _)| !named(name))
                .map(|(name, value)| format!("{name}{value}")),
        );
        lines.extend(uid.map(|uid| format!("UID:{uid}")));
        let mut dropped = false;
        for line in rest {
            let folded = line.starts_with([' ', '\t']);
            dropped = if folded { dropped } else { uid.is_some() && line.to_ascii_uppercase().starts_with("UID") };
            if !dropped {
                lines.push((*line).to_owned());
            }
        }
    }
    lines.push("END:VCALENDAR\r\n".to_owned());
    lines.join("\r\n")
}

/// The words of an error, without its tags.
fn said(xml: &str) -> String {
    let condition = xml.split('<').filter(|tag| tag.contains("valid-") || tag.contains("supported-") || tag.contains("uid-conflict"));
    let words = xml.split('<').filter_map(|tag| tag.split_once('>').map(|(_, text)| text.trim())).filter(|text| !text.is_empty());
    let condition = condition.map(|tag| tag.split([' ', '/', '>']).next().unwrap_or_default());
    condition.chain(words).collect::<Vec<_>>().join(" ")
}

/// What waits, by the item's name, with the reason as people read it.
fn waiting(scene: &Scene) -> BTreeMap<String, String> {
    let parked = scene.agent.json(&["parked"]);
    let entries = parked.as_array().unwrap().iter().map(|entry| {
        let name = entry["item"]["id"].as_str().unwrap_or_else(|| entry["id"].as_str().unwrap());
        let reason = format!("{}: {}", entry["title"].as_str().unwrap_or_default(), entry["reason"]);
        assert!(entry["reason"]["code"].is_string(), "{reason}");
        (name.to_owned(), reason)
    });
    entries.collect()
}

/// Changes one field of one record of every item, another one of each.
fn change_each(scene: &Scene) -> BTreeMap<String, Change> {
    let records: BTreeMap<String, StoredRecord> = scene.records().into_iter().map(|record| (record.id(), record)).collect();
    let pairs = scene.agent.json(&["pairs"]);
    let mut by_item: BTreeMap<String, Vec<&StoredRecord>> = BTreeMap::new();
    for pair in pairs.as_array().unwrap() {
        if let (Some(item), Some(record)) = (pair["item"]["id"].as_str(), pair["record"]["id"].as_str()) {
            by_item.entry(item.to_owned()).or_default().push(&records[record]);
        }
    }
    let mut changes = BTreeMap::new();
    for (number, (item, records)) in by_item.into_iter().enumerate() {
        let record = records[number % records.len()];
        let possible = possible(&record.fields, record.activity_type == "TASK");
        let (field, value, lines) = possible.into_iter().cycle().nth(number).unwrap();
        scene.crm.running().change_record(&record.id(), [(field, Some(value))].into()).unwrap().unwrap();
        changes.insert(item, Change { field, lines });
    }
    changes
}

/// Fields with another value than a record has, and the properties that carry them.
fn possible(fields: &Fields, task: bool) -> Vec<(Field, Value, &'static [&'static str])> {
    let text = |text: &str| Value::Text(text.to_owned());
    let note = Note {
        text: "Zeile 1\n\nZeile 2; mit, Zeichen \\ und so lang, dass sie gefaltet wird: äöü äöü äöü".to_owned(), html: None
    };
    let mut values: Vec<(Field, Value, &[&str])> = vec![
        (Field::Subject, text("Neuer Titel; mit, Zeichen \\ und ä"), &["SUMMARY"]),
        (Field::Location, text("Büro 4"), &["LOCATION"]),
        (Field::Note, Value::Note(note), &["DESCRIPTION", "X-ALT-DESC"]),
        (Field::Priority, Value::Number(7), &["PRIORITY"]),
        (Field::Categories, Value::Words(["crmsync test".to_owned()].into()), &["CATEGORIES"]),
        (Field::Reminder, Value::Number(37), &["BEGIN", "END", "ACTION", "TRIGGER", "DESCRIPTION"]),
        (Field::Url, text("https://example.org/a?b=c"), &["URL"]),
    ];
    if !fields.contains_key(&Field::Private) {
        values.push((Field::Private, Value::Flag(true), &["CLASS"]));
    }
    if task {
        values.push((Field::TaskStatus, text("cancelled"), &["STATUS"]));
        values.push((Field::Percent, Value::Number(55), &["PERCENT-COMPLETE"]));
        if let Some(Value::Moment(due)) = fields.get(&Field::Due) {
            values.push((Field::Due, Value::Moment(later(due)), &["DUE"]));
        }
    } else {
        // Show-as is the groupware's (R66).
        values.push((Field::Cancelled, Value::Flag(true), &["STATUS"]));
        if let Some(Value::Slot(slot)) = fields.get(&Field::Slot) {
            let slot = Slot { start: later(&slot.start), end: later(&slot.end) };
            values.push((Field::Slot, Value::Slot(slot), SLOT));
        }
    }
    values
}

/// A day or an hour later.
fn later(moment: &Moment) -> Moment {
    match moment {
        Moment::Day(day) => Moment::Day(day.succ_opt().unwrap()),
        Moment::Floating(local) => Moment::Floating(*local + TimeDelta::hours(1)),
        Moment::Zoned { local, zone, instant } => {
            Moment::Zoned { local: *local + TimeDelta::hours(1), zone: zone.clone(), instant: *instant + TimeDelta::hours(1) }
        }
    }
}

/// Unfolded lines, each as often as one text has it more than the other. An empty name counts as none: Radicale 3.1 and 3.9 drop it when they
/// get back what they gave.
fn differing(before: &str, after: &str) -> Vec<String> {
    let mut counts: BTreeMap<String, i32> = BTreeMap::new();
    for (text, weight) in [(before, -1), (after, 1)] {
        for line in text.replace("\r\n ", "").replace("\n ", "").replace("\r\n\t", "").replace("\n\t", "").lines() {
            *counts.entry(line.replace(";CN=:", ":")).or_default() += weight;
        }
    }
    let signed = |(line, count): (String, i32)| (count != 0).then(|| format!("{}{line}", if count > 0 { '+' } else { '-' }));
    counts.into_iter().filter_map(signed).collect()
}

/// Whether a differing line is one of these properties.
fn is_one_of(line: &str, names: &[&str]) -> bool {
    let name: String = line[1..].chars().take_while(|letter| !matches!(letter, ':' | ';')).collect();
    names.iter().any(|one| name.eq_ignore_ascii_case(one))
}
