//! The whole program against real mail servers and the sandbox CRM. Started by `tests/run`, which starts the servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on ends")]

mod support;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use support::agent::{Account, Agent, Finished, SYNC, Sync};
use support::crm::{Activity, SandboxCrm};
use support::imap::Message;
use support::mails::{Letter, with_crlf};
use support::servers::{Server, User};

const ANNA: &str = "anna@firma.example";
const BERT: &str = "bert@firma.example";
const CUSTOMER: &str = "kontakt@kunde.example";
const STRANGER: &str = "wer@nirgends.example";

/// Makes of every scenario a test on every server.
macro_rules! on_every_server {
    ($($scenario:ident),* $(,)?) => {
        on_every_server!(@server dovecot $($scenario)*);
        on_every_server!(@server dovecot_nomove $($scenario)*);
        on_every_server!(@server dovecot_dots $($scenario)*);
        on_every_server!(@server cyrus $($scenario)*);
        on_every_server!(@server courier $($scenario)*);
    };
    (@server $server:ident $($scenario:ident)*) => {
        mod $server {
            $(#[test]
            fn $scenario() {
                super::$scenario(&super::Server::$server());
            })*
        }
    };
}

on_every_server!(
    r11_r18_a_folder_is_imported_and_archived_and_the_next_run_is_quiet,
    i2_x11_a_mail_moved_back_or_a_lost_journal_doubles_nothing,
    r12_the_inbox_is_imported_and_never_moved,
    r20_r22_a_category_is_replaced_and_the_unknown_is_marked_until_its_address_is_known,
    r14_r16_sub_folders_give_their_status_and_an_unknown_one_waits_as_a_whole,
    v12_colleagues_and_sent_copies_make_one_activity,
    i9_a_killed_run_is_taken_up_without_loss_or_double,
    i11_every_file_of_the_corpus_is_dealt_with_and_kept_to_the_byte,
);

/// A mail from the customer to Anna, told apart by its id.
fn from_customer(id: &str) -> Vec<u8> {
    letter(id, CUSTOMER, ANNA)
}

fn letter(id: &str, from: &str, to: &str) -> Vec<u8> {
    Letter { message_id: id, from, to, subject: &format!("Betreff {id}") }
        .bytes("from mx.example by mail.example; Mon, 16 Nov 2026 09:30:01 +0100")
}

fn import_folder(user: &User) -> String {
    user.child(&["Import Folder"])
}

fn archive(user: &User) -> String {
    user.child(&["CRM activities"])
}

/// An import folder with these mails.
fn seed(user: &User, mails: &[Vec<u8>]) {
    let mut imap = user.connect();
    imap.create(&import_folder(user));
    for mail in mails {
        imap.append(&import_folder(user), &[], mail);
    }
}

fn anna(user: &User, crm: &SandboxCrm, mail: &str) -> Agent {
    Agent::new(&Account::plain(user, ANNA), crm, mail)
}

fn ids(activities: &[Activity]) -> Vec<String> {
    let mut ids: Vec<String> = activities.iter().map(|activity| activity.message_id.clone()).collect();
    ids.sort();
    ids
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn flags_of<'a>(messages: &'a [Message], id: &str) -> &'a BTreeSet<String> {
    &messages.iter().find(|message| message.message_id == id).unwrap_or_else(|| panic!("no {id} in {messages:?}")).flags
}

fn has_keyword(flags: &BTreeSet<String>, keyword: &str) -> bool {
    flags.iter().any(|flag| flag.eq_ignore_ascii_case(keyword))
}

