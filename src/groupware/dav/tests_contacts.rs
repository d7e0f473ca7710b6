//! Contacts on the wire, as real servers answer.

use crate::groupware::{CollectionId, Draft, DraftPart, Fetched, GroupwareError, ItemId, ItemStore as _, PartEdit, Written};
use crate::model::{Area, Field, Value};

use super::discovery::ServerKind;
use super::testing::Player;

fn book() -> CollectionId {
    CollectionId("/dav/book/".to_owned())
}

fn draft(uid: &str) -> Draft {
    let fields = [(Field::FileAs, Value::Text("Jane".to_owned()))].into();
    let part = DraftPart { recurrence_id: None, fields, link: None };
    Draft { create_id: format!("c-{uid}"), uid: uid.to_owned(), area: Area::Contacts, parts: vec![part] }
}

fn renamed(name: &str) -> Vec<PartEdit> {
    let changes = [(Field::FileAs, Some(Value::Text(name.to_owned())))].into();
    vec![PartEdit::Set { recurrence_id: None, changes, link: None }]
}

fn card(lines: &str) -> String {
    format!("BEGIN:VCARD\nVERSION:3.0\n{lines}END:VCARD\n")
}

fn got(lines: &str) -> String {
    format!("S: 200\nS: ETag: \"2\"\nS: Content-Type: text/x-vcard\n{}", card(lines))
}

const BOOKS: &str = r#"S: 207
S: DAV: 1, 3, addressbook
<multistatus xmlns="DAV:" xmlns:A="urn:ietf:params:xml:ns:carddav" xmlns:C="urn:ietf:params:xml:ns:caldav">
<response><href>/dav/alice/</href><propstat><prop><resourcetype><collection/></resourcetype></prop><status>HTTP/1.1 200 OK</status></propstat></response>
<response><href>/dav/alice/office/</href><propstat><prop><resourcetype><collection/><C:calendar/></resourcetype></prop><status>HTTP/1.1 200 OK</status></propstat></response>
<response><href>/dav/alice/book/</href><propstat><prop><resourcetype><collection/><A:addressbook/></resourcetype><displayname>Kontakte</displayname>
<A:supported-address-data><A:address-data-type content-type="text/vcard" version="VERSION"/></A:supported-address-data><sync-token>t1</sync-token></prop>
<status>HTTP/1.1 200 OK</status></propstat></response></multistatus>
"#;

#[tokio::test]
async fn address_books_are_found_beside_calendars() {
    let home = r#"S: 207
<multistatus xmlns="DAV:" xmlns:A="urn:ietf:params:xml:ns:carddav"><response><href>/dav/</href><propstat><prop>
<current-user-principal><href>/dav/alice/</href></current-user-principal>
<A:addressbook-home-set><href>/dav/alice/</href></A:addressbook-home-set></prop><status>HTTP/1.1 200 OK</status></propstat></response></multistatus>
"#;
    let script = format!(
        "C: PROPFIND /dav/\nC+ addressbook-home-set\nC- calendar\n{home}C: PROPFIND /dav/alice/\nC+ supported-address-data\n{BOOKS}"
    );
    let player = Player::start(&script).await;
    let site = player.discover_contacts().await.unwrap();
    assert_eq!(site.homes, ["/dav/alice/"]);
    assert!(!site.schedules && site.syncs);
    player.played().await;
}

#[tokio::test]
async fn a_new_card_has_the_version_that_the_address_book_says() {
    for (version, written) in [("3.0", "VERSION:3.0"), ("4.0", "VERSION:4.0")] {
        let script = format!(
            "C: PROPFIND /dav/\n{}C: PUT /dav/alice/book/c-u.vcf\nC+ text/vcard; charset=utf-8\nC+ if-none-match: *\nC+ {written}\nS: 201\nC: GET /dav/alice/book/c-u.vcf\n{}",
            BOOKS.replace("VERSION", version),
            got("UID:u\nFN:Jane\n")
        );
        let player = Player::start(&script).await;
        let store = player.contacts(ServerKind::Usual);
        let books = store.collections(Area::Contacts).await.unwrap();
        assert_eq!(books.iter().map(|book| book.name.as_str()).collect::<Vec<_>>(), ["Kontakte"]);
        let written = store.create(&books[0].id, &draft("u")).await.unwrap();
        assert!(matches!(written, Written::Stored(ref item) if item.item.area == Area::Contacts), "{written:?}");
        player.played().await;
    }
}

