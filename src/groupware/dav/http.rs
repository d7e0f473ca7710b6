//! One HTTP client for all requests of an account: credentials, redirects, bounds in time and size.

use std::error::Error as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, USER_AGENT};
use reqwest::{Client, Method};
use url::{Host, Url};

use crate::groupware::login_gate::GatePass;
use crate::groupware::{GroupwareError, LoginGate, LoginRefusal, TlsFault, Traffic, rejected_twice, sign_in_failed, tls};
use crate::model::AccountId;
use crate::oauth::{OAuthError, Proof};
use crate::settings::{DavAccess, DavAuth};

use super::answer::Answer;
use super::href;
use super::limits::{DavLimits, Patience};

/// Most redirects that are followed for one request.
const MAX_REDIRECTS: usize = 5;

/// A client for one account on one server. It never retries: every failure is typed, and the engine decides.
///
/// Credentials go with the first request already, because Cyrus 3.6 answers a PROPFIND without them as for a stranger, and to no origin but
/// the one of the settings. Until one request was accepted, requests pass the login gate one after the other (V11). A token that is rejected,
/// as one is that expires in the middle of a run, is renewed once and the request sent again.
pub(super) struct Http {
    client: Client,
    account: AccountId,
    origin: Url,
    server: String,
    access: DavAccess,
    held: Mutex<Held>,
    gate: LoginGate,
    /// The server took the credentials.
    proven: AtomicBool,
    pub(super) limits: DavLimits,
    traffic: Arc<Traffic>,
}

/// What is signed in with now.
#[derive(Clone)]
struct Held {
    proof: Proof,
    authorization: HeaderValue,
}

/// A request before it is sent.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: &'static str,
    /// Canonical path.
    pub(super) path: String,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Bytes,
    pub(super) patience: Patience,
}

impl Request {
    pub(super) fn new(method: &'static str, path: impl Into<String>, patience: Patience) -> Self {
        Self { method, path: path.into(), headers: Vec::new(), body: Bytes::new(), patience }
    }

    /// A request with an XML body and a depth.
    pub(super) fn xml(method: &'static str, path: &str, depth: &'static str, body: String, patience: Patience) -> Self {
        Self::new(method, path, patience)
            .header(HeaderName::from_static("depth"), HeaderValue::from_static(depth))
            .header(CONTENT_TYPE, HeaderValue::from_static("application/xml; charset=utf-8"))
            .body(body)
    }

    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(super) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }
}

impl Http {
    /// A client for `access` that signs in with `proof`. No connection is made yet.
    pub(super) fn new(
        account: &AccountId,
        access: &DavAccess,
        proof: Proof,
        gate: &LoginGate,
        limits: DavLimits,
        traffic: Arc<Traffic>,
    ) -> Result<Self, GroupwareError> {
        let server = format!(
            "{}:{}",
            access.url.host_str().unwrap_or_default(),
            access.url.port_or_known_default().map_or_else(String::new, |port| port.to_string())
        );
        let failed = |text: &str| GroupwareError::Tls { server: server.clone(), fault: TlsFault::Other(text.to_owned()) };
        let loopback = is_loopback(&access.url);
        if !(access.url.scheme() == "https" || access.url.scheme() == "http" && loopback) {
            return Err(failed("only https is spoken, except to this machine itself; see url"));
        }
        let mut origin = access.url.clone();
        // What stands before the host would show in messages; the settings have their own places for it.
        if origin.set_username("").is_err() || origin.set_password(None).is_err() {
            return Err(failed("this is no address of a server; see url"));
        }
        origin.set_query(None);
        origin.set_fragment(None);
        // The TLS library wants its cryptography named once in a process; a second time changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut tls = tls::config(access.ca_file.as_deref()).map_err(|fault| GroupwareError::Tls { server: server.clone(), fault })?;
        // Requests go one after the other; HTTP/2 would add ways to fail and save nothing.
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut builder = Client::builder()
            .tls_backend_preconfigured(tls)
            .http1_only()
            .connect_timeout(limits.connect)
            // Cyrus 3.6 closes an idle connection after some seconds; a new one is cheaper than finding that out.
            .pool_idle_timeout(std::time::Duration::from_secs(4))
            .retry(reqwest::retry::never())
            .referer(false)
            .redirect(reqwest::redirect::Policy::none());
        if loopback {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| failed(&words(&error)))?;
        let authorization = authorization(account, access, &proof)?;
        let held = Mutex::new(Held { proof, authorization });
        let (account, access, gate) = (account.clone(), access.clone(), gate.clone());
        Ok(Self { client, account, origin, server, access, held, gate, proven: AtomicBool::new(false), limits, traffic })
    }

