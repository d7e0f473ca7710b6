//! ENABLE (RFC 5161).

use super::super::wire::Command;

/// Asks for HIGHESTMODSEQ (RFC 7162 §3.1.8). Its outcome does not matter: SELECT shows whether a mailbox has one.
pub(in super::super) fn condstore() -> Command {
    Command::new("ENABLE").arg("CONDSTORE")
}
