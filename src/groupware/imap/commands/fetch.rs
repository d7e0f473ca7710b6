//! UID FETCH (RFC 3501 §6.4.5, §6.4.8): traits, and bodies.
//!
//! Answers come in any order, in several pieces, and mixed with news that nobody asked for. They are put together by UID. A UID without
//! an answer is gone.

use std::collections::{BTreeMap, BTreeSet};

use crate::groupware::{FetchedMail, GroupwareError, MailTraits, UidSet};
use crate::model::RawMail;

use super::super::uid_ranges;
use super::super::wire::{BodyItem, Command, Connection, FetchRow, Status, Untagged};
use super::{message_id, ok, search};

const TRAITS: &str = "(UID RFC822.SIZE FLAGS INTERNALDATE)";
const IDENTITIES: &str = "(UID RFC822.SIZE FLAGS INTERNALDATE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])";
const BODIES: &str = "(UID RFC822.SIZE FLAGS INTERNALDATE BODY.PEEK[])";

/// Size, keywords and date.
pub(in super::super) async fn traits(connection: &mut Connection, uids: &UidSet) -> Result<BTreeMap<u32, MailTraits>, GroupwareError> {
    without_bodies(connection, uids, TRAITS).await
}

/// Size, keywords, date and Message-ID. The server has to look into every mail for it.
pub(in super::super) async fn identities(connection: &mut Connection, uids: &UidSet) -> Result<BTreeMap<u32, MailTraits>, GroupwareError> {
    without_bodies(connection, uids, IDENTITIES).await
}

async fn without_bodies(connection: &mut Connection, uids: &UidSet, items: &str) -> Result<BTreeMap<u32, MailTraits>, GroupwareError> {
    let mut found = BTreeMap::new();
    for set in uid_ranges::batches(uids) {
        let mut rows = Rows::default();
        fetch(connection, &set, items, |row| rows.take(row, |uid| uids.contains(&uid))).await?;
        // A row of flags alone is news of a mail, not an answer.
        found.extend(rows.0.into_iter().filter(|(_, row)| row.sized).map(|(uid, row)| (uid, row.traits)));
    }
    Ok(found)
}

/// Bodies. `expected` holds the traits from before.
pub(in super::super) async fn bodies(
    connection: &mut Connection,
    expected: &BTreeMap<u32, MailTraits>,
) -> Result<Vec<FetchedMail>, GroupwareError> {
    let mut mails = Vec::new();
    for set in uid_ranges::batches(&expected.keys().copied().collect()) {
        let mut rows = Rows::default();
        fetch(connection, &set, BODIES, |row| rows.take(row, |uid| expected.contains_key(&uid))).await?;
        mails.extend(rows.0.into_iter().filter_map(|(uid, row)| {
            let mut traits = row.traits;
            traits.message_id = expected.get(&uid).and_then(|traits| traits.message_id.clone());
            Some(FetchedMail { uid, traits, raw: row.body? })
        }));
    }
    // Courier 5.0 makes up a message of another size for one that was expunged ("Subject: message unavailable"). Sizes are not exact on every
    // server either, so that the server is asked whether the mail is still there.
    let size = |uid: &u32| expected.get(uid).map(|traits| traits.size);
    let doubtful: UidSet = mails.iter().filter(|mail| size(&mail.uid) != Some(mail.raw.len())).map(|mail| mail.uid).collect();
    if !doubtful.is_empty() {
        let there = search::still_there(connection, &doubtful).await?;
        mails.retain(|mail| !doubtful.contains(&mail.uid) || there.contains(&mail.uid));
    }
    Ok(mails)
}

/// Keywords of `uids`, for a command that is sent along with others.
pub(super) fn keywords_command(set: &str) -> Command {
    Command::new("UID FETCH").arg(set).arg("(UID FLAGS)")
}

/// Keywords of a row: flags without a backslash.
pub(super) fn keywords(flags: Vec<String>) -> BTreeSet<String> {
    flags.into_iter().filter(|flag| !flag.starts_with('\\')).collect()
}

/// Passes an OK on, and a NO that says only that some mails are gone (RFC 5530 §3), because absence tells the same.
pub(super) fn ok_or_expunged(connection: &Connection, command: &'static str, status: Status) -> Result<Status, GroupwareError> {
    if status.code_name() == Some("EXPUNGEISSUED") { Ok(status) } else { ok(connection, command, status, None) }
}

async fn fetch(connection: &mut Connection, set: &str, items: &str, mut take: impl FnMut(FetchRow) + Send) -> Result<(), GroupwareError> {
    let status = connection
        .run(Command::new("UID FETCH").arg(set).arg(items), |data| {
            if let Untagged::Fetch(row) = data {
                take(*row);
            }
        })
        .await?;
    ok_or_expunged(connection, "UID FETCH", status)?;
    Ok(())
}

/// Answers put together by UID.
#[derive(Default)]
struct Rows(BTreeMap<u32, Row>);

#[derive(Default)]
struct Row {
    traits: MailTraits,
    /// A size came, or a header: it is an answer.
    sized: bool,
    body: Option<RawMail>,
}

impl Rows {
    fn take(&mut self, fetched: FetchRow, wanted: impl Fn(u32) -> bool) {
        let Some(uid) = fetched.uid.filter(|uid| wanted(*uid)) else { return };
        let row = self.0.entry(uid).or_default();
        row.sized |= fetched.size.is_some() || fetched.header.is_some();
        if let Some(size) = fetched.size {
            row.traits.size = size;
        }
        if let Some(flags) = fetched.flags {
            row.traits.keywords = keywords(flags);
        }
        if let Some(header) = fetched.header {
            row.traits.message_id = message_id::read(&header);
        }
        row.traits.internal_date = fetched.internal_date.or(row.traits.internal_date);
        if let BodyItem::Mail(mail) = fetched.body {
            row.body = Some(mail);
        }
    }
}
