//! Signs in to an account's mailbox server with what the settings say.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::groupware::login_gate::GatePass;
use crate::groupware::{GroupwareError, MailConnector, rejected_twice, sign_in_failed};
use crate::model::AccountId;
use crate::oauth::{Credentials, Proof};
use crate::settings::ImapAccess;
use crate::system::Resolver;

use super::{ImapStore, Limits, LoginGate, LoginSecret, Traffic, TrafficSnapshot};

/// Opens sessions of one account. All of them pass one login gate (V11).
pub struct ImapConnector {
    account: AccountId,
    access: ImapAccess,
    credentials: Credentials,
    gate: LoginGate,
    resolver: Arc<dyn Resolver>,
    spool: PathBuf,
    sessions: Mutex<Vec<Arc<Traffic>>>,
}

impl ImapConnector {
    /// A connector that spools large bodies into `spool`, which must exist.
    #[must_use]
    pub fn new(
        account: AccountId,
        access: ImapAccess,
        credentials: impl Into<Credentials>,
        resolver: Arc<dyn Resolver>,
        spool: PathBuf,
    ) -> Self {
        Self { account, access, credentials: credentials.into(), gate: LoginGate::new(), resolver, spool, sessions: Mutex::default() }
    }

    /// Logs in, and once more with a renewed token where the first one is rejected.
    async fn log_in(&self, pass: &mut GatePass) -> Result<ImapStore, GroupwareError> {
        let failed = |error| sign_in_failed(&self.account, error);
        let proof = self.credentials.read(&self.access.secret).await.map_err(failed)?;
        let first = self.attempt(&proof).await;
        if let Err(GroupwareError::LoginRejected { .. }) = &first
            && let Some(fresh) = proof.renewed().await.map_err(failed)?
            && pass.second_attempt()
        {
            tracing::info!("the server rejected the token, and it was renewed");
            // Boxed: rare, and every connection would be a larger future otherwise.
            return Box::pin(self.attempt(&fresh)).await.map_err(rejected_twice);
        }
        first
    }

    async fn attempt(&self, proof: &Proof) -> Result<ImapStore, GroupwareError> {
        let secret = LoginSecret::new(proof.secret.expose());
        ImapStore::attempt(&self.account, &self.access, &secret, self.resolver.as_ref(), &self.spool, Limits::default()).await
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
        let locked = || GroupwareError::Locked { account: self.account.to_string() };
        let mut pass = self.gate.enter().await.ok_or_else(locked)?;
        let outcome = self.log_in(&mut pass).await;
        if outcome.as_ref().is_err_and(GroupwareError::is_rejection) {
            pass.rejected();
        }
        let store = outcome?;
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).push(store.traffic());
        Ok(store)
    }
}
