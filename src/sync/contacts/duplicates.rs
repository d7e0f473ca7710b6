//! The duplicate check (R105–R109, X15): equal address, or equal last name and mobile number, is certain; of weaker evidence a score.
//!
//! An index of the hashes of what two contacts must have in common to be alike at all makes the check of n contacts against n others
//! take n log n. A hash has 64 bits: that two of 100,000 × 100,000 contacts are taken for alike by chance is one in a thousand million.

use std::borrow::Borrow;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::marks::{Marks, addresses, is_mobile, text};
use crate::crm::MatchQuery;
use crate::model::dialling::{Country, e164};
use crate::model::{Field, Fields, Value};

/// Contacts looked at for one thing in common: a name that hundreds bear says little, and of the certain ones few are enough. It bounds
/// the time of one check.
const MAX_BLOCK: usize = 64;

/// Similar contacts told of one.
const MAX_SIMILAR: usize = 10;

/// From so many points on two contacts are possibly one; a certain match has 100.
const POSSIBLE: i32 = 50;

/// Whom a contact may be already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicates {
    /// The strongest likeness found.
    pub likeness: Likeness,
    /// The contacts, the most similar first, at most ten.
    pub similar: Vec<Similar>,
}

/// How alike two contacts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// Not enough to speak of.
    None,
    /// Possibly one person: the user decides.
    Possible,
    /// One person: cannot be imported, only linked (C17).
    Certain,
}

/// A contact that may be the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Similar {
    /// What the index calls it.
    pub id: String,
    /// Certain or possible.
    pub likeness: Likeness,
    /// Points, up to 100.
    pub score: u8,
    /// What speaks for it, the strongest first.
    pub evidence: Vec<Evidence>,
}

/// What two contacts have in common, as the one that was checked has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Evidence {
    /// A mail address.
    Address(String),
    /// The last name and a mobile number in E.164.
    LastNameAndMobile(String),
    /// First and last name, in either order.
    Name,
    /// The name of an organisation.
    OrganisationName,
    /// A mobile number, with other last names.
    Mobile(String),
    /// The last name, and of the first names one is short for the other: `J.`, `Alex`.
    LastNameAndShortName,
    /// The last name alone.
    LastName,
    /// Another telephone number.
    Phone(String),
    /// The company.
    Company,
    /// A street in a town.
    Place,
    /// The birthday.
    Birthday,
    /// The domain of a mail address, freemail apart.
    Domain(String),
    /// Speaks against it: both birthdays are known, and not the same.
    OtherBirthday,
    /// Speaks against it: the last names are the same, and the first names are not.
    OtherFirstName,
}

impl Evidence {
    const fn points(&self) -> i32 {
        match self {
            Self::Address(_) | Self::LastNameAndMobile(_) => 100,
            Self::Name | Self::OrganisationName | Self::Mobile(_) => 50,
            Self::LastNameAndShortName => 30,
            Self::Phone(_) => 25,
            Self::LastName | Self::Company | Self::Place | Self::Birthday => 20,
            Self::Domain(_) => 10,
            Self::OtherBirthday => -30,
            Self::OtherFirstName => -40,
        }
    }
}

/// The hashes of a contact's marks; 0 is absent.
#[derive(Debug)]
struct Hashed {
    given: Box<str>,
    family: u64,
    /// Both names, whichever stands first.
    names: u64,
    initial: u64,
    company: u64,
    is_organisation: bool,
    birthday: Option<(Option<i32>, u32, u32)>,
    addresses: Box<[u64]>,
    mobiles: Box<[u64]>,
    phones: Box<[u64]>,
    places: Box<[u64]>,
    domains: Box<[u64]>,
}

fn hash(parts: &[&str]) -> u64 {
    if parts.iter().any(|part| part.is_empty()) {
        return 0;
    }
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish().max(1)
}

/// A key of the index: a kind of mark, and hashes. `None` when one is absent.
fn key(kind: u8, parts: &[u64]) -> Option<u64> {
    if parts.contains(&0) {
        return None;
    }
    let mut hasher = DefaultHasher::new();
    (kind, parts).hash(&mut hasher);
    Some(hasher.finish())
}

