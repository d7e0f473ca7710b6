//! Creating, editing and removing items.
//!
//! What is told as stored is read back from the server, always: Radicale 3.9, Cyrus 3.6, Xandikos 0.4, SOGo 5.8 and Stalwart 0.15 rewrite what
//! they take, most of them with a strong ETag in the answer (V6). An answer that was lost leaves the outcome unknown: the error says so, and
//! the engine asks for the item before it does anything else.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue, IF_MATCH, IF_NONE_MATCH, LOCATION};

use super::answer::Answer;
use super::dialect::Dialect;
use super::discovery::ServerKind;
use super::http::Request;
use super::limits::Patience;
use super::store::DavStore;
use super::{by_uid, collections, fetch, href, multistatus, raw_lines};
use crate::groupware::{Draft, Fetched, GroupwareError, Item, ItemId, PartEdit, Removed, StoredItem, Written};

/// Words for an item that must not be written, because the server would mail its attendees.
const NEEDS_INVITATIONS: &str =
    "the item has participants, and this server mails them on every change; that needs invitations to be allowed";

/// Milliseconds to wait before a write is sent again to a server that is at another one.
const LOCKED_PAUSES: [u64; 6] = [50, 100, 200, 400, 800, 1600];

/// What a refused PUT means.
enum Verdict {
    /// The condition failed, or the resource is not there: a look at the item tells.
    Look,
    /// Another item has the UID; where, if the server says.
    UidTaken(Option<String>),
    /// This content is not taken.
    Refused(String),
}

pub(super) async fn create(store: &DavStore, path: &str, draft: &Draft) -> Result<Written, GroupwareError> {
    let text = match store.format.build_for(draft, &store.facts(path).versions) {
        Ok(text) => text,
        Err(fault) => return Ok(Written::Refused(fault.to_string())),
    };
    if store.would_mail(&text) {
        return Ok(Written::Refused(NEEDS_INVITATIONS.to_owned()));
    }
    let name = store.name_of(&draft.create_id);
    let Some(id) = href::canonical(path, &name).filter(|item| item.starts_with(path)).map(|item| ItemId(super::id_of(path, &item))) else {
        return Ok(Written::Refused(format!("an item cannot be named {name}")));
    };
    // SOGo 5.8 and DavMail 6 overwrite what is there in spite of the condition.
    if !store.honours_conditions()
        && let Some(there) = there(store, path, &id).await?
    {
        return Ok(exists(there));
    }
    let answer = put(store, path, &id, &text, IF_NONE_MATCH, HeaderValue::from_static("*")).await?;
    if is_stored(&answer) {
        return stored(store, path, &renamed(path, &answer).unwrap_or(id), Some(draft), &answer).await;
    }
    match verdict(store, path, &answer, text.len()) {
        Verdict::Look => match there(store, path, &id).await? {
            Some(there) => Ok(exists(there)),
            None if !collections::exists(&store.http, path).await? => Err(no_collection(path)),
            None => Ok(Written::Refused(refusal(&answer, text.len()))),
        },
        Verdict::UidTaken(Some(other)) if other.starts_with(path) => {
            match fetch::get(store, path, &ItemId(super::id_of(path, &other)), None).await? {
                Fetched::Gone(_) => Ok(Written::Refused(refusal(&answer, text.len()))),
                there => Ok(exists(there)),
            }
        }
        Verdict::UidTaken(Some(other)) => {
            let elsewhere = href::readable(other.trim_end_matches('/').rsplit_once('/').map_or("", |(collection, _)| collection));
            Ok(Written::Refused(format!("an item with this UID lies in \"{elsewhere}\" already")))
        }
        Verdict::UidTaken(None) => match by_uid::of_draft(store, path, draft).await? {
            Some(there) => Ok(Written::Exists(there)),
            None => Ok(Written::Refused(refusal(&answer, text.len()))),
        },
        Verdict::Refused(words) => Ok(Written::Refused(words)),
    }
}

