//! What a server makes of an item that was sent to it.

use super::quirks::Quirks;

/// The text as it is stored.
pub(super) fn stored_form(text: &str, quirks: &Quirks) -> String {
    if !quirks.rewrites && quirks.dropped.is_empty() {
        return text.to_owned();
    }
    let unfolded = text.replace("\r\n ", "").replace("\r\n\t", "").replace("\n ", "").replace("\n\t", "");
    let mut out = String::new();
    for line in unfolded.lines() {
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
}
