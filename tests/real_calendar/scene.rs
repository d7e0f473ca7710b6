//! One account with a calendar of its own at a real server, an installation of the program, and a CRM.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use crmsync::model::{Field, Value};
use crmsync::sandbox::crm::StoredRecord;
use tokio::runtime::Runtime;

use crate::support::agent::{Account, Agent};
use crate::support::crm::SandboxCrm;
use crate::support::servers::{Server, variable};

/// The employee's own address.
pub const ANNA: &str = "anna@firma.example";

const CALDAV: &str = "urn:ietf:params:xml:ns:caldav";

/// One run over appointments and tasks.
pub const SYNC: &[&str] = &["sync", "--area", "calendar,tasks", "--all", "--yes"];

/// A calendar of its own at a real server, an installation, and a CRM.
pub struct Scene {
    pub server: &'static str,
    pub address: String,
    pub user: String,
    pub password: String,
    pub calendar: String,
    pub agent: Agent,
    pub crm: SandboxCrm,
    account: Account,
    http: reqwest::Client,
    // Dropped last: what it runs ends with it.
    pub runtime: Runtime,
}

impl Scene {
    /// A scene at the server of this variable.
    pub fn new(server: &'static str) -> Self {
        Self::with(server, "")
    }

    /// The same with lines for the `[calendar]` table.
    pub fn with(server: &'static str, settings: &str) -> Self {
        // Behind the users that the other tests take: a broken file in a home changes what Radicale 3.1.8 says of all of it.
        static NEXT: AtomicUsize = AtomicUsize::new(101);
        let _ = rustls::crypto::ring::default_provider().install_default();
        let address = variable(server);
        let (user, password) = match server {
            "CYRUS_DAV" => {
                // The first login by IMAP makes the account.
                let user = Server::cyrus().user();
                (user.name, user.password)
            }
            // It asks nobody; alice is whoever comes.
            name if name.starts_with("XANDIKOS") => ("alice".to_owned(), "pw-alice".to_owned()),
            _ => {
                let name = format!("user{:02}", NEXT.fetch_add(1, Ordering::Relaxed));
                (name.clone(), format!("pw-{name}"))
            }
        };
        Self::of(server, address, user, password, settings)
    }

    /// Another calendar, installation and CRM, with the same account at the server.
    pub fn beside(&self) -> Self {
        Self::of(self.server, self.address.clone(), self.user.clone(), self.password.clone(), "")
    }

    fn of(server: &'static str, address: String, user: String, password: String, settings: &str) -> Self {
        let home = match server {
            "CYRUS_DAV" => format!("/dav/calendars/user/{user}/"),
            name if name.starts_with("XANDIKOS") => "/alice/calendars/".to_owned(),
            _ => format!("/{user}/"),
        };
        let crm = SandboxCrm::start();
        let account = Account {
            address: "127.0.0.1:9".to_owned(),
            security: "none",
            ca_file: None,
            user: user.clone(),
            password: password.clone(),
            own_address: ANNA.to_owned(),
        };
        let scene = Self {
            server,
            calendar: format!("{home}{}/", uuid::Uuid::new_v4()),
            agent: Agent::new(&account, &crm, ""),
            account,
            crm,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            runtime: tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap(),
            address,
            user,
            password,
        };
        scene.configure(&scene.address, settings);
        assert_eq!(scene.send("MKCALENDAR", "", "").0, 201);
        scene
    }

    /// Writes the configuration, with the calendar server at this address; the journal stays.
    pub fn configure(&self, address: &str, settings: &str) {
        self.agent.configure(&self.account, &self.crm, "");
        let text = std::fs::read_to_string(self.agent.config_file()).unwrap();
        let calendar = &self.calendar;
        let more = format!(
            "\n[accounts.work.dav]\nurl = \"http://{address}/\"\n[calendar]\ncollections = [\"{calendar}\"]\n{settings}\n\
             [tasks]\ncollections = [\"{calendar}\"]\n"
        );
        std::fs::write(self.agent.config_file(), text + &more).unwrap();
    }

    /// The versions of what lies below a path.
    pub fn list(&self, path: &str) -> (u16, String) {
        let body = "<d:propfind xmlns:d=\"DAV:\"><d:prop><d:getetag/></d:prop></d:propfind>";
        self.request("PROPFIND", path, body.into())
    }

    /// What another client, a phone, does.
    pub fn send(&self, method: &str, name: &str, body: impl Into<Vec<u8>>) -> (u16, String) {
        self.request(method, &format!("{}{name}", self.calendar), body.into())
    }

    fn request(&self, method: &str, path: &str, body: Vec<u8>) -> (u16, String) {
        let url = format!("http://{}{path}", self.address);
        let verb = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.http.request(verb, url).basic_auth(&self.user, Some(&self.password));
        if !body.is_empty() {
            let kind = if matches!(method, "REPORT" | "PROPFIND") { "application/xml" } else { "text/calendar" };
            request = request.header("content-type", format!("{kind}; charset=utf-8")).header("depth", "1").body(body);
        }
        self.runtime.block_on(async {
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        })
    }

    #[track_caller]
    pub fn put(&self, name: &str, component: &str) {
        let (status, words) = self.send("PUT", name, object(component));
        assert!(matches!(status, 200..300), "{}: {status} {words}", self.server);
    }

