//! The handle, and the owner thread that groups commits.

use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use redb::StorageBackend;
use uuid::Uuid;

use super::apply::apply;
use super::file::{SharedBackend, Source};
use super::store::Store;
use super::{Change, JournalError};

/// Changes that one redb commit takes at most, so that a writer is not kept waiting by those behind it. A single vector may be larger.
const GROUP_CHANGES: usize = 10_000;

/// A cheap handle to the open journal. The file is closed, and can be opened anew, when [`close`](Self::close) returns or the last
/// handle is dropped.
#[derive(Debug, Clone)]
pub struct Journal {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Arc<Store>,
    writer: Writer,
}

#[derive(Debug)]
enum Writer {
    /// The owner thread.
    Owner { queue: Mutex<Option<Sender<Command>>>, thread: Mutex<Option<JoinHandle<()>>> },
    /// The caller's thread, one redb commit a call, so that a simulation depends on its seed alone.
    Caller,
}

struct Command {
    changes: Vec<Change>,
    reply: Box<dyn FnOnce(Result<(), JournalError>) + Send>,
}

impl Journal {
    /// Opens the journal, or makes a new one with its folder (on Unix readable by the owner only). An older one is migrated, one that
    /// was not closed is repaired.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        Self::start(Source::file(path))
    }

    /// Opens a journal on a storage of the caller's, for tests. Commits are made on the caller's thread, each by itself, so that
    /// nothing depends on the timing of threads.
    pub fn open_with_backend(backend: impl StorageBackend) -> Result<Self, JournalError> {
        let store = Store::open(Source::Backend(SharedBackend(Arc::new(backend))))?;
        Ok(Self { inner: Arc::new(Inner { store: Arc::new(store), writer: Writer::Caller }) })
    }

    pub(super) fn start(source: Source) -> Result<Self, JournalError> {
        let store = Arc::new(Store::open(source)?);
        let (queue, commands) = mpsc::channel();
        let thread = std::thread::Builder::new().name("journal".to_owned()).spawn({
            let store = Arc::clone(&store);
            move || own(&store, &commands)
        })?;
        let writer = Writer::Owner { queue: Mutex::new(Some(queue)), thread: Mutex::new(Some(thread)) };
        Ok(Self { inner: Arc::new(Inner { store, writer }) })
    }

    /// Makes `changes` in one transaction, in order. They are durable when this returns `Ok`; after an error of the disk they stand
    /// wholly or not at all. Commits that wait at the same time share one write to the disk. No changes: nothing happens.
    ///
    /// Once polled, the changes are made even if the future is dropped.
    pub async fn commit(&self, changes: Vec<Change>) -> Result<(), JournalError> {
        if changes.is_empty() {
            return Ok(());
        }
        let (reply, answer) = tokio::sync::oneshot::channel();
        self.submit(Command {
            changes,
            reply: Box::new(move |result| {
                // Nobody waits any more when the future was dropped.
                let _ = reply.send(result);
            }),
        });
        answer.await.unwrap_or(Err(JournalError::Closed))
    }

    /// As [`commit`](Self::commit), for code that is not async. Blocks the thread.
    pub fn commit_blocking(&self, changes: Vec<Change>) -> Result<(), JournalError> {
        if changes.is_empty() {
            return Ok(());
        }
        let (reply, answer) = mpsc::sync_channel(1);
        self.submit(Command {
            changes,
            reply: Box::new(move |result| {
                let _ = reply.send(result);
            }),
        });
        answer.recv().unwrap_or(Err(JournalError::Closed))
    }

    /// Dropping a command without an answer tells its caller that the journal is closed.
    fn submit(&self, command: Command) {
        match &self.inner.writer {
            Writer::Caller => commit_group(self.store(), vec![command]),
            Writer::Owner { queue, .. } => {
                if let Some(queue) = queue.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
                    let _ = queue.send(command);
                }
            }
        }
    }

    /// Commits of redb so far, each with one write to the disk that waits until it is durable.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.store().commits()
    }

    /// Id of this journal: random, chosen when the file was made. A rebuilt journal has another.
    #[must_use]
    pub fn instance(&self) -> Uuid {
        self.store().instance()
    }

    /// Makes the commits that are waiting, then closes the file for every handle. Later calls fail with [`JournalError::Closed`].
    pub fn close(self) {
        self.inner.shut();
    }

    pub(super) fn store(&self) -> &Store {
        &self.inner.store
    }
}

impl Inner {
    fn shut(&self) {
        if let Writer::Owner { queue, thread } = &self.writer {
            drop(queue.lock().unwrap_or_else(PoisonError::into_inner).take());
            if let Some(thread) = thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
                // A panic of the thread was printed when it happened; the file is closed all the same.
                let _ = thread.join();
            }
        }
        self.store.close();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shut();
    }
}

/// The owner thread: takes what waits and commits it, until the last handle is gone.
fn own(store: &Store, commands: &Receiver<Command>) {
    while let Ok(first) = commands.recv() {
        let mut changes = first.changes.len();
        let mut group = vec![first];
        while changes < GROUP_CHANGES
            && let Ok(next) = commands.try_recv()
        {
            changes = changes.saturating_add(next.changes.len());
            group.push(next);
        }
        commit_group(store, group);
    }
}

fn commit_group(store: &Store, group: Vec<Command>) {
    let result = store.write(|txn| apply(txn, group.iter().flat_map(|command| &command.changes)));
    for command in group {
        (command.reply)(result.clone());
    }
}
