use std::collections::BTreeSet;

use super::samples::{
    at, batch, consent, done, history, inbox, intent, locate, location, lock, parked, run, run_id, run_item, settle, settled, work,
};
use crate::journal::fault::FaultBackend;
use crate::journal::{Change, Cursor, Journal, Located, LocatedState};
use crate::model::{AccountId, Area, ReasonCode};

fn journal() -> Journal {
    Journal::open_with_backend(FaultBackend::new(1)).unwrap()
}

fn home() -> AccountId {
    "work2".into()
}

#[test]
fn i1_what_is_committed_is_read_back_the_same() {
    let journal = journal();
    let cursor = Cursor::Mailbox { uid_validity: 7, uid_next: 12, highest_modseq: Some(u64::MAX), rules: "r".to_owned() };
    let opaque = Cursor::Opaque { token: "t".to_owned() };
    let left_out = Located { key: None, state: LocatedState::LeftOut { reason: ReasonCode::InternalOnly.into(), rules: "r".to_owned() } };
    let changes = vec![
        settle("mail:1", Some("m@example.com")),
        locate(1, "mail:1"),
        Change::Locate { location: location(2), located: left_out.clone() },
        Change::SetCursor { account: work(), area: Area::Mail, collection: "INBOX".to_owned(), cursor: cursor.clone() },
        Change::SetCursor { account: work(), area: Area::Calendar, collection: "INBOX".to_owned(), cursor: opaque.clone() },
        Change::PutIntent(intent(&work(), "op", 1)),
        Change::PutBatch(batch(&work(), "b", 1)),
        Change::Park(parked(&work(), "mail:2")),
        Change::PutRun(run(&work(), 1)),
        Change::AddRunItem { run: run_id(1), item: run_item(Some("m@example.com")) },
        Change::AddHistory(history(&work(), "op")),
        Change::RecordConsent { account: work(), area: Area::Mail, consent: consent() },
        Change::LockAccount { account: work(), lock: lock() },
        Change::Bind { account: work(), role: "archive".to_owned(), mailbox: inbox() },
        Change::Succeeded { account: work(), at: at(5) },
    ];
    journal.commit_blocking(changes).unwrap();

    assert_eq!(journal.settled_mail(&work(), &"mail:1".into()).unwrap(), Some(settled(Some("m@example.com"))));
    assert_eq!(journal.located(&work(), &inbox(), 7).unwrap(), [(1, done("mail:1")), (2, left_out)].into());
    assert_eq!(journal.cursor(&work(), Area::Mail, "INBOX").unwrap(), Some(cursor));
    assert_eq!(journal.cursor(&work(), Area::Calendar, "INBOX").unwrap(), Some(opaque));
    assert_eq!(journal.intents(&work()).unwrap(), [intent(&work(), "op", 1)]);
    assert_eq!(journal.pending_batches(&work()).unwrap(), [batch(&work(), "b", 1)]);
    assert_eq!(journal.parked_entry(Area::Mail, &work(), "mail:2").unwrap(), Some(parked(&work(), "mail:2")));
    assert_eq!(journal.run(&run_id(1)).unwrap(), Some(run(&work(), 1)));
    assert_eq!(journal.run_items(&run_id(1), None, 9).unwrap(), [(0, run_item(Some("m@example.com")))]);
    assert_eq!(journal.history(9).unwrap(), [(0, history(&work(), "op"))]);
    assert_eq!(journal.consent(&work(), Area::Mail).unwrap(), Some(consent()));
    assert_eq!(journal.consent(&work(), Area::Tasks).unwrap(), None);
    assert_eq!(journal.lock(&work()).unwrap(), Some(lock()));
    assert_eq!(journal.binding(&work(), "archive").unwrap(), Some(inbox()));
    assert_eq!(journal.last_success(&work()).unwrap(), Some(at(5)));
    assert_eq!(journal.commits(), 1);
}

#[test]
fn what_is_removed_is_gone_and_removing_it_again_is_no_error() {
    let journal = journal();
    journal
        .commit_blocking(vec![
            locate(1, "mail:1"),
            locate(2, "mail:2"),
            Change::SetCursor {
                account: work(),
                area: Area::Mail,
                collection: "INBOX".to_owned(),
                cursor: Cursor::Opaque { token: String::new() },
            },
            Change::PutIntent(intent(&work(), "op", 1)),
            Change::PutBatch(batch(&work(), "b", 1)),
            Change::Park(parked(&work(), "mail:2")),
            Change::RecordConsent { account: work(), area: Area::Mail, consent: consent() },
            Change::LockAccount { account: work(), lock: lock() },
            Change::Bind { account: work(), role: "archive".to_owned(), mailbox: inbox() },
        ])
        .unwrap();
    for _ in 0..2 {
        journal
            .commit_blocking(vec![
                Change::ForgetLocation(location(1)),
                Change::RemoveCursor { account: work(), area: Area::Mail, collection: "INBOX".to_owned() },
                Change::RemoveIntent("op".into()),
                Change::RemoveBatch("b".into()),
                Change::Unpark { area: Area::Mail, account: work(), id: "mail:2".to_owned() },
                Change::RemoveConsent { account: work(), area: Area::Mail },
                Change::UnlockAccount(work()),
                Change::Unbind { account: work(), role: "archive".to_owned() },
            ])
            .unwrap();
    }
    assert_eq!(journal.located(&work(), &inbox(), 7).unwrap(), [(2, done("mail:2"))].into());
    assert_eq!(journal.cursor(&work(), Area::Mail, "INBOX").unwrap(), None);
    assert!(journal.intents(&work()).unwrap().is_empty());
    assert!(journal.pending_batches(&work()).unwrap().is_empty());
    assert!(journal.parked(None).unwrap().is_empty());
    assert_eq!(journal.consent(&work(), Area::Mail).unwrap(), None);
    assert_eq!(journal.lock(&work()).unwrap(), None);
    assert_eq!(journal.binding(&work(), "archive").unwrap(), None);
}

