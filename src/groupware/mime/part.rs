//! What a leaf of the mail is to the reader: text, attachment or nested message, its name and its protection.

use super::params::Parametrised;
use super::walker::Part;
use super::words;
use crate::model::Protection;

/// Longest name of an attachment in bytes.
const MAX_NAME: usize = 1024;

/// What a leaf is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Plain text to show.
    Plain,
    /// HTML to show.
    Html,
    /// A message within the message.
    Message,
    /// Outlook's container.
    Tnef,
    /// Anything else.
    Attachment,
}

impl Role {
    /// Whether it is text to show.
    pub(super) const fn is_text(self) -> bool {
        matches!(self, Self::Plain | Self::Html)
    }
}

/// The role of a leaf; `first` when no leaf came before it.
pub(super) fn role(part: &Part, first: bool) -> Role {
    let media = part.content_type.value.as_str();
    let attached = part.disposition.value == "attachment";
    // A named text is a file somebody inserted, unless it is the first thing in the mail or a form of its text.
    let inserted = !first && part.alternative.is_none() && name(part).is_some();
    match media {
        "text/plain" if !attached && !inserted => Role::Plain,
        "text/html" | "application/xhtml+xml" if !attached && !inserted => Role::Html,
        "message/rfc822" | "message/global" => Role::Message,
        "application/ms-tnef" | "application/vnd.ms-tnef" => Role::Tnef,
        "application/octet-stream" if name(part).is_some_and(|name| name.eq_ignore_ascii_case("winmail.dat")) => Role::Tnef,
        _ => Role::Attachment,
    }
}

/// The file name: of `Content-Disposition`, else of `Content-Type`.
pub(super) fn name(part: &Part) -> Option<String> {
    let hint = part.content_type.raw("charset").map(|label| String::from_utf8_lossy(label).into_owned());
    let hint = hint.as_deref();
    let name = part
        .disposition
        .text("filename", hint)
        .or_else(|| part.content_type.text("name", hint))
        .or_else(|| part.disposition.text("name", hint))
        .or_else(|| part.content_type.text("filename", hint))?;
    Some(super::fields::cut(name, MAX_NAME))
}

/// `Content-ID` without angle brackets.
pub(super) fn content_id(part: &Part) -> Option<String> {
    super::fields::ids_of(part.header.first("content-id")?).into_iter().next()
}

/// `Content-Description`, decoded.
pub(super) fn description(part: &Part) -> Option<String> {
    let text = words::decode_text(part.header.first("content-description")?, None);
    (!text.is_empty()).then_some(text)
}

/// Protection that a leaf shows: S/MIME in one piece (RFC 8551 §3.2).
pub(super) fn protection(part: &Part) -> Protection {
    let media = part.content_type.value.as_str();
    let is_smime = matches!(media, "application/pkcs7-mime" | "application/x-pkcs7-mime")
        || media == "application/octet-stream" && name(part).is_some_and(|name| name.eq_ignore_ascii_case("smime.p7m"));
    if !is_smime {
        return Protection::None;
    }
    match smime_type(&part.content_type).as_str() {
        "signed-data" => Protection::Signed,
        "certs-only" | "compressed-data" => Protection::None,
        _ => Protection::Encrypted,
    }
}

fn smime_type(content_type: &Parametrised) -> String {
    content_type.raw("smime-type").map(|value| String::from_utf8_lossy(value).to_ascii_lowercase()).unwrap_or_default()
}

/// Protection that a multipart shows (RFC 1847).
pub(super) fn container_protection(subtype: &str) -> Protection {
    match subtype {
        "encrypted" => Protection::Encrypted,
        "signed" => Protection::Signed,
        _ => Protection::None,
    }
}

/// PGP in the text itself (RFC 9580 §6.2).
pub(super) fn text_protection(text: &str) -> Protection {
    let begins =
        |line: &str| text.starts_with(line) || text.find(line).is_some_and(|at| text.as_bytes().get(at.wrapping_sub(1)) == Some(&b'\n'));
    if begins("-----BEGIN PGP MESSAGE-----") {
        Protection::Encrypted
    } else if begins("-----BEGIN PGP SIGNED MESSAGE-----") {
        Protection::Signed
    } else {
        Protection::None
    }
}

/// The stronger of two.
pub(super) const fn stronger(left: Protection, right: Protection) -> Protection {
    match (left, right) {
        (Protection::Encrypted, _) | (_, Protection::Encrypted) => Protection::Encrypted,
        (Protection::Signed, _) | (_, Protection::Signed) => Protection::Signed,
        _ => Protection::None,
    }
}
