//! Two accounts in one journal: what happens to one is no concern of the other.

use std::net::SocketAddr;

use crmsync::sandbox::imap::{Fault, SandboxImapOptions, Trigger, User};
use serde_json::Value;

use super::scene::{ARCHIVE, BY_FOLDER, IMPORT, known};
use super::stage::{Stage, USER, nobody_listens};

/// The second user at the server, with a password of his own.
const OTHER: &str = "office";
const OTHER_PASSWORD: &str = "pw-office";

/// An account `home` beside the account `work`; names sort so that `home` comes first.
fn configure(stage: &Stage, home: SocketAddr) {
    stage.configure(BY_FOLDER);
    let text = std::fs::read_to_string(stage.config_file()).unwrap();
    let second = format!(
        "\n[accounts.home]\naddresses = [\"office@nordwind.example\"]\n\n[accounts.home.imap]\nhost = \"{}\"\nport = {}\n\
         security = \"none\"\nuser = \"{OTHER}\"\nsecret = {{ command = [\"printf\", \"{OTHER_PASSWORD}\"] }}\n",
        home.ip(),
        home.port()
    );
    std::fs::write(stage.config_file(), text + &second).unwrap();
}

/// Two accounts; one mail lies in both, and each has one of its own.
fn stage() -> (Stage, [String; 3]) {
    let stage = Stage::new(SandboxImapOptions::default(), BY_FOLDER);
    stage.imap.set_user(&User::new(OTHER, OTHER_PASSWORD));
    configure(&stage, stage.imap_addr());
    let mails = [known("Both one"), known("Work two"), known("Home three")];
    for (user, mails) in [(USER, [&mails[0], &mails[1]]), (OTHER, [&mails[0], &mails[2]])] {
        for mail in mails {
            stage.imap.append(user, IMPORT, mail.clone(), &[]);
        }
    }
    (stage, mails)
}

/// The part of an account in the answer.
fn part<'a>(answer: &'a Value, account: &str) -> &'a Value {
    let parts = answer["accounts"].as_array().unwrap_or_else(|| panic!("{answer}"));
    parts.iter().find(|part| part["account"] == account).unwrap_or_else(|| panic!("no {account} in {answer}"))
}

fn subjects(stage: &Stage) -> Vec<String> {
    let mut subjects: Vec<String> = stage.activities().into_iter().map(|activity| activity.subject).collect();
    subjects.sort();
    subjects
}

/// Mails of a user in the import folder and in the archive.
fn places(stage: &Stage, user: &str) -> [usize; 2] {
    [IMPORT, ARCHIVE].map(|mailbox| stage.imap.count(user, mailbox))
}

fn last_success(stage: &Stage, account: &str) -> Value {
    let status = stage.json(&["status"]);
    let accounts = status["accounts"].as_array().unwrap();
    accounts.iter().find(|entry| entry["account"] == account).unwrap_or_else(|| panic!("{status}"))["last_success"].clone()
}

#[test]
fn a_mail_that_lies_in_two_accounts_is_one_activity_and_leaves_both_import_folders() {
    let (stage, _) = stage();
    let answer = stage.sync_ok();
    assert_eq!(part(&answer, "home")["areas"]["mail"]["changed"], 2, "{answer}");
    assert_eq!(part(&answer, "work")["areas"]["mail"]["changed"], 1, "the other is there already: {answer}");
    assert_eq!(subjects(&stage), ["Both one", "Home three", "Work two"]);
    assert!(stage.activities().iter().all(|activity| activity.owners.len() == 1), "the same employee does not join himself");
    assert_eq!((places(&stage, USER), places(&stage, OTHER)), ([0, 2], [0, 2]));
    let again = stage.sync_ok();
    for account in ["home", "work"] {
        assert_eq!(part(&again, account)["areas"]["mail"]["changed"], 0, "{again}");
    }
    assert_eq!(subjects(&stage).len(), 3);
}

