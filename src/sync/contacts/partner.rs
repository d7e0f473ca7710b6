//! Under which business partner a new contact goes (R102–R104): by an earlier choice, by the company's name, by the mail domain.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::marks::{addresses, domains, text};
use crate::crm::{Partner, PartnerName};
use crate::model::{Field, Fields, folding};

/// What to ask the CRM for a contact.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartnerSearch {
    /// The company as the card writes it; `None` when it names none.
    pub company: Option<String>,
    /// Mail domains, freemail providers not among them.
    pub domains: Vec<String>,
}

/// Which business partner is proposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prefill {
    /// This one, for this reason. The user may choose another.
    One(PartnerName, PrefilledBy),
    /// One of these: a question for the user.
    Several(Vec<PartnerName>),
    /// None is known: the user searches.
    Unknown,
}

/// Why a business partner is proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrefilledBy {
    /// The user chose it for another contact of this company or domain.
    EarlierChoice,
    /// The company has this name.
    Company,
    /// The mail address has its domain.
    Domain,
}

/// What the user chose before, by company and by domain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierChoices {
    companies: BTreeMap<String, PartnerName>,
    domains: BTreeMap<String, PartnerName>,
}

impl EarlierChoices {
    /// Remembers a choice. The last one counts. `freemail`: domains that say nothing, beside the built-in list.
    pub fn remember(&mut self, contact: &Fields, partner: &PartnerName, freemail: &[String]) {
        let search = partner_search(contact, freemail);
        if let Some(company) = search.company {
            self.companies.insert(folding::company(&company), partner.clone());
        }
        for domain in search.domains {
            self.domains.insert(domain, partner.clone());
        }
    }

    fn of(&self, search: &PartnerSearch) -> Option<&PartnerName> {
        let by_company = search.company.as_ref().and_then(|company| self.companies.get(&folding::company(company)));
        by_company.or_else(|| {
            // A domain says it only where the company does not say otherwise.
            let chosen: BTreeSet<&PartnerName> = search.domains.iter().filter_map(|domain| self.domains.get(domain)).collect();
            if search.company.is_none() && chosen.len() == 1 { chosen.into_iter().next() } else { None }
        })
    }
}

/// What to ask the CRM for a contact. `freemail`: domains that say nothing, beside the built-in list (R31).
#[must_use]
pub fn partner_search(contact: &Fields, freemail: &[String]) -> PartnerSearch {
    let company = text(contact, Field::Company);
    PartnerSearch {
        company: (!folding::company(company).is_empty()).then(|| company.to_owned()),
        domains: domains(&addresses(contact), freemail).into_iter().collect(),
    }
}

/// Which business partner is proposed for a contact. `by_company`: what the CRM found for the company's name, whose search knows
/// nothing of legal forms; `by_domain`: what it found for the domains.
#[must_use]
pub fn prefilled(search: &PartnerSearch, earlier: &EarlierChoices, by_company: &[Partner], by_domain: &[Partner]) -> Prefill {
    if let Some(partner) = earlier.of(search) {
        return Prefill::One(partner.clone(), PrefilledBy::EarlierChoice);
    }
    let wanted = search.company.as_deref().map(folding::company);
    let named: BTreeMap<&str, &Partner> = by_company
        .iter()
        .chain(by_domain)
        .filter(|partner| wanted.as_ref() == Some(&folding::company(&partner.name)))
        .map(|partner| (partner.id.as_str(), partner))
        .collect();
    let of_domain: BTreeMap<&str, &Partner> = by_domain
        .iter()
        .filter(|partner| partner.domains.iter().any(|own| search.domains.iter().any(|domain| own.eq_ignore_ascii_case(domain))))
        .map(|partner| (partner.id.as_str(), partner))
        .collect();
    // Namesakes are told apart by the domain.
    let both: BTreeMap<&str, &Partner> =
        named.iter().filter(|(id, _)| of_domain.contains_key(*id)).map(|(id, partner)| (*id, *partner)).collect();
    for (found, by) in [(&both, PrefilledBy::Company), (&named, PrefilledBy::Company), (&of_domain, PrefilledBy::Domain)] {
        match found.values().next() {
            Some(partner) if found.len() == 1 => return Prefill::One(name(partner), by),
            Some(_) => return Prefill::Several(found.values().map(|partner| name(partner)).collect()),
            None => {}
        }
    }
    Prefill::Unknown
}

