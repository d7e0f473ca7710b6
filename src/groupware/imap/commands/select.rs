//! SELECT and EXAMINE (RFC 3501 §6.3.1, §6.3.2).

use std::collections::BTreeSet;

use crate::groupware::{Access, GroupwareError, Selected};
use crate::model::MailboxName;

use super::super::wire::{Code, Command, Connection, Untagged};
use super::ok;

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
    let (mut exists, mut flags, mut codes) = (None, Vec::new(), Vec::new());
    let status = connection
        .run(command, |data| match data {
            Untagged::Exists(number) => exists = Some(number),
            Untagged::Flags(list) => flags = list,
            Untagged::Status(status) => codes.extend(status.code),
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
    Ok(Selected {
        uid_validity,
        uid_next,
        exists,
        highest_modseq,
        // Stalwart 0.15 shows `\*` in EXAMINE too.
        keywords_allowed: !read_only && permanent.iter().any(|flag| flag == "\\*"),
        known_keywords: flags.into_iter().chain(permanent).filter(|flag| !flag.starts_with('\\')).collect::<BTreeSet<_>>(),
        read_only,
    })
}
