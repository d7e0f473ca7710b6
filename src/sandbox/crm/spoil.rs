//! Faults of a batch, of mails or of records: before it is read, and in its answer.

use axum::body::Body;
use axum::http;
use axum::http::header::{CONTENT_LENGTH, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use chrono::Utc;
use serde::Serialize;

use super::answers::{Failure, json, with_type};
use super::faults::Faults;
use super::listener::Cut;
use super::server::App;
use crate::crm::contract::ProblemKind;

/// Faults that refuse a batch before it is read.
pub(super) fn refusal(app: &App) -> Option<Response> {
    let mut faults = app.faults();
    let retry_after = if faults.retry_after_date {
        let seconds = i64::try_from(faults.retry_after).unwrap_or(0);
        (Utc::now() + chrono::TimeDelta::try_seconds(seconds).unwrap_or_default()).format("%a, %d %b %Y %H:%M:%S GMT").to_string()
    } else {
        faults.retry_after.to_string()
    };
    let failure = |kind, detail: &str| Some(Failure::new(kind, detail).retry_after(retry_after.clone()).into_response());
    if Faults::take(&mut faults.too_many_requests) {
        return failure(ProblemKind::TooManyRequests, "the sandbox was told to be busy");
    }
    if Faults::take(&mut faults.unavailable) {
        return failure(ProblemKind::Unavailable, "the sandbox was told to be away");
    }
    if Faults::take(&mut faults.internal) {
        return Some(Failure::new(ProblemKind::Internal, "the sandbox was told to fail").into_response());
    }
    if Faults::take(&mut faults.bad_gateway) {
        let mut response = with_type(StatusCode::BAD_GATEWAY, "text/html", "<html><h1>502 Bad Gateway</h1></html>");
        if let Ok(value) = HeaderValue::from_str(&retry_after) {
            response.headers_mut().insert(RETRY_AFTER, value);
        }
        return Some(response);
    }
    None
}

/// Waits until the sender gives up, when told to.
pub(super) async fn keep_silent(app: &App) -> Result<(), Response> {
    if !Faults::take(&mut app.faults().silent) {
        return Ok(());
    }
    tokio::select! {
        () = tokio::time::sleep(std::time::Duration::from_secs(30)) => {}
        () = app.stopping.notified() => {}
    }
    Err(Failure::new(ProblemKind::Unavailable, "the sandbox was told to be silent").into_response())
}

/// Answers a processed batch, or spoils the answer.
pub(super) fn deliver<R: Clone, D: Serialize>(app: &App, cut: &Cut, mut results: Vec<R>, document: impl FnOnce(Vec<R>) -> D) -> Response {
    let spoil = {
        let mut faults = app.faults();
        if faults.reverse_order {
            results.reverse();
        }
        if Faults::take(&mut faults.lost_answers) {
            cut.now();
        }
        if Faults::take(&mut faults.missing_results) {
            results.pop();
        }
        if Faults::take(&mut faults.doubled_results)
            && let Some(first) = results.first().cloned()
            && let Some(last) = results.last_mut()
        {
            *last = first;
        }
        if Faults::take(&mut faults.garbage) {
            return with_type(StatusCode::OK, "text/html", "<html>Please sign in to the guest network</html>");
        }
        Faults::take(&mut faults.half_answers)
    };
    let document = document(results);
    if spoil { half(&document) } else { json(&document) }
}

/// The first half of an answer that announces its whole length.
fn half(answer: &impl Serialize) -> Response {
    let bytes = serde_json::to_vec(answer).unwrap_or_default();
    let len = bytes.len();
    let first = Bytes::from(bytes).slice(..len / 2);
    let cut = Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
    let mut response = http::Response::new(Body::from_stream(futures_util::stream::iter([Ok(first), cut])));
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(len));
    response
}
