//! Appointments and tasks by the program itself on real servers, which `tests/run` starts: one user's week at each of them, with the CRM
//! at the other end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on ends")]

mod support;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{Days, Utc};
use crmsync::model::{Field, Value};
use crmsync::sandbox::crm::StoredRecord;
use support::agent::{Account, Agent};
use support::crm::SandboxCrm;
use support::servers::{Server, variable};
use tokio::runtime::Runtime;

const SYNC: &[&str] = &["sync", "--area", "calendar,tasks", "--all", "--yes"];

/// A calendar of its own at a real server, an installation, and a CRM.
struct Scene {
    server: &'static str,
    address: String,
    user: String,
    password: String,
    calendar: String,
    agent: Agent,
    crm: SandboxCrm,
    http: reqwest::Client,
    runtime: Runtime,
}

impl Scene {
    fn new(server: &'static str) -> Self {
        // Beyond the users of the adapter's own tests.
        static NEXT: AtomicUsize = AtomicUsize::new(30);
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
        let home = match server {
            "CYRUS_DAV" => format!("/dav/calendars/user/{user}/"),
            name if name.starts_with("XANDIKOS") => "/alice/calendars/".to_owned(),
            _ => format!("/{user}/"),
        };
        let calendar = format!("{home}{}/", uuid::Uuid::new_v4());
        let crm = SandboxCrm::start();
        let account = Account {
            address: "127.0.0.1:9".to_owned(),
            security: "none",
            ca_file: None,
            user: user.clone(),
            password: password.clone(),
            own_address: "anna@firma.example".to_owned(),
        };
        let agent = Agent::new(&account, &crm, "");
        let text = std::fs::read_to_string(agent.config_file()).unwrap();
        let more = format!(
            "\n[accounts.work.dav]\nurl = \"http://{address}/\"\n[calendar]\ncollections = [\"{calendar}\"]\n[tasks]\ncollections = [\"{calendar}\"]\n"
        );
        std::fs::write(agent.config_file(), text + &more).unwrap();
        let scene = Self {
            server,
            address,
            user,
            password,
            calendar,
            agent,
            crm,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
        };
        assert_eq!(scene.send("MKCALENDAR", "", "").0, 201);
        scene
    }

    /// What another client, a phone, does.
    fn send(&self, method: &str, name: &str, body: &str) -> (u16, String) {
        let url = format!("http://{}{}{name}", self.address, self.calendar);
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.http.request(method, url).basic_auth(&self.user, Some(&self.password));
        if !body.is_empty() {
            request = request.header("content-type", "text/calendar; charset=utf-8").body(body.to_owned());
        }
        self.runtime.block_on(async {
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        })
    }

    #[track_caller]
    fn put(&self, name: &str, component: &str) {
        let text = format!("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Phone//EN\n{component}END:VCALENDAR\n").replace('\n', "\r\n");
        let (status, words) = self.send("PUT", name, &text);
        assert!(matches!(status, 200..300), "{}: {status} {words}", self.server);
    }

    #[track_caller]
    fn item(&self, name: &str) -> String {
        let (status, text) = self.send("GET", name, "");
        assert_eq!(status, 200, "{}: {name}", self.server);
        text
    }

    #[track_caller]
    fn sync(&self) {
        self.agent.json(SYNC);
    }

    /// At most two runs after the last change nothing is written any more (V6).
    #[track_caller]
    fn settle(&self) {
        self.sync();
        self.sync();
        let before = self.versions();
        let answer = self.agent.json(SYNC);
        assert_eq!((self.versions(), &answer["areas"]["calendar"]["changed"]), (before, &0.into()), "{}: {answer}", self.server);
        assert_eq!(answer["areas"]["tasks"]["changed"], 0, "{}: {answer}", self.server);
    }

    fn records(&self) -> Vec<StoredRecord> {
        self.crm.running().records().unwrap()
    }

    fn versions(&self) -> Vec<(u64, u64)> {
        self.records().iter().map(|record| (record.number, record.version)).collect()
    }

