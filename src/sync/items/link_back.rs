//! The link to its CRM record in an item's text (R76, R77): written once in a second phase, only into an item that has not changed since,
//! inside the window, and never where a write would mail people (V9).

use crate::crm::RecordLink;
use crate::groupware::{CrmLink, StoredItem};
use crate::journal::{LinkState, Pair, PairState};
use crate::model::{Digest, Field, Fields, Value};

use super::{Rules, scheduling, window};

/// Links that one run writes.
pub const LINKS_PER_RUN: usize = 50;

/// What an item is to say of its record.
#[must_use]
pub fn wanted(record: &RecordLink, fields: &Fields) -> CrmLink {
    let mut lines = Vec::new();
    for field in [Field::Participants, Field::Contacts] {
        let Some(Value::People(people)) = fields.get(&field) else { continue };
        for person in people {
            let line = match (person.name.as_str(), person.address.as_str()) {
                ("", address) => address.to_owned(),
                (name, "") => name.to_owned(),
                (name, address) => format!("{name} <{address}>"),
            };
            if !line.is_empty() && !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    CrmLink { record: record.id.clone(), url: record.link.clone(), lines }
}

/// Digest by which a link that was written is known.
#[must_use]
pub fn digest(link: &CrmLink) -> String {
    let text = serde_json::to_string(&(&link.record, &link.url)).unwrap_or_default();
    Digest::of(text.as_bytes()).as_str().to_owned()
}

/// What state the link of a new or changed pair is in. `exists`: the item has a component for it; an occurrence without one gets no
/// link, because that would make an override of it.
#[must_use]
pub fn state(pair: &Pair, writable: bool, exists: bool, mark: Option<&str>, rules: &Rules<'_>) -> LinkState {
    let (Some(record), true) = (&pair.record, rules.settings.link_back) else { return LinkState::None };
    let digest = digest(&wanted(record, &Fields::new()));
    match &pair.link {
        LinkState::Written { digest: before } if *before == digest => pair.link.clone(),
        _ if !writable || !exists => LinkState::None,
        // Written by another agent, or before the journal was lost.
        _ if mark == Some(record.id.as_str()) => LinkState::Written { digest },
        _ => LinkState::Pending,
    }
}

/// Whether the link may be written now.
#[must_use]
pub fn may_link(pair: &Pair, stored: &StoredItem, fields: &Fields, rules: &Rules<'_>) -> bool {
    pair.state == PairState::Active
        && scheduling::may_write(&stored.item, rules)
        && window::for_groupware(fields, rules) == window::Standing::Inside
}
