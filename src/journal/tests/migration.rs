use redb::{Database, ReadableDatabase, TableDefinition};

use super::samples::{at, run, run_id, run_item, work};
use crate::journal::fault::FaultBackend;
use crate::journal::migrations::SCHEMA;
use crate::journal::{Change, Journal, JournalError};
use crate::model::Area;

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
const RUN_ITEMS: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("run-items");

const INSTANCE: &str = "6a6f7572-6e61-4c00-8000-000000000001";

/// A file with a version, and run items without an index, as version 1 wrote it.
fn file(schema: u32) -> FaultBackend {
    let disk = FaultBackend::new(1);
    let database = Database::builder().create_with_backend(disk.clone()).unwrap();
    let txn = database.begin_write().unwrap();
    {
        let mut meta = txn.open_table(META).unwrap();
        meta.insert("schema", serde_json::to_vec(&schema).unwrap().as_slice()).unwrap();
        meta.insert("instance", serde_json::to_vec(INSTANCE).unwrap().as_slice()).unwrap();
        let mut items = txn.open_table(RUN_ITEMS).unwrap();
        let run = run_id(1);
        for (number, id) in (0..).zip([Some("a"), None, Some("b"), Some("a")]) {
            items.insert((run.as_str(), number), serde_json::to_vec(&run_item(id)).unwrap().as_slice()).unwrap();
        }
        items.insert((run.as_str(), 4), b"not JSON".as_slice()).unwrap();
    }
    txn.commit().unwrap();
    disk
}

#[test]
fn a_journal_of_version_1_gets_its_index_and_keeps_its_records_and_identity() {
    let disk = file(1);
    let journal = Journal::open_with_backend(disk.clone()).unwrap();
    assert_eq!(journal.instance().to_string(), INSTANCE);
    assert_eq!(journal.run_items_by_message_id("a").unwrap().len(), 2);
    assert_eq!(journal.run_items(&run_id(1), None, 4).unwrap().len(), 4);
    journal.commit_blocking(vec![Change::PutRun(run(&work(), 1))]).unwrap();
    let report = journal.check().unwrap();
    assert_eq!(report.schema, SCHEMA);
    assert_eq!(report.fault_count, 1, "only the record that is no JSON: {:?}", report.faults);
    drop(journal);
    let syncs = disk.syncs();
    drop(Journal::open_with_backend(disk.clone()).unwrap());
    let of_redb = disk.syncs() - syncs;
    drop(Journal::open_with_backend(disk.clone()).unwrap());
    assert_eq!(disk.syncs() - syncs, 2 * of_redb, "opening a current file writes nothing of ours");
}

#[test]
fn a_journal_of_version_2_gets_the_tables_of_items_and_keeps_its_records() {
    let journal = Journal::open_with_backend(file(2)).unwrap();
    assert_eq!(journal.instance().to_string(), INSTANCE);
    assert_eq!(journal.run_items(&run_id(1), None, 4).unwrap().len(), 4);
    assert_eq!(journal.pairs_page(&work(), Area::Calendar, None, 9).unwrap(), []);
    journal.commit_blocking(vec![Change::AddRisky { account: work(), area: Area::Calendar, at: at(1), count: 3 }]).unwrap();
    assert_eq!(journal.check().unwrap().schema, SCHEMA);
}

#[test]
fn a_crash_in_the_migration_leaves_version_1_which_migrates_again() {
    for point in 1..6 {
        for seed in 0..8 {
            let disk = FaultBackend::with_content(seed, file(1).content());
            disk.crash_at_sync(point);
            drop(Journal::open_with_backend(disk.clone()));
            let journal = Journal::open_with_backend(disk.image_after_crash()).unwrap();
            assert_eq!(journal.run_items_by_message_id("a").unwrap().len(), 2, "sync {point}, seed {seed}");
        }
    }
}

#[test]
fn a_journal_of_a_newer_crmsync_is_refused_and_left_alone() {
    let disk = file(SCHEMA + 1);
    let error = Journal::open_with_backend(disk.clone()).unwrap_err();
    assert_eq!(error, JournalError::TooNew { found: SCHEMA + 1, known: SCHEMA });
    assert!(error.repair().contains("upgrade crmsync"));
    let database = Database::builder().create_with_backend(disk).unwrap();
    let txn = database.begin_read().unwrap();
    assert_eq!(txn.list_tables().unwrap().count(), 2);
}

#[test]
fn a_redb_file_of_another_program_is_refused() {
    let disk = FaultBackend::new(1);
    let database = Database::builder().create_with_backend(disk.clone()).unwrap();
    let txn = database.begin_write().unwrap();
    txn.open_table(RUN_ITEMS).unwrap();
    txn.commit().unwrap();
    drop(database);
    let error = Journal::open_with_backend(disk).unwrap_err();
    assert!(matches!(error, JournalError::Damaged { .. }), "{error:?}");
}