impl Hashed {
    fn new(marks: &Marks) -> Self {
        let each = |list: &[String]| list.iter().map(|text| hash(&[text])).collect();
        let mut names = [marks.given.as_str(), marks.family.as_str()];
        names.sort_unstable();
        let initial: String = marks.given.chars().take(1).collect();
        Self {
            given: marks.given.clone().into_boxed_str(),
            family: hash(&[&marks.family]),
            names: hash(&names),
            initial: hash(&[&initial]),
            company: hash(&[&marks.company]),
            is_organisation: marks.is_organisation,
            birthday: marks.birthday.map(|date| (date.year, date.month, date.day)),
            addresses: each(&marks.addresses),
            mobiles: each(&marks.mobiles),
            phones: each(&marks.phones),
            places: each(&marks.places),
            domains: each(&marks.domains),
        }
    }

    /// What another must share, one of these at least, to be alike. Every sum of [`Evidence::points`] that is enough has one of them.
    fn keys(&self) -> Vec<u64> {
        let mut keys: Vec<Option<u64>> = Vec::new();
        keys.extend(self.addresses.iter().map(|address| key(0, &[*address])));
        keys.extend(self.mobiles.iter().map(|mobile| key(1, &[*mobile])));
        if self.is_organisation {
            keys.push(key(2, &[self.company]));
        }
        keys.push(key(3, &[self.names]));
        keys.push(key(4, &[self.family, self.initial]));
        keys.extend(self.phones.iter().chain(&self.mobiles).map(|phone| key(5, &[self.family, *phone])));
        keys.push(key(6, &[self.family, self.company]));
        keys.extend(self.places.iter().map(|place| key(7, &[self.family, *place])));
        if let Some((_, month, day)) = self.birthday {
            keys.push(key(8, &[self.family, u64::from(month * 32 + day)]));
        }
        let mut keys: Vec<u64> = keys.into_iter().flatten().collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// What the two have in common; `marks` are this one's, for the words of it.
    fn evidence(&self, other: &Self, marks: &Marks) -> Vec<Evidence> {
        let equal = |one: u64, two: u64| one != 0 && one == two;
        let shared = |one: &[u64], two: &[u64], words: &[String]| {
            one.iter().zip(words).find(|(hash, _)| two.contains(hash)).map(|(_, word)| word.clone())
        };
        let mut all = Vec::new();
        all.extend(shared(&self.addresses, &other.addresses, &marks.addresses).map(Evidence::Address));
        let same_family = equal(self.family, other.family);
        if let Some(mobile) = shared(&self.mobiles, &other.mobiles, &marks.mobiles) {
            all.push(if same_family { Evidence::LastNameAndMobile(mobile) } else { Evidence::Mobile(mobile) });
        }
        let both_organisations = self.is_organisation && other.is_organisation;
        if both_organisations && equal(self.company, other.company) {
            all.push(Evidence::OrganisationName);
        }
        if equal(self.names, other.names) {
            all.push(Evidence::Name);
        } else if same_family && !all.iter().any(|evidence| matches!(evidence, Evidence::LastNameAndMobile(_))) {
            let (one, two) = (&*self.given, &*other.given);
            if one.is_empty() || two.is_empty() {
                all.push(Evidence::LastName);
            } else if one.starts_with(two) || two.starts_with(one) {
                all.push(Evidence::LastNameAndShortName);
            } else {
                all.extend([Evidence::LastName, Evidence::OtherFirstName]);
            }
        }
        // What one calls a mobile number the other calls a telephone number.
        let phone = shared(&self.phones, &other.phones, &marks.phones)
            .or_else(|| shared(&self.phones, &other.mobiles, &marks.phones))
            .or_else(|| shared(&self.mobiles, &other.phones, &marks.mobiles));
        all.extend(phone.map(Evidence::Phone));
        let same_company = equal(self.company, other.company);
        if same_company && !both_organisations {
            all.push(Evidence::Company);
        }
        if self.places.iter().any(|place| other.places.contains(place)) {
            all.push(Evidence::Place);
        }
        if let (Some((one_year, month, day)), Some((other_year, other_month, other_day))) = (self.birthday, other.birthday) {
            let same_year = one_year.is_none() || other_year.is_none() || one_year == other_year;
            let same = same_year && (month, day) == (other_month, other_day);
            all.push(if same { Evidence::Birthday } else { Evidence::OtherBirthday });
        }
        // A domain says the company, where nothing says it better.
        if !same_company && !all.iter().any(|evidence| matches!(evidence, Evidence::Address(_))) {
            all.extend(shared(&self.domains, &other.domains, &marks.domains).map(Evidence::Domain));
        }
        all.sort_by_key(|evidence| -evidence.points());
        all
    }
}

/// Contacts among which others are looked for.
#[derive(Debug)]
pub struct DuplicateIndex {
    home: Option<Country>,
    contacts: Vec<(Box<str>, Hashed)>,
    /// Keys with the places of the contacts that have them, ascending.
    keys: Vec<(u64, u32)>,
}

impl DuplicateIndex {
    /// An index of contacts by names of the caller's choice. `home`: the country of national telephone numbers.
    /// What a contact says is not kept, so they may come one at a time.
    pub fn new<F: Borrow<Fields>>(home: Option<Country>, contacts: impl IntoIterator<Item = (String, F)>) -> Self {
        let (mut kept, mut keys) = (Vec::new(), Vec::new());
        for (id, fields) in contacts {
            let Ok(place) = u32::try_from(kept.len()) else { break };
            let hashed = Hashed::new(&Marks::of(fields.borrow(), home));
            keys.extend(hashed.keys().into_iter().map(|key| (key, place)));
            kept.push((id.into_boxed_str(), hashed));
        }
        keys.sort_unstable();
        keys.shrink_to_fit();
        kept.shrink_to_fit();
        Self { home, contacts: kept, keys }
    }

