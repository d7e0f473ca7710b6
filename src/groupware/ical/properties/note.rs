//! DESCRIPTION (RFC 5545 §3.8.1.5) with its HTML form ↔ note, and the block that links to the CRM.
//!
//! The HTML stands in X-ALT-DESC (Outlook, Exchange), STYLED-DESCRIPTION (RFC 9073 §6.5), or as a `data:` address in ALTREP of DESCRIPTION
//! (Thunderbird). Programs that have it show it instead of the text, so both are always written together.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::{IcalFault, Source, Target};
use crate::groupware::lines::{Property, escape, tidy_lines, unescape};
use crate::groupware::{CrmLink, link};
use crate::model::{Field, Note, Value};

const TEXT: &str = "DESCRIPTION";
const HTML: [&str; 2] = ["X-ALT-DESC", "STYLED-DESCRIPTION"];
const DATA: &str = "data:text/html";

pub(super) fn read(source: &Source<'_>) -> Result<Option<Value>, IcalFault> {
    let html = html(source).map(|(_, html)| link::strip_html(&html).into_owned());
    let text = source.first(TEXT).map(|property| tidy_lines(&without_block(&unescape(property.value())))).unwrap_or_default();
    let text = if text.is_empty() { html.as_deref().map(|html| tidy_lines(&text_of(html))).unwrap_or_default() } else { text };
    Ok((!text.is_empty()).then_some(Value::Note(Note { text, html })))
}

/// A text without the block.
pub(in super::super) fn without_block(text: &str) -> Cow<'_, str> {
    link::strip(text)
}

/// The record a component names, and its block as written.
pub(in super::super) fn record(source: &Source<'_>) -> (Option<String>, Option<String>) {
    let property = source.first(link::RECORD).map(|property| unescape(property.value()).into_owned());
    let text = source.first(TEXT).filter(|text| text.value().contains(link::OPEN));
    let text = text.map(|text| unescape(text.value()).into_owned());
    link::read(property.as_deref(), text.as_deref())
}

/// Where the HTML stands.
enum Carrier<'s> {
    Property(Property<'s>),
    Parameter,
}

fn html<'s>(source: &Source<'s>) -> Option<(Carrier<'s>, String)> {
    for name in HTML {
        let lines = source.document.properties(source.component, name);
        let mut html = lines.filter(|property| property.parameter("FMTTYPE").is_some_and(|kind| kind.eq_ignore_ascii_case("text/html")));
        if let Some(property) = html.next() {
            let html = unescape(property.value()).into_owned();
            return Some((Carrier::Property(property), html));
        }
    }
    let text = source.first(TEXT)?;
    let altrep = text.parameter("ALTREP")?;
    let data = altrep.get(..DATA.len()).filter(|scheme| scheme.eq_ignore_ascii_case(DATA)).and_then(|_| altrep.get(DATA.len()..))?;
    let (kind, data) = data.split_once(',')?;
    (!kind.to_ascii_lowercase().contains("base64")).then(|| (Carrier::Parameter, percent_decoded(data)))
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), IcalFault> {
    let note = match value {
        None => None,
        Some(Value::Note(note)) => Some(note),
        Some(_) => return Err(IcalFault::BadField { field: Field::Note }),
    };
    write_both(target, Some(note), None);
    Ok(())
}

/// Writes the note (`None` leaves it), the link (`None` leaves it), or both.
#[allow(clippy::option_option, reason = "the outer one is absence, as in the port")]
pub(in super::super) fn write_both(target: &mut Target<'_, '_>, note: Option<Option<&Note>>, link: Option<Option<&CrmLink>>) {
    let source = target.source;
    let property = source.first(TEXT);
    let old = property.as_ref().map(|property| unescape(property.value()).into_owned()).unwrap_or_default();
    let (old_record, old_block) = record(&source);
    let block = match link {
        None => old_block.clone(),
        Some(link) => link.map(link::text),
    };
    match link {
        Some(Some(link)) if source.first(link::RECORD).is_none() || old_record.as_ref() != Some(&link.record) => {
            target.put_text(link::RECORD, Some(&link.record));
        }
        Some(None) => target.remove(link::RECORD),
        _ => {}
    }
    if note.is_none() && block == old_block {
        return;
    }
    let body = match note {
        None => link::strip(&old).into_owned(),
        Some(note) => note.map(|note| note.text.clone()).unwrap_or_default(),
    };
    let text = link::joined(&body, block.as_deref());

    let old_html = html(&source);
    let body_html = match note {
        None => old_html.as_ref().map(|(_, html)| link::strip_html(html).into_owned()),
        Some(None) => old_html.as_ref().filter(|_| block.is_some()).map(|_| String::new()),
        Some(Some(note)) => note.html.clone().or_else(|| old_html.as_ref().map(|_| html_of(&note.text))),
    };
    let block_html = match link {
        None => block.as_deref().map(link::html_of_text),
        Some(link) => link.map(link::html),
    };
    let html = body_html.map(|html| with_block(&html, block_html.as_deref()));

    let mut parameters = Vec::new();
    let altrep = html.as_ref().map(|html| format!("{DATA},{}", percent_encoded(html)));
    match (&old_html, &html) {
        (Some((Carrier::Property(property), _)), Some(html)) => target.editor.replace(property.line, property.with(&[], &escape(html))),
        (Some((Carrier::Property(property), _)), None) => target.editor.remove(property.line),
        (Some((Carrier::Parameter, _)), _) => parameters.push(("ALTREP", altrep.as_deref())),
        (None, _) => {}
    }
    // Another form of the text that cannot be changed with it would contradict it.
    if note.is_some() && parameters.is_empty() {
        parameters.push(("ALTREP", None));
    }
    if text.is_empty() {
        target.remove(TEXT);
    } else {
        target.put(TEXT, &parameters, &escape(&text));
    }
    if let (None, Some(html)) = (&old_html, &html) {
        target.add(&Property::line("X-ALT-DESC", &[("FMTTYPE", Some("text/html"))], &escape(html)));
    }
}

