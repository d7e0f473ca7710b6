//! One session: from the greeting to the store.

mod login;
mod mail_store;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use tokio::time::Instant;

use crate::groupware::{GroupwareError, MailStoreFeatures, Mailbox};
use crate::model::AccountId;
use crate::settings::ImapAccess;
use crate::system::Resolver;

use super::commands::{capability, enable, id, list, namespace};
use super::names::NameBook;
use super::wire::{Connection, Untagged};
use super::{Limits, LoginGate, LoginSecret, Traffic, transport};

/// A listing taken at the login serves the first question for it within this many seconds.
const LISTING_IS_FRESH: u64 = 30;

/// An authenticated IMAP session.
pub struct ImapStore {
    connection: Connection,
    features: MailStoreFeatures,
    names: NameBook,
    /// The listing that came with the login, and when.
    listing: Option<(Instant, Vec<Mailbox>)>,
    /// The server refused to idle once.
    idle_refused: bool,
}

impl std::fmt::Debug for ImapStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImapStore").field("server", &self.connection.server()).finish_non_exhaustive()
    }
}

impl ImapStore {
    /// Connects, secures the connection, logs in through `gate`, and learns what the server can do; after the login that takes one round trip.
    ///
    /// Bodies above [`SPOOL_THRESHOLD`](crate::model::SPOOL_THRESHOLD) are spooled into `spool_dir`, which must exist. `access.secret` is not looked at: `secret`
    /// is what it leads to. A locked gate gives [`GroupwareError::Locked`] before anything is sent, a rejection
    /// [`GroupwareError::LoginRejected`] after which the gate is locked; no other failure locks it (V11).
    pub async fn connect(
        account: &AccountId,
        access: &ImapAccess,
        secret: &LoginSecret,
        gate: &LoginGate,
        resolver: &dyn Resolver,
        spool_dir: &Path,
        limits: Limits,
    ) -> Result<Self, GroupwareError> {
        let pass = gate.enter().await.ok_or_else(|| GroupwareError::Locked { account: account.to_string() })?;
        let attempt = Self::attempt(account, access, secret, resolver, spool_dir, limits).await;
        if let Err(GroupwareError::LoginRejected { .. }) = &attempt {
            pass.rejected();
        }
        attempt
    }

    /// The same for who has passed the gate and tells it what came of it.
    pub(in super::super) async fn attempt(
        account: &AccountId,
        access: &ImapAccess,
        secret: &LoginSecret,
        resolver: &dyn Resolver,
        spool_dir: &Path,
        limits: Limits,
    ) -> Result<Self, GroupwareError> {
        let server = format!("{}:{}", access.host, access.port);
        let stream = transport::open(access, &server, resolver, &limits).await?;
        let connection = Connection::new(stream, server, spool_dir.to_owned(), limits, Arc::default());
        Self::establish(connection, account, access, secret).await
    }

    /// Logs in over a connection that stands.
    pub(super) async fn establish(
        mut connection: Connection,
        account: &AccountId,
        access: &ImapAccess,
        secret: &LoginSecret,
    ) -> Result<Self, GroupwareError> {
        let welcome = login::run(&mut connection, account, access, secret).await?;
        Self::survey(connection, welcome).await
    }

    /// Counters of this session; they outlive it.
    #[must_use]
    pub fn traffic(&self) -> Arc<Traffic> {
        Arc::clone(&self.connection.traffic)
    }

    /// Asks for all that is not known yet in one round trip: capabilities, ID, namespace, CONDSTORE, and the listing, which the first call of
    /// `mailboxes` then has without another.
    async fn survey(mut connection: Connection, welcome: login::Welcome) -> Result<Self, GroupwareError> {
        let login::Welcome { greeting, before, after } = welcome;
        // DavMail 6 and Courier 5.0 do not name their capabilities with the login; what they named before it says what may be asked along.
        let asked = after.is_none();
        let mut capabilities = after.unwrap_or(before);
        let mut commands = Vec::new();
        if asked {
            commands.push(capability::command());
        }
        if capabilities.contains("ID") {
            commands.push(id::command());
        }
        if capabilities.contains("NAMESPACE") {
            commands.push(namespace::command());
        }
        let wants_qresync = capabilities.contains("QRESYNC");
        let enable_at = commands.len();
        if capabilities.contains("ENABLE") && (wants_qresync || capabilities.contains("CONDSTORE")) {
            commands.push(enable::changes(wants_qresync));
        }
        let enables = commands.len() > enable_at;
        commands.push(list::command(&capabilities));

        let (mut fresh, mut own, mut space) = (None, Vec::new(), None);
        let (mut names, mut mailboxes) = (NameBook::default(), Vec::new());
        let statuses = connection
            .run_all(&commands, |data| match data {
                Untagged::Capability(found) => fresh = Some(found),
                Untagged::Id(fields) => own = fields,
                Untagged::Namespace { prefix, separator } => space = Some((prefix, separator)),
                data => list::collect(data, &mut names, &mut mailboxes),
            })
            .await?;
        // Only the listing matters; the others are refused at worst.
        if !statuses.last().is_some_and(super::wire::Status::is_ok) {
            mailboxes = list::run(&mut connection, &BTreeSet::new(), &mut names).await?;
        }
        if let Some(fresh) = fresh {
            capabilities = fresh;
        }
        let described = id::describe(&own);
        let (prefix, separator) = space.unwrap_or_default();
        let features = MailStoreFeatures {
            separator: separator.or_else(|| mailboxes.iter().find_map(|mailbox| mailbox.separator)),
            personal_prefix: super::names::decode(&prefix).unwrap_or(prefix),
            can_move: capabilities.contains("MOVE"),
            uid_plus: capabilities.contains("UIDPLUS"),
            condstore: capabilities.contains("CONDSTORE") || capabilities.contains("QRESYNC"),
            qresync: wants_qresync && enables && statuses.get(enable_at).is_some_and(super::wire::Status::is_ok),
            idle: capabilities.contains("IDLE"),
            server: if described.is_empty() { greeting } else { described },
            capabilities,
        };
        connection.literal_plus = takes_literals_at_once(&features.capabilities);
        Ok(Self { connection, features, names, listing: Some((Instant::now(), mailboxes)), idle_refused: false })
    }
}

/// LITERAL+, or LITERAL- (RFC 7888), whose bound of 4,096 bytes no name and no password reaches.
fn takes_literals_at_once(capabilities: &BTreeSet<String>) -> bool {
    capabilities.contains("LITERAL+") || capabilities.contains("LITERAL-")
}
