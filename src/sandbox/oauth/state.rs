//! What the provider knows: codes, sign-ins, tokens, and what is to go wrong.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use chrono::Utc;

use super::SandboxOAuthOptions;
use super::jwt::{self, Claims};

/// What a person does in the browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// Signs in and agrees.
    Given,
    /// Says no.
    Denied,
    /// Closes the browser: it never comes back.
    Closed,
    /// Comes back with a state that is not the client's, as from a forged link.
    Forged,
}

/// How the provider behaves. May be changed while it runs.
#[derive(Debug, Clone)]
pub struct Switches {
    /// How long an access token is good, in seconds.
    pub lifetime: i64,
    /// How long the client is told that it is, if that is something else.
    pub told_lifetime: Option<i64>,
    /// Seconds by which the provider's clock is fast.
    pub clock_ahead: i64,
    /// `aud` of the tokens, if that is a wrong one.
    pub wrong_audience: Option<String>,
    /// Each renewal gives a new refresh token; the old one, used again, voids the sign-in.
    pub rotates: bool,
    /// Sign-ins get a refresh token at all.
    pub offline: bool,
    /// What a person does.
    pub consent: Consent,
    /// Answers of the token endpoint, next first: status, `error`, `error_description`.
    pub refusals: VecDeque<(u16, String, String)>,
    /// Time before each answer of the token endpoint.
    pub delay: Duration,
    /// Seconds between two questions of a device.
    pub interval: u64,
    /// Filler in each access token, for the length of real ones.
    pub padding: usize,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            lifetime: 3600,
            told_lifetime: None,
            clock_ahead: 0,
            wrong_audience: None,
            rotates: true,
            offline: true,
            consent: Consent::Given,
            refusals: VecDeque::new(),
            delay: Duration::ZERO,
            interval: 1,
            padding: 0,
        }
    }
}

/// What was asked of the provider.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Browsers that came.
    pub browsers: u64,
    /// Requests for a token that came, answered or not.
    pub asked: u64,
    /// Codes redeemed.
    pub redeemed: u64,
    /// Renewals asked for.
    pub refreshes: u64,
    /// Renewals granted.
    pub renewed: u64,
    /// Questions of devices.
    pub polls: u64,
    /// Tokens given back.
    pub revocations: u64,
    /// Bearer tokens that a server of the sandbox took.
    pub bearers_taken: u64,
    /// Bearer tokens that a server of the sandbox did not take.
    pub bearers_rejected: u64,
}

/// A code that waits to be redeemed.
#[derive(Debug)]
pub(super) struct Code {
    pub(super) user: String,
    pub(super) redirect: String,
    pub(super) challenge: String,
    pub(super) scope: String,
}

/// A code that waits to be typed.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) user_code: String,
    pub(super) user: Option<String>,
    pub(super) scope: String,
    pub(super) denied: bool,
}

/// One sign-in.
#[derive(Debug)]
struct Family {
    user: String,
    scope: String,
    /// The refresh token that is good now.
    refresh: String,
    revoked: bool,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) options: SandboxOAuthOptions,
    pub(super) counts: Counts,
    pub(super) codes: BTreeMap<String, Code>,
    pub(super) devices: BTreeMap<String, Device>,
    families: Vec<Family>,
    /// Every refresh token there ever was, and its sign-in.
    refresh_tokens: BTreeMap<String, usize>,
    /// Ids of access tokens and their sign-ins.
    access: BTreeMap<String, usize>,
    /// Access tokens that are void before their time.
    void: BTreeSet<String>,
}

/// An error of the token endpoint: status, code, description.
pub(super) type Refusal = (u16, String, String);

pub(super) fn refusal(code: &str, description: &str) -> Refusal {
    (400, code.to_owned(), description.to_owned())
}

impl State {
    pub(super) fn new(options: SandboxOAuthOptions) -> Self {
        Self {
            options,
            counts: Counts::default(),
            codes: BTreeMap::new(),
            devices: BTreeMap::new(),
            families: Vec::new(),
            refresh_tokens: BTreeMap::new(),
            access: BTreeMap::new(),
            void: BTreeSet::new(),
        }
    }

