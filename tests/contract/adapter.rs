//! The adapter against the sandbox: what goes well.

use std::sync::Arc;

use crmsync::crm::http::{CompressRequests, HttpCrm, HttpOptions, manifest_digest};
use crmsync::crm::{
    ActivityQuery, AttachmentFiling, CheckVerdict, Crm as _, CrmError, MailIdentity, MailImport, MailVerdict, OnUnmatched, Profile,
};
use crmsync::model::{Attachment, AttachmentSource, Digest, ItemKey, RawMail, RunId};
use crmsync::sandbox::crm::{Contact, SandboxCrm, SandboxCrmOptions};
use crmsync::settings::CrmAuth;

use super::support::*;

fn identity(import: &MailImport) -> MailIdentity {
    MailIdentity {
        key: import.key.clone(),
        fingerprint: import.mail.fingerprint.clone(),
        message_id: import.mail.message_id.clone(),
        raw_digest: import.raw.digest().clone(),
    }
}

#[tokio::test]
async fn i3_the_capabilities_are_read() {
    let crm = sandbox().await;
    let capabilities = anna(&crm).capabilities().await.unwrap();
    assert_eq!(
        capabilities.profiles,
        [Profile::Mail, Profile::Activities, Profile::Contacts, Profile::Settings, Profile::Events, Profile::Audit]
    );
    assert_eq!(capabilities.limits.max_items, 150);
    assert_eq!(capabilities.mail_types.sent, "MAILOUT");
    assert!(capabilities.statuses.iter().any(|status| status.key == "E" && status.name == "Erledigt"));
    assert!(capabilities.accepts_zstd && capabilities.accepts_gzip && !capabilities.document_categories.is_empty());
}

#[tokio::test]
async fn i11_a_created_activity_has_its_link_its_customer_and_the_original_bytes() {
    let crm = sandbox().await;
    let mut import = mail("Angebot", CLARA);
    let attachment = Attachment {
        index: 0,
        name: Some("Angebot.pdf".to_owned()),
        content_type: "application/pdf".to_owned(),
        size: 3,
        digest: Digest::of(b"pdf"),
        inline: false,
        content_id: None,
        source: AttachmentSource::Part,
    };
    Arc::make_mut(&mut import.mail).attachments.push(attachment);
    import.filings.insert(0, AttachmentFiling { category: Some("Angebot".to_owned()), keyword: Some("Final".to_owned()) });
    let raw = import.raw.in_memory().unwrap().to_vec();
    let answer = anna(&crm).import_mails(&batch("1", vec![import])).await.unwrap();
    let result = &answer.results[0];
    assert_eq!((result.verdict, result.replayed), (MailVerdict::Created, false));
    assert_eq!(result.linked.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(), ["CP2001", "BP1001"]);
    assert_eq!(result.customer_folder.as_deref(), Some("Solaris Technik AG"));
    assert!(result.record.as_ref().unwrap().link.as_ref().unwrap().ends_with("/activities/A000001"));
    let stored = crm.activities().unwrap();
    assert_eq!((stored[0].activity_type.as_str(), stored[0].status.as_str()), ("MAILIN", "I"));
    assert_eq!(stored[0].attachments[0].category.as_deref(), Some("Angebot"));
    assert_eq!(stored[0].attachments[0].keyword.as_deref(), Some("Final"));
    assert_eq!(crm.raw(&stored[0]).unwrap(), raw);
}

#[tokio::test]
async fn i2_the_same_item_in_another_batch_gets_its_first_result() {
    let crm = sandbox().await;
    let anna = anna(&crm);
    let first = anna.import_mails(&batch("1", vec![mail("a", CLARA)])).await.unwrap();
    let again = anna.import_mails(&batch("2", vec![mail("b", CLARA), mail("a", CLARA)])).await.unwrap();
    assert_eq!(again.results[0].verdict, MailVerdict::Created);
    assert!(again.results[1].replayed);
    assert_eq!(again.results[1].verdict, MailVerdict::Created);
    assert_eq!(again.results[1].record, first.results[0].record);
    assert_eq!(crm.activities().unwrap().len(), 2);
}

