//! Where an online meeting takes place ↔ meeting link.
//!
//! A property that says so comes first; else the first address of a known service in URL, LOCATION or the text counts. Such a one can be
//! read but not taken out, because it is part of another field; a new one goes into CONFERENCE (RFC 7986 §5.11).

use super::{IcalFault, Source, Target, note};
use crate::groupware::lines::unescape;
use crate::model::{Field, Value};

/// Properties whose value is the address: Exchange and Teams, Google.
const PROPERTIES: [&str; 5] = [
    "X-MICROSOFT-SKYPETEAMSMEETINGURL",
    "X-GOOGLE-CONFERENCE",
    "CONFERENCE",
    "X-MICROSOFT-ONLINEMEETINGCONFLINK",
    "X-MICROSOFT-ONLINEMEETINGEXTERNALLINK",
];
/// Hosts of services, with everything below them.
const HOSTS: [&str; 8] =
    ["teams.microsoft.com", "teams.live.com", "zoom.us", "zoom.com", "meet.google.com", "webex.com", "gotomeeting.com", "meet.jit.si"];

fn is_address(value: &str) -> bool {
    value.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
}

fn told(source: &Source<'_>) -> Option<String> {
    PROPERTIES.iter().find_map(|name| {
        let lines = source.document.properties(source.component, name);
        let mut values = lines.map(|property| property.value().trim().replace("\\,", ",").replace("\\;", ";"));
        values.find(|value| is_address(value))
    })
}

fn link(source: &Source<'_>) -> Option<String> {
    told(source).or_else(|| {
        ["URL", "LOCATION", "DESCRIPTION"].iter().find_map(|name| {
            let property = source.first(name)?;
            let value = property.value();
            // Escapes are looked at only where there is an address at all.
            let value = if value.contains("https://") { unescape(value) } else { return None };
            first_address(&note::without_block(&value))
        })
    })
}

/// The first address of a known service in a text.
fn first_address(text: &str) -> Option<String> {
    text.match_indices("https://").find_map(|(at, _)| {
        let rest = text.get(at..)?;
        let end = rest.find(|c: char| c.is_whitespace() || c.is_control() || "<>\"|\\^`{}".contains(c)).unwrap_or(rest.len());
        let address = rest.get(..end)?.trim_end_matches(['.', ',', ';', ')', ']', '\'']);
        let host = address.get(8..)?.split(['/', '?', '#', ':']).next()?.to_ascii_lowercase();
        let known = |service: &&str| host.strip_suffix(*service).is_some_and(|below| below.is_empty() || below.ends_with('.'));
        HOSTS.iter().any(known).then(|| address.to_owned())
    })
}

pub(super) fn read(source: &Source<'_>) -> Result<Option<Value>, IcalFault> {
    Ok(link(source).map(Value::Text))
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), IcalFault> {
    let wanted = super::text(Field::MeetingLink, value)?;
    if wanted == link(&target.source).as_deref() {
        return Ok(());
    }
    let lines: Vec<_> = PROPERTIES
        .iter()
        .flat_map(|name| target.source.document.properties(target.source.component, name).collect::<Vec<_>>())
        .filter(|property| is_address(property.value().trim()))
        .collect();
    let Some(wanted) = wanted else {
        for property in &lines {
            target.editor.remove(property.line);
        }
        return Ok(());
    };
    if !is_address(wanted) || wanted.chars().any(char::is_control) {
        return Err(IcalFault::BadField { field: Field::MeetingLink });
    }
    match lines.split_first() {
        Some((first, further)) => {
            target.editor.replace(first.line, first.with(&[], wanted));
            for property in further {
                target.editor.remove(property.line);
            }
        }
        None => target.add(&format!("CONFERENCE;VALUE=URI:{wanted}")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{edited, event, refused, value};
    use crate::model::{Field, Value};

    fn text(link: &str) -> Option<Value> {
        Some(Value::Text(link.to_owned()))
    }

    #[test]
    fn properties_come_before_texts() {
        let lines = "DESCRIPTION:https://zoom.us/j/1\r\nCONFERENCE;VALUE=URI:tel:+49\r\nX-GOOGLE-CONFERENCE:https://meet.google.com/abc";
        assert_eq!(value(&event(lines), Field::MeetingLink), text("https://meet.google.com/abc"));
        assert_eq!(
            value(&event("CONFERENCE;FEATURE=VIDEO:https://video.example.org/a\\,b"), Field::MeetingLink),
            text("https://video.example.org/a,b")
        );
    }

    #[test]
    fn known_services_are_found_in_texts() {
        for (lines, link) in [
            (
                "DESCRIPTION:Ort: https://example.org/ \\nhttps://eu.zoom.us/j/1?pwd=a\\,b\\nBis bald",
                Some("https://eu.zoom.us/j/1?pwd=a,b"),
            ),
            ("LOCATION:<https://teams.microsoft.com/l/meetup-join/19%3a>", Some("https://teams.microsoft.com/l/meetup-join/19%3a")),
            ("URL:https://acme.webex.com/meet/x", Some("https://acme.webex.com/meet/x")),
            ("DESCRIPTION:https://notzoom.us/j/1", None),
            ("DESCRIPTION:https://evil.example/zoom.us", None),
        ] {
            assert_eq!(value(&event(lines), Field::MeetingLink), link.and_then(text), "{lines}");
        }
    }

    #[test]
    fn the_link_of_the_crm_is_none() {
        let lines = "DESCRIPTION:[crmsync 1]\\nhttps://zoom.us/crm\\n[/crmsync]";
        assert_eq!(value(&event(lines), Field::MeetingLink), None);
    }

    #[test]
    fn is_written_where_it_was_read() {
        let written = edited(&event("X-GOOGLE-CONFERENCE:https://meet.google.com/abc"), Field::MeetingLink, text("https://a.b/c"));
        assert_eq!(written, event("X-GOOGLE-CONFERENCE:https://a.b/c"));
        assert_eq!(edited(&written, Field::MeetingLink, None), event(""));
        assert_eq!(
            edited(&event("X-A:1"), Field::MeetingLink, text("https://a.b/c")),
            event("X-A:1\r\nCONFERENCE;VALUE=URI:https://a.b/c")
        );
        refused(&event("X-A:1"), Field::MeetingLink, text("javascript:alert(1)"));
    }
}
