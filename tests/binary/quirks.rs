//! The sample mailbox before servers of every kind: the CRM ends up with the same records, and then it is quiet.

use std::collections::BTreeSet;

use crmsync::sandbox::imap::{ImapHandle, Quirks, SandboxImapOptions};
use crmsync::sandbox::samples;

use super::stage::{Stage, USER};

type Record = (String, String, String, Option<String>, Vec<String>, Vec<String>);

/// What the CRM has of each mail, apart from numbers and times.
fn outcome(stage: &Stage) -> BTreeSet<Record> {
    let activities = stage.activities();
    let records: BTreeSet<Record> = activities
        .iter()
        .map(|activity| {
            let linked = activity.linked.iter().map(|record| format!("{record:?}")).collect();
            let (subject, status) = (activity.subject.clone(), activity.status.clone());
            let attachments = activity.attachments.iter().map(|attachment| format!("{attachment:?}")).collect();
            (subject, activity.activity_type.clone(), status, activity.message_id.clone(), linked, attachments)
        })
        .collect();
    assert_eq!(records.len(), activities.len(), "no record stands there twice");
    records
}

/// Every mail of every mailbox, by its bytes.
fn mails(imap: &ImapHandle) -> Vec<Vec<u8>> {
    let mut mails: Vec<Vec<u8>> =
        imap.mailboxes(USER).iter().flat_map(|mailbox| imap.mails(USER, mailbox)).map(|mail| mail.raw.to_vec()).collect();
    mails.sort();
    mails
}

fn import(name: &str, options: SandboxImapOptions, mail: &str) -> BTreeSet<Record> {
    let stage = Stage::new(options, mail);
    samples::populate(&stage.imap);
    let before = mails(&stage.imap);
    let answer = stage.sync_ok();
    assert_eq!(answer["areas"]["mail"]["left"], 0, "{name}: {answer}");
    assert_eq!(mails(&stage.imap), before, "{name}: no mail is lost, doubled or changed");
    let outcome = outcome(&stage);
    stage.assert_quiet(name);
    assert_eq!(mails(&stage.imap), before, "{name}");
    outcome
}

fn servers() -> Vec<(&'static str, SandboxImapOptions)> {
    let like = |quirks| SandboxImapOptions { quirks, ..SandboxImapOptions::default() };
    let mut wrong_sizes = like(Quirks { offers_move: false, ..Quirks::dovecot() });
    wrong_sizes.quirks.size_error = 7;
    vec![
        ("dovecot", like(Quirks::dovecot())),
        ("cyrus", like(Quirks::cyrus())),
        ("courier", SandboxImapOptions::courier()),
        ("stalwart", like(Quirks::stalwart())),
        ("davmail", like(Quirks::davmail())),
        ("wrong sizes", wrong_sizes),
        ("names as literals", like(Quirks { list_names: crmsync::sandbox::imap::ListNames::Literals, ..Quirks::dovecot() })),
    ]
}

fn same_everywhere(mail: &str) {
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = servers().into_iter().map(|(name, options)| (name, scope.spawn(move || import(name, options, mail)))).collect();
        runs.into_iter().map(|(name, run)| (name, run.join().unwrap())).collect()
    });
    let (_, first) = &outcomes[0];
    assert!(!first.is_empty());
    for (name, outcome) in &outcomes {
        assert_eq!(outcome, first, "{name} is imported like dovecot");
    }
}

#[test]
fn the_sample_folders_are_imported_alike_from_every_server() {
    same_everywhere("selectors = [\"folder\"]\nmarks = [\"move\"]");
}

#[test]
fn folders_and_category_with_all_marks_are_imported_alike_from_every_server() {
    same_everywhere("selectors = [\"folder\", \"category\"]\nmarks = [\"move\", \"keyword\"]\nretry_hours = 24");
}
