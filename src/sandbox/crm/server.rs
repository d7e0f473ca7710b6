//! The server: its state, its routes, and what every request passes first.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tokio::sync::Notify;

use super::answers::{Failure, method_not_allowed, with_type};
use super::directory::{Directory, Employee};
use super::faults::Faults;
use super::store::Store;
use super::{SandboxCrmOptions, api, contacts, fault_page, imports, page, records, searches};
use crate::crm::contract::{
    ActivityType, CapabilitiesDocument, ContactRulesDocument, ImportAnswer, LimitsDocument, Links, MailTypesDocument, ProblemKind,
    StatusDocument, openapi,
};

/// Requests remembered.
const SEEN: usize = 1000;

/// Everything a request needs.
#[derive(Debug)]
pub(super) struct App {
    pub(super) url: String,
    pub(super) store: Store,
    pub(super) options: SandboxCrmOptions,
    pub(super) stopping: Notify,
    /// Names of events for those who listen.
    pub(super) hints: tokio::sync::broadcast::Sender<&'static str>,
    /// Token of the page's form.
    pub(super) form_token: String,
    pub(super) types: Vec<ActivityType>,
    pub(super) statuses: Vec<StatusDocument>,
    /// Batches being processed, by employee and key.
    pub(super) in_flight: Mutex<BTreeSet<(String, String)>>,
    /// Answers of discarded batches.
    pub(super) discarded: Mutex<BTreeMap<(String, String), ImportAnswer>>,
    /// All contacts, as they were last read.
    pub(super) contacts: contacts::Cache,
    faults: Mutex<Faults>,
    directory: RwLock<Directory>,
    seen: Mutex<VecDeque<String>>,
}

impl App {
    pub(super) fn new(options: SandboxCrmOptions, url: String, store: Store) -> Self {
        let named = |pairs: &[(&str, &str)]| pairs.iter().map(|&(key, name)| (key.to_owned(), name.to_owned())).collect::<Vec<_>>();
        let statuses = [("I", "Imported"), ("O", "Offen"), ("W", "Wartet auf Kunden"), ("E", "Erledigt"), ("S", "Storniert")];
        Self {
            url,
            store,
            stopping: Notify::new(),
            hints: tokio::sync::broadcast::channel(64).0,
            form_token: uuid::Uuid::new_v4().simple().to_string(),
            types: records::activity_types(),
            statuses: named(&statuses).into_iter().map(|(key, name)| StatusDocument { key, name }).collect(),
            in_flight: Mutex::default(),
            discarded: Mutex::default(),
            contacts: contacts::Cache::default(),
            faults: Mutex::new(options.faults.clone()),
            directory: RwLock::new(options.directory.clone()),
            seen: Mutex::default(),
            options,
        }
    }

