//! `REPORT`: what changed, many items at once, items of one component.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use roxmltree::{Document, Node};

use super::answer::{Multistatus, precondition, status};
use super::methods::{Target, collection_href, item_href, item_property, wanted};
use super::quirks::{InvalidToken, TokenAnswer};
use super::store::State;

pub(super) fn report(state: &mut State, user: &str, target: &Target, body: &str) -> Response<Body> {
    let Target::Collection(_, path) = target else { return status(StatusCode::FORBIDDEN) };
    if state.collection(user, path).is_none() {
        return status(StatusCode::NOT_FOUND);
    }
    let Ok(document) = Document::parse(body) else { return status(StatusCode::BAD_REQUEST) };
    let names: Vec<String> = wanted(body).into_iter().map(|(_, name)| name).collect();
    match document.root_element().tag_name().name() {
        "sync-collection" if state.quirks.sync_collection => sync(state, user, path, &document, &names),
        "calendar-multiget" | "addressbook-multiget" => multiget(state, user, path, &document, &names),
        "calendar-query" | "addressbook-query" => query(state, user, path, &document, &names),
        _ => status(StatusCode::NOT_IMPLEMENTED),
    }
}

fn texts<'a>(document: &'a Document<'_>, name: &'a str) -> impl Iterator<Item = &'a str> {
    document.descendants().filter(move |node| node.tag_name().name() == name).filter_map(|node: Node<'_, '_>| node.text())
}

fn sync(state: &mut State, user: &str, path: &str, document: &Document<'_>, names: &[String]) -> Response<Body> {
    let quirks = state.quirks.clone();
    let token = texts(document, "sync-token").next().map(str::trim).unwrap_or_default().to_owned();
    let Some(collection) = state.collection(user, path) else { return status(StatusCode::NOT_FOUND) };
    let since = match (token.as_str(), collection.known(&token), quirks.invalid_token) {
        ("", ..) | (_, None, InvalidToken::WholeListing) => None,
        (_, Some(change), _) => Some(change),
        (_, None, InvalidToken::Status(code)) => {
            return precondition(StatusCode::from_u16(code).unwrap_or(StatusCode::FORBIDDEN), "D:valid-sync-token");
        }
    };
    let mut listed: Vec<(&String, u64)> = collection
        .log
        .iter()
        .filter(|(item, change)| match since {
            None => quirks.initial_tombstones || collection.items.contains_key(*item),
            Some(since) => **change > since || (quirks.repeats_items && collection.items.contains_key(*item)),
        })
        .map(|(item, change)| (item, *change))
        .collect();
    listed.sort_by_key(|(_, change)| *change);
    let mut last = collection.token();
    let mut cut = None;
    if let Some((most, answer)) = quirks.truncates
        && listed.len() > most
    {
        listed.truncate(most);
        cut = Some(answer);
        if answer == TokenAnswer::GoOn {
            let reached = listed.last().map_or(collection.birth, |(_, change)| *change);
            last = format!("urn:sandbox:{}-{reached}", collection.birth);
        }
    }
    let mut answer = Multistatus::new();
    if quirks.lists_itself {
        answer.properties(collection_href(user, path).trim_end_matches('/'), &["<D:getetag>\"0\"</D:getetag>".to_owned()], &[]);
    }
    for (item, _) in listed {
        let href = item_href(user, path, item);
        match collection.items.get(item) {
            None => answer.status(&href, "404 Not Found"),
            Some(_) if quirks.no_etag_in_sync => answer.properties(&href, &[], &["<D:getetag/>".to_owned()]),
            Some(stored) => {
                let found: Vec<String> = names.iter().filter_map(|name| item_property(stored, &collection.kind, name)).collect();
                answer.properties(&href, &found, &[]);
            }
        }
    }
    if cut == Some(TokenAnswer::GoOn) {
        answer.status(&collection_href(user, path), "507 Insufficient Storage");
    }
    answer.finish(Some(&last))
}

fn multiget(state: &mut State, user: &str, path: &str, document: &Document<'_>, names: &[String]) -> Response<Body> {
    let quirks = state.quirks.clone();
    let Some(collection) = state.collection(user, path) else { return status(StatusCode::NOT_FOUND) };
    let mut answer = Multistatus::new();
    for href in texts(document, "href") {
        let item = href.trim().rsplit('/').next().unwrap_or_default();
        if quirks.broken_items.contains(item) {
            return status(StatusCode::INTERNAL_SERVER_ERROR);
        }
        match collection.items.get(item) {
            Some(stored) => {
                let found: Vec<String> = names.iter().filter_map(|name| item_property(stored, &collection.kind, name)).collect();
                answer.properties(&item_href(user, path, item), &found, &[]);
            }
            None if quirks.multiget_leaves_out => {}
            None => answer.status(href.trim(), "404 Not Found"),
        }
    }
    answer.finish(None)
}

fn query(state: &mut State, user: &str, path: &str, document: &Document<'_>, names: &[String]) -> Response<Body> {
    let filters = document.descendants().filter(|node| node.tag_name().name() == "comp-filter");
    let component = filters.filter_map(|node| node.attribute("name")).find(|name| *name != "VCALENDAR").map(str::to_owned);
    let by_uid = document.descendants().find(|node| node.tag_name().name() == "prop-filter" && node.attribute("name") == Some("UID"));
    let by_uid = by_uid.filter(|_| !state.quirks.ignores_filters);
    let text = by_uid.and_then(|filter| filter.descendants().find(|node| node.tag_name().name() == "text-match"));
    let uid = text.and_then(|text| text.text()).map(str::to_owned);
    let Some(collection) = state.collection(user, path) else { return status(StatusCode::NOT_FOUND) };
    let mut answer = Multistatus::new();
    for (item, stored) in &collection.items {
        if uid.is_some() && stored.uid() != uid {
            continue;
        }
        if component.as_ref().is_none_or(|component| stored.text.contains(&format!("BEGIN:{component}"))) {
            let found: Vec<String> = names.iter().filter_map(|name| item_property(stored, &collection.kind, name)).collect();
            answer.properties(&item_href(user, path, item), &found, &[]);
        }
    }
    answer.finish(None)
}
