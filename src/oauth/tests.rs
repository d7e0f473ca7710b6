//! Whole sign-ins against the simulated provider, and what stands for the keyring.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use url::Url;

use super::*;
use crate::sandbox::oauth::{Consent, RunningOAuth, SandboxOAuth, SandboxOAuthOptions};
use crate::settings::{
    Account, AuthMethod, Endpoints, ImapAccess, OAuthProvider, Secret, SecretStore, SecretValue, Secrets, Security, SignInSettings,
    StoreError,
};
use crate::system::{Clock, SystemClock, SystemRandom};

/// A keyring in memory that can be small, locked, or fail at a chosen write.
#[derive(Clone, Default)]
pub(super) struct Memory(Arc<Mutex<Held>>);

#[derive(Default)]
struct Held {
    entries: BTreeMap<String, String>,
    limit: Option<usize>,
    /// Writes and deletions that still succeed.
    left: Option<usize>,
    locked: bool,
}

impl Memory {
    pub(super) fn secrets(&self) -> Secrets {
        Secrets::new(Arc::new(self.clone()), Arc::new(|_| None))
    }
    pub(super) fn limit(&self, limit: usize) {
        self.0.lock().unwrap().limit = Some(limit);
    }
    pub(super) fn fail_after(&self, writes: usize) {
        self.0.lock().unwrap().left = Some(writes);
    }
    pub(super) fn lock(&self) {
        self.0.lock().unwrap().locked = true;
    }
    pub(super) fn unlock(&self) {
        self.0.lock().unwrap().locked = false;
    }
    pub(super) fn entries(&self) -> Vec<String> {
        self.0.lock().unwrap().entries.keys().cloned().collect()
    }
    pub(super) fn set(&self, entry: &str, text: &str) {
        self.0.lock().unwrap().entries.insert(entry.to_owned(), text.to_owned());
    }
    pub(super) fn remove(&self, entry: &str) {
        self.0.lock().unwrap().entries.remove(entry);
    }
}

impl Held {
    fn check(&mut self, write: bool) -> Result<(), StoreError> {
        if self.locked {
            return Err(StoreError::Locked("simulated".to_owned()));
        }
        if write && let Some(left) = &mut self.left {
            *left = left.checked_sub(1).ok_or_else(|| StoreError::Absent("simulated".to_owned()))?;
        }
        Ok(())
    }
}

impl SecretStore for Memory {
    fn read(&self, entry: &str) -> Result<String, StoreError> {
        let mut held = self.0.lock().unwrap();
        held.check(false)?;
        held.entries.get(entry).cloned().ok_or(StoreError::NoEntry)
    }
    fn write(&self, entry: &str, secret: &str) -> Result<(), StoreError> {
        let mut held = self.0.lock().unwrap();
        held.check(true)?;
        if held.limit.is_some_and(|limit| secret.len() > limit) {
            return Err(StoreError::Failed("too long".to_owned()));
        }
        held.entries.insert(entry.to_owned(), secret.to_owned());
        Ok(())
    }
    fn delete(&self, entry: &str) -> Result<(), StoreError> {
        let mut held = self.0.lock().unwrap();
        held.check(true)?;
        held.entries.remove(entry).map(drop).ok_or(StoreError::NoEntry)
    }
}

/// A clock that tests move.
#[derive(Debug, Default)]
struct Moved(Mutex<chrono::TimeDelta>);

impl Clock for Moved {
    fn now(&self) -> crate::model::Instant {
        SystemClock.now() + *self.0.lock().unwrap()
    }
    fn sleep(&self, _: Duration) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(Duration::from_millis(5)))
    }
}

fn account(provider: &RunningOAuth, user: &str) -> Account {
    let endpoint = |leaf: &str| Url::parse(&provider.endpoint(leaf)).unwrap();
    Account {
        addresses: Vec::new(),
        imap: ImapAccess {
            host: "127.0.0.1".to_owned(),
            port: 143,
            security: Security::None,
            auth: AuthMethod::Xoauth2,
            user: user.to_owned(),
            secret: Secret::SignIn,
            ca_file: None,
        },
        dav: None,
        carddav: None,
        oauth: Some(SignInSettings {
            provider: OAuthProvider::Custom(Box::new(Endpoints {
                authorization: Some(endpoint("authorize")),
                token: endpoint("token"),
                device: Some(endpoint("device")),
                revocation: Some(endpoint("revoke")),
            })),
            client_id: "crmsync-test".to_owned(),
            client_secret: None,
            user: "anna".to_owned(),
            scopes: vec!["mail".to_owned(), "offline_access".to_owned()],
            redirect_port: 0,
            ca_file: None,
        }),
    }
}

