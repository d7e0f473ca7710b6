//! What the tests share: a running sandbox, an adapter to it, and mails.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crmsync::crm::http::{CompressRequests, HttpCrm, HttpOptions};
use crmsync::crm::{MailBatch, MailImport, OnUnmatched};
use crmsync::model::{
    BatchKey, Body, Digest, Direction, Fingerprint, ItemKey, Mail, MailAddress, Protection, RawMail, RawMailWriter, RunId, Sensitivity,
};
use crmsync::sandbox::crm::{Faults, RunningCrm, SandboxCrm, SandboxCrmOptions};
use crmsync::settings::{CrmAccess, CrmAuth, Secret};

pub(crate) const CLARA: &str = "clara.hofmann@solaris-technik.example";

pub(crate) async fn sandbox() -> RunningCrm {
    SandboxCrm::start(SandboxCrmOptions::default()).await.unwrap()
}

pub(crate) async fn sandbox_with(faults: Faults) -> RunningCrm {
    SandboxCrm::start(SandboxCrmOptions { faults, ..SandboxCrmOptions::default() }).await.unwrap()
}

pub(crate) fn access(url: &str) -> CrmAccess {
    CrmAccess {
        url: url.parse().unwrap(),
        auth: CrmAuth::Bearer,
        user: None,
        secret: Secret::Environment("TOKEN".to_owned()),
        ca_file: None,
    }
}

/// An adapter with short times, signed in as the employee with this token.
pub(crate) fn adapter_as(url: &str, token: &str) -> HttpCrm {
    let options = HttpOptions {
        connect_timeout: Duration::from_secs(20),
        request_timeout: Some(Duration::from_mins(2)),
        compress: CompressRequests::Never,
        ..HttpOptions::default()
    };
    HttpCrm::with_options(&access(url), token, options).unwrap()
}

pub(crate) fn anna(crm: &RunningCrm) -> HttpCrm {
    adapter_as(&crm.url, "anna")
}

pub(crate) fn key(text: &str) -> BatchKey {
    BatchKey(format!("test-batch-{text}"))
}

pub(crate) fn batch(name: &str, items: Vec<MailImport>) -> MailBatch {
    MailBatch::new(key(name), RunId("20261122T090000Z-00000001".to_owned()), items)
}

/// A received mail from `from` whose identity follows from its subject.
pub(crate) fn mail(subject: &str, from: &str) -> MailImport {
    let raw = format!("From: {from}\r\nTo: anna.berger@nordwind.example\r\nSubject: {subject}\r\n\r\nText of {subject}.\r\n");
    import(subject, from, RawMail::from_bytes(raw.into_bytes()))
}

pub(crate) fn import(subject: &str, from: &str, raw: RawMail) -> MailImport {
    let fingerprint = Fingerprint(Digest::of(subject.as_bytes()));
    let address = |address: &str| MailAddress { name: None, address: address.to_owned() };
    let mail = Mail {
        raw_digest: raw.digest().clone(),
        fingerprint,
        size: raw.len(),
        message_id: Some(format!("{}@test.example", Digest::of(subject.as_bytes()))),
        in_reply_to: Vec::new(),
        references: Vec::new(),
        date: chrono::DateTime::parse_from_rfc3339("2026-11-20T14:03:00+01:00").ok(),
        from: vec![address(from)],
        sender: None,
        reply_to: Vec::new(),
        to: vec![address("anna.berger@nordwind.example")],
        cc: Vec::new(),
        bcc: Vec::new(),
        subject: subject.to_owned(),
        text: Body { content: format!("Text of {subject}."), truncated: false },
        html: None,
        attachments: Vec::new(),
        sensitivity: Sensitivity::Normal,
        protection: Protection::None,
        defects: Vec::new(),
    };
    MailImport {
        key: ItemKey(format!("mail:{}", mail.fingerprint)),
        mail: Arc::new(mail),
        raw,
        activity_type: "MAILIN".to_owned(),
        status: "I".to_owned(),
        folder: "INBOX/CRM activities".to_owned(),
        direction: Direction::Received,
        external: vec![from.to_owned()],
        on_unmatched: OnUnmatched::Store,
        filings: BTreeMap::new(),
    }
}

/// A mail of about so many MiB in a spool file.
pub(crate) fn spooled(dir: &Path, mebibytes: usize) -> RawMail {
    let mut writer = RawMailWriter::new(dir, 0);
    let mut block = Vec::with_capacity(1024 * 1024);
    while block.len() < 1024 * 1024 {
        writeln!(block, "line {:0>70}\r", block.len()).unwrap();
    }
    for _ in 0..mebibytes {
        writer.write(&block).unwrap();
    }
    writer.finish().unwrap()
}
