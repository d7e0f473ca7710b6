//! HTML of mails: made harmless for people (ammonia) and readable as text (html2text), in bounded time and memory.
//!
//! Both libraries build a tree as a browser does, and a hostile text can make that tree deep or huge. So [`bounded`] goes over the
//! text first, in linear time, and writes down a plain one: known tags only, few attributes, limited nesting.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// Open elements within each other that are kept.
const MAX_OPEN: usize = 200;
/// Open formatting elements (`b`, `font`, …) that are kept: a browser repeats each of them in every paragraph that follows.
const MAX_FORMATTING: usize = 20;
/// Open lists and quotations that are kept: each indents all lines within it once more.
const MAX_INDENTING: usize = 20;
/// Elements that may come into being; each tag counts once, and once more for every open formatting element.
const MAX_ELEMENTS: usize = 200_000;
/// A tag above this length, or with more than [`MAX_ATTRIBUTES`] attributes, loses its attributes.
const MAX_TAG: usize = 8 * 1024;
const MAX_ATTRIBUTES: usize = 64;

/// Elements that need no end tag, or whose end tag browsers supply.
const VOID: [&str; 20] = [
    "area", "br", "col", "hr", "img", "wbr", "p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "colgroup", "rp", "rt",
    "body",
];
const FORMATTING: [&str; 16] =
    ["a", "b", "big", "code", "em", "font", "i", "s", "small", "strike", "strong", "tt", "u", "nobr", "sub", "sup"];
/// Other elements that are kept.
const NESTING: [&str; 40] = [
    "abbr",
    "acronym",
    "address",
    "article",
    "aside",
    "bdi",
    "bdo",
    "blockquote",
    "caption",
    "center",
    "cite",
    "del",
    "details",
    "dfn",
    "div",
    "dl",
    "figcaption",
    "figure",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hgroup",
    "ins",
    "kbd",
    "map",
    "mark",
    "nav",
    "ol",
    "pre",
    "q",
    "section",
    "span",
    "summary",
    "table",
    "ul",
];
/// Those of [`NESTING`] that indent.
const INDENTING: [&str; 4] = ["ul", "ol", "dl", "blockquote"];
/// Elements that are dropped with everything in them.
const HIDDEN: [&str; 14] = [
    "script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes", "noscript", "template", "svg", "math", "select",
    "object",
];

/// The HTML without anything active, remote or hidden: no script, style, form or comment; images only if the mail brings them
/// (`cid:`); links with `rel="noopener noreferrer"`.
pub(super) fn sanitise(html: &str) -> String {
    CLEANER.clean(&bounded(html)).to_string()
}

/// Made once: its lists of tags and attributes are a hundred allocations.
static CLEANER: LazyLock<ammonia::Builder<'static>> = LazyLock::new(|| {
    let mut builder = ammonia::Builder::default();
    builder
        .url_schemes(HashSet::from(["http", "https", "mailto", "tel", "cid"]))
        .url_relative(ammonia::UrlRelative::Deny)
        .link_rel(Some("noopener noreferrer"))
        .add_tags(["font", "big", "address"])
        .tag_attribute_values(HashMap::new())
        .attribute_filter(|element, attribute, value| match (element, attribute) {
            ("img", "src") => value.trim_start().get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("cid:")).then(|| value.into()),
            // Everything else that a browser would fetch by itself.
            (_, "src" | "background" | "poster" | "srcset" | "cite" | "longdesc") => None,
            _ => Some(value.into()),
        });
    builder
});

