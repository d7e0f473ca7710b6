//! One wrong password is one login, then a lock; trouble that is no rejection locks nothing (R63, R64, V11).

use crmsync::sandbox::imap::{Fault, Quirks, SandboxImapOptions, Trigger};

use super::scene::{BY_FOLDER, IMPORT, Scene};
use super::stage::{Finished, Stage, USER, nobody_listens, soak};

fn stage_with_three_folders() -> (Stage, Scene) {
    let stage = Stage::new(SandboxImapOptions::default(), BY_FOLDER);
    let scene = Scene::new();
    scene.fill_folders(&stage);
    stage.imap.create_mailbox(USER, &format!("{IMPORT}/CRM Offen [O]"));
    (stage, scene)
}

/// What the status says of the account, as JSON and as text.
fn is_locked(stage: &Stage) -> bool {
    let status = stage.json(&["status"]);
    let text = stage.run(&["status"]).stdout;
    let locked = !status["accounts"][0]["locked"].is_null();
    assert_eq!(text.contains("LOCKED"), locked, "{text} {status}");
    assert!(!locked || text.contains("crmsync unlock work"), "R64: it says what to do: {text}");
    locked
}

#[test]
fn r63_r64_a_wrong_password_is_tried_once_and_locks_until_the_user_clears_it() {
    for quirks in [Quirks::dovecot(), Quirks::cyrus(), Quirks::davmail()] {
        let (mut stage, scene) = stage_with_three_folders();
        stage.imap.quirks(|now| *now = quirks);
        stage.password = "wrong".to_owned();
        let refused = stage.sync();
        assert_eq!(refused.code, Some(77), "{refused:?}");
        let counters = stage.imap.counters();
        assert_eq!((counters.logins_tried, counters.logins_failed, counters.connections), (1, 1, 1));
        assert!(refused.stderr.contains("administrator") && refused.stderr.contains("crmsync unlock work"), "{refused:?}");
        assert!(!refused.stderr.contains("wrong\""), "the password is not repeated: {refused:?}");
        assert!(stage.crm.is_locked("anna").unwrap(), "the lock is mirrored to the employee's record");

        // Neither the right nor the wrong password is tried any more, by any command.
        stage.password = "demo".to_owned();
        for arguments in [super::stage::SYNC, &["sync", "--dry-run"], &["sync"], &["doctor"]] {
            let again = stage.run(arguments).sane();
            assert_ne!(again.code, Some(0), "{arguments:?}: {again:?}");
            let counters = stage.imap.counters();
            assert_eq!(counters.logins_tried, 1, "{arguments:?}: {again:?}");
            assert!(arguments[0] == "doctor" || counters.connections == 1, "{arguments:?} connected");
            assert!(arguments[0] == "doctor" || again.code == Some(77), "{arguments:?}: {again:?}");
        }
        assert!(is_locked(&stage));
        assert_eq!(stage.activities().len(), 0);

        let unlocked = stage.json(&["unlock"]);
        assert_eq!(unlocked["unlocked"], "work", "{unlocked}");
        assert!(!is_locked(&stage) && !stage.crm.is_locked("anna").unwrap(), "the mirror is cleared too");
        stage.sync_ok();
        scene.check_folders(&stage, "after the lock was cleared");
        assert_eq!(stage.json(&["unlock"])["unlocked"], serde_json::Value::Null, "nothing is left to unlock");
    }
}

#[test]
fn r63_unlocked_with_the_wrong_password_still_stored_it_is_one_more_try_and_locked_again() {
    let (mut stage, _) = stage_with_three_folders();
    stage.password = "wrong".to_owned();
    for tries in 1..=2 {
        assert_eq!(stage.sync().code, Some(77));
        assert_eq!(stage.sync().code, Some(77));
        assert_eq!(stage.imap.counters().logins_tried, tries);
        assert!(is_locked(&stage));
        stage.json(&["unlock", "work"]);
    }
}

