//! UID STORE (RFC 3501 §6.4.6, §6.4.8).

use std::collections::{BTreeMap, BTreeSet};

use crate::groupware::{GroupwareError, UidSet};

use super::super::keyword::same_keyword;
use super::super::uid_ranges;
use super::super::wire::{Command, Connection, Untagged};
use super::{fetch, search};

/// Sets `add`, then clears `remove` where all of `add` stuck; gives the keywords as the server keeps them in the end.
///
/// A server may refuse a keyword (Cyrus 3.6 beyond a hundred in one mailbox) or drop it without a word (Stalwart 0.15 beyond 72 on one mail). The
/// old mark stands until the new one does, so that the mail is found again. Two round trips, one if there is nothing to clear.
pub(in super::super) async fn keywords(
    connection: &mut Connection,
    uids: &UidSet,
    add: &[String],
    remove: &[String],
) -> Result<BTreeMap<u32, BTreeSet<String>>, GroupwareError> {
    let mut after = change(connection, uids, '+', add).await?;
    if !remove.is_empty() {
        let marked: UidSet = after.iter().filter(|(_, kept)| add.iter().all(|keyword| bears(kept, keyword))).map(|(uid, _)| *uid).collect();
        after.extend(change(connection, &marked, '-', remove).await?);
    }
    Ok(after)
}

/// Marks as deleted.
pub(in super::super) async fn deleted(connection: &mut Connection, uids: &UidSet) -> Result<(), GroupwareError> {
    for set in uid_ranges::batches(uids) {
        let status = connection.run(command(&set, '+', "\\Deleted"), |_| {}).await?;
        fetch::ok_or_expunged(connection, "UID STORE", status)?;
    }
    Ok(())
}

fn bears(kept: &BTreeSet<String>, keyword: &str) -> bool {
    kept.iter().any(|found| same_keyword(found, keyword))
}

fn command(set: &str, sign: char, flags: &str) -> Command {
    Command::new("UID STORE").arg(set).arg(&format!("{sign}FLAGS.SILENT ({flags})"))
}

/// Changes keywords and reads them back in the same round trip.
async fn change(
    connection: &mut Connection,
    uids: &UidSet,
    sign: char,
    keywords: &[String],
) -> Result<BTreeMap<u32, BTreeSet<String>>, GroupwareError> {
    for keyword in keywords {
        search::portable(keyword, "UID STORE")?;
    }
    let mut after = BTreeMap::new();
    for set in uid_ranges::batches(uids) {
        let mut commands = vec![fetch::keywords_command(&set)];
        if !keywords.is_empty() {
            commands.insert(0, command(&set, sign, &keywords.join(" ")));
        }
        let statuses = connection
            .run_all(&commands, |data| {
                if let Untagged::Fetch(row) = data
                    && let (Some(uid), Some(flags)) = (row.uid.filter(|uid| uids.contains(uid)), row.flags)
                {
                    after.insert(uid, fetch::keywords(flags));
                }
            })
            .await?;
        for (command, status) in commands.iter().zip(statuses) {
            fetch::ok_or_expunged(connection, command.name, status)?;
        }
    }
    Ok(after)
}
