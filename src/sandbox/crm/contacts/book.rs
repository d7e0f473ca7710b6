//! All contacts in memory, by name and by the marks that matches go by. Made anew when a contact has changed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use super::{StoredContact, StoredGroup};
use crate::crm::contract::{CandidateDocument, ItemDocument, MAX_CANDIDATES, MatchResultDocument};
use crate::crm::{MatchQuery, MatchedBy};
use crate::model::contact::Phone;
use crate::model::dialling::{Country, e164};
use crate::model::{Field, Value, folding};
use crate::sandbox::crm::server::{App, lock};
use crate::sandbox::crm::store::StoreError;

/// National numbers of the invented organisation are of this country.
const HOME: &str = "DE";

/// Contacts looked at for one mark: a switchboard's number, a name that hundreds bear.
const MAX_HITS: usize = 200;

/// The book of the last change.
pub(in crate::sandbox::crm) type Cache = Mutex<Option<Arc<Book>>>;

/// All contacts.
#[derive(Debug)]
pub(in crate::sandbox::crm) struct Book {
    sequence: u64,
    /// By name.
    pub(super) contacts: Vec<StoredContact>,
    pub(super) groups: Vec<StoredGroup>,
    /// Names of the business partners by id.
    partners: HashMap<String, String>,
    marks: HashMap<Mark, Vec<usize>>,
}

/// What a contact is found by.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Mark {
    Address(String),
    LastNameAndMobile(String, String),
    Name(String),
    Mobile(String),
    Company(String),
}

impl Mark {
    const fn name(&self) -> MatchedBy {
        match self {
            Self::Address(_) => MatchedBy::Address,
            Self::LastNameAndMobile(..) => MatchedBy::LastNameAndMobile,
            Self::Name(_) => MatchedBy::Name,
            Self::Mobile(_) => MatchedBy::Mobile,
            Self::Company(_) => MatchedBy::Company,
        }
    }
}

impl App {
    /// The book as it is now.
    pub(in crate::sandbox::crm) fn book(&self) -> Result<Arc<Book>, StoreError> {
        let sequence = self.store.last_contact_change()?;
        if let Some(book) = lock(&self.contacts).as_ref().filter(|book| book.sequence == sequence) {
            return Ok(Arc::clone(book));
        }
        let book = Arc::new(Book::new(sequence, self.store.contacts()?, self.store.groups()?));
        *lock(&self.contacts) = Some(Arc::clone(&book));
        Ok(book)
    }
}

impl App {
    /// A contact as an employee is told of it, and whether it is deleted: of deleted ones he hears whom they concerned.
    pub(in crate::sandbox::crm) fn contact_as_told(&self, id: &str, employee: &str) -> Result<Option<(bool, ItemDocument)>, StoreError> {
        let contact = self.store.contact(id)?;
        let Some(contact) = contact.filter(|contact| contact.is_seen_by(employee) || contact.deleted && contact.former.contains(employee))
        else {
            return Ok(None);
        };
        Ok(Some((contact.deleted, self.book()?.document(&contact, employee, &self.contact_link()))))
    }
}

/// Where a contact stands in the list: its folded name and its id.
pub(super) fn place(contact: &StoredContact) -> (String, String) {
    (folding::words(&contact.name()).join(" ").chars().take(60).collect(), contact.id.clone())
}

impl Book {
    fn new(sequence: u64, mut contacts: Vec<StoredContact>, groups: Vec<StoredGroup>) -> Self {
        contacts.sort_by_cached_key(place);
        let mut book = Self { sequence, partners: HashMap::new(), marks: HashMap::new(), contacts: Vec::new(), groups };
        for (number, contact) in contacts.iter().enumerate() {
            if contact.organisation {
                book.partners.insert(contact.id.clone(), contact.name());
            }
            for mark in marks_of(contact) {
                book.marks.entry(mark).or_default().push(number);
            }
        }
        book.contacts = contacts;
        book
    }

    /// The name of a business partner.
    pub(super) fn partner(&self, id: &str) -> Option<&str> {
        self.partners.get(id).map(String::as_str)
    }

