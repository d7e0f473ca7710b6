//! The port to a mailbox server. UIDs are 32-bit and valid under a UIDVALIDITY, as in RFC 9051; everything else is neutral.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::Duration;

use crate::model::{MailboxName, RawMail};

use super::GroupwareError;

/// A set of UIDs, in ascending order.
pub type UidSet = BTreeSet<u32>;

/// One authenticated session with a mailbox server. Commands are strictly one after the other; a session that returned
/// [`GroupwareError::Offline`], `Timeout`, `Protocol` or `TooLarge` is dead and must be dropped.
pub trait MailStore: Send + Sync {
    /// What the server can do, known after the login.
    fn features(&self) -> &MailStoreFeatures;

    /// Every mailbox, selectable or not.
    fn mailboxes(&mut self) -> impl Future<Output = Result<Vec<Mailbox>, GroupwareError>> + Send;

    /// Creates a mailbox with its parents. One that exists already is no error.
    fn create_mailbox(&mut self, name: &MailboxName) -> impl Future<Output = Result<(), GroupwareError>> + Send;

    /// Opens a mailbox. It stays selected for the commands below.
    fn select(&mut self, name: &MailboxName, access: Access) -> impl Future<Output = Result<Selected, GroupwareError>> + Send;

    /// Opens a mailbox that was known before, for writing, and tells which UIDs vanished since, as inclusive ranges. Only with
    /// [`MailStoreFeatures::qresync`]. What is told has vanished; more may have.
    fn resync(
        &mut self,
        name: &MailboxName,
        known: Known,
    ) -> impl Future<Output = Result<(Selected, Vec<(u32, u32)>), GroupwareError>> + Send;

    /// Counters of a mailbox that is not selected.
    fn status(&mut self, name: &MailboxName) -> impl Future<Output = Result<MailboxStatus, GroupwareError>> + Send;

    /// UIDs in the selected mailbox that fulfil `query`. Complete or an error, never partial.
    fn search(&mut self, query: &Query) -> impl Future<Output = Result<UidSet, GroupwareError>> + Send;

    /// Size and keywords without bodies. A UID that is gone is missing from the answer.
    fn traits(&mut self, uids: &UidSet) -> impl Future<Output = Result<BTreeMap<u32, MailTraits>, GroupwareError>> + Send;

    /// The same with Message-ID, for recognising a mail without its body.
    fn identities(&mut self, uids: &UidSet) -> impl Future<Output = Result<BTreeMap<u32, MailTraits>, GroupwareError>> + Send;

    /// Bodies, without setting `\Seen`. A UID that is gone is missing from the answer; large bodies are spooled. `expected` holds the
    /// traits from before: a body of another size is checked again, because Courier 5.0 makes up a message for an expunged one.
    fn fetch(&mut self, expected: &BTreeMap<u32, MailTraits>) -> impl Future<Output = Result<Vec<FetchedMail>, GroupwareError>> + Send;

    /// Sets `add`, clears `remove` where all of `add` stuck (so that a mail never loses its old mark without having the new one), and reads
    /// the keywords back. A UID that is gone is missing from the answer.
    fn store_keywords(
        &mut self,
        uids: &UidSet,
        add: &[String],
        remove: &[String],
    ) -> impl Future<Output = Result<BTreeMap<u32, BTreeSet<String>>, GroupwareError>> + Send;

    /// Moves with MOVE (RFC 6851). Only when [`MailStoreFeatures::can_move`].
    fn move_mails(&mut self, uids: &UidSet, target: &MailboxName) -> impl Future<Output = Result<Moved, GroupwareError>> + Send;

    /// Copies (for servers without MOVE).
    fn copy_mails(&mut self, uids: &UidSet, target: &MailboxName) -> impl Future<Output = Result<Copied, GroupwareError>> + Send;

    /// Removes mails for good: STORE `\Deleted`, then UID EXPUNGE (RFC 4315); without UIDPLUS, EXPUNGE only if no other mail
    /// of the mailbox bears `\Deleted`, else they stay marked.
    fn remove_mails(&mut self, uids: &UidSet) -> impl Future<Output = Result<(), GroupwareError>> + Send;

    /// Waits until the selected mailbox changes or `at_most` has passed: IDLE where offered, with a poll beside it.
    fn wait(&mut self, at_most: Duration) -> impl Future<Output = Result<Wakeup, GroupwareError>> + Send;

    /// Says goodbye. Never fails: a lost goodbye loses nothing.
    fn close(self) -> impl Future<Output = ()> + Send
    where
        Self: Sized;
}

/// Signs in to a mailbox server, as often as a session breaks.
pub trait MailConnector: Send + Sync {
    /// The session it gives.
    type Store: MailStore;

