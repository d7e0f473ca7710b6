//! NAMESPACE (RFC 2342).

use super::super::wire::Command;

/// The command; its answer is one untagged response.
pub(in super::super) fn command() -> Command {
    Command::new("NAMESPACE")
}
