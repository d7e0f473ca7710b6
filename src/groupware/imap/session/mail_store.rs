//! The port, carried out by the commands.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::groupware::{
    Access, Copied, FetchedMail, GroupwareError, Known, MailStore, MailStoreFeatures, MailTraits, Mailbox, MailboxStatus, Moved, Query,
    Selected, UidSet, Wakeup,
};
use crate::model::MailboxName;

use super::super::commands::idle::{self, IdleEnd};
use super::super::commands::transfer::{self, Transfer};
use super::super::commands::{create, expunge, fetch, list, logout, noop, search, select, status, store};
use super::{ImapStore, LISTING_IS_FRESH};

/// RFC 2177 asks to end an IDLE before 29 minutes are over.
const LONGEST_IDLE: Duration = Duration::from_mins(28);

impl MailStore for ImapStore {
    fn features(&self) -> &MailStoreFeatures {
        &self.features
    }

    async fn mailboxes(&mut self) -> Result<Vec<Mailbox>, GroupwareError> {
        match self.listing.take() {
            Some((taken, mailboxes)) if taken.elapsed().as_secs() < LISTING_IS_FRESH => Ok(mailboxes),
            _ => list::run(&mut self.connection, &self.features.capabilities, &mut self.names).await,
        }
    }

    async fn create_mailbox(&mut self, name: &MailboxName) -> Result<(), GroupwareError> {
        self.listing = None;
        let refusal = match create::run(&mut self.connection, &self.names.wire(name)).await {
            Ok(_) => return Ok(()),
            Err(refusal @ (GroupwareError::Refused { .. } | GroupwareError::NoSuchMailbox { .. })) => refusal,
            Err(other) => return Err(other),
        };
        // "Mailbox already exists" has no code at Cyrus 3.6, and other words at Courier 5.0 and DavMail 6: the listing tells.
        let mut there: BTreeSet<MailboxName> = self.mailboxes().await?.into_iter().map(|mailbox| mailbox.name).collect();
        if there.contains(name) {
            return Ok(());
        }
        // A server may want the parents first.
        let mut created = false;
        for parent in parents(name, self.features.separator) {
            if there.insert(parent.clone()) {
                create::run(&mut self.connection, &self.names.wire(&parent)).await?;
                created = true;
            }
        }
        if !created {
            return Err(refusal);
        }
        create::run(&mut self.connection, &self.names.wire(name)).await.map(|_| ())
    }

    async fn select(&mut self, name: &MailboxName, access: Access) -> Result<Selected, GroupwareError> {
        select::run(&mut self.connection, &self.names.wire(name), name, access, self.features.condstore).await
    }

    async fn resync(&mut self, name: &MailboxName, known: Known) -> Result<(Selected, Vec<(u32, u32)>), GroupwareError> {
        select::resync(&mut self.connection, &self.names.wire(name), name, known).await
    }

    async fn status(&mut self, name: &MailboxName) -> Result<MailboxStatus, GroupwareError> {
        status::run(&mut self.connection, &self.names.wire(name), name, self.features.condstore).await
    }

    async fn search(&mut self, query: &Query) -> Result<UidSet, GroupwareError> {
        search::run(&mut self.connection, query).await
    }

    async fn traits(&mut self, uids: &UidSet) -> Result<BTreeMap<u32, MailTraits>, GroupwareError> {
        fetch::traits(&mut self.connection, uids).await
    }

    async fn identities(&mut self, uids: &UidSet) -> Result<BTreeMap<u32, MailTraits>, GroupwareError> {
        fetch::identities(&mut self.connection, uids).await
    }

    async fn fetch(&mut self, expected: &BTreeMap<u32, MailTraits>) -> Result<Vec<FetchedMail>, GroupwareError> {
        fetch::bodies(&mut self.connection, expected).await
    }

    async fn store_keywords(
        &mut self,
        uids: &UidSet,
        add: &[String],
        remove: &[String],
    ) -> Result<BTreeMap<u32, BTreeSet<String>>, GroupwareError> {
        store::keywords(&mut self.connection, uids, add, remove).await
    }

    async fn move_mails(&mut self, uids: &UidSet, target: &MailboxName) -> Result<Moved, GroupwareError> {
        let wire = self.names.wire(target);
        Ok(Moved { targets: transfer::run(&mut self.connection, Transfer::Move, uids, &wire, target).await? })
    }

    async fn copy_mails(&mut self, uids: &UidSet, target: &MailboxName) -> Result<Copied, GroupwareError> {
        let wire = self.names.wire(target);
        Ok(Copied { targets: transfer::run(&mut self.connection, Transfer::Copy, uids, &wire, target).await? })
    }

    async fn remove_mails(&mut self, uids: &UidSet) -> Result<(), GroupwareError> {
        if uids.is_empty() {
            return Ok(());
        }
        store::deleted(&mut self.connection, uids).await?;
        expunge::run(&mut self.connection, uids, self.features.uid_plus).await
    }

    async fn wait(&mut self, at_most: Duration) -> Result<Wakeup, GroupwareError> {
        let until = Instant::now() + at_most;
        loop {
            if self.connection.take_growth() {
                return Ok(Wakeup::Changed);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Wakeup::Elapsed);
            }
            let changed = if self.features.idle && !self.idle_refused {
                let slice = left.min(self.connection.limits.idle).min(LONGEST_IDLE);
                let end = idle::run(&mut self.connection, slice).await?;
                self.idle_refused = end == IdleEnd::Refused;
                end == IdleEnd::Changed
            } else {
                // Whatever the server says meanwhile, even goodbye, is read at once.
                let poll = self.connection.limits.poll;
                self.connection.readable(left.min(poll)).await?;
                noop::run(&mut self.connection).await?
            };
            if changed {
                self.connection.take_growth();
                return Ok(Wakeup::Changed);
            }
        }
    }

    async fn close(mut self) {
        logout::run(&mut self.connection).await;
    }
}

/// Names of the mailboxes above `name`, outermost first.
fn parents(name: &MailboxName, separator: Option<char>) -> Vec<MailboxName> {
    let Some(separator) = separator else { return Vec::new() };
    name.0
        .match_indices(separator)
        .filter_map(|(end, _)| name.0.get(..end))
        .filter(|parent| !parent.is_empty())
        .map(MailboxName::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r14_parents_come_outermost_first() {
        assert_eq!(parents(&"INBOX/Import/CRM a [E]".into(), Some('/')), ["INBOX".into(), "INBOX/Import".into()]);
        assert!(parents(&"a/b".into(), None).is_empty());
    }
}
