//! Header fields of a mail into model types. mail-parser reads addresses, dates and identifiers, after [`words::repair`] made the
//! values sound, and what it cannot read is read here.

use chrono::{DateTime, Datelike as _, FixedOffset, NaiveDate};
use mail_parser::parsers::MessageStream;
use mail_parser::{Addr, Address, HeaderValue};

use super::walker::Header;
use super::words;
use crate::model::{MailAddress, Sensitivity};

/// Most addresses of one field, and most identifiers of `References`.
const MAX_ADDRESSES: usize = 2_000;
const MAX_REFERENCES: usize = 500;
/// Longest subject and display name in bytes.
const MAX_TEXT: usize = 8 * 1024;

/// Reads fields and notes what is wrong with them.
pub(super) struct Fields<'a> {
    header: &'a Header,
    /// A character set the mail declares elsewhere, for raw 8-bit text.
    hint: Option<String>,
    pub(super) defects: Vec<String>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(header: &'a Header) -> Self {
        let hint = header.first("content-type").and_then(|raw| super::params::Parametrised::parse(raw).text("charset", None));
        Self { header, hint, defects: Vec::new() }
    }

    /// The first field of a name that may stand once.
    fn single(&mut self, name: &str) -> Option<&'a [u8]> {
        let header = self.header;
        let mut found = header.fields.iter().filter(|field| field.name == name).map(|field| field.value.as_slice());
        let first = found.next();
        if found.any(|other| Some(other.trim_ascii()) != first.map(<[u8]>::trim_ascii)) {
            self.defects.push(format!("several {} fields; the first one is taken", title(name)));
        }
        first
    }

    pub(super) fn subject(&mut self) -> String {
        let subject = self.single("subject").map(|raw| words::decode_text(raw, self.hint.as_deref())).unwrap_or_default();
        cut(subject, MAX_TEXT)
    }

    /// One address, for `Sender`.
    pub(super) fn address(&mut self, name: &str) -> Option<MailAddress> {
        self.addresses(name).into_iter().next()
    }

    /// Every address of the first field of this name.
    pub(super) fn addresses(&mut self, name: &str) -> Vec<MailAddress> {
        let first = self.single(name);
        self.read(name, first.into_iter().collect())
    }

    /// Every address of every field of this name: recipients of a second field received the mail too.
    pub(super) fn recipients(&mut self, name: &str) -> Vec<MailAddress> {
        let fields: Vec<&[u8]> = self.header.all(name).collect();
        if fields.len() > 1 {
            self.defects.push(format!("several {} fields; all are read", title(name)));
        }
        self.read(name, fields)
    }

    fn read(&mut self, name: &str, fields: Vec<&[u8]>) -> Vec<MailAddress> {
        let mut addresses = Vec::new();
        for raw in fields {
            let value = words::repair(raw, self.hint.as_deref());
            let found = addresses_of(&value);
            if found.is_empty() && !is_empty_list(&value) {
                self.defects.push(format!("no address can be read in {}", title(name)));
            }
            addresses.extend(found);
        }
        if addresses.len() > MAX_ADDRESSES {
            self.defects.push(format!("{} has more than {MAX_ADDRESSES} addresses; the rest is left out", title(name)));
            addresses.truncate(MAX_ADDRESSES);
        }
        addresses
    }

    pub(super) fn date(&mut self) -> Option<DateTime<FixedOffset>> {
        let raw = self.single("date")?;
        let text = words::repair(raw, None);
        let date = date_of(&text);
        if date.is_none() {
            self.defects.push(if text.trim().is_empty() { "Date is empty".into() } else { "Date cannot be read".into() });
        }
        date
    }

    pub(super) fn message_id(&mut self) -> Option<String> {
        let raw = self.single("message-id")?;
        ids_of(raw).into_iter().next()
    }

    pub(super) fn ids(&mut self, name: &str) -> Vec<String> {
        let mut ids: Vec<String> = self.header.all(name).flat_map(ids_of).collect();
        ids.truncate(MAX_REFERENCES);
        ids
    }

    pub(super) fn sensitivity(&mut self) -> Sensitivity {
        let value = self.single("sensitivity").map(|raw| words::decode_text(raw, None).to_ascii_lowercase());
        match value.as_deref() {
            Some("personal") => Sensitivity::Personal,
            Some("private") => Sensitivity::Private,
            Some("company-confidential" | "confidential") => Sensitivity::CompanyConfidential,
            _ => Sensitivity::Normal,
        }
    }
}

fn title(name: &str) -> String {
    name.split('-').map(|word| if word == "id" { "ID".to_owned() } else { capital(word) }).collect::<Vec<_>>().join("-")
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}