fn r11_r18_a_folder_is_imported_and_archived_and_the_next_run_is_quiet(server: &Server) {
    let (user, crm) = (server.user(), SandboxCrm::start());
    let folder = import_folder(&user);
    seed(&user, &[from_customer("a1@k"), from_customer("a2@k"), letter("a4@k", STRANGER, ANNA), letter("a5@k", BERT, ANNA)]);
    user.connect().append(&folder, &["\\Seen", "\\Flagged"], &letter("a3@k", ANNA, CUSTOMER));
    let agent = anna(&user, &crm, "");

    let first = agent.sync();

    assert_eq!(first.with_outcome("imported"), 4, "{first:?}");
    let left_out: Vec<_> = first.outcomes().into_iter().filter(|(_, outcome, _)| outcome == "left-out").collect();
    assert_eq!(left_out, [("Betreff a5@k".to_owned(), "left-out".to_owned(), "internal-only".to_owned())]);
    let activities = crm.activities();
    assert_eq!(ids(&activities), strings(&["a1@k", "a2@k", "a3@k", "a4@k"]));
    for activity in &activities {
        let unassigned = activity.message_id == "a4@k";
        assert_eq!(activity.linked.is_empty(), unassigned, "{activity:?}");
        assert_eq!(activity.status, "I");
    }
    let mut imap = user.connect();
    assert_eq!(imap.message_ids(&folder), strings(&["a5@k"]));
    let archived = imap.messages(&archive(&user));
    assert_eq!(imap.message_ids(&archive(&user)), strings(&["a1@k", "a2@k", "a3@k", "a4@k"]));
    assert!(!flags_of(&archived, "a1@k").contains("\\Seen"), "an unread mail stays unread");
    assert!(flags_of(&archived, "a3@k").is_superset(&["\\Seen".to_owned(), "\\Flagged".to_owned()].into()), "flags travel along");

    let (posted, in_folder) = (crm.batches(), imap.messages(&folder));
    let second = agent.sync();

    assert_eq!((second.mail("changed"), second.mail("errors")), (0, 0), "{second:?}");
    assert_eq!(crm.batches(), posted, "nothing is sent to the CRM again");
    let mut imap = user.connect();
    assert_eq!(imap.messages(&archive(&user)), archived);
    assert_eq!(imap.messages(&folder), in_folder);
    let audit = agent.run(&["audit", "mail", "--json"]);
    assert_eq!(audit.code, Some(0), "{audit:?}");
}

fn i2_x11_a_mail_moved_back_or_a_lost_journal_doubles_nothing(server: &Server) {
    let (user, crm) = (server.user(), SandboxCrm::start());
    seed(&user, &[from_customer("b1@k"), from_customer("b2@k")]);
    let agent = anna(&user, &crm, "");
    agent.sync();
    let move_back = || {
        let mut imap = user.connect();
        for message in imap.messages(&archive(&user)) {
            imap.move_mail(&archive(&user), message.uid, &import_folder(&user));
        }
    };

    move_back();
    let again = agent.sync();
    assert_eq!(again.with_outcome("imported"), 0, "{again:?}");
    assert_eq!(ids(&crm.activities()), strings(&["b1@k", "b2@k"]));
    assert_eq!(user.connect().message_ids(&archive(&user)), strings(&["b1@k", "b2@k"]), "and archived again");

    agent.lose_the_journal();
    let unmoved = agent.sync();
    assert_eq!(unmoved.with_outcome("imported"), 0, "{unmoved:?}");
    agent.lose_the_journal();
    move_back();
    let rebuilt = agent.sync();
    assert_eq!(rebuilt.with_outcome("imported"), 0, "{rebuilt:?}");
    assert_eq!(ids(&crm.activities()), strings(&["b1@k", "b2@k"]));
    assert_eq!(user.connect().message_ids(&archive(&user)), strings(&["b1@k", "b2@k"]));
}

fn r12_the_inbox_is_imported_and_never_moved(server: &Server) {
    let (user, crm) = (server.user(), SandboxCrm::start());
    let mut imap = user.connect();
    imap.append("INBOX", &[], &from_customer("c1@k"));
    imap.append("INBOX", &["\\Seen"], &from_customer("c2@k"));
    let agent = anna(&user, &crm, "selectors = [\"inbox\"]");

    agent.sync();

    assert_eq!(ids(&crm.activities()), strings(&["c1@k", "c2@k"]));
    let messages = user.connect().messages("INBOX");
    assert_eq!(messages.len(), 2, "nothing is moved");
    assert!(messages.iter().all(|message| has_keyword(&message.flags, "Processed")), "{messages:?}");
    assert!(!flags_of(&messages, "c1@k").contains("\\Seen"));
    assert!(flags_of(&messages, "c2@k").contains("\\Seen"));

    user.connect().append("INBOX", &[], &from_customer("c3@k"));
    assert_eq!(agent.sync().with_outcome("imported"), 1);
    assert_eq!(ids(&crm.activities()), strings(&["c1@k", "c2@k", "c3@k"]));
}

