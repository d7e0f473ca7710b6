//! From a request to the method that answers it: sign-in, paths, counted and failing requests.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State as Extract};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use data_encoding::BASE64;

use super::answer::status;
use super::methods::{self, Target};
use super::{Shared, reports};

/// Largest request body.
const MAX_BODY: usize = 64 * 1024 * 1024;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(serve).with_state(shared)
}

async fn serve(Extract(shared): Extract<Arc<Shared>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let method = parts.method.as_str().to_owned();
    let path = percent_decoded(parts.uri.path());
    shared.state().requests.push(format!("{method} {path}"));
    if path == "/.well-known/caldav" || path == "/.well-known/carddav" {
        let mut response = status(StatusCode::MOVED_PERMANENTLY);
        response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/dav/"));
        return response;
    }
    let Some(user) = signed_in(&shared, &parts.headers) else {
        let mut response = status(StatusCode::UNAUTHORIZED);
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"sandbox\""));
        return response;
    };
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else { return status(StatusCode::PAYLOAD_TOO_LARGE) };
    let body = String::from_utf8_lossy(&body).into_owned();
    let failure = {
        let mut state = shared.state();
        let found = state.quirks.failures.iter().position(|failure| failure.method == method);
        found.map(|index| state.quirks.failures.remove(index))
    };
    if let Some(failure) = &failure
        && !failure.applied
    {
        return failed(failure);
    }
    let delay = shared.state().quirks.slow_put.filter(|_| method == "PUT");
    if let Some(delay) = delay {
        tokio::time::sleep(delay).await;
    }
    let response = answer(&shared, &user, &method, &path, &parts.headers, &body);
    match &failure {
        Some(failure) => failed(failure),
        None => response,
    }
}

fn answer(shared: &Shared, user: &str, method: &str, path: &str, headers: &HeaderMap, body: &str) -> Response<Body> {
    let target = Target::of(path);
    if target.user().is_some_and(|owner| owner != user) {
        return status(StatusCode::FORBIDDEN);
    }
    let mut state = shared.state();
    let mut response = match method {
        "OPTIONS" => status(StatusCode::OK),
        "PROPFIND" => methods::propfind(&mut state, user, &target, headers, body),
        "REPORT" => reports::report(&mut state, user, &target, body),
        "GET" => methods::get(&mut state, user, &target),
        "PUT" => methods::put(&mut state, user, &target, headers, body),
        "DELETE" => methods::delete(&mut state, user, &target, headers),
        "MKCALENDAR" | "MKCOL" => methods::make(&mut state, user, &target, method, body),
        _ => status(StatusCode::METHOD_NOT_ALLOWED),
    };
    let dav = if state.quirks.schedules {
        "1, 3, calendar-access, addressbook, calendar-auto-schedule"
    } else {
        "1, 3, calendar-access, addressbook"
    };
    response.headers_mut().insert("dav", HeaderValue::from_static(dav));
    response
}

fn failed(failure: &super::quirks::Failure) -> Response<Body> {
    let mut response = status(StatusCode::from_u16(failure.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    if let Some(seconds) = failure.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn signed_in(shared: &Shared, headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    if let Some(token) = value.strip_prefix("Bearer ") {
        return shared.bearers.as_ref()?.subject(token).filter(|user| shared.passwords.contains_key(user));
    }
    let value = value.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(BASE64.decode(value.as_bytes()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    (shared.passwords.get(user)? == password).then(|| user.to_owned())
}

fn percent_decoded(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        let decoded = (byte == b'%').then(|| {
            let mut ahead = rest.clone();
            let digits = [ahead.next()?, ahead.next()?];
            let value = u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?;
            rest = ahead;
            Some(value)
        });
        bytes.push(decoded.flatten().unwrap_or(byte));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
