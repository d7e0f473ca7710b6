//! COMPLETED (RFC 5545 §3.8.2.1) ↔ completed. Always UTC; DavMail writes a date, which is taken for its midnight.

use super::{IcalFault, Source, Target};
use crate::groupware::ical::dates;
use crate::model::{Field, Moment, Value};

pub(super) fn read(source: &Source<'_>) -> Result<Option<Value>, IcalFault> {
    let property = source.first("COMPLETED");
    // One that cannot be read does no harm.
    let moment = property.and_then(|property| dates::moment(source, &property, property.value(), "COMPLETED").ok());
    Ok(moment.map(|moment| Value::Moment(Moment::utc(moment.approximate_instant()))))
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), IcalFault> {
    match value {
        None => target.remove("COMPLETED"),
        Some(Value::Moment(moment)) => {
            let moment = Moment::utc(moment.approximate_instant());
            target.put("COMPLETED", &[("VALUE", None), ("TZID", None)], &dates::value(&moment));
        }
        Some(_) => return Err(IcalFault::BadField { field: Field::Completed }),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{edited, instant, task, value};
    use crate::model::{Field, Moment, Value};

    #[test]
    fn is_utc_however_it_is_written() {
        let at = Some(Value::Moment(Moment::utc(instant("2026-11-22T08:00:00Z"))));
        assert_eq!(value(&task("COMPLETED:20261122T080000Z"), Field::Completed), at);
        assert_eq!(value(&task("COMPLETED;TZID=Europe/Berlin:20261122T090000"), Field::Completed), at);
        let midnight = Some(Value::Moment(Moment::utc(instant("2026-11-22T00:00:00Z"))));
        assert_eq!(value(&task("COMPLETED;VALUE=DATE:20261122"), Field::Completed), midnight);
        assert_eq!(value(&task("COMPLETED:yesterday"), Field::Completed), None);
        assert_eq!(edited(&task("COMPLETED;VALUE=DATE:20261121"), Field::Completed, at), task("COMPLETED:20261122T080000Z"));
    }
}
