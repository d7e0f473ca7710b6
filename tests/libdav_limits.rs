//! Why answers are not read by libdav 0.11, whose requests crmsync sends: what it makes of what real servers say.
//! A test that fails here after an update says that libdav has become better.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on ends")]

use axum::http::response::Parts;
use axum::http::{Response, StatusCode};
use libdav::caldav::GetCalendarResources;
use libdav::dav::{ListResources, SyncCollection};
use libdav::requests::DavRequest as _;

fn head(status: StatusCode) -> Parts {
    Response::builder().status(status).body(()).unwrap().into_parts().0
}

fn multistatus(inside: &str) -> String {
    format!(r#"<multistatus xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">{inside}<sync-token>t</sync-token></multistatus>"#)
}

const ITEM: &str =
    r#"<response><href>/c/a.ics</href><propstat><prop><getetag>"1"</getetag></prop><status>HTTP/1.1 200 OK</status></propstat></response>"#;

fn sync(inside: &str) -> Result<(Vec<String>, Vec<String>), String> {
    let answer = SyncCollection::new("/c/").parse_response(&head(StatusCode::MULTI_STATUS), multistatus(inside).as_bytes());
    let answer = answer.map_err(|error| error.to_string())?;
    Ok((answer.changed.into_iter().map(|item| item.href).collect(), answer.deleted))
}

#[test]
fn an_item_without_an_etag_counts_as_deleted() {
    let (_, deleted) = sync(
        "<response><href>/c/a.ics</href><propstat><prop><getetag/></prop><status>HTTP/1.1 404 Not Found</status></propstat></response>",
    )
    .unwrap();
    assert_eq!(deleted, ["/c/a.ics"]);
}

#[test]
fn a_cut_report_looks_complete() {
    let cut = "<response><href>/c/</href><status>HTTP/1.1 507 Insufficient Storage</status></response>";
    assert_eq!(sync(&format!("{ITEM}{cut}")).unwrap(), (vec!["/c/a.ics".to_owned()], vec![]));
}

#[test]
fn one_odd_row_fails_the_whole_report() {
    sync(&format!("{ITEM}<response><href>/c/b.ics</href><status>HTTP/1.1 403 Forbidden</status></response>")).unwrap_err();
    sync(&format!("{ITEM}<response><href>/c/b.ics</href><status>HTTP/1.1 410 Gone</status></response>")).unwrap_err();
}

#[test]
fn an_invalid_token_is_recognised_at_403_alone() {
    let body = br#"<error xmlns="DAV:"><valid-sync-token/></error>"#;
    let said = |status| SyncCollection::new("/c/").parse_response(&head(status), body).unwrap_err().to_string();
    assert!(said(StatusCode::FORBIDDEN).contains("precondition"));
    for status in [StatusCode::CONFLICT, StatusCode::GONE, StatusCode::PRECONDITION_FAILED] {
        assert!(!said(status).contains("precondition"), "{status}");
    }
}

#[test]
fn one_control_character_fails_every_item_of_an_answer() {
    let row = |text: &str| {
        format!(
            r#"<response><href>/c/a.ics</href><propstat><prop><getetag>"1"</getetag><C:calendar-data>{text}</C:calendar-data></prop><status>HTTP/1.1 200 OK</status></propstat></response>"#
        )
    };
    let read = |text: &str| {
        let body = multistatus(&row(text));
        GetCalendarResources::new("/c/").with_hrefs(["/c/a.ics"]).parse_response(&head(StatusCode::MULTI_STATUS), body.as_bytes()).is_ok()
    };
    assert!(read("BEGIN:VCALENDAR"));
    assert!(!read("BEGIN:VCALENDAR\u{B}"));
    assert!(!read("BEGIN:VCALENDAR&#11;"));
}

#[test]
fn names_come_back_decoded() {
    let body = multistatus(&ITEM.replace("a.ics", "e%202%C3%A4.ics"));
    let found = ListResources::new("/c/").parse_response(&head(StatusCode::MULTI_STATUS), body.as_bytes()).unwrap();
    assert_eq!(found.resources.first().map(|item| item.href.as_str()), Some("/c/e 2ä.ics"));
}

#[test]
fn a_name_with_a_percent_sign_cannot_be_addressed_and_reports_lack_their_depth() {
    let body = multistatus(&ITEM.replace("a.ics", "100%25.ics"));
    let found = ListResources::new("/c/").parse_response(&head(StatusCode::MULTI_STATUS), body.as_bytes()).unwrap();
    let name = found.resources.first().map(|item| item.href.clone()).unwrap();
    let request = SyncCollection::new(&name).prepare_request("http://localhost/".parse().unwrap()).unwrap();
    assert_eq!(request.uri().path(), "/c/100%.ics");
    assert!(request.headers().get("depth").is_none());
}
