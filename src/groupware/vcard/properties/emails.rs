//! EMAIL (RFC 6350 §6.4.2) ↔ mail addresses, with their kind, preference and display name.
//!
//! The display name stands in the parameter `X-DISPLAY-NAME`; `CN`, `X-CN` and the form `Jane Doe <jane@example.org>` are read as well.

use super::list::{self, Listed};
use super::{Source, Target, VcardFault};
use crate::groupware::vcard::line::{Line, escaped};
use crate::groupware::vcard::source::{Entry, Style};
use crate::model::contact::ContactAddress;
use crate::model::{Field, Value};

const NAME: &str = "EMAIL";
const DISPLAY_NAME: &str = "X-DISPLAY-NAME";
const OTHER_DISPLAY_NAMES: [&str; 2] = ["CN", "X-CN"];
const KINDS: [&str; 2] = ["work", "home"];

impl Listed for ContactAddress {
    fn preferred(&self) -> bool {
        self.preferred
    }

    fn prefer(&mut self, preferred: bool) {
        self.preferred = preferred;
    }

    fn likeness(&self) -> [String; 2] {
        [self.address.clone(), self.kind.clone()]
    }
}

/// `work`, `home` or `other`, by label and type.
pub(super) fn kind(source: &Source<'_>, entry: &Entry<'_>) -> String {
    let types = entry.types();
    let by_label = source.label(entry).filter(|label| KINDS.contains(label) || *label == "other");
    let by_type = || KINDS.iter().find(|kind| types.contains(**kind)).copied();
    by_label.or_else(by_type).unwrap_or("other").to_owned()
}

fn address(source: &Source<'_>, entry: &Entry<'_>) -> Option<ContactAddress> {
    let text = entry.line_of_text()?;
    let in_brackets = text.strip_suffix('>').and_then(|text| text.rsplit_once('<'));
    let (name, address) = in_brackets.map_or(("", text.as_str()), |(name, address)| (name.trim().trim_matches('"'), address));
    let scheme = "mailto:";
    let bare = match address.get(..scheme.len()) {
        Some(head) if head.eq_ignore_ascii_case(scheme) => address.get(scheme.len()..).unwrap_or_default(),
        _ => address,
    };
    let names = std::iter::once(DISPLAY_NAME).chain(OTHER_DISPLAY_NAMES);
    let given = names.filter_map(|name| entry.parameter(name)).map(|name| name.trim().to_owned()).find(|name| !name.is_empty());
    let address = bare.trim().to_lowercase();
    (!address.is_empty()).then(|| ContactAddress {
        address,
        kind: kind(source, entry),
        name: given.unwrap_or_else(|| name.to_owned()),
        preferred: false,
    })
}

pub(super) fn read(source: &Source<'_>) -> Option<Value> {
    Value::addresses(list::present(source, &[NAME], address).into_iter().map(|one| one.value))
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), VcardFault> {
    let wanted: &[ContactAddress] = match value {
        None => &[],
        Some(Value::Addresses(list)) => list,
        Some(_) => return Err(VcardFault::BadField { field: Field::Emails }),
    };
    let source = target.source;
    let style = source.style;
    let present = list::present(source, &[NAME], address);
    let named = |line: Line, name: &str| line.parameter(DISPLAY_NAME, Some(name).filter(|name| !name.is_empty()));
    let change = |target: &mut Target<'_, '_>, entry: &Entry<'_>, old: &ContactAddress, new: &ContactAddress| {
        let mut line = Line::of(entry);
        if old.address != new.address || old.name != new.name {
            line = line.text(style, &new.address);
        }
        if old.name != new.name {
            line = OTHER_DISPLAY_NAMES.iter().fold(named(line, &new.name), |line, name| line.parameter(name, None));
        }
        if old.kind != new.kind {
            target.remove_label(entry);
            line = line.types(style, &KINDS, kind_types(&new.kind));
        }
        line
    };
    let new = |_: &mut Target<'_, '_>, new: &ContactAddress| {
        let internet: &[&str] = if style == Style::V4 { &[] } else { &["internet"] };
        let line = Line::new(NAME).types(style, &[], internet).types(style, &[], kind_types(&new.kind));
        named(line, &new.name).value(escaped(style, &new.address))
    };
    list::write(target, &present, wanted, change, new);
    Ok(())
}