/// At most `limit` bytes, cut between characters.
pub(super) fn cut(mut text: String, limit: usize) -> String {
    text.truncate(text.floor_char_boundary(limit));
    text
}

/// Groups without members (`undisclosed-recipients:;`) and empty fields are sound.
fn is_empty_list(value: &str) -> bool {
    let value = value.trim();
    value.is_empty() || value.ends_with([';', ':']) || matches!(value, "<>" | "\"\"" | ",")
}

fn addresses_of(value: &str) -> Vec<MailAddress> {
    let line = format!("{}\n", value.trim());
    let addresses = match MessageStream::new(line.as_bytes()).parse_address() {
        HeaderValue::Address(Address::List(list)) => list,
        HeaderValue::Address(Address::Group(groups)) => groups.into_iter().flat_map(|group| group.addresses).collect(),
        _ => Vec::new(),
    };
    let mut found = Vec::new();
    // `Müller, Hans <h@example.org>` without quotes reads as a name without address before an address with one.
    let mut before: Vec<String> = Vec::new();
    for address in addresses {
        match mailbox(&address) {
            Ok(mut mailbox) => {
                if let Some(name) = mailbox.name.take() {
                    before.push(name);
                }
                let name = cut(before.join(", "), MAX_TEXT);
                before.clear();
                found.push(MailAddress { name: (!name.is_empty()).then_some(name), address: mailbox.address });
            }
            Err(Some(name)) if before.len() < 3 => before.push(name),
            Err(_) => before.clear(),
        }
    }
    found
}

/// One mailbox; without an address, its name.
fn mailbox(found: &Addr<'_>) -> Result<MailAddress, Option<String>> {
    let name = found.name.as_deref().map(tidy).filter(|name| !name.is_empty());
    let address = found.address.as_deref().unwrap_or_default().trim();
    let (name, address) = match name {
        // `"quoted local part"@example.org`: mail-parser takes the quoted part for a name.
        Some(name) if address.starts_with('@') => (None, format!("\"{name}\"{address}")),
        // An address encoded as a word, or written where only a name was found.
        Some(name) if address.is_empty() => {
            if looks_like_address(&name) {
                (None, name)
            } else {
                return Err(Some(name));
            }
        }
        name => (name, address.to_owned()),
    };
    // `<Saved by Windows Internet Explorer 8>` is no address.
    let is_prose = !address.contains('@') && address.trim().contains(char::is_whitespace);
    let address = if is_prose { String::new() } else { normal_address(&address) };
    if address.is_empty() {
        return Err(name);
    }
    // Many programs repeat the address as its name.
    let name = name.filter(|name| !name.eq_ignore_ascii_case(&address));
    Ok(MailAddress { name, address })
}

fn tidy(name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let name = name.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let name = name.trim();
    // 'Name' in single quotes is an old habit of Outlook.
    let inner = name.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    inner.unwrap_or(name).trim().to_owned()
}

fn looks_like_address(text: &str) -> bool {
    text.rsplit_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && domain.contains('.') && !text.contains(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | ','))
    })
}

/// The address as written, its domain in lower case (of any script; an IDN keeps the form it was written in), without blanks, a
/// source route (RFC 5322 §4.4) or `mailto:`.
fn normal_address(address: &str) -> String {
    let address = address.trim().trim_matches(['<', '>', '\'']);
    let address = match address.strip_prefix('@').and_then(|route| route.split_once(':')) {
        Some((_, address)) => address,
        None => address,
    };
    let address = match address.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => address.get(7..).unwrap_or_default(),
        _ => address,
    };
    let quoted = address.starts_with('"');
    let address: String = address.chars().filter(|c| !c.is_control() && (quoted || !c.is_whitespace())).take(1000).collect();
    match address.rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", domain.trim_end_matches('.').to_lowercase()),
        None => address,
    }
}

/// Message identifiers, without angle brackets, blanks and comments.
pub(super) fn ids_of(raw: &[u8]) -> Vec<String> {
    let line = format!("{}\n", words::to_utf8(raw, None).trim().replace(['\r', '\n'], " "));
    let ids = match MessageStream::new(line.as_bytes()).parse_id() {
        HeaderValue::Text(id) => vec![id],
        HeaderValue::TextList(ids) => ids,
        _ => Vec::new(),
    };
    ids.iter()
        .map(|id| cut(id.chars().filter(|c| !c.is_whitespace() && !c.is_control() && !matches!(c, '<' | '>')).collect(), 1000))
        .filter(|id| !id.is_empty())
        .collect()
}