#[test]
fn r63_one_account_that_is_locked_does_not_keep_the_other_from_its_mail() {
    let (stage, _) = stage();
    stage.imap.set_user(&User::new(OTHER, "changed"));
    let first = stage.sync();
    assert_eq!(first.code, Some(77), "{first:?}");
    assert!(first.stderr.contains("crmsync unlock home"), "it names the account: {first:?}");
    assert_eq!(part(&first.json(), "work")["areas"]["mail"]["changed"], 2);
    assert_eq!((subjects(&stage), places(&stage, OTHER)), (vec!["Both one".to_owned(), "Work two".to_owned()], [2, 0]));
    assert!(stage.crm.is_locked(USER).unwrap());

    // The mirrored lock is of the one account: the other goes on, and the locked one is not tried.
    let failed = stage.imap.counters().logins_failed;
    stage.imap.append(USER, IMPORT, known("Work four"), &[]);
    let second = stage.sync();
    assert_eq!(second.code, Some(77), "{second:?}");
    assert_eq!(part(&second.json(), "work")["areas"]["mail"]["changed"], 1);
    assert_eq!(stage.imap.counters().logins_failed, failed);
    let alone = stage.run(&["sync", "--account", "work", "--all", "--json"]).sane();
    assert_eq!(alone.code, Some(0), "{alone:?}");

    stage.imap.set_user(&User::new(OTHER, OTHER_PASSWORD));
    let unlocked = stage.json(&["unlock"]);
    assert_eq!(unlocked["unlocked"], "home", "{unlocked}");
    stage.sync_ok();
    assert_eq!((subjects(&stage).len(), places(&stage, OTHER), stage.crm.is_locked(USER).unwrap()), (4, [0, 2], false));
}

#[test]
fn one_account_whose_server_is_down_or_fails_does_not_stop_the_other() {
    let (stage, _) = stage();
    let (_held, away) = nobody_listens();
    configure(&stage, away);
    let first = stage.sync();
    assert_eq!(first.code, Some(75), "{first:?}");
    let answer = first.json();
    assert_eq!(part(&answer, "work")["areas"]["mail"]["changed"], 2, "{answer}");
    assert!(part(&answer, "home")["error"].as_str().is_some_and(|text| !text.is_empty()), "{answer}");
    assert!(last_success(&stage, "home").is_null() && !last_success(&stage, "work").is_null());
    configure(&stage, stage.imap_addr());

    // It breaks off in the middle of the first account's run: the second one is served all the same.
    stage.imap.append(USER, IMPORT, known("Work four"), &[]);
    stage.imap.fault(Trigger::next("UID MOVE"), Fault::DropBefore);
    let second = stage.sync();
    assert_eq!(second.code, Some(75), "{second:?}");
    assert_eq!(part(&second.json(), "work")["areas"]["mail"]["changed"], 1, "{second:?}");
    stage.sync_ok();
    assert_eq!(subjects(&stage), ["Both one", "Home three", "Work four", "Work two"]);
    assert_eq!((places(&stage, USER), places(&stage, OTHER)), ([0, 3], [0, 2]));
}

#[test]
fn a_forgotten_account_leaves_the_other_as_it_was() {
    let (stage, mails) = stage();
    stage.sync_ok();
    let export = |stage: &Stage| -> Vec<Value> {
        stage.run(&["journal", "export"]).sane().stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let names = |lines: &[Value], account: &str| lines.iter().filter(|line| line.to_string().contains(&format!("\"{account}\""))).count();
    let before = export(&stage);
    stage.json(&["journal", "forget-account", "home", "--yes"]);
    let after = export(&stage);
    assert_eq!(names(&after, "home"), 0, "{after:?}");
    assert!(names(&before, "home") > 5);
    assert_eq!(names(&after, "work"), names(&before, "work"), "no record of the other is lost");
    let check = stage.json(&["journal", "check"]);
    assert_eq!(check["faults"].as_array().map_or(0, Vec::len), 0, "{check}");

    // The other knows what it knew; the forgotten one asks for consent again and doubles nothing.
    stage.imap.append(USER, IMPORT, mails[1].clone(), &[]);
    stage.imap.append(OTHER, IMPORT, mails[2].clone(), &[]);
    let posts = stage.posts();
    let run = stage.run(&["sync", "--all", "--json"]).sane();
    assert_eq!(run.code, Some(77), "{run:?}");
    assert!(run.stderr.contains("--yes"), "{run:?}");
    assert_eq!(part(&run.json(), "work")["areas"]["mail"]["changed"], 0, "{run:?}");
    assert_eq!((stage.posts(), places(&stage, USER), places(&stage, OTHER)), (posts, [0, 3], [1, 2]));
    stage.sync_ok();
    assert_eq!((subjects(&stage).len(), places(&stage, OTHER)), (3, [0, 3]));
}
