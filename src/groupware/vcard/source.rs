//! A card as the mappers see it, to read and to write.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::fault::VcardFault;
use super::line::Line;
use super::{labels, transfer};
use crate::groupware::lines::{Document, Editor, Property, TooDeep, one_line, parameter_value, split, unescape};
use crate::model::Fields;

impl From<TooDeep> for VcardFault {
    fn from(_: TooDeep) -> Self {
        Self::TooDeep
    }
}

/// In which form lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    V21,
    V3,
    V4,
}

/// A property of the card.
#[derive(Debug, Clone)]
pub(super) struct Entry<'s> {
    /// In lower case.
    pub(super) group: Option<String>,
    /// In upper case, without the group: Radicale 3.9, DAViCal 1.1 and SOGo 5.8 change the case of both.
    pub(super) name: String,
    pub(super) property: Property<'s>,
}

impl Entry<'_> {
    pub(super) const fn line(&self) -> usize {
        self.property.line
    }

    /// A parameter's value.
    pub(super) fn parameter(&self, name: &str) -> Option<Cow<'_, str>> {
        self.property.parameter(name)
    }

    pub(super) fn is(&self, parameter: &str, value: &str) -> bool {
        self.parameter(parameter).is_some_and(|found| found.trim().eq_ignore_ascii_case(value))
    }

    /// The words of TYPE in lower case, and the bare ones of vCard 2.1.
    pub(super) fn types(&self) -> BTreeSet<String> {
        let mut types = BTreeSet::new();
        for raw in self.property.raw_parameters() {
            match raw.split_once('=') {
                None => {
                    types.insert(raw.trim().to_ascii_lowercase());
                }
                Some((name, value)) if name.trim().eq_ignore_ascii_case("TYPE") => {
                    let words = parameter_value(value);
                    types.extend(words.split(',').map(|word| word.trim().trim_matches('"').to_ascii_lowercase()));
                }
                Some(_) => {}
            }
        }
        types
    }

    /// How the value is wrapped, in lower case: `quoted-printable`, `base64`, `b`.
    pub(super) fn encoding(&self) -> Option<String> {
        let bare = || self.property.raw_parameters().find(|raw| matches!(raw.to_ascii_lowercase().as_str(), "quoted-printable" | "base64"));
        let named = self.parameter("ENCODING").map(|value| value.trim().to_ascii_lowercase());
        named.or_else(|| bare().map(str::to_ascii_lowercase))
    }

    /// The value unwrapped, still escaped.
    pub(super) fn value(&self) -> Cow<'_, str> {
        let value = self.property.value();
        let bytes = match self.encoding().as_deref() {
            Some("quoted-printable" | "q") => transfer::from_quoted_printable(value),
            Some("base64" | "b") => match transfer::from_base64(value) {
                Some(bytes) => bytes,
                None => return Cow::Borrowed(value),
            },
            _ => return Cow::Borrowed(value),
        };
        let text = transfer::text_of(&bytes, self.parameter("CHARSET").as_deref());
        Cow::Owned(text.replace("\r\n", "\n"))
    }

    /// The value as TEXT.
    pub(super) fn text(&self) -> String {
        unescape(&self.value()).into_owned()
    }

    /// The value on one line; `None` where nothing is left.
    pub(super) fn line_of_text(&self) -> Option<String> {
        one_line(&self.text(), " ")
    }

    /// The parts of a structured value (RFC 6350 §6.2.2), still escaped.
    pub(super) fn parts(&self) -> Vec<String> {
        split(&self.value(), b';').map(str::to_owned).collect()
    }

    /// How much it is preferred: the lower the more (RFC 6350 §5.3; `TYPE=pref` of 2.1 and 3.0 is as much as 1).
    pub(super) fn preference(&self) -> Option<u32> {
        let number = self.parameter("PREF").and_then(|value| value.trim().parse().ok());
        number.or_else(|| self.types().contains("pref").then_some(1))
    }
}

/// A part of a structured value as text on one line; of a list (RFC 6350 §6.2.2), which 2.1 does not know, all words.
pub(super) fn part(style: Style, raw: &str, separator: &str) -> Option<String> {
    if style == Style::V21 {
        return one_line(&unescape(raw), " ");
    }
    let words: Vec<String> = split(raw, b',').filter_map(|word| one_line(&unescape(word), " ")).collect();
    (!words.is_empty()).then(|| words.join(separator))
}

/// A card with all that reading it takes.
pub(super) struct Source<'s> {
    pub(super) document: &'s Document<'s>,
    pub(super) component: usize,
    pub(super) style: Style,
    entries: Vec<Entry<'s>>,
    /// Which entries have a name.
    names: BTreeMap<String, Vec<usize>>,
    groups: BTreeMap<String, Group>,
}

/// The entries of a group.
#[derive(Debug, Default)]
struct Group {
    /// Those that say something of the others, by name: [`labels::ABOUT_OTHERS`].
    about: BTreeMap<String, Vec<usize>>,
    others: usize,
}

