//! Records for tests.

use chrono::{DateTime, TimeDelta};

use crate::crm::{LinkedRecord, MailVerdict, RecordLink};
use crate::journal::{
    Change, Consent, HistoryEntry, ItemOutcome, Located, LocatedState, Lock, Parked, PendingBatch, RunEnd, RunItem, RunRecord, SettledMail,
};
use crate::model::{AccountId, Action, Area, Digest, Instant, Intent, ItemKey, MailLocation, MailboxName, Operation, ReasonCode, RunId};

pub(super) fn at(minute: i64) -> Instant {
    DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
}

pub(super) fn work() -> AccountId {
    "work".into()
}

pub(super) fn inbox() -> MailboxName {
    "INBOX/Projekte".into()
}

pub(super) fn settled(message_id: Option<&str>) -> SettledMail {
    SettledMail {
        verdict: MailVerdict::Created,
        customer_folder: None,
        record: Some(RecordLink { id: "A-1".to_owned(), version: "1".to_owned(), link: None }),
        linked: vec![LinkedRecord { kind: "contact".to_owned(), id: "C-1".to_owned(), name: "Zoë".to_owned() }],
        message_id: message_id.map(str::to_owned),
        raw_digest: Digest::of(b"raw"),
        subject: "Offer \u{1f4e7} \"quoted\"".to_owned(),
        date: Some("2026-01-02T03:04:05+01:00".to_owned()),
        mailbox: inbox(),
        run: run_id(1),
        settled_at: at(1),
    }
}

pub(super) fn settle(key: &str, message_id: Option<&str>) -> Change {
    Change::SettleMail { account: work(), key: key.into(), mail: settled(message_id) }
}

pub(super) fn location(uid: u32) -> MailLocation {
    MailLocation { account: work(), mailbox: inbox(), uid_validity: 7, uid }
}

pub(super) fn done(key: &str) -> Located {
    Located { key: Some(key.into()), state: LocatedState::Done }
}

pub(super) fn locate(uid: u32, key: &str) -> Change {
    Change::Locate { location: location(uid), located: done(key) }
}

pub(super) fn parked(account: &AccountId, id: &str) -> Parked {
    Parked {
        id: id.to_owned(),
        area: Area::Mail,
        account: account.clone(),
        title: "Offer".to_owned(),
        date: None,
        reason: ReasonCode::TooLarge.into(),
        since: at(2),
        tries: 1,
        next_try: Some(at(3)),
        location: Some(MailLocation { account: account.clone(), ..location(9) }),
        message_id: Some("m@example.com".to_owned()),
        addresses: vec!["a@example.com".to_owned()],
        item: None,
        record: None,
    }
}

pub(super) fn run_id(number: u32) -> RunId {
    RunId(format!("20260102T03{number:04}Z-00000000"))
}

pub(super) fn run(account: &AccountId, number: u32) -> RunRecord {
    RunRecord {
        id: run_id(number),
        account: account.clone(),
        started_at: at(number.into()),
        ended_at: None,
        end: RunEnd::Stopped { cause: "offline".to_owned() },
        areas: [(Area::Mail, crate::journal::AreaCount { count: 3, changed: 2, errors: 1, left: 0 })].into(),
    }
}

pub(super) fn run_item(message_id: Option<&str>) -> RunItem {
    RunItem {
        area: Area::Mail,
        key: Some("mail:1".into()),
        title: "Offer".to_owned(),
        date: None,
        collection: "INBOX".to_owned(),
        outcome: ItemOutcome::Imported,
        reason: Some(ReasonCode::Private.into()),
        record: None,
        message_id: message_id.map(str::to_owned),
    }
}

pub(super) fn intent(account: &AccountId, id: &str, minute: i64) -> Intent {
    Intent {
        operation: Operation {
            id: id.into(),
            area: Area::Mail,
            account: account.clone(),
            item: ItemKey::from("mail:1"),
            action: Action::PlaceMail {
                location: MailLocation { account: account.clone(), ..location(1) },
                add: vec!["Processed".to_owned()],
                remove: Vec::new(),
                move_to: None,
                message_id: None,
                size: 1,
                target_uid_next: None,
            },
        },
        run: run_id(1),
        decided_at: at(minute),
    }
}

pub(super) fn batch(account: &AccountId, key: &str, minute: i64) -> PendingBatch {
    PendingBatch {
        key: key.into(),
        account: account.clone(),
        run: run_id(1),
        manifest: Digest::of(b"manifest"),
        members: vec![(MailLocation { account: account.clone(), ..location(1) }, "mail:1".into(), settled(Some("m@example.com")))],
        created_at: at(minute),
    }
}

pub(super) fn consent() -> Consent {
    Consent { at: at(1), how: "prompt".to_owned(), shown: "3 mails".to_owned() }
}

pub(super) fn lock() -> Lock {
    Lock { since: at(1), cause: "NO [AUTHENTICATIONFAILED]".to_owned(), mirrored: false, sign_in: false }
}

pub(super) fn history(account: &AccountId, id: &str) -> HistoryEntry {
    HistoryEntry { intent: intent(account, id, 1), at: at(4), before: "{}".to_owned() }
}
