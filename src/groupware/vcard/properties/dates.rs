//! BDAY (RFC 6350 §6.2.5) ↔ birthday; ANNIVERSARY (§6.2.6), X-ABDATE with its label (Apple), X-ANNIVERSARY and its kin ↔ anniversary.
//!
//! The year may be unknown: `--0415` in 4.0, 1604 with `X-APPLE-OMIT-YEAR` in what has no such form; Exchange writes 1604 without it. A date
//! without month or day, or in words, is not ours.

use super::{Source, Target, VcardFault};
use crate::groupware::vcard::line::Line;
use crate::groupware::vcard::source::{Entry, Style};
use crate::model::contact::PartialDate;
use crate::model::{Field, Value};

const BIRTHDAY: &[&str] = &["BDAY"];
const ANNIVERSARY: &[&str] =
    &["ANNIVERSARY", "X-ABDATE", "X-ANNIVERSARY", "X-EVOLUTION-ANNIVERSARY", "X-KADDRESSBOOK-X-ANNIVERSARY", "X-MS-ANNIVERSARY"];
const LABELLED: &str = "X-ABDATE";
const OMIT_YEAR: &str = "X-APPLE-OMIT-YEAR";
/// A leap year in which nobody who lives was born.
const NO_YEAR: i32 = 1604;

pub(super) fn read_birthday(source: &Source<'_>) -> Option<Value> {
    dates(source, BIRTHDAY).into_iter().find_map(|(_, date)| date).and_then(Value::partial_date)
}

pub(super) fn read_anniversary(source: &Source<'_>) -> Option<Value> {
    dates(source, ANNIVERSARY).into_iter().find_map(|(_, date)| date).and_then(Value::partial_date)
}

pub(super) fn write_birthday(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), VcardFault> {
    write(target, value, Field::Birthday, BIRTHDAY)
}

pub(super) fn write_anniversary(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), VcardFault> {
    write(target, value, Field::Anniversary, ANNIVERSARY)
}

/// The entries with these names, and the dates that they hold.
fn dates<'a, 's>(source: &'a Source<'s>, names: &[&str]) -> Vec<(&'a Entry<'s>, Option<PartialDate>)> {
    let entries = names.iter().flat_map(|name| source.all(name));
    let ours = entries.filter(|entry| entry.name != LABELLED || source.label(entry) == Some("anniversary"));
    ours.map(|entry| (entry, date(entry))).collect()
}

fn date(entry: &Entry<'_>) -> Option<PartialDate> {
    if entry.is("VALUE", "text") {
        return None;
    }
    let text = entry.line_of_text()?;
    let day = text.split(['T', 't', ' ']).next()?;
    let digits: String = day.chars().filter(char::is_ascii_digit).collect();
    if day.chars().any(|c| !c.is_ascii_digit() && c != '-') {
        return None;
    }
    let number = |from: usize, to: usize| digits.get(from..to)?.parse::<u32>().ok();
    let read = match (day.starts_with("--"), digits.len()) {
        (true, 4) => PartialDate { year: None, month: number(0, 2)?, day: number(2, 4)? },
        (false, 8) => {
            let year = i32::try_from(number(0, 4)?).ok()?;
            let omitted = entry.parameter(OMIT_YEAR).is_some_and(|omitted| omitted.trim().parse() == Ok(year));
            PartialDate { year: Some(year).filter(|year| !omitted && *year != NO_YEAR), month: number(4, 6)?, day: number(6, 8)? }
        }
        _ => return None,
    };
    Value::partial_date(read).map(|_| read)
}

fn write(target: &mut Target<'_, '_>, value: Option<&Value>, field: Field, names: &[&str]) -> Result<(), VcardFault> {
    let wanted = match value {
        None => None,
        Some(Value::PartialDate(date)) if date.year.is_none_or(|year| (1..=9999).contains(&year)) => Some(*date),
        Some(_) => return Err(VcardFault::BadField { field }),
    };
    let source = target.source;
    let present = dates(source, names);
    let before = present.iter().find_map(|(_, date)| *date);
    let Some(wanted) = wanted else {
        for (entry, _) in present.into_iter().filter(|(_, date)| date.is_some() && *date == before) {
            target.remove(entry);
        }
        return Ok(());
    };
    // Programs that write a date twice want both to say the same.
    let changed: Vec<_> = present.iter().filter(|(_, date)| date.is_some() && *date == before).collect();
    // What stands there in words must give way: there is one birthday (RFC 6350 §6.2.5).
    let changed = if changed.is_empty() { present.iter().take(1).collect() } else { changed };
    for (entry, _) in &changed {
        let form = Form { dashes: entry.value().trim().trim_start_matches("--").contains('-'), ..Form::of(source.style) };
        let form = Form { partial: form.partial || entry.value().trim().starts_with("--"), ..form };
        let keeps = entry.is("VALUE", "date") || entry.is("VALUE", "date-and-or-time");
        let line = if keeps { Line::of(entry) } else { Line::of(entry).parameter("VALUE", None) };
        target.change(entry, form.write(line, wanted));
    }
    if changed.is_empty() {
        let form = Form::of(source.style);
        if field == Field::Birthday {
            target.add(form.write(Line::new("BDAY"), wanted));
        } else if source.style == Style::V4 {
            target.add(form.write(Line::new("ANNIVERSARY"), wanted));
        } else {
            let group = source.free_group();
            target.add(form.write(Line::new(format!("{group}.X-ABDATE")), wanted));
            target.add(Line::new(format!("{group}.X-ABLabel")).value("_$!<Anniversary>!$_"));
        }
    }
    Ok(())
}

