//! Answers: documents, problems, pages.

use axum::body::Body;
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::crm::contract::{PROBLEM_JSON, ProblemKind};

/// Why a request as a whole fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    kind: ProblemKind,
    detail: String,
    retry_after: Option<String>,
}

impl Failure {
    pub(super) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), retry_after: None }
    }

    pub(super) fn retry_after(mut self, text: String) -> Self {
        self.retry_after = Some(text);
        self
    }

    pub(super) fn io(error: &std::io::Error) -> Self {
        Self::new(ProblemKind::Internal, format!("the sandbox cannot use its folder: {error}"))
    }

    pub(super) fn store(error: &impl std::fmt::Display) -> Self {
        Self::new(ProblemKind::Internal, format!("the sandbox cannot use its database: {error}"))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let document = self.kind.document(self.detail);
        let status = StatusCode::from_u16(document.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = with_type(status, PROBLEM_JSON, serde_json::to_vec(&document).unwrap_or_default());
        let headers = response.headers_mut();
        if let Some(value) = self.retry_after.and_then(|text| HeaderValue::from_str(&text).ok()) {
            headers.insert(RETRY_AFTER, value);
        }
        if status == StatusCode::UNAUTHORIZED {
            headers
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"sandbox\", Basic realm=\"sandbox\", charset=\"UTF-8\""));
        }
        response
    }
}

/// A document.
pub(super) fn json(document: &impl Serialize) -> Response {
    match serde_json::to_vec(document) {
        Ok(bytes) => with_type(StatusCode::OK, "application/json", bytes),
        Err(error) => Failure::store(&error).into_response(),
    }
}

/// Bytes of a media type. Nothing is cached: everything here is somebody's mail.
pub(super) fn with_type(status: StatusCode, media_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}

/// 405 with the methods there are.
pub(super) fn method_not_allowed(allowed: &'static str) -> Response {
    let mut response = Failure::new(ProblemKind::MethodNotAllowed, format!("methods: {allowed}")).into_response();
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}
