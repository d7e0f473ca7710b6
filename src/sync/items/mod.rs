//! Decisions of the areas of items. Pure.
//!
//! In the order of a run: [`identity`] names things, [`parts`] says what an item consists of for the CRM, [`matching`] what belongs
//! together, [`visibility`] what may leave, [`window`] what is created, [`merge`] which field flows where, [`deletion`] what an absence
//! means, [`scheduling`] what must not be written, [`decide()`] puts them together, [`guard`] stops what is too much at once, and
//! [`link_back`] says which link an item lacks.

pub mod activity_type;
mod contacts;
pub mod decide;
mod decision;
pub mod deletion;
pub mod expand;
pub mod guard;
mod guards;
pub mod identity;
pub mod link_back;
mod lists;
pub mod matching;
pub mod merge;
pub mod parts;
pub mod scheduling;
pub mod spoken;
#[cfg(test)]
mod testing;
pub mod visibility;
pub mod window;
mod writes;

use std::collections::BTreeSet;

use crate::model::{Area, Instant};
use crate::settings::ItemSettings;
use crate::sync::contacts::ContactPolicy;

pub use decide::decide;
pub use decision::{Decision, Facts, GroupwareWrite, Import, PartDecision, Presence, What, Will};
pub use expand::{Expander, Occurrence, Occurrences};
#[doc(hidden)]
pub use guards::Guard;
pub use guards::Guards;
pub use merge::{Loser, Merge};

/// What decides, apart from the two sides.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// Calendar or tasks.
    pub area: Area,
    /// The settings of the area.
    pub settings: &'a ItemSettings,
    /// The employee's own addresses, lower case.
    pub own: &'a BTreeSet<String>,
    /// The CRM keeps a series as one record with overrides.
    pub takes_series: bool,
    /// The server mails attendees when an item that has them is written (V9).
    pub schedules: bool,
    /// Now.
    pub now: Instant,
    /// The guards, all on except in tests.
    pub guards: Guards,
    /// What decides about contacts, in their area.
    pub contacts: Option<&'a ContactPolicy>,
}
