//! The adapter against the sandbox: what goes wrong, and that each failure has its own error.

use std::time::Duration;

use crmsync::crm::http::{HttpCrm, HttpOptions};
use crmsync::crm::{Crm as _, CrmError, MailVerdict};
use crmsync::sandbox::crm::Faults;

use super::support::*;

/// Posts one mail to a sandbox with a fault, and posts it again.
async fn failure(faults: Faults) -> CrmError {
    let crm = sandbox_with(faults).await;
    let anna = anna(&crm);
    let batch = batch("1", vec![mail("a", CLARA)]);
    let error = anna.import_mails(&batch).await.unwrap_err();
    assert!(crm.activities().unwrap().is_empty(), "nothing is processed when the request as a whole fails");
    assert_eq!(anna.import_mails(&batch).await.unwrap().results[0].verdict, MailVerdict::Created);
    error
}

#[tokio::test]
async fn every_status_is_typed_and_the_next_try_succeeds() {
    let (hour, nearly) = (Some(Duration::from_hours(1)), Some(Duration::from_mins(50)));
    for faults in [
        Faults { too_many_requests: 1, retry_after: 3_600, ..Faults::default() },
        Faults { unavailable: 1, retry_after: 3_600, ..Faults::default() },
        Faults { unavailable: 1, retry_after: 3_600, retry_after_date: true, ..Faults::default() },
        Faults { bad_gateway: 1, retry_after: 3_600, ..Faults::default() },
    ] {
        match failure(faults).await {
            // Of a date, what passed until it was read is lost.
            CrmError::Busy { retry_after, .. } => {
                assert!(retry_after <= hour && retry_after >= nearly, "{retry_after:?}");
            }
            other => panic!("{other}"),
        }
    }
    assert!(matches!(failure(Faults { unauthorized: 1, ..Faults::default() }).await, CrmError::Unauthorized { .. }));
    assert!(matches!(failure(Faults { internal: 1, ..Faults::default() }).await, CrmError::Failed { status: 500, .. }));
}

/// Posts a batch whose answer is spoilt after the commit, then asks for the answer.
async fn spoilt(faults: Faults) -> CrmError {
    let crm = sandbox_with(faults).await;
    let anna = anna(&crm);
    let batch = batch("1", vec![mail("a", CLARA), mail("b", CLARA), mail("c", CLARA)]);
    assert_eq!(anna.batch_answer(&batch.key).await.unwrap(), None);
    let error = anna.import_mails(&batch).await.unwrap_err();
    assert_eq!(crm.activities().unwrap().len(), 3, "it was processed all the same");
    let answer = anna.batch_answer(&batch.key).await.unwrap().unwrap();
    assert!(answer.results.iter().zip(&batch.items).all(|(result, item)| result.key == item.key && result.verdict == MailVerdict::Created));
    // Sending it again unchanged does no harm either.
    assert!(anna.import_mails(&batch).await.unwrap().results.iter().all(|result| result.replayed));
    assert_eq!(crm.activities().unwrap().len(), 3);
    error
}

#[tokio::test]
async fn i9_a_lost_or_spoilt_answer_is_recovered_by_its_key() {
    let error = spoilt(Faults { lost_answers: 1, ..Faults::default() }).await;
    assert!(matches!(error, CrmError::Offline { .. }), "{error}");
    let error = spoilt(Faults { half_answers: 1, ..Faults::default() }).await;
    assert!(matches!(error, CrmError::Offline { .. }), "{error}");
    for faults in [
        Faults { garbage: 1, ..Faults::default() },
        Faults { missing_results: 1, ..Faults::default() },
        Faults { doubled_results: 1, ..Faults::default() },
    ] {
        let error = spoilt(faults).await;
        assert!(matches!(error, CrmError::Contract(_)), "{error}");
    }
}

#[tokio::test]
async fn results_in_another_order_are_brought_into_that_of_the_batch() {
    let crm = sandbox_with(Faults { reverse_order: true, ..Faults::default() }).await;
    let items: Vec<_> = (0..12).map(|n| mail(&format!("mail {n}"), CLARA)).collect();
    let answer = anna(&crm).import_mails(&batch("1", items.clone())).await.unwrap();
    assert!(answer.results.iter().zip(&items).all(|(result, item)| result.key == item.key));
}

fn impatient(url: &str) -> HttpCrm {
    let options = HttpOptions { request_timeout: Some(Duration::from_millis(300)), ..HttpOptions::default() };
    HttpCrm::with_options(&access(url), "anna", options).unwrap()
}

