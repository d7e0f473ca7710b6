//! Values of type TEXT (RFC 5545 §3.3.11).

use std::borrow::Cow;

/// Writes a TEXT value. Line ends become `\n`; control characters, which no TEXT may hold, are left out.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\\' | ';' | ',' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '\n' => escaped.push_str("\\n"),
            '\t' => escaped.push('\t'),
            _ if character.is_control() => {}
            _ => escaped.push(character),
        }
    }
    escaped
}

/// Reads a TEXT value. A backslash before anything but `\ ; , n N "` stays: some programs forget to escape it.
#[must_use]
pub fn unescape(value: &str) -> Cow<'_, str> {
    if !value.contains('\\') {
        return Cow::Borrowed(value);
    }
    let mut text = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find('\\') {
        let (plain, escaped) = rest.split_at(at);
        text.push_str(plain);
        let (read, length) = match escaped.as_bytes().get(1) {
            Some(b'n' | b'N') => ('\n', 2),
            Some(b'\\') => ('\\', 2),
            Some(b',') => (',', 2),
            Some(b';') => (';', 2),
            Some(b'"') => ('"', 2),
            _ => ('\\', 1),
        };
        text.push(read);
        rest = escaped.get(length..).unwrap_or_default();
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// Splits a list of values at its separators, not at escaped ones. The pieces stay escaped.
pub fn split(value: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut escaped = false;
        let end = text.bytes().position(|byte| {
            let cut = byte == separator && !escaped;
            escaped = byte == b'\\' && !escaped;
            cut
        });
        if let Some(end) = end {
            rest = text.get(end + 1..);
            text.get(..end)
        } else {
            rest = None;
            Some(text)
        }
    })
}

/// Text on one line: line ends become `separator`, blanks at the ends of lines go; `None` where nothing remains.
#[must_use]
pub fn one_line(text: &str, separator: &str) -> Option<String> {
    let text = text.trim();
    let joined = if text.contains(['\n', '\r']) {
        text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(separator)
    } else {
        text.to_owned()
    };
    (!joined.is_empty()).then_some(joined)
}

/// A text as notes hold it: `\n` line ends, no blanks at the end of lines, no empty lines at the end.
#[must_use]
pub fn tidy_lines(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    for line in text.split('\n') {
        tidy.push_str(line.trim_end());
        tidy.push('\n');
    }
    tidy.truncate(tidy.trim_end().len());
    tidy
}