#[test]
fn changes_of_one_commit_are_made_in_order() {
    let journal = journal();
    journal.commit_blocking(vec![locate(1, "mail:1"), Change::ForgetLocation(location(1)), locate(1, "mail:2")]).unwrap();
    assert_eq!(journal.located(&work(), &inbox(), 7).unwrap(), [(1, done("mail:2"))].into());
}

#[test]
fn settled_mails_are_found_by_message_id_in_one_account_or_in_all() {
    let journal = journal();
    let other = Change::SettleMail { account: home(), key: "mail:9".into(), mail: settled(Some("m")) };
    journal.commit_blocking(vec![settle("mail:2", Some("m")), settle("mail:1", Some("m")), settle("mail:3", Some("m2")), other]).unwrap();
    let keys = |account: Option<&AccountId>, id| -> Vec<(String, String)> {
        let found = journal.settled_mails_by_message_id(account, id).unwrap();
        found.into_iter().map(|(account, key, _)| (account.0, key.0)).collect()
    };
    let pair = |account: &str, key: &str| (account.to_owned(), key.to_owned());
    assert_eq!(keys(None, "m"), [pair("work", "mail:1"), pair("work", "mail:2"), pair("work2", "mail:9")]);
    assert_eq!(keys(Some(&work()), "m"), [pair("work", "mail:1"), pair("work", "mail:2")]);
    assert!(keys(Some(&home()), "m2").is_empty());
    assert!(keys(None, "").is_empty());
}

#[test]
fn a_mail_settled_again_under_another_message_id_is_found_by_the_new_one_only() {
    let journal = journal();
    journal.commit_blocking(vec![settle("mail:1", Some("old")), settle("mail:1", Some("new"))]).unwrap();
    assert!(journal.settled_mails_by_message_id(None, "old").unwrap().is_empty());
    assert_eq!(journal.settled_mails_by_message_id(None, "new").unwrap().len(), 1);
    journal.commit_blocking(vec![settle("mail:1", None)]).unwrap();
    assert!(journal.settled_mails_by_message_id(None, "new").unwrap().is_empty());
}

#[test]
fn settled_mails_are_paged_within_their_account() {
    let journal = journal();
    assert!(!journal.has_settled_mails(&work()).unwrap());
    let other = Change::SettleMail { account: home(), key: "mail:0".into(), mail: settled(None) };
    journal.commit_blocking(vec![other]).unwrap();
    assert!(!journal.has_settled_mails(&work()).unwrap(), "those of another account do not count");
    journal.commit_blocking((0..5).map(|number| settle(&format!("mail:{number}"), None)).collect()).unwrap();
    assert!(journal.has_settled_mails(&work()).unwrap());
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = journal.settled_mails_page(&work(), after.as_ref(), 2).unwrap();
        assert!(page.len() <= 2);
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        seen.extend(page.into_iter().map(|(key, _)| key.0));
    }
    assert_eq!(seen, ["mail:0", "mail:1", "mail:2", "mail:3", "mail:4"]);
}

#[test]
fn located_in_gives_the_same_by_look_up_and_by_range() {
    let journal = journal();
    journal.commit_blocking([1, 2, 3, 5, 900, u32::MAX].map(|uid| locate(uid, "mail:1")).into()).unwrap();
    for uids in [vec![], vec![2, 3, 4, 5], vec![1, 900, u32::MAX], vec![4], vec![0, u32::MAX - 1]] {
        let uids: BTreeSet<u32> = uids.into_iter().collect();
        let all = journal.located(&work(), &inbox(), 7).unwrap();
        let expected = all.into_iter().filter(|(uid, _)| uids.contains(uid)).collect();
        assert_eq!(journal.located_in(&work(), &inbox(), 7, &uids).unwrap(), expected, "{uids:?}");
    }
}

