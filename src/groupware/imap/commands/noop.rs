//! NOOP (RFC 3501 §6.1.2).

use crate::groupware::GroupwareError;

use super::super::wire::{Command, Connection};
use super::idle::is_news;
use super::ok;

/// The command, to be sent along with others.
pub(in super::super) fn command() -> Command {
    Command::new("NOOP")
}

/// Asks for news; `true` when there was any.
pub(in super::super) async fn run(connection: &mut Connection) -> Result<bool, GroupwareError> {
    let mut news = false;
    let status = connection.run(command(), |data| news |= is_news(&data)).await?;
    ok(connection, "NOOP", status, None)?;
    Ok(news)
}
