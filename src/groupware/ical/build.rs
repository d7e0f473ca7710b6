//! New objects. A frame of lines is written and then edited like any other object, so that there is one way in which a field is written.
//!
//! The icalendar crate 0.17 is not used for it: it cannot write a VTIMEZONE (without one, RFC 5545 §3.2.19 allows no TZID) and loses a second
//! RRULE.

use super::edit::{UsedZones, define_zones, write_fields};
use super::fault::IcalFault;
use super::object::{self, Place};
use super::properties::note;
use super::source::Target;
use super::{Context, dates, edit};
use crate::groupware::lines::{Document, Editor};
use crate::groupware::zones::Zones;
use crate::groupware::{Draft, DraftPart};
use crate::model::{Area, Field, FieldChanges, Fields, Instant, Note, Value};

const FRAME: &str = concat!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//crmsync//crmsync ", env!("CARGO_PKG_VERSION"), "//EN\r\n");

pub(super) fn build(draft: &Draft, now: Instant, context: &Context) -> Result<String, IcalFault> {
    let uid: String = draft.uid.chars().filter(|character| !character.is_control()).collect();
    if uid.trim().is_empty() {
        return Err(IcalFault::NoUid);
    }
    let name = match draft.area {
        Area::Calendar => "VEVENT",
        Area::Tasks => "VTODO",
        Area::Contacts | Area::Mail => return Err(IcalFault::NoItem { found: None }),
    };
    let mut frame = FRAME.to_owned();
    let stamp = now.format("%Y%m%dT%H%M%SZ");
    let component = format!("BEGIN:{name}\r\nUID:{uid}\r\nDTSTAMP:{stamp}\r\nEND:{name}\r\n");
    for _ in &draft.parts {
        frame.push_str(&component);
    }
    frame.push_str("END:VCALENDAR\r\n");

    let document = Document::parse(&frame)?;
    let zones = Zones::new(&document, 0);
    // The components as they were written: the VCALENDAR is 0.
    let places = (1..=draft.parts.len()).map(|component| Place { recurrence_id: None, component }).collect();
    let layout = object::Layout { uid, task: draft.area == Area::Tasks, places };
    let start = draft.parts.iter().find(|part| part.recurrence_id.is_none()).and_then(|part| edit::anchor(&part.fields));
    let mut editor = Editor::new(&document);
    let mut used = UsedZones::new();
    for (place, part) in layout.places.iter().zip(&draft.parts) {
        let source = object::source(&document, &zones, context, place.component, layout.task);
        let fields = written(part, context);
        let mut target = Target { source, editor: &mut editor, after: &fields, used_zones: &mut used };
        if let Some(id) = &part.recurrence_id {
            let id = start.as_ref().map_or_else(|| id.clone(), |start| dates::told_like(start, id));
            target.put_moment("RECURRENCE-ID", &id);
        }
        let changes: FieldChanges = fields.iter().map(|(field, value)| (*field, Some(value.clone()))).collect();
        let link = part.link.is_some().then_some(&part.link);
        write_fields(&mut target, &Fields::new(), &changes, link)?;
    }
    define_zones(&mut editor, &zones, &layout, &used);
    Ok(editor.finish())
}

/// What of a part is written: nobody who could be invited unless that is allowed (V9; the link's block names them), and HTML where there
/// is a link, which is one only there (R76).
fn written(part: &DraftPart, context: &Context) -> Fields {
    let mut fields = part.fields.clone();
    if !context.allow_attendees {
        fields.remove(&Field::Participants);
    }
    fields.remove(&Field::Declined);
    if part.link.as_ref().is_some_and(|link| link.url.is_some()) {
        let note = fields.entry(Field::Note).or_insert_with(|| Value::Note(Note { text: String::new(), html: None }));
        if let Value::Note(note) = note {
            note.html.get_or_insert_with(|| if note.text.is_empty() { String::new() } else { note::html_of(&note.text) });
        }
    }
    fields
}