/// How a date is spelt.
#[derive(Debug, Clone, Copy)]
struct Form {
    /// `2026-11-22`, else `20261122`.
    dashes: bool,
    /// `--1122` may stand for a day of no year.
    partial: bool,
}

impl Form {
    const fn of(style: Style) -> Self {
        Self { dashes: !matches!(style, Style::V4), partial: matches!(style, Style::V4) }
    }

    fn write(self, line: Line, date: PartialDate) -> Line {
        let PartialDate { year, month, day } = date;
        let omitted = NO_YEAR.to_string();
        let dash = if self.dashes { "-" } else { "" };
        match year {
            None if self.partial => line.parameter(OMIT_YEAR, None).value(format!("--{month:02}{dash}{day:02}")),
            None => line.parameter(OMIT_YEAR, Some(&omitted)).value(format!("{NO_YEAR}{dash}{month:02}{dash}{day:02}")),
            Some(year) => line.parameter(OMIT_YEAR, None).value(format!("{year:04}{dash}{month:02}{dash}{day:02}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{card, card4, edited, try_edit, value};
    use super::*;

    fn day(year: Option<i32>, month: u32, day: u32) -> Option<Value> {
        Value::partial_date(PartialDate { year, month, day })
    }

    #[test]
    fn dates_are_read_in_every_form_with_or_without_their_year() {
        for (line, expected) in [
            ("BDAY:19960415", day(Some(1996), 4, 15)),
            ("BDAY;value=date:1996-04-15", day(Some(1996), 4, 15)),
            ("BDAY;VALUE=date-time:1996-04-15T20:12:43+04:00", day(Some(1996), 4, 15)),
            ("BDAY:--0415", day(None, 4, 15)),
            ("BDAY:--04-15", day(None, 4, 15)),
            ("BDAY;X-APPLE-OMIT-YEAR=1604:1604-02-29", day(None, 2, 29)),
            ("BDAY:1604-04-15", day(None, 4, 15)),
            ("BDAY:1996", None),
            ("BDAY:1996-04", None),
            ("BDAY:---15", None),
            ("BDAY:1996-02-30", None),
            ("BDAY;VALUE=text:circa 1800", None),
            ("BDAY:", None),
        ] {
            assert_eq!(value(&card4(line), Field::Birthday), expected, "{line}");
        }
    }

    #[test]
    fn dates_keep_their_form() {
        assert_eq!(
            edited(&card("BDAY;value=date:1996-04-15"), Field::Birthday, day(None, 4, 16)),
            card("BDAY;value=date;X-APPLE-OMIT-YEAR=1604:1604-04-16")
        );
        assert_eq!(edited(&card("BDAY:19960415"), Field::Birthday, day(Some(1997), 4, 15)), card("BDAY:19970415"));
        assert_eq!(edited(&card("BDAY:--0415"), Field::Birthday, day(None, 5, 15)), card("BDAY:--0515"));
        assert_eq!(edited(&card4("BDAY;VALUE=text:circa"), Field::Birthday, day(Some(1997), 4, 15)), card4("BDAY:19970415"));
        assert_eq!(try_edit(&card4("BDAY;VALUE=text:circa"), Field::Birthday, None).unwrap(), card4("BDAY;VALUE=text:circa"));
        assert_eq!(edited(&card4("FN:x"), Field::Birthday, day(None, 4, 15)), card4("FN:x\r\nBDAY:--0415"));
        assert_eq!(edited(&card("FN:x"), Field::Birthday, day(Some(1996), 4, 15)), card("FN:x\r\nBDAY:1996-04-15"));
        assert!(try_edit(&card("FN:x"), Field::Birthday, day(Some(12345), 4, 15)).is_err());
    }

    #[test]
    fn an_anniversary_has_many_names() {
        let expected = day(Some(2009), 8, 8);
        for line in [
            "ANNIVERSARY:20090808",
            "X-ANNIVERSARY;VALUE=DATE-AND-OR-TIME:20090808",
            "X-MS-ANNIVERSARY:20090808",
            "item1.X-ABDATE;type=pref:2009-08-08\r\nitem1.X-ABLabel:_$!<Anniversary>!$_",
        ] {
            assert_eq!(value(&card(line), Field::Anniversary), expected, "{line}");
            assert_eq!(edited(&card(&format!("FN:x\r\n{line}")), Field::Anniversary, None), card("FN:x"));
        }
        assert_eq!(value(&card("item1.X-ABDATE:2009-08-08\r\nitem1.X-ABLabel:Abitur"), Field::Anniversary), None);
        assert_eq!(edited(&card4("FN:x"), Field::Anniversary, expected.clone()), card4("FN:x\r\nANNIVERSARY:20090808"));
        let text = card("item7.URL:x");
        assert_eq!(
            edited(&text, Field::Anniversary, expected),
            card("item7.URL:x\r\nitem8.X-ABDATE:2009-08-08\r\nitem8.X-ABLabel:_$!<Anniversary>!$_")
        );
        let twice = card("ANNIVERSARY:20090808\r\nX-ANNIVERSARY:2009-08-08\r\nX-MS-ANNIVERSARY:20000101");
        let written = try_edit(&twice, Field::Anniversary, day(Some(2010), 1, 2)).unwrap();
        assert_eq!(written, card("ANNIVERSARY:20100102\r\nX-ANNIVERSARY:2010-01-02\r\nX-MS-ANNIVERSARY:20000101"));
    }
}
