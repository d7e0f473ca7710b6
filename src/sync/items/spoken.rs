//! Title and time of an item for people.

use crate::model::{Field, Fields, Moment, Value};

/// Title for people: the subject, or of a contact the name.
#[must_use]
pub fn title(fields: &Fields) -> String {
    let text = |field| match fields.get(&field) {
        Some(Value::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    let name = || [Field::GivenName, Field::FamilyName].into_iter().filter_map(text).collect::<Vec<_>>().join(" ");
    let title = text(Field::Subject).or_else(|| text(Field::FileAs)).map(str::to_owned);
    title.or_else(|| Some(name()).filter(|name| !name.is_empty())).or_else(|| text(Field::Company).map(str::to_owned)).unwrap_or_default()
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
