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
        GroupwareError::Offline { .. } | GroupwareError::Timeout { .. } => Remedy::RetryLater { after: None },
        GroupwareError::Unavailable { retry_after, .. } => Remedy::RetryLater { after: *retry_after },
        GroupwareError::Tls { .. } => Remedy::NeedsUser { action: UserAction::GroupwareCertificate },
        GroupwareError::LoginRejected { .. } | GroupwareError::Locked { .. } => Remedy::NeedsUser { action: UserAction::ClearLock },
        GroupwareError::Secret { .. } => Remedy::NeedsUser { action: UserAction::GroupwareSecret },
        GroupwareError::NoSuchMailbox { .. } => Remedy::StopArea { scope: StopScope::Mailbox },
        GroupwareError::OverQuota { text } => Remedy::Park { reason: Reason::new(ReasonCode::OverQuota, text.as_str()) },
        GroupwareError::Refused { command, code, text } => refused(command, code.as_deref(), text),
        // An answer that breaks off or breaks the rules at one mail kills the session; the halves find that mail in new ones.
        GroupwareError::Protocol { command, text, .. } if reads_bodies(command) => {
            Remedy::Bisect { reason: Reason::new(ReasonCode::Unreadable, text.as_str()) }
        }
        GroupwareError::Protocol { .. } => Remedy::RetryLater { after: None },
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
        CrmError::NotOffered { .. } | CrmError::Contract(_) => Remedy::StopArea { scope: StopScope::Area },
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
