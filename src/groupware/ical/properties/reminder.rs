//! VALARM (RFC 5545 §3.6.6) ↔ reminder: minutes before the start of an appointment, before the due time of a task.
//!
//! The first alarm that a person sees or hears and that is relative to that time is the reminder. Any other alarm (a mail, one at a fixed
//! time or place, one after the start) is foreign and stays.

use super::{IcalFault, Source, Target};
use crate::groupware::ical::dates::{self, Span};
use crate::groupware::lines::{Property, escape};
use crate::model::{Field, Value};

/// A year.
const MAX_MINUTES: i64 = 366 * 24 * 60;

/// The reminder's component, its TRIGGER, and the minutes.
fn find<'s>(source: &Source<'s>) -> Option<(usize, Property<'s>, i64)> {
    let alarms = source.document.children(source.component, "VALARM");
    alarms.take(50).find_map(|alarm| {
        let action = source.document.first(alarm, "ACTION");
        let seen = action.is_none_or(|action| ["DISPLAY", "AUDIO"].iter().any(|known| action.value().trim().eq_ignore_ascii_case(known)));
        let trigger = source.document.first(alarm, "TRIGGER").filter(|_| seen)?;
        let from_end = trigger.parameter("RELATED").is_some_and(|related| related.eq_ignore_ascii_case("END"));
        // Of a task without a start, both mean the due time.
        let relevant = if source.task { from_end || source.first("DTSTART").is_none() } else { !from_end };
        let span = dates::span(trigger.value()).filter(|_| relevant)?;
        let seconds = span.days * 86_400 + span.seconds;
        (seconds <= 0).then(|| (alarm, trigger, -seconds / 60))
    })
}

pub(super) fn read(source: &Source<'_>) -> Result<Option<Value>, IcalFault> {
    Ok(find(source).map(|(_, _, minutes)| Value::Number(minutes)))
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), IcalFault> {
    let wanted = super::number(Field::Reminder, value, 0..=MAX_MINUTES)?;
    match (find(&target.source), wanted) {
        (Some((_, _, minutes)), Some(wanted)) if minutes == wanted => {}
        (Some((_, trigger, _)), Some(minutes)) => target.editor.replace(trigger.line, trigger.with(&[("VALUE", None)], &before(minutes))),
        (Some((alarm, _, _)), None) => target.editor.remove_component(alarm),
        (None, Some(minutes)) => {
            let subject = match target.after.get(&Field::Subject) {
                Some(Value::Text(subject)) => subject.as_str(),
                // DISPLAY demands a description (RFC 5545 §3.6.6).
                _ => "-",
            };
            // A task counts from its end, which is its due time.
            let related = target.source.task.then_some("END");
            let trigger = Property::line("TRIGGER", &[("RELATED", related)], &before(minutes));
            let description = format!("DESCRIPTION:{}", escape(subject));
            let end = target.source.document.component(target.source.component).map_or(0, |component| component.end);
            for line in ["BEGIN:VALARM", "ACTION:DISPLAY", &description, &trigger, "END:VALARM"] {
                // Behind every property, new ones too: these go before the first component within.
                target.editor.insert_before(end, line);
            }
        }
        (None, None) => {}
    }
    Ok(())
}

fn before(minutes: i64) -> String {
    if minutes == 0 { "PT0S".to_owned() } else { dates::span_value(Span { days: 0, seconds: -minutes * 60 }) }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{edited, event, refused, task, value};
    use crate::model::{Field, Value};

    fn alarm(lines: &str) -> String {
        format!("BEGIN:VALARM\r\n{lines}\r\nEND:VALARM")
    }

    #[test]
    fn r75_the_first_alarm_people_notice_is_the_reminder() {
        for (lines, minutes) in [
            ("ACTION:DISPLAY\r\nTRIGGER:-PT15M", Some(15)),
            ("ACTION:AUDIO\r\nTRIGGER;RELATED=START:-P1DT1H", Some(1500)),
            ("ACTION:DISPLAY\r\nTRIGGER:PT0S", Some(0)),
            ("ACTION:EMAIL\r\nTRIGGER:-PT15M", None),
            ("ACTION:DISPLAY\r\nTRIGGER:PT5M", None),
            ("ACTION:DISPLAY\r\nTRIGGER;RELATED=END:-PT5M", None),
            ("ACTION:NONE\r\nTRIGGER;VALUE=DATE-TIME:19760401T005545Z", None),
            ("ACTION:DISPLAY\r\nTRIGGER;VALUE=DATE-TIME:20261122T080000Z", None),
        ] {
            assert_eq!(value(&event(&alarm(lines)), Field::Reminder), minutes.map(Value::Number), "{lines}");
        }
    }

    #[test]
    fn foreign_alarms_stay() {
        let mail = alarm("ACTION:EMAIL\r\nTRIGGER:-PT15M");
        let ours = alarm("X-A:1\r\nTRIGGER;X-B=1:-PT15M\r\nACTION:DISPLAY");
        let text = event(&format!("{mail}\r\n{ours}"));
        let changed = edited(&text, Field::Reminder, Some(Value::Number(90)));
        assert_eq!(changed, text.replace("TRIGGER;X-B=1:-PT15M", "TRIGGER;X-B=1:-PT1H30M"));
        assert_eq!(edited(&text, Field::Reminder, None), event(&mail));
    }

    #[test]
    fn a_new_one_is_a_display_alarm() {
        let written = edited(&event("SUMMARY:a"), Field::Reminder, Some(Value::Number(0)));
        assert_eq!(written, event(&format!("SUMMARY:a\r\n{}", alarm("ACTION:DISPLAY\r\nDESCRIPTION:a\r\nTRIGGER:PT0S"))));
        let written = edited(&task("DTSTART:20261122T080000Z\r\nDUE:20261123T080000Z"), Field::Reminder, Some(Value::Number(10)));
        assert!(written.contains("TRIGGER;RELATED=END:-PT10M"), "{written}");
        assert_eq!(value(&written, Field::Reminder), Some(Value::Number(10)));
        refused(&event("SUMMARY:a"), Field::Reminder, Some(Value::Number(-5)));
    }
}
