//! From an object to an [`Item`].

use super::fault::IcalFault;
use super::{Context, object, properties};
use crate::groupware::lines::Document;
use crate::groupware::zones::Zones;
use crate::groupware::{Item, Part};
use crate::model::{Area, Fields};

pub(super) fn read(text: &str, context: &Context) -> Result<Item, IcalFault> {
    let document = Document::parse(text)?;
    let zones = Zones::new(&document, object::calendar(&document));
    let layout = object::layout(&document, &zones, context)?;
    let mut scheduled = false;
    let mut parts = Vec::with_capacity(layout.places.len());
    for place in layout.places {
        let source = object::source(&document, &zones, context, place.component, layout.task);
        let mut fields = Fields::new();
        for mapper in properties::of(layout.task) {
            if let Some(value) = (mapper.read)(&source)? {
                fields.insert(mapper.field, value);
            }
        }
        scheduled |= properties::names_people(&source);
        let (record, link_block) = properties::note::record(&source);
        parts.push(Part { recurrence_id: place.recurrence_id, fields, record, link_block });
    }
    let area = if layout.task { Area::Tasks } else { Area::Calendar };
    Ok(Item { uid: layout.uid, area, parts, scheduled, original: text.into() })
}
