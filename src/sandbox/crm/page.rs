//! The pages: what is in the CRM. Rendered here, without script; nothing is loaded from elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, ORIGIN, REFERRER_POLICY};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use super::activity::StoredActivity;
use super::answers::{Failure, method_not_allowed, with_type};
use super::api::read_raw_stream;
use super::imports::blocking;
use super::server::App;
use crate::crm::contract::{LinkedRecord, ManifestAddress, ProblemKind};
use crate::model::Direction;

/// Activities on one page.
const ROWS: usize = 100;

/// What the pages may load: the style sheet, contacts' pictures and the frame with a mail's HTML, all from here.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What a mail's HTML may do: show its own colours. No script, no form, no link out of its frame, nothing remote.
const MAIL_POLICY: &str =
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

pub(super) const NAVIGATION: [(&str, &str); 6] = [
    ("/", "Mails"),
    ("/records", "Appointments and tasks"),
    ("/contacts", "Contacts"),
    ("/partners", "Business partners"),
    ("/documents", "Documents"),
    ("/faults", "Faults"),
];

/// The routes of the page.
pub(super) fn routes() -> Router<Arc<App>> {
    let refuse = || async { method_not_allowed("GET, HEAD") };
    Router::new()
        .route("/", get(activities).fallback(refuse))
        .route(
            "/activities/{id}",
            get(activity).post(super::records::page::act).fallback(|| async { method_not_allowed("GET, HEAD, POST") }),
        )
        .route("/activities/{id}/mail.eml", get(original).fallback(refuse))
        .route("/activities/{id}/html", get(html).fallback(refuse))
        .route("/documents", get(documents).fallback(refuse))
        .merge(super::fault_page::routes())
        .merge(super::records::page::routes())
        .merge(super::contacts::page::routes())
        .route(
            "/style.css",
            get(|| async { with_type(StatusCode::OK, "text/css; charset=utf-8", include_str!("templates/style.css")) }).fallback(refuse),
        )
}

#[derive(Template)]
#[template(path = "activities.html")]
struct ActivitiesPage {
    current: &'static str,
    rows: Vec<ActivityRow>,
    total: usize,
    unassigned: usize,
    older: Option<u64>,
    paged: bool,
}

struct ActivityRow {
    id: String,
    activity_type: String,
    status: String,
    subject: String,
    direction: &'static str,
    date: String,
    documents: usize,
    linked: Vec<LinkedRecord>,
}

#[derive(Template)]
#[template(path = "activity.html")]
struct ActivityPage {
    current: &'static str,
    id: String,
    direction: &'static str,
    date: String,
    from: String,
    to: String,
    activity: StoredActivity,
    text: String,
    has_html: bool,
}

#[derive(Template)]
#[template(path = "people.html")]
struct ListPage {
    current: &'static str,
    heading: &'static str,
    nothing: &'static str,
    rows: Vec<ListRow>,
}

struct ListRow {
    link: Option<String>,
    title: String,
    meta: String,
    detail: String,
}

async fn activities(State(app): State<Arc<App>>, Query(query): Query<BTreeMap<String, String>>) -> Response {
    let before = query.get("before").and_then(|text| text.parse().ok());
    let page = blocking(move || {
        let (mut rows, mut total, mut unassigned, mut last) = (Vec::new(), 0, 0, 0);
        let mut older = None;
        app.store.activities(u64::MAX, |activity| {
            total += 1;
            unassigned += usize::from(activity.linked.is_empty());
            if before.is_none_or(|before| activity.number < before) {
                if rows.len() < ROWS {
                    last = activity.number;
                    rows.push(row(activity));
                } else {
                    older = Some(last);
                }
            }
            std::ops::ControlFlow::Continue(())
        })?;
        Ok(ActivitiesPage { current: "/", rows, total, unassigned, older, paged: before.is_some() })
    });
    rendered(page.await)
}

async fn activity(State(app): State<Arc<App>>, Path(id): Path<String>, Query(query): Query<BTreeMap<String, String>>) -> Response {
    if id.starts_with('R') {
        return super::records::page::show(app, id, &query).await;
    }
    let Some(number) = number(&id) else { return no_such_activity() };
    match blocking(move || app.store.activity(number)).await {
        Ok(Some((activity, content))) => rendered(Ok(ActivityPage {
            current: "/",
            id: activity.id(),
            direction: direction(activity.direction),
            date: activity.date.clone().unwrap_or_else(|| "no date".to_owned()),
            from: addresses(&activity.from),
            to: addresses(&activity.to),
            activity,
            text: content.text,
            has_html: content.html.is_some(),
        })),
        Ok(None) => no_such_activity(),
        Err(failure) => failure.into_response(),
    }
}

