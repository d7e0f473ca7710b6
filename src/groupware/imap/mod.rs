//! The IMAP adapter: [`ImapStore`] implements [`MailStore`](super::MailStore).
//!
//! - `transport`: TCP and TLS.
//! - `wire`: bytes to typed responses, tolerant in form, bounded in size, linear in time; commands to bytes.
//! - `commands`: a file per command. Each checks its own tagged status and accounts for every UID it asked for.
//! - `session`: greeting, STARTTLS, login, and the store on top.
//!
//! The adapter speaks from the first byte. A library for it (async-imap 0.12) was weighed and left out: it reports a tagged `NO` and a
//! lost connection as success, has no timeouts, and can be made to abort before the login; `tests/async_imap_limits.rs` shows it.
//!
//! What every server adds to the standard is in the code beside the line that copes with it, with the server's name and version.

mod commands;
mod connector;
mod keyword;
mod limits;
mod names;
mod refusal;
mod session;
mod transport;
mod uid_ranges;
mod wire;

#[cfg(test)]
mod testing;

pub use super::{LoginGate, LoginSecret, Traffic, TrafficSnapshot};
pub use connector::ImapConnector;
pub use keyword::{is_portable_keyword, portable_keyword, same_keyword};
pub use limits::Limits;
pub use session::ImapStore;