/// The text of HTML that [`sanitise`] made: paragraphs and lists as lines, links as their words.
pub(super) fn to_text(clean: &str) -> String {
    let rendered = html2text::config::plain_no_decorate()
        .raw_mode(true)
        .no_table_borders()
        .no_link_wrapping()
        .empty_img_mode(html2text::config::ImageRenderMode::IgnoreEmpty)
        .allow_width_overflow()
        .string_from_read(clean.as_bytes(), 2_000);
    let text = rendered.unwrap_or_else(|_| without_tags(clean));
    let mut out = String::with_capacity(text.len());
    let mut blank_lines = 0;
    for line in text.lines().map(str::trim_end) {
        blank_lines = if line.is_empty() { blank_lines + 1 } else { 0 };
        if blank_lines < 2 && !(line.is_empty() && out.is_empty()) {
            out.push_str(line);
            out.push('\n');
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// The last resort: everything between tags.
fn without_tags(html: &str) -> String {
    html.split('<').filter_map(|piece| piece.split_once('>').map(|(_, text)| text)).collect()
}

/// The `Content-ID`s that the HTML shows (`cid:` URLs, RFC 2392).
pub(super) fn content_ids(html: &str) -> HashSet<String> {
    html.match_indices("cid:")
        .take(10_000)
        .filter_map(|(at, sign)| html.get(at + sign.len()..))
        .map(|rest| {
            let id: Vec<u8> =
                rest.bytes().take(500).take_while(|byte| !matches!(byte, b'"' | b'\'' | b'>' | b')' | b' ' | b'\r' | b'\n')).collect();
            String::from_utf8_lossy(&super::transfer::percent(&id)).into_owned()
        })
        .collect()
}

/// Plain text as HTML, for mails that mix both.
pub(super) fn from_text(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("<pre>{escaped}</pre>")
}

/// See the module.
fn bounded(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut open = Open::default();
    let mut elements = 0;
    let mut rest = html;
    // End tags that were looked for and not found; without them every one of many openings would look again.
    let mut endless: HashSet<&'static str> = HashSet::new();
    while let Some(at) = rest.find('<') {
        let (text, tag) = rest.split_at(at);
        out.push_str(text);
        if let Some(comment) = tag.strip_prefix("<!--") {
            rest = match comment.find("-->") {
                Some(end) => comment.get(end + 3..).unwrap_or_default(),
                None => "",
            };
            continue;
        }
        let (closes, name_at) = if tag.starts_with("</") { (true, 2) } else { (false, 1) };
        let after = tag.get(name_at..).unwrap_or_default();
        let name_len = after.bytes().take_while(u8::is_ascii_alphanumeric).count();
        if name_len == 0 || !after.starts_with(|c: char| c.is_ascii_alphabetic()) {
            if after.starts_with(['!', '?']) {
                rest = tag.find('>').and_then(|end| tag.get(end + 1..)).unwrap_or_default();
            } else {
                out.push_str("&lt;");
                rest = tag.get(1..).unwrap_or_default();
            }
            continue;
        }
        let Some(end) = tag_end(tag) else { break }; // A tag cut off at the end.
        let whole = tag.get(..=end).unwrap_or_default();
        rest = tag.get(end + 1..).unwrap_or_default();
        let name = after.get(..name_len).unwrap_or_default();
        if let Some(hidden) = known(&HIDDEN, name) {
            if !closes && !whole.ends_with("/>") {
                rest = after_end_tag(rest, hidden, &mut endless);
            }
            continue;
        }
        let Some(name) = known(&FORMATTING, name).or_else(|| known(&VOID, name)).or_else(|| known(&NESTING, name)) else { continue };
        let is_void = VOID.contains(&name);
        if closes {
            if is_void || open.close(name) {
                out.push_str("</");
                out.push_str(name);
                out.push('>');
            }
            continue;
        }
        elements += 1 + open.formatting;
        // The words of what is too much stay; a blank keeps them apart.
        if elements > MAX_ELEMENTS || !is_void && !open.push(name) {
            out.push(' ');
            continue;
        }
        if whole.len() > MAX_TAG || attributes(whole) > MAX_ATTRIBUTES {
            out.push('<');
            out.push_str(name);
            out.push('>');
        } else {
            out.push_str(whole);
        }
    }
    if !rest.starts_with('<') {
        out.push_str(rest);
    }
    out
}

fn known<const N: usize>(names: &[&'static str; N], name: &str) -> Option<&'static str> {
    names.iter().find(|known| known.eq_ignore_ascii_case(name)).copied()
}

/// Where a tag ends: at `>` outside of quotes; a quote that does not end counts as none.
fn tag_end(tag: &str) -> Option<usize> {
    let mut quote = None;
    let mut before = b' ';
    for (at, byte) in tag.bytes().enumerate().take(128 * 1024) {
        match (quote, byte) {
            (None, b'>') => return Some(at),
            (None, b'"' | b'\'') if before == b'=' => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            before = byte;
        }
    }
    quote?;
    None
}

fn attributes(tag: &str) -> usize {
    tag.split(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '"' | '\'')).filter(|word| !word.is_empty()).count() / 2
}

/// What follows the end tag of a hidden element; nothing when it has none.
fn after_end_tag<'a>(rest: &'a str, name: &'static str, endless: &mut HashSet<&'static str>) -> &'a str {
    if endless.contains(name) {
        return "";
    }
    let mut from = 0;
    while let Some(at) = rest.get(from..).and_then(|text| text.find("</")).map(|at| from + at) {
        let after = rest.get(at + 2..).unwrap_or_default();
        if after.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name)) {
            return after.find('>').and_then(|end| after.get(end + 1..)).unwrap_or_default();
        }
        from = at + 2;
    }
    endless.insert(name);
    ""
}

