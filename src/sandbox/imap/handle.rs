//! Looking into the server and changing it while it runs.

use std::collections::BTreeSet;
use std::sync::{Arc, MutexGuard, PoisonError};

use bytes::Bytes;
use chrono::{DateTime, FixedOffset, Utc};

use super::super::oauth::Bearers;
use super::change::haunts;
use super::faults::{Counters, Fault, Trigger};
use super::quirks::{Keywords, Quirks};
use super::session::State;
use super::store::Account;
use super::{ImapHandle, User};

/// One mail as it lies on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMail {
    /// Its UID.
    pub uid: u32,
    /// System flags and keywords.
    pub flags: BTreeSet<String>,
    /// When it was received.
    pub internal_date: DateTime<FixedOffset>,
    /// Its modification sequence.
    pub modseq: u64,
    /// Its bytes.
    pub raw: Bytes,
}

impl StoredMail {
    /// Whether it bears this flag or keyword, in any case.
    #[must_use]
    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|known| known.eq_ignore_ascii_case(flag))
    }
}

/// Names are decoded and whole, for example `INBOX/Import Folder`; [`ImapHandle::name`] joins them with the server's separator. What
/// names a user or mailbox that is not there does nothing and returns nothing.
impl ImapHandle {
    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, user: &str, change: impl FnOnce(&mut Account, &Quirks) -> Option<T>) -> Option<T> {
        let mut state = self.state();
        let State { accounts, quirks, .. } = &mut *state;
        let result = change(accounts.get_mut(user)?, quirks);
        drop(state);
        self.shared.tell_change();
        result
    }

    /// The full name of a mailbox from its path, for example `["INBOX", "Import Folder"]`.
    #[must_use]
    pub fn name(&self, path: &[&str]) -> String {
        let state = self.state();
        let joined = path.join(&state.namespace.separator.to_string());
        if path.first() == Some(&"INBOX") { joined } else { format!("{}{joined}", state.namespace.prefix) }
    }

    /// The user's mailboxes that can be selected, sorted.
    #[must_use]
    pub fn mailboxes(&self, user: &str) -> Vec<String> {
        let state = self.state();
        let Some(account) = state.accounts.get(user) else { return Vec::new() };
        account.all().filter(|mailbox| mailbox.selectable).map(|mailbox| mailbox.name.clone()).collect()
    }

    /// The mails of a mailbox by UID.
    #[must_use]
    pub fn mails(&self, user: &str, mailbox: &str) -> Vec<StoredMail> {
        let state = self.state();
        let Some(mailbox) = state.accounts.get(user).and_then(|account| account.get(mailbox)) else { return Vec::new() };
        let mails = mailbox.messages.iter().map(|(uid, message)| StoredMail {
            uid: *uid,
            flags: message.flags.iter().map(ToString::to_string).collect(),
            internal_date: message.internal_date,
            modseq: message.modseq,
            raw: message.raw.clone(),
        });
        mails.collect()
    }

    /// Number of mails in a mailbox.
    #[must_use]
    pub fn count(&self, user: &str, mailbox: &str) -> usize {
        self.state().accounts.get(user).and_then(|account| account.get(mailbox)).map_or(0, |mailbox| mailbox.messages.len())
    }

    /// Makes a mailbox, with its parents, or leaves it as it is.
    pub fn create_mailbox(&self, user: &str, mailbox: &str) {
        let separator = self.state().namespace.separator;
        self.change(user, |account, quirks| {
            for (at, _) in mailbox.match_indices(separator) {
                if let Some(parent) = mailbox.get(..at)
                    && account.get(parent).is_none()
                {
                    account.create(parent).selectable = quirks.real_parents;
                }
            }
            account.create(mailbox).selectable = true;
            Some(())
        });
    }

    /// Gives a mailbox a special use (RFC 6154), for example `\Sent`.
    pub fn set_special_use(&self, user: &str, mailbox: &str, special_use: Option<&'static str>) {
        self.change(user, |account, _| {
            account.get_mut(mailbox)?.special_use = special_use;
            Some(())
        });
    }

    /// Removes a mailbox, selected or not.
    pub fn delete_mailbox(&self, user: &str, mailbox: &str) {
        self.change(user, |account, _| account.delete(mailbox));
    }

    /// Adds a mail received now, making the mailbox if it is not there; its UID, or 0 for a user who is not there.
    pub fn append(&self, user: &str, mailbox: &str, raw: impl Into<Bytes>, flags: &[&str]) -> u32 {
        self.append_at(user, mailbox, raw, flags, Utc::now().fixed_offset())
    }

    /// Like [`Self::append`], received at `date`.
    pub fn append_at(&self, user: &str, mailbox: &str, raw: impl Into<Bytes>, flags: &[&str], date: DateTime<FixedOffset>) -> u32 {
        let there = self.state().accounts.get(user).is_some_and(|account| account.get(mailbox).is_some());
        if !there {
            self.create_mailbox(user, mailbox);
        }
        let added = self.change(user, |account, _| {
            let mailbox = account.get_mut(mailbox)?;
            let flags = mailbox.intern(flags.iter().copied(), Keywords::Kept).unwrap_or_default();
            Some(mailbox.add(raw.into(), flags, date))
        });
        added.unwrap_or_default()
    }

    /// Replaces the flags and keywords of a mail, as another client would.
    pub fn set_flags(&self, user: &str, mailbox: &str, uid: u32, flags: &[&str]) {
        self.change(user, |account, _| {
            let mailbox = account.get_mut(mailbox)?;
            let flags = mailbox.intern(flags.iter().copied(), Keywords::Kept).unwrap_or_default();
            mailbox.set_flags(uid, flags)
        });
    }

    /// Removes mails for good, as another client would.
    pub fn expunge(&self, user: &str, mailbox: &str, uids: &[u32]) {
        self.change(user, |account, quirks| {
            let mailbox = account.get_mut(mailbox)?;
            for uid in uids {
                mailbox.expunge(*uid, haunts(quirks));
            }
            Some(())
        });
    }

    /// Gives a mail other bytes under its UID, which no server may do (RFC 9051 §2.3.1.1) and some do.
    pub fn rewrite(&self, user: &str, mailbox: &str, uid: u32, raw: impl Into<Bytes>) {
        let raw = raw.into();
        self.change(user, |account, _| {
            account.get_mut(mailbox)?.messages.get_mut(&uid)?.raw = raw;
            Some(())
        });
    }

    /// UIDVALIDITY of a mailbox, whatever the server states.
    #[must_use]
    pub fn uid_validity(&self, user: &str, mailbox: &str) -> Option<u32> {
        Some(self.state().accounts.get(user)?.get(mailbox)?.uid_validity)
    }

    /// Gives a mailbox a new UIDVALIDITY and numbers its mails from 1. Sessions that have it selected lose it.
    pub fn bump_uid_validity(&self, user: &str, mailbox: &str) {
        self.change(user, |account, _| {
            account.bump_validity(mailbox);
            Some(())
        });
    }

    /// Adds a user, or gives one a new password and token; mailboxes stay.
    pub fn set_user(&self, user: &User) {
        let mut state = self.state();
        let account = state.accounts.entry(user.name.clone()).or_insert_with(|| Account::new("", None));
        account.password.clone_from(&user.password);
        account.token.clone_from(&user.token);
    }

    /// Lets somebody judge bearer tokens, from the next login on.
    pub fn judge_bearers(&self, bearers: Arc<dyn Bearers>) {
        self.state().bearers = Some(bearers);
    }

    /// Changes what the server offers and how it behaves, from the next command on.
    pub fn quirks(&self, change: impl FnOnce(&mut Quirks)) {
        change(&mut self.state().quirks);
    }

    /// Sets a fault. Several may wait for their moments.
    pub fn fault(&self, trigger: Trigger, fault: Fault) {
        self.state().faults.arm(trigger, fault);
    }

    /// Takes back every fault that has not struck.
    pub fn clear_faults(&self) {
        self.state().faults.clear();
    }

    /// What was asked of the server since the start or [`Self::reset_counters`].
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.state().counters.clone()
    }

    /// Sets the counters to zero and empties the log.
    pub fn reset_counters(&self) {
        let mut state = self.state();
        state.counters = Counters::default();
        state.log.clear();
    }

    /// The commands so far, each with the number of its connection, without tag, literals and login data: `1 UID FETCH 1:* (FLAGS)`. The first 20,000.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.state().log.clone()
    }

    /// Ends every connection at once, without BYE.
    pub fn drop_connections(&self) {
        self.shared.kick();
    }
}
