//! STATUS:CANCELLED of an appointment (RFC 5545 §3.8.1.11) ↔ cancelled.

use super::{IcalFault, Source, Target};
use crate::model::{Field, Value};

fn is_cancelled(source: &Source<'_>) -> bool {
    source.is("STATUS", "CANCELLED") || source.is("STATUS", "CANCELED")
}

pub(super) fn read(source: &Source<'_>) -> Result<Option<Value>, IcalFault> {
    Ok(is_cancelled(source).then_some(Value::Flag(true)))
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), IcalFault> {
    let cancelled = super::flag(Field::Cancelled, value)?;
    match (cancelled, is_cancelled(&target.source)) {
        (true, false) => target.put("STATUS", &[], "CANCELLED"),
        (false, true) => target.put("STATUS", &[], "CONFIRMED"),
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{edited, event, value};
    use crate::model::{Field, Value};

    #[test]
    fn i10_cancelled_is_read_and_written() {
        assert_eq!(value(&event("STATUS:cancelled"), Field::Cancelled), Some(Value::Flag(true)));
        assert_eq!(value(&event("STATUS:CONFIRMED"), Field::Cancelled), None);
        assert_eq!(edited(&event("STATUS:TENTATIVE"), Field::Cancelled, Some(Value::Flag(true))), event("STATUS:CANCELLED"));
        assert_eq!(edited(&event("STATUS:CANCELLED"), Field::Cancelled, None), event("STATUS:CONFIRMED"));
    }
}
