//! UID SEARCH (RFC 3501 §6.4.4, §6.4.8).
//!
//! Asked for in the old form, whose answer is a plain list. The newer `RETURN (ALL)` is shorter, but Stalwart 0.15 answers it wrongly (`ALL 1,9` for
//! 1,3:4,6:9). A server that answers by ESEARCH of its own accord is understood.

use std::collections::BTreeSet;

use crate::groupware::{GroupwareError, Query, UidSet};

use super::super::keyword::is_portable_keyword;
use super::super::uid_ranges;
use super::super::wire::{Command, Connection, Untagged};
use super::ok;

/// UIDs in the selected mailbox that fulfil `query`.
pub(in super::super) async fn run(connection: &mut Connection, query: &Query) -> Result<UidSet, GroupwareError> {
    let mut found = criteria(connection, command(query)?).await?;
    if let Some(from) = query.from_uid {
        // `n:*` names the last mail even when n is beyond it (RFC 3501 §6.4.8): all servers but Courier 5.0 return it.
        found = found.split_off(&from);
    }
    Ok(found)
}

/// Which of `uids` are in the selected mailbox still. A NOOP goes ahead, because a server may hold back news of an expunge until then.
pub(in super::super) async fn still_there(connection: &mut Connection, uids: &UidSet) -> Result<UidSet, GroupwareError> {
    let mut found = UidSet::new();
    for set in uid_ranges::batches(uids) {
        let commands = [super::noop::command(), Command::new("UID SEARCH").arg("UID").arg(&set)];
        let statuses = connection.run_all(&commands, |data| collect(data, &mut found)).await?;
        for status in statuses {
            ok(connection, "UID SEARCH", status, None)?;
        }
    }
    found.retain(|uid| uids.contains(uid));
    Ok(found)
}

/// Every mail that bears `\Deleted`.
pub(in super::super) async fn deleted(connection: &mut Connection) -> Result<UidSet, GroupwareError> {
    criteria(connection, Command::new("UID SEARCH").arg("DELETED")).await
}

async fn criteria(connection: &mut Connection, command: Command) -> Result<UidSet, GroupwareError> {
    let mut found = BTreeSet::new();
    let status = connection.run(command, |data| collect(data, &mut found)).await?;
    ok(connection, "UID SEARCH", status, None)?;
    found.remove(&0);
    Ok(found)
}

fn collect(data: Untagged, found: &mut UidSet) {
    match data {
        Untagged::Search(uids) => found.extend(uids),
        Untagged::Esearch(ranges) => found.extend(uid_ranges::uids(&ranges)),
        _ => {}
    }
}

fn command(query: &Query) -> Result<Command, GroupwareError> {
    let mut command = Command::new("UID SEARCH");
    if let Some(from) = query.from_uid {
        command = command.arg("UID").arg(&format!("{}:*", from.max(1)));
    }
    for (verb, keyword) in [("KEYWORD", &query.with_keyword), ("UNKEYWORD", &query.without_keyword)] {
        if let Some(keyword) = keyword {
            command = command.arg(verb).arg(portable(keyword, "UID SEARCH")?);
        }
    }
    if let Some(id) = &query.message_id {
        // A Message-ID is ASCII; one that is not cannot be asked for without a charset, and is found by comparing headers.
        if !id.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
            return Err(refused("UID SEARCH", "this Message-ID cannot be searched for"));
        }
        command = command.arg("HEADER Message-ID").string(id.as_bytes());
    }
    Ok(command.arg("UNDELETED"))
}

/// `keyword`, if it can stand in a command.
pub(super) fn portable<'a>(keyword: &'a str, command: &'static str) -> Result<&'a str, GroupwareError> {
    if is_portable_keyword(keyword) {
        Ok(keyword)
    } else {
        Err(refused(command, "the keyword has characters that not every server keeps; use letters, digits, _ - . and $, at most 50"))
    }
}

fn refused(command: &'static str, text: &str) -> GroupwareError {
    GroupwareError::Refused { command, code: None, text: text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_becomes_one_short_line() {
        let query = Query {
            from_uid: Some(7),
            with_keyword: Some("CRMcorner".to_owned()),
            without_keyword: Some("Processed".to_owned()),
            message_id: Some("a\"b@c".to_owned()),
        };
        let text = format!("{:?}", command(&query).unwrap());
        assert!(text.contains("UID SEARCH"));
        assert!(command(&Query { with_keyword: Some("Not Found".to_owned()), ..Query::default() }).is_err());
        assert!(command(&Query { message_id: Some("a\r\nb".to_owned()), ..Query::default() }).is_err());
    }
}
