//! Items with their content: multiget in chunks that halve on trouble, single GETs for what is left (V10).

use std::collections::BTreeMap;

use libdav::names;

use crate::groupware::{Fetched, GroupwareError, Item, ItemId, ItemRef, StoredItem};

use super::discovery::ServerKind;
use super::http::Request;
use super::limits::Patience;
use super::store::DavStore;
use super::{collections, href, multistatus, raw_lines, requests, xml};

/// What a multiget says of an item.
enum Said {
    Text(String, Option<String>),
    Gone,
    /// Something that only a GET makes plain.
    Unclear(Option<String>),
}

/// Why a chunk has to be asked for in another way.
enum Chunk {
    Answered(BTreeMap<String, Said>),
    /// One of its items may be the reason.
    Failed,
    /// The server knows no multiget.
    Unsupported,
}

/// Items of the collection at `path`: one answer an id, in the order asked.
pub(super) async fn fetch(store: &DavStore, path: &str, ids: &[ItemId]) -> Result<Vec<Fetched>, GroupwareError> {
    let mut found = BTreeMap::new();
    // The last is taken first.
    let mut chunks: Vec<&[ItemId]> = ids.chunks(store.http.limits.chunk.max(1)).rev().collect();
    let mut multiget = true;
    while let Some(chunk) = chunks.pop() {
        let answered = if multiget && chunk.len() > 1 { ask(store, path, chunk).await? } else { Chunk::Failed };
        match answered {
            Chunk::Answered(mut said) => {
                for id in chunk {
                    let fetched = match said.remove(&super::path_of(path, id)) {
                        Some(Said::Text(text, version)) => store.item(id, version, &text),
                        Some(Said::Gone) => gone(store, path, id).await?,
                        Some(Said::Unclear(version)) => get(store, path, id, version).await?,
                        // DAViCal 1.1 leaves out what it does not find.
                        None => get(store, path, id, None).await?,
                    };
                    found.insert(id.clone(), fetched);
                }
            }
            Chunk::Failed if chunk.len() > 1 && multiget => {
                let (first, second) = chunk.split_at(chunk.len() / 2);
                chunks.push(second);
                chunks.push(first);
            }
            Chunk::Failed => {
                for id in chunk {
                    found.insert(id.clone(), get(store, path, id, None).await?);
                }
            }
            Chunk::Unsupported => {
                multiget = false;
                chunks.push(chunk);
            }
        }
    }
    // With a collection its items answer 404 too, and nobody deleted them.
    if found.values().any(|fetched| matches!(fetched, Fetched::Gone(_))) && !collections::exists(&store.http, path).await? {
        return Err(GroupwareError::NoSuchMailbox { name: href::readable(path) });
    }
    let missing = |id: &ItemId| unreadable(id, None, None, "it was not answered".to_owned());
    Ok(ids.iter().map(|id| found.get(id).cloned().unwrap_or_else(|| missing(id))).collect())
}

/// One multiget.
async fn ask(store: &DavStore, path: &str, chunk: &[ItemId]) -> Result<Chunk, GroupwareError> {
    let paths: Vec<String> = chunk.iter().map(|id| super::path_of(path, id)).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let answer = match store.http.send(&requests::multiget(store.dialect, path, &paths)).await {
        Ok(answer) => answer,
        // A large item, or one that the server stumbles over for long.
        Err(GroupwareError::Timeout { .. } | GroupwareError::TooLarge { .. }) => return Ok(Chunk::Failed),
        Err(error) => return Err(error),
    };
    match answer.status {
        207 => {}
        403 | 405 | 415 | 501 => return Ok(Chunk::Unsupported),
        // DavMail 6 answers 503 whatever is wrong with an item.
        503 if store.site.kind == ServerKind::DavMail => return Ok(Chunk::Failed),
        429 | 503 => return Err(answer.failure()),
        // One broken object fails the report of Radicale 3.9 (400) and Xandikos 0.4 (500). Whether the collection is gone the GETs tell.
        _ => return Ok(Chunk::Failed),
    }
    let said = answer.multistatus(|document| {
        let rows = multistatus::rows(document, &answer.path);
        rows.iter()
            .map(|row| {
                let said = match row.prop(store.dialect.data()).map(xml::text).filter(|text| !text.trim().is_empty()) {
                    _ if row.is_gone() => Said::Gone,
                    // What is not what the server keeps must not be edited and written back.
                    Some(text) if !text.contains(xml::REPLACEMENT) => Said::Text(text, row.version()),
                    _ => Said::Unclear(row.version()),
                };
                (row.path.clone(), said)
            })
            .collect()
    });
    Ok(said.map_or(Chunk::Failed, Chunk::Answered))
}

