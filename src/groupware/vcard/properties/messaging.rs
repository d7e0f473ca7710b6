//! IMPP (RFC 6350 §6.4.3, RFC 4770), X-JABBER and its kin ↔ names in messaging services. Apple writes the same name both ways.

use super::list::{self, Listed};
use super::{Source, Target, VcardFault};
use crate::groupware::vcard::line::{Line, escaped_uri};
use crate::groupware::vcard::source::{Entry, Style};
use crate::model::contact::Handle;
use crate::model::{Field, Value};

const NAME: &str = "IMPP";
const SERVICE_TYPES: [&str; 2] = ["X-SERVICE-TYPE", "SERVICE-TYPE"];
/// A property of its own for each service, as it was before IMPP.
const OLD: &[(&str, &str)] = &[
    ("X-AIM", "aim"),
    ("X-GADU-GADU", "gadu-gadu"),
    ("X-GADUGADU", "gadu-gadu"),
    ("X-GOOGLE-TALK", "gtalk"),
    ("X-GROUPWISE", "groupwise"),
    ("X-GTALK", "gtalk"),
    ("X-ICQ", "icq"),
    ("X-JABBER", "xmpp"),
    ("X-MATRIX", "matrix"),
    ("X-MS-IMADDRESS", "other"),
    ("X-MSN", "msn"),
    ("X-QQ", "qq"),
    ("X-SIP", "sip"),
    ("X-SKYPE", "skype"),
    ("X-SKYPE-USERNAME", "skype"),
    ("X-YAHOO", "yahoo"),
];
/// Schemes and service types that have another name.
const ALIASES: &[(&str, &str)] = &[
    ("jabber", "xmpp"),
    ("googletalk", "gtalk"),
    ("google talk", "gtalk"),
    ("ymsgr", "yahoo"),
    ("msnim", "msn"),
    ("sips", "sip"),
    ("im", "other"),
    ("x-apple", "other"),
    ("x-unknown", "other"),
];

impl Listed for Handle {
    fn preferred(&self) -> bool {
        false
    }

    fn prefer(&mut self, _: bool) {}

    fn likeness(&self) -> [String; 2] {
        [self.service.clone(), self.service.clone()]
    }
}

fn service(word: &str) -> String {
    let word = word.trim().to_lowercase();
    ALIASES.iter().find(|(alias, _)| *alias == word).map_or(word, |(_, name)| (*name).to_owned())
}

/// The scheme of a URI and the rest.
fn scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    is_scheme(scheme).then_some((scheme, rest))
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// A value without the escapes that no URI needs.
fn text(entry: &Entry<'_>) -> Option<String> {
    entry.line_of_text().map(|text| text.replace("\\:", ":"))
}

fn handle(_: &Source<'_>, entry: &Entry<'_>) -> Option<Handle> {
    let text = text(entry)?;
    if let Some((_, service)) = OLD.iter().find(|(name, _)| *name == entry.name) {
        return Some(Handle { service: (*service).to_owned(), name: text });
    }
    let said = SERVICE_TYPES.iter().find_map(|name| entry.parameter(name)).map(|word| service(&word)).filter(|word| word != "other");
    let (by_scheme, name) = scheme(&text).map_or((None, text.as_str()), |(scheme, rest)| (Some(service(scheme)), rest));
    let service = said.or(by_scheme).filter(|word| !word.is_empty()).unwrap_or_else(|| "other".to_owned());
    let name = name.trim();
    (!name.is_empty()).then(|| Handle { service, name: name.to_owned() })
}

fn names() -> Vec<&'static str> {
    std::iter::once(NAME).chain(OLD.iter().map(|(name, _)| *name)).collect()
}

pub(super) fn read(source: &Source<'_>) -> Option<Value> {
    Value::handles(list::present(source, &names(), handle).into_iter().map(|one| one.value))
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), VcardFault> {
    let wanted: &[Handle] = match value {
        None => &[],
        Some(Value::Handles(list)) => list,
        Some(_) => return Err(VcardFault::BadField { field: Field::Messaging }),
    };
    let source = target.source;
    let style = source.style;
    let present = list::present(source, &names(), handle);
    let change = |_: &mut Target<'_, '_>, entry: &Entry<'_>, _: &Handle, new: &Handle| {
        let prefix = text(entry).and_then(|text| scheme(&text).map(|(scheme, _)| format!("{scheme}:"))).filter(|_| entry.name == NAME);
        let line = Line::of(entry);
        match prefix {
            Some(prefix) => line.value(prefix + &escaped_uri(&new.name)),
            None => line.text(style, &new.name),
        }
    };
    let new = |_: &mut Target<'_, '_>, new: &Handle| {
        let scheme = match new.service.as_str() {
            "other" => "x-unknown",
            service if is_scheme(service) => service,
            _ => "x-apple",
        };
        let service = match new.service.as_str() {
            "xmpp" => "Jabber",
            "skype" => "Skype",
            service => service,
        };
        let told = (style != Style::V4 && service != "other" || scheme == "x-apple").then_some(service);
        Line::new(NAME).parameter(SERVICE_TYPES[0], told).value(format!("{scheme}:{}", escaped_uri(&new.name)))
    };
    list::write(target, &present, wanted, change, new);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{card, card4, edited, value};
    use super::*;

    fn all(list: &[(&str, &str)]) -> Option<Value> {
        Value::handles(list.iter().map(|(service, name)| Handle { service: (*service).to_owned(), name: (*name).to_owned() }))
    }

    #[test]
    fn every_way_to_name_a_service_is_read() {
        let text = card(
            "IMPP;X-SERVICE-TYPE=Jabber;type=HOME;type=pref:xmpp:jb@x.example\r\nX-JABBER;type=HOME;type=pref:jb@x.example\r\n\
             IMPP;X-SERVICE-TYPE=Skype:skype\\:jane.doe\r\nX-ICQ:123\r\nIMPP;X-SERVICE-TYPE=Other:plain\r\nIMPP:sip:a@b.c\r\nIMPP:x-apple:z",
        );
        let expected =
            all(&[("xmpp", "jb@x.example"), ("skype", "jane.doe"), ("icq", "123"), ("other", "plain"), ("sip", "a@b.c"), ("other", "z")]);
        assert_eq!(value(&text, Field::Messaging), expected);
    }

    #[test]
    fn both_lines_of_one_name_change_and_go_together() {
        let text = card("IMPP;X-SERVICE-TYPE=Jabber;type=pref:xmpp:a@x\r\nX-JABBER;type=pref:a@x\r\nFN:x");
        assert_eq!(edited(&text, Field::Messaging, None), card("FN:x"));
        let written = edited(&text, Field::Messaging, all(&[("xmpp", "b@x")]));
        assert_eq!(written, card("IMPP;X-SERVICE-TYPE=Jabber;type=pref:xmpp:b@x\r\nFN:x"));
    }

    #[test]
    fn new_names_are_uris() {
        let wanted = all(&[("skype", "jane"), ("ms teams", "j\\new, x"), ("other", "o")]);
        edited(&card("FN:x"), Field::Messaging, wanted);
        assert_eq!(edited(&card4("FN:x"), Field::Messaging, all(&[("xmpp", "a@b")])), card4("FN:x\r\nIMPP:xmpp:a@b"));
        assert_eq!(edited(&card("FN:x"), Field::Messaging, all(&[("xmpp", "a@b")])), card("FN:x\r\nIMPP;X-SERVICE-TYPE=Jabber:xmpp:a@b"));
    }
}
