//! Just enough of RFC 5322 for SEARCH and FETCH: the header block and its raw fields.

use bytes::Bytes;

/// Length of the header block with the empty line behind it.
pub(super) fn header_len(raw: &[u8]) -> usize {
    let mut at = 0;
    for line in raw.split_inclusive(|b| *b == b'\n') {
        at += line.len();
        if line == b"\r\n" || line == b"\n" {
            break;
        }
    }
    at
}

/// The fields of a header block, each with its continuation lines and line ends.
pub(super) fn fields(header: &[u8]) -> Vec<&[u8]> {
    let mut fields = Vec::new();
    let (mut start, mut at) = (0, 0);
    for line in header.split_inclusive(|b| *b == b'\n') {
        let continued = line.first().is_some_and(|b| matches!(b, b' ' | b'\t'));
        if !continued && at > start {
            fields.extend(header.get(start..at));
            start = at;
        }
        if line == b"\r\n" || line == b"\n" {
            return fields;
        }
        at += line.len();
    }
    if at > start {
        fields.extend(header.get(start..at));
    }
    fields
}

/// Name and unfolded value of a field.
pub(super) fn split_field(field: &[u8]) -> Option<(&[u8], String)> {
    let colon = field.iter().position(|b| *b == b':')?;
    let (name, value) = field.split_at_checked(colon)?;
    let value = String::from_utf8_lossy(value.get(1..)?).replace(['\r', '\n'], "");
    Some((name.trim_ascii(), value.trim().to_owned()))
}

/// Unfolded values of every field called `name`.
pub(super) fn values(raw: &[u8], name: &str) -> Vec<String> {
    let header = raw.get(..header_len(raw)).unwrap_or_default();
    fields(header)
        .into_iter()
        .filter_map(split_field)
        .filter(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes()))
        .map(|(_, value)| value)
        .collect()
}

/// The fields called by one of `names` (or by none of them, with `except`), and the empty line.
pub(super) fn select_fields(raw: &[u8], names: &[String], except: bool) -> Bytes {
    let header = raw.get(..header_len(raw)).unwrap_or_default();
    let mut chosen = Vec::new();
    for field in fields(header) {
        let listed = split_field(field).is_some_and(|(name, _)| names.iter().any(|wanted| wanted.as_bytes().eq_ignore_ascii_case(name)));
        if listed != except {
            chosen.extend_from_slice(field);
        }
    }
    chosen.extend_from_slice(b"\r\n");
    chosen.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &[u8] = b"Subject: a\r\n long one\r\nMessage-ID:\r\n <x@y>\r\n\r\nBody: not a field\r\n";

    #[test]
    fn fields_are_unfolded_and_end_at_the_empty_line() {
        assert_eq!(values(MAIL, "subject"), ["a long one"]);
        assert_eq!(values(MAIL, "message-id"), ["<x@y>"]);
        assert!(values(MAIL, "body").is_empty());
        assert_eq!(select_fields(MAIL, &["MESSAGE-ID".into()], false).as_ref(), b"Message-ID:\r\n <x@y>\r\n\r\n");
        assert_eq!(select_fields(MAIL, &["MESSAGE-ID".into()], true).as_ref(), b"Subject: a\r\n long one\r\n\r\n");
        assert_eq!(values(b"no end", "x"), Vec::<String>::new());
    }
}