    /// Begins a sign-in: its first tokens.
    pub(super) fn grant(&mut self, user: String, scope: String) -> serde_json::Value {
        let refresh = random();
        self.families.push(Family { user, scope, refresh: refresh.clone(), revoked: false });
        let family = self.families.len() - 1;
        self.refresh_tokens.insert(refresh.clone(), family);
        self.tokens(family, self.options.switches.offline.then_some(refresh))
    }

    /// Renews by a refresh token.
    pub(super) fn renew(&mut self, refresh: &str) -> Result<serde_json::Value, Refusal> {
        let invalid = |text| Err(refusal("invalid_grant", text));
        let Some(family) = self.refresh_tokens.get(refresh).copied() else {
            return invalid("AADSTS9002313: Invalid request. Request is malformed or invalid.");
        };
        let rotates = self.options.switches.rotates;
        let Some(found) = self.families.get_mut(family) else { return invalid("") };
        if found.revoked {
            return invalid(
                "AADSTS50173: The provided grant has expired due to it being revoked, a fresh auth token is needed. Trace ID: 0-0 Correlation ID: 1-1",
            );
        }
        if found.refresh != refresh {
            // Somebody has it who should not.
            found.revoked = true;
            return invalid("AADSTS70000: The refresh token was used before; the sign-in is void. Trace ID: 0-0");
        }
        let mut given = None;
        if rotates {
            let new = random();
            found.refresh.clone_from(&new);
            self.refresh_tokens.insert(new.clone(), family);
            given = Some(new);
        }
        self.counts.renewed += 1;
        Ok(self.tokens(family, given))
    }

    fn tokens(&mut self, family: usize, refresh: Option<String>) -> serde_json::Value {
        let switches = &self.options.switches;
        let (user, scope) = self.families.get(family).map(|family| (family.user.clone(), family.scope.clone())).unwrap_or_default();
        let now = Utc::now().timestamp() + switches.clock_ahead;
        let claims = Claims {
            iss: self.options.issuer.clone(),
            sub: user,
            aud: switches.wrong_audience.clone().unwrap_or_else(|| self.options.audience.clone()),
            iat: now,
            nbf: now,
            exp: now + switches.lifetime,
            scope: format!("{scope}{}", "x".repeat(switches.padding)),
            jti: random(),
        };
        self.access.insert(claims.jti.clone(), family);
        let mut answer = serde_json::json!({
            "token_type": "Bearer",
            "access_token": jwt::sign(&claims, &self.options.key),
            "expires_in": switches.told_lifetime.unwrap_or(switches.lifetime),
            "scope": scope,
        });
        if let (Some(answer), Some(refresh)) = (answer.as_object_mut(), refresh) {
            answer.insert("refresh_token".to_owned(), refresh.into());
        }
        answer
    }

    /// Takes every sign-in back; access tokens stay good until their end, as they do at Microsoft.
    pub(super) fn revoke_all(&mut self) {
        for family in &mut self.families {
            family.revoked = true;
        }
    }

    /// Voids every access token at once; sign-ins stay.
    pub(super) fn void_access(&mut self) {
        self.void.extend(self.access.keys().cloned());
    }

    /// A token given back (RFC 7009): unknown ones are no error.
    pub(super) fn give_back(&mut self, token: &str) {
        self.counts.revocations += 1;
        if let Some(family) = self.refresh_tokens.get(token).copied()
            && let Some(family) = self.families.get_mut(family)
        {
            family.revoked = true;
        }
    }

    /// Whose token it is, as a server judges it: signature, issuer, audience, times.
    pub(super) fn subject(&mut self, token: &str) -> Option<String> {
        let now = Utc::now().timestamp();
        let claims = jwt::verify(token, &self.options.key).filter(|claims| {
            claims.iss == self.options.issuer
                && claims.aud == self.options.audience
                && claims.nbf <= now
                && now < claims.exp
                && !self.void.contains(&claims.jti)
        });
        self.counts.bearers_taken += u64::from(claims.is_some());
        self.counts.bearers_rejected += u64::from(claims.is_none());
        claims.map(|claims| claims.sub)
    }
}

/// A word nobody guesses.
pub(super) fn random() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
