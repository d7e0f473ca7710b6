//! What went over the wire.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts requests and bytes of one [`super::HttpCrm`] and its clones.
#[derive(Debug, Default)]
pub struct Traffic {
    requests: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

/// A reading of [`Traffic`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct TrafficCount {
    /// Requests begun.
    pub requests: u64,
    /// Bytes of request bodies, compressed where they were.
    pub bytes_sent: u64,
    /// Bytes of answer bodies, decompressed.
    pub bytes_received: u64,
}

impl Traffic {
    /// The counts so far.
    pub fn count(&self) -> TrafficCount {
        TrafficCount {
            requests: self.requests.load(Ordering::Relaxed),
            bytes_sent: self.sent.load(Ordering::Relaxed),
            bytes_received: self.received.load(Ordering::Relaxed),
        }
    }

    pub(super) fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}
