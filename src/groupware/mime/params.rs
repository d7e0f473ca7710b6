//! Values with parameters: `Content-Type` and `Content-Disposition` (RFC 2045 §5.1, RFC 2183, RFC 2231).

use super::{charset, transfer, words};

/// Most parameters that are read of one field.
const MAX_PARAMS: usize = 100;

/// A lower-case token with parameters.
#[derive(Debug, Clone, Default)]
pub(super) struct Parametrised {
    /// The value before the first `;`, in lower case, without comments and blanks.
    pub(super) value: String,
    params: Vec<(String, Vec<u8>)>,
}

impl Parametrised {
    /// Reads a raw field value. Never fails: what has no meaning is passed over.
    pub(super) fn parse(raw: &[u8]) -> Self {
        let mut pieces = split_unquoted(raw).into_iter();
        let value = pieces.next().unwrap_or_default();
        let value = String::from_utf8_lossy(&value).split_whitespace().collect::<String>().to_ascii_lowercase();
        let value = value.trim_matches(['"', '\'']).to_owned();
        let params = pieces
            .filter_map(|piece| {
                let at = piece.iter().position(|byte| *byte == b'=')?;
                let (name, value) = piece.split_at(at);
                let name = String::from_utf8_lossy(name).trim().to_ascii_lowercase();
                Some((name, value.get(1..)?.trim_ascii().to_vec()))
            })
            .filter(|(name, _)| !name.is_empty())
            .take(MAX_PARAMS)
            .collect();
        Self { value, params }
    }

    /// A parameter's bytes as written, quotes removed. The first one wins.
    pub(super) fn raw(&self, name: &str) -> Option<&[u8]> {
        self.params.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_slice())
    }

    /// A parameter as decoded text: RFC 2231 with continuations and character sets, RFC 2047 although it is forbidden here, and
    /// raw 8-bit text. `None` when absent or empty.
    pub(super) fn text(&self, name: &str, hint: Option<&str>) -> Option<String> {
        let decoded = self.extended(name).or_else(|| self.raw(name).map(|raw| words::decode_text(raw, hint)))?;
        let clean: String = decoded.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let clean = clean.trim();
        (!clean.is_empty()).then(|| clean.to_owned())
    }

    /// `name*`, or `name*0`, `name*1*`, … put together (RFC 2231 §3, §4).
    fn extended(&self, name: &str) -> Option<String> {
        let mut sections: Vec<(u32, bool, &[u8])> = self
            .params
            .iter()
            .filter_map(|(found, value)| {
                let section = found.strip_prefix(name)?.strip_prefix('*')?;
                let (number, encoded) = section.strip_suffix('*').map_or((section, section.is_empty()), |number| (number, true));
                let number = if number.is_empty() { 0 } else { number.parse().ok()? };
                Some((number, encoded, value.as_slice()))
            })
            .collect();
        if sections.is_empty() {
            return None;
        }
        sections.sort_by_key(|(number, _, _)| *number);
        sections.dedup_by_key(|(number, _, _)| *number);
        let mut label = None;
        let mut bytes = Vec::new();
        let mut any_encoded = false;
        for (at, (_, encoded, value)) in sections.into_iter().enumerate() {
            let mut value = value;
            if encoded && at == 0 {
                let mut quotes = value.splitn(3, |byte| *byte == b'\'');
                if let (Some(charset), Some(_language), Some(rest)) = (quotes.next(), quotes.next(), quotes.next()) {
                    label = Some(String::from_utf8_lossy(charset).into_owned());
                    value = rest;
                }
            }
            any_encoded |= encoded;
            if encoded { bytes.extend(transfer::percent(value)) } else { bytes.extend_from_slice(value) }
        }
        let label = label.filter(|label| !label.is_empty());
        // Some senders cut an encoded word into continuations.
        Some(if any_encoded { charset::decode(label.as_deref(), &bytes) } else { words::decode_text(&bytes, None) })
    }
}

/// Splits at `;` outside of quotes, removing quotes, escapes and comments.
fn split_unquoted(raw: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    let mut piece = Vec::new();
    let mut quoted = false;
    let mut depth = 0u32;
    let mut bytes = raw.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' | b'\n' => {}
            // A backslash before a letter is no escape but a path, as Internet Explorer sent it.
            b'\\' if quoted => match bytes.next_if(|next| matches!(next, b'"' | b'\\')) {
                Some(next) => piece.push(next),
                None => piece.push(byte),
            },
            b'"' if depth == 0 => quoted = !quoted,
            b'(' if !quoted && !in_value(&piece) => depth += 1,
            b')' if !quoted && depth > 0 => depth -= 1,
            _ if depth > 0 => {}
            b';' if !quoted => {
                pieces.push(std::mem::take(&mut piece));
                if pieces.len() > MAX_PARAMS {
                    return pieces;
                }
            }
            _ => piece.push(byte),
        }
    }
    pieces.push(piece);
    pieces
}

/// A bracket inside of an unquoted value (`name=Report (final).pdf`) is part of it, not a comment.
fn in_value(piece: &[u8]) -> bool {
    piece.iter().position(|byte| *byte == b'=').is_some_and(|at| piece.get(at + 1..).is_some_and(|value| !value.trim_ascii().is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(raw: &[u8]) -> Option<String> {
        Parametrised::parse(raw).text("filename", None)
    }

    #[test]
    fn names_of_every_encoding_are_read() {
        for (raw, expected) in [
            (&b"attachment; filename=\"plain.pdf\""[..], "plain.pdf"),
            (b"attachment; filename=no quotes (1).pdf", "no quotes (1).pdf"),
            (b"attachment; FILENAME=\"a;b \\\"c\\\".txt\"", "a;b \"c\".txt"),
            (b"attachment; filename=\"=?utf-8?Q?=C3=9Cbersicht.pdf?=\"", "Übersicht.pdf"),
            (b"attachment; filename=\"=?utf-8?B?w5xiZXI=?=\r\n =?utf-8?B?c2ljaHQucGRm?=\"", "Übersicht.pdf"),
            (b"attachment; filename==?iso-8859-1?Q?=DCber.pdf?=", "Über.pdf"),
            (b"attachment; filename*=utf-8''%C3%9Cber%20sicht.pdf", "Über sicht.pdf"),
            (b"attachment; filename*=iso-8859-1'de'%DCber.pdf; filename=\"Uber.pdf\"", "Über.pdf"),
            (b"attachment; filename*1=\"sicht.pdf\"; filename*0*=utf-8''%C3%9Cber", "Übersicht.pdf"),
            (b"attachment; filename*0=\"long na\"; filename*1=\"me.pdf\"", "long name.pdf"),
            (b"attachment; filename*=\"utf-8''x%2Fy\"", "x/y"),
            (b"attachment; filename=\"Gr\xfc\xdfe an alle.pdf\"", "Grüße an alle.pdf"),
            (b"attachment; filename=\"C:\\Temp\\a.doc\"", "C:\\Temp\\a.doc"),
            (b"attachment (a comment); filename=x.pdf", "x.pdf"),
        ] {
            assert_eq!(name(raw).as_deref(), Some(expected), "{}", String::from_utf8_lossy(raw));
        }
        assert_eq!(name(b"attachment; filename=\"\""), None);
        assert_eq!(name(b"attachment; filename"), None);
        assert_eq!(Parametrised::parse(b" Text / HTML ; charset=x").value, "text/html");
    }
}
