//! How an account signs in by OAuth 2, and where secrets lie.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use super::Secret;

/// Signing in by OAuth 2 (RFC 6749). Accounts whose provider, client, user and scopes are the same share one sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInSettings {
    /// Who issues the tokens.
    pub provider: OAuthProvider,
    /// Id under which the application is registered there.
    pub client_id: String,
    /// Where the application's own secret is, for a provider that demands one.
    pub client_secret: Option<Secret>,
    /// Who signs in. Another one than the mailbox's user where the mailbox is shared.
    pub user: String,
    /// What is asked for; the provider's usual ones when empty.
    pub scopes: Vec<String>,
    /// Port on this computer to which the browser comes back; 0 takes a free one.
    pub redirect_port: u16,
    /// Certificate authorities of the organisation, PEM.
    pub ca_file: Option<PathBuf>,
}

/// Who issues tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OAuthProvider {
    /// Microsoft 365 and Exchange Online.
    Microsoft {
        /// Id or domain of the organisation; `organizations`, `consumers` or `common` for any of them.
        tenant: String,
    },
    /// Google.
    Google,
    /// Any other, by its endpoints.
    Custom(Box<Endpoints>),
}

/// Addresses of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// Where the browser goes (RFC 6749 §3.1). Without it there is only sign-in by code.
    pub authorization: Option<Url>,
    /// Where tokens are issued (RFC 6749 §3.2).
    pub token: Url,
    /// Where a code is had to type elsewhere (RFC 8628).
    pub device: Option<Url>,
    /// Where tokens are given back (RFC 7009).
    pub revocation: Option<Url>,
}

/// Where secrets lie that the configuration names as `{ keyring = "entry" }`, and tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretSettings {
    /// The place.
    pub store: SecretPlace,
    /// Where the passphrase of the encrypted file is; asked for on a terminal without it.
    pub passphrase: Option<Secret>,
}

/// A place for secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretPlace {
    /// The keyring of the operating system.
    Keyring,
    /// A file beside the configuration, encrypted with a passphrase.
    File,
}
