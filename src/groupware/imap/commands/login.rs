//! LOGIN (RFC 3501 §6.2.3).

use std::collections::BTreeSet;

use crate::groupware::GroupwareError;

use super::super::LoginSecret;
use super::super::refusal;
use super::super::wire::{Code, Command, Connection, Status, Untagged};

/// Logs in by user name and password; gives the new capabilities, if the server names them by itself.
pub(in super::super) async fn run(
    connection: &mut Connection,
    user: &str,
    secret: &LoginSecret,
) -> Result<Option<BTreeSet<String>>, GroupwareError> {
    let command = Command::new("LOGIN").credential(user.as_bytes()).credential(secret.expose().as_bytes());
    let mut fresh = None;
    let status = connection
        .run(command, |data| {
            if let Untagged::Capability(names) = data {
                fresh = Some(names);
            }
        })
        .await?;
    outcome(connection, "LOGIN", status, fresh)
}

/// What the end of a login means.
pub(super) fn outcome(
    connection: &Connection,
    command: &'static str,
    status: Status,
    fresh: Option<BTreeSet<String>>,
) -> Result<Option<BTreeSet<String>>, GroupwareError> {
    if !status.is_ok() {
        return Err(refusal::login_failed(connection.server(), command, &status));
    }
    Ok(match status.code {
        Some(Code::Capability(names)) => Some(names),
        _ => fresh,
    })
}
