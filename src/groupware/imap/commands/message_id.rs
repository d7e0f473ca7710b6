//! The Message-ID of a header (RFC 5322 §3.6.4), read as it comes in real mail.

/// The normalised Message-ID: without angle brackets, blanks and comments. `None` when there is none.
pub(super) fn read(header: &[u8]) -> Option<String> {
    let header = String::from_utf8_lossy(header);
    let mut value: Option<String> = None;
    for line in header.lines() {
        match &mut value {
            // A folded line goes on with a blank.
            Some(value) if line.starts_with([' ', '\t']) => value.push_str(line),
            Some(_) => break,
            None => {
                if let Some((name, rest)) = line.split_once(':')
                    && name.trim().eq_ignore_ascii_case("Message-ID")
                {
                    value = Some(rest.to_owned());
                }
            }
        }
    }
    normalise(&value?)
}

/// What stands in the first angle brackets outside of comments; failing that, all that is no comment.
fn normalise(value: &str) -> Option<String> {
    let (mut id, mut depth, mut in_brackets) = (String::new(), 0_u32, false);
    for c in value.chars() {
        match c {
            '>' if in_brackets => break,
            _ if in_brackets => id.push(c),
            '(' => depth += 1,
            ')' if depth > 0 => depth -= 1,
            '<' if depth == 0 => {
                id.clear();
                in_brackets = true;
            }
            _ if depth == 0 => id.push(c),
            _ => {}
        }
    }
    id.retain(|c| !c.is_whitespace() && !c.is_control());
    (!id.is_empty()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_ids_are_normalised() {
        for (header, id) in [
            (&b"Message-ID: <a@b>\r\n\r\n"[..], Some("a@b")),
            (b"MESSAGE-ID:\r\n <long\r\n .id@b>\r\n\r\n", Some("long.id@b")),
            (b"Message-Id : <a b@c> (comment)\n", Some("ab@c")),
            (b"Message-ID: bare@b (x (y) z)\r\n", Some("bare@b")),
            (b"Message-ID: (comment <no>) <a(1)@b>", Some("a(1)@b")),
            (b"Message-ID: <>\r\n", None),
            (b"\r\n", None),
            (b"", None),
        ] {
            assert_eq!(read(header).as_deref(), id, "{}", String::from_utf8_lossy(header));
        }
    }
}