/// The words of TYPE for `work`, `home` and `other`.
pub(super) fn kind_types(kind: &str) -> &'static [&'static str] {
    match kind {
        "work" => &["work"],
        "home" => &["home"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{card, card4, card21, edited, value};
    use super::*;

    fn address(address: &str, kind: &str, name: &str, preferred: bool) -> ContactAddress {
        ContactAddress { address: address.to_owned(), kind: kind.to_owned(), name: name.to_owned(), preferred }
    }

    fn all(list: &[ContactAddress]) -> Option<Value> {
        Value::addresses(list.iter().cloned())
    }

    #[test]
    fn r92_addresses_have_kind_name_and_preference() {
        let text = card(
            "EMAIL;TYPE=INTERNET,WORK:Jane@Example.org\r\nEMAIL;type=INTERNET;type=HOME;type=pref;X-DISPLAY-NAME=\"Doe, Jane\":j@home.example\r\n\
             item1.EMAIL;TYPE=INTERNET:Jane Doe <x@y.example>\r\nitem1.X-ABLabel:Büro\r\nEMAIL:",
        );
        let expected = [
            address("jane@example.org", "work", "", false),
            address("j@home.example", "home", "Doe, Jane", true),
            address("x@y.example", "work", "Jane Doe", false),
        ];
        assert_eq!(value(&text, Field::Emails), all(&expected));
        assert_eq!(value(&card21("EMAIL;INTERNET;HOME;PREF:a@b.c"), Field::Emails), all(&[address("a@b.c", "home", "", true)]));
        let four = card4("EMAIL;PREF=2:a@b.c\r\nEMAIL;PREF=1;TYPE=work:mailto:d@e.f");
        assert_eq!(value(&four, Field::Emails), all(&[address("a@b.c", "other", "", false), address("d@e.f", "work", "", true)]));
    }

    #[test]
    fn only_what_differs_is_written() {
        let text = card("EMAIL;TYPE=INTERNET,WORK,pref:Jane@Example.org\r\nX-A:1\r\nEMAIL;X-P=1;TYPE=HOME:j@home.example");
        let work = address("jane@example.org", "work", "", true);
        let written = edited(&text, Field::Emails, all(&[work.clone(), address("new@home.example", "home", "", false)]));
        assert_eq!(written, card("EMAIL;TYPE=INTERNET,WORK,pref:Jane@Example.org\r\nX-A:1\r\nEMAIL;X-P=1;TYPE=HOME:new@home.example"));
        let added = edited(
            &text,
            Field::Emails,
            all(&[work, address("j@home.example", "home", "", false), address("o@x.y", "other", "O, o", false)]),
        );
        assert_eq!(added.replace("\r\n ", ""), text.replace("END:", "EMAIL;TYPE=INTERNET;X-DISPLAY-NAME=\"O, o\":o@x.y\r\nEND:"));
        assert_eq!(edited(&text, Field::Emails, None), card("X-A:1"));
    }

    #[test]
    fn the_preference_moves_alone() {
        let text = card4("EMAIL;PREF=1:a@b.c\r\nEMAIL;PREF=2:d@e.f\r\nEMAIL:g@h.i");
        let list = |preferred: &str| all(&["a@b.c", "d@e.f", "g@h.i"].map(|one| address(one, "other", "", one == preferred)));
        assert_eq!(edited(&text, Field::Emails, list("g@h.i")), card4("EMAIL:a@b.c\r\nEMAIL:d@e.f\r\nEMAIL;PREF=1:g@h.i"));
        assert_eq!(edited(&text, Field::Emails, list("")), card4("EMAIL:a@b.c\r\nEMAIL:d@e.f\r\nEMAIL:g@h.i"));
        let old = card21("EMAIL;INTERNET:a@b.c");
        assert_eq!(edited(&old, Field::Emails, all(&[address("a@b.c", "other", "", true)])), card21("EMAIL;INTERNET;PREF:a@b.c"));
    }

    #[test]
    fn another_kind_takes_the_label_away() {
        let text = card("item1.EMAIL;TYPE=INTERNET:a@b.c\r\nitem1.X-ABLabel:Büro\r\nFN:x");
        assert_eq!(
            edited(&text, Field::Emails, all(&[address("a@b.c", "home", "", false)])),
            card("item1.EMAIL;TYPE=INTERNET,HOME:a@b.c\r\nFN:x")
        );
        assert_eq!(edited(&text, Field::Emails, None), card("FN:x"));
    }
}
