//! The sandbox CRM itself: durability and guards.

use crmsync::crm::{Crm as _, MailVerdict};
use crmsync::sandbox::crm::{SandboxCrm, SandboxCrmOptions};

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
    let again = anna(&crm).import_mails(&support_batch_with_new_key(&batch)).await.unwrap();
    assert!(again.results.iter().all(|result| result.replayed));
    crm.shutdown().await;
}

fn support_batch_with_new_key(batch: &crmsync::crm::MailBatch) -> crmsync::crm::MailBatch {
    crmsync::crm::MailBatch { key: key("new"), ..batch.clone() }
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
