//! Contacts: which belong where, who is whom already, and what the CRM would refuse. Pure.
//!
//! [`belonging`] says whether a contact of the CRM goes into the address book, [`admit`] whether a card of the address book may be read
//! at all, [`DuplicateIndex`] whom it may be already, [`prefilled`] under which business partner it goes, [`faults`] what the CRM would
//! refuse of it.

mod duplicates;
mod marks;
mod partner;
mod policy;
mod selection;
mod validity;

pub use duplicates::{DuplicateIndex, Duplicates, Evidence, Likeness, Similar, match_query};
pub use partner::{EarlierChoices, PartnerSearch, Prefill, PrefilledBy, partner_search, prefilled};
pub use policy::ContactPolicy;
pub use selection::{Admission, Belonging, ExportRule, Rule, admit, belonging, replicated_groups};
pub use validity::faults;
