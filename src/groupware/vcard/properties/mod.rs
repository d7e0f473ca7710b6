//! One small mapper a property, both directions in one place.
#![allow(clippy::unnecessary_wraps, reason = "mappers have one signature")]

mod categories;
mod company;
mod dates;
mod emails;
pub(super) mod file_as;
mod job;
mod list;
mod messaging;
mod name;
pub(super) mod note;
pub(super) mod organisation;
mod phones;
mod phonetic;
mod photo;
mod places;
mod private;
mod url;

use super::fault::VcardFault;
use super::source::{Source, Target};
use crate::model::{Field, Value};

type Read = fn(&Source<'_>) -> Option<Value>;
type Write = fn(&mut Target<'_, '_>, Option<&Value>) -> Result<(), VcardFault>;

/// How a field is read from and written to a card.
pub(super) struct Mapper {
    pub(super) field: Field,
    pub(super) read: Read,
    pub(super) write: Write,
}

macro_rules! mappers {
    ($($field:ident $($read:ident)::+ $($write:ident)::+),* $(,)?) => {
        &[$(Mapper { field: Field::$field, read: $($read)::+, write: $($write)::+ }),*]
    };
}

/// The order is that of writing: a new card gets its lines so.
pub(super) const ALL: &[Mapper] = mappers![
    Prefix name::read_prefix name::write,
    GivenName name::read_given name::write,
    MiddleName name::read_middle name::write,
    FamilyName name::read_family name::write,
    Suffix name::read_suffix name::write,
    PhoneticGivenName phonetic::read_given phonetic::write_given,
    PhoneticFamilyName phonetic::read_family phonetic::write_family,
    FileAs file_as::read file_as::write,
    Organisation organisation::read organisation::write,
    Company company::read_company company::write,
    Department company::read_department company::write,
    JobTitle job::read_title job::write_title,
    Role job::read_role job::write_role,
    Emails emails::read emails::write,
    Phones phones::read phones::write,
    Messaging messaging::read messaging::write,
    Places places::read places::write,
    Url url::read url::write,
    Birthday dates::read_birthday dates::write_birthday,
    Anniversary dates::read_anniversary dates::write_anniversary,
    Categories categories::read categories::write,
    Private private::read private::write,
    Note note::read note::write,
    Photo photo::read photo::write,
];

/// A card has a place for this field.
pub(super) fn is_mapped(field: Field) -> bool {
    ALL.iter().any(|mapper| mapper.field == field)
}

/// The text of a value, if it is one.
fn text(field: Field, value: Option<&Value>) -> Result<Option<&str>, VcardFault> {
    match value {
        None => Ok(None),
        Some(Value::Text(text)) => Ok(Some(text)),
        Some(_) => Err(VcardFault::BadField { field }),
    }
}

/// The flag of a value, if it is one.
fn flag(field: Field, value: Option<&Value>) -> Result<bool, VcardFault> {
    match value {
        None => Ok(false),
        Some(Value::Flag(flag)) => Ok(*flag),
        Some(_) => Err(VcardFault::BadField { field }),
    }
}

#[cfg(test)]
pub(in crate::groupware::vcard) mod testing;