    /// Requests of the account so far.
    pub(super) fn requests(&self) -> u64 {
        self.traffic.snapshot().commands
    }

    /// `host:port`.
    pub(super) fn server(&self) -> &str {
        &self.server
    }

    /// Canonical path of the address in the settings.
    pub(super) fn typed_path(&self) -> String {
        href::of_url(&self.origin)
    }

    /// Whether an address leads to this server, so that its path alone may be used here. `http` counts as `https`: servers behind a
    /// proxy write what they believe to be called.
    pub(super) fn is_own(&self, url: &Url) -> bool {
        url.host() == self.origin.host()
    }

    /// Sends a request and reads its answer whole, whatever its status but 401.
    pub(super) async fn send(&self, request: &Request) -> Result<Answer, GroupwareError> {
        if self.gate.is_locked() {
            return Err(self.locked());
        }
        if self.proven.load(Ordering::Acquire) {
            let held = self.held();
            let answer = self.follow(request, &held.authorization).await?;
            // Boxed: rare, and every request would be a large future otherwise.
            return if answer.status == 401 { Box::pin(self.reject(request, answer, held)).await } else { Ok(answer) };
        }
        let pass = self.gate.enter().await.ok_or_else(|| self.locked())?;
        if self.proven.load(Ordering::Acquire) {
            drop(pass);
            return Box::pin(self.send(request)).await;
        }
        let held = self.held();
        let answer = self.follow(request, &held.authorization).await?;
        self.judge(request, answer, held, pass).await
    }

    /// The password was changed, or the token has expired, while the session lasted: whoever is told first renews it or locks.
    async fn reject(&self, request: &Request, answer: Answer, held: Held) -> Result<Answer, GroupwareError> {
        let pass = self.gate.enter().await.ok_or_else(|| self.locked())?;
        if self.held().authorization != held.authorization {
            // Another request has renewed it.
            drop(pass);
            return Box::pin(self.send(request)).await;
        }
        self.proven.store(false, Ordering::Release);
        self.judge(request, answer, held, pass).await
    }

    /// What the answer to a login means; after a rejection, what a second one with a renewed token does.
    async fn judge(&self, request: &Request, mut answer: Answer, held: Held, mut pass: GatePass) -> Result<Answer, GroupwareError> {
        let mut renewed = false;
        if answer.status == 401
            && let Some(proof) = held.proof.renewed().await.map_err(|error| not_signed_in(&self.account, &self.gate, error))?
            && pass.second_attempt()
        {
            let authorization = authorization(&self.account, &self.access, &proof)?;
            *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Held { proof, authorization: authorization.clone() };
            answer = Box::pin(self.follow(request, &authorization)).await?;
            renewed = true;
        }
        match answer.status {
            401 => {
                pass.rejected();
                let rejection = self.rejection(&answer);
                Err(if renewed { rejected_twice(rejection) } else { rejection })
            }
            // A redirect or "not found" may come from something in front that asks nobody.
            200..=299 => {
                self.proven.store(true, Ordering::Release);
                Ok(answer)
            }
            _ => Ok(answer),
        }
    }

    fn held(&self) -> Held {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn rejection(&self, answer: &Answer) -> GroupwareError {
        GroupwareError::LoginRejected { server: self.server.clone(), refusal: LoginRefusal { code: None, text: answer.describe() } }
    }

    fn locked(&self) -> GroupwareError {
        GroupwareError::Locked { account: self.account.to_string() }
    }

    /// Follows redirects with the same method and body, within the origin.
    async fn follow(&self, request: &Request, authorization: &HeaderValue) -> Result<Answer, GroupwareError> {
        let mut url = self.origin.clone();
        url.set_path(&request.path);
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.bounded(request, &url, authorization).await?;
            if !matches!(answer.status, 301 | 302 | 307 | 308) {
                return Ok(answer);
            }
            let location = answer.headers.get(LOCATION).and_then(|value| value.to_str().ok());
            let target = location.and_then(|location| url.join(location).ok());
            let target = target.ok_or_else(|| answer.protocol("a redirect leads nowhere"))?;
            if !self.is_own(&target) {
                return Err(GroupwareError::Refused {
                    command: request.method,
                    code: Some("REDIRECT".to_owned()),
                    text: format!("the server leads to {}; if that is right, set url to it", shown(&target)),
                });
            }
            url.set_path(&href::of_url(&target));
        }
        Err(GroupwareError::Protocol {
            server: self.server.clone(),
            command: request.method,
            text: format!("more than {MAX_REDIRECTS} redirects"),
        })
    }

