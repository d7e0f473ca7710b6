//! What decides about contacts, apart from the settings that all items have.

use super::selection::{Belonging, ExportRule, belonging};
use crate::crm::{ContactRules, RecordView};

/// What decides about contacts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContactPolicy {
    /// Which contacts of the CRM go into the address book.
    pub export: ExportRule,
    /// Marks cards for the import.
    pub category: String,
    /// Name of the address book that contacts of the CRM go into.
    pub address_book: String,
    /// What the CRM asks of contacts.
    pub demands: ContactRules,
}

impl ContactPolicy {
    /// Whether a contact is known not to belong into the address book. Of one that does not say whose it is, nothing follows (V8).
    #[must_use]
    pub fn leaves_out(&self, contact: &RecordView) -> bool {
        contact.contact.is_some() && matches!(belonging(contact, &self.export), Belonging::Out(_))
    }
}
