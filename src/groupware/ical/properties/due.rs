//! DUE (RFC 5545 §3.8.2.3), or DTSTART with DURATION ↔ due.

use super::{IcalFault, Source, Target, start};
use crate::groupware::ical::dates;
use crate::model::{Field, Value};

pub(super) fn read(source: &Source<'_>) -> Result<Option<Value>, IcalFault> {
    if let Some(property) = source.first("DUE") {
        return dates::moment(source, &property, property.value(), "DUE").map(|moment| Some(Value::Moment(moment)));
    }
    let span = source.first("DURATION").and_then(|property| dates::span(property.value()));
    let start = start::moment(source)?;
    Ok(span.zip(start).map(|(span, start)| Value::Moment(dates::add(&start, span))))
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), IcalFault> {
    match value {
        None => target.remove("DUE"),
        Some(Value::Moment(moment)) => target.put_moment("DUE", moment),
        Some(_) => return Err(IcalFault::BadField { field: Field::Due }),
    }
    // DUE and DURATION exclude each other (RFC 5545 §3.6.2).
    target.remove("DURATION");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{edited, instant, task, value};
    use crate::model::{Field, Moment, Value};

    #[test]
    fn a_duration_tells_it_too() {
        let due = Some(Value::Moment(Moment::utc(instant("2026-11-22T10:30:00Z"))));
        assert_eq!(value(&task("DTSTART:20261122T080000Z\r\nDURATION:PT2H30M"), Field::Due), due);
        let written = edited(&task("DTSTART:20261122T080000Z\r\nDURATION:PT1H"), Field::Due, due.clone());
        assert_eq!(written, task("DTSTART:20261122T080000Z\r\nDUE:20261122T103000Z"));
        assert_eq!(value(&written, Field::Due), due);
    }
}
