//! `POST /v1/mail-imports` and `GET /v1/mail-imports/{key}`.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use chrono::Utc;
use serde::Deserialize;

use super::answers::{Failure, json};
use super::decide::Rules;
use super::directory::Employee;
use super::faults::Faults;
use super::listener::Cut;
use super::receive::Incoming;
use super::server::{App, lock};
use super::spoil::{deliver, keep_silent, refusal};
use super::store::{Batch, KnownBatch};
use crate::crm::contract::{IDEMPOTENCY_KEY, ImportAnswer, ImportResult, MailVerdict, Manifest, ProblemKind, RecordLink, schema};
use crate::model::{BatchKey, Digest, ItemKey};

pub(super) async fn post(
    State(app): State<Arc<App>>,
    Extension(employee): Extension<Employee>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: Request,
) -> Response {
    match receive(&app, &employee, request).await {
        Ok(ImportAnswer { key, results }) => deliver(&app, &cut, results, |results| ImportAnswer { key, results }),
        Err(failed) => failed,
    }
}

pub(super) async fn recover(State(app): State<Arc<App>>, Extension(employee): Extension<Employee>, Path(key): Path<String>) -> Response {
    if schema::check_parameter("/v1/mail-imports/{key}", "get", "key", &key).is_err() {
        return Failure::new(ProblemKind::BatchUnknown, "no batch can have this key").into_response();
    }
    let place = (employee.id.clone(), key.clone());
    if lock(&app.in_flight).contains(&place) {
        return Failure::new(ProblemKind::InFlight, "ask again in a moment").into_response();
    }
    if let Some(answer) = lock(&app.discarded).get(&place) {
        return json(answer);
    }
    match blocking(move || app.store.batch(&employee.id, &key, None)).await {
        Ok(KnownBatch::Same(answer)) => json(&answer),
        Ok(_) => Failure::new(ProblemKind::BatchUnknown, "it was never processed").into_response(),
        Err(failure) => failure.into_response(),
    }
}

/// Runs what waits for the disk beside the other requests.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, super::StoreError> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| Failure::store(&error)),
        Err(error) => Err(Failure::store(&error)),
    }
}

/// Marks a batch as being processed as long as it lives.
pub(super) struct InFlight {
    app: Arc<App>,
    place: (String, String),
}

impl InFlight {
    pub(super) fn enter(app: &Arc<App>, place: (String, String)) -> Option<Self> {
        lock(&app.in_flight).insert(place.clone()).then(|| Self { app: Arc::clone(app), place })
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        lock(&self.app.in_flight).remove(&self.place);
    }
}

async fn receive(app: &Arc<App>, employee: &Employee, request: Request) -> Result<ImportAnswer, Response> {
    let (parts, body) = request.into_parts();
    let key = batch_key(&parts.headers).map_err(Failure::into_response)?;
    let limits = app.limits();
    let limit = match app.faults().max_bytes {
        0 => limits.max_bytes,
        smaller => smaller.min(limits.max_bytes),
    };
    // The body may go a little over what the mails may: the manifest repeats their texts.
    let mut incoming = Incoming::new(&parts.headers, body, limit).map_err(Failure::into_response)?;
    if let Some(refusal) = refusal(app) {
        return Err(match incoming.drain().await {
            Ok(_) => refusal,
            Err(failure) => failure.into_response(),
        });
    }
    let Some(_in_flight) = InFlight::enter(app, (employee.id.clone(), key.0.clone())) else {
        return Err(refuse(incoming, Failure::new(ProblemKind::InFlight, "this key is being processed")).await);
    };
    let bytes = incoming.manifest(app.store.dir()).await.map_err(Failure::into_response)?;
    if app.options.discard {
        return discard(app, employee, &key, &bytes, incoming).await.map_err(Failure::into_response);
    }
    let manifest = match read_manifest(&bytes, limits.max_items) {
        Ok(manifest) => manifest,
        Err(failure) => return Err(refuse(incoming, failure).await),
    };
    let digest = Digest::of(&bytes);
    drop(bytes);
    let begun = tokio::time::Instant::now();
    while begun.elapsed() < Duration::from_millis(app.faults().hold_ms) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let known = {
        let (app, employee, key, digest) = (Arc::clone(app), employee.id.clone(), key.0.clone(), digest.clone());
        blocking(move || app.store.batch(&employee, &key, Some(&digest))).await
    };
    match known.map_err(Failure::into_response)? {
        KnownBatch::Same(mut answer) => {
            incoming.drain().await.map_err(Failure::into_response)?;
            answer.results.iter_mut().for_each(|result| result.replayed = true);
            return Ok(answer);
        }
        KnownBatch::Other => return Err(refuse(incoming, Failure::new(ProblemKind::KeyReused, "")).await),
        KnownBatch::Unknown => {}
    }
    let received = incoming.mails(app.store.dir()).await.map_err(Failure::into_response)?;
    keep_silent(app).await?;
    let faults = app.faults().clone();
    if manifest.items.iter().any(|item| Faults::hits(&faults.poison_subject, &item.subject)) {
        return Err(Failure::new(ProblemKind::Internal, "the sandbox was told to fail at such a subject").into_response());
    }
    let (app, employee) = (Arc::clone(app), employee.id.clone());
    blocking(move || {
        let directory = app.directory().clone();
        let rules = Rules {
            directory: &directory,
            faults: &faults,
            types: &app.types,
            statuses: &app.statuses,
            max_item_bytes: limits.max_item_bytes,
        };
        let link = app.activity_link();
        let batch = Batch { employee: &employee, key, digest, manifest: &manifest, now: Utc::now(), link: &link };
        app.store.import(&batch, &rules, received)
    })
    .await
    .map_err(Failure::into_response)
}

