//! Hostile tests of the real binary: killed at every turn of its conversations, served by servers that fail in every way they can,
//! before servers of every kind, and held to the promises of its command line.
//!
//! `CRMSYNC_SOAK=1` runs every case of the matrices that are sampled otherwise; `CRMSYNC_SEED` repeats a sample.
#![allow(
    unreachable_pub,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod accounts;
mod calendar;
mod command_line;
mod contacts;
mod crm_faults;
mod employee;
mod imap_faults;
mod kill;
mod login;
mod privacy;
mod quirks;
mod rewritten;
mod scene;
mod sign_in;
mod spool;
mod stage;
mod surprises;
mod web_folder;
