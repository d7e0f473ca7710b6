//! What every part of a run needs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::journal::{Change, Journal};
use crate::model::{AccountId, Instant, OpId, RunId};
use crate::system::{Clock, Random};

use super::EngineError;
use super::events::{Observer, RunEvent};

/// One run's surroundings. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    /// The account the run is for.
    pub account: AccountId,
    /// The run's id.
    pub run: RunId,
    /// The journal.
    pub journal: Journal,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Who listens.
    pub observer: Arc<dyn Observer>,
    /// Cancelled when the user stops the run; looked at on batch borders.
    pub cancel: CancellationToken,
    /// Folder for large bodies; private, emptied at start.
    pub spool: PathBuf,
}

impl Context {
    /// Now.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// A new identity for a write.
    #[must_use]
    pub fn new_op_id(&self) -> OpId {
        OpId(self.random.uuid().to_string())
    }

    /// Tells the listeners.
    pub fn tell(&self, event: &RunEvent) {
        self.observer.event(event);
    }

    /// Makes changes in one transaction.
    pub async fn commit(&self, changes: Vec<Change>) -> Result<(), EngineError> {
        Ok(self.journal.commit(changes).await?)
    }

    /// Waits, telling why. Returns early when the run is cancelled.
    pub async fn wait(&self, why: &str, delay: Duration) {
        self.tell(&RunEvent::Waiting { why: why.to_owned(), delay });
        tokio::select! {
            () = self.clock.sleep(delay) => {}
            () = self.cancel.cancelled() => {}
        }
    }

    /// Whether to go on with `left` items at a batch border.
    pub async fn go_on(&self, left: u64) -> bool {
        if left == 0 {
            return true;
        }
        let observer = Arc::clone(&self.observer);
        tokio::task::spawn_blocking(move || observer.go_on(left)).await.unwrap_or(false)
    }
}

/// A new run id: sorts by time to the millisecond, so that the last run is the last, and unique by its random tail.
#[must_use]
pub fn new_run_id(now: Instant, random: &dyn Random) -> RunId {
    RunId(format!("{}-{:08x}", now.format("%Y%m%dT%H%M%S%3fZ"), random.next_u64() >> 32))
}
