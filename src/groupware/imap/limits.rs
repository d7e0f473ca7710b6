//! Bounds of the client: no server can make it wait, grow or recurse beyond them.

use std::time::Duration;

/// Bounds in time and size. The defaults suit people's servers; tests make them small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Until a TCP connection stands, for each address of the server.
    pub connect: Duration,
    /// Until the next byte of an answer.
    pub read: Duration,
    /// Until the next byte of an answer to a login. Servers delay a rejection on purpose: Courier 5.0 by 5 s, Dovecot 2.3 by up to 15 s.
    pub login: Duration,
    /// Until a command is complete, however steadily bytes arrive.
    pub command: Duration,
    /// Between two questions whether anything changed, on a server without IDLE.
    pub poll: Duration,
    /// How long one IDLE lasts before it is ended and asked anew. RFC 2177 says less than 29 minutes; Courier 5.0 and DavMail 6 tell of new mail
    /// only at its end, and a server that was killed leaves a dead connection that only this finds out.
    pub idle: Duration,
    /// Longest answer in bytes, mail bodies aside. 200,000 UIDs of a SEARCH are 1.4 MB.
    pub line: usize,
    /// Longest literal in bytes that is not a mail body (names, header fields).
    pub literal: u64,
    /// Longest mail body in bytes.
    pub body: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            read: Duration::from_mins(1),
            login: Duration::from_mins(1),
            command: Duration::from_mins(30),
            poll: Duration::from_mins(1),
            idle: Duration::from_mins(3),
            line: 16 * 1024 * 1024,
            literal: 1024 * 1024,
            body: 512 * 1024 * 1024,
        }
    }
}
