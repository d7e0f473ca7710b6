//! The mail import in a simulated world: cut off at every step, failing by seed, on servers of every kind. After the world is sound
//! again, every mail must be in the CRM exactly once, archived or marked exactly once, and a further run must write nothing (V1–V6, V10, V13).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

mod fake_crm;
mod fake_store;
mod waiting;
mod world;

use std::collections::BTreeSet;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crmsync::engine::mail::MailJob;
use crmsync::engine::{self, Context, EngineError, RunPlan, Silent};
use crmsync::journal::fault::FaultBackend;
use crmsync::journal::{AreaCount, Change, Consent, Journal, RunEnd};
use crmsync::model::{AccountId, Area, Digest, Instant, ReasonCode, RunId};
use crmsync::settings::{LeaveOut, MailMark, MailSelector, MailSettings, Payload, TnefPolicy, UnmatchedPolicy};
use crmsync::sync::Addresses;
use crmsync::system::{Clock, Random};
use tokio_util::sync::CancellationToken;

use fake_crm::{FakeCrm, capabilities};
use fake_store::FakeConnector;
use world::{Chaos, ServerKind, World};

const IMPORT: &str = "INBOX/Import Folder";
const ARCHIVE: &str = "INBOX/CRM activities";

/// A clock that runs only when somebody waits.
struct VirtualClock(AtomicU64);

impl Clock for VirtualClock {
    fn now(&self) -> Instant {
        let seconds = i64::try_from(self.0.load(Ordering::Relaxed)).unwrap();
        chrono::DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.0.fetch_add(duration.as_secs(), Ordering::Relaxed);
        Box::pin(std::future::ready(()))
    }
}

/// Random numbers that a seed decides.
struct SeededRandom(AtomicU64);

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            let state = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            *byte = u8::try_from((mixed ^ (mixed >> 27)) & 0xFF).unwrap();
        }
    }
}

/// One computer with its journal, in a world.
struct Computer {
    world: World,
    settings: MailSettings,
    disk: FaultBackend,
    clock: Arc<VirtualClock>,
    random: Arc<SeededRandom>,
    spool: tempfile::TempDir,
    runs: u64,
}

fn settings(selectors: &[MailSelector], marks: &[MailMark]) -> MailSettings {
    MailSettings {
        selectors: selectors.iter().copied().collect(),
        import_folder: "Import Folder".into(),
        inbox_children: true,
        category_folders: vec!["INBOX".into()],
        category: "CRMcorner".into(),
        marks: marks.iter().copied().collect(),
        archive_folder: "CRM activities".into(),
        processed_keyword: "Processed".into(),
        not_found_keyword: "Not_Found".into(),
        keep_category: false,
        unmatched: UnmatchedPolicy::BySelector,
        internal: vec!["nordwind.example".into()],
        internal_mail: LeaveOut::Skip,
        never_log: vec!["secret.example".into()],
        private: LeaveOut::Skip,
        encrypted: LeaveOut::Skip,
        freemail: Vec::new(),
        payload: Payload::Full,
        max_size: 50 * 1024 * 1024,
        attachment_max_size: None,
        attachment_exclude: Vec::new(),
        inline_attachments: true,
        tnef: TnefPolicy::Unpack,
        web_folder: None,
        retry_hours: 24,
    }
}

impl Computer {
    fn new(world: &World, settings: MailSettings, seed: u64) -> Self {
        Self {
            world: world.clone(),
            settings,
            disk: FaultBackend::new(seed),
            clock: Arc::new(VirtualClock(AtomicU64::new(0))),
            random: Arc::new(SeededRandom(AtomicU64::new(seed))),
            spool: tempfile::tempdir().unwrap(),
            runs: 0,
        }
    }

    fn job(&self) -> MailJob {
        let addresses = Addresses::new(["anna@nordwind.example"], &self.settings.internal, &self.settings.freemail);
        MailJob {
            settings: Arc::new(self.settings.clone()),
            capabilities: Arc::new(capabilities()),
            addresses: Arc::new(addresses),
            rules: format!("{:?}", self.settings.never_log),
            web_folder: None,
        }
    }

