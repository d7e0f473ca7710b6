//! The pages of contacts and business partners. They are the CRM's own desk, so they show private contacts as well.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;

use super::api::show;
use super::book::Book;
use super::decide::refusal;
use super::form::{self, BLOCKS, LINES, TICKS};
use super::{StoredContact, photos};
use crate::crm::contract::{FieldFault, ProblemKind, field_name};
use crate::model::{Field, Fields};
use crate::sandbox::crm::answers::{Failure, method_not_allowed};
use crate::sandbox::crm::imports::blocking;
use crate::sandbox::crm::page::{NAVIGATION, checked_form, rendered};
use crate::sandbox::crm::server::App;

/// Contacts on one page.
const ROWS: usize = 100;

pub(in crate::sandbox::crm) fn routes() -> Router<Arc<App>> {
    let refuse = || async { method_not_allowed("GET, HEAD") };
    let refuse_others = || async { method_not_allowed("GET, HEAD, POST") };
    Router::new()
        .route("/contacts", get(contacts).fallback(refuse))
        .route("/partners", get(partners).fallback(refuse))
        .route("/contacts/new", get(empty).post(add).fallback(refuse_others))
        .route("/contacts/{id}", get(contact).post(act).fallback(refuse_others))
        .route("/contacts/{id}/picture", get(picture).fallback(refuse))
}

#[derive(Template)]
#[template(path = "contacts.html")]
struct ListPage {
    current: &'static str,
    heading: &'static str,
    message: Option<&'static str>,
    can_add: bool,
    rows: Vec<Row>,
    next: Option<usize>,
}

struct Row {
    id: String,
    name: String,
    meta: String,
    detail: String,
    tags: Vec<String>,
    picture: bool,
}

#[derive(Template)]
#[template(path = "contact.html")]
struct ContactPage {
    current: &'static str,
    heading: String,
    action: String,
    token: String,
    message: Option<&'static str>,
    /// `None` for a new contact.
    contact: Option<Shown>,
    organisation: bool,
    lines: Vec<Input>,
    blocks: Vec<Input>,
    ticks: Vec<Input>,
    partners: Vec<Choice>,
    owners: Vec<Choice>,
    groups: Vec<Choice>,
    switches: Vec<Switches>,
}

struct Shown {
    id: String,
    version: u64,
    partner: Option<(String, String)>,
    cards: String,
    author: String,
    picture: bool,
}

struct Input {
    name: String,
    label: &'static str,
    value: String,
}

struct Choice {
    key: String,
    name: String,
    chosen: bool,
}

struct Switches {
    employee: String,
    name: String,
    choices: Vec<Choice>,
}

async fn contacts(State(app): State<Arc<App>>, Query(query): Query<BTreeMap<String, String>>) -> Response {
    list(app, query, false).await
}

async fn partners(State(app): State<Arc<App>>, Query(query): Query<BTreeMap<String, String>>) -> Response {
    list(app, query, true).await
}

async fn list(app: Arc<App>, query: BTreeMap<String, String>, organisations: bool) -> Response {
    let from: usize = query.get("from").and_then(|text| text.parse().ok()).unwrap_or(0);
    let message = query.contains_key("deleted").then_some("The contact is deleted.");
    let page = blocking(move || {
        let book = app.book()?;
        let mut rest = book.contacts.iter().filter(|contact| contact.organisation == organisations).skip(from);
        let rows: Vec<Row> = rest.by_ref().take(ROWS).map(|contact| row(&book, contact)).collect();
        let next = rest.next().map(|_| from + ROWS);
        let (current, heading) = if organisations { ("/partners", "Business partners") } else { ("/contacts", "Contacts") };
        Ok(ListPage { current, heading, message, can_add: !organisations, rows, next })
    });
    rendered(page.await)
}

fn row(book: &Book, contact: &StoredContact) -> Row {
    let belongs = match contact.partner.as_deref() {
        Some(id) => book.partner(id).unwrap_or(id).to_owned(),
        None if contact.organisation => {
            let count = book.contacts.iter().filter(|person| person.partner.as_ref() == Some(&contact.id)).count();
            format!("{count} contact person{}", if count == 1 { "" } else { "s" })
        }
        None => "private person".to_owned(),
    };
    let mut tags: Vec<String> =
        book.groups.iter().filter(|group| contact.groups.contains(&group.id)).map(|group| group.name.clone()).collect();
    tags.extend(contact.switches.iter().map(|(employee, on)| format!("{employee}: {}", if *on { "on" } else { "off" })));
    if contact.fields.contains_key(&Field::Private) {
        tags.push("private".to_owned());
    }
    let owner = contact.owner.as_deref().map(|owner| format!(" · {owner}")).unwrap_or_default();
    let detail = if contact.organisation { contact.domains.join(", ") } else { contact.addresses().join(", ") };
    Row {
        id: contact.id.clone(),
        name: named(contact),
        meta: format!("{} · {belongs}{owner}", contact.id),
        detail,
        tags,
        picture: contact.fields.contains_key(&Field::Photo),
    }
}

