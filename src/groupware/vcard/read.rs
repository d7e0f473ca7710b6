//! From a card to an [`Item`].

use super::fault::VcardFault;
use super::properties::{self, note, organisation};
use super::source::Source;
use crate::groupware::lines::Document;
use crate::groupware::{Item, Part};
use crate::model::{Area, Fields};

pub(super) fn read(text: &str) -> Result<Item, VcardFault> {
    let document = Document::parse(text)?;
    let source = Source::new(&document)?;
    if let Some(kind) = organisation::kind(&source).filter(|kind| !organisation::is_contact(kind)) {
        return Err(VcardFault::NoContact { kind });
    }
    let (record, link_block) = note::record(&source);
    let part = Part { recurrence_id: None, fields: fields(&source), record, link_block };
    let uid = source.line_of_text("UID").unwrap_or_default();
    Ok(Item { uid, area: Area::Contacts, parts: vec![part], scheduled: false, original: text.into() })
}

pub(super) fn fields(source: &Source<'_>) -> Fields {
    let mut fields = Fields::new();
    for mapper in properties::ALL {
        if let Some(value) = (mapper.read)(source) {
            fields.insert(mapper.field, value);
        }
    }
    fields
}
