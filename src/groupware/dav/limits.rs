//! Bounds of the client in time and size.

use std::time::Duration;

/// Bounds of one DAV account. The defaults suit people's servers; tests make them small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DavLimits {
    /// Until a connection stands, TLS included.
    pub connect: Duration,
    /// A question about one resource.
    pub question: Duration,
    /// A listing. Radicale 3.9 needs 94 s for the first one of 5,000 events after its start.
    pub listing: Duration,
    /// Some items with their content.
    pub items: Duration,
    /// Writing or removing an item.
    pub write: Duration,
    /// Writing an item with participants: Cyrus 3.6 and SOGo 5.8 send the invitations while the client waits.
    pub write_meeting: Duration,
    /// Largest answer in bytes, decompressed.
    pub answer: usize,
    /// Items asked for in one request.
    pub chunk: usize,
}

impl Default for DavLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            question: Duration::from_secs(30),
            listing: Duration::from_mins(2),
            items: Duration::from_mins(1),
            write: Duration::from_mins(1),
            write_meeting: Duration::from_mins(3),
            answer: 64 * 1024 * 1024,
            chunk: 50,
        }
    }
}

/// How long a request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    Question,
    Listing,
    Items,
    Write,
    WriteMeeting,
}

impl DavLimits {
    pub(super) const fn of(&self, patience: Patience) -> Duration {
        match patience {
            Patience::Question => self.question,
            Patience::Listing => self.listing,
            Patience::Items => self.items,
            Patience::Write => self.write,
            Patience::WriteMeeting => self.write_meeting,
        }
    }
}
