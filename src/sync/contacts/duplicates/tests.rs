use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::crm::contract::FieldsDocument;

fn fields(document: serde_json::Value) -> Fields {
    serde_json::from_value::<FieldsDocument>(document).unwrap().read().unwrap()
}

fn home() -> Option<Country> {
    Country::by_iso("DE")
}

fn checked(known: serde_json::Value, asked: serde_json::Value) -> Duplicates {
    let known = fields(known);
    DuplicateIndex::new(home(), [("known".to_owned(), &known)]).check(&fields(asked), None)
}

fn clara() -> serde_json::Value {
    json!({
        "givenName": "Clara", "familyName": "Müller", "company": "Solaris Technik AG", "birthday": {"year": 1980, "month": 4, "day": 17},
        "emails": [{"kind": "work", "address": "clara@solaris.example"}],
        "phones": [{"kind": "mobile", "number": "0171 5550123"}, {"kind": "work", "number": "+49 40 5550 110"}],
        "places": [{"kind": "work", "street": "Speicherstraße 4", "postalCode": "20457", "locality": "Hamburg", "country": "DE"}],
    })
}

#[test]
fn r105_an_equal_address_is_certain_however_it_is_written() {
    let found = checked(clara(), json!({"familyName": "Nobody", "emails": [{"kind": "home", "address": " CLARA@Solaris.example "}]}));
    assert_eq!(found.likeness, Likeness::Certain);
    assert_eq!(found.similar[0].evidence, [Evidence::Address("clara@solaris.example".into())]);
    assert_eq!(found.similar[0].score, 100);
}

#[test]
fn r105_an_equal_last_name_and_mobile_number_is_certain_and_either_alone_is_not() {
    for number in ["+49 171 5550123", "0049 (0)171/555 01 23", "0171-5550123"] {
        let found = checked(clara(), json!({"familyName": "MUELLER", "phones": [{"kind": "work-mobile", "number": number}]}));
        assert_eq!(found.likeness, Likeness::Certain, "{number}");
        assert_eq!(found.similar[0].evidence, [Evidence::LastNameAndMobile("+491715550123".into())]);
    }
    let mobile = checked(clara(), json!({"familyName": "Lang", "phones": [{"kind": "mobile", "number": "0171 5550123"}]}));
    assert_eq!(mobile.likeness, Likeness::Possible);
    assert_eq!(checked(clara(), json!({"familyName": "Müller"})).likeness, Likeness::None);
    // A telephone on the desk is shared by many.
    let desk = json!({"familyName": "Müller", "phones": [{"kind": "work", "number": "0171 5550123"}]});
    assert_ne!(checked(clara(), desk).likeness, Likeness::Certain);
}

#[test]
fn r109_weaker_evidence_is_possible_and_listed_the_strongest_first() {
    let found = |asked| {
        let found = checked(clara(), asked);
        assert_ne!(found.likeness, Likeness::Certain);
        found.similar.into_iter().next().map(|similar| similar.evidence)
    };
    assert_eq!(found(json!({"givenName": "Müller", "familyName": "Clara"})), Some(vec![Evidence::Name]));
    assert_eq!(found(json!({"fileAs": "Mueller, Clara"})), Some(vec![Evidence::Name]));
    assert_eq!(found(json!({"fileAs": "Clara Muller"})), Some(vec![Evidence::Name]));
    assert_eq!(
        found(json!({"givenName": "C.", "familyName": "Müller", "company": "Solaris Technik"})),
        Some(vec![Evidence::LastNameAndShortName, Evidence::Company])
    );
    assert_eq!(
        found(
            json!({"familyName": "Müller", "company": "SOLARIS TECHNIK", "places": [{"kind": "work", "street": "Speicherstr. 4", "locality": "Hamburg"}]})
        ),
        Some(vec![Evidence::LastName, Evidence::Company, Evidence::Place])
    );
    assert_eq!(found(json!({"familyName": "Müller", "phones": [{"kind": "main", "number": "040 5550110"}]})), None);
    let with_domain = json!({"familyName": "Müller", "phones": [{"kind": "main", "number": "040 5550110"}], "emails": [{"kind": "work", "address": "m@solaris.example"}]});
    assert_eq!(
        found(with_domain),
        Some(vec![Evidence::Phone("+49405550110".into()), Evidence::LastName, Evidence::Domain("solaris.example".into())])
    );
}

#[test]
fn colleagues_and_brothers_are_not_one_person() {
    let mut colleague = clara();
    for (member, value) in [
        ("givenName", json!("Heike")),
        ("familyName", json!("Lang")),
        ("birthday", json!(null)),
        ("emails", json!([])),
        ("phones", json!([{"kind": "work", "number": "+49 40 5550 110"}])),
    ] {
        colleague[member] = value;
    }
    assert_eq!(checked(clara(), colleague.clone()).likeness, Likeness::None);
    colleague["familyName"] = json!("Müller");
    assert_eq!(checked(clara(), colleague).likeness, Likeness::None, "a relative in the same firm");
    let namesake = json!({"givenName": "Clara", "familyName": "Müller", "birthday": {"year": 1991, "month": 1, "day": 2}});
    assert_eq!(checked(clara(), namesake).likeness, Likeness::None);
}

