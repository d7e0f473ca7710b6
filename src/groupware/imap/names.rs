//! Mailbox names: modified UTF-7 (RFC 3501 §5.1.3) on the wire, Unicode everywhere else.
//!
//! A name that is not in the canonical form (raw UTF-8, broken base64, letters encoded for no need) is shown as it stands on the wire, and its
//! wire form is remembered, so that the mailbox can still be opened.

use std::collections::BTreeMap;

use data_encoding::{BASE64_NOPAD, Encoding};

use crate::model::MailboxName;

/// Wire forms of the names that [`encode`] would not reproduce.
#[derive(Debug, Default)]
pub(super) struct NameBook(BTreeMap<MailboxName, Vec<u8>>);

impl NameBook {
    /// The name of a mailbox as listed; learns its wire form where needed.
    pub(super) fn learn(&mut self, wire: &[u8]) -> MailboxName {
        let shown = match std::str::from_utf8(wire) {
            // INBOX is the same in any case (RFC 3501 §5.1); only as a whole name.
            Ok(text) if text.eq_ignore_ascii_case("INBOX") => return MailboxName("INBOX".to_owned()),
            Ok(text) => match decode(text) {
                Some(decoded) if encode(&decoded).as_bytes() == wire => return MailboxName(decoded),
                _ => MailboxName(text.to_owned()),
            },
            Err(_) => MailboxName(String::from_utf8_lossy(wire).into_owned()),
        };
        self.0.entry(shown.clone()).or_insert_with(|| wire.to_vec());
        shown
    }

    /// The wire form of a name.
    pub(super) fn wire(&self, name: &MailboxName) -> Vec<u8> {
        self.0.get(name).cloned().unwrap_or_else(|| encode(&name.0).into_bytes())
    }
}

/// Unicode to modified UTF-7.
pub(super) fn encode(name: &str) -> String {
    let mut wire = String::with_capacity(name.len());
    let mut shifted: Vec<u8> = Vec::new();
    let mut units = [0; 2];
    for c in name.chars() {
        if matches!(c, ' '..='~') {
            unshift(&mut wire, &mut shifted);
            wire.push(c);
            if c == '&' {
                wire.push('-');
            }
        } else {
            shifted.extend(c.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    unshift(&mut wire, &mut shifted);
    wire
}

fn unshift(wire: &mut String, shifted: &mut Vec<u8>) {
    if !shifted.is_empty() {
        wire.push('&');
        wire.push_str(&BASE64_NOPAD.encode(shifted).replace('/', ","));
        wire.push('-');
        shifted.clear();
    }
}

/// Modified UTF-7 to Unicode; `None` when it is not that.
pub(super) fn decode(wire: &str) -> Option<String> {
    let mut name = String::with_capacity(wire.len());
    let mut rest = wire;
    while let Some((plain, shifted)) = rest.split_once('&') {
        name.push_str(plain);
        let (base64, after) = shifted.split_once('-')?;
        if base64.is_empty() {
            name.push('&');
        } else {
            let bytes = lenient_base64()?.decode(base64.replace(',', "/").as_bytes()).ok()?;
            let units = bytes
                .chunks_exact(2)
                .map(|pair| u16::from_be_bytes([pair.first().copied().unwrap_or(0), pair.last().copied().unwrap_or(0)]));
            if bytes.len() % 2 != 0 {
                return None;
            }
            for c in char::decode_utf16(units) {
                name.push(c.ok()?);
            }
        }
        rest = after;
    }
    name.push_str(rest);
    Some(name)
}

/// Base64 without padding that does not mind set trailing bits, which some clients left in names.
fn lenient_base64() -> Option<Encoding> {
    let mut specification = BASE64_NOPAD.specification();
    specification.check_trailing_bits = false;
    specification.encoding().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn r15_names_with_umlauts_brackets_and_emoji_have_their_wire_form() {
        for (name, wire) in [
            ("INBOX/Import Folder/CRM Erledigt [E]", "INBOX/Import Folder/CRM Erledigt [E]"),
            ("CRM Überfällig [Ü]", "CRM &ANw-berf&AOQ-llig [&ANw-]"),
            ("A & B", "A &- B"),
            ("📞 Anrufe", "&2D3c3g- Anrufe"),
            ("Отправленные", "&BB4EQgQ,BEAEMAQyBDsENQQ9BD0ESwQ1-"),
        ] {
            assert_eq!(encode(name), wire);
            assert_eq!(decode(wire).as_deref(), Some(name));
        }
    }

    #[test]
    fn a_name_that_cannot_be_decoded_can_still_be_opened() {
        let mut book = NameBook::default();
        for wire in [&b"&ANw"[..], b"&!!!-", b"&2D0-", b"\xffraw", "INBOX.Über".as_bytes(), b"&AGE-", b"a&b"] {
            let shown = book.learn(wire);
            assert_eq!(book.wire(&shown), wire, "{shown}");
        }
        assert_eq!(book.learn(b"inbox").0, "INBOX");
    }

    proptest! {
        #[test]
        fn every_name_survives_the_way_there_and_back(name in any::<String>()) {
            let wire = encode(&name);
            prop_assert!(wire.bytes().all(|b| (b' '..=b'~').contains(&b)));
            prop_assert_eq!(decode(&wire), Some(name));
        }

        #[test]
        fn every_wire_form_is_found_again(wire in proptest::collection::vec(any::<u8>(), 1..40)) {
            let mut book = NameBook::default();
            let shown = book.learn(&wire);
            if shown.0 != "INBOX" {
                prop_assert_eq!(book.wire(&shown), wire);
            }
        }
    }
}
