//! The CalDAV adapter against real servers. Started by `tests/run`, which starts the servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on ends")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crmsync::groupware::dav::{CalDavConnector, CalDavOptions, DavStore};
use crmsync::groupware::{
    Collection, CollectionId, Delta, Fetched, GroupwareError, ItemId, ItemStore as _, LoginGate, Removed, StoredItem, Written,
};
use crmsync::model::{AccountId, Area};
use crmsync::settings::{DavAccess, DavAuth, Secret, SecretStore, Secrets, StoreError};
use futures_util::StreamExt as _;
use support::plain_ical::{PlainFormat, draft, event, names, retitled, title};
use support::servers::{Server, variable};

/// A server, and an account of it with a calendar that no other test uses.
struct Scene {
    server: &'static str,
    address: String,
    user: String,
    password: String,
    calendar: CollectionId,
    connector: CalDavConnector,
    store: DavStore,
}

/// Makes of every scenario a test on every server.
macro_rules! on_every_server {
    ($($scenario:ident),* $(,)?) => {
        on_every_server!(@server radicale "RADICALE" $($scenario)*);
        on_every_server!(@server radicale_debian "RADICALE_DEBIAN" $($scenario)*);
        on_every_server!(@server xandikos "XANDIKOS" $($scenario)*);
        on_every_server!(@server xandikos_debian "XANDIKOS_DEBIAN" $($scenario)*);
        on_every_server!(@server cyrus "CYRUS_DAV" $($scenario)*);
    };
    (@server $server:ident $name:literal $($scenario:ident)*) => {
        mod $server {
            $(#[tokio::test]
            async fn $scenario() {
                super::$scenario(super::Scene::new($name).await).await;
            })*
        }
    };
}

on_every_server!(
    calendars_are_found_from_the_bare_address,
    an_item_lives_and_every_change_is_told_once,
    a_lost_race_changes_nothing_and_shows_what_is_there,
    an_unknown_cursor_gives_the_whole,
    v8_a_collection_made_anew_is_no_mass_deletion,
    v10_a_broken_item_leaves_its_neighbours_alone,
    many_items_come_in_few_requests,
    a_quiet_account_costs_one_request,
    odd_names_are_one_item_each,
    v2_a_used_uid_shows_the_item_that_has_it,
    v12_an_item_is_found_by_its_uid_and_no_other,
);

impl Scene {
    async fn new(server: &'static str) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let address = variable(server);
        let (user, password) = match server {
            // The first login by IMAP makes the account.
            "CYRUS_DAV" => {
                let user = Server::cyrus().user();
                (user.name, user.password)
            }
            // It asks nobody; alice is whoever comes.
            name if name.starts_with("XANDIKOS") => ("alice".to_owned(), "pw-alice".to_owned()),
            _ => {
                let name = format!("user{:02}", NEXT.fetch_add(1, Ordering::Relaxed));
                let password = format!("pw-{name}");
                (name, password)
            }
        };
        let home = match server {
            "CYRUS_DAV" => format!("/dav/calendars/user/{user}/"),
            name if name.starts_with("XANDIKOS") => "/alice/calendars/".to_owned(),
            _ => format!("/{user}/"),
        };
        let calendar = CollectionId(format!("{home}{}/", uuid::Uuid::new_v4()));
        let connector = connector(&address, &user, &password, LoginGate::new());
        let scene = Raw { address: address.clone(), user: user.clone(), password: password.clone() };
        scene.make(&calendar).await;
        let store = connector.connect().await.unwrap();
        Self { server, address, user, password, calendar, connector, store }
    }

    fn raw(&self) -> Raw {
        Raw { address: self.address.clone(), user: self.user.clone(), password: self.password.clone() }
    }

    async fn calendar(&self) -> Collection {
        let found = self.store.collections(Area::Calendar).await.unwrap();
        found.into_iter().find(|one| one.id == self.calendar).unwrap()
    }

