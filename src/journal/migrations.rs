//! Schema versions. A file is brought to the newest version in one transaction, step by step.

use redb::{Database, Key, ReadableDatabase, ReadableTable, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::JournalError;
use super::tables::{self, META, RUN_ITEMS, RUN_ITEMS_BY_MESSAGE_ID, Table, Visitor};
use crate::system::{Random, SystemRandom};

/// Brings a file from the version of its position (from 1) to the next one.
type Step = fn(&WriteTransaction) -> Result<(), JournalError>;

/// Version 2: `why` finds run items by their Message-ID. Version 3: the tables of the areas of items, which are created beforehand.
const STEPS: &[Step] = &[index_run_items, |_| Ok(())];

/// The version this crmsync writes.
#[allow(clippy::cast_possible_truncation, reason = "a handful of steps")]
pub(super) const SCHEMA: u32 = STEPS.len() as u32 + 1;

const SCHEMA_KEY: &str = "schema";
const INSTANCE_KEY: &str = "instance";

/// Makes a new file a journal, brings an older one to this version, and gives the id of the instance: random, chosen once for a file.
pub(super) fn prepare(database: &Database) -> Result<Uuid, JournalError> {
    let fresh = database.begin_read()?.list_tables()?.next().is_none();
    let found = if fresh { SCHEMA } else { read_meta(database, SCHEMA_KEY)? };
    if found > SCHEMA {
        return Err(JournalError::TooNew { found, known: SCHEMA });
    }
    let instance = if fresh { SystemRandom.uuid() } else { read_meta(database, INSTANCE_KEY)? };
    if fresh || found < SCHEMA {
        let txn = database.begin_write()?;
        tables::each(&mut Create { txn: &txn })?;
        for step in STEPS.iter().skip(found.saturating_sub(1) as usize) {
            step(&txn)?;
        }
        META.put(&txn, SCHEMA_KEY, &SCHEMA.into())?;
        META.put(&txn, INSTANCE_KEY, &instance.to_string().into())?;
        txn.commit()?;
    }
    Ok(instance)
}

fn read_meta<T: DeserializeOwned>(database: &Database, key: &'static str) -> Result<T, JournalError> {
    let txn = database.begin_read()?;
    let missing = |cause: String| JournalError::Damaged { cause };
    let value = match META.get(&txn, key) {
        Ok(Some(value)) => value,
        Ok(None) => return Err(missing(format!("the table \"{}\" has no \"{key}\"", META.name))),
        Err(JournalError::Damaged { cause }) => return Err(missing(format!("it is the file of another program: {cause}"))),
        Err(error) => return Err(error),
    };
    serde_json::from_value(value).map_err(|error| missing(format!("\"{key}\" of the table \"{}\": {error}", META.name)))
}

struct Create<'t> {
    txn: &'t WriteTransaction,
}

impl Visitor for Create<'_> {
    fn visit<K, V>(&mut self, table: &Table<K, V>) -> Result<(), JournalError>
    where
        K: Key + 'static,
        for<'k> K::SelfType<'k>: Serialize,
        V: Serialize + DeserializeOwned,
    {
        self.txn.open_table(table.definition())?;
        Ok(())
    }
}

fn index_run_items(txn: &WriteTransaction) -> Result<(), JournalError> {
    let items = txn.open_table(RUN_ITEMS.definition())?;
    for row in items.iter()? {
        let (key, json) = row?;
        let (run, number) = key.value();
        // What cannot be read cannot be indexed; it must not keep the whole journal from opening, and the check reports it.
        let Ok(item) = RUN_ITEMS.decode(&key.value(), json.value()) else { continue };
        if let Some(message_id) = &item.message_id {
            RUN_ITEMS_BY_MESSAGE_ID.put(txn, (message_id, run, number), &())?;
        }
    }
    Ok(())
}