struct Scene {
    provider: RunningOAuth,
    memory: Memory,
    clock: Arc<Moved>,
    sign_in: Arc<SignIn>,
}

impl Scene {
    async fn with(options: SandboxOAuthOptions) -> Self {
        let provider = SandboxOAuth::start(options).await.unwrap();
        let (memory, clock) = (Memory::default(), Arc::new(Moved::default()));
        let sign_ins = SignIns::new(memory.secrets(), Arc::clone(&clock) as _, Arc::new(SystemRandom));
        let sign_in = sign_ins.of(&account(&provider, "anna")).unwrap().unwrap();
        Self { provider, memory, clock, sign_in }
    }

    /// With somebody signed in.
    async fn signed_in() -> Self {
        let scene = Self::with(SandboxOAuthOptions::default()).await;
        browse(&scene.sign_in).await.unwrap();
        scene
    }

    /// Another process before the same store.
    fn beside(&self) -> Arc<SignIn> {
        let sign_ins = SignIns::new(self.memory.secrets(), Arc::clone(&self.clock) as _, Arc::new(SystemRandom));
        sign_ins.of(&account(&self.provider, "anna")).unwrap().unwrap()
    }

    fn later(&self, seconds: i64) {
        *self.clock.0.lock().unwrap() += chrono::TimeDelta::seconds(seconds);
    }

    fn refuse(&self, status: u16, code: &str, description: &str) {
        self.provider.switches(|switches| switches.refusals.push_back((status, code.to_owned(), description.to_owned())));
    }
}

/// Plays the browser: follows the provider's redirect back to this computer.
async fn browse(sign_in: &SignIn) -> Result<Standing, OAuthError> {
    let (show, shown) = tokio::sync::oneshot::channel();
    let browser = tokio::spawn(async move {
        let url: Url = shown.await.unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        reqwest::Client::builder().no_proxy().build().unwrap().get(url).send().await.unwrap().status().as_u16()
    });
    let standing = sign_in.by_browser(|url| show.send(url.clone()).unwrap()).await;
    browser.await.unwrap();
    standing
}

#[tokio::test]
async fn a_browser_signs_in_and_the_token_is_used_until_it_nearly_expires() {
    let scene = Scene::with(SandboxOAuthOptions::default()).await;
    let nobody = scene.sign_in.token().await.unwrap_err();
    assert!(matches!(&nobody, OAuthError::NotSignedIn { user } if user == "anna"), "{nobody}");
    let standing = browse(&scene.sign_in).await.unwrap();
    assert!(standing.renews && standing.expires.is_some() && standing.user == "anna", "{standing:?}");
    let first = scene.sign_in.token().await.unwrap();
    assert_eq!(scene.beside().token().await.unwrap(), first, "it lies in the store");
    scene.later(3000);
    assert_eq!(scene.sign_in.token().await.unwrap(), first);
    assert_eq!(scene.provider.counts().refreshes, 0);
    scene.later(400);
    let second = scene.sign_in.token().await.unwrap();
    assert_ne!(second, first);
    assert_eq!((scene.provider.counts().refreshes, scene.provider.counts().renewed), (1, 1));
    assert_eq!(scene.beside().token().await.unwrap(), second);
}

