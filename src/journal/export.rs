//! The journal as text.

use std::io::Write;

use redb::Key;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::migrations::SCHEMA;
use super::tables::{self, META, Table, Visitor};
use super::{Journal, JournalError, store::Store};

impl Journal {
    /// Writes every record as a line of JSON, `{"table":…,"key":…,"value":…}`, tables and keys in a fixed order, behind a first line
    /// `{"format":"crmsync-journal","schema":…,"instance":…}`. A record that is not JSON has `"bytes"` (base64) in place of
    /// `"value"`. Gives the number of records. The records name people: the caller decides who may read the file.
    pub fn export(&self, out: &mut dyn Write) -> Result<u64, JournalError> {
        let store = self.store();
        let head = json!({ "format": "crmsync-journal", "schema": SCHEMA, "instance": store.instance() });
        writeln!(out, "{head}").map_err(|error| failed(&error))?;
        let mut lines = Lines { store, out, count: 0 };
        tables::each(&mut lines)?;
        let count = lines.count;
        out.flush().map_err(|error| failed(&error))?;
        Ok(count)
    }
}

fn failed(error: &std::io::Error) -> JournalError {
    JournalError::Export { cause: error.to_string() }
}

struct Lines<'a> {
    store: &'a Store,
    out: &'a mut dyn Write,
    count: u64,
}

impl Visitor for Lines<'_> {
    fn visit<K, V>(&mut self, table: &Table<K, V>) -> Result<(), JournalError>
    where
        K: Key + 'static,
        for<'k> K::SelfType<'k>: Serialize,
        V: Serialize + DeserializeOwned,
    {
        if table.name == META.name {
            return Ok(());
        }
        let mut after = None;
        loop {
            // Written when the transaction is over: a slow receiver must not keep the journal from anything.
            let mut page = Vec::new();
            after = self.store.page(table, after.as_deref(), |_, key, bytes| {
                let line = match serde_json::from_slice::<Value>(bytes) {
                    Ok(value) => json!({ "table": table.name, "key": key, "value": value }),
                    Err(_) => json!({ "table": table.name, "key": key, "bytes": data_encoding::BASE64.encode(bytes) }),
                };
                self.count = self.count.saturating_add(1);
                page.extend_from_slice(line.to_string().as_bytes());
                page.push(b'\n');
                Ok(())
            })?;
            self.out.write_all(&page).map_err(|error| failed(&error))?;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}
