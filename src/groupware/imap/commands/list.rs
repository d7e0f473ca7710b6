//! LIST (RFC 3501 §6.3.8), with special uses (RFC 6154).

use std::collections::BTreeSet;

use crate::groupware::{GroupwareError, Mailbox, SpecialUse};

use super::super::names::NameBook;
use super::super::wire::{Command, Connection, ListRow, Untagged};
use super::ok;

/// Asks for every mailbox. Subscriptions are not asked for: Courier 5.0 has none for a fresh account.
pub(in super::super) fn command(capabilities: &BTreeSet<String>) -> Command {
    let command = Command::new("LIST").arg("\"\" \"*\"");
    if capabilities.contains("SPECIAL-USE") { command.arg("RETURN (SPECIAL-USE)") } else { command }
}

/// Every mailbox.
pub(in super::super) async fn run(
    connection: &mut Connection,
    capabilities: &BTreeSet<String>,
    names: &mut NameBook,
) -> Result<Vec<Mailbox>, GroupwareError> {
    let mut mailboxes = Vec::new();
    let status = connection.run(command(capabilities), |data| collect(data, names, &mut mailboxes)).await?;
    if !status.is_ok() && capabilities.contains("SPECIAL-USE") {
        // RETURN needs LIST-EXTENDED, which not every server with special uses has.
        return Box::pin(run(connection, &BTreeSet::new(), names)).await;
    }
    ok(connection, "LIST", status, None)?;
    Ok(mailboxes)
}

/// Takes a LIST response.
pub(in super::super) fn collect(data: Untagged, names: &mut NameBook, mailboxes: &mut Vec<Mailbox>) {
    if let Untagged::List(row) = data {
        mailboxes.push(mailbox(&row, names));
    }
}

fn mailbox(row: &ListRow, names: &mut NameBook) -> Mailbox {
    let has = |attribute: &str| row.attributes.iter().any(|found| found == attribute);
    let special_use = row.attributes.iter().find_map(|attribute| match attribute.as_str() {
        "\\all" | "\\allmail" => Some(SpecialUse::All),
        "\\archive" => Some(SpecialUse::Archive),
        "\\drafts" => Some(SpecialUse::Drafts),
        "\\flagged" | "\\starred" => Some(SpecialUse::Flagged),
        "\\junk" | "\\spam" => Some(SpecialUse::Junk),
        "\\sent" => Some(SpecialUse::Sent),
        "\\trash" => Some(SpecialUse::Trash),
        _ => None,
    });
    Mailbox { name: names.learn(&row.name), separator: row.separator, selectable: !has("\\noselect") && !has("\\nonexistent"), special_use }
}