pub(super) async fn update(store: &DavStore, path: &str, current: &StoredItem, edits: &[PartEdit]) -> Result<Written, GroupwareError> {
    let text = match store.format.edit(&current.item, edits) {
        Ok(text) => text,
        Err(fault) => return Ok(Written::Refused(fault.to_string())),
    };
    if store.is_meeting(&current.item) || store.would_mail(&text) {
        return Ok(Written::Refused(NEEDS_INVITATIONS.to_owned()));
    }
    let mut version = current.version.clone();
    // Without a version there is no condition to give; SOGo 5.8 makes an item anew that is gone.
    if version.is_none() || !store.honours_conditions() {
        match fetch::get(store, path, &current.id, None).await? {
            Fetched::Gone(_) => return gone(store, path).await,
            Fetched::Unreadable { why, .. } => return Ok(Written::Refused(why)),
            Fetched::Item(now) => {
                let same = match &version {
                    Some(version) => now.version.as_ref() == Some(version),
                    None => now.item.original == current.item.original,
                };
                if !same {
                    return Ok(Written::Changed(now));
                }
                version = now.version;
            }
        }
    }
    let condition = version.as_deref().and_then(|version| HeaderValue::from_str(version).ok());
    let (name, value) = match condition {
        Some(version) => (IF_MATCH, version),
        // A server without ETags: at least nothing is made anew that is gone.
        None => (IF_MATCH, HeaderValue::from_static("*")),
    };
    let answer = put(store, path, &current.id, &text, name, value).await?;
    if is_stored(&answer) {
        return stored(store, path, &renamed(path, &answer).unwrap_or_else(|| current.id.clone()), None, &answer).await;
    }
    match verdict(store, path, &answer, text.len()) {
        Verdict::Look => match there(store, path, &current.id).await? {
            None => gone(store, path).await,
            Some(Fetched::Item(now)) if now.version != current.version => Ok(Written::Changed(now)),
            Some(Fetched::Unreadable { why, .. }) => Ok(Written::Refused(why)),
            Some(_) => Ok(Written::Refused(refusal(&answer, text.len()))),
        },
        Verdict::UidTaken(_) => Ok(Written::Refused(refusal(&answer, text.len()))),
        Verdict::Refused(words) => Ok(Written::Refused(words)),
    }
}

pub(super) async fn remove(store: &DavStore, path: &str, id: &ItemId, version: Option<&str>) -> Result<Removed, GroupwareError> {
    // SOGo 5.8 removes whatever version there is; a server that schedules mails a cancellation.
    if store.guards_meetings() || !store.honours_conditions() {
        match fetch::get(store, path, id, None).await? {
            Fetched::Gone(_) => return Ok(Removed::WasGone),
            Fetched::Unreadable { why, .. } if store.guards_meetings() => {
                return Ok(Removed::Refused(format!("it cannot be told whether the item has participants: {why}")));
            }
            Fetched::Item(now) if store.is_meeting(&now.item) => return Ok(Removed::Refused(NEEDS_INVITATIONS.to_owned())),
            Fetched::Item(now) if version.is_some() && now.version.as_deref() != version => return Ok(Removed::Changed(now)),
            Fetched::Item(_) | Fetched::Unreadable { .. } => {}
        }
    }
    let mut request = Request::new("DELETE", super::path_of(path, id), Patience::Write);
    if let Some(version) = version.and_then(|version| HeaderValue::from_str(version).ok()) {
        request = request.header(IF_MATCH, version);
    }
    let answer = send(store, &request).await?;
    match answer.status {
        200 | 202 | 204 => Ok(Removed::Done),
        404 | 410 => match fetch::get(store, path, id, None).await? {
            Fetched::Gone(_) => Ok(Removed::WasGone),
            _ => Ok(Removed::Refused(answer.describe())),
        },
        409 | 412 => match fetch::get(store, path, id, None).await? {
            Fetched::Gone(_) => Ok(Removed::WasGone),
            Fetched::Item(now) if now.version.as_deref() != version => Ok(Removed::Changed(now)),
            Fetched::Item(_) => Ok(Removed::Refused(answer.describe())),
            Fetched::Unreadable { why, .. } => Ok(Removed::Refused(why)),
        },
        503 if store.site.kind == ServerKind::DavMail => Ok(Removed::Refused(answer.describe())),
        408 | 423 | 425 | 429 | 500..=599 => Err(after_write(&answer)),
        _ => Ok(Removed::Refused(answer.describe())),
    }
}

