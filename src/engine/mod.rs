//! Carries plans out: one run = collect → decide → intend → write → settle.

pub mod contacts;
mod context;
mod error;
mod events;
pub mod items;
pub mod mail;
mod run;
pub mod web_folder;

pub use context::{Context, new_run_id};
pub use error::EngineError;
pub use events::{Observer, RunEvent, Silent};
pub use run::{RunPlan, RunReport, consent_given, lock_of, run, run_all, run_with_contacts, sign_in, sign_in_items};
