//! PRIORITY (RFC 5545 §3.8.1.9) ↔ priority. 0 is none.

use super::{IcalFault, Source, Target};
use crate::model::{Field, Value};

pub(super) fn read(source: &Source<'_>) -> Result<Option<Value>, IcalFault> {
    let number = source.raw("PRIORITY").and_then(|value| value.parse::<i64>().ok());
    Ok(number.filter(|number| (1..=9).contains(number)).map(Value::Number))
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), IcalFault> {
    match super::number(Field::Priority, value, 1..=9)? {
        Some(number) => target.put("PRIORITY", &[], &number.to_string()),
        None => target.remove("PRIORITY"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{edited, event, refused, value};
    use crate::model::{Field, Value};

    #[test]
    fn only_one_to_nine_are_priorities() {
        for (line, number) in [("PRIORITY:5", Some(5)), ("PRIORITY:0", None), ("PRIORITY:10", None), ("PRIORITY:high", None)] {
            assert_eq!(value(&event(line), Field::Priority), number.map(Value::Number), "{line}");
        }
        refused(&event("X-A:1"), Field::Priority, Some(Value::Number(0)));
    }

    #[test]
    fn is_replaced_and_taken_out() {
        assert_eq!(edited(&event("PRIORITY:0"), Field::Priority, Some(Value::Number(1))), event("PRIORITY:1"));
        assert_eq!(edited(&event("PRIORITY:3\r\nX-A:1"), Field::Priority, None), event("X-A:1"));
    }
}