/// The open elements, as a browser would keep them.
#[derive(Default)]
struct Open {
    names: Vec<&'static str>,
    formatting: usize,
    indenting: usize,
}

impl Open {
    /// Opens an element; `false` when there are too many.
    fn push(&mut self, name: &'static str) -> bool {
        let (formatting, indenting) = kind(name);
        if self.names.len() >= MAX_OPEN || self.formatting + formatting > MAX_FORMATTING || self.indenting + indenting > MAX_INDENTING {
            return false;
        }
        self.names.push(name);
        self.formatting += formatting;
        self.indenting += indenting;
        true
    }

    /// Closes an element; `false` when it is not open. A formatting element is closed alone, any other with all that is open in it.
    fn close(&mut self, name: &'static str) -> bool {
        for at in (0..self.names.len()).rev() {
            match self.names.get(at) {
                Some(found) if *found == name => {
                    let (formatting, _) = kind(name);
                    let end = if formatting > 0 { at + 1 } else { self.names.len() };
                    for gone in self.names.drain(at..end) {
                        let (formatting, indenting) = kind(gone);
                        self.formatting -= formatting;
                        self.indenting -= indenting;
                    }
                    return true;
                }
                // Nothing outside of a table is closed from within it.
                Some(&("table" | "caption")) => return false,
                _ => {}
            }
        }
        false
    }
}

/// One for a formatting element, and one for an element that indents.
fn kind(name: &str) -> (usize, usize) {
    (usize::from(FORMATTING.contains(&name)), usize::from(INDENTING.contains(&name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_active_or_remote_is_left() {
        let hostile = r#"<html><head><title>t</title><style>b{background:url(http://x/y)}</style></head><body background="http://x/b" onload="a()">
            <script>alert(1)</script><p style="background:url(http://x)">Hello <b>you</b></p><img src="http://x/pixel.gif" alt="pic">
            <img src="cid:logo@example"><a href="https://example.org/x" onclick="a()">link</a><a href="javascript:a()">bad</a>
            <form action="http://x"><input name=a></form><iframe src="http://x"></iframe><!-- c --><video poster="http://x"></video></body></html>"#;
        let clean = sanitise(hostile);
        for gone in ["script", "style", "alert", "http://x", "onload", "onclick", "javascript", "form", "input", "iframe", "video", "<!--"]
        {
            assert!(!clean.contains(gone), "{gone} in {clean}");
        }
        for kept in ["Hello <b>you</b>", "cid:logo@example", "href=\"https://example.org/x\"", "noopener noreferrer", "alt=\"pic\""] {
            assert!(clean.contains(kept), "{kept} not in {clean}");
        }
    }

    #[test]
    fn html_becomes_readable_text() {
        let html =
            "<p>Dear Anna,</p><p>one<br>two &amp; three</p><ul><li>a</li><li>b</li></ul><table><tr><td>x</td><td>y</td></tr></table>";
        let text = to_text(&sanitise(html));
        assert!(text.starts_with("Dear Anna,\n\none\ntwo & three\n"), "{text}");
        assert!(text.contains("* a\n* b"), "{text}");
        assert_eq!(to_text(""), "");
    }

    #[test]
    fn pathological_html_takes_no_time_and_no_stack() {
        let many_attributes = (0..60_000).fold("<p".to_owned(), |tag, n| tag + " a" + &n.to_string()) + ">x";
        let hostile = [
            "<div>".repeat(20_000) + "x",
            "<b>".repeat(20_000) + "x",
            "<b><p>".repeat(5_000) + "x",
            "<font color=1><table>".repeat(4_000) + "x",
            "<div></b>".repeat(5_000) + "x",
            "<b><div></b>".repeat(5_000) + "x",
            "<a href=x><div>".repeat(4_000) + "x",
            "<div><table></div>".repeat(4_000) + "x",
            "<script>".repeat(20_000) + "x",
            "<ul><li>".repeat(5_000) + "x",
            "<!--".repeat(20_000) + "x",
            "<a b=\"".repeat(20_000) + "x",
            "<".repeat(100_000) + "x",
            "<p>".repeat(10_000) + "x",
            "<table><tr><td>".repeat(4_000) + "x",
            "</p>".repeat(10_000) + "x",
            many_attributes,
        ];
        let worker = std::thread::Builder::new().stack_size(1024 * 1024).spawn(move || {
            for (at, html) in hostile.iter().enumerate() {
                let started = std::time::Instant::now();
                let _ = to_text(&sanitise(html));
                assert!(started.elapsed().as_secs() < 60, "case {at} took {:?}", started.elapsed());
                eprintln!("case {at}: {:?}", started.elapsed());
            }
        });
        worker.unwrap().join().unwrap();
    }
}
