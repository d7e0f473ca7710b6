//! A component as the mappers see it, to read and to write.

use std::collections::BTreeMap;

use chrono::NaiveDateTime;
use chrono_tz::Tz;

use super::{Context, dates};
pub(super) use crate::groupware::lines::one_line;
use crate::groupware::lines::{Document, Editor, Property, escape, unescape};
use crate::groupware::zones::{Zones, iana};
use crate::model::{Fields, Moment};

/// A component with all that reading it takes.
#[derive(Clone, Copy)]
pub(super) struct Source<'s> {
    pub(super) document: &'s Document<'s>,
    pub(super) component: usize,
    pub(super) zones: &'s Zones<'s>,
    pub(super) context: &'s Context,
    /// VTODO, else VEVENT.
    pub(super) task: bool,
    /// It replaces an occurrence.
    pub(super) is_override: bool,
    /// Outlook and Exchange write an all-day appointment from midnight to midnight in the zone of its author and mark it with
    /// `X-MICROSOFT-CDO-ALLDAYEVENT:TRUE`: such times are days.
    pub(super) midnights_are_days: bool,
}

impl<'s> Source<'s> {
    pub(super) fn first(&self, name: &str) -> Option<Property<'s>> {
        self.document.first(self.component, name)
    }

    pub(super) fn all(&self, name: &'s str) -> impl Iterator<Item = Property<'s>> + 's {
        self.document.properties(self.component, name)
    }

    /// The value of a TEXT property on one line: line ends become `separator`, blanks at its ends go; `None` where nothing remains.
    pub(super) fn line_of_text(&self, name: &str, separator: &str) -> Option<String> {
        one_line(&unescape(self.first(name)?.value()), separator)
    }

    /// The value of a property as written, without blanks at its ends; `None` where nothing remains.
    pub(super) fn raw(&self, name: &str) -> Option<String> {
        self.first(name).map(|property| property.value().trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// The value of a property that is one word.
    pub(super) fn is(&self, name: &str, word: &str) -> bool {
        self.first(name).is_some_and(|property| property.value().trim().eq_ignore_ascii_case(word))
    }
}

/// A component to write.
pub(super) struct Target<'t, 's> {
    pub(super) source: Source<'s>,
    pub(super) editor: &'t mut Editor<'s>,
    /// What the component says after all changes.
    pub(super) after: &'t Fields,
    /// Names of zones that lines written so far use, each with a time in it.
    pub(super) used_zones: &'t mut BTreeMap<String, (Tz, NaiveDateTime)>,
}

impl Target<'_, '_> {
    /// Sets a property: the first line of that name gets the value and parameters, further ones go; without one, a line is added.
    pub(super) fn put(&mut self, name: &str, parameters: &[(&str, Option<&str>)], value: &str) {
        let lines = self.lines_of(name);
        match lines.split_first() {
            Some((first, further)) => {
                if let Some(property) = self.source.document.property(*first) {
                    self.editor.replace(*first, property.with(parameters, value));
                }
                for line in further {
                    self.editor.remove(*line);
                }
            }
            None => self.add(&Property::line(name, parameters, value)),
        }
    }

    /// Sets a TEXT property, or takes it out.
    pub(super) fn put_text(&mut self, name: &str, text: Option<&str>) {
        match text {
            Some(text) => self.put(name, &[], &escape(text)),
            None => self.remove(name),
        }
    }

    /// Adds a line behind the last property of the component.
    pub(super) fn add(&mut self, line: &str) {
        let place = self.source.document.place_for_new(self.source.component);
        self.editor.insert_before(place, line);
    }

    /// Takes every line of this name out.
    pub(super) fn remove(&mut self, name: &str) {
        for line in self.lines_of(name) {
            self.editor.remove(line);
        }
    }

    fn lines_of(&self, name: &str) -> Vec<usize> {
        self.source.document.properties(self.source.component, name).map(|property| property.line).collect()
    }

    /// Sets a property that holds a date or a time; a line that says it already stays as it is.
    pub(super) fn put_moment(&mut self, name: &'static str, moment: &Moment) {
        let current = self.source.first(name);
        if let Some(property) = &current
            && dates::moment(&self.source, property, property.value(), name).is_ok_and(|said| said == *moment)
        {
            return;
        }
        let (tzid, value) = self.stamp(moment, current.as_ref());
        let kind = matches!(moment, Moment::Day(_)).then_some("DATE");
        self.put(name, &[("VALUE", kind), ("TZID", tzid.as_deref())], &value);
    }

    /// How a moment is written: the name of its zone, if it has one, and its value. Zones keep the name this object has for them.
    pub(super) fn stamp(&mut self, moment: &Moment, like: Option<&Property<'_>>) -> (Option<String>, String) {
        let Moment::Zoned { local, zone, instant } = moment else { return (None, dates::value(moment)) };
        let Some(tz) = iana(zone).filter(|tz| *tz != Tz::UTC) else {
            return (None, instant.format("%Y%m%dT%H%M%SZ").to_string());
        };
        let value = local.format("%Y%m%dT%H%M%S").to_string();
        let start = self.source.first("DTSTART");
        let names = [like, start.as_ref()].into_iter().flatten().filter_map(|property| property.parameter("TZID"));
        let known = names.map(std::borrow::Cow::into_owned).find(|name| self.source.zones.means(name, tz, *local));
        if let Some(name) = known.or_else(|| self.source.zones.name_of(tz, *local)) {
            return (Some(name), value);
        }
        self.used_zones.entry(tz.name().to_owned()).or_insert((tz, *local));
        (Some(tz.name().to_owned()), value)
    }
}
