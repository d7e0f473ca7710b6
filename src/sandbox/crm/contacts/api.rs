//! `/v1/contacts`, `/v1/business-partners` and `/v1/groups`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};

use super::book::{Book, place};
use super::decide::{ContactWrite, Writer, write};
use super::{StoredContact, photos};
use crate::crm::Partner;
use crate::crm::contract::{
    AddressWrite, ContactPageDocument, GroupList, ItemResultDocument, MatchAnswerDocument, MatchRequest, PartnerPage, ProblemKind,
    SwitchWrite, schema,
};
use crate::model::contact::Photo;
use crate::model::{Digest, Field, OpId, Value, folding};
use crate::sandbox::crm::answers::{Failure, json, with_type};
use crate::sandbox::crm::api::{answer, parameters, parameters_of, read};
use crate::sandbox::crm::directory::Employee;
use crate::sandbox::crm::imports::blocking;
use crate::sandbox::crm::listener::Cut;
use crate::sandbox::crm::records::once;
use crate::sandbox::crm::server::App;
use crate::sandbox::crm::spoil::{deliver, keep_silent, refusal};

/// Contacts or business partners on a page.
const PAGE: usize = 100;

pub(in crate::sandbox::crm) async fn find(
    State(app): State<Arc<App>>,
    Extension(employee): Extension<Employee>,
    request: Request,
) -> Response {
    let query = app.has_profile("contacts").and_then(|()| Query::read(request.uri().query().unwrap_or_default()));
    match query {
        Ok(query) => answer(blocking(move || Ok(query.page(&*app.book()?, &employee.id, &app.contact_link()))).await),
        Err(failure) => failure.into_response(),
    }
}

#[derive(Debug, Default)]
struct Query {
    text: String,
    owned: bool,
    group: Option<String>,
    changed_since: Option<DateTime<Utc>>,
    organisations: Option<bool>,
    cursor: Option<String>,
    limit: usize,
}

impl Query {
    fn read(query: &str) -> Result<Self, Failure> {
        let mut read = Self { limit: PAGE, ..Self::default() };
        for (name, value) in parameters("/v1/contacts", query)? {
            match name.as_str() {
                "text" => read.text = folding::words(&value).join(" "),
                "owner" => read.owned = value == "me",
                "group" => read.group = Some(value),
                "changedSince" => read.changed_since = DateTime::parse_from_rfc3339(&value).ok().map(|date| date.to_utc()),
                "kind" => read.organisations = Some(value == "organisation"),
                "cursor" => read.cursor = Some(value),
                "limit" => read.limit = value.parse().unwrap_or(PAGE),
                _ => {}
            }
        }
        Ok(read)
    }

    fn page(&self, book: &Book, employee: &str, link: &str) -> ContactPageDocument {
        let wanted = |contact: &&StoredContact| {
            contact.is_seen_by(employee)
                && self.organisations.is_none_or(|organisations| contact.organisation == organisations)
                && (!self.owned || contact.owner.as_deref() == Some(employee))
                && self.group.as_ref().is_none_or(|group| in_group(book, contact, group, employee))
                && self.changed_since.is_none_or(|since| contact.changed_at >= since)
                && (self.text.is_empty() || said(book, contact).contains(&self.text))
        };
        let (found, next) = page(book.contacts.iter().filter(wanted), self.cursor.as_deref(), self.limit);
        ContactPageDocument { items: found.into_iter().map(|contact| book.document(contact, employee, link)).collect(), next }
    }
}

fn in_group(book: &Book, contact: &StoredContact, id: &str, employee: &str) -> bool {
    contact.groups.contains(id) && book.groups.iter().any(|group| group.id == id && group.is_seen_by(employee))
}

/// What a search goes through, folded.
fn said(book: &Book, contact: &StoredContact) -> String {
    let partner = contact.partner.as_deref().and_then(|id| book.partner(id)).unwrap_or_default();
    let fields = [Field::GivenName, Field::FamilyName, Field::FileAs, Field::Company].map(|field| super::text(&contact.fields, field));
    folding::words(&format!("{} {} {partner} {} {}", contact.name(), fields.join(" "), contact.addresses().join(" "), contact.id)).join(" ")
}

/// A page of a list that is in order of its places, after the cursor's.
fn page<'a>(all: impl Iterator<Item = &'a StoredContact>, cursor: Option<&str>, limit: usize) -> (Vec<&'a StoredContact>, Option<String>) {
    let after = cursor.and_then(read_cursor);
    let mut rest = all.skip_while(|contact| after.as_ref().is_some_and(|after| place(contact) <= *after));
    let found: Vec<&StoredContact> = rest.by_ref().take(limit).collect();
    let next = rest.next().and(found.last()).map(|last| cursor_after(last));
    (found, next)
}

fn cursor_after(contact: &StoredContact) -> String {
    let (name, id) = place(contact);
    data_encoding::BASE64URL_NOPAD.encode(format!("{name}\n{id}").as_bytes())
}

