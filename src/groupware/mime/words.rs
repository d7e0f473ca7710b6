//! Header values as they come, made into what the standard asks for: encoded words (RFC 2047) and raw 8-bit text become UTF-8.

use std::borrow::Cow;

use super::charset;
use super::transfer;

/// Longest encoded word that is looked for, in bytes. RFC 2047 §2 allows 75; some software puts a whole subject into one.
const MAX_WORD: usize = 8 * 1024;

/// What a decoded encoded word becomes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Output {
    /// Text for people.
    Text,
    /// An encoded word again, in UTF-8: within structured fields a decoded comma or bracket must stay part of a name.
    Word,
}

/// An unstructured value (`Subject`, a file name) as text: one line, blanks at the ends removed, control characters made blanks.
/// `hint` is a character set declared elsewhere in the mail, believed for raw 8-bit text that is not UTF-8.
pub(super) fn decode_text(raw: &[u8], hint: Option<&str>) -> String {
    let utf8 = to_utf8(raw, hint);
    one_line(&rewrite(&utf8, Output::Text))
}

/// A structured value (addresses) in pure UTF-8: every run of encoded words is one sound encoded word.
pub(super) fn repair(raw: &[u8], hint: Option<&str>) -> String {
    let utf8 = to_utf8(raw, hint);
    rewrite(&utf8, Output::Word).replace(['\r', '\n', '\0'], " ")
}

/// Raw bytes of a header as UTF-8.
pub(super) fn to_utf8<'a>(raw: &'a [u8], hint: Option<&str>) -> Cow<'a, str> {
    if let Ok(text) = std::str::from_utf8(raw) {
        return Cow::Borrowed(text);
    }
    if let Some(charset::Charset::Web(encoding)) = hint.and_then(charset::lookup)
        && encoding != encoding_rs::UTF_8
        && let Some(text) = encoding.decode_without_bom_handling_and_without_replacement(raw)
    {
        return text;
    }
    Cow::Owned(charset::decode(None, raw))
}

fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_control() || c == ' ').filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// One encoded word, not yet decoded.
struct Word<'a> {
    charset: &'a str,
    base64: bool,
    text: &'a str,
    /// Bytes it takes, from `=?` to `?=`.
    len: usize,
}

impl Word<'_> {
    fn bytes(&self) -> Vec<u8> {
        if self.base64 { transfer::base64_all(self.text.as_bytes()) } else { transfer::q_word(self.text.as_bytes()) }
    }
}

/// The encoded word at the beginning of `text`. Blanks inside of it are forgiven, a missing end is not.
fn word_at(text: &str) -> Option<Word<'_>> {
    let body = text.strip_prefix("=?")?;
    let (charset, rest) = body.split_at_checked(body.find('?')?)?;
    if charset.is_empty() || charset.len() > 60 || charset.contains([' ', '\t', '<', '>', '@', '"']) {
        return None;
    }
    let base64 = match rest.get(..3)? {
        "?B?" | "?b?" => true,
        "?Q?" | "?q?" => false,
        _ => return None,
    };
    let coded = rest.get(3..)?;
    let coded = coded.get(..coded.floor_char_boundary(MAX_WORD))?;
    let end = coded.find("?=")?;
    let text = coded.get(..end)?;
    // Some software forgets the end of a word and begins another.
    if text.contains("=?") {
        return None;
    }
    Some(Word { charset, base64, text, len: 2 + charset.len() + 3 + end + 2 })
}

/// Rewrites every run of encoded words. A run shares its bytes while the character set stays the same, because many senders cut
/// words in the middle of a character. Linear, because the search for the end of a word is bounded.
fn rewrite(value: &str, output: Output) -> String {
    if !value.contains("=?") {
        return value.to_owned();
    }
    let last_end = value.rfind("?=").unwrap_or(0);
    let mut out = String::with_capacity(value.len());
    let mut at = 0;
    while let Some(rest) = value.get(at..) {
        let Some(found) = rest.find("=?").filter(|found| at + found < last_end) else {
            out.push_str(rest);
            break;
        };
        out.push_str(rest.get(..found).unwrap_or_default());
        at += found;
        let run = run_at(value.get(at..).unwrap_or_default());
        if run.len == 0 {
            out.push_str("=?");
            at += 2;
            continue;
        }
        at += run.len;
        match output {
            Output::Text => out.push_str(&run.text),
            Output::Word => {
                if out.ends_with(|c: char| !matches!(c, ' ' | '\t' | '"' | '(' | '<' | ',' | ':' | ';')) {
                    out.push(' ');
                }
                out.push_str("=?utf-8?B?");
                out.push_str(&data_encoding::BASE64.encode(one_line_keep_ends(&run.text).as_bytes()));
                out.push_str("?=");
            }
        }
    }
    out
}

