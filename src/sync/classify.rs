//! What follows from each error: retry now, retry later, needs the user, park the item, stop. One pure table a side.

use std::io::ErrorKind;
use std::time::Duration;

use crate::crm::CrmError;
use crate::groupware::GroupwareError;
use crate::model::{Reason, ReasonCode};

/// What follows from an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// Try again at once, one time: with a fresh state (missing target created, snapshot instead of cursor, new batch key).
    RetryNow,
    /// Stop the run of this account and try later.
    RetryLater {
        /// After this long, if the server said so; else by [`super::next_delay`].
        after: Option<Duration>,
    },
    /// Stop the run of this account until the user has acted.
    NeedsUser {
        /// What he is to do.
        action: UserAction,
    },
    /// Park the items concerned and go on.
    Park {
        /// Why.
        reason: Reason,
    },
    /// Stop here and go on elsewhere.
    StopArea {
        /// How much is stopped.
        scope: StopScope,
    },
    /// One of the items may be poison: try the halves; park a single one with this reason (V10).
    Bisect {
        /// Why a single item is parked.
        reason: Reason,
    },
    /// The batch is too large: post the halves; park a single one as [`ReasonCode::TooLarge`].
    Halve,
    /// Whether the batch was processed is not known: ask for its answer by its key before anything else is sent, later if need be.
    AskForAnswer,
}

/// What the user is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserAction {
    /// Correct the groupware password and clear its lock, with the administrator's help (R63, R64).
    ClearLock,
    /// Make the groupware secret readable.
    GroupwareSecret,
    /// Settle the certificate of the groupware server.
    GroupwareCertificate,
    /// Correct the CRM's token or password.
    CrmLogin,
    /// Make the CRM's secret readable.
    CrmSecret,
    /// Settle the certificate of the CRM.
    CrmCertificate,
    /// Have the right granted in the CRM.
    CrmRights,
    /// Make room on the disk, or the spool folder writable.
    SpoolFolder,
}

/// How much is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopScope {
    /// The mailbox, for this run.
    Mailbox,
    /// The area, for this run.
    Area,
}

/// What follows from an error of the groupware.
#[must_use]
pub fn groupware(error: &GroupwareError) -> Remedy {
    match error {
        GroupwareError::Unavailable { retry_after, .. } => Remedy::RetryLater { after: *retry_after },
        GroupwareError::Tls { .. } => Remedy::NeedsUser { action: UserAction::GroupwareCertificate },
        GroupwareError::LoginRejected { .. } | GroupwareError::SignInEnded { .. } | GroupwareError::Locked { .. } => {
            Remedy::NeedsUser { action: UserAction::ClearLock }
        }
        GroupwareError::Secret { .. } => Remedy::NeedsUser { action: UserAction::GroupwareSecret },
        GroupwareError::NoSuchMailbox { .. } => Remedy::StopArea { scope: StopScope::Mailbox },
        GroupwareError::OverQuota { text } => Remedy::Park { reason: Reason::new(ReasonCode::OverQuota, text.as_str()) },
        GroupwareError::Refused { command, code, text } => refused(command, code.as_deref(), text),
        // An answer that breaks off or breaks the rules at one mail kills the session; the halves find that mail in new ones.
        GroupwareError::Protocol { command, text, .. } if reads_bodies(command) => {
            Remedy::Bisect { reason: Reason::new(ReasonCode::Unreadable, text.as_str()) }
        }
        GroupwareError::Offline { .. } | GroupwareError::Timeout { .. } | GroupwareError::Protocol { .. } => {
            Remedy::RetryLater { after: None }
        }
        GroupwareError::TooLarge { text, .. } => Remedy::Bisect { reason: Reason::new(ReasonCode::Unreadable, text.as_str()) },
        GroupwareError::Spool(error) => spool(error.kind()),
    }
}

