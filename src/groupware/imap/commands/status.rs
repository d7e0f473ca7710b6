//! STATUS (RFC 3501 §6.3.10).

use crate::groupware::{GroupwareError, MailboxStatus};
use crate::model::MailboxName;

use super::super::wire::{Command, Connection, Untagged};
use super::ok;

/// Counters of a mailbox that is not selected.
pub(in super::super) async fn run(
    connection: &mut Connection,
    wire: &[u8],
    name: &MailboxName,
    condstore: bool,
) -> Result<MailboxStatus, GroupwareError> {
    let items = if condstore { "(MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ)" } else { "(MESSAGES UIDNEXT UIDVALIDITY)" };
    let mut row = None;
    let status = connection
        .run(Command::new("STATUS").string(wire).arg(items), |data| {
            // Stalwart 0.15 sends STATUS of other mailboxes of its own accord; a row under another spelling of the name is better than none.
            if let Untagged::Mailbox(found) = data
                && (row.is_none() || found.name.eq_ignore_ascii_case(wire))
            {
                row = Some(found);
            }
        })
        .await?;
    ok(connection, "STATUS", status, Some(name))?;
    let row = row.ok_or_else(|| connection.protocol("the counters are missing"))?;
    let number = |value: Option<u64>| value.and_then(|value| u32::try_from(value).ok());
    Ok(MailboxStatus {
        messages: number(row.messages),
        uid_next: number(row.uid_next),
        uid_validity: number(row.uid_validity),
        // Zero says that the mailbox has none (RFC 7162 §3.1.2.2).
        highest_modseq: row.highest_modseq.filter(|modseq| *modseq > 0),
    })
}