    /// Connects and signs in.
    fn connect(&self) -> impl Future<Output = Result<Self::Store, GroupwareError>> + Send;
}

/// What the server can do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MailStoreFeatures {
    /// Capability names as the server states them, upper case, sorted.
    pub capabilities: BTreeSet<String>,
    /// The hierarchy separator; `None` for a flat server.
    pub separator: Option<char>,
    /// Prefix of the personal namespace, for example `INBOX.`; empty for most.
    pub personal_prefix: String,
    /// MOVE (RFC 6851).
    pub can_move: bool,
    /// UIDPLUS (RFC 4315).
    pub uid_plus: bool,
    /// CONDSTORE (RFC 7162): a mailbox has a HIGHESTMODSEQ.
    pub condstore: bool,
    /// QRESYNC (RFC 7162), enabled: the server tells which UIDs vanished.
    pub qresync: bool,
    /// IDLE (RFC 2177).
    pub idle: bool,
    /// What the server says of itself (ID, RFC 2971, or its greeting), for `doctor`.
    pub server: String,
}

/// One mailbox of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// Decoded name.
    pub name: MailboxName,
    /// Separator of this branch.
    pub separator: Option<char>,
    /// It can be selected (neither `\Noselect` nor `\NonExistent`).
    pub selectable: bool,
    /// Special use (RFC 6154), if stated.
    pub special_use: Option<SpecialUse>,
}

/// Special-use attributes (RFC 6154) that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are those of RFC 6154")]
pub enum SpecialUse {
    All,
    Archive,
    Drafts,
    Flagged,
    Junk,
    Sent,
    Trash,
}

/// How a mailbox is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// EXAMINE: nothing can be changed. A dry run uses it.
    ReadOnly,
    /// SELECT.
    ReadWrite,
}

/// What was known of a mailbox at an earlier time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its UIDVALIDITY.
    pub uid_validity: u32,
    /// Its HIGHESTMODSEQ.
    pub highest_modseq: u64,
}

/// State of a mailbox when it was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// UIDVALIDITY. DavMail always says 1.
    pub uid_validity: u32,
    /// UIDNEXT, where stated.
    pub uid_next: Option<u32>,
    /// Number of mails.
    pub exists: u32,
    /// HIGHESTMODSEQ, where the mailbox has one.
    pub highest_modseq: Option<u64>,
    /// New keywords can be set (`PERMANENTFLAGS` has `\*`).
    pub keywords_allowed: bool,
    /// Keywords the mailbox knows already, as spelled by the server.
    pub known_keywords: BTreeSet<String>,
    /// It was opened read-only, whatever was asked for.
    pub read_only: bool,
}

/// Counters of a mailbox.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MailboxStatus {
    /// Number of mails.
    pub messages: Option<u32>,
    /// UIDNEXT.
    pub uid_next: Option<u32>,
    /// UIDVALIDITY.
    pub uid_validity: Option<u32>,
    /// HIGHESTMODSEQ.
    pub highest_modseq: Option<u64>,
}

/// Which mails are looked for. Mails that bear `\Deleted` are never found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Only UIDs at or above this one (a server may return its last mail beyond it; the adapter filters that).
    pub from_uid: Option<u32>,
    /// Only mails that bear this keyword.
    pub with_keyword: Option<String>,
    /// Only mails that do not bear this keyword.
    pub without_keyword: Option<String>,
    /// Only mails with this Message-ID (normalised). Some servers find nothing (Stalwart 0.15): then compare headers.
    pub message_id: Option<String>,
}

/// What is known of a mail without its body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MailTraits {
    /// RFC822.SIZE. Not exact on every server.
    pub size: u64,
    /// Keywords (no system flags), as spelled by the server.
    pub keywords: BTreeSet<String>,
    /// When the server received it.
    pub internal_date: Option<chrono::DateTime<chrono::FixedOffset>>,
    /// Message-ID, normalised; only from [`MailStore::identities`].
    pub message_id: Option<String>,
}

/// One mail with its body.
#[derive(Debug, Clone)]
pub struct FetchedMail {
    /// Its UID.
    pub uid: u32,
    /// Traits as of the fetch.
    pub traits: MailTraits,
    /// The bytes.
    pub raw: RawMail,
}

/// Outcome of a MOVE. A UID in neither was gone before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moved {
    /// Source UID → UID in the target, where the server says so (COPYUID).
    pub targets: BTreeMap<u32, u32>,
}

/// Outcome of a COPY.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copied {
    /// Source UID → UID in the target, where the server says so (COPYUID). Empty without UIDPLUS.
    pub targets: BTreeMap<u32, u32>,
}

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wakeup {
    /// Something changed in the selected mailbox.
    Changed,
    /// Nothing did, as far as the server says.
    Elapsed,
}