#[tokio::test]
async fn many_at_once_renew_once() {
    let scene = Scene::signed_in().await;
    scene.provider.switches(|switches| switches.delay = Duration::from_millis(50));
    scene.later(3600);
    let all = (0..8).map(|_| {
        tokio::spawn({
            let sign_in = Arc::clone(&scene.sign_in);
            async move { sign_in.token().await.unwrap() }
        })
    });
    let tokens: Vec<SecretValue> = futures_util::future::join_all(all).await.into_iter().map(Result::unwrap).collect();
    assert!(tokens.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(scene.provider.counts().refreshes, 1);
    // And after a rejection that several connections got for the same token.
    let renewals = (0..8).map(|_| scene.sign_in.renew(&tokens[0]));
    let renewed: Vec<SecretValue> = futures_util::future::join_all(renewals).await.into_iter().map(Result::unwrap).collect();
    assert!(renewed.iter().all(|token| *token == renewed[0] && *token != tokens[0]));
    assert_eq!(scene.provider.counts().refreshes, 2);
}

#[tokio::test]
async fn two_processes_share_a_rotating_sign_in() {
    let scene = Scene::signed_in().await;
    let other = scene.beside();
    let mut last = other.token().await.unwrap();
    for round in 0..4 {
        let (one, two) = if round % 2 == 0 { (&scene.sign_in, &other) } else { (&other, &scene.sign_in) };
        scene.later(3600);
        let fresh = one.token().await.unwrap();
        assert_ne!(fresh, last);
        assert_eq!(two.token().await.unwrap(), fresh, "what the other one got is taken from the store");
        last = fresh;
    }
    assert_eq!(scene.provider.counts().refreshes, 4);
    // Both at the same time: at worst the provider refuses one of them, which then looks into the store.
    scene.provider.switches(|switches| switches.rotates = false);
    scene.later(3600);
    let (a, b) = tokio::join!(scene.sign_in.token(), other.token());
    assert!(a.is_ok() && b.is_ok(), "{a:?} {b:?}");
}

#[tokio::test]
async fn a_person_who_signs_in_while_a_token_is_renewed_is_not_overwritten() {
    let scene = Scene::signed_in().await;
    scene.later(3600);
    scene.provider.switches(|switches| switches.delay = Duration::from_secs(1));
    let asked = scene.provider.counts().asked;
    let renewal = tokio::spawn({
        let sign_in = Arc::clone(&scene.sign_in);
        async move { sign_in.token().await.unwrap() }
    });
    while scene.provider.counts().asked == asked {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    scene.provider.switches(|switches| switches.delay = Duration::ZERO);
    let beside = scene.beside();
    browse(&beside).await.unwrap();
    let token = beside.token().await.unwrap();
    assert_eq!(renewal.await.unwrap(), token);
    assert_eq!(scene.beside().token().await.unwrap(), token);
}

#[tokio::test]
async fn r63_a_sign_in_that_was_revoked_is_over_after_one_question() {
    let scene = Scene::signed_in().await;
    scene.provider.revoke_sign_ins();
    scene.later(3600);
    for _ in 0..3 {
        let error = scene.sign_in.token().await.unwrap_err();
        assert!(matches!(&error, OAuthError::SignInNeeded { .. }), "{error}");
        assert!(error.to_string().contains("was revoked") && error.to_string().contains("crmsync sign-in"), "{error}");
        assert!(!error.to_string().contains("Trace ID"), "{error}");
    }
    assert_eq!(scene.provider.counts().refreshes, 1);
    // Somebody signs in, by a command beside the process that was told so.
    browse(&scene.beside()).await.unwrap();
    scene.sign_in.token().await.unwrap();
    assert_eq!(scene.provider.counts().refreshes, 1);
}

#[tokio::test]
async fn r63_a_provider_that_is_away_is_no_rejection_and_what_has_not_expired_serves() {
    let scene = Scene::signed_in().await;
    let first = scene.sign_in.token().await.unwrap();
    scene.later(3400);
    for _ in 0..2 {
        scene.refuse(503, "temporarily_unavailable", "");
        assert_eq!(scene.sign_in.token().await.unwrap(), first, "nearly expired is not expired");
    }
    scene.refuse(503, "temporarily_unavailable", "");
    let error = scene.sign_in.renew(&first).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    scene.refuse(429, "slow_down", "AADSTS90055");
    let error = scene.sign_in.token().await.unwrap_err();
    assert!(error.is_transient(), "a rejected token is not tried again: {error}");
    assert_ne!(scene.sign_in.token().await.unwrap(), first);
    scene.later(3600);
    scene.refuse(500, "server_error", "");
    assert!(scene.sign_in.token().await.unwrap_err().is_transient());
    scene.sign_in.token().await.unwrap();
}

#[tokio::test]
async fn a_refresh_token_is_written_before_its_access_token_is_used() {
    let scene = Scene::signed_in().await;
    scene.later(3600);
    // Nothing can be written: the provider is not even asked, for it would change the refresh token.
    scene.memory.fail_after(0);
    assert!(scene.sign_in.token().await.unwrap_err().is_transient());
    assert_eq!(scene.provider.counts().refreshes, 0);
    // It fails just then: the token is not given out before it lies in the store.
    scene.memory.fail_after(1);
    assert!(scene.sign_in.token().await.unwrap_err().is_transient());
    assert!(scene.sign_in.token().await.unwrap_err().is_transient());
    assert_eq!(scene.provider.counts().refreshes, 1);
    scene.memory.fail_after(usize::MAX);
    let token = scene.sign_in.token().await.unwrap();
    assert_eq!(scene.provider.counts().refreshes, 1, "what the provider gave is not lost");
    assert_eq!(scene.beside().token().await.unwrap(), token);
}

#[tokio::test]
async fn a_store_that_is_locked_stops_before_anybody_is_asked() {
    let scene = Scene::signed_in().await;
    scene.memory.lock();
    let beside = scene.beside();
    for error in [beside.token().await.unwrap_err(), browse_nowhere(&beside).await] {
        assert!(error.is_transient() && error.to_string().contains("locked"), "{error}");
    }
    scene.memory.unlock();
    beside.token().await.unwrap();
}

async fn browse_nowhere(sign_in: &SignIn) -> OAuthError {
    sign_in.by_browser(|_| panic!("nobody is sent to a browser in vain")).await.unwrap_err()
}

#[tokio::test]
async fn who_stops_waiting_does_not_lose_the_new_refresh_token() {
    let scene = Scene::signed_in().await;
    scene.later(3600);
    scene.provider.switches(|switches| switches.delay = Duration::from_millis(300));
    let given_up = tokio::time::timeout(Duration::from_millis(50), scene.sign_in.token()).await;
    assert!(given_up.is_err());
    scene.sign_in.token().await.unwrap();
    assert_eq!(scene.provider.counts().refreshes, 1);
}

#[tokio::test]
async fn a_person_who_says_no_and_a_forged_answer_sign_nobody_in() {
    let scene = Scene::with(SandboxOAuthOptions::default()).await;
    scene.provider.switches(|switches| switches.consent = Consent::Denied);
    let error = browse(&scene.sign_in).await.unwrap_err();
    assert!(matches!(&error, OAuthError::Denied { text } if text.contains("did not agree")), "{error}");
    // The forged answer is turned away, and the wait goes on until the right one comes.
    scene.provider.switches(|switches| switches.consent = Consent::Forged);
    let (show, shown) = tokio::sync::oneshot::channel();
    let provider = scene.provider.handle();
    let browser = tokio::spawn(async move {
        let url: Url = shown.await.unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let forged = client.get(url.clone()).send().await.unwrap().status().as_u16();
        provider.switches(|switches| switches.consent = Consent::Given);
        (forged, client.get(url).send().await.unwrap().status().as_u16())
    });
    scene.sign_in.by_browser(|url| show.send(url.clone()).unwrap()).await.unwrap();
    assert_eq!(browser.await.unwrap(), (400, 200));
}

#[tokio::test]
async fn a_code_typed_elsewhere_signs_in() {
    let scene = Scene::with(SandboxOAuthOptions::default()).await;
    let provider = scene.provider.handle();
    let standing = scene.sign_in.by_device(move |code| {
        let user_code = code.user_code.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(30)).await;
            assert!(provider.type_code(&user_code, "anna"));
        });
    });
    assert!(standing.await.unwrap().renews);
    assert!(scene.provider.counts().polls >= 2, "{:?}", scene.provider.counts());
    let provider = scene.provider.handle();
    let declined = scene.sign_in.by_device(move |code| assert!(provider.decline_code(&code.user_code))).await.unwrap_err();
    assert!(matches!(declined, OAuthError::Denied { .. }), "{declined}");
}

