//! IDLE (RFC 2177).

use std::time::Duration;

use tokio::time::Instant;

use crate::groupware::GroupwareError;

use super::super::wire::{Connection, Response, Untagged};
use super::ok;

/// How an IDLE ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum IdleEnd {
    /// The server told of a change.
    Changed,
    /// It did not.
    Quiet,
    /// The server refused to idle.
    Refused,
}

/// Whether data tells of a change in the selected mailbox. Keep-alives (`* OK Still here`) and STATUS of other mailboxes do not.
pub(super) fn is_news(data: &Untagged) -> bool {
    matches!(data, Untagged::Exists(_) | Untagged::Expunge | Untagged::Vanished(_) | Untagged::Fetch(_))
}

/// Idles until something changes, at most for `at_most`. Courier 5.0 and DavMail 6 tell of changes only when the IDLE is ended, so that what comes with
/// the end counts too.
pub(in super::super) async fn run(connection: &mut Connection, at_most: Duration) -> Result<IdleEnd, GroupwareError> {
    connection.begin("IDLE")?;
    let tag = connection.queue_tag();
    connection.queue(b"IDLE\r\n");
    connection.flush().await?;
    connection.traffic.waited();
    let until = Instant::now() + at_most;
    let (mut news, mut idling) = (false, false);
    loop {
        if idling && (news || !connection.readable(until.saturating_duration_since(Instant::now())).await?) {
            break;
        }
        match connection.response().await? {
            Response::Continuation(_) => idling = true,
            Response::Untagged(data) => news |= is_news(&data),
            Response::Tagged(answered, _) if answered.eq_ignore_ascii_case(&tag) => {
                connection.end();
                // The server ended it without being asked to: it does not really idle.
                return Ok(if news { IdleEnd::Changed } else { IdleEnd::Refused });
            }
            Response::Tagged(..) => return Err(connection.protocol("a command was answered that is not under way")),
        }
    }
    connection.renew_deadline();
    connection.queue(b"DONE\r\n");
    connection.flush().await?;
    connection.traffic.waited();
    loop {
        match connection.response().await? {
            Response::Untagged(data) => news |= is_news(&data),
            Response::Tagged(answered, status) if answered.eq_ignore_ascii_case(&tag) => {
                connection.end();
                ok(connection, "IDLE", status, None)?;
                return Ok(if news { IdleEnd::Changed } else { IdleEnd::Quiet });
            }
            _ => return Err(connection.protocol("IDLE was not ended as asked")),
        }
    }
}
