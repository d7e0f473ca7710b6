//! Error answers: problem details (RFC 9457).

use serde::{Deserialize, Serialize};

/// A problem document. Every member may be absent: proxies answer in their own words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What kind of problem it is, a URI; `about:blank` when absent.
    #[serde(rename = "type", default = "about_blank")]
    pub kind: String,
    /// Short summary for people.
    #[serde(default)]
    pub title: String,
    /// HTTP status, repeated.
    #[serde(default)]
    pub status: u16,
    /// What happened this time.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

fn about_blank() -> String {
    "about:blank".to_owned()
}

/// The kinds of problem the contract names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// 400: the request does not follow the contract.
    Invalid,
    /// 401: no credentials, or wrong ones.
    Unauthorized,
    /// 403: not allowed.
    Forbidden,
    /// 404: no such path or record.
    NotFound,
    /// 404: the CRM never processed a batch with this key.
    BatchUnknown,
    /// 405: the path has no such method.
    MethodNotAllowed,
    /// 409: a request with this key is being processed.
    InFlight,
    /// 410: the cursor is too old, or was never given.
    CursorExpired,
    /// 410: the record was deleted.
    Deleted,
    /// 413: more items or bytes than the CRM takes.
    TooLarge,
    /// 415: media type or content coding the CRM does not take.
    UnsupportedMedia,
    /// 422: the key was used with another payload.
    KeyReused,
    /// 429: too many requests.
    TooManyRequests,
    /// 500: the CRM failed.
    Internal,
    /// 503: not now.
    Unavailable,
}

impl ProblemKind {
    /// Every kind.
    pub const ALL: [Self; 15] = [
        Self::Invalid,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::BatchUnknown,
        Self::MethodNotAllowed,
        Self::InFlight,
        Self::CursorExpired,
        Self::Deleted,
        Self::TooLarge,
        Self::UnsupportedMedia,
        Self::KeyReused,
        Self::TooManyRequests,
        Self::Internal,
        Self::Unavailable,
    ];

    /// Its URI, status and title.
    #[must_use]
    pub const fn parts(self) -> (&'static str, u16, &'static str) {
        match self {
            Self::Invalid => ("urn:crmsync:problem:invalid", 400, "The request does not follow the contract"),
            Self::Unauthorized => ("urn:crmsync:problem:unauthorized", 401, "The credentials are missing or wrong"),
            Self::Forbidden => ("urn:crmsync:problem:forbidden", 403, "This is not allowed"),
            Self::NotFound => ("urn:crmsync:problem:not-found", 404, "There is no such resource"),
            Self::BatchUnknown => ("urn:crmsync:problem:batch-unknown", 404, "No batch with this key was processed"),
            Self::MethodNotAllowed => ("urn:crmsync:problem:method-not-allowed", 405, "The resource has no such method"),
            Self::InFlight => ("urn:crmsync:problem:in-flight", 409, "A batch with this key is being processed"),
            Self::CursorExpired => ("urn:crmsync:problem:cursor-expired", 410, "The cursor is no longer known"),
            Self::Deleted => ("urn:crmsync:problem:deleted", 410, "The record was deleted"),
            Self::TooLarge => ("urn:crmsync:problem:too-large", 413, "The request is larger than the CRM takes"),
            Self::UnsupportedMedia => ("urn:crmsync:problem:unsupported-media", 415, "The CRM does not take this media type"),
            Self::KeyReused => ("urn:crmsync:problem:key-reused", 422, "The key was used with another payload"),
            Self::TooManyRequests => ("urn:crmsync:problem:too-many-requests", 429, "Too many requests"),
            Self::Internal => ("urn:crmsync:problem:internal", 500, "The CRM failed"),
            Self::Unavailable => ("urn:crmsync:problem:unavailable", 503, "The CRM is not available now"),
        }
    }

    /// Its URI.
    #[must_use]
    pub const fn uri(self) -> &'static str {
        self.parts().0
    }

    /// A document of this kind.
    pub fn document(self, detail: impl Into<String>) -> Problem {
        let (kind, status, title) = self.parts();
        Problem { kind: kind.to_owned(), title: title.to_owned(), status, detail: detail.into() }
    }
}
