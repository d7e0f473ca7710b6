//! A line in the making.

use super::source::{Entry, Style};
use super::transfer;
use crate::groupware::lines::{escape, parameter_value, raw_parameter};

/// Name, parameters and value of a line that is to be written.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// With its group.
    name: String,
    /// As they are written.
    parameters: Vec<String>,
    /// Escaped; line ends only in 2.1, which wraps them.
    value: String,
}

/// Text escaped as a version wants it: in 2.1 a comma means nothing, and a line end is wrapped instead.
pub(super) fn escaped(style: Style, text: &str) -> String {
    if style == Style::V21 {
        text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect::<String>().replace('\\', "\\\\").replace(';', "\\;")
    } else {
        escape(text)
    }
}

/// A URI as a value. Its commas are escaped, as RFC 6350 §3.4 wants it of every value: Radicale 3.1 and 3.9 cut a URI at the first that is not.
pub(super) fn escaped_uri(uri: &str) -> String {
    uri.trim().replace('\\', "\\\\").replace(',', "\\,")
}

impl Line {
    /// A line of this name, with its group if it has one.
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), parameters: Vec::new(), value: String::new() }
    }

    /// A line as it stands, its value unwrapped.
    pub(super) fn of(entry: &Entry<'_>) -> Self {
        let wrapping = |raw: &&str| match raw.split_once('=') {
            None => matches!(raw.to_ascii_lowercase().as_str(), "quoted-printable" | "base64"),
            Some((name, _)) => matches!(name.to_ascii_lowercase().as_str(), "encoding" | "charset"),
        };
        let parameters = entry.property.raw_parameters().filter(|raw| !wrapping(raw)).map(str::to_owned).collect();
        Self { name: entry.property.name().to_owned(), parameters, value: entry.value().into_owned() }
    }

    /// With this TEXT.
    pub(super) fn text(self, style: Style, text: &str) -> Self {
        self.value(escaped(style, text))
    }

    /// With this value, which is escaped already.
    pub(super) fn value(mut self, value: impl Into<String>) -> Self {
        self.value = value.into();
        self
    }

    /// With a parameter set, or taken out. One that is there keeps its place.
    pub(super) fn parameter(mut self, name: &str, value: Option<&str>) -> Self {
        let is_it = |raw: &str| raw.split_once('=').is_some_and(|(found, _)| found.trim().eq_ignore_ascii_case(name));
        match (self.parameters.iter().position(|raw| is_it(raw)), value) {
            (Some(at), Some(value)) => {
                if let Some(raw) = self.parameters.get_mut(at)
                    && raw.split_once('=').is_some_and(|(_, old)| parameter_value(old) != value)
                {
                    *raw = raw_parameter(name, value);
                }
            }
            (None, Some(value)) => self.parameters.push(raw_parameter(name, value)),
            (_, None) => self.parameters.retain(|raw| !is_it(raw)),
        }
        self
    }

    /// With words of TYPE taken out and others added; those that stay keep their place and spelling.
    pub(super) fn types(mut self, style: Style, out: &[&str], add: &[&str]) -> Self {
        let is_out = |word: &str| out.iter().any(|one| word.trim().trim_matches('"').eq_ignore_ascii_case(one));
        let is_type = |raw: &str| raw.split_once('=').is_some_and(|(name, _)| name.trim().eq_ignore_ascii_case("TYPE"));
        let mut known: Vec<String> = Vec::new();
        let mut kept = Vec::with_capacity(self.parameters.len());
        for raw in std::mem::take(&mut self.parameters) {
            match raw.split_once('=') {
                None if is_out(&raw) => {}
                None => {
                    known.push(raw.to_ascii_lowercase());
                    kept.push(raw);
                }
                Some((name, value)) if is_type(&raw) => {
                    let all = parameter_value(value);
                    let words: Vec<&str> = all.split(',').filter(|word| !is_out(word)).collect();
                    known.extend(words.iter().map(|word| word.trim().to_ascii_lowercase()));
                    if words.len() == all.split(',').count() {
                        kept.push(raw);
                    } else if !words.is_empty() {
                        kept.push(format!("{name}={}", words.join(",")));
                    }
                }
                Some(_) => kept.push(raw),
            }
        }
        let missing: Vec<String> =
            add.iter().filter(|word| !known.iter().any(|one| one == **word)).map(|word| spelt(style, word)).collect();
        if style == Style::V21 {
            kept.extend(missing);
        } else if !missing.is_empty() {
            let words = missing.join(",");
            match kept.iter_mut().find(|raw| is_type(raw)) {
                // A list in quotes is one that is closed.
                Some(raw) if !raw.contains('"') => {
                    raw.push(',');
                    raw.push_str(&words);
                }
                _ => kept.push(format!("TYPE={words}")),
            }
        }
        self.parameters = kept;
        self
    }

    /// Preferred before others of its name, or not.
    pub(super) fn preferred(self, style: Style, preferred: bool) -> Self {
        let number = (preferred && style == Style::V4).then_some("1");
        let word: &[&str] = if preferred && style != Style::V4 { &["pref"] } else { &[] };
        self.parameter("PREF", number).types(style, if word.is_empty() { &["pref"] } else { &[] }, word)
    }

    /// The line as it is written, not folded.
    pub(super) fn finish(mut self, style: Style) -> String {
        let mut value = self.value;
        if style == Style::V21 && value.chars().any(|c| !c.is_ascii() || c.is_control()) {
            self.parameters.extend(["ENCODING=QUOTED-PRINTABLE".to_owned(), "CHARSET=UTF-8".to_owned()]);
            value = transfer::to_quoted_printable(&value);
        }
        let mut line = self.name;
        for parameter in &self.parameters {
            line.push(';');
            line.push_str(parameter);
        }
        line.push(':');
        // No value can bring lines in.
        line.extend(value.chars().filter(|c| !c.is_control() || *c == '\t'));
        line
    }
}

/// A word of TYPE as programs of a version spell it.
fn spelt(style: Style, word: &str) -> String {
    if style == Style::V4 || word == "pref" && style == Style::V3 { word.to_owned() } else { word.to_ascii_uppercase() }
}
