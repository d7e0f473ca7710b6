//! What a server makes of an item that was sent to it.

use super::quirks::{CardVersions, Quirks};

/// The text as it is stored.
pub(super) fn stored_form(text: &str, quirks: &Quirks) -> String {
    if !quirks.rewrites && quirks.dropped.is_empty() {
        return text.to_owned();
    }
    let mut out = String::new();
    for line in unfolded(text).lines() {
        let name: String = line.chars().take_while(|c| !matches!(c, ':' | ';')).collect::<String>().to_ascii_uppercase();
        if quirks.dropped.contains(&name) {
            continue;
        }
        fold(&mut out, line);
        if quirks.rewrites && (line == "BEGIN:VEVENT" || line == "BEGIN:VTODO") {
            out.push_str("X-SANDBOX-STORED:1\r\n");
        }
    }
    if quirks.rewrites {
        // Only the line that this server added before counts once.
        out = out.replace("X-SANDBOX-STORED:1\r\nX-SANDBOX-STORED:1\r\n", "X-SANDBOX-STORED:1\r\n");
    }
    out
}

/// The card as it is stored under a name.
pub(super) fn stored_card(text: &str, quirks: &Quirks, name: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in unfolded(&stored_form(text, quirks)).lines() {
        let (head, value) = line.split_once(':').unwrap_or((line, ""));
        let full = head.split(';').next().unwrap_or_default();
        let own = full.rsplit('.').next().unwrap_or_default().to_ascii_uppercase();
        if quirks.card_properties.as_ref().is_some_and(|known| !known.contains(&own)) {
            continue;
        }
        lines.push(match own.as_str() {
            "VERSION" if quirks.card_versions != CardVersions::Kept => "VERSION:3.0".to_owned(),
            "KIND" if quirks.card_versions == CardVersions::Converted => format!("X-ADDRESSBOOKSERVER-KIND:{value}"),
            "REV" if quirks.replaces_rev => "REV:20261122T090000Z".to_owned(),
            _ if quirks.upper_case_groups && full.contains('.') => {
                format!("{}{}", full.to_ascii_uppercase(), line.get(full.len()..).unwrap_or_default())
            }
            _ => line.to_owned(),
        });
    }
    let unchanged = quirks.card_versions == CardVersions::Kept && !quirks.upper_case_groups && quirks.card_properties.is_none();
    let has = |name: &str| lines.iter().any(|line| line.to_ascii_uppercase().starts_with(name));
    let mut added = Vec::new();
    if quirks.adds_uid && !has("UID") {
        added.push(format!("UID:{}", name.trim_end_matches(".vcf")));
    }
    if quirks.replaces_rev && !has("REV") {
        added.push("REV:20261122T090000Z".to_owned());
    }
    if unchanged && added.is_empty() && !quirks.replaces_rev {
        return stored_form(text, quirks);
    }
    let end = lines.iter().rposition(|line| line.eq_ignore_ascii_case("END:VCARD")).unwrap_or(lines.len());
    lines.splice(end..end, added);
    let mut out = String::new();
    for line in &lines {
        fold(&mut out, line);
    }
    out
}

fn unfolded(text: &str) -> String {
    text.replace("\r\n ", "").replace("\r\n\t", "").replace("\n ", "").replace("\n\t", "")
}

/// Folds at 60 characters, where the sender may have folded elsewhere.
fn fold(out: &mut String, line: &str) {
    for (count, c) in line.chars().enumerate() {
        if count > 0 && count % 60 == 0 {
            out.push_str("\r\n ");
        }
        out.push(c);
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rewritten_item_says_the_same_and_stays_the_same_when_it_is_stored_again() {
        let quirks = Quirks { rewrites: true, dropped: ["X-CRM".to_owned()].into(), ..Quirks::default() };
        let sent = "BEGIN:VEVENT\r\nX-CRM:1\r\nSUMMARY:Lange\r\n  Rede\r\nEND:VEVENT\r\n";
        let stored = stored_form(sent, &quirks);
        assert_eq!(stored, "BEGIN:VEVENT\r\nX-SANDBOX-STORED:1\r\nSUMMARY:Lange Rede\r\nEND:VEVENT\r\n");
        assert_eq!(stored_form(&stored, &quirks), stored);
        assert_eq!(stored_form(sent, &Quirks::default()), sent);
    }

    #[test]
    fn cards_are_stored_as_real_servers_store_them() {
        let sent = "BEGIN:VCARD\r\nVERSION:4.0\r\nKIND:org\r\nFN:x\r\nitem1.X-ABLabel:Y\r\nX-CRM:1\r\nREV:1\r\nEND:VCARD\r\n";
        assert_eq!(stored_card(sent, &Quirks::default(), "a.vcf"), sent);
        let sogo = stored_card(sent, &Quirks::sogo(), "a.vcf");
        assert!(sogo.contains("VERSION:3.0\r\nKIND:org") && sogo.contains("ITEM1.X-ABLABEL:Y") && sogo.contains("UID:a\r\nEND"), "{sogo}");
        let cyrus = stored_card(sent, &Quirks::cyrus(), "a.vcf");
        assert!(cyrus.contains("VERSION:3.0\r\nX-ADDRESSBOOKSERVER-KIND:org"), "{cyrus}");
        let davical = stored_card(sent, &Quirks::davical(), "a.vcf");
        assert!(davical.contains("VERSION:4.0") && davical.contains("REV:20261122T090000Z"), "{davical}");
        let davmail = stored_card(sent, &Quirks::davmail(), "a.vcf");
        assert!(!davmail.contains("X-") && davmail.contains("FN:x"), "{davmail}");
        for quirks in [Quirks::sogo(), Quirks::cyrus(), Quirks::davical(), Quirks::davmail()] {
            let once = stored_card(sent, &quirks, "a.vcf");
            assert_eq!(stored_card(&once, &quirks, "a.vcf"), once);
        }
    }
}