/// HTML with the block at the end of its body.
fn with_block(html: &str, block: Option<&str>) -> String {
    let Some(block) = block else { return html.to_owned() };
    // Tags are ASCII, whose case folds without moving anything.
    let lower = html.to_ascii_lowercase();
    let end = lower.rfind("</body").or_else(|| lower.rfind("</html")).unwrap_or(html.len());
    let (before, after) = html.split_at(end);
    format!("{before}{block}{after}")
}

/// Plain text as HTML.
pub(in super::super) fn html_of(text: &str) -> String {
    format!("<p>{}</p>", link::escape_html(text).replace('\n', "<br>"))
}

/// The text of HTML, roughly: for objects that have no plain text. One pass, no tree.
fn text_of(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    let mut silent: Option<&str> = None;
    while let Some(at) = rest.find('<') {
        let (run, tag) = rest.split_at(at);
        if silent.is_none() {
            push_run(&mut text, run);
        }
        let end = tag.find('>').map_or(tag.len(), |end| end + 1);
        let inner = tag.get(1..end).unwrap_or_default();
        let name: String = inner.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).take(10).collect();
        match name.to_ascii_lowercase().as_str() {
            "style" => silent = (!inner.starts_with('/')).then_some("style"),
            "script" => silent = (!inner.starts_with('/')).then_some("script"),
            "title" => silent = (!inner.starts_with('/')).then_some("title"),
            "br" => text.push('\n'),
            "p" | "div" | "tr" | "li" | "h1" | "h2" | "h3" if inner.starts_with('/') => text.push('\n'),
            _ => {}
        }
        rest = tag.get(end..).unwrap_or_default();
    }
    if silent.is_none() {
        push_run(&mut text, rest);
    }
    text.trim_start().to_owned()
}