#[test]
fn a_forgotten_mailbox_takes_every_uid_validity_with_it_and_nothing_else() {
    let journal = journal();
    let in_mailbox = |name: &str, uid_validity| Change::Locate {
        location: crate::model::MailLocation { mailbox: name.into(), uid_validity, ..location(1) },
        located: done("mail:1"),
    };
    let names = ["INBOX/Projekt", "INBOX/Projekte", "INBOX/Projekte2"];
    journal.commit_blocking(names.iter().flat_map(|name| [in_mailbox(name, 0), in_mailbox(name, u32::MAX)]).collect()).unwrap();
    journal.commit_blocking(vec![Change::ForgetMailbox { account: work(), mailbox: inbox() }]).unwrap();
    for name in names {
        for uid_validity in [0, u32::MAX] {
            let found = journal.located(&work(), &name.into(), uid_validity).unwrap();
            assert_eq!(found.is_empty(), name == "INBOX/Projekte", "{name} {uid_validity}");
        }
    }
}

#[test]
fn intents_and_batches_come_oldest_first_and_of_one_account() {
    let journal = journal();
    journal
        .commit_blocking(vec![
            Change::PutIntent(intent(&work(), "a", 2)),
            Change::PutIntent(intent(&work(), "b", 1)),
            Change::PutIntent(intent(&home(), "c", 0)),
            Change::PutBatch(batch(&work(), "a", 2)),
            Change::PutBatch(batch(&work(), "b", 1)),
            Change::PutBatch(batch(&home(), "c", 0)),
        ])
        .unwrap();
    let ids: Vec<_> = journal.intents(&work()).unwrap().into_iter().map(|intent| intent.operation.id.0).collect();
    assert_eq!(ids, ["b", "a"]);
    let keys: Vec<_> = journal.pending_batches(&work()).unwrap().into_iter().map(|batch| batch.key.0).collect();
    assert_eq!(keys, ["b", "a"]);
}

#[test]
fn i4_an_item_parked_again_replaces_its_entry() {
    let journal = journal();
    let again = crate::journal::Parked { tries: 2, ..parked(&work(), "x") };
    journal
        .commit_blocking(vec![Change::Park(parked(&work(), "x")), Change::Park(again.clone()), Change::Park(parked(&home(), "x"))])
        .unwrap();
    assert_eq!(journal.parked(Some(&work())).unwrap(), std::slice::from_ref(&again));
    assert_eq!(journal.parked(None).unwrap(), [again, parked(&home(), "x")]);
}

#[test]
fn runs_come_newest_first_and_their_items_in_order() {
    let journal = journal();
    let mut changes: Vec<Change> = (1..=3).map(|number| Change::PutRun(run(&work(), number))).collect();
    for number in 1..=3 {
        changes.extend((0..3).map(|_| Change::AddRunItem { run: run_id(number), item: run_item(Some("m")) }));
    }
    journal.commit_blocking(changes).unwrap();
    let ids: Vec<_> = journal.runs(2).unwrap().into_iter().map(|run| run.id).collect();
    assert_eq!(ids, [run_id(3), run_id(2)]);
    let numbers =
        |after, limit| -> Vec<u64> { journal.run_items(&run_id(2), after, limit).unwrap().into_iter().map(|(number, _)| number).collect() };
    assert_eq!(numbers(None, 2), [0, 1]);
    assert_eq!(numbers(Some(1), 2), [2]);
    assert!(numbers(Some(u64::MAX), 2).is_empty());
    assert_eq!(journal.run_item_count(&run_id(2)).unwrap(), 3);
    assert_eq!(journal.run_item_count(&run_id(4)).unwrap(), 0);
    let by_id = journal.run_items_by_message_id("m").unwrap();
    assert_eq!(by_id.len(), 9);
    assert_eq!(by_id.first().unwrap().0, run_id(3));
    assert!(journal.run_items_by_message_id("").unwrap().is_empty());
}

/// A fifth of a mailbox of 100,000 mails. The bound is generous for an unoptimised build on a busy machine; optimised it is a small part of it.
#[test]
fn a_large_mailbox_is_read_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.redb");
    let journal = Journal::open(&path).unwrap();
    let key = format!("mail:{}", crate::model::Digest::of(b"a mail"));
    let start = std::time::Instant::now();
    journal.commit_blocking((1..=20_000).map(|uid| locate(uid, &key)).collect()).unwrap();
    let written = start.elapsed();
    let start = std::time::Instant::now();
    assert_eq!(journal.located(&work(), &inbox(), 7).unwrap().len(), 20_000);
    let all = start.elapsed();
    let few: BTreeSet<u32> = (1..=20_000).step_by(400).collect();
    let start = std::time::Instant::now();
    assert_eq!(journal.located_in(&work(), &inbox(), 7, &few).unwrap().len(), 50);
    let some = start.elapsed();
    println!("20,000 written in {written:?}, read in {all:?}, 50 of them in {some:?}, {} bytes", journal.check().unwrap().file_size);
    assert!(all < std::time::Duration::from_secs(40), "{all:?}");
}
