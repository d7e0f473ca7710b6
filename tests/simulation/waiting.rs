//! What waits is neither forgotten, nor doubled, nor in the way of others, whatever happens to it meanwhile.

use crmsync::crm::CrmError;

use super::*;

const NOT_FOUND: &str = "INBOX/Import Folder/Not Found";
const PROCESSED: &str = "INBOX/Import Folder/Processed";
const WHO: &str = "who@unknown.example";

/// A computer that does not store what it cannot match.
fn refusing(world: &World, selector: MailSelector, marks: &[MailMark]) -> Computer {
    Computer::new(world, MailSettings { unmatched: UnmatchedPolicy::Refuse, ..settings(&[selector], marks) }, 3)
}

impl Computer {
    fn hours_pass(&self, hours: u64) {
        self.clock.0.fetch_add(hours * 3600, Ordering::Relaxed);
    }
}

fn records_and_copies(world: &World, raw: &str, mailbox: &str) -> (usize, usize) {
    let state = world.state();
    (state.records(raw), state.copies(mailbox, raw))
}

#[test]
fn i5_a_mail_in_the_not_found_subfolder_is_imported_once_its_address_is_known() {
    for kind in [ServerKind::FULL, ServerKind::PLAIN, ServerKind::NO_KEYWORDS] {
        let world = World::new(kind);
        let unknown = mail("u", WHO, "Who");
        world.add_mail(IMPORT, &unknown, &[]);
        let mut computer = refusing(&world, MailSelector::Folder, &[MailMark::Subfolders]);
        computer.run_until_complete(1);
        assert_eq!(world.state().copies(NOT_FOUND, &unknown), 1);
        assert_quiet(&mut computer, "not found");
        computer.hours_pass(60);
        computer.run_until_complete(1);
        assert_eq!(world.state().copies(NOT_FOUND, &unknown), 1, "tried again in vain");
        assert_eq!(computer.parked(), [(ReasonCode::NotFound, "Who".into())]);
        world.state().known.insert(WHO.into());
        computer.hours_pass(60);
        computer.run_until_complete(1);
        assert_eq!(records_and_copies(&world, &unknown, PROCESSED), (1, 1), "{kind:?}");
        assert_eq!(world.state().copies(NOT_FOUND, &unknown), 0);
        assert!(computer.parked().is_empty());
        assert_quiet(&mut computer, "processed");
    }
}

#[test]
fn a_mail_deleted_from_the_not_found_subfolder_waits_no_longer() {
    let world = World::new(ServerKind::FULL);
    world.add_mail(IMPORT, &mail("u", WHO, "Who"), &[]);
    let mut computer = refusing(&world, MailSelector::Folder, &[MailMark::Subfolders]);
    computer.run_until_complete(1);
    world.state().mailboxes.get_mut(NOT_FOUND).unwrap().mails.clear();
    computer.hours_pass(60);
    computer.run_until_complete(1);
    assert!(computer.parked().is_empty());
}

#[test]
fn v3_a_copy_of_a_mail_that_waits_is_placed_with_it() {
    let world = World::new(ServerKind::FULL);
    let unknown = mail("u", WHO, "Who");
    world.add_mail(IMPORT, &unknown, &[]);
    world.add_mail(IMPORT, &unknown, &[]);
    let mut computer = refusing(&world, MailSelector::Folder, &[MailMark::Move]);
    computer.run_until_complete(1);
    world.state().known.insert(WHO.into());
    computer.hours_pass(60);
    computer.run_until_complete(1);
    assert_eq!(records_and_copies(&world, &unknown, ARCHIVE), (1, 2));
    assert_eq!(world.state().copies(IMPORT, &unknown), 0);
}

#[test]
fn a_waiting_mail_that_the_user_moves_to_another_folder_is_not_forgotten() {
    for later in ["INBOX/Import Folder/Aaa", "INBOX/CRM Erledigt [E]"] {
        let world = World::new(ServerKind::FULL);
        let unknown = mail("u", WHO, "Who");
        world.add_mail(IMPORT, &unknown, &[]);
        let mut computer = refusing(&world, MailSelector::Folder, &[MailMark::Move]);
        computer.run_until_complete(1);
        world.state().mailboxes.get_mut(IMPORT).unwrap().mails.clear();
        world.add_mail(later, &unknown, &[]);
        computer.run_until_complete(1);
        world.state().known.insert(WHO.into());
        computer.hours_pass(60);
        computer.run_until_complete(1);
        assert_eq!(records_and_copies(&world, &unknown, ARCHIVE), (1, 1), "{later}");
        assert!(computer.parked().is_empty());
    }
}