fn r20_r22_a_category_is_replaced_and_the_unknown_is_marked_until_its_address_is_known(server: &Server) {
    let (user, crm) = (server.user(), SandboxCrm::start());
    let mut imap = user.connect();
    imap.append("INBOX", &["CRMcorner"], &from_customer("d1@k"));
    imap.append("INBOX", &["CRMcorner", "\\Seen"], &letter("d2@k", STRANGER, ANNA));
    imap.append("INBOX", &[], &from_customer("d3@k"));
    let agent = anna(&user, &crm, "selectors = [\"category\"]");

    let first = agent.sync();

    assert_eq!((first.with_outcome("imported"), first.with_outcome("not-found")), (1, 1), "{first:?}");
    assert_eq!(ids(&crm.activities()), strings(&["d1@k"]));
    let messages = user.connect().messages("INBOX");
    assert!(has_keyword(flags_of(&messages, "d1@k"), "Processed") && !has_keyword(flags_of(&messages, "d1@k"), "CRMcorner"));
    let unknown = flags_of(&messages, "d2@k");
    assert!(has_keyword(unknown, "NotFound") && has_keyword(unknown, "CRMcorner") && unknown.contains("\\Seen"), "{unknown:?}");
    assert_eq!(flags_of(&messages, "d3@k"), &BTreeSet::new(), "a mail without the category is left alone");

    let unchanged = agent.sync();
    assert_eq!(unchanged.with_outcome("imported"), 0, "{unchanged:?}");
    assert_eq!(user.connect().messages("INBOX"), messages, "a mail that is still unknown is not marked again");

    crm.add_contact("Wer Weiß", STRANGER);
    let third = agent.sync();
    assert_eq!(third.with_outcome("imported"), 1, "NotFound is not final (I5): {third:?}");
    let messages = user.connect().messages("INBOX");
    let known = flags_of(&messages, "d2@k");
    assert!(has_keyword(known, "Processed") && !has_keyword(known, "NotFound") && !has_keyword(known, "CRMcorner"), "{known:?}");
}

fn r14_r16_sub_folders_give_their_status_and_an_unknown_one_waits_as_a_whole(server: &Server) {
    let (user, crm) = (server.user(), SandboxCrm::start());
    let folders = [
        ("e1@k", user.child(&["Import Folder", "CRM Erledigt [E]"])),
        ("e2@k", user.child(&["CRM Wartet auf Rückmeldung [W]"])),
        ("e3@k", user.child(&["Import Folder", "CRM Überfällig [Ü]"])),
        ("e4@k", user.child(&["Import Folder", "Projekte", "Nord"])),
    ];
    seed(&user, &[from_customer("e0@k")]);
    let mut imap = user.connect();
    for (id, folder) in &folders {
        imap.create(folder);
        imap.append(folder, &[], &from_customer(id));
    }
    let agent = anna(&user, &crm, "");

    let first = agent.sync();

    let mut statuses: Vec<(String, String)> = crm.activities().into_iter().map(|activity| (activity.message_id, activity.status)).collect();
    statuses.sort();
    let expected = [("e0@k", "I"), ("e1@k", "E"), ("e2@k", "W"), ("e4@k", "I")].map(|(id, status)| (id.to_owned(), status.to_owned()));
    assert_eq!(statuses, expected, "{first:?}");
    let mut imap = user.connect();
    assert_eq!(imap.message_ids(&folders[2].1), strings(&["e3@k"]), "the mails of an unknown folder stay");
    assert_eq!(imap.message_ids(&archive(&user)), strings(&["e0@k", "e1@k", "e2@k", "e4@k"]));
    let parked = agent.json(&["parked", "list"]);
    let parked = parked.as_array().unwrap();
    assert_eq!(parked.len(), 1, "{parked:?}");
    assert_eq!(parked[0]["reason"]["code"], "unknown-status");

    // The user gives the folder a key that the CRM knows.
    imap.rename(&folders[2].1, &user.child(&["Import Folder", "CRM Überfällig [O]"]));
    agent.sync();
    let activities = crm.activities();
    assert_eq!(activities.len(), 5);
    assert!(activities.iter().any(|activity| activity.message_id == "e3@k" && activity.status == "O"), "{activities:?}");
    assert_eq!(agent.json(&["parked", "list"]), serde_json::json!([]), "nothing waits any more");
}

