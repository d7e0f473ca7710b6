//! The CardDAV adapter with its format against real servers, which `tests/run` starts.
#![allow(unreachable_pub, reason = "one crate of several files")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on ends")]

#[path = "real_contacts/faults.rs"]
mod faults;
#[path = "real_contacts/program.rs"]
mod program;
mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crmsync::groupware::dav::{CardDavConnector, CardDavOptions, DavStore};
use crmsync::groupware::vcard::Version;
use crmsync::groupware::{
    Collection, CollectionId, CrmLink, Delta, Draft, DraftPart, Fetched, GroupwareError, ItemId, ItemStore as _, LoginGate, PartEdit,
    Removed, StoredItem, Written,
};
use crmsync::model::contact::{ContactAddress, PartialDate, Phone, Photo, Place};
use crmsync::model::{AccountId, Area, Digest, Field, FieldChanges, Fields, Note, Value};
use crmsync::settings::{DavAccess, DavAuth, Secret, SecretStore, Secrets, StoreError};
use support::servers::{Server, variable};

/// A server, and an account of it with an address book that no other test uses.
struct Scene {
    server: &'static str,
    address: String,
    user: String,
    password: String,
    book: CollectionId,
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
    a_contact_lives_and_every_change_is_told_once,
    r92_every_field_comes_back_as_it_was_written_in_both_versions,
    r94_a_picture_comes_changes_and_goes,
    v7_what_another_program_wrote_stays,
    v8_an_address_book_made_anew_is_no_mass_deletion,
    v10_a_broken_card_leaves_its_neighbours_alone,
    v2_a_used_uid_shows_the_card_that_has_it,
    an_address_book_of_our_own_is_made_once,
);

/// The whole program on every server.
macro_rules! program_on {
    ($($server:ident $name:literal)*) => {
        mod whole_program {
            $(#[test]
            fn $server() {
                crate::program::a_contact_lives_at_both_ends($name);
            })*
        }
        mod what_goes_wrong {
            $(#[test]
            fn $server() {
                crate::faults::r94_a_picture_that_is_too_large_keeps_nothing_else_back($name);
                crate::faults::v8_an_address_book_made_anew_changes_nothing_in_the_crm($name);
            })*
        }
    };
}

program_on!(radicale "RADICALE" radicale_debian "RADICALE_DEBIAN" xandikos "XANDIKOS" xandikos_debian "XANDIKOS_DEBIAN" cyrus "CYRUS_DAV");

#[test]
fn killed_at_radicale() {
    faults::v1_v2_killed_at_any_turn_with_the_server_each_contact_is_once_on_each_side("RADICALE");
}

#[test]
fn killed_at_cyrus() {
    faults::v1_v2_killed_at_any_turn_with_the_server_each_contact_is_once_on_each_side("CYRUS_DAV");
}

impl Scene {
    async fn new(server: &'static str) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(61);
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
        let store = connect(&address, &user, &password, None).await;
        let name = format!("Übung [E] {}", uuid::Uuid::new_v4());
        let book = store.create_collection(Area::Contacts, &name).await.unwrap();
        Self { server, address, user, password, book: book.id, store }
    }

    async fn book(&self) -> Collection {
        let found = self.store.collections(Area::Contacts).await.unwrap();
        found.into_iter().find(|one| one.id == self.book).unwrap()
    }

    async fn changes(&self, cursor: Option<&str>) -> Delta {
        self.store.changes(&self.book, cursor).await.unwrap()
    }

    async fn create(&self, uid: &str, fields: Fields) -> StoredItem {
        match self.store.create(&self.book, &draft(uid, fields)).await.unwrap() {
            Written::Stored(item) => item,
            other => panic!("{other:?}"),
        }
    }

    async fn set(&self, item: &StoredItem, field: Field, value: Option<Value>) -> StoredItem {
        match self.store.update(&self.book, item, &edit([(field, value)].into())).await.unwrap() {
            Written::Stored(item) => item,
            other => panic!("{other:?}"),
        }
    }

    async fn fetch(&self, id: &str) -> Fetched {
        self.store.fetch(&self.book, &[ItemId(id.to_owned())]).await.unwrap().remove(0)
    }

