//! The CRM fails in every way the sandbox knows; when it is well again, all is as if it had never failed.

use std::time::Duration;

use crmsync::sandbox::crm::{Faults, SandboxCrmOptions};
use crmsync::sandbox::imap::SandboxImapOptions;

use super::scene::{BY_FOLDER, IMPORT, Scene, copies, known, records};
use super::stage::{Stage, USER};

fn stage(faults: Faults) -> (Stage, Scene) {
    let stage = Stage::with(SandboxImapOptions::default(), SandboxCrmOptions { faults, ..SandboxCrmOptions::default() }, BY_FOLDER);
    let scene = Scene::new();
    scene.fill_folders(&stage);
    (stage, scene)
}

/// Runs until all is well: nothing lost, nothing doubled, nothing waits. Returns how the first run ended.
fn recovers(name: &str, faults: Faults) -> super::stage::Finished {
    let (stage, scene) = stage(faults);
    let first = stage.sync();
    assert!(matches!(first.code, Some(0 | 69 | 75 | 76 | 77)), "{name}: {first:?}");
    stage.sync_until_ok(3, name);
    if !stage.parked().is_empty() {
        stage.json(&["parked", "retry"]);
        stage.sync_until_ok(2, name);
    }
    assert_eq!(stage.parked(), [], "{name}");
    scene.check_folders(&stage, name);
    let audit = stage.json(&["audit", "mail"]);
    assert_eq!((&audit["checked"], audit["missing"].as_array().map(Vec::len)), (&4.into(), Some(0)), "{name}: {audit}");
    stage.assert_quiet(name);
    first
}

#[test]
fn answers_lost_halved_garbled_or_incomplete_double_nothing() {
    let one = Faults::default;
    let cases = [
        ("lost answer", Faults { lost_answers: 1, ..one() }),
        ("two lost answers", Faults { lost_answers: 2, ..one() }),
        ("half an answer", Faults { half_answers: 1, ..one() }),
        ("garbage", Faults { garbage: 1, ..one() }),
        ("missing result", Faults { missing_results: 1, ..one() }),
        ("doubled result", Faults { doubled_results: 1, ..one() }),
        ("reverse order", Faults { reverse_order: true, ..one() }),
    ];
    std::thread::scope(|scope| {
        for (name, faults) in cases {
            scope.spawn(move || {
                let first = recovers(name, faults);
                assert!(name != "reverse order" || first.code == Some(0), "{name}: {first:?}");
            });
        }
    });
}

#[test]
fn refusals_of_whole_requests_are_overcome() {
    let one = Faults::default;
    let cases = [
        ("429", Faults { too_many_requests: 1, retry_after: 1, ..one() }),
        ("429 with a date", Faults { too_many_requests: 1, retry_after: 2, retry_after_date: true, ..one() }),
        ("503", Faults { unavailable: 1, retry_after: 1, ..one() }),
        ("503 twice", Faults { unavailable: 2, retry_after: 1, ..one() }),
        ("502", Faults { bad_gateway: 1, ..one() }),
        ("500 once", Faults { internal: 1, ..one() }),
        ("401 once", Faults { unauthorized: 1, ..one() }),
    ];
    std::thread::scope(|scope| {
        for (name, faults) in cases {
            scope.spawn(move || {
                let first = recovers(name, faults);
                match name {
                    "401 once" => assert_eq!(first.code, Some(77), "{first:?}"),
                    _ => assert_eq!(first.code, Some(0), "{name} is overcome within one run: {first:?}"),
                }
            });
        }
    });
}

#[test]
fn retry_after_is_respected() {
    let first = recovers("429", Faults { too_many_requests: 1, retry_after: 3, ..Faults::default() });
    assert!(first.took >= Duration::from_secs(3), "{first:?}");
    assert!(first.took < Duration::from_secs(100), "{first:?}");
}

#[test]
fn a_long_retry_after_ends_the_run_and_the_next_one_goes_on() {
    let (stage, scene) = stage(Faults { too_many_requests: 1, retry_after: 3_600, ..Faults::default() });
    let first = stage.sync();
    assert_eq!(first.code, Some(75), "{first:?}");
    assert!(first.took < Duration::from_secs(100), "nobody waits an hour: {first:?}");
    stage.sync_ok();
    scene.check_folders(&stage, "an hour later");
}

#[test]
fn a_crm_that_rejects_the_token_does_not_lock_the_mailbox() {
    let (mut stage, scene) = stage(Faults::default());
    let token = std::mem::replace(&mut stage.token, "expired".to_owned());
    let refused = stage.sync();
    assert_eq!(refused.code, Some(77), "{refused:?}");
    assert_eq!(stage.imap.counters().connections, 0, "the mailbox is not even opened");
    assert!(stage.json(&["status"])["accounts"][0]["locked"].is_null());
    stage.token = token;
    stage.sync_ok();
    scene.check_folders(&stage, "with the right token");
}

#[test]
fn r23_a_batch_that_is_too_large_is_halved() {
    let (stage, scene) = stage(Faults { max_bytes: 3_600, ..Faults::default() });
    stage.sync_ok();
    assert!(stage.posts() > 2, "{:?}", stage.crm.requests());
    scene.check_folders(&stage, "halved");
    stage.assert_quiet("halved");
}

