//! What can go wrong at a provider of tokens, typed by what follows from it.

use std::time::Duration;

use crate::settings::SecretError;

/// A failure of a sign-in. None of them is a login that a groupware server has seen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OAuthError {
    /// The place of the tokens, or of the client's secret, cannot be read or written.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Nobody has signed in yet, or has signed out.
    #[error("nobody is signed in as {user}; run `crmsync sign-in`")]
    NotSignedIn {
        /// Who should be.
        user: String,
    },
    /// The sign-in holds no longer: the provider takes the refresh token no more. Locks the account (R63).
    #[error("{server}: {text}")]
    SignInNeeded {
        /// The provider's host.
        server: String,
        /// The provider's error code.
        code: String,
        /// What it means, and what to do.
        text: String,
    },
    /// The provider does not take this application, its client id, secret or scopes. For the administrator; nothing is locked.
    #[error("{server} does not take this application: {text}")]
    Refused {
        /// The provider's host.
        server: String,
        /// What it means, and what to do.
        text: String,
    },
    /// The provider is not available for now.
    #[error("{server} is not available for now: {text}")]
    Unavailable {
        /// The provider's host.
        server: String,
        /// What it said.
        text: String,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// No connection, or it was lost or too slow.
    #[error("{server} cannot be reached: {cause}")]
    Offline {
        /// The provider's host.
        server: String,
        /// What the system said.
        cause: String,
    },
    /// The connection is not secure; nothing was sent.
    #[error("the secure connection to {server} failed: {cause}")]
    Tls {
        /// The provider's host.
        server: String,
        /// What is wrong.
        cause: String,
    },
    /// The answer is none of OAuth 2.
    #[error("{server} does not answer as a provider of OAuth 2 does: {text}; check the addresses below [accounts.NAME.oauth]")]
    Protocol {
        /// The provider's host.
        server: String,
        /// What was wrong.
        text: String,
    },
    /// The person said no, or is not allowed to sign in.
    #[error("the sign-in was refused: {text}")]
    Denied {
        /// What it means, and what to do.
        text: String,
    },
    /// Nobody came back.
    #[error(
        "nobody signed in within {} minutes (was the browser closed?); run `crmsync sign-in` again, or with --device on a computer without a browser",
        after.as_secs() / 60
    )]
    GaveUp {
        /// The bound.
        after: Duration,
    },
    /// This computer does not let the browser come back.
    #[error("port {port} of this computer cannot be used for the way back from the browser ({cause}); {}", if *port == 0 { "run `crmsync sign-in --device`" } else { "end the program that has it, or write redirect_port = 0" })]
    Port {
        /// The port; 0 when any would have done.
        port: u16,
        /// What the system said.
        cause: String,
    },
    /// The provider knows no such way.
    #[error("{server} offers no sign-in by {way}; {repair}")]
    NotOffered {
        /// The provider's host.
        server: String,
        /// `code` or `browser`.
        way: &'static str,
        /// What to do instead.
        repair: &'static str,
    },
}

impl OAuthError {
    /// Whether it may be gone at the next try, without anybody doing anything about the sign-in.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Secret(error) => error.is_transient(),
            Self::Unavailable { .. } | Self::Offline { .. } => true,
            _ => false,
        }
    }
}
