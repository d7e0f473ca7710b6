//! One property: name, parameters, value.

use std::borrow::Cow;

use super::parameters::{Parameters, parameter_value};

/// A logical line as a property, unfolded.
#[derive(Debug, Clone)]
pub struct Property<'a> {
    /// Its line in the document.
    pub line: usize,
    content: Cow<'a, str>,
    name: usize,
    value: usize,
}

impl<'a> Property<'a> {
    /// `name` is the length of the name where it is known, else 0.
    pub(super) fn new(line: usize, content: Cow<'a, str>, name: usize) -> Self {
        let name = if name > 0 { name } else { content.find([':', ';']).unwrap_or(content.len()) };
        let value = value_start(&content, name);
        Self { line, content, name, value }
    }

    /// The name as written, with a group before it if there is one.
    #[must_use]
    pub fn name(&self) -> &str {
        self.content.get(..self.name).unwrap_or_default().trim_start_matches('\u{feff}')
    }

    /// The group before the name (RFC 6350 §3.3), if there is one.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        self.name().split_once('.').map(|(group, _)| group).filter(|group| !group.is_empty())
    }

    /// The name as written, without a group.
    #[must_use]
    pub fn own_name(&self) -> &str {
        let name = self.name();
        name.split_once('.').map_or(name, |(_, own)| own)
    }

    /// The value as written.
    #[must_use]
    pub fn value(&self) -> &str {
        self.content.get(self.value..).unwrap_or_default()
    }

    /// Name, parameters and value as written, unfolded.
    #[must_use]
    pub fn content(&self) -> &str {
        &self.content
    }

    /// The parameters in order.
    #[must_use]
    pub fn parameters(&self) -> Parameters<'_> {
        let end = self.value.saturating_sub(1).max(self.name);
        Parameters::new(self.content.get(self.name..end).unwrap_or_default())
    }

    /// The parameters in order, each as it is written: `TYPE=home,work`, or `HOME` as vCard 2.1 has it.
    pub fn raw_parameters(&self) -> impl Iterator<Item = &str> {
        let mut parameters = self.parameters();
        std::iter::from_fn(move || parameters.next_raw())
    }

    /// A parameter's value without quotes, RFC 6868 decoded.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<Cow<'_, str>> {
        if self.value <= self.name + 1 {
            return None;
        }
        self.parameters().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, raw)| parameter_value(raw))
    }

    /// The line with another value and other parameters. A parameter of `None` is taken out; one that is there keeps its place, and is not
    /// touched at all where it says the same; a new one goes to the end.
    #[must_use]
    pub fn with(&self, parameters: &[(&str, Option<&str>)], value: &str) -> String {
        let mut line = self.name().to_owned();
        for (name, raw) in self.parameters() {
            match parameters.iter().find(|(changed, _)| changed.eq_ignore_ascii_case(name)) {
                Some((_, None)) => {}
                Some((_, Some(new))) if parameter_value(raw) != *new => super::parameters::push(&mut line, name, new),
                _ => {
                    line.push(';');
                    line.push_str(name);
                    // A name without `=` is kept as it is.
                    if !raw.is_empty() || self.content.contains(&format!(";{name}=")) {
                        line.push('=');
                        line.push_str(raw);
                    }
                }
            }
        }
        for (name, new) in parameters {
            if let Some(new) = new
                && !self.parameters().any(|(found, _)| found.eq_ignore_ascii_case(name))
            {
                super::parameters::push(&mut line, name, new);
            }
        }
        line.push(':');
        line.push_str(value);
        line
    }

    /// A new line.
    #[must_use]
    pub fn line(name: &str, parameters: &[(&str, Option<&str>)], value: &str) -> String {
        Property::new(0, Cow::Borrowed(name), name.len()).with(parameters, value)
    }
}

/// Where the value starts: behind the first colon outside of quotes. Exchange writes the zone name `(UTC+01:00) Amsterdam, Berlin` without
/// quotes, so a colon within parentheses that are closed later does not count either.
fn value_start(content: &str, name: usize) -> usize {
    let bytes = content.as_bytes();
    if bytes.get(name) == Some(&b':') {
        return name + 1;
    }
    let mut quoted = false;
    let mut open: Option<usize> = None;
    let mut first = None;
    for (at, byte) in bytes.iter().enumerate().skip(name) {
        match byte {
            b'"' => quoted = !quoted,
            b'(' if !quoted => open = Some(at),
            b')' if !quoted => open = None,
            b':' => {
                first.get_or_insert(at);
                if !quoted && open.is_none_or(|_| !closes_before_value(bytes.get(at..).unwrap_or_default())) {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    first.map_or(content.len(), |at| at + 1)
}

/// A parenthesis is closed, and a colon follows.
fn closes_before_value(rest: &[u8]) -> bool {
    // Zone names are short.
    let rest = rest.get(..rest.len().min(200)).unwrap_or_default();
    rest.iter().position(|byte| *byte == b')').is_some_and(|at| rest.get(at..).is_some_and(|behind| behind.contains(&b':')))
}
