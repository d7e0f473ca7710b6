//! One sign-in: had by a person, renewed by itself, used by every connection of every account that shares it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use tokio::sync::OwnedMutexGuard;
use url::Url;

use crate::model::{AccountId, Instant};
use crate::settings::{Account, SecretValue, Secrets, SignInSettings};
use crate::system::{Clock, Random};

use super::answer::{Answer, Issued};
use super::device::Pending;
use super::endpoint::Endpoint;
use super::loopback::{Arrival, Loopback};
use super::request::{self, Attempt, Form};
use super::store::GrantStore;
use super::{DeviceCode, Grant, OAuthError, Provider};

/// A person who signs in comes back within this time.
const BROWSER: Duration = Duration::from_mins(5);

/// The sign-ins of all accounts. Cheap to clone; clones share them.
#[derive(Clone)]
pub struct SignIns {
    secrets: Secrets,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    known: Arc<Mutex<BTreeMap<String, Arc<SignIn>>>>,
}

impl fmt::Debug for SignIns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIns").finish_non_exhaustive()
    }
}

impl SignIns {
    /// Sign-ins kept among these secrets.
    #[must_use]
    pub fn new(secrets: Secrets, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { secrets, clock, random, known: Arc::default() }
    }

    /// The sign-in of an account, the same one for all that share it; `None` where the account does not sign in by OAuth 2.
    ///
    /// # Errors
    /// The authorities in `ca_file` cannot be used.
    pub fn of(&self, account: &Account) -> Result<Option<Arc<SignIn>>, OAuthError> {
        let (Some(settings), Some(provider)) = (&account.oauth, Provider::of(account)) else { return Ok(None) };
        let entry = entry(settings, &provider);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sign_in) = known.get(&entry) {
            return Ok(Some(Arc::clone(sign_in)));
        }
        let sign_in = Arc::new(SignIn(Arc::new(Inner {
            endpoint: Endpoint::new(&provider.token, settings.ca_file.as_deref())?,
            provider,
            settings: settings.clone(),
            store: GrantStore::new(self.secrets.clone(), entry.clone()),
            secrets: self.secrets.clone(),
            clock: Arc::clone(&self.clock),
            random: Arc::clone(&self.random),
            state: Arc::default(),
        })));
        known.insert(entry, Arc::clone(&sign_in));
        Ok(Some(sign_in))
    }

    /// The accounts that share the sign-in of `account`.
    #[must_use]
    pub fn shared<'a>(account: &Account, all: &'a BTreeMap<AccountId, Account>) -> Vec<&'a AccountId> {
        let key = |account: &Account| Some(entry(account.oauth.as_ref()?, &Provider::of(account)?));
        let own = key(account);
        all.iter().filter(|(_, other)| own.is_some() && key(other) == own).map(|(name, _)| name).collect()
    }
}

/// Name of the entry: the user for people, and what makes a sign-in another one.
fn entry(settings: &SignInSettings, provider: &Provider) -> String {
    let mut scopes = provider.scopes.clone();
    scopes.sort();
    let parts = [provider.token.as_str(), &settings.client_id, &settings.user.to_lowercase(), &scopes.join(" ")];
    let digest = HEXLOWER.encode(&Sha256::digest(parts.join("\0").as_bytes()));
    format!("sign-in {} {}", settings.user, digest.get(..12).unwrap_or_default())
}

/// One sign-in.
#[derive(Clone)]
pub struct SignIn(Arc<Inner>);

struct Inner {
    provider: Provider,
    settings: SignInSettings,
    endpoint: Endpoint,
    store: GrantStore,
    secrets: Secrets,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    /// Whoever holds it may renew: one at a time, and who waited finds the new token.
    state: Arc<tokio::sync::Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// What is in use; `None` before the first look into the store.
    grant: Option<Grant>,
    /// What the provider gave and the store has not taken yet. It is used only once it lies there.
    unsaved: Option<Grant>,
    /// The provider's last word, and on which refresh token.
    over: Option<(OAuthError, Option<SecretValue>)>,
}

