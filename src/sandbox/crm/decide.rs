//! What becomes of a mail: pure.

use super::directory::Directory;
use super::faults::Faults;
use super::matching::{Assignment, assign};
use super::receive::Part;
use crate::crm::contract::{ActivityType, MailVerdict, ManifestItem, OnUnmatched, StatusDocument};

/// What the CRM goes by.
pub(super) struct Rules<'a> {
    pub(super) directory: &'a Directory,
    pub(super) faults: &'a Faults,
    pub(super) types: &'a [ActivityType],
    pub(super) statuses: &'a [StatusDocument],
    pub(super) max_item_bytes: u64,
}

/// What is to be done with a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ruling {
    /// Give the result that this item key was given before.
    Replay,
    /// Keep nothing and say why.
    Answer(MailVerdict, String),
    /// The CRM has this mail: join it.
    Join,
    /// Make an activity.
    Create(Assignment),
}

/// Rules on one mail. `twin`: the CRM has a mail with this fingerprint, and whether it is this employee's.
pub(super) fn rule(item: &ManifestItem<'_>, part: Option<&Part>, replay: bool, twin: Option<bool>, rules: &Rules<'_>) -> Ruling {
    let rejected = |reason: &str| Ruling::Answer(MailVerdict::Rejected, reason.to_owned());
    if replay {
        return Ruling::Replay;
    }
    match part {
        None => return rejected("the batch holds no part with this mail's bytes"),
        Some(part) if part.len != item.size || part.digest != item.raw_digest => {
            return rejected("the mail's bytes do not agree with its digest");
        }
        Some(part) if part.len > rules.max_item_bytes => return rejected("the mail is larger than the CRM takes"),
        Some(_) => {}
    }
    let faults = rules.faults;
    if Faults::hits(&faults.reject_subject, &item.subject) {
        return rejected("the sandbox was told to reject this subject");
    }
    if Faults::hits(&faults.retry_subject, &item.subject) {
        return Ruling::Answer(MailVerdict::Retry, "the sandbox was told to ask for a later try".to_owned());
    }
    if Faults::hits(&faults.skip_subject, &item.subject) {
        return Ruling::Answer(MailVerdict::Skipped, "the sandbox was told to skip this subject".to_owned());
    }
    if !rules.types.iter().any(|known| known.key == item.activity_type) {
        return rejected("the activity type is unknown");
    }
    if !rules.statuses.iter().any(|known| known.key == item.status) {
        return rejected("the status key is unknown");
    }
    if twin.is_some() {
        return Ruling::Join;
    }
    let assignment = assign(rules.directory, &item.external_addresses);
    if !assignment.known && item.on_unmatched == OnUnmatched::Refuse {
        return Ruling::Answer(MailVerdict::Unmatched, String::new());
    }
    Ruling::Create(assignment)
}
