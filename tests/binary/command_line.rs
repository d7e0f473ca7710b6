//! What the command line promises: help, exit codes, one JSON value, faults with their place.

use crmsync::sandbox::crm::SandboxCrmOptions;
use crmsync::sandbox::imap::SandboxImapOptions;
use serde_json::Value;

use super::scene::{BY_CATEGORY, BY_FOLDER, IMPORT, Scene, copies, known, letter, records, subject};
use super::stage::{Stage, USER, run_bare};

const COMMANDS: &[&[&str]] = &[
    &["demo"],
    &["setup"],
    &["sign-in"],
    &["sign-out"],
    &["doctor"],
    &["sync"],
    &["status"],
    &["imported"],
    &["parked"],
    &["parked", "list"],
    &["parked", "retry"],
    &["parked", "ignore"],
    &["why"],
    &["audit"],
    &["unlock"],
    &["config"],
    &["config", "example"],
    &["config", "check"],
    &["config", "show"],
    &["config", "path"],
    &["journal"],
    &["journal", "check"],
    &["journal", "compact"],
    &["journal", "export"],
    &["journal", "forget-account"],
    &["openapi"],
    &["completions"],
    &["man"],
    &["sandbox"],
    &["sandbox", "crm"],
    &["sandbox", "imap"],
];

fn imported() -> (Stage, Scene) {
    let stage = Stage::new(SandboxImapOptions::default(), BY_FOLDER);
    let scene = Scene::new();
    scene.fill_folders(&stage);
    stage.sync_ok();
    (stage, scene)
}

