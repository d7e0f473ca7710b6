use std::fs;

use super::samples::{done, inbox, locate, settle, settled, work};
use crate::journal::file::Source;
use crate::journal::{Change, Journal, JournalError};

#[test]
fn the_file_can_be_opened_again_as_soon_as_the_last_handle_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er/journal.redb");
    for round in 0..3u32 {
        let journal = Journal::open(&path).unwrap();
        let clone = journal.clone();
        drop(journal);
        clone.commit_blocking(vec![locate(round, "mail:1")]).unwrap();
        assert_eq!(clone.located(&work(), &inbox(), 7).unwrap().len(), round as usize + 1);
    }
}

#[test]
fn the_file_is_sealed_while_nobody_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let (path, seal) = (folder.path().join("journal.redb"), folder.path().join("journal.redb.seal"));
    for round in 0..3 {
        let journal = Journal::open(&path).unwrap();
        assert!(!seal.exists());
        journal.commit_blocking(vec![locate(round, "mail:1")]).unwrap();
        drop(journal);
        assert!(seal.exists());
    }
}

#[test]
fn a_byte_altered_while_it_was_closed_is_found_unless_the_file_is_as_it_was_sealed() {
    for unnoticed in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.redb");
        let journal = Journal::open(&path).unwrap();
        journal.commit_blocking((0..2_000).map(|uid| locate(uid, "mail:needle")).collect()).unwrap();
        drop(journal);
        let sealed_at = fs::metadata(&path).unwrap().modified().unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let at = bytes.windows(6).rposition(|found| found == b"needle").unwrap();
        bytes[at] ^= 0x01;
        fs::write(&path, bytes).unwrap();
        if unnoticed {
            // No writer leaves the time as it was: this shows only that the whole file is not read.
            fs::File::options().write(true).open(&path).unwrap().set_modified(sealed_at).unwrap();
        }
        let opened = Journal::open(&path);
        assert_eq!(opened.is_ok(), unnoticed, "{opened:?}");
    }
}

#[test]
fn close_ends_it_for_every_handle() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.redb");
    let journal = Journal::open(&path).unwrap();
    let clone = journal.clone();
    journal.close();
    assert_eq!(clone.commit_blocking(vec![locate(1, "mail:1")]), Err(JournalError::Closed));
    assert_eq!(clone.located(&work(), &inbox(), 7), Err(JournalError::Closed));
    Journal::open(&path).unwrap();
}

#[test]
fn only_one_can_have_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.redb");
    let journal = Journal::open(&path).unwrap();
    assert_eq!(Journal::open(&path).unwrap_err(), JournalError::HeldByAnother);
    journal.commit_blocking(vec![locate(1, "mail:1")]).unwrap();
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/journal.redb");
    drop(Journal::open(&path).unwrap());
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    drop(Journal::open(&path).unwrap());
    assert_eq!(mode(&path), 0o600);
}

#[tokio::test]
async fn commits_that_wait_together_share_one_write() {
    let backend = crate::journal::fault::FaultBackend::new(1);
    let journal = Journal::start(Source::Backend(crate::journal::file::SharedBackend(std::sync::Arc::new(backend)))).unwrap();
    let one = |uid| {
        let journal = journal.clone();
        async move { journal.commit(vec![locate(uid, "mail:1")]).await.unwrap() }
    };
    // A reader that holds the lock's shared side does not stop the owner; a maintenance task that has it alone does.
    let (entered, wait_entered) = std::sync::mpsc::channel();
    let (release, wait_release) = std::sync::mpsc::channel::<()>();
    let holder = std::thread::spawn({
        let journal = journal.clone();
        move || {
            journal.store().alone(|_| {
                entered.send(()).unwrap();
                let _ = wait_release.recv();
                Ok(())
            })
        }
    });
    wait_entered.recv().unwrap();
    let all = futures_util::future::join_all((0..50).map(one));
    let release = async move { drop(release) };
    futures_util::future::join(all, release).await;
    holder.join().unwrap().unwrap();
    assert_eq!(journal.located(&work(), &inbox(), 7).unwrap().len(), 50);
    assert!(journal.commits() <= 2, "{}", journal.commits());
}

#[tokio::test]
async fn a_commit_is_made_even_if_nobody_waits_for_it_and_before_close_returns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.redb");
    let journal = Journal::open(&path).unwrap();
    let commit = journal.commit(vec![settle("mail:1", None)]);
    assert!(futures_util::FutureExt::now_or_never(commit).is_none_or(|result| result.is_ok()));
    journal.close();
    let journal = Journal::open(&path).unwrap();
    assert_eq!(journal.settled_mail(&work(), &"mail:1".into()).unwrap(), Some(settled(None)));
}

#[tokio::test]
async fn an_empty_commit_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(&folder.path().join("journal.redb")).unwrap();
    journal.commit(vec![]).await.unwrap();
    journal.commit_blocking(vec![]).unwrap();
    assert_eq!(journal.commits(), 0);
}

#[test]
fn the_instance_stays_with_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.redb");
    let first = Journal::open(&path).unwrap().instance();
    assert_eq!(Journal::open(&path).unwrap().instance(), first);
    fs::remove_file(&path).unwrap();
    assert_ne!(Journal::open(&path).unwrap().instance(), first);
}

#[test]
fn handles_work_from_many_threads() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(&folder.path().join("journal.redb")).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let journal = journal.clone();
            scope.spawn(move || {
                for number in 0..10 {
                    let uid = thread * 100 + number;
                    journal.commit_blocking(vec![locate(uid, "mail:1")]).unwrap();
                    assert_eq!(journal.located(&work(), &inbox(), 7).unwrap().get(&uid), Some(&done("mail:1")));
                }
            });
        }
    });
    journal.commit_blocking(vec![Change::ForgetMailbox { account: work(), mailbox: inbox() }]).unwrap();
    assert!(journal.located(&work(), &inbox(), 7).unwrap().is_empty());
}
