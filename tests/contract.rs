//! The published contract, its adapter and the sandbox CRM, held against each other.

#[path = "contract/support.rs"]
mod support;

#[path = "contract/adapter.rs"]
mod adapter;
#[path = "contract/answers.rs"]
mod answers;
#[path = "contract/document.rs"]
mod document;
#[path = "contract/sandbox.rs"]
mod sandbox;
