//! Looking into the provider and changing it while it runs.

use std::sync::Arc;

use super::state::{Counts, Switches};
use super::{Bearers, Shared};

/// Looks into the provider and changes it while it runs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct OAuthHandle(Arc<Shared>);

impl OAuthHandle {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Changes how it behaves.
    pub fn switches(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.0.state().options.switches);
    }

    /// What was asked of it so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.0.state().counts.clone()
    }

    /// Takes every sign-in back, as an administrator or a new password does; access tokens stay good until their end.
    pub fn revoke_sign_ins(&self) {
        self.0.state().revoke_all();
    }

    /// Voids every access token; sign-ins stay good.
    pub fn void_access_tokens(&self) {
        self.0.state().void_access();
    }

    /// Types a code as `user`; whether it was waited for.
    #[must_use]
    pub fn type_code(&self, user_code: &str, user: &str) -> bool {
        self.decide(user_code, |device| device.user = Some(user.to_owned()))
    }

    /// Says no to a code; whether it was waited for.
    #[must_use]
    pub fn decline_code(&self, user_code: &str) -> bool {
        self.decide(user_code, |device| device.denied = true)
    }

    fn decide(&self, user_code: &str, decide: impl FnOnce(&mut super::state::Device)) -> bool {
        let mut state = self.0.state();
        let device = state.devices.values_mut().find(|device| device.user_code == user_code);
        device.map(decide).is_some()
    }

    /// The judge for servers of the sandbox.
    #[must_use]
    pub fn bearers(&self) -> Arc<dyn Bearers> {
        Arc::new(self.clone())
    }
}

impl Bearers for OAuthHandle {
    fn subject(&self, token: &str) -> Option<String> {
        self.0.state().subject(token)
    }

    fn opens(&self, subject: &str, mailbox: &str) -> bool {
        let state = self.0.state();
        subject == mailbox || state.options.shared.iter().any(|(who, which)| who == subject && which == mailbox)
    }
}
