//! Logs hold no secret, no address and no subject; what leaves the machine is what the settings allow.

use crmsync::sandbox::crm::Faults;
use crmsync::sandbox::imap::{Fault, SandboxImapOptions, Trigger};

use super::scene::{BY_FOLDER, IMPORT, Scene, known};
use super::stage::{SYNC, Stage, USER};

const PASSWORD: &str = "s3cret-Pa55word";
const TOKEN: &str = "t0ken-of-anna-xyz";
const PRIVATE: &[&str] = &["clara.hofmann", "who@stranger", "sanne@", "Offer one", "Stranger four", "Awkward six", "scene.example"];

fn stage() -> Stage {
    let mut stage = Stage::with(
        SandboxImapOptions::default(),
        crmsync::sandbox::crm::SandboxCrmOptions { token: Some(TOKEN.to_owned()), ..Default::default() },
        BY_FOLDER,
    );
    stage.imap.set_user(&crmsync::sandbox::imap::User::new(USER, PASSWORD));
    PASSWORD.clone_into(&mut stage.password);
    Scene::new().fill_folders(&stage);
    stage.imap.append(USER, IMPORT, known("Awkward six"), &[]);
    stage
}

#[test]
fn logs_of_runs_with_faults_name_no_secret_address_or_subject() {
    let stage = stage();
    let crm_faults = [
        Faults { poison_subject: "Awkward".to_owned(), ..Faults::default() },
        Faults { reject_subject: "Awkward".to_owned(), ..Faults::default() },
        Faults { garbage: 5, ..Faults::default() },
        Faults { lost_answers: 1, ..Faults::default() },
        Faults { unauthorized: 1, ..Faults::default() },
        Faults::default(),
    ];
    let imap_faults = [
        ("UID FETCH", Fault::Answer("NO broken".to_owned())),
        ("UID FETCH", Fault::Truncate(600)),
        ("UID MOVE", Fault::Answer("NO not now".to_owned())),
        ("SELECT", Fault::DropAfter),
    ];
    let imap_faults = imap_faults.into_iter().map(|fault| (Faults::default(), Some(fault)));
    let rounds = crm_faults.into_iter().map(|faults| (faults, None)).chain(imap_faults);
    for (round, (faults, imap_fault)) in rounds.enumerate() {
        stage.crm.set_faults(faults);
        if let Some((command, fault)) = imap_fault {
            stage.imap.fault(Trigger::next(command), fault);
        }
        stage.imap.append(USER, IMPORT, known(&format!("Awkward six {round}")), &[]);
        let finished = stage.sync();
        let told = finished.stderr.as_str();
        for secret in [PASSWORD, TOKEN] {
            assert!(!told.contains(secret) && !finished.stdout.contains(secret), "round {round}: {finished:?}");
        }
        // Without --json the command tells people which mails wait; with it, only logs and failures go to standard error.
        for private in PRIVATE {
            assert!(!told.contains(private), "round {round}: {private} in {told}");
        }
        stage.json(&["parked", "retry"]);
        stage.imap.clear_faults();
    }
}

#[test]
fn no_secret_stands_in_any_log_however_much_is_told() {
    let mut stage = stage();
    for password in [PASSWORD, "wr0ng-Pa55word"] {
        stage.password = password.to_owned();
        let finished = stage.run(&[SYNC, &["-vv"]].concat()).sane();
        for secret in [PASSWORD, "wr0ng-Pa55word", TOKEN] {
            assert!(!finished.stderr.contains(secret) && !finished.stdout.contains(secret), "{finished:?}");
            let encoded = data_encoding::BASE64.encode(format!("\0{USER}\0{secret}").as_bytes());
            assert!(!finished.stderr.contains(&encoded), "{finished:?}");
        }
    }
    for entry in std::fs::read_dir(stage.data_dir()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            for secret in [PASSWORD, TOKEN] {
                assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{}", path.display());
            }
        }
    }
}

#[test]
fn with_information_asked_for_no_address_and_no_subject_is_logged() {
    let stage = stage();
    stage.crm.set_faults(Faults { poison_subject: "Awkward".to_owned(), ..Faults::default() });
    let finished = stage.run(&[SYNC, &["-v"]].concat()).sane();
    for private in PRIVATE {
        assert!(!finished.stderr.contains(private), "{private} in {}", finished.stderr);
    }
}

#[cfg(unix)]
#[test]
fn the_data_folder_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let stage = stage();
    stage.sync_ok();
    for path in [stage.data_dir(), stage.data_dir().join("spool"), stage.data_dir().join("journal.redb")] {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o077;
        assert_eq!(mode, 0, "{}", path.display());
    }
}