impl State {
    /// Remembers the provider's last word on a refresh token, so that it is asked for no second one.
    fn end(&mut self, error: OAuthError, refresh: Option<SecretValue>) -> OAuthError {
        if matches!(error, OAuthError::SignInNeeded { .. }) {
            self.over = Some((error.clone(), refresh));
        }
        error
    }
}

/// How a sign-in stands, without asking the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Who is signed in.
    pub user: String,
    /// The provider's name.
    pub provider: &'static str,
    /// When the access token ends; `None` when there is none at hand.
    pub expires: Option<Instant>,
    /// It renews itself.
    pub renews: bool,
}

/// What became of signing out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedOut {
    /// The token was given back, and is forgotten.
    Revoked,
    /// It is forgotten; the provider offers no way to give it back, or did not take it.
    Forgotten,
    /// Nobody was signed in.
    Nobody,
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn").field("provider", &self.0.provider.name).finish_non_exhaustive()
    }
}

impl SignIn {
    /// Its provider.
    #[must_use]
    pub fn provider(&self) -> &Provider {
        &self.0.provider
    }

    /// An access token that is good for a while; renewed first when it is nearly expired. Calls at the same time renew once.
    ///
    /// # Errors
    /// [`OAuthError::NotSignedIn`], [`OAuthError::SignInNeeded`] once the provider has taken the sign-in back, and what keeps the store or
    /// the provider from answering.
    pub async fn token(&self) -> Result<SecretValue, OAuthError> {
        self.renewed(None).await
    }

    /// Another access token than `rejected`, which a server did not take. Nothing is asked for when another call has renewed it already.
    ///
    /// # Errors
    /// As [`Self::token`]. The rejected token is forgotten whatever comes of it: no later login tries it again.
    pub async fn renew(&self, rejected: &SecretValue) -> Result<SecretValue, OAuthError> {
        self.renewed(Some(rejected.clone())).await
    }

    async fn renewed(&self, rejected: Option<SecretValue>) -> Result<SecretValue, OAuthError> {
        let state = Arc::clone(&self.0.state).lock_owned().await;
        let inner = Arc::clone(&self.0);
        // A task of its own: whoever stops waiting must not lose a refresh token that the provider has just changed.
        let task = tokio::spawn(async move { inner.current(state, rejected.as_ref()).await });
        task.await.unwrap_or_else(|error| Err(self.0.unavailable(&error.to_string())))
    }

    /// How it stands. The store is read, the provider is not asked.
    pub async fn standing(&self) -> Result<Standing, OAuthError> {
        let grant = self.0.store.read().await?.ok_or_else(|| self.0.not_signed_in())?;
        Ok(self.0.standing(&grant))
    }

    /// Has a person sign in by a browser on this computer: `show` is given the address to open, then the browser is waited for, five minutes
    /// at most.
    ///
    /// # Errors
    /// Nobody came back, the person or the provider said no, or the grant could not be kept.
    pub async fn by_browser(&self, show: impl FnOnce(&Url)) -> Result<Standing, OAuthError> {
        let inner = &self.0;
        let way = inner.provider.authorization.as_ref().ok_or_else(|| OAuthError::NotOffered {
            server: inner.provider.server(),
            way: "browser",
            repair: "run `crmsync sign-in --device`",
        })?;
        // A store that takes nothing is found out before a person goes to the trouble.
        inner.store.read().await?;
        let loopback = Loopback::open(inner.provider.redirect_host, inner.settings.redirect_port).await?;
        let (attempt, redirect) = (Attempt::new(&*inner.random), loopback.redirect());
        let (client, user) = (&inner.settings.client_id, &inner.settings.user);
        show(&request::authorization_url(&inner.provider, way, client, user, &redirect, &attempt));
        let code = match loopback.wait(&attempt.state, BROWSER).await? {
            Arrival::Code(code) => code,
            Arrival::Refused(refusal) => return Err(refusal.while_signing_in(&inner.provider.server())),
        };
        let answer = inner.post(&inner.provider.token, request::redeem(&code, &redirect, &attempt)).await?;
        self.taken(answer.token()?.map_err(|refusal| refusal.while_signing_in(&inner.provider.server()))?).await
    }