#[test]
fn v2_a_waiting_mail_whose_answer_is_lost_is_archived_by_a_later_run() {
    let mut cut = 0;
    loop {
        let world = World::new(ServerKind::FULL);
        let unknown = mail("u", WHO, "Who");
        world.add_mail(IMPORT, &unknown, &[]);
        let mut computer = refusing(&world, MailSelector::Folder, &[MailMark::Move]);
        computer.run_until_complete(1);
        world.state().known.insert(WHO.into());
        computer.hours_pass(60);
        world.cut_at(Some(cut));
        let finished = computer.run().is_ok();
        world.cut_at(None);
        computer.reboot();
        computer.run_until_complete(1);
        assert_eq!(records_and_copies(&world, &unknown, ARCHIVE), (1, 1), "cut {cut}");
        assert_eq!(world.state().copies(IMPORT, &unknown), 0, "cut {cut}");
        computer.hours_pass(60);
        assert_quiet(&mut computer, "late answer");
        assert!(computer.parked().is_empty(), "cut {cut}");
        if finished {
            break;
        }
        cut += 1;
    }
    assert!(cut > 10);
}

#[test]
fn v10_an_archive_that_cannot_be_created_holds_up_nothing() {
    for kind in [ServerKind::FULL, ServerKind::PLAIN] {
        let world = World::new(kind);
        let scene = scene(&world);
        world.state().refuse_create = true;
        let mut computer = Computer::new(&world, settings(&[MailSelector::Folder], &[MailMark::Move]), 1);
        computer.run_until_complete(1);
        assert_eq!(computer.parked().len(), 8, "{:?}", computer.parked());
        let later = mail("later", "clara@solaris.example", "Later");
        world.add_mail(IMPORT, &later, &[]);
        computer.run_until_complete(1);
        assert_eq!(world.state().records(&later), 1);
        world.state().refuse_create = false;
        computer.hours_pass(8);
        computer.run_until_complete(1);
        check_folder_scene(&world, &scene, "may create");
        assert!(computer.parked().is_empty(), "{:?}", computer.parked());
    }
}

#[test]
fn a_folder_that_cannot_be_opened_does_not_stop_the_others() {
    let world = World::new(ServerKind::FULL);
    let scene = scene(&world);
    let locked = "INBOX/CRM Alt [E]";
    world.add_mail(locked, &mail("l", "clara@solaris.example", "Locked"), &[]);
    world.state().refused.insert(locked.into());
    let mut computer = Computer::new(&world, settings(&[MailSelector::Folder], &[MailMark::Move]), 1);
    computer.run_until_complete(1);
    check_folder_scene(&world, &scene, "others");
    assert_eq!(computer.parked(), [(ReasonCode::FolderRefused, locked.into())]);
    world.state().refused.clear();
    computer.run_until_complete(1);
    assert!(computer.parked().is_empty());
    assert_eq!(world.state().copies(locked, &mail("l", "clara@solaris.example", "Locked")), 0);
}

#[test]
fn v11_a_rejection_in_the_middle_of_a_run_locks_the_account() {
    let world = World::new(ServerKind::FULL);
    scene(&world);
    world.state().unreadable.insert((IMPORT.into(), 4));
    world.state().reject_login = Some(2);
    let mut computer = Computer::new(&world, settings(&[MailSelector::Folder], &[MailMark::Move]), 1);
    assert!(computer.run().is_err());
    assert!(computer.run().unwrap_err().contains("locked"));
    assert_eq!(world.state().logins, 2, "no further attempt");
}

