//! The other paths of the contract.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::Stream;
use serde::de::DeserializeOwned;
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;

use super::activity::StoredActivity;
use super::answers::{Failure, json};
use super::directory::Employee;
use super::imports::blocking;
use super::matching::assign;
use super::server::App;
use super::store::{Store, StoreError};
use crate::crm::contract::{
    AddressMatch, AuditAnswer, AuditRequest, CheckAnswer, CheckAnswerItem, CheckRequest, CheckVerdictName, EmployeeDocument, ProblemKind,
    ResolveAnswer, ResolveRequest, SettingDocument, SettingLevel, SettingsDocument, SettingsPatch, schema,
};

/// Largest JSON request in bytes.
const MAX_JSON: u64 = 2 * 1024 * 1024;

type SignedIn = Extension<Employee>;

pub(super) async fn capabilities(State(app): State<Arc<App>>) -> Response {
    json(&app.capabilities())
}

pub(super) async fn settings(State(app): State<Arc<App>>, Extension(employee): SignedIn) -> Response {
    if let Err(failure) = app.has_profile("settings") {
        return failure.into_response();
    }
    answer(blocking(move || settings_document(&app, &employee)).await)
}

pub(super) async fn patch_settings(State(app): State<Arc<App>>, Extension(employee): SignedIn, request: Request) -> Response {
    let patch: SettingsPatch = match app
        .has_profile("settings")
        .and(read(request, "SettingsPatch", &["application/merge-patch+json", "application/json"]).await)
    {
        Ok(patch) => patch,
        Err(failure) => return failure.into_response(),
    };
    answer(
        blocking(move || {
            app.store.set_locked(&employee.id, patch.password_locked)?;
            settings_document(&app, &employee)
        })
        .await,
    )
}

pub(super) async fn check(State(app): State<Arc<App>>, Extension(employee): SignedIn, request: Request) -> Response {
    let request: CheckRequest = match read(request, "CheckRequest", &["application/json"]).await {
        Ok(request) => request,
        Err(failure) => return failure.into_response(),
    };
    answer(
        blocking(move || {
            let results = request.items.into_iter().map(|item| {
                let record = app.store.item(&employee.id, &item.item_key)?.and_then(|result| result.record);
                let verdict = if record.is_some() { CheckVerdictName::Have } else { CheckVerdictName::Needed };
                Ok(CheckAnswerItem { item_key: item.item_key, verdict, record, reason: String::new() })
            });
            Ok(CheckAnswer { results: results.collect::<Result<_, StoreError>>()? })
        })
        .await,
    )
}

pub(super) async fn audit(State(app): State<Arc<App>>, Extension(employee): SignedIn, request: Request) -> Response {
    let request: AuditRequest = match app.has_profile("audit").and(read(request, "AuditRequest", &["application/json"]).await) {
        Ok(request) => request,
        Err(failure) => return failure.into_response(),
    };
    answer(
        blocking(move || {
            let mut missing = Vec::new();
            for item in request.items {
                if app.store.item(&employee.id, &item.item_key)?.is_none() {
                    missing.push(item.item_key);
                }
            }
            Ok(AuditAnswer { missing })
        })
        .await,
    )
}

pub(super) async fn resolve(State(app): State<Arc<App>>, request: Request) -> Response {
    let request: ResolveRequest = match read(request, "ResolveRequest", &["application/json"]).await {
        Ok(request) => request,
        Err(failure) => return failure.into_response(),
    };
    let directory = app.directory();
    let results = request.addresses.into_iter().map(|address| AddressMatch {
        linked: assign(&directory, std::slice::from_ref(&address)).linked,
        internal: directory.is_internal(&address),
        address,
    });
    json(&ResolveAnswer { results: results.collect() })
}

/// The parameters of an operation in a query, judged by their schemas; what it does not have is left out.
pub(super) fn parameters(path: &str, query: &str) -> Result<Vec<(String, String)>, Failure> {
    parameters_of(path, "get", query)
}

/// The same of a method.
pub(super) fn parameters_of(path: &str, method: &str, query: &str) -> Result<Vec<(String, String)>, Failure> {
    let mut read: Vec<(String, String)> = Vec::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if schema::check_parameter(path, method, &name, &value).map_err(|error| Failure::new(ProblemKind::Invalid, error))?.is_none() {
            continue;
        }
        if read.iter().any(|(earlier, _)| *earlier == name) {
            return Err(Failure::new(ProblemKind::Invalid, format!("parameter {name} is given twice")));
        }
        read.push((name.into_owned(), value.into_owned()));
    }
    Ok(read)
}

