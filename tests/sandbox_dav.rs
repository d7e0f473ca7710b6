//! The sandbox's DAV server answers as the RFCs and, where a switch is on, as the real servers do that it stands for.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says so by failing"
)]

use std::sync::Arc;

use crmsync::groupware::dav::{CardDavConnector, CardDavOptions, DavStore};
use crmsync::groupware::{
    CollectionId, CrmLink, Draft, DraftPart, Fetched, ItemStore as _, LoginGate, PartEdit, Removed, StoredItem, Written,
};
use crmsync::model::contact::{Phone, Photo};
use crmsync::model::{AccountId, Area, Digest, Field, Fields, Value};
use crmsync::sandbox::dav::{Failure, Handle, InvalidToken, Quirks, RunningDav, SandboxDav, SandboxDavOptions, TokenAnswer};
use crmsync::settings::{DavAccess, DavAuth, Secret, SecretStore, Secrets, StoreError};
use reqwest::{Method, StatusCode};

const EVENT: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:u1\r\nSUMMARY:A < B & C\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
const SYNC: &str = "<D:sync-collection xmlns:D=\"DAV:\"><D:sync-token>TOKEN</D:sync-token><D:sync-level>1</D:sync-level>\
                    <D:prop><D:getetag/></D:prop></D:sync-collection>";

struct Client {
    dav: RunningDav,
    http: reqwest::Client,
}

struct Answer {
    status: StatusCode,
    etag: Option<String>,
    text: String,
}

impl Client {
    async fn with(quirks: Quirks) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dav = SandboxDav::start(SandboxDavOptions { quirks, ..SandboxDavOptions::default() }).await.unwrap();
        let policy = reqwest::redirect::Policy::none();
        Self { dav, http: reqwest::Client::builder().redirect(policy).build().unwrap() }
    }

    fn handle(&self) -> Handle {
        self.dav.handle()
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let url = format!("{}{}", self.dav.url(), path.trim_start_matches('/'));
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.http.request(method, url).basic_auth("anna", Some("demo")).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let etag = response.headers().get("etag").map(|etag| etag.to_str().unwrap().to_owned());
        Answer { status: response.status(), etag, text: response.text().await.unwrap() }
    }

    async fn sync(&self, token: &str) -> Answer {
        self.send("REPORT", "dav/home/anna/calendar/", &[], &SYNC.replace("TOKEN", token)).await
    }
}

fn token(answer: &Answer) -> String {
    let (_, rest) = answer.text.split_once("<D:sync-token>").unwrap();
    rest.split_once('<').unwrap().0.to_owned()
}

