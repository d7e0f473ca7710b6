//! Stores attachments in the customer's folder of the web folder (R37): a local or mounted folder, or a WebDAV collection.
//!
//! Nothing is ever overwritten or deleted. The same content under the same or a numbered name is there already and is not stored
//! twice, so that a repeated run changes nothing.

mod local;
mod web_dav;

use std::io::{self, ErrorKind, Read};

use crate::model::Digest;
use crate::settings::WebFolder;
use crate::sync::{numbered, safe_file_name, safe_path, told_apart};

use local::LocalFolder;
use web_dav::DavFolder;

/// Highest number in a name; after it a part of the digest tells files apart.
const MAX_NUMBER: u32 = 20;

/// Writes into one web folder.
#[derive(Debug)]
pub struct WebFolderWriter {
    place: Place,
}

#[derive(Debug)]
enum Place {
    Local(LocalFolder),
    WebDav(DavFolder),
}

/// Where a file lies now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAt {
    /// Path or address, for people.
    pub location: String,
    /// It was stored just now; else the same content was there.
    pub new: bool,
}

/// Why a file could not be stored.
#[derive(Debug, thiserror::Error)]
pub enum WebFolderError {
    /// The web folder itself does not exist, perhaps because its share is not mounted. It is never created.
    #[error("the web folder {folder} is not there; check that it is connected")]
    NotThere {
        /// Path or address.
        folder: String,
    },
    /// The way to the customer's folder leads over a symbolic link or a file.
    #[error("{path} is no folder of the web folder itself")]
    NotAFolder {
        /// The path.
        path: String,
    },
    /// No space, or over quota.
    #[error("the web folder is full: {cause}")]
    Full {
        /// What the system or server said.
        cause: String,
    },
    /// No right to write.
    #[error("the web folder may not be written: {cause}")]
    NotAllowed {
        /// What the system or server said.
        cause: String,
    },
    /// A WebDAV address without TLS that leads to another machine; nothing was sent.
    #[error("the web folder {url} is not secure; use https")]
    Insecure {
        /// The address.
        url: String,
    },
    /// The server rejected user name or password. This writer does not try again.
    #[error("the web folder's server rejected the login")]
    LoginRejected,
    /// The server cannot be reached, broke off, or took too long.
    #[error("the web folder's server cannot be reached: {cause}")]
    Offline {
        /// What went wrong.
        cause: String,
    },
    /// The server refused the request.
    #[error("the web folder's server refused {method} with status {status}")]
    Refused {
        /// The method.
        method: String,
        /// HTTP status.
        status: u16,
    },
    /// The content is not that of the digest.
    #[error("the attachment's content is not what was announced")]
    Content,
    /// The content could not be read.
    #[error("the attachment could not be read: {0}")]
    Source(#[source] io::Error),
    /// Every name is taken by other content.
    #[error("no free name for {name}")]
    NoName {
        /// The name as it was to be.
        name: String,
    },
    /// Any other failure of the file system.
    #[error("the web folder could not be written: {0}")]
    Io(#[source] io::Error),
}

impl WebFolderError {
    /// Whether every other file would fail in the same way, so that it is not worth trying more of them in this run.
    #[must_use]
    pub const fn concerns_all(&self) -> bool {
        matches!(self, Self::NotThere { .. } | Self::Full { .. } | Self::Insecure { .. } | Self::LoginRejected | Self::Offline { .. })
    }

    fn of(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full { cause: error.to_string() },
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Self::NotAllowed { cause: error.to_string() },
            _ => Self::Io(error),
        }
    }
}

impl WebFolderWriter {
    /// A writer for `folder`. `secret` is the password of a WebDAV collection. Nothing is looked at or sent yet.
    pub fn open(folder: &WebFolder, secret: Option<String>) -> Result<Self, WebFolderError> {
        let place = match folder {
            WebFolder::Path(root) => Place::Local(LocalFolder::new(root)),
            WebFolder::WebDav { url, user, .. } => Place::WebDav(DavFolder::new(url, user.clone(), secret)?),
        };
        Ok(Self { place })
    }

    /// Stores `content`, whose SHA-256 is `digest`, as `file_name` in `customer_folder`, a path below the web folder. Both names
    /// are made safe first; missing folders are made. Reading and writing of files is done off the async threads.
    pub async fn store(
        &self,
        customer_folder: &str,
        file_name: &str,
        content: impl Read + Send + 'static,
        digest: &Digest,
    ) -> Result<StoredAt, WebFolderError> {
        let folders = safe_path(customer_folder);
        let names = Names::new(file_name, digest);
        match &self.place {
            Place::Local(local) => {
                let (local, digest) = (local.clone(), digest.clone());
                blocking(move || local.store(&folders, &names, content, &digest)).await
            }
            Place::WebDav(dav) => {
                let digest = digest.clone();
                let spooled = blocking(move || web_dav::spool(content, &digest)).await?;
                dav.store(&folders, &names, &spooled).await
            }
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, WebFolderError> + Send + 'static) -> Result<T, WebFolderError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(WebFolderError::Io(io::Error::other(error))))
}

/// Names to try for a file, in order: its own, with numbers, at last with a part of its digest. The same content always gets the
/// same names, and the search for a free one is bounded.
#[derive(Debug, Clone)]
struct Names {
    name: String,
    mark: String,
}

impl Names {
    fn new(file_name: &str, digest: &Digest) -> Self {
        Self { name: safe_file_name(file_name), mark: digest.as_str().chars().take(16).collect() }
    }

    fn iter(&self) -> impl Iterator<Item = String> {
        std::iter::once(self.name.clone())
            .chain((2..=MAX_NUMBER).map(|n| numbered(&self.name, n)))
            .chain(std::iter::once(told_apart(&self.name, &self.mark)))
    }

    fn exhausted(&self) -> WebFolderError {
        WebFolderError::NoName { name: self.name.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r37_a_full_disk_and_a_missing_right_are_told_from_other_failures() {
        let of = |kind| WebFolderError::of(io::Error::from(kind));
        assert!(matches!(of(ErrorKind::StorageFull), WebFolderError::Full { .. }));
        assert!(matches!(of(ErrorKind::QuotaExceeded), WebFolderError::Full { .. }));
        assert!(matches!(of(ErrorKind::PermissionDenied), WebFolderError::NotAllowed { .. }));
        assert!(matches!(of(ErrorKind::ReadOnlyFilesystem), WebFolderError::NotAllowed { .. }));
        assert!(matches!(of(ErrorKind::BrokenPipe), WebFolderError::Io(_)));
    }

    #[test]
    fn r37_the_search_for_a_name_is_bounded_and_ends_with_the_digest() {
        let names: Vec<_> = Names::new("../a.pdf", &Digest::of(b"x")).iter().collect();
        assert_eq!(names.len(), 21);
        assert_eq!([names[0].as_str(), names[1].as_str(), names[19].as_str()], ["_a.pdf", "_a (2).pdf", "_a (20).pdf"]);
        assert_eq!(names[20], "_a (2d711642b726b044).pdf");
    }
}