fn settings_document(app: &App, employee: &Employee) -> Result<SettingsDocument, StoreError> {
    let setting = |key: &str, value: &str, level| SettingDocument {
        application: String::new(),
        key: key.to_owned(),
        value: value.to_owned(),
        level,
        locked: false,
    };
    Ok(SettingsDocument {
        employee: EmployeeDocument {
            id: employee.id.clone(),
            name: employee.name.clone(),
            auto_sync: employee.auto_sync,
            interactive: employee.interactive,
            password_locked: app.store.is_locked(&employee.id)?,
            addresses: employee.addresses.clone(),
            groups: Vec::new(),
            rights: vec!["import-mail".to_owned()],
        },
        internal: app.directory().internal_domains.clone(),
        settings: vec![
            setting("Outlook_SyncFolders", "Contacts;Mail;Calendar;Tasks", SettingLevel::Organisation),
            setting("CRM_MeetingFutureDays", "31", SettingLevel::Organisation),
            setting("CRM_TaskFutureDays", "3", SettingLevel::Organisation),
        ],
    })
}

/// Reads a JSON request and judges it by its published schema.
pub(super) async fn read<T: DeserializeOwned>(request: Request, schema_name: &str, media_types: &[&str]) -> Result<T, Failure> {
    read_bounded(request, schema_name, media_types, MAX_JSON).await
}

/// Reads a JSON request of at most so many bytes and judges it by its published schema.
pub(super) async fn read_bounded<T: DeserializeOwned>(
    request: Request,
    schema_name: &str,
    media_types: &[&str],
    max_bytes: u64,
) -> Result<T, Failure> {
    let value = read_json(request, media_types, max_bytes).await?;
    let invalid = |detail: String| Failure::new(ProblemKind::Invalid, detail);
    schema::check(schema_name, &value).map_err(invalid)?;
    serde_json::from_value(value).map_err(|error| invalid(error.to_string()))
}

/// Reads a JSON request.
pub(super) async fn read_value(request: Request, media_types: &[&str]) -> Result<serde_json::Value, Failure> {
    read_json(request, media_types, MAX_JSON).await
}

async fn read_json(request: Request, media_types: &[&str], max_bytes: u64) -> Result<serde_json::Value, Failure> {
    let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !media_types.contains(&media_type.as_str()) {
        return Err(Failure::new(ProblemKind::UnsupportedMedia, format!("send {}", media_types.join(" or "))));
    }
    let body: Body = request.into_body();
    let bytes = axum::body::to_bytes(body, usize::try_from(max_bytes).unwrap_or(usize::MAX))
        .await
        .map_err(|_| Failure::new(ProblemKind::TooLarge, format!("this request holds at most {max_bytes} bytes")))?;
    serde_json::from_slice(&bytes).map_err(|error| Failure::new(ProblemKind::Invalid, error.to_string()))
}

pub(super) fn answer(document: Result<impl serde::Serialize, Failure>) -> Response {
    match document {
        Ok(document) => json(&document),
        Err(failure) => failure.into_response(),
    }
}

/// The kept bytes of an activity, ready to be read.
fn open_raw(store: &Store, activity: &StoredActivity) -> Result<std::io::Take<std::fs::File>, StoreError> {
    let (segment, offset, len) = &activity.raw;
    let mut file = std::fs::File::open(store.dir().join(segment))?;
    file.seek(SeekFrom::Start(*offset))?;
    Ok(file.take(*len))
}

/// The kept bytes of an activity.
pub(super) fn read_raw(store: &Store, activity: &StoredActivity) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    open_raw(store, activity)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The kept bytes of an activity, block by block.
pub(super) fn read_raw_stream(
    store: &Store,
    activity: &StoredActivity,
) -> Result<impl Stream<Item = std::io::Result<Bytes>> + Send + 'static + use<>, StoreError> {
    let raw = open_raw(store, activity)?;
    let len = raw.limit();
    Ok(ReaderStream::new(tokio::fs::File::from_std(raw.into_inner()).take(len)))
}