    async fn bounded(&self, request: &Request, url: &Url, authorization: &HeaderValue) -> Result<Answer, GroupwareError> {
        let bound = self.limits.of(request.patience);
        let started = std::time::Instant::now();
        let answer = tokio::time::timeout(bound, self.exchange(request, url, authorization))
            .await
            .unwrap_or_else(|_| Err(GroupwareError::Timeout { server: self.server.clone(), command: request.method, after: bound }))?;
        tracing::debug!(
            method = request.method,
            status = answer.status,
            bytes = answer.body.len(),
            ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "DAV server answered"
        );
        Ok(answer)
    }

    async fn exchange(&self, request: &Request, url: &Url, authorization: &HeaderValue) -> Result<Answer, GroupwareError> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, authorization.clone());
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("crmsync/", env!("CARGO_PKG_VERSION"))));
        if !matches!(request.method, "PROPFIND" | "REPORT") {
            // The ETag of a compressed answer is another one or a weak one (Cyrus 3.6, Apache's mod_deflate).
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        headers.extend(request.headers.iter().cloned());
        let method = Method::from_bytes(request.method.as_bytes()).unwrap_or_default();
        let mut builder = self.client.request(method, url.clone()).headers(headers);
        if !request.body.is_empty() {
            builder = builder.body(request.body.clone());
        }
        self.traffic.commanded();
        self.traffic.waited();
        self.traffic.sent(request.body.len());
        let mut response = builder.send().await.map_err(|error| self.failure(error, request))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failure(error, request))? {
            self.traffic.received(chunk.len());
            if body.len() + chunk.len() > self.limits.answer {
                let text = format!("an answer to {} of more than {} bytes", request.method, self.limits.answer);
                return Err(GroupwareError::TooLarge { server: self.server.clone(), text });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { server: self.server.clone(), command: request.method, path: href::of_url(url), status, headers, body })
    }

    fn failure(&self, error: reqwest::Error, request: &Request) -> GroupwareError {
        let (error, server) = (error.without_url(), self.server.clone());
        if error.is_timeout() {
            return GroupwareError::Timeout { server, command: request.method, after: self.limits.connect };
        }
        match tls_fault(&error) {
            Some(fault) => GroupwareError::Tls { server, fault },
            None => GroupwareError::Offline { server, cause: words(&error) },
        }
    }
}

/// The sign-in failed at the provider of tokens; one that was taken back locks the gate.
pub(super) fn not_signed_in(account: &AccountId, gate: &LoginGate, error: OAuthError) -> GroupwareError {
    let error = sign_in_failed(account, error);
    if error.is_rejection() {
        gate.lock();
    }
    error
}

/// An address without what a server may have hidden in it.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    let _ = (url.set_username(""), url.set_password(None));
    url.to_string()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn authorization(account: &AccountId, access: &DavAccess, proof: &Proof) -> Result<HeaderValue, GroupwareError> {
    let unusable = |cause: &str| GroupwareError::Secret { account: account.to_string(), cause: cause.to_owned() };
    let text = match access.auth {
        DavAuth::Bearer => format!("Bearer {}", proof.secret.expose()),
        DavAuth::Basic if access.user.contains(':') => {
            return Err(unusable("a user name for basic authentication must not contain a colon"));
        }
        DavAuth::Basic => {
            format!("Basic {}", data_encoding::BASE64.encode(format!("{}:{}", access.user, proof.secret.expose()).as_bytes()))
        }
    };
    let mut value = HeaderValue::from_str(&text).map_err(|_| unusable("it holds characters that cannot be sent; store it anew"))?;
    value.set_sensitive(true);
    Ok(value)
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

fn tls_fault(error: &reqwest::Error) -> Option<TlsFault> {
    let mut source = error.source();
    while let Some(cause) = source {
        let wrapped = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let found = cause.downcast_ref::<rustls::Error>().or_else(|| wrapped?.downcast_ref::<rustls::Error>());
        if let Some(error) = found {
            return Some(tls::fault(error));
        }
        source = cause.source();
    }
    None
}