    /// Whom a contact may be already. `except`: the contact itself, when it is in the index.
    #[must_use]
    pub fn check(&self, fields: &Fields, except: Option<&str>) -> Duplicates {
        let marks = Marks::of(fields, self.home);
        let hashed = Hashed::new(&marks);
        let mut places: Vec<u32> = hashed.keys().into_iter().flat_map(|key| self.block(key)).collect();
        places.sort_unstable();
        places.dedup();
        let others = places.into_iter().filter_map(|place| self.contacts.get(place as usize)).filter(|(id, _)| except != Some(&**id));
        let mut similar: Vec<Similar> = others.filter_map(|(id, other)| similar(id, hashed.evidence(other, &marks))).collect();
        similar.sort_by(|one, other| (other.score, &one.id).cmp(&(one.score, &other.id)));
        similar.truncate(MAX_SIMILAR);
        Duplicates { likeness: similar.first().map_or(Likeness::None, |first| first.likeness), similar }
    }

    /// The places of the contacts with a key.
    fn block(&self, key: u64) -> impl Iterator<Item = u32> + '_ {
        let begin = self.keys.partition_point(|(known, _)| *known < key);
        let rest = self.keys.get(begin..).unwrap_or_default();
        rest.iter().take_while(move |(known, _)| *known == key).take(MAX_BLOCK).map(|(_, place)| *place)
    }
}

fn similar(id: &str, evidence: Vec<Evidence>) -> Option<Similar> {
    let is_certain = evidence.iter().any(|evidence| matches!(evidence, Evidence::Address(_) | Evidence::LastNameAndMobile(_)));
    let points: i32 = evidence.iter().map(Evidence::points).sum();
    if is_certain {
        return Some(Similar { id: id.to_owned(), likeness: Likeness::Certain, score: 100, evidence });
    }
    // A colleague has the switchboard, the company and the street in common.
    let names_somebody = evidence.iter().any(|evidence| {
        use Evidence::{LastName, LastNameAndShortName, Mobile, Name, OrganisationName};
        matches!(evidence, Name | OrganisationName | Mobile(_) | LastNameAndShortName | LastName)
    });
    let score = u8::try_from(points.clamp(0, 99)).unwrap_or_default();
    (names_somebody && points >= POSSIBLE).then(|| Similar { id: id.to_owned(), likeness: Likeness::Possible, score, evidence })
}

/// What to ask the CRM so that it names everybody whom [`DuplicateIndex::check`] would find alike by address, name or mobile number.
#[must_use]
pub fn match_query(fields: &Fields, home: Option<Country>) -> MatchQuery {
    let mobiles = match fields.get(&Field::Phones) {
        Some(Value::Phones(list)) => list.iter().filter(|phone| is_mobile(phone)).filter_map(|phone| e164(phone, home)).collect(),
        _ => Vec::new(),
    };
    let is_organisation = fields.contains_key(&Field::Organisation);
    MatchQuery {
        addresses: addresses(fields),
        given_name: text(fields, Field::GivenName).to_owned(),
        family_name: text(fields, Field::FamilyName).to_owned(),
        mobiles,
        company: if is_organisation { text(fields, Field::Company).to_owned() } else { String::new() },
    }
}

#[cfg(test)]
mod tests;