#[test]
fn every_command_has_help() {
    let all = run_bare(&["--help"]);
    assert_eq!(all.code, Some(0));
    for command in COMMANDS {
        let help = run_bare(&[*command, &["--help"]].concat());
        assert_eq!(help.code, Some(0), "{command:?}: {help:?}");
        assert!(help.stdout.contains("Usage:") && help.stderr.is_empty(), "{command:?}: {help:?}");
        assert!(all.stdout.contains(command[0]), "{command:?} is listed");
    }
    assert_eq!(run_bare(&["--version"]).stdout.trim(), format!("crmsync {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_wrong_command_line_is_told_on_standard_error() {
    for arguments in [&["snyc"][..], &["sync", "--area", "nonsense"], &["sync", "--batch"], &["imported", "--all", "--today"], &["why"]] {
        let wrong = run_bare(arguments);
        assert!(matches!(wrong.code, Some(2 | 64)), "{arguments:?}: {wrong:?}");
        assert!(wrong.stdout.is_empty() && !wrong.stderr.is_empty(), "{wrong:?}");
    }
}

#[test]
fn json_answers_are_one_value_each() {
    let (stage, _) = imported();
    let sync = stage.sync_ok();
    for key in ["id", "account", "started_at", "ended_at", "areas", "items", "traffic"] {
        assert!(!sync[key].is_null(), "{key}: {sync}");
    }
    let preview = stage.json(&["sync", "--dry-run"]);
    assert!(preview["mails"].is_array(), "{preview}");
    for arguments in [
        &["status"][..],
        &["imported"],
        &["imported", "--today"],
        &["imported", "--unassigned"],
        &["imported", "--all"],
        &["parked"],
        &["why", "Offerone@scene.example"],
        &["audit", "mail"],
        &["unlock"],
        &["doctor"],
        &["config", "check"],
        &["config", "show"],
        &["config", "show", "--offline"],
        &["config", "path"],
        &["journal", "check"],
        &["journal", "compact"],
    ] {
        let answer = stage.json(arguments);
        assert!(answer.is_object() || answer.is_array(), "{arguments:?}: {answer}");
        let people = stage.run(arguments).sane();
        assert_eq!(people.code, Some(0), "{arguments:?}: {people:?}");
        assert!(!people.stdout.trim().is_empty(), "{arguments:?}: it says something");
    }
    let openapi: Value = run_bare(&["openapi"]).json();
    assert_eq!(openapi["openapi"], "3.1.0");
}

#[test]
fn json_is_given_when_the_run_fails_too() {
    let (stage, _) = imported();
    stage
        .imap
        .fault(crmsync::sandbox::imap::Trigger::every("LIST"), crmsync::sandbox::imap::Fault::Answer("NO [UNAVAILABLE] later".to_owned()));
    let failed = stage.sync();
    assert_eq!(failed.code, Some(75), "{failed:?}");
    let answer = failed.json();
    assert!(answer["error"].as_str().is_some_and(|text| !text.is_empty()), "{answer}");
    assert!(!failed.stderr.is_empty(), "it is told on standard error");
}

#[test]
fn r55_nothing_is_written_without_consent() {
    let stage = Stage::new(SandboxImapOptions::default(), BY_FOLDER);
    let scene = Scene::new();
    scene.fill_folders(&stage);
    let refused = stage.run(&["sync", "--all"]).sane();
    assert_eq!(refused.code, Some(77), "{refused:?}");
    assert!(refused.stderr.contains("--yes"), "{refused:?}");
    assert_eq!((stage.activities().len(), stage.posts()), (0, 0));
    // A preview writes nothing either.
    stage.imap.reset_counters();
    let preview = stage.json(&["sync", "--dry-run"]);
    assert_eq!(preview["mails"].as_array().unwrap().len(), 6, "{preview}");
    for command in ["UID STORE", "UID MOVE", "UID COPY", "CREATE"] {
        assert_eq!(stage.imap.counters().of(command), 0, "{command}");
    }
    assert_eq!((stage.activities().len(), stage.posts()), (0, 0));
    assert_eq!(stage.run(&["sync", "--all"]).code, Some(77), "a preview is no consent");
    // Once agreed, it is recorded.
    stage.sync_ok();
    assert_eq!(stage.run(&["sync", "--all"]).code, Some(0));
}

#[test]
fn x31_faults_of_the_configuration_are_named_with_file_line_and_column() {
    let stage = Stage::new(SandboxImapOptions::default(), BY_FOLDER);
    let sound = std::fs::read_to_string(stage.config_file()).unwrap();
    let file = stage.config_file().display().to_string();
    for (broken, place, word) in [
        (sound.replace("[\"folder\"]", "[\"foldr\"]"), ":8:14", "folder"),
        (sound.replace("marks =", "markz ="), ":9:", "mail.marks"),
        (sound.replace("port = ", "port = 7"), ":16:", "port"),
        (sound.replace("[mail]", "[mail"), ":5:", ""),
        (sound.replace("{ env = \"TEST_CRM_TOKEN\" }", "\"hunter2hunter2\""), ":3:", "crm.secret"),
    ] {
        std::fs::write(stage.config_file(), &broken).unwrap();
        for arguments in [&["config", "check"][..], &["status"], &["sync"]] {
            let refused = stage.run(arguments).sane();
            assert_eq!(refused.code, Some(78), "{arguments:?}: {refused:?}");
            let told = format!("{}{}", refused.stdout, refused.stderr);
            assert!(told.contains(&format!("{file}{place}")), "{arguments:?} names {place}: {told}");
            assert!(told.contains(word), "{told}");
            assert!(!told.contains("hunter2"), "a secret in the wrong place is not repeated: {told}");
        }
        let check = stage.run(&["config", "check", "--json"]);
        assert_eq!(check.code, Some(78));
        let check = check.json();
        let fault = &check["faults"][0];
        assert!(fault["line"].is_u64() && fault["column"].is_u64() && fault["file"] == file.as_str(), "{check}");
    }
    std::fs::remove_file(stage.config_file()).unwrap();
    let missing = stage.run(&["status"]).sane();
    assert_eq!(missing.code, Some(78), "{missing:?}");
    assert!(missing.stderr.contains("setup") || missing.stderr.contains(&file), "it says what to do: {missing:?}");
}

#[test]
fn a_secret_that_cannot_be_read_is_a_fault_of_the_configuration() {
    let (stage, _) = imported();
    let sound = std::fs::read_to_string(stage.config_file()).unwrap();
    for variable in ["TEST_CRM_TOKEN", "TEST_IMAP_PASSWORD"] {
        std::fs::write(stage.config_file(), sound.replace(variable, "NOT_SET_ANYWHERE")).unwrap();
        let refused = stage.sync();
        assert_eq!(refused.code, Some(78), "{refused:?}");
        assert!(refused.stderr.contains("NOT_SET_ANYWHERE"), "{refused:?}");
    }
}

#[test]
fn r16_a_folder_of_unknown_status_is_parked_shown_and_released() {
    let stage = Stage::new(SandboxImapOptions::default(), BY_FOLDER);
    let strange = "INBOX/Import Folder/CRM Test [XX]";
    let mail = known("Strange six");
    stage.imap.append(USER, strange, mail.clone(), &[]);
    for _ in 0..2 {
        stage.sync_ok();
        assert_eq!((records(&stage, &mail), copies(&stage, strange, &mail)), (0, 1));
        assert_eq!(stage.parked(), [(strange.to_owned(), "unknown-status".to_owned())]);
        assert_eq!(stage.json(&["status"])["parked"], 1);
    }
    let list = stage.run(&["parked"]).stdout;
    assert!(list.contains("CRM Test [XX]"), "{list}");
    stage.json(&["parked", "retry"]);
    stage.sync_ok();
    assert_eq!(stage.parked().len(), 1, "trying again does not make the status known");
    // The user gives it a status that the CRM knows.
    stage.imap.delete_mailbox(USER, strange);
    stage.imap.append(USER, "INBOX/Import Folder/CRM Test [W]", mail.clone(), &[]);
    stage.sync_ok();
    assert_eq!(stage.parked(), []);
    assert_eq!(stage.activities()[0].status, "W");
}

#[test]
fn x3_parked_mails_are_ignored_for_good() {
    let stage = Stage::new(SandboxImapOptions::default(), BY_CATEGORY);
    let scene = Scene::new();
    scene.fill_inbox(&stage);
    stage.sync_ok();
    assert_eq!(stage.parked(), [("Stranger four".to_owned(), "not-found".to_owned())]);
    let why = stage.json(&["why", "<Strangerfour@scene.example>"]);
    assert_eq!(why["parked"][0]["reason"]["code"], "not-found", "{why}");
    let ignored = stage.json(&["parked", "ignore", "stranger.example"]);
    assert_eq!(ignored["released"], 1, "{ignored}");
    assert_eq!(stage.parked(), []);
    // Even when the CRM comes to know the address, and for a new mail.
    stage.crm.change_directory(|directory| directory.contacts[0].addresses.push("who@stranger.example".to_owned()));
    let another = letter("Someone <other@stranger.example>", "Stranger seven");
    stage.imap.append(USER, "INBOX", another.clone(), &["CRMcorner"]);
    stage.sync_ok();
    assert_eq!((records(&stage, &scene.stranger), records(&stage, &another)), (0, 0));
    assert_eq!(stage.parked(), []);
    stage.assert_quiet("ignored");
    let unknown = stage.run(&["parked", "retry", "nothing-like-that"]).sane();
    assert_eq!(unknown.code, Some(66), "{unknown:?}");
}

#[test]
fn i5_a_mail_not_found_is_imported_once_its_address_is_known() {
    let stage = Stage::new(SandboxImapOptions::default(), &BY_CATEGORY.replace("24", "0"));
    let scene = Scene::new();
    scene.fill_inbox(&stage);
    stage.sync_ok();
    stage.crm.change_directory(|directory| directory.contacts[0].addresses.push("who@stranger.example".to_owned()));
    stage.sync_ok();
    assert_eq!(records(&stage, &scene.stranger), 1);
    assert_eq!(stage.parked(), []);
    let mails = stage.imap.mails(USER, "INBOX");
    let stranger = mails.iter().find(|mail| mail.raw == scene.stranger.as_bytes()).unwrap();
    assert!(stranger.has("Processed") && !stranger.has("NotFound") && !stranger.has("CRMcorner"), "{:?}", stranger.flags);
    stage.assert_quiet("found");
}

#[test]
fn x16_why_knows_imported_left_out_and_unknown_mails() {
    let (stage, scene) = imported();
    for id in ["Offerone@scene.example", "<Offerone@scene.example>"] {
        let why = stage.json(&["why", id]);
        assert_eq!(why["settled"].as_array().unwrap().len(), 1, "{why}");
        assert!(why["settled"][0][1]["record"]["id"].as_str().is_some_and(|id| id.starts_with('A')), "{why}");
    }
    let text = stage.run(&["why", "Offerone@scene.example"]).stdout;
    assert!(text.contains("In the CRM as A") && text.contains("Clara Hofmann"), "{text}");
    let text = stage.run(&["why", "Lunchfive@scene.example"]);
    assert_eq!(text.code, Some(0), "{text:?}");
    assert!(text.stdout.contains("LeftOut") || text.stdout.contains("left out"), "{} is left out: {text:?}", subject(&scene.internal));
    let unknown = stage.run(&["why", "never@seen.example"]).sane();
    assert_eq!(unknown.code, Some(66), "{unknown:?}");
    let unknown = stage.run(&["why", "never@seen.example", "--json"]).sane();
    assert_eq!((unknown.code, unknown.json()["settled"].as_array().map(Vec::len)), (Some(66), Some(0)));
}

#[test]
fn audit_finds_mails_that_the_crm_has_lost() {
    let (mut stage, _) = imported();
    let audit = stage.json(&["audit", "mail"]);
    assert_eq!((&audit["checked"], audit["missing"].as_array().unwrap().len()), (&4.into(), 0), "{audit}");
    // The CRM comes back from a backup that holds nothing.
    stage.replace_crm(SandboxCrmOptions::default(), BY_FOLDER);
    let audit = stage.run(&["audit", "mail", "--json"]).sane();
    assert_eq!(audit.code, Some(1), "{audit:?}");
    let audit = audit.json();
    let mut titles: Vec<&str> = audit["missing"].as_array().unwrap().iter().map(|mail| mail["title"].as_str().unwrap()).collect();
    titles.sort_unstable();
    assert_eq!(titles, ["Offer one", "Order two", "Settled three", "Stranger four"]);
    let text = stage.run(&["audit", "mail"]).stdout;
    assert!(text.contains("4 imported mails checked, 4 missing") && text.contains("Order two"), "{text}");
}

#[test]
fn r34_r51_the_quick_searches_find_what_they_say() {
    let day = || chrono::Local::now().date_naive();
    let began = day();
    let (stage, scene) = imported();
    let first_run = stage.json(&["status"])["accounts"][0]["last_run"]["id"].as_str().unwrap().to_owned();
    let new = known("New six");
    stage.imap.append(USER, IMPORT, new.clone(), &[]);
    stage.sync_ok();
    let subjects = |arguments: &[&str]| {
        let found = stage.json(&[&["imported"], arguments].concat());
        let mut subjects: Vec<String> =
            found.as_array().unwrap().iter().map(|activity| activity["subject"].as_str().unwrap().to_owned()).collect();
        subjects.sort();
        subjects
    };
    assert_eq!(subjects(&[]), ["New six"], "the last run");
    assert_eq!(subjects(&["--run", &first_run]), ["Offer one", "Order two", "Settled three", "Stranger four"]);
    assert_eq!(subjects(&["--unassigned"]), [subject(&scene.stranger)]);
    assert_eq!(subjects(&["--all"]).len(), 5);
    let today = subjects(&["--today"]);
    assert!(today.len() == 5 || day() != began, "{today:?}");
    let text = stage.run(&["imported", "--unassigned"]).stdout;
    assert!(text.contains("Stranger four") && text.contains("(unassigned)"), "{text}");
    let before_any_run = Stage::new(SandboxImapOptions::default(), BY_FOLDER);
    let none = before_any_run.run(&["imported"]).sane();
    assert_eq!(none.code, Some(66), "{none:?}");
}

#[test]
fn the_journal_is_exported_compacted_checked_and_forgotten() {
    let (stage, scene) = imported();
    let export = stage.run(&["journal", "export"]).sane();
    assert_eq!(export.code, Some(0));
    assert!(export.stdout.lines().count() > 10);
    for line in export.stdout.lines() {
        let record: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(record.is_object(), "{line}");
    }
    let file = stage.data_dir().join("export.jsonl");
    let written = stage.run(&["journal", "export", "--output", &file.display().to_string()]).sane();
    assert_eq!((written.code, std::fs::read_to_string(&file).unwrap()), (Some(0), export.stdout));
    assert!(!std::fs::read_to_string(&file).unwrap().contains("\"demo\""), "no password in the export");
    stage.json(&["journal", "compact"]);
    stage.json(&["journal", "check"]);
    let asked = stage.run(&["journal", "forget-account", "work"]).sane();
    assert_eq!(asked.code, Some(77), "without --yes nothing is forgotten: {asked:?}");
    stage.assert_quiet("compacted");
    stage.json(&["journal", "forget-account", "work", "--yes"]);
    let why = stage.run(&["why", "Offerone@scene.example"]);
    assert_eq!(why.code, Some(66), "{why:?}");
    let refused = stage.run(&["sync", "--all"]).sane();
    assert_eq!(refused.code, Some(77), "consent is forgotten too: {refused:?}");
    stage.imap.append(USER, IMPORT, scene.order.clone(), &[]);
    stage.sync_ok();
    assert_eq!(stage.activities().len(), 4, "nothing is doubled");
    stage.assert_quiet("forgotten");
}

#[test]
fn a_broken_journal_is_told_and_can_be_moved_away() {
    let (stage, _) = imported();
    let journal = stage.data_dir().join("journal.redb");
    let mut bytes = std::fs::read(&journal).unwrap();
    let len = bytes.len();
    bytes[..len.min(4096)].fill(0x5A);
    std::fs::write(&journal, &bytes).unwrap();
    for arguments in [super::stage::SYNC, &["status"], &["journal", "check"]] {
        let refused = stage.run(arguments).sane();
        assert!(matches!(refused.code, Some(65 | 74)), "{arguments:?}: {refused:?}");
        assert!(!refused.stderr.is_empty());
    }
    std::fs::rename(&journal, stage.data_dir().join("broken")).unwrap();
    stage.sync_ok();
    assert_eq!(stage.activities().len(), 4);
}

#[test]
fn two_runs_at_the_same_time_do_not_share_a_journal() {
    let (stage, _) = imported();
    let (reached, reach) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel();
    let (reached, released) = (std::sync::Mutex::new(reached), std::sync::Mutex::new(released));
    // The first run stays at its LIST until the second one has ended.
    stage.imap.fault(
        crmsync::sandbox::imap::Trigger::next("LIST"),
        crmsync::sandbox::imap::Fault::run(move |_| {
            reached.lock().unwrap().send(()).unwrap();
            tokio::task::block_in_place(|| released.lock().unwrap().recv().unwrap());
        }),
    );
    std::thread::scope(|scope| {
        let first = scope.spawn(|| stage.sync());
        reach.recv().unwrap();
        let second = stage.run_beside(super::stage::SYNC);
        release.send(()).unwrap();
        assert_eq!(second.code, Some(75), "{second:?}");
        assert_eq!(first.join().unwrap().code, Some(0));
    });
}

#[test]
fn the_demo_shows_it_working() {
    let demo = run_bare(&["demo", "--once", "--json"]);
    assert_eq!(demo.code, Some(0), "{demo:?}");
    let answer = demo.json();
    assert!(answer["areas"]["mail"]["changed"].as_u64().unwrap() > 15, "{answer}");
    assert!(answer["areas"]["contacts"]["changed"].as_u64().unwrap() >= 4, "{answer}");
    let outcomes: Vec<&str> =
        answer["contacts"]["items"].as_array().unwrap().iter().map(|item| item["outcome"].as_str().unwrap()).collect();
    assert!(outcomes.contains(&"imported") && outcomes.contains(&"updated"), "{answer}");
    let people = run_bare(&["demo", "--once"]);
    assert_eq!(people.code, Some(0), "{people:?}");
    assert!(people.stdout.contains("E-mail") && people.stdout.contains("Count"), "{people:?}");
}

#[test]
fn completions_and_manual_pages_are_printed() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let completions = run_bare(&["completions", shell]);
        assert!(completions.code == Some(0) && completions.stdout.contains("crmsync"), "{shell}");
    }
    let man = run_bare(&["man"]);
    assert!(man.code == Some(0) && man.stdout.contains(".TH"), "{man:?}");
    let folder = tempfile::tempdir().unwrap();
    let pages = run_bare(&["man", "--dir", &folder.path().display().to_string()]);
    assert_eq!(pages.code, Some(0), "{pages:?}");
    assert!(std::fs::read_dir(folder.path()).unwrap().count() > 10);
    let example = run_bare(&["config", "example"]);
    assert!(example.code == Some(0) && example.stdout.contains("[crm]"), "{example:?}");
}