#[tokio::test]
async fn a_client_that_the_provider_does_not_know_is_the_administrators() {
    let secret = SandboxOAuthOptions { client_secret: Some("s3cret".to_owned()), ..SandboxOAuthOptions::default() };
    let scene = Scene::with(secret).await;
    let error = browse(&scene.sign_in).await.unwrap_err();
    assert!(matches!(&error, OAuthError::Refused { text, .. } if text.contains("client_secret")), "{error}");
    let scene = Scene::signed_in().await;
    scene.later(3600);
    scene.refuse(401, "invalid_client", "AADSTS7000222: The provided client secret keys are expired.");
    let error = scene.sign_in.token().await.unwrap_err();
    assert!(matches!(&error, OAuthError::Refused { .. }), "nothing is locked by it: {error}");
    scene.sign_in.token().await.unwrap();
}

#[tokio::test]
async fn without_a_refresh_token_the_sign_in_ends_with_its_token() {
    let scene = Scene::with(SandboxOAuthOptions::default()).await;
    scene.provider.switches(|switches| switches.offline = false);
    assert!(!browse(&scene.sign_in).await.unwrap().renews);
    scene.sign_in.token().await.unwrap();
    scene.later(3600);
    let error = scene.sign_in.token().await.unwrap_err();
    assert!(matches!(&error, OAuthError::SignInNeeded { text, .. } if text.contains("offline_access")), "{error}");
}

