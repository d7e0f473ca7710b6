//! UID MOVE (RFC 6851) and UID COPY (RFC 3501 §6.4.7), with COPYUID (RFC 4315 §3).

use std::collections::BTreeMap;

use crate::groupware::{GroupwareError, UidSet};
use crate::model::MailboxName;

use super::super::uid_ranges;
use super::super::wire::{Code, Command, Connection, Status, Untagged};
use super::fetch::ok_or_expunged;
use super::ok;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Transfer {
    Move,
    Copy,
}

/// Moves or copies to `target`; gives source UID → UID in the target, where the server says so.
pub(in super::super) async fn run(
    connection: &mut Connection,
    transfer: Transfer,
    uids: &UidSet,
    wire: &[u8],
    target: &MailboxName,
) -> Result<BTreeMap<u32, u32>, GroupwareError> {
    let verb = match transfer {
        Transfer::Move => "UID MOVE",
        Transfer::Copy => "UID COPY",
    };
    let mut targets = BTreeMap::new();
    for set in uid_ranges::batches(uids) {
        let status = connection
            .run(Command::new(verb).arg(&set).string(wire), |data| {
                // MOVE names the new UIDs in an untagged OK, ahead of the EXPUNGEs (RFC 6851 §4.3).
                if let Untagged::Status(status) = data {
                    targets.extend(copied(&status, uids));
                }
            })
            .await?;
        let status = if status.code_name() == Some("EXPUNGEISSUED") {
            ok_or_expunged(connection, verb, status)?
        } else {
            ok(connection, verb, status, Some(target))?
        };
        targets.extend(copied(&status, uids));
    }
    Ok(targets)
}

fn copied(status: &Status, wanted: &UidSet) -> BTreeMap<u32, u32> {
    match &status.code {
        Some(Code::CopyUid { source, target }) => uid_ranges::pairs(source, target, wanted),
        _ => BTreeMap::new(),
    }
}