    async fn changes(&self, cursor: Option<&str>) -> Delta {
        self.store.changes(&self.calendar, cursor).await.unwrap()
    }

    async fn create(&self, uid: &str, title: &str) -> StoredItem {
        match self.store.create(&self.calendar, &draft(uid, title)).await.unwrap() {
            Written::Stored(item) => item,
            other => panic!("{other:?}"),
        }
    }

    async fn fetch(&self, id: &ItemId) -> Fetched {
        self.store.fetch(&self.calendar, std::slice::from_ref(id)).await.unwrap().remove(0)
    }
}

fn connector(address: &str, user: &str, password: &str, gate: LoginGate) -> CalDavConnector {
    connector_at(address, "/", user, password, gate)
}

fn connector_at(address: &str, path: &str, user: &str, password: &str, gate: LoginGate) -> CalDavConnector {
    let access = DavAccess {
        url: format!("http://{address}{path}").parse().unwrap(),
        user: user.to_owned(),
        auth: DavAuth::Basic,
        secret: Secret::Environment("DAV".to_owned()),
        ca_file: None,
    };
    let password = password.to_owned();
    let secrets = Secrets::new(Arc::new(NoKeyring), Arc::new(move |_| Some(password.clone())));
    CalDavConnector::with_format(AccountId::from("test"), access, secrets, gate, CalDavOptions::default(), Arc::new(PlainFormat))
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

/// Somebody else's client.
struct Raw {
    address: String,
    user: String,
    password: String,
}

impl Raw {
    async fn send(&self, method: &str, path: &str, media_type: &str, body: &str) -> u16 {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = client.request(method, format!("http://{}{path}", self.address)).basic_auth(&self.user, Some(&self.password));
        if !body.is_empty() {
            request = request.header("content-type", media_type).body(body.to_owned());
        }
        request.send().await.unwrap().status().as_u16()
    }

    async fn make(&self, calendar: &CollectionId) {
        let body = r#"<?xml version="1.0"?><C:mkcalendar xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><set><prop><displayname>Übung [E]</displayname></prop></set></C:mkcalendar>"#;
        let status = self.send("MKCALENDAR", &calendar.0, "application/xml; charset=utf-8", body).await;
        assert_eq!(status, 201);
    }

    async fn put(&self, calendar: &CollectionId, name: &str, text: &str) -> u16 {
        self.send("PUT", &format!("{}{name}", calendar.0), "text/calendar; charset=utf-8", text).await
    }

    async fn delete(&self, path: &str) {
        let status = self.send("DELETE", path, "", "").await;
        assert!((200..300).contains(&status), "{status}");
    }
}

fn changed(delta: &Delta) -> BTreeSet<&str> {
    names(delta.changed.iter().map(|item| &item.id))
}

async fn calendars_are_found_from_the_bare_address(scene: Scene) {
    let calendar = scene.calendar().await;
    assert!(calendar.writable);
    assert!(calendar.areas.contains(&Area::Calendar));
    assert!(calendar.state.is_some());
    // Xandikos 0.2.8 takes the name with the making and does not keep it.
    assert!(calendar.name == "Übung [E]" || scene.server == "XANDIKOS_DEBIAN", "{}", calendar.name);
    assert!(!scene.store.discovery().is_empty());
    let features = scene.store.features();
    assert!(features.delta && features.conditional_writes, "{features:?}");
    // Xandikos 0.2.8 has an inbox and mails nobody; in doubt it does.
    assert_eq!(features.schedules, !scene.server.starts_with("RADICALE"), "{features:?}");
    // Whatever a person types leads there.
    for path in [scene.calendar.0.as_str(), scene.calendar.0.trim_end_matches('/'), "/.well-known/caldav", "/nothing/here/"] {
        let typed = connector_at(&scene.address, path, &scene.user, &scene.password, LoginGate::new());
        let store = typed.connect().await.unwrap();
        let found = store.collections(Area::Calendar).await.unwrap();
        assert!(found.iter().any(|one| one.id == scene.calendar), "{path}: {:?}", store.discovery());
    }
}

async fn an_item_lives_and_every_change_is_told_once(scene: Scene) {
    let empty = scene.changes(None).await;
    assert!(empty.whole && empty.changed.is_empty() && empty.removed.is_empty(), "{empty:?}");
    let state = scene.calendar().await.state;

    let item = scene.create("one", "First").await;
    assert_eq!(title(&item.item), "First");
    assert_eq!(item.id.0, "c-one.ics");
    assert!(item.version.is_some());
    assert_ne!(scene.calendar().await.state, state);
    let created = scene.changes(empty.cursor.as_deref()).await;
    assert_eq!(changed(&created), BTreeSet::from(["c-one.ics"]));
    assert_eq!(created.changed[0].version, item.version);

    let Written::Stored(edited) = scene.store.update(&scene.calendar, &item, &retitled("Second")).await.unwrap() else { panic!() };
    assert_eq!(title(&edited.item), "Second");
    let updated = scene.changes(created.cursor.as_deref()).await;
    assert_eq!(changed(&updated), BTreeSet::from(["c-one.ics"]));
    assert_eq!(updated.changed[0].version, edited.version);
    assert_eq!(scene.fetch(&item.id).await, Fetched::Item(edited.clone()));

    let removed = scene.store.remove(&scene.calendar, &item.id, edited.version.as_deref()).await.unwrap();
    assert_eq!(removed, Removed::Done);
    let gone = scene.changes(updated.cursor.as_deref()).await;
    let told = gone.removed == [item.id.clone()] || gone.whole && gone.changed.is_empty();
    assert!(told, "{gone:?}");
    assert_eq!(scene.fetch(&item.id).await, Fetched::Gone(item.id.clone()));
    assert_eq!(scene.store.remove(&scene.calendar, &item.id, edited.version.as_deref()).await.unwrap(), Removed::WasGone);
    assert_eq!(scene.store.update(&scene.calendar, &edited, &retitled("Third")).await.unwrap(), Written::Gone);

    let quiet = scene.changes(gone.cursor.as_deref()).await;
    assert!(quiet.changed.is_empty() && quiet.removed.is_empty(), "{quiet:?}");
}

async fn a_lost_race_changes_nothing_and_shows_what_is_there(scene: Scene) {
    let item = scene.create("race", "Mine").await;
    let again = scene.store.create(&scene.calendar, &draft("race", "Again")).await.unwrap();
    assert_eq!(again, Written::Exists(item.clone()));
    // Seconds are the finest thing some servers know.
    scene.raw().put(&scene.calendar, &item.id.0, &event("race", "Theirs", "")).await;
    let Written::Changed(theirs) = scene.store.update(&scene.calendar, &item, &retitled("Mine too")).await.unwrap() else { panic!() };
    assert_eq!(title(&theirs.item), "Theirs");
    let kept = scene.store.remove(&scene.calendar, &item.id, item.version.as_deref()).await.unwrap();
    assert_eq!(kept, Removed::Changed(theirs.clone()));
    assert_eq!(scene.fetch(&item.id).await, Fetched::Item(theirs));
}

async fn an_unknown_cursor_gives_the_whole(scene: Scene) {
    for n in 0..4 {
        scene.create(&format!("u{n}"), "x").await;
    }
    let delta = scene.changes(None).await;
    assert!(delta.whole);
    assert_eq!(delta.changed.len(), 4);
    let mut cursor: serde_json::Value = serde_json::from_str(delta.cursor.as_deref().unwrap()).unwrap();
    cursor["token"] = "http://radicale.org/ns/sync/0000000000000000000000000000000000000000000000000000000000000000".into();
    for cursor in [cursor.to_string(), "nonsense".to_owned(), "{}".to_owned()] {
        let again = scene.changes(Some(&cursor)).await;
        assert!(again.whole && again.removed.is_empty(), "{again:?}");
        assert_eq!(changed(&again), changed(&delta));
    }
}

async fn v8_a_collection_made_anew_is_no_mass_deletion(scene: Scene) {
    for n in 0..4 {
        scene.create(&format!("m{n}"), "x").await;
    }
    scene.calendar().await;
    let delta = scene.changes(None).await;
    let raw = scene.raw();
    raw.delete(&scene.calendar.0).await;
    let gone = scene.store.changes(&scene.calendar, delta.cursor.as_deref()).await.unwrap_err();
    assert!(matches!(gone, GroupwareError::NoSuchMailbox { .. }), "{gone:?}");
    // Cyrus counts the lives of a mailbox in seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    raw.make(&scene.calendar).await;
    raw.put(&scene.calendar, "other.ics", &event("other", "x", "")).await;
    scene.calendar().await;
    let anew = scene.store.changes(&scene.calendar, delta.cursor.as_deref()).await.unwrap_err();
    assert!(matches!(anew, GroupwareError::NoSuchMailbox { .. }), "{anew:?}");
    let fresh = scene.changes(None).await;
    assert!(fresh.whole);
    assert_eq!(changed(&fresh), BTreeSet::from(["other.ics"]));
}

async fn v10_a_broken_item_leaves_its_neighbours_alone(scene: Scene) {
    for n in 0..7 {
        scene.create(&format!("b{n}"), "x").await;
    }
    let raw = scene.raw();
    assert!((200..300).contains(&raw.put(&scene.calendar, "odd.ics", &event("odd", "x", "X-BROKEN:1\r\n")).await));
    // What the server itself stumbles over: nothing that is taken over the wire of Radicale and Cyrus.
    let poison = event("poison", "x", "")
        .replace("DTSTART:20261124T090000Z", "DTSTART:whenever")
        .replace("DTSTAMP:2026", "RRULE:FREQ=NEVER\r\nDTSTAMP:2026");
    let taken = match scene.server {
        "RADICALE" | "RADICALE_DEBIAN" => {
            let folder = std::path::PathBuf::from(variable(&format!("{}_DATA", scene.server))).join("collection-root");
            let folder = scene.calendar.0.trim_matches('/').split('/').fold(folder, |folder, name| folder.join(name));
            std::fs::write(folder.join("poison.ics"), "BEGIN:VCALENDAR\r\nthis is no calendar\r\n").unwrap();
            true
        }
        _ => (200..300).contains(&raw.put(&scene.calendar, "poison.ics", &poison).await),
    };
    let mut ids: Vec<ItemId> = (0..7).map(|n| ItemId(format!("c-b{n}.ics"))).collect();
    ids.insert(3, ItemId("odd.ics".to_owned()));
    ids.insert(5, ItemId("nothing.ics".to_owned()));
    if taken {
        ids.insert(1, ItemId("poison.ics".to_owned()));
    }
    let fetched = scene.store.fetch(&scene.calendar, &ids).await.unwrap();
    assert_eq!(fetched.len(), ids.len());
    for (id, fetched) in ids.iter().zip(&fetched) {
        match (id.0.as_str(), fetched) {
            ("odd.ics", Fetched::Unreadable { item, why, .. }) => assert!(item.id == *id && why == "it is broken"),
            ("nothing.ics", Fetched::Gone(gone)) => assert_eq!(gone, id),
            // Radicale 3.9 hides what it cannot read (`skip_broken_item`).
            ("poison.ics", Fetched::Gone(_)) if scene.server == "RADICALE" => {}
            // Some servers hand it out as it is, and this format reads no dates.
            ("poison.ics", Fetched::Unreadable { .. } | Fetched::Item(_)) => {}
            (name, Fetched::Item(item)) => assert!(name.starts_with("c-b") && item.id == *id, "{name}"),
            (name, other) => panic!("{name}: {other:?}"),
        }
    }
}

async fn many_items_come_in_few_requests(scene: Scene) {
    // The others slow down with every item.
    let count = if scene.server == "CYRUS_DAV" { 300 } else { 60 };
    let raw = scene.raw();
    let puts = (0..count).map(|n| {
        let (raw, calendar) = (&raw, &scene.calendar);
        async move { raw.put(calendar, &format!("{n:03}.ics"), &event(&format!("many-{n}"), &format!("No. {n}"), "")).await }
    });
    let statuses: Vec<u16> = futures_util::stream::iter(puts).buffer_unordered(2).collect().await;
    assert!(statuses.iter().all(|status| *status == 201), "{statuses:?}");
    let delta = scene.changes(None).await;
    let ids: Vec<ItemId> = delta.changed.iter().map(|item| item.id.clone()).collect();
    assert_eq!(ids.len(), count);
    let before = scene.connector.traffic().round_trips;
    let fetched = scene.store.fetch(&scene.calendar, &ids).await.unwrap();
    assert_eq!(scene.connector.traffic().round_trips - before, count.div_ceil(50) as u64);
    let titles: BTreeMap<&str, &str> = fetched
        .iter()
        .map(|fetched| match fetched {
            Fetched::Item(item) => (item.id.0.as_str(), title(&item.item)),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(titles.len(), count);
    assert_eq!(titles["007.ics"], "No. 7");
    let versions: BTreeMap<&ItemId, &Option<String>> = delta.changed.iter().map(|item| (&item.id, &item.version)).collect();
    for fetched in &fetched {
        let Fetched::Item(item) = fetched else { panic!() };
        assert_eq!(versions[&item.id], &item.version);
    }
}

async fn a_quiet_account_costs_one_request(scene: Scene) {
    scene.create("quiet", "x").await;
    let state = scene.calendar().await.state;
    let store = scene.connector.connect().await.unwrap();
    // A listing of this moment would do.
    scene.changes(None).await;
    let before = scene.connector.traffic().round_trips;
    let found = store.collections(Area::Calendar).await.unwrap();
    store.collections(Area::Tasks).await.unwrap();
    assert_eq!(scene.connector.traffic().round_trips - before, 1, "for all areas of a run");
    assert_eq!(found.into_iter().find(|one| one.id == scene.calendar).unwrap().state, state);
}

async fn odd_names_are_one_item_each(scene: Scene) {
    let raw = scene.raw();
    let mut names = vec!["%C3%BC%20x.ics", "a%40b.ics", "plus%2B1.ics", "tilde%7E.ics", "100%25.ics"];
    // Radicale 3.9 takes none.
    if scene.server != "RADICALE" {
        names.push("colon%3Ax.ics");
    }
    for (n, name) in names.iter().enumerate() {
        assert_eq!(raw.put(&scene.calendar, name, &event(&format!("odd-{n}"), "x", "")).await, 201, "{name}");
    }
    let delta = scene.changes(None).await;
    assert_eq!(changed(&delta), names.iter().copied().collect());
    let ids: Vec<ItemId> = delta.changed.iter().map(|item| item.id.clone()).collect();
    for fetched in scene.store.fetch(&scene.calendar, &ids).await.unwrap() {
        let Fetched::Item(item) = fetched else { panic!("{fetched:?}") };
        let Written::Stored(edited) = scene.store.update(&scene.calendar, &item, &retitled("y")).await.unwrap() else { panic!("{item:?}") };
        assert_eq!(edited.id, item.id);
        let removed = scene.store.remove(&scene.calendar, &edited.id, edited.version.as_deref()).await.unwrap();
        assert_eq!(removed, Removed::Done);
    }
    let after = scene.changes(delta.cursor.as_deref()).await;
    assert!(after.whole && after.changed.is_empty() || after.removed.len() == names.len(), "{after:?}");
}

async fn v2_a_used_uid_shows_the_item_that_has_it(scene: Scene) {
    assert_eq!(scene.raw().put(&scene.calendar, "theirs.ics", &event("shared-uid", "Theirs", "")).await, 201);
    match scene.store.create(&scene.calendar, &draft("shared-uid", "Mine")).await.unwrap() {
        Written::Exists(item) => assert_eq!((item.id.0.as_str(), title(&item.item)), ("theirs.ics", "Theirs")),
        other => panic!("{other:?}"),
    }
}

async fn v12_an_item_is_found_by_its_uid_and_no_other(scene: Scene) {
    // Outlook's are so long that their line is folded.
    let outlook = format!("040000008200E00074C5B7101A82E008{}", uuid::Uuid::new_v4().simple().to_string().repeat(3));
    let folded = format!("{}\r\n {}", &outlook[..60], &outlook[60..]);
    let b = format!("b-{}", uuid::Uuid::new_v4());
    let longer = format!("{b}-and-more");
    let raw = scene.raw();
    for (name, uid) in [("outlook.ics", folded.as_str()), ("b.ics", b.as_str()), ("c.ics", longer.as_str())] {
        assert_eq!(raw.put(&scene.calendar, name, &event(uid, "x", "")).await, 201, "{name}");
    }
    let asked = [b.clone(), "uid-none".to_owned(), outlook.clone()];
    let mut found = scene.store.with_uids(&scene.calendar, Area::Calendar, &asked).await.unwrap();
    found.sort();
    let id = |name: &str| ItemId(name.to_owned());
    assert_eq!(found, [(outlook, id("outlook.ics")), (b, id("b.ics"))]);
}

#[tokio::test]
async fn v9_cyrus_mails_nobody_because_of_us() {
    let scene = Scene::new("CYRUS_DAV").await;
    let outbox = std::path::PathBuf::from(variable("CYRUS_OUTBOX"));
    let mails = |uid: &str| {
        let files = std::fs::read_dir(&outbox).unwrap().map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap_or_default());
        files.filter(|mail| mail.contains(uid)).count()
    };
    let uid = uuid::Uuid::new_v4().to_string();
    let people = format!("ORGANIZER:mailto:{}@example.test\r\nATTENDEE;RSVP=TRUE:mailto:guest@elsewhere.example\r\n", scene.user);
    assert_eq!(scene.raw().put(&scene.calendar, "meeting.ics", &event(&uid, "Meeting", &people)).await, 201);
    // This server does mail: else the rest would prove nothing.
    for _ in 0..100 {
        if mails(&uid) > 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let sent = mails(&uid);
    assert_eq!(sent, 1);
    let id = ItemId("meeting.ics".to_owned());
    let Fetched::Item(meeting) = scene.fetch(&id).await else { panic!() };
    assert!(meeting.item.scheduled);
    let updated = scene.store.update(&scene.calendar, &meeting, &retitled("Moved")).await.unwrap();
    assert!(matches!(updated, Written::Refused(ref why) if why.contains("participants")), "{updated:?}");
    let removed = scene.store.remove(&scene.calendar, &id, meeting.version.as_deref()).await.unwrap();
    assert!(matches!(removed, Removed::Refused(ref why) if why.contains("participants")), "{removed:?}");
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(mails(&uid), sent);
    assert_eq!(scene.fetch(&id).await, Fetched::Item(meeting));
}

#[tokio::test]
async fn v11_a_wrong_password_is_sent_once() {
    for server in ["RADICALE", "RADICALE_DEBIAN", "CYRUS_DAV"] {
        let gate = LoginGate::new();
        let wrong = connector(&variable(server), "alice", "wrong", gate.clone());
        let (a, b, c) = tokio::join!(wrong.connect(), wrong.connect(), wrong.connect());
        let rejected = [a, b, c].into_iter().filter(|result| matches!(result, Err(GroupwareError::LoginRejected { .. }))).count();
        assert_eq!(rejected, 1, "{server}");
        assert!(gate.is_locked());
        let before = wrong.traffic().commands;
        assert!(matches!(wrong.connect().await, Err(GroupwareError::Locked { .. })));
        assert_eq!(wrong.traffic().commands, before);
        // Radicale asks whoever wants the root for a password, Cyrus does not before it is given one.
        assert!(before <= 2, "{server}: {before}");
    }
}
