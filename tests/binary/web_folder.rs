//! The web folder fails in every way (R37): the mail is in the CRM once all the same, what could not be stored is told and stored later.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use crmsync::sandbox::imap::SandboxImapOptions;
use crmsync::sandbox::proxy::{CutProxy, RunningProxy, Verdict};
use tokio::runtime::Runtime;

use super::scene::{ARCHIVE, BY_FOLDER, IMPORT, copies, records};
use super::stage::{Finished, Stage, USER};

/// A WebDAV server in memory, behind a proxy that can take it off the net.
struct Dav {
    url: String,
    shelf: Arc<Mutex<Shelf>>,
    _proxy: RunningProxy,
    _runtime: Runtime,
}

#[derive(Default)]
struct Shelf {
    collections: BTreeSet<String>,
    files: BTreeMap<String, Vec<u8>>,
    /// Every PUT is answered so.
    put_status: Option<StatusCode>,
    /// Off the net after so many more files were stored.
    down_after: Option<usize>,
    down: bool,
    /// Requests that bring another password are refused.
    password: Option<&'static str>,
    requests: Vec<String>,
}

impl Shelf {
    fn answer(&mut self, method: &str, path: &str, authorization: &str, body: Vec<u8>) -> Response {
        self.requests.push(format!("{method} {path}"));
        let expected =
            self.password.map(|password| format!("Basic {}", data_encoding::BASE64.encode(format!("anna:{password}").as_bytes())));
        if expected.is_some_and(|expected| expected != authorization) {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        let parent = format!("{}/", path.trim_end_matches('/').rsplit_once('/').unwrap().0);
        let status = match method {
            "MKCOL" if !self.collections.contains(&parent) => StatusCode::CONFLICT,
            "MKCOL" if self.collections.insert(format!("{}/", path.trim_end_matches('/'))) => StatusCode::CREATED,
            "MKCOL" => StatusCode::METHOD_NOT_ALLOWED,
            "HEAD" | "GET" => match self.files.get(path) {
                Some(content) => return content.clone().into_response(),
                None => StatusCode::NOT_FOUND,
            },
            "PUT" if self.put_status.is_some() => self.put_status.unwrap(),
            "PUT" if !self.collections.contains(&parent) => StatusCode::CONFLICT,
            "PUT" if self.files.contains_key(path) => StatusCode::PRECONDITION_FAILED,
            "PUT" => {
                self.files.insert(path.to_owned(), body);
                self.down_after = self.down_after.map(|left| left - 1);
                self.down |= self.down_after == Some(0);
                StatusCode::CREATED
            }
            _ => StatusCode::NOT_IMPLEMENTED,
        };
        status.into_response()
    }
}

async fn handle(State(shelf): State<Arc<Mutex<Shelf>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 64 << 20).await.unwrap().to_vec();
    let authorization = parts.headers.get("authorization").map_or("", |value| value.to_str().unwrap()).to_owned();
    shelf.lock().unwrap().answer(parts.method.as_str(), parts.uri.path(), &authorization, body)
}

impl Dav {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let shelf = Arc::new(Mutex::new(Shelf { collections: ["/crm/".to_owned()].into(), ..Shelf::default() }));
        let (app, seen) = (axum::Router::new().fallback(handle).with_state(Arc::clone(&shelf)), Arc::clone(&shelf));
        let proxy = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(async move { axum::serve(listener, app).await });
            let judge = move |step: &crmsync::sandbox::proxy::Step| {
                let cut = step.direction == crmsync::sandbox::proxy::Direction::Request && seen.lock().unwrap().down;
                if cut { Verdict::Cut } else { Verdict::Forward }
            };
            CutProxy::start(address, judge).await.unwrap()
        });
        Self { url: format!("http://{}/crm", proxy.addr()), shelf, _proxy: proxy, _runtime: runtime }
    }

    fn with(&self, change: impl FnOnce(&mut Shelf)) {
        change(&mut self.shelf.lock().unwrap());
    }

    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.shelf.lock().unwrap().files.clone()
    }

    fn settings(&self) -> String {
        format!("{BY_FOLDER}\nweb_folder = \"{}\"", self.url)
    }
}

/// A mail of a customer with one attachment.
fn with_attachment(subject: &str, name: &str, content: &str) -> String {
    let id: String = subject.chars().filter(char::is_ascii_alphanumeric).collect();
    format!(
        "From: Clara Hofmann <clara.hofmann@solaris-technik.example>\r\nTo: Anna Berger <anna.berger@nordwind.example>\r\n\
         Subject: {subject}\r\nDate: Mon, 16 Nov 2026 10:00:00 +0100\r\nMessage-ID: <{id}@scene.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nGuten Tag\r\n--b\r\n\
         Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}\r\n--b--\r\n",
        data_encoding::BASE64.encode(content.as_bytes())
    )
}

