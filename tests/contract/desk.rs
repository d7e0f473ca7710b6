//! The pages of appointments and tasks: what users of the CRM do there.

use crmsync::crm::{CrmRecords as _, RecordKind};
use crmsync::model::{Field, Moment, Value};
use crmsync::sandbox::crm::{RunningCrm, StoredRecord};

use super::support::*;

struct Desk<'a> {
    crm: &'a RunningCrm,
    browser: reqwest::Client,
    token: String,
}

impl<'a> Desk<'a> {
    async fn new(crm: &'a RunningCrm) -> Self {
        let browser = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let page = browser.get(format!("{}/records/new", crm.url)).send().await.unwrap().text().await.unwrap();
        let token = page.split("name=\"token\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        Self { crm, browser, token }
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let answer = self.browser.get(format!("{}{path}", self.crm.url)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Sends a form; the status, and where it leads.
    async fn send(&self, path: &str, values: &[(&str, &str)]) -> (u16, String) {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("token", &self.token).extend_pairs(values);
        let answer = self.browser.post(format!("{}{path}", self.crm.url)).body(form.finish()).send().await.unwrap();
        let place = answer.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), place.unwrap_or_default())
    }

    fn record(&self, id: &str) -> StoredRecord {
        self.crm.records().unwrap().into_iter().find(|record| record.id() == id).unwrap()
    }
}

#[tokio::test]
async fn a_user_makes_edits_and_deletes_an_appointment_and_a_task() {
    let crm = sandbox().await;
    let desk = Desk::new(&crm).await;
    let new = [
        ("type", "MEETING"),
        ("owner", "anna"),
        ("subject", "<b>Treffen</b>"),
        ("start", "2026-11-23T09:00"),
        ("end", "2026-11-23T10:00"),
        ("participants", "Clara.Hofmann@solaris-technik.example"),
        ("note", "eins\r\nzwei"),
        ("reminder", ""),
    ];
    assert_eq!(desk.send("/records/new", &new).await, (303, "/activities/R000001?saved".to_owned()));
    let record = desk.record("R000001");
    assert_eq!((record.kind(), record.owners.as_slice()), (RecordKind::Appointment, ["anna".to_owned()].as_slice()));
    assert_eq!(record.linked[0].name, "Clara Hofmann");
    let (status, page) = desk.get("/activities/R000001").await;
    assert!(status == 200 && page.contains("Clara Hofmann") && page.contains("2026-11-23T09:00") && page.contains("eins\nzwei"));
    assert!(!page.contains("<b>") && page.matches(" disabled").count() == 2, "the buttons of other types are disabled");

    // Only what was edited changes; the box that is not ticked any longer and the end that was.
    let edit = [("do", "save"), ("version", "1"), ("subject", "Treffen"), ("start", "2026-11-23T09:00"), ("end", "2026-11-23T11:00")];
    assert_eq!(desk.send("/activities/R000001", &edit).await.1, "/activities/R000001?saved");
    assert_eq!(desk.send("/activities/R000001", &edit).await.1, "/activities/R000001?changed", "of an old version");
    let record = desk.record("R000001");
    assert_eq!((record.version, record.subject(), record.linked.len()), (2, "Treffen", 2));
    let Some(Value::Slot(slot)) = record.fields.get(&Field::Slot) else { panic!() };
    assert!(
        matches!(&slot.end, Moment::Zoned { zone, local, .. } if zone == "Europe/Berlin" && local.to_string() == "2026-11-23 11:00:00")
    );
    let wrong = [("do", "save"), ("version", "2"), ("subject", "x"), ("end", "2026-11-23T08:00")];
    assert_eq!(desk.send("/activities/R000001", &wrong).await.0, 400);

    let task = [("type", "TASK"), ("owner", "ben"), ("subject", "Nachfassen"), ("due", "2026-11-25T00:00"), ("all_day", "true")];
    assert_eq!(desk.send("/records/new", &task).await.0, 303);
    assert_eq!(desk.record("R000002").fields.get(&Field::Due), Some(&Value::Moment(Moment::Day("2026-11-25".parse().unwrap()))));
    let (_, list) = desk.get("/records").await;
    assert!(list.contains("Nachfassen") && list.contains("2026-11-25 · ben") && list.contains("R000001"));
    assert_eq!(desk.send("/activities/R000002", &[("do", "delete")]).await.1, "/records?deleted");
    assert_eq!(desk.get("/activities/R000002").await.0, 404);
    assert_eq!(crm.records().unwrap().len(), 1);

    for refused in [[("type", "FOLLOWUP"), ("owner", "anna"), ("subject", "x")], [("type", "TASK"), ("owner", "nobody"), ("subject", "x")]]
    {
        assert_eq!(desk.send("/records/new", &refused).await.0, 400);
    }
    let foreign = Desk { token: "wrong".to_owned(), browser: desk.browser.clone(), crm: desk.crm };
    assert_eq!(foreign.send("/activities/R000001", &[("do", "delete")]).await.0, 403);
}

#[tokio::test]
async fn r78_r79_r80_r81_the_buttons_send_an_activity_and_end_it() {
    let crm = sandbox().await;
    crm.seed_records("2026-11-22T08:00:00Z".parse().unwrap()).unwrap();
    let desk = Desk::new(&crm).await;
    let call = crm.records().unwrap().into_iter().find(|record| record.activity_type == "CALL").unwrap().id();
    let path = format!("/activities/{call}");
    assert_eq!(desk.send(&path, &[("do", "delete-entry")]).await.0, 403);
    assert_eq!(desk.send(&path, &[("do", "sync-task")]).await.1, format!("{path}?sent"));
    assert_eq!(anna(&crm).record(&call).await.unwrap().into_view().unwrap().kind, RecordKind::Task);
    assert_eq!(desk.send(&path, &[("do", "sync-appointment")]).await.0, 403, "once only");
    assert_eq!(desk.get(&path).await.1.matches(" disabled").count(), 2);
    assert_eq!(desk.send(&path, &[("do", "delete-entry")]).await.1, format!("{path}?ended"));
    assert_eq!(anna(&crm).record(&call).await.unwrap().into_view().unwrap().kind, RecordKind::Other);
    // A native type is never sent by a button.
    assert_eq!(desk.send("/activities/R000001", &[("do", "sync-appointment")]).await.0, 403);
    assert_eq!(desk.send("/activities/R000001", &[("do", "dance")]).await.0, 400);
}
