//! What the CRM keeps: a redb database beside segment files with the original bytes. A batch is one commit, synced before it is
//! answered; a segment file that no commit names is removed at the next start.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::activity::{Owner, StoredActivity, StoredContent};
use super::decide::{Rules, Ruling, rule};
use super::receive::Received;
use crate::crm::contract::{ImportAnswer, ImportResult, MailVerdict, Manifest, Origin, RecordLink};
use crate::model::{BatchKey, Digest, ItemKey, RunId};

const ACTIVITIES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("activities");
const CONTENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("contents");
const ITEMS: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("items");
const FINGERPRINTS: TableDefinition<'_, &str, u64> = TableDefinition::new("fingerprints");
const BATCHES: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("batches");
const LOCKS: TableDefinition<'_, &str, bool> = TableDefinition::new("locks");

/// The database cache: the sandbox is a guest on the machine.
const CACHE: usize = 16 * 1024 * 1024;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct StoredBatch {
    manifest: Digest,
    answer: ImportAnswer,
}

/// What the store knows of a batch key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KnownBatch {
    Unknown,
    Same(ImportAnswer),
    Other,
}

/// Why the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database.
    #[error(transparent)]
    Database(#[from] redb::Error),
    /// A value in the database.
    #[error("a stored value cannot be read: {0}")]
    Value(#[from] serde_json::Error),
    /// The folder.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The sandbox was shut down.
    #[error("the sandbox is shut down")]
    Closed,
}

macro_rules! database_errors {
    ($($error:ty),*) => {
        $(impl From<$error> for StoreError {
            fn from(error: $error) -> Self {
                Self::Database(error.into())
            }
        })*
    };
}
database_errors!(redb::DatabaseError, redb::TransactionError, redb::TableError, redb::StorageError, redb::CommitError);

/// The database and its folder.
#[derive(Debug)]
pub(super) struct Store {
    dir: PathBuf,
    database: RwLock<Option<Arc<Database>>>,
}

impl Store {
    /// Opens or makes the store in `dir`.
    pub(super) fn open(dir: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(dir)?;
        let database = Database::builder().set_cache_size(CACHE).create(dir.join("crm.redb"))?;
        let write = database.begin_write()?;
        let named: BTreeSet<String> = {
            write.open_table(CONTENTS)?;
            write.open_table(ITEMS)?;
            write.open_table(FINGERPRINTS)?;
            write.open_table(BATCHES)?;
            write.open_table(LOCKS)?;
            super::records::create_tables(&write)?;
            super::contacts::create_tables(&write)?;
            let activities = write.open_table(ACTIVITIES)?;
            activities.iter()?.map(|row| Ok(parse::<StoredActivity>(row?.1.value())?.raw.0)).collect::<Result<_, StoreError>>()?
        };
        write.commit()?;
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if Path::new(&name).extension().is_some_and(|extension| extension == "seg") && !named.contains(&name) {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(Self { dir: dir.to_owned(), database: RwLock::new(Some(Arc::new(database))) })
    }

    /// Lets the database go; every later call fails.
    pub(super) fn close(&self) {
        self.database.write().unwrap_or_else(PoisonError::into_inner).take();
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn database(&self) -> Result<Arc<Database>, StoreError> {
        self.database.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or(StoreError::Closed)
    }

    /// What is known of a batch.
    pub(super) fn batch(&self, employee: &str, key: &str, manifest: Option<&Digest>) -> Result<KnownBatch, StoreError> {
        let read = self.database()?.begin_read()?;
        let Some(row) = read.open_table(BATCHES)?.get((employee, key))? else { return Ok(KnownBatch::Unknown) };
        let stored: StoredBatch = parse(row.value())?;
        Ok(match manifest {
            Some(manifest) if *manifest != stored.manifest => KnownBatch::Other,
            _ => KnownBatch::Same(stored.answer),
        })
    }

    /// Decides and keeps a batch in one commit.
    pub(super) fn import(&self, batch: &Batch<'_>, rules: &Rules<'_>, received: Received) -> Result<ImportAnswer, StoreError> {
        let segment = format!("mails-{}.seg", uuid::Uuid::new_v4().simple());
        let write = self.database()?.begin_write()?;
        let mut results = Vec::with_capacity(batch.manifest.items.len());
        let mut keep_segment = false;
        {
            let mut tables = Tables {
                activities: write.open_table(ACTIVITIES)?,
                contents: write.open_table(CONTENTS)?,
                items: write.open_table(ITEMS)?,
                fingerprints: write.open_table(FINGERPRINTS)?,
            };
            for item in &batch.manifest.items {
                let result = tables.import(batch, rules, &received, &segment, item)?;
                keep_segment |= result.verdict == MailVerdict::Created && !result.replayed;
                results.push(result);
            }
        }
        let answer = ImportAnswer { key: batch.key.clone(), results };
        let stored = StoredBatch { manifest: batch.digest.clone(), answer: answer.clone() };
        write.open_table(BATCHES)?.insert((batch.employee, batch.key.as_str()), serde_json::to_vec(&stored)?.as_slice())?;
        if keep_segment && let Some(path) = received.segment {
            // The name before the commit: a crash between the two leaves a file that no commit names.
            path.persist(self.dir.join(&segment)).map_err(|error| error.error)?;
            sync_folder(&self.dir)?;
        }
        write.commit()?;
        Ok(answer)
    }

    /// The result given to an item key before.
    pub(super) fn item(&self, employee: &str, key: &ItemKey) -> Result<Option<ImportResult>, StoreError> {
        let read = self.database()?.begin_read()?;
        read.open_table(ITEMS)?.get((employee, key.as_str()))?.map(|row| parse(row.value())).transpose()
    }

    /// Activities below `before`, newest first, as long as `take` says so.
    pub(super) fn activities(
        &self,
        before: u64,
        mut take: impl FnMut(StoredActivity) -> std::ops::ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let read = self.database()?.begin_read()?;
        for row in read.open_table(ACTIVITIES)?.range(..before)?.rev() {
            if take(parse(row?.1.value())?).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// One activity with its text.
    pub(super) fn activity(&self, number: u64) -> Result<Option<(StoredActivity, StoredContent)>, StoreError> {
        let read = self.database()?.begin_read()?;
        let Some(row) = read.open_table(ACTIVITIES)?.get(number)? else { return Ok(None) };
        let content = match read.open_table(CONTENTS)?.get(number)? {
            Some(row) => parse(row.value())?,
            None => StoredContent::default(),
        };
        Ok(Some((parse(row.value())?, content)))
    }

    /// "Groupware password locked" of an employee.
    pub(super) fn is_locked(&self, employee: &str) -> Result<bool, StoreError> {
        let read = self.database()?.begin_read()?;
        Ok(read.open_table(LOCKS)?.get(employee)?.is_some_and(|row| row.value()))
    }

    /// Sets it.
    pub(super) fn set_locked(&self, employee: &str, locked: bool) -> Result<(), StoreError> {
        let write = self.database()?.begin_write()?;
        write.open_table(LOCKS)?.insert(employee, locked)?;
        write.commit()?;
        Ok(())
    }
}

/// A batch to be kept.
pub(super) struct Batch<'a> {
    pub(super) employee: &'a str,
    pub(super) key: BatchKey,
    pub(super) digest: Digest,
    pub(super) manifest: &'a Manifest<'a>,
    pub(super) now: DateTime<Utc>,
    /// Template of an activity's page.
    pub(super) link: &'a str,
}

type Item<'a> = crate::crm::contract::ManifestItem<'a>;

struct Tables<'t> {
    activities: redb::Table<'t, u64, &'static [u8]>,
    contents: redb::Table<'t, u64, &'static [u8]>,
    items: redb::Table<'t, (&'static str, &'static str), &'static [u8]>,
    fingerprints: redb::Table<'t, &'static str, u64>,
}

impl Tables<'_> {
    fn import(
        &mut self,
        batch: &Batch<'_>,
        rules: &Rules<'_>,
        received: &Received,
        segment: &str,
        item: &Item<'_>,
    ) -> Result<ImportResult, StoreError> {
        let earlier: Option<ImportResult> =
            self.items.get((batch.employee, item.item_key.as_str()))?.map(|row| parse(row.value())).transpose()?;
        let twin: Option<StoredActivity> = match self.fingerprints.get(item.fingerprint.as_str())?.map(|row| row.value()) {
            Some(number) => self.activities.get(number)?.map(|row| parse(row.value())).transpose()?,
            None => None,
        };
        let part = received.parts.get(&item.part);
        let ruling = rule(item, part, earlier.is_some(), twin.as_ref().map(|twin| owns(twin, batch.employee)), rules);
        let mut result = ImportResult {
            client_id: item.client_id.clone(),
            item_key: item.item_key.clone(),
            verdict: MailVerdict::Rejected,
            replayed: false,
            record: None,
            linked: Vec::new(),
            customer_folder: None,
            reason: String::new(),
        };
        match ruling {
            Ruling::Replay => {
                if let Some(earlier) = earlier {
                    result = ImportResult { client_id: item.client_id.clone(), replayed: true, ..earlier };
                }
                return Ok(result);
            }
            Ruling::Answer(verdict, reason) => {
                result.verdict = verdict;
                result.reason = reason;
                return Ok(result);
            }
            Ruling::Join => {
                let Some(mut twin) = twin else { return Ok(result) };
                result.verdict = if owns(&twin, batch.employee) { MailVerdict::Duplicate } else { MailVerdict::Merged };
                if result.verdict == MailVerdict::Merged {
                    twin.version += 1;
                    twin.owners.push(owner(batch, item));
                    self.activities.insert(twin.number, serde_json::to_vec(&twin)?.as_slice())?;
                }
                link(&mut result, &twin, batch.link);
            }
            Ruling::Create(assignment) => {
                let number = self.activities.last()?.map_or(1, |(number, _)| number.value() + 1);
                let (offset, len) = part.map_or((0, 0), |part| (part.offset, part.len));
                let activity = StoredActivity {
                    number,
                    version: 1,
                    activity_type: item.activity_type.clone(),
                    status: item.status.clone(),
                    subject: item.subject.clone().into_owned(),
                    date: item.date.map(|date| date.to_rfc3339()),
                    direction: item.direction,
                    from: item.from.clone(),
                    to: item.to.iter().chain(&item.cc).cloned().collect(),
                    message_id: item.message_id.clone(),
                    fingerprint: item.fingerprint.clone(),
                    raw_digest: item.raw_digest.clone(),
                    raw: (segment.to_owned(), offset, len),
                    external: item.external_addresses.clone(),
                    linked: assignment.linked,
                    customer_folder: assignment.customer_folder,
                    attachments: item.attachments.clone(),
                    owners: vec![owner(batch, item)],
                };
                let content = StoredContent {
                    text: item.text.as_ref().map(|body| body.content.clone().into_owned()).unwrap_or_default(),
                    html: item.html.as_ref().map(|body| body.content.clone().into_owned()),
                };
                self.activities.insert(number, serde_json::to_vec(&activity)?.as_slice())?;
                self.contents.insert(number, serde_json::to_vec(&content)?.as_slice())?;
                self.fingerprints.insert(item.fingerprint.as_str(), number)?;
                result.verdict = MailVerdict::Created;
                link(&mut result, &activity, batch.link);
            }
        }
        self.items.insert((batch.employee, item.item_key.as_str()), serde_json::to_vec(&result)?.as_slice())?;
        Ok(result)
    }
}

fn owns(activity: &StoredActivity, employee: &str) -> bool {
    activity.owners.iter().any(|owner| owner.employee == employee)
}

fn owner(batch: &Batch<'_>, item: &Item<'_>) -> Owner {
    let run: RunId = batch.manifest.run.clone();
    Owner {
        employee: batch.employee.to_owned(),
        item_key: item.item_key.clone(),
        folder: item.folder.clone(),
        origin: Origin { run: Some(run), imported_at: batch.now },
    }
}

fn link(result: &mut ImportResult, activity: &StoredActivity, template: &str) {
    let id = activity.id();
    let link = Some(template.replace("{id}", &id));
    result.record = Some(RecordLink { id, version: activity.version.to_string(), link });
    result.linked.clone_from(&activity.linked);
    result.customer_folder.clone_from(&activity.customer_folder);
}

pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    Ok(serde_json::from_slice(bytes)?)
}

/// The new name must be on disk as well; Windows has no such call and needs none.
#[cfg(unix)]
fn sync_folder(dir: &Path) -> std::io::Result<()> {
    std::fs::File::open(dir)?.sync_all()
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature on every system")]
fn sync_folder(_dir: &Path) -> std::io::Result<()> {
    Ok(())
}