    /// One run in a fresh process. `Err` when it was stopped.
    fn run(&mut self) -> Result<AreaCount, String> {
        self.runs += 1;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let journal = Journal::open_with_backend(self.disk.clone()).map_err(|error| error.to_string())?;
        let ctx = Context {
            account: AccountId::from("work"),
            run: RunId(format!("run-{:04}", self.runs)),
            journal: journal.clone(),
            clock: Arc::clone(&self.clock) as _,
            random: Arc::clone(&self.random) as _,
            observer: Arc::new(Silent),
            cancel: CancellationToken::new(),
            spool: self.spool.path().to_owned(),
        };
        let consent = Consent { at: self.clock.now(), how: "test".into(), shown: String::new() };
        let plan = RunPlan { mail: Some(self.job()), items: Vec::new(), consent: Some(consent) };
        let connector = FakeConnector(self.world.clone());
        let crm = FakeCrm(self.world.clone());
        let report = runtime.block_on(engine::run(&connector, &crm, &plan, &ctx));
        drop(ctx);
        journal.close();
        let report = report.map_err(|error: EngineError| error.to_string())?;
        match (report.error, report.record.end) {
            (None, RunEnd::Completed) => Ok(report.record.areas.get(&Area::Mail).copied().unwrap_or_default()),
            (error, end) => Err(format!("{error:?} {end:?}")),
        }
    }

    /// Runs until a run completes, at most `most` times.
    fn run_until_complete(&mut self, most: usize) -> AreaCount {
        let mut last = String::new();
        for _ in 0..most {
            match self.run() {
                Ok(count) => return count,
                Err(cause) => last = cause,
            }
        }
        panic!("no run completed in {most} tries: {last}");
    }

    /// After a crash: the disk as it was, a new process.
    fn reboot(&mut self) {
        self.disk = self.disk.image_after_crash();
    }

    fn journal(&self) -> Journal {
        Journal::open_with_backend(self.disk.clone()).unwrap()
    }

    fn parked(&self) -> Vec<(ReasonCode, String)> {
        let journal = self.journal();
        let parked = journal.parked(None).unwrap().into_iter().map(|entry| (entry.reason.code, entry.title)).collect();
        journal.close();
        parked
    }
}

fn mail(id: &str, from: &str, subject: &str) -> String {
    format!(
        "From: {from}\nTo: anna@nordwind.example\nSubject: {subject}\nDate: Mon, 16 Nov 2026 10:00:00 +0100\nMessage-ID: <{id}@x.example>\n\nHello {id}\n"
    )
}

/// Mails of every fate in the import folder: known, unknown, internal, never-log, and one twice.
struct Scene {
    known: Vec<String>,
    unknown: String,
    internal: String,
    never_log: String,
}

fn scene(world: &World) -> Scene {
    world.state().known.insert("clara@solaris.example".into());
    let known: Vec<String> = (0..7).map(|n| mail(&format!("k{n}"), "Clara <clara@solaris.example>", &format!("Offer {n}"))).collect();
    let unknown = mail("u", "who@unknown.example", "Who am I");
    let internal = mail("i", "ben@nordwind.example", "Lunch");
    let never_log = mail("s", "doc@secret.example", "Results");
    for raw in &known {
        world.add_mail(IMPORT, raw, &[]);
    }
    world.add_mail(IMPORT, &known[0], &[]);
    for raw in [&unknown, &internal, &never_log] {
        world.add_mail(IMPORT, raw, &[]);
    }
    Scene { known, unknown, internal, never_log }
}

/// What must hold when all is quiet, with the folder selector and the archive.
fn check_folder_scene(world: &World, scene: &Scene, context: &str) {
    let state = world.state();
    for (index, raw) in scene.known.iter().enumerate() {
        assert_eq!(state.records(raw), 1, "{context}: mail {index} in the CRM");
        assert_eq!(state.copies(IMPORT, raw), 0, "{context}: mail {index} left in the import folder");
        let archived = if index == 0 { 2 } else { 1 };
        assert_eq!(state.copies(ARCHIVE, raw), archived, "{context}: mail {index} in the archive");
    }
    assert_eq!(state.records(&scene.unknown), 1, "{context}: C12: a folder's unknown mail is stored unassigned");
    for raw in [&scene.internal, &scene.never_log] {
        assert_eq!(state.records(raw), 0, "{context}: V13: it never leaves");
        assert_eq!(state.copies(IMPORT, raw), 1, "{context}: what is left out stays");
    }
}

fn assert_quiet(computer: &mut Computer, context: &str) {
    // The first run may still learn the new state of the mailboxes; the second has nothing to learn.
    computer.run_until_complete(2);
    let before = computer.world.state().writes;
    computer.run_until_complete(2);
    assert_eq!(computer.world.state().writes, before, "{context}: V6: a converged system is quiet");
}

