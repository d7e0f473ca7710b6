//! An answer, and what its status means.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, LOCATION, RETRY_AFTER};
use serde::de::DeserializeOwned;

use crate::crm::CrmError;
use crate::crm::contract::{Problem, ProblemKind};

/// Longest time to wait that is believed.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(24);

/// What a request was for: 409 and 422 mean something special to a batch only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Batch,
    Other,
}

/// An answer read whole.
#[derive(Debug)]
pub(super) struct Answer {
    /// Path of the request, for messages.
    pub(super) what: String,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// The answer when it is a success, else the failure it stands for.
    pub(super) fn accept(self, purpose: Purpose) -> Result<Self, CrmError> {
        if self.status.is_success() { Ok(self) } else { Err(self.failure(purpose)) }
    }

    /// The document in the answer.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, CrmError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let media_type = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("no media type");
            CrmError::Contract(format!("{}: {} ({media_type})", self.what, one_line(&error.to_string())))
        })
    }

    fn failure(&self, purpose: Purpose) -> CrmError {
        let problem = self.problem();
        let detail = one_line(if problem.detail.is_empty() { &problem.title } else { &problem.detail });
        // A kind that is stated and is another one wins over the status.
        let is = |kind: ProblemKind| problem.kind == kind.uri() || !problem.kind.starts_with("urn:crmsync:problem:");
        match self.status.as_u16() {
            401 => CrmError::Unauthorized { detail },
            403 => CrmError::Forbidden { detail },
            404 | 405 | 501 => CrmError::NotOffered { what: self.what.clone() },
            408 | 429 | 502 | 503 | 504 => CrmError::Busy { retry_after: retry_after(&self.headers, Utc::now()), detail },
            409 if purpose == Purpose::Batch && is(ProblemKind::InFlight) => CrmError::InFlight,
            410 => CrmError::CursorExpired,
            413 => CrmError::TooLarge,
            422 if purpose == Purpose::Batch && is(ProblemKind::KeyReused) => CrmError::KeyReused,
            status => CrmError::Failed { status, title: one_line(&problem.title), detail: one_line(&problem.detail) },
        }
    }

    /// The problem document, or one made up from what else there is.
    pub(super) fn problem(&self) -> Problem {
        let mut problem = serde_json::from_slice::<Problem>(&self.body).unwrap_or_default();
        if problem.title.is_empty() {
            self.status.canonical_reason().unwrap_or("unknown status").clone_into(&mut problem.title);
        }
        if self.status.is_redirection() && problem.detail.is_empty() {
            let target = self.headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or("somewhere");
            problem.detail = format!("it leads to {target}; set crm.url to the address that answers");
        }
        problem
    }
}

/// `Retry-After` (RFC 9110 §10.2.3): seconds, or a date, which is counted from the answer's own `Date` so that a skewed clock does
/// no harm.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if let Ok(seconds) = text.parse::<u64>() {
        Duration::from_secs(seconds)
    } else {
        let date = |text: &str| DateTime::parse_from_rfc2822(text).ok().map(|date| date.to_utc());
        let sent = headers.get(DATE).and_then(|value| value.to_str().ok()).and_then(date).unwrap_or(now);
        (date(text)? - sent).to_std().unwrap_or_default()
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

/// A foreign text as one line of bounded length, fit for a message.
pub(super) fn one_line(text: &str) -> String {
    const LIMIT: usize = 300;
    let mut line: String = text.chars().take(LIMIT).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(LIMIT).is_some() {
        line.push('…');
    }
    line.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Answer {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        Answer { what: "/v1/x".to_owned(), status: StatusCode::from_u16(status).unwrap(), headers: map, body: body.as_bytes().to_vec() }
    }

    fn failure(status: u16, purpose: Purpose, body: &str) -> CrmError {
        answer(status, &[], body).accept(purpose).unwrap_err()
    }

    #[test]
    fn every_status_has_its_error() {
        use Purpose::{Batch, Other};
        assert!(matches!(failure(401, Other, "<html>"), CrmError::Unauthorized { detail } if detail == "Unauthorized"));
        assert!(matches!(failure(403, Other, r#"{"detail":"no right"}"#), CrmError::Forbidden { detail } if detail == "no right"));
        assert!(matches!(failure(404, Other, ""), CrmError::NotOffered { what } if what == "/v1/x"));
        assert!(matches!(failure(501, Other, ""), CrmError::NotOffered { .. }));
        assert!(matches!(failure(409, Batch, ""), CrmError::InFlight));
        assert!(matches!(failure(409, Other, ""), CrmError::Failed { status: 409, .. }));
        assert!(matches!(failure(410, Other, ""), CrmError::CursorExpired));
        assert!(matches!(failure(413, Batch, ""), CrmError::TooLarge));
        assert!(matches!(failure(422, Batch, ""), CrmError::KeyReused));
        assert!(matches!(failure(422, Batch, r#"{"type":"urn:crmsync:problem:invalid"}"#), CrmError::Failed { status: 422, .. }));
        for status in [408, 429, 502, 503, 504] {
            assert!(matches!(failure(status, Batch, ""), CrmError::Busy { retry_after: None, .. }), "{status}");
        }
        for status in [400, 415, 500, 505, 302] {
            assert!(matches!(failure(status, Batch, ""), CrmError::Failed { status: s, .. } if s == status), "{status}");
        }
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date_by_the_servers_clock() {
        let wait = |value: &str| match answer(503, &[("retry-after", value), ("date", "Sun, 22 Nov 2026 10:00:00 GMT")], "")
            .accept(Purpose::Other)
        {
            Err(CrmError::Busy { retry_after, .. }) => retry_after,
            other => panic!("{other:?}"),
        };
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("Sun, 22 Nov 2026 10:02:00 GMT"), Some(Duration::from_mins(2)));
        assert_eq!(wait("Sun, 22 Nov 2026 09:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("18446744073709551615"), Some(MAX_RETRY_AFTER));
        assert_eq!(wait("soon"), None);
    }

    #[test]
    fn foreign_words_become_one_short_line() {
        assert_eq!(one_line("a\r\nb\u{7}"), "a  b");
        assert_eq!(one_line(&"ä".repeat(400)).chars().count(), 301);
    }
}
