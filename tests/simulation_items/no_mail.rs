//! The mailbox server that no run of items asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crmsync::groupware::{
    Access, Copied, FetchedMail, GroupwareError, Known, MailConnector, MailStore, MailStoreFeatures, MailTraits, Mailbox, MailboxStatus,
    Moved, Query, Selected, UidSet, Wakeup,
};
use crmsync::model::MailboxName;

pub(crate) struct NoMail;

/// There is none.
pub(crate) enum Never {}

impl MailConnector for NoMail {
    type Store = Never;

    async fn connect(&self) -> Result<Never, GroupwareError> {
        panic!("a run without mail signed in to the mailbox server");
    }
}

impl MailStore for Never {
    fn features(&self) -> &MailStoreFeatures {
        match *self {}
    }
    async fn mailboxes(&mut self) -> Result<Vec<Mailbox>, GroupwareError> {
        match *self {}
    }
    async fn create_mailbox(&mut self, _: &MailboxName) -> Result<(), GroupwareError> {
        match *self {}
    }
    async fn select(&mut self, _: &MailboxName, _: Access) -> Result<Selected, GroupwareError> {
        match *self {}
    }
    async fn resync(&mut self, _: &MailboxName, _: Known) -> Result<(Selected, Vec<(u32, u32)>), GroupwareError> {
        match *self {}
    }
    async fn status(&mut self, _: &MailboxName) -> Result<MailboxStatus, GroupwareError> {
        match *self {}
    }
    async fn search(&mut self, _: &Query) -> Result<UidSet, GroupwareError> {
        match *self {}
    }
    async fn traits(&mut self, _: &UidSet) -> Result<BTreeMap<u32, MailTraits>, GroupwareError> {
        match *self {}
    }
    async fn identities(&mut self, _: &UidSet) -> Result<BTreeMap<u32, MailTraits>, GroupwareError> {
        match *self {}
    }
    async fn fetch(&mut self, _: &BTreeMap<u32, MailTraits>) -> Result<Vec<FetchedMail>, GroupwareError> {
        match *self {}
    }
    async fn store_keywords(&mut self, _: &UidSet, _: &[String], _: &[String]) -> Result<BTreeMap<u32, BTreeSet<String>>, GroupwareError> {
        match *self {}
    }
    async fn move_mails(&mut self, _: &UidSet, _: &MailboxName) -> Result<Moved, GroupwareError> {
        match *self {}
    }
    async fn copy_mails(&mut self, _: &UidSet, _: &MailboxName) -> Result<Copied, GroupwareError> {
        match *self {}
    }
    async fn remove_mails(&mut self, _: &UidSet) -> Result<(), GroupwareError> {
        match *self {}
    }
    async fn wait(&mut self, _: Duration) -> Result<Wakeup, GroupwareError> {
        match *self {}
    }
    async fn close(self) {
        match self {}
    }
}