#[tokio::test]
async fn the_same_mail_of_another_employee_is_merged_and_a_copy_under_another_key_is_a_duplicate() {
    let crm = sandbox().await;
    let first = anna(&crm).import_mails(&batch("1", vec![mail("a", CLARA)])).await.unwrap();
    let second = adapter_as(&crm.url, "ben").import_mails(&batch("1", vec![mail("a", CLARA)])).await.unwrap();
    assert_eq!(second.results[0].verdict, MailVerdict::Merged);
    assert_eq!(second.results[0].record.as_ref().unwrap().id, first.results[0].record.as_ref().unwrap().id);
    let mut copy = mail("a", CLARA);
    copy.key = ItemKey("mail:another".to_owned());
    let third = anna(&crm).import_mails(&batch("3", vec![copy])).await.unwrap();
    assert_eq!(third.results[0].verdict, MailVerdict::Duplicate);
    let stored = crm.activities().unwrap();
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].owners.iter().map(|owner| owner.employee.as_str()).collect::<Vec<_>>(), ["anna", "ben"]);
}

#[tokio::test]
async fn c12_a_mail_of_an_unknown_address_is_stored_unassigned_or_refused_as_asked() {
    let crm = sandbox().await;
    let anna = anna(&crm);
    let mut refused = mail("refused", "stranger@nowhere.example");
    refused.on_unmatched = OnUnmatched::Refuse;
    let items = vec![refused.clone(), mail("stored", "stranger@nowhere.example"), mail("domain", "info@hafen-energie.example")];
    let answer = anna.import_mails(&batch("1", items)).await.unwrap();
    let verdicts: Vec<_> = answer.results.iter().map(|result| result.verdict).collect();
    assert_eq!(verdicts, [MailVerdict::Unmatched, MailVerdict::Created, MailVerdict::Created]);
    assert!(answer.results[0].record.is_none() && answer.results[1].linked.is_empty());
    assert_eq!(answer.results[2].linked[0].id, "BP1005");
    // I5: not found is not final.
    crm.change_directory(|directory| {
        directory.contacts.push(Contact {
            id: "CP3000".to_owned(),
            name: "No longer a stranger".to_owned(),
            partner: None,
            addresses: vec!["stranger@nowhere.example".to_owned()],
        });
    });
    let answer = anna.import_mails(&batch("2", vec![refused])).await.unwrap();
    assert_eq!((answer.results[0].verdict, answer.results[0].replayed), (MailVerdict::Created, false));
}