    #[track_caller]
    fn record(&self, subject: &str) -> StoredRecord {
        let all = self.records();
        let mut found = all.iter().filter(|record| said(record, Field::Subject) == subject);
        let record = found.next().unwrap_or_else(|| panic!("{}: no \"{subject}\" in {all:#?}", self.server)).clone();
        assert!(found.next().is_none(), "{}: \"{subject}\" twice", self.server);
        record
    }

    fn change(&self, subject: &str, field: Field, value: &str) {
        let id = format!("R{:06}", self.record(subject).number);
        let change = [(field, Some(Value::Text(value.to_owned())))].into();
        self.crm.running().change_record(&id, change).unwrap().unwrap();
    }

    fn parked(&self) -> Vec<String> {
        let parked = self.agent.json(&["parked"]);
        parked.as_array().unwrap().iter().map(|entry| entry["reason"]["code"].as_str().unwrap().to_owned()).collect()
    }
}

fn said(record: &StoredRecord, field: Field) -> String {
    match record.fields.get(&field) {
        Some(Value::Text(text)) => text.clone(),
        _ => String::new(),
    }
}

/// Unfolded lines that only one of the two has.
fn differing(before: &str, after: &str) -> BTreeSet<String> {
    let lines = |text: &str| text.replace("\r\n ", "").replace("\n ", "").lines().map(str::to_owned).collect::<BTreeSet<_>>();
    lines(before).symmetric_difference(&lines(after)).cloned().collect()
}

fn day(ahead: u64) -> String {
    Utc::now().date_naive().checked_add_days(Days::new(ahead)).unwrap().format("%Y%m%d").to_string()
}

fn week(scene: &Scene) {
    let event = |uid: &str, lines: &str| format!("BEGIN:VEVENT\nUID:{uid}\nDTSTAMP:20261101T080000Z\n{lines}END:VEVENT\n");
    let visit = format!(
        "DTSTART;TZID=Europe/Berlin:{0}T090000\nDTEND;TZID=Europe/Berlin:{0}T100000\nSUMMARY:Visit\nLOCATION:Office\nX-PHONE-COLOUR;X-A=1:blue\n",
        day(2)
    );
    scene.put("visit.ics", &event("visit", &visit));
    scene.put("fair.ics", &event("fair", &format!("DTSTART;VALUE=DATE:{}\nDTEND;VALUE=DATE:{}\nSUMMARY:Fair\n", day(5), day(7))));
    let series = format!("DTSTART:{0}T080000Z\nDTEND:{0}T083000Z\nRRULE:FREQ=WEEKLY;COUNT=4\nSUMMARY:Planning\n", day(3));
    let moved = format!("RECURRENCE-ID:{0}T080000Z\nDTSTART:{0}T100000Z\nDTEND:{0}T103000Z\nSUMMARY:Planning (moved)\n", day(10));
    scene.put("planning.ics", &(event("planning", &series) + &event("planning", &moved)));
    let dentist = format!("DTSTART:{0}T060000Z\nDTEND:{0}T070000Z\nSUMMARY:Dentist\nCLASS:PRIVATE\n", day(4));
    scene.put("dentist.ics", &event("dentist", &dentist));
    let list = format!("BEGIN:VTODO\nUID:list\nDTSTAMP:20261101T080000Z\nDUE;VALUE=DATE:{}\nSUMMARY:Price list\nEND:VTODO\n", day(1));
    scene.put("list.ics", &list);
}

