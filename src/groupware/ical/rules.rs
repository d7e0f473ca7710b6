//! Values of RRULE in one form, so that equal rules are equal texts.

use crate::model::Recurrence;

/// Parts in the order of RFC 5545 §3.3.10.
const ORDER: [&str; 14] = [
    "FREQ",
    "UNTIL",
    "COUNT",
    "INTERVAL",
    "BYSECOND",
    "BYMINUTE",
    "BYHOUR",
    "BYDAY",
    "BYMONTHDAY",
    "BYYEARDAY",
    "BYWEEKNO",
    "BYMONTH",
    "BYSETPOS",
    "WKST",
];
const WEEKDAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
/// A rule of more octets is none.
const MAX_RULE: usize = 4096;

/// Brings a rule into its normal form: upper case, parts in order, lists sorted without repetitions, defaults left out, unknown parts at
/// the end. `None` for what is no rule: no or an unknown FREQ, a part without a value.
pub(super) fn normal(rule: &str) -> Option<String> {
    let rule = rule.trim().trim_end_matches(';').to_ascii_uppercase();
    if rule.len() > MAX_RULE {
        return None;
    }
    let mut parts = Vec::new();
    for part in rule.split(';').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        let value = match name {
            "BYDAY" => days(value)?,
            "BYMONTH" | "BYMONTHDAY" | "BYYEARDAY" | "BYWEEKNO" | "BYSETPOS" | "BYHOUR" | "BYMINUTE" | "BYSECOND" => numbers(value)?,
            "COUNT" | "INTERVAL" => value.parse::<u32>().ok()?.to_string(),
            "FREQ" if !["SECONDLY", "MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"].contains(&value) => return None,
            "UNTIL" => {
                super::dates::stamp(value)?;
                value.to_owned()
            }
            _ => value.to_owned(),
        };
        if (name, value.as_str()) != ("INTERVAL", "1") && (name, value.as_str()) != ("WKST", "MO") {
            let rank = ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len());
            parts.push((rank, format!("{name}={value}")));
        }
    }
    parts.sort();
    parts.dedup();
    let found = parts.first().is_some_and(|(rank, _)| *rank == 0);
    found.then(|| parts.into_iter().map(|(_, part)| part).collect::<Vec<_>>().join(";"))
}

fn numbers(value: &str) -> Option<String> {
    let mut numbers =
        value.split(',').map(|number| number.trim().trim_start_matches('+').parse::<i32>().ok()).collect::<Option<Vec<_>>>()?;
    numbers.sort_unstable();
    numbers.dedup();
    Some(numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
}

fn days(value: &str) -> Option<String> {
    let read = |day: &str| {
        let day = day.trim();
        let (nth, weekday) = day.split_at_checked(day.len().checked_sub(2)?)?;
        let weekday = WEEKDAYS.iter().position(|known| *known == weekday)?;
        let nth = nth.trim_start_matches('+');
        Some((weekday, if nth.is_empty() { 0 } else { nth.parse::<i32>().ok()? }))
    };
    let mut days = value.split(',').map(read).collect::<Option<Vec<_>>>()?;
    days.sort_unstable();
    days.dedup();
    let write = |(weekday, nth): &(usize, i32)| {
        let weekday = WEEKDAYS.get(*weekday).copied().unwrap_or_default();
        if *nth == 0 { weekday.to_owned() } else { format!("{nth}{weekday}") }
    };
    Some(days.iter().map(write).collect::<Vec<_>>().join(","))
}

/// Sorts, and takes repetitions out.
pub(super) fn tidy(recurrence: &mut Recurrence) {
    recurrence.rules.sort_unstable();
    recurrence.rules.dedup();
    for moments in [&mut recurrence.additional, &mut recurrence.excluded] {
        moments.sort_by_cached_key(|moment| (moment.approximate_instant(), moment.key()));
        moments.dedup_by_key(|moment| moment.key());
    }
}

#[cfg(test)]
mod tests {
    use super::normal;

    #[test]
    fn equal_rules_are_equal_texts() {
        let rule = normal("byday=+1MO,FR,-1SU;freq=monthly;INTERVAL=1;WKST=MO;UNTIL=20270101t000000z;").unwrap();
        assert_eq!(rule, "FREQ=MONTHLY;UNTIL=20270101T000000Z;BYDAY=1MO,FR,-1SU");
        assert_eq!(normal("X-A=b;BYMONTHDAY=3,-1,+2,3;FREQ=YEARLY").unwrap(), "FREQ=YEARLY;BYMONTHDAY=-1,2,3;X-A=B");
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for rule in [
            "",
            "INTERVAL=2",
            "FREQ=FORTNIGHTLY",
            "FREQ=DAILY;COUNT=x",
            "FREQ=WEEKLY;BYDAY=XX",
            "FREQ=DAILY;BYDAY=ä",
            "FREQ=DAILY;UNTIL=soon",
        ] {
            assert_eq!(normal(rule), None, "{rule}");
        }
    }
}
