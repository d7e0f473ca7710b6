//! UID EXPUNGE (RFC 4315 §2.1) and EXPUNGE (RFC 3501 §6.4.3).

use crate::groupware::{GroupwareError, UidSet};

use super::super::uid_ranges;
use super::super::wire::{Command, Connection};
use super::{ok, search};

/// Removes mails that were marked as deleted. Without UIDPLUS (DavMail 6.0) all marked mails would go: then only if there are no others; between
/// the question and the answer another program may mark one, which cannot be helped.
pub(in super::super) async fn run(connection: &mut Connection, uids: &UidSet, uid_plus: bool) -> Result<(), GroupwareError> {
    if !uid_plus {
        if search::deleted(connection).await?.is_subset(uids) {
            let status = connection.run(Command::new("EXPUNGE"), |_| {}).await?;
            ok(connection, "EXPUNGE", status, None)?;
        }
        return Ok(());
    }
    for set in uid_ranges::batches(uids) {
        let status = connection.run(Command::new("UID EXPUNGE").arg(&set), |_| {}).await?;
        ok(connection, "UID EXPUNGE", status, None)?;
    }
    Ok(())
}
