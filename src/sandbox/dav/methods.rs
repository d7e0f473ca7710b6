//! Every method but `REPORT`.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use roxmltree::Document;

use super::answer::{Multistatus, escape, precondition, status};
use super::quirks::Quirks;
use super::rewrite::{stored_card, stored_form};
use super::store::{Collection, Kind, State, Stored, property};

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// `/` and `/dav/`.
    Root,
    Principal(String),
    Home(String),
    Collection(String, String),
    Item(String, String, String),
    Nothing,
}

impl Target {
    pub(super) fn of(path: &str) -> Self {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let own = str::to_owned;
        match parts.as_slice() {
            [] | ["dav"] => Self::Root,
            ["dav", "principals", user] => Self::Principal(own(user)),
            ["dav", "home", user] => Self::Home(own(user)),
            ["dav", "home", user, collection] => Self::Collection(own(user), own(collection)),
            ["dav", "home", user, collection, item] => Self::Item(own(user), own(collection), own(item)),
            _ => Self::Nothing,
        }
    }

    pub(super) fn user(&self) -> Option<&str> {
        match self {
            Self::Principal(user) | Self::Home(user) | Self::Collection(user, _) | Self::Item(user, _, _) => Some(user),
            Self::Root | Self::Nothing => None,
        }
    }
}

pub(super) fn home_href(user: &str) -> String {
    format!("/dav/home/{user}/")
}

pub(super) fn collection_href(user: &str, collection: &str) -> String {
    format!("/dav/home/{user}/{collection}/")
}

pub(super) fn item_href(user: &str, collection: &str, item: &str) -> String {
    format!("/dav/home/{user}/{collection}/{item}")
}

/// Names of the properties a request asks for, with their namespaces.
pub(super) fn wanted(body: &str) -> Vec<(String, String)> {
    let Ok(document) = Document::parse(body) else { return Vec::new() };
    let prop = document.descendants().find(|node| node.tag_name().name() == "prop");
    let children = prop.into_iter().flat_map(|prop| prop.children()).filter(roxmltree::Node::is_element);
    children.map(|node| (node.tag_name().namespace().unwrap_or_default().to_owned(), node.tag_name().name().to_owned())).collect()
}

pub(super) fn propfind(state: &mut State, user: &str, target: &Target, headers: &HeaderMap, body: &str) -> Response<Body> {
    let names = wanted(body);
    let deep = headers.get("depth").is_some_and(|depth| depth == "1");
    let quirks = state.quirks.clone();
    let mut answer = Multistatus::new();
    let mut tell = |href: &str, value: &dyn Fn(&str) -> Option<String>| {
        let mut found = Vec::new();
        let mut missing = Vec::new();
        for (_, name) in &names {
            match value(name) {
                Some(xml) => found.push(xml),
                None => missing.push(format!("<D:{name}/>")),
            }
        }
        answer.properties(href, &found, &missing);
    };
    let principal = format!("/dav/principals/{user}/");
    let common = |name: &str| match name {
        "current-user-principal" => Some(format!("<D:current-user-principal><D:href>{principal}</D:href></D:current-user-principal>")),
        _ => None,
    };
    match target {
        Target::Nothing => return status(StatusCode::NOT_FOUND),
        Target::Root => tell("/dav/", &|name| if name == "resourcetype" { Some(folder_type()) } else { common(name) }),
        Target::Principal(_) => tell(&principal, &|name| match name {
            "calendar-home-set" => Some(format!("<C:calendar-home-set><D:href>{}</D:href></C:calendar-home-set>", home_href(user))),
            "addressbook-home-set" => {
                Some(format!("<A:addressbook-home-set><D:href>{}</D:href></A:addressbook-home-set>", home_href(user)))
            }
            "calendar-user-address-set" => {
                Some(format!("<C:calendar-user-address-set><D:href>mailto:{user}@nordwind.example</D:href></C:calendar-user-address-set>"))
            }
            "resourcetype" => Some("<D:resourcetype><D:principal/></D:resourcetype>".to_owned()),
            _ => common(name),
        }),
        Target::Home(_) => {
            tell(&home_href(user), &|name| if name == "resourcetype" { Some(folder_type()) } else { common(name) });
            for (path, collection) in state.homes.get(user).into_iter().flatten().filter(|_| deep) {
                tell(&collection_href(user, path), &|name| collection_property(collection, name, &quirks).or_else(|| common(name)));
            }
        }
        Target::Collection(_, path) => {
            let Some(collection) = state.collection(user, path) else { return status(StatusCode::NOT_FOUND) };
            tell(&collection_href(user, path), &|name| collection_property(collection, name, &quirks).or_else(|| common(name)));
            for (item, stored) in collection.items.iter().filter(|_| deep) {
                tell(&item_href(user, path, item), &|name| item_property(stored, &collection.kind, name));
            }
        }
        Target::Item(_, path, item) => {
            let Some(collection) = state.collection(user, path) else { return status(StatusCode::NOT_FOUND) };
            let Some(stored) = collection.items.get(item) else { return status(StatusCode::NOT_FOUND) };
            tell(&item_href(user, path, item), &|name| item_property(stored, &collection.kind, name));
        }
    }
    answer.finish(None)
}