#[test]
fn r23_large_mails_go_in_sets_that_memory_can_hold_whatever_the_crm_takes_at_once() {
    let (stage, scene) = stage(Faults::default());
    let large: Vec<String> =
        (0..10).map(|number| format!("{}{}", known(&format!("Large {number}")), "0123456789abcdef\r\n".repeat(80_000))).collect();
    for mail in &large {
        stage.imap.append(USER, IMPORT, mail.clone(), &[]);
    }
    stage.sync_ok();
    // Fourteen megabytes of one folder, six at a time; another request for the folder below it.
    assert!(stage.posts() >= 4, "{:?}", stage.crm.requests());
    for mail in large.iter().chain([&scene.offer, &scene.order, &scene.settled, &scene.stranger]) {
        assert_eq!((records(&stage, mail), copies(&stage, IMPORT, mail)), (1, 0));
    }
    stage.assert_quiet("large mails");
}

#[test]
fn a_mail_that_is_too_large_for_the_crm_is_parked_and_its_neighbours_go_on() {
    let (stage, scene) = stage(Faults { max_bytes: 20_000, ..Faults::default() });
    let large = format!("{}{}", known("Large six"), "0123456789abcdef\r\n".repeat(4_000));
    stage.imap.append(USER, IMPORT, large.clone(), &[]);
    stage.sync_ok();
    assert_eq!(stage.parked(), [("Large six".to_owned(), "too-large".to_owned())]);
    assert_eq!((records(&stage, &large), copies(&stage, IMPORT, &large)), (0, 1), "V1: it stays");
    scene.check_folders(&stage, "its neighbours");
    stage.assert_quiet("too large");
}

#[test]
fn v10_rejected_poisoned_and_postponed_mails_wait_with_a_reason_and_their_neighbours_go_on() {
    let cases = [
        ("rejected-by-crm", Faults { reject_subject: "Awkward".to_owned(), ..Faults::default() }),
        ("crm-retry", Faults { retry_subject: "Awkward".to_owned(), ..Faults::default() }),
        ("poison-item", Faults { poison_subject: "Awkward".to_owned(), ..Faults::default() }),
    ];
    std::thread::scope(|scope| {
        for (code, faults) in cases {
            scope.spawn(move || {
                let (stage, scene) = stage(faults);
                let awkward = known("Awkward six");
                stage.imap.append(USER, IMPORT, awkward.clone(), &[]);
                stage.sync_ok();
                assert_eq!(stage.parked(), [("Awkward six".to_owned(), code.to_owned())]);
                assert_eq!((records(&stage, &awkward), copies(&stage, IMPORT, &awkward)), (0, 1), "{code}: V1: it stays");
                scene.check_folders(&stage, code);
                stage.assert_quiet(code);
                let status = stage.json(&["status"]);
                assert_eq!(status["parked"], 1, "{code}: {status}");
                // The CRM is mended, the user asks for another try.
                stage.crm.set_faults(Faults::default());
                assert_eq!(stage.json(&["parked", "retry"])["due"], 1);
                stage.sync_ok();
                assert_eq!((records(&stage, &awkward), copies(&stage, IMPORT, &awkward)), (1, 0), "{code}: mended");
                assert_eq!(stage.parked(), [], "{code}");
                stage.assert_quiet(code);
            });
        }
    });
}

#[test]
fn a_crm_that_skips_a_mail_has_the_last_word_and_the_mail_stays() {
    let (stage, scene) = stage(Faults { skip_subject: "Awkward".to_owned(), ..Faults::default() });
    let awkward = known("Awkward six");
    stage.imap.append(USER, IMPORT, awkward.clone(), &[]);
    stage.sync_ok();
    assert_eq!((records(&stage, &awkward), copies(&stage, IMPORT, &awkward)), (0, 1));
    assert_eq!(stage.parked(), []);
    scene.check_folders(&stage, "skipped");
    stage.assert_quiet("skipped");
}

#[test]
fn a_crm_that_fails_at_everything_parks_no_mail() {
    let (stage, scene) = stage(Faults { internal: 1_000, ..Faults::default() });
    // A few that fail may be at fault themselves; when many do, it is the CRM.
    let more: Vec<String> = (6..12).map(|number| known(&format!("More {number}"))).collect();
    for mail in &more {
        stage.imap.append(USER, IMPORT, mail.clone(), &[]);
    }
    for _ in 0..2 {
        let failed = stage.sync();
        assert_ne!(failed.code, Some(0), "{failed:?}");
        assert_eq!(stage.parked(), [], "the CRM is at fault, not the mails");
    }
    stage.crm.set_faults(Faults::default());
    stage.sync_ok();
    for mail in more.iter().chain([&scene.offer, &scene.order, &scene.settled, &scene.stranger]) {
        assert_eq!((records(&stage, mail), copies(&stage, IMPORT, mail)), (1, 0));
    }
    stage.assert_quiet("the CRM is back");
}

#[test]
fn a_crm_without_the_mail_profile_is_told_and_nothing_is_touched() {
    let options = SandboxCrmOptions { profiles: vec!["settings".to_owned()], ..SandboxCrmOptions::default() };
    let stage = Stage::with(SandboxImapOptions::default(), options, BY_FOLDER);
    let scene = Scene::new();
    scene.fill_folders(&stage);
    let refused = stage.sync();
    assert_eq!(refused.code, Some(69), "{refused:?}");
    assert!(refused.stderr.contains("mail"), "{refused:?}");
    assert_eq!(stage.imap.counters().of("UID MOVE"), 0);
}
