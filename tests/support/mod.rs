//! What the tests that drive the whole program share: real servers, a seeding client, the program itself, a sandbox CRM.
//!
//! Nothing here judges; every judgement stands in the test that needs it.
#![allow(dead_code, unreachable_pub, reason = "each test crate uses its own part of this")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on ends")]
#![allow(clippy::missing_panics_doc, clippy::must_use_candidate, reason = "not an interface for others")]

pub mod agent;
pub mod crm;
pub mod imap;
pub mod killer;
pub mod mails;
pub mod plain_ical;
pub mod servers;

use std::time::{Duration, Instant};

/// Waits until `check` gives a value, and fails after `timeout` with `what`.
pub fn wait_for<T>(what: &str, timeout: Duration, mut check: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + timeout;
    loop {
        if let Some(value) = check() {
            return value;
        }
        assert!(Instant::now() < end, "{what} did not happen within {timeout:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
