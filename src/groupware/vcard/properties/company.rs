//! ORG (RFC 6350 §6.6.4) ↔ company, and department with its units joined by `; `.

use super::{Source, Target, VcardFault};
use crate::groupware::lines::{one_line, unescape};
use crate::groupware::vcard::line::{Line, escaped};
use crate::groupware::vcard::source::Entry;
use crate::model::{Field, Value};

const NAME: &str = "ORG";
const BETWEEN_UNITS: &str = "; ";

fn unit(raw: &str) -> Option<String> {
    one_line(&unescape(raw), " ")
}

fn department(units: &[String]) -> Option<String> {
    let units: Vec<String> = units.iter().filter_map(|raw| unit(raw)).collect();
    (!units.is_empty()).then(|| units.join(BETWEEN_UNITS))
}

pub(super) fn read_company(source: &Source<'_>) -> Option<Value> {
    unit(source.first(NAME)?.parts().first()?).map(Value::Text)
}

pub(super) fn read_department(source: &Source<'_>) -> Option<Value> {
    department(source.first(NAME)?.parts().get(1..)?).map(Value::Text)
}

/// Writes both, whichever changed: they share a line.
pub(super) fn write(target: &mut Target<'_, '_>, _: Option<&Value>) -> Result<(), VcardFault> {
    let source = target.source;
    let company = super::text(Field::Company, target.after.get(&Field::Company))?;
    let wanted = super::text(Field::Department, target.after.get(&Field::Department))?;
    let entry = source.first(NAME);
    let (mut first, mut units) = match entry.map(Entry::parts) {
        Some(mut parts) if !parts.is_empty() => (parts.remove(0), parts),
        _ => (String::new(), Vec::new()),
    };
    if unit(&first).as_deref() != company {
        first = company.map(|text| escaped(source.style, text)).unwrap_or_default();
    }
    if department(&units).as_deref() != wanted {
        units = wanted.map(|text| text.split(BETWEEN_UNITS).map(|unit| escaped(source.style, unit)).collect()).unwrap_or_default();
    }
    match entry {
        Some(entry) if company.is_none() && wanted.is_none() => target.remove(entry),
        None if company.is_none() && wanted.is_none() => {}
        _ => {
            let value = std::iter::once(first).chain(units).collect::<Vec<_>>().join(";");
            match entry {
                Some(entry) => target.change(entry, Line::of(entry).value(value)),
                None => target.add_shared(NAME, &value),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{card, card4, edited, value, words};
    use super::*;
    use crate::groupware::PartEdit;
    use crate::groupware::vcard::{edit, read};

    #[test]
    fn company_and_units_share_a_line() {
        let text = card("ORG;SORT-AS=\"ABC\":ABC\\, Inc.;North American Division;Marketing");
        assert_eq!(value(&text, Field::Company), words("ABC, Inc."));
        assert_eq!(value(&text, Field::Department), words("North American Division; Marketing"));
        assert_eq!(edited(&text, Field::Company, words("DEF")), card("ORG;SORT-AS=\"ABC\":DEF;North American Division;Marketing"));
        assert_eq!(edited(&text, Field::Department, words("Sales; EMEA")), card("ORG;SORT-AS=\"ABC\":ABC\\, Inc.;Sales;EMEA"));
        assert_eq!(edited(&text, Field::Department, None), card("ORG;SORT-AS=\"ABC\":ABC\\, Inc."));
        assert_eq!(edited(&card("ORG:ABC;"), Field::Company, None), card("ORG:ABC;").replace("ORG:ABC;\r\n", ""));
        assert_eq!(edited(&card("FN:x"), Field::Department, words("Sales")), card("FN:x\r\nORG:;Sales"));
    }

    #[test]
    fn both_at_once_are_one_new_line() {
        let changes = [
            (Field::Company, words("ABC")),
            (Field::Department, words("Sales")),
            (Field::GivenName, words("a")),
            (Field::Prefix, words("b")),
        ];
        let item = read(&card4("FN:x")).unwrap();
        let text = edit(&item, &[PartEdit::Set { recurrence_id: None, changes: changes.into(), link: None }]).unwrap();
        assert_eq!(text, card4("FN:x\r\nN:;a;;b;\r\nORG:ABC;Sales"));
    }
}