impl<'s> Source<'s> {
    pub(super) fn new(document: &'s Document<'s>) -> Result<Self, VcardFault> {
        let components = document.components();
        let mut cards = components
            .iter()
            .enumerate()
            .filter(|(_, one)| one.parent.is_none() && one.name.eq_ignore_ascii_case("VCARD"))
            .map(|(index, _)| index);
        let component = cards.next().ok_or(VcardFault::NoCard)?;
        if cards.next().is_some() {
            return Err(VcardFault::SeveralCards);
        }
        let version = document.first(component, "VERSION").map(|version| version.value().trim().to_owned()).unwrap_or_default();
        let style = match version.as_bytes().first() {
            Some(b'2') => Style::V21,
            Some(b'4') => Style::V4,
            _ => Style::V3,
        };
        let entries: Vec<Entry<'s>> = document
            .lines_of(component)
            .filter_map(|line| document.property(line))
            .map(|property| Entry {
                group: property.group().map(str::to_ascii_lowercase),
                name: property.own_name().trim().to_ascii_uppercase(),
                property,
            })
            .collect();
        let mut names: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        for (at, entry) in entries.iter().enumerate() {
            names.entry(entry.name.clone()).or_default().push(at);
            if let Some(group) = &entry.group {
                let group = groups.entry(group.clone()).or_default();
                if labels::ABOUT_OTHERS.contains(&entry.name.as_str()) {
                    group.about.entry(entry.name.clone()).or_default().push(at);
                } else {
                    group.others += 1;
                }
            }
        }
        Ok(Self { document, component, style, entries, names, groups })
    }

    pub(super) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Entry<'s>> + 'a {
        self.names.get(name).into_iter().flatten().filter_map(|at| self.entries.get(*at))
    }

    /// All entries with one of these names, in the order of the card.
    pub(super) fn any<'a>(&'a self, names: &[&str]) -> Vec<&'a Entry<'s>> {
        let mut found: Vec<&Entry<'s>> = names.iter().flat_map(|name| self.all(name)).collect();
        found.sort_by_key(|entry| entry.line());
        found
    }

    pub(super) fn first(&self, name: &str) -> Option<&Entry<'s>> {
        self.all(name).next()
    }

    /// The first of this name that says something on one line.
    pub(super) fn line_of_text(&self, name: &str) -> Option<String> {
        self.first(name)?.line_of_text()
    }

    fn group(&self, entry: &Entry<'_>) -> Option<&Group> {
        self.groups.get(entry.group.as_ref()?)
    }

    /// What stands in the group of an entry and says something of it, under this name.
    pub(super) fn about<'a>(&'a self, entry: &Entry<'_>, name: &str) -> Option<&'a Entry<'s>> {
        self.entries.get(*self.group(entry)?.about.get(name)?.first()?)
    }

    /// The label that Apple's programs give an entry (`item1.X-ABLabel`), as a word that is known: see [`labels`].
    pub(super) fn label(&self, entry: &Entry<'_>) -> Option<&'static str> {
        labels::word(&self.about(entry, labels::NAME)?.text())
    }

    /// A group that is not used yet.
    pub(super) fn free_group(&self) -> String {
        let used = self.groups.keys().filter_map(|group| group.strip_prefix("item")?.parse::<u32>().ok()).max().unwrap_or(0);
        format!("item{}", used.saturating_add(1))
    }
}

/// A card to write.
pub(super) struct Target<'t, 's> {
    pub(super) source: &'t Source<'s>,
    pub(super) editor: &'t mut Editor<'s>,
    /// What the card says after all changes.
    pub(super) after: &'t Fields,
    /// Names of the lines that several fields share and that were added.
    pub(super) added: BTreeSet<&'static str>,
}

impl<'t, 's> Target<'t, 's> {
    /// An entry says something else.
    pub(super) fn change(&mut self, entry: &Entry<'_>, line: Line) {
        self.editor.replace(entry.line(), line.finish(self.source.style));
    }

    /// Adds a line behind the last property.
    pub(super) fn add(&mut self, line: Line) {
        let place = self.source.document.place_for_new(self.source.component);
        self.editor.insert_before(place, &line.finish(self.source.style));
    }

    /// Adds the line of a name that several fields share, once: each of them writes all of it.
    pub(super) fn add_shared(&mut self, name: &'static str, value: &str) {
        if self.added.insert(name) {
            self.add(Line::new(name).value(value));
        }
    }

    /// Takes an entry out, and the labels that would stand alone then.
    pub(super) fn remove(&mut self, entry: &Entry<'_>) {
        self.editor.remove(entry.line());
        let source: &'t Source<'s> = self.source;
        for at in source.group(entry).filter(|group| group.others == 1).into_iter().flat_map(|group| group.about.values().flatten()) {
            if let Some(other) = source.entries.get(*at) {
                self.editor.remove(other.line());
            }
        }
    }

    /// Takes the label of an entry out.
    pub(super) fn remove_label(&mut self, entry: &Entry<'_>) {
        if let Some(label) = self.source.about(entry, labels::NAME) {
            self.editor.remove(label.line());
        }
    }

    /// Sets the first property of a name to a text, adds one, or takes the first one out.
    pub(super) fn put_text(&mut self, name: &str, text: Option<&str>) {
        let source: &'t Source<'s> = self.source;
        match (source.first(name), text) {
            (Some(entry), Some(text)) => self.change(entry, Line::of(entry).text(source.style, text)),
            (None, Some(text)) => self.add(Line::new(name).text(source.style, text)),
            (Some(entry), None) => self.remove(entry),
            (None, None) => {}
        }
    }
}