fn folder_type() -> String {
    "<D:resourcetype><D:collection/></D:resourcetype>".to_owned()
}

fn collection_property(collection: &Collection, name: &str, quirks: &Quirks) -> Option<String> {
    let kind = &collection.kind;
    let syncs = quirks.sync_collection;
    let xml = match name {
        "resourcetype" => match kind {
            Kind::Calendar(_) => "<D:resourcetype><D:collection/><C:calendar/></D:resourcetype>".to_owned(),
            Kind::AddressBook => "<D:resourcetype><D:collection/><A:addressbook/></D:resourcetype>".to_owned(),
        },
        "displayname" => format!("<D:displayname>{}</D:displayname>", escape(&collection.name)),
        "getctag" => format!("<S:getctag>{}</S:getctag>", escape(&collection.token())),
        "sync-token" if syncs => format!("<D:sync-token>{}</D:sync-token>", escape(&collection.token())),
        "supported-calendar-component-set" => {
            let Kind::Calendar(components) = kind else { return None };
            let all = components.iter().map(|name| format!("<C:comp name=\"{name}\"/>")).collect::<Vec<_>>().concat();
            format!("<C:supported-calendar-component-set>{all}</C:supported-calendar-component-set>")
        }
        "supported-address-data" if *kind == Kind::AddressBook && !quirks.address_data.is_empty() => {
            let version = |version: &String| format!("<A:address-data-type content-type=\"text/vcard\" version=\"{}\"/>", escape(version));
            format!("<A:supported-address-data>{}</A:supported-address-data>", quirks.address_data.iter().map(version).collect::<String>())
        }
        "supported-report-set" => {
            let report = |name: &str| format!("<D:supported-report><D:report>{name}</D:report></D:supported-report>");
            let sync = if syncs { report("<D:sync-collection/>") } else { String::new() };
            let multiget = report(if matches!(kind, Kind::Calendar(_)) { "<C:calendar-multiget/>" } else { "<A:addressbook-multiget/>" });
            format!("<D:supported-report-set>{sync}{multiget}</D:supported-report-set>")
        }
        "current-user-privilege-set" => {
            "<D:current-user-privilege-set><D:privilege><D:all/></D:privilege></D:current-user-privilege-set>".to_owned()
        }
        _ => return None,
    };
    Some(xml)
}

/// A property of an item.
pub(super) fn item_property(stored: &Stored, kind: &Kind, name: &str) -> Option<String> {
    let xml = match name {
        "getetag" => format!("<D:getetag>{}</D:getetag>", escape(&stored.etag())),
        "resourcetype" => "<D:resourcetype/>".to_owned(),
        "getcontenttype" => format!("<D:getcontenttype>{}</D:getcontenttype>", content_type(kind)),
        "calendar-data" => format!("<C:calendar-data>{}</C:calendar-data>", escape(&stored.text.replace('\r', ""))),
        "address-data" => format!("<A:address-data>{}</A:address-data>", escape(&stored.text.replace('\r', ""))),
        _ => return None,
    };
    Some(xml)
}

const fn content_type(kind: &Kind) -> &'static str {
    match kind {
        Kind::Calendar(_) => "text/calendar; charset=utf-8",
        Kind::AddressBook => "text/vcard; charset=utf-8",
    }
}

pub(super) fn get(state: &mut State, user: &str, target: &Target) -> Response<Body> {
    let Target::Item(_, path, item) = target else { return status(StatusCode::METHOD_NOT_ALLOWED) };
    let Some(collection) = state.collection(user, path) else { return status(StatusCode::NOT_FOUND) };
    let Some(stored) = collection.items.get(item) else { return status(StatusCode::NOT_FOUND) };
    let mut response = Response::new(Body::from(stored.text.clone()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(&collection.kind)));
    set_etag(&mut response, &stored.etag());
    response
}

fn set_etag(response: &mut Response<Body>, etag: &str) {
    if let Ok(value) = HeaderValue::from_str(etag) {
        response.headers_mut().insert(header::ETAG, value);
    }
}

/// Whether the request's conditions hold for what is there.
fn conditions_hold(state: &State, headers: &HeaderMap, there: Option<&Stored>) -> bool {
    let create_only = state.quirks.create_only && headers.get(header::IF_NONE_MATCH).is_some_and(|value| value == "*");
    let expected = headers.get(header::IF_MATCH).filter(|_| state.quirks.if_match).and_then(|value| value.to_str().ok());
    let matches = expected.is_none_or(|etag| there.is_some_and(|stored| etag == "*" || etag == stored.etag()));
    matches && !(create_only && there.is_some())
}

