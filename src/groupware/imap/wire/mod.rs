//! The wire: frames of bytes, scanned into typed responses; commands written out.
//!
//! ```text
//! bytes ── connection ──> Frame ── scanner ──> Response        Command ── connection ──> bytes
//! ```
//!
//! A [`frame::Frame`] is one whole response: its line with all its literals. Mail bodies never pass through memory as a whole; they go
//! to a [`RawMailWriter`](crate::model::RawMailWriter) while the frame is read.

mod command;
mod connection;
mod date;
mod fetch_row;
mod frame;
mod response;
mod scanner;
mod status;

pub(super) use command::Command;
pub(super) use connection::{Connection, Io};
pub(super) use fetch_row::{BodyItem, FetchRow};
pub(super) use response::{ListRow, Response, Untagged};
pub(super) use status::{Code, Condition, Status};
