//! TEL (RFC 6350 §6.4.1) ↔ telephone numbers by kind, spelt as their user spelt them.

use super::list::{self, Listed};
use super::{Source, Target, VcardFault};
use crate::groupware::vcard::line::Line;
use crate::groupware::vcard::source::{Entry, Style};
use crate::model::contact::{PHONE_KINDS, Phone};
use crate::model::{Field, Value};

const NAME: &str = "TEL";
/// Words of TYPE that make the kind. What else stands there (`pref`, `msg`, `text`) stays.
const KIND_WORDS: [&str; 15] = [
    "work",
    "home",
    "cell",
    "mobile",
    "iphone",
    "fax",
    "pager",
    "car",
    "main",
    "main-number",
    "assistant",
    "x-assistant",
    "x-evolution-assistant",
    "voice",
    "other",
];

impl Listed for Phone {
    fn preferred(&self) -> bool {
        self.preferred
    }

    fn prefer(&mut self, preferred: bool) {
        self.preferred = preferred;
    }

    fn likeness(&self) -> [String; 2] {
        [self.digits(), self.kind.clone()]
    }
}

fn kind(source: &Source<'_>, entry: &Entry<'_>) -> &'static str {
    if let Some(label) = source.label(entry).filter(|label| PHONE_KINDS.contains(label)) {
        return label;
    }
    let types = entry.types();
    let has = |words: &[&str]| words.iter().any(|word| types.contains(*word));
    if has(&["fax"]) {
        // A fax of no place stands in the office.
        if has(&["home"]) { "home-fax" } else { "work-fax" }
    } else if has(&["pager"]) {
        "pager"
    } else if has(&["car"]) {
        "car"
    } else if has(&["main", "main-number"]) {
        "main"
    } else if has(&["assistant", "x-assistant", "x-evolution-assistant"]) {
        "assistant"
    } else if has(&["cell", "mobile", "iphone"]) {
        if has(&["work"]) { "work-mobile" } else { "mobile" }
    } else if has(&["work"]) {
        "work"
    } else if has(&["home"]) {
        "home"
    } else {
        "other"
    }
}

fn types_of(kind: &str) -> &'static [&'static str] {
    match kind {
        "work" => &["work", "voice"],
        "home" => &["home", "voice"],
        "mobile" => &["cell"],
        "work-mobile" => &["work", "cell"],
        "work-fax" => &["work", "fax"],
        "home-fax" => &["home", "fax"],
        "pager" => &["pager"],
        "main" => &["main"],
        "car" => &["car"],
        "assistant" => &["x-assistant"],
        _ => &["voice"],
    }
}

/// The `tel:` of a value, if it is a URI (RFC 3966).
fn uri(text: &str) -> Option<&str> {
    let scheme = "tel:";
    text.get(..scheme.len()).filter(|head| head.eq_ignore_ascii_case(scheme)).and_then(|_| text.get(scheme.len()..))
}

fn phone(source: &Source<'_>, entry: &Entry<'_>) -> Option<Phone> {
    let text = entry.line_of_text()?;
    let number = match uri(&text) {
        None => text,
        Some(uri) => {
            let mut pieces = uri.split(';');
            let number = pieces.next().unwrap_or_default().replace("%20", " ");
            let extension = pieces.find_map(|piece| piece.split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case("ext")));
            extension.map_or(number.clone(), |(_, extension)| format!("{number},{extension}"))
        }
    };
    (!number.trim().is_empty()).then(|| Phone { kind: kind(source, entry).to_owned(), number, preferred: false })
}

pub(super) fn read(source: &Source<'_>) -> Option<Value> {
    Value::phones(list::present(source, &[NAME], phone).into_iter().map(|one| one.value))
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), VcardFault> {
    let wanted: &[Phone] = match value {
        None => &[],
        Some(Value::Phones(list)) => list,
        Some(_) => return Err(VcardFault::BadField { field: Field::Phones }),
    };
    let source = target.source;
    let style = source.style;
    let present = list::present(source, &[NAME], phone);
    let change = |target: &mut Target<'_, '_>, entry: &Entry<'_>, old: &Phone, new: &Phone| {
        let mut line = Line::of(entry);
        if old.digits() != new.digits() {
            line = match uri(&entry.text()).and_then(|_| uri_of(&new.number)) {
                Some(uri) => line.value(uri),
                None => line.parameter("VALUE", None).text(style, &new.number),
            };
        }
        if old.kind != new.kind {
            target.remove_label(entry);
            line = line.types(style, &KIND_WORDS, types_of(&new.kind));
        }
        line
    };
    let new = |_: &mut Target<'_, '_>, new: &Phone| Line::new(NAME).types(style, &[], new_types(style, &new.kind)).text(style, &new.number);
    list::write(target, &present, wanted, change, new);
    Ok(())
}

