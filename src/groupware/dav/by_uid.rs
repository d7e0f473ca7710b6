//! Items by their UID: where the server says that one is taken, and where a listing may lack what is there.

use super::answer::Answer;
use super::store::DavStore;
use super::{multistatus, requests, xml};
use crate::groupware::{Draft, Fetched, GroupwareError, ItemId, StoredItem};
use crate::model::Area;

/// An item that a search has found, with its UID.
struct Hit {
    uid: String,
    found: Fetched,
}

/// The item with a draft's UID, wherever in the collection it lies.
pub(super) async fn of_draft(store: &DavStore, path: &str, draft: &Draft) -> Result<Option<StoredItem>, GroupwareError> {
    let hits = search(store, path, draft.area, std::slice::from_ref(&draft.uid)).await?;
    Ok(hits.into_iter().find_map(|hit| match hit.found {
        Fetched::Item(item) => Some(item),
        Fetched::Unreadable { .. } | Fetched::Gone(_) => None,
    }))
}

/// Items of the collection with one of these UIDs, broken ones too.
pub(super) async fn find(store: &DavStore, path: &str, area: Area, uids: &[String]) -> Result<Vec<(String, ItemId)>, GroupwareError> {
    let id = |found| match found {
        Fetched::Item(StoredItem { id, .. }) | Fetched::Gone(id) => id,
        Fetched::Unreadable { item, .. } => item.id,
    };
    Ok(search(store, path, area, uids).await?.into_iter().map(|hit| (hit.uid, id(hit.found))).collect())
}

/// One query a UID: a filter of several is not defined for calendars (RFC 4791 §9.7).
async fn search(store: &DavStore, path: &str, area: Area, uids: &[String]) -> Result<Vec<Hit>, GroupwareError> {
    let mut hits = Vec::new();
    for uid in uids {
        let mut answer = store.http.send(&requests::by_uid(path, area, uid)).await?;
        // Xandikos 0.2.8 fails at every text-match.
        let refused = answer.status != 207;
        if refused {
            answer = store.http.send(&requests::every(store.dialect, path)).await?;
        }
        if answer.status != 207 {
            break;
        }
        let mut found = read(store, path, &answer)?;
        // SOGo 5.8 and DavMail 6 answer with all items; the others with those whose UID holds the text (RFC 4791 §9.7.5).
        if refused || found.iter().any(|hit| !hit.uid.to_ascii_lowercase().contains(&uid.to_ascii_lowercase())) {
            hits.extend(found.into_iter().filter(|hit| uids.contains(&hit.uid)));
            break;
        }
        found.retain(|hit| hit.uid == *uid);
        hits.append(&mut found);
    }
    Ok(hits)
}

/// The items of an answer whose UID can be read.
fn read(store: &DavStore, path: &str, answer: &Answer) -> Result<Vec<Hit>, GroupwareError> {
    answer.multistatus(|document| {
        let rows = multistatus::rows(document, &answer.path);
        let hit = |row: &multistatus::Row<'_, '_>| {
            let text = row.prop(store.dialect.data()).map(xml::text)?;
            let found = store.item(&ItemId(super::id_of(path, &row.path)), row.version(), &text);
            let uid = match &found {
                Fetched::Item(item) => Some(item.item.uid.clone()),
                Fetched::Unreadable { uid, .. } => uid.clone(),
                Fetched::Gone(_) => None,
            }?;
            Some(Hit { uid, found })
        };
        rows.iter().filter_map(hit).collect()
    })
}
