//! Random changes against a plain model, with crashes.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::samples::{done, inbox, location, run_id, run_item, settled, work};
use crate::journal::fault::FaultBackend;
use crate::journal::{Change, Cursor, Journal, JournalError, Located, RunItem, SettledMail};
use crate::model::{Area, MailboxName};

/// What the journal should know.
#[derive(Debug, Clone, Default, PartialEq)]
struct Model {
    settled: BTreeMap<String, SettledMail>,
    by_message_id: BTreeMap<String, Vec<String>>,
    located: BTreeMap<u32, Located>,
    cursor: Option<Cursor>,
    run_items: Vec<RunItem>,
    bound: Option<MailboxName>,
}

impl Model {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::SettleMail { key, mail, .. } => drop(self.settled.insert(key.0.clone(), mail.clone())),
            Change::Locate { location, located } => drop(self.located.insert(location.uid, located.clone())),
            Change::ForgetLocation(location) => drop(self.located.remove(&location.uid)),
            Change::ForgetMailbox { .. } => self.located.clear(),
            Change::SetCursor { cursor, .. } => self.cursor = Some(cursor.clone()),
            Change::RemoveCursor { .. } => self.cursor = None,
            Change::AddRunItem { item, .. } => self.run_items.push(item.clone()),
            Change::Bind { mailbox, .. } => self.bound = Some(mailbox.clone()),
            Change::Unbind { .. } => self.bound = None,
            other => panic!("not generated: {other:?}"),
        }
    }

    fn after(&self, changes: &[Change]) -> Self {
        let mut model = self.clone();
        for change in changes {
            model.apply(change);
        }
        model.by_message_id.clear();
        for (key, mail) in &model.settled {
            if let Some(id) = &mail.message_id {
                model.by_message_id.entry(id.clone()).or_default().push(key.clone());
            }
        }
        model
    }

    fn read(journal: &Journal) -> Result<Self, JournalError> {
        let mut by_message_id = BTreeMap::new();
        for id in MESSAGE_IDS {
            let found = journal.settled_mails_by_message_id(Some(&work()), id)?;
            if !found.is_empty() {
                by_message_id.insert((*id).to_owned(), found.into_iter().map(|(_, key, _)| key.0).collect());
            }
        }
        Ok(Self {
            settled: journal.settled_mails_page(&work(), None, usize::MAX)?.into_iter().map(|(key, mail)| (key.0, mail)).collect(),
            by_message_id,
            located: journal.located(&work(), &inbox(), 7)?,
            cursor: journal.cursor(&work(), Area::Mail, "INBOX")?,
            run_items: journal.run_items(&run_id(1), None, usize::MAX)?.into_iter().map(|(_, item)| item).collect(),
            bound: journal.binding(&work(), "archive")?,
        })
    }
}

const MESSAGE_IDS: &[&str] = &["a", "b", "ab"];

fn change() -> impl Strategy<Value = Change> {
    let message_id = prop::option::of(prop::sample::select(MESSAGE_IDS));
    prop_oneof![
        4 => (0..6u8, message_id.clone(), 0..2000usize).prop_map(|(key, id, length)| Change::SettleMail {
            account: work(),
            key: format!("mail:{key}").as_str().into(),
            mail: SettledMail { subject: "s".repeat(length), ..settled(id) },
        }),
        4 => (0..20u32, 0..6u8).prop_map(|(uid, key)| Change::Locate { location: location(uid), located: done(&format!("mail:{key}")) }),
        2 => (0..20u32).prop_map(|uid| Change::ForgetLocation(location(uid))),
        1 => Just(Change::ForgetMailbox { account: work(), mailbox: inbox() }),
        2 => (0..100u32).prop_map(|uid_next| Change::SetCursor {
            account: work(),
            area: Area::Mail,
            collection: "INBOX".to_owned(),
            cursor: Cursor::Mailbox { uid_validity: 7, uid_next, highest_modseq: None, rules: String::new() },
        }),
        1 => Just(Change::RemoveCursor { account: work(), area: Area::Mail, collection: "INBOX".to_owned() }),
        2 => message_id.prop_map(|id| Change::AddRunItem { run: run_id(1), item: run_item(id) }),
        1 => "[A-Z]{1,9}".prop_map(|name| Change::Bind { account: work(), role: "archive".to_owned(), mailbox: MailboxName(name) }),
        1 => Just(Change::Unbind { account: work(), role: "archive".to_owned() }),
    ]
}