#[tokio::test]
async fn it_is_discovered_from_its_root() {
    let client = Client::with(Quirks::default()).await;
    assert_eq!(client.send("PROPFIND", ".well-known/caldav", &[], "").await.status, StatusCode::MOVED_PERMANENTLY);
    let principal = "<D:propfind xmlns:D=\"DAV:\"><D:prop><D:current-user-principal/></D:prop></D:propfind>";
    assert!(client.send("PROPFIND", "dav/", &[("depth", "0")], principal).await.text.contains("/dav/principals/anna/"));
    let home = "<D:propfind xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><D:prop><C:calendar-home-set/><D:owner/></D:prop></D:propfind>";
    let answer = client.send("PROPFIND", "dav/principals/anna/", &[("depth", "0")], home).await;
    assert!(answer.text.contains("/dav/home/anna/") && answer.text.contains("404 Not Found"));
    let all = "<D:propfind xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><D:prop><D:resourcetype/><C:supported-calendar-component-set/>\
               <D:sync-token/></D:prop></D:propfind>";
    let answer = client.send("PROPFIND", "dav/home/anna/", &[("depth", "1")], all).await;
    assert!(["VEVENT", "VTODO", "addressbook"].iter().all(|word| answer.text.contains(word)), "{}", answer.text);
    let wrong = client.http.get(client.dav.url()).basic_auth("anna", Some("guess")).send().await.unwrap();
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn writes_are_conditional_and_changes_are_told_since_a_token() {
    let client = Client::with(Quirks::default()).await;
    let first = token(&client.sync("").await);
    let path = "dav/home/anna/calendar/a.ics";
    let created = client.send("PUT", path, &[("if-none-match", "*")], EVENT).await;
    assert_eq!(created.status, StatusCode::CREATED);
    assert_eq!(client.send("PUT", path, &[("if-none-match", "*")], EVENT).await.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(client.send("PUT", "dav/home/anna/calendar/b.ics", &[], EVENT).await.status, StatusCode::FORBIDDEN, "one UID, one item");
    let etag = created.etag.unwrap();
    assert_eq!(client.send("GET", path, &[], "").await.text, EVENT);
    let changed = client.send("PUT", path, &[("if-match", &etag)], EVENT).await;
    assert_eq!((changed.status, changed.etag == Some(etag.clone())), (StatusCode::NO_CONTENT, false));
    assert_eq!(client.send("DELETE", path, &[("if-match", &etag)], "").await.status, StatusCode::PRECONDITION_FAILED);
    let since = client.sync(&first).await;
    assert!(since.text.contains("a.ics") && since.text.contains("getetag"));
    assert!(client.handle().remove("anna", "calendar", "a.ics"));
    let gone = client.sync(&token(&since)).await;
    assert!(gone.text.contains("a.ics") && gone.text.contains("404 Not Found"));
    assert!(!client.sync(&token(&gone)).await.text.contains("a.ics"));
    client.handle().expire_tokens();
    assert_eq!(client.sync(&first).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn quirks_of_real_servers_are_switches() {
    let client = Client::with(Quirks::sogo()).await;
    let path = "dav/home/anna/calendar/a.ics";
    let meeting = EVENT.replace("SUMMARY", "ORGANIZER:mailto:anna@nordwind.example\r\nSUMMARY");
    assert_eq!(client.send("PUT", path, &[], &meeting).await.etag, None);
    assert_eq!(
        client.send("PUT", path, &[("if-none-match", "*")], &meeting).await.status,
        StatusCode::NO_CONTENT,
        "create-only is ignored"
    );
    assert_eq!(client.handle().outbox(), ["PUT u1", "PUT u1"]);
    assert!(client.handle().get("anna", "calendar", "a.ics").unwrap().contains("X-SANDBOX-STORED"));
    assert!(client.sync("rubbish").await.text.contains("a.ics"), "a whole listing for any token");

    client.handle().change_quirks(|quirks| {
        *quirks = Quirks { truncates: Some((1, TokenAnswer::GoOn)), invalid_token: InvalidToken::Status(412), ..Quirks::default() };
        quirks.failures.push(Failure { method: "DELETE".to_owned(), status: 503, applied: true, retry_after: Some(7) });
    });
    client.handle().put("anna", "calendar", "b.ics", &EVENT.replace("u1", "u2"));
    let part = client.sync("").await;
    assert!(part.text.contains("507") && part.text.contains("a.ics") && !part.text.contains("b.ics"));
    assert!(client.sync(&token(&part)).await.text.contains("b.ics"));
    assert_eq!(client.sync("rubbish").await.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(client.send("DELETE", path, &[], "").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(client.handle().get("anna", "calendar", "a.ics"), None, "it had its effect all the same");
    client.dav.shutdown().await;
}

/// The secrets stand in the environment.
struct NoKeyring;

impl SecretStore for NoKeyring {
    fn read(&self, _: &str) -> Result<String, StoreError> {
        Err(StoreError::NoEntry)
    }

    fn write(&self, _: &str, _: &str) -> Result<(), StoreError> {
        Err(StoreError::NoEntry)
    }

    fn delete(&self, _: &str) -> Result<(), StoreError> {
        Err(StoreError::NoEntry)
    }
}

async fn contacts(dav: &RunningDav) -> DavStore {
    let access = DavAccess {
        url: dav.url().parse().unwrap(),
        user: "anna".to_owned(),
        auth: DavAuth::Basic,
        secret: Secret::Environment("DAV".to_owned()),
        ca_file: None,
    };
    let secrets = Secrets::new(Arc::new(NoKeyring), Arc::new(|_| Some("demo".to_owned())));
    let connector = CardDavConnector::new(AccountId::from("test"), access, secrets, LoginGate::new(), CardDavOptions::default());
    connector.connect().await.unwrap()
}

fn picture(size: usize) -> Value {
    let bytes = [&b"GIF89a"[..], &vec![7; size]].concat();
    Value::Photo(Photo { digest: Digest::of(&bytes), media_type: "image/gif".to_owned(), bytes: Some(bytes.into()) })
}

fn set(field: Field, value: Option<Value>) -> Vec<PartEdit> {
    vec![PartEdit::Set { recurrence_id: None, changes: [(field, value)].into(), link: None }]
}

fn stored(written: Written) -> StoredItem {
    match written {
        Written::Stored(item) => item,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn contacts_live_on_every_kind_of_server() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    for quirks in [Quirks::default(), Quirks::sogo(), Quirks::davmail(), Quirks::davical(), Quirks::cyrus()] {
        // By its name alone a server is known to ignore conditions; this one has another.
        let quirks = Quirks { create_only: true, if_match: true, ..quirks };
        let dav = SandboxDav::start(SandboxDavOptions { quirks, ..SandboxDavOptions::default() }).await.unwrap();
        let store = contacts(&dav).await;
        let books = store.collections(Area::Contacts).await.unwrap();
        assert_eq!(books.iter().map(|book| book.name.as_str()).collect::<Vec<_>>(), ["Contacts"]);
        let book: CollectionId = store.create_collection(Area::Contacts, "CRM Kontakte").await.unwrap().id;
        assert_eq!(store.collections(Area::Contacts).await.unwrap().len(), 2);

        let phone = Phone { kind: "work".to_owned(), number: "+49 711 1".to_owned(), preferred: true };
        let fields: Fields = [
            (Field::FileAs, Value::Text("Doe, Jane".to_owned())),
            (Field::FamilyName, Value::Text("Doe".to_owned())),
            (Field::Company, Value::Text("Nordwind; Co".to_owned())),
            (Field::Phones, Value::phones([phone]).unwrap()),
            (Field::Photo, picture(2000)),
        ]
        .into();
        let link = CrmLink { record: "4711".to_owned(), url: None, lines: vec![] };
        let part = DraftPart { recurrence_id: None, fields: fields.clone(), link: Some(link) };
        let draft = Draft { create_id: "c-1".to_owned(), uid: "u-1".to_owned(), area: Area::Contacts, parts: vec![part] };
        let item = stored(store.create(&book, &draft).await.unwrap());
        assert_eq!(item.item.parts[0].fields, fields, "{}", item.item.original);
        assert_eq!(item.item.parts[0].record.as_deref(), Some("4711"));
        assert!(matches!(store.create(&book, &draft).await.unwrap(), Written::Exists(there) if there.id == item.id));
        let twin = Draft { create_id: "c-2".to_owned(), ..draft };
        assert!(matches!(store.create(&book, &twin).await.unwrap(), Written::Exists(there) if there.id == item.id));

        let delta = store.changes(&book, None).await.unwrap();
        assert_eq!(delta.changed.len(), 1);
        let edited = stored(store.update(&book, &item, &set(Field::Company, Some(Value::Text("Südwind".to_owned())))).await.unwrap());
        assert_eq!(edited.item.parts[0].fields.get(&Field::Photo), Some(&picture(2000)));
        assert_eq!(edited.item.parts[0].fields.get(&Field::Company), Some(&Value::Text("Südwind".to_owned())));
        assert_eq!(store.changes(&book, delta.cursor.as_deref()).await.unwrap().changed.len(), 1);

        dav.handle().change_quirks(|quirks| quirks.max_size = 300_000);
        let refused = store.update(&book, &edited, &set(Field::Photo, Some(picture(400_000)))).await.unwrap();
        assert!(matches!(&refused, Written::Refused(why) if why.contains("max-resource-size") && why.contains("kB")), "{refused:?}");

        assert_eq!(store.remove(&book, &edited.id, edited.version.as_deref()).await.unwrap(), Removed::Done);
        let gone = store.fetch(&book, std::slice::from_ref(&edited.id)).await.unwrap();
        assert_eq!(gone, [Fetched::Gone(edited.id.clone())]);
        dav.shutdown().await;
    }
}
