//! Pure decisions: no I/O, no clock, no async, no randomness but what is passed in.
//!
//! Mail, in the order of a run: [`plan_sources`] says where to look, [`plan_sets`] what to fetch together, [`too_large`] and
//! [`left_out`] what stays out, [`on_unmatched`] what the CRM is asked to do, [`consequence`] what follows from its answer,
//! [`placement()`] how the mail is marked and moved. [`items`] decides about appointments and tasks, [`contacts`] about contacts.
//! [`classify`] turns every error into a remedy, [`retry`] says when to try again.

mod addresses;
mod attachments;
pub mod classify;
pub mod contacts;
mod folder_name;
mod freemail;
pub mod items;
mod leave_out;
mod mail_sets;
mod mail_sources;
mod mailbox_path;
mod placement;
mod preview;
pub mod retry;
mod safe_name;
#[cfg(test)]
mod testing;
mod unmatched;
mod verdict;

pub use addresses::{AddressSet, Addresses, normalise_address};
pub use attachments::{listed_attachments, reduced_mail};
pub use classify::{Remedy, StopScope, UserAction};
pub use folder_name::{FolderName, parse_folder_name};
pub use freemail::is_freemail;
pub use leave_out::{left_out, too_large};
pub use mail_sets::{halves, plan_sets};
pub use mail_sources::{
    DEFAULT_STATUS, MailSource, MissingMailbox, ResultKind, SourceInputs, SourcePlan, archive_mailbox, beside_inbox, plan_sources,
    result_subfolder,
};
pub use placement::{Placed, Placement, Target, placement};
pub use preview::{MailPlan, PlannedMail};
pub use retry::{next_delay, next_not_found_try};
pub use safe_name::{numbered, safe_file_name, safe_path, told_apart};
pub use unmatched::on_unmatched;
pub use verdict::{Consequence, NextTry, Parking, consequence};