fn one_line_keep_ends(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

/// Decoded words that stand side by side.
struct Run {
    text: String,
    len: usize,
}

fn run_at(value: &str) -> Run {
    let mut run = Run { text: String::new(), len: 0 };
    let mut bytes: Vec<u8> = Vec::new();
    let mut charset = "";
    let mut next = 0;
    while let Some(word) = value.get(next..).and_then(word_at) {
        // Words of a stateful set stand each for themselves (RFC 2047 §3); joining them would repeat its escapes.
        let joins = word.charset.eq_ignore_ascii_case(charset) && !is_stateful(charset);
        if !bytes.is_empty() && !joins {
            run.text.push_str(&charset::decode(Some(charset), &bytes));
            bytes.clear();
        }
        charset = word.charset;
        bytes.extend_from_slice(&word.bytes());
        next += word.len;
        run.len = next;
        let rest = value.get(next..).unwrap_or_default();
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
        next += blanks;
    }
    if !bytes.is_empty() {
        run.text.push_str(&charset::decode(Some(charset), &bytes));
    }
    run
}

fn is_stateful(charset: &str) -> bool {
    charset.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("iso-2022")) || charset.eq_ignore_ascii_case("utf-7")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_words_are_decoded_and_joined() {
        for (raw, text) in [
            ("=?utf-8?Q?Gr=C3=BC=C3=9Fe?= aus =?iso-8859-1?q?K=F6ln?=", "Grüße aus Köln"),
            ("=?UTF-8?B?R3LDvMM=?= =?utf-8?B?n2U=?=", "Grüße"),
            ("=?utf-8?Q?a?=\r\n =?utf-8?Q?_b?=", "a b"),
            ("=?koi8r?Q?=F0=F2=E9?=", "ПРИ"),
            ("=?utf-8?Q?with blanks inside?=", "with blanks inside"),
            ("Re:=?utf-8?Q?=C3=A4?=", "Re:ä"),
            ("=?utf-8?Q?no end", "=?utf-8?Q?no end"),
            ("=? nothing ?=", "=? nothing ?="),
            ("=?utf-8?X?a?=", "=?utf-8?X?a?="),
            ("=?utf-8?Q?lost =?utf-8?Q?found?=", "=?utf-8?Q?lost found"),
            ("  two   blanks\tand\ttabs ", "two blanks and tabs"),
            ("=?utf-8?Q?line=0Abreak?=", "line break"),
            ("=?iso-2022-jp?B?GyRCJUYlOSVIGyhC?= =?iso-2022-jp?B?GyRCJUYlOSVIGyhC?=", "テストテスト"),
        ] {
            assert_eq!(decode_text(raw.as_bytes(), None), text);
        }
    }

    #[test]
    fn raw_eight_bit_text_is_read() {
        assert_eq!(decode_text(b"Sch\xf6ne Gr\xfc\xdfe aus M\xfcnchen", None), "Schöne Grüße aus München");
        assert_eq!(decode_text(b"\xf0\xf2\xe9", Some("koi8-r")), "ПРИ");
        assert_eq!(decode_text("Grüße".as_bytes(), Some("koi8-r")), "Grüße");
    }

    #[test]
    fn a_repaired_word_stays_a_word() {
        let fixed = repair(b"=?utf-8?Q?M=C3?= =?utf-8?Q?=BCller=2C_Hans?= <h@example.org>", None);
        assert_eq!(fixed, "=?utf-8?B?TcO8bGxlciwgSGFucw==?= <h@example.org>");
    }

    #[test]
    fn a_million_open_words_take_no_time() {
        let hostile = "=?utf-8?Q?a".repeat(20_000) + "?=";
        let started = std::time::Instant::now();
        let _ = decode_text(hostile.as_bytes(), None);
        assert!(started.elapsed().as_secs() < 60);
    }
}