#[test]
fn r11_r18_every_mail_of_the_import_folder_is_in_the_crm_once_and_archived() {
    for kind in [ServerKind::FULL, ServerKind::PLAIN, ServerKind::NO_KEYWORDS] {
        let world = World::new(kind);
        let scene = scene(&world);
        let mut computer = Computer::new(&world, settings(&[MailSelector::Folder], &[MailMark::Move]), 1);
        let count = computer.run_until_complete(1);
        assert_eq!((count.count, count.changed, count.left), (11, 8, 0), "{kind:?}");
        check_folder_scene(&world, &scene, &format!("{kind:?}"));
        assert_quiet(&mut computer, &format!("{kind:?}"));
    }
}

#[test]
fn r21_r22_marks_by_keyword_replace_the_category_and_say_not_found() {
    let world = World::new(ServerKind::FULL);
    world.state().known.insert("clara@solaris.example".into());
    let known = mail("k", "clara@solaris.example", "Offer");
    let unknown = mail("u", "who@unknown.example", "Who");
    let first = world.add_mail("INBOX", &known, &["CRMcorner"]);
    let second = world.add_mail("INBOX", &unknown, &["CRMcorner"]);
    world.add_mail("INBOX", &mail("n", "clara@solaris.example", "Not chosen"), &[]);
    let mut computer = Computer::new(&world, settings(&[MailSelector::Category], &[MailMark::Keyword]), 1);
    computer.run_until_complete(1);
    {
        let state = world.state();
        let keywords = |uid: u32| state.mailboxes["INBOX"].mails[&uid].keywords.iter().cloned().collect::<Vec<_>>();
        assert_eq!(keywords(first), ["Processed"]);
        assert_eq!(keywords(second), ["CRMcorner", "Not_Found"]);
        assert_eq!(state.crm.len(), 1);
    }
    assert_eq!(computer.parked(), [(ReasonCode::NotFound, "Who".into())]);
    // I5: once the address is known, the next due run imports the mail, and its marks are put right.
    world.state().known.insert("who@unknown.example".into());
    computer.clock.0.fetch_add(60 * 3600, Ordering::Relaxed);
    computer.run_until_complete(1);
    assert_eq!(world.state().records(&unknown), 1);
    assert_eq!(world.state().mailboxes["INBOX"].mails[&second].keywords.iter().cloned().collect::<Vec<_>>(), ["Processed"]);
    assert!(computer.parked().is_empty());
    assert_quiet(&mut computer, "category");
}

#[test]
fn i2_a_mail_moved_back_copied_or_marked_again_is_not_imported_twice() {
    let world = World::new(ServerKind::FULL);
    let scene = scene(&world);
    let mut computer = Computer::new(&world, settings(&[MailSelector::Folder], &[MailMark::Move]), 1);
    computer.run_until_complete(1);
    world.add_mail(IMPORT, &scene.known[3], &[]);
    let count = computer.run_until_complete(1);
    assert_eq!((count.count, count.changed), (1, 0));
    assert_eq!(world.state().records(&scene.known[3]), 1);
    assert_eq!(world.state().copies(IMPORT, &scene.known[3]), 0, "it is archived again");
}

#[test]
fn x11_a_lost_journal_is_rebuilt_without_duplicates() {
    for marks in [&[MailMark::Move][..], &[MailMark::Keyword], &[]] {
        let world = World::new(ServerKind::FULL);
        let scene = scene(&world);
        let mut computer = Computer::new(&world, settings(&[MailSelector::Folder], marks), 1);
        computer.run_until_complete(1);
        let records = world.state().crm.len();
        computer.disk = FaultBackend::new(2);
        world.add_mail(IMPORT, &scene.known[1], &[]);
        computer.run_until_complete(1);
        assert_eq!(world.state().crm.len(), records, "{marks:?}");
        assert_quiet(&mut computer, "journal lost");
    }
}

#[test]
fn v10_a_poison_mail_is_singled_out_and_its_neighbours_go_on() {
    let world = World::new(ServerKind::FULL);
    let scene = scene(&world);
    world.state().poison.insert(Digest::of(scene.known[2].replace('\n', "\r\n").as_bytes()));
    let mut computer = Computer::new(&world, settings(&[MailSelector::Folder], &[MailMark::Move]), 1);
    computer.run_until_complete(1);
    assert_eq!(computer.parked(), [(ReasonCode::PoisonItem, "Offer 2".into())]);
    assert_eq!(world.state().records(&scene.known[2]), 0);
    assert_eq!(world.state().copies(IMPORT, &scene.known[2]), 1, "V1: it stays");
    for index in [0, 1, 3, 4, 5, 6] {
        assert_eq!(world.state().records(&scene.known[index]), 1);
    }
    // The CRM is mended: the mail is tried again by itself.
    world.state().poison.clear();
    computer.clock.0.fetch_add(7 * 3600, Ordering::Relaxed);
    computer.run_until_complete(1);
    check_folder_scene(&world, &scene, "mended");
}

