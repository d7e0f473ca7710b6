//! What can go wrong at a groupware server, typed by what follows from it.

use std::time::Duration;

/// A failure at a groupware server. What follows from each (retry, lock, park, stop) is decided in `sync::classify`.
#[derive(Debug, thiserror::Error)]
pub enum GroupwareError {
    /// No connection, or it was lost: EOF, reset, refused, no route, name not found. The command's outcome is unknown.
    #[error("{server} cannot be reached: {cause}")]
    Offline {
        /// `host:port`.
        server: String,
        /// What the system said.
        cause: String,
    },
    /// The server took longer than the bound.
    #[error("{server} did not answer to {command} within {} s", after.as_secs())]
    Timeout {
        /// `host:port`.
        server: String,
        /// The command that waited.
        command: &'static str,
        /// The bound.
        after: Duration,
    },
    /// The connection is not secure; no credential was sent.
    #[error("the secure connection to {server} failed: {fault}")]
    Tls {
        /// `host:port`.
        server: String,
        /// What is wrong with it.
        fault: TlsFault,
    },
    /// The server rejected the credentials. Locks the account (V11).
    #[error("{server} rejected the login: {}", refusal.text)]
    LoginRejected {
        /// `host:port`.
        server: String,
        /// What the server said.
        refusal: LoginRefusal,
    },
    /// The sign-in by OAuth 2 holds no longer: the provider renews it no more, or the server rejected a renewed token too. Locks the account
    /// until somebody signs in again (V11).
    #[error("{server} rejected the sign-in: {text}")]
    SignInEnded {
        /// The provider's host, or `host:port` of the server.
        server: String,
        /// What it means, and what to do.
        text: String,
    },
    /// The login failed for another reason than the credentials (`[UNAVAILABLE]`, `[LIMIT]`, `[INUSE]`, …). Never locks.
    #[error("{server} is not available for now: {text}")]
    Unavailable {
        /// `host:port`.
        server: String,
        /// The server's words.
        text: String,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
    },
    /// The account is locked since an earlier rejection; nothing was sent.
    #[error("the groupware password of account \"{account}\" is locked")]
    Locked {
        /// The account.
        account: String,
    },
    /// The secret could not be had (keyring locked, absent, slow; command failed). Never a rejected password.
    #[error("account \"{account}\" has nothing to sign in with: {cause}")]
    Secret {
        /// The account.
        account: String,
        /// What went wrong, with the repair.
        cause: String,
    },
    /// The mailbox or collection does not exist (any more).
    #[error("the mailbox \"{name}\" does not exist")]
    NoSuchMailbox {
        /// Its name.
        name: String,
    },
    /// Over quota.
    #[error("the mailbox is full: {text}")]
    OverQuota {
        /// The server's words.
        text: String,
    },
    /// The server refused a command (tagged NO), with its response code if any.
    #[error("the server refused {command}: {text}")]
    Refused {
        /// The command.
        command: &'static str,
        /// The response code without brackets, upper case, for example `CANNOT`.
        code: Option<String>,
        /// The server's words.
        text: String,
    },
    /// The server did not understand a command (tagged BAD), or answered outside of the protocol.
    #[error("{server} broke the protocol at {command}: {text}")]
    Protocol {
        /// `host:port`.
        server: String,
        /// The command.
        command: &'static str,
        /// What was wrong.
        text: String,
    },
    /// A bound of the client was passed: line, literal or nesting too large.
    #[error("{server} sent more than is accepted: {text}")]
    TooLarge {
        /// `host:port`.
        server: String,
        /// Which bound.
        text: String,
    },
    /// A body could not be written to the spool folder.
    #[error("a mail could not be written to the spool folder: {0}")]
    Spool(#[source] std::io::Error),
}

impl GroupwareError {
    /// Whether credentials were rejected, which locks the account (V11); nothing else does.
    #[must_use]
    pub const fn is_rejection(&self) -> bool {
        matches!(self, Self::LoginRejected { .. } | Self::SignInEnded { .. })
    }
}

/// What a server said when it rejected a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginRefusal {
    /// Response code without brackets, upper case.
    pub code: Option<String>,
    /// The server's words.
    pub text: String,
}

/// Why a TLS connection was refused. Each says what a person can do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsFault {
    /// Out of its period of validity.
    #[error("the server's certificate has expired or is not yet valid; ask its administrator to renew it, and check this computer's clock")]
    Expired,
    /// Issued for another name.
    #[error("the server's certificate is for another name; check the host name in the settings")]
    WrongHost,
    /// No trusted issuer.
    #[error("the server's certificate is not signed by a trusted authority; if your organisation has its own, name its file as ca_file")]
    UnknownIssuer,
    /// The server does not offer STARTTLS although the settings ask for it.
    #[error("the server offers no STARTTLS; use security = \"tls\" with its secure port")]
    NoStartTls,
    /// No common version or cipher.
    #[error("the server speaks only outdated versions of TLS: {0}; crmsync needs 1.2 or 1.3")]
    Outdated(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}
