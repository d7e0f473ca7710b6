//! The provider's endpoints.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Form, Query, State as Extract};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest as _, Sha256};
use url::{Host, Url};

use super::Shared;
use super::state::{Code, Consent, Device, Refusal, State, random, refusal};

type Fields = BTreeMap<String, String>;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/authorize", get(authorize))
        .route("/token", post(token))
        .route("/device", post(device))
        .route("/revoke", post(revoke))
        .with_state(shared)
}

/// RFC 6749 §4.1.1 with RFC 7636 §4.3. The person is simulated by [`Consent`].
async fn authorize(Extract(shared): Extract<Arc<Shared>>, Query(query): Query<Fields>) -> Response {
    let field = |name: &str| query.get(name).map_or("", String::as_str);
    let mut state = shared.state();
    state.counts.browsers += 1;
    let redirect = Url::parse(field("redirect_uri")).ok().filter(is_loopback);
    let Some(redirect) = redirect.filter(|_| field("client_id") == state.options.client_id) else {
        // A wrong client or way back is never redirected to (RFC 6749 §4.1.2.1).
        return (StatusCode::BAD_REQUEST, "AADSTS50011: The redirect URI or the client is not registered.").into_response();
    };
    let back = |pairs: &[(&str, &str)]| {
        let mut url = redirect.clone();
        url.query_pairs_mut().extend_pairs(pairs);
        found(&url)
    };
    let asked = field("state");
    if field("response_type") != "code" || field("code_challenge_method") != "S256" || field("code_challenge").len() != 43 {
        return back(&[("error", "invalid_request"), ("error_description", "A code with PKCE (S256) is wanted."), ("state", asked)]);
    }
    let hint = field("login_hint");
    let users = &state.options.users;
    let Some(user) = users.iter().find(|user| *user == hint).or_else(|| users.first().filter(|_| hint.is_empty())).cloned() else {
        return back(&[
            ("error", "access_denied"),
            ("error_description", "AADSTS50034: The user account does not exist."),
            ("state", asked),
        ]);
    };
    let consent = state.options.switches.consent;
    if consent == Consent::Denied {
        return back(&[("error", "access_denied"), ("error_description", "AADSTS65004: User declined to consent."), ("state", asked)]);
    }
    if consent == Consent::Closed {
        return (StatusCode::OK, "The browser stays here.").into_response();
    }
    let code = random();
    let waiting = Code {
        user,
        redirect: field("redirect_uri").to_owned(),
        challenge: field("code_challenge").to_owned(),
        scope: field("scope").to_owned(),
    };
    state.codes.insert(code.clone(), waiting);
    let asked = if consent == Consent::Forged { "a state of somebody else" } else { asked };
    back(&[("code", &code), ("state", asked)])
}

fn found(url: &Url) -> Response {
    let mut response = StatusCode::FOUND.into_response();
    if let Ok(location) = HeaderValue::from_str(url.as_str()) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

fn is_loopback(url: &Url) -> bool {
    url.scheme() == "http"
        && match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
}

/// RFC 6749 §4.1.3, §6; RFC 8628 §3.4.
async fn token(Extract(shared): Extract<Arc<Shared>>, Form(form): Form<Fields>) -> Response {
    let delay = {
        let mut state = shared.state();
        state.counts.asked += 1;
        state.options.switches.delay
    };
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let mut state = shared.state();
    let answer = issue(&mut state, &form);
    match answer {
        Ok(tokens) => ([(header::CACHE_CONTROL, "no-store")], Json(tokens)).into_response(),
        Err(refusal) => refused(refusal),
    }
}

fn issue(state: &mut State, form: &Fields) -> Result<serde_json::Value, Refusal> {
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    let grant_type = field("grant_type");
    state.counts.refreshes += u64::from(grant_type == "refresh_token");
    client(state, form)?;
    if let Some(refusal) = state.options.switches.refusals.pop_front() {
        return Err(refusal);
    }
    match grant_type {
        "authorization_code" => {
            // A code is good once.
            let code = state.codes.remove(field("code"));
            let code = code.ok_or_else(|| refusal("invalid_grant", "AADSTS54005: OAuth2 Authorization code was already redeemed."))?;
            let proof = BASE64URL_NOPAD.encode(&Sha256::digest(field("code_verifier").as_bytes()));
            if proof != code.challenge {
                return Err(refusal("invalid_grant", "AADSTS501481: The Code_Verifier does not match the code_challenge."));
            }
            if field("redirect_uri") != code.redirect {
                return Err(refusal("invalid_grant", "AADSTS500112: The reply address does not match."));
            }
            state.counts.redeemed += 1;
            Ok(state.grant(code.user, code.scope))
        }
        "refresh_token" => state.renew(field("refresh_token")),
        "urn:ietf:params:oauth:grant-type:device_code" => {
            state.counts.polls += 1;
            let Some(device) = state.devices.get(field("device_code")) else {
                return Err(refusal("expired_token", "AADSTS70020: The device code has expired."));
            };
            if device.denied {
                return Err(refusal("authorization_declined", "The end user denied the request."));
            }
            let Some(user) = device.user.clone() else {
                return Err(refusal("authorization_pending", "AADSTS70016: OAuth 2.0 device flow error. Authorization is pending."));
            };
            let scope = device.scope.clone();
            state.devices.remove(field("device_code"));
            Ok(state.grant(user, scope))
        }
        _ => Err(refusal("unsupported_grant_type", "AADSTS70003: The app requested an unsupported grant type.")),
    }
}

fn client(state: &State, form: &Fields) -> Result<(), Refusal> {
    if form.get("client_id") != Some(&state.options.client_id) {
        return Err(refusal("unauthorized_client", "AADSTS700016: Application was not found in the directory."));
    }
    if state.options.client_secret.is_some() && form.get("client_secret") != state.options.client_secret.as_ref() {
        let text = "AADSTS7000218: The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
        return Err((401, "invalid_client".to_owned(), text.to_owned()));
    }
    Ok(())
}

/// RFC 8628 §3.1.
async fn device(Extract(shared): Extract<Arc<Shared>>, Form(form): Form<Fields>) -> Response {
    let mut state = shared.state();
    if let Err(refusal) = client(&state, &form) {
        return refused(refusal);
    }
    let (code, user_code) = (random(), random().to_uppercase().chars().take(8).collect::<String>());
    let scope = form.get("scope").cloned().unwrap_or_default();
    state.devices.insert(code.clone(), Device { user_code: user_code.clone(), user: None, scope, denied: false });
    let answer = serde_json::json!({
        "device_code": code,
        "user_code": user_code,
        "verification_uri": "https://idp.sandbox.example/device",
        "expires_in": 900,
        "interval": state.options.switches.interval,
    });
    Json(answer).into_response()
}

/// RFC 7009.
async fn revoke(Extract(shared): Extract<Arc<Shared>>, Form(form): Form<Fields>) -> StatusCode {
    let mut state = shared.state();
    state.give_back(form.get("token").map_or("", String::as_str));
    StatusCode::OK
}

fn refused((status, code, description): Refusal) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    (status, Json(serde_json::json!({ "error": code, "error_description": description }))).into_response()
}
