//! What a connection signs in with: a password or token from where the settings say, or the token of the account's sign-in.

use std::sync::Arc;

use crate::settings::{Secret, SecretError, SecretValue, Secrets};

use super::{OAuthError, SignIn};

/// The secrets of one account. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Credentials {
    secrets: Secrets,
    sign_in: Option<Arc<SignIn>>,
}

/// A password or token for one login.
#[derive(Debug, Clone)]
pub struct Proof {
    /// It.
    pub secret: SecretValue,
    /// Whose token it is, where a rejected one can be renewed.
    sign_in: Option<Arc<SignIn>>,
}

impl From<Secrets> for Credentials {
    fn from(secrets: Secrets) -> Self {
        Self { secrets, sign_in: None }
    }
}

impl Credentials {
    /// The secrets of an account with its sign-in, if it has one.
    #[must_use]
    pub const fn new(secrets: Secrets, sign_in: Option<Arc<SignIn>>) -> Self {
        Self { secrets, sign_in }
    }

    /// What to log in with now. A token that is nearly expired is renewed first.
    ///
    /// # Errors
    /// It cannot be had; no server was asked.
    pub async fn read(&self, place: &Secret) -> Result<Proof, OAuthError> {
        match place {
            Secret::SignIn => {
                let sign_in = self.sign_in.clone().ok_or(SecretError::NoSignIn)?;
                Ok(Proof { secret: sign_in.token().await?, sign_in: Some(sign_in) })
            }
            place => Ok(self.secrets.read(place).await?.into()),
        }
    }
}

impl From<SecretValue> for Proof {
    /// A secret that nobody renews.
    fn from(secret: SecretValue) -> Self {
        Self { secret, sign_in: None }
    }
}

impl Proof {
    /// Another one, after a server has rejected this one; `None` where nothing else can be had, as with a password.
    ///
    /// # Errors
    /// It should be had and cannot.
    pub async fn renewed(&self) -> Result<Option<Self>, OAuthError> {
        let Some(sign_in) = &self.sign_in else { return Ok(None) };
        let secret = sign_in.renew(&self.secret).await?;
        Ok(Some(Self { secret, sign_in: Some(Arc::clone(sign_in)) }))
    }
}
