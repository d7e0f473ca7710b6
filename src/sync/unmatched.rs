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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c12_by_default_the_selector_decides() {
        let by_selector = |selector| on_unmatched(selector, UnmatchedPolicy::BySelector);
        assert_eq!(by_selector(MailSelector::Folder), OnUnmatched::Store);
        assert_eq!(by_selector(MailSelector::Category), OnUnmatched::Refuse);
        assert_eq!(by_selector(MailSelector::Inbox), OnUnmatched::Refuse);
    }

    #[test]
    fn c12_the_user_may_decide_for_all() {
        for selector in [MailSelector::Folder, MailSelector::Category, MailSelector::Inbox] {
            assert_eq!(on_unmatched(selector, UnmatchedPolicy::Store), OnUnmatched::Store);
            assert_eq!(on_unmatched(selector, UnmatchedPolicy::Refuse), OnUnmatched::Refuse);
        }
    }
}
