//! CREATE (RFC 3501 §6.3.3), and SUBSCRIBE (§6.3.6) so that mail programs show the new mailbox.

use crate::groupware::GroupwareError;

use super::super::wire::{Command, Connection};
use super::ok;

/// Creates one mailbox. `Ok(false)` when the server says by code that it exists already.
pub(in super::super) async fn run(connection: &mut Connection, wire: &[u8]) -> Result<bool, GroupwareError> {
    let status = connection.run(Command::new("CREATE").string(wire), |_| {}).await?;
    if status.code_name() == Some("ALREADYEXISTS") {
        return Ok(false);
    }
    ok(connection, "CREATE", status, None)?;
    // A server without subscriptions may refuse; the mailbox is there all the same.
    connection.run(Command::new("SUBSCRIBE").string(wire), |_| {}).await?;
    Ok(true)
}
