//! `GET /v1/events`: hints as server-sent events.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::broadcast::error::RecvError;

use crate::sandbox::crm::answers::with_type;
use crate::sandbox::crm::server::App;

/// A comment shows that the connection lives.
const ALIVE: Duration = Duration::from_secs(15);

pub(in crate::sandbox::crm) async fn listen(State(app): State<Arc<App>>) -> Response {
    if let Err(failure) = app.has_profile("events") {
        return failure.into_response();
    }
    let hints = app.hints.subscribe();
    let first = Bytes::from_static(b": listening\n\n");
    let rest = stream::unfold((app, hints), |(app, mut hints)| async move {
        let piece = tokio::select! {
            hint = hints.recv() => match hint {
                Ok(name) => format!("event: {name}\ndata: {{}}\n\n"),
                // Too slow to hear each: one hint says as much as many.
                Err(RecvError::Lagged(_)) => "event: records\ndata: {}\n\n".to_owned(),
                Err(RecvError::Closed) => return None,
            },
            () = tokio::time::sleep(ALIVE) => ": alive\n\n".to_owned(),
            () = app.stopping.notified() => return None,
        };
        Some((Ok::<_, std::io::Error>(Bytes::from(piece)), (app, hints)))
    });
    let body = futures_util::StreamExt::chain(stream::iter([Ok(first)]), rest);
    with_type(StatusCode::OK, "text/event-stream", Body::from_stream(body))
}
