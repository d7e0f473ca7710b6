//! Text made of content lines (RFC 5545 §3.1, RFC 6350 §3.2), edited without touching what an edit does not name (V7).
//!
//! A [`Document`] knows where each logical line and each component of a text lies; it copies nothing. An [`Editor`] collects
//! replacements, removals and insertions of single lines and writes the text again: every other line byte for byte as it was, with its
//! folding, its line end, its blanks.
//!
//! A line of vCard 2.1 in quoted-printable is folded by soft line breaks instead (`=` at the end), and so is one that is written anew.

mod editor;
mod parameters;
mod property;
mod text;

use std::borrow::Cow;

pub use editor::{Editor, fold};
pub use parameters::{Parameters, parameter_value, raw_parameter};
pub use property::Property;
pub use text::{escape, one_line, split, tidy_lines, unescape};

/// How deep components may lie in each other.
pub const MAX_DEPTH: usize = 32;
/// Longer names are no names.
const MAX_NAME: usize = 256;

/// The encoding of a line is looked for in so many bytes.
const MAX_HEAD: usize = 512;

/// A text as logical lines and a tree of components, by index.
#[derive(Debug, Clone)]
pub struct Document<'a> {
    text: &'a str,
    lines: Vec<Line>,
    components: Vec<Component<'a>>,
    ending: &'static str,
}

/// A logical line: one or more physical ones.
#[derive(Debug, Clone, Copy)]
struct Line {
    start: usize,
    /// Behind its line end.
    end: usize,
    /// Where its name ends; equal to `start` where it has none.
    name: usize,
    folded: bool,
    /// The innermost component it lies in; BEGIN and END belong to the component they enclose.
    owner: usize,
}

/// A BEGIN with its END.
#[derive(Debug, Clone)]
pub struct Component<'a> {
    /// Its name as written.
    pub name: Cow<'a, str>,
    /// The line with BEGIN.
    pub begin: usize,
    /// The line with END; one past the last line where it is missing.
    pub end: usize,
    /// The component it lies in.
    pub parent: Option<usize>,
}

/// Owner of lines outside of every component.
const NOBODY: usize = usize::MAX;

/// Components lie deeper in each other than [`MAX_DEPTH`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("components lie too deep in each other")]
pub struct TooDeep;

impl<'a> Document<'a> {
    /// Finds lines and components, in one pass. An END that closes nothing is an ordinary line; one that skips components closes these too.
    pub fn parse(text: &'a str) -> Result<Self, TooDeep> {
        let ending = match text.find('\n') {
            Some(at) if at > 0 && text.as_bytes().get(at - 1) != Some(&b'\r') => "\n",
            _ => "\r\n",
        };
        let mut document = Self { text, lines: Vec::with_capacity(text.len() / 40 + 1), components: Vec::new(), ending };
        let mut open: Vec<usize> = Vec::new();
        let mut start = 0;
        while start < text.len() {
            let mut line = Line { owner: open.last().copied().unwrap_or(NOBODY), ..logical_line(text, start) };
            start = line.end;
            let at = document.lines.len();
            let name = text.get(line.start..line.name).unwrap_or_default().trim_start_matches('\u{feff}');
            if name.eq_ignore_ascii_case("BEGIN") {
                if open.len() == MAX_DEPTH {
                    return Err(TooDeep);
                }
                line.owner = document.components.len();
                let component = Component { name: boundary(text, line), begin: at, end: usize::MAX, parent: open.last().copied() };
                open.push(line.owner);
                document.components.push(component);
            } else if name.eq_ignore_ascii_case("END") {
                let name = boundary(text, line);
                let matching = open
                    .iter()
                    .rposition(|index| document.components.get(*index).is_some_and(|component| component.name.eq_ignore_ascii_case(&name)));
                if let Some(depth) = matching {
                    for index in open.drain(depth..) {
                        line.owner = line.owner.min(index);
                        if let Some(component) = document.components.get_mut(index) {
                            component.end = at;
                        }
                    }
                }
            }
            document.lines.push(line);
        }
        let end = document.lines.len();
        for component in document.components.iter_mut().filter(|component| component.end == usize::MAX) {
            component.end = end;
        }
        Ok(document)
    }