/// Three mails with an attachment each.
fn three() -> [String; 3] {
    ["Offer one", "Plan two", "Bill three"].map(|subject| {
        let name = subject.split(' ').next().unwrap().to_lowercase();
        with_attachment(subject, &format!("{name}.pdf"), &format!("content of {name}"))
    })
}

fn stage(mail: &str, mails: &[String]) -> Stage {
    let stage = Stage::new(SandboxImapOptions::default(), mail);
    for mail in mails {
        stage.imap.append(USER, IMPORT, mail.clone(), &[]);
    }
    stage
}

/// What waits for the web folder, `(title, particulars)`.
fn waiting(stage: &Stage) -> Vec<(String, String)> {
    let list = stage.json(&["parked", "list"]);
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let entry = |entry: &serde_json::Value| {
        assert_eq!(entry["reason"]["code"], "web-folder", "{entry}");
        assert!(!entry["next_try"].is_null(), "it is tried again by itself: {entry}");
        (text(&entry["title"]), text(&entry["reason"]["detail"]))
    };
    list.as_array().unwrap().iter().map(entry).collect()
}

/// Each mail is in the CRM once; it is archived unless it waits.
fn assert_imported(stage: &Stage, mails: &[String], waiting: &[(String, String)], context: &str) {
    for mail in mails {
        let waits = waiting.iter().any(|(title, _)| title == super::scene::subject(mail));
        assert_eq!(records(stage, mail), 1, "{context}: {waiting:?}");
        let places = [copies(stage, IMPORT, mail), copies(stage, ARCHIVE, mail)];
        assert_eq!(places, if waits { [1, 0] } else { [0, 1] }, "{context}: import folder, archive; {waiting:?}");
    }
    assert_eq!(stage.activities().len(), mails.len(), "{context}");
}

/// A run that imports everything but cannot store everything says so and is no failure.
fn assert_told(finished: &Finished, stage: &Stage, words: &str, context: &str) -> Vec<(String, String)> {
    assert_eq!(finished.code, Some(0), "{context}: {finished:?}");
    let waiting = waiting(stage);
    assert!(!waiting.is_empty() && waiting.iter().all(|(_, detail)| detail.contains(words)), "{context}: {waiting:?}");
    assert_eq!(finished.json()["areas"]["mail"]["errors"], waiting.len(), "{context}: {finished:?}");
    let people = stage.run(&["parked"]).stdout;
    assert!(people.contains("could not be stored in the web folder") && people.contains(words), "{context}: {people}");
    waiting
}

/// Mended and asked for: what waited is stored and archived, nothing goes to the CRM again, and then it is quiet.
fn assert_heals(stage: &Stage, mails: &[String], context: &str) {
    let posts = stage.posts();
    stage.json(&["parked", "retry"]);
    stage.sync_ok();
    assert_eq!(stage.posts(), posts, "{context}: no mail is posted again");
    assert_eq!(stage.parked(), [], "{context}");
    assert_imported(stage, mails, &[], context);
    stage.assert_quiet(context);
}

#[test]
fn r37_a_server_that_goes_away_in_the_middle_of_a_run_gets_the_rest_later() {
    for stored in 0..=2 {
        let (dav, mails) = (Dav::start(), three());
        let stage = stage(&dav.settings(), &mails);
        dav.with(|shelf| (shelf.down, shelf.down_after) = (stored == 0, Some(stored).filter(|count| *count > 0)));
        let context = format!("away after {stored} files");
        let waiting = assert_told(&stage.sync(), &stage, "cannot be reached", &context);
        assert_eq!((waiting.len(), dav.files().len()), (3 - stored, stored), "{context}");
        assert_imported(&stage, &mails, &waiting, &context);
        stage.assert_quiet(&format!("{context}, not due yet"));

        // Asked for too early: it waits on.
        stage.json(&["parked", "retry"]);
        assert_told(&stage.sync(), &stage, "cannot be reached", &context);
        dav.with(|shelf| (shelf.down, shelf.down_after) = (false, None));
        assert_heals(&stage, &mails, &context);
        let names: Vec<String> = dav.files().into_keys().collect();
        let folder = "/crm/Solaris%20Technik%20AG";
        assert_eq!(names, ["bill", "offer", "plan"].map(|name| format!("{folder}/{name}.pdf")), "{context}: once each");
    }
}

