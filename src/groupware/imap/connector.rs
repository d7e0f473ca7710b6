//! Signs in to an account's mailbox server with what the settings say.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::groupware::{GroupwareError, MailConnector};
use crate::model::AccountId;
use crate::settings::{ImapAccess, Secrets};
use crate::system::Resolver;

use super::{ImapStore, Limits, LoginGate, LoginSecret, Traffic, TrafficSnapshot};

/// Opens sessions of one account. All of them pass one login gate (V11).
pub struct ImapConnector {
    account: AccountId,
    access: ImapAccess,
    secrets: Secrets,
    gate: LoginGate,
    resolver: Arc<dyn Resolver>,
    spool: PathBuf,
    sessions: Mutex<Vec<Arc<Traffic>>>,
}

impl ImapConnector {
    /// A connector that spools large bodies into `spool`, which must exist.
    #[must_use]
    pub fn new(account: AccountId, access: ImapAccess, secrets: Secrets, resolver: Arc<dyn Resolver>, spool: PathBuf) -> Self {
        Self { account, access, secrets, gate: LoginGate::new(), resolver, spool, sessions: Mutex::default() }
    }

    /// What all sessions together have cost.
    #[must_use]
    pub fn traffic(&self) -> TrafficSnapshot {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.iter().map(|session| session.snapshot()).fold(TrafficSnapshot::default(), |sum, one| TrafficSnapshot {
            round_trips: sum.round_trips + one.round_trips,
            commands: sum.commands + one.commands,
            bytes_in: sum.bytes_in + one.bytes_in,
            bytes_out: sum.bytes_out + one.bytes_out,
        })
    }
}

impl MailConnector for ImapConnector {
    type Store = ImapStore;

    async fn connect(&self) -> Result<ImapStore, GroupwareError> {
        let unreadable = |cause: String| GroupwareError::Secret { account: self.account.to_string(), cause };
        let secret = self.secrets.read(&self.access.secret).await.map_err(|error| unreadable(error.to_string()))?;
        let secret = LoginSecret::new(secret.expose());
        let resolver = self.resolver.as_ref();
        let store = ImapStore::connect(&self.account, &self.access, &secret, &self.gate, resolver, &self.spool, Limits::default()).await?;
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).push(store.traffic());
        Ok(store)
    }
}
