//! The fake mailbox server behind the port.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crmsync::groupware::{
    Access, Copied, FetchedMail, GroupwareError, Known, LoginRefusal, MailConnector, MailStore, MailStoreFeatures, MailTraits, Mailbox,
    MailboxStatus, Moved, Query, Selected, UidSet, Wakeup,
};
use crmsync::model::{MailboxName, RawMail};

use crate::world::{Fate, ServerMailbox, State, World};

/// Signs in to the fake server.
pub(crate) struct FakeConnector(pub World);

/// A session.
pub(crate) struct FakeStore {
    world: World,
    features: MailStoreFeatures,
    selected: Option<String>,
    broken: bool,
}

fn offline() -> GroupwareError {
    GroupwareError::Offline { server: "fake:143".into(), cause: "cut off".into() }
}

fn no_such(name: &MailboxName) -> GroupwareError {
    GroupwareError::NoSuchMailbox { name: name.0.clone() }
}

impl MailConnector for FakeConnector {
    type Store = FakeStore;

    async fn connect(&self) -> Result<FakeStore, GroupwareError> {
        match self.0.step() {
            Fate::Done => {}
            Fate::Busy => {
                return Err(GroupwareError::Unavailable { server: "fake:143".into(), text: "[UNAVAILABLE]".into(), retry_after: None });
            }
            Fate::LostBefore | Fate::LostAfter => return Err(offline()),
        }
        let mut state = self.0.state();
        state.logins += 1;
        if state.reject_login.is_some_and(|from| state.logins >= from) {
            let refusal = LoginRefusal { code: Some("AUTHENTICATIONFAILED".into()), text: "no".into() };
            return Err(GroupwareError::LoginRejected { server: "fake:143".into(), refusal });
        }
        let features = MailStoreFeatures {
            separator: Some('/'),
            can_move: state.kind.can_move,
            uid_plus: true,
            condstore: state.kind.condstore,
            qresync: state.kind.condstore,
            ..MailStoreFeatures::default()
        };
        Ok(FakeStore { world: self.0.clone(), features, selected: None, broken: false })
    }
}

impl FakeStore {
    /// One command: the session is dead after a lost one.
    fn command<T>(&mut self, work: impl FnOnce(&mut State, Option<&str>) -> Result<T, GroupwareError>) -> Result<T, GroupwareError> {
        if self.broken {
            return Err(offline());
        }
        let fate = self.world.step();
        match fate {
            Fate::LostBefore => {
                self.broken = true;
                return Err(offline());
            }
            Fate::Busy => {
                return Err(GroupwareError::Refused {
                    command: "ANY",
                    code: Some("UNAVAILABLE".into()),
                    text: "[UNAVAILABLE] later".into(),
                });
            }
            Fate::Done | Fate::LostAfter => {}
        }
        let result = work(&mut self.world.state(), self.selected.as_deref());
        if fate == Fate::LostAfter {
            self.broken = true;
            return Err(offline());
        }
        result
    }
}

fn open<'a>(state: &'a mut State, selected: Option<&str>) -> Result<&'a mut ServerMailbox, GroupwareError> {
    let name = selected.expect("a mailbox is selected before its mails are asked for");
    state.mailboxes.get_mut(name).ok_or_else(offline)
}

fn traits(mailbox: &ServerMailbox, uid: u32) -> Option<MailTraits> {
    let mail = mailbox.mails.get(&uid)?;
    Some(MailTraits { size: mail.raw.len() as u64, keywords: mail.keywords.clone(), internal_date: None, message_id: None })
}

fn message_id(raw: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(raw);
    let line = text.lines().find_map(|line| line.strip_prefix("Message-ID: "))?;
    Some(line.trim().trim_matches(['<', '>']).to_owned())
}

impl MailStore for FakeStore {
    fn features(&self) -> &MailStoreFeatures {
        &self.features
    }

    async fn mailboxes(&mut self) -> Result<Vec<Mailbox>, GroupwareError> {
        self.command(|state, _| {
            let name =
                |name: &String| Mailbox { name: MailboxName(name.clone()), separator: Some('/'), selectable: true, special_use: None };
            Ok(state.mailboxes.keys().map(name).collect())
        })
    }