/// A cursor that never was leads to the first page.
fn read_cursor(cursor: &str) -> Option<(String, String)> {
    let text = String::from_utf8(data_encoding::BASE64URL_NOPAD.decode(cursor.as_bytes()).ok()?).ok()?;
    let (name, id) = text.split_once('\n')?;
    Some((name.to_owned(), id.to_owned()))
}

pub(in crate::sandbox::crm) async fn find_matches(
    State(app): State<Arc<App>>,
    Extension(employee): Extension<Employee>,
    request: Request,
) -> Response {
    if let Err(failure) = app.has_profile("contacts") {
        return failure.into_response();
    }
    let request: MatchRequest = match read(request, "MatchRequest", &["application/json"]).await {
        Ok(request) => request,
        Err(failure) => return failure.into_response(),
    };
    if let Some(refusal) = refusal(&app) {
        return refusal;
    }
    let found = blocking(move || {
        let (book, link) = (app.book()?, app.contact_link());
        Ok(MatchAnswerDocument { results: request.queries.iter().map(|query| book.matches(query, &employee.id, &link)).collect() })
    });
    answer(found.await)
}

pub(in crate::sandbox::crm) async fn photo(
    State(app): State<Arc<App>>,
    Extension(employee): Extension<Employee>,
    Path(id): Path<String>,
) -> Response {
    if let Err(failure) = app.has_profile("contacts") {
        return failure.into_response();
    }
    let found = blocking(move || {
        let seen = app.store.contact(&id)?.is_some_and(|contact| contact.is_seen_by(&employee.id));
        if seen { app.store.contact_photo(&id) } else { Ok(None) }
    });
    match found.await {
        Ok(Some(bytes)) => show(bytes),
        Ok(None) => Failure::new(ProblemKind::NotFound, "there is no such picture").into_response(),
        Err(failure) => failure.into_response(),
    }
}

/// A picture as an answer.
pub(super) fn show(bytes: Vec<u8>) -> Response {
    let media_type = photos::media_type(&bytes).unwrap_or("application/octet-stream");
    with_type(StatusCode::OK, media_type, bytes)
}

/// A write named in the query: whose agent, which operation, on which version.
struct Named {
    agent: String,
    op: OpId,
    if_version: Option<String>,
}

fn named(request: &Request, method: &str) -> Result<Named, Failure> {
    let mut named = (None, None, None);
    for (name, value) in parameters_of("/v1/contacts/{id}/photo", method, request.uri().query().unwrap_or_default())? {
        match name.as_str() {
            "agent" => named.0 = Some(value),
            "opId" => named.1 = Some(OpId(value)),
            "ifVersion" => named.2 = Some(value),
            _ => {}
        }
    }
    match named {
        (Some(agent), Some(op), if_version) => Ok(Named { agent, op, if_version }),
        _ => Err(Failure::new(ProblemKind::Invalid, "the parameters agent and opId are needed")),
    }
}

pub(in crate::sandbox::crm) async fn put_photo(
    State(app): State<Arc<App>>,
    Extension(employee): Extension<Employee>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let named = match app.has_profile("contacts").and_then(|()| named(&request, "put")) {
        Ok(named) => named,
        Err(failure) => return failure.into_response(),
    };
    let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    if !matches!(media_type.as_str(), "image/jpeg" | "image/png" | "image/gif") {
        return Failure::new(ProblemKind::UnsupportedMedia, "send image/jpeg, image/png or image/gif").into_response();
    }
    let most = app.contact_rules().max_photo_bytes;
    let Ok(bytes) = axum::body::to_bytes(request.into_body(), usize::try_from(most).unwrap_or(usize::MAX)).await else {
        return Failure::new(ProblemKind::TooLarge, format!("a picture holds at most {most} bytes")).into_response();
    };
    let unread = || Photo { digest: Digest::of(&bytes), media_type, bytes: Some(bytes.to_vec().into()) };
    let write = ContactWrite::Photo { id, if_version: named.if_version, photo: Some(photos::photo(&bytes).unwrap_or_else(unread)) };
    single(&app, &cut, &employee, named.agent, named.op, write).await
}

pub(in crate::sandbox::crm) async fn delete_photo(
    State(app): State<Arc<App>>,
    Extension(employee): Extension<Employee>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    match app.has_profile("contacts").and_then(|()| named(&request, "delete")) {
        Ok(named) => {
            let write = ContactWrite::Photo { id, if_version: named.if_version, photo: None };
            single(&app, &cut, &employee, named.agent, named.op, write).await
        }
        Err(failure) => failure.into_response(),
    }
}

pub(in crate::sandbox::crm) async fn add_address(
    State(app): State<Arc<App>>,
    Extension(employee): Extension<Employee>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    match app.has_profile("contacts").and(read::<AddressWrite>(request, "AddressWrite", &["application/json"]).await) {
        Ok(asked) => {
            let write = ContactWrite::Address { id, address: asked.address };
            single(&app, &cut, &employee, asked.agent, asked.op_id, write).await
        }
        Err(failure) => failure.into_response(),
    }
}