    /// Somebody else's client.
    async fn send(&self, method: &str, path: &str, media_type: &str, body: &str) -> u16 {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = client.request(method, format!("http://{}{path}", self.address)).basic_auth(&self.user, Some(&self.password));
        if !body.is_empty() {
            request = request.header("content-type", media_type.to_owned()).body(body.to_owned());
        }
        request.send().await.unwrap().status().as_u16()
    }

    async fn put(&self, name: &str, text: &str) -> u16 {
        // Xandikos 0.4 refuses `text/vcard; charset=utf-8` of nobody, and 412 whatever is no text/vcard.
        self.send("PUT", &format!("{}{name}", self.book.0), "text/vcard; charset=utf-8", text).await
    }
}

async fn connect(address: &str, user: &str, password: &str, version: Option<Version>) -> DavStore {
    let access = DavAccess {
        url: format!("http://{address}/").parse().unwrap(),
        user: user.to_owned(),
        auth: DavAuth::Basic,
        secret: Secret::Environment("DAV".to_owned()),
        ca_file: None,
    };
    let password = password.to_owned();
    let secrets = Secrets::new(Arc::new(NoKeyring), Arc::new(move |_| Some(password.clone())));
    let options = CardDavOptions { version, ..CardDavOptions::default() };
    let connector = CardDavConnector::new(AccountId::from("test"), access, secrets, LoginGate::new(), options);
    connector.connect().await.unwrap()
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

fn edit(changes: FieldChanges) -> Vec<PartEdit> {
    vec![PartEdit::Set { recurrence_id: None, changes, link: None }]
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn draft(uid: &str, fields: Fields) -> Draft {
    let link = CrmLink { record: "4711".to_owned(), url: Some("https://crm.example.org/4711".to_owned()), lines: vec![] };
    let part = DraftPart { recurrence_id: None, fields, link: Some(link) };
    Draft { create_id: format!("c-{uid}"), uid: uid.to_owned(), area: Area::Contacts, parts: vec![part] }
}

fn named(name: &str) -> Fields {
    [(Field::FileAs, text(name)), (Field::FamilyName, text(name))].into()
}

fn fields(item: &StoredItem) -> &Fields {
    &item.item.parts[0].fields
}

fn picture(name: &str) -> Value {
    let bytes = [b"GIF89a", name.as_bytes(), &[0; 3000]].concat();
    Value::Photo(Photo { digest: Digest::of(&bytes), media_type: "image/gif".to_owned(), bytes: Some(bytes.into()) })
}

/// A contact of which most fields say something.
fn full() -> Fields {
    let own = str::to_owned;
    let mut fields = named("Doe; Jané");
    let emails = [("jane@nordwind.example", "work", true), ("j@home.example", "home", false)];
    let emails =
        emails.map(|(address, kind, preferred)| ContactAddress { address: own(address), kind: own(kind), name: String::new(), preferred });
    let kinds = ["work", "home", "mobile", "work-mobile", "work-fax", "home-fax", "pager", "car"];
    let phones =
        kinds.into_iter().enumerate().map(|(at, kind)| Phone { kind: own(kind), number: format!("+49 711 {at}"), preferred: at == 2 });
    let place = Place {
        kind: own("work"),
        street: own("Königstraße 1\nHinterhaus; links"),
        postal_code: own("70173"),
        locality: own("Stuttgart"),
        country: own("DE"),
        ..Place::default()
    };
    let lists = [
        (Field::Emails, Value::addresses(emails)),
        (Field::Phones, Value::phones(phones)),
        (Field::Places, Value::places([place.clone(), Place { kind: own("home"), street: own("Weg 2"), ..place }])),
        (Field::Birthday, Value::partial_date(PartialDate { year: Some(1980), month: 4, day: 15 })),
        (Field::Anniversary, Value::partial_date(PartialDate { year: Some(2009), month: 8, day: 8 })),
    ];
    fields.extend(lists.into_iter().map(|(field, value)| (field, value.unwrap())));
    fields.extend([
        (Field::Prefix, text("Dr.")),
        (Field::GivenName, text("Jané")),
        (Field::Suffix, text("MBA")),
        (Field::PhoneticFamilyName, text("Doh")),
        (Field::Company, text("Nordwind GmbH, Co")),
        (Field::Department, text("Einkauf; Süd")),
        (Field::JobTitle, text("Head, purchasing")),
        (Field::Role, text("decides")),
        (Field::Url, text("https://nordwind.example/a?b=c,d")),
        (Field::Categories, Value::Words([own("CRMcorner"), own("Kunden")].into())),
        (
            Field::Note,
            Value::Note(Note {
                text: own("Zeile 1\n\nZeile 2, lang genug, um gefaltet zu werden: äöü äöü äöü äöü äöü"), html: None
            }),
        ),
        (Field::Photo, picture("one")),
    ]);
    fields
}

async fn a_contact_lives_and_every_change_is_told_once(scene: Scene) {
    let book = scene.book().await;
    assert!(book.writable && book.areas == BTreeSet::from([Area::Contacts]) && book.state.is_some(), "{book:?}");
    assert!(!scene.store.features().schedules);
    let empty = scene.changes(None).await;
    assert!(empty.whole && empty.changed.is_empty(), "{empty:?}");

    let item = scene.create("one", named("First")).await;
    assert_eq!((item.id.0.as_str(), item.item.uid.as_str(), item.item.parts[0].record.as_deref()), ("c-one.vcf", "one", Some("4711")));
    assert!(item.item.parts[0].link_block.is_some());
    let again = scene.store.create(&scene.book, &draft("one", named("Again"))).await.unwrap();
    assert_eq!(again, Written::Exists(item.clone()));
    let created = scene.changes(empty.cursor.as_deref()).await;
    assert_eq!(created.changed.len(), 1);
    assert_eq!(created.changed[0].version, item.version);

    let edited = scene.set(&item, Field::FileAs, Some(text("Second"))).await;
    assert_eq!(fields(&edited).get(&Field::FileAs), Some(&text("Second")));
    let late = scene.store.update(&scene.book, &item, &edit([(Field::FileAs, Some(text("Late")))].into())).await.unwrap();
    assert_eq!(late, Written::Changed(edited.clone()));
    let updated = scene.changes(created.cursor.as_deref()).await;
    assert_eq!(updated.changed[0].version, edited.version);
    assert_eq!(scene.fetch("c-one.vcf").await, Fetched::Item(edited.clone()));

    assert_eq!(scene.store.remove(&scene.book, &item.id, edited.version.as_deref()).await.unwrap(), Removed::Done);
    let gone = scene.changes(updated.cursor.as_deref()).await;
    assert!(gone.removed == [item.id.clone()] || gone.whole && gone.changed.is_empty(), "{gone:?}");
    assert_eq!(scene.fetch("c-one.vcf").await, Fetched::Gone(item.id.clone()));
    assert_eq!(scene.store.update(&scene.book, &edited, &edit(FieldChanges::new())).await.unwrap(), Written::Gone);
    let quiet = scene.changes(gone.cursor.as_deref()).await;
    assert!(quiet.changed.is_empty() && quiet.removed.is_empty(), "{quiet:?}");
}

async fn r92_every_field_comes_back_as_it_was_written_in_both_versions(scene: Scene) {
    for (version, uid) in [(None, "usual"), (Some(Version::V3), "three"), (Some(Version::V4), "four")] {
        let store = connect(&scene.address, &scene.user, &scene.password, version).await;
        store.collections(Area::Contacts).await.unwrap();
        let Written::Stored(item) = store.create(&scene.book, &draft(uid, full())).await.unwrap() else { panic!("{uid}") };
        let mut expected = full();
        // When Cyrus 3.6 makes 3.0 of 4.0, it cuts the address of a picture at its semicolon.
        if scene.server == "CYRUS_DAV" && version == Some(Version::V4) {
            expected.remove(&Field::Photo);
        }
        for (field, value) in expected.clone() {
            assert_eq!(fields(&item).get(&field), Some(&value), "{uid} {field}\n{}", item.item.original);
        }
        // What is equal is not written anew (V6), and one change is one change.
        let same = expected.into_iter().map(|(field, value)| (field, Some(value))).collect();
        let preview = store.preview(&item, &edit(same)).unwrap();
        assert_eq!(preview.original, item.item.original, "{uid}");
        for (field, value) in [
            (Field::Prefix, None),
            (Field::Company, Some(text("Südwind AG"))),
            (Field::Phones, Value::phones([Phone { kind: "mobile".to_owned(), number: "0170 1".to_owned(), preferred: false }])),
            (Field::Birthday, Value::partial_date(PartialDate { year: None, month: 2, day: 29 })),
            (Field::Organisation, Some(Value::Flag(true))),
            (Field::Note, None),
        ] {
            let before = scene.fetch(&item.id.0).await;
            let Fetched::Item(before) = before else { panic!("{before:?}") };
            let after = scene.set(&before, field, value.clone()).await;
            let mut expected = fields(&before).clone();
            match value {
                Some(value) => expected.insert(field, value),
                None => expected.remove(&field),
            };
            assert_eq!(fields(&after), &expected, "{uid} {field}\n{}", after.item.original);
        }
    }
}

async fn r94_a_picture_comes_changes_and_goes(scene: Scene) {
    let item = scene.create("picture", named("x")).await;
    let one = scene.set(&item, Field::Photo, Some(picture("one"))).await;
    assert_eq!(fields(&one).get(&Field::Photo), Some(&picture("one")));
    let two = scene.set(&one, Field::Photo, Some(picture("two"))).await;
    assert_eq!(fields(&two).get(&Field::Photo), Some(&picture("two")));
    let none = scene.set(&two, Field::Photo, None).await;
    assert_eq!(fields(&none).get(&Field::Photo), None);
}

async fn v7_what_another_program_wrote_stays(scene: Scene) {
    for (name, version) in [("three.vcf", "3.0"), ("four.vcf", "4.0")] {
        let card = format!(
            "BEGIN:VCARD\r\nVERSION:{version}\r\nUID:{name}\r\nFN:Clara\r\nN:Brandt;Clara;;;\r\nNICKNAME:Cla\r\nitem1.TEL:0711 1\r\nitem1.X-ABLabel:Ferienhaus\r\n\
             X-UNKNOWN;X-P=abc:kept\\, as it is\r\nEMAIL;TYPE=INTERNET,WORK:a@b.example\r\nEND:VCARD\r\n"
        );
        let status = scene.put(name, &card).await;
        assert!(status == 201 || status == 204, "{status}");
        let Fetched::Item(item) = scene.fetch(name).await else { panic!() };
        let edited = scene.set(&item, Field::FamilyName, Some(text("Neumann"))).await;
        let (before, after) = (unfolded(&item), unfolded(&edited));
        let changed: Vec<&String> = before.symmetric_difference(&after).collect();
        assert!(changed.iter().all(|line| line.starts_with("N:") || line.starts_with("REV")), "{changed:?}");
        for kept in ["X-UNKNOWN;X-P=abc:kept\\, as it is", "FERIENHAUS", "NICKNAME:CLA"] {
            let all = edited.item.original.replace("\r\n ", "").to_uppercase();
            assert!(all.contains(&kept.to_uppercase()), "{kept} {all}");
        }
    }
}

fn unfolded(item: &StoredItem) -> BTreeSet<String> {
    item.item.original.replace("\r\n ", "").lines().map(str::to_owned).collect()
}

async fn v8_an_address_book_made_anew_is_no_mass_deletion(scene: Scene) {
    for n in 0..4 {
        scene.create(&format!("m{n}"), named("x")).await;
    }
    let name = scene.book().await.name;
    let delta = scene.changes(None).await;
    let status = scene.send("DELETE", &scene.book.0, "", "").await;
    assert!((200..300).contains(&status), "{status}");
    let gone = scene.store.changes(&scene.book, delta.cursor.as_deref()).await.unwrap_err();
    assert!(matches!(gone, GroupwareError::NoSuchMailbox { .. }), "{gone:?}");
    // Cyrus counts the lives of a mailbox in seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let body = "<?xml version=\"1.0\"?><mkcol xmlns=\"DAV:\" xmlns:A=\"urn:ietf:params:xml:ns:carddav\"><set><prop><resourcetype><collection/><A:addressbook/></resourcetype></prop></set></mkcol>";
    assert_eq!(scene.send("MKCOL", &scene.book.0, "application/xml", body).await, 201, "{name}");
    scene.put("other.vcf", "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:other\r\nFN:x\r\nN:x;;;;\r\nEND:VCARD\r\n").await;
    scene.book().await;
    let anew = scene.store.changes(&scene.book, delta.cursor.as_deref()).await.unwrap_err();
    assert!(matches!(anew, GroupwareError::NoSuchMailbox { .. }), "{anew:?}");
    let fresh = scene.changes(None).await;
    assert!(fresh.whole);
    assert_eq!(fresh.changed.iter().map(|item| item.id.0.as_str()).collect::<Vec<_>>(), ["other.vcf"]);
}

async fn v10_a_broken_card_leaves_its_neighbours_alone(scene: Scene) {
    for n in 0..5 {
        scene.create(&format!("b{n}"), named("x")).await;
    }
    let group = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:group\r\nFN:x\r\nN:x;;;;\r\nX-ADDRESSBOOKSERVER-KIND:group\r\nEND:VCARD\r\n";
    assert!((200..300).contains(&scene.put("group.vcf", group).await));
    if scene.server.starts_with("RADICALE") {
        let folder = std::path::PathBuf::from(variable(&format!("{}_DATA", scene.server))).join("collection-root");
        let folder = scene.book.0.trim_matches('/').split('/').fold(folder, |folder, name| folder.join(name));
        std::fs::write(folder.join("poison.vcf"), "BEGIN:VCARD\r\nthis is no card\r\n").unwrap();
    } else {
        // What the others take of it is theirs to say.
        scene.put("poison.vcf", "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:poison\r\nFN;=:x\r\nthis is no line\r\nEND:VCARD\r\n").await;
    }
    let names = ["c-b0.vcf", "poison.vcf", "c-b1.vcf", "group.vcf", "c-b2.vcf", "nothing.vcf", "c-b3.vcf", "c-b4.vcf"];
    let ids: Vec<ItemId> = names.iter().map(|name| ItemId((*name).to_owned())).collect();
    let fetched = scene.store.fetch(&scene.book, &ids).await.unwrap();
    for (name, fetched) in names.iter().zip(&fetched) {
        match (*name, fetched) {
            ("group.vcf", Fetched::Item(item)) => assert!(item.item.parts.is_empty(), "{item:?}"),
            ("nothing.vcf", Fetched::Gone(_)) | ("poison.vcf", _) => {}
            (name, Fetched::Item(_)) if name.starts_with("c-b") => {}
            (name, other) => panic!("{name}: {other:?}"),
        }
    }
    // The healthy ones go on.
    let Fetched::Item(item) = scene.fetch("c-b3.vcf").await else { panic!() };
    scene.set(&item, Field::Role, Some(text("buyer"))).await;
}

async fn v2_a_used_uid_shows_the_card_that_has_it(scene: Scene) {
    let card = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:shared-uid\r\nFN:Theirs\r\nN:Theirs;;;;\r\nEND:VCARD\r\n";
    assert_eq!(scene.put("theirs.vcf", card).await, 201);
    match scene.store.create(&scene.book, &draft("shared-uid", named("Mine"))).await.unwrap() {
        Written::Exists(item) => assert_eq!(item.id.0, "theirs.vcf"),
        // Cyrus 3.6 and Xandikos 0.2.8 and 0.4 take a second card with the same UID.
        Written::Stored(item) if !scene.server.starts_with("RADICALE") => assert_eq!(item.id.0, "c-shared-uid.vcf"),
        other => panic!("{other:?}"),
    }
}

async fn an_address_book_of_our_own_is_made_once(scene: Scene) {
    let name = format!("crmsync Kontakte {}", uuid::Uuid::new_v4());
    let made = scene.store.create_collection(Area::Contacts, &name).await.unwrap();
    assert_eq!(scene.store.create_collection(Area::Contacts, &name).await.unwrap().id, made.id);
    let found = scene.store.collections(Area::Contacts).await.unwrap();
    let listed = found.iter().find(|one| one.id == made.id).unwrap();
    assert_eq!(listed.name, name, "{}", scene.server);
    assert!(!found.iter().any(|one| one.areas.contains(&Area::Calendar)));
    let refused = scene.store.create_collection(Area::Calendar, &name).await;
    assert!(matches!(refused, Err(GroupwareError::Refused { .. })), "{refused:?}");
}
