//! What the CRM is asked to do with a mail of which it knows no address (C12).

use crate::crm::OnUnmatched;
use crate::settings::{MailSelector, UnmatchedPolicy};

/// By default a mail that the user put into a folder is stored unassigned; one by category or from the inbox is refused, marked
/// NotFound and tried again.
#[must_use]
pub const fn on_unmatched(selector: MailSelector, policy: UnmatchedPolicy) -> OnUnmatched {
    match (policy, selector) {
        (UnmatchedPolicy::Store, _) | (UnmatchedPolicy::BySelector, MailSelector::Folder) => OnUnmatched::Store,
        (UnmatchedPolicy::Refuse, _) | (UnmatchedPolicy::BySelector, MailSelector::Category | MailSelector::Inbox) => OnUnmatched::Refuse,
    }
}
