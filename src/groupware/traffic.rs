//! What a session cost.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one session, shared with whoever wants to print them.
#[derive(Debug, Default)]
pub struct Traffic {
    round_trips: AtomicU64,
    commands: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct TrafficSnapshot {
    /// How often the session waited for the server after it had sent something, the greeting aside.
    pub round_trips: u64,
    /// Commands sent. Several may share a round trip.
    pub commands: u64,
    /// Bytes received, inside of TLS.
    pub bytes_in: u64,
    /// Bytes sent, inside of TLS.
    pub bytes_out: u64,
}

impl Traffic {
    /// The counters now.
    #[must_use]
    pub fn snapshot(&self) -> TrafficSnapshot {
        TrafficSnapshot {
            round_trips: self.round_trips.load(Ordering::Relaxed),
            commands: self.commands.load(Ordering::Relaxed),
            bytes_in: self.bytes_in.load(Ordering::Relaxed),
            bytes_out: self.bytes_out.load(Ordering::Relaxed),
        }
    }

    pub(super) fn waited(&self) {
        self.round_trips.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn commanded(&self) {
        self.commands.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn received(&self, bytes: usize) {
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}
