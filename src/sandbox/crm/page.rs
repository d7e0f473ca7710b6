//! The page, and the switches for faults.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};

use super::answers::{Failure, json};
use super::api::read_value;
use super::faults::Faults;
use super::server::App;
use crate::crm::contract::ProblemKind;

/// The routes of the page.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
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
