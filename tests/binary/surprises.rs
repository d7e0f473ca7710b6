//! What other clients and administrators do to a mailbox, between runs and in the middle of one.

use crmsync::sandbox::imap::{DeletedMailbox, ExpungedFetch, Fault, Keywords, Quirks, SandboxImapOptions, Trigger};

use super::scene::{ARCHIVE, BY_CATEGORY, BY_FOLDER, IMPORT, SETTLED, Scene, copies, known, records, without_move};
use super::stage::{Stage, USER};

const KEPT_IN_PLACE: &str = "selectors = [\"folder\"]\nmarks = [\"keyword\"]";

fn folders(options: SandboxImapOptions, mail: &str) -> (Stage, Scene) {
    let stage = Stage::new(options, mail);
    let scene = Scene::new();
    scene.fill_folders(&stage);
    (stage, scene)
}

#[test]
fn v4_a_new_uidvalidity_between_runs_doubles_nothing() {
    for mail in [BY_FOLDER, KEPT_IN_PLACE] {
        let (stage, scene) = folders(SandboxImapOptions::default(), mail);
        stage.sync_ok();
        let new = known("New six");
        for mailbox in [IMPORT, SETTLED] {
            stage.imap.bump_uid_validity(USER, mailbox);
        }
        stage.imap.append(USER, IMPORT, new.clone(), &[]);
        stage.sync_ok();
        assert_eq!(stage.activities().len(), 5);
        for mail in [&scene.offer, &scene.order, &scene.settled, &scene.stranger, &new] {
            assert_eq!(records(&stage, mail), 1);
        }
        stage.assert_quiet("UIDVALIDITY changed");
    }
}

#[test]
fn v4_a_new_uidvalidity_in_the_middle_of_a_run_places_no_other_mail() {
    let (mailbox, name) = (IMPORT, "UIDVALIDITY changes before");
    for command in ["UID SEARCH", "UID FETCH", "UID MOVE", "SELECT"] {
        for nth in 1..=2 {
            let (stage, scene) = folders(SandboxImapOptions::default(), BY_FOLDER);
            stage.imap.fault(Trigger::nth(command, nth), Fault::run(move |imap| imap.bump_uid_validity(USER, mailbox)));
            let first = stage.sync();
            let context = format!("{name} {command} {nth}: {first:?}");
            assert!(matches!(first.code, Some(0 | 69 | 75 | 76)), "{context}");
            stage.imap.clear_faults();
            stage.sync_until_ok(2, &context);
            scene.check_folders(&stage, &context);
            stage.assert_quiet(&context);
        }
    }
}

#[test]
fn v4_a_renumbered_folder_that_has_outgrown_its_old_numbers_is_read_from_its_beginning() {
    for mail in [BY_FOLDER, KEPT_IN_PLACE] {
        let (stage, _) = folders(SandboxImapOptions::default(), mail);
        stage.sync_ok();
        stage.imap.bump_uid_validity(USER, IMPORT);
        let new: Vec<String> = (0..9).map(|number| known(&format!("New {number}"))).collect();
        for mail in &new {
            stage.imap.append(USER, IMPORT, mail.clone(), &[]);
        }
        stage.sync_ok();
        for mail in &new {
            assert_eq!(records(&stage, mail), 1, "none of them lies below a cursor of other numbers");
        }
        assert_eq!(stage.activities().len(), 13);
        stage.assert_quiet("outgrown");
    }
}

#[test]
fn v4_moves_that_a_broken_run_left_behind_never_hit_other_mails_under_a_new_uidvalidity() {
    for options in [SandboxImapOptions::default(), without_move()] {
        let command = if options.quirks.offers_move { "UID MOVE" } else { "UID COPY" };
        let (stage, scene) = folders(options, BY_FOLDER);
        stage.imap.fault(Trigger::next(command), Fault::DropBefore);
        let first = stage.sync();
        assert_eq!(first.code, Some(75), "{command}: {first:?}");
        // Another client removes the first copy of the offer, and the server numbers the rest anew: the stranger's UID is the colleague's now.
        stage.imap.expunge(USER, IMPORT, &[1]);
        stage.imap.bump_uid_validity(USER, IMPORT);
        stage.sync_until_ok(2, command);
        let places = |mail| [copies(&stage, IMPORT, mail), copies(&stage, ARCHIVE, mail)];
        assert_eq!(places(&scene.internal), [1, 0], "{command}: what is not imported is not moved");
        for mail in [&scene.offer, &scene.order, &scene.settled, &scene.stranger] {
            assert_eq!((records(&stage, mail), places(mail)), (1, [0, 1]), "{command}");
        }
        stage.assert_quiet(command);
    }
}

