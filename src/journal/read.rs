//! What the journal knows. Every read is a short transaction of its own and sees the last commit.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::tables::{
    BATCHES, BINDINGS, CONSENTS, CURSORS, HISTORY, INTENTS, LOCATED, LOCKS, PARKED, RUN_ITEMS, RUN_ITEMS_BY_MESSAGE_ID, RUNS, SETTLED,
    SETTLED_BY_MESSAGE_ID, SUCCESSES,
};
use super::{Consent, Cursor, HistoryEntry, Journal, JournalError, Located, Lock, Parked, PendingBatch, RunItem, RunRecord, SettledMail};
use crate::model::{AccountId, Area, Instant, Intent, ItemKey, MailboxName, RunId};

/// A look-up of one UID costs about as much as passing over this many UIDs in a range.
const PASSED_OVER_FOR_ONE_LOOKUP: u64 = 16;

impl Journal {
    /// Outcome of a mail.
    pub fn settled_mail(&self, account: &AccountId, key: &ItemKey) -> Result<Option<SettledMail>, JournalError> {
        self.store().read(|txn| SETTLED.get(txn, (account.as_str(), key.as_str())))
    }

    /// Outcomes of those of `keys` that have one.
    pub fn settled_among(&self, account: &AccountId, keys: &BTreeSet<ItemKey>) -> Result<BTreeMap<ItemKey, SettledMail>, JournalError> {
        self.store().read(|txn| SETTLED.among(txn, keys, |key| (account.as_str(), key.as_str())))
    }

    /// Settled mails with this normalised Message-ID, of one account or of all.
    pub fn settled_mails_by_message_id(
        &self,
        account: Option<&AccountId>,
        message_id: &str,
    ) -> Result<Vec<(AccountId, ItemKey, SettledMail)>, JournalError> {
        self.store().read(|txn| {
            let mut found = Vec::new();
            let first = (message_id, account.map_or("", AccountId::as_str), "");
            for row in SETTLED_BY_MESSAGE_ID.open(txn)?.range(first..)? {
                let (row, _) = row?;
                let (id, row_account, key) = row.value();
                if id != message_id || account.is_some_and(|account| account.as_str() != row_account) {
                    break;
                }
                // The index may hold more than the table, never less.
                if let Some(mail) = SETTLED.get(txn, (row_account, key))?
                    && mail.message_id.as_deref() == Some(message_id)
                {
                    found.push((row_account.into(), key.into(), mail));
                }
            }
            Ok(found)
        })
    }

    /// Whether any mail of the account was ever settled: no means a first run, or a lost journal (X11).
    pub fn has_settled_mails(&self, account: &AccountId) -> Result<bool, JournalError> {
        self.store().read(|txn| {
            let row = SETTLED.open(txn)?.range((account.as_str(), "")..)?.next().transpose()?;
            Ok(row.is_some_and(|(key, _)| key.value().0 == account.as_str()))
        })
    }

    /// At most `limit` settled mails in the order of their keys, beginning behind `after`.
    pub fn settled_mails_page(
        &self,
        account: &AccountId,
        after: Option<&ItemKey>,
        limit: usize,
    ) -> Result<Vec<(ItemKey, SettledMail)>, JournalError> {
        self.store().read(|txn| {
            let account = account.as_str();
            let first = after.map_or(Bound::Included((account, "")), |after| Bound::Excluded((account, after.as_str())));
            let mut page = Vec::new();
            for row in SETTLED.open(txn)?.range::<(&str, &str)>((first, Bound::Unbounded))?.take(limit) {
                let (key, json) = row?;
                let (row_account, item) = key.value();
                if row_account != account {
                    break;
                }
                page.push((item.into(), SETTLED.decode(&key.value(), json.value())?));
            }
            Ok(page)
        })
    }

    /// Every UID of a mailbox that needs no fetch.
    pub fn located(&self, account: &AccountId, mailbox: &MailboxName, uid_validity: u32) -> Result<BTreeMap<u32, Located>, JournalError> {
        self.located_between(account, mailbox, uid_validity, 0, u32::MAX, |_| true)
    }