    pub(super) fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }

    /// Tells those who listen, if there are any.
    pub(super) fn hint(&self, name: &'static str) {
        let _ = self.hints.send(name);
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, VecDeque<String>> {
        lock(&self.seen)
    }

    pub(super) fn directory(&self) -> RwLockReadGuard<'_, Directory> {
        self.directory.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn directory_mut(&self) -> RwLockWriteGuard<'_, Directory> {
        self.directory.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn activity_link(&self) -> String {
        format!("{}/activities/{{id}}", self.url)
    }

    /// Template of the page of a contact person or an organisation.
    pub(super) fn contact_link(&self) -> String {
        format!("{}/contacts/{{id}}", self.url)
    }

    /// What is asked of contacts.
    #[expect(clippy::unused_self, reason = "a property of this CRM, like its limits")]
    pub(super) fn contact_rules(&self) -> ContactRulesDocument {
        ContactRulesDocument::default()
    }

    pub(super) fn limits(&self) -> LimitsDocument {
        self.options.limits
    }

    pub(super) fn capabilities(&self) -> CapabilitiesDocument {
        let texts = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
        CapabilitiesDocument {
            product: concat!("crmsync sandbox ", env!("CARGO_PKG_VERSION")).to_owned(),
            profiles: self.options.profiles.clone(),
            limits: self.limits(),
            activity_types: self.types.clone(),
            mail_types: MailTypesDocument { received: "MAILIN".to_owned(), sent: Some("MAILOUT".to_owned()) },
            statuses: self.statuses.clone(),
            document_categories: texts(&["Angebot", "Auftrag", "Rechnung", "Vertrag", "Technik"]),
            document_keywords: texts(&["Entwurf", "Final", "Vertraulich"]),
            compression: self.options.compression.clone(),
            links: Links {
                activity: Some(self.activity_link()),
                contact: Some(self.contact_link()),
                business_partner: Some(self.contact_link()),
            },
            contacts: self.contact_rules(),
            series: self.options.series,
            follow_ups: true,
            server_time: Some(chrono::Utc::now()),
            ..CapabilitiesDocument::default()
        }
    }

    pub(super) fn has_profile(&self, name: &str) -> Result<(), Failure> {
        if self.options.profiles.iter().any(|profile| profile == name) {
            Ok(())
        } else {
            Err(Failure::new(ProblemKind::NotFound, format!("the profile {name} is not implemented")))
        }
    }

    /// The employee who signs in, by bearer token or by user name and password.
    fn sign_in(&self, headers: &HeaderMap) -> Option<Employee> {
        let (scheme, credentials) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        let directory = self.directory();
        if scheme.eq_ignore_ascii_case("bearer") {
            return directory.employees.iter().find(|employee| employee.token == credentials).cloned();
        }
        let text = String::from_utf8(data_encoding::BASE64.decode(credentials.as_bytes()).ok()?).ok()?;
        let (user, password) = text.split_once(':')?;
        let found = directory.employees.iter().find(|employee| employee.id == user && employee.token == password);
        found.filter(|_| scheme.eq_ignore_ascii_case("basic")).cloned()
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All routes.
pub(super) fn router(app: Arc<App>) -> Router {
    macro_rules! only {
        ($allowed:literal, $route:expr) => {
            $route.fallback(|| async { method_not_allowed($allowed) })
        };
    }
    let contract = Router::new()
        .route("/v1/capabilities", only!("GET, HEAD", get(api::capabilities)))
        .route("/v1/settings", only!("GET, HEAD, PATCH", get(api::settings).patch(api::patch_settings)))
        .route("/v1/mail-imports", only!("POST", axum::routing::post(imports::post)))
        .route("/v1/mail-imports/check", only!("POST", axum::routing::post(api::check)))
        .route("/v1/mail-imports/{key}", only!("GET, HEAD", get(imports::recover)))
        .route("/v1/activities", only!("GET, HEAD", get(searches::activities)))
        .route("/v1/changes", only!("GET, HEAD", get(records::api::changes)))
        .route("/v1/items/batch", only!("POST", axum::routing::post(records::api::write)))
        .route("/v1/items/{id}", only!("GET, HEAD", get(records::api::item)))
        .route("/v1/contacts", only!("GET, HEAD", get(contacts::api::find)))
        .route("/v1/contacts/match", only!("POST", axum::routing::post(contacts::api::find_matches)))
        .route(
            "/v1/contacts/{id}/photo",
            only!("GET, HEAD, PUT, DELETE", get(contacts::api::photo).put(contacts::api::put_photo).delete(contacts::api::delete_photo)),
        )
        .route("/v1/contacts/{id}/addresses", only!("POST", axum::routing::post(contacts::api::add_address)))
        .route("/v1/contacts/{id}/switch", only!("PUT", axum::routing::put(contacts::api::set_switch)))
        .route("/v1/business-partners", only!("GET, HEAD", get(contacts::api::partners)))
        .route("/v1/groups", only!("GET, HEAD", get(contacts::api::groups)))
        .route("/v1/records", only!("GET, HEAD", get(records::api::find_records)))
        .route("/v1/events", only!("GET, HEAD", get(records::events::listen)))
        .route("/v1/audit/mail", only!("POST", axum::routing::post(api::audit)))
        .route("/v1/addresses/resolve", only!("POST", axum::routing::post(api::resolve)))
        .route("/sandbox/faults", only!("GET, HEAD, PUT", get(fault_page::read_faults).put(fault_page::write_faults)))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&app), signed_in));
    Router::new()
        .merge(contract)
        .merge(page::routes())
        .route("/openapi.json", only!("GET, HEAD", get(|| async { with_type(StatusCode::OK, "application/json", openapi::document()) })))
        .fallback(|| async { Failure::new(ProblemKind::NotFound, "there is no such path") })
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&app), from_this_machine))
        .with_state(app)
}

/// Only requests that name this machine: a web page elsewhere whose name was made to point here names itself.
async fn from_this_machine(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    {
        let mut seen = app.seen();
        if seen.len() == SEEN {
            seen.pop_front();
        }
        seen.push_back(format!("{} {}", request.method(), request.uri().path()));
    }
    let host = request.headers().get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if !matches!(name, "127.0.0.1" | "localhost" | "[::1]") {
        return Failure::new(ProblemKind::Forbidden, "this server answers to the name of this machine only").into_response();
    }
    next.run(request).await
}

/// Only employees.
async fn signed_in(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let slow = {
        let mut faults = app.faults();
        if request.uri().path().starts_with("/v1/") && Faults::take(&mut faults.unauthorized) {
            return Failure::new(ProblemKind::Unauthorized, "the sandbox was told to reject the credentials").into_response();
        }
        faults.slow_ms
    };
    let Some(employee) = app.sign_in(request.headers()) else {
        return Failure::new(ProblemKind::Unauthorized, "no employee has these credentials").into_response();
    };
    if slow > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(slow)).await;
    }
    request.extensions_mut().insert(employee);
    next.run(request).await
}
