//! New cards. A frame of lines is written and then edited like any other card, so that there is one way in which a field is written.

use super::fault::VcardFault;
use super::line::escaped;
use super::properties::file_as;
use super::source::Style;
use super::{Version, edit};
use crate::groupware::Draft;
use crate::groupware::lines::fold;
use crate::model::{Area, FieldChanges};

const PRODUCT: &str = concat!("-//crmsync//crmsync ", env!("CARGO_PKG_VERSION"), "//EN");

pub(super) fn build(draft: &Draft, version: Version) -> Result<String, VcardFault> {
    let uid: String = draft.uid.chars().filter(|character| !character.is_control()).collect();
    if uid.trim().is_empty() {
        return Err(VcardFault::NoUid);
    }
    let [part] = draft.parts.as_slice() else { return Err(VcardFault::NoSuchPart) };
    if draft.area != Area::Contacts || part.recurrence_id.is_some() {
        return Err(VcardFault::NoSuchPart);
    }
    let (number, style) = match version {
        Version::V3 => ("3.0", Style::V3),
        Version::V4 => ("4.0", Style::V4),
    };
    // FN and N are demanded (RFC 2426 §3.1; RFC 6350 §6.2.1), whatever is known.
    let name = escaped(style, &file_as::shown(&part.fields));
    let mut frame = String::new();
    for line in ["BEGIN:VCARD", &format!("VERSION:{number}"), &format!("PRODID:{PRODUCT}"), &format!("UID:{}", escaped(style, uid.trim()))]
    {
        fold(line, "\r\n", &mut frame);
        frame.push_str("\r\n");
    }
    for line in ["N:;;;;", &format!("FN:{name}"), "END:VCARD"] {
        fold(line, "\r\n", &mut frame);
        frame.push_str("\r\n");
    }
    let changes: FieldChanges = part.fields.iter().map(|(field, value)| (*field, Some(value.clone()))).collect();
    edit::apply(&frame, &changes, part.link.as_ref().map(Some))
}
