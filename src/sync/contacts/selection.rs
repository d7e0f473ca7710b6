//! Which contacts belong into the address book (R85–R88), and which cards may be read into the CRM (R89, R90, R99).

use std::collections::BTreeSet;

use crate::crm::{ContactGroup, RecordKind, RecordView, Switch};
use crate::model::{Field, Fields, Value};

/// The main group whose groups are replicated for their owners (R88).
const MAIN_GROUP: &str = "Outlook";

/// What the user wants in the address book.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportRule {
    /// Contacts the employee owns (R86).
    pub owned: bool,
    /// Ids of groups whose members belong there: [`replicated_groups`], where the user wants them.
    pub groups: BTreeSet<String>,
    /// Ids that a saved search found.
    pub found: BTreeSet<String>,
    /// Organisations as cards of their own (R87), where the CRM replicates them.
    pub organisations: bool,
}

/// Whether a contact belongs into the address book, and what says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Belonging {
    /// It does.
    In(Rule),
    /// It does not.
    Out(Rule),
}

/// What decides about a contact, the strongest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// The contact's switch (R85).
    Switch,
    /// It is an organisation, and these are not replicated.
    Organisation,
    /// The employee owns it.
    Owner,
    /// It is in this group.
    Group(String),
    /// The saved search found it.
    Search,
    /// No rule names it.
    Nothing,
}

/// Whether a contact of the CRM belongs into the address book: its switch says so, else the rules. An activity never does.
#[must_use]
pub fn belonging(contact: &RecordView, rule: &ExportRule) -> Belonging {
    let facts = contact.contact.clone().unwrap_or_default();
    match (contact.kind, facts.switch) {
        (RecordKind::Contact | RecordKind::Organisation, Switch::On) => return Belonging::In(Rule::Switch),
        (RecordKind::Contact | RecordKind::Organisation, Switch::Off) => return Belonging::Out(Rule::Switch),
        (RecordKind::Contact, Switch::Unset) => {}
        (RecordKind::Organisation, Switch::Unset) if rule.organisations => {}
        (RecordKind::Organisation, Switch::Unset) => return Belonging::Out(Rule::Organisation),
        _ => return Belonging::Out(Rule::Nothing),
    }
    if rule.owned && facts.owned {
        return Belonging::In(Rule::Owner);
    }
    if let Some(group) = facts.groups.iter().find(|group| rule.groups.contains(*group)) {
        return Belonging::In(Rule::Group(group.clone()));
    }
    if rule.found.contains(&contact.link.id) { Belonging::In(Rule::Search) } else { Belonging::Out(Rule::Nothing) }
}

/// Ids of the groups whose members are replicated: under the main group "Outlook", owned by the employee (R88).
#[must_use]
pub fn replicated_groups(groups: &[ContactGroup]) -> BTreeSet<String> {
    let own = groups.iter().filter(|group| group.owned && group.main_group.trim().eq_ignore_ascii_case(MAIN_GROUP));
    own.map(|group| group.id.clone()).collect()
}

/// What may be done with a card of the address book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It may be offered for import.
    Offered(Fields),
    /// It bears the id of a contact: it is updated, not imported (R100).
    Linked(String),
    /// It is the user's own (R90, V13). Nothing of it is here, so that nothing of it can be logged or sent.
    Private,
}

