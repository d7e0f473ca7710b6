//! RRULE, RDATE and EXDATE (RFC 5545 §3.8.5), each on any number of lines ↔ recurrence.
//!
//! Lines that say what stays are not touched; of a list only the values that go are taken out.

use std::collections::BTreeSet;

use super::{IcalFault, Source, Target};
use crate::groupware::ical::{dates, rules};
use crate::groupware::lines::Property;
use crate::model::{Field, Moment, Recurrence, Value};

pub(super) fn read(source: &Source<'_>) -> Result<Option<Value>, IcalFault> {
    let recurrence = recurrence(source)?;
    let repeats = !recurrence.rules.is_empty() || !recurrence.additional.is_empty();
    Ok(repeats.then_some(Value::Recurrence(recurrence)))
}

/// What the component says; nothing for an override, which has no rules.
pub(in super::super) fn recurrence(source: &Source<'_>) -> Result<Recurrence, IcalFault> {
    let mut found = Recurrence::default();
    if source.is_override {
        return Ok(found);
    }
    for property in source.all("RRULE") {
        found.rules.push(rules::normal(property.value()).ok_or_else(|| IcalFault::bad_value("RRULE", property.value()))?);
    }
    for (name, moments) in [("RDATE", &mut found.additional), ("EXDATE", &mut found.excluded)] {
        for property in source.all(name) {
            for (_, moment) in values(source, &property, name)? {
                moments.push(moment);
            }
        }
    }
    if let Some(start) = start(source) {
        tell_like(&start, &mut found);
    }
    rules::tidy(&mut found);
    Ok(found)
}

fn start(source: &Source<'_>) -> Option<Moment> {
    let name = if source.task && source.first("DTSTART").is_none() { "DUE" } else { "DTSTART" };
    let property = source.first(name)?;
    dates::moment(source, &property, property.value(), name).ok()
}

/// Programs write the same exception in UTC or in the zone of the series: here all are told in the zone of the start.
fn tell_like(start: &Moment, recurrence: &mut Recurrence) {
    for moment in recurrence.additional.iter_mut().chain(&mut recurrence.excluded) {
        if matches!((start, &*moment), (Moment::Zoned { .. }, Moment::Zoned { .. })) {
            *moment = dates::told_like(start, moment);
        }
    }
}

/// The values of a list with the moments they denote; of a period its start.
fn values<'p>(source: &Source<'_>, property: &'p Property<'_>, name: &'static str) -> Result<Vec<(&'p str, Moment)>, IcalFault> {
    let each = property.value().split(',').map(str::trim).filter(|value| !value.is_empty());
    each.map(|value| {
        let start = value.split_once('/').map_or(value, |(start, _)| start);
        dates::moment(source, property, start, name).map(|moment| (value, moment))
    })
    .collect()
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), IcalFault> {
    let mut wanted = match value {
        None => Recurrence::default(),
        Some(Value::Recurrence(recurrence)) if !target.source.is_override => recurrence.clone(),
        Some(_) => return Err(IcalFault::BadField { field: Field::Recurrence }),
    };
    for rule in &mut wanted.rules {
        *rule = rules::normal(rule).ok_or(IcalFault::BadField { field: Field::Recurrence })?;
    }
    rules::tidy(&mut wanted);
    write_rules(target, &wanted.rules);
    write_moments(target, "RDATE", &wanted.additional)?;
    write_moments(target, "EXDATE", &wanted.excluded)?;
    if value.is_none() {
        target.remove("EXRULE");
    }
    Ok(())
}

fn write_rules(target: &mut Target<'_, '_>, wanted: &[String]) {
    let mut missing: Vec<&String> = wanted.iter().collect();
    let mut superfluous = Vec::new();
    for property in target.source.all("RRULE") {
        let said = rules::normal(property.value());
        match missing.iter().position(|rule| Some(*rule) == said.as_ref()) {
            Some(at) => {
                missing.remove(at);
            }
            None => superfluous.push(property),
        }
    }
    let mut superfluous = superfluous.into_iter();
    for rule in missing {
        match superfluous.next() {
            Some(property) => target.editor.replace(property.line, property.with(&[], rule)),
            None => target.add(&format!("RRULE:{rule}")),
        }
    }
    superfluous.for_each(|property| target.editor.remove(property.line));
}

