//! What is sent to a provider, as text. Pure.

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::system::Random;

use super::Provider;

/// A form as `application/x-www-form-urlencoded`.
pub(super) type Form = Vec<(&'static str, String)>;

/// A secret that proves that who redeems a code is who asked for it (RFC 7636), and one that proves that an answer is to our question.
pub(super) struct Attempt {
    /// The code verifier: 43 characters of 256 random bits.
    pub(super) verifier: String,
    /// The state, likewise.
    pub(super) state: String,
}

impl Attempt {
    pub(super) fn new(random: &dyn Random) -> Self {
        let text = || {
            let mut bytes = [0; 32];
            random.fill(&mut bytes);
            BASE64URL_NOPAD.encode(&bytes)
        };
        Self { verifier: text(), state: text() }
    }

    /// The code challenge of method S256.
    pub(super) fn challenge(&self) -> String {
        BASE64URL_NOPAD.encode(&Sha256::digest(self.verifier.as_bytes()))
    }
}

/// Where the browser is sent (RFC 6749 §4.1.1).
pub(super) fn authorization_url(
    provider: &Provider,
    endpoint: &Url,
    client_id: &str,
    user: &str,
    redirect: &str,
    attempt: &Attempt,
) -> Url {
    let mut url = endpoint.clone();
    {
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", client_id)
            .append_pair("redirect_uri", redirect)
            .append_pair("state", &attempt.state)
            .append_pair("code_challenge", &attempt.challenge())
            .append_pair("code_challenge_method", "S256");
        if !provider.scopes.is_empty() {
            query.append_pair("scope", &provider.scopes.join(" "));
        }
        if !user.is_empty() {
            query.append_pair("login_hint", user);
        }
        for (name, value) in provider.extra {
            query.append_pair(name, value);
        }
    }
    url
}

/// Redeems a code (RFC 6749 §4.1.3, RFC 7636 §4.5).
pub(super) fn redeem(code: &str, redirect: &str, attempt: &Attempt) -> Form {
    vec![
        ("grant_type", "authorization_code".to_owned()),
        ("code", code.to_owned()),
        ("redirect_uri", redirect.to_owned()),
        ("code_verifier", attempt.verifier.clone()),
    ]
}

/// Renews a token (RFC 6749 §6). Scopes are left out: those that were granted hold.
pub(super) fn refresh(refresh_token: &str) -> Form {
    vec![("grant_type", "refresh_token".to_owned()), ("refresh_token", refresh_token.to_owned())]
}

/// Asks for a code to type elsewhere (RFC 8628 §3.1).
pub(super) fn device(provider: &Provider) -> Form {
    if provider.scopes.is_empty() { Vec::new() } else { vec![("scope", provider.scopes.join(" "))] }
}

/// Asks whether it was typed (RFC 8628 §3.4).
pub(super) fn device_poll(device_code: &str) -> Form {
    vec![("grant_type", "urn:ietf:params:oauth:grant-type:device_code".to_owned()), ("device_code", device_code.to_owned())]
}

/// Gives a token back (RFC 7009 §2.1).
pub(super) fn revoke(refresh_token: &str) -> Form {
    vec![("token", refresh_token.to_owned()), ("token_type_hint", "refresh_token".to_owned())]
}
