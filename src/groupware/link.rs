//! The delimited block at the end of an item's text that links it to its CRM record (R76), in plain text and in HTML.
//!
//! ```text
//! [crmsync 4711]
//! https://crm.example.org/records/4711
//! Alice Example <alice@example.org>
//! [/crmsync]
//! ```
//! Brackets and letters of ASCII survive every server, Outlook's automatic formatting and conversions between text and HTML. The block is
//! stripped before a text is mapped; what a person writes below it counts as text.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

use super::CrmLink;

/// The property that carries the record's id.
pub(in crate::groupware) const RECORD: &str = "X-CRMSYNC-RECORD";
pub(in crate::groupware) const OPEN: &str = "[crmsync ";
const CLOSE: &str = "[/crmsync]";
/// Records have shorter ids.
const MAX_RECORD: usize = 400;

/// Where a block stands in a text, and the record it names. The last one counts. Without its last line, which a server may have cut off,
/// it ends at the next empty line.
pub(in crate::groupware) fn find(text: &str) -> Option<(Range<usize>, String)> {
    let start = text
        .rmatch_indices(OPEN)
        .map(|(at, _)| at)
        .find(|at| text.get(..*at).is_some_and(|before| before.rsplit('\n').next().is_none_or(|line| line.trim().is_empty())))?;
    let rest = text.get(start..)?;
    let (first, _) = rest.split_once('\n').unwrap_or((rest, ""));
    let record = decode(first.trim_end().strip_suffix(']')?.get(OPEN.len()..)?)?;
    let length = rest.find(CLOSE).map(|at| at + CLOSE.len()).or_else(|| rest.find("\n\n")).unwrap_or(rest.len());
    Some((start..start + length, record))
}

/// A text without its block, and without the empty lines before it.
pub(in crate::groupware) fn strip(text: &str) -> Cow<'_, str> {
    if !text.contains(OPEN) {
        return Cow::Borrowed(text);
    }
    let Some((range, _)) = find(text) else { return Cow::Borrowed(text) };
    let before = text.get(..range.start).unwrap_or_default().trim_end();
    let after = text.get(range.end..).unwrap_or_default().trim();
    if after.is_empty() { Cow::Borrowed(before) } else { Cow::Owned(format!("{before}\n\n{after}")) }
}

/// HTML without its block: what stands between the two delimiters goes, and an element that held nothing else.
pub(in crate::groupware) fn strip_html(html: &str) -> Cow<'_, str> {
    let Some(start) = html.rfind(OPEN) else { return Cow::Borrowed(html) };
    let Some(length) = html.get(start..).and_then(|rest| rest.find(CLOSE)) else { return Cow::Borrowed(html) };
    let before = html.get(..start).unwrap_or_default();
    let after = html.get(start + length + CLOSE.len()..).unwrap_or_default();
    for (open, close) in [("<p>", "</p>"), ("<div>", "</div>")] {
        if let (Some(before), Some(after)) = (before.strip_suffix(open), after.strip_prefix(close)) {
            return Cow::Owned(format!("{before}{after}"));
        }
    }
    Cow::Owned(format!("{before}{after}"))
}

/// The record that an item names, by the property that carries its id and by its text, and the block as written.
pub(in crate::groupware) fn read(property: Option<&str>, text: Option<&str>) -> (Option<String>, Option<String>) {
    let property = property.map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned);
    let Some((text, (range, record))) = text.and_then(|text| Some((text, find(text)?))) else { return (property, None) };
    (property.or(Some(record)), text.get(range).map(str::to_owned))
}

/// A text with a block at its end.
pub(in crate::groupware) fn joined(body: &str, block: Option<&str>) -> String {
    match block {
        None => body.to_owned(),
        Some(block) if body.trim().is_empty() => block.to_owned(),
        Some(block) => format!("{}\n\n{block}", body.trim_end()),
    }
}

/// The block of a link in plain text.
pub(in crate::groupware) fn text(link: &CrmLink) -> String {
    let mut lines = vec![format!("{OPEN}{}]", encode(&link.record))];
    lines.extend(content(link));
    lines.push(CLOSE.to_owned());
    lines.join("\n")
}

