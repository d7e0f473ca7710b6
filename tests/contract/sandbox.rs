//! The sandbox CRM itself: durability and guards.

use crmsync::crm::{Crm as _, MailVerdict};
use crmsync::sandbox::crm::{Faults, SandboxCrm, SandboxCrmOptions};

use super::support::*;

#[tokio::test]
async fn a_restart_in_the_same_folder_keeps_everything() {
    let dir = tempfile::tempdir().unwrap();
    let start = || SandboxCrm::start(SandboxCrmOptions { dir: Some(dir.path().to_owned()), ..SandboxCrmOptions::default() });
    let batch = batch("1", vec![mail("a", CLARA), mail("b", CLARA)]);
    let crm = start().await.unwrap();
    let first = anna(&crm).import_mails(&batch).await.unwrap();
    anna(&crm).mirror_lock(true).await.unwrap();
    let before = crm.activities().unwrap();
    crm.shutdown().await;
    // What a crash in the middle of a batch leaves behind.
    std::fs::write(dir.path().join("incoming-torn.seg"), b"half a mail").unwrap();
    let crm = start().await.unwrap();
    assert!(!dir.path().join("incoming-torn.seg").exists());
    assert_eq!(crm.activities().unwrap(), before);
    assert!(crm.raw(&before[1]).unwrap().starts_with(b"From: clara"));
    assert!(crm.is_locked("anna").unwrap());
    let recovered = anna(&crm).batch_answer(&batch.key).await.unwrap().unwrap();
    let ids =
        |answer: &crmsync::crm::BatchAnswer| answer.results.iter().map(|result| result.record.clone().unwrap().id).collect::<Vec<_>>();
    assert_eq!(ids(&recovered), ids(&first));
    let again = anna(&crm).import_mails(&with_new_key(&batch)).await.unwrap();
    assert!(again.results.iter().all(|result| result.replayed));
    crm.shutdown().await;
}

fn with_new_key(batch: &crmsync::crm::MailBatch) -> crmsync::crm::MailBatch {
    crmsync::crm::MailBatch::new(key("new"), batch.run.clone(), batch.items.clone())
}

#[tokio::test]
async fn discarding_reads_everything_and_keeps_the_answer_alone() {
    let crm = SandboxCrm::start(SandboxCrmOptions { discard: true, ..SandboxCrmOptions::default() }).await.unwrap();
    let anna = anna(&crm);
    let batch = batch("1", vec![mail("a", CLARA)]);
    assert_eq!(anna.import_mails(&batch).await.unwrap().results[0].verdict, MailVerdict::Created);
    assert!(anna.batch_answer(&batch.key).await.unwrap().is_some());
    assert!(crm.activities().unwrap().is_empty());
}

#[tokio::test]
async fn requests_are_counted_and_a_foreign_host_name_is_refused() {
    let crm = sandbox().await;
    anna(&crm).capabilities().await.unwrap();
    assert_eq!(crm.requests(), ["GET /v1/capabilities"]);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(format!("{}/openapi.json", crm.url)).header("host", "evil.example").send().await.unwrap();
    assert_eq!(answer.status(), 403);
    let answer = client.get(format!("{}/openapi.json", crm.url)).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), crmsync::crm::contract::openapi::document());
}

fn browser() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

#[tokio::test]
async fn the_page_shows_what_is_there_and_escapes_what_others_wrote() {
    let crm = sandbox().await;
    let mut import = mail("<script>alert(1)</script> & co", CLARA);
    std::sync::Arc::make_mut(&mut import.mail).html = Some(crmsync::model::Body {
        content: "<p onclick=\"x()\">Hello <img src=\"https://tracker.example/a.gif\"><script>y()</script></p>".to_owned(),
        truncated: false,
    });
    let raw = import.raw.in_memory().unwrap().clone();
    anna(&crm).import_mails(&batch("1", vec![import, mail("nobody knows", "x@nowhere.example")])).await.unwrap();
    let browser = browser();
    let page = |path: &'static str| {
        let request = browser.get(format!("{}{path}", crm.url));
        async move {
            let answer = request.send().await.unwrap();
            let policy = answer.headers().get("content-security-policy").map(|value| value.to_str().unwrap().to_owned());
            (answer.status().as_u16(), policy.unwrap_or_default(), answer.text().await.unwrap())
        }
    };
    for path in ["/", "/activities/A000001", "/contacts", "/partners", "/documents", "/faults"] {
        let (status, policy, text) = page(path).await;
        assert!(status == 200 && policy.starts_with("default-src 'none'") && text.starts_with("<!DOCTYPE html>"), "{path}");
        assert!(!text.contains("<script") && !text.contains("https://"), "{path}");
    }
    let (_, _, list) = page("/").await;
    assert!(list.contains("alert(1)") && list.contains("Clara Hofmann") && list.contains("unassigned") && list.contains("2 imported"));
    let (_, policy, html) = page("/activities/A000001/html").await;
    assert!(policy.starts_with("sandbox; default-src 'none'"));
    assert!(html.contains("Hello") && !html.contains("script") && !html.contains("onclick") && !html.contains("tracker"), "{html}");
    let download = browser.get(format!("{}/activities/A000001/mail.eml", crm.url)).send().await.unwrap();
    assert_eq!(download.headers()["content-disposition"], "attachment; filename=\"A000001.eml\"");
    assert_eq!(download.bytes().await.unwrap(), raw);
    assert_eq!(page("/activities/A000009").await.0, 404);
    assert_eq!(page("/activities/../x").await.0, 404);
}

#[tokio::test]
async fn faults_are_set_by_the_form_of_this_page_alone_and_by_an_employees_token() {
    let crm = sandbox().await;
    let browser = browser();
    let page = browser.get(format!("{}/faults", crm.url)).send().await.unwrap().text().await.unwrap();
    let token = page.split("name=\"token\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let form = |token: &str, origin: &str| {
        browser
            .post(format!("{}/faults", crm.url))
            .header("origin", origin)
            .body(format!("token={token}&unavailable=2&reverseOrder=true&rejectSubject=a%26b"))
    };
    assert_eq!(form("wrong", &crm.url).send().await.unwrap().status(), 403);
    assert_eq!(form(token, "https://evil.example").send().await.unwrap().status(), 403);
    assert_eq!(crm.faults(), Faults::default());
    assert_eq!(form(token, &crm.url).send().await.unwrap().status(), 303);
    let set = Faults { unavailable: 2, reverse_order: true, reject_subject: "a&b".to_owned(), ..Faults::default() };
    assert_eq!(crm.faults(), set);
    // Every switch is on the form.
    for name in serde_json::to_value(&set).unwrap().as_object().unwrap().keys() {
        assert!(page.contains(&format!("name=\"{name}\"")), "{name}");
    }
    let put = |token: &str| browser.put(format!("{}/sandbox/faults", crm.url)).bearer_auth(token).json(&serde_json::json!({"garbage": 1}));
    assert_eq!(put("wrong").send().await.unwrap().status(), 401);
    assert_eq!(put("ben").send().await.unwrap().status(), 200);
    assert_eq!(crm.faults(), Faults { garbage: 1, ..Faults::default() });
}
