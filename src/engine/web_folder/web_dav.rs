//! A WebDAV collection (RFC 4918).

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, IF_NONE_MATCH};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use sha2::Digest as _;
use url::{Host, Url};

use crate::crm::Limits;
use crate::model::{Digest, RawMail, RawMailWriter};

use super::{Names, StoredAt, WebFolderError};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(super) struct DavFolder {
    client: Client,
    root: Url,
    user: Option<String>,
    secret: Option<Secret>,
    /// Paths of collections that are known to be there.
    known: Mutex<BTreeSet<Vec<String>>>,
    /// A rejected password is not sent again, so that it does not lock the account at its server.
    rejected: AtomicBool,
}

/// Never shown, not even by `Debug`.
struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// Reads the content once, because its length must be known before and a refused attempt must be repeatable. In memory up to a
/// bound, then in a file of the system's temporary folder that goes with its last use.
pub(super) fn spool(mut content: impl Read, digest: &Digest) -> Result<RawMail, WebFolderError> {
    let mut writer = RawMailWriter::new(&std::env::temp_dir(), 0);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => writer.write(buffer.get(..read).unwrap_or_default()).map_err(WebFolderError::Source)?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(WebFolderError::Source(error)),
        }
    }
    let spooled = writer.finish().map_err(WebFolderError::Source)?;
    if spooled.digest() == digest { Ok(spooled) } else { Err(WebFolderError::Content) }
}

/// What a name stands for on the server.
enum Found {
    Nothing,
    /// Something, of this length if the server says so.
    Something(Option<u64>),
    /// The server does not answer to HEAD.
    Unsaid,
}