fn write_moments(target: &mut Target<'_, '_>, name: &'static str, wanted: &[Moment]) -> Result<(), IcalFault> {
    let mut missing: BTreeSet<String> = wanted.iter().map(Moment::key).collect();
    for property in target.source.all(name) {
        let said = values(&target.source, &property, name)?;
        let kept: Vec<&str> = said.iter().filter(|(_, moment)| missing.remove(&moment.key())).map(|(value, _)| *value).collect();
        if kept.is_empty() && !said.is_empty() {
            target.editor.remove(property.line);
        } else if kept.len() != said.len() {
            target.editor.replace(property.line, property.with(&[], &kept.join(",")));
        }
    }
    // New ones take the form of the start (RFC 5545 §3.8.5.1), one a line: lists are what other programs stumble over.
    let anchor = match (target.after.get(&Field::Slot), target.after.get(&Field::Start), target.after.get(&Field::Due)) {
        (Some(Value::Slot(slot)), _, _) => Some(slot.start.clone()),
        (_, Some(Value::Moment(moment)), _) | (_, None, Some(Value::Moment(moment))) => Some(moment.clone()),
        _ => None,
    };
    for moment in wanted.iter().filter(|moment| missing.contains(&moment.key())) {
        let moment = match &anchor {
            // A series in UTC, or of days, excludes in UTC, or days; a zoned one in its zone.
            Some(anchor) => dates::told_like(anchor, moment),
            None => moment.clone(),
        };
        let start = target.source.first("DTSTART");
        let (tzid, value) = target.stamp(&moment, start.as_ref());
        let kind = matches!(moment, Moment::Day(_)).then_some("DATE");
        target.add(&Property::line(name, &[("VALUE", kind), ("TZID", tzid.as_deref())], &value));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{berlin, day, edited, event, refused, utc, value};
    use super::*;

    const START: &str = "DTSTART;TZID=Europe/Berlin:20261122T090000\r\n";

    fn read_from(lines: &str) -> Recurrence {
        match value(&event(lines), Field::Recurrence) {
            Some(Value::Recurrence(recurrence)) => recurrence,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn x18_every_line_counts() {
        let found = read_from(
            "DTSTART;TZID=Europe/Berlin:20261122T090000\r\nRRULE:FREQ=WEEKLY;INTERVAL=1\r\nRRULE:FREQ=DAILY;COUNT=2\r\n\
             EXDATE;TZID=Europe/Berlin:20261206T090000,20261129T090000\r\nEXDATE:20261213T080000Z\r\n\
             RDATE;VALUE=PERIOD:20261224T100000Z/PT1H,20261223T100000Z/20261223T110000Z",
        );
        assert_eq!(found.rules, ["FREQ=DAILY;COUNT=2", "FREQ=WEEKLY"]);
        assert_eq!(found.excluded, [berlin("2026-11-29T09:00:00"), berlin("2026-12-06T09:00:00"), berlin("2026-12-13T09:00:00")]);
        assert_eq!(found.additional, [berlin("2026-12-23T11:00:00"), berlin("2026-12-24T11:00:00")]);
    }

    #[test]
    fn only_lines_that_say_something_else_are_written() {
        let lines = format!("{START}RRULE;X-A=1:FREQ=WEEKLY;WKST=MO\r\nEXDATE;TZID=Europe/Berlin:20261206T090000,20261129T090000\r\nX-B:1");
        let mut wanted = read_from(&lines);
        wanted.excluded = vec![berlin("2026-12-06T09:00:00"), berlin("2026-12-13T09:00:00")];
        let written = edited(&event(&lines), Field::Recurrence, Some(Value::Recurrence(wanted.clone())));
        let expected = format!(
            "{START}RRULE;X-A=1:FREQ=WEEKLY;WKST=MO\r\nEXDATE;TZID=Europe/Berlin:20261206T090000\r\nX-B:1\r\nEXDATE;TZID=Europe/Berlin:20261213T090000"
        );
        assert_eq!(written.split("BEGIN:VTIMEZONE").next().unwrap().len(), written.find("BEGIN:VTIMEZONE").unwrap_or(written.len()));
        assert!(written.contains(&expected), "{written}");
        wanted.rules = vec!["FREQ=WEEKLY;COUNT=3".to_owned()];
        let written = edited(&event(&lines), Field::Recurrence, Some(Value::Recurrence(wanted)));
        assert!(written.contains("RRULE;X-A=1:FREQ=WEEKLY;COUNT=3\r\n"), "{written}");
        assert_eq!(value(&edited(&written, Field::Recurrence, None), Field::Recurrence), None);
    }

    #[test]
    fn new_exceptions_take_the_form_of_the_start() {
        let wanted = |moment| {
            Some(Value::Recurrence(Recurrence { rules: vec!["FREQ=DAILY".to_owned()], additional: vec![], excluded: vec![moment] }))
        };
        let written = edited(&event("DTSTART;VALUE=DATE:20261122\r\nRRULE:FREQ=DAILY"), Field::Recurrence, wanted(day("2026-11-23")));
        assert_eq!(written, event("DTSTART;VALUE=DATE:20261122\r\nRRULE:FREQ=DAILY\r\nEXDATE;VALUE=DATE:20261123"));
        let written = edited(&event("DTSTART:20261122T080000Z\r\nRRULE:FREQ=DAILY"), Field::Recurrence, wanted(utc("2026-11-23T08:00:00")));
        assert_eq!(written, event("DTSTART:20261122T080000Z\r\nRRULE:FREQ=DAILY\r\nEXDATE:20261123T080000Z"));
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        let text = event("DTSTART:20261122T080000Z");
        let rule = Recurrence { rules: vec!["FREQ=DAILY\r\nATTENDEE:x".to_owned()], ..Recurrence::default() };
        refused(&text, Field::Recurrence, Some(Value::Recurrence(rule)));
    }
}
