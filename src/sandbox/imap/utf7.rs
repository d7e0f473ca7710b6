//! Modified UTF-7 of mailbox names, RFC 3501 §5.1.3.

use data_encoding::{Encoding, Specification};
use std::sync::LazyLock;

/// Base64 without padding and with `,` for `/`. A broken specification would be a defect of this file; its test would see it.
static BASE64: LazyLock<Option<Encoding>> = LazyLock::new(|| {
    let mut spec = Specification::new();
    spec.symbols.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,");
    spec.encoding().ok()
});

/// The wire form of a decoded name.
pub(super) fn encode(name: &str) -> String {
    let mut wire = String::with_capacity(name.len());
    let mut run: Vec<u8> = Vec::new();
    for c in name.chars() {
        if (' '..='~').contains(&c) {
            flush(&mut run, &mut wire);
            wire.push(c);
            if c == '&' {
                wire.push('-');
            }
        } else {
            let mut units = [0_u16; 2];
            for unit in c.encode_utf16(&mut units) {
                run.extend_from_slice(&unit.to_be_bytes());
            }
        }
    }
    flush(&mut run, &mut wire);
    wire
}

fn flush(run: &mut Vec<u8>, wire: &mut String) {
    if run.is_empty() {
        return;
    }
    if let Some(base64) = BASE64.as_ref() {
        wire.push('&');
        base64.encode_append(run, wire);
        wire.push('-');
    }
    run.clear();
}

/// The decoded name, or `None` when the bytes are not modified UTF-7.
pub(super) fn decode(wire: &[u8]) -> Option<String> {
    let wire = std::str::from_utf8(wire).ok().filter(|text| text.bytes().all(|b| (b' '..=b'~').contains(&b)))?;
    let mut name = String::with_capacity(wire.len());
    let mut rest = wire;
    while let Some((plain, shifted)) = rest.split_once('&') {
        name.push_str(plain);
        let (encoded, after) = shifted.split_once('-')?;
        if encoded.is_empty() {
            name.push('&');
        } else {
            let bytes = BASE64.as_ref()?.decode(encoded.as_bytes()).ok()?;
            let (pairs, odd) = bytes.as_chunks::<2>();
            if !odd.is_empty() {
                return None;
            }
            let units = pairs.iter().map(|pair| u16::from_be_bytes(*pair));
            for c in char::decode_utf16(units) {
                name.push(c.ok()?);
            }
        }
        rest = after;
    }
    name.push_str(rest);
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_real_servers_decode_and_encode_to_the_same_bytes() {
        for (name, wire) in [
            ("CRM Überfällig [Ü]", "CRM &ANw-berf&AOQ-llig [&ANw-]"),
            ("A & B", "A &- B"),
            ("📞 Anrufe", "&2D3c3g- Anrufe"),
            ("INBOX/Import Folder/CRM Erledigt [E]", "INBOX/Import Folder/CRM Erledigt [E]"),
        ] {
            assert_eq!(encode(name), wire);
            assert_eq!(decode(wire.as_bytes()).as_deref(), Some(name));
        }
    }

    #[test]
    fn what_is_not_modified_utf7_is_refused() {
        for wire in ["&ANw", "&A-", "Über", "&2D0-", "&!!-"] {
            assert_eq!(decode(wire.as_bytes()), None, "{wire}");
        }
    }
}
