//! The switches for faults: a page with a form, and the same as JSON for tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;

use super::answers::{Failure, json, method_not_allowed};
use super::api::read_value;
use super::faults::Faults;
use super::page::{NAVIGATION, checked_form, rendered};
use super::server::App;
use crate::crm::contract::ProblemKind;

/// The switches in the order of the form, with their words.
const FAULTS: [(&str, &str); 26] = [
    ("tooManyRequests", "Next batches answered with 429"),
    ("unavailable", "Next batches answered with 503"),
    ("badGateway", "Next batches answered with 502, in HTML"),
    ("internal", "Next batches answered with 500"),
    ("retryAfter", "Retry-After of these, in seconds"),
    ("retryAfterDate", "State Retry-After as a date"),
    ("unauthorized", "Next requests answered with 401"),
    ("lostAnswers", "Next batches kept, answer lost"),
    ("halfAnswers", "Next batches kept, half an answer"),
    ("garbage", "Next batches kept, answer is no JSON"),
    ("missingResults", "Next batches kept, one result missing"),
    ("doubledResults", "Next batches kept, one result twice"),
    ("silent", "Next batches never answered"),
    ("reverseOrder", "Results in reverse order"),
    ("slowMs", "Milliseconds before every answer"),
    ("holdMs", "Milliseconds a batch is in flight"),
    ("maxBytes", "Batches above so many bytes get 413 (0: the stated limit)"),
    ("rejectSubject", "Reject mails with this in their subject"),
    ("retrySubject", "Ask for a later try of mails with this in their subject"),
    ("skipSubject", "Skip mails with this in their subject"),
    ("poisonSubject", "Fail whole batches with this in a subject"),
    ("conflicts", "Next updates of records that come too late"),
    ("changesUnavailable", "Next requests for changes answered with 503"),
    ("expiredCursors", "Next change cursors that are too old"),
    ("repeatChanges", "Changes begin so many steps too early"),
    ("dropField", "Keep records without this field"),
];

#[derive(Template)]
#[template(path = "faults.html")]
struct FaultsPage {
    current: &'static str,
    token: String,
    message: Option<&'static str>,
    fields: Vec<FaultField>,
}

struct FaultField {
    name: &'static str,
    label: &'static str,
    value: String,
    flag: bool,
    number: bool,
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/faults", get(faults).post(set_faults).fallback(|| async { method_not_allowed("GET, HEAD, POST") }))
}

async fn faults(State(app): State<Arc<App>>, Query(query): Query<BTreeMap<String, String>>) -> Response {
    let values = serde_json::to_value(&*app.faults()).unwrap_or_default();
    let fields = FAULTS.iter().filter_map(|&(name, label)| values.get(name).map(|value| field(name, label, value))).collect();
    let message = query.contains_key("set").then_some("The faults are set.");
    rendered(Ok(FaultsPage { current: "/faults", token: app.form_token.clone(), message, fields }))
}

fn field(name: &'static str, label: &'static str, value: &serde_json::Value) -> FaultField {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    FaultField { name, label, value: text, flag: value.is_boolean(), number: value.is_number() }
}

async fn set_faults(State(app): State<Arc<App>>, request: Request) -> Response {
    let form = match checked_form(&app, request).await {
        Ok(form) => form,
        Err(refused) => return refused,
    };
    if form.contains_key("clear") {
        *app.faults() = Faults::default();
        return Redirect::to("/faults?set").into_response();
    }
    match read_form(&form) {
        Ok(faults) => {
            *app.faults() = faults;
            Redirect::to("/faults?set").into_response()
        }
        Err(failure) => failure.into_response(),
    }
}

/// A form's texts as the types of the switches; a box that is not ticked is not in the form.
fn read_form(form: &BTreeMap<String, String>) -> Result<Faults, Failure> {
    let invalid = |error: serde_json::Error| Failure::new(ProblemKind::Invalid, error.to_string());
    let mut value = serde_json::to_value(Faults::default()).map_err(invalid)?;
    for (name, member) in value.as_object_mut().into_iter().flatten() {
        let Some(text) = form.get(name.as_str()) else { continue };
        *member = match member {
            serde_json::Value::Bool(_) => (text == "true").into(),
            serde_json::Value::Number(_) => text.trim().parse::<u64>().unwrap_or(0).into(),
            _ => text.clone().into(),
        };
    }
    serde_json::from_value(value).map_err(invalid)
}

/// `GET /sandbox/faults`.
pub(super) async fn read_faults(State(app): State<Arc<App>>) -> Response {
    json(&*app.faults())
}

/// `PUT /sandbox/faults`: what is left out is switched off.
pub(super) async fn write_faults(State(app): State<Arc<App>>, request: Request) -> Response {
    let faults = read_value(request, &["application/json"])
        .await
        .and_then(|value| serde_json::from_value::<Faults>(value).map_err(|error| Failure::new(ProblemKind::Invalid, error.to_string())));
    match faults {
        Ok(faults) => {
            *app.faults() = faults;
            json(&*app.faults())
        }
        Err(failure) => failure.into_response(),
    }
}
