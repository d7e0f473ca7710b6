//! The values of a contact's fields. Each list is kept in order and without repetitions, so that equal contents are equal values.

use std::cmp::Ordering;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Digest, Value};

/// A mail address of a contact.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ContactAddress {
    /// Mail address in lower case.
    pub address: String,
    /// `work`, `home` or `other`.
    pub kind: String,
    /// Display name; empty where there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The one to use first; at most one of a contact.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub preferred: bool,
}

/// A telephone number, spelt as the user spelt it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Phone {
    /// `work`, `home`, `mobile`, `work-mobile`, `work-fax`, `home-fax`, `pager`, `main`, `car`, `assistant` or `other`.
    pub kind: String,
    /// The number.
    pub number: String,
    /// The one to use first; at most one of a contact.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub preferred: bool,
}

impl Phone {
    /// The number without its spelling: digits, with a leading `+` for the international form (`00` is one) and what is dialled after
    /// `,` or `;` cut off. A national number stays national: which country is meant is not known here.
    #[must_use]
    pub fn digits(&self) -> String {
        let number = self.number.split([',', ';']).next().unwrap_or_default().replace("(0)", "");
        let digits: String = number.chars().filter(char::is_ascii_digit).collect();
        match (number.trim_start().starts_with('+'), digits.strip_prefix("00")) {
            (true, _) => format!("+{digits}"),
            (false, Some(international)) => format!("+{international}"),
            (false, None) if digits.is_empty() => number.trim().to_lowercase(),
            (false, None) => digits,
        }
    }

    fn key(&self) -> (&str, String, bool) {
        (&self.kind, self.digits(), self.preferred)
    }
}

/// Numbers are compared by what is dialled.
impl PartialEq for Phone {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Phone {}

impl PartialOrd for Phone {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Phone {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

/// A name in a messaging service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Handle {
    /// The service in lower case (`xmpp`, `skype`, `sip`); `other` where unknown.
    pub service: String,
    /// The name there, without a scheme.
    pub name: String,
}

/// A postal address. Parts that are not known are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Place {
    /// `work`, `home` or `other`.
    pub kind: String,
    /// Street with number; further lines after `\n`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub street: String,
    /// Post-office box.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub post_box: String,
    /// Postal code.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub postal_code: String,
    /// Town.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub locality: String,
    /// State or province.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// Country: ISO 3166-1 alpha-2 in upper case where it is known, else as written.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub country: String,
}

/// A date of which the year may be unknown (RFC 6350 §4.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PartialDate {
    /// Year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub year: Option<i32>,
    /// Month, 1 to 12.
    pub month: u32,
    /// Day, 1 to 31.
    pub day: u32,
}

/// A picture. The journal keeps what it is known by, not the picture.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Photo {
    /// SHA-256 of the picture's bytes.
    pub digest: Digest,
    /// `image/jpeg`, `image/png` or `image/gif`.
    pub media_type: String,
    /// The picture, where it is at hand: the side that holds it is asked before a write.
    #[serde(skip)]
    pub bytes: Option<Arc<[u8]>>,
}

/// Pictures are the same when their bytes are.
impl PartialEq for Photo {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Photo {}

/// Kinds of mail and postal addresses.
pub const PLACE_KINDS: [&str; 3] = ["work", "home", "other"];

/// Kinds of telephone numbers.
pub const PHONE_KINDS: [&str; 11] =
    ["work", "home", "mobile", "work-mobile", "work-fax", "home-fax", "pager", "main", "car", "assistant", "other"];

/// Each constructor normalises: blanks are cut, an unknown kind becomes `other`, what says nothing goes, the rest is in order and without
/// repetitions. `None` when nothing is left.
impl Value {
    /// Mail addresses; of several preferred ones the first stays so.
    #[must_use]
    pub fn addresses(list: impl IntoIterator<Item = ContactAddress>) -> Option<Self> {
        let mut list: Vec<ContactAddress> = list.into_iter().collect();
        for entry in &mut list {
            entry.address = line(&entry.address).to_lowercase();
            entry.kind = among(&entry.kind, &PLACE_KINDS);
            entry.name = line(&entry.name);
        }
        list.retain(|entry| !entry.address.is_empty());
        one_preferred(list.iter_mut().map(|entry| &mut entry.preferred));
        list.sort();
        list.dedup_by(|later, kept| {
            let same = later.address == kept.address && later.kind == kept.kind;
            kept.preferred |= same && later.preferred;
            same
        });
        (!list.is_empty()).then_some(Self::Addresses(list))
    }

