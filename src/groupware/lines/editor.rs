//! Changes of single lines, collected and then written in one pass.

use std::collections::BTreeMap;

use super::Document;

/// Octets of a physical line without its line end (RFC 5545 §3.1).
const MAX_OCTETS: usize = 75;

/// Collects changes of a document's lines. Later changes of a line replace earlier ones; insertions at one place stay in order.
#[derive(Debug)]
pub struct Editor<'d> {
    document: &'d Document<'d>,
    changes: BTreeMap<usize, Change>,
}

#[derive(Debug, Default)]
struct Change {
    /// Raw text that goes before the line.
    before: String,
    /// `Some(None)` takes the line out.
    #[allow(clippy::option_option, reason = "the outer one is absence of a change")]
    line: Option<Option<String>>,
}

impl<'d> Editor<'d> {
    /// No changes yet.
    #[must_use]
    pub const fn new(document: &'d Document<'d>) -> Self {
        Self { document, changes: BTreeMap::new() }
    }

    /// The document as it was.
    #[must_use]
    pub const fn document(&self) -> &'d Document<'d> {
        self.document
    }

    /// Replaces a line by a new logical line; the same content changes nothing, not even the folding.
    pub fn replace(&mut self, line: usize, content: String) {
        let same = self.document.content(line).is_some_and(|old| old.trim_start_matches('\u{feff}') == content);
        if same {
            if let Some(change) = self.changes.get_mut(&line) {
                change.line = None;
            }
            return;
        }
        self.changes.entry(line).or_default().line = Some(Some(content));
    }

    /// Takes a line out.
    pub fn remove(&mut self, line: usize) {
        self.changes.entry(line).or_default().line = Some(None);
    }

    /// Takes a component out, with all that lies in it.
    pub fn remove_component(&mut self, index: usize) {
        if let Some(component) = self.document.component(index) {
            for line in component.begin..=component.end.min(self.document.lines.len().saturating_sub(1)) {
                self.remove(line);
            }
        }
    }

    /// Puts a new logical line before a line; behind the last one where `line` is the number of lines.
    pub fn insert_before(&mut self, line: usize, content: &str) {
        let ending = self.document.ending;
        let before = &mut self.changes.entry(line).or_default().before;
        fold(content, ending, before);
        before.push_str(ending);
    }

    /// Puts text that is folded already before a line.
    pub fn insert_raw_before(&mut self, line: usize, text: &str) {
        self.changes.entry(line).or_default().before.push_str(text);
    }

    /// Nothing differs.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.changes.values().all(|change| change.before.is_empty() && change.line.is_none())
    }

    /// The text with the changes.
    #[must_use]
    pub fn finish(self) -> String {
        let text = self.document.text;
        let lines = &self.document.lines;
        let added: usize = self.changes.values().map(|change| change.before.len() + 80).sum();
        let mut written = String::with_capacity(text.len() + added);
        let mut copied = 0;
        for (at, change) in &self.changes {
            let (start, end) = lines.get(*at).map_or((text.len(), text.len()), |line| (line.start, line.end));
            written.push_str(text.get(copied..start).unwrap_or_default());
            copied = start;
            if !change.before.is_empty() {
                if !written.is_empty() && !written.ends_with('\n') {
                    written.push_str(self.document.ending);
                }
                written.push_str(&change.before);
            }
            let Some(line) = &change.line else { continue };
            copied = end;
            if let Some(content) = line {
                let raw = text.get(start..end).unwrap_or_default();
                if raw.starts_with('\u{feff}') {
                    written.push('\u{feff}');
                }
                let ending = raw.strip_suffix('\n').map_or("", |body| raw.get(body.trim_end_matches('\r').len()..).unwrap_or_default());
                fold(content, if ending.is_empty() { self.document.ending } else { ending }, &mut written);
                written.push_str(ending);
            }
        }
        written.push_str(text.get(copied..).unwrap_or_default());
        written
    }
}

/// Appends a logical line folded: no physical line above 75 octets, no character cut.
pub fn fold(content: &str, ending: &str, into: &mut String) {
    let mut rest = content;
    let mut room = MAX_OCTETS;
    if super::is_quoted_printable(content) {
        while rest.len() > room {
            // The equals sign of the break counts, and what follows another one belongs to it.
            let near = rest.floor_char_boundary(room - 1);
            let before = rest.get(near.saturating_sub(2)..near).and_then(|last| last.find('=')).map_or(near, |at| near - 2 + at);
            let (head, tail) = rest.split_at(before);
            into.push_str(head);
            into.push('=');
            into.push_str(ending);
            rest = tail;
        }
        into.push_str(rest);
        return;
    }
    while rest.len() > room {
        let (head, tail) = rest.split_at(rest.floor_char_boundary(room));
        into.push_str(head);
        into.push_str(ending);
        into.push(' ');
        rest = tail;
        // The blank counts.
        room = MAX_OCTETS - 1;
    }
    into.push_str(rest);
}