/// Reads the rest, then refuses: a sender that is cut off in the middle does not hear why.
async fn refuse(incoming: Incoming, failure: Failure) -> Response {
    match incoming.drain().await {
        Ok(_) => failure.into_response(),
        Err(other) => other.into_response(),
    }
}

fn batch_key(headers: &HeaderMap) -> Result<BatchKey, Failure> {
    let invalid = |detail: String| Failure::new(ProblemKind::Invalid, detail);
    let value = headers.get(IDEMPOTENCY_KEY).ok_or_else(|| invalid("the header Idempotency-Key is missing".to_owned()))?;
    let text = value.to_str().unwrap_or_default();
    schema::check_parameter("/v1/mail-imports", "post", "Idempotency-Key", text).map_err(invalid)?;
    Ok(BatchKey(text.to_owned()))
}

fn read_manifest(bytes: &Bytes, max_items: usize) -> Result<Manifest<'static>, Failure> {
    let invalid = |detail: String| Failure::new(ProblemKind::Invalid, detail);
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| invalid(format!("the manifest: {error}")))?;
    schema::check("Manifest", &value).map_err(|error| invalid(format!("the manifest: {error}")))?;
    let count = value.get("items").and_then(|items| items.as_array()).map_or(0, Vec::len);
    if count > max_items {
        return Err(Failure::new(ProblemKind::TooLarge, format!("a batch holds at most {max_items} mails")));
    }
    serde_json::from_value(value).map_err(|error| invalid(format!("the manifest: {error}")))
}

/// What a CRM that discards reads of a manifest.
#[derive(Deserialize)]
struct Names {
    items: Vec<Name>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Name {
    client_id: String,
    item_key: ItemKey,
}

/// Reads a batch and keeps the answer alone: the least a CRM can do, as the yardstick of the benchmarks. It checks nothing.
async fn discard(app: &App, employee: &Employee, key: &BatchKey, manifest: &Bytes, incoming: Incoming) -> Result<ImportAnswer, Failure> {
    let names: Names =
        serde_json::from_slice(manifest).map_err(|error| Failure::new(ProblemKind::Invalid, format!("the manifest: {error}")))?;
    incoming.drain().await?;
    let result = |item: Name| ImportResult {
        client_id: item.client_id,
        verdict: MailVerdict::Created,
        replayed: false,
        record: Some(RecordLink { id: item.item_key.0.clone(), version: "1".to_owned(), link: None }),
        item_key: item.item_key,
        linked: Vec::new(),
        customer_folder: None,
        reason: String::new(),
    };
    let answer = ImportAnswer { key: key.clone(), results: names.items.into_iter().map(result).collect() };
    lock(&app.discarded).insert((employee.id.clone(), key.0.clone()), answer.clone());
    Ok(answer)
}