    /// What an employee is told of a contact.
    pub(super) fn document(&self, contact: &StoredContact, employee: &str, link: &str) -> ItemDocument {
        contact.document(employee, &self.groups, contact.partner.as_deref().and_then(|id| self.partner(id)), link)
    }

    /// Whom the CRM knows by the marks of a query.
    pub(super) fn matches(&self, query: &MatchQuery, employee: &str, link: &str) -> MatchResultDocument {
        let mut found: BTreeMap<usize, BTreeSet<MatchedBy>> = BTreeMap::new();
        let mut more = false;
        for mark in marks_in(query) {
            let hits = self.marks.get(&mark).map_or(&[][..], Vec::as_slice);
            more |= hits.len() > MAX_HITS;
            for number in hits.iter().take(MAX_HITS) {
                found.entry(*number).or_default().insert(mark.name());
            }
        }
        let mut candidates: Vec<(BTreeSet<MatchedBy>, &StoredContact)> = found
            .into_iter()
            .filter_map(|(number, by)| Some((by, self.contacts.get(number).filter(|contact| contact.is_seen_by(employee))?)))
            .collect();
        // The strongest mark first, and of equal ones he who bears more of them.
        candidates.sort_by_key(|(by, contact)| (by.first().copied(), usize::MAX - by.len(), contact.id.clone()));
        more |= candidates.len() > MAX_CANDIDATES;
        candidates.truncate(MAX_CANDIDATES);
        let document = |(by, contact): (BTreeSet<MatchedBy>, &StoredContact)| CandidateDocument {
            item: self.document(contact, employee, link),
            matched: by.into_iter().collect(),
        };
        MatchResultDocument { candidates: candidates.into_iter().map(document).collect(), more }
    }
}

/// First and last name as one, whichever stands first.
fn both_names(given: &str, family: &str) -> Option<String> {
    let mut names = [folding::name(given), folding::name(family)];
    names.sort();
    names.iter().all(|name| !name.is_empty()).then(|| names.join(" "))
}

fn marks_of(contact: &StoredContact) -> Vec<Mark> {
    let (given, family) = (super::text(&contact.fields, Field::GivenName), super::text(&contact.fields, Field::FamilyName));
    let mobiles: Vec<String> = match contact.fields.get(&Field::Phones) {
        Some(Value::Phones(list)) => {
            list.iter().filter(|phone| phone.kind.ends_with("mobile")).filter_map(|phone| e164(phone, Country::by_iso(HOME))).collect()
        }
        _ => Vec::new(),
    };
    marks(
        &contact.addresses(),
        given,
        family,
        &mobiles,
        if contact.organisation { super::text(&contact.fields, Field::Company) } else { "" },
    )
}

fn marks_in(query: &MatchQuery) -> Vec<Mark> {
    let mobile =
        |number: &String| e164(&Phone { kind: "mobile".to_owned(), number: number.clone(), preferred: false }, Country::by_iso(HOME));
    let mobiles: Vec<String> = query.mobiles.iter().filter_map(mobile).collect();
    marks(&query.addresses, &query.given_name, &query.family_name, &mobiles, &query.company)
}

fn marks(addresses: &[String], given: &str, family: &str, mobiles: &[String], company: &str) -> Vec<Mark> {
    let mut marks: BTreeSet<_> = addresses.iter().map(|address| address.trim().to_lowercase()).collect();
    marks.remove("");
    let mut marks: Vec<Mark> = marks.into_iter().map(Mark::Address).collect();
    let last_name = folding::name(family);
    for mobile in mobiles {
        marks.push(Mark::Mobile(mobile.clone()));
        if !last_name.is_empty() {
            marks.push(Mark::LastNameAndMobile(last_name.clone(), mobile.clone()));
        }
    }
    marks.extend(both_names(given, family).map(Mark::Name));
    let company = folding::company(company);
    if !company.is_empty() {
        marks.push(Mark::Company(company));
    }
    marks
}
