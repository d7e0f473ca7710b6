//! PERCENT-COMPLETE (RFC 5545 §3.8.1.8) ↔ per cent. 0 is absence.

use super::{IcalFault, Source, Target};
use crate::model::{Field, Value};

pub(super) fn read(source: &Source<'_>) -> Result<Option<Value>, IcalFault> {
    let number = source.raw("PERCENT-COMPLETE").and_then(|value| value.trim_end_matches('%').parse::<i64>().ok());
    Ok(number.filter(|number| (1..=100).contains(number)).map(Value::Number))
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), IcalFault> {
    match super::number(Field::Percent, value, 1..=100)? {
        Some(number) => target.put("PERCENT-COMPLETE", &[], &number.to_string()),
        None => target.remove("PERCENT-COMPLETE"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{edited, task, value};
    use crate::model::{Field, Value};

    #[test]
    fn is_read_and_written() {
        assert_eq!(value(&task("PERCENT-COMPLETE:0"), Field::Percent), None);
        assert_eq!(value(&task("PERCENT-COMPLETE:40"), Field::Percent), Some(Value::Number(40)));
        assert_eq!(edited(&task("PERCENT-COMPLETE:40"), Field::Percent, Some(Value::Number(100))), task("PERCENT-COMPLETE:100"));
        assert_eq!(edited(&task("PERCENT-COMPLETE:40"), Field::Percent, None), task(""));
    }
}