#[test]
fn a_reused_batch_key_is_replaced_once() {
    let world = World::new(ServerKind::FULL);
    let scene = scene(&world);
    world.state().crm_errors = vec![|| CrmError::KeyReused];
    let mut computer = Computer::new(&world, settings(&[MailSelector::Folder], &[MailMark::Move]), 1);
    computer.run_until_complete(1);
    check_folder_scene(&world, &scene, "new key");
    let journal = computer.journal();
    assert!(journal.pending_batches(&AccountId::from("work")).unwrap().is_empty());
    journal.close();
}

#[test]
fn a_token_rejected_in_the_middle_stops_the_run_and_loses_nothing() {
    let world = World::new(ServerKind::FULL);
    let scene = scene(&world);
    let errors: [fn() -> CrmError; 4] = [
        || CrmError::Unauthorized { detail: String::new() },
        || CrmError::Busy { retry_after: Some(Duration::from_mins(10)), detail: String::new() },
        || CrmError::Forbidden { detail: String::new() },
        || CrmError::NotOffered { what: String::new() },
    ];
    for error in errors {
        let mut computer = Computer::new(&world, settings(&[MailSelector::Folder], &[MailMark::Move]), 1);
        world.state().crm_errors = vec![error];
        assert!(computer.run().is_err());
        assert!(computer.parked().is_empty());
        assert_eq!(world.state().crm.len(), 0);
    }
    Computer::new(&world, settings(&[MailSelector::Folder], &[MailMark::Move]), 2).run_until_complete(1);
    check_folder_scene(&world, &scene, "signed in again");
}

#[test]
fn v13_a_waiting_mail_whose_category_was_taken_away_is_not_sent() {
    let world = World::new(ServerKind::FULL);
    let unknown = mail("u", WHO, "Who");
    let uid = world.add_mail("INBOX", &unknown, &["CRMcorner"]);
    let mut computer = refusing(&world, MailSelector::Category, &[MailMark::Keyword]);
    computer.run_until_complete(2);
    {
        let mut state = world.state();
        state.known.insert(WHO.into());
        let inbox = state.mailboxes.get_mut("INBOX").unwrap();
        inbox.modseq += 1;
        inbox.mails.get_mut(&uid).unwrap().keywords.remove("CRMcorner");
    }
    computer.run_until_complete(1);
    computer.hours_pass(60);
    computer.run_until_complete(1);
    assert_eq!(world.state().records(&unknown), 0);
    assert!(computer.parked().is_empty());
    world.state().mailboxes.get_mut("INBOX").unwrap().modseq += 1;
    world.state().mailboxes.get_mut("INBOX").unwrap().mails.get_mut(&uid).unwrap().keywords.insert("CRMcorner".into());
    computer.run_until_complete(1);
    assert_eq!(world.state().records(&unknown), 1, "chosen again");
}

#[test]
fn a_full_disk_stops_the_run_and_loses_nothing() {
    for pass in 0..3 {
        let world = World::new(ServerKind::FULL);
        let scene = scene(&world);
        let mut computer = Computer::new(&world, settings(&[MailSelector::Folder], &[MailMark::Move]), 1);
        if pass > 0 {
            world.cut_at(Some(pass * 6));
            let _ = computer.run();
            world.cut_at(None);
        }
        computer.disk.set_full(true);
        let before = world.state().writes;
        let _ = computer.run();
        assert_eq!(world.state().writes, before, "V2: nothing is written that is not on disk first");
        computer.disk.set_full(false);
        computer.reboot();
        computer.run_until_complete(2);
        check_folder_scene(&world, &scene, "room again");
    }
}

#[test]
fn a_mail_too_large_before_is_imported_when_the_limit_is_raised() {
    let world = World::new(ServerKind::FULL);
    let scene = scene(&world);
    let mut computer = Computer::new(&world, MailSettings { max_size: 10, ..settings(&[MailSelector::Folder], &[]) }, 1);
    computer.run_until_complete(1);
    assert_eq!(world.state().crm.len(), 0);
    assert_eq!(computer.parked().len(), 11);
    computer.settings.max_size = 1_000_000;
    computer.settings.never_log.clear();
    computer.run_until_complete(1);
    assert_eq!(world.state().records(&scene.known[0]), 1);
    assert!(computer.parked().is_empty(), "{:?}", computer.parked());
}
