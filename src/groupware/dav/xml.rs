//! XML as servers write it.
//!
//! A well-formed document is read as it is. One that is not is repaired and read again: bytes that are no UTF-8 and characters that XML does
//! not allow become U+FFFD (one control character in one event spoils the whole answer of every server that puts texts in unchecked),
//! unknown entities become text, undeclared prefixes are declared (Stalwart 0.15.5 writes `<B:max-resource-size/>`).
//! A DTD is refused, so that no entity expands.

use std::borrow::Cow;

use roxmltree::{Document, Error, Node, ParsingOptions};

/// Most nodes of a document: about 200,000 items of a listing.
const MAX_NODES: u32 = 3_000_000;

/// Most prefixes that are declared in the server's place.
const MAX_PREFIXES: usize = 8;

/// What stands in the place of what was unreadable. A text that holds it must be fetched by itself.
pub(super) const REPLACEMENT: char = '\u{FFFD}';

/// Reads a document. The error is for people.
pub(super) fn read<T>(body: &[u8], reader: impl FnOnce(&Document<'_>) -> T) -> Result<T, String> {
    let text = decode(body);
    match parse(&text) {
        Ok(document) => Ok(reader(&document)),
        Err(Error::DtdDetected) => Err("the answer has a document type definition, which is not read".to_owned()),
        Err(_) => {
            let mut text = repair(&text);
            for _ in 0..MAX_PREFIXES {
                match parse(&text) {
                    Ok(document) => return Ok(reader(&document)),
                    Err(Error::UnknownNamespace(prefix, _)) => text = declare(&text, &prefix).ok_or("the answer is no XML")?,
                    Err(error) => return Err(format!("the answer is no XML: {error}")),
                }
            }
            Err("the answer is no XML: too many prefixes are undeclared".to_owned())
        }
    }
}

fn parse(text: &str) -> Result<Document<'_>, Error> {
    Document::parse_with_options(text, ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES, ..ParsingOptions::default() })
}

/// All text directly inside of a node.
pub(super) fn text(node: Node<'_, '_>) -> String {
    node.children().filter(Node::is_text).filter_map(|child| child.text()).collect()
}

fn decode(body: &[u8]) -> Cow<'_, str> {
    if let Some((encoding, length)) = encoding_rs::Encoding::for_bom(body) {
        return encoding.decode_without_bom_handling(body.get(length..).unwrap_or_default()).0;
    }
    match std::str::from_utf8(body) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => declared(body).unwrap_or(encoding_rs::UTF_8).decode_without_bom_handling(body).0,
    }
}

/// The encoding that the XML declaration names.
fn declared(body: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    let head = body.get(..body.len().min(200))?;
    let head = head.split(|&byte| byte == b'>').next()?;
    let head = std::str::from_utf8(head).ok()?;
    let value = head.split_once("encoding=")?.1;
    encoding_rs::Encoding::for_label(value.trim_matches(['"', '\'', '?', ' ']).split(['"', '\'']).next()?.as_bytes())
}

const fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// Puts allowed characters in the place of others, and text in the place of references that mean nothing.
fn repair(text: &str) -> String {
    let mut result = String::with_capacity(text.len() + 64);
    let mut rest = text.trim_start();
    while let Some(at) = rest.find(['&', '<']) {
        push_allowed(rest.get(..at).unwrap_or_default(), &mut result);
        rest = rest.get(at..).unwrap_or_default();
        if let Some(inside) = rest.strip_prefix("<![CDATA[") {
            let length = inside.find("]]>").map_or(inside.len(), |end| end + 3);
            result.push_str("<![CDATA[");
            push_allowed(inside.get(..length).unwrap_or_default(), &mut result);
            rest = inside.get(length..).unwrap_or_default();
        } else if let Some(after) = rest.strip_prefix('&') {
            let name = after.get(..after.bytes().take(12).position(|byte| byte == b';').unwrap_or(0)).unwrap_or_default();
            match reference(name) {
                Some(Ok(())) => {
                    result.push('&');
                    rest = after;
                }
                Some(Err(())) => {
                    result.push(REPLACEMENT);
                    rest = after.get(name.len() + 1..).unwrap_or_default();
                }
                None => {
                    result.push_str("&amp;");
                    rest = after;
                }
            }
        } else {
            result.push('<');
            rest = rest.get(1..).unwrap_or_default();
        }
    }
    push_allowed(rest, &mut result);
    result
}

