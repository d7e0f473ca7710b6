//! What follows from the CRM's verdict on one mail (R21, I2, I5, C20, V1).

use crate::crm::MailVerdict;
use crate::journal::ItemOutcome;
use crate::model::{Reason, ReasonCode};

use super::placement::Placed;

/// What follows from a verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consequence {
    /// For the run's list.
    pub outcome: ItemOutcome,
    /// The journal keeps the mail as settled: it is not sent again.
    pub settle: bool,
    /// How the mail is marked and moved; `None` leaves it as it is.
    pub placed: Option<Placed>,
    /// Why, for the run's list; `None` when it simply succeeded.
    pub reason: Option<Reason>,
    /// It waits.
    pub park: Option<Parking>,
}

/// How an item waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parking {
    /// Why.
    pub reason: Reason,
    /// Until when.
    pub next_try: NextTry,
}

/// Until when an item waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextTry {
    /// Until the user acts.
    User,
    /// By [`super::next_delay`].
    Backoff,
    /// By [`super::next_not_found_try`].
    NotFound,
}

/// What follows from a verdict; `words` are the CRM's own.
#[must_use]
pub fn consequence(verdict: MailVerdict, words: &str) -> Consequence {
    let done = |outcome| Consequence { outcome, settle: true, placed: Some(Placed::Imported), reason: None, park: None };
    let parked = |outcome, placed, code, next_try| {
        let reason = Reason::new(code, words);
        Consequence { outcome, settle: false, placed, reason: Some(reason.clone()), park: Some(Parking { reason, next_try }) }
    };
    match verdict {
        MailVerdict::Created => done(ItemOutcome::Imported),
        MailVerdict::Merged => done(ItemOutcome::Joined),
        MailVerdict::Duplicate => done(ItemOutcome::AlreadyThere),
        MailVerdict::Unmatched => parked(ItemOutcome::NotFound, Some(Placed::NotFound), ReasonCode::NotFound, NextTry::NotFound),
        MailVerdict::Skipped => Consequence {
            outcome: ItemOutcome::LeftOut,
            settle: true,
            placed: None,
            reason: Some(Reason::new(ReasonCode::SkippedByCrm, words)),
            park: None,
        },
        MailVerdict::Rejected => parked(ItemOutcome::Parked, None, ReasonCode::RejectedByCrm, NextTry::User),
        MailVerdict::Retry => parked(ItemOutcome::Parked, None, ReasonCode::CrmRetry, NextTry::Backoff),
    }
}
