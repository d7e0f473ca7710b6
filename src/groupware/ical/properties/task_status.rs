//! STATUS of a task (RFC 5545 §3.8.1.11) ↔ task status.
//!
//! Without STATUS a task with COMPLETED or with 100 per cent is completed: Evolution and DavMail write no more than these.

use super::{IcalFault, Source, Target};
use crate::model::{Field, Value};

const WORDS: [(&str, &str); 4] =
    [("NEEDS-ACTION", "needs-action"), ("IN-PROCESS", "in-process"), ("COMPLETED", "completed"), ("CANCELLED", "cancelled")];

fn status(source: &Source<'_>) -> &'static str {
    let said = source.raw("STATUS");
    match said.and_then(|said| WORDS.iter().find(|(theirs, _)| theirs.eq_ignore_ascii_case(&said)).map(|(_, ours)| *ours)) {
        Some(word) => word,
        None if source.raw("COMPLETED").is_some() || source.is("PERCENT-COMPLETE", "100") => "completed",
        None => "needs-action",
    }
}

pub(super) fn read(source: &Source<'_>) -> Result<Option<Value>, IcalFault> {
    let status = status(source);
    Ok((status != "needs-action").then(|| Value::Text(status.to_owned())))
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), IcalFault> {
    let wanted = super::text(Field::TaskStatus, value)?.unwrap_or("needs-action");
    let (word, _) = WORDS.iter().find(|(_, ours)| *ours == wanted).ok_or(IcalFault::BadField { field: Field::TaskStatus })?;
    if status(&target.source) != wanted {
        target.put("STATUS", &[], word);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{edited, refused, task, value};
    use crate::model::{Field, Value};

    fn text(word: &str) -> Option<Value> {
        Some(Value::Text(word.to_owned()))
    }

    #[test]
    fn is_read_even_where_only_its_signs_are_written() {
        assert_eq!(value(&task("STATUS:NEEDS-ACTION"), Field::TaskStatus), None);
        assert_eq!(value(&task("STATUS:in-process"), Field::TaskStatus), text("in-process"));
        assert_eq!(value(&task("COMPLETED:20261122T090000Z"), Field::TaskStatus), text("completed"));
        assert_eq!(value(&task("PERCENT-COMPLETE:100"), Field::TaskStatus), text("completed"));
        assert_eq!(value(&task("STATUS:NEEDS-ACTION\r\nPERCENT-COMPLETE:100"), Field::TaskStatus), None);
    }

    #[test]
    fn is_written_so_that_it_is_read_again() {
        assert_eq!(edited(&task("PERCENT-COMPLETE:100"), Field::TaskStatus, None), task("PERCENT-COMPLETE:100\r\nSTATUS:NEEDS-ACTION"));
        assert_eq!(edited(&task("STATUS:COMPLETED"), Field::TaskStatus, text("cancelled")), task("STATUS:CANCELLED"));
        refused(&task(""), Field::TaskStatus, text("delegated"));
    }
}
