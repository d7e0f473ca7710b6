//! SELECT and EXAMINE (RFC 3501 §6.3.1, §6.3.2).

use std::collections::BTreeSet;

use crate::groupware::{Access, GroupwareError, Known, Selected};
use crate::model::MailboxName;

use super::super::wire::{Code, Command, Connection, Untagged};
use super::ok;

/// UIDs as inclusive ranges.
type Ranges = Vec<(u32, u32)>;

/// Opens a mailbox. `condstore`: the server knows CONDSTORE; Courier 5.0, which does not, refuses the parameter.
pub(in super::super) async fn run(
    connection: &mut Connection,
    wire: &[u8],
    name: &MailboxName,
    access: Access,
    condstore: bool,
) -> Result<Selected, GroupwareError> {
    let verb = match access {
        Access::ReadOnly => "EXAMINE",
        Access::ReadWrite => "SELECT",
    };
    let mut command = Command::new(verb).string(wire);
    if condstore {
        command = command.arg("(CONDSTORE)");
    }
    Ok(open(connection, command, verb, name, access).await?.0)
}

/// Opens a mailbox that was known before, and learns which UIDs vanished since (RFC 7162 §3.2.5). The server must have QRESYNC, enabled.
/// Stalwart 0.15 tells of none though some are gone: what is told is true, but not all there is.
pub(in super::super) async fn resync(
    connection: &mut Connection,
    wire: &[u8],
    name: &MailboxName,
    known: Known,
) -> Result<(Selected, Ranges), GroupwareError> {
    let Known { uid_validity, highest_modseq } = known;
    let command = Command::new("SELECT").string(wire).arg(&format!("(QRESYNC ({uid_validity} {highest_modseq}))"));
    open(connection, command, "SELECT", name, Access::ReadWrite).await
}

async fn open(
    connection: &mut Connection,
    command: Command,
    verb: &'static str,
    name: &MailboxName,
    access: Access,
) -> Result<(Selected, Ranges), GroupwareError> {
    let (mut exists, mut flags, mut codes, mut vanished) = (None, Vec::new(), Vec::new(), Ranges::new());
    let status = connection
        .run(command, |data| match data {
            Untagged::Exists(number) => exists = Some(number),
            Untagged::Flags(list) => flags = list,
            Untagged::Status(status) => codes.extend(status.code),
            Untagged::Vanished(ranges) => vanished.extend(ranges),
            _ => {}
        })
        .await?;
    codes.extend(ok(connection, verb, status, Some(name))?.code);

    let (mut uid_validity, mut uid_next, mut highest_modseq, mut permanent, mut read_only) =
        (None, None, None, Vec::new(), access == Access::ReadOnly);
    for code in codes {
        match code {
            Code::UidValidity(number) => uid_validity = Some(number),
            Code::UidNext(number) => uid_next = Some(number),
            Code::HighestModseq(number) => highest_modseq = Some(number),
            Code::PermanentFlags(list) => permanent = list,
            Code::ReadOnly => read_only = true,
            _ => {}
        }
    }
    let exists = exists.ok_or_else(|| connection.protocol("the number of mails is missing"))?;
    let uid_validity = uid_validity.ok_or_else(|| connection.protocol("UIDVALIDITY is missing"))?;
    connection.opened_with(exists);
    let selected = Selected {
        uid_validity,
        uid_next,
        exists,
        highest_modseq,
        // Stalwart 0.15 shows `\*` in EXAMINE too.
        keywords_allowed: !read_only && permanent.iter().any(|flag| flag == "\\*"),
        known_keywords: flags.into_iter().chain(permanent).filter(|flag| !flag.starts_with('\\')).collect::<BTreeSet<_>>(),
        read_only,
    };
    Ok((selected, vanished))
}
