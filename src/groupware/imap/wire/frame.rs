//! One response as bytes: a line, with its literals cut out and kept beside it.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::model::RawMail;

/// One response. In `line`, each literal stands as its announcement `{n}`.
#[derive(Debug, Default)]
pub(super) struct Frame {
    pub(super) line: Bytes,
    /// Offset of the announcement's `{` in `line`, and the literal.
    pub(super) literals: VecDeque<(usize, Literal)>,
}

/// A literal.
#[derive(Debug)]
pub(super) enum Literal {
    /// A name, a header field.
    Bytes(Bytes),
    /// A mail body.
    Mail(RawMail),
}

/// What a line may hold, told by its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Free text at its end, which may look like the announcement of a literal without being one.
    Text,
    /// Untagged data with literals.
    Data,
    /// A FETCH response, whose literals may be mail bodies.
    Fetch,
}

impl Kind {
    pub(super) fn of(line: &[u8]) -> Self {
        let Some(rest) = line.strip_prefix(b"*") else { return Self::Text };
        let start = rest.iter().position(|b| !(b.is_ascii_digit() || matches!(b, b' ' | b'\t' | b'*')));
        let word = start.and_then(|start| rest.get(start..)).unwrap_or_default();
        let word = word.split(|b| matches!(b, b' ' | b'(')).next().unwrap_or_default();
        if word.eq_ignore_ascii_case(b"FETCH") {
            Self::Fetch
        } else if [&b"OK"[..], b"NO", b"BAD", b"BYE", b"PREAUTH"].iter().any(|status| word.eq_ignore_ascii_case(status)) {
            Self::Text
        } else {
            Self::Data
        }
    }
}

/// The literal that the end of a part of a line announces: offset of its `{`, and its length.
pub(super) fn announced(part: &[u8], kind: Kind) -> Option<(usize, u64)> {
    if kind == Kind::Text {
        return None;
    }
    let inner = part.strip_suffix(b"}")?;
    // Twenty digits and a plus are more than any 64-bit length has.
    let brace = inner.len().checked_sub(1 + inner.iter().rev().take(22).position(|b| *b == b'{')?)?;
    let digits = inner.get(brace + 1..)?;
    let digits = digits.strip_suffix(b"+").unwrap_or(digits);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // A length beyond 64 bits is larger than any bound.
    Some((brace, std::str::from_utf8(digits).ok()?.parse().unwrap_or(u64::MAX)))
}

/// Whether the literal announced at `brace` of a FETCH response is a whole mail body: `… BODY[] {n}`.
pub(super) fn is_body(line: &[u8], brace: usize) -> bool {
    let before = line.get(..brace).unwrap_or_default();
    let before = before.strip_suffix(b"~").unwrap_or(before).trim_ascii_end();
    let name = before.len().checked_sub(6).and_then(|start| before.get(start..));
    name.is_some_and(|name| name.eq_ignore_ascii_case(b"BODY[]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(line: &[u8]) -> Option<(usize, u64)> {
        announced(line, Kind::of(line))
    }

    #[test]
    fn the_end_of_a_line_announces_a_literal() {
        assert_eq!(end(b"* LIST () \"/\" {12}"), Some((14, 12)));
        assert_eq!(end(b"* LIST () \"/\" {12+}"), Some((14, 12)));
        assert_eq!(end(b"* 1 FETCH (BODY[] ~{0}"), Some((19, 0)));
        assert_eq!(end(b"* LIST () \"/\" {99999999999999999999}"), Some((14, u64::MAX)));
    }

    #[test]
    fn free_text_announces_nothing() {
        for line in [&b"* OK see {5}"[..], b"a1 NO see {5}", b"+ go {5}", b"* LIST () \"/\" {}", b"* LIST () \"/\" {x}", b"* }", b"{}", b""]
        {
            assert_eq!(end(line), None, "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn only_a_whole_body_is_streamed() {
        for (line, body) in
            [(&b"* 1 FETCH (UID 3 BODY[] {5}"[..], true), (b"*   1 fetch (body[] ~{5}", true), (b"* 1 FETCH (BODY[HEADER] {5}", false)]
        {
            assert_eq!(Kind::of(line), Kind::Fetch);
            assert_eq!(is_body(line, end(line).unwrap().0), body, "{}", String::from_utf8_lossy(line));
        }
        assert_eq!(Kind::of(b"* LIST () BODY[] {5}"), Kind::Data);
    }
}
