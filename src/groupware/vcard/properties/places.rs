//! ADR (RFC 6350 §6.3.1) ↔ postal addresses. Of several of a kind the first is ours.
//!
//! The extended address, which should be empty, is read as a further line of the street. A country is compared by its code and written by its
//! name.

use super::emails::{kind, kind_types};
use super::list::{self, Listed, Present};
use super::{Source, Target, VcardFault};
use crate::groupware::lines::{tidy_lines, unescape};
use crate::groupware::vcard::country;
use crate::groupware::vcard::line::{Line, escaped};
use crate::groupware::vcard::source::{Entry, part};
use crate::model::contact::Place;
use crate::model::{Field, Value};

const NAME: &str = "ADR";
const PARTS: usize = 7;
/// What a line says of the address in other words, which would contradict it once it changed (RFC 6350 §6.3.1, RFC 9554 §4).
const OTHER_WORDS: [&str; 3] = ["LABEL", "GEO", "TZ"];
/// Apple's note of the country whose form the address has, in the same group.
const FORM: &str = "X-ABADR";

impl Listed for Place {
    fn preferred(&self) -> bool {
        false
    }

    fn prefer(&mut self, _: bool) {}

    fn likeness(&self) -> [String; 2] {
        [self.kind.clone(), self.kind.clone()]
    }
}

/// Street with its further lines.
fn street(parts: &[String]) -> String {
    let lines = |at: usize| parts.get(at).map(|raw| tidy_lines(&unescape(raw))).unwrap_or_default();
    let (street, further) = (lines(2), lines(1));
    let all = street.lines().chain(further.lines()).map(str::trim).filter(|line| !line.is_empty());
    all.collect::<Vec<_>>().join("\n")
}

fn place(source: &Source<'_>, entry: &Entry<'_>) -> Option<Place> {
    let parts = entry.parts();
    let at = |at: usize| parts.get(at).and_then(|raw| part(source.style, raw, ", ")).unwrap_or_default();
    let place = Place {
        kind: kind(source, entry),
        street: street(&parts),
        post_box: at(0),
        postal_code: at(5),
        locality: at(3),
        region: at(4),
        country: country::code(&at(6)),
    };
    let says = [&place.street, &place.post_box, &place.postal_code, &place.locality, &place.region, &place.country];
    says.iter().any(|part| !part.is_empty()).then_some(place)
}

fn present<'a, 's>(source: &'a Source<'s>) -> Vec<Present<'a, 's, Place>> {
    let mut kinds = std::collections::BTreeSet::new();
    let all = list::present(source, &[NAME], place).into_iter();
    all.filter(|one| kinds.insert(one.value.kind.clone())).collect()
}

