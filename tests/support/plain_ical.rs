//! The least iCalendar that tests of the wire need: a UID and a title. What holds `X-BROKEN` cannot be read.

use std::collections::BTreeSet;
use std::sync::Arc;

use crmsync::groupware::dav::{Format, FormatFault};
use crmsync::groupware::{Draft, DraftPart, Item, Part, PartEdit};
use crmsync::model::{Area, Field, Fields, Value};

/// Reads and writes UID and SUMMARY.
pub struct PlainFormat;

impl Format for PlainFormat {
    fn read(&self, text: &str) -> Result<Item, FormatFault> {
        let unfolded = text.replace("\r\n ", "");
        let value = |name: &str| unfolded.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::to_owned);
        if text.contains("X-BROKEN") {
            return Err(FormatFault("it is broken".to_owned()));
        }
        let uid = value("UID").ok_or_else(|| FormatFault("it has no UID".to_owned()))?;
        let fields = value("SUMMARY").map(|title| (Field::Subject, Value::Text(title))).into_iter().collect();
        Ok(Item {
            uid,
            area: if text.contains("BEGIN:VTODO") { Area::Tasks } else { Area::Calendar },
            parts: vec![Part { recurrence_id: None, fields, record: None, link_block: None }],
            scheduled: text.contains("ATTENDEE"),
            original: Arc::from(text),
        })
    }

    fn edit(&self, item: &Item, edits: &[PartEdit]) -> Result<String, FormatFault> {
        let mut text = item.original.to_string();
        for edit in edits {
            let PartEdit::Set { changes, .. } = edit else { return Err(FormatFault("no such edit".to_owned())) };
            let Some(Some(Value::Text(title))) = changes.get(&Field::Subject) else { return Err(FormatFault("no title".to_owned())) };
            let lines =
                text.lines().map(|line| if line.starts_with("SUMMARY:") { format!("SUMMARY:{title}\r\n") } else { format!("{line}\r\n") });
            text = lines.collect();
        }
        Ok(text)
    }

    fn build(&self, draft: &Draft) -> Result<String, FormatFault> {
        let title = match draft.parts.first().and_then(|part| part.fields.get(&Field::Subject)) {
            Some(Value::Text(title)) => title.as_str(),
            _ => "?",
        };
        Ok(event(&draft.uid, title, ""))
    }
}

/// An event with further lines, which end in CR LF.
pub fn event(uid: &str, title: &str, lines: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\nBEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20261122T080000Z\r\nDTSTART:20261124T090000Z\r\n\
         DTEND:20261124T100000Z\r\nSUMMARY:{title}\r\n{lines}END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

/// A new event.
pub fn draft(uid: &str, title: &str) -> Draft {
    let fields: Fields = [(Field::Subject, Value::Text(title.to_owned()))].into_iter().collect();
    let part = DraftPart { recurrence_id: None, fields, link: None };
    Draft { create_id: format!("c-{uid}"), uid: uid.to_owned(), area: Area::Calendar, parts: vec![part] }
}

/// A change of the title.
pub fn retitled(title: &str) -> Vec<PartEdit> {
    let changes = [(Field::Subject, Some(Value::Text(title.to_owned())))].into_iter().collect();
    vec![PartEdit::Set { recurrence_id: None, changes, link: None }]
}

/// The title of an item.
pub fn title(item: &Item) -> &str {
    match item.parts.first().and_then(|part| part.fields.get(&Field::Subject)) {
        Some(Value::Text(title)) => title,
        _ => "",
    }
}

/// Ids as a set.
pub fn names<'a>(ids: impl IntoIterator<Item = &'a crmsync::groupware::ItemId>) -> BTreeSet<&'a str> {
    ids.into_iter().map(|id| id.0.as_str()).collect()
}
