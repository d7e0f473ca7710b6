//! Content lines of a text that may be broken: what the format's reader cannot be asked.

/// Every line with its name and its value, unfolded (RFC 5545 §3.1). A group or a blank before the name does not make it another property.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (String, String)> {
    let unfolded = text.replace("\r\n", "\n").replace("\n ", "").replace("\n\t", "");
    let lines: Vec<String> = unfolded.lines().map(str::to_owned).collect();
    lines.into_iter().map(|line| {
        let name = line.trim_start().split([':', ';']).next().unwrap_or_default().trim_end();
        let value = line.split_once(':').map_or("", |(_, value)| value);
        (name.to_owned(), value.trim().to_owned())
    })
}

/// The UID, if the text names one and no other.
pub(super) fn uid(text: &str) -> Option<String> {
    let mut uids = lines(text).filter(|(name, value)| name.eq_ignore_ascii_case("UID") && !value.is_empty()).map(|(_, value)| value);
    let first = uids.next()?;
    uids.all(|other| other == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_text_tells_its_uid_where_it_names_one_alone() {
        assert_eq!(uid("BEGIN:VEVENT\r\nUID:a-\r\n b\r\nDTSTART:rubbish"), Some("a-b".to_owned()));
        assert_eq!(uid("BEGIN:VCARD\nuid;x=y:a\nUID:a"), Some("a".to_owned()));
        for text in ["UID:a\nUID:b", "UID:", "X-UID:a", "DESCRIPTION:UID:a", ""] {
            assert_eq!(uid(text), None, "{text}");
        }
    }
}