/// Proves that an item is gone. A name with escapes is looked for under its other spelling too: the proof of a deletion must not hang on
/// how a server reads `%40` (V8).
async fn gone(store: &DavStore, path: &str, id: &ItemId) -> Result<Fetched, GroupwareError> {
    if id.0.contains('%') { get(store, path, id, None).await } else { Ok(Fetched::Gone(id.clone())) }
}

/// One item by GET.
pub(super) async fn get(store: &DavStore, path: &str, id: &ItemId, version: Option<String>) -> Result<Fetched, GroupwareError> {
    let canonical = super::path_of(path, id);
    let mut answer = store.http.send(&Request::new("GET", canonical.as_str(), Patience::Items)).await?;
    if answer.is_gone()
        && let Some(other) = href::relaxed(&canonical)
    {
        answer = store.http.send(&Request::new("GET", other, Patience::Items)).await?;
    }
    if answer.is_gone() {
        return Ok(Fetched::Gone(id.clone()));
    }
    let version = answer.version().or(version);
    match answer.status {
        200 => match String::from_utf8(answer.body) {
            // A GET may lack the ETag that the listing has.
            Ok(text) if version.is_none() => Ok(store.item(id, self::version(store, &canonical).await?, &text)),
            Ok(text) => Ok(store.item(id, version, &text)),
            Err(fault) => {
                let uid = raw_lines::uid(&String::from_utf8_lossy(fault.as_bytes()));
                Ok(unreadable(id, version, uid, "the item's text is not UTF-8".to_owned()))
            }
        },
        408 | 429 => Err(answer.failure()),
        503 if store.site.kind != ServerKind::DavMail => Err(answer.failure()),
        _ => Ok(unreadable(id, version, None, format!("the server answers {}", answer.describe()))),
    }
}

/// `DAV:getetag` of one item.
pub(super) async fn version(store: &DavStore, path: &str) -> Result<Option<String>, GroupwareError> {
    let answer = store.http.send(&requests::propfind(path, "0", &[&names::GETETAG], Patience::Question)).await?;
    Ok(answer
        .multistatus(|document| multistatus::rows(document, &answer.path).iter().find_map(super::multistatus::Row::version))
        .ok()
        .flatten())
}

impl DavStore {
    /// What a text from the server is.
    pub(super) fn item(&self, id: &ItemId, version: Option<String>, text: &str) -> Fetched {
        let text = with_crlf(text);
        match self.format.read(&text) {
            Ok(item) => Fetched::Item(StoredItem { id: id.clone(), version, item: named(item, id) }),
            Err(fault) => unreadable(id, version, raw_lines::uid(&text), fault.to_string()),
        }
    }
}

fn unreadable(id: &ItemId, version: Option<String>, uid: Option<String>, why: String) -> Fetched {
    Fetched::Unreadable { item: ItemRef { id: id.clone(), version }, uid, why }
}

/// An item that has no UID is named by what it is called on the server: vCard demands none (RFC 6350 §6.7.6), and Xandikos 0.4 and Stalwart 0.15
/// take cards without.
pub(super) fn named(mut item: Item, id: &ItemId) -> Item {
    if item.uid.is_empty() {
        item.uid.clone_from(&id.0);
    }
    item
}

/// The text with the line ends of its format: XML turned CR LF into LF on the way, on every server.
fn with_crlf(text: &str) -> String {
    let text = text.trim_start();
    let mut result = String::with_capacity(text.len() + text.len() / 32);
    for line in text.split_inclusive('\n') {
        match line.strip_suffix('\n') {
            Some(line) => {
                result.push_str(line.strip_suffix('\r').unwrap_or(line));
                result.push_str("\r\n");
            }
            None => result.push_str(line),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_as_the_format_says_wherever_the_text_came_from() {
        assert_eq!(with_crlf("\nBEGIN:A\nX:1\r\nEND:A\n"), "BEGIN:A\r\nX:1\r\nEND:A\r\n");
        assert_eq!(with_crlf("A"), "A");
    }
}