/// A date of RFC 5322 §3.3 and §4.3, and what is met in its place. `None` when it cannot be or says nothing.
fn date_of(text: &str) -> Option<DateTime<FixedOffset>> {
    let line = format!("{}\n", text.trim());
    let strict = match MessageStream::new(line.as_bytes()).parse_date() {
        HeaderValue::DateTime(date) => {
            let seconds = (i32::from(date.tz_hour) * 60 + i32::from(date.tz_minute)) * 60;
            let seconds = if date.tz_before_gmt { -seconds } else { seconds };
            at(
                i32::from(date.year),
                u32::from(date.month),
                u32::from(date.day),
                [date.hour, date.minute, date.second].map(u32::from),
                seconds,
            )
        }
        _ => None,
    };
    // mail-parser takes a zone name that it does not know for UTC.
    let unsure = strict.is_some_and(|date| date.offset().local_minus_utc() == 0);
    let better = if unsure { loose_date(text) } else { None };
    better.or(strict).or_else(|| loose_date(text)).filter(|date| (1970..=9999).contains(&date.year()))
}

fn at(year: i32, month: u32, day: u32, [hour, minute, second]: [u32; 3], offset: i32) -> Option<DateTime<FixedOffset>> {
    // A leap second is the last one of its minute.
    let time = NaiveDate::from_ymd_opt(year, month, day)?.and_hms_opt(hour, minute, second.min(if second == 60 { 59 } else { second }))?;
    time.and_local_timezone(FixedOffset::east_opt(offset)?).single()
}

/// Reads a date by the look of its words, in any order: day, month name, year, time, zone; also the form of ISO 8601. Without a zone
/// it is taken for UTC, as RFC 5322 §3.3 says of `-0000`.
fn loose_date(text: &str) -> Option<DateTime<FixedOffset>> {
    let text = text.split('(').next().unwrap_or_default().trim();
    if let Ok(date) = DateTime::parse_from_rfc3339(text) {
        return Some(date);
    }
    let (mut day, mut month, mut year, mut time, mut zone) = (None, None, None, None, None);
    for word in text.split([' ', '\t', ',', '-']).filter(|word| !word.is_empty()).take(12) {
        if let Some(number) = MONTHS.iter().position(|name| word.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(name))) {
            month = month.or(u32::try_from(number + 1).ok());
        } else if word.contains(':') && word.starts_with(|c: char| c.is_ascii_digit()) {
            let mut parts = word.split(':').map(|part| part.split('.').next().and_then(|digits| digits.parse::<u32>().ok()));
            time = time.or(Some([parts.next()??, parts.next()??, parts.next().flatten().unwrap_or(0)]));
        } else if let Ok(number) = word.parse::<u32>()
            && !word.starts_with('+')
        {
            if day.is_none() && number <= 31 && word.len() <= 2 {
                day = Some(number);
            } else if year.is_none() {
                year = full_year(number, word.len());
            }
        } else if time.is_some() && zone.is_none() {
            zone = zone_of(word);
        }
    }
    if zone.is_none() {
        // A negative offset was split from its sign.
        zone =
            text.rsplit_once('-').and_then(|(_, digits)| digits_offset(digits.trim())).map(|seconds| -seconds).filter(|_| time.is_some());
    }
    at(year?, month?, day?, time?, zone.unwrap_or(0))
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Two digits are 1950–2049, three are counted from 1900 (RFC 5322 §4.3).
fn full_year(number: u32, digits: usize) -> Option<i32> {
    let number = i32::try_from(number).ok()?;
    match digits {
        2 if number < 50 => Some(2000 + number),
        2 | 3 => Some(1900 + number),
        4 => Some(number),
        _ => None,
    }
}

/// Seconds east of UTC of a zone name or of `+0100`, `+01:00`, `GMT+1`.
fn zone_of(word: &str) -> Option<i32> {
    let hours = match word.to_ascii_uppercase().as_str() {
        "EDT" | "AST" => -4,
        "EST" | "CDT" => -5,
        "CST" | "MDT" => -6,
        "MST" | "PDT" => -7,
        "PST" => -8,
        "MET" | "MEZ" | "CET" | "BST" => 1,
        "MEST" | "MESZ" | "CEST" | "EET" => 2,
        "EEST" | "MSK" => 3,
        "JST" => 9,
        "UT" | "UTC" | "GMT" | "Z" | "WET" => 0,
        _ => return word.rsplit_once('+').and_then(|(_, digits)| digits_offset(digits)),
    };
    Some(hours * 3600)
}

