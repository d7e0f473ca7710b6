//! The folder for large bodies cannot be used, or is full: it is told, nothing is lost, and the next run goes on.

use crmsync::sandbox::imap::{Fault, SandboxImapOptions, Trigger};

use super::scene::{ARCHIVE, BY_FOLDER, IMPORT, Scene, copies, known, records};
use super::stage::{Finished, Stage, USER};

/// A mail that is kept on disk while it is dealt with.
fn large() -> String {
    format!("{}{}", known("Large six"), "0123456789abcdef0123456789abcdef0123456789abcdef\r\n".repeat(280_000))
}

fn stage() -> (Stage, Scene, String) {
    let (stage, scene, large) = (Stage::new(SandboxImapOptions::default(), BY_FOLDER), Scene::new(), large());
    scene.fill_folders(&stage);
    stage.imap.append(USER, IMPORT, large.clone(), &[]);
    (stage, scene, large)
}

/// The run ended with an error of this computer that names the trouble.
fn assert_told(refused: &Finished) {
    assert_eq!(refused.code, Some(74), "{refused:?}");
    assert!(refused.stderr.contains("spool") || refused.stderr.contains("disk"), "{refused:?}");
}

fn assert_heals(stage: &Stage, scene: &Scene, large: &str, context: &str) {
    stage.sync_ok();
    assert_eq!((records(stage, large), copies(stage, IMPORT, large), copies(stage, ARCHIVE, large)), (1, 0, 1), "{context}");
    let raw = stage.activities().iter().find(|activity| activity.subject == "Large six").map(|activity| stage.crm.raw(activity).unwrap());
    assert!(raw.as_deref() == Some(large.as_bytes()), "{context}: to the byte");
    // Apart from the large one, all is as in every scene.
    let rest = stage.activities().iter().filter(|activity| activity.subject != "Large six").count();
    assert_eq!((rest, stage.parked()), (4, Vec::new()), "{context}");
    for mail in [&scene.offer, &scene.order, &scene.settled, &scene.stranger] {
        assert_eq!((records(stage, mail), copies(stage, IMPORT, mail)), (1, 0), "{context}");
    }
    stage.assert_quiet(context);
    let left = std::fs::read_dir(stage.data_dir().join("spool")).unwrap().count();
    assert_eq!(left, 0, "{context}: nothing is left in the spool folder");
}

#[test]
fn a_spool_folder_that_cannot_be_made_is_told_before_anything_is_touched() {
    let (stage, scene, large) = stage();
    let spool = stage.data_dir().join("spool");
    std::fs::create_dir_all(stage.data_dir()).unwrap();
    std::fs::write(&spool, "a file in its place").unwrap();
    for _ in 0..2 {
        assert_told(&stage.sync());
        assert_eq!((stage.imap.counters().connections, stage.activities().len()), (0, 0));
    }
    std::fs::remove_file(&spool).unwrap();
    assert_heals(&stage, &scene, &large, "the file is gone");
}

#[test]
fn a_spool_folder_lost_in_the_middle_of_a_run_loses_no_mail() {
    for nth in 1..=2 {
        let (stage, scene, large) = stage();
        let spool = stage.data_dir().join("spool");
        let lost = spool.clone();
        stage.imap.fault(
            Trigger::nth("UID FETCH", nth),
            Fault::run(move |_| {
                std::fs::remove_dir_all(&lost).unwrap();
                std::fs::write(&lost, "a file in its place").unwrap();
            }),
        );
        let context = format!("lost before UID FETCH {nth}");
        assert_told(&stage.sync());
        assert_eq!((records(&stage, &large), copies(&stage, IMPORT, &large)), (0, 1), "{context}: V1: it stays");
        std::fs::remove_file(&spool).unwrap();
        assert_heals(&stage, &scene, &large, &context);
    }
}

/// A disk without room, as far as one process is concerned: no file may grow beyond 8 MiB (of 512-byte blocks) or 16 (of 1024).
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_the_run_and_the_next_one_with_room_takes_everything_up() {
    let (stage, scene, _) = stage();
    let large = large() + &"0123456789abcdef0123456789abcdef0123456789abcdef\r\n".repeat(80_000);
    stage.imap.expunge(USER, IMPORT, &[6]);
    stage.imap.append(USER, IMPORT, large.clone(), &[]);
    for _ in 0..2 {
        let refused = stage.run_wrapped("trap '' XFSZ; ulimit -f 16384; exec \"$@\"", super::stage::SYNC).sane();
        assert_told(&refused);
        assert_eq!((records(&stage, &large), copies(&stage, IMPORT, &large)), (0, 1), "V1: it stays");
    }
    assert_heals(&stage, &scene, &large, "room again");
}