    /// Telephone numbers; of several preferred ones the first stays so.
    #[must_use]
    pub fn phones(list: impl IntoIterator<Item = Phone>) -> Option<Self> {
        let mut list: Vec<Phone> = list.into_iter().collect();
        for entry in &mut list {
            entry.number = line(&entry.number);
            entry.kind = among(&entry.kind, &PHONE_KINDS);
        }
        list.retain(|entry| !entry.number.is_empty());
        one_preferred(list.iter_mut().map(|entry| &mut entry.preferred));
        list.sort();
        list.dedup_by(|later, kept| {
            let same = later.kind == kept.kind && later.digits() == kept.digits();
            kept.preferred |= same && later.preferred;
            same
        });
        (!list.is_empty()).then_some(Self::Phones(list))
    }

    /// Names in messaging services.
    #[must_use]
    pub fn handles(list: impl IntoIterator<Item = Handle>) -> Option<Self> {
        let mut list: Vec<Handle> = list.into_iter().collect();
        for entry in &mut list {
            entry.name = line(&entry.name);
            entry.service = line(&entry.service).to_lowercase();
            if entry.service.is_empty() {
                "other".clone_into(&mut entry.service);
            }
        }
        list.retain(|entry| !entry.name.is_empty());
        list.sort();
        list.dedup();
        (!list.is_empty()).then_some(Self::Handles(list))
    }

    /// Postal addresses. Of several of one kind the first stays.
    #[must_use]
    pub fn places(list: impl IntoIterator<Item = Place>) -> Option<Self> {
        let mut places: Vec<Place> = Vec::new();
        for mut place in list {
            place.kind = among(&place.kind, &PLACE_KINDS);
            place.street = place.street.lines().map(line).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
            for part in [&mut place.post_box, &mut place.postal_code, &mut place.locality, &mut place.region, &mut place.country] {
                *part = line(part);
            }
            let says = [&place.street, &place.post_box, &place.postal_code, &place.locality, &place.region, &place.country];
            if says.iter().any(|part| !part.is_empty()) && !places.iter().any(|known| known.kind == place.kind) {
                places.push(place);
            }
        }
        places.sort();
        (!places.is_empty()).then_some(Self::Places(places))
    }

    /// A date that exists in some year.
    #[must_use]
    pub fn partial_date(date: PartialDate) -> Option<Self> {
        const LEAP_YEAR: i32 = 2000;
        chrono::NaiveDate::from_ymd_opt(date.year.unwrap_or(LEAP_YEAR), date.month, date.day).map(|_| Self::PartialDate(date))
    }
}

fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

fn among(word: &str, words: &[&str]) -> String {
    let word = word.trim().to_lowercase();
    if words.contains(&word.as_str()) { word } else { "other".to_owned() }
}

fn one_preferred<'a>(marks: impl Iterator<Item = &'a mut bool>) {
    let mut found = false;
    for mark in marks {
        *mark &= !found;
        found |= *mark;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone(number: &str) -> Phone {
        Phone { kind: "work".to_owned(), number: number.to_owned(), preferred: false }
    }

    #[test]
    fn a_number_is_the_same_however_it_is_spelt() {
        for spelling in ["+49 (0)711 123-45", "0049 711/12345", "+4971112345", "+49 711 12345,,12"] {
            assert_eq!(phone(spelling), phone("+49 711 12345"), "{spelling}");
        }
        assert_ne!(phone("0711 12345"), phone("+49 711 12345"));
        assert_ne!(phone("Zentrale"), phone(""));
    }
}