#[tokio::test]
async fn v6_what_davical_1_1_makes_of_a_card_is_what_is_there() {
    let current = got("UID:u\nFN:Jane\nitem1.TEL:1\nitem1.X-ABLabel:Zentrale\n");
    let rewritten = got("UID:u\nFN:Jane D\nITEM1.TEL:1\nITEM1.X-ABLABEL:Zentrale\nREV:20261122T090000Z\n").replace("\"2\"", "\"3\"");
    let script = format!(
        "C: GET /dav/book/a.vcf\n{current}C: PUT /dav/book/a.vcf\nC+ if-match: \"2\"\nC+ item1.X-ABLabel:Zentrale\nS: 204\nC: GET /dav/book/a.vcf\n{rewritten}"
    );
    let player = Player::start(&script).await;
    let store = player.contacts(ServerKind::Usual);
    let id = ItemId("a.vcf".to_owned());
    let Fetched::Item(item) = store.fetch(&book(), &[id]).await.unwrap().remove(0) else { panic!() };
    let Written::Stored(stored) = store.update(&book(), &item, &renamed("Jane D")).await.unwrap() else { panic!() };
    assert_eq!(stored.version.as_deref(), Some("\"3\""));
    assert_eq!(
        stored.item.parts[0].fields.get(&Field::Phones),
        item.item.parts[0].fields.get(&Field::Phones),
        "the case of a group says nothing"
    );
    player.played().await;
}

#[tokio::test]
async fn v7_davmail_6_is_sent_the_whole_card_it_has_now() {
    let now = got("UID:u\nFN:Jane\nNICKNAME:J\nTEL;TYPE=work:1\n");
    let script = format!(
        "C: GET /dav/book/a.EML\n{now}C: GET /dav/book/a.EML\n{now}C: PUT /dav/book/a.EML\nC+ NICKNAME:J\nC+ TEL;TYPE=work:1\nS: 200\nC: GET /dav/book/a.EML\n{now}"
    );
    let player = Player::start(&script).await;
    let store = player.contacts(ServerKind::DavMail);
    let id = ItemId("a.EML".to_owned());
    let Fetched::Item(item) = store.fetch(&book(), &[id]).await.unwrap().remove(0) else { panic!() };
    assert!(matches!(store.update(&book(), &item, &renamed("Jane D")).await.unwrap(), Written::Stored(_)));
    player.played().await;
}

#[tokio::test]
async fn r94_a_picture_too_large_is_refused_in_plain_words() {
    let body = "<error xmlns=\"DAV:\"><A:max-resource-size xmlns:A=\"urn:ietf:params:xml:ns:carddav\"/></error>\n";
    let player = Player::start(&format!("C: PUT /dav/book/c-u.vcf\nS: 412\n{body}")).await;
    let written = player.contacts(ServerKind::Usual).create(&book(), &draft("u")).await.unwrap();
    assert!(matches!(written, Written::Refused(ref why) if why.contains("max-resource-size") && why.contains("kB")), "{written:?}");
    player.played().await;
}