#[tokio::test]
async fn check_and_audit_tell_what_the_crm_has_for_this_employee() {
    let crm = sandbox().await;
    let (anna, ben) = (anna(&crm), adapter_as(&crm.url, "ben"));
    let (known, unknown) = (mail("known", CLARA), mail("unknown", CLARA));
    anna.import_mails(&batch("1", vec![known.clone()])).await.unwrap();
    let asked = [identity(&unknown), identity(&known)];
    let verdicts = anna.check_mails(&asked).await.unwrap();
    assert_eq!(verdicts[0], CheckVerdict::Needed);
    assert!(matches!(&verdicts[1], CheckVerdict::Have(record) if record.id == "A000001"));
    assert_eq!(anna.missing_mails(&asked).await.unwrap(), std::slice::from_ref(&unknown.key));
    assert_eq!(ben.missing_mails(&asked).await.unwrap().len(), 2);
    assert_eq!(anna.check_mails(&vec![identity(&known); 1001]).await.unwrap().len(), 1001);
    assert!(anna.check_mails(&[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn r34_activities_are_found_by_their_origin() {
    let crm = sandbox().await;
    let anna = anna(&crm);
    let items: Vec<_> = (0..130).map(|n| mail(&format!("mail {n}"), if n % 2 == 0 { CLARA } else { "x@nowhere.example" })).collect();
    anna.import_mails(&batch("1", items)).await.unwrap();
    let mut other = batch("2", vec![mail("other run", CLARA)]);
    other.run = RunId("20261123T090000Z-00000002".to_owned());
    anna.import_mails(&other).await.unwrap();
    let query = |query: ActivityQuery| {
        let anna = anna.clone();
        async move { anna.activities(&query).await.unwrap() }
    };
    let all = query(ActivityQuery { limit: 1000, ..ActivityQuery::default() }).await;
    assert_eq!((all.len(), all[0].subject.as_str(), all[130].subject.as_str()), (131, "other run", "mail 0"));
    assert_eq!(query(ActivityQuery { limit: 105, ..ActivityQuery::default() }).await.len(), 105);
    assert_eq!(query(ActivityQuery { limit: 9, run: Some(other.run.clone()), ..ActivityQuery::default() }).await.len(), 1);
    let unassigned = query(ActivityQuery { limit: 1000, unassigned: true, ..ActivityQuery::default() }).await;
    assert_eq!((unassigned.len(), unassigned[0].linked.len()), (65, 0));
    let imported_at = all[0].imported_at.unwrap();
    assert_eq!(query(ActivityQuery { limit: 9, imported_since: Some(imported_at), ..ActivityQuery::default() }).await.len(), 1);
}

#[tokio::test]
async fn r63_the_lock_is_mirrored_to_the_employee() {
    let crm = sandbox().await;
    let anna = anna(&crm);
    anna.mirror_lock(true).await.unwrap();
    let settings = anna.settings().await.unwrap();
    assert!(settings.password_locked && crm.is_locked("anna").unwrap() && !crm.is_locked("ben").unwrap());
    assert_eq!((settings.employee.as_str(), settings.internal[0].as_str()), ("Anna Berger", "nordwind.example"));
    anna.mirror_lock(false).await.unwrap();
    assert!(!crm.is_locked("anna").unwrap());
}

#[tokio::test]
async fn a_crm_with_the_mail_profile_alone_is_enough() {
    let options = SandboxCrmOptions { profiles: vec!["mail".to_owned()], compression: Vec::new(), ..SandboxCrmOptions::default() };
    let crm = SandboxCrm::start(options).await.unwrap();
    let anna = anna(&crm);
    assert_eq!(anna.capabilities().await.unwrap().profiles, [Profile::Mail]);
    assert_eq!(anna.import_mails(&batch("1", vec![mail("a", CLARA)])).await.unwrap().results[0].verdict, MailVerdict::Created);
    assert!(matches!(anna.settings().await, Err(CrmError::NotOffered { .. })));
    assert!(matches!(anna.mirror_lock(true).await, Err(CrmError::NotOffered { .. })));
    assert!(matches!(anna.missing_mails(&[identity(&mail("a", CLARA))]).await, Err(CrmError::NotOffered { .. })));
    assert!(matches!(anna.activities(&ActivityQuery { limit: 1, ..ActivityQuery::default() }).await, Err(CrmError::NotOffered { .. })));
}

#[tokio::test]
async fn basic_authentication_signs_in_as_well() {
    let crm = sandbox().await;
    let mut access = access(&crm.url);
    access.auth = CrmAuth::Basic;
    access.user = Some("ben".to_owned());
    assert_eq!(HttpCrm::new(&access, "ben").unwrap().settings().await.unwrap().employee, "Ben Vogt");
    assert!(matches!(HttpCrm::new(&access, "wrong").unwrap().settings().await, Err(CrmError::Unauthorized { .. })));
}

#[tokio::test]
async fn c16_150_mails_go_in_one_request_and_151_in_none() {
    let crm = sandbox().await;
    let anna = anna(&crm);
    let items: Vec<_> = (0..151).map(|n| mail(&format!("mail {n}"), CLARA)).collect();
    let before = anna.traffic().count().requests;
    assert!(matches!(anna.import_mails(&batch("1", items.clone())).await, Err(CrmError::TooLarge)));
    assert_eq!(anna.traffic().count().requests, before);
    let answer = anna.import_mails(&batch("2", items[..150].to_vec())).await.unwrap();
    assert!(answer.results.iter().zip(&items).all(|(result, item)| result.key == item.key && result.verdict == MailVerdict::Created));
    assert_eq!(anna.traffic().count().requests, before + 1);
    assert!(matches!(anna.import_mails(&batch("3", Vec::new())).await, Err(CrmError::Contract(_))));
}

async fn compressed(compression: &str) -> (u64, u64) {
    let options = SandboxCrmOptions { compression: vec![compression.to_owned()], ..SandboxCrmOptions::default() };
    let crm = SandboxCrm::start(options).await.unwrap();
    let http = HttpOptions { compress: CompressRequests::Always, ..HttpOptions::default() };
    let anna = HttpCrm::with_options(&access(&crm.url), "anna", http).unwrap();
    anna.capabilities().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let raw = spooled(dir.path(), 4);
    assert!(raw.spool_path().is_some());
    let before = anna.traffic().count().bytes_sent;
    let items = vec![import("big", CLARA, raw.clone()), mail("small", CLARA)];
    let answer = anna.import_mails(&batch("1", items)).await.unwrap();
    assert!(answer.results.iter().all(|result| result.verdict == MailVerdict::Created));
    let stored = crm.activities().unwrap();
    assert_eq!(&Digest::of(&crm.raw(&stored[0]).unwrap()), raw.digest());
    (anna.traffic().count().bytes_sent - before, raw.len())
}

#[tokio::test]
async fn batches_travel_compressed_with_zstd_or_gzip_where_the_crm_takes_it() {
    for coding in ["zstd", "gzip"] {
        let (sent, size) = compressed(coding).await;
        assert!(sent * 4 < size, "{coding}: {sent} of {size} bytes");
    }
    // A coding nobody knows is not used.
    let (sent, size) = compressed("br").await;
    assert!(sent > size);
}

#[tokio::test]
async fn a_mail_of_60_mebibytes_is_streamed_from_its_spool_file() {
    let crm = sandbox().await;
    let dir = tempfile::tempdir().unwrap();
    let raw = spooled(dir.path(), 60);
    let answer = anna(&crm).import_mails(&batch("1", vec![import("huge", CLARA, raw.clone())])).await.unwrap();
    assert_eq!(answer.results[0].verdict, MailVerdict::Created);
    assert_eq!(&crm.activities().unwrap()[0].raw_digest, raw.digest());
}

#[tokio::test]
async fn a_spool_file_that_went_or_was_cut_is_told_as_such() {
    let crm = sandbox().await;
    let dir = tempfile::tempdir().unwrap();
    let cut = spooled(dir.path(), 3);
    std::fs::OpenOptions::new().write(true).open(cut.spool_path().unwrap()).unwrap().set_len(1000).unwrap();
    let error = anna(&crm).import_mails(&batch("1", vec![import("cut", CLARA, cut)])).await.unwrap_err();
    assert!(matches!(error, CrmError::Spool(_)), "{error}");
    assert!(crm.activities().unwrap().is_empty());
}

#[test]
fn the_manifest_digest_follows_from_the_batch_alone() {
    let one = batch("1", vec![mail("a", CLARA), mail("b", CLARA)]);
    assert_eq!(manifest_digest(&one), manifest_digest(&one.clone()));
    let mut other = one.clone();
    other.items.swap(0, 1);
    assert_ne!(manifest_digest(&one), manifest_digest(&other));
    let mut changed = one.clone();
    changed.items[0].raw = RawMail::from_bytes(&b"other"[..]);
    assert_ne!(manifest_digest(&one), manifest_digest(&changed));
}