#[test]
fn v10_a_mail_whose_body_breaks_the_session_is_parked_and_its_neighbours_go_on() {
    let world = World::new(ServerKind::FULL);
    let scene = scene(&world);
    world.state().unreadable.insert((IMPORT.into(), 4));
    let mut computer = Computer::new(&world, settings(&[MailSelector::Folder], &[MailMark::Move]), 1);
    computer.run_until_complete(1);
    assert_eq!(computer.parked().iter().map(|(code, _)| *code).collect::<Vec<_>>(), [ReasonCode::Unreadable]);
    for index in [0, 1, 2, 4, 5, 6] {
        assert_eq!(world.state().records(&scene.known[index]), 1);
    }
}

#[test]
fn a_crm_that_fails_for_every_mail_stops_the_run_and_parks_nothing() {
    let world = World::new(ServerKind::FULL);
    let scene = scene(&world);
    for raw in scene.known.iter().chain([&scene.unknown]) {
        world.state().poison.insert(Digest::of(raw.replace('\n', "\r\n").as_bytes()));
    }
    let mut computer = Computer::new(&world, settings(&[MailSelector::Folder], &[MailMark::Move]), 1);
    assert!(computer.run().is_err());
    assert!(computer.parked().is_empty());
    world.state().poison.clear();
    computer.run_until_complete(1);
    check_folder_scene(&world, &scene, "mended");
}

#[test]
fn a_changed_uidvalidity_imports_nothing_twice() {
    let world = World::new(ServerKind::FULL);
    let scene = scene(&world);
    let mut computer = Computer::new(&world, settings(&[MailSelector::Folder], &[]), 1);
    computer.run_until_complete(1);
    let records = world.state().crm.len();
    {
        let mut state = world.state();
        let mailbox = state.mailboxes.get_mut(IMPORT).unwrap();
        mailbox.uid_validity += 1;
        let mails: Vec<_> = std::mem::take(&mut mailbox.mails).into_values().collect();
        mailbox.mails = mails.into_iter().enumerate().map(|(index, mail)| (u32::try_from(index).unwrap() + 100, mail)).collect();
        mailbox.uid_next = 200;
    }
    computer.run_until_complete(1);
    assert_eq!(world.state().crm.len(), records);
    assert_eq!(world.state().records(&scene.known[0]), 1);
    assert_quiet(&mut computer, "uidvalidity");
}

#[test]
fn x4_changed_rules_look_again_at_what_was_left_out() {
    let world = World::new(ServerKind::FULL);
    let scene = scene(&world);
    let mut computer = Computer::new(&world, settings(&[MailSelector::Folder], &[MailMark::Move]), 1);
    computer.run_until_complete(1);
    computer.settings.never_log.clear();
    computer.run_until_complete(1);
    assert_eq!(world.state().records(&scene.never_log), 1);
}

/// Cuts the program off at every request, before and after its effect, and at every journal commit; then lets it go on.
fn survives_every_cut(kind: ServerKind, selectors: &[MailSelector], marks: &[MailMark], check: fn(&World, &Scene, &str)) {
    let cuts = |cut_world: Option<u64>, cut_disk: Option<u64>| -> (bool, u64) {
        let context = format!("{kind:?} {marks:?} request cut {cut_world:?} commit cut {cut_disk:?}");
        let world = World::new(kind);
        let scene = scene(&world);
        let mut computer = Computer::new(&world, settings(selectors, marks), 9);
        world.cut_at(cut_world);
        if let Some(commit) = cut_disk {
            computer.disk.crash_at_commit(commit);
        }
        let finished = computer.run().is_ok();
        let steps = world.state().steps;
        computer.reboot();
        world.cut_at(None);
        computer.clock.0.fetch_add(8 * 3600, Ordering::Relaxed);
        computer.run_until_complete(3);
        check(&world, &scene, &context);
        assert_quiet(&mut computer, &context);
        (finished, steps)
    };
    let (finished, steps) = cuts(None, None);
    assert!(finished);
    assert!(steps > 10, "the run has only {steps} steps");
    for cut in 0..steps * 2 {
        cuts(Some(cut), None);
    }
    let mut commit = 1;
    while !cuts(None, Some(commit)).0 {
        commit += 1;
    }
    assert!(commit > 5, "only {commit} commits were cut");
}

#[test]
fn v1_v2_a_run_cut_off_at_any_point_is_taken_up_with_move() {
    survives_every_cut(ServerKind::FULL, &[MailSelector::Folder], &[MailMark::Move], check_folder_scene);
}

