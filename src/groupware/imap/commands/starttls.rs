//! STARTTLS (RFC 3501 §6.2.1).

use crate::groupware::GroupwareError;

use super::super::wire::{Command, Connection, Io};
use super::ok;

/// Asks for TLS and gives the bare stream, on which the handshake comes next.
pub(in super::super) async fn run(connection: &mut Connection) -> Result<Box<dyn Io>, GroupwareError> {
    let status = connection.run(Command::new("STARTTLS"), |_| {}).await?;
    ok(connection, "STARTTLS", status, None)?;
    connection.take_stream()
}
