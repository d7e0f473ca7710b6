//! Every command of the import fails in every way; when the server is well again, all is as if it had never failed.

use crmsync::sandbox::imap::{Fault, SandboxImapOptions, Trigger};

use super::scene::{ARCHIVE, BY_FOLDER_WITH_BOTH_MARKS, IMPORT, Scene, copies, records, without_move};
use super::stage::{Stage, USER, sample};

/// Commands with MOVE, and those a server without it sees in their place.
const WITH_MOVE: &[&str] = &["LIST", "SELECT", "UID SEARCH", "UID FETCH", "UID STORE", "UID MOVE", "CREATE"];
const WITHOUT_MOVE: &[&str] = &["STATUS", "UID COPY", "UID STORE", "UID EXPUNGE", "CREATE", "UID FETCH"];

fn stage(options: SandboxImapOptions, scene: &Scene) -> Stage {
    let stage = Stage::new(options, BY_FOLDER_WITH_BOTH_MARKS);
    scene.fill_folders(&stage);
    stage
}

/// Every occurrence of every command.
fn occurrences(options: &SandboxImapOptions, commands: &[&'static str]) -> Vec<(&'static str, u64)> {
    let scene = Scene::new();
    let stage = stage(options.clone(), &scene);
    stage.sync_ok();
    scene.check_folders(&stage, "without a fault");
    let counters = stage.imap.counters();
    for command in commands {
        assert!(counters.of(command) > 0, "the import uses {command}: {:?}", stage.imap.log());
    }
    commands.iter().flat_map(|command| (1..=counters.of(command)).map(|nth| (*command, nth))).collect()
}

/// The fault strikes once; then runs go on, with what waits made due, until nothing waits. Nothing is lost, doubled or left behind.
fn recovers(name: &str, most: usize, fault: &Fault) {
    let mut cases = Vec::new();
    for (options, commands) in [(SandboxImapOptions::default(), WITH_MOVE), (without_move(), WITHOUT_MOVE)] {
        cases.extend(occurrences(&options, commands).into_iter().map(|case| (options.clone(), case)));
    }
    for (options, (command, nth)) in sample(name, cases, most) {
        let scene = Scene::new();
        let stage = stage(options, &scene);
        let context = format!("{name} at {command} {nth}");
        stage.imap.fault(Trigger::nth(command, nth), fault.clone());
        let first = stage.sync();
        assert!(matches!(first.code, Some(0 | 69 | 75 | 76)), "{context}: {first:?}");
        stage.imap.clear_faults();
        stage.sync_until_ok(2, &context);
        let waiting = stage.parked();
        if !waiting.is_empty() {
            stage.json(&["parked", "retry"]);
            stage.sync_until_ok(2, &context);
            assert_eq!(stage.parked(), [], "{context}: it waited as {waiting:?}, and was tried again");
        }
        let context = format!("{context}, first run {first:?}");
        scene.check_folders(&stage, &context);
        for mail in stage.imap.mails(USER, ARCHIVE) {
            assert!(mail.has("Processed"), "{context}: every mail of the archive is marked");
        }
        stage.assert_quiet(&context);
    }
}

#[test]
fn no_once() {
    recovers("NO", 12, &Fault::Answer("NO Something went wrong".to_owned()));
}

#[test]
fn no_unavailable_once() {
    recovers("NO [UNAVAILABLE]", 12, &Fault::Answer("NO [UNAVAILABLE] Try later".to_owned()));
}

#[test]
fn no_after_the_command_was_carried_out() {
    recovers("NO after", 12, &Fault::AnswerAfter("NO [SERVERBUG] Internal error".to_owned()));
}

#[test]
fn bad_once() {
    recovers("BAD", 12, &Fault::Answer("BAD Command not understood".to_owned()));
}

#[test]
fn bye_once() {
    recovers("BYE", 12, &Fault::Bye("Server is shutting down".to_owned()));
}

#[test]
fn the_connection_ends_before_the_command() {
    recovers("drop before", 12, &Fault::DropBefore);
}

#[test]
fn the_connection_ends_after_the_command() {
    recovers("drop after", 12, &Fault::DropAfter);
}

#[test]
fn the_answer_breaks_off_at_once() {
    recovers("truncate 3", 8, &Fault::Truncate(3));
}

#[test]
fn the_answer_breaks_off_in_the_middle() {
    recovers("truncate 700", 8, &Fault::Truncate(700));
}

#[test]
fn the_answer_is_garbage() {
    recovers("garbage", 8, &Fault::Raw(b"* \xff(((( )\r\n{tag} MAYBE later\r\n".to_vec()));
}

#[test]
fn the_answer_is_a_literal_without_end() {
    recovers("literal", 8, &Fault::Raw(b"* 1 FETCH (UID 1 BODY[] {99999999999999999999}\r\n".to_vec()));
}

#[test]
fn a_folder_that_cannot_be_selected_is_told_and_imported_once_it_can_be() {
    let scene = Scene::new();
    let stage = stage(SandboxImapOptions::default(), &scene);
    stage.imap.fault(Trigger::next("SELECT"), Fault::Answer("NO [NOPERM] Permission denied".to_owned()));
    let first = stage.sync();
    assert!(first.code != Some(0) || !stage.parked().is_empty(), "it is not passed over in silence: {first:?}");
    stage.sync_until_ok(1, "rights are back");
    scene.check_folders(&stage, "rights are back");
}

#[test]
fn v10_a_set_that_cannot_be_read_once_is_read_again() {
    let scene = Scene::new();
    let stage = stage(SandboxImapOptions::default(), &scene);
    stage.imap.fault(Trigger::nth("UID FETCH", 2), Fault::Answer("NO [SERVERBUG] Cannot read".to_owned()));
    stage.sync_until_ok(2, "bodies break off");
    assert_eq!((records(&stage, &scene.offer), copies(&stage, IMPORT, &scene.offer)), (1, 0));
    scene.check_folders(&stage, "bodies broke off once");
}