impl DavStore {
    /// A condition of a PUT or DELETE is heeded.
    pub(super) fn honours_conditions(&self) -> bool {
        self.site.kind == ServerKind::Usual
    }

    /// Items with participants must not be touched (V9).
    fn guards_meetings(&self) -> bool {
        self.site.schedules && !self.invitations && self.dialect == Dialect::CalDav
    }

    fn would_mail(&self, text: &str) -> bool {
        self.guards_meetings() && names_people(text)
    }

    fn is_meeting(&self, item: &Item) -> bool {
        self.guards_meetings() && (item.scheduled || names_people(&item.original))
    }
}

/// A content line is ORGANIZER or ATTENDEE. It does not ask the format, because it guards against its mistakes.
fn names_people(text: &str) -> bool {
    raw_lines::lines(text).any(|(name, _)| ["ORGANIZER", "ATTENDEE"].iter().any(|wanted| name.eq_ignore_ascii_case(wanted)))
}

async fn put(
    store: &DavStore,
    path: &str,
    id: &ItemId,
    text: &str,
    condition: reqwest::header::HeaderName,
    value: HeaderValue,
) -> Result<Answer, GroupwareError> {
    let patience = if names_people(text) { Patience::WriteMeeting } else { Patience::Write };
    let request = Request::new("PUT", super::path_of(path, id), patience)
        .header(CONTENT_TYPE, HeaderValue::from_static(store.dialect.content_type()))
        .header(condition, value)
        .body(text.to_owned());
    let answer = send(store, &request).await?;
    match answer.status {
        507 => Err(answer.failure()),
        // DavMail 6 answers 503 to an item that Exchange refuses; when the mailbox answers otherwise, it is the item.
        503 if store.site.kind == ServerKind::DavMail && collections::exists(&store.http, path).await.is_ok_and(|exists| exists) => {
            Ok(answer)
        }
        408 | 423 | 425 | 429 | 502..=599 => Err(after_write(&answer)),
        _ => Ok(answer),
    }
}

/// Sends a write. Xandikos 0.4.10 has one lock for a whole calendar and answers 423 to a write beside another one: it did nothing then, and
/// from there on writes go one after the other.
async fn send(store: &DavStore, request: &Request) -> Result<Answer, GroupwareError> {
    let alone = if store.takes_one_write.load(Ordering::Relaxed) { Some(store.writing.lock().await) } else { None };
    let mut answer = store.http.send(request).await?;
    if answer.status != 423 {
        return Ok(answer);
    }
    store.takes_one_write.store(true, Ordering::Relaxed);
    let _alone = match alone {
        Some(alone) => alone,
        None => store.writing.lock().await,
    };
    for pause in LOCKED_PAUSES {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        answer = store.http.send(request).await?;
        if answer.status != 423 {
            break;
        }
    }
    Ok(answer)
}

/// The failure of a write. When a gateway gave up, what was behind it may have gone on: the outcome is unknown.
fn after_write(answer: &Answer) -> GroupwareError {
    match answer.status {
        502 | 504 | 520..=530 => GroupwareError::Offline { server: answer.server.clone(), cause: answer.describe() },
        _ => answer.failure(),
    }
}

/// Xandikos 0.2.8 answers 207 when it did not store, the reason inside.
fn is_stored(answer: &Answer) -> bool {
    answer.is_success() && answer.status != 207
}

/// DavMail 6 names the resource itself and says how in Location.
fn renamed(path: &str, answer: &Answer) -> Option<ItemId> {
    let location = href::canonical(&answer.path, answer.headers.get(LOCATION)?.to_str().ok()?)?;
    let inside = location.starts_with(path) && !location.ends_with('/');
    inside.then(|| ItemId(super::id_of(path, &location)))
}

