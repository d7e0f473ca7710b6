//! How values are wrapped: quoted-printable and base64 of vCard 2.1, `b` of 3.0.

use std::borrow::Cow;
use std::fmt::Write as _;

use data_encoding::{BASE64_MIME_PERMISSIVE, BASE64_NOPAD};

/// Reads quoted-printable (RFC 2045 §6.7). What is no escape stays as it is.
pub(super) fn from_quoted_printable(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        let digit = |at: usize| tail.get(at).and_then(|byte| char::from(*byte).to_digit(16)).and_then(|digit| u8::try_from(digit).ok());
        if let (b'=', Some(high), Some(low)) = (byte, digit(0), digit(1)) {
            bytes.push(high * 16 + low);
            rest = tail.get(2..).unwrap_or_default();
        } else {
            bytes.push(*byte);
            rest = tail;
        }
    }
    bytes
}

/// Writes quoted-printable on one line; a line end becomes CR LF.
pub(super) fn to_quoted_printable(text: &str) -> String {
    let mut written = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        match byte {
            b'\n' => written.push_str("=0D=0A"),
            b'=' | 0..=31 | 127..=255 => {
                // Writing to a string cannot fail.
                let _ = write!(written, "={byte:02X}");
            }
            _ => written.push(char::from(byte)),
        }
    }
    written
}

/// Reads base64, whatever its blanks and its padding.
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    BASE64_MIME_PERMISSIVE.decode(text.trim().as_bytes()).ok().or_else(|| {
        let bare: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        BASE64_NOPAD.decode(bare.trim_end_matches('=').as_bytes()).ok()
    })
}

/// Bytes as text of a charset; UTF-8 where it is none that is known, and where they are UTF-8 whatever it is called.
pub(super) fn text_of(bytes: &[u8], charset: Option<&str>) -> String {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    let encoding = charset.and_then(|label| encoding_rs::Encoding::for_label(label.as_bytes())).unwrap_or(encoding_rs::WINDOWS_1252);
    let (text, _) = encoding.decode_without_bom_handling(bytes);
    match text {
        Cow::Borrowed(text) => text.to_owned(),
        Cow::Owned(text) => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_printable_goes_both_ways() {
        assert_eq!(to_quoted_printable("ä=b\nc"), "=C3=A4=3Db=0D=0Ac");
        assert_eq!(from_quoted_printable("=C3=a4=3Db=0D=0Ac=Z=4"), "ä=b\r\nc=Z=4".as_bytes());
        assert_eq!(text_of(&from_quoted_printable("M=FCller"), Some("ISO-8859-1")), "Müller");
        assert_eq!(text_of(&from_quoted_printable("M=C3=BCller"), Some("ISO-8859-1")), "Müller");
    }

    #[test]
    fn base64_is_read_with_blanks_and_without_padding() {
        for text in ["YWJjZA==", "YW Jj\r\n ZA==", "YWJjZA"] {
            assert_eq!(from_base64(text).as_deref(), Some(&b"abcd"[..]), "{text}");
        }
        assert_eq!(from_base64("no base64!"), None);
    }
}