    async fn create_mailbox(&mut self, name: &MailboxName) -> Result<(), GroupwareError> {
        self.command(|state, _| {
            if state.refuse_create {
                return Err(GroupwareError::Refused { command: "CREATE", code: Some("NOPERM".into()), text: "no".into() });
            }
            let fresh = || ServerMailbox { uid_validity: 7, uid_next: 1, modseq: 1, mails: BTreeMap::new() };
            state.mailboxes.entry(name.0.clone()).or_insert_with(fresh);
            Ok(())
        })
    }

    async fn select(&mut self, name: &MailboxName, access: Access) -> Result<Selected, GroupwareError> {
        self.selected = Some(name.0.clone());
        self.command(|state, _| {
            let kind = state.kind;
            if state.refused.contains(&name.0) {
                return Err(GroupwareError::Refused { command: "SELECT", code: Some("NOPERM".into()), text: "no".into() });
            }
            let mailbox = state.mailboxes.get(&name.0).ok_or_else(|| no_such(name))?;
            Ok(Selected {
                uid_validity: mailbox.uid_validity,
                uid_next: Some(mailbox.uid_next),
                exists: u32::try_from(mailbox.mails.len()).unwrap(),
                highest_modseq: kind.condstore.then_some(mailbox.modseq),
                keywords_allowed: kind.keeps_keywords,
                known_keywords: BTreeSet::new(),
                read_only: access == Access::ReadOnly,
            })
        })
    }

    async fn resync(&mut self, name: &MailboxName, known: Known) -> Result<(Selected, Vec<(u32, u32)>), GroupwareError> {
        assert!(self.features.qresync, "QRESYNC was not offered");
        let selected = self.select(name, Access::ReadWrite).await?;
        let state = self.world.state();
        let gone = |uid: &u32| !state.mailboxes[&name.0].mails.contains_key(uid);
        let vanished = if known.uid_validity == selected.uid_validity {
            (1..state.mailboxes[&name.0].uid_next).filter(gone).map(|uid| (uid, uid)).collect()
        } else {
            Vec::new()
        };
        Ok((selected, vanished))
    }

    async fn status(&mut self, name: &MailboxName) -> Result<MailboxStatus, GroupwareError> {
        self.command(|state, _| {
            let mailbox = state.mailboxes.get(&name.0).ok_or_else(|| no_such(name))?;
            Ok(MailboxStatus { uid_next: Some(mailbox.uid_next), uid_validity: Some(mailbox.uid_validity), ..MailboxStatus::default() })
        })
    }

    async fn search(&mut self, query: &Query) -> Result<UidSet, GroupwareError> {
        self.command(|state, selected| {
            let has = |mail: &crate::world::ServerMail, keyword: &Option<String>| {
                keyword.as_ref().is_some_and(|keyword| mail.keywords.iter().any(|k| k.eq_ignore_ascii_case(keyword)))
            };
            let mailbox = open(state, selected)?;
            let fits = |(uid, mail): &(&u32, &crate::world::ServerMail)| {
                !mail.deleted
                    && query.from_uid.is_none_or(|floor| **uid >= floor)
                    && (query.with_keyword.is_none() || has(mail, &query.with_keyword))
                    && !has(mail, &query.without_keyword)
                    && (query.message_id.is_none() || query.message_id == message_id(&mail.raw))
            };
            Ok(mailbox.mails.iter().filter(fits).map(|(uid, _)| *uid).collect())
        })
    }

    async fn traits(&mut self, uids: &UidSet) -> Result<BTreeMap<u32, MailTraits>, GroupwareError> {
        self.command(|state, selected| {
            let mailbox = open(state, selected)?;
            Ok(uids.iter().filter_map(|uid| Some((*uid, traits(mailbox, *uid)?))).collect())
        })
    }