#[tokio::test]
async fn v2_a_used_uid_shows_the_card_that_has_it() {
    let conflict = "S: 409\n<error xmlns=\"DAV:\"><A:no-uid-conflict xmlns:A=\"urn:ietf:params:xml:ns:carddav\"/></error>\n";
    let row = |name: &str, uid: &str| {
        let card = card(&format!("UID:{uid}\nFN:x\n"));
        format!(
            "<response><href>{name}</href><propstat><prop><getetag>\"7\"</getetag><A:address-data xmlns:A=\"urn:ietf:params:xml:ns:carddav\">{card}</A:address-data></prop><status>HTTP/1.1 200 OK</status></propstat></response>"
        )
    };
    // SOGo 5.8 ignores a filter by UID.
    let all = format!("S: 207\n<multistatus xmlns=\"DAV:\">{}{}</multistatus>\n", row("other.vcf", "v"), row("theirs.vcf", "u"));
    let script = format!("C: PUT /dav/book/c-u.vcf\n{conflict}C: REPORT /dav/book/\nC+ addressbook-query\n{all}");
    let player = Player::start(&script).await;
    let written = player.contacts(ServerKind::Usual).create(&book(), &draft("u")).await.unwrap();
    assert!(matches!(written, Written::Exists(ref item) if item.id.0 == "theirs.vcf"), "{written:?}");
    player.played().await;
}

#[tokio::test]
async fn xandikos_0_4_card_without_a_uid_is_named_by_its_place() {
    let player = Player::start(&format!("C: GET /dav/book/a.vcf\n{}", got("FN:x\n"))).await;
    let fetched = player.contacts(ServerKind::Usual).fetch(&book(), &[ItemId("a.vcf".to_owned())]).await.unwrap();
    assert!(matches!(&fetched[0], Fetched::Item(item) if item.item.uid == "a.vcf"), "{fetched:?}");
}

#[tokio::test]
async fn v10_a_group_of_contacts_is_no_contact_and_says_so() {
    let player = Player::start(&format!("C: GET /dav/book/a.vcf\n{}", got("UID:g\nFN:x\nX-ADDRESSBOOKSERVER-KIND:group\n"))).await;
    let fetched = player.contacts(ServerKind::Usual).fetch(&book(), &[ItemId("a.vcf".to_owned())]).await.unwrap();
    assert!(matches!(&fetched[0], Fetched::Item(stored) if stored.item.parts.is_empty()), "{fetched:?}");
}

fn made(name: &str) -> String {
    format!(
        "S: 207\n<multistatus xmlns=\"DAV:\" xmlns:A=\"urn:ietf:params:xml:ns:carddav\"><response><href>PATH</href><propstat><prop><resourcetype><collection/>\
         <A:addressbook/></resourcetype>{name}</prop><status>HTTP/1.1 200 OK</status></propstat></response></multistatus>\n"
    )
}

#[tokio::test]
async fn an_address_book_is_made_once_and_named() {
    let path = "/dav/kontakte-360b7c06/";
    let named = made("<displayname>Kontakte</displayname>");
    let script = format!(
        "C: PROPFIND PATH\nS: 404\nC: MKCOL PATH\nC+ addressbook/>\nC+ Kontakte\nS: 201\nC: PROPFIND PATH\n{}C: PROPPATCH PATH\nC+ Kontakte\nS: 207\n<x/>\nC: PROPFIND PATH\n{named}C: PROPFIND PATH\n{named}",
        made("")
    );
    let player = Player::start(&script.replace("PATH", path)).await;
    let store = player.contacts(ServerKind::Usual);
    let made = store.create_collection(Area::Contacts, "Kontakte").await.unwrap();
    assert_eq!((made.id.0.as_str(), made.name.as_str()), (path, "Kontakte"));
    assert_eq!(store.create_collection(Area::Contacts, "Kontakte").await.unwrap(), made);
    player.played().await;
}

#[tokio::test]
async fn where_no_address_book_can_be_made_the_words_say_what_to_do() {
    let player =
        Player::start("C: PROPFIND /dav/x-8558d34a/\nS: 404\nC: MKCOL /dav/x-8558d34a/\nS: 405\nC: PROPFIND /dav/x-8558d34a/\nS: 404\n")
            .await;
    let store = player.contacts(ServerKind::Usual);
    let error = store.create_collection(Area::Contacts, "x").await.unwrap_err();
    assert!(matches!(&error, GroupwareError::Refused { text, .. } if text.contains("name it in the settings")), "{error:?}");
    let other = store.create_collection(Area::Tasks, "x").await.unwrap_err();
    assert!(matches!(other, GroupwareError::Refused { .. }), "{other:?}");
}
