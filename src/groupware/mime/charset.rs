//! From bytes to text: labels as they are written in the wild, and a guess where a label is missing, unknown or wrong.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::Encoding;
use mail_parser::decoders::charsets::{DecoderFnc, map::charset_decoder};

/// A character set that a label names.
#[derive(Clone, Copy)]
pub(super) enum Charset {
    /// One of the WHATWG encodings; can be decoded in pieces.
    Web(&'static Encoding),
    /// One that only mail knows (UTF-7, code page 850, …); decoded line by line.
    Mail(DecoderFnc),
}

/// What is meant by labels that no registry has. Left: the label in lower case without `-` and `_`.
const ALIASES: [(&str, &str); 16] = [
    ("koi8r", "koi8-r"),
    ("koi8u", "koi8-u"),
    ("cp932", "shift_jis"),
    ("windows932", "shift_jis"),
    ("cp936", "gbk"),
    ("xgbk", "gbk"),
    ("cp949", "euc-kr"),
    ("ms949", "euc-kr"),
    ("cp950", "big5"),
    ("cp1200", "utf-16le"),
    ("cp65001", "utf-8"),
    ("utf8mb4", "utf-8"),
    ("iso88598e", "iso-8859-8"),
    ("win1250", "windows-1250"),
    ("win1251", "windows-1251"),
    ("win1252", "windows-1252"),
];

/// The character set a label names. `None` for no label, for one that says nothing (`us-ascii`, `unknown-8bit`, `binary`: whether
/// the bytes are more than ASCII is seen when they come), and for one that nobody knows.
pub(super) fn lookup(label: &str) -> Option<Charset> {
    let label = clean(label);
    if label.is_empty() || matches!(label.as_str(), "us-ascii" | "ascii" | "ansi_x3.4-1968" | "ansi-x3.4-1968") {
        return None;
    }
    if let Some(found) = Encoding::for_label_no_replacement(label.as_bytes()) {
        return Some(Charset::Web(found));
    }
    let folded: String = label.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).collect();
    if let Some((_, name)) = ALIASES.iter().find(|(alias, _)| *alias == folded) {
        return Encoding::for_label_no_replacement(name.as_bytes()).map(Charset::Web);
    }
    // `iso-8859-1:1987`, `utf-8return-path:`, `windows-1252http-equivcontent-type`: a known label with something glued to it.
    for end in (5..label.len()).rev() {
        if let Some(found) = label.get(..end).and_then(|start| Encoding::for_label_no_replacement(start.as_bytes())) {
            let digit_follows = label.as_bytes().get(end).is_some_and(u8::is_ascii_digit);
            return (!digit_follows).then_some(Charset::Web(found));
        }
    }
    charset_decoder(label.as_bytes()).map(Charset::Mail)
}

/// Lower case, without what broken software leaves around a label: quotes, `3d` of a twice-encoded `=`, a language, a second parameter.
fn clean(label: &str) -> String {
    let mut label = label.trim().trim_matches(['"', '\'', '=']).to_ascii_lowercase();
    if let Some(rest) = label.strip_prefix("3d") {
        label = rest.trim_matches(['"', '\'']).to_owned();
    }
    if let Some(rest) = label.strip_prefix("charset=") {
        label = rest.to_owned();
    }
    let end = label.find([';', '*', ',', '"', '\'']).unwrap_or(label.len());
    label.truncate(end.min(60));
    while !label.is_char_boundary(label.len()) {
        label.pop();
    }
    label.trim().to_owned()
}

/// The most likely character set of bytes whose label is missing or wrong: UTF-8 if they are UTF-8, else by their statistics.
pub(super) fn guess(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(bytes, true);
    detector.guess(None, Utf8Detection::Allow)
}