/// Text between tags: white space is one blank, the common entities are characters.
fn push_run(text: &mut String, run: &str) {
    let mut blank = text.is_empty() || text.ends_with(['\n', ' ']);
    let mut rest = run;
    while let Some(character) = rest.chars().next() {
        let mut length = character.len_utf8();
        let mut read = character;
        if character == '&' {
            let entities = [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>'), ("&quot;", '"'), ("&#39;", '\''), ("&nbsp;", ' ')];
            if let Some((entity, meant)) = entities.iter().find(|(entity, _)| rest.starts_with(entity)) {
                (length, read) = (entity.len(), *meant);
            }
        }
        rest = rest.get(length..).unwrap_or_default();
        if read.is_whitespace() {
            if !blank {
                text.push(' ');
            }
            blank = true;
        } else {
            text.push(read);
            blank = false;
        }
    }
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        let hex = |at: usize| tail.get(at).and_then(|byte| char::from(*byte).to_digit(16)).and_then(|digit| u8::try_from(digit).ok());
        if let (b'%', Some(high), Some(low)) = (byte, hex(0), hex(1)) {
            bytes.push(high * 16 + low);
            rest = tail.get(2..).unwrap_or_default();
        } else {
            bytes.push(*byte);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{edited, event, linked, part, value};
    use super::*;

    fn note(text: &str, html: Option<&str>) -> Option<Value> {
        Some(Value::Note(Note { text: text.to_owned(), html: html.map(str::to_owned) }))
    }

    fn html_read(text: &str) -> Option<String> {
        match value(text, Field::Note) {
            Some(Value::Note(note)) => note.html,
            _ => None,
        }
    }

    fn link() -> CrmLink {
        CrmLink { record: "4711".to_owned(), url: Some("https://crm.example.org/4711".to_owned()), lines: vec!["Bob, B.".to_owned()] }
    }

    const BLOCK: &str = "[crmsync 4711]\\nhttps://crm.example.org/4711\\nBob\\, B.\\n[/crmsync]";

    #[test]
    fn is_read_normalised() {
        assert_eq!(value(&event("DESCRIPTION:  a\\, b  \\n\\nc\\t\\n \\n"), Field::Note), note("  a, b\n\nc\\t", None));
        assert_eq!(value(&event("DESCRIPTION: \\n"), Field::Note), None);
    }

    #[test]
    fn html_is_found_wherever_it_stands() {
        let html = Some("<b>a, b</b>".to_owned());
        assert_eq!(html_read(&event("DESCRIPTION:a\r\nX-ALT-DESC;FMTTYPE=text/html:<b>a\\, b</b>")), html);
        assert_eq!(html_read(&event("DESCRIPTION;ALTREP=\"data:text/html,%3Cb%3Ea%2C%20b%3C%2Fb%3E\":a")), html);
        let alone = event("X-ALT-DESC;FMTTYPE=text/html:<style>x</style><p>a &amp;\\n b</p><div>c<br>d</div>");
        assert_eq!(value(&alone, Field::Note), note("a & b\nc\nd", None));
    }

    #[test]
    fn v6_the_block_is_no_part_of_the_note() {
        let text = event(&format!("DESCRIPTION:a\\n\\n{BLOCK}\\nbelow"));
        assert_eq!(value(&text, Field::Note), note("a\n\nbelow", None));
        let part = part(&text);
        assert_eq!(part.record.as_deref(), Some("4711"));
        assert_eq!(part.link_block.unwrap(), "[crmsync 4711]\nhttps://crm.example.org/4711\nBob, B.\n[/crmsync]");
    }

    #[test]
    fn r76_a_link_comes_and_goes() {
        let text = event("DESCRIPTION:a  \\n\r\nX-A:1");
        let written = linked(&text, Some(link()));
        let expected = event(&format!("DESCRIPTION:a\\n\\n{BLOCK}\r\nX-A:1\r\nX-CRMSYNC-RECORD:4711"));
        assert_eq!(written.replace("\r\n ", ""), expected);
        assert_eq!(linked(&written, Some(link())), written);
        assert_eq!(linked(&written, None), event("DESCRIPTION:a\r\nX-A:1"));
        assert_eq!(linked(&event("X-A:1"), None), event("X-A:1"));
    }

    #[test]
    fn r76_html_gets_an_html_link() {
        let text = event("DESCRIPTION:a\r\nX-ALT-DESC;FMTTYPE=text/html:<html><body>a</body></html>");
        let written = linked(&text, Some(link()));
        assert_eq!(html_read(&written).unwrap(), "<html><body>a</body></html>");
        let unfolded = written.replace("\r\n ", "");
        assert!(unfolded.contains("<a href=\"https://crm.example.org/4711\">"), "{unfolded}");
        assert_eq!(linked(&written, None), text);
        let text = event("DESCRIPTION;ALTREP=\"data:text/html,%3Cb%3Ea%3C%2Fb%3E\":a");
        let written = linked(&text, Some(link()));
        assert_eq!(html_read(&written).unwrap(), "<b>a</b>");
        assert_eq!(linked(&written, None), text);
    }

    #[test]
    fn a_new_text_keeps_the_block_and_renews_the_html() {
        let text = linked(&event("DESCRIPTION:a\r\nX-ALT-DESC;FMTTYPE=text/html:<b>a</b>"), Some(link()));
        let written = edited(&text, Field::Note, note("x < y\nz", None));
        assert_eq!(value(&written, Field::Note), note("x < y\nz", None));
        assert_eq!(html_read(&written).unwrap(), "<p>x &lt; y<br>z</p>");
        assert_eq!(part(&written).link_block, part(&text).link_block);
        let emptied = edited(&written, Field::Note, None);
        assert_eq!(value(&emptied, Field::Note), None);
        assert_eq!(part(&emptied).record.as_deref(), Some("4711"));
    }

    #[test]
    fn html_that_is_given_is_written() {
        let written = edited(&event("X-A:1"), Field::Note, note("a", Some("<b>a</b>")));
        assert_eq!(written, event("X-A:1\r\nDESCRIPTION:a\r\nX-ALT-DESC;FMTTYPE=text/html:<b>a</b>"));
        assert_eq!(edited(&written, Field::Note, None), event("X-A:1"));
    }
}