pub(super) fn read(source: &Source<'_>) -> Option<Value> {
    Value::places(present(source).into_iter().map(|one| one.value))
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), VcardFault> {
    let wanted: &[Place] = match value {
        None => &[],
        Some(Value::Places(list)) => list,
        Some(_) => return Err(VcardFault::BadField { field: Field::Places }),
    };
    let source = target.source;
    let style = source.style;
    let present = present(source);
    let value = |mut parts: Vec<String>, old: &Place, new: &Place| {
        if parts.len() < PARTS {
            parts.resize(PARTS, String::new());
        }
        let mut set = |at: usize, text: &str| {
            if let Some(part) = parts.get_mut(at) {
                *part = escaped(style, text);
            }
        };
        for (at, old, new) in [
            (0, &old.post_box, &new.post_box),
            (3, &old.locality, &new.locality),
            (4, &old.region, &new.region),
            (5, &old.postal_code, &new.postal_code),
        ] {
            if old != new {
                set(at, new);
            }
        }
        if old.country != new.country {
            set(6, country::name(&new.country));
        }
        if old.street != new.street {
            set(1, "");
            set(2, &new.street);
            // RFC 9554 says the street once more in parts behind the seven.
            parts.truncate(PARTS);
        }
        parts.join(";")
    };
    let change = |target: &mut Target<'_, '_>, entry: &Entry<'_>, old: &Place, new: &Place| {
        if old.country != new.country
            && let Some(form) = source.about(entry, FORM)
        {
            if new.country.len() == 2 {
                target.change(form, Line::of(form).value(new.country.to_ascii_lowercase()));
            } else {
                target.editor.remove(form.line());
            }
        }
        let line = OTHER_WORDS.iter().fold(Line::of(entry), |line, name| line.parameter(name, None));
        line.value(value(entry.parts(), old, new))
    };
    let new = |_: &mut Target<'_, '_>, new: &Place| {
        Line::new(NAME).types(style, &[], kind_types(&new.kind)).value(value(Vec::new(), &Place::default(), new))
    };
    list::write(target, &present, wanted, change, new);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{card, card4, card21, edited, try_edit, value};
    use super::*;

    fn at(kind: &str, street: &str, locality: &str, country: &str) -> Place {
        let own = str::to_owned;
        Place { kind: own(kind), street: own(street), locality: own(locality), country: own(country), ..Place::default() }
    }

    fn all(list: &[Place]) -> Option<Value> {
        Value::places(list.iter().cloned())
    }

    #[test]
    fn r92_parts_kind_and_country_are_read() {
        let text = card(
            "item1.ADR;type=WORK;type=pref:PF 12;2. OG;Hauptstr. 1\\nHinterhaus;Stuttgart;BW;70173;Germany\r\nitem1.X-ABADR:de\r\nADR;TYPE=HOME:;;;Wien;;;Österreich",
        );
        let work = Place {
            post_box: "PF 12".to_owned(),
            postal_code: "70173".to_owned(),
            region: "BW".to_owned(),
            ..at("work", "Hauptstr. 1\nHinterhaus\n2. OG", "Stuttgart", "DE")
        };
        assert_eq!(value(&text, Field::Places), all(&[work, at("home", "", "Wien", "AT")]));
        assert_eq!(value(&card("ADR;TYPE=HOME:;;;;;;"), Field::Places), None);
        let wrapped = card21("ADR;WORK;ENCODING=QUOTED-PRINTABLE:;;M=FChlweg;Ulm");
        assert_eq!(value(&wrapped, Field::Places), all(&[at("work", "Mühlweg", "Ulm", "")]));
    }

    #[test]
    fn parts_that_stay_keep_their_spelling_and_other_addresses_stay_whole() {
        let text = card4("ADR;LABEL=\"x\";TYPE=work:;;Hauptstr. 1;Stuttgart;;70173;GERMANY\r\nADR;TYPE=work:;;second;;;;\r\nFN:x");
        let mut wanted = at("work", "Hauptstr. 1", "Ulm", "DE");
        wanted.postal_code = "89073".to_owned();
        let written = edited(&text, Field::Places, all(&[wanted.clone()]));
        assert_eq!(written, card4("ADR;TYPE=work:;;Hauptstr. 1;Ulm;;89073;GERMANY\r\nADR;TYPE=work:;;second;;;;\r\nFN:x"));
        let emptied = try_edit(&written, Field::Places, None).unwrap();
        assert_eq!(emptied, card4("ADR;TYPE=work:;;second;;;;\r\nFN:x"));
    }

    #[test]
    fn a_country_is_written_by_its_name_and_its_form_follows() {
        let text = card("item1.ADR;type=WORK:;;a;b;;;Germany\r\nitem1.X-ABADR:de\r\nitem1.X-ABLabel:Büro");
        let written = edited(&text, Field::Places, all(&[at("work", "a\nb; c", "b", "NL")]));
        assert_eq!(written, card("item1.ADR;type=WORK:;;a\\nb\\; c;b;;;Nederland\r\nitem1.X-ABADR:nl\r\nitem1.X-ABLabel:Büro"));
        assert_eq!(
            edited(&card("FN:x"), Field::Places, all(&[at("home", "", "b", "AT")])),
            card("FN:x\r\nADR;TYPE=HOME:;;;b;;;Österreich")
        );
        assert_eq!(edited(&text, Field::Places, None), card("X").replace("X\r\n", ""));
        edited(&card21("FN:x"), Field::Places, all(&[at("home", "Mühlweg 1\nHof", "Ulm", "DE")]));
    }
}
