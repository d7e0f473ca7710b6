//! DTSTART of a task (RFC 5545 §3.8.2.4) ↔ start.

use super::{IcalFault, Source, Target};
use crate::groupware::ical::dates;
use crate::model::{Field, Moment, Value};

pub(super) fn moment(source: &Source<'_>) -> Result<Option<Moment>, IcalFault> {
    let Some(property) = source.first("DTSTART") else { return Ok(None) };
    dates::moment(source, &property, property.value(), "DTSTART").map(Some)
}

pub(super) fn read(source: &Source<'_>) -> Result<Option<Value>, IcalFault> {
    Ok(moment(source)?.map(Value::Moment))
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), IcalFault> {
    match value {
        None => target.remove("DTSTART"),
        Some(Value::Moment(moment)) => target.put_moment("DTSTART", moment),
        Some(_) => return Err(IcalFault::BadField { field: Field::Start }),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::super::testing::{edited, task, value};
    use crate::model::{Field, Moment, Value};

    #[test]
    fn a_day_is_read_and_written_as_a_day() {
        let day = Some(Value::Moment(Moment::Day(NaiveDate::from_ymd_opt(2026, 11, 22).unwrap())));
        assert_eq!(value(&task("DTSTART;VALUE=DATE:20261122"), Field::Start), day);
        assert_eq!(edited(&task("DTSTART:20261120T080000Z"), Field::Start, day), task("DTSTART;VALUE=DATE:20261122"));
        assert_eq!(edited(&task("DTSTART:20261120T080000Z"), Field::Start, None), task(""));
    }
}
