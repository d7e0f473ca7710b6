//! An answer, and what its status means.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{DATE, ETAG, HeaderMap, RETRY_AFTER};

use crate::groupware::GroupwareError;

use super::{etag, href, multistatus, xml};

/// Longest time to wait that is believed.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(24);

/// An answer read whole.
#[derive(Debug)]
pub(super) struct Answer {
    /// `host:port`, for messages.
    pub(super) server: String,
    /// The method, for messages.
    pub(super) command: &'static str,
    /// Canonical path of the resource that answered, after redirects.
    pub(super) path: String,
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The resource does not exist.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self.status, 404 | 410)
    }

    /// All values of a header, split at commas, in lower case.
    pub(super) fn words(&self, name: &str) -> BTreeSet<String> {
        let values = self.headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).map(|word| word.trim().to_ascii_lowercase()).filter(|word| !word.is_empty()).collect()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The strong form of the ETag.
    pub(super) fn version(&self) -> Option<String> {
        etag::strong(self.headers.get(ETAG)?.to_str().ok()?)
    }

    /// When the server answered, by its own clock.
    pub(super) fn date(&self) -> Option<DateTime<Utc>> {
        DateTime::parse_from_rfc2822(self.headers.get(DATE)?.to_str().ok()?).ok().map(|date| date.to_utc())
    }

    /// Local names of the conditions that the server says are not met (RFC 4918 §16). The status alone says little: 412 stands for a lost
    /// race, a used UID, an item too large, invalid content and an old token.
    pub(super) fn conditions(&self) -> BTreeSet<String> {
        multistatus::conditions(&self.body)
    }

    /// Reads a multistatus. Anything else is the failure it stands for.
    pub(super) fn multistatus<T>(&self, reader: impl FnOnce(&roxmltree::Document<'_>) -> T) -> Result<T, GroupwareError> {
        if self.status != 207 {
            return Err(self.failure());
        }
        xml::read(&self.body, reader).map_err(|text| self.protocol(text))
    }

    /// The rows of a multistatus on a resource that must exist.
    pub(super) fn rows<T>(&self, reader: impl FnOnce(&[multistatus::Row<'_, '_>]) -> T) -> Result<T, GroupwareError> {
        let found = self.multistatus(|document| {
            let rows = multistatus::rows(document, &self.path);
            (!multistatus::is_gone(&rows, &self.path)).then(|| reader(&rows))
        })?;
        found.ok_or_else(|| GroupwareError::NoSuchMailbox { name: href::readable(&self.path) })
    }

    pub(super) fn protocol(&self, text: impl Into<String>) -> GroupwareError {
        GroupwareError::Protocol { server: self.server.clone(), command: self.command, text: text.into() }
    }

    /// Status and words, in one line for people.
    pub(super) fn describe(&self) -> String {
        let conditions: Vec<String> = self.conditions().into_iter().collect();
        let words = if conditions.is_empty() {
            plain_words(&self.body)
        } else {
            let description = multistatus::description(&self.body).map(|words| plain_words(words.as_bytes())).unwrap_or_default();
            let separator = if description.is_empty() { "" } else { ": " };
            format!("{}{separator}{description}", conditions.join(", "))
        };
        let reason = reqwest::StatusCode::from_u16(self.status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default();
        let head = format!("{} {reason}", self.status);
        if words.is_empty() || words == reason { head } else { format!("{head}: {words}") }
    }

    /// The failure that the answer stands for.
    pub(super) fn failure(&self) -> GroupwareError {
        match self.status {
            404 | 410 => GroupwareError::NoSuchMailbox { name: href::readable(&self.path) },
            507 => GroupwareError::OverQuota { text: self.describe() },
            501 | 505 => self.refused(None),
            408 | 423 | 425 | 429 | 500..=599 => self.unavailable(),
            403 => self.refused(Some("NOPERM")),
            200..=399 => self.protocol(format!("unexpected answer {}", self.describe())),
            _ => self.refused(None),
        }
    }

    fn unavailable(&self) -> GroupwareError {
        let retry_after = retry_after(&self.headers, Utc::now());
        GroupwareError::Unavailable { server: self.server.clone(), text: self.describe(), retry_after }
    }

    fn refused(&self, code: Option<&str>) -> GroupwareError {
        GroupwareError::Refused { command: self.command, code: code.map(str::to_owned), text: self.describe() }
    }
}

/// `Retry-After` (RFC 9110 §10.2.3): seconds, or a date, which is counted from the answer's own `Date` so that a skewed clock does no harm.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if let Ok(seconds) = text.parse() {
        Duration::from_secs(seconds)
    } else {
        let date = |text: &str| DateTime::parse_from_rfc2822(text).ok().map(|date| date.to_utc());
        let sent = headers.get(DATE).and_then(|value| date(value.to_str().ok()?)).unwrap_or(now);
        (date(text)? - sent).to_std().unwrap_or_default()
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

/// The text of an answer for people: markup and line breaks left out, 200 characters at most.
fn plain_words(body: &[u8]) -> String {
    const LIMIT: usize = 200;
    let text = String::from_utf8_lossy(body.get(..body.len().min(4096)).unwrap_or_default());
    let (mut words, mut in_tag) = (String::new(), false);
    for c in text.chars() {
        match c {
            '<' => in_tag = true,
            '>' if in_tag => {
                in_tag = false;
                words.push(' ');
            }
            _ if in_tag => {}
            c if c.is_control() => words.push(' '),
            c => words.push(c),
        }
    }
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().nth(LIMIT).is_some() { line.chars().take(LIMIT).chain(['…']).collect() } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Answer {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let (server, path) = ("dav.example:443".to_owned(), "/cal/%C3%9Cbung/".to_owned());
        Answer { server, command: "PROPFIND", path, status, headers: map, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn every_status_has_its_error() {
        let failure = |status| answer(status, &[], "<html><b>no</b> luck</html>").failure();
        assert!(matches!(failure(404), GroupwareError::NoSuchMailbox { name } if name == "Übung"));
        assert!(matches!(failure(410), GroupwareError::NoSuchMailbox { .. }));
        for status in [408, 423, 429, 500, 502, 503, 504] {
            assert!(matches!(failure(status), GroupwareError::Unavailable { retry_after: None, .. }), "{status}");
        }
        assert!(
            matches!(failure(403), GroupwareError::Refused { code: Some(code), text, .. } if code == "NOPERM" && text == "403 Forbidden: no luck")
        );
        assert!(matches!(failure(400), GroupwareError::Refused { code: None, .. }));
        assert!(matches!(failure(501), GroupwareError::Refused { .. }));
        assert!(matches!(failure(507), GroupwareError::OverQuota { .. }));
        assert!(matches!(failure(200), GroupwareError::Protocol { .. }));
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date_by_the_servers_clock() {
        let wait = |value: &str| match answer(503, &[("retry-after", value), ("date", "Sun, 22 Nov 2026 10:00:00 GMT")], "").failure() {
            GroupwareError::Unavailable { retry_after, .. } => retry_after,
            other => panic!("{other:?}"),
        };
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("Sun, 22 Nov 2026 10:02:00 GMT"), Some(Duration::from_mins(2)));
        assert_eq!(wait("18446744073709551615"), Some(MAX_RETRY_AFTER));
        assert_eq!(wait("soon"), None);
    }

    #[test]
    fn cyrus_3_6_sends_several_dav_lines_and_all_count() {
        let answer = answer(200, &[("dav", "1, 2, 3, access-control"), ("dav", "calendar-access, Calendar-Auto-Schedule")], "");
        assert!(answer.words("dav").contains("calendar-auto-schedule"));
        assert!(answer.words("dav").contains("1"));
    }

    #[test]
    fn conditions_are_read_from_error_elements_alone() {
        let body = r#"<d:error xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><c:no-uid-conflict><d:href>/a/b.ics</d:href></c:no-uid-conflict></d:error>"#;
        let answer = answer(409, &[], body);
        assert_eq!(answer.conditions(), BTreeSet::from(["no-uid-conflict".to_owned()]));
        assert_eq!(multistatus::conflicting(&answer.body, "/a/").as_deref(), Some("/a/b.ics"));
        assert!(self::answer(409, &[], "Conflict").conditions().is_empty());
        let cyrus = r#"<D:error xmlns:D="DAV:"><C:valid-calendar-data xmlns:C="urn:ietf:params:xml:ns:caldav"/><D:responsedescription>DTEND must occur after DTSTART</D:responsedescription></D:error>"#;
        assert_eq!(self::answer(403, &[], cyrus).describe(), "403 Forbidden: valid-calendar-data: DTEND must occur after DTSTART");
    }
}