fn v12_colleagues_and_sent_copies_make_one_activity(server: &Server) {
    let crm = SandboxCrm::start();
    let (annas, berts) = (server.user(), server.user());
    let both = &format!("{ANNA}, {BERT}");
    let received = Letter { message_id: "f1@k", from: CUSTOMER, to: both, subject: "An beide" };
    let sent_to = &format!("{CUSTOMER}, {BERT}");
    let sent = Letter { message_id: "f2@k", from: ANNA, to: sent_to, subject: "Von Anna" };
    seed(&annas, &[received.bytes("from mx by anna; Mon, 16 Nov 2026 09:30:01 +0100"), sent.bytes("by anna's own program")]);
    seed(&berts, &[received.bytes("from mx by bert; Mon, 16 Nov 2026 09:30:07 +0100"), sent.bytes("from anna by bert")]);
    let anna = anna(&annas, &crm, "");
    let bert = Agent::new(&Account::plain(&berts, BERT), &crm.as_employee("bert"), "");

    let first = anna.sync();
    let second = bert.sync();

    assert_eq!(first.with_outcome("imported"), 2, "{first:?}");
    assert_eq!(second.with_outcome("joined"), 2, "{second:?}");
    let activities = crm.activities();
    assert_eq!(ids(&activities), strings(&["f1@k", "f2@k"]));
    assert!(activities.iter().all(|activity| activity.employees == 2), "{activities:?}");
    assert_eq!(berts.connect().message_ids(&archive(&berts)), strings(&["f1@k", "f2@k"]));
}

/// Waits until the server has carried out what a killed client had sent.
fn settled(user: &User) {
    let look = || {
        let mut imap = user.connect();
        [import_folder(user), archive(user)].map(|mailbox| imap.messages(&mailbox))
    };
    let mut before = look();
    support::wait_for("a mailbox that is at rest", Duration::from_mins(2), || {
        std::thread::sleep(Duration::from_millis(100));
        let now = look();
        let rests = now == before;
        before = now;
        rests.then_some(())
    });
}

/// A small generator, so that a printed seed tells the whole story.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

fn i9_a_killed_run_is_taken_up_without_loss_or_double(server: &Server) {
    const ROUNDS: usize = 9;
    const MAILS_A_ROUND: usize = 20;
    let seed_value = std::env::var("CRMSYNC_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |since| since.as_nanos() as u64) | 1
    });
    println!("{}: CRMSYNC_TEST_SEED={seed_value}", server.name);
    let mut dice = Dice(seed_value);
    // Small batches, so that there are many borders to die at.
    let (user, crm) = (server.user(), SandboxCrm::with_batches_of(7));
    let expected: Vec<String> = (0..ROUNDS * MAILS_A_ROUND).map(|i| format!("g{i:03}@k")).collect();
    let agent = anna(&user, &crm, "");

    // How long an undisturbed run of a round takes on this machine now.
    let mut whole_run = Duration::ZERO;
    let mut hit = 0;
    for (number, round) in expected.chunks(MAILS_A_ROUND).enumerate() {
        seed(&user, &round.iter().map(|id| from_customer(id)).collect::<Vec<_>>());
        if number == 0 {
            let start = Instant::now();
            agent.sync();
            whole_run = start.elapsed();
            continue;
        }
        let mut running = agent.start(SYNC);
        std::thread::sleep(whole_run.mul_f64(dice.below(1000) as f64 / 1000.0));
        hit += usize::from(!running.has_ended());
        running.kill();
        settled(&user);
    }
    println!("{}: {hit} of {} kills met a run at work, {} mails were imported by then", server.name, ROUNDS - 1, crm.activities().len());
    let last = agent.sync();

    assert_eq!(ids(&crm.activities()), expected, "each mail is one activity: {last:?}");
    let mut imap = user.connect();
    assert_eq!(imap.message_ids(&archive(&user)), expected, "each mail lies in the archive once");
    assert_eq!(imap.message_ids(&import_folder(&user)), Vec::<String>::new());
    let quiet = agent.sync();
    assert_eq!((quiet.mail("changed"), quiet.mail("errors")), (0, 0), "{quiet:?}");
    assert_eq!(agent.run(&["journal", "check"]).code, Some(0));
}