#[test]
fn v1_v2_a_run_cut_off_at_any_point_is_taken_up_with_copy_and_expunge() {
    survives_every_cut(ServerKind::PLAIN, &[MailSelector::Folder], &[MailMark::Move], check_folder_scene);
}

#[test]
fn v1_v2_a_run_cut_off_at_any_point_is_taken_up_with_keywords() {
    survives_every_cut(ServerKind::FULL, &[MailSelector::Folder], &[MailMark::Keyword], |world, scene, context| {
        let state = world.state();
        for raw in &scene.known {
            assert_eq!(state.records(raw), 1, "{context}");
            let bytes = raw.replace('\n', "\r\n").into_bytes();
            let marked = state.mailboxes[IMPORT].mails.values().filter(|mail| mail.raw == bytes && mail.keywords.contains("Processed"));
            assert_eq!(marked.count(), state.copies(IMPORT, raw), "{context}: every copy is marked");
        }
    });
}

#[test]
fn random_faults_lose_and_double_nothing() {
    let seeds = std::env::var("CRMSYNC_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(300_u64);
    for seed in 1..=seeds {
        let kind = [ServerKind::FULL, ServerKind::PLAIN][usize::try_from(seed % 2).unwrap()];
        let world = World::new(kind);
        let scene = scene(&world);
        let mut computer = Computer::new(&world, settings(&[MailSelector::Folder], &[MailMark::Move]), seed);
        world.chaos(Chaos { seed, one_in: 4 + seed % 20 });
        for _ in 0..6 {
            let _ = computer.run();
            computer.clock.0.fetch_add(8 * 3600, Ordering::Relaxed);
            if seed % 3 == 0 {
                computer.reboot();
            }
        }
        world.chaos(Chaos::default());
        computer.run_until_complete(3);
        check_folder_scene(&world, &scene, &format!("seed {seed} {kind:?}"));
        assert_quiet(&mut computer, &format!("seed {seed} {kind:?}"));
    }
}

#[test]
fn v12_two_employees_with_the_same_mail_share_a_key_and_the_crm_decides() {
    let world = World::new(ServerKind::FULL);
    let scene = scene(&world);
    let mut first = Computer::new(&world, settings(&[MailSelector::Folder], &[]), 1);
    let mut second = Computer::new(&world, settings(&[MailSelector::Folder], &[]), 2);
    first.run_until_complete(1);
    second.run_until_complete(1);
    let keys: BTreeSet<_> = world.state().crm.iter().map(|mail| mail.key.clone()).collect();
    assert_eq!(keys.len(), world.state().crm.len());
    assert_eq!(world.state().records(&scene.known[0]), 1);
}

#[test]
fn r55_nothing_is_written_before_the_user_agreed() {
    let world = World::new(ServerKind::FULL);
    scene(&world);
    let computer = Computer::new(&world, settings(&[MailSelector::Folder], &[MailMark::Move]), 1);
    let journal = computer.journal();
    let ctx = Context {
        account: AccountId::from("work"),
        run: RunId::from("run"),
        journal: journal.clone(),
        clock: Arc::clone(&computer.clock) as _,
        random: Arc::clone(&computer.random) as _,
        observer: Arc::new(Silent),
        cancel: CancellationToken::new(),
        spool: Path::new(computer.spool.path()).to_owned(),
    };
    let plan = RunPlan { mail: Some(computer.job()), items: Vec::new(), consent: None };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let result = runtime.block_on(engine::run(&FakeConnector(world.clone()), &FakeCrm(world.clone()), &plan, &ctx));
    assert!(matches!(result, Err(EngineError::ConsentNeeded { .. })));
    assert_eq!(world.state().steps, 0);
    runtime.block_on(journal.commit(vec![Change::UnlockAccount(AccountId::from("work"))])).unwrap();
}

#[test]
fn the_journal_forgets_mails_that_vanished_from_a_mailbox() {
    let world = World::new(ServerKind::FULL);
    let scene = scene(&world);
    let mut computer = Computer::new(&world, settings(&[MailSelector::Folder], &[]), 1);
    computer.run_until_complete(1);
    {
        let mut state = world.state();
        let mailbox = state.mailboxes.get_mut(IMPORT).unwrap();
        mailbox.mails.remove(&2);
        mailbox.modseq += 1;
    }
    computer.run_until_complete(1);
    let journal = computer.journal();
    let located = journal.located(&AccountId::from("work"), &IMPORT.into(), 7).unwrap();
    journal.close();
    assert!(!located.contains_key(&2) && located.contains_key(&1));
    assert_eq!(world.state().records(&scene.known[1]), 1, "the CRM keeps it");
}