/// Whether a reference may stand, stands for a character that is not allowed, or is none.
fn reference(name: &str) -> Option<Result<(), ()>> {
    if matches!(name, "amp" | "lt" | "gt" | "quot" | "apos") {
        return Some(Ok(()));
    }
    let number = name.strip_prefix('#')?;
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => number.parse().ok()?,
    };
    Some(if char::from_u32(code).is_some_and(is_allowed) { Ok(()) } else { Err(()) })
}

fn push_allowed(text: &str, result: &mut String) {
    result.extend(text.chars().map(|c| if is_allowed(c) { c } else { REPLACEMENT }));
}

/// Declares a prefix at the root element.
fn declare(text: &str, prefix: &str) -> Option<String> {
    let root = text.match_indices('<').find(|(at, _)| text.as_bytes().get(at + 1).is_some_and(|byte| !matches!(byte, b'?' | b'!')))?.0;
    let name = root + text.get(root..)?.find([' ', '\t', '\r', '\n', '>', '/'])?;
    let (head, tail) = text.split_at_checked(name)?;
    Some(format!("{head} xmlns:{prefix}=\"undeclared:{prefix}\"{tail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root_text(body: &[u8]) -> Result<String, String> {
        read(body, |document| text(document.root_element()))
    }

    #[test]
    fn what_xml_does_not_allow_is_replaced_and_its_neighbours_stay() {
        assert_eq!(root_text(b"<a>x\x0By</a>").unwrap(), "x\u{FFFD}y");
        assert_eq!(root_text(b"<a>x&#11;y&#x41;</a>").unwrap(), "x\u{FFFD}yA");
        assert_eq!(root_text(b"<a>x\xFFy</a>").unwrap(), "x\u{FFFD}y");
        assert_eq!(root_text(b"<a>x & y &nbsp; &amp; z\x01</a>").unwrap(), "x & y &nbsp; & z\u{FFFD}");
        assert_eq!(root_text(b"<a><![CDATA[x & y\x01]]></a>").unwrap(), "x & y\u{FFFD}");
        assert_eq!(root_text("<a>ä &</a>".as_bytes()).unwrap(), "ä &");
    }

    #[test]
    fn other_encodings_are_read() {
        assert_eq!(root_text(b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>\xFC</a>").unwrap(), "ü");
        assert_eq!(root_text(b"\xEF\xBB\xBF<a>x</a>").unwrap(), "x");
    }

    #[test]
    fn stalwart_0_15_undeclared_prefixes_are_declared_in_its_place() {
        let body = b"<?xml version=\"1.0\"?><!-- c --><D:m xmlns:D=\"DAV:\"><D:p><B:max-resource-size/><E:x/></D:p>ok</D:m>";
        assert_eq!(root_text(body).unwrap(), "ok");
        assert!(root_text(b"<a><b:x/><c:x/><d:x/><e:x/><f:x/><g:x/><h:x/><i:x/><j:x/></a>").is_err());
    }

    #[test]
    fn no_entity_expands() {
        assert!(root_text(b"<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>").unwrap_err().contains("document type"));
    }

    #[test]
    fn hostile_documents_end_soon() {
        for body in [
            [&b"<a>".repeat(100_000)[..], &b"</a>".repeat(100_000)[..]].concat(),
            b"<a>".repeat(100_000),
            b"&".repeat(300_000),
            b"<![CDATA[".repeat(30_000),
            b"<".repeat(300_000),
            Vec::new(),
            b"\xFF\xFE".to_vec(),
        ] {
            let _ = read(&body, |document| document.descendants().count());
        }
    }
}