fn name(partner: &Partner) -> PartnerName {
    PartnerName { id: partner.id.clone(), name: partner.name.clone() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::crm::contract::FieldsDocument;

    fn contact(company: &str, address: &str) -> Fields {
        let document = json!({"company": company, "emails": [{"kind": "work", "address": address}]});
        serde_json::from_value::<FieldsDocument>(document).unwrap().read().unwrap()
    }

    fn partner(id: &str, name: &str, domain: &str) -> Partner {
        Partner { id: id.into(), name: name.into(), domains: vec![domain.into()], town: String::new(), link: None }
    }

    fn found(company: &str, address: &str, all: &[Partner]) -> Prefill {
        prefilled(&partner_search(&contact(company, address), &[]), &EarlierChoices::default(), all, all)
    }

    fn one(prefill: Prefill) -> (String, PrefilledBy) {
        match prefill {
            Prefill::One(partner, by) => (partner.id, by),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn r103_a_partner_is_prefilled_by_the_name_of_the_company_then_by_the_domain() {
        let all = [partner("1", "Solaris Technik AG", "solaris.example"), partner("2", "Hafen Energie GmbH", "hafen.example")];
        assert_eq!(one(found("SOLARIS Technik", "x@gmx.de", &all)), ("1".into(), PrefilledBy::Company));
        assert_eq!(one(found("", "x@HAFEN.example", &all)), ("2".into(), PrefilledBy::Domain));
        assert_eq!(one(found("Hafen Energy", "x@hafen.example", &all)), ("2".into(), PrefilledBy::Domain));
        assert_eq!(found("Hafen", "x@gmx.de", &all), Prefill::Unknown);
    }

    #[test]
    fn r31_freemail_says_nothing_and_several_are_a_question() {
        let all =
            [partner("1", "Konzern SE", "konzern.example"), partner("2", "Konzern GmbH", "konzern.example"), partner("3", "X", "gmx.de")];
        assert_eq!(found("", "a@gmx.de", &all), Prefill::Unknown);
        assert!(matches!(found("", "a@konzern.example", &all), Prefill::Several(several) if several.len() == 2));
        assert!(matches!(found("Konzern", "a@konzern.example", &all), Prefill::Several(several) if several.len() == 2));
        let namesakes = [partner("1", "Meier KG", "meier-kiel.example"), partner("2", "Meier GmbH", "meier-ulm.example")];
        assert_eq!(one(found("Meier", "a@meier-ulm.example", &namesakes)), ("2".into(), PrefilledBy::Company));
    }

    #[test]
    fn r103_an_earlier_choice_goes_first() {
        let all = [partner("1", "Konzern SE", "konzern.example"), partner("2", "Konzern GmbH", "konzern.example")];
        let mut earlier = EarlierChoices::default();
        earlier.remember(&contact("Konzern", "a@konzern.example"), &PartnerName { id: "2".into(), name: "Konzern GmbH".into() }, &[]);
        earlier.remember(&contact("", "a@gmx.de"), &PartnerName { id: "9".into(), name: "Emil".into() }, &[]);
        let asked = |company: &str, address: &str| prefilled(&partner_search(&contact(company, address), &[]), &earlier, &all, &all);
        assert_eq!(one(asked("KONZERN", "b@gmx.de")), ("2".into(), PrefilledBy::EarlierChoice));
        assert_eq!(one(asked("", "b@konzern.example")), ("2".into(), PrefilledBy::EarlierChoice));
        assert_eq!(asked("", "b@gmx.de"), Prefill::Unknown, "freemail is not remembered");
    }
}