#[tokio::test]
async fn silence_ends_in_a_timeout_and_a_slow_answer_does_not() {
    let crm = sandbox_with(Faults { silent: 1, ..Faults::default() }).await;
    let error = impatient(&crm.url).import_mails(&batch("1", vec![mail("a", CLARA)])).await.unwrap_err();
    assert!(matches!(error, CrmError::Timeout { after } if after == Duration::from_millis(300)), "{error}");
    crm.set_faults(Faults { slow_ms: 100, ..Faults::default() });
    anna(&crm).capabilities().await.unwrap();
}

#[tokio::test]
async fn a_batch_that_is_being_processed_is_in_flight() {
    let crm = sandbox_with(Faults { hold_ms: 60_000, ..Faults::default() }).await;
    let batch = batch("1", vec![mail("a", CLARA)]);
    let (first, second) = (anna(&crm), anna(&crm));
    let posted = tokio::spawn({
        let batch = batch.clone();
        async move { first.import_mails(&batch).await }
    });
    while !matches!(second.batch_answer(&batch.key).await, Err(CrmError::InFlight)) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(matches!(second.import_mails(&batch).await, Err(CrmError::InFlight)));
    assert!(matches!(second.batch_answer(&batch.key).await, Err(CrmError::InFlight)));
    crm.set_faults(Faults::default());
    posted.await.unwrap().unwrap();
    assert!(second.batch_answer(&batch.key).await.unwrap().is_some());
}

#[tokio::test]
async fn a_key_with_another_payload_is_refused_and_a_batch_too_large_is_halved() {
    let crm = sandbox().await;
    let anna = anna(&crm);
    anna.import_mails(&batch("1", vec![mail("a", CLARA)])).await.unwrap();
    assert!(matches!(anna.import_mails(&batch("1", vec![mail("b", CLARA)])).await, Err(CrmError::KeyReused)));
    crm.set_faults(Faults { max_bytes: 10_000, ..Faults::default() });
    let items: Vec<_> = (0..40).map(|n| mail(&format!("mail {n}"), CLARA)).collect();
    assert!(matches!(anna.import_mails(&batch("2", items)).await, Err(CrmError::TooLarge)));
    assert_eq!(crm.activities().unwrap().len(), 1);
}

#[tokio::test]
async fn v10_single_mails_are_rejected_and_a_poison_mail_fails_its_batch_alone() {
    let faults = Faults {
        reject_subject: "REJECT".to_owned(),
        retry_subject: "RETRY".to_owned(),
        skip_subject: "SKIP".to_owned(),
        poison_subject: "POISON".to_owned(),
        ..Faults::default()
    };
    let crm = sandbox_with(faults).await;
    let anna = anna(&crm);
    let subjects = ["REJECT it", "RETRY it", "SKIP it", "fine"];
    let items = subjects.map(|subject| mail(subject, CLARA)).to_vec();
    let answer = anna.import_mails(&batch("1", items.clone())).await.unwrap();
    let verdicts: Vec<_> = answer.results.iter().map(|result| result.verdict).collect();
    assert_eq!(verdicts, [MailVerdict::Rejected, MailVerdict::Retry, MailVerdict::Skipped, MailVerdict::Created]);
    assert!(answer.results[..3].iter().all(|result| !result.reason.is_empty() && result.record.is_none()));
    let poisoned = batch("2", vec![mail("good", CLARA), mail("POISON", CLARA)]);
    assert!(matches!(anna.import_mails(&poisoned).await, Err(CrmError::Failed { status: 500, .. })));
    assert_eq!(crm.activities().unwrap().len(), 1);
    // Once the cause is gone, a new batch takes what was refused.
    crm.set_faults(Faults::default());
    let again = anna.import_mails(&batch("3", items)).await.unwrap();
    assert!(again.results.iter().all(|result| result.verdict == MailVerdict::Created));
}

#[tokio::test]
async fn r16_an_unknown_status_key_is_rejected_with_its_reason() {
    let crm = sandbox().await;
    let mut import = mail("a", CLARA);
    import.status = "ZZ".to_owned();
    let answer = anna(&crm).import_mails(&batch("1", vec![import])).await.unwrap();
    assert_eq!((answer.results[0].verdict, answer.results[0].reason.as_str()), (MailVerdict::Rejected, "the status key is unknown"));
}