fn commits() -> impl Strategy<Value = Vec<Vec<Change>>> {
    prop::collection::vec(prop::collection::vec(change(), 1..6), 1..8)
}

/// Commits until the disk crashes; gives what was acknowledged last, and what would be known had the commit in flight been too.
fn run_until_crash(journal: &Journal, start: Model, commits: &[Vec<Change>]) -> (Model, Model) {
    let mut acknowledged = start;
    for changes in commits {
        let next = acknowledged.after(changes);
        if journal.commit_blocking(changes.clone()).is_err() {
            return (acknowledged, next);
        }
        acknowledged = next;
    }
    (acknowledged.clone(), acknowledged)
}

fn assert_either_side(disk: &FaultBackend, acknowledged: &Model, in_flight: &Model) -> (Journal, Model) {
    let journal = Journal::open_with_backend(disk.image_after_crash()).unwrap();
    let found = Model::read(&journal).unwrap();
    assert!(found == *acknowledged || found == *in_flight, "found {found:#?}\nacknowledged {acknowledged:#?}");
    (journal, found)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn the_journal_knows_what_a_plain_model_knows(commits in commits()) {
        let disk = FaultBackend::new(1);
        let journal = Journal::open_with_backend(disk.clone()).unwrap();
        let (model, _) = run_until_crash(&journal, Model::default(), &commits);
        prop_assert_eq!(&Model::read(&journal).unwrap(), &model);
        drop(journal);
        let journal = Journal::open_with_backend(disk).unwrap();
        prop_assert_eq!(Model::read(&journal).unwrap(), model);
    }

    #[test]
    fn x10_a_crash_in_any_commit_leaves_it_wholly_there_or_not_at_all(commits in commits(), seed: u64) {
        for point in 1..=commits.len() as u64 {
            let disk = FaultBackend::new(seed);
            let journal = Journal::open_with_backend(disk.clone()).unwrap();
            disk.crash_at_commit(point);
            let (acknowledged, in_flight) = run_until_crash(&journal, Model::default(), &commits);
            prop_assert!(disk.crashed(), "a commit of the journal is one sync");
            drop(journal);
            assert_either_side(&disk, &acknowledged, &in_flight);
        }
    }

    #[test]
    fn x10_a_crash_in_any_write_loses_nothing_that_was_acknowledged(commits in commits(), seed: u64, point in 1..80u64) {
        let disk = FaultBackend::new(seed);
        let journal = Journal::open_with_backend(disk.clone()).unwrap();
        disk.crash_at_write(point);
        let (acknowledged, in_flight) = run_until_crash(&journal, Model::default(), &commits);
        drop(journal);
        let (journal, found) = assert_either_side(&disk, &acknowledged, &in_flight);
        // It goes on as if nothing had been.
        let (model, _) = run_until_crash(&journal, found, &commits);
        prop_assert_eq!(Model::read(&journal).unwrap(), model);
    }

    #[test]
    fn x10_a_crash_while_the_file_is_made_or_repaired_is_repaired_too(commits in commits(), seed: u64, first in 1..12u64, second in 1..6u64) {
        let disk = FaultBackend::new(seed);
        disk.crash_at_write(first);
        let (acknowledged, in_flight) = match Journal::open_with_backend(disk.clone()) {
            Ok(journal) => run_until_crash(&journal, Model::default(), &commits),
            Err(_) => (Model::default(), Model::default()),
        };
        let repairing = disk.image_after_crash();
        repairing.crash_at_write(second);
        drop(Journal::open_with_backend(repairing.clone()));
        assert_either_side(&repairing, &acknowledged, &in_flight);
    }
}
