//! The published contract, its adapter and the sandbox CRM, held against each other.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_imports,
    reason = "a test fails where it stands, and the modules are one test"
)]

#[path = "contract/support.rs"]
mod support;

#[path = "contract/adapter.rs"]
mod adapter;
#[path = "contract/answers.rs"]
mod answers;
#[path = "contract/contacts.rs"]
mod contacts;
#[path = "contract/desk.rs"]
mod desk;
#[path = "contract/document.rs"]
mod document;
#[path = "contract/records.rs"]
mod records;
#[path = "contract/sandbox.rs"]
mod sandbox;
