//! The days in which items are created on the other side. A window limits what is created, never what is updated; an item that leaves it
//! is not deleted (R70, R71, I7).

use chrono::TimeDelta;

use crate::model::{Area, Field, Fields, Instant, Value};

use super::Rules;

/// Further than any calendar.
const MOST_DAYS: i64 = 366 * 400;

/// How something new stands to the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is created.
    Inside,
    /// The window reaches it at this instant.
    Later(Instant),
    /// It is over for good.
    Past,
}

/// The window: from, to.
#[must_use]
pub fn window(rules: &Rules<'_>) -> (Instant, Instant) {
    let days = |days: u32| TimeDelta::days(i64::from(days).min(MOST_DAYS));
    let from = rules.now.checked_sub_signed(days(rules.settings.past_days)).unwrap_or(Instant::MIN_UTC);
    let to = rules.now.checked_add_signed(days(rules.settings.future_days)).unwrap_or(Instant::MAX_UTC);
    (from, to)
}

/// How a new record stands to the window of the groupware.
#[must_use]
pub fn for_groupware(fields: &Fields, rules: &Rules<'_>) -> Standing {
    let (from, to) = window(rules);
    let Some((begin, end)) = span(fields, rules.area) else { return Standing::Inside };
    if begin > to {
        return Standing::Later(rules.now.checked_add_signed(begin - to).unwrap_or(Instant::MAX_UTC));
    }
    if end < from { Standing::Past } else { Standing::Inside }
}

/// How a new item stands to the window of the CRM, which has no end: whatever lies ahead is imported.
#[must_use]
pub fn for_crm(fields: &Fields, rules: &Rules<'_>) -> Standing {
    let (from, _) = window(rules);
    match span(fields, rules.area) {
        Some((_, end)) if end < from => Standing::Past,
        _ => Standing::Inside,
    }
}

/// When an item begins (a task: is due) and ends. A series that repeats has no end here; a task without any time none at all.
fn span(fields: &Fields, area: Area) -> Option<(Instant, Instant)> {
    let moment = |field| match fields.get(&field) {
        Some(Value::Moment(moment)) => Some(moment.approximate_instant()),
        _ => None,
    };
    let (begin, end) = match fields.get(&Field::Slot) {
        Some(Value::Slot(slot)) => (slot.start.approximate_instant(), slot.end.approximate_instant()),
        _ if area == Area::Tasks => {
            let due = moment(Field::Due).or_else(|| moment(Field::Start))?;
            (due, due)
        }
        _ => return None,
    };
    let repeats =
        matches!(fields.get(&Field::Recurrence), Some(Value::Recurrence(rule)) if !rule.rules.is_empty() || !rule.additional.is_empty());
    Some((begin, if repeats { Instant::MAX_UTC } else { end.max(begin) }))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{at, event, now, rules, settings};
    use super::*;
    use crate::model::Recurrence;

    #[test]
    fn r70_records_go_out_so_many_days_ahead_and_are_told_when_they_will() {
        let settings = settings();
        let rules = rules(&settings);
        assert_eq!(for_groupware(&event("a", 30), &rules), Standing::Inside);
        assert_eq!(for_groupware(&event("a", 40), &rules), Standing::Later(now() + TimeDelta::days(9)));
        assert_eq!(for_groupware(&event("a", -31), &rules), Standing::Past);
        assert_eq!(for_crm(&event("a", 400), &rules), Standing::Inside);
        assert_eq!(for_crm(&event("a", -31), &rules), Standing::Past);
    }

    #[test]
    fn a_series_that_began_long_ago_is_not_over() {
        let settings = settings();
        let mut series = event("a", -400);
        series.insert(Field::Recurrence, Value::Recurrence(Recurrence { rules: vec!["FREQ=WEEKLY".into()], ..Recurrence::default() }));
        assert_eq!(for_groupware(&series, &rules(&settings)), Standing::Inside);
    }

    #[test]
    fn r71_a_task_is_judged_by_its_due_time_and_one_without_is_created() {
        let settings = settings();
        let rules = Rules { area: Area::Tasks, ..rules(&settings) };
        assert_eq!(for_groupware(&[(Field::Due, Value::Moment(at(40)))].into(), &rules), Standing::Later(now() + TimeDelta::days(9)));
        assert_eq!(for_groupware(&Fields::new(), &rules), Standing::Inside);
    }

    #[test]
    fn an_absurd_window_is_no_panic() {
        let mut settings = settings();
        (settings.future_days, settings.past_days) = (u32::MAX, u32::MAX);
        let _ = for_groupware(&event("a", 1), &Rules { now: Instant::MAX_UTC, ..rules(&settings) });
        let _ = for_crm(&event("a", 1), &Rules { now: Instant::MIN_UTC, ..rules(&settings) });
    }
}
