//! Values of fields in words, for plans, pairs and conflicts.

use crate::model::contact::Place;
use crate::model::{Field, Fields, Moment, Recurrence, Slot, Value};

/// Characters of a text that are shown.
const SHOWN: usize = 60;

/// A value; what is empty is told so.
pub(super) fn value(value: Option<&Value>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(Value::Text(text)) => quoted(text),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Flag(flag)) => if *flag { "yes" } else { "no" }.to_owned(),
        Some(Value::Words(words)) => words.iter().cloned().collect::<Vec<_>>().join(", "),
        Some(Value::Note(note)) => quoted(&note.text),
        Some(Value::Slot(when)) => slot(when),
        Some(Value::Moment(at)) => moment(at),
        Some(Value::Recurrence(series)) => recurrence(series),
        Some(Value::People(people)) => {
            let names: Vec<&str> =
                people.iter().map(|person| if person.name.is_empty() { &person.address } else { &person.name }.as_str()).collect();
            names.join(", ")
        }
        Some(Value::Addresses(list)) => list.iter().map(|entry| entry.address.as_str()).collect::<Vec<_>>().join(", "),
        Some(Value::Phones(list)) => list.iter().map(|entry| format!("{} ({})", entry.number, entry.kind)).collect::<Vec<_>>().join(", "),
        Some(Value::Handles(list)) => list.iter().map(|entry| format!("{}:{}", entry.service, entry.name)).collect::<Vec<_>>().join(", "),
        Some(Value::Places(list)) => list.iter().map(place).collect::<Vec<_>>().join("; "),
        Some(Value::PartialDate(date)) => match date.year {
            Some(year) => format!("{year:04}-{:02}-{:02}", date.month, date.day),
            None => format!("--{:02}-{:02}", date.month, date.day),
        },
        Some(Value::Photo(photo)) => format!("a picture ({})", photo.media_type),
    }
}

fn place(place: &Place) -> String {
    let street = place.street.replace('\n', ", ");
    let town = [place.postal_code.as_str(), place.locality.as_str()].join(" ");
    let parts = [street.as_str(), place.post_box.as_str(), town.trim(), place.region.as_str(), place.country.as_str()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// A date or a time, with its zone where it has one.
pub(super) fn moment(moment: &Moment) -> String {
    match moment {
        Moment::Day(day) => day.to_string(),
        Moment::Floating(local) => local.format("%Y-%m-%d %H:%M").to_string(),
        Moment::Zoned { local, zone, .. } => format!("{} {zone}", local.format("%Y-%m-%d %H:%M")),
    }
}

fn slot(slot: &Slot) -> String {
    match (&slot.start, &slot.end) {
        // The end of an all-day appointment is the day after it.
        (Moment::Day(start), Moment::Day(end)) => match end.pred_opt().filter(|last| last > start) {
            Some(last) => format!("{start} to {last}, all day"),
            None => format!("{start}, all day"),
        },
        (Moment::Zoned { local: start, .. }, Moment::Zoned { local: end, zone, .. }) if start.date() == end.date() => {
            format!("{} to {} {zone}", start.format("%Y-%m-%d %H:%M"), end.format("%H:%M"))
        }
        (start, end) => format!("{} to {}", moment(start), moment(end)),
    }
}

fn recurrence(series: &Recurrence) -> String {
    let mut words = series.rules.clone();
    if !series.additional.is_empty() {
        words.push(format!("{} more", series.additional.len()));
    }
    if !series.excluded.is_empty() {
        words.push(format!("without {}", series.excluded.iter().map(moment).collect::<Vec<_>>().join(", ")));
    }
    words.join("; ")
}

/// A text in quotes, on one line, cut where it is long.
fn quoted(text: &str) -> String {
    let line = super::output::plain(text);
    if line.chars().count() <= SHOWN { format!("\"{line}\"") } else { format!("\"{}…\"", line.chars().take(SHOWN).collect::<String>()) }
}

/// Title of what these fields say.
pub(super) fn title(fields: &Fields) -> String {
    let title = crate::sync::items::spoken::title(fields);
    if title.is_empty() { "(no subject)".to_owned() } else { title }
}

/// When it takes place or is due.
pub(super) fn when(fields: &Fields) -> String {
    match fields.get(&Field::Slot).or_else(|| fields.get(&Field::Due)).or_else(|| fields.get(&Field::Start)) {
        Some(Value::Slot(slot)) => moment(&slot.start),
        Some(Value::Moment(at)) => moment(at),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;

    #[test]
    fn an_all_day_appointment_ends_on_its_last_day() {
        let day = |day| Moment::Day(NaiveDate::from_ymd_opt(2026, 11, day).unwrap());
        let fair = Value::Slot(Slot { start: day(23), end: day(25) });
        assert_eq!(value(Some(&fair)), "2026-11-23 to 2026-11-24, all day");
        assert_eq!(value(Some(&Value::Slot(Slot { start: day(23), end: day(24) }))), "2026-11-23, all day");
    }

    #[test]
    fn a_long_text_is_cut_and_cannot_steer_the_terminal() {
        assert_eq!(value(Some(&Value::Text("a\u{1b}b\nc".to_owned()))), "\"a b c\"");
        assert!(value(Some(&Value::Text("x".repeat(100)))).ends_with("…\""));
        assert_eq!(value(None), "nothing");
    }
}
