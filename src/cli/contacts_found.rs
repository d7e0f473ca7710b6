//! Cards that may be imported, with what is known of each: under whom it would go, and whom it may be already.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::crm::{CrmContacts as _, Partner, PartnerName, PartnerQuery, RecordView};
use crate::engine::{self, Silent};
use crate::groupware::dav::DavStore;
use crate::groupware::{CollectionId, Fetched, ItemId, ItemStore as _};
use crate::journal::{ItemPlace, PairState};
use crate::model::{AccountId, Area, Field, Fields, ItemKey, Value};
use crate::sync::contacts::{
    Admission, DuplicateIndex, Duplicates, EarlierChoices, Evidence, Likeness, Prefill, PrefilledBy, admit, faults, match_query,
    partner_search, prefilled,
};
use crate::sync::items::identity::{part_key, record_of};
use crate::sync::items::spoken;

use super::exit::Failure;
use super::session::Session;
use super::sync::context;

/// Cards read at once.
const BATCH: usize = 100;

/// Business partners asked for by one name.
const PARTNERS: usize = 50;

/// A card that may be imported.
#[derive(Debug, Clone, Serialize)]
pub(super) struct FoundCard {
    pub uid: String,
    pub name: String,
    pub company: String,
    /// Name of the address book.
    pub book: String,
    /// The business partner it would go under.
    pub partner: Option<PartnerName>,
    /// Why this one.
    pub prefilled_by: Option<PrefilledBy>,
    /// Those that come into question, where there are several.
    pub partners: Vec<PartnerName>,
    /// `certain`, `possible` or `none`.
    pub duplicate: &'static str,
    /// Whom it may be already.
    pub similar: Vec<SimilarContact>,
    /// What the CRM would refuse, by field (R91).
    pub faults: Vec<String>,
    #[serde(skip)]
    pub fields: Fields,
    #[serde(skip)]
    pub key: ItemKey,
    #[serde(skip)]
    pub place: ItemPlace,
}

/// A contact of the CRM, or another card, that may be the same.
#[derive(Debug, Clone, Serialize)]
pub(super) struct SimilarContact {
    /// `crm` or `card`.
    pub of: &'static str,
    /// Id of the contact, or UID of the card.
    pub id: String,
    pub name: String,
    pub score: u8,
    /// What speaks for it, the strongest first.
    pub evidence: Vec<String>,
}

/// What was found in the address books.
#[derive(Debug, Default, Serialize)]
pub(super) struct Found {
    /// Cards that may be imported.
    pub cards: Vec<FoundCard>,
    /// Cards that bear the id of a contact: they are updated, not imported (R100).
    pub linked: usize,
}

/// Looks through the address books. What bears no category is not looked at (R90).
pub(super) async fn search(session: &Session, account: &AccountId) -> Result<Found, Failure> {
    let settings = &session.settings.contacts;
    let ctx = context(session, account, std::sync::Arc::new(Silent));
    if let Some(lock) = session.journal.lock(account)? {
        return Err(engine::EngineError::locked(account, lock).into());
    }
    let store = engine::sign_in_items(&session.contact_connector(account)?, session.crm()?, &ctx).await?;
    let mut found = Found::default();
    for book in store.collections(Area::Contacts).await? {
        let chosen = &settings.items.collections;
        let is_own = settings.address_book == book.name || settings.address_book == book.id.0;
        if chosen.is_empty() || is_own || chosen.contains(&book.name) || chosen.contains(&book.id.0) {
            read(session, account, &store, &book.id, &book.name, &mut found).await?;
        }
    }
    judge(session, &mut found.cards).await?;
    Ok(found)
}

