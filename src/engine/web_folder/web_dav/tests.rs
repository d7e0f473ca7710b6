use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};

use crate::engine::web_folder::WebFolderWriter;
use crate::settings::WebFolder;

use super::*;

/// A WebDAV server in memory, as far as crmsync needs one.
#[derive(Default)]
struct Server {
    /// `None` is a collection; its path ends in a slash.
    resources: Mutex<BTreeMap<String, Option<Vec<u8>>>>,
    requests: Mutex<Vec<String>>,
    quirks: Quirks,
}

#[derive(Default, Clone)]
struct Quirks {
    password: Option<&'static str>,
    ignores_conditions: bool,
    refuses_head: bool,
    hides_lengths: bool,
    refuses_mkcol_of_existing: bool,
    put_status: Option<u16>,
}

impl Server {
    fn respond(&self, method: &str, path: &str, headers: &HeaderMap, body: Vec<u8>) -> Response {
        self.requests.lock().unwrap().push(format!("{method} {path}"));
        let expected = self.quirks.password.map(|p| format!("Basic {}", data_encoding::BASE64.encode(format!("anna:{p}").as_bytes())));
        if expected.is_some() && headers.get("authorization").map(|value| value.to_str().unwrap()) != expected.as_deref() {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        let mut resources = self.resources.lock().unwrap();
        let trimmed = path.trim_end_matches('/');
        let parent = format!("{}/", trimmed.rsplit_once('/').unwrap().0);
        match method {
            "MKCOL" if !resources.contains_key(&parent) => StatusCode::CONFLICT.into_response(),
            "MKCOL" if resources.contains_key(path) || resources.contains_key(trimmed) => {
                let refusal = if self.quirks.refuses_mkcol_of_existing { StatusCode::FORBIDDEN } else { StatusCode::METHOD_NOT_ALLOWED };
                refusal.into_response()
            }
            "MKCOL" => {
                resources.insert(path.to_owned(), None);
                StatusCode::CREATED.into_response()
            }
            "PROPFIND" if resources.contains_key(path) => StatusCode::MULTI_STATUS.into_response(),
            "HEAD" if self.quirks.refuses_head => StatusCode::METHOD_NOT_ALLOWED.into_response(),
            "HEAD" | "GET" => match resources.get(path) {
                Some(Some(content)) if self.quirks.hides_lengths => {
                    let content = content.clone();
                    Body::from_stream(futures_util::stream::once(async { Ok::<_, std::io::Error>(content) })).into_response()
                }
                Some(Some(content)) => content.clone().into_response(),
                Some(None) => "listing".into_response(),
                None => StatusCode::NOT_FOUND.into_response(),
            },
            "PUT" => {
                assert_eq!(headers.get("content-length").unwrap().to_str().unwrap(), body.len().to_string());
                if let Some(status) = self.quirks.put_status {
                    return StatusCode::from_u16(status).unwrap().into_response();
                }
                if !resources.contains_key(&parent) {
                    return StatusCode::CONFLICT.into_response();
                }
                if headers.get("if-none-match").is_some() && !self.quirks.ignores_conditions && resources.contains_key(path) {
                    return StatusCode::PRECONDITION_FAILED.into_response();
                }
                resources.insert(path.to_owned(), Some(body));
                StatusCode::CREATED.into_response()
            }
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    }

    fn count(&self, method: &str) -> usize {
        self.requests.lock().unwrap().iter().filter(|request| request.starts_with(method)).count()
    }

    fn files(&self) -> Vec<(String, String)> {
        let resources = self.resources.lock().unwrap();
        let text = |content: &Option<Vec<u8>>| content.as_ref().map(|content| String::from_utf8_lossy(content).into_owned());
        resources.iter().filter_map(|(path, content)| Some((path.clone(), text(content)?))).collect()
    }
}

async fn handle(State(server): State<Arc<Server>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 100 << 20).await.unwrap().to_vec();
    server.respond(parts.method.as_str(), parts.uri.path(), &parts.headers, body)
}

async fn start(quirks: Quirks) -> (Arc<Server>, WebFolderWriter) {
    let server = Arc::new(Server { quirks, ..Server::default() });
    server.resources.lock().unwrap().insert("/dav/crm/".to_owned(), None);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = axum::Router::new().fallback(handle).with_state(Arc::clone(&server));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let folder =
        WebFolder::WebDav { url: format!("http://{address}/dav/crm").parse().unwrap(), user: Some("anna".to_owned()), secret: None };
    let writer = WebFolderWriter::open(&folder, Some("right".to_owned())).unwrap();
    (server, writer)
}

async fn store(writer: &WebFolderWriter, folder: &str, name: &str, content: &str) -> Result<StoredAt, WebFolderError> {
    writer.store(folder, name, std::io::Cursor::new(content.to_owned()), &Digest::of(content.as_bytes())).await
}

fn files(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(path, content)| ((*path).to_owned(), (*content).to_owned())).collect()
}

#[tokio::test]
async fn r37_an_attachment_is_put_into_the_customers_collection_which_is_made_once() {
    let (server, writer) = start(Quirks { password: Some("right"), ..Quirks::default() }).await;
    let stored = store(&writer, "Customers/Müller & Co", "100 % #1?.pdf", "one").await.unwrap();
    assert!(stored.new && stored.location.ends_with("/dav/crm/Customers/M%C3%BCller%20&%20Co/100%20%25%20%231_.pdf"));
    store(&writer, "Customers/Müller & Co", "b.pdf", "two").await.unwrap();
    let folder = "/dav/crm/Customers/M%C3%BCller%20&%20Co";
    assert_eq!(server.files(), files(&[(&format!("{folder}/100%20%25%20%231_.pdf"), "one"), (&format!("{folder}/b.pdf"), "two")]));
    assert_eq!(server.count("MKCOL"), 2);
}

