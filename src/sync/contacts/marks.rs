//! What a contact is known by, folded so that it compares.

use std::collections::BTreeSet;

use crate::model::contact::{PartialDate, Phone, Place};
use crate::model::dialling::{Country, e164};
use crate::model::{Field, Fields, Value, folding};
use crate::sync::addresses::{normalise_address, normalise_domain};
use crate::sync::freemail::is_freemail;

/// What a contact is known by. What is empty is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) given: String,
    pub(super) family: String,
    /// Without its legal form.
    pub(super) company: String,
    pub(super) is_organisation: bool,
    pub(super) addresses: Vec<String>,
    /// In E.164.
    pub(super) mobiles: Vec<String>,
    /// In E.164, those of mobiles not among them.
    pub(super) phones: Vec<String>,
    /// Street with postal code or town.
    pub(super) places: Vec<String>,
    /// Of the mail addresses, freemail providers not among them.
    pub(super) domains: Vec<String>,
    pub(super) birthday: Option<PartialDate>,
}

impl Marks {
    /// The marks of a contact. `home`: the country of national numbers.
    pub(super) fn of(fields: &Fields, home: Option<Country>) -> Self {
        let (given, family) = names(fields);
        let (mut mobiles, mut phones) = (BTreeSet::new(), BTreeSet::new());
        if let Some(Value::Phones(list)) = fields.get(&Field::Phones) {
            for phone in list.iter().filter(|phone| !phone.kind.ends_with("fax")) {
                if let Some(number) = e164(phone, home) {
                    if is_mobile(phone) {
                        mobiles.insert(number)
                    } else {
                        phones.insert(number)
                    };
                }
            }
        }
        let addresses = addresses(fields);
        let domains: BTreeSet<String> = domains(&addresses, &[]);
        Self {
            given: folding::name(&given),
            family: folding::name(&family),
            company: folding::company(text(fields, Field::Company)),
            is_organisation: fields.contains_key(&Field::Organisation),
            phones: phones.difference(&mobiles).cloned().collect(),
            mobiles: mobiles.into_iter().collect(),
            places: places(fields),
            domains: domains.into_iter().collect(),
            birthday: match fields.get(&Field::Birthday) {
                Some(Value::PartialDate(date)) => Some(*date),
                _ => None,
            },
            addresses,
        }
    }
}

/// Text of a field.
pub(super) fn text(fields: &Fields, field: Field) -> &str {
    match fields.get(&field) {
        Some(Value::Text(text)) => text,
        _ => "",
    }
}

pub(super) fn is_mobile(phone: &Phone) -> bool {
    matches!(phone.kind.as_str(), "mobile" | "work-mobile")
}

/// Mail addresses as they compare.
pub(super) fn addresses(fields: &Fields) -> Vec<String> {
    let Some(Value::Addresses(list)) = fields.get(&Field::Emails) else { return Vec::new() };
    let all: BTreeSet<String> = list.iter().filter_map(|entry| normalise_address(&entry.address)).collect();
    all.into_iter().collect()
}

/// Domains of addresses that say something of their owner's company (R31). `freemail`: further domains that say nothing.
pub(super) fn domains(addresses: &[String], freemail: &[String]) -> BTreeSet<String> {
    let freemail: Vec<String> = freemail.iter().map(|domain| normalise_domain(domain.trim_start_matches('@'))).collect();
    let domains = addresses.iter().filter_map(|address| Some(address.rsplit_once('@')?.1));
    domains.filter(|domain| !is_freemail(domain, &freemail)).map(str::to_owned).collect()
}

/// First and last name; where there are none, of the name as it is shown: `Clara Hofmann` or `Hofmann, Clara`.
fn names(fields: &Fields) -> (String, String) {
    let (given, family) = (text(fields, Field::GivenName), text(fields, Field::FamilyName));
    if !given.is_empty() || !family.is_empty() || fields.contains_key(&Field::Organisation) {
        return (given.to_owned(), family.to_owned());
    }
    let shown = text(fields, Field::FileAs).trim();
    let (given, family) = match shown.split_once(',') {
        Some((family, given)) => (given, family),
        None => shown.rsplit_once(' ').unwrap_or(("", shown)),
    };
    (given.trim().to_owned(), family.trim().to_owned())
}

fn places(fields: &Fields) -> Vec<String> {
    let Some(Value::Places(list)) = fields.get(&Field::Places) else { return Vec::new() };
    let mut all = BTreeSet::new();
    for Place { street, postal_code, locality, .. } in list {
        let street = folding::street(street);
        // Either half of a town is enough: many leave out the other.
        for town in [folding::name(postal_code), folding::name(locality)] {
            if !street.is_empty() && !town.is_empty() {
                all.insert(format!("{street} {town}"));
            }
        }
    }
    all.into_iter().collect()
}