pub(in crate::sandbox::crm) async fn set_switch(
    State(app): State<Arc<App>>,
    Extension(employee): Extension<Employee>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    match app.has_profile("contacts").and(read::<SwitchWrite>(request, "SwitchWrite", &["application/json"]).await) {
        Ok(asked) => {
            let write = ContactWrite::Switch { id, switch: asked.switch };
            single(&app, &cut, &employee, asked.agent, asked.op_id, write).await
        }
        Err(failure) => failure.into_response(),
    }
}

/// One write by itself, with the faults of a batch.
async fn single(app: &Arc<App>, cut: &Cut, employee: &Employee, agent: String, op: OpId, asked: ContactWrite) -> Response {
    if let Err(error) = schema::check_parameter("/v1/contacts/{id}/switch", "put", "id", asked.id()) {
        return Failure::new(ProblemKind::Invalid, error).into_response();
    }
    if let Some(refusal) = refusal(app) {
        return refusal;
    }
    if let Err(silent) = keep_silent(app).await {
        return silent;
    }
    let (task, employee, faults) = (Arc::clone(app), employee.id.clone(), app.faults().clone());
    let written = blocking(move || {
        let link = task.contact_link();
        let writer = Writer { employee: &employee, agent: &agent, faults: &faults, link: &link, now: Utc::now() };
        let digest = asked.digest();
        task.change_contacts(|tables| once(tables, &employee, &op, &digest, |tables| write(&mut tables.contacts, &writer, &op, asked)))
    });
    match written.await {
        Ok(result) => deliver(app, cut, vec![result], |mut results: Vec<ItemResultDocument>| results.pop()),
        Err(failure) => failure.into_response(),
    }
}

impl ContactWrite {
    /// The contact it is about.
    fn id(&self) -> &str {
        match self {
            Self::Item(_) => "",
            Self::Photo { id, .. } | Self::Address { id, .. } | Self::Switch { id, .. } => id,
        }
    }

    /// What tells one write from another under the same operation.
    fn digest(&self) -> Digest {
        let text = match self {
            Self::Item(_) => String::new(),
            Self::Photo { id, if_version, photo } => {
                format!("photo\n{id}\n{if_version:?}\n{:?}", photo.as_ref().map(|photo| &photo.digest))
            }
            Self::Address { id, address } => format!("address\n{id}\n{address:?}"),
            Self::Switch { id, switch } => format!("switch\n{id}\n{}", switch.name()),
        };
        Digest::of(text.as_bytes())
    }
}

pub(in crate::sandbox::crm) async fn partners(
    State(app): State<Arc<App>>,
    Extension(employee): Extension<Employee>,
    request: Request,
) -> Response {
    let query =
        match app.has_profile("contacts").and_then(|()| parameters("/v1/business-partners", request.uri().query().unwrap_or_default())) {
            Ok(query) => query,
            Err(failure) => return failure.into_response(),
        };
    let found = blocking(move || {
        let value = |wanted: &str| query.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        let text = folding::words(value("text").unwrap_or_default()).join(" ");
        let domain = value("domain").map(str::to_lowercase);
        let limit = value("limit").and_then(|limit| limit.parse().ok()).unwrap_or(PAGE);
        let (book, link) = (app.book()?, app.contact_link());
        let wanted = |contact: &&StoredContact| {
            contact.organisation
                && contact.is_seen_by(&employee.id)
                && domain.as_ref().is_none_or(|domain| contact.domains.iter().any(|own| own.eq_ignore_ascii_case(domain)))
                && (text.is_empty() || folding::words(&format!("{} {}", contact.name(), contact.id)).join(" ").contains(&text))
        };
        let (found, next) = page(book.contacts.iter().filter(wanted), value("cursor"), limit);
        Ok(PartnerPage { items: found.into_iter().map(|contact| partner(contact, &link)).collect(), next })
    });
    answer(found.await)
}

fn partner(contact: &StoredContact, link: &str) -> Partner {
    let town = match contact.fields.get(&Field::Places) {
        Some(Value::Places(list)) => list.iter().map(|place| place.locality.clone()).find(|town| !town.is_empty()),
        _ => None,
    };
    Partner {
        id: contact.id.clone(),
        name: contact.name(),
        domains: contact.domains.clone(),
        town: town.unwrap_or_default(),
        link: Some(link.replace("{id}", &contact.id)),
    }
}

pub(in crate::sandbox::crm) async fn groups(State(app): State<Arc<App>>, Extension(employee): Extension<Employee>) -> Response {
    if let Err(failure) = app.has_profile("contacts") {
        return failure.into_response();
    }
    let found = blocking(move || {
        let book = app.book()?;
        let seen = book.groups.iter().filter(|group| group.is_seen_by(&employee.id));
        Ok(GroupList { items: seen.map(|group| group.document(&employee.id)).collect() })
    });
    match found.await {
        Ok(list) => json(&list),
        Err(failure) => failure.into_response(),
    }
}
