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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i2_what_the_crm_has_is_settled_and_placed_whoever_brought_it() {
        for (verdict, outcome) in [
            (MailVerdict::Created, ItemOutcome::Imported),
            (MailVerdict::Merged, ItemOutcome::Joined),
            (MailVerdict::Duplicate, ItemOutcome::AlreadyThere),
        ] {
            let expected = Consequence { outcome, settle: true, placed: Some(Placed::Imported), reason: None, park: None };
            assert_eq!(consequence(verdict, "words"), expected);
        }
    }

    #[test]
    fn i5_not_found_is_marked_and_not_final() {
        let found = consequence(MailVerdict::Unmatched, "");
        assert_eq!((found.outcome, found.settle, found.placed), (ItemOutcome::NotFound, false, Some(Placed::NotFound)));
        assert_eq!(found.park, Some(Parking { reason: ReasonCode::NotFound.into(), next_try: NextTry::NotFound }));
    }

    #[test]
    fn c20_only_failed_matching_sets_the_not_found_mark() {
        for verdict in [MailVerdict::Skipped, MailVerdict::Rejected, MailVerdict::Retry] {
            assert_eq!(consequence(verdict, "words").placed, None);
        }
    }

    #[test]
    fn a_skipped_mail_is_settled_with_the_crms_reason() {
        let skipped = consequence(MailVerdict::Skipped, "newsletter");
        assert_eq!((skipped.outcome, skipped.settle, skipped.park), (ItemOutcome::LeftOut, true, None));
        assert_eq!(skipped.reason, Some(Reason::new(ReasonCode::SkippedByCrm, "newsletter")));
    }

    #[test]
    fn i4_a_rejected_mail_waits_for_the_user_and_a_postponed_one_for_its_next_try() {
        let rejected = consequence(MailVerdict::Rejected, "no subject");
        assert_eq!((rejected.outcome, rejected.settle), (ItemOutcome::Parked, false));
        assert_eq!(rejected.park, Some(Parking { reason: Reason::new(ReasonCode::RejectedByCrm, "no subject"), next_try: NextTry::User }));
        let postponed = consequence(MailVerdict::Retry, "");
        assert_eq!((postponed.outcome, postponed.settle), (ItemOutcome::Parked, false));
        assert_eq!(postponed.park, Some(Parking { reason: ReasonCode::CrmRetry.into(), next_try: NextTry::Backoff }));
    }
}