    /// The text.
    #[must_use]
    pub const fn text(&self) -> &'a str {
        self.text
    }

    /// The line end of the first line; CRLF where there is none.
    #[must_use]
    pub const fn ending(&self) -> &'static str {
        self.ending
    }

    /// Every component, an outer one before those within it.
    #[must_use]
    pub fn components(&self) -> &[Component<'a>] {
        &self.components
    }

    /// A component by its index.
    #[must_use]
    pub fn component(&self, index: usize) -> Option<&Component<'a>> {
        self.components.get(index)
    }

    /// Components of this name that lie directly in `parent`.
    pub fn children<'d>(&'d self, parent: usize, name: &'d str) -> impl Iterator<Item = usize> + 'd {
        // A component within another one has a higher index, and lies before the end of it.
        let end = self.component(parent).map_or(0, |component| component.end);
        self.components
            .iter()
            .enumerate()
            .skip(parent.saturating_add(1))
            .take_while(move |(_, component)| component.begin < end)
            .filter(move |(_, component)| component.parent == Some(parent) && component.name.eq_ignore_ascii_case(name))
            .map(|(index, _)| index)
    }

    /// Line numbers of a component's own properties, without those of components within it.
    pub fn lines_of(&self, index: usize) -> impl Iterator<Item = usize> + '_ {
        let (begin, end) = self.component(index).map_or((0, 0), |component| (component.begin + 1, component.end));
        let lines = self.lines.get(begin..end.max(begin)).unwrap_or_default();
        lines.iter().enumerate().filter(move |(_, line)| line.owner == index).map(move |(offset, _)| begin + offset)
    }

    /// A component's own properties of this name (without a group before it), in order.
    pub fn properties<'d>(&'d self, index: usize, name: &'d str) -> impl Iterator<Item = Property<'a>> + 'd {
        self.lines_of(index).filter(move |line| self.is_named(*line, name)).filter_map(|line| self.property(line))
    }

    /// The first of a component's own properties of this name.
    #[must_use]
    pub fn first(&self, index: usize, name: &str) -> Option<Property<'a>> {
        self.lines_of(index).find(|line| self.is_named(*line, name)).and_then(|line| self.property(line))
    }

    /// A line as a property, unfolded.
    #[must_use]
    pub fn property(&self, line: usize) -> Option<Property<'a>> {
        let found = self.lines.get(line)?;
        Some(Property::new(line, self.content(line)?, found.name - found.start))
    }

    /// The text of the lines from one to another, both included.
    #[must_use]
    pub fn raw(&self, first: usize, last: usize) -> &'a str {
        let start = self.lines.get(first).map_or(self.text.len(), |line| line.start);
        let end = self.lines.get(last).map_or(self.text.len(), |line| line.end);
        self.text.get(start..end).unwrap_or_default()
    }

    /// Where a new property of a component goes: before this line, behind its last own property and before components within it.
    #[must_use]
    pub fn place_for_new(&self, index: usize) -> usize {
        let Some(component) = self.component(index) else { return self.lines.len() };
        let nested = self.components.get(index + 1).filter(|nested| nested.parent == Some(index) && nested.begin < component.end);
        nested.map_or(component.end, |nested| nested.begin)
    }

    fn is_named(&self, line: usize, name: &str) -> bool {
        let Some(line) = self.lines.get(line) else { return false };
        // Lengths first: this is asked of every line for every property.
        if line.name - line.start == name.len() {
            return self.text.get(line.start..line.name).is_some_and(|found| found.eq_ignore_ascii_case(name));
        }
        line.folded && line.name == line.start && {
            let raw = self.text.get(line.start..line.end).unwrap_or_default();
            Property::new(0, unfold(raw.get(..raw.floor_char_boundary(MAX_NAME)).unwrap_or_default()), 0).name().eq_ignore_ascii_case(name)
        }
    }

    /// A line unfolded, without its line end.
    fn content(&self, line: usize) -> Option<Cow<'a, str>> {
        let line = self.lines.get(line)?;
        let raw = self.text.get(line.start..line.end)?;
        let raw = raw.strip_suffix('\n').map_or(raw, |raw| raw.trim_end_matches('\r'));
        Some(if line.folded { unfold(raw) } else { Cow::Borrowed(raw) })
    }
}

