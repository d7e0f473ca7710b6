//! Speaks to a provider: one form posted, one document back.

use std::error::Error as _;
use std::path::Path;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use url::{Host, Url};

use super::OAuthError;
use super::answer::Answer;
use super::provider::server;

/// A provider answers within this time.
const PATIENCE: Duration = Duration::from_secs(30);
/// Largest answer in bytes.
const MAX_ANSWER: usize = 1024 * 1024;
/// Longest time to wait that is believed.
const MAX_RETRY_AFTER: u64 = 24 * 60 * 60;

/// The way to a provider. It never retries and follows no redirect: a token endpoint has no reason to send a secret elsewhere.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    http: reqwest::Client,
}

impl Endpoint {
    /// A client for a provider at `address`; `ca_file` are the organisation's own authorities.
    pub(super) fn new(address: &Url, ca_file: Option<&Path>) -> Result<Self, OAuthError> {
        let failed = |cause: String| OAuthError::Tls { server: server(address), cause };
        // The TLS library wants its cryptography named once in a process; a second time changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(crate::system::tls_config(ca_file).map_err(failed)?)
            .http1_only()
            .connect_timeout(PATIENCE / 2)
            .timeout(PATIENCE)
            .retry(reqwest::retry::never())
            .referer(false)
            .redirect(reqwest::redirect::Policy::none());
        if is_loopback(address) {
            builder = builder.no_proxy();
        }
        Ok(Self { http: builder.build().map_err(|error| failed(words(&error)))? })
    }

    /// Posts a form and reads the answer whole, whatever its status.
    pub(super) async fn post(&self, url: &Url, form: &[(&str, &str)]) -> Result<Answer, OAuthError> {
        let server = server(url);
        if url.scheme() != "https" && !is_loopback(url) {
            let cause = "only https is spoken, except to this machine itself".to_owned();
            return Err(OAuthError::Tls { server, cause });
        }
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let failure = |error: reqwest::Error| {
            let error = error.without_url();
            let (cause, server) = (words(&error), server.clone());
            if is_tls(&error) { OAuthError::Tls { server, cause } } else { OAuthError::Offline { server, cause } }
        };
        let request = self
            .http
            .post(url.clone())
            .header(USER_AGENT, concat!("crmsync/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body);
        let mut response = request.send().await.map_err(failure)?;
        let status = response.status().as_u16();
        let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok());
        let retry_after = seconds.map(|seconds| Duration::from_secs(seconds.min(MAX_RETRY_AFTER)));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failure)? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(OAuthError::Protocol { server, text: format!("an answer of more than {MAX_ANSWER} bytes") });
            }
            body.extend_from_slice(&chunk);
        }
        tracing::debug!(status, bytes = body.len(), "the provider of tokens answered");
        Ok(Answer { server, status, retry_after, body })
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The error with all its causes, because the outermost alone says little.
fn words(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn is_tls(error: &reqwest::Error) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        let wrapped = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if cause.is::<rustls::Error>() || wrapped.is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>) {
            return true;
        }
        source = cause.source();
    }
    false
}