    /// Has a person sign in on another device: `show` is given what to type and where.
    ///
    /// # Errors
    /// As [`Self::by_browser`].
    pub async fn by_device(&self, show: impl FnOnce(&DeviceCode)) -> Result<Standing, OAuthError> {
        let inner = &self.0;
        let way = inner.provider.device.as_ref().ok_or_else(|| OAuthError::NotOffered {
            server: inner.provider.server(),
            way: "code",
            repair: "run `crmsync sign-in --no-browser`, and open the address in a browser of this computer",
        })?;
        inner.store.read().await?;
        let pending = Pending::read(inner.post(way, request::device(&inner.provider)).await?, &*inner.clock)?;
        show(&pending.code);
        let issued = pending.poll(&*inner.clock, |code| inner.post(&inner.provider.token, request::device_poll(&code))).await?;
        self.taken(issued).await
    }

    /// Keeps what a person's sign-in gave.
    async fn taken(&self, issued: Issued) -> Result<Standing, OAuthError> {
        let mut state = self.0.state.lock().await;
        let grant = issued.into_grant(self.0.clock.now(), None);
        self.0.store.write(&grant).await?;
        let standing = self.0.standing(&grant);
        *state = State { grant: Some(grant), ..State::default() };
        Ok(standing)
    }

    /// Gives the token back, where the provider takes it, and forgets it in any case.
    ///
    /// # Errors
    /// The store cannot be read or written: nothing was forgotten.
    pub async fn sign_out(&self) -> Result<SignedOut, OAuthError> {
        let mut state = self.0.state.lock().await;
        let grant = self.0.store.read().await?;
        self.0.store.delete().await?;
        *state = State::default();
        let Some(grant) = grant else { return Ok(SignedOut::Nobody) };
        let (Some(endpoint), Some(token)) = (&self.0.provider.revocation, grant.refresh.as_ref().or(grant.access.as_ref())) else {
            return Ok(SignedOut::Forgotten);
        };
        let answer = self.0.post(endpoint, request::revoke(token.expose())).await;
        Ok(if answer.is_ok_and(|answer| (200..300).contains(&answer.status)) { SignedOut::Revoked } else { SignedOut::Forgotten })
    }
}

impl Inner {
    /// A good token, or the renewal of one that is not.
    async fn current(&self, mut state: OwnedMutexGuard<State>, rejected: Option<&SecretValue>) -> Result<SecretValue, OAuthError> {
        if let Some((error, refresh)) = state.over.clone() {
            // A person may have signed in anew, in another process.
            if self.store.read().await?.is_none_or(|stored| stored.refresh == refresh) {
                return Err(error);
            }
            *state = State::default();
        }
        if let Some(unsaved) = state.unsaved.clone() {
            self.store.write(&unsaved).await?;
            *state = State { grant: Some(unsaved), ..State::default() };
        }
        // A rejected token is never tried again, whatever comes of the renewal.
        let spent = |grant: Grant| if rejected.is_some() && grant.access.as_ref() == rejected { grant.spent() } else { grant };
        state.grant = state.grant.take().map(spent);
        let now = self.clock.now();
        if let Some(token) = state.grant.as_ref().and_then(|grant| grant.fresh(now)) {
            return Ok(token.clone());
        }
        // Another process may have renewed it, and a person may have signed in anew.
        let stored = spent(self.store.read().await?.ok_or_else(|| self.not_signed_in())?);
        if let Some(token) = stored.fresh(now).cloned() {
            state.grant = Some(stored);
            return Ok(token);
        }
        let same = state.grant.as_ref().is_some_and(|grant| grant.refresh == stored.refresh && grant.access.is_some());
        if !same {
            state.grant = Some(stored.clone());
        }
        match self.renew(&mut state, stored).await {
            // What has not expired yet serves while the provider is away, or answers nonsense.
            Err(error) if !matches!(error, OAuthError::SignInNeeded { .. }) && state.unsaved.is_none() => {
                state.grant.as_ref().and_then(|grant| grant.valid(now)).cloned().ok_or(error)
            }
            renewed => renewed,
        }
    }

