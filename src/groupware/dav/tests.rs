use std::time::Duration;

use crate::groupware::{CollectionId, Fetched, GroupwareError, ItemId, ItemStore as _, LoginGate, Removed, Written};
use crate::model::{Area, Field, Person, Value};

use super::discovery::ServerKind;
use super::limits::{DavLimits, Patience};
use super::requests;
use super::testing::{Player, draft};

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../../protocol-fixtures/dav/", $name, ".txt"))
    };
}

fn cal() -> CollectionId {
    CollectionId("/dav/cal/".to_owned())
}

fn cursor(collection: &str, token: &str, sample: &str) -> String {
    format!(r#"{{"collection":"{collection}","token":"{token}","listed":1795341000,"sample":{sample}}}"#)
}

fn ids(names: &[&str]) -> Vec<ItemId> {
    names.iter().map(|name| ItemId((*name).to_owned())).collect()
}

fn told(delta: &crate::groupware::Delta) -> Vec<(&str, Option<&str>)> {
    delta.changed.iter().map(|item| (item.id.0.as_str(), item.version.as_deref())).collect()
}

#[tokio::test]
async fn stalwart_0_15_cut_report_is_checked_by_a_listing() {
    let player = Player::start(fixture!("stalwart-0.15.5")).await;
    let store = player.store(ServerKind::Usual, true);
    let collection = CollectionId("/dav/cal/alice/default/".to_owned());
    let delta = store.changes(&collection, Some(&cursor(&collection.0, "urn:stalwart:davsync:1", "{}"))).await.unwrap();
    assert!(delta.whole);
    assert_eq!(told(&delta), [("a.ics", Some("\"1\"")), ("b.ics", Some("\"2\""))]);
    player.played().await;
}

#[tokio::test]
async fn davical_1_1_full_list_for_an_unknown_token_is_seen_by_the_sample() {
    let player = Player::start(fixture!("davical-1.1.12")).await;
    let store = player.store(ServerKind::Usual, true);
    let known = cursor("/dav/cal/", "data:,7", r#"{"a.ics":"\"1\"","b.ics":"\"2\""}"#);
    let delta = store.changes(&cal(), Some(&known)).await.unwrap();
    // What is missing from it is absent now, and fetching proves it.
    assert!(delta.whole);
    assert_eq!(told(&delta), [("a.ics", Some("\"1\"")), ("c.ics", Some("\"4\""))]);
    let fetched = store.fetch(&cal(), &ids(&["a.ics", "b.ics"])).await.unwrap();
    let Fetched::Item(item) = &fetched[0] else { panic!("{fetched:?}") };
    assert_eq!(&*item.item.original, "BEGIN:VEVENT\r\nUID:a\r\nSUMMARY:A\r\nEND:VEVENT\r\n");
    assert_eq!(fetched[1], Fetched::Gone(ItemId("b.ics".to_owned())));
    player.played().await;
}

#[tokio::test]
async fn radicale_3_9_tokens_removed_items_and_missing_etags_are_taken_rightly() {
    let player = Player::start(fixture!("radicale-3.9.0")).await;
    let store = player.store(ServerKind::Usual, false);
    let begun = store.changes(&cal(), Some(&cursor("/dav/cal/", "http://radicale.org/ns/sync/0", "{}"))).await.unwrap();
    assert!(begun.whole && begun.removed.is_empty());
    assert_eq!(told(&begun), [("a.ics", Some("\"1\""))]);
    let next = store.changes(&cal(), begun.cursor.as_deref()).await.unwrap();
    assert!(!next.whole);
    assert_eq!(told(&next), [("b.ics", None), ("there.ics", Some("\"8\""))]);
    assert_eq!(next.removed, ids(&["gone.ics"]));
    player.played().await;
}

#[tokio::test]
async fn xandikos_0_2_conflict_within_a_success_and_500_for_a_token_are_understood() {
    let player = Player::start(fixture!("xandikos-0.2.8")).await;
    let store = player.store(ServerKind::Usual, false);
    let Written::Exists(there) = store.create(&cal(), &draft("u")).await.unwrap() else { panic!() };
    assert_eq!(there.id.0, "other.ics");
    let delta = store.changes(&cal(), Some(&cursor("/dav/cal/", "old", "{}"))).await.unwrap();
    assert!(delta.whole);
    assert_eq!(told(&delta), [("other.ics", Some("\"5\""))]);
    player.played().await;
}

#[tokio::test]
async fn sogo_5_8_unheeded_conditions_are_checked_before() {
    let player = Player::start(fixture!("sogo-5.8.0")).await;
    let store = player.store(ServerKind::Sogo, true);
    let collection = CollectionId("/SOGo/dav/alice/Calendar/personal/".to_owned());
    assert!(!store.features().conditional_writes);
    let Written::Exists(there) = store.create(&collection, &draft("u")).await.unwrap() else { panic!() };
    assert_eq!(there.version.as_deref(), Some("\"gcs00000003\""));
    let x = ItemId("x.ics".to_owned());
    assert!(matches!(store.remove(&collection, &x, Some("\"gcs00000006\"")).await.unwrap(), Removed::Changed(_)));
    assert_eq!(store.remove(&collection, &x, Some("\"gcs00000007\"")).await.unwrap(), Removed::WasGone);
    player.played().await;
}

#[tokio::test]
async fn davmail_6_names_items_itself_and_says_503_to_what_exchange_refuses() {
    let player = Player::start(fixture!("davmail-6.0.1-write")).await;
    let store = player.store(ServerKind::DavMail, true);
    let collection = CollectionId("/users/a%40b.example/calendar/".to_owned());
    let Written::Stored(stored) = store.create(&collection, &draft("u")).await.unwrap() else { panic!() };
    assert_eq!((stored.id.0.as_str(), stored.version.as_deref()), ("c-u.EML", Some("\"77\"")));
    let refused = store.create(&collection, &draft("v")).await.unwrap();
    assert!(matches!(refused, Written::Refused(ref why) if why.contains("503")), "{refused:?}");
    player.played().await;
}

#[tokio::test]
async fn davmail_6_without_reports_is_followed_by_its_ctag() {
    let refusal = "C: REPORT /dav/cal/\nS: 501\n";
    let script = fixture!("davmail-6.0.1-ctag");
    let (first, second) = script.split_at(script.rfind("C: PROPFIND").unwrap());
    let (comment, first) = first.split_at(first.find("C: ").unwrap());
    let player = Player::start(&format!("{comment}{refusal}{first}{refusal}{second}")).await;
    let store = player.store(ServerKind::DavMail, true);
    let delta = store.changes(&cal(), None).await.unwrap();
    assert!(delta.whole);
    assert_eq!(told(&delta), [("a%20b.EML", Some("\"1\""))]);
    let quiet = store.changes(&cal(), delta.cursor.as_deref()).await.unwrap();
    assert!(!quiet.whole && quiet.changed.is_empty());
    assert_eq!(quiet.cursor, delta.cursor);
    player.played().await;
}

#[tokio::test]
async fn cyrus_3_6_is_found_behind_a_stranger_s_answer_and_a_redirect() {
    let player = Player::start(fixture!("cyrus-3.6.1-discovery")).await;
    let site = player.discover().await.unwrap();
    assert_eq!(site.homes, ["/dav/calendars/user/alice/"]);
    assert!(site.schedules && site.syncs);
    let steps: Vec<&str> = site.steps.iter().map(|step| step.path.as_str()).collect();
    assert_eq!(steps, ["/dav/", "/.well-known/caldav", "/.well-known/caldav"]);
    player.played().await;
}

#[tokio::test]
async fn a_redirect_to_another_host_is_told_and_not_followed() {
    let script = "C: REPORT /dav/cal/\nS: 302\nS: Location: https://other.example/dav/cal/?ticket=1\n";
    let player = Player::start(script).await;
    let error = player.store(ServerKind::Usual, false).changes(&cal(), None).await.unwrap_err();
    let GroupwareError::Refused { text, .. } = error else { panic!("{error:?}") };
    assert!(text.contains("https://other.example/dav/cal/;") && !text.contains("ticket"), "{text}");
    player.played().await;
}

#[tokio::test]
async fn v8_a_cyrus_mailbox_of_another_life_is_another_collection() {
    let answer = "C: REPORT /dav/cal/\nS: 207\n<multistatus xmlns=\"DAV:\"><sync-token>data:,200-1</sync-token></multistatus>\n";
    let player = Player::start(answer).await;
    let store = player.store(ServerKind::Usual, false);
    let error = store.changes(&cal(), Some(&cursor("/dav/cal/", "data:,100-9", "{}"))).await.unwrap_err();
    assert!(matches!(error, GroupwareError::NoSuchMailbox { ref name } if name == "cal"), "{error:?}");
}

#[tokio::test]
async fn v8_a_listing_that_is_cut_is_not_whole() {
    let script = "C: REPORT /dav/cal/\nS: 405\nC: PROPFIND /dav/cal/\nS: 207\n<multistatus xmlns=\"DAV:\"/>\nC: PROPFIND /dav/cal/\nS: 207\n\
        <multistatus xmlns=\"DAV:\"><response><href>/dav/cal/</href><status>HTTP/1.1 507 Insufficient Storage</status></response></multistatus>\n";
    let player = Player::start(script).await;
    let delta = player.store(ServerKind::Usual, false).changes(&cal(), None).await.unwrap();
    assert!(!delta.whole && delta.cursor.is_none());
    player.played().await;
}

fn row(name: &str, data: &str) -> String {
    format!(
        "<response><href>/dav/cal/{name}</href><propstat><prop><getetag>\"{name}\"</getetag><C:calendar-data>{data}</C:calendar-data></prop>\
         <status>HTTP/1.1 200 OK</status></propstat></response>"
    )
}

fn multistatus(rows: &[String]) -> String {
    format!("<multistatus xmlns=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\">{}</multistatus>\n", rows.concat())
}

#[tokio::test]
async fn v10_a_chunk_that_fails_is_halved_down_to_the_broken_item() {
    let (a, b, d) = (row("a.ics", "UID:a"), row("b.ics", "UID:b"), "S: 200\nS: ETag: \"d\"\nUID:d\n");
    let script = format!(
        "C: REPORT /dav/cal/\nC+ d.ics\nS: 500\nC: REPORT /dav/cal/\nC- d.ics\nS: 207\n{}C: REPORT /dav/cal/\nC+ c.ics\nS: 400\n\
         C: GET /dav/cal/c.ics\nS: 500\nboom\nC: GET /dav/cal/d.ics\n{d}",
        multistatus(&[a, b])
    );
    let player = Player::start(&script).await;
    let store = player.store(ServerKind::Usual, false);
    let fetched = store.fetch(&cal(), &ids(&["a.ics", "b.ics", "c.ics", "d.ics"])).await.unwrap();
    assert!(matches!(&fetched[0], Fetched::Item(item) if item.id.0 == "a.ics"));
    assert!(matches!(&fetched[1], Fetched::Item(item) if item.id.0 == "b.ics"));
    assert!(matches!(&fetched[2], Fetched::Unreadable { item, why, .. } if item.id.0 == "c.ics" && why.contains("500")), "{fetched:?}");
    assert!(matches!(&fetched[3], Fetched::Item(item) if item.version.as_deref() == Some("\"d\"")));
    player.played().await;
}

#[tokio::test]
async fn v7_a_text_that_xml_could_not_carry_is_fetched_by_itself() {
    let body = multistatus(&[row("a.ics", "UID:a\nX:\u{B}"), row("b.ics", "UID:b")]);
    let script = format!("C: REPORT /dav/cal/\nS: 207\n{body}C: GET /dav/cal/a.ics\nS: 200\nS: ETag: \"a\"\nUID:a\nX:\u{B}\n");
    let player = Player::start(&script).await;
    let fetched = player.store(ServerKind::Usual, false).fetch(&cal(), &ids(&["a.ics", "b.ics"])).await.unwrap();
    let Fetched::Item(item) = &fetched[0] else { panic!("{fetched:?}") };
    assert_eq!(&*item.item.original, "UID:a\r\nX:\u{B}\r\n");
    player.played().await;
}

#[tokio::test]
async fn v8_items_of_a_collection_that_is_gone_are_not_deleted() {
    let absent = "S: 207\n<multistatus xmlns=\"DAV:\"><response><href>http%3A//127.0.0.1%3A1/dav/cal/</href><status>HTTP/1.1 404 Not Found</status></response></multistatus>\n";
    for answer in ["S: 404\n", absent] {
        let player = Player::start(&format!("C: GET /dav/cal/a.ics\nS: 404\nC: PROPFIND /dav/cal/\n{answer}")).await;
        let error = player.store(ServerKind::Usual, false).fetch(&cal(), &ids(&["a.ics"])).await.unwrap_err();
        assert!(matches!(error, GroupwareError::NoSuchMailbox { .. }), "{error:?}");
        player.played().await;
        let player = Player::start(&format!("C: REPORT /dav/cal/\n{answer}")).await;
        let error = player.store(ServerKind::Usual, false).changes(&cal(), None).await.unwrap_err();
        assert!(matches!(error, GroupwareError::NoSuchMailbox { .. }), "{error:?}");
        player.played().await;
    }
}

#[tokio::test]
async fn v8_a_name_with_escapes_is_looked_for_in_both_spellings_before_it_is_gone() {
    let script = "C: GET /dav/cal/a%40b.ics\nS: 404\nC: GET /dav/cal/a@b.ics\nS: 200\nS: ETag: \"1\"\nUID:a\n";
    let player = Player::start(script).await;
    let fetched = player.store(ServerKind::Usual, false).fetch(&cal(), &ids(&["a%40b.ics"])).await.unwrap();
    assert!(matches!(&fetched[0], Fetched::Item(_)), "{fetched:?}");
    player.played().await;
}

#[tokio::test]
async fn every_412_means_what_its_condition_says() {
    let refused = |condition: &str| {
        format!(
            "C: PUT /dav/cal/c-u.ics\nS: 412\n<error xmlns=\"DAV:\"><C:{condition} xmlns:C=\"urn:ietf:params:xml:ns:caldav\"/></error>\n"
        )
    };
    for condition in ["max-resource-size", "valid-calendar-data", "supported-calendar-component"] {
        let player = Player::start(&refused(condition)).await;
        let written = player.store(ServerKind::Usual, false).create(&cal(), &draft("u")).await.unwrap();
        assert!(matches!(written, Written::Refused(ref why) if why.contains(condition)), "{written:?}");
        player.played().await;
    }
    let elsewhere = "C: PUT /dav/cal/c-u.ics\nS: 403\n<error xmlns=\"DAV:\"><C:unique-scheduling-object-resource xmlns:C=\"urn:ietf:params:xml:ns:caldav\">\
        <href>/dav/other/x.ics</href></C:unique-scheduling-object-resource></error>\n";
    let player = Player::start(elsewhere).await;
    let written = player.store(ServerKind::Usual, false).create(&cal(), &draft("u")).await.unwrap();
    assert!(matches!(written, Written::Refused(ref why) if why.contains("\"other\"")), "{written:?}");
}

#[tokio::test]
async fn xandikos_0_4_locked_by_another_write_is_asked_again() {
    let locked = "C: PUT /dav/cal/c-u.ics\nS: 423\n<error xmlns=\"DAV:\"/>\n";
    let player = Player::start(&format!(
        "{locked}{locked}C: PUT /dav/cal/c-u.ics\nS: 201\nC: GET /dav/cal/c-u.ics\nS: 200\nS: ETag: \"1\"\nUID:u\n\
         C: DELETE /dav/cal/c-u.ics\nS: 423\nC: DELETE /dav/cal/c-u.ics\nS: 204\n"
    ))
    .await;
    let store = player.store(ServerKind::Usual, false);
    let written = store.create(&cal(), &draft("u")).await.unwrap();
    let Written::Stored(item) = written else { panic!("{written:?}") };
    assert_eq!(store.remove(&cal(), &item.id, None).await.unwrap(), Removed::Done);
    player.played().await;
}

#[tokio::test]
async fn v2_a_put_without_an_answer_leaves_the_outcome_open() {
    for (script, gateway) in [("hangup", false), ("504\nS: X-A: b", true)] {
        let player = Player::start(&format!("C: PUT /dav/cal/c-u.ics\nS: {script}\n")).await;
        let error = player.store(ServerKind::Usual, false).create(&cal(), &draft("u")).await.unwrap_err();
        assert!(matches!(error, GroupwareError::Offline { .. }), "{gateway} {error:?}");
    }
    let player = Player::start("C: PUT /dav/cal/c-u.ics\nS: silence\n").await;
    let limits = DavLimits { write: Duration::from_millis(100), ..DavLimits::default() };
    let error = player.store_within(ServerKind::Usual, false, limits).create(&cal(), &draft("u")).await.unwrap_err();
    assert!(matches!(error, GroupwareError::Timeout { command: "PUT", .. }), "{error:?}");
}

#[tokio::test]
async fn v9_nothing_with_participants_is_written_to_a_server_that_mails_them() {
    let script = "C: GET /dav/cal/m.ics\nS: 200\nS: ETag: \"1\"\nUID:m\nATTENDEE:mailto:a@b\n";
    let player = Player::start(&format!("{script}{script}")).await;
    let store = player.store(ServerKind::Usual, true);
    let mut meeting = draft("u");
    let person = Person { address: "a@b".to_owned(), name: String::new(), role: String::new(), answer: String::new() };
    meeting.parts[0].fields.insert(Field::Participants, Value::People(vec![person]));
    assert!(matches!(store.create(&cal(), &meeting).await.unwrap(), Written::Refused(why) if why.contains("participants")));
    let id = ItemId("m.ics".to_owned());
    assert!(matches!(store.remove(&cal(), &id, Some("\"1\"")).await.unwrap(), Removed::Refused(_)));
    let Fetched::Item(item) = store.fetch(&cal(), &[id]).await.unwrap().remove(0) else { panic!() };
    assert!(matches!(store.update(&cal(), &item, &[]).await.unwrap(), Written::Refused(_)));
    player.played().await;
}

#[tokio::test]
async fn v11_parallel_requests_send_a_wrong_password_once() {
    let player = Player::start("C: REPORT /dav/cal/\nS: 401\nS: WWW-Authenticate: basic realm=\"SOGo\"\nUnauthorized\n").await;
    let store = player.store(ServerKind::Usual, false);
    let cal = cal();
    let (a, b, c) = tokio::join!(store.changes(&cal, None), store.changes(&cal, None), store.collections(Area::Calendar));
    let errors = [a.unwrap_err(), b.unwrap_err(), c.unwrap_err()];
    assert_eq!(errors.iter().filter(|error| matches!(error, GroupwareError::LoginRejected { .. })).count(), 1, "{errors:?}");
    assert_eq!(errors.iter().filter(|error| matches!(error, GroupwareError::Locked { .. })).count(), 2, "{errors:?}");
    player.played().await;
}

#[tokio::test]
async fn v11_a_server_in_trouble_locks_nothing() {
    let player = Player::start("C: REPORT /dav/cal/\nS: 503\nS: Retry-After: 7\nbusy\n").await;
    let gate = LoginGate::new();
    let http = player.http(&gate, DavLimits::default());
    let answer = http.send(&requests::sync_collection("/dav/cal/", None)).await.unwrap();
    assert!(matches!(answer.failure(), GroupwareError::Unavailable { retry_after: Some(wait), .. } if wait == Duration::from_secs(7)));
    assert!(!gate.is_locked());
}

#[tokio::test]
async fn an_answer_beyond_the_bound_is_not_read() {
    let player = Player::start(&format!("C: PROPFIND /dav/\nS: 207\n{}\n", "x".repeat(5000))).await;
    let http = player.http(&LoginGate::new(), DavLimits { answer: 1000, ..DavLimits::default() });
    let error = http.send(&requests::propfind("/dav/", "0", &[], Patience::Question)).await.unwrap_err();
    assert!(matches!(error, GroupwareError::TooLarge { .. }), "{error:?}");
}