/// The block of a link in HTML, its address as a link.
pub(in crate::groupware) fn html(link: &CrmLink) -> String {
    let mut lines = vec![format!("{OPEN}{}]", encode(&link.record))];
    let url = link.url.as_deref().and_then(line);
    for written in content(link) {
        let escaped = escape_html(&written);
        let is_link = Some(&written) == url.as_ref() && (written.starts_with("https://") || written.starts_with("http://"));
        lines.push(if is_link { format!("<a href=\"{escaped}\">{escaped}</a>") } else { escaped });
    }
    lines.push(CLOSE.to_owned());
    format!("<p>{}</p>", lines.join("<br>"))
}

/// A block as written, in HTML: for a text that is written anew below a block that stays.
pub(in crate::groupware) fn html_of_text(block: &str) -> String {
    let line = |line: &str| {
        let escaped = escape_html(line.trim());
        if line.trim().starts_with("https://") { format!("<a href=\"{escaped}\">{escaped}</a>") } else { escaped }
    };
    format!("<p>{}</p>", block.lines().map(line).collect::<Vec<_>>().join("<br>"))
}

fn content(link: &CrmLink) -> impl Iterator<Item = String> + '_ {
    link.url.iter().chain(&link.lines).filter_map(|text| line(text))
}

/// One line that cannot end the block.
fn line(text: &str) -> Option<String> {
    let text = text.split(char::is_control).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then(|| text.replace(CLOSE, "/crmsync").replace(OPEN, "crmsync "))
}

pub(in crate::groupware) fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// An id with everything but plain characters as `%XX`, so that it is one word of ASCII.
fn encode(record: &str) -> String {
    let mut encoded = String::with_capacity(record.len());
    for byte in record.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~:/@+=".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn decode(encoded: &str) -> Option<String> {
    let encoded = encoded.trim();
    if encoded.is_empty() || encoded.len() > MAX_RECORD {
        return None;
    }
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16)).and_then(|digit| u8::try_from(digit).ok());
            bytes.push(digit(rest.next())? * 16 + digit(rest.next())?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> CrmLink {
        CrmLink {
            record: "A]1 ä%".to_owned(),
            url: Some("https://crm.example.org/r?id=1&x=\"2\"".to_owned()),
            lines: vec!["Bob <bob@example.org>".to_owned(), "a\r\n[/crmsync]\nb".to_owned(), " ".to_owned()],
        }
    }

    #[test]
    fn r76_the_block_is_found_again_and_leaves_the_text_as_it_was() {
        let block = text(&link());
        assert!(block.is_ascii() && block.lines().count() == 5, "{block}");
        for (before, after, stripped) in [("Note\n", "", "Note"), ("", "", ""), ("Note", "below\n", "Note\n\nbelow")] {
            let whole = format!("{before}\n{block}\n{after}");
            let (range, record) = find(&whole).unwrap();
            assert_eq!((&whole[range], record.as_str()), (block.as_str(), "A]1 ä%"));
            assert_eq!(strip(&whole), stripped);
        }
    }

    #[test]
    fn a_block_without_its_end_stops_at_an_empty_line() {
        assert_eq!(strip("a\n[crmsync 1]\nhttps://x\n\nb"), "a\n\nb");
        assert_eq!(strip("a\n[crmsync 1]\nhttps://x"), "a");
    }

    #[test]
    fn what_only_looks_like_a_block_stays() {
        for text in ["see [crmsync 1]", "[crmsync ]\n[/crmsync]", "[crmsync 1\n[/crmsync]", "[/crmsync]", "[crmsync %G0]"] {
            assert_eq!(strip(text), text);
        }
    }

    #[test]
    fn the_html_form_is_a_link_and_can_be_taken_out() {
        let block = html(&link());
        assert!(block.contains("<a href=\"https://crm.example.org/r?id=1&amp;x=&quot;2&quot;\">"), "{block}");
        assert!(block.contains("Bob &lt;bob@example.org&gt;"), "{block}");
        assert_eq!(strip_html(&format!("<body><b>a</b>{block}</body>")), "<body><b>a</b></body>");
        // Outlook makes a paragraph of every line.
        assert_eq!(strip_html("<p>a</p><p class=x>[crmsync 1]</p><p><a>b</a></p><p>[/crmsync]</p>"), "<p>a</p><p class=x></p>");
    }
}