#[test]
fn a_mailbox_deleted_in_the_middle_of_a_run_harms_nothing() {
    for deleted_mailbox in [DeletedMailbox::Bye, DeletedMailbox::Expunges] {
        for (command, nth) in [("SELECT", 1), ("SELECT", 2), ("UID SEARCH", 1), ("UID FETCH", 1), ("UID FETCH", 2), ("UID MOVE", 1)] {
            let quirks = Quirks { deleted_mailbox, ..Quirks::dovecot() };
            let (stage, scene) = folders(SandboxImapOptions { quirks, ..SandboxImapOptions::default() }, BY_FOLDER);
            stage.imap.fault(Trigger::nth(command, nth), Fault::run(|imap| imap.delete_mailbox(USER, SETTLED)));
            let first = stage.sync();
            let context = format!("{deleted_mailbox:?} before {command} {nth}: {first:?}");
            assert!(matches!(first.code, Some(0 | 69 | 75 | 76)), "{context}");
            stage.sync_until_ok(1, &context);
            for mail in [&scene.offer, &scene.order, &scene.stranger] {
                assert_eq!((records(&stage, mail), copies(&stage, IMPORT, mail)), (1, 0), "{context}");
            }
            assert!(records(&stage, &scene.settled) <= 1, "{context}");
            assert_eq!(stage.parked(), [], "{context}: what is gone waits for nothing");
            stage.assert_quiet(&context);
        }
    }
}

#[test]
fn the_import_folder_deleted_between_runs_is_made_anew_and_works() {
    let (stage, _) = folders(SandboxImapOptions::default(), BY_FOLDER);
    stage.sync_ok();
    stage.imap.delete_mailbox(USER, SETTLED);
    stage.imap.delete_mailbox(USER, IMPORT);
    stage.imap.delete_mailbox(USER, ARCHIVE);
    stage.sync_ok();
    let new = known("New six");
    stage.imap.append(USER, IMPORT, new.clone(), &[]);
    stage.sync_ok();
    assert_eq!((records(&stage, &new), copies(&stage, ARCHIVE, &new)), (1, 1));
    stage.assert_quiet("made anew");
}

#[test]
fn a_mail_expunged_between_search_and_fetch_is_gone_and_nothing_is_made_up_for_it() {
    for expunged in [ExpungedFetch::Nil, ExpungedFetch::Nothing, ExpungedFetch::Fake, ExpungedFetch::StillDelivered] {
        for nth in 1..=2 {
            let mut options = without_move();
            options.quirks.expunged = expunged;
            let (stage, scene) = folders(options, BY_FOLDER);
            // UID 2 is the stranger; another client removes it.
            stage.imap.fault(Trigger::nth("UID FETCH", nth), Fault::run(|imap| imap.expunge(USER, IMPORT, &[2])));
            let context = format!("{expunged:?} before UID FETCH {nth}");
            stage.sync_until_ok(2, &context);
            stage.sync_ok();
            for mail in [&scene.offer, &scene.order, &scene.settled] {
                assert_eq!((records(&stage, mail), copies(&stage, IMPORT, mail)), (1, 0), "{context}");
            }
            let known: Vec<String> = stage.activities().iter().map(|activity| activity.subject.clone()).collect();
            assert!(known.len() <= 4, "{context}: {known:?}");
            assert!(known.iter().all(|subject| super::scene::subject(&scene.stranger) == subject || !subject.is_empty()), "{known:?}");
            let scene_subjects = ["Offer one", "Order two", "Settled three", "Stranger four"];
            assert!(known.iter().all(|subject| scene_subjects.contains(&subject.as_str())), "{context}: nothing made up: {known:?}");
            assert_eq!(stage.parked(), [], "{context}: what is gone waits for nothing");
            stage.assert_quiet(&context);
        }
    }
}

#[test]
fn a_mail_that_another_client_moves_before_the_archive_move_is_no_error() {
    for options in [SandboxImapOptions::default(), without_move()] {
        let command = if options.quirks.offers_move { "UID MOVE" } else { "UID COPY" };
        let (stage, scene) = folders(options, BY_FOLDER);
        stage.imap.fault(Trigger::next(command), Fault::run(|imap| imap.expunge(USER, IMPORT, &[5])));
        stage.sync_until_ok(2, command);
        for mail in [&scene.offer, &scene.settled, &scene.stranger] {
            assert_eq!((records(&stage, mail), copies(&stage, IMPORT, mail)), (1, 0), "{command}");
        }
        assert_eq!(records(&stage, &scene.order), 1, "{command}: it was imported before it was removed");
        assert_eq!(stage.parked(), [], "{command}");
        stage.assert_quiet(command);
    }
}

#[test]
fn a_read_only_import_folder_is_imported_and_its_mails_wait_for_their_move() {
    for options in [SandboxImapOptions::default(), without_move()] {
        let (stage, scene) = folders(options, BY_FOLDER);
        stage.imap.quirks(|quirks| quirks.read_only = [IMPORT.to_owned()].into());
        let first = stage.sync();
        assert!(matches!(first.code, Some(0 | 69)), "{first:?}");
        for mail in [&scene.offer, &scene.order, &scene.settled, &scene.stranger] {
            assert_eq!(records(&stage, mail), 1, "{first:?}");
        }
        assert!(!stage.parked().is_empty(), "it is told");
        for (_, code) in stage.parked() {
            assert!(code == "read-only" || code == "placement-refused", "{code}");
        }
        stage.assert_quiet("read-only");
        stage.imap.quirks(|quirks| quirks.read_only.clear());
        stage.json(&["parked", "retry"]);
        stage.sync_ok();
        assert_eq!(stage.parked(), [], "no entry stays once the mail is where it belongs");
        scene.check_folders(&stage, "writable again");
        stage.assert_quiet("writable again");
    }
}