/// The original bytes, as a download: never shown as a page.
async fn original(State(app): State<Arc<App>>, Path(id): Path<String>) -> Response {
    let Some(number) = number(&id) else { return no_such_activity() };
    let opened = blocking(move || match app.store.activity(number)? {
        Some((activity, _)) => Ok(Some((activity.id(), read_raw_stream(&app.store, &activity)?))),
        None => Ok(None),
    });
    match opened.await {
        Ok(Some((id, stream))) => {
            let mut response = with_type(StatusCode::OK, "message/rfc822", Body::from_stream(stream));
            if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{id}.eml\"")) {
                response.headers_mut().insert(CONTENT_DISPOSITION, value);
            }
            response
        }
        Ok(None) => no_such_activity(),
        Err(failure) => failure.into_response(),
    }
}

/// A mail's HTML, sanitised once more: the agent is not trusted to have done it.
async fn html(State(app): State<Arc<App>>, Path(id): Path<String>) -> Response {
    let Some(number) = number(&id) else { return no_such_activity() };
    match blocking(move || app.store.activity(number)).await {
        Ok(Some((_, content))) => {
            let clean = ammonia::Builder::new().url_schemes(["data", "mailto"].into()).clean(&content.html.unwrap_or_default()).to_string();
            let page = format!("<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title>Mail</title></head><body>{clean}</body></html>");
            guarded(with_type(StatusCode::OK, "text/html; charset=utf-8", page), MAIL_POLICY)
        }
        Ok(None) => no_such_activity(),
        Err(failure) => failure.into_response(),
    }
}

async fn documents(State(app): State<Arc<App>>) -> Response {
    let page = blocking(move || {
        let mut rows = Vec::new();
        app.store.activities(u64::MAX, |activity| {
            let id = activity.id();
            rows.extend(activity.attachments.iter().map(|document| ListRow {
                link: Some(format!("/activities/{id}")),
                title: document.name.clone().unwrap_or_else(|| "(no name)".to_owned()),
                meta: format!("{} · {} bytes · {id}", document.content_type, document.size),
                detail: [&document.category, &document.keyword].into_iter().flatten().cloned().collect::<Vec<_>>().join(", "),
            }));
            if rows.len() < 5 * ROWS { std::ops::ControlFlow::Continue(()) } else { std::ops::ControlFlow::Break(()) }
        })?;
        Ok(ListPage { current: "/documents", heading: "Documents", nothing: "No imported mail has attachments.", rows })
    });
    rendered(page.await)
}

/// The form of a page of ours, read. Only from these pages: the token is in no other, and the browser says where a form comes from.
pub(super) async fn checked_form(app: &App, request: Request) -> Result<BTreeMap<String, String>, Response> {
    let forbidden = |detail: &str| Failure::new(ProblemKind::Forbidden, detail).into_response();
    let origin = request.headers().get(ORIGIN).and_then(|value| value.to_str().ok());
    if origin.is_some_and(|origin| origin != app.url && origin != app.url.replace("127.0.0.1", "localhost")) {
        return Err(forbidden("the form was sent from another page"));
    }
    let Ok(bytes) = axum::body::to_bytes(request.into_body(), 64 * 1024).await else { return Err(forbidden("the form is too large")) };
    let mut form: BTreeMap<String, String> = url::form_urlencoded::parse(&bytes).into_owned().collect();
    if form.remove("token").as_deref() != Some(app.form_token.as_str()) {
        return Err(forbidden("the form is out of date; load the page again"));
    }
    Ok(form)
}

pub(super) fn rendered(page: Result<impl Template, Failure>) -> Response {
    let text = page.and_then(|page| page.render().map_err(|error| Failure::store(&error)));
    match text {
        Ok(text) => guarded(with_type(StatusCode::OK, "text/html; charset=utf-8", text), POLICY),
        Err(failure) => failure.into_response(),
    }
}

fn guarded(mut response: Response, policy: &'static str) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

pub(super) fn no_such_activity() -> Response {
    Failure::new(ProblemKind::NotFound, "there is no such activity").into_response()
}

fn number(id: &str) -> Option<u64> {
    id.strip_prefix('A')?.parse().ok()
}

fn row(activity: StoredActivity) -> ActivityRow {
    ActivityRow {
        id: activity.id(),
        direction: direction(activity.direction),
        date: activity.date.unwrap_or_else(|| "no date".to_owned()),
        documents: activity.attachments.len(),
        activity_type: activity.activity_type,
        status: activity.status,
        subject: activity.subject,
        linked: activity.linked,
    }
}

const fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Received => "received",
        Direction::Sent => "sent",
        Direction::Internal => "internal",
    }
}

fn addresses(list: &[ManifestAddress]) -> String {
    let one = |entry: &ManifestAddress| match &entry.name {
        Some(name) => format!("{name} <{}>", entry.address),
        None => entry.address.clone(),
    };
    list.iter().map(one).collect::<Vec<_>>().join(", ")
}
