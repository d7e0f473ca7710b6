//! Names of resources: one spelling for each, however a server writes it.
//!
//! Servers answer with absolute addresses, absolute paths, names relative to the collection (Xandikos 0.4 for `colon:x.ics`), raw UTF-8
//! (SOGo 5.8 in sync reports), escapes in either case, and `@` beside `%40`. The canonical spelling is an absolute path in which every
//! byte but `A-Z a-z 0-9 - . _` is escaped in upper case; it is also what is sent, because Stalwart 0.15 finds nothing under a raw
//! `@ + ; & ~` that it stored itself.

use std::fmt::Write as _;

/// The canonical path of `text`, relative to the collection or resource at `base` (canonical). `None` for what leads nowhere: dot
/// segments, zero bytes.
pub(super) fn canonical(base: &str, text: &str) -> Option<String> {
    let text = text.trim();
    let (path, absolute) = match split_scheme(text) {
        Some(rest) => (rest.find('/').map_or("/", |at| rest.get(at..).unwrap_or("/")), true),
        None => (text.strip_prefix("./").unwrap_or(text), text.starts_with('/')),
    };
    let mut result = if absolute {
        String::with_capacity(path.len() + 8)
    } else {
        let end = base.rfind('/').map_or(0, |at| at + 1);
        let mut prefix = base.get(..end).unwrap_or_default().to_owned();
        if prefix.is_empty() {
            prefix.push('/');
        }
        // The loop below begins every segment with a slash.
        prefix.pop();
        prefix
    };
    for segment in path.strip_prefix('/').unwrap_or(path).split('/') {
        let bytes = decoded(segment);
        if matches!(bytes.as_slice(), b"." | b"..") || bytes.contains(&0) {
            return None;
        }
        result.push('/');
        encode(&bytes, &mut result);
    }
    Some(result)
}

/// The canonical path of a typed or redirected URL.
pub(super) fn of_url(url: &url::Url) -> String {
    canonical("/", url.path()).unwrap_or_else(|| "/".to_owned())
}

/// The same with a slash at its end, as collections are spelled. SOGo 5.8 and Stalwart 0.15 leave it out.
pub(super) fn collection(path: &str) -> String {
    format!("{}/", path.trim_end_matches('/'))
}

/// Both lead to the same resource.
pub(super) fn same(a: &str, b: &str) -> bool {
    a.trim_end_matches('/') == b.trim_end_matches('/')
}

/// The canonical path with the characters of its last segment left raw that may be (RFC 3986 §3.3), for servers that keep the two spellings
/// apart. `None` when it is no other spelling.
pub(super) fn relaxed(path: &str) -> Option<String> {
    let (parent, name) = path.rsplit_once('/')?;
    let mut result = format!("{parent}/");
    for byte in decoded(name) {
        if is_plain(byte) || b"!$&'()*+,;=:@~".contains(&byte) {
            result.push(char::from(byte));
        } else {
            escape(byte, &mut result);
        }
    }
    (result != path).then_some(result)
}

/// The name in readable form, for people.
pub(super) fn readable(path: &str) -> String {
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    String::from_utf8_lossy(&decoded(name)).into_owned()
}

fn split_scheme(text: &str) -> Option<&str> {
    // Xandikos 0.2.8 escapes the colons of an absolute address.
    ["http://", "https://", "http%3a//", "https%3a//"].iter().find_map(|scheme| {
        let head = text.get(..scheme.len())?;
        if head.eq_ignore_ascii_case(scheme) { text.get(scheme.len()..) } else { None }
    })
}

fn decoded(segment: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let hex = tail.get(..2).filter(|hex| first == b'%' && hex.iter().all(u8::is_ascii_hexdigit));
        let escaped = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        if let Some(byte) = escaped {
            bytes.push(byte);
            rest = tail.get(2..).unwrap_or_default();
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    bytes
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

fn encode(bytes: &[u8], result: &mut String) {
    for &byte in bytes {
        if is_plain(byte) { result.push(char::from(byte)) } else { escape(byte, result) }
    }
}

fn escape(byte: u8, result: &mut String) {
    // Writing to a string cannot fail.
    let _ = write!(result, "%{byte:02X}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_resource_has_one_spelling() {
        for text in [
            "/cal/a%40b.ics",
            "/cal/a@b.ics",
            "a@b.ics",
            "./a%40b.ics",
            "https://dav.example:8443/cal/a%40b.ics",
            "HTTP://dav.example/cal/a@b.ics",
            " /cal/a%40b.ics\n",
        ] {
            assert_eq!(canonical("/cal/", text).as_deref(), Some("/cal/a%40b.ics"), "{text}");
        }
        for text in ["ü x.ics", "%c3%bc%20x.ics", "/cal/%C3%BC x.ics"] {
            assert_eq!(canonical("/cal/", text).as_deref(), Some("/cal/%C3%BC%20x.ics"), "{text}");
        }
    }

    #[test]
    fn xandikos_0_4_relative_name_with_a_colon_is_no_scheme() {
        assert_eq!(canonical("/alice/calendars/calendar/", "colon:x.ics").as_deref(), Some("/alice/calendars/calendar/colon%3Ax.ics"));
    }

    #[test]
    fn odd_names_survive() {
        assert_eq!(canonical("/c/", "100%.ics").as_deref(), Some("/c/100%25.ics"));
        assert_eq!(canonical("/c/", "a%2Fb+c.ics").as_deref(), Some("/c/a%2Fb%2Bc.ics"));
        assert_eq!(canonical("/c/", "/c/").as_deref(), Some("/c/"));
        assert_eq!(canonical("/c/", "").as_deref(), Some("/c/"));
        assert_eq!(canonical("/c/", "http://x").as_deref(), Some("/"));
        assert_eq!(canonical("/c/", "http%3A//127.0.0.1%3A46657/c/b.ics").as_deref(), Some("/c/b.ics"));
        assert_eq!(canonical("/c/", "%zz%4").as_deref(), Some("/c/%25zz%254"));
        assert_eq!(canonical("/c/", "%e2%82.ics").as_deref(), Some("/c/%E2%82.ics"));
        assert_eq!(canonical("/c/", "%+1.ics").as_deref(), Some("/c/%25%2B1.ics"));
    }

    #[test]
    fn nothing_leads_out_of_the_tree() {
        for text in ["../x", "/a/%2e%2e/b", ".", "/a/./b", "a%00b"] {
            assert_eq!(canonical("/c/", text), None, "{text}");
        }
    }

    #[test]
    fn canonical_is_stable() {
        for text in ["/a/b c@d~e+f;g.ics", "/%E4/x", "//double//slash/"] {
            let once = canonical("/", text).unwrap();
            assert_eq!(canonical("/", &once).unwrap(), once);
        }
    }

    #[test]
    fn the_other_spelling_leaves_raw_what_may_be_raw() {
        assert_eq!(relaxed("/c/a%40b%20%7E.ics").as_deref(), Some("/c/a@b%20~.ics"));
        assert_eq!(relaxed("/a%40b/c%20d.ics"), None);
        assert_eq!(relaxed("/c/a.ics"), None);
        assert_eq!(readable("/c/%C3%9Cbung/"), "Übung");
        assert!(same("/c/x/", "/c/x"));
        assert_eq!(collection("/c"), "/c/");
    }
}
