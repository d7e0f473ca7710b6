use std::io;

use serde_json::Value;

use super::samples::{
    at, batch, consent, done, history, inbox, intent, locate, location, lock, parked, run, run_id, run_item, settle, settled, work,
};
use crate::crm::MailVerdict;
use crate::journal::fault::FaultBackend;
use crate::journal::tables::{LOCATED, SETTLED, SETTLED_BY_MESSAGE_ID};
use crate::journal::{Change, Cursor, Journal, JournalError, SettledMail};
use crate::model::{AccountId, Area, MailLocation};

fn journal() -> Journal {
    Journal::open_with_backend(FaultBackend::new(1)).unwrap()
}

/// Something of an account in every table that a change can reach, all of it sound.
fn everything_of(account: &AccountId, number: u32) -> Vec<Change> {
    let key = format!("mail:{account}");
    let item = crate::journal::RunItem { message_id: Some(format!("{account}@example.com")), ..run_item(None) };
    vec![
        Change::SettleMail { account: account.clone(), key: key.as_str().into(), mail: settled(Some("m")) },
        Change::Locate { location: MailLocation { account: account.clone(), ..location(1) }, located: done(&key) },
        Change::SetCursor {
            account: account.clone(),
            area: Area::Mail,
            collection: "INBOX".to_owned(),
            cursor: Cursor::Opaque { token: "t".to_owned() },
        },
        Change::PutBatch(batch(account, if number == 1 { "batch-1" } else { "batch-2" }, 1)),
        Change::PutIntent(intent(account, &format!("op-{account}"), 1)),
        Change::Park(parked(account, "mail:2")),
        Change::PutRun(run(account, number)),
        Change::AddRunItem { run: run_id(number), item },
        Change::AddHistory(history(account, "op")),
        Change::RecordConsent { account: account.clone(), area: Area::Mail, consent: consent() },
        Change::LockAccount { account: account.clone(), lock: lock() },
        Change::Bind { account: account.clone(), role: "archive".to_owned(), mailbox: inbox() },
        Change::Succeeded { account: account.clone(), at: at(5) },
    ]
}

fn export(journal: &Journal) -> Vec<Value> {
    let mut out = Vec::new();
    let count = journal.export(&mut out).unwrap();
    let lines: Vec<Value> = String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len() as u64, count + 1);
    lines
}

#[test]
fn a_sound_journal_has_no_faults() {
    let journal = journal();
    journal.commit_blocking(everything_of(&work(), 1)).unwrap();
    let report = journal.check().unwrap();
    assert!(report.is_sound(), "{:?}", report.faults);
    assert_eq!(report.records["settled-mails"], 1);
    assert_eq!(report.records["pairs"], 0);
    assert!(report.file_size > 0);
    journal.commit_blocking(vec![locate(5, "mail:work")]).unwrap();
}

#[test]
fn a_check_names_records_that_do_not_fit_together() {
    let journal = journal();
    journal
        .commit_blocking(vec![
            Change::SettleMail {
                account: work(),
                key: "mail:1".into(),
                mail: SettledMail { verdict: MailVerdict::Retry, ..settled(None) },
            },
            locate(1, "mail:never-settled"),
            Change::PutBatch(crate::journal::PendingBatch { members: vec![], ..batch(&work(), "empty", 1) }),
            Change::AddRunItem { run: run_id(9), item: run_item(None) },
        ])
        .unwrap();
    journal
        .store()
        .write(|txn| {
            SETTLED_BY_MESSAGE_ID.put(txn, ("stray", "work", "mail:1"), &())?;
            txn.open_table(LOCATED.definition())?.insert(("work", "INBOX", 7, 3), b"{".as_slice())?;
            Ok(())
        })
        .unwrap();
    let report = journal.check().unwrap();
    assert_eq!(report.fault_count, 6, "{:#?}", report.faults);
    assert_eq!(report.faults.len(), 6);
}

#[test]
fn v4_a_record_that_cannot_be_read_is_an_error_and_never_absent() {
    let journal = journal();
    journal.commit_blocking(vec![settle("mail:1", Some("m"))]).unwrap();
    journal
        .store()
        .write(|txn| {
            txn.open_table(SETTLED.definition())?.insert(("work", "mail:1"), b"{\"verdict\":\"else\"}".as_slice())?;
            Ok(())
        })
        .unwrap();
    let error = journal.settled_mail(&work(), &"mail:1".into()).unwrap_err();
    assert!(matches!(&error, JournalError::Unreadable { table: "settled-mails", key, .. } if key.contains("mail:1")), "{error:?}");
    assert!(error.repair().contains("nothing is doubled"));
    assert!(journal.settled_mails_by_message_id(None, "m").is_err());
    assert!(export(&journal).iter().any(|line| line["value"]["verdict"] == "else"));
    // Settled anew, it is sound again.
    journal.commit_blocking(vec![settle("mail:1", Some("m"))]).unwrap();
    assert!(journal.check().unwrap().is_sound());
}

#[test]
fn an_export_holds_every_record_with_its_table_and_key() {
    let journal = journal();
    journal.commit_blocking(everything_of(&work(), 1)).unwrap();
    let lines = export(&journal);
    assert_eq!(lines[0]["format"], "crmsync-journal");
    assert_eq!(lines[0]["schema"], crate::journal::migrations::SCHEMA);
    let located = lines.iter().find(|line| line["table"] == "mail-locations").unwrap();
    assert_eq!(located["key"], serde_json::json!(["work", "INBOX/Projekte", 7, 1]));
    assert_eq!(located["value"]["key"], "mail:work");
    let settled = lines.iter().find(|line| line["table"] == "settled-mails").unwrap();
    assert_eq!(settled["value"]["subject"], "Offer \u{1f4e7} \"quoted\"");
}

#[test]
fn an_export_that_cannot_be_written_says_so() {
    struct Full;
    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    assert!(matches!(journal().export(&mut Full), Err(JournalError::Export { .. })));
}

#[test]
fn a_forgotten_account_leaves_nothing_and_takes_nothing_of_others() {
    let other: AccountId = "home".into();
    let alone = journal();
    alone.commit_blocking(everything_of(&other, 2)).unwrap();
    let both = journal();
    both.commit_blocking(everything_of(&work(), 1)).unwrap();
    both.commit_blocking(everything_of(&other, 2)).unwrap();

    let removed = both.forget_account(&work()).unwrap();
    assert_eq!(removed.values().sum::<u64>(), 13, "{removed:?}");
    let without_number = |lines: Vec<Value>| -> Vec<Value> {
        lines.into_iter().skip(1).map(|line| if line["table"] == "history" { line["value"].clone() } else { line }).collect()
    };
    assert_eq!(without_number(export(&both)), without_number(export(&alone)));
    assert!(both.forget_account(&work()).unwrap().is_empty());
    assert!(!export(&both).iter().any(|line| line.to_string().contains("work")));
}

#[test]
fn forgetting_and_compacting_give_room_back() {
    let journal = journal();
    for round in 0..3u32 {
        journal.commit_blocking((0..1_500).map(|uid| locate(round * 10_000 + uid, "mail:1")).collect()).unwrap();
    }
    let removed = journal.forget_account(&work()).unwrap();
    assert_eq!(removed["mail-locations"], 4_500);
    let compacted = journal.compact().unwrap();
    assert!(compacted.after < compacted.before, "{compacted:?}");
    journal.commit_blocking(vec![locate(1, "mail:1")]).unwrap();
    assert_eq!(journal.located(&work(), &inbox(), 7).unwrap().len(), 1);
}
