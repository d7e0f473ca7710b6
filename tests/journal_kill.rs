//! A real process that writes the journal and is killed in between.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test a surprise is a failure")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crmsync::journal::{Change, Cursor, Journal, JournalError, Located, LocatedState};
use crmsync::model::{AccountId, Area, MailLocation, MailboxName};

const PATH: &str = "CRMSYNC_TEST_JOURNAL";

fn account() -> AccountId {
    "work".into()
}

fn mailbox() -> MailboxName {
    "INBOX".into()
}

/// How far the journal says it has come: the cursor, and the UIDs that it covers.
fn progress(journal: &Journal) -> (u32, Vec<u32>) {
    let cursor = match journal.cursor(&account(), Area::Mail, "INBOX").unwrap() {
        Some(Cursor::Mailbox { uid_next, .. }) => uid_next,
        other => panic!("{other:?}"),
    };
    (cursor, journal.located(&account(), &mailbox(), 7).unwrap().into_keys().collect())
}

/// The process that is killed: commits one UID and the cursor behind it at a time, and prints each UID when it is acknowledged.
/// Does nothing when it is run as a test.
#[test]
fn writer() {
    let Some(path) = std::env::var_os(PATH) else { return };
    let journal = Journal::open(Path::new(&path)).unwrap();
    let first = journal.located(&account(), &mailbox(), 7).unwrap().last_key_value().map_or(1, |(uid, _)| uid + 1);
    for uid in first..u32::MAX {
        let location = MailLocation { account: account(), mailbox: mailbox(), uid_validity: 7, uid };
        let cursor = Cursor::Mailbox { uid_validity: 7, uid_next: uid + 1, highest_modseq: None, rules: String::new() };
        journal
            .commit_blocking(vec![
                Change::Locate { location, located: Located { key: None, state: LocatedState::Done } },
                Change::SetCursor { account: account(), area: Area::Mail, collection: "INBOX".to_owned(), cursor },
            ])
            .unwrap();
        println!("acknowledged {uid}");
        std::io::stdout().flush().unwrap();
    }
}

#[test]
fn x10_a_killed_process_loses_nothing_it_had_acknowledged_and_leaves_nothing_half_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.redb");
    for round in 1..=4 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writer", "--nocapture"])
            .env(PATH, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acknowledged = 0;
        let mut seen = 0;
        for line in lines {
            let Some(uid) = line.unwrap().strip_prefix("acknowledged ").and_then(|uid| uid.parse::<u32>().ok()) else { continue };
            acknowledged = uid;
            seen += 1;
            if seen == round * 7 {
                assert_eq!(Journal::open(&path).unwrap_err(), JournalError::HeldByAnother);
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let journal = Journal::open(&path).unwrap();
        let (uid_next, located) = progress(&journal);
        assert!(uid_next > acknowledged, "round {round}: {uid_next} after {acknowledged}");
        assert_eq!(located, (1..uid_next).collect::<Vec<_>>(), "round {round}: the cursor covers what is there");
    }
}
