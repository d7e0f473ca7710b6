//! Samples for the tests of this room.

use std::collections::BTreeSet;

use crate::groupware::{MailStoreFeatures, Mailbox, Query};
use crate::model::{Body, Digest, Fingerprint, Mail, MailAddress, MailboxName, Protection, Sensitivity};
use crate::settings::{LeaveOut, MailMark, MailSelector, MailSettings, Payload, TnefPolicy, UnmatchedPolicy};

use super::mail_sources::{DEFAULT_STATUS, MailSource};

pub(super) fn settings() -> MailSettings {
    MailSettings {
        selectors: [MailSelector::Folder].into(),
        import_folder: "Import Folder".to_owned(),
        inbox_children: true,
        category_folders: vec!["INBOX".to_owned()],
        category: "CRMcorner".to_owned(),
        marks: [MailMark::Move].into(),
        archive_folder: "CRM activities".to_owned(),
        processed_keyword: "Processed".to_owned(),
        not_found_keyword: "NotFound".to_owned(),
        keep_category: false,
        unmatched: UnmatchedPolicy::BySelector,
        internal: vec!["firm.example".to_owned()],
        internal_mail: LeaveOut::Skip,
        never_log: Vec::new(),
        private: LeaveOut::Skip,
        encrypted: LeaveOut::Skip,
        freemail: Vec::new(),
        payload: Payload::Full,
        max_size: 50 * 1024 * 1024,
        attachment_max_size: None,
        attachment_exclude: Vec::new(),
        inline_attachments: false,
        tnef: TnefPolicy::Unpack,
        web_folder: None,
        retry_hours: 24,
    }
}

pub(super) fn settings_with(selectors: &[MailSelector], marks: &[MailMark]) -> MailSettings {
    MailSettings { selectors: selectors.iter().copied().collect(), marks: marks.iter().copied().collect(), ..settings() }
}

pub(super) fn features(separator: char, prefix: &str) -> MailStoreFeatures {
    MailStoreFeatures { separator: Some(separator), personal_prefix: prefix.to_owned(), ..MailStoreFeatures::default() }
}

pub(super) fn mailbox(name: &str, separator: char) -> Mailbox {
    Mailbox { name: name.into(), separator: Some(separator), selectable: true, special_use: None }
}

pub(super) fn source(mailbox: &str, selector: MailSelector) -> MailSource {
    MailSource {
        mailbox: MailboxName::from(mailbox),
        home: MailboxName::from(mailbox),
        separator: Some('/'),
        selector,
        status: DEFAULT_STATUS.to_owned(),
        query: Query::default(),
    }
}

pub(super) fn keywords(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

pub(super) fn address(address: &str) -> MailAddress {
    MailAddress { name: None, address: address.to_owned() }
}

pub(super) fn mail(from: &[&str], to: &[&str]) -> Mail {
    let list = |addresses: &[&str]| addresses.iter().map(|text| address(text)).collect();
    Mail {
        raw_digest: Digest::of(b"mail"),
        fingerprint: Fingerprint(Digest::of(b"mail")),
        size: 4,
        message_id: Some("1@x.example".to_owned()),
        in_reply_to: Vec::new(),
        references: Vec::new(),
        date: None,
        from: list(from),
        sender: None,
        reply_to: Vec::new(),
        to: list(to),
        cc: Vec::new(),
        bcc: Vec::new(),
        subject: "Offer".to_owned(),
        text: Body { content: "text".to_owned(), truncated: false },
        html: Some(Body { content: "<p>text".to_owned(), truncated: false }),
        attachments: Vec::new(),
        sensitivity: Sensitivity::Normal,
        protection: Protection::None,
        defects: Vec::new(),
    }
}
