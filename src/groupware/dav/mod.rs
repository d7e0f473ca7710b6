//! The CalDAV and CardDAV adapter: [`DavStore`] implements [`ItemStore`](super::ItemStore).
//!
//! - `http`, `answer`: one client an account; credentials, login gate, redirects, bounds; what a status means.
//! - `xml`, `multistatus`, `href`, `etag`: answers of real servers, read with patience.
//! - `requests`, `dialect`: what is asked, built by libdav; CalDAV and CardDAV apart.
//! - `discovery`, `collections`: from a typed address to collections with their tokens.
//! - `changes`, `fetch`, `by_uid`, `write`, `create_collection`: the port's verbs.
//! - `raw_lines`: what can be read of a broken text.
//! - [`Format`]: the text of an item.
//!
//! Hrefs, ETags, CTags and sync-tokens stay below this door. A collection's id is its canonical path, an item's id the rest of its path.
//! What every server adds to the standard is in the code beside the line that copes with it, with the server's name and version.

mod answer;
mod by_uid;
mod changes;
mod collections;
mod connector;
mod create_collection;
mod dialect;
mod discovery;
mod etag;
mod fetch;
mod format;
mod href;
mod http;
mod limits;
mod multistatus;
mod raw_lines;
mod requests;
mod store;
mod write;
mod xml;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_contacts;

pub use connector::{CalDavConnector, CalDavOptions, CardDavConnector, CardDavOptions};
pub use discovery::DiscoveryStep;
pub use format::{Format, FormatFault};
pub use limits::DavLimits;
pub use store::DavStore;

use super::ItemId;

/// The id of the item at a canonical path: the rest behind its collection, or the path where it lies elsewhere.
fn id_of(collection: &str, path: &str) -> String {
    path.strip_prefix(collection).filter(|rest| !rest.is_empty()).unwrap_or(path).to_owned()
}

/// The canonical path of an item.
fn path_of(collection: &str, id: &ItemId) -> String {
    if id.0.starts_with('/') { id.0.clone() } else { format!("{collection}{}", id.0) }
}