fn new_types(style: Style, kind: &str) -> &'static [&'static str] {
    match (style, kind) {
        // Registered for 4.0 by RFC 7852; Apple writes the other.
        (Style::V4, "main") => &["main-number"],
        (_, kind) => types_of(kind),
    }
}

/// A number as URI, where it can be one.
fn uri_of(number: &str) -> Option<String> {
    let (number, extension) =
        number.split_once(',').map_or((number, None), |(number, extension)| (number, Some(extension.trim_matches(','))));
    let plain: String = number.trim().chars().map(|c| if c == ' ' { '-' } else { c }).collect();
    let fits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || "+-.()".contains(c));
    let extension = match extension {
        None => String::new(),
        Some(extension) if fits(extension) => format!(";ext={extension}"),
        Some(_) => return None,
    };
    fits(&plain).then(|| format!("tel:{plain}{extension}"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{card, card4, card21, edited, value};
    use super::*;

    fn phone(kind: &str, number: &str) -> Phone {
        Phone { kind: kind.to_owned(), number: number.to_owned(), preferred: false }
    }

    fn all(list: &[Phone]) -> Option<Value> {
        Value::phones(list.iter().cloned())
    }

    fn read_kind(text: &str) -> String {
        match value(text, Field::Phones) {
            Some(Value::Phones(list)) => list[0].kind.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn r92_every_kind_is_read_however_it_is_said() {
        for (line, kind) in [
            ("TEL;TYPE=WORK,VOICE:1", "work"),
            ("TEL;type=HOME;type=pref:1", "home"),
            ("TEL;TYPE=\"work,cell\":1", "work-mobile"),
            ("TEL;TYPE=cell:1", "mobile"),
            ("TEL;type=IPHONE;type=CELL:1", "mobile"),
            ("TEL;TYPE=FAX:1", "work-fax"),
            ("TEL;TYPE=HOME,FAX:1", "home-fax"),
            ("TEL;TYPE=PAGER:1", "pager"),
            ("TEL;TYPE=MAIN:1", "main"),
            ("TEL;TYPE=CAR,VOICE:1", "car"),
            ("TEL;TYPE=X-ASSISTANT:1", "assistant"),
            ("TEL:1", "other"),
            ("ITEM1.TEL:1\r\nITEM1.X-ABLABEL:_$!<HomeFAX>!$_", "home-fax"),
            ("item1.TEL;TYPE=CELL:1\r\nitem1.X-ABLabel:Ferienhaus", "mobile"),
        ] {
            assert_eq!(read_kind(&card(line)), kind, "{line}");
        }
        assert_eq!(read_kind(&card21("TEL;WORK;VOICE:1")), "work");
    }

    #[test]
    fn every_kind_that_is_written_is_read_again() {
        for kind in PHONE_KINDS {
            for text in [card("FN:x"), card4("FN:x"), card21("FN:x")] {
                edited(&text, Field::Phones, all(&[phone(kind, "+49 711 123-45")]));
            }
        }
    }

    #[test]
    fn another_spelling_of_the_same_number_is_no_change() {
        let text = card("TEL;TYPE=WORK:+49 (0)711 / 12345\r\nX-A:1");
        assert_eq!(edited(&text, Field::Phones, all(&[phone("work", "004971112345")])), text);
        let written = edited(&text, Field::Phones, all(&[phone("work", "+49 711 999"), phone("mobile", "0170;1")]));
        assert_eq!(written, card("TEL;TYPE=WORK:+49 711 999\r\nX-A:1\r\nTEL;TYPE=CELL:0170\\;1"));
    }

    #[test]
    fn uris_stay_uris_where_they_can() {
        let text = card4("TEL;VALUE=uri;TYPE=\"work,voice\";PREF=1:tel:+1-555-555-5555;ext=55");
        let Some(Value::Phones(list)) = value(&text, Field::Phones) else { panic!() };
        assert_eq!((list[0].number.as_str(), list[0].preferred), ("+1-555-555-5555,55", true));
        let preferred = |number: &str| all(&[Phone { preferred: true, ..phone("work", number) }]);
        let written = edited(&text, Field::Phones, preferred("+49 711 9"));
        assert_eq!(written, card4("TEL;VALUE=uri;TYPE=\"work,voice\";PREF=1:tel:+49-711-9"));
        assert_eq!(edited(&text, Field::Phones, preferred("Zentrale")), card4("TEL;TYPE=\"work,voice\";PREF=1:Zentrale"));
        let moved = edited(&text, Field::Phones, all(&[phone("home-fax", "+1 555 555 5555")]));
        assert_eq!(moved, card4("TEL;VALUE=uri;TYPE=home,fax:tel:+1-555-555-5555;ext=55"));
    }
}