    /// Those of `uids` that need no fetch.
    pub fn located_in(
        &self,
        account: &AccountId,
        mailbox: &MailboxName,
        uid_validity: u32,
        uids: &BTreeSet<u32>,
    ) -> Result<BTreeMap<u32, Located>, JournalError> {
        let (Some(&first), Some(&last)) = (uids.first(), uids.last()) else { return Ok(BTreeMap::new()) };
        let span = u64::from(last.saturating_sub(first));
        if span / PASSED_OVER_FOR_ONE_LOOKUP < uids.len() as u64 {
            return self.located_between(account, mailbox, uid_validity, first, last, |uid| uids.contains(&uid));
        }
        self.store().read(|txn| {
            let table = LOCATED.open(txn)?;
            let mut found = BTreeMap::new();
            for &uid in uids {
                let key = (account.as_str(), mailbox.0.as_str(), uid_validity, uid);
                if let Some(json) = table.get(key)? {
                    found.insert(uid, LOCATED.decode(&key, json.value())?);
                }
            }
            Ok(found)
        })
    }

    fn located_between(
        &self,
        account: &AccountId,
        mailbox: &MailboxName,
        uid_validity: u32,
        first: u32,
        last: u32,
        wanted: impl Fn(u32) -> bool,
    ) -> Result<BTreeMap<u32, Located>, JournalError> {
        self.store().read(|txn| {
            let key = |uid| (account.as_str(), mailbox.0.as_str(), uid_validity, uid);
            let mut found = BTreeMap::new();
            for row in LOCATED.open(txn)?.range(key(first)..=key(last))? {
                let (key, json) = row?;
                let uid = key.value().3;
                if wanted(uid) {
                    found.insert(uid, LOCATED.decode(&key.value(), json.value())?);
                }
            }
            Ok(found)
        })
    }

    /// How far a collection (by its mailbox name or id) has been read.
    pub fn cursor(&self, account: &AccountId, area: Area, collection: &str) -> Result<Option<Cursor>, JournalError> {
        self.store().read(|txn| CURSORS.get(txn, (account.as_str(), area.name(), collection)))
    }

    /// Writes without an outcome, oldest first.
    pub fn intents(&self, account: &AccountId) -> Result<Vec<Intent>, JournalError> {
        let mut intents = self.store().read(|txn| {
            let mut intents = Vec::new();
            for row in INTENTS.open(txn)?.range::<&str>(..)? {
                let (key, json) = row?;
                let intent = INTENTS.decode(&key.value(), json.value())?;
                if intent.operation.account == *account {
                    intents.push(intent);
                }
            }
            Ok(intents)
        })?;
        intents.sort_by(|a, b| (a.decided_at, &a.operation.id).cmp(&(b.decided_at, &b.operation.id)));
        Ok(intents)
    }

    /// Batches without an answer, oldest first.
    pub fn pending_batches(&self, account: &AccountId) -> Result<Vec<PendingBatch>, JournalError> {
        let mut batches = self.store().read(|txn| {
            let mut batches = Vec::new();
            for row in BATCHES.open(txn)?.range::<&str>(..)? {
                let (key, json) = row?;
                let batch = BATCHES.decode(&key.value(), json.value())?;
                if batch.account == *account {
                    batches.push(batch);
                }
            }
            Ok(batches)
        })?;
        batches.sort_by(|a, b| (a.created_at, &a.key).cmp(&(b.created_at, &b.key)));
        Ok(batches)
    }

    /// Items that wait, of one account or of all, by account, area and id.
    pub fn parked(&self, account: Option<&AccountId>) -> Result<Vec<Parked>, JournalError> {
        self.store().read(|txn| {
            let mut parked = Vec::new();
            for row in PARKED.open(txn)?.range((account.map_or("", AccountId::as_str), "", "")..)? {
                let (key, json) = row?;
                if account.is_some_and(|account| account.as_str() != key.value().0) {
                    break;
                }
                parked.push(PARKED.decode(&key.value(), json.value())?);
            }
            Ok(parked)
        })
    }

    /// One item that waits.
    pub fn parked_entry(&self, area: Area, account: &AccountId, id: &str) -> Result<Option<Parked>, JournalError> {
        self.store().read(|txn| PARKED.get(txn, (account.as_str(), area.name(), id)))
    }