/// Counts what a server that schedules would mail about a write of this text.
fn schedule(state: &mut State, method: &str, text: &str) {
    let meeting = property(text, "ORGANIZER").is_some() || property(text, "ATTENDEE").is_some();
    if state.quirks.schedules && meeting {
        let entry = format!("{method} {}", property(text, "UID").unwrap_or_default());
        state.outbox.push(entry);
    }
}

pub(super) fn put(state: &mut State, user: &str, target: &Target, headers: &HeaderMap, body: &str) -> Response<Body> {
    let Target::Item(_, path, item) = target else { return status(StatusCode::METHOD_NOT_ALLOWED) };
    let Some(collection) = state.collection(user, path) else { return status(StatusCode::CONFLICT) };
    let there = collection.items.get(item).cloned();
    let kind = collection.kind.clone();
    let uid = Stored { text: body.to_owned(), change: 0 }.uid();
    let twin = collection.items.iter().any(|(name, stored)| name != item && uid.is_some() && stored.uid() == uid);
    if !conditions_hold(state, headers, there.as_ref()) {
        return status(StatusCode::PRECONDITION_FAILED);
    }
    if body.len() > state.quirks.max_size {
        let element = if kind == Kind::AddressBook { "A:max-resource-size" } else { "C:max-resource-size" };
        return precondition(StatusCode::PRECONDITION_FAILED, element);
    }
    if kind == Kind::AddressBook {
        if !body.trim_start().starts_with("BEGIN:VCARD") || uid.is_none() && !state.quirks.adds_uid {
            return precondition(StatusCode::FORBIDDEN, "A:valid-address-data");
        }
        if twin {
            return precondition(StatusCode::CONFLICT, "A:no-uid-conflict");
        }
    }
    if let Kind::Calendar(components) = &kind {
        if uid.is_none() || !body.trim_start().starts_with("BEGIN:VCALENDAR") {
            return precondition(StatusCode::FORBIDDEN, "C:valid-calendar-data");
        }
        if !components.iter().any(|component| body.contains(&format!("BEGIN:{component}"))) {
            return precondition(StatusCode::FORBIDDEN, "C:supported-calendar-component");
        }
        if twin {
            return precondition(StatusCode::FORBIDDEN, "C:no-uid-conflict");
        }
    }
    schedule(state, "PUT", body);
    let text = if kind == Kind::AddressBook { stored_card(body, &state.quirks, item) } else { stored_form(body, &state.quirks) };
    let Some(etag) = state.put(user, path, item, text) else { return status(StatusCode::CONFLICT) };
    let mut response = status(if there.is_some() { StatusCode::NO_CONTENT } else { StatusCode::CREATED });
    if state.quirks.etag_on_put && !state.quirks.rewrites {
        set_etag(&mut response, &etag);
    }
    response
}

pub(super) fn delete(state: &mut State, user: &str, target: &Target, headers: &HeaderMap) -> Response<Body> {
    match target {
        Target::Item(_, path, item) => {
            let there = state.collection(user, path).and_then(|collection| collection.items.get(item).cloned());
            let Some(stored) = there else { return status(StatusCode::NOT_FOUND) };
            if !conditions_hold(state, headers, Some(&stored)) {
                return status(StatusCode::PRECONDITION_FAILED);
            }
            schedule(state, "DELETE", &stored.text);
            state.remove(user, path, item);
            status(StatusCode::NO_CONTENT)
        }
        Target::Collection(_, path) => {
            let removed = state.homes.get_mut(user).is_some_and(|home| home.remove(path).is_some());
            status(if removed { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND })
        }
        _ => status(StatusCode::FORBIDDEN),
    }
}

pub(super) fn make(state: &mut State, user: &str, target: &Target, method: &str, body: &str) -> Response<Body> {
    let Target::Collection(_, path) = target else { return status(StatusCode::FORBIDDEN) };
    let document = Document::parse(body).ok();
    let element = |name: &str| document.iter().flat_map(Document::descendants).find(|node| node.tag_name().name() == name);
    let name = element("displayname").and_then(|node| node.text()).unwrap_or(path).to_owned();
    let kind = if method == "MKCOL" && element("addressbook").is_some() {
        Kind::AddressBook
    } else {
        let components = document.iter().flat_map(Document::descendants).filter(|node| node.tag_name().name() == "comp");
        let components: std::collections::BTreeSet<String> =
            components.filter_map(|node| node.attribute("name")).map(str::to_owned).collect();
        if components.is_empty() { Kind::Calendar(["VEVENT", "VTODO"].map(str::to_owned).into()) } else { Kind::Calendar(components) }
    };
    if state.make(user, path, &name, kind) { status(StatusCode::CREATED) } else { status(StatusCode::METHOD_NOT_ALLOWED) }
}