    async fn identities(&mut self, uids: &UidSet) -> Result<BTreeMap<u32, MailTraits>, GroupwareError> {
        self.command(|state, selected| {
            let mailbox = open(state, selected)?;
            let identity = |uid: &u32| {
                let mail = mailbox.mails.get(uid)?;
                Some((*uid, MailTraits { message_id: message_id(&mail.raw), ..traits(mailbox, *uid)? }))
            };
            Ok(uids.iter().filter_map(identity).collect())
        })
    }

    async fn fetch(&mut self, expected: &BTreeMap<u32, MailTraits>) -> Result<Vec<FetchedMail>, GroupwareError> {
        let name = self.selected.clone().unwrap_or_default();
        let poisoned = expected.keys().any(|uid| self.world.state().unreadable.contains(&(name.clone(), *uid)));
        if poisoned {
            self.broken = true;
            return Err(GroupwareError::Protocol { server: "fake:143".into(), command: "UID FETCH", text: "garbage".into() });
        }
        self.command(|state, selected| {
            let mailbox = open(state, selected)?;
            let fetched = |uid: &u32| {
                let mail = mailbox.mails.get(uid)?;
                Some(FetchedMail { uid: *uid, traits: traits(mailbox, *uid)?, raw: RawMail::from_bytes(mail.raw.clone()) })
            };
            Ok(expected.keys().filter_map(fetched).collect())
        })
    }

    async fn store_keywords(
        &mut self,
        uids: &UidSet,
        add: &[String],
        remove: &[String],
    ) -> Result<BTreeMap<u32, BTreeSet<String>>, GroupwareError> {
        self.command(|state, selected| {
            let kept = state.kind.keeps_keywords;
            state.writes += 1;
            let mailbox = open(state, selected)?;
            mailbox.modseq += 1;
            let mut after = BTreeMap::new();
            for uid in uids {
                let Some(mail) = mailbox.mails.get_mut(uid) else { continue };
                mail.keywords.retain(|keyword| !remove.iter().any(|gone| gone.eq_ignore_ascii_case(keyword)));
                if kept {
                    mail.keywords.extend(add.iter().cloned());
                }
                after.insert(*uid, mail.keywords.clone());
            }
            Ok(after)
        })
    }

    async fn move_mails(&mut self, uids: &UidSet, target: &MailboxName) -> Result<Moved, GroupwareError> {
        assert!(self.features.can_move, "MOVE was not offered");
        self.command(|state, selected| {
            if !state.mailboxes.contains_key(&target.0) {
                return Err(no_such(target));
            }
            state.writes += 1;
            let source = open(state, selected)?;
            source.modseq += 1;
            let moved: Vec<_> = uids.iter().filter_map(|uid| Some((*uid, source.mails.remove(uid)?))).collect();
            let mut targets = BTreeMap::new();
            for (uid, mail) in moved {
                targets.insert(uid, state.append(&target.0, mail.raw, mail.keywords));
            }
            Ok(Moved { targets })
        })
    }

    async fn copy_mails(&mut self, uids: &UidSet, target: &MailboxName) -> Result<Copied, GroupwareError> {
        self.command(|state, selected| {
            if !state.mailboxes.contains_key(&target.0) {
                return Err(no_such(target));
            }
            state.writes += 1;
            let source = open(state, selected)?;
            let copied: Vec<_> = uids.iter().filter_map(|uid| Some((*uid, source.mails.get(uid)?.clone()))).collect();
            let mut targets = BTreeMap::new();
            for (uid, mail) in copied {
                targets.insert(uid, state.append(&target.0, mail.raw, mail.keywords));
            }
            Ok(Copied { targets })
        })
    }

    async fn remove_mails(&mut self, uids: &UidSet) -> Result<(), GroupwareError> {
        self.command(|state, selected| {
            state.writes += 1;
            let mailbox = open(state, selected)?;
            mailbox.modseq += 1;
            mailbox.mails.retain(|uid, _| !uids.contains(uid));
            Ok(())
        })
    }

    async fn wait(&mut self, _: Duration) -> Result<Wakeup, GroupwareError> {
        Ok(Wakeup::Elapsed)
    }

    async fn close(self) {}
}
