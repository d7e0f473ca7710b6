use std::fs;

use super::samples::{done, inbox, locate, settle, work};
use crate::journal::fault::FaultBackend;
use crate::journal::{Journal, JournalError};

#[test]
fn a_full_disk_is_said_and_commits_work_again_when_there_is_room() {
    let disk = FaultBackend::new(1);
    let journal = Journal::open_with_backend(disk.clone()).unwrap();
    journal.commit_blocking(vec![locate(1, "mail:1")]).unwrap();
    disk.set_full(true);
    for uid in 2..5 {
        let error = journal.commit_blocking(vec![locate(uid, "mail:1")]).unwrap_err();
        assert!(matches!(error, JournalError::DiskFull { .. }), "{error:?}");
    }
    disk.set_full(false);
    assert_eq!(journal.located(&work(), &inbox(), 7).unwrap().get(&1), Some(&done("mail:1")));
    journal.commit_blocking(vec![locate(9, "mail:9")]).unwrap();
    assert_eq!(journal.located(&work(), &inbox(), 7).unwrap().get(&9), Some(&done("mail:9")));
}

#[test]
fn a_crash_is_a_disk_error_for_reads_and_commits() {
    let disk = FaultBackend::new(1);
    let journal = Journal::open_with_backend(disk.clone()).unwrap();
    disk.crash();
    assert!(matches!(journal.commit_blocking(vec![locate(1, "mail:1")]), Err(JournalError::Disk { .. })));
    assert!(matches!(journal.located(&work(), &inbox(), 7), Err(JournalError::Disk { .. })));
}

#[test]
fn a_file_that_is_no_journal_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.redb");
    for content in [b"From: a@example.com".to_vec(), vec![1; 100_000], b"redb\x1a\x0a\xa9\x0d\x0a".to_vec()] {
        fs::write(&path, &content).unwrap();
        let error = Journal::open(&path).unwrap_err();
        assert!(matches!(error, JournalError::Damaged { .. }), "{error:?}");
        assert_eq!(fs::read(&path).unwrap(), content);
    }
}

#[test]
fn a_file_whose_making_was_interrupted_becomes_a_journal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.redb");
    for content in [vec![], vec![0; 100_000]] {
        fs::write(&path, content).unwrap();
        Journal::open(&path).unwrap();
    }
}

fn filled_image() -> Vec<u8> {
    let disk = FaultBackend::new(1);
    let journal = Journal::open_with_backend(disk.clone()).unwrap();
    for round in 0..20 {
        journal.commit_blocking((0..20).map(|number| settle(&format!("mail:{round}:{number}"), Some("m"))).collect()).unwrap();
    }
    drop(journal);
    disk.content()
}

#[test]
fn a_file_cut_short_is_an_error_and_no_panic() {
    let image = filled_image();
    for len in [1, 100, 320, 4096, 8192, 40_960, image.len() / 2, image.len() - 4096] {
        let result = Journal::open_with_backend(FaultBackend::with_content(1, image[..len].to_vec()));
        assert!(matches!(result, Err(JournalError::Damaged { .. })), "{len}: {result:?}");
    }
}

#[test]
fn a_file_with_altered_bytes_is_an_error_or_is_read_right_but_never_a_panic() {
    let image = filled_image();
    let used: Vec<usize> = (0..image.len()).step_by(97).filter(|at| image[*at] != 0).collect();
    let samples = std::env::var("CRMSYNC_ALTERED_BYTES").map_or(20, |count| count.parse().unwrap());
    let mut wrong = Vec::new();
    for at in used.iter().step_by((used.len() / samples).max(1)) {
        let mut image = image.clone();
        image[*at] ^= 0x55;
        let outcome = std::panic::catch_unwind(|| {
            let journal = Journal::open_with_backend(FaultBackend::with_content(1, image))?;
            let mails = journal.settled_mails_page(&work(), None, usize::MAX)?.len();
            journal.commit_blocking(vec![locate(1, "mail:0:0"), settle("mail:0:0", Some("m"))])?;
            Ok::<_, JournalError>((journal.check()?.is_sound(), mails))
        });
        match outcome {
            Ok(Ok((true, 400)) | Err(_)) => {}
            other => wrong.push((*at, format!("{other:?}"))),
        }
    }
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), used.len());
}
