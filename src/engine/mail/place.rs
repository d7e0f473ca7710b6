//! Marks and moves mails whose outcome is in the journal (V1). Doing it twice is doing it once: an intent that a crash left behind is
//! simply carried out again, after looking whether a copy was made already.

use std::collections::{BTreeMap, BTreeSet};

use crate::crm::Crm;
use crate::engine::error::EngineError;
use crate::groupware::{GroupwareError, MailConnector, MailStore as _, Query, UidSet};
use crate::journal::{Change, Located, LocatedState, Parked};
use crate::model::{Action, Area, Intent, MailLocation, MailboxName, Reason, ReasonCode};
use crate::sync::{Remedy, Target, classify, next_delay};

use super::Import;
use super::settle::location_id;

/// Mails that are placed alike, by one command each.
type Likeness = (MailboxName, u32, Vec<String>, Vec<String>, Option<MailboxName>);

/// What is still to be done after a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Undone {
    /// All of it.
    Whole,
    /// The copy is made; its original is still there.
    Removal,
}

/// The server's refusal, and what it left undone.
type Refusal = (GroupwareError, Undone);

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
            let Action::PlaceMail { location, add, remove, move_to, .. } = &intent.operation.action;
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
        let uids: UidSet = group.iter().map(|intent| location(intent).uid).collect();
        let mut loose = BTreeSet::new();
        if self.open.as_ref().is_some_and(|(_, selected)| selected.read_only) {
            // A copy would be made whose original cannot be removed.
            let error = GroupwareError::Refused { command: "STORE", code: Some("READ-ONLY".to_owned()), text: String::new() };
            return self.refused(group, error, Undone::Whole).await;
        }
        if !add.is_empty() || !remove.is_empty() {
            match self.store.store_keywords(&uids, add, remove).await {
                Ok(after) => loose = not_sticking(&after, add),
                Err(error) => return self.refused(group, error, Undone::Whole).await,
            }
        }
        if let Some(target) = move_to {
            if let Err((error, undone)) = self.move_all(group, &uids, target).await? {
                return self.refused(group, error, undone).await;
            }
        } else if !loose.is_empty() {
            self.park_mailbox(group, &loose).await?;
        }
        let mut changes: Vec<Change> = group.iter().map(|intent| Change::RemoveIntent(intent.operation.id.clone())).collect();
        for intent in group {
            let place = location(intent).clone();
            changes.push(self.unpark(location_id(&place)));
            if move_to.is_some() {
                changes.push(Change::ForgetLocation(place));
            } else if self.ctx.journal.parked_entry(Area::Mail, &self.ctx.account, intent.operation.item.as_str())?.is_none() {
                let located = Located { key: Some(intent.operation.item.clone()), state: LocatedState::Done };
                changes.push(Change::Locate { location: place, located });
            }
        }
        self.ctx.commit(changes).await
    }

    /// Moves mails, creating the target when it is missing. The inner error is the server's refusal.
    async fn move_all(&mut self, group: &[Intent], uids: &UidSet, target: &MailboxName) -> Result<Result<(), Refusal>, EngineError> {
        if !self.store.features().can_move {
            return self.copy_and_remove(group, uids, target).await;
        }
        match self.store.move_mails(uids, target).await {
            Err(GroupwareError::NoSuchMailbox { .. }) => {
                if let Err(error) = self.store.create_mailbox(target).await {
                    return Ok(Err((error, Undone::Whole)));
                }
                Ok(self.store.move_mails(uids, target).await.map(drop).map_err(|error| (error, Undone::Whole)))
            }
            moved => Ok(moved.map(drop).map_err(|error| (error, Undone::Whole))),
        }
    }

    /// COPY, then removal, for servers without MOVE. Before the first COPY the target's UIDNEXT is journalled: a copy that a crash left
    /// behind lies at or above it, and is recognised by Message-ID and size.
    async fn copy_and_remove(&mut self, group: &[Intent], uids: &UidSet, target: &MailboxName) -> Result<Result<(), Refusal>, EngineError> {
        let status = match self.store.status(target).await {
            Ok(status) => status,
            Err(GroupwareError::NoSuchMailbox { .. }) => {
                if let Err(error) = self.store.create_mailbox(target).await {
                    return Ok(Err((error, Undone::Whole)));
                }
                self.store.status(target).await?
            }
            Err(error) => return Ok(Err((error, Undone::Whole))),
        };
        let mut to_copy = uids.clone();
        let mut started = Vec::new();
        for intent in group {
            let mut intent = intent.clone();
            let Action::PlaceMail { location, message_id, size, target_uid_next, .. } = &mut intent.operation.action;
            if let Some(floor) = *target_uid_next {
                let (uid, message_id, size) = (location.uid, message_id.clone(), *size);
                if self.copy_exists(location.mailbox.clone(), target, floor, message_id, size).await? {
                    to_copy.remove(&uid);
                }
            } else {
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
            return Ok(Err((error, Undone::Whole)));
        }
        if present.is_empty() {
            return Ok(Ok(()));
        }
        Ok(self.store.remove_mails(&present).await.map_err(|error| (error, Undone::Removal)))
    }

    /// Whether an earlier, cut-off attempt has copied the mail. Leaves the source mailbox selected.
    async fn copy_exists(
        &mut self,
        source: MailboxName,
        target: &MailboxName,
        floor: u32,
        message_id: Option<String>,
        size: u64,
    ) -> Result<bool, EngineError> {
        self.open_mailbox(target).await?;
        let newer = self.store.search(&Query { from_uid: Some(floor), ..Query::default() }).await?;
        let traits = if newer.is_empty() { BTreeMap::new() } else { self.store.identities(&newer).await? };
        self.open_mailbox(&source).await?;
        Ok(traits.values().any(|traits| traits.message_id == message_id && traits.size == size))
    }

    /// A refusal parks the mails; a broken session ends the run with the intents in place. So does a refusal to remove what was copied:
    /// the intent alone knows of the copy, and without it the next try would make another one.
    async fn refused(&mut self, group: &[Intent], error: GroupwareError, undone: Undone) -> Result<(), EngineError> {
        let Remedy::Park { reason } = classify::groupware(&error) else { return Err(error.into()) };
        let delay = next_delay(5, self.ctx.random.next_u64());
        let next_try = chrono::TimeDelta::from_std(delay).ok().map(|delay| self.ctx.now() + delay);
        let mut changes = Vec::new();
        for intent in group {
            let settled = self.ctx.journal.settled_mail(&self.ctx.account, &intent.operation.item)?;
            let Action::PlaceMail { location, message_id, .. } = &intent.operation.action;
            // By its place, not by its key: each copy of a mail has a mark or move of its own.
            let id = location_id(location);
            if undone == Undone::Whole {
                changes.push(Change::RemoveIntent(intent.operation.id.clone()));
            }
            changes.push(Change::Park(Parked {
                id: id.clone(),
                area: Area::Mail,
                account: self.ctx.account.clone(),
                title: settled.as_ref().map_or_else(String::new, |mail| mail.subject.clone()),
                date: settled.and_then(|mail| mail.date),
                reason: Reason::new(reason.code, error.to_string()),
                since: self.ctx.now(),
                tries: 1,
                next_try,
                location: Some(location.clone()),
                message_id: message_id.clone(),
                addresses: Vec::new(),
            }));
            let located = Located { key: Some(intent.operation.item.clone()), state: LocatedState::Parked { id } };
            changes.push(Change::Locate { location: location.clone(), located });
            self.count.errors += 1;
        }
        self.ctx.commit(changes).await
    }

    /// Tells once per mailbox that its server does not keep a keyword.
    async fn park_mailbox(&self, group: &[Intent], loose: &BTreeSet<String>) -> Result<(), EngineError> {
        let Some(place) = group.first().map(location) else { return Ok(()) };
        let keywords: Vec<&str> = loose.iter().map(String::as_str).collect();
        let parked = Parked {
            id: format!("keyword:{}", place.mailbox),
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
        };
        self.ctx.commit(vec![Change::Park(parked)]).await
    }

    async fn drop_intents(&self, group: &[Intent]) -> Result<(), EngineError> {
        self.ctx.commit(group.iter().map(|intent| Change::RemoveIntent(intent.operation.id.clone())).collect()).await
    }
}

fn location(intent: &Intent) -> &MailLocation {
    let Action::PlaceMail { location, .. } = &intent.operation.action;
    location
}

/// Keywords that were to be set and are not there when read back.
fn not_sticking(after: &BTreeMap<u32, BTreeSet<String>>, add: &[String]) -> BTreeSet<String> {
    add.iter()
        .filter(|wanted| after.values().any(|keywords| !keywords.iter().any(|keyword| keyword.eq_ignore_ascii_case(wanted))))
        .cloned()
        .collect()
}