#[test]
fn r37_full_forbidden_locked_or_refused_is_told_in_words_and_tried_again() {
    let cases = [(507, "is full"), (403, "may not be written"), (423, "423"), (500, "500"), (503, "cannot be reached")];
    std::thread::scope(|scope| {
        for (status, words) in cases {
            scope.spawn(move || {
                let (dav, mails) = (Dav::start(), three());
                let stage = stage(&dav.settings(), &mails);
                dav.with(|shelf| shelf.put_status = Some(StatusCode::from_u16(status).unwrap()));
                let context = format!("status {status}");
                let waiting = assert_told(&stage.sync(), &stage, words, &context);
                assert_eq!((waiting.len(), dav.files().len()), (3, 0), "{context}");
                assert_imported(&stage, &mails, &waiting, &context);
                dav.with(|shelf| shelf.put_status = None);
                assert_heals(&stage, &mails, &context);
                assert_eq!(dav.files().len(), 3, "{context}");
            });
        }
    });
}

#[test]
fn r37_a_rejected_password_is_sent_once_a_run_and_leaves_the_mailbox_unlocked() {
    let (dav, mails) = (Dav::start(), three());
    dav.with(|shelf| shelf.password = Some("right"));
    let settings = |password: &str| {
        let secret = format!("{{ command = [\"printf\", \"{password}\"] }}");
        format!("{}\nweb_folder_user = \"anna\"\nweb_folder_secret = {secret}", dav.settings())
    };
    let stage = stage(&settings("wrong"), &mails);
    let waiting = assert_told(&stage.sync(), &stage, "rejected the login", "wrong password");
    assert_eq!(dav.shelf.lock().unwrap().requests.len(), 1, "{:?}", dav.shelf.lock().unwrap().requests);
    assert_imported(&stage, &mails, &waiting, "wrong password");
    assert!(stage.json(&["status"])["accounts"][0]["locked"].is_null());
    stage.configure(&settings("right"));
    assert_heals(&stage, &mails, "right password");
    assert_eq!(dav.files().len(), 3);
}

#[test]
fn r37_equal_names_stand_beside_each_other_and_nothing_is_overwritten() {
    let dav = Dav::start();
    dav.with(|shelf| {
        shelf.collections.insert("/crm/Solaris%20Technik%20AG/".to_owned());
        shelf.files.insert("/crm/Solaris%20Technik%20AG/offer.pdf".to_owned(), b"of a colleague".to_vec());
    });
    let mails = [
        with_attachment("Offer one", "offer.pdf", "first"),
        with_attachment("Offer two", "offer.pdf", "second"),
        with_attachment("Offer three", "offer.pdf", "first"),
    ];
    let stage = stage(&dav.settings(), &mails);
    stage.sync_ok();
    assert_imported(&stage, &mails, &[], "equal names");
    let files = dav.files();
    let contents: BTreeSet<&[u8]> = files.values().map(Vec::as_slice).collect();
    assert_eq!(files["/crm/Solaris%20Technik%20AG/offer.pdf"], b"of a colleague");
    assert_eq!(contents, [&b"first"[..], b"of a colleague", b"second"].into(), "{:?}", files.keys());
    assert_eq!(files.len(), 3, "the same content is stored once: {:?}", files.keys());
    // Without the journal everything is stored once more, in vain.
    stage.lose_the_journal();
    for mail in &mails {
        stage.imap.append(USER, IMPORT, mail.clone(), &[]);
    }
    stage.sync_ok();
    assert_eq!((dav.files(), stage.activities().len()), (files, 3));
}

/// Every file below a folder, with its content.
fn tree(folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(tree(&path));
        } else {
            files.insert(path.display().to_string(), std::fs::read_to_string(&path).unwrap());
        }
    }
    files
}

#[test]
fn r37_a_share_that_is_not_mounted_is_told_never_made_and_taken_up_when_it_is_back() {
    let home = tempfile::tempdir().unwrap();
    let share = home.path().join("share");
    let (mails, mail) = (three(), format!("{BY_FOLDER}\nweb_folder = '{}'", share.display()));
    let stage = stage(&mail, &mails[..1]);
    std::fs::create_dir(&share).unwrap();
    stage.sync_ok();
    assert_eq!(tree(&share).len(), 1);

    let away = home.path().join("away");
    std::fs::rename(&share, &away).unwrap();
    for mail in &mails[1..] {
        stage.imap.append(USER, IMPORT, mail.clone(), &[]);
    }
    let waiting = assert_told(&stage.sync(), &stage, "is not there", "not mounted");
    assert_eq!(waiting.len(), 2, "{waiting:?}");
    assert!(!share.exists(), "a folder in its place would hide the share");
    assert_imported(&stage, &mails, &waiting, "not mounted");

    std::fs::rename(&away, &share).unwrap();
    assert_heals(&stage, &mails, "mounted again");
    let contents: BTreeSet<String> = tree(&share).into_values().collect();
    assert_eq!(contents, ["bill", "offer", "plan"].map(|name| format!("content of {name}")).into());
    assert_eq!(tree(&share).len(), 3, "nothing half-written is left: {:?}", tree(&share).keys());
}
