//! What the synchronisation of one area of items works with, apart from its servers.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::crm::RecordKind;
use crate::model::Area;
use crate::settings::ItemSettings;
use crate::sync::contacts::ContactPolicy;
use crate::sync::items::{Expander, Guards};

/// Settings and facts that do not change during a run.
#[derive(Clone)]
pub struct ItemJob {
    /// Calendar, tasks or contacts.
    pub area: Area,
    /// The settings of the area.
    pub settings: Arc<ItemSettings>,
    /// What the CRM offers.
    pub capabilities: ItemCapabilities,
    /// The employee's own addresses, lower case: alone they make no meeting (R67, R68).
    pub own_addresses: BTreeSet<String>,
    /// Identity of the CRM (its instance id or address): items made from its records are named after it (V2).
    pub crm_instance: String,
    /// Digest of the settings that decide which items are left out: other rules, another look at everything.
    pub rules: String,
    /// Expands a series where the CRM takes none.
    pub expander: Expander,
    /// What decides about contacts, in their area.
    pub contacts: Option<Arc<ContactPolicy>>,
    /// The guards, all on except in tests.
    pub guards: Guards,
}

/// What the CRM offers for items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemCapabilities {
    /// Records in a batch.
    pub max_items: usize,
    /// It keeps a series as a master with overrides; else it gets occurrences.
    pub takes_series: bool,
}

impl ItemJob {
    /// Kinds of records that belong to the area.
    #[must_use]
    pub fn kinds(&self) -> BTreeSet<RecordKind> {
        match self.area {
            Area::Tasks => [RecordKind::Task].into(),
            Area::Contacts => [RecordKind::Contact, RecordKind::Organisation].into(),
            _ => [RecordKind::Appointment].into(),
        }
    }
}