    /// Parked entries of those of `keys` that have one.
    pub fn parked_among(
        &self,
        area: Area,
        account: &AccountId,
        keys: &BTreeSet<ItemKey>,
    ) -> Result<BTreeMap<ItemKey, Parked>, JournalError> {
        self.store().read(|txn| PARKED.among(txn, keys, |key| (account.as_str(), area.name(), key.as_str())))
    }

    /// At most `limit` runs, newest first.
    pub fn runs(&self, limit: usize) -> Result<Vec<RunRecord>, JournalError> {
        self.store().read(|txn| {
            let mut runs = Vec::new();
            for row in RUNS.open(txn)?.range::<&str>(..)?.rev().take(limit) {
                let (key, json) = row?;
                runs.push(RUNS.decode(&key.value(), json.value())?);
            }
            Ok(runs)
        })
    }

    /// One run.
    pub fn run(&self, id: &RunId) -> Result<Option<RunRecord>, JournalError> {
        self.store().read(|txn| RUNS.get(txn, id.as_str()))
    }

    /// At most `limit` items of a run in the order they were dealt with, each with its number, beginning behind number `after`.
    pub fn run_items(&self, run: &RunId, after: Option<u64>, limit: usize) -> Result<Vec<(u64, RunItem)>, JournalError> {
        self.store().read(|txn| {
            let run = run.as_str();
            let first = after.map_or(Bound::Included((run, 0)), |after| Bound::Excluded((run, after)));
            let last = Bound::Included((run, u64::MAX));
            let mut items = Vec::new();
            for row in RUN_ITEMS.open(txn)?.range::<(&str, u64)>((first, last))?.take(limit) {
                let (key, json) = row?;
                items.push((key.value().1, RUN_ITEMS.decode(&key.value(), json.value())?));
            }
            Ok(items)
        })
    }

    /// How many items a run has: they are numbered without gaps.
    pub fn run_item_count(&self, run: &RunId) -> Result<u64, JournalError> {
        self.store().read(|txn| {
            let run = run.as_str();
            let last = RUN_ITEMS.open(txn)?.range::<(&str, u64)>((run, 0)..=(run, u64::MAX))?.next_back().transpose()?;
            Ok(last.map_or(0, |(key, _)| key.value().1.saturating_add(1)))
        })
    }

    /// What runs did with mails of this normalised Message-ID, newest first (X16).
    pub fn run_items_by_message_id(&self, message_id: &str) -> Result<Vec<(RunId, RunItem)>, JournalError> {
        self.store().read(|txn| {
            let mut items = Vec::new();
            for row in RUN_ITEMS_BY_MESSAGE_ID.open(txn)?.range((message_id, "", 0)..)? {
                let (key, _) = row?;
                let (id, run, number) = key.value();
                if id != message_id {
                    break;
                }
                if let Some(item) = RUN_ITEMS.get(txn, (run, number))? {
                    items.push((run.into(), item));
                }
            }
            items.reverse();
            Ok(items)
        })
    }

    /// The user's agreement to writes.
    pub fn consent(&self, account: &AccountId, area: Area) -> Result<Option<Consent>, JournalError> {
        self.store().read(|txn| CONSENTS.get(txn, (account.as_str(), area.name())))
    }

    /// The lock of an account, if its password was rejected.
    pub fn lock(&self, account: &AccountId) -> Result<Option<Lock>, JournalError> {
        self.store().read(|txn| LOCKS.get(txn, account.as_str()))
    }

    /// The mailbox that has a role.
    pub fn binding(&self, account: &AccountId, role: &str) -> Result<Option<MailboxName>, JournalError> {
        self.store().read(|txn| BINDINGS.get(txn, (account.as_str(), role)))
    }

    /// When the account last succeeded.
    pub fn last_success(&self, account: &AccountId) -> Result<Option<Instant>, JournalError> {
        self.store().read(|txn| SUCCESSES.get(txn, account.as_str()))
    }

    /// At most `limit` writes that changed something, newest first, each with its number.
    pub fn history(&self, limit: usize) -> Result<Vec<(u64, HistoryEntry)>, JournalError> {
        self.store().read(|txn| {
            let mut entries = Vec::new();
            for row in HISTORY.open(txn)?.range::<u64>(..)?.rev().take(limit) {
                let (key, json) = row?;
                entries.push((key.value(), HISTORY.decode(&key.value(), json.value())?));
            }
            Ok(entries)
        })
    }
}