/// What the server keeps of a write.
async fn stored(store: &DavStore, path: &str, id: &ItemId, draft: Option<&Draft>, answer: &Answer) -> Result<Written, GroupwareError> {
    match fetch::get(store, path, id, answer.version()).await? {
        Fetched::Item(item) => Ok(Written::Stored(item)),
        Fetched::Unreadable { why, .. } => Err(answer.protocol(format!("what was stored cannot be read: {why}"))),
        Fetched::Gone(_) => match draft {
            // Stored under a name that nobody told.
            Some(draft) => match by_uid::of_draft(store, path, draft).await? {
                Some(item) => Ok(Written::Stored(item)),
                None => Err(answer.protocol("the server says that the item was stored, and does not have it")),
            },
            None => gone(store, path).await,
        },
    }
}

/// An item is gone, and not its whole collection.
async fn gone(store: &DavStore, path: &str) -> Result<Written, GroupwareError> {
    if collections::exists(&store.http, path).await? { Ok(Written::Gone) } else { Err(no_collection(path)) }
}

fn no_collection(path: &str) -> GroupwareError {
    GroupwareError::NoSuchMailbox { name: href::readable(path) }
}

/// The item, if it is there.
async fn there(store: &DavStore, path: &str, id: &ItemId) -> Result<Option<Fetched>, GroupwareError> {
    Ok(Some(fetch::get(store, path, id, None).await?).filter(|fetched| !matches!(fetched, Fetched::Gone(_))))
}

fn exists(there: Fetched) -> Written {
    match there {
        Fetched::Item(item) => Written::Exists(item),
        Fetched::Unreadable { why, .. } => Written::Refused(format!("an item of this name is there, and cannot be read: {why}")),
        Fetched::Gone(_) => Written::Gone,
    }
}

/// What a refused PUT means: by its conditions, because 412, 403 and 409 each stand for several things, then by its status.
fn verdict(store: &DavStore, path: &str, answer: &Answer, size: usize) -> Verdict {
    let conditions = answer.conditions();
    let has = |names: &[&str]| names.iter().any(|name| conditions.contains(*name));
    if has(&["no-uid-conflict", "unique-scheduling-object-resource"]) {
        // Cyrus 3.6 looks through all calendars of the user, the others through the collection.
        return Verdict::UidTaken(multistatus::conflicting(&answer.body, &answer.path).filter(|other| !href::same(other, path)));
    }
    let content: BTreeSet<&str> = conditions.iter().map(String::as_str).filter(|name| is_about_content(name)).collect();
    if !content.is_empty() || matches!(answer.status, 413 | 415 | 422) {
        return Verdict::Refused(refusal(answer, size));
    }
    match answer.status {
        // 207 is Xandikos 0.2.8 again.
        207 | 404 | 409 | 410 | 412 | 500 => Verdict::Look,
        503 if store.site.kind == ServerKind::DavMail => Verdict::Look,
        _ => Verdict::Refused(refusal(answer, size)),
    }
}

/// Conditions of RFC 4791 §5.3.2.1 and RFC 6352 §6.3.2.1 that name a fault of the content.
fn is_about_content(condition: &str) -> bool {
    condition.starts_with("supported-") || condition.starts_with("valid-") || condition.starts_with("max-") || condition.starts_with("min-")
}

/// Words for a refusal. The size stands among them where it may be the reason: Radicale 3.9 and Stalwart 0.15 answer 412 to what is too large,
/// the latter from 512 kB on.
fn refusal(answer: &Answer, size: usize) -> String {
    let large = size > 256 * 1024 || answer.status == 413 || answer.conditions().contains("max-resource-size");
    let size = if large { format!(" (the item has {} kB)", size.div_ceil(1024)) } else { String::new() };
    format!("the server answers {}{size}", answer.describe())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v9_participants_are_seen_however_they_are_written() {
        for text in [
            "BEGIN:VEVENT\r\nATTENDEE:mailto:a@b\r\n",
            "begin:vevent\nattendee;cn=A:mailto:a@b\n",
            "ORGANI\r\n ZER:mailto:a@b",
            "X:1\r\nATTENDEE;\r\n CN=a:mailto:x",
        ] {
            assert!(names_people(text), "{text}");
        }
        for text in ["DESCRIPTION:ATTENDEE:x", "X-ATTENDEE:1", "SUMMARY:a\r\n ATTENDEE:b", ""] {
            assert!(!names_people(text), "{text}");
        }
    }
}