fn a_week_is_the_same_at_both_ends(scene: &Scene) {
    week(scene);
    scene.settle();
    assert_eq!(scene.record("Visit").activity_type, "APPOINTMENT", "{}", scene.server);
    assert_eq!(scene.record("Price list").activity_type, "TASK", "{}", scene.server);
    assert!(scene.record("Dentist").fields.contains_key(&Field::Private), "{}", scene.server);
    assert!(scene.record("Planning").fields.contains_key(&Field::Recurrence), "{}", scene.server);
    assert!(scene.record("Planning (moved)").recurrence_id.is_some(), "{}", scene.server);

    let before = scene.item("visit.ics");
    assert!(before.contains("R0000"), "{}: the link is there: {before}", scene.server);
    scene.change("Visit", Field::Location, "Room 4");
    scene.settle();
    let after = scene.item("visit.ics");
    let expected = ["LOCATION:Office", "LOCATION:Room 4"].map(str::to_owned).into();
    assert_eq!(differing(&before, &after), expected, "{}: v7", scene.server);

    scene.send("PUT", "visit.ics", &after.replace("SUMMARY:Visit", "SUMMARY:Visit at the harbour"));
    scene.settle();
    assert_eq!(said(&scene.record("Visit at the harbour"), Field::Location), "Room 4", "{}", scene.server);

    scene.change("Price list", Field::TaskStatus, "completed");
    scene.settle();
    assert!(scene.item("list.ics").contains("STATUS:COMPLETED"), "{}", scene.server);

    let count = scene.records().len();
    scene.agent.lose_the_journal();
    scene.settle();
    assert_eq!(scene.records().len(), count, "{}: x11", scene.server);

    let fair = format!("R{:06}", scene.record("Fair").number);
    scene.crm.running().delete_record(&fair).unwrap();
    assert!(matches!(scene.send("DELETE", "dentist.ics", "").0, 200..300));
    scene.settle();
    assert_ne!(scene.send("GET", "fair.ics", "").0, 200, "{}: deleted in the CRM, behind the guard", scene.server);
    scene.record("Dentist");
    assert_eq!(scene.parked(), ["deleted-in-groupware"], "{}: c9", scene.server);
}

fn outbox() -> usize {
    std::fs::read_dir(variable("CYRUS_OUTBOX")).unwrap().count()
}

#[test]
fn radicale_keeps_a_week_the_same() {
    a_week_is_the_same_at_both_ends(&Scene::new("RADICALE"));
}

#[test]
fn radicale_of_debian_keeps_a_week_the_same() {
    a_week_is_the_same_at_both_ends(&Scene::new("RADICALE_DEBIAN"));
}

#[test]
fn xandikos_keeps_a_week_the_same() {
    a_week_is_the_same_at_both_ends(&Scene::new("XANDIKOS"));
}

#[test]
fn xandikos_of_debian_keeps_a_week_the_same() {
    a_week_is_the_same_at_both_ends(&Scene::new("XANDIKOS_DEBIAN"));
}

#[test]
fn cyrus_keeps_a_week_the_same_and_mails_nobody_about_a_meeting() {
    let scene = Scene::new("CYRUS_DAV");
    a_week_is_the_same_at_both_ends(&scene);
    let meeting = format!(
        "BEGIN:VEVENT\nUID:meeting-{0}\nDTSTAMP:20261101T080000Z\nDTSTART:{1}T120000Z\nDTEND:{1}T130000Z\nSUMMARY:Round table\n\
         ORGANIZER;SCHEDULE-AGENT=CLIENT:mailto:anna@firma.example\nATTENDEE;SCHEDULE-AGENT=CLIENT;CN=Karl Kunde:mailto:kontakt@kunde.example\nEND:VEVENT\n",
        uuid::Uuid::new_v4(),
        day(6)
    );
    scene.put("meeting.ics", &meeting);
    let (sent, stored) = (outbox(), scene.item("meeting.ics"));
    scene.settle();
    assert_eq!(scene.record("Round table").activity_type, "MEETING");
    scene.change("Round table", Field::Location, "Room 9");
    scene.settle();
    assert!(scene.parked().contains(&"needs-invitations".to_owned()));
    scene.crm.running().delete_record(&format!("R{:06}", scene.record("Round table").number)).unwrap();
    scene.settle();
    assert_eq!(scene.item("meeting.ics"), stored, "v9: not touched");
    assert_eq!(outbox(), sent, "v9: nobody was mailed");
}