#[test]
fn an_archive_over_quota_parks_and_is_taken_up_when_there_is_room() {
    for (options, words) in [
        (SandboxImapOptions::default(), "[OVERQUOTA] Quota exceeded"),
        (without_move(), "[OVERQUOTA] Quota exceeded"),
        (SandboxImapOptions { quirks: Quirks::cyrus(), ..SandboxImapOptions::default() }, "Over quota"),
    ] {
        let (stage, scene) = folders(options, BY_FOLDER);
        stage.imap.quirks(|quirks| quirks.over_quota = Some(words.to_owned()));
        stage.sync_ok();
        let waiting = stage.parked();
        assert!(!waiting.is_empty() && waiting.iter().all(|(_, code)| code == "over-quota"), "{waiting:?}");
        for mail in [&scene.offer, &scene.order, &scene.settled, &scene.stranger] {
            assert_eq!(records(&stage, mail), 1);
        }
        assert_eq!(copies(&stage, IMPORT, &scene.offer), 2, "nothing is removed that was not copied");
        stage.assert_quiet("over quota");
        stage.imap.quirks(|quirks| quirks.over_quota = None);
        stage.json(&["parked", "retry"]);
        stage.sync_ok();
        assert_eq!(stage.parked(), [], "no entry stays once the mail is where it belongs");
        scene.check_folders(&stage, "room again");
        stage.assert_quiet("room again");
    }
}

#[test]
fn a_keyword_refused_once_is_set_at_the_next_try_and_then_it_is_quiet() {
    let stage = Stage::new(SandboxImapOptions::default(), BY_CATEGORY);
    let scene = Scene::new();
    scene.fill_inbox(&stage);
    stage.imap.fault(Trigger::every("UID STORE"), Fault::Answer("NO [NOPERM] Permission denied".to_owned()));
    stage.sync();
    assert!(!stage.parked().is_empty());
    stage.imap.clear_faults();
    for _ in 0..2 {
        stage.json(&["parked", "retry"]);
        stage.sync_ok();
    }
    scene.check_inbox(&stage, "rights are back");
    let waiting: Vec<_> = stage.parked().into_iter().filter(|(_, code)| code != "not-found").collect();
    assert_eq!(waiting, [], "no entry stays once the mark is set");
    stage.assert_quiet("rights are back");
}

#[test]
fn keywords_that_the_server_drops_are_told_once_and_do_not_make_work_for_ever() {
    for keywords in [Keywords::Dropped, Keywords::Ignored] {
        let quirks = Quirks { keywords, ..Quirks::dovecot() };
        let (stage, scene) = folders(SandboxImapOptions { quirks, ..SandboxImapOptions::default() }, KEPT_IN_PLACE);
        stage.sync_ok();
        for mail in [&scene.offer, &scene.order, &scene.settled, &scene.stranger] {
            assert_eq!(records(&stage, mail), 1, "{keywords:?}");
        }
        let told = stage.parked();
        assert!(!told.is_empty() && told.iter().all(|(_, code)| code.contains("keyword")), "{keywords:?}: {told:?}");
        stage.assert_quiet(&format!("{keywords:?}"));
    }
}

#[test]
fn i2_a_mail_moved_back_is_archived_again_and_not_imported_again() {
    for options in [SandboxImapOptions::default(), without_move()] {
        let (stage, scene) = folders(options, BY_FOLDER);
        stage.sync_ok();
        let uid = stage.imap.mails(USER, ARCHIVE).iter().find(|mail| mail.raw == scene.order.as_bytes()).unwrap().uid;
        stage.imap.expunge(USER, ARCHIVE, &[uid]);
        stage.imap.append(USER, IMPORT, scene.order.clone(), &[]);
        let answer = stage.sync_ok();
        assert_eq!(answer["areas"]["mail"]["changed"], 0, "{answer}");
        scene.check_folders(&stage, "moved back");
        stage.assert_quiet("moved back");
    }
}

#[test]
fn x11_without_its_journal_it_doubles_nothing() {
    for (mail, options) in [(BY_FOLDER, without_move()), (KEPT_IN_PLACE, SandboxImapOptions::default()), ("marks = []", without_move())] {
        let (stage, scene) = folders(options, mail);
        stage.sync_ok();
        stage.lose_the_journal();
        stage.imap.append(USER, IMPORT, scene.order.clone(), &[]);
        stage.sync_ok();
        assert_eq!(stage.activities().len(), 4, "{mail}");
        let activities = stage.activities();
        assert!(activities.iter().all(|activity| activity.owners.len() == 1), "{mail}: the same employee does not join himself");
        stage.assert_quiet(mail);
    }
}
