//! One HTTP client for all requests to the CRM: credentials, timeouts, redirects, bounds.

use std::error::Error as _;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::{Host, Url};

use super::answer::{self, Answer, Purpose};
use super::request::Request;
use super::tls;
use super::traffic::Traffic;
use crate::crm::{CrmError, Limits};
use crate::settings::{CrmAccess, CrmAuth};

/// How the adapter behaves. The defaults suit every CRM; tests shorten the times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpOptions {
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long a request may take from its first byte to the last of its answer; `None` for [`Limits::request_timeout`].
    pub request_timeout: Option<Duration>,
    /// Largest answer in bytes, decompressed.
    pub max_answer: u64,
    /// Whether batches are compressed.
    pub compress: CompressRequests,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(15),
            request_timeout: None,
            max_answer: 16 * 1024 * 1024,
            compress: CompressRequests::WhereUseful,
        }
    }
}

/// Whether batches are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompressRequests {
    /// When the CRM takes it and is not on this machine.
    WhereUseful,
    /// When the CRM takes it.
    Always,
    /// Never.
    Never,
}

/// Content coding of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Coding {
    Identity = 0,
    Gzip = 1,
    Zstd = 2,
}

/// A CRM that implements the published contract. Cheap to clone; clones share connections and counts.
#[derive(Debug, Clone)]
pub struct HttpCrm {
    http: reqwest::Client,
    base: Url,
    loopback: bool,
    options: HttpOptions,
    traffic: Arc<Traffic>,
    // The best coding the CRM takes, as its capabilities said last.
    coding: Arc<AtomicU8>,
    // The bounds, as its capabilities said last.
    limits: Arc<Mutex<Limits>>,
    agent: Arc<str>,
}

impl HttpCrm {
    /// An adapter with the default options. No connection is made yet.
    pub fn new(access: &CrmAccess, secret: &str) -> Result<Self, CrmError> {
        Self::with_options(access, secret, HttpOptions::default())
    }

    /// An adapter with options of its own.
    pub fn with_options(access: &CrmAccess, secret: &str, options: HttpOptions) -> Result<Self, CrmError> {
        let base = base_address(&access.url)?;
        let loopback = is_loopback(&base);
        if base.scheme() != "https" && !loopback {
            return Err(CrmError::Tls { cause: "only https is spoken, except to this machine itself; see crm.url".to_owned() });
        }
        install_crypto_provider();
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, authorization(access, secret)?);
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("crmsync/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .tls_backend_preconfigured(tls::config(access.ca_file.as_deref())?)
            .connect_timeout(options.connect_timeout)
            // One layer decides about retries, and that is the engine.
            .retry(reqwest::retry::never())
            .referer(false)
            .redirect(same_origin_redirects());
        if loopback {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| CrmError::Tls { cause: words(&error) })?;
        Ok(Self {
            http,
            base,
            loopback,
            options,
            traffic: Arc::default(),
            coding: Arc::new(AtomicU8::new(Coding::Identity as u8)),
            limits: Arc::new(Mutex::new(Limits::DEFAULT)),
            agent: "crmsync".into(),
        })
    }

    /// The same with the agent's instance id, which records bear as their origin and by which echoes are told apart.
    #[must_use]
    pub fn for_agent(mut self, instance: &str) -> Self {
        self.agent = instance.into();
        self
    }

    pub(super) fn agent(&self) -> &str {
        &self.agent
    }

    pub(super) fn limits(&self) -> Limits {
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers the bounds the CRM states.
    pub(super) fn set_limits(&self, limits: Limits) {
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner) = limits;
    }

    /// Requests and bytes so far.
    #[must_use]
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    pub(super) fn shared_traffic(&self) -> Arc<Traffic> {
        Arc::clone(&self.traffic)
    }