#[tokio::test]
async fn r37_nothing_is_overwritten_and_equal_content_is_not_put_twice_whatever_the_server_can_do() {
    for quirks in [
        Quirks::default(),
        Quirks { refuses_head: true, ..Quirks::default() },
        Quirks { ignores_conditions: true, ..Quirks::default() },
        Quirks { hides_lengths: true, ..Quirks::default() },
        Quirks { refuses_mkcol_of_existing: true, ..Quirks::default() },
    ] {
        let (server, writer) = start(quirks).await;
        server.resources.lock().unwrap().insert("/dav/crm/c/".to_owned(), None);
        for (content, new) in [("one", true), ("two", true), ("three", true), ("two", false), ("three", false), ("one", false)] {
            assert_eq!(store(&writer, "c", "a.pdf", content).await.unwrap().new, new, "{content}");
        }
        let expected = [("/dav/crm/c/a%20(2).pdf", "two"), ("/dav/crm/c/a%20(3).pdf", "three"), ("/dav/crm/c/a.pdf", "one")];
        assert_eq!(server.files(), files(&expected));
    }
}

#[tokio::test]
async fn r37_a_large_attachment_is_spooled_and_arrives_whole() {
    let (server, writer) = start(Quirks::default()).await;
    let large = "0123456789abcdef".repeat(200_000);
    assert!(store(&writer, "", "large.bin", &large).await.unwrap().new);
    assert_eq!(server.files()[0].1.len(), large.len());
    assert!(!store(&writer, "", "large.bin", &large).await.unwrap().new);
}

#[tokio::test]
async fn a_folder_that_vanished_meanwhile_is_made_again() {
    let (server, writer) = start(Quirks::default()).await;
    store(&writer, "c/d", "a", "one").await.unwrap();
    server.resources.lock().unwrap().retain(|path, _| path == "/dav/crm/");
    store(&writer, "c/d", "b", "two").await.unwrap();
    assert_eq!(server.files(), files(&[("/dav/crm/c/d/b", "two")]));
}

#[tokio::test]
async fn a_collection_that_is_not_there_is_not_made() {
    let (server, writer) = start(Quirks::default()).await;
    server.resources.lock().unwrap().clear();
    assert!(matches!(store(&writer, "c", "a", "x").await, Err(WebFolderError::NotThere { .. })));
    assert!(matches!(store(&writer, "", "a", "x").await, Err(WebFolderError::NotThere { .. })));
}

#[tokio::test]
async fn v11_a_rejected_password_is_sent_once() {
    let (server, writer) = start(Quirks { password: Some("other"), ..Quirks::default() }).await;
    for _ in 0..3 {
        assert!(matches!(store(&writer, "c", "a", "x").await, Err(WebFolderError::LoginRejected)));
    }
    assert_eq!(server.requests.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let refusal = |status| async move {
        let (_server, writer) = start(Quirks { put_status: Some(status), ..Quirks::default() }).await;
        store(&writer, "", "a", "x").await.unwrap_err()
    };
    assert!(matches!(refusal(507).await, WebFolderError::Full { .. }));
    assert!(matches!(refusal(403).await, WebFolderError::NotAllowed { .. }));
    assert!(matches!(refusal(503).await, WebFolderError::Offline { .. }));
    assert!(matches!(refusal(413).await, WebFolderError::Refused { status: 413, .. }));
    assert!(matches!(refusal(301).await, WebFolderError::Refused { status: 301, .. }), "a redirected PUT stored nothing");
}

#[tokio::test]
async fn content_that_differs_from_its_digest_is_not_sent() {
    let (server, writer) = start(Quirks::default()).await;
    let stored = writer.store("c", "a", &b"other"[..], &Digest::of(b"announced")).await;
    assert!(matches!(stored, Err(WebFolderError::Content)));
    assert_eq!(server.requests.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn a_server_that_is_away_is_offline() {
    // It has the port and does not listen.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind((std::net::Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let url = format!("http://{}/", socket.local_addr().unwrap()).parse().unwrap();
    let writer = WebFolderWriter::open(&WebFolder::WebDav { url, user: None, secret: None }, None).unwrap();
    let error = store(&writer, "c", "a", "x").await.unwrap_err();
    assert!(matches!(error, WebFolderError::Offline { .. }) && error.concerns_all());
}

#[test]
fn without_tls_only_this_machine_is_written_to() {
    let open = |url: &str| WebFolderWriter::open(&WebFolder::WebDav { url: url.parse().unwrap(), user: None, secret: None }, None);
    for url in ["http://files.firm.example/", "ftp://localhost/", "http://192.0.2.1/", "data:x"] {
        assert!(matches!(open(url), Err(WebFolderError::Insecure { .. })), "{url}");
    }
    for url in ["https://files.firm.example/crm", "http://localhost:8080/", "http://127.0.0.1/", "http://[::1]/"] {
        assert!(open(url).is_ok(), "{url}");
    }
}

#[test]
fn neither_address_nor_debug_shows_a_password() {
    let url = "https://anna:hidden@files.firm.example/crm".parse().unwrap();
    let folder = DavFolder::new(&url, None, Some("secret".to_owned())).unwrap();
    let shown = format!("{folder:?} {}", folder.url(&[], Some("a")).unwrap());
    assert!(!shown.contains("hidden") && !shown.contains("secret\""), "{shown}");
}