/// The character set in which `head`, the beginning of a text, is to be read. The second value says that the label was not believed.
pub(super) fn choose(label: Option<&str>, head: &[u8], complete: bool) -> (Charset, bool) {
    let named = label.and_then(lookup);
    match named {
        Some(Charset::Web(encoding)) if encoding == encoding_rs::UTF_8 => {
            if is_utf8(head, complete) {
                (Charset::Web(encoding), false)
            } else {
                (Charset::Web(guess_non_utf8(head)), true)
            }
        }
        Some(charset) => (charset, false),
        None if head.is_ascii() && !head.contains(&0x1b) => {
            // Nothing but ASCII so far: UTF-8 is the likeliest thing to follow.
            let unknown = label.is_some_and(|label| !clean(label).is_empty() && !is_plain(label));
            (Charset::Web(encoding_rs::UTF_8), unknown)
        }
        None if is_utf8(head, complete) && !head.contains(&0x1b) => (Charset::Web(encoding_rs::UTF_8), label.is_some()),
        None => (Charset::Web(guess_non_utf8(head)), label.is_some()),
    }
}

/// Bytes that are UTF-8 and say so, without their mark, as text.
pub(super) fn as_utf8<'a>(label: Option<&str>, bytes: &'a [u8]) -> Option<&'a str> {
    let Some(Charset::Web(encoding)) = label.and_then(lookup) else { return None };
    let text = if encoding == encoding_rs::UTF_8 { std::str::from_utf8(bytes).ok()? } else { return None };
    Some(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Labels that claim no more than ASCII.
fn is_plain(label: &str) -> bool {
    matches!(clean(label).as_str(), "us-ascii" | "ascii" | "ansi_x3.4-1968" | "ansi-x3.4-1968" | "7bit" | "binary")
}

fn guess_non_utf8(bytes: &[u8]) -> &'static Encoding {
    let guessed = guess(bytes);
    // The detector says UTF-8 for what it cannot tell; such bytes are not UTF-8, and then Windows Latin reads the most.
    if guessed == encoding_rs::UTF_8 { encoding_rs::WINDOWS_1252 } else { guessed }
}

/// Whether the bytes are UTF-8; a character cut off at the end is forgiven while more bytes may come.
fn is_utf8(bytes: &[u8], complete: bool) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => !complete && error.error_len().is_none(),
    }
}

/// Decodes a short value whole.
pub(super) fn decode(label: Option<&str>, bytes: &[u8]) -> String {
    match choose(label, bytes, true).0 {
        Charset::Web(encoding) => encoding.decode_without_bom_handling(bytes).0.into_owned(),
        Charset::Mail(decoder) => decoder(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_the_wild_are_understood() {
        for (label, bytes, text) in [
            ("koi8r", &b"\xf0\xf2\xe9"[..], "ПРИ"),
            ("cp932", b"\x83e\x83X\x83g", "テスト"),
            ("=3dutf-8", "Grüße".as_bytes(), "Grüße"),
            ("3d\"iso-8859-1\"", b"Gr\xfc\xdfe", "Grüße"),
            ("utf-8return-path:", "ä".as_bytes(), "ä"),
            ("iso-8859-1:1987", b"\xe4", "ä"),
            ("utf-7", b"Gr+APw-n", "Grün"),
            ("cp850", b"\x84", "ä"),
            ("utf-8*de", "ö".as_bytes(), "ö"),
        ] {
            assert_eq!(decode(Some(label), bytes), text, "{label}");
        }
    }

    #[test]
    fn unknown_or_wrong_labels_are_guessed() {
        assert_eq!(decode(Some("x-unknown"), "Grüße".as_bytes()), "Grüße");
        assert_eq!(decode(Some("x-unknown"), b"Mit freundlichen Gr\xfc\xdfen"), "Mit freundlichen Grüßen");
        assert_eq!(decode(Some("utf-8"), b"Mit freundlichen Gr\xfc\xdfen"), "Mit freundlichen Grüßen");
        assert_eq!(decode(Some("us-ascii"), "Grüße".as_bytes()), "Grüße");
        assert_eq!(decode(None, b"plain"), "plain");
        assert!(lookup("iso-8859-99").is_none());
        assert!(lookup("").is_none());
    }
}