    /// The coding for the next batch.
    pub(super) fn coding(&self) -> Coding {
        let wanted = match self.options.compress {
            CompressRequests::Always => true,
            CompressRequests::WhereUseful => !self.loopback,
            CompressRequests::Never => false,
        };
        match self.coding.load(Ordering::Relaxed) {
            coding if wanted && coding == Coding::Zstd as u8 => Coding::Zstd,
            coding if wanted && coding == Coding::Gzip as u8 => Coding::Gzip,
            _ => Coding::Identity,
        }
    }

    /// Remembers what the CRM takes.
    pub(super) fn set_coding(&self, coding: Coding) {
        self.coding.store(coding as u8, Ordering::Relaxed);
    }

    /// The address of a path below the base, its segments encoded.
    pub(super) fn address(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, url: Url) -> Result<T, CrmError> {
        let answer = self.send(Request::new(Method::GET, url)).await?;
        answer.accept(Purpose::Other)?.json()
    }

    pub(super) async fn post<T: DeserializeOwned>(&self, url: Url, document: &impl Serialize) -> Result<T, CrmError> {
        let request = Request::new(Method::POST, url).json(document, "application/json")?;
        self.send(request).await?.accept(Purpose::Other)?.json()
    }

    /// Sends a request and reads its answer whole, whatever its status.
    pub(super) async fn send(&self, request: Request) -> Result<Answer, CrmError> {
        let limit = self.options.request_timeout.unwrap_or_else(|| Limits::request_timeout(request.len));
        let what = request.url.path().to_owned();
        let method = request.method.clone();
        tokio::time::timeout(limit, self.exchange(request)).await.unwrap_or(Err(CrmError::Timeout { after: limit })).map(
            |(status, headers, body)| {
                tracing::debug!(%method, path = %what, status = status.as_u16(), bytes = body.len(), "CRM answered");
                Answer { what, status, headers, body }
            },
        )
    }

    async fn exchange(&self, request: Request) -> Result<(StatusCode, HeaderMap, Vec<u8>), CrmError> {
        self.traffic.request();
        let mut builder = self.http.request(request.method, request.url).headers(request.headers);
        if let Some(body) = request.body {
            builder = builder.body(body);
        }
        let mut response = builder.send().await.map_err(|error| self.failure(error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failure(error))? {
            self.traffic.received(chunk.len());
            if (body.len() + chunk.len()) as u64 > self.options.max_answer {
                return Err(CrmError::Contract(format!("the answer is larger than {} bytes", self.options.max_answer)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, headers, body))
    }

    /// Begins a request whose answer is read bit by bit, within `limit` until its headers are there.
    pub(super) async fn open(&self, request: Request, limit: Duration) -> Result<reqwest::Response, CrmError> {
        self.traffic.request();
        let sent = self.http.request(request.method, request.url).headers(request.headers).send();
        match tokio::time::timeout(limit, sent).await {
            Ok(response) => response.map_err(|error| self.failure(error)),
            Err(_) => Err(CrmError::Timeout { after: limit }),
        }
    }

    pub(super) fn failure(&self, error: reqwest::Error) -> CrmError {
        let error = error.without_url();
        if error.is_timeout() {
            return CrmError::Timeout { after: self.options.connect_timeout };
        }
        let cause = words(&error);
        if is_tls(&error) { CrmError::Tls { cause } } else { CrmError::Offline { cause } }
    }
}

/// reqwest is built without a provider of its own. Whoever comes first installs it; a second call changes nothing.
fn install_crypto_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if rustls::crypto::ring::default_provider().install_default().is_err() {
            tracing::debug!("a TLS provider was installed before");
        }
    });
}