    /// Renews by the refresh token. The store has the new one before anybody uses it.
    async fn renew(&self, state: &mut State, stored: Grant) -> Result<SecretValue, OAuthError> {
        let server = self.provider.server();
        let mut refresh = match &stored.refresh {
            Some(refresh) => refresh.clone(),
            None => return Err(state.end(no_refresh_token(&server), None)),
        };
        // Proves that the store can be written, before the provider may change the refresh token: where it does, the old one is void.
        self.store.write(&stored.spent()).await?;
        for last in [false, true] {
            let answer = self.post(&self.provider.token, request::refresh(refresh.expose())).await?;
            let refusal = match answer.token()? {
                Ok(issued) => {
                    let mut grant = issued.into_grant(self.clock.now(), Some(refresh.clone()));
                    state.unsaved = Some(grant.clone());
                    // A person who has signed in meanwhile, in another process, is not overwritten.
                    let newer = self.store.read().await?.filter(|stored| stored.refresh.as_ref() != Some(&refresh));
                    match newer.filter(|stored| stored.fresh(self.clock.now()).is_some()) {
                        Some(newer) => grant = newer,
                        None => self.store.write(&grant).await?,
                    }
                    let token = grant.access.clone().ok_or_else(|| self.unavailable("no token came"))?;
                    *state = State { grant: Some(grant), ..State::default() };
                    return Ok(token);
                }
                Err(refusal) => refusal,
            };
            // Another process may have used the refresh token first: what it got lies in the store.
            let other = self.store.read().await?.and_then(|grant| Some((grant.refresh.clone()?, grant)));
            match other {
                Some((other, grant)) if !last && other != refresh => {
                    if let Some(token) = grant.fresh(self.clock.now()).cloned() {
                        state.grant = Some(grant);
                        return Ok(token);
                    }
                    refresh = other;
                }
                _ => return Err(state.end(refusal.into_error(&server), Some(refresh))),
            }
        }
        Err(self.unavailable("the sign-in changes all the time"))
    }

    /// Posts a form with the client's id, and its secret where it has one.
    async fn post(&self, url: &Url, form: Form) -> Result<Answer, OAuthError> {
        let secret = match &self.settings.client_secret {
            Some(place) => Some(self.secrets.read(place).await?),
            None => None,
        };
        let mut pairs: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        pairs.push(("client_id", &self.settings.client_id));
        if let Some(secret) = &secret {
            pairs.push(("client_secret", secret.expose()));
        }
        self.endpoint.post(url, &pairs).await
    }

    fn standing(&self, grant: &Grant) -> Standing {
        Standing {
            user: self.settings.user.clone(),
            provider: self.provider.name,
            expires: grant.access.as_ref().map(|_| grant.expires()),
            renews: grant.refresh.is_some(),
        }
    }

    fn not_signed_in(&self) -> OAuthError {
        OAuthError::NotSignedIn { user: self.settings.user.clone() }
    }

    fn unavailable(&self, text: &str) -> OAuthError {
        OAuthError::Unavailable { server: self.provider.server(), text: text.to_owned(), retry_after: None }
    }
}

fn no_refresh_token(server: &str) -> OAuthError {
    OAuthError::SignInNeeded {
        server: server.to_owned(),
        code: "no_refresh_token".to_owned(),
        text: "the sign-in has ended and cannot renew itself; run `crmsync sign-in`, and ask for offline_access in scopes where the provider knows it"
            .to_owned(),
    }
}
