//! Changes of a card in its own text.

use std::collections::BTreeSet;

use super::fault::VcardFault;
use super::properties::{self, note};
use super::read;
use super::source::{Source, Target};
use crate::groupware::lines::{Document, Editor};
use crate::groupware::{CrmLink, Item, PartEdit};
use crate::model::{Field, FieldChanges, Fields, Value};

pub(super) fn edit(item: &Item, edits: &[PartEdit]) -> Result<String, VcardFault> {
    let mut changes = FieldChanges::new();
    let mut link: Option<&Option<CrmLink>> = None;
    for edit in edits {
        match edit {
            PartEdit::Set { recurrence_id: None, changes: more, link: newer } => {
                changes.extend(more.iter().map(|(field, value)| (*field, value.clone())));
                link = newer.as_ref().or(link);
            }
            PartEdit::Set { .. } | PartEdit::Exclude { .. } => return Err(VcardFault::NoSuchPart),
        }
    }
    apply(&item.original, &changes, link.map(Option::as_ref))
}

/// The text after these changes.
#[allow(clippy::option_option, reason = "the outer one is absence of a change, as in the port")]
pub(super) fn apply(text: &str, changes: &FieldChanges, link: Option<Option<&CrmLink>>) -> Result<String, VcardFault> {
    let document = Document::parse(text)?;
    let source = Source::new(&document)?;
    if let Some((field, _)) = changes.iter().find(|(field, value)| value.is_some() && !properties::is_mapped(**field)) {
        return Err(VcardFault::BadField { field: *field });
    }
    let before = read::fields(&source);
    let after = merged(&before, changes);
    let mut editor = Editor::new(&document);
    let mut target = Target { source: &source, editor: &mut editor, after: &after, added: BTreeSet::new() };
    for mapper in properties::ALL {
        let change = changes.get(&mapper.field).filter(|value| before.get(&mapper.field) != value.as_ref());
        match change {
            _ if mapper.field == Field::Note && link.is_some() => {}
            Some(value) => (mapper.write)(&mut target, value.as_ref())?,
            None => {}
        }
    }
    if let Some(link) = link {
        let text = match changes.get(&Field::Note) {
            None => None,
            Some(None) => Some(None),
            Some(Some(Value::Note(note))) => Some(Some(note.text.as_str())),
            Some(Some(_)) => return Err(VcardFault::BadField { field: Field::Note }),
        };
        note::write_both(&mut target, text, Some(link));
    }
    Ok(editor.finish())
}

fn merged(before: &Fields, changes: &FieldChanges) -> Fields {
    let mut after = before.clone();
    for (field, value) in changes {
        match value {
            Some(value) => after.insert(*field, value.clone()),
            None => after.remove(field),
        };
    }
    after
}
