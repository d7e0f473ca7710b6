//! Title and time of an item for people.

use crate::model::{Field, Fields, Moment, Value};

/// Title for people.
#[must_use]
pub fn title(fields: &Fields) -> String {
    match fields.get(&Field::Subject) {
        Some(Value::Text(subject)) => subject.clone(),
        _ => String::new(),
    }
}

/// Start or due time for people.
#[must_use]
pub fn date(fields: &Fields) -> Option<String> {
    let moment = match (fields.get(&Field::Slot), fields.get(&Field::Due).or_else(|| fields.get(&Field::Start))) {
        (Some(Value::Slot(slot)), _) => &slot.start,
        (None, Some(Value::Moment(moment))) => moment,
        _ => return None,
    };
    Some(match moment {
        Moment::Day(day) => day.to_string(),
        Moment::Floating(local) => local.format("%Y-%m-%dT%H:%M:%S").to_string(),
        Moment::Zoned { instant, .. } => instant.to_rfc3339(),
    })
}
