//! Bytes that change under their UID, which no server may do and some do: never two records of one mail, never bytes with another's digest.

use crmsync::model::Digest;
use crmsync::sandbox::crm::{Faults, SandboxCrmOptions};
use crmsync::sandbox::imap::{Fault, SandboxImapOptions, Trigger};

use super::scene::{ARCHIVE, BY_CATEGORY, BY_FOLDER, IMPORT, copies, known};
use super::stage::{Stage, USER};

/// As a gateway hands it on: another trace header.
fn traced(mail: &str) -> String {
    format!("Received: from mx.example by store.example; Mon, 16 Nov 2026 10:00:09 +0100\r\n{mail}")
}

/// With a text that somebody added.
fn stamped(mail: &str) -> String {
    format!("{mail}\r\n[checked for viruses]\r\n")
}

type Change = fn(&str) -> String;
const CHANGES: [(&str, Change); 2] = [("another header", traced), ("another text", stamped)];

/// One record, whose bytes are one of the forms and agree with its digest.
fn assert_one_sound_record(stage: &Stage, forms: &[&str], context: &str) {
    let activities = stage.activities();
    assert_eq!(activities.len(), 1, "{context}: {activities:?}");
    let raw = stage.crm.raw(&activities[0]).unwrap();
    assert_eq!(activities[0].raw_digest, Digest::of(&raw), "{context}: the digest is that of the bytes");
    assert!(forms.iter().any(|form| form.as_bytes() == raw), "{context}: bytes that the server once held");
}

fn stage(mail: &str, crm: SandboxCrmOptions, mailbox: &str, flags: &[&str]) -> (Stage, String) {
    let (stage, letter) = (Stage::with(SandboxImapOptions::default(), crm, mail), known("Offer one"));
    stage.imap.append(USER, mailbox, letter.clone(), flags);
    (stage, letter)
}

#[test]
fn rewritten_between_the_look_at_its_size_and_the_fetch_of_its_body() {
    for (name, change) in CHANGES {
        for nth in 1..=2 {
            let (stage, mail) = stage(BY_FOLDER, SandboxCrmOptions::default(), IMPORT, &[]);
            let after = change(&mail);
            let other = after.clone();
            stage.imap.fault(Trigger::nth("UID FETCH", nth), Fault::run(move |imap| imap.rewrite(USER, IMPORT, 1, other.clone())));
            let context = format!("{name} before UID FETCH {nth}");
            stage.sync_until_ok(2, &context);
            assert_one_sound_record(&stage, &[&mail, &after], &context);
            assert_eq!((stage.imap.count(USER, IMPORT), stage.imap.count(USER, ARCHIVE)), (0, 1), "{context}");
            stage.assert_quiet(&context);
        }
    }
}

#[test]
fn rewritten_while_an_answer_of_the_crm_is_lost() {
    let faults = [
        ("answer lost", Faults { lost_answers: 10, ..Faults::default() }),
        ("busy", Faults { too_many_requests: 1, retry_after: 3_600, ..Faults::default() }),
    ];
    for (name, change) in CHANGES {
        for (fault, faults) in faults.clone() {
            let (stage, mail) = stage(BY_FOLDER, SandboxCrmOptions { faults, ..SandboxCrmOptions::default() }, IMPORT, &[]);
            let context = format!("{name}, {fault}");
            stage.sync();
            let after = change(&mail);
            if stage.imap.count(USER, IMPORT) == 1 {
                stage.imap.rewrite(USER, IMPORT, 1, after.clone());
            }
            stage.crm.set_faults(Faults::default());
            stage.sync_until_ok(2, &context);
            assert_one_sound_record(&stage, &[&mail, &after], &context);
            assert_eq!(copies(&stage, IMPORT, &mail) + copies(&stage, IMPORT, &after), 0, "{context}");
            stage.assert_quiet(&context);
        }
    }
}

#[test]
fn rewritten_while_its_mark_waits() {
    for (name, change) in CHANGES {
        let (stage, mail) = stage(BY_CATEGORY, SandboxCrmOptions::default(), "INBOX", &["CRMcorner"]);
        stage.imap.fault(Trigger::every("UID STORE"), Fault::Answer("NO [NOPERM] Permission denied".to_owned()));
        stage.sync_ok();
        assert_eq!(stage.parked().len(), 1, "{name}");
        stage.imap.clear_faults();
        let after = change(&mail);
        stage.imap.rewrite(USER, "INBOX", 1, after.clone());
        stage.json(&["parked", "retry"]);
        stage.sync_ok();
        assert_one_sound_record(&stage, &[&mail, &after], name);
        assert_eq!(stage.parked(), [], "{name}");
        let mails = stage.imap.mails(USER, "INBOX");
        assert!(mails[0].has("Processed") && !mails[0].has("CRMcorner"), "{name}: {:?}", mails[0].flags);
        stage.assert_quiet(name);
    }
}

#[test]
fn rewritten_after_it_was_imported_in_place() {
    for (name, change) in CHANGES {
        let settings = "selectors = [\"folder\"]\nmarks = []";
        let (stage, mail) = stage(settings, SandboxCrmOptions::default(), IMPORT, &[]);
        stage.sync_ok();
        stage.imap.rewrite(USER, IMPORT, 1, change(&mail));
        stage.sync_ok();
        assert_one_sound_record(&stage, &[&mail], name);
        stage.assert_quiet(name);
    }
}
