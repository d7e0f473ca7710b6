//! A mail as it was read, apart from its bytes.

use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};

use super::{Digest, Fingerprint, ItemKey};

/// What could be read of a mail. Owned, so that the bytes may go; never more than a few hundred KiB.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// SHA-256 of the original bytes.
    pub raw_digest: Digest,
    /// Identity across copies, servers and employees.
    pub fingerprint: Fingerprint,
    /// Length of the original bytes.
    pub size: u64,
    /// Normalised: without angle brackets, blanks and comments. `None` when there is none or it is empty.
    pub message_id: Option<String>,
    /// Message-IDs this mail answers to, normalised.
    pub in_reply_to: Vec<String>,
    /// Message-IDs of the thread, oldest first, normalised.
    pub references: Vec<String>,
    /// The `Date` header, with its own offset. `None` when absent or impossible.
    pub date: Option<DateTime<FixedOffset>>,
    /// `From`, usually one.
    pub from: Vec<MailAddress>,
    /// `Sender`.
    pub sender: Option<MailAddress>,
    /// `Reply-To`.
    pub reply_to: Vec<MailAddress>,
    /// `To`, groups flattened.
    pub to: Vec<MailAddress>,
    /// `Cc`, groups flattened.
    pub cc: Vec<MailAddress>,
    /// `Bcc`, present in sent copies only.
    pub bcc: Vec<MailAddress>,
    /// Decoded, one line, empty when absent.
    pub subject: String,
    /// The text to show and to search; made from the HTML when there is no plain part.
    pub text: Body,
    /// The HTML, sanitised: no script, no remote content, no form. `None` when the mail has none.
    pub html: Option<Body>,
    /// Attachments, inline parts and nested messages, in order of appearance; those of a `winmail.dat` stand after it.
    pub attachments: Vec<Attachment>,
    /// How private the sender declared it (`Sensitivity`, RFC 4021 §2.1.55).
    pub sensitivity: Sensitivity,
    /// Whether it is signed or encrypted.
    pub protection: Protection,
    /// What could not be read as it should have been, in plain words; empty for a sound mail.
    pub defects: Vec<String>,
}

impl Mail {
    /// The key under which CRM and journal know this mail.
    #[must_use]
    pub fn item_key(&self) -> ItemKey {
        ItemKey(format!("mail:{}", self.fingerprint))
    }

    /// Every address of the mail with the header it stands in first: senders, then recipients.
    pub fn addresses(&self) -> impl Iterator<Item = &MailAddress> {
        self.from.iter().chain(&self.sender).chain(&self.reply_to).chain(&self.to).chain(&self.cc).chain(&self.bcc)
    }
}

/// A mailbox of RFC 5322 §3.4: display name and address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MailAddress {
    /// Decoded display name, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `local@domain`, the domain in lower case, as it was written otherwise.
    pub address: String,
}

/// Decoded text, cut at a bound.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// UTF-8, `\n` line ends.
    pub content: String,
    /// The text went on; the rest is in the original bytes only.
    pub truncated: bool,
}

/// One part of a mail that is not its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Position among the attachments of this mail, from 0.
    pub index: usize,
    /// Decoded file name as the sender wrote it; `None` when there is none. Never a path to write to: see `sync::safe_name`.
    pub name: Option<String>,
    /// Media type in lower case, `application/octet-stream` when unknown.
    pub content_type: String,
    /// Length of the decoded content in bytes.
    pub size: u64,
    /// SHA-256 of the decoded content.
    pub digest: Digest,
    /// Shown inside the HTML (`Content-Disposition: inline` with a `Content-ID` the HTML uses).
    pub inline: bool,
    /// `Content-ID` without angle brackets.
    pub content_id: Option<String>,
    /// Where its bytes are.
    pub source: AttachmentSource,
}

/// Where the bytes of an attachment are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttachmentSource {
    /// A MIME part of the mail.
    Part,
    /// A nested message (`message/rfc822`), kept whole.
    Message,
    /// Unpacked from the `winmail.dat` (TNEF) before it.
    Tnef,
}

/// Which way a mail went, seen from the employee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From outside to the organisation.
    Received,
    /// From the employee or a colleague to the outside.
    Sent,
    /// Between addresses of the organisation only.
    Internal,
}

/// `Sensitivity` header, RFC 4021 §2.1.55.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sensitivity {
    /// No header, or a value nobody knows.
    #[default]
    Normal,
    /// `Personal`.
    Personal,
    /// `Private`.
    Private,
    /// `Company-Confidential`.
    CompanyConfidential,
}

/// Signature or encryption of the whole mail. Such mails are kept byte for byte.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protection {
    /// Neither.
    #[default]
    None,
    /// S/MIME or PGP signature; the text is readable.
    Signed,
    /// S/MIME or PGP; the text is not readable here.
    Encrypted,
}
