//! What lies where in an object: its appointments or tasks, and which is the master.

use chrono::NaiveTime;

use super::dates::{self, Stamp};
use super::fault::IcalFault;
use super::source::Source;
use super::{Context, properties};
use crate::groupware::lines::{Document, TooDeep};
use crate::groupware::zones::Zones;
use crate::model::Moment;

impl From<TooDeep> for IcalFault {
    fn from(_: TooDeep) -> Self {
        Self::TooDeep
    }
}

/// One VEVENT or VTODO.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) recurrence_id: Option<Moment>,
    pub(super) component: usize,
}

/// The components of an item: the master first, then overrides by RECURRENCE-ID.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) uid: String,
    pub(super) task: bool,
    pub(super) places: Vec<Place>,
}

/// The index of the VCALENDAR; one past the components where there is none.
pub(super) fn calendar(document: &Document<'_>) -> usize {
    let components = document.components();
    components.iter().position(|component| component.name.eq_ignore_ascii_case("VCALENDAR")).unwrap_or(components.len())
}

pub(super) fn layout<'s>(document: &'s Document<'s>, zones: &'s Zones<'s>, context: &'s Context) -> Result<Layout, IcalFault> {
    let is_calendar = |index: usize| document.component(index).is_some_and(|outer| outer.name.eq_ignore_ascii_case("VCALENDAR"));
    let version = document.first(calendar(document), "VERSION");
    if version.is_some_and(|version| version.value().trim() == "1.0") {
        return Err(IcalFault::Outdated);
    }
    let mut task = None;
    let mut uid: Option<String> = None;
    let mut places = Vec::new();
    let mut other = None;
    for (index, component) in document.components().iter().enumerate().filter(|(_, component)| component.parent.is_none_or(is_calendar)) {
        let is_task = component.name.eq_ignore_ascii_case("VTODO");
        if !is_task && !component.name.eq_ignore_ascii_case("VEVENT") {
            if !is_calendar(index) && !component.name.eq_ignore_ascii_case("VTIMEZONE") {
                other.get_or_insert_with(|| component.name.to_ascii_uppercase());
            }
            continue;
        }
        let found = document.first(index, "UID").map(|uid| uid.value().trim().to_owned()).filter(|uid| !uid.is_empty());
        let found = found.ok_or(IcalFault::NoUid)?;
        if uid.get_or_insert_with(|| found.clone()) != &found || *task.get_or_insert(is_task) != is_task {
            return Err(IcalFault::SeveralItems);
        }
        let source = source(document, zones, context, index, is_task);
        let recurrence_id = match source.first("RECURRENCE-ID") {
            Some(property) => Some(dates::moment(&source, &property, property.value(), "RECURRENCE-ID")?),
            None => None,
        };
        places.push(Place { recurrence_id, component: index });
    }
    let (Some(uid), Some(task)) = (uid, task) else { return Err(IcalFault::NoItem { found: other }) };
    places.sort_by_cached_key(|place| place.recurrence_id.as_ref().map(|id| (id.approximate_instant(), id.key())));
    let doubled = places.windows(2).any(|pair| match pair {
        [a, b] => a.recurrence_id.as_ref().map(Moment::key) == b.recurrence_id.as_ref().map(Moment::key),
        _ => false,
    });
    if doubled {
        return Err(IcalFault::DoubledPart);
    }
    Ok(Layout { uid, task, places })
}

/// A component as the mappers see it.
pub(super) fn source<'s>(
    document: &'s Document<'s>,
    zones: &'s Zones<'s>,
    context: &'s Context,
    component: usize,
    task: bool,
) -> Source<'s> {
    let is_override = document.first(component, "RECURRENCE-ID").is_some();
    let mut source = Source { document, component, zones, context, task, is_override, midnights_are_days: false };
    let starts_at_midnight = || {
        let start = source.first("DTSTART").and_then(|start| dates::stamp(start.value()));
        matches!(start, Some(Stamp::Local(at)) if at.time() == NaiveTime::MIN)
    };
    source.midnights_are_days = source.is(properties::ALL_DAY_MARK, "TRUE") && starts_at_midnight();
    source
}
