//! Time zones of calendar objects: from the names programs write to IANA zones, and back.
//!
//! A name is looked up as an IANA name, as a Windows name (CLDR), in a table of other names; failing that the VTIMEZONE of the object is
//! evaluated and matched to an IANA zone that says the same around the item's time.

mod generate;
mod names;
mod rules;

use std::cell::RefCell;

use chrono::{NaiveDateTime, Offset, TimeDelta, TimeZone};
use chrono_tz::Tz;

use super::lines::Document;
use crate::model::{Instant, Moment};

pub use generate::vtimezone;
pub use names::{UTC, iana};
use rules::Rules;

/// The time zones of one object.
#[derive(Debug)]
pub struct Zones<'d> {
    document: &'d Document<'d>,
    calendar: usize,
    /// Names resolved so far.
    known: RefCell<Vec<(String, Zone)>>,
}

/// What a zone name of an object means.
#[derive(Debug, Clone)]
pub enum Zone {
    /// A zone of the IANA database; times are told in it.
    Iana(Tz),
    /// Rules that no IANA zone has: times are told in UTC, so that at least the instant is right.
    Rules(std::rc::Rc<Rules>),
    /// A name nobody knows, without a VTIMEZONE: the time on the clock is all that is known.
    Unknown,
}

impl<'d> Zones<'d> {
    /// The zones that lie in a VCALENDAR.
    #[must_use]
    pub fn new(document: &'d Document<'d>, calendar: usize) -> Self {
        Self { document, calendar, known: RefCell::default() }
    }

    /// What a TZID means for times around `near`.
    #[must_use]
    pub fn resolve(&self, tzid: &str, near: NaiveDateTime) -> Zone {
        if let Some((_, zone)) = self.known.borrow().iter().find(|(name, _)| name == tzid) {
            return zone.clone();
        }
        let zone = iana(tzid).map_or_else(|| self.evaluate(tzid, near), Zone::Iana);
        self.known.borrow_mut().push((tzid.to_owned(), zone.clone()));
        zone
    }

    /// A wall-clock time in the zone of this name.
    #[must_use]
    pub fn moment(&self, tzid: &str, local: NaiveDateTime) -> Moment {
        match self.resolve(tzid, local) {
            Zone::Iana(zone) => moment_in(zone, local),
            Zone::Rules(rules) => Moment::utc(rules.instant(local)),
            Zone::Unknown => Moment::Floating(local),
        }
    }

    /// A TZID means this zone.
    #[must_use]
    pub fn means(&self, tzid: &str, zone: Tz, near: NaiveDateTime) -> bool {
        matches!(self.resolve(tzid, near), Zone::Iana(found) if found == zone)
    }

    /// The name a VTIMEZONE of the object has for this zone.
    #[must_use]
    pub fn name_of(&self, zone: Tz, near: NaiveDateTime) -> Option<String> {
        self.document
            .children(self.calendar, "VTIMEZONE")
            .filter_map(|index| self.document.first(index, "TZID"))
            .map(|name| name.value().trim().to_owned())
            .find(|name| self.means(name, zone, near))
    }

    /// The VTIMEZONE of this name is in the object.
    #[must_use]
    pub fn defines(&self, tzid: &str) -> bool {
        self.component(tzid).is_some()
    }

    fn component(&self, tzid: &str) -> Option<usize> {
        let named = |index: &usize| self.document.first(*index, "TZID").is_some_and(|name| name.value().trim() == tzid);
        self.document.children(self.calendar, "VTIMEZONE").find(named)
    }

    fn evaluate(&self, tzid: &str, near: NaiveDateTime) -> Zone {
        let Some(component) = self.component(tzid) else { return Zone::Unknown };
        // Lightning and old libical name the place here and have a path of their own as the name.
        let place = self.document.first(component, "X-LIC-LOCATION").and_then(|place| iana(place.value().trim()));
        let Some(rules) = Rules::read(self.document, component) else { return place.map_or(Zone::Unknown, Zone::Iana) };
        match place.filter(|zone| rules.matches(*zone, near)).or_else(|| rules.zone(near)) {
            Some(zone) => Zone::Iana(zone),
            None => Zone::Rules(std::rc::Rc::new(rules)),
        }
    }
}

/// A wall-clock time in an IANA zone.
#[must_use]
pub fn moment_in(zone: Tz, local: NaiveDateTime) -> Moment {
    let name = if zone == Tz::UTC { UTC } else { zone.name() };
    Moment::Zoned { local, zone: name.to_owned(), instant: instant(zone, local) }
}

/// The instant of a wall-clock time. One that occurs twice is the first; one that the clock skips is read with the offset before the gap
/// (RFC 5545 §3.3.5).
#[must_use]
pub fn instant(zone: Tz, local: NaiveDateTime) -> Instant {
    if let Some(found) = zone.from_local_datetime(&local).earliest() {
        return found.to_utc();
    }
    // No zone has skipped more than a day.
    let before = local.checked_sub_signed(TimeDelta::hours(26)).unwrap_or(local);
    let offset = zone.offset_from_utc_datetime(&before).fix();
    let offset = zone.from_local_datetime(&before).earliest().map_or(offset, |found| found.offset().fix());
    local.checked_sub_offset(offset).unwrap_or(local).and_utc()
}

/// The wall-clock time of an instant.
#[must_use]
pub fn local(zone: Tz, instant: Instant) -> NaiveDateTime {
    instant.with_timezone(&zone).naive_local()
}

#[cfg(test)]
mod tests;