fn digits_offset(digits: &str) -> Option<i32> {
    let digits = digits.replace(':', "");
    if digits.is_empty() || digits.len() > 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i32 = digits.parse().ok()?;
    let (hours, minutes) = if digits.len() <= 2 { (number, 0) } else { (number / 100, number % 100) };
    Some((hours * 60 + minutes) * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &[u8]) -> Vec<(String, String)> {
        addresses_of(&words::repair(value, None)).into_iter().map(|found| (found.name.unwrap_or_default(), found.address)).collect()
    }

    #[test]
    fn addresses_of_every_form_are_read() {
        for (value, expected) in [
            (&b"anna@Example.ORG"[..], &[("", "anna@example.org")][..]),
            (b"Anna Berg <Anna.Berg@EXAMPLE.org>", &[("Anna Berg", "Anna.Berg@example.org")]),
            (b"\"Berg, Anna\" <a@example.org>, b@example.org", &[("Berg, Anna", "a@example.org"), ("", "b@example.org")]),
            ("Müller, Hans <h@example.org>".as_bytes(), &[("Müller, Hans", "h@example.org")]),
            (b"=?utf-8?Q?M=C3=BCller=2C_Hans?= <h@example.org>", &[("Müller, Hans", "h@example.org")]),
            (b"\"=?utf-8?B?TcO8bGxlcg==?=\" <h@example.org>", &[("Müller", "h@example.org")]),
            (b"M\xfcller <h@example.org>", &[("Müller", "h@example.org")]),
            (b"a@example.org (Anna Berg)", &[("Anna Berg", "a@example.org")]),
            (
                b"Team: a@example.org, B <b@example.org>;, c@example.org",
                &[("", "a@example.org"), ("B", "b@example.org"), ("", "c@example.org")],
            ),
            (b"undisclosed-recipients:;", &[]),
            (b"\"anna berg\"@example.org", &[("", "\"anna berg\"@example.org")]),
            (b"<\"anna berg\"@example.org>", &[("", "\"anna berg\"@example.org")]),
            (b"anna@m\xc3\xbcnchen.EXAMPLE", &[("", "anna@münchen.example")]),
            (b"Anna <a@example.org", &[("Anna", "a@example.org")]),
            (b"<@relay.example:a@example.org>", &[("", "a@example.org")]),
            (b"'Anna' <mailto:a@example.org>", &[("Anna", "a@example.org")]),
            (b"=?utf-8?Q?a=40example.org?=", &[("", "a@example.org")]),
            (b"a@example.org <a@example.org>", &[("", "a@example.org")]),
        ] {
            let found = read(value);
            let found: Vec<(&str, &str)> = found.iter().map(|(name, address)| (name.as_str(), address.as_str())).collect();
            assert_eq!(found, expected, "{}", String::from_utf8_lossy(value));
        }
    }

    #[test]
    fn dates_of_every_form_are_read() {
        for (text, expected) in [
            ("Mon, 1 Jan 2024 10:00:00 +0100", "2024-01-01T10:00:00+01:00"),
            ("Mon, 1 Jan 24 10:00 EST", "2024-01-01T10:00:00-05:00"),
            ("1 Jan 2024 10:00:00 -0530 (somewhere)", "2024-01-01T10:00:00-05:30"),
            ("Mon Jan  1 10:00:00 2024", "2024-01-01T10:00:00+00:00"),
            ("Mon, 01 Jan 2024 10:00:00 GMT", "2024-01-01T10:00:00+00:00"),
            ("2024-01-01T10:00:00Z", "2024-01-01T10:00:00+00:00"),
            ("Mon, 1 Jan 2024 10:00:00 MESZ", "2024-01-01T10:00:00+02:00"),
            ("Mon, 1 Jan 2024 10:00", "2024-01-01T10:00:00+00:00"),
            ("1 Jan 99 10:00:00 GMT", "1999-01-01T10:00:00+00:00"),
        ] {
            assert_eq!(date_of(text).map(|date| date.to_rfc3339()).as_deref(), Some(expected), "{text}");
        }
        for text in
            ["", "yesterday", "Mon, 32 Jan 2024 10:00:00 +0100", "Mon, 1 Jan 2024 25:00:00 +0100", "30 Feb 2024 10:00:00 +0000", "0 0 0"]
        {
            assert_eq!(date_of(text), None, "{text}");
        }
    }

    #[test]
    fn identifiers_are_normalised() {
        assert_eq!(ids_of(b" <a.b@example.org>"), ["a.b@example.org"]);
        assert_eq!(ids_of(b"<a@x>\r\n <b@y> (note)"), ["a@x", "b@y"]);
        assert_eq!(ids_of(b"no-brackets@example.org"), ["no-brackets@example.org"]);
        assert_eq!(ids_of(b"< spaced@example.org >"), ["spaced@example.org"]);
        assert!(ids_of(b"<>").is_empty());
    }
}