/// The logical line that starts here. A line end is LF with any number of CR before it; a CR elsewhere is content.
fn logical_line(text: &str, start: usize) -> Line {
    let bytes = text.as_bytes();
    let mut end = start;
    let mut folded = false;
    let mut first_end = None;
    let mut quoted_printable = None;
    loop {
        let rest = text.get(end..).unwrap_or_default();
        let begin = end;
        end += rest.find('\n').map_or(rest.len(), |at| at + 1);
        first_end.get_or_insert(end);
        let ended = end > start && end < text.len() && bytes.get(end - 1) == Some(&b'\n');
        let soft = ended
            && is_soft_break(text.get(begin..end).unwrap_or_default())
            && *quoted_printable.get_or_insert_with(|| is_quoted_printable(text.get(start..end).unwrap_or_default()));
        if soft || ended && matches!(bytes.get(end), Some(b' ' | b'\t')) {
            folded = true;
        } else {
            break;
        }
    }
    let head = bytes.get(start..first_end.unwrap_or(end)).unwrap_or_default();
    let name = head.iter().take(MAX_NAME).position(|byte| matches!(byte, b':' | b';')).map_or(start, |length| start + length);
    Line { start, end, name, folded, owner: NOBODY }
}

/// Takes the folding out of a line (RFC 5545 §3.1), and the soft line breaks of quoted-printable.
fn unfold(raw: &str) -> Cow<'_, str> {
    let mut unfolded = String::with_capacity(raw.len());
    let mut blank = false;
    let mut quoted_printable = None;
    for physical in raw.split_inclusive('\n') {
        let content = if blank { physical.get(1..).unwrap_or_default() } else { physical };
        let content = content.strip_suffix('\n').map_or(content, |content| content.trim_end_matches('\r'));
        let soft = is_soft_break(physical) && *quoted_printable.get_or_insert_with(|| is_quoted_printable(raw));
        unfolded.push_str(if soft { content.strip_suffix('=').unwrap_or(content) } else { content });
        blank = !soft;
    }
    Cow::Owned(unfolded)
}

/// A physical line ends as a soft line break of quoted-printable does (RFC 2045 §6.7).
fn is_soft_break(physical: &str) -> bool {
    physical.strip_suffix('\n').is_some_and(|line| line.trim_end_matches('\r').ends_with('='))
}

/// A logical line says that its value is in quoted-printable, as vCard 2.1 has it.
fn is_quoted_printable(line: &str) -> bool {
    const MARK: &[u8] = b"QUOTED-PRINTABLE";
    let head = line.as_bytes().get(..line.len().min(MAX_HEAD)).unwrap_or_default();
    let head = head.split(|byte| *byte == b':').next().unwrap_or_default();
    head.windows(MARK.len()).any(|window| window.eq_ignore_ascii_case(MARK))
}

/// What BEGIN or END names.
fn boundary(text: &str, line: Line) -> Cow<'_, str> {
    let raw = text.get(line.name..line.end).unwrap_or_default();
    let clean = |value: &str| value.trim_start_matches([':', ' ', '\t']).trim_end().to_owned();
    if line.folded { Cow::Owned(clean(&unfold(raw))) } else { Cow::Borrowed(raw.trim_start_matches([':', ' ', '\t']).trim_end()) }
}

#[cfg(test)]
mod tests;
