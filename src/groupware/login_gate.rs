//! One login at a time for an account, and none after a rejection (V11).

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

/// The login gate of one account, shared by all its connections. Cheap to clone.
///
/// Connections pass it one after the other, so that parallel sessions cannot send a wrong password twice. After a rejection it is
/// locked: whoever waits, and whoever comes later, turns back without a byte on the wire, until [`Self::unlock`].
#[derive(Debug, Clone, Default)]
pub struct LoginGate(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    turn: Arc<tokio::sync::Mutex<()>>,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// Logins are allowed.
    #[default]
    Open,
    /// No more attempts before the user clears the lock.
    Locked,
}

impl LoginGate {
    /// An open gate.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A gate locked by an earlier run, as the journal says.
    #[must_use]
    pub fn locked() -> Self {
        let gate = Self::default();
        gate.set(State::Locked);
        gate
    }

    /// Whether logins are turned back.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.get() == State::Locked
    }

    /// Locks it.
    pub fn lock(&self) {
        self.set(State::Locked);
    }

    /// The user cleared the lock.
    pub fn unlock(&self) {
        self.set(State::Open);
    }

    /// Waits for its turn. `None` when the gate is locked by then.
    pub(super) async fn enter(&self) -> Option<GatePass> {
        if self.is_locked() {
            return None;
        }
        let turn = Arc::clone(&self.0.turn).lock_owned().await;
        if self.is_locked() { None } else { Some(GatePass { gate: self.clone(), second: false, _turn: turn }) }
    }

    fn get(&self) -> State {
        *self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: State) {
        *self.0.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

/// The right to try one login, and after a rejection a second one with a fresh token. Dropped without a word (a lost connection, a provider
/// of tokens that is away), it changes nothing.
pub(super) struct GatePass {
    gate: LoginGate,
    second: bool,
    _turn: OwnedMutexGuard<()>,
}

impl GatePass {
    /// Takes the right to the second attempt: OAuth 2 with a renewed token. Nobody else tries meanwhile. `false` when it was used up already.
    pub(super) const fn second_attempt(&mut self) -> bool {
        !std::mem::replace(&mut self.second, true)
    }

    /// No more attempts.
    pub(super) fn rejected(self) {
        self.gate.set(State::Locked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn v11_one_rejection_turns_back_whoever_waits() {
        let gate = LoginGate::new();
        let first = gate.enter().await.unwrap();
        let waiting = tokio::spawn({
            let gate = gate.clone();
            async move { gate.enter().await.is_none() }
        });
        tokio::task::yield_now().await;
        first.rejected();
        assert!(waiting.await.unwrap());
        assert!(gate.is_locked());
    }

    #[tokio::test]
    async fn v11_a_failure_that_is_no_rejection_lets_the_next_one_try() {
        let gate = LoginGate::new();
        drop(gate.enter().await.unwrap());
        assert!(gate.enter().await.is_some());
    }

    #[tokio::test]
    async fn v11_oauth_has_one_second_attempt_and_then_is_locked() {
        let gate = LoginGate::new();
        let mut pass = gate.enter().await.unwrap();
        let waiting = tokio::spawn({
            let gate = gate.clone();
            async move { gate.enter().await.is_none() }
        });
        tokio::task::yield_now().await;
        assert!(pass.second_attempt());
        assert!(!pass.second_attempt());
        assert!(!waiting.is_finished(), "nobody else tries meanwhile");
        pass.rejected();
        assert!(waiting.await.unwrap());
        assert!(gate.enter().await.is_none());
        gate.unlock();
        assert!(gate.enter().await.is_some());
    }

    #[tokio::test]
    async fn v11_a_gate_that_the_journal_says_is_locked_lets_nobody_in() {
        assert!(LoginGate::locked().enter().await.is_none());
    }
}
