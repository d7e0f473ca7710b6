//! Parameters of a property (RFC 5545 §3.2) and their encoding (RFC 6868).

use std::borrow::Cow;

/// Parameters in order: name and value as written, quotes included.
#[derive(Debug, Clone)]
pub struct Parameters<'a> {
    rest: &'a str,
}

impl<'a> Parameters<'a> {
    /// `text` starts at the first semicolon.
    pub(super) const fn new(text: &'a str) -> Self {
        Self { rest: text }
    }
}

impl<'a> Parameters<'a> {
    /// The next one as it is written.
    pub(super) fn next_raw(&mut self) -> Option<&'a str> {
        loop {
            let text = self.rest.strip_prefix(';')?;
            let mut quoted = false;
            let end = text.bytes().position(|byte| {
                quoted ^= byte == b'"';
                byte == b';' && !quoted
            });
            let (parameter, rest) = text.split_at(end.unwrap_or(text.len()));
            self.rest = rest;
            if !parameter.is_empty() {
                return Some(parameter);
            }
        }
    }
}

impl<'a> Iterator for Parameters<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        self.next_raw().map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")))
    }
}

/// A value without its quotes and decoded: `^n`, `^'` and `^^` (RFC 6868 §3.2).
#[must_use]
pub fn parameter_value(raw: &str) -> Cow<'_, str> {
    let bare = raw.strip_prefix('"').map_or(raw, |raw| raw.strip_suffix('"').unwrap_or(raw));
    if !bare.contains('^') {
        return Cow::Borrowed(bare);
    }
    let mut value = String::with_capacity(bare.len());
    let mut characters = bare.chars();
    while let Some(character) = characters.next() {
        if character != '^' {
            value.push(character);
            continue;
        }
        match characters.clone().next() {
            Some('n') => value.push('\n'),
            Some('\'') => value.push('"'),
            Some('^') => value.push('^'),
            // Anything else stays as it is, and what follows is read as usual.
            _ => {
                value.push('^');
                continue;
            }
        }
        characters.next();
    }
    Cow::Owned(value)
}

/// Appends `;name=value`, encoded, in quotes where these are needed.
pub(super) fn push(line: &mut String, name: &str, value: &str) {
    line.push(';');
    line.push_str(&raw_parameter(name, value));
}

/// `name=value` as a parameter is written, encoded, in quotes where these are needed.
#[must_use]
pub fn raw_parameter(name: &str, value: &str) -> String {
    let mut line = name.to_owned();
    line.push('=');
    let quoted = value.contains([':', ';', ',']);
    if quoted {
        line.push('"');
    }
    for character in value.chars() {
        match character {
            '^' => line.push_str("^^"),
            '"' => line.push_str("^'"),
            '\n' => line.push_str("^n"),
            _ if character.is_control() => {}
            _ => line.push(character),
        }
    }
    if quoted {
        line.push('"');
    }
    line
}