fn i11_every_file_of_the_corpus_is_dealt_with_and_kept_to_the_byte(server: &Server) {
    let Some(corpus) = support::servers::corpus() else {
        println!("{}: CRMSYNC_CORPUS is not set", server.name);
        return;
    };
    let (user, crm) = (server.user(), SandboxCrm::start());
    let folder = import_folder(&user);
    seed(&user, &[]);
    let mut files: Vec<_> = std::fs::read_dir(corpus.join("mail")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut imap = user.connect();
    let mut changed = 0;
    let mut refused = Vec::new();
    for file in &files {
        let bytes = std::fs::read(file).unwrap();
        if imap.try_append(&folder, &[], &bytes).is_err() {
            // Bare line feeds and NUL octets: what every server takes is what every gateway makes of them.
            match imap.try_append(&folder, &[], &with_crlf(&bytes)) {
                Ok(()) => changed += 1,
                Err(answer) => refused.push((file.file_name().unwrap().to_owned(), answer)),
            }
        }
    }
    let held: Vec<Vec<u8>> = imap.bodies(&folder);
    assert_eq!(held.len() + refused.len(), files.len());
    // Cyrus 3.6 refuses four files whose header is broken ("Message contains invalid header"): no mailbox there can hold them.
    assert!(refused.is_empty() || server.name == "CYRUS", "{refused:?}");
    println!("{}: {} files, {changed} appended with other line ends, refused: {refused:?}", server.name, held.len());
    let agent = anna(&user, &crm, "");

    let first = agent.sync();

    let dealt_with = ["imported", "already-there", "left-out", "parked"];
    for (title, outcome, reason) in first.outcomes() {
        assert!(dealt_with.contains(&outcome.as_str()), "{title}: {outcome}");
        assert!(outcome == "imported" || outcome == "already-there" || !reason.is_empty(), "{title} is {outcome} without a reason");
    }
    assert_eq!(first.outcomes().len(), held.len(), "every file has an outcome");
    let stored: BTreeSet<Vec<u8>> = crm.activities().into_iter().map(|activity| activity.raw).collect();
    let held: BTreeSet<Vec<u8>> = held.into_iter().collect();
    assert!(stored.is_subset(&held), "the CRM has bytes that the server never held");
    assert_eq!(stored.len(), first.with_outcome("imported"), "{first:?}");
    let still_there: BTreeSet<Vec<u8>> = user.connect().bodies(&folder).into_iter().collect();
    let lost: Vec<_> = held.iter().filter(|raw| !stored.contains(*raw) && !still_there.contains(*raw)).collect();
    let known_copies = first.with_outcome("already-there");
    assert!(lost.len() <= known_copies, "{} mails are neither in the CRM nor in the folder", lost.len());

    let quiet = agent.sync();
    assert_eq!(quiet.with_outcome("imported"), 0, "{quiet:?}");
}

/// Dovecot hands its log lines to a process of its own: the last may come a little later than the answer.
fn failed_logins(server: &Server, user: &User) -> usize {
    server.log().lines().filter(|line| line.contains(&user.name) && line.to_lowercase().contains("password mismatch")).count()
}

fn locked(agent: &Agent) -> bool {
    !agent.json(&["status"])["accounts"][0]["locked"].is_null()
}

#[test]
fn r63_one_rejected_password_is_one_login_and_locks_until_the_user_clears_it() {
    let server = Server::dovecot();
    let (user, crm) = (server.user(), SandboxCrm::start());
    seed(&user, &[from_customer("h1@k")]);
    let mut agent = Agent::new(&Account { password: "wrong".to_owned(), ..Account::plain(&user, ANNA) }, &crm, "");
    let before = failed_logins(&server, &user);

    for _ in 0..3 {
        let finished = agent.try_sync();
        assert_eq!(finished.code, Some(77), "{finished:?}");
    }

    support::wait_for("the failed login in the log", Duration::from_mins(1), || (failed_logins(&server, &user) > before).then_some(()));
    assert_eq!(failed_logins(&server, &user) - before, 1, "three runs, one attempt");
    assert!(locked(&agent));
    assert!(crm.password_locked(), "the employee's record shows it");
    agent.set_password(&user.password);
    assert_eq!(agent.try_sync().code, Some(77), "only the user clears it");
    assert_eq!(agent.run(&["unlock"]).code, Some(0));
    assert!(!crm.password_locked());
    assert_eq!(agent.sync().with_outcome("imported"), 1);
}

/// A run that fails for trouble which is not a rejection: another day may be better, and nothing is locked.
fn assert_unlocked_failure(account: &Account, code: i32) -> Finished {
    let crm = SandboxCrm::start();
    let agent = Agent::new(account, &crm, "");
    let finished = agent.try_sync();
    assert_eq!(finished.code, Some(code), "{finished:?}");
    assert!(!locked(&agent));
    finished
}

#[test]
fn r63_a_server_in_trouble_never_locks() {
    let user = Server::dovecot().user();
    let tempfail = Account { user: "tempfail".to_owned(), ..Account::plain(&user, ANNA) };
    assert_unlocked_failure(&tempfail, 75);
    let dropped = Account { user: "dropped".to_owned(), password: "pw-dropped".to_owned(), ..Account::plain(&user, ANNA) };
    assert_unlocked_failure(&dropped, 75);
    let nobody_listens = Account { address: "127.0.0.1:9".to_owned(), ..Account::plain(&user, ANNA) };
    assert_unlocked_failure(&nobody_listens, 75);

    let crowded = Server::named("DOVECOT_EXPIRED", '/').user();
    let held = [crowded.connect_when_there_is_room(), crowded.connect_when_there_is_room()];
    assert_unlocked_failure(&Account::plain(&crowded, ANNA), 75);
    drop(held);
}

#[test]
fn tls_is_demanded_and_bad_certificates_are_told_apart_from_bad_passwords() {
    let server = Server::dovecot();
    let (user, crm) = (server.user(), SandboxCrm::start());
    seed(&user, &[from_customer("j1@k")]);
    let ca_file = Some(support::servers::ca_file());
    let tls = Account { address: server.tls_address.clone(), security: "tls", ca_file: ca_file.clone(), ..Account::plain(&user, ANNA) };
    let agent = Agent::new(&tls, &crm, "");
    assert_eq!(agent.sync().with_outcome("imported"), 1);
    agent.configure(&Account { address: server.address.clone(), security: "starttls", ..tls.clone() }, &crm, "");
    assert_eq!(agent.sync().mail("errors"), 0);

    assert_unlocked_failure(&Account { ca_file: None, ..tls.clone() }, 69);
    for bad in ["DOVECOT_EXPIRED", "DOVECOT_WRONGHOST", "DOVECOT_SELFSIGNED"] {
        let server = Server::named(bad, '/');
        let finished = assert_unlocked_failure(&Account { address: server.tls_address.clone(), ..tls.clone() }, 69);
        assert!(finished.stderr.to_lowercase().contains("certificate"), "{bad}: {finished:?}");
        let starttls = Account { address: server.address.clone(), security: "starttls", ..tls.clone() };
        assert_unlocked_failure(&starttls, 69);
    }
}

#[test]
fn r50_r55_nothing_is_written_before_consent_and_a_dry_run_writes_nothing() {
    let (user, crm) = (Server::dovecot().user(), SandboxCrm::start());
    seed(&user, &[from_customer("m1@k")]);
    let agent = anna(&user, &crm, "");
    let mailboxes = user.connect().mailboxes();

    let refused = agent.run(&["sync", "--area", "mail", "--all", "--json"]);
    assert_eq!(refused.code, Some(77), "{refused:?}");
    let preview = agent.json(&["sync", "--dry-run"]);
    assert_eq!(preview["mails"].as_array().map(Vec::len), Some(1), "{preview}");

    assert_eq!((crm.batches(), crm.activities().len()), (0, 0));
    assert_eq!(user.connect().mailboxes(), mailboxes);
    assert_eq!(Sync(agent.try_sync().json()).with_outcome("imported"), 1);
}