/// Decides about a card before anything else sees what it says. `linked`: the CRM's id that the card bears; `category`: the one that
/// marks cards for the CRM, in any case. A card whose owner marked it private stays private, category or not.
#[must_use]
pub fn admit(card: Fields, linked: Option<&str>, category: &str) -> Admission {
    if let Some(id) = linked.filter(|id| !id.is_empty()) {
        return Admission::Linked(id.to_owned());
    }
    let is_marked = match card.get(&Field::Categories) {
        Some(Value::Words(words)) => words.iter().any(|word| word.trim().to_lowercase() == category.trim().to_lowercase()),
        _ => false,
    };
    if is_marked && !category.trim().is_empty() && !card.contains_key(&Field::Private) {
        Admission::Offered(card)
    } else {
        Admission::Private
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::crm::{ContactFacts, RecordLink};

    fn view(kind: RecordKind, facts: ContactFacts) -> RecordView {
        RecordView {
            link: RecordLink { id: "CP1".into(), version: "1".into(), link: None },
            kind,
            activity_type: String::new(),
            uid: None,
            recurrence_id: None,
            fields: Fields::new(),
            origin: None,
            contact: Some(facts),
        }
    }

    fn rule() -> ExportRule {
        ExportRule { owned: true, groups: ["G1".to_owned()].into(), found: ["CP1".to_owned()].into(), organisations: false }
    }

    #[test]
    fn r86_the_owner_the_groups_and_the_search_decide_in_this_order() {
        let facts = |owned, groups: &[&str]| ContactFacts {
            owned,
            groups: groups.iter().map(|&group| group.to_owned()).collect(),
            ..ContactFacts::default()
        };
        let of = |owned, groups: &[&str], rule: &ExportRule| belonging(&view(RecordKind::Contact, facts(owned, groups)), rule);
        assert_eq!(of(true, &["G1"], &rule()), Belonging::In(Rule::Owner));
        assert_eq!(of(false, &["G0", "G1"], &rule()), Belonging::In(Rule::Group("G1".into())));
        assert_eq!(of(false, &["G0"], &rule()), Belonging::In(Rule::Search));
        assert_eq!(of(true, &["G1"], &ExportRule::default()), Belonging::Out(Rule::Nothing));
        let organisation =
            |organisations| belonging(&view(RecordKind::Organisation, facts(true, &[])), &ExportRule { organisations, ..rule() });
        assert_eq!(organisation(false), Belonging::Out(Rule::Organisation));
        assert_eq!(organisation(true), Belonging::In(Rule::Owner));
        assert_eq!(belonging(&view(RecordKind::Task, facts(true, &[])), &rule()), Belonging::Out(Rule::Nothing));
    }

    #[test]
    fn r88_groups_are_replicated_for_their_owner_under_the_main_group() {
        let group = |id: &str, main_group: &str, owned| ContactGroup {
            id: id.into(),
            name: String::new(),
            main_group: main_group.into(),
            owned,
            public: true,
            memo: String::new(),
        };
        let groups =
            [group("1", "Outlook", true), group("2", "Outlook", false), group("3", "Marketing", true), group("4", " OUTLOOK", true)];
        assert_eq!(replicated_groups(&groups), ["1".to_owned(), "4".to_owned()].into());
    }

    fn card(categories: &[&str], private: bool) -> Fields {
        let mut card = Fields::from([(Field::FamilyName, Value::Text("Geheim".into()))]);
        if !categories.is_empty() {
            card.insert(Field::Categories, Value::Words(categories.iter().map(|&word| word.to_owned()).collect()));
        }
        if private {
            card.insert(Field::Private, Value::Flag(true));
        }
        card
    }

    #[test]
    fn r89_cards_with_the_category_are_offered_and_those_with_an_id_are_not() {
        assert!(matches!(admit(card(&["Familie", "crmCorner"], false), None, "CRMcorner"), Admission::Offered(_)));
        assert_eq!(admit(card(&["CRMcorner"], false), Some("CP1"), "CRMcorner"), Admission::Linked("CP1".into()));
        assert_eq!(admit(card(&["CRMcorner"], true), Some(""), "CRMcorner"), Admission::Private);
        assert_eq!(admit(card(&[""], false), None, ""), Admission::Private, "no category is not every category");
    }

    proptest! {
        #[test]
        fn r85_the_switch_beats_every_rule(owned: bool, grouped: bool, on: bool, organisation: bool) {
            let groups = if grouped { vec!["G1".to_owned()] } else { Vec::new() };
            let facts = ContactFacts { owned, groups, switch: if on { Switch::On } else { Switch::Off }, ..ContactFacts::default() };
            let kind = if organisation { RecordKind::Organisation } else { RecordKind::Contact };
            let expected = if on { Belonging::In(Rule::Switch) } else { Belonging::Out(Rule::Switch) };
            prop_assert_eq!(belonging(&view(kind, facts), &rule()), expected);
        }

        #[test]
        fn v13_a_card_without_the_category_leaves_no_trace(words in prop::collection::btree_set("[a-zäöü ]{0,9}", 0..4), private: bool) {
            let mut card = card(&[], private);
            card.insert(Field::Categories, Value::Words(words));
            let admission = admit(card, None, "CRMcorner");
            let shown = format!("{admission:?}");
            prop_assert!(!shown.contains("Geheim"));
            prop_assert_eq!(admission, Admission::Private);
        }
    }
}
