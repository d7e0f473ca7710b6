//! The area of contacts: the engine of items between a CRM and an address book that each take care of the pictures.
//!
//! Before a run the rules are completed by what the CRM says: the employee's groups (R88) and what the saved search finds. `desk` stands
//! before the CRM, `shelf` before the address books; the engine between them knows nothing of how a picture travels.

mod desk;
mod shelf;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::crm::{ContactQuery, ContactRules, CrmContacts, CrmRecords};
use crate::groupware::{ItemStore, ical};
use crate::journal::AreaCount;
use crate::model::Area;
use crate::settings::{ContactSettings, contact_rules_digest};
use crate::sync::contacts::{ContactPolicy, ExportRule, replicated_groups};
use crate::sync::items::Guards;

use super::items::{self, ItemCapabilities, ItemJob, ItemPlan};
use super::{Context, EngineError};

use desk::Desk;
use shelf::{AddressBooks, Shelf};

/// Most contacts of the saved search: whoever wants more has a rule for it.
const MOST_FOUND: usize = 20_000;

/// What the synchronisation of contacts works with, apart from its servers.
#[derive(Clone)]
pub struct ContactJob {
    /// The settings of the area.
    pub settings: Arc<ContactSettings>,
    /// What the CRM asks of contacts.
    pub demands: ContactRules,
    /// Records in a batch.
    pub max_items: usize,
    /// Identity of the CRM; see [`ItemJob::crm_instance`].
    pub crm_instance: String,
}

/// Synchronises the contacts of the account in `store`. Returns whether the user stopped it at a batch border.
pub async fn synchronise<S: ItemStore, C: CrmRecords + CrmContacts>(
    store: &S,
    crm: &C,
    job: &ContactJob,
    ctx: &Context,
    count: &mut AreaCount,
) -> Result<bool, EngineError> {
    let (job, shelf) = (prepare(crm, job).await?, Shelf::default());
    let photos = job.photos;
    let desk = Desk { crm, shelf: &shelf, photos, export: &job.policy.export };
    let books = AddressBooks { store, crm, shelf: &shelf, photos, wanted: job.wanted(), dry: false };
    items::synchronise(&books, &desk, &job.items, ctx, count).await
}

/// What [`synchronise`] would do, for at most `limit` contacts. Writes nothing, neither at a server nor in the journal.
pub async fn plan<S: ItemStore, C: CrmRecords + CrmContacts>(
    store: &S,
    crm: &C,
    job: &ContactJob,
    ctx: &Context,
    limit: usize,
) -> Result<ItemPlan, EngineError> {
    let (job, shelf) = (prepare(crm, job).await?, Shelf::default());
    let photos = job.photos;
    let desk = Desk { crm, shelf: &shelf, photos, export: &job.policy.export };
    let books = AddressBooks { store, crm, shelf: &shelf, photos, wanted: job.wanted(), dry: true };
    items::plan(&books, &desk, &job.items, ctx, limit).await
}

/// A job with all that the CRM says about it.
struct Prepared {
    items: ItemJob,
    policy: Arc<ContactPolicy>,
    photos: bool,
}

impl Prepared {
    /// The address book that is to be there.
    fn wanted(&self) -> Option<&str> {
        let goes_there = self.items.settings.direction != crate::settings::SyncDirection::ToCrm;
        goes_there.then_some(self.policy.address_book.as_str())
    }
}

async fn prepare<C: CrmContacts>(crm: &C, job: &ContactJob) -> Result<Prepared, EngineError> {
    let settings = &job.settings;
    let export = export_rule(crm, settings, &job.demands).await?;
    let rules = contact_rules_digest(settings, export.groups.iter().map(String::as_str));
    let policy = Arc::new(ContactPolicy {
        export,
        category: settings.category.clone(),
        address_book: settings.address_book.clone(),
        demands: job.demands.clone(),
    });
    let items = ItemJob {
        area: Area::Contacts,
        settings: Arc::new(settings.items.clone()),
        capabilities: ItemCapabilities { max_items: job.max_items, takes_series: true },
        own_addresses: BTreeSet::new(),
        crm_instance: job.crm_instance.clone(),
        rules,
        expander: ical::occurrences,
        contacts: Some(Arc::clone(&policy)),
        guards: Guards::default(),
    };
    Ok(Prepared { items, policy, photos: settings.photos })
}

/// The rules that say which contacts go into the address book, with what the CRM says of groups and of the saved search.
pub async fn export_rule<C: CrmContacts>(crm: &C, settings: &ContactSettings, demands: &ContactRules) -> Result<ExportRule, EngineError> {
    let groups = if settings.groups { replicated_groups(&crm.groups().await?) } else { BTreeSet::new() };
    let mut found = BTreeSet::new();
    if let Some(text) = &settings.search {
        let mut query = ContactQuery { text: Some(text.clone()), limit: 500, ..ContactQuery::default() };
        loop {
            let page = crm.find_contacts(&query).await?;
            found.extend(page.contacts.into_iter().map(|contact| contact.link.id));
            match page.next {
                Some(next) if found.len() < MOST_FOUND => query.cursor = Some(next),
                _ => break,
            }
        }
    }
    Ok(ExportRule { owned: settings.owned, groups, found, organisations: settings.organisations && demands.organisations })
}
