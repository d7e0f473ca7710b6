//! What can go wrong at the CRM, typed by what follows from it.

use std::time::Duration;

/// A failure of a whole request. What follows from each is decided in `sync::classify`. Failures of single items are results, not errors.
#[derive(Debug, thiserror::Error)]
pub enum CrmError {
    /// No connection, or it was lost; whether the request was processed is unknown unless it was never sent.
    #[error("the CRM cannot be reached: {cause}")]
    Offline {
        /// What the system said.
        cause: String,
    },
    /// No answer within the bound; whether the request was processed is unknown.
    #[error("the CRM did not answer within {} s", after.as_secs())]
    Timeout {
        /// The bound.
        after: Duration,
    },
    /// The connection is not secure.
    #[error("the secure connection to the CRM failed: {cause}")]
    Tls {
        /// What is wrong, and what to do.
        cause: String,
    },
    /// 401: the token or password was rejected.
    #[error("the CRM rejected the credentials: {detail}")]
    Unauthorized {
        /// The CRM's words.
        detail: String,
    },
    /// 403: signed in, but not allowed.
    #[error("the CRM does not allow this: {detail}")]
    Forbidden {
        /// The CRM's words.
        detail: String,
    },
    /// The secret could not be had. Never a rejected password.
    #[error("the CRM's secret could not be read: {cause}")]
    Secret {
        /// What went wrong, with the repair.
        cause: String,
    },
    /// 404 or 501: the CRM does not implement this.
    #[error("the CRM does not offer {what}")]
    NotOffered {
        /// The path or profile.
        what: String,
    },
    /// 429, 502, 503, 504: later, perhaps after the stated time.
    #[error("the CRM is busy: {detail}")]
    Busy {
        /// `Retry-After`.
        retry_after: Option<Duration>,
        /// The CRM's words.
        detail: String,
    },
    /// 413: the batch is larger than the CRM takes; halve it.
    #[error("the batch is larger than the CRM takes")]
    TooLarge,
    /// 409: a request with this key is being processed.
    #[error("the batch is still being processed by the CRM")]
    InFlight,
    /// 422: the key was used with another payload.
    #[error("the CRM knows this batch key with another content")]
    KeyReused,
    /// 410: the cursor is too old; a snapshot is needed.
    #[error("the CRM's change cursor has expired")]
    CursorExpired,
    /// Any other status of 400 and above: the request as a whole fails.
    #[error("the CRM failed with status {status}: {title}{}", if detail.is_empty() { String::new() } else { format!(" ({detail})") })]
    Failed {
        /// HTTP status.
        status: u16,
        /// Title of the problem document (RFC 9457), or the reason phrase.
        title: String,
        /// Its detail.
        detail: String,
    },
    /// The answer is outside of the contract.
    #[error("the CRM's answer breaks the contract: {0}")]
    Contract(String),
    /// A mail's bytes could not be read from the spool.
    #[error("a mail could not be read from the spool folder: {0}")]
    Spool(#[source] std::io::Error),
}