fn base_address(url: &Url) -> Result<Url, CrmError> {
    if url.cannot_be_a_base() || !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(CrmError::Offline { cause: "the CRM's address must begin with https://; see crm.url".to_owned() });
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(CrmError::Secret {
            cause: "the CRM's address must hold no user name or password; use crm.user and crm.secret".to_owned(),
        });
    }
    let mut base = url.clone();
    base.set_query(None);
    base.set_fragment(None);
    Ok(base)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn authorization(access: &CrmAccess, secret: &str) -> Result<HeaderValue, CrmError> {
    let text = match access.auth {
        CrmAuth::Bearer => format!("Bearer {secret}"),
        CrmAuth::Basic => {
            let user = access.user.as_deref().unwrap_or_default();
            if user.contains(':') {
                return Err(CrmError::Secret { cause: "a user name for basic authentication must not contain a colon".to_owned() });
            }
            format!("Basic {}", data_encoding::BASE64.encode(format!("{user}:{secret}").as_bytes()))
        }
    };
    let mut value = HeaderValue::from_str(&text)
        .map_err(|_| CrmError::Secret { cause: "the CRM's token holds characters that cannot be sent; store it again".to_owned() })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Follows 307 and 308 within the origin. The others would turn a POST into a GET, and another origin must not see the token.
fn same_origin_redirects() -> reqwest::redirect::Policy {
    reqwest::redirect::Policy::custom(|attempt| {
        let same = attempt.previous().last().is_some_and(|from| from.origin() == attempt.url().origin());
        let keeps_method = matches!(attempt.status().as_u16(), 307 | 308);
        if same && keeps_method && attempt.previous().len() <= 3 { attempt.follow() } else { attempt.stop() }
    })
}

/// The error with all its causes, because the outermost alone says little.
fn words(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    answer::one_line(&text)
}

fn is_tls(error: &reqwest::Error) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        let wrapped = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if cause.is::<rustls::Error>() || wrapped.and_then(|inner| inner.downcast_ref::<rustls::Error>()).is_some() {
            return true;
        }
        source = cause.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Secret;

    fn access(url: &str) -> CrmAccess {
        CrmAccess {
            url: Url::parse(url).unwrap(),
            auth: CrmAuth::Bearer,
            user: None,
            secret: Secret::Environment("T".to_owned()),
            ca_file: None,
        }
    }

    #[test]
    fn plain_http_is_spoken_to_this_machine_only() {
        assert!(matches!(HttpCrm::new(&access("http://crm.example/"), "t"), Err(CrmError::Tls { .. })));
        assert!(matches!(HttpCrm::new(&access("http://127.0.0.1.example/"), "t"), Err(CrmError::Tls { .. })));
        for url in ["http://127.0.0.1:8080", "http://[::1]/crm", "http://localhost/", "https://crm.example/"] {
            HttpCrm::new(&access(url), "t").unwrap();
        }
    }

    #[test]
    fn paths_are_appended_to_the_base_and_keys_are_encoded() {
        let crm = HttpCrm::new(&access("https://crm.example/api/?x=1#y"), "t").unwrap();
        assert_eq!(crm.address(&["v1", "mail-imports", "a/b ?"]).as_str(), "https://crm.example/api/v1/mail-imports/a%2Fb%20%3F");
    }

    #[test]
    fn the_secret_shows_in_no_debug_output_and_no_address_holds_one() {
        let crm = HttpCrm::new(&access("https://crm.example/"), "s3cret-token").unwrap();
        assert!(!format!("{crm:?}").contains("s3cret"));
        assert!(matches!(HttpCrm::new(&access("https://u:p@crm.example/"), "t"), Err(CrmError::Secret { .. })));
        assert!(matches!(HttpCrm::new(&access("https://crm.example/"), "a\nb"), Err(CrmError::Secret { .. })));
    }

    #[tokio::test]
    async fn nobody_listening_is_offline() {
        // It has the port and does not listen.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((std::net::Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let url = format!("http://{}", socket.local_addr().unwrap());
        let crm = HttpCrm::new(&access(&url), "t").unwrap();
        let error = crm.get::<serde_json::Value>(crm.address(&["v1"])).await.unwrap_err();
        assert!(matches!(error, CrmError::Offline { .. }), "{error}");
        assert_eq!(crm.traffic().count().requests, 1);
    }
}