#[test]
fn organisations_are_compared_by_their_names() {
    let firm = json!({"organisation": true, "company": "Solaris Technik AG"});
    let found = checked(firm.clone(), json!({"organisation": true, "company": "SOLARIS Technik"}));
    assert_eq!((found.likeness, found.similar[0].evidence.as_slice()), (Likeness::Possible, &[Evidence::OrganisationName][..]));
    assert_eq!(checked(firm, json!({"familyName": "Lang", "company": "Solaris Technik AG"})).likeness, Likeness::None);
}

#[test]
fn the_cards_of_one_import_are_checked_against_each_other_and_not_against_themselves() {
    let (one, other) = (fields(clara()), fields(json!({"emails": [{"kind": "work", "address": "clara@solaris.example"}]})));
    let index = DuplicateIndex::new(home(), [("one".to_owned(), &one), ("other".to_owned(), &other)]);
    let ids = |found: Duplicates| found.similar.into_iter().map(|similar| similar.id).collect::<Vec<_>>();
    assert_eq!(ids(index.check(&one, Some("one"))), ["other"]);
    assert_eq!(ids(index.check(&other, Some("other"))), ["one"]);
    assert_eq!(ids(index.check(&Fields::new(), None)), [""; 0]);
}

#[test]
fn what_is_asked_of_the_crm_is_what_is_certain() {
    let query = match_query(&fields(clara()), home());
    assert_eq!((query.addresses, query.mobiles), (vec!["clara@solaris.example".to_owned()], vec!["+491715550123".to_owned()]));
    assert_eq!((query.given_name.as_str(), query.family_name.as_str(), query.company.as_str()), ("Clara", "Müller", ""));
}

/// Contacts of few names, numbers and addresses, so that many have something in common.
fn contact() -> impl Strategy<Value = Fields> {
    let pick = |words: &'static [&'static str]| prop::sample::select(words);
    let birthday = prop::option::of((prop::option::of(1980i32..1982), 1u32..3, 1u32..3));
    (
        (pick(&["", "Clara", "C.", "Jürgen", "Müller"]), pick(&["", "Müller", "Mueller", "Lang", "Clara"])),
        pick(&["", "Solaris AG", "Solaris", "Hafen KG"]),
        any::<bool>(),
        prop::collection::vec((pick(&["work", "mobile", "work-fax"]), pick(&["0171 5550123", "+49 40 5550110", "040 5550199", "x"])), 0..3),
        prop::collection::vec(pick(&["a@solaris.example", "b@solaris.example", "c@gmx.de"]), 0..2),
        pick(&["", "Kai 1", "Kai 2"]),
        birthday,
    )
        .prop_map(|((given, family), company, organisation, phones, emails, street, birthday)| {
            fields(json!({
                "givenName": given, "familyName": family, "company": company, "organisation": organisation,
                "phones": phones.into_iter().map(|(kind, number)| json!({"kind": kind, "number": number})).collect::<Vec<_>>(),
                "emails": emails.into_iter().map(|address| json!({"kind": "work", "address": address})).collect::<Vec<_>>(),
                "places": [{"kind": "work", "street": street, "locality": "Kiel"}],
                "birthday": birthday.map(|(year, month, day)| json!({"year": year, "month": month, "day": day})),
            }))
        })
}

fn compared(one: &Fields, other: &Fields) -> Option<Similar> {
    let (marks, other) = (Marks::of(one, home()), Marks::of(other, home()));
    similar("x", Hashed::new(&marks).evidence(&Hashed::new(&other), &marks))
}

proptest! {
    #[test]
    fn the_index_finds_whom_a_comparison_of_each_with_each_finds(known in prop::collection::vec(contact(), 1..9), asked in contact()) {
        let index = DuplicateIndex::new(home(), known.iter().enumerate().map(|(n, fields)| (n.to_string(), fields)));
        let mut found: Vec<(String, u8)> = index.check(&asked, None).similar.into_iter().map(|similar| (similar.id, similar.score)).collect();
        found.sort();
        let mut expected: Vec<(String, u8)> =
            known.iter().enumerate().filter_map(|(n, other)| Some((n.to_string(), compared(&asked, other)?.score))).collect();
        expected.sort();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn likeness_is_the_same_from_either_side(one in contact(), other in contact()) {
        let there = compared(&one, &other).map(|similar| (similar.likeness, similar.score));
        prop_assert_eq!(there, compared(&other, &one).map(|similar| (similar.likeness, similar.score)));
    }

    #[test]
    fn a_contact_with_an_address_is_certainly_itself(one in contact()) {
        if one.contains_key(&Field::Emails) {
            prop_assert_eq!(compared(&one, &one).map(|similar| similar.likeness), Some(Likeness::Certain));
        }
    }
}