impl DavFolder {
    pub(super) fn new(url: &Url, user: Option<String>, secret: Option<String>) -> Result<Self, WebFolderError> {
        let loopback = match url.host() {
            Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        let mut root = url.clone();
        // What stands before the host would be shown with every address. The settings have their own places for it.
        let stripped = root.set_username("").is_ok() && root.set_password(None).is_ok();
        if !stripped || !(url.scheme() == "https" || url.scheme() == "http" && loopback) {
            return Err(WebFolderError::Insecure { url: root.to_string() });
        }
        root.set_query(None);
        root.set_fragment(None);
        // The TLS library wants its cryptography named once in a process; a second time changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A followed redirect would turn PUT into GET and look like success. Compressed answers would hide lengths.
        let mut builder = Client::builder().redirect(reqwest::redirect::Policy::none()).no_gzip().connect_timeout(CONNECT_TIMEOUT);
        if loopback {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| offline(&error))?;
        let secret = secret.map(Secret);
        Ok(Self { client, root, user, secret, known: Mutex::default(), rejected: AtomicBool::new(false) })
    }

    pub(super) async fn store(&self, folders: &[String], names: &Names, content: &RawMail) -> Result<StoredAt, WebFolderError> {
        self.make_folders(folders).await?;
        for name in names.iter() {
            let url = self.url(folders, Some(&name))?;
            let length = match self.look(&url).await? {
                Found::Something(length) => Some(length),
                Found::Nothing | Found::Unsaid => {
                    if self.put(folders, &url, content).await? {
                        return Ok(StoredAt { location: url.to_string(), new: true });
                    }
                    Some(None)
                }
            };
            let same_length = length.flatten().is_none_or(|length| length == content.len());
            if same_length && self.has_content(&url, content).await? {
                return Ok(StoredAt { location: url.to_string(), new: false });
            }
        }
        Err(names.exhausted())
    }

    /// Makes each folder of the path that is not known to be there. The root is the user's to make.
    async fn make_folders(&self, folders: &[String]) -> Result<(), WebFolderError> {
        for depth in 1..=folders.len() {
            let path = folders.get(..depth).unwrap_or_default();
            if self.known().contains(path) {
                continue;
            }
            let url = self.url(path, None)?;
            let status = self.send(self.request("MKCOL", &url)?).await?.status();
            // 405 is "there is something already" (RFC 4918 §9.3.1); servers that say otherwise are asked.
            if !status.is_success() && status != StatusCode::METHOD_NOT_ALLOWED && !self.is_collection(&url).await? {
                return Err(match status {
                    StatusCode::CONFLICT | StatusCode::NOT_FOUND if depth == 1 => {
                        WebFolderError::NotThere { folder: self.root.to_string() }
                    }
                    status => refused("MKCOL", status),
                });
            }
            self.known().insert(path.to_vec());
        }
        Ok(())
    }

    async fn is_collection(&self, url: &Url) -> Result<bool, WebFolderError> {
        let request = self.request("PROPFIND", url)?.header("Depth", "0");
        Ok(self.send(request).await?.status() == StatusCode::MULTI_STATUS)
    }

    async fn look(&self, url: &Url) -> Result<Found, WebFolderError> {
        let response = self.send(self.request("HEAD", url)?).await?;
        match response.status() {
            status if status.is_success() => {
                let length = response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
                Ok(Found::Something(length))
            }
            // A redirect leads from `name` to `name/`: a collection.
            status if status.is_redirection() => Ok(Found::Something(None)),
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(Found::Nothing),
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => Ok(Found::Unsaid),
            status => Err(refused("HEAD", status)),
        }
    }

    /// Stores the content if the name is free; `false` when it is taken.
    async fn put(&self, folders: &[String], url: &Url, content: &RawMail) -> Result<bool, WebFolderError> {
        let mut remade = false;
        loop {
            let body = match (content.in_memory(), content.spool_path()) {
                (None, Some(path)) => tokio::fs::File::open(path).await.map_err(WebFolderError::Source)?.into(),
                (bytes, _) => reqwest::Body::from(bytes.cloned().unwrap_or_default()),
            };
            // The condition closes the gap since HEAD. Servers that do not know it (nginx) leave the gap open.
            let request = self
                .request("PUT", url)?
                .header(IF_NONE_MATCH, "*")
                .header(CONTENT_LENGTH, content.len())
                .timeout(Limits::request_timeout(content.len()))
                .body(body);
            match self.send(request).await?.status() {
                status if status.is_success() => return Ok(true),
                StatusCode::PRECONDITION_FAILED | StatusCode::METHOD_NOT_ALLOWED => return Ok(false),
                // Somebody removed the folder meanwhile (RFC 4918 §9.7.1).
                StatusCode::CONFLICT | StatusCode::NOT_FOUND if !remade => {
                    remade = true;
                    self.known().clear();
                    self.make_folders(folders).await?;
                }
                StatusCode::CONFLICT | StatusCode::NOT_FOUND if folders.is_empty() => {
                    return Err(WebFolderError::NotThere { folder: self.root.to_string() });
                }
                status => return Err(refused("PUT", status)),
            }
        }
    }

    async fn has_content(&self, url: &Url, content: &RawMail) -> Result<bool, WebFolderError> {
        let mut response = self.send(self.request("GET", url)?.timeout(Limits::request_timeout(content.len()))).await?;
        if !response.status().is_success() {
            return Ok(false);
        }
        let mut hash = sha2::Sha256::new();
        let mut length = 0;
        while let Some(chunk) = response.chunk().await.map_err(|error| offline(&error))? {
            length += chunk.len() as u64;
            if length > content.len() {
                return Ok(false);
            }
            hash.update(&chunk);
        }
        Ok(Digest::from_sha256(&hash.finalize()) == *content.digest())
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeSet<Vec<String>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The address of a file, or of a folder with its slash at the end (nginx insists on it).
    fn url(&self, folders: &[String], name: Option<&str>) -> Result<Url, WebFolderError> {
        let mut url = self.root.clone();
        url.path_segments_mut()
            .map_err(|()| WebFolderError::Insecure { url: self.root.to_string() })?
            .pop_if_empty()
            .extend(folders)
            .push(name.unwrap_or_default());
        Ok(url)
    }

    fn request(&self, method: &'static str, url: &Url) -> Result<RequestBuilder, WebFolderError> {
        if self.rejected.load(Ordering::Relaxed) {
            return Err(WebFolderError::LoginRejected);
        }
        let method = Method::from_bytes(method.as_bytes()).unwrap_or_default();
        let request = self.client.request(method, url.clone()).timeout(Limits::request_timeout(0));
        Ok(match &self.user {
            Some(user) => request.basic_auth(user, self.secret.as_ref().map(|secret| &secret.0)),
            None => request,
        })
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, WebFolderError> {
        let response = request.send().await.map_err(|error| offline(&error))?;
        if response.status() == StatusCode::UNAUTHORIZED {
            self.rejected.store(true, Ordering::Relaxed);
            return Err(WebFolderError::LoginRejected);
        }
        Ok(response)
    }
}

fn refused(method: &'static str, status: StatusCode) -> WebFolderError {
    match status {
        StatusCode::INSUFFICIENT_STORAGE => WebFolderError::Full { cause: status.to_string() },
        StatusCode::FORBIDDEN => WebFolderError::NotAllowed { cause: status.to_string() },
        StatusCode::TOO_MANY_REQUESTS | StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            WebFolderError::Offline { cause: status.to_string() }
        }
        status => WebFolderError::Refused { method: method.to_owned(), status: status.as_u16() },
    }
}

/// The whole chain of causes, without the address, which names the customer.
fn offline(error: &reqwest::Error) -> WebFolderError {
    let mut cause = String::new();
    let mut next = std::error::Error::source(error);
    while let Some(source) = next {
        if !cause.is_empty() {
            cause.push_str(": ");
        }
        cause.push_str(&source.to_string());
        next = source.source();
    }
    if cause.is_empty() {
        cause.push_str(if error.is_timeout() { "it took too long" } else { "the request failed" });
    }
    WebFolderError::Offline { cause }
}

#[cfg(test)]
mod tests;
