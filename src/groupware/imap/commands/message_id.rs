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

fn normalise(value: &str) -> Option<String> {
    let value = match value.split_once('<') {
        Some((_, rest)) => rest.split_once('>').map_or(rest, |(id, _)| id).to_owned(),
        None => without_comments(value),
    };
    let id: String = value.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
    (!id.is_empty()).then_some(id)
}

fn without_comments(value: &str) -> String {
    let mut depth = 0_u32;
    value
        .chars()
        .filter(|c| {
            match c {
                '(' => depth += 1,
                ')' if depth > 0 => {
                    depth -= 1;
                    return false;
                }
                _ => {}
            }
            depth == 0
        })
        .collect()
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
            (b"Message-ID: (comment <no>) <a@b>", Some("no")),
            (b"Message-ID: <>\r\n", None),
            (b"\r\n", None),
            (b"", None),
        ] {
            assert_eq!(read(header).as_deref(), id, "{}", String::from_utf8_lossy(header));
        }
    }
}