/// A tagged NO, by its response code (RFC 9051 §7.1, RFC 5530), then by the command.
fn refused(command: &str, code: Option<&str>, text: &str) -> Remedy {
    match code {
        Some("TRYCREATE") => return Remedy::RetryNow,
        Some("UNAVAILABLE" | "INUSE" | "LIMIT" | "SERVERBUG") => return Remedy::RetryLater { after: None },
        Some("NONEXISTENT") => return Remedy::StopArea { scope: StopScope::Mailbox },
        Some("OVERQUOTA") => return Remedy::Park { reason: Reason::new(ReasonCode::OverQuota, text) },
        Some("NOPERM" | "READ-ONLY") if places(command) => return Remedy::Park { reason: Reason::new(ReasonCode::ReadOnly, text) },
        _ => {}
    }
    if reads_bodies(command) {
        Remedy::Bisect { reason: Reason::new(ReasonCode::Unreadable, text) }
    } else if places(command) {
        Remedy::Park { reason: Reason::new(ReasonCode::PlacementRefused, text) }
    } else {
        Remedy::StopArea { scope: StopScope::Mailbox }
    }
}

fn reads_bodies(command: &str) -> bool {
    command.contains("FETCH")
}

fn places(command: &str) -> bool {
    ["MOVE", "COPY", "STORE", "EXPUNGE"].iter().any(|verb| command.contains(verb))
}

fn spool(kind: ErrorKind) -> Remedy {
    match kind {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            Remedy::NeedsUser { action: UserAction::SpoolFolder }
        }
        _ => Remedy::RetryLater { after: None },
    }
}

/// What follows from an error of the CRM.
#[must_use]
pub fn crm(error: &CrmError) -> Remedy {
    match error {
        CrmError::Offline { .. } | CrmError::Timeout { .. } | CrmError::InFlight => Remedy::AskForAnswer,
        CrmError::Tls { .. } => Remedy::NeedsUser { action: UserAction::CrmCertificate },
        CrmError::Unauthorized { .. } => Remedy::NeedsUser { action: UserAction::CrmLogin },
        CrmError::Forbidden { .. } => Remedy::NeedsUser { action: UserAction::CrmRights },
        CrmError::Secret { .. } => Remedy::NeedsUser { action: UserAction::CrmSecret },
        CrmError::NotOffered { .. } => Remedy::StopArea { scope: StopScope::Area },
        // Often one mail alone makes the CRM answer nonsense; item keys keep the halves from doubling anything.
        CrmError::Contract(_) => Remedy::Bisect { reason: Reason::new(ReasonCode::PoisonItem, error.to_string()) },
        CrmError::Busy { retry_after, .. } => Remedy::RetryLater { after: *retry_after },
        CrmError::TooLarge => Remedy::Halve,
        // Whatever has the key is not this batch; item keys keep a second sending from doubling anything.
        CrmError::KeyReused | CrmError::CursorExpired => Remedy::RetryNow,
        CrmError::Failed { status, title, detail } => failed(*status, title, detail),
        // The mail is fetched anew.
        CrmError::Spool(error) => spool(error.kind()),
    }
}