async fn read(
    session: &Session,
    account: &AccountId,
    store: &DavStore,
    book: &CollectionId,
    name: &str,
    found: &mut Found,
) -> Result<(), Failure> {
    let ids: Vec<ItemId> = store.changes(book, None).await?.changed.into_iter().map(|item| item.id).collect();
    for chunk in ids.chunks(BATCH) {
        for fetched in store.fetch(book, chunk).await? {
            let Fetched::Item(stored) = fetched else { continue };
            let uid = stored.item.uid.clone();
            let Some(part) = stored.item.parts.into_iter().next() else { continue };
            let key = part_key(&uid, None);
            let pair = session.journal.pair(account, Area::Contacts, &key)?.filter(|pair| pair.record.is_some());
            if pair.is_some_and(|pair| pair.state == PairState::Active) {
                found.linked += 1;
                continue;
            }
            // No server drops a UID, and some drop every other mark.
            let linked = part.record.or_else(|| record_of(session.settings.crm.url.as_str(), &uid));
            match admit(part.fields, linked.as_deref(), &session.settings.contacts.category) {
                Admission::Offered(fields) => found.cards.push(FoundCard {
                    name: spoken::title(&fields),
                    company: text(&fields, Field::Company),
                    book: name.to_owned(),
                    partner: None,
                    prefilled_by: None,
                    partners: Vec::new(),
                    duplicate: "none",
                    similar: Vec::new(),
                    faults: Vec::new(),
                    fields,
                    key,
                    place: ItemPlace { collection: book.0.clone(), id: stored.id.0 },
                    uid,
                }),
                Admission::Linked(_) => found.linked += 1,
                Admission::Private => {}
            }
        }
    }
    Ok(())
}

/// Text of a field.
pub(super) fn text(fields: &Fields, field: Field) -> String {
    match fields.get(&field) {
        Some(Value::Text(text)) => text.clone(),
        _ => String::new(),
    }
}

/// Says of each card whom it may be, under whom it goes and what is wrong with it.
async fn judge(session: &Session, cards: &mut [FoundCard]) -> Result<(), Failure> {
    let (crm, settings) = (session.crm()?, &session.settings.contacts);
    let demands = session.capabilities().await?.contacts.clone();
    let earlier = earlier_choices(session);
    let queries: Vec<_> = cards.iter().map(|card| match_query(&card.fields, settings.country)).collect();
    let answers = crm.match_contacts(&queries).await?;
    let known: BTreeMap<String, RecordView> =
        answers.into_iter().flat_map(|answer| answer.candidates).map(|one| (one.contact.link.id.clone(), one.contact)).collect();
    let in_crm = DuplicateIndex::new(settings.country, known.iter().map(|(id, view)| (id.clone(), &view.fields)));
    let among = DuplicateIndex::new(settings.country, cards.iter().map(|card| (card.uid.clone(), &card.fields)));
    let names: BTreeMap<String, String> = cards.iter().map(|card| (card.uid.clone(), card.name.clone())).collect();
    let mut partners = Partners::default();
    for card in cards {
        let crm_like = in_crm.check(&card.fields, None);
        let cards_like = among.check(&card.fields, Some(&card.uid));
        // Another card of the same import is no reason against this one: of two that are certainly alike the user imports one.
        card.duplicate = word(crm_like.likeness.max(cards_like.likeness.min(Likeness::Possible)));
        let name = |id: &str| known.get(id).map(|view| spoken::title(&view.fields)).unwrap_or_default();
        card.similar = similar("crm", crm_like, name);
        card.similar.extend(similar("card", cards_like, |id| names.get(id).cloned().unwrap_or_default()));
        card.faults = faults(&card.fields, &demands).iter().map(ToString::to_string).collect();
        match partners.of(session, &card.fields, &earlier).await? {
            Prefill::One(partner, by) => (card.partner, card.prefilled_by) = (Some(partner), Some(by)),
            Prefill::Several(several) => card.partners = several,
            Prefill::Unknown => {}
        }
    }
    Ok(())
}

const fn word(likeness: Likeness) -> &'static str {
    match likeness {
        Likeness::Certain => "certain",
        Likeness::Possible => "possible",
        Likeness::None => "none",
    }
}

