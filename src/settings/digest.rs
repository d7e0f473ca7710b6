//! Digests of the rules that decide what is selected and what is left out.

use std::collections::BTreeSet;

use serde_json::json;

use crate::model::Digest;

use super::{ContactSettings, ItemSettings, MailSettings};

/// The digest of exactly those settings that decide which mails are selected or left out, and of the employee's own addresses. When it
/// changes, mails that were left out before are looked at again. Order and case of addresses do not matter.
#[must_use]
pub fn mail_rules_digest<'a>(mail: &MailSettings, own_addresses: impl IntoIterator<Item = &'a str>) -> String {
    let set = |list: &[String]| list.iter().map(|entry| entry.to_lowercase()).collect::<BTreeSet<_>>();
    let own: BTreeSet<String> = own_addresses.into_iter().map(str::to_lowercase).collect();
    let folders: BTreeSet<&String> = mail.category_folders.iter().collect();
    let rules = json!({
        "version": 1,
        "selectors": mail.selectors,
        "import_folder": mail.import_folder,
        "inbox_children": mail.inbox_children,
        "category_folders": folders,
        "category": mail.category.to_lowercase(),
        "own": own,
        "internal": set(&mail.internal),
        "internal_mail": mail.internal_mail,
        "never_log": set(&mail.never_log),
        "private": mail.private,
        "encrypted": mail.encrypted,
        "max_size": mail.max_size,
    });
    Digest::of(rules.to_string().as_bytes()).as_str().to_owned()
}

/// The digest of exactly those settings that decide which items of an area are synchronised, and of the employee's own addresses.
#[must_use]
pub fn item_rules_digest<'a>(items: &ItemSettings, series_taken: bool, own_addresses: impl IntoIterator<Item = &'a str>) -> String {
    let own: BTreeSet<String> = own_addresses.into_iter().map(str::to_lowercase).collect();
    let rules = json!({
        "version": 1,
        "direction": items.direction,
        "create_in_crm": items.create_in_crm,
        "create_in_groupware": items.create_in_groupware,
        "future_days": items.future_days,
        "past_days": items.past_days,
        "private": items.private,
        "category": items.category,
        "collections": items.collections,
        "series": series_taken,
        "own": own,
    });
    Digest::of(rules.to_string().as_bytes()).as_str().to_owned()
}

/// The digest of exactly those settings, and facts of the CRM, that decide which contacts are synchronised. `groups`: ids of the groups whose
/// members are replicated.
#[must_use]
pub fn contact_rules_digest<'a>(contacts: &ContactSettings, groups: impl IntoIterator<Item = &'a str>) -> String {
    let groups: BTreeSet<&str> = groups.into_iter().collect();
    let rules = json!({
        "version": 1,
        "direction": contacts.items.direction,
        "private": contacts.items.private,
        "collections": contacts.items.collections,
        "address_book": contacts.address_book,
        "owned": contacts.owned,
        "groups": groups,
        "search": contacts.search,
        "organisations": contacts.organisations,
        "photos": contacts.photos,
        "category": contacts.category.to_lowercase(),
    });
    Digest::of(rules.to_string().as_bytes()).as_str().to_owned()
}