fn failed(status: u16, title: &str, detail: &str) -> Remedy {
    match status {
        // Too early, locked, out of storage: nothing about these mails.
        408 | 421 | 423 | 425 | 507 | 509 => Remedy::RetryLater { after: None },
        // A gateway gave up on the CRM behind it (Cloudflare): whether that went on is not known.
        520..=530 => Remedy::AskForAnswer,
        // The request is of a kind the CRM, or something before it, does not take: another mail would fare no better.
        402 | 405..=407 | 411 | 414 | 415 | 417 | 426 | 431 | 451 | 505 | 511 => Remedy::StopArea { scope: StopScope::Area },
        _ => {
            let words = if detail.is_empty() { title } else { detail };
            Remedy::Bisect { reason: Reason::new(ReasonCode::PoisonItem, format!("{status} {words}")) }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::groupware::{LoginRefusal, TlsFault};

    const LATER: Remedy = Remedy::RetryLater { after: None };
    const MAILBOX: Remedy = Remedy::StopArea { scope: StopScope::Mailbox };
    const AREA: Remedy = Remedy::StopArea { scope: StopScope::Area };

    fn user(action: UserAction) -> Remedy {
        Remedy::NeedsUser { action }
    }

    fn park(code: ReasonCode) -> Remedy {
        Remedy::Park { reason: Reason::new(code, "words") }
    }

    fn bisect(code: ReasonCode) -> Remedy {
        Remedy::Bisect { reason: Reason::new(code, "words") }
    }

    fn server() -> String {
        "imap.firm.example:993".to_owned()
    }

    fn words() -> String {
        "words".to_owned()
    }

    fn no(command: &'static str, code: Option<&str>) -> Remedy {
        groupware(&GroupwareError::Refused { command, code: code.map(str::to_owned), text: words() })
    }

    #[test]
    fn v11_only_a_rejection_locks_and_a_lock_waits_for_the_user() {
        let refusal = LoginRefusal { code: Some("AUTHENTICATIONFAILED".to_owned()), text: words() };
        assert_eq!(groupware(&GroupwareError::LoginRejected { server: server(), refusal }), user(UserAction::ClearLock));
        assert_eq!(groupware(&GroupwareError::SignInEnded { server: server(), text: words() }), user(UserAction::ClearLock));
        assert_eq!(groupware(&GroupwareError::Locked { account: words() }), user(UserAction::ClearLock));
        assert_eq!(groupware(&GroupwareError::Secret { account: words(), cause: words() }), user(UserAction::GroupwareSecret));
        let fault = TlsFault::Expired;
        assert_eq!(groupware(&GroupwareError::Tls { server: server(), fault }), user(UserAction::GroupwareCertificate));
    }

    #[test]
    fn r63_a_groupware_that_is_merely_unavailable_is_tried_later() {
        assert_eq!(groupware(&GroupwareError::Offline { server: server(), cause: words() }), LATER);
        assert_eq!(groupware(&GroupwareError::Timeout { server: server(), command: "SELECT", after: Duration::from_mins(1) }), LATER);
        let wait = Some(Duration::from_mins(5));
        let busy = GroupwareError::Unavailable { server: server(), text: words(), retry_after: wait };
        assert_eq!(groupware(&busy), Remedy::RetryLater { after: wait });
        assert_eq!(groupware(&GroupwareError::Protocol { server: server(), command: "SELECT", text: words() }), LATER);
    }

    #[test]
    fn v10_a_mail_that_breaks_the_fetch_is_searched_by_halves() {
        let protocol = GroupwareError::Protocol { server: server(), command: "UID FETCH", text: words() };
        assert_eq!(groupware(&protocol), bisect(ReasonCode::Unreadable));
        assert_eq!(groupware(&GroupwareError::TooLarge { server: server(), text: words() }), bisect(ReasonCode::Unreadable));
        assert_eq!(no("UID FETCH", None), bisect(ReasonCode::Unreadable));
    }

    #[test]
    fn a_refused_mark_or_move_parks_the_mail_with_its_reason() {
        for command in ["UID MOVE", "UID COPY", "UID STORE", "UID EXPUNGE"] {
            assert_eq!(no(command, Some("CANNOT")), park(ReasonCode::PlacementRefused));
            assert_eq!(no(command, None), park(ReasonCode::PlacementRefused));
            assert_eq!(no(command, Some("NOPERM")), park(ReasonCode::ReadOnly));
            assert_eq!(no(command, Some("READ-ONLY")), park(ReasonCode::ReadOnly));
            assert_eq!(no(command, Some("OVERQUOTA")), park(ReasonCode::OverQuota));
        }
        assert_eq!(groupware(&GroupwareError::OverQuota { text: words() }), park(ReasonCode::OverQuota));
        assert_eq!(no("UID MOVE", Some("TRYCREATE")), Remedy::RetryNow);
    }

    #[test]
    fn a_mailbox_that_cannot_be_opened_does_not_stop_the_others() {
        assert_eq!(groupware(&GroupwareError::NoSuchMailbox { name: words() }), MAILBOX);
        assert_eq!(no("SELECT", None), MAILBOX);
        assert_eq!(no("SELECT", Some("NOPERM")), MAILBOX);
        assert_eq!(no("SELECT", Some("NONEXISTENT")), MAILBOX);
        assert_eq!(no("UID SEARCH", None), MAILBOX);
    }

    #[test]
    fn a_server_that_is_busy_says_nothing_of_the_item() {
        for code in ["UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG"] {
            assert_eq!(no("UID FETCH", Some(code)), LATER);
            assert_eq!(no("UID MOVE", Some(code)), LATER);
        }
    }

    #[test]
    fn a_full_disk_needs_the_user() {
        for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem] {
            assert_eq!(groupware(&GroupwareError::Spool(io::Error::from(kind))), user(UserAction::SpoolFolder));
            assert_eq!(crm(&CrmError::Spool(io::Error::from(kind))), user(UserAction::SpoolFolder));
        }
        assert_eq!(groupware(&GroupwareError::Spool(io::Error::from(ErrorKind::Interrupted))), LATER);
        assert_eq!(crm(&CrmError::Spool(io::Error::from(ErrorKind::NotFound))), LATER);
    }

    #[test]
    fn v2_a_batch_whose_outcome_is_unknown_is_asked_for_not_resent() {
        assert_eq!(crm(&CrmError::Offline { cause: words() }), Remedy::AskForAnswer);
        assert_eq!(crm(&CrmError::Timeout { after: Duration::from_mins(1) }), Remedy::AskForAnswer);
        assert_eq!(crm(&CrmError::InFlight), Remedy::AskForAnswer);
        assert_eq!(failed(524, "", "words"), Remedy::AskForAnswer);
    }

    #[test]
    fn trouble_with_the_login_at_the_crm_needs_the_user() {
        assert_eq!(crm(&CrmError::Tls { cause: words() }), user(UserAction::CrmCertificate));
        assert_eq!(crm(&CrmError::Unauthorized { detail: words() }), user(UserAction::CrmLogin));
        assert_eq!(crm(&CrmError::Forbidden { detail: words() }), user(UserAction::CrmRights));
        assert_eq!(crm(&CrmError::Secret { cause: words() }), user(UserAction::CrmSecret));
    }

    #[test]
    fn the_crms_wish_to_wait_is_honoured() {
        let retry_after = Some(Duration::from_secs(17));
        assert_eq!(crm(&CrmError::Busy { retry_after, detail: words() }), Remedy::RetryLater { after: retry_after });
        assert_eq!(failed(507, "Insufficient Storage", ""), LATER);
        assert_eq!(failed(408, "", ""), LATER);
    }

    #[test]
    fn v10_a_failing_batch_is_bisected_and_a_too_large_one_halved() {
        for status in [400, 409, 422, 500] {
            assert_eq!(
                failed(status, "title", "words"),
                Remedy::Bisect { reason: Reason::new(ReasonCode::PoisonItem, format!("{status} words")) }
            );
        }
        assert_eq!(failed(500, "title", ""), Remedy::Bisect { reason: Reason::new(ReasonCode::PoisonItem, "500 title") });
        assert_eq!(crm(&CrmError::TooLarge), Remedy::Halve);
        let error = CrmError::Failed { status: 500, title: words(), detail: String::new() };
        assert_eq!(crm(&error), Remedy::Bisect { reason: Reason::new(ReasonCode::PoisonItem, "500 words") });
        assert!(
            matches!(crm(&CrmError::Contract(words())), Remedy::Bisect { .. }),
            "an answer out of the contract may be one mail's fault"
        );
    }

    #[test]
    fn what_the_crm_never_takes_stops_the_area() {
        assert_eq!(crm(&CrmError::NotOffered { what: words() }), AREA);
        for status in [405, 411, 415, 426, 451] {
            assert_eq!(failed(status, "", ""), AREA);
        }
    }

    #[test]
    fn a_void_key_or_cursor_is_replaced_at_once() {
        assert_eq!(crm(&CrmError::KeyReused), Remedy::RetryNow);
        assert_eq!(crm(&CrmError::CursorExpired), Remedy::RetryNow);
    }
}