    /// Puts many, two at a time.
    pub fn put_all(&self, items: impl IntoIterator<Item = (String, String)>) {
        use futures_util::StreamExt as _;
        let puts = items.into_iter().map(|(name, component)| {
            let url = format!("http://{}{}{name}", self.address, self.calendar);
            let request =
                self.http.put(url).basic_auth(&self.user, Some(&self.password)).header("content-type", "text/calendar; charset=utf-8");
            async move { request.body(object(&component)).send().await.unwrap().status().as_u16() }
        });
        let statuses: Vec<u16> = self.runtime.block_on(futures_util::stream::iter(puts).buffer_unordered(2).collect());
        assert!(statuses.iter().all(|status| *status == 201), "{}: {statuses:?}", self.server);
    }

    #[track_caller]
    pub fn item(&self, name: &str) -> String {
        let (status, text) = self.send("GET", name, "");
        assert_eq!(status, 200, "{}: {name}", self.server);
        text
    }

    /// Several items in one request, by name.
    #[track_caller]
    pub fn items<'a>(&self, names: impl IntoIterator<Item = &'a String>) -> BTreeMap<String, String> {
        let calendar = &self.calendar;
        let hrefs: Vec<String> = names.into_iter().map(|name| format!("<d:href>{calendar}{name}</d:href>")).collect();
        self.report("calendar-multiget", &hrefs.concat())
    }

    /// Everything that lies in the calendar, by name.
    #[track_caller]
    pub fn every_item(&self) -> BTreeMap<String, String> {
        self.report("calendar-query", "<c:filter><c:comp-filter name=\"VCALENDAR\"/></c:filter>")
    }

    #[track_caller]
    fn report(&self, name: &str, content: &str) -> BTreeMap<String, String> {
        let body =
            format!("<c:{name} xmlns:d=\"DAV:\" xmlns:c=\"{CALDAV}\"><d:prop><d:getetag/><c:calendar-data/></d:prop>{content}</c:{name}>");
        let (status, answer) = self.send("REPORT", "", body);
        assert_eq!(status, 207, "{}: {answer}", self.server);
        let document = roxmltree::Document::parse(&answer).unwrap();
        let child = |node: roxmltree::Node<'_, '_>, name: &str| {
            node.descendants().find(|node| node.tag_name().name() == name).and_then(|node| node.text().map(str::to_owned))
        };
        let responses = document.descendants().filter(|node| node.tag_name().name() == "response");
        let item = |node| Some((child(node, "href")?.rsplit('/').next()?.to_owned(), child(node, "calendar-data")?));
        responses.filter_map(item).collect()
    }

    #[track_caller]
    pub fn sync(&self) {
        self.agent.json(SYNC);
    }

    /// At most two runs after the last change nothing is written any more (V6).
    #[track_caller]
    pub fn settle(&self) {
        self.settle_within(2);
    }

    /// The same where links are to be written back, which is done for so many items in a run.
    #[track_caller]
    pub fn settle_within(&self, runs: usize) {
        for _ in 0..runs {
            self.sync();
        }
        let before = self.versions();
        let answer = self.agent.json(SYNC);
        assert_eq!(self.versions(), before, "{}: {answer}", self.server);
        for area in ["calendar", "tasks"] {
            assert_eq!(answer["areas"][area]["changed"], 0, "{}: {answer}", self.server);
        }
    }

    pub fn records(&self) -> Vec<StoredRecord> {
        self.crm.running().records().unwrap()
    }

    pub fn versions(&self) -> Vec<(u64, u64)> {
        self.records().iter().map(|record| (record.number, record.version)).collect()
    }

    #[track_caller]
    pub fn record(&self, subject: &str) -> StoredRecord {
        let all = self.records();
        let mut found = all.iter().filter(|record| said(record, Field::Subject) == subject);
        let record = found.next().unwrap_or_else(|| panic!("{}: no \"{subject}\" in {all:#?}", self.server)).clone();
        assert!(found.next().is_none(), "{}: \"{subject}\" twice", self.server);
        record
    }

    pub fn change(&self, subject: &str, field: Field, value: &str) {
        let id = format!("R{:06}", self.record(subject).number);
        let change = [(field, Some(Value::Text(value.to_owned())))].into();
        self.crm.running().change_record(&id, change).unwrap().unwrap();
    }

    pub fn parked(&self) -> Vec<String> {
        let parked = self.agent.json(&["parked"]);
        parked.as_array().unwrap().iter().map(|entry| entry["reason"]["code"].as_str().unwrap().to_owned()).collect()
    }
}

/// An object of these components.
fn object(components: &str) -> String {
    format!("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Phone//EN\n{components}END:VCALENDAR\n").replace('\n', "\r\n")
}

impl Drop for Scene {
    /// So that the same servers serve another run.
    fn drop(&mut self) {
        self.send("DELETE", "", "");
    }
}

pub fn said(record: &StoredRecord, field: Field) -> String {
    match record.fields.get(&field) {
        Some(Value::Text(text)) => text.clone(),
        _ => String::new(),
    }
}

/// Unfolded lines that only one of the two has.
pub fn differing(before: &str, after: &str) -> BTreeSet<String> {
    let lines = |text: &str| text.replace("\r\n ", "").replace("\n ", "").lines().map(str::to_owned).collect::<BTreeSet<_>>();
    lines(before).symmetric_difference(&lines(after)).cloned().collect()
}
