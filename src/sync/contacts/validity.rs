//! What a CRM would refuse of a contact, named by field (R91), so that it is shown before anything is sent. The CRM has the last word.

use crate::crm::ContactRules;
use crate::crm::contract::{FieldFault, field_name, field_named};
use crate::model::contact::Place;
use crate::model::{Field, Fields, Value};
use crate::sync::addresses::normalise_address;

/// Every fault of a contact, in the order of its fields; empty when nothing speaks against it.
#[must_use]
pub fn faults(fields: &Fields, rules: &ContactRules) -> Vec<FieldFault> {
    let organisation = fields.contains_key(&Field::Organisation);
    let mut faults = Vec::new();
    let mut add = |field: Field, reason: String| faults.push(FieldFault::new(field_name(field), reason));
    // What is asked of persons is not asked of organisations, which have a name alone.
    let mandatory: Vec<Field> =
        if organisation { vec![Field::Company] } else { rules.mandatory.iter().filter_map(|name| field_named(name)).collect() };
    for field in mandatory.into_iter().filter(|field| !fields.contains_key(field)) {
        add(field, "it must not be empty".to_owned());
    }
    for (field, value) in fields {
        match value {
            Value::Addresses(list) => {
                for entry in list.iter().filter(|entry| !is_mail_address(&entry.address)) {
                    add(*field, format!("{} is no mail address", entry.address));
                }
            }
            Value::Phones(list) => {
                for entry in list.iter().filter(|entry| entry.number.chars().filter(char::is_ascii_digit).count() < 3) {
                    add(*field, format!("{} is no telephone number", entry.number));
                }
            }
            Value::Places(list) => {
                for place in list {
                    if let Some(reason) = place_fault(place) {
                        add(*field, format!("{} address: {reason}", place.kind));
                    }
                }
            }
            Value::Photo(photo) if photo.bytes.as_ref().is_some_and(|bytes| bytes.len() as u64 > rules.max_photo_bytes) => {
                add(*field, format!("it is larger than {} bytes", rules.max_photo_bytes));
            }
            _ => {}
        }
    }
    faults
}

/// A mailbox at a domain with a dot (RFC 5321 §4.1.2, without quoted and address literals, which no CRM takes).
fn is_mail_address(text: &str) -> bool {
    let normalised = normalise_address(text).filter(|address| !address.contains(char::is_whitespace));
    let Some((local, domain)) = normalised.as_deref().and_then(|address| address.rsplit_once('@')) else { return false };
    !local.contains(['@', ',', ';', '<', '>', '"']) && domain.contains('.') && domain.split('.').all(|label| !label.is_empty())
}

fn place_fault(place: &Place) -> Option<String> {
    let Place { street, post_box, postal_code, locality, country, .. } = place;
    if locality.is_empty() && !(street.is_empty() && post_box.is_empty() && postal_code.is_empty()) {
        return Some("the town is missing".to_owned());
    }
    let is_iso = country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase());
    if !country.is_empty() && !is_iso {
        return Some(format!("{country} is no country known by its ISO code"));
    }
    let wanted = postal_code_form(country)?;
    let fits = |form: &&str| form.len() == postal_code.len() && form.bytes().zip(postal_code.bytes()).all(|(form, byte)| suits(form, byte));
    (!postal_code.is_empty() && !wanted.iter().any(fits)).then(|| format!("{postal_code} is no postal code of {country}"))
}

const fn suits(form: u8, byte: u8) -> bool {
    match form {
        b'9' => byte.is_ascii_digit(),
        b'A' => byte.is_ascii_alphabetic(),
        other => byte == other,
    }
}

/// How the postal codes of a country look: `9` a digit, `A` a letter. Countries with forms beyond counting are not judged.
const fn postal_code_form(country: &str) -> Option<&'static [&'static str]> {
    Some(match country.as_bytes() {
        b"DE" | b"FR" | b"IT" | b"ES" | b"FI" | b"HR" | b"TR" => &["99999"],
        b"AT" | b"CH" | b"LI" | b"BE" | b"LU" | b"DK" | b"NO" | b"HU" | b"SI" | b"BG" => &["9999"],
        b"NL" => &["9999 AA", "9999AA"],
        b"PL" => &["99-999"],
        b"CZ" | b"SK" | b"SE" | b"GR" => &["999 99", "99999"],
        b"PT" => &["9999-999", "9999"],
        b"US" => &["99999", "99999-9999"],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::crm::contract::FieldsDocument;

    fn named(document: serde_json::Value) -> Vec<String> {
        let fields = serde_json::from_value::<FieldsDocument>(document).unwrap().read().unwrap();
        faults(&fields, &ContactRules::default()).into_iter().map(|fault| fault.field).collect()
    }

    #[test]
    fn r91_every_fault_is_named_by_its_field() {
        assert_eq!(named(json!({"familyName": "Hofmann"})), [""; 0]);
        assert_eq!(named(json!({"givenName": "Clara"})), ["familyName"]);
        assert_eq!(named(json!({"organisation": true})), ["company"]);
        let place = |place: serde_json::Value| named(json!({"familyName": "x", "places": [place]}));
        for fine in [
            json!({"kind": "work", "street": "Kai 1", "postalCode": "24103", "locality": "Kiel", "country": "DE"}),
            json!({"kind": "work", "postalCode": "3088 HH", "locality": "Rotterdam", "country": "NL"}),
            json!({"kind": "work", "postalCode": "SW1A 1AA", "locality": "London", "country": "GB"}),
            json!({"kind": "home", "locality": "Kiel"}),
            json!({"kind": "home", "country": "DE"}),
        ] {
            assert_eq!(place(fine.clone()), [""; 0], "{fine}");
        }
        for broken in [
            json!({"kind": "work", "street": "Kai 1"}),
            json!({"kind": "work", "locality": "Kiel", "country": "Germany"}),
            json!({"kind": "work", "locality": "Kiel", "postalCode": "2410", "country": "DE"}),
            json!({"kind": "work", "locality": "Kiel", "postalCode": "2410é", "country": "DE"}),
        ] {
            assert_eq!(place(broken.clone()), ["places"], "{broken}");
        }
        let all = json!({
            "emails": [{"kind": "work", "address": "a@b.example"}, {"kind": "work", "address": "a b@c.example"}, {"kind": "home", "address": "a@b"}],
            "phones": [{"kind": "work", "number": "12"}, {"kind": "home", "number": "040 5550"}],
        });
        assert_eq!(named(all), ["familyName", "emails", "emails", "phones"]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_stumble(address in ".{0,20}", number in ".{0,9}", code in ".{0,8}", country in ".{0,3}") {
            named(json!({
                "emails": [{"kind": "work", "address": address}], "phones": [{"kind": "work", "number": number}],
                "places": [{"kind": "work", "postalCode": code, "locality": "x", "country": country}],
            }));
        }
    }
}
