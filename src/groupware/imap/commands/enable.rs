//! ENABLE (RFC 5161).

use super::super::wire::Command;

/// Asks for HIGHESTMODSEQ (RFC 7162 §3.1.8) and, with `qresync`, for the UIDs that vanish (§3.2.3). The outcome does not matter: SELECT
/// shows whether a mailbox has a HIGHESTMODSEQ, and a server that offers QRESYNC without ENABLE has no part in it.
pub(in super::super) fn changes(qresync: bool) -> Command {
    Command::new("ENABLE").arg(if qresync { "QRESYNC" } else { "CONDSTORE" })
}
