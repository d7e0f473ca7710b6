//! Settings of contacts.

use super::Fallback::{Absent, Text};
use super::{CONFLICT_POLICIES, Setting, setting};
use crate::settings::value::{Element, Kind};

pub(super) static SETTINGS: &[Setting] = &[
    setting(
        "contacts.direction",
        Kind::One(Element::Choice(&["both", "to-crm", "to-groupware"])),
        Text("both"),
        "Which way changes go. What is deleted in the groupware is never deleted in the CRM.",
    ),
    setting(
        "contacts.conflicts",
        Kind::One(Element::Choice(CONFLICT_POLICIES)),
        Text("two_way"),
        "When both sides changed a field: see calendar.conflicts. Lists (addresses, numbers) are merged entry by entry.",
    ),
    setting(
        "contacts.field_conflicts",
        Kind::Many(Element::FieldPolicy),
        Text(""),
        "Exceptions from conflicts by field, such as \"phones=groupware_wins\".",
    ),
    setting(
        "contacts.address_book",
        Kind::One(Element::Text),
        Text("CRM contacts"),
        "Address book for contacts of the CRM, by its name; it is made when there is none.",
    ),
    setting("contacts.collections", Kind::Many(Element::Text), Text(""), "Names of further address books that take part; all, if empty."),
    setting(
        "contacts.owned",
        Kind::Bool,
        Text("true"),
        "Contacts that you own in the CRM go into the address book. A contact's own switch goes before all rules.",
    ),
    setting(
        "contacts.groups",
        Kind::Bool,
        Text("true"),
        "Members of your groups under the main group \"Outlook\" go into the address book.",
    ),
    setting(
        "contacts.search",
        Kind::One(Element::Text),
        Absent("Hamburg"),
        "Contacts of the CRM that this search finds go into the address book.",
    ),
    setting("contacts.organisations", Kind::Bool, Text("true"), "Organisations are cards of their own, where the CRM replicates them."),
    setting("contacts.photos", Kind::Bool, Text("true"), "Pictures are kept the same on both sides."),
    setting(
        "contacts.category",
        Kind::One(Element::Text),
        Text("CRMcorner"),
        "Only cards with this category are offered for import into the CRM; others are never read into it.",
    ),
    setting(
        "contacts.private",
        Kind::One(Element::Choice(&["as_private", "skip"])),
        Text("as_private"),
        "Cards of CRM contacts that you mark as private: followed, and private in the CRM too, or followed no longer.",
    ),
    setting(
        "contacts.country",
        Kind::One(Element::Text),
        Absent("DE"),
        "Your country (ISO 3166), which telephone numbers without a country code are of.",
    ),
];
