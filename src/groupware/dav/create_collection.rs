//! Making a collection of one's own.

use uuid::Uuid;

use crate::groupware::{Collection, GroupwareError};
use crate::model::Area;

use super::collections;
use super::requests;
use super::store::DavStore;

/// Longest readable part of a name on the server.
const MAX_SLUG: usize = 40;

pub(super) async fn create_collection(store: &DavStore, area: Area, name: &str) -> Result<Collection, GroupwareError> {
    let refused = |text: String| GroupwareError::Refused { command: "MKCOL", code: None, text };
    let home = store.site.homes.first().filter(|_| store.dialect.holds(area));
    let home = home.ok_or_else(|| refused(format!("there is no place for {area} here; make a collection in your groupware")))?;
    let path = format!("{home}{}/", segment(name));
    // An earlier try may have lost its answer only.
    if let Some(found) = at(store, &path).await? {
        return Ok(found);
    }
    let answer = store.http.send(&requests::make(&path, area, name)).await?;
    // Xandikos 0.2.8 puts its answer into a multistatus: what is there tells.
    match at(store, &path).await? {
        // Xandikos 0.2.8 and SOGo 5.8 do not keep the name.
        Some(found) if found.name != name => {
            let _ = store.http.send(&requests::rename(&path, name)).await?;
            Ok(at(store, &path).await?.unwrap_or(found))
        }
        Some(found) => Ok(found),
        None if answer.is_success() => Err(answer.protocol("the server says that the collection was made, and does not have it")),
        None if matches!(answer.status, 403 | 404 | 405 | 409 | 415 | 501) => Err(refused(format!(
            "the server lets no program make a collection for {area} ({}); make it in your groupware and name it in the settings",
            answer.describe()
        ))),
        None => Err(answer.failure()),
    }
}

/// The collection at a path, if it is there and of this kind.
async fn at(store: &DavStore, path: &str) -> Result<Option<Collection>, GroupwareError> {
    match collections::list(&store.http, store.dialect, path, "0").await {
        Ok(listing) => Ok(listing.found.into_iter().next().map(|found| found.collection)),
        Err(GroupwareError::NoSuchMailbox { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A name on the server that follows from the name for people: of plain letters (`Übung [E]` is 403 at Cyrus 3.6 and 400 at `DAViCal`
/// 1.1), and another one for every other name.
fn segment(name: &str) -> String {
    let plain: String = name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(MAX_SLUG).collect();
    let plain = plain.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-");
    let unique = Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).simple().to_string();
    let unique = unique.get(..8).unwrap_or_default();
    if plain.is_empty() { unique.to_owned() } else { format!("{plain}-{unique}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_a_segment_of_its_own_that_every_server_takes() {
        let names = ["CRM", "crm", "Übung [E] x", "Übung (E) x", "顧客", ""];
        let segments: std::collections::BTreeSet<String> = names.iter().map(|name| segment(name)).collect();
        assert_eq!(segments.len(), names.len());
        assert!(segments.iter().all(|one| !one.is_empty() && one.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')), "{segments:?}");
        assert!(segment("Übung [E] x").starts_with("bung-e-x-"));
    }
}
