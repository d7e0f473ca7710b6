//! The fingerprint: which mails are the same mail.
//!
//! It is SHA-256 over the byte [`VERSION`] and the following fields, each preceded by its length in bytes as a 64-bit big-endian
//! number, so that no two different lists read alike:
//!
//! 1. the normalised Message-ID (no brackets, blanks, comments), or nothing;
//! 2. the instant of `Date` in seconds since 1970 as decimal digits (the offset does not count), or nothing;
//! 3. the addresses of `From`: lower case, domains in their ASCII-compatible form (IDNA), sorted, joined by line feeds;
//! 4. the decoded `Subject`, every run of white space one blank;
//! 5. the texts: for each text that the mail shows the SHA-256 of its decoded, sanitisation-free content, in which every run of white
//!    space is one blank. Of a `multipart/alternative` the plain text counts unless it is blank, else the HTML source;
//! 6. the attachments: the sorted SHA-256 of each decoded content, inline parts and nested messages included. `text/*` and
//!    `message/*` are hashed like texts, because their line ends change on the way. Other text forms inside of a
//!    `multipart/alternative` (an invitation's `text/calendar`) are representations of the text and do not count. What was unpacked
//!    from a `winmail.dat` does not count beside it;
//! 7. only for a mail without Message-ID: the addresses of `To` and `Cc`, normalised as in 3. Without a readable Date as well,
//!    the raw digest: nothing else tells two notices of a machine apart, and a copy within a mailbox keeps its bytes. Two
//!    employees' copies of such a mail are two mails.
//!
//! So it stays the same when a gateway changes transfer encodings, folding, wrapping, delimiters or the character set, or adds trace
//! headers, and when the sent copy has a `Bcc`. It changes with one letter of the text, and with a footer a mailing list adds.
//! Limits and options of reading have no part in it.

use sha2::{Digest as _, Sha256};

use crate::model::{Digest, Fingerprint, MailAddress};

/// Changes whenever the rule above changes; a new version means that every mail gets a new identity.
const VERSION: u8 = 1;

/// What the fingerprint is made of.
pub(super) struct Identity<'a> {
    pub(super) message_id: Option<&'a str>,
    pub(super) date: Option<i64>,
    pub(super) from: &'a [MailAddress],
    /// `To` and `Cc`.
    pub(super) recipients: &'a [&'a MailAddress],
    pub(super) subject: &'a str,
    /// In order of appearance.
    pub(super) texts: &'a [[u8; 32]],
    pub(super) attachments: Vec<[u8; 32]>,
    pub(super) raw_digest: &'a Digest,
}

/// See the module.
pub(super) fn fingerprint(mut identity: Identity<'_>) -> Fingerprint {
    identity.attachments.sort_unstable();
    let mut hash = Sha256::new();
    hash.update([VERSION]);
    let mut field = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    field(identity.message_id.unwrap_or_default().as_bytes());
    field(identity.date.map(|seconds| seconds.to_string()).unwrap_or_default().as_bytes());
    field(addresses(identity.from.iter()).as_bytes());
    field(identity.subject.split_whitespace().collect::<Vec<_>>().join(" ").as_bytes());
    field(identity.texts.as_flattened());
    field(identity.attachments.as_flattened());
    if identity.message_id.is_none() {
        field(addresses(identity.recipients.iter().copied()).as_bytes());
        if identity.date.is_none() {
            field(identity.raw_digest.as_str().as_bytes());
        }
    }
    Fingerprint(Digest::from_sha256(&hash.finalize()))
}

fn addresses<'a>(list: impl Iterator<Item = &'a MailAddress>) -> String {
    let mut list: Vec<String> = list.map(|found| comparable(&found.address)).collect();
    list.sort_unstable();
    list.dedup();
    list.join("\n")
}

fn comparable(address: &str) -> String {
    let address = address.to_lowercase();
    match address.rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_owned())),
        None => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_international_domain_is_the_same_in_both_forms() {
        assert_eq!(comparable("Anna@München.example"), comparable("anna@xn--mnchen-3ya.example"));
    }
}
