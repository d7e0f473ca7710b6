//! What a dry run shows of each mail (X1).

use serde::Serialize;

use crate::crm::OnUnmatched;
use crate::model::{Direction, Mail, MailboxName, Reason};
use crate::settings::MailSettings;

use super::addresses::Addresses;
use super::leave_out::left_out;
use super::mail_sources::MailSource;
use super::placement::{Placed, Placement, placement};
use super::unmatched::on_unmatched;

/// One line of a dry run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedMail {
    /// Mailbox it lies in.
    pub mailbox: MailboxName,
    /// Its UID there.
    pub uid: u32,
    /// Subject.
    pub subject: String,
    /// `Date` header, RFC 3339.
    pub date: Option<String>,
    /// Which way it went; `None` when it was not read.
    pub direction: Option<Direction>,
    /// External addresses to match.
    pub external: Vec<String>,
    /// Status key of its activity.
    pub status: String,
    /// What would be done.
    pub plan: MailPlan,
}

/// What would be done with a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "plan", rename_all = "kebab-case")]
pub enum MailPlan {
    /// It would be sent to the CRM.
    Import {
        /// What the CRM would do if it knew no address.
        on_unmatched: OnUnmatched,
        /// What would be changed about the mail if the CRM took it.
        placement: Placement,
    },
    /// It is in the CRM; only its mark or place would be put right.
    Place {
        /// What would be changed about the mail.
        placement: Placement,
    },
    /// It would be left out.
    LeaveOut {
        /// By which rule.
        reason: Reason,
    },
    /// It would be parked.
    Park {
        /// Why.
        reason: Reason,
    },
}

impl PlannedMail {
    /// The line of a mail that was read and is not yet in the CRM.
    #[must_use]
    pub fn of(
        mail: &Mail,
        uid: u32,
        keywords_now: &std::collections::BTreeSet<String>,
        source: &MailSource,
        addresses: &Addresses,
        settings: &MailSettings,
    ) -> Self {
        let plan = match left_out(mail, addresses, settings) {
            Some(reason) => MailPlan::LeaveOut { reason },
            None => MailPlan::Import {
                on_unmatched: on_unmatched(source.selector, settings.unmatched),
                placement: placement(Placed::Imported, source, keywords_now, settings),
            },
        };
        Self {
            mailbox: source.mailbox.clone(),
            uid,
            subject: mail.subject.clone(),
            date: mail.date.map(|date| date.to_rfc3339()),
            direction: Some(addresses.direction(mail)),
            external: addresses.external(mail),
            status: source.status.clone(),
            plan,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ReasonCode;
    use crate::settings::MailSelector;
    use crate::sync::placement::Target;
    use crate::sync::testing::{keywords, mail, settings, source};

    fn planned(mail: &Mail) -> PlannedMail {
        let addresses = Addresses::new(["x@firm.example"], &settings().internal, &[]);
        PlannedMail::of(mail, 7, &keywords(&[]), &source("INBOX/Import Folder", MailSelector::Folder), &addresses, &settings())
    }

    #[test]
    fn x1_the_preview_says_what_would_be_done() {
        let mut mail = mail(&["c@customer.example"], &["x@firm.example"]);
        mail.date = Some("2026-02-03T04:05:06+01:00".parse().unwrap());
        let line = planned(&mail);
        assert_eq!(line.direction, Some(Direction::Received));
        assert_eq!(line.external, ["c@customer.example"]);
        assert_eq!((line.date.as_deref(), line.status.as_str()), (Some("2026-02-03T04:05:06+01:00"), "I"));
        let placement = Placement { move_to: Some(Target::Archive), ..Placement::default() };
        assert_eq!(line.plan, MailPlan::Import { on_unmatched: OnUnmatched::Store, placement });
    }

    #[test]
    fn x16_the_preview_says_why_a_mail_would_stay_out() {
        let line = planned(&mail(&["x@firm.example"], &["y@firm.example"]));
        assert_eq!(line.plan, MailPlan::LeaveOut { reason: ReasonCode::InternalOnly.into() });
        assert!(serde_json::to_string(&line).unwrap().contains(r#""plan":{"plan":"leave-out","reason":{"code":"internal-only"}}"#));
    }
}