#[tokio::test]
async fn signing_out_gives_the_token_back_and_forgets_it() {
    let scene = Scene::signed_in().await;
    assert_eq!(scene.sign_in.sign_out().await.unwrap(), SignedOut::Revoked);
    assert_eq!(scene.provider.counts().revocations, 1);
    assert!(scene.memory.entries().is_empty());
    assert!(matches!(scene.sign_in.token().await, Err(OAuthError::NotSignedIn { .. })));
    assert_eq!(scene.sign_in.sign_out().await.unwrap(), SignedOut::Nobody);
}

#[tokio::test]
async fn x25_a_shared_mailbox_shares_the_sign_in_of_the_person() {
    let provider = SandboxOAuth::start(SandboxOAuthOptions::default()).await.unwrap();
    let sign_ins = SignIns::new(Memory::default().secrets(), Arc::new(SystemClock), Arc::new(SystemRandom));
    let (own, shared) = (account(&provider, "anna"), account(&provider, "info"));
    let mut other = account(&provider, "anna");
    if let Some(oauth) = &mut other.oauth {
        "bert".clone_into(&mut oauth.user);
    }
    let of = |account: &Account| sign_ins.of(account).unwrap().unwrap();
    assert!(Arc::ptr_eq(&of(&own), &of(&shared)) && !Arc::ptr_eq(&of(&own), &of(&other)));
    let all = BTreeMap::from([("own".into(), own.clone()), ("shared".into(), shared), ("other".into(), other)]);
    assert_eq!(SignIns::shared(&own, &all).len(), 2);
}

#[test]
fn providers_that_everybody_has_are_known() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let provider = runtime.block_on(SandboxOAuth::start(SandboxOAuthOptions::default())).unwrap();
    let mut account = account(&provider, "anna@firm.example");
    let set = |account: &mut Account, provider| {
        let oauth = account.oauth.as_mut().unwrap();
        (oauth.provider, oauth.scopes) = (provider, Vec::new());
        Provider::of(account).unwrap()
    };
    let microsoft = set(&mut account, OAuthProvider::Microsoft { tenant: "firm.example".to_owned() });
    assert_eq!(microsoft.token.as_str(), "https://login.microsoftonline.com/firm.example/oauth2/v2.0/token");
    assert_eq!(microsoft.redirect_host, "localhost");
    assert!(microsoft.scopes[0].starts_with("https://outlook.office") && microsoft.scopes[0].ends_with("IMAP.AccessAsUser.All"));
    let google = set(&mut account, OAuthProvider::Google);
    assert_eq!((google.scopes.len(), &google.device), (1, &None));
    account.dav = Some(crate::settings::DavAccess {
        url: Url::parse("https://apidata.googleusercontent.com/caldav/v2/").unwrap(),
        user: "anna".to_owned(),
        auth: crate::settings::DavAuth::Bearer,
        secret: Secret::SignIn,
        ca_file: None,
    });
    assert_eq!(Provider::of(&account).unwrap().scopes.len(), 3, "calendar and contacts are asked for where they are used");

    let attempt = request::Attempt { verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned(), state: "s&t".to_owned() };
    assert_eq!(attempt.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "RFC 7636, appendix B");
    let way = google.authorization.clone().unwrap();
    let url = request::authorization_url(&google, &way, "id", "anna@firm.example", "http://127.0.0.1:4711", &attempt);
    let query: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "id"),
        ("redirect_uri", "http://127.0.0.1:4711"),
        ("state", "s&t"),
        ("code_challenge_method", "S256"),
        ("scope", "https://mail.google.com/"),
        ("login_hint", "anna@firm.example"),
        ("access_type", "offline"),
    ] {
        assert_eq!(query.get(name).map(String::as_str), Some(value), "{name}");
    }
    let random = request::Attempt::new(&SystemRandom);
    assert!(random.verifier.len() == 43 && random.state.len() == 43 && random.verifier != random.state);
}
