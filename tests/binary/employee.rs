//! What the employee's record at the CRM allows: switches there hold here, before anybody signs in to the mailbox (R58, R61-R63, R121).

use crmsync::sandbox::crm::SandboxCrmOptions;
use crmsync::sandbox::imap::{SandboxImapOptions, User};

use super::scene::{BY_FOLDER, Scene};
use super::stage::{SYNC, Stage, USER};

/// What people and programs start an import with.
const STARTS: &[&[&str]] = &[SYNC, &["sync"], &["sync", "--dry-run"], &["sync", "--account", "work", "--yes"]];

fn stage(crm: SandboxCrmOptions) -> (Stage, Scene) {
    let stage = Stage::with(SandboxImapOptions::default(), crm, BY_FOLDER);
    let scene = Scene::new();
    scene.fill_folders(&stage);
    (stage, scene)
}

/// Every way to start an import is refused with the way out, and the mailbox server sees no connection.
fn assert_refused_before_any_login(stage: &Stage, words: &str) {
    stage.imap.reset_counters();
    let posts = stage.posts();
    for arguments in STARTS {
        let refused = stage.run(arguments).sane();
        assert_eq!(refused.code, Some(77), "{arguments:?}: {refused:?}");
        assert!(refused.stderr.contains(words) && refused.stderr.contains("administrator"), "R64: {arguments:?}: {refused:?}");
    }
    let counters = stage.imap.counters();
    assert_eq!((counters.connections, counters.logins_tried), (0, 0), "nobody even connects");
    assert_eq!(stage.posts(), posts);
}

#[test]
fn r62_without_the_flag_for_interactive_use_nothing_is_imported_and_nobody_signs_in() {
    let (stage, scene) = stage(SandboxCrmOptions::default());
    stage.crm.change_directory(|directory| directory.employees[0].interactive = false);
    assert_refused_before_any_login(&stage, "interactive");
    assert_eq!(stage.activities().len(), 0);
    assert!(!stage.crm.is_locked(USER).unwrap(), "it is no lock");
    let status = stage.json(&["status"]);
    assert!(status["accounts"][0]["locked"].is_null(), "{status}");
    let doctor = stage.run(&["doctor"]).sane();
    assert!(doctor.stdout.contains("interactive"), "the check says why (R52): {doctor:?}");

    stage.crm.change_directory(|directory| directory.employees[0].interactive = true);
    stage.sync_ok();
    scene.check_folders(&stage, "allowed again");

    stage.crm.change_directory(|directory| directory.employees[0].interactive = false);
    assert_refused_before_any_login(&stage, "interactive");
}

#[test]
fn r58_automatic_synchronisation_switched_off_leaves_runs_by_hand_as_they_are() {
    let (stage, scene) = stage(SandboxCrmOptions::default());
    stage.crm.change_directory(|directory| directory.employees[0].auto_sync = false);
    stage.sync_ok();
    scene.check_folders(&stage, "by hand");
    stage.assert_quiet("by hand");
    let doctor = stage.run(&["doctor"]).sane();
    assert!(doctor.stdout.contains("automatic synchronisation is off"), "{doctor:?}");
}

#[test]
fn r58_r62_switches_of_a_colleague_are_his_own() {
    let (stage, scene) = stage(SandboxCrmOptions::default());
    stage.crm.change_directory(|directory| (directory.employees[1].interactive, directory.employees[1].auto_sync) = (false, false));
    stage.sync_ok();
    scene.check_folders(&stage, "a colleague's switches");
}

#[test]
fn r63_r121_a_lock_set_at_the_crm_alone_keeps_everybody_from_signing_in_until_it_is_cleared() {
    let (mut stage, scene) = stage(SandboxCrmOptions::default());
    // Another computer of the employee had the wrong password.
    let mut other = Stage::new(SandboxImapOptions::default(), BY_FOLDER);
    other.crm_at(&stage.crm.url);
    other.configure(BY_FOLDER);
    other.password = "wrong".to_owned();
    assert_eq!(other.sync().code, Some(77));
    assert!(stage.crm.is_locked(USER).unwrap());

    assert_refused_before_any_login(&stage, "locked");
    let doctor = stage.run(&["doctor"]).sane();
    assert!(doctor.stdout.contains("groupware password locked"), "{doctor:?}");
    assert_eq!(stage.imap.counters().logins_tried, 0, "a check tries no password either");
    stage.imap.reset_counters();
    let unlocked = stage.json(&["unlock"]);
    assert_eq!(unlocked["crm_unlocked"], true, "{unlocked}");
    assert_eq!(stage.imap.counters().connections, 0, "clearing a lock tries no password");
    stage.password = "demo".to_owned();
    stage.sync_ok();
    scene.check_folders(&stage, "cleared");
}

#[test]
fn r63_a_lock_holds_where_the_crm_cannot_take_its_mirror() {
    for profiles in [vec!["mail".to_owned()], vec!["mail".to_owned(), "activities".to_owned()]] {
        let (mut stage, scene) = stage(SandboxCrmOptions { profiles, ..SandboxCrmOptions::default() });
        stage.password = "wrong".to_owned();
        for _ in 0..3 {
            assert_eq!(stage.sync().code, Some(77));
        }
        assert_eq!(stage.imap.counters().logins_tried, 1, "three runs, one attempt");
        stage.password = "demo".to_owned();
        assert_eq!(stage.sync().code, Some(77));
        stage.json(&["unlock"]);
        stage.sync_ok();
        scene.check_folders(&stage, "unlocked");
    }
}

#[test]
fn r61_the_groupware_password_and_the_crm_token_never_stand_in_for_each_other() {
    let (mut stage, scene) = stage(SandboxCrmOptions::default());
    stage.imap.set_user(&User::new(USER, "only-for-mail"));
    stage.password = stage.token.clone();
    assert_eq!(stage.sync().code, Some(77), "the CRM's token is no groupware password");
    assert_eq!(stage.imap.counters().logins_tried, 1);
    stage.json(&["unlock"]);
    stage.password = "only-for-mail".to_owned();
    stage.token = stage.password.clone();
    assert_eq!(stage.sync().code, Some(77), "nor the other way round");
    assert_eq!(stage.imap.counters().logins_tried, 1, "without the CRM nobody signs in");
    stage.token = stage.crm.token.clone();
    stage.sync_ok();
    scene.check_folders(&stage, "each with its own");
}
