//! CAPABILITY (RFC 3501 §6.1.1).

use std::collections::BTreeSet;

use crate::groupware::GroupwareError;

use super::super::wire::{Command, Connection, Untagged};
use super::ok;

/// The command, to be sent along with others.
pub(in super::super) fn command() -> Command {
    Command::new("CAPABILITY")
}

/// What the server can do, in upper case.
pub(in super::super) async fn run(connection: &mut Connection) -> Result<BTreeSet<String>, GroupwareError> {
    let mut found = None;
    let status = connection
        .run(command(), |data| {
            if let Untagged::Capability(names) = data {
                found = Some(names);
            }
        })
        .await?;
    ok(connection, "CAPABILITY", status, None)?;
    found.ok_or_else(|| connection.protocol("no capabilities were named"))
}
