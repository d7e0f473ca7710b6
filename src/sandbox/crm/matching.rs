//! To whom a mail belongs (R24–R31): pure.

use std::collections::BTreeSet;

use super::directory::Directory;
use crate::crm::contract::LinkedRecord;

/// Domains that belong to nobody in particular (R31).
const FREEMAIL: [&str; 18] = [
    "gmail.com",
    "googlemail.com",
    "gmx.de",
    "gmx.net",
    "gmx.at",
    "gmx.ch",
    "gmx.example",
    "web.de",
    "t-online.de",
    "freenet.de",
    "outlook.com",
    "hotmail.com",
    "live.com",
    "yahoo.com",
    "yahoo.de",
    "icloud.com",
    "posteo.de",
    "posteo.example",
];

/// What a mail is linked to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Assignment {
    /// Contact persons and business partners.
    pub(super) linked: Vec<LinkedRecord>,
    /// Folder of the first business partner (R37).
    pub(super) customer_folder: Option<String>,
    /// An address is one of a contact person.
    pub(super) known: bool,
}

/// Links contact persons by their addresses; when there is none, the one business partner of the domains.
pub(super) fn assign(directory: &Directory, external: &[String]) -> Assignment {
    let addresses: Vec<&str> = external.iter().map(String::as_str).filter(|address| !directory.is_internal(address)).collect();
    let mut assignment = Assignment::default();
    let mut seen = BTreeSet::new();
    for contact in addresses.iter().flat_map(|address| directory.contacts_of(address)) {
        assignment.known = true;
        if seen.insert(contact.id.as_str()) {
            assignment.linked.push(LinkedRecord { kind: "contact".to_owned(), id: contact.id.clone(), name: contact.name.clone() });
            if let Some(id) = contact.partner.as_deref() {
                link_partner(directory, id, &mut seen, &mut assignment);
            }
        }
    }
    if !assignment.known
        && let Some(id) = only_partner(directory, &addresses)
    {
        link_partner(directory, id, &mut seen, &mut assignment);
    }
    assignment
}

fn link_partner<'a>(directory: &'a Directory, id: &'a str, seen: &mut BTreeSet<&'a str>, assignment: &mut Assignment) {
    if let Some(partner) = directory.partner(id)
        && seen.insert(id)
    {
        assignment.linked.push(LinkedRecord { kind: "business-partner".to_owned(), id: partner.id.clone(), name: partner.name.clone() });
        assignment.customer_folder.get_or_insert_with(|| partner.folder.clone());
    }
}

/// The search by domain: exactly one hit, or none; several are a question for the user.
fn only_partner<'a>(directory: &'a Directory, addresses: &[&str]) -> Option<&'a str> {
    let domains: BTreeSet<String> = addresses
        .iter()
        .filter_map(|address| address.rsplit_once('@'))
        .map(|(_, domain)| domain.to_ascii_lowercase())
        .filter(|domain| !FREEMAIL.contains(&domain.as_str()))
        .collect();
    let mut hits =
        directory.partners.iter().filter(|partner| partner.domains.iter().any(|domain| domains.contains(&domain.to_ascii_lowercase())));
    match (hits.next(), hits.next()) {
        (Some(partner), None) => Some(&partner.id),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::directory::sample_directory;
    use super::*;

    fn ids(external: &[&str]) -> Vec<String> {
        let external: Vec<String> = external.iter().map(|&address| address.to_owned()).collect();
        assign(&sample_directory(), &external).linked.into_iter().map(|record| record.id).collect()
    }

    #[test]
    fn r25_a_mail_is_linked_to_the_contact_person_and_the_business_partner() {
        assert_eq!(ids(&["Clara.Hofmann@solaris-technik.example"]), ["CP2001", "BP1001"]);
        assert_eq!(ids(&["d.lang@solaris-technik.example", "c.hofmann@solaris-technik.example"]), ["CP2002", "BP1001", "CP2001"]);
    }

    #[test]
    fn r25_a_private_person_is_linked_alone() {
        assert_eq!(ids(&["emil.kraus@gmx.example"]), ["CP2009"]);
    }

    #[test]
    fn r24_employees_and_internal_addresses_never_match() {
        assert!(ids(&["b.vogt@nordwind.example", "empfang@nordwind.example"]).is_empty());
    }

    #[test]
    fn r30_an_unknown_address_is_searched_by_its_domain() {
        assert_eq!(ids(&["info@hafen-energie.example"]), ["BP1005"]);
        assert!(ids(&["someone@nowhere.example"]).is_empty());
    }

    #[test]
    fn r31_freemail_is_never_searched_and_several_hits_are_no_guess() {
        assert!(ids(&["stranger@gmx.example"]).is_empty());
        assert!(ids(&["info@konzern.example"]).is_empty());
        assert!(ids(&["info@hafen-energie.example", "new@vandijk.example"]).is_empty());
    }
}
