//! A file per command. Each builds its command, collects its data, and turns every status but OK into an error.

pub(super) mod authenticate;
pub(super) mod capability;
pub(super) mod create;
pub(super) mod enable;
pub(super) mod expunge;
pub(super) mod fetch;
pub(super) mod id;
pub(super) mod idle;
pub(super) mod list;
pub(super) mod login;
pub(super) mod logout;
mod message_id;
pub(super) mod namespace;
pub(super) mod noop;
pub(super) mod search;
pub(super) mod select;
pub(super) mod starttls;
pub(super) mod status;
pub(super) mod store;
pub(super) mod transfer;

use crate::groupware::GroupwareError;
use crate::model::MailboxName;

use super::refusal;
use super::wire::{Connection, Status};

/// Passes an OK on; anything else is the error it stands for. `mailbox` is the one the command was about.
fn ok(connection: &Connection, command: &'static str, status: Status, mailbox: Option<&MailboxName>) -> Result<Status, GroupwareError> {
    if status.is_ok() { Ok(status) } else { Err(refusal::failed(connection.server(), command, &status, mailbox)) }
}