#[test]
fn r63_r121_a_lock_that_the_crm_still_has_counts_until_it_is_cleared_there_too() {
    let (mut stage, _) = stage_with_three_folders();
    stage.password = "wrong".to_owned();
    stage.imap.fault(Trigger::next("LOGIN"), Fault::run(|_| {}));
    stage.crm.set_faults(crmsync::sandbox::crm::Faults::default());
    assert_eq!(stage.sync().code, Some(77));
    stage.password = "demo".to_owned();
    stage.crm.set_faults(crmsync::sandbox::crm::Faults { unauthorized: 1, ..Default::default() });
    let unlocked = stage.json(&["unlock"]);
    assert_eq!(unlocked["crm_still_locked"], true, "{unlocked}");
    assert!(!is_locked(&stage));
    let refused = stage.sync();
    assert_eq!(refused.code, Some(77), "{refused:?}");
    assert!(refused.stderr.contains("administrator") && refused.stderr.contains("crmsync unlock"), "{refused:?}");
    assert_eq!(stage.json(&["unlock"])["crm_unlocked"], true);
    stage.sync_ok();
}

#[test]
fn r63_trouble_that_is_no_rejection_locks_nothing() {
    let bye = || Fault::Bye("Server is shutting down".to_owned());
    let answer = |text: &str| Fault::Answer(text.to_owned());
    let troubles: Vec<(&str, &str, Fault)> = vec![
        ("unavailable", "LOGIN", answer("NO [UNAVAILABLE] Authentication server is away")),
        ("limit", "LOGIN", answer("NO [LIMIT] Too many connections")),
        ("in use", "LOGIN", answer("NO [INUSE] Mailbox is locked by POP3")),
        ("server bug", "LOGIN", answer("NO [SERVERBUG] Internal error occurred")),
        ("temporary by words", "LOGIN", answer("NO Temporary authentication failure, try again later")),
        ("exchange is throttled", "LOGIN", answer("NO Request is throttled. Suggested Backoff Time: 2 milliseconds")),
        ("bye at login", "LOGIN", bye()),
        ("bye as greeting", "GREETING", Fault::Raw(b"* BYE Too many connections from your address\r\n".to_vec())),
        ("dropped before", "LOGIN", Fault::DropBefore),
        ("dropped after", "LOGIN", Fault::DropAfter),
        ("dropped greeting", "GREETING", Fault::DropBefore),
        ("half an answer", "LOGIN", Fault::Truncate(5)),
    ];
    let (stage, scene) = stage_with_three_folders();
    for (name, command, fault) in troubles {
        stage.imap.reset_counters();
        stage.imap.fault(Trigger::next(command), fault);
        let failed = stage.sync();
        assert_eq!(failed.code, Some(75), "{name}: {failed:?}");
        assert!(stage.imap.counters().logins_tried <= 1, "{name}: one try a run: {:?}", stage.imap.log());
        assert!(!is_locked(&stage), "{name}");
        assert!(!stage.crm.is_locked("anna").unwrap(), "{name}");
        stage.imap.clear_faults();
    }
    stage.sync_ok();
    scene.check_folders(&stage, "after every trouble");
}

#[test]
fn r63_a_bad_as_answer_to_a_login_is_no_rejection() {
    let (stage, _) = stage_with_three_folders();
    stage.imap.fault(Trigger::every("LOGIN"), Fault::Answer("BAD Command not understood".to_owned()));
    let failed = stage.sync();
    assert!(matches!(failed.code, Some(69 | 75 | 76)), "{failed:?}");
    assert!(!is_locked(&stage));
    stage.imap.clear_faults();
    stage.sync_ok();
}

#[test]
fn r63_a_refused_connection_locks_nothing() {
    let (mut stage, scene) = stage_with_three_folders();
    let there = stage.imap_addr();
    let (_held, away) = nobody_listens();
    stage.imap_at(away);
    stage.configure(BY_FOLDER);
    let failed = stage.sync();
    assert_eq!(failed.code, Some(75), "{failed:?}");
    assert!(!is_locked(&stage));
    stage.imap_at(there);
    stage.configure(BY_FOLDER);
    stage.sync_ok();
    scene.check_folders(&stage, "back again");
}

#[test]
fn r63_a_server_that_falls_silent_at_login_locks_nothing() {
    // The time-out is a minute.
    if !soak() {
        return;
    }
    let (stage, _) = stage_with_three_folders();
    stage.imap.fault(Trigger::next("LOGIN"), Fault::SilenceBefore);
    let Finished { code, took, stderr, .. } = stage.sync();
    assert_eq!(code, Some(75), "{stderr}");
    assert!(took.as_secs() < 100, "{took:?}");
    assert!(!is_locked(&stage));
    stage.sync_ok();
}
