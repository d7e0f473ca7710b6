//! Marks and moves mails whose outcome is in the journal (V1). Doing it twice is doing it once: an intent that a crash left behind is
//! simply carried out again, after looking whether a copy was made already.

use std::collections::{BTreeMap, BTreeSet};

use crate::crm::Crm;
use crate::engine::error::EngineError;
use crate::groupware::{GroupwareError, MailConnector, MailStore as _, Query, UidSet};
use crate::journal::{Change, ItemOutcome, Located, LocatedState, Parked, RunItem};
use crate::model::{Action, Area, Intent, MailLocation, MailboxName, OpId, Reason, ReasonCode};
use crate::sync::{Remedy, Target, classify, next_delay};

use super::Import;
use super::parking::keyword_id;

/// Mails that are placed alike, by one command each.
type Likeness = (MailboxName, u32, Vec<String>, Vec<String>, Option<MailboxName>);

impl<N: MailConnector, C: Crm> Import<'_, N, C> {
    /// The mailbox a target stands for.
    pub(super) fn target_mailbox(&self, target: Target) -> MailboxName {
        match target {
            Target::Archive => self.archive.clone(),
            Target::Subfolder(name) => name,
        }
    }

    /// Carries out intents to place mails. What the server refuses for a mail is parked; what breaks the session ends the run, and the
    /// intents stay for the next one.
    pub(super) async fn place(&mut self, intents: Vec<Intent>) -> Result<(), EngineError> {
        let mut alike: BTreeMap<Likeness, Vec<Intent>> = BTreeMap::new();
        for intent in intents {
            // Intents of other areas are theirs to recover.
            let Action::PlaceMail { location, add, remove, move_to, .. } = &intent.operation.action else { continue };
            let likeness = (location.mailbox.clone(), location.uid_validity, add.clone(), remove.clone(), move_to.clone());
            alike.entry(likeness).or_default().push(intent);
        }
        for ((mailbox, uid_validity, add, remove, move_to), group) in alike {
            match self.open_mailbox(&mailbox).await {
                Ok(selected) if selected.uid_validity == uid_validity => {}
                // The UIDs mean other mails now. What is still there is found again, known, and placed then.
                Ok(_) | Err(EngineError::Groupware(GroupwareError::NoSuchMailbox { .. })) => {
                    self.drop_intents(&group).await?;
                    continue;
                }
                Err(error) => return Err(error),
            }
            self.place_alike(&group, &add, &remove, move_to.as_ref()).await?;
        }
        Ok(())
    }

    /// Places mails of the selected mailbox that need the same.
    async fn place_alike(
        &mut self,
        group: &[Intent],
        add: &[String],
        remove: &[String],
        move_to: Option<&MailboxName>,
    ) -> Result<(), EngineError> {
        let uids: UidSet = group.iter().filter_map(location).map(|location| location.uid).collect();
        let mut loose = BTreeSet::new();
        if self.open.as_ref().is_some_and(|(_, selected)| selected.read_only) {
            // A copy would be made whose original cannot be removed.
            let error = GroupwareError::Refused { command: "STORE", code: Some("READ-ONLY".to_owned()), text: String::new() };
            return self.refused(group, error).await;
        }
        if !add.is_empty() || !remove.is_empty() {
            match self.store.store_keywords(&uids, add, remove).await {
                Ok(after) => loose = not_sticking(&after, add),
                Err(error) => return self.refused(group, error).await,
            }
        }
        if let Some(target) = move_to {
            match self.move_all(group, &uids, target).await {
                Err(EngineError::Groupware(error)) => return self.refused(group, error).await,
                moved => moved?,
            }
        } else if !loose.is_empty() {
            self.park_mailbox(group, &loose).await?;
        }
        let mut changes = Vec::new();
        if !add.is_empty() && loose.is_empty() {
            changes.extend(self.release_mailbox(group)?);
        }
        for intent in group {
            changes.extend(self.placed(intent, move_to.is_some())?);
        }
        self.ctx.commit(changes).await
    }

    /// A mail is where it belongs. If it is settled, it waits no longer; else it is marked as not found and waits where it lies now.
    fn placed(&self, intent: &Intent, moved: bool) -> Result<Vec<Change>, EngineError> {
        let (account, item) = (&self.ctx.account, &intent.operation.item);
        let mut changes = vec![Change::RemoveIntent(intent.operation.id.clone())];
        let Some(place) = location(intent).cloned() else { return Ok(changes) };
        let waits = match self.ctx.journal.parked_entry(Area::Mail, account, item.as_str())? {
            Some(entry) if self.ctx.journal.settled_mail(account, item)?.is_none() => {
                if moved && entry.location.as_ref() == Some(&place) {
                    // Its new UID is not known without COPYUID; the next run finds it in its sub-folder.
                    changes.push(Change::Park(Parked { location: None, ..entry }));
                }
                true
            }
            Some(entry) => {
                changes.push(Change::Unpark { area: entry.area, account: entry.account, id: entry.id });
                false
            }
            None => false,
        };
        if moved {
            changes.push(Change::ForgetLocation(place));
        } else if !waits {
            let located = Located { key: Some(item.clone()), state: LocatedState::Done };
            changes.push(Change::Locate { location: place, located });
        }
        Ok(changes)
    }

    /// Moves mails, creating the target when it is missing.
    async fn move_all(&mut self, group: &[Intent], uids: &UidSet, target: &MailboxName) -> Result<(), EngineError> {
        if !self.store.features().can_move {
            return self.copy_and_remove(group, uids, target).await;
        }
        match self.store.move_mails(uids, target).await {
            Err(GroupwareError::NoSuchMailbox { .. }) => {
                self.store.create_mailbox(target).await?;
                self.store.move_mails(uids, target).await?;
            }
            moved => drop(moved?),
        }
        Ok(())
    }

    /// COPY, then removal, for servers without MOVE. Before the first COPY the target's UIDNEXT is journalled: a copy that a crash left
    /// behind lies at or above it, and is recognised by Message-ID and size.
    async fn copy_and_remove(&mut self, group: &[Intent], uids: &UidSet, target: &MailboxName) -> Result<(), EngineError> {
        let status = match self.store.status(target).await {
            Err(GroupwareError::NoSuchMailbox { .. }) => {
                self.store.create_mailbox(target).await?;
                self.store.status(target).await?
            }
            status => status?,
        };
        let mut to_copy = uids.clone();
        for uid in self.copied_before(group, target).await? {
            to_copy.remove(&uid);
        }
        let mut started = Vec::new();
        for intent in group {
            let mut intent = intent.clone();
            let Action::PlaceMail { target_uid_next, .. } = &mut intent.operation.action else { continue };
            if target_uid_next.is_none() {
                *target_uid_next = status.uid_next.or(Some(1));
                started.push(Change::PutIntent(intent));
            }
        }
        self.ctx.commit(started).await?;
        // A mail that is gone from the source was removed after its copy was made, or by somebody else: nothing is left to do.
        let present: UidSet = self.store.traits(uids).await?.into_keys().collect();
        to_copy.retain(|uid| present.contains(uid));
        if !to_copy.is_empty()
            && let Err(error) = self.store.copy_mails(&to_copy, target).await
        {
            if matches!(classify::groupware(&error), Remedy::Park { .. }) {
                // A COPY that is refused has copied nothing (RFC 9051 §6.4.7).
                self.ctx.commit(group.iter().cloned().map(Change::PutIntent).collect()).await?;
            }
            return Err(error.into());
        }
        if !present.is_empty() {
            self.store.remove_mails(&present).await?;
        }
        Ok(())
    }

    /// UIDs of the group that an earlier, cut-off attempt has copied. A copy stands for one mail only: mails that look alike are copied
    /// again rather than removed without a copy. Leaves the source mailbox selected.
    async fn copied_before(&mut self, group: &[Intent], target: &MailboxName) -> Result<UidSet, EngineError> {
        let mut done = UidSet::new();
        let floors = group.iter().filter_map(copied_from);
        let (Some(lowest), Some(first)) = (floors.min(), group.first().and_then(location)) else { return Ok(done) };
        self.open_mailbox(target).await?;
        let newer = self.store.search(&Query { from_uid: Some(lowest), ..Query::default() }).await?;
        let mut copies = if newer.is_empty() { BTreeMap::new() } else { self.store.identities(&newer).await? };
        self.open_mailbox(&first.mailbox).await?;
        for intent in group {
            let Action::PlaceMail { location, message_id, size, target_uid_next: Some(floor), .. } = &intent.operation.action else {
                continue;
            };
            let copy = copies.range(floor..).find(|(_, traits)| traits.message_id == *message_id && traits.size == *size);
            if let Some(copy) = copy.map(|(uid, _)| *uid) {
                copies.remove(&copy);
                done.insert(location.uid);
            }
        }
        Ok(done)
    }

    /// A refusal parks the mails; a broken session ends the run with the intents in place. An intent that has begun to copy stays in place
    /// too: it alone knows of the copy, and without it the next try would make another one.
    async fn refused(&mut self, group: &[Intent], error: GroupwareError) -> Result<(), EngineError> {
        let code = match classify::groupware(&error) {
            Remedy::Park { reason } => reason.code,
            // The target cannot be created or looked at.
            Remedy::StopArea { .. } => ReasonCode::PlacementRefused,
            _ => return Err(error.into()),
        };
        let reason = Reason::new(code, error.to_string());
        let copying: BTreeSet<OpId> =
            self.ctx.journal.intents(&self.ctx.account)?.into_iter().filter(is_copying).map(|intent| intent.operation.id).collect();
        let mut changes = Vec::new();
        for intent in group {
            let Action::PlaceMail { location: place, message_id, .. } = &intent.operation.action else { continue };
            let item = &intent.operation.item;
            if !copying.contains(&intent.operation.id) {
                changes.push(Change::RemoveIntent(intent.operation.id.clone()));
            }
            let settled = self.ctx.journal.settled_mail(&self.ctx.account, item)?;
            let before = self.ctx.journal.parked_entry(Area::Mail, &self.ctx.account, item.as_str())?;
            let line = RunItem {
                area: Area::Mail,
                key: Some(item.clone()),
                title: settled
                    .as_ref()
                    .map(|mail| &mail.subject)
                    .or(before.as_ref().map(|entry| &entry.title))
                    .cloned()
                    .unwrap_or_default(),
                date: settled.as_ref().and_then(|mail| mail.date.clone()),
                collection: place.mailbox.0.clone(),
                outcome: ItemOutcome::Parked,
                reason: Some(reason.clone()),
                record: settled.as_ref().and_then(|mail| mail.record.clone()),
                message_id: message_id.clone(),
            };
            if settled.is_some() {
                let tries = before.as_ref().map_or(0, |entry| entry.tries).saturating_add(1);
                // Full mailboxes and missing rights take a while to be put right.
                let delay = next_delay(tries.saturating_add(4), self.ctx.random.next_u64());
                changes.push(Change::Park(Parked {
                    id: item.0.clone(),
                    area: Area::Mail,
                    account: self.ctx.account.clone(),
                    title: line.title.clone(),
                    date: line.date.clone(),
                    reason: reason.clone(),
                    since: before.map_or_else(|| self.ctx.now(), |entry| entry.since),
                    tries,
                    next_try: chrono::TimeDelta::from_std(delay).ok().map(|delay| self.ctx.now() + delay),
                    location: Some(place.clone()),
                    message_id: message_id.clone(),
                    addresses: Vec::new(),
                    item: None,
                    record: None,
                }));
                let located = Located { key: Some(item.clone()), state: LocatedState::Parked { id: item.0.clone() } };
                changes.push(Change::Locate { location: place.clone(), located });
            }
            // Else only the mark of a mail without a match is missing: its entry stands, and its next try marks it again.
            self.remark(line, &mut changes);
        }
        self.ctx.commit(changes).await
    }

    /// Tells once per mailbox that its server does not keep a keyword.
    async fn park_mailbox(&self, group: &[Intent], loose: &BTreeSet<String>) -> Result<(), EngineError> {
        let Some(place) = group.first().and_then(location) else { return Ok(()) };
        let keywords: Vec<&str> = loose.iter().map(String::as_str).collect();
        let parked = Parked {
            id: keyword_id(&place.mailbox),
            area: Area::Mail,
            account: self.ctx.account.clone(),
            title: place.mailbox.0.clone(),
            date: None,
            reason: Reason::new(ReasonCode::KeywordDidNotStick, keywords.join(", ")),
            since: self.ctx.now(),
            tries: 1,
            next_try: None,
            location: None,
            message_id: None,
            addresses: Vec::new(),
            item: None,
            record: None,
        };
        self.ctx.commit(vec![Change::Park(parked)]).await
    }

    /// The server keeps keywords in this mailbox, now at least.
    fn release_mailbox(&self, group: &[Intent]) -> Result<Option<Change>, EngineError> {
        let Some(place) = group.first().and_then(location) else { return Ok(None) };
        let id = keyword_id(&place.mailbox);
        let parked = self.ctx.journal.parked_entry(Area::Mail, &self.ctx.account, &id)?;
        Ok(parked.map(|_| self.unpark(id)))
    }

    async fn drop_intents(&self, group: &[Intent]) -> Result<(), EngineError> {
        self.ctx.commit(group.iter().map(|intent| Change::RemoveIntent(intent.operation.id.clone())).collect()).await
    }
}

const fn location(intent: &Intent) -> Option<&MailLocation> {
    match &intent.operation.action {
        Action::PlaceMail { location, .. } => Some(location),
        _ => None,
    }
}

/// The target's `UIDNEXT` before the first COPY, if one may have been sent for it.
const fn copied_from(intent: &Intent) -> Option<u32> {
    match &intent.operation.action {
        Action::PlaceMail { target_uid_next, .. } => *target_uid_next,
        _ => None,
    }
}

const fn is_copying(intent: &Intent) -> bool {
    copied_from(intent).is_some()
}

/// Keywords that were to be set and are not there when read back.
fn not_sticking(after: &BTreeMap<u32, BTreeSet<String>>, add: &[String]) -> BTreeSet<String> {
    add.iter()
        .filter(|wanted| after.values().any(|keywords| !keywords.iter().any(|keyword| keyword.eq_ignore_ascii_case(wanted))))
        .cloned()
        .collect()
}
