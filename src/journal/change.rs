//! Every change the journal can make. Changes are data, so that a run can be replayed, grouped and cut at any commit in a test.

use crate::model::{AccountId, Area, BatchKey, Instant, Intent, ItemKey, MailLocation, MailboxName, OpId, RunId};

use super::items::{ConflictLoser, ItemPlace, KnownItem, KnownRecord, Pair, Wish};
use super::records::{Consent, Cursor, HistoryEntry, Located, Lock, Parked, PendingBatch, RunItem, RunRecord, SettledMail};

/// One change. `Journal::commit` takes several and makes them in one transaction, in order.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the fields are the key and the value of the table that the variant names")]
pub enum Change {
    /// A mail got its outcome. Also indexes it by Message-ID.
    SettleMail { account: AccountId, key: ItemKey, mail: SettledMail },
    /// A UID is known not to need a fetch.
    Locate { location: MailLocation, located: Located },
    /// A UID is gone, or must be looked at again.
    ForgetLocation(MailLocation),
    /// All UIDs of a mailbox are void: its UIDVALIDITY changed, or it is gone.
    ForgetMailbox { account: AccountId, mailbox: MailboxName },
    /// A cursor moves. `collection` is the mailbox name, or the collection's id.
    SetCursor { account: AccountId, area: Area, collection: String, cursor: Cursor },
    /// A cursor is void: the next run scans the collection whole.
    RemoveCursor { account: AccountId, area: Area, collection: String },
    /// A write is about to be sent.
    PutIntent(Intent),
    /// A write has its outcome.
    RemoveIntent(OpId),
    /// A batch is about to be posted.
    PutBatch(PendingBatch),
    /// A batch has its results, or is given up unsent.
    RemoveBatch(BatchKey),
    /// An item waits for the user or for its next try; replaces the entry with the same id.
    Park(Parked),
    /// An item waits no longer.
    Unpark { area: Area, account: AccountId, id: String },
    /// A run began or ended.
    PutRun(RunRecord),
    /// A run dealt with an item.
    AddRunItem { run: RunId, item: RunItem },
    /// A write changed something that existed.
    AddHistory(HistoryEntry),
    /// The user agreed to writes (R55).
    RecordConsent { account: AccountId, area: Area, consent: Consent },
    /// The user withdrew his agreement.
    RemoveConsent { account: AccountId, area: Area },
    /// The groupware rejected the password (R63).
    LockAccount { account: AccountId, lock: Lock },
    /// The user cleared the lock.
    UnlockAccount(AccountId),
    /// A role (import folder, archive) is bound to a mailbox, once (C19).
    Bind { account: AccountId, role: String, mailbox: MailboxName },
    /// The binding is void because the mailbox is gone.
    Unbind { account: AccountId, role: String },
    /// A pair was made or changed. Keeps its indexes and the area's tally.
    PutPair { account: AccountId, area: Area, key: ItemKey, pair: Box<Pair> },
    /// A pair is no more.
    RemovePair { account: AccountId, area: Area, key: ItemKey },
    /// An item was read or written.
    KnowItem { account: AccountId, area: Area, place: ItemPlace, known: KnownItem },
    /// An item is gone.
    ForgetItem { account: AccountId, area: Area, place: ItemPlace },
    /// A record is not paired, and looked at again later.
    KnowRecord { account: AccountId, area: Area, record: String, known: KnownRecord },
    /// A record is paired, or gone.
    ForgetRecord { account: AccountId, area: Area, record: String },
    /// The user asked for something; replaces what he asked for the same id.
    PutWish { account: AccountId, area: Area, wish: Wish },
    /// It was carried out, or cannot be.
    RemoveWish { account: AccountId, area: Area, id: String },
    /// A value lost in a conflict.
    AddConflictLoser { account: AccountId, area: Area, loser: ConflictLoser },
    /// Deletions and emptied fields were carried out (V8).
    AddRisky { account: AccountId, area: Area, at: Instant, count: u64 },
    /// When an account last succeeded; for "stale" and the status.
    Succeeded { account: AccountId, at: Instant },
}
