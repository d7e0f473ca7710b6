//! Mails of an ordinary week at Nordwind, for the demo and for tests: Anna Berger's mailbox with everything a mail can be.

pub mod calendar;
pub mod contacts;

use bytes::Bytes;
use chrono::{DateTime, FixedOffset};

use super::imap::ImapHandle;

/// Login name of the demo's employee, Anna Berger.
pub const USER: &str = "anna";
/// Her password.
pub const PASSWORD: &str = "demo";

/// The inbox.
pub const INBOX: &[&str] = &["INBOX"];
/// The import folder.
pub const IMPORT: &[&str] = &["INBOX", "Import Folder"];
/// An import folder whose mails become activities of status E.
pub const SETTLED: &[&str] = &["INBOX", "Import Folder", "CRM Erledigt [E]"];
/// An import folder with a status that no CRM knows.
pub const UNKNOWN_STATUS: &[&str] = &["INBOX", "Import Folder", "CRM Test [XX]"];
/// Sent mail.
pub const SENT: &[&str] = &["Sent"];

/// One sample.
#[derive(Debug, Clone, Copy)]
pub struct SampleMail {
    /// What it shows, in a few words joined by hyphens.
    pub name: &'static str,
    /// Where it lies, as a path.
    pub folder: &'static [&'static str],
    /// Flags and keywords.
    pub flags: &'static [&'static str],
    text: &'static str,
}

impl SampleMail {
    /// The bytes, with CRLF line ends whatever the checkout made of them.
    #[must_use]
    pub fn raw(&self) -> Bytes {
        self.text.replace("\r\n", "\n").replace('\n', "\r\n").into()
    }

    /// When it arrived: its `Date`.
    #[must_use]
    pub fn received(&self) -> DateTime<FixedOffset> {
        let date = self.text.lines().find_map(|line| line.strip_prefix("Date: "));
        date.and_then(|date| DateTime::parse_from_rfc2822(date).ok()).unwrap_or_default()
    }
}

macro_rules! samples {
    ($($name:literal in $folder:ident $flags:expr;)*) => {
        /// Every sample, in the order in which they are put into their mailboxes.
        pub const SAMPLES: &[SampleMail] = &[$(
            SampleMail { name: $name, folder: $folder, flags: &$flags, text: include_str!(concat!($name, ".eml")) },
        )*];
    };
}

samples! {
    "complaint-settled" in SETTLED ["\\Seen"];
    "unknown-status" in UNKNOWN_STATUS ["\\Seen"];
    "offer-question" in IMPORT ["\\Seen"];
    "sent-offer" in IMPORT ["\\Seen"];
    "commissioning-date" in IMPORT ["\\Seen"];
    "test-report" in IMPORT ["\\Seen", "\\Flagged"];
    "order-4711" in IMPORT ["\\Seen", "\\Answered"];
    "sent-thanks" in SENT ["\\Seen"];
    "invitation" in IMPORT [];
    "pallet-photo" in IMPORT [];
    "delivery-week-48" in IMPORT ["\\Seen"];
    "delivery-confirmed" in SETTLED ["\\Seen"];
    "showroom-lighting" in IMPORT ["\\Seen"];
    "forwarded-complaint" in IMPORT [];
    "showroom-boards" in IMPORT [];
    "harbour-inquiry" in IMPORT ["\\Flagged"];
    "signed-contract" in IMPORT ["\\Seen"];
    "three-parties" in IMPORT [];
    "balcony-question" in IMPORT [];
    "offer-question-copy" in IMPORT ["\\Seen"];
    "group-purchasing" in IMPORT [];
    "magazine-offer" in IMPORT [];
    "freemail-visitor" in IMPORT [];
    "internal-lunch" in IMPORT ["\\Seen"];
    "scan-without-id" in IMPORT [];
    "private-note" in IMPORT ["\\Seen"];
    "newsletter" in INBOX [];
    "categorised-call" in INBOX ["\\Seen", "CRMcorner"];
}

/// Puts the samples into the mailboxes of [`USER`], who gets [`PASSWORD`].
pub fn populate(server: &ImapHandle) {
    server.set_user(&super::imap::User::new(USER, PASSWORD));
    for (name, special_use) in [("Sent", "\\Sent"), ("Drafts", "\\Drafts"), ("Trash", "\\Trash"), ("Archive", "\\Archive")] {
        let mailbox = server.name(&[name]);
        server.create_mailbox(USER, &mailbox);
        server.set_special_use(USER, &mailbox, Some(special_use));
    }
    // Parents first, so that each can be selected whatever the server makes of parents.
    server.create_mailbox(USER, &server.name(IMPORT));
    for sample in SAMPLES {
        server.append_at(USER, &server.name(sample.folder), sample.raw(), sample.flags, sample.received());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use mail_parser::{MessageParser, MimeHeaders as _};

    use super::*;

    fn sample(name: &str) -> &'static SampleMail {
        SAMPLES.iter().find(|sample| sample.name == name).unwrap()
    }

    #[test]
    fn every_sample_is_a_mail_with_sender_date_and_subject() {
        for sample in SAMPLES {
            let raw = sample.raw();
            let mail = MessageParser::default().parse(&raw[..]).unwrap();
            assert!(mail.from().is_some() && mail.subject().is_some_and(|subject| !subject.contains("=?")), "{}", sample.name);
            assert_eq!(mail.date().unwrap().to_timestamp(), sample.received().timestamp(), "{}", sample.name);
            let headers = std::str::from_utf8(&raw).unwrap().split_once("\r\n\r\n").unwrap().0;
            assert!(headers.is_ascii(), "{}", sample.name);
        }
        assert_eq!(SAMPLES.iter().map(|sample| sample.name).collect::<BTreeSet<_>>().len(), SAMPLES.len());
    }

    #[test]
    fn the_oddities_are_there() {
        let raw = |name| sample(name).raw();
        let name =
            |raw: &Bytes| MessageParser::default().parse(&raw[..]).unwrap().attachment(0).unwrap().attachment_name().map(str::to_owned);
        assert_eq!(name(&raw("test-report")).as_deref(), Some("Prüfprotokoll 2026 – Halle 3.pdf"));
        assert_eq!(name(&raw("showroom-boards")).as_deref(), Some("winmail.dat"));
        let boards = raw("showroom-boards");
        let boards = MessageParser::default().parse(&boards[..]).unwrap();
        assert_eq!(boards.attachment(0).unwrap().contents()[..4], 0x223E_9F78_u32.to_le_bytes(), "TNEF signature");
        let id = |name| {
            let raw = raw(name);
            MessageParser::default().parse(&raw[..]).unwrap().message_id().map(str::to_owned)
        };
        assert_eq!(id("offer-question"), id("offer-question-copy"));
        assert_ne!(raw("offer-question"), raw("offer-question-copy"));
        assert_eq!(id("scan-without-id"), None);
    }
}