fn named(contact: &StoredContact) -> String {
    let name = contact.name();
    if name.is_empty() { "(no name)".to_owned() } else { name }
}

async fn contact(State(app): State<Arc<App>>, Path(id): Path<String>, Query(query): Query<BTreeMap<String, String>>) -> Response {
    let message = match query.keys().next().map(String::as_str) {
        Some("saved") => Some("Saved."),
        Some("changed") => Some("Not saved: the contact changed meanwhile. This is what it says now."),
        _ => None,
    };
    let task = Arc::clone(&app);
    match blocking(move || Ok((task.book()?, task.store.contact(&id)?.filter(|contact| !contact.deleted)))).await {
        Ok((book, Some(contact))) => rendered(Ok(page(&app, &book, Some(&contact), message))),
        Ok((_, None)) => no_such_contact(),
        Err(failure) => failure.into_response(),
    }
}

async fn empty(State(app): State<Arc<App>>) -> Response {
    let task = Arc::clone(&app);
    rendered(blocking(move || task.book()).await.map(|book| page(&app, &book, None, None)))
}

fn page(app: &App, book: &Book, contact: Option<&StoredContact>, message: Option<&'static str>) -> ContactPage {
    let nothing = Fields::new();
    let fields = contact.map_or(&nothing, |contact| &contact.fields);
    let input = |&(field, label): &(Field, &'static str)| Input { name: field_name(field), label, value: form::shown(fields, field) };
    let choice = |key: &str, name: &str, chosen: bool| Choice { key: key.to_owned(), name: name.to_owned(), chosen };
    let employees = app.directory().employees.clone();
    let partner = contact.and_then(|contact| contact.partner.as_deref());
    let owner = contact.and_then(|contact| contact.owner.as_deref());
    let organisation = contact.is_some_and(|contact| contact.organisation);
    let mut partners = vec![choice("", "none: a private person", partner.is_none())];
    partners.extend(
        book.contacts.iter().filter(|other| other.organisation).map(|other| choice(&other.id, &other.name(), partner == Some(&other.id))),
    );
    let mut owners = vec![choice("", "nobody", owner.is_none())];
    owners.extend(employees.iter().map(|employee| choice(&employee.id, &employee.name, owner == Some(&employee.id))));
    let in_group = |id: &String| contact.is_some_and(|contact| contact.groups.contains(id));
    let switches = employees.iter().map(|employee| {
        let now = contact.and_then(|contact| contact.switches.get(&employee.id)).copied();
        let choices =
            vec![choice("", "by rule", now.is_none()), choice("on", "on", now == Some(true)), choice("off", "off", now == Some(false))];
        Switches { employee: employee.id.clone(), name: employee.name.clone(), choices }
    });
    ContactPage {
        current: if organisation { "/partners" } else { "/contacts" },
        heading: contact.map_or_else(|| "New contact".to_owned(), named),
        action: format!("/contacts/{}", contact.map_or("new", |contact| contact.id.as_str())),
        token: app.form_token.clone(),
        message,
        contact: contact.map(|contact| shown(book, contact)),
        organisation,
        lines: LINES.iter().map(input).collect(),
        blocks: BLOCKS.iter().map(input).collect(),
        ticks: TICKS.iter().map(input).collect(),
        partners,
        owners,
        groups: book
            .groups
            .iter()
            .map(|group| choice(&group.id, &format!("{}, {}", group.name, group.main_group), in_group(&group.id)))
            .collect(),
        switches: switches.collect(),
    }
}

fn shown(book: &Book, contact: &StoredContact) -> Shown {
    let cards: Vec<String> = contact.cards.iter().map(|(employee, uid)| format!("{employee}: {uid}")).collect();
    Shown {
        id: contact.id.clone(),
        version: contact.version,
        partner: contact.partner.as_deref().map(|id| (id.to_owned(), book.partner(id).unwrap_or(id).to_owned())),
        cards: if cards.is_empty() { "none yet".to_owned() } else { cards.join(", ") },
        author: match &contact.origin {
            Some(origin) => format!("agent {}, operation {}", origin.agent, origin.op),
            None => "a user of the CRM".to_owned(),
        },
        picture: contact.fields.contains_key(&Field::Photo),
    }
}

async fn picture(State(app): State<Arc<App>>, Path(id): Path<String>) -> Response {
    match blocking(move || app.store.contact_photo(&id)).await {
        Ok(Some(bytes)) => show(bytes),
        Ok(None) => no_such_contact(),
        Err(failure) => failure.into_response(),
    }
}

async fn add(State(app): State<Arc<App>>, request: Request) -> Response {
    let form = match checked_form(&app, request).await {
        Ok(form) => form,
        Err(refused) => return refused,
    };
    let made = blocking(move || {
        let mut contact = StoredContact::new(String::new(), false, None, Fields::new());
        if let Err(failure) = edit(&app, &form, &mut contact) {
            return Ok(Err(failure));
        }
        let kept = app.add_contact(contact.partner.as_deref(), contact.owner.as_deref(), contact.fields)?;
        app.edit_contact(&kept.id, |kept| {
            (kept.groups, kept.switches) = (contact.groups, contact.switches);
            !(kept.groups.is_empty() && kept.switches.is_empty())
        })?;
        Ok(Ok(kept.id))
    });
    match made.await.and_then(|made| made) {
        Ok(id) => Redirect::to(&format!("/contacts/{id}?saved")).into_response(),
        Err(failure) => failure.into_response(),
    }
}

/// Brings a contact to what was sent.
fn edit(app: &App, form: &BTreeMap<String, String>, contact: &mut StoredContact) -> Result<(), Failure> {
    let invalid = |fault: FieldFault| Failure::new(ProblemKind::Invalid, fault.to_string());
    contact.set_fields(form::changes(form, &contact.fields).map_err(invalid)?);
    if let Some(fault) = refusal(&contact.fields, contact.organisation) {
        return Err(invalid(fault));
    }
    let directory = app.directory();
    let chosen = |name: &str| form.get(name).map(|key| Some(key.clone()).filter(|key| !key.is_empty()));
    if let Some(partner) = chosen("partner") {
        contact.partner = partner.filter(|id| directory.partner(id).is_some());
    }
    let is_employee = |id: &String| directory.employees.iter().any(|employee| employee.id == *id);
    if let Some(owner) = chosen("owner") {
        contact.owner = owner.filter(is_employee);
    }
    contact.groups = form.keys().filter_map(|name| name.strip_prefix("group-")).map(str::to_owned).collect();
    for employee in &directory.employees {
        match form.get(&format!("switch-{}", employee.id)).map(String::as_str) {
            Some("on") => contact.switches.insert(employee.id.clone(), true),
            Some("off") => contact.switches.insert(employee.id.clone(), false),
            Some(_) => contact.switches.remove(&employee.id),
            None => None,
        };
    }
    Ok(())
}

/// A button of a contact's page.
async fn act(State(app): State<Arc<App>>, Path(id): Path<String>, request: Request) -> Response {
    let mut form = match checked_form(&app, request).await {
        Ok(form) => form,
        Err(refused) => return refused,
    };
    let pressed = form.remove("do").unwrap_or_default();
    let done = blocking(move || {
        Ok(match pressed.as_str() {
            "save" => save(&app, &id, form)?,
            "delete" => match app.store.contact(&id)?.filter(|contact| !contact.organisation) {
                Some(_) => {
                    app.edit_contact(&id, |contact| {
                        contact.deleted = true;
                        true
                    })?;
                    Ok("/contacts?deleted".to_owned())
                }
                None => Err(Failure::new(ProblemKind::Forbidden, "only contact persons are deleted here")),
            },
            "picture" => {
                // Another one each time, so that there is a change to be seen.
                let version = app.store.contact(&id)?.map_or(0, |contact| contact.version);
                app.edit_photo(&id, Some(&photos::sample(&format!("{id} {version}"))))?;
                Ok(format!("/contacts/{id}?saved"))
            }
            "no-picture" => {
                app.edit_photo(&id, None)?;
                Ok(format!("/contacts/{id}?saved"))
            }
            _ => Err(Failure::new(ProblemKind::Invalid, "there is no such button")),
        })
    });
    match done.await.and_then(|done| done) {
        Ok(address) => Redirect::to(&address).into_response(),
        Err(failure) => failure.into_response(),
    }
}

fn save(app: &App, id: &str, mut form: BTreeMap<String, String>) -> Result<Result<String, Failure>, crate::sandbox::crm::StoreError> {
    let version = form.remove("version").unwrap_or_default();
    let Some(before) = app.store.contact(id)?.filter(|contact| !contact.deleted) else {
        return Ok(Err(Failure::new(ProblemKind::NotFound, "there is no such contact")));
    };
    if before.version.to_string() != version {
        return Ok(Ok(format!("/contacts/{id}?changed")));
    }
    let mut edited = before.clone();
    if let Err(failure) = edit(app, &form, &mut edited) {
        return Ok(Err(failure));
    }
    if edited == before {
        return Ok(Ok(format!("/contacts/{id}?saved")));
    }
    let saved = app.edit_contact(id, |contact| {
        let same = contact.version == before.version;
        if same {
            *contact = edited;
        }
        same
    })?;
    Ok(Ok(format!("/contacts/{id}?{}", if saved.is_some() { "saved" } else { "changed" })))
}

fn no_such_contact() -> Response {
    Failure::new(ProblemKind::NotFound, "there is no such contact").into_response()
}