fn similar(of: &'static str, duplicates: Duplicates, name: impl Fn(&str) -> String) -> Vec<SimilarContact> {
    let one = |similar: crate::sync::contacts::Similar| SimilarContact {
        of,
        name: name(&similar.id),
        id: similar.id,
        score: similar.score,
        evidence: similar.evidence.iter().map(spell).collect(),
    };
    duplicates.similar.into_iter().map(one).collect()
}

/// What two contacts have in common, in words.
fn spell(evidence: &Evidence) -> String {
    match evidence {
        Evidence::Address(address) => format!("the mail address {address}"),
        Evidence::LastNameAndMobile(number) => format!("the last name and the mobile number {number}"),
        Evidence::Name => "first and last name".to_owned(),
        Evidence::OrganisationName => "the name of the organisation".to_owned(),
        Evidence::Mobile(number) => format!("the mobile number {number}"),
        Evidence::LastNameAndShortName => "the last name and a short first name".to_owned(),
        Evidence::LastName => "the last name".to_owned(),
        Evidence::Phone(number) => format!("the number {number}"),
        Evidence::Company => "the company".to_owned(),
        Evidence::Place => "the address".to_owned(),
        Evidence::Birthday => "the birthday".to_owned(),
        Evidence::Domain(domain) => format!("the mail domain {domain}"),
        Evidence::OtherBirthday => "but another birthday".to_owned(),
        Evidence::OtherFirstName => "but another first name".to_owned(),
    }
}

/// Business partners as the CRM found them, each name and domain asked for once.
#[derive(Default)]
struct Partners {
    by_company: BTreeMap<String, Vec<Partner>>,
    by_domain: BTreeMap<String, Vec<Partner>>,
}

impl Partners {
    async fn of(&mut self, session: &Session, fields: &Fields, earlier: &EarlierChoices) -> Result<Prefill, Failure> {
        let crm = session.crm()?;
        let search = partner_search(fields, &session.settings.mail.freemail);
        let mut of_company = Vec::new();
        if let Some(company) = &search.company {
            if !self.by_company.contains_key(company) {
                let mut found = Vec::new();
                for text in spellings(company) {
                    found.extend(crm.partners(&PartnerQuery { text: Some(text), domain: None, limit: PARTNERS }).await?);
                }
                self.by_company.insert(company.clone(), found);
            }
            of_company = self.by_company.get(company).cloned().unwrap_or_default();
        }
        let mut of_domain = Vec::new();
        for domain in &search.domains {
            if !self.by_domain.contains_key(domain) {
                let query = PartnerQuery { text: None, domain: Some(domain.clone()), limit: PARTNERS };
                self.by_domain.insert(domain.clone(), crm.partners(&query).await?);
            }
            of_domain.extend(self.by_domain.get(domain).cloned().unwrap_or_default());
        }
        Ok(prefilled(&search, earlier, &of_company, &of_domain))
    }
}

/// A company as it is written, and without its last word, which is often its legal form: the CRM's search knows nothing of these.
fn spellings(company: &str) -> BTreeSet<String> {
    let short = company.rsplit_once(' ').map(|(head, _)| head.trim().to_owned()).filter(|head| head.chars().count() > 2);
    [Some(company.to_owned()), short].into_iter().flatten().collect()
}

const EARLIER: &str = "earlier-partners.json";

/// What the user chose before. A file that cannot be read is none.
pub(super) fn earlier_choices(session: &Session) -> EarlierChoices {
    std::fs::read(session.data_file(EARLIER)).ok().and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default()
}

/// Keeps what the user chose, for the next import.
pub(super) fn remember(session: &Session, chosen: &[(&Fields, PartnerName)]) -> Result<(), Failure> {
    let mut earlier = earlier_choices(session);
    for (fields, partner) in chosen {
        earlier.remember(fields, partner, &session.settings.mail.freemail);
    }
    let json = serde_json::to_vec(&earlier).map_err(std::io::Error::from)?;
    // The folder is the user's alone.
    Ok(std::fs::write(session.data_file(EARLIER), json)?)
}
