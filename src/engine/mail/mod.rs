//! The mail import: find → fetch → read → match → post → journal → mark or move.
//!
//! While one batch is being posted, the next is fetched and read. A mail leaves its folder, or gets its mark, only after the CRM's
//! answer for it is in the journal (V1); whatever is cut off in between is taken up by the next run.

mod attachments;
mod deliver;
mod job;
mod place;
mod plan;
mod read;
mod recover;
mod settle;
mod survey;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::crm::{Crm, CrmError};
use crate::groupware::{Access, GroupwareError, MailConnector, MailStore as _, MailTraits, Selected};
use crate::journal::{AreaCount, Change, Cursor};
use crate::model::{Area, ItemKey, MailboxName};
use crate::sync::{Remedy, classify, halves, plan_sets};

use super::context::Context;
use super::error::EngineError;
use super::events::RunEvent;

pub use job::MailJob;
pub use plan::{MailPreview, plan};

use read::Prepared;
use survey::Survey;

/// UIDs whose sizes are asked for at once, so that the first batch is on its way before the last size is known.
const PLAN_AHEAD: usize = 1_500;

/// Sessions opened anew in one run after a session broke at a mail: enough to single out a handful of poison mails.
const RECONNECTS: usize = 40;

/// Bytes of bodies in memory at the same time: one batch being posted, one being fetched.
const BATCH_BYTES: u64 = 6 * 1024 * 1024;

/// One import in progress.
pub(super) struct Import<'a, N: MailConnector, C> {
    connector: &'a N,
    store: N::Store,
    crm: &'a C,
    job: &'a MailJob,
    ctx: &'a Context,
    /// The mailbox that is selected now.
    open: Option<(MailboxName, Selected)>,
    /// Where imported mails are moved.
    archive: MailboxName,
    count: AreaCount,
    /// Settled from an earlier run's answer: counted already.
    recovered: BTreeSet<ItemKey>,
    /// Sessions that may still be opened anew after one broke at a mail.
    reconnects: usize,
}

/// Imports every selected mail of the account in `store`, a session of `connector`. Returns whether the user stopped it at a batch
/// border. On an error, what was done before is in the journal and in `count`.
pub async fn import<N: MailConnector, C: Crm>(
    connector: &N,
    store: N::Store,
    crm: &C,
    job: &MailJob,
    ctx: &Context,
    count: &mut AreaCount,
) -> Result<bool, EngineError> {
    let mut import = Import::new(connector, store, crm, job, ctx);
    let result = import.run().await;
    *count = import.count;
    import.store.close().await;
    result
}

impl<'a, N: MailConnector, C: Crm> Import<'a, N, C> {
    fn new(connector: &'a N, store: N::Store, crm: &'a C, job: &'a MailJob, ctx: &'a Context) -> Self {
        let archive = MailboxName(job.settings.archive_folder.clone());
        let (count, recovered) = (AreaCount::default(), BTreeSet::new());
        Self { connector, store, crm, job, ctx, open: None, archive, count, recovered, reconnects: RECONNECTS }
    }

    /// Returns whether the user stopped it.
    async fn run(&mut self) -> Result<bool, EngineError> {
        self.recover().await?;
        let mut surveys: VecDeque<Survey> = self.survey_all(Access::ReadWrite).await?.into();
        self.count.left = surveys.iter().map(|survey| survey.uids.len() as u64).sum();
        while let Some(survey) = surveys.pop_front() {
            if !self.import_mailbox(survey).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Imports one mailbox and moves its cursor. `false` when the user stopped it.
    async fn import_mailbox(&mut self, survey: Survey) -> Result<bool, EngineError> {
        let mut complete = true;
        if !survey.uids.is_empty() {
            match self.open_mailbox(&survey.source.mailbox).await {
                Ok(selected) if selected.uid_validity == survey.selected.uid_validity => {}
                // Recreated since the survey, or deleted: the next run surveys it anew.
                Ok(_) | Err(EngineError::Groupware(GroupwareError::NoSuchMailbox { .. })) => {
                    self.count.left -= survey.uids.len() as u64;
                    return Ok(true);
                }
                Err(error) => return Err(error),
            }
            let uids: Vec<u32> = survey.uids.iter().copied().collect();
            for chunk in uids.chunks(PLAN_AHEAD) {
                match self.import_chunk(&survey, chunk).await? {
                    ChunkEnd::Done => {}
                    ChunkEnd::Unsettled => complete = false,
                    ChunkEnd::Stopped => return Ok(false),
                }
            }
        }
        if complete && survey.moves_cursor {
            self.move_cursor(&survey).await?;
        }
        Ok(true)
    }

    /// Fetches, posts, settles and places some UIDs of the selected mailbox, batch after batch.
    async fn import_chunk(&mut self, survey: &Survey, uids: &[u32]) -> Result<ChunkEnd, EngineError> {
        let asked = uids.iter().copied().collect();
        let traits = self.store.traits(&asked).await?;
        let gone: Vec<u32> = uids.iter().copied().filter(|uid| !traits.contains_key(uid)).collect();
        let mut sets: VecDeque<BTreeMap<u32, MailTraits>> = plan_sets(&traits, &self.job.capabilities.limits, BATCH_BYTES)
            .into_iter()
            .map(|set| set.into_iter().filter_map(|uid| Some((uid, traits.get(&uid)?.clone()))).collect())
            .collect();
        drop(traits);
        let mut end = ChunkEnd::Done;
        let mut current = Prepared { gone, ..Prepared::default() };
        loop {
            let next_set = sets.pop_front();
            let (store, crm, job, ctx) = (&mut self.store, self.crm, self.job, self.ctx);
            let next = async {
                match &next_set {
                    Some(set) => read::prepare(store, job, ctx, survey, set).await.map(Some),
                    None => Ok(None),
                }
            };
            let posted = !current.imports.is_empty();
            let (delivery, next) = tokio::join!(deliver::deliver(crm, job, ctx, std::mem::take(&mut current.imports)), next);
            // What the CRM has answered is settled before any error of the other half is looked at.
            let delivery = delivery?;
            let stop: Option<CrmError> = delivery.stop;
            let intents = self.settle(survey, current, delivery.answered, delivery.finished).await?;
            let next = match next {
                Ok(next) => next,
                Err(error) => Some(self.single_out(survey, next_set.unwrap_or_default(), &mut sets, error).await?),
            };
            self.place(intents).await?;
            self.ctx.tell(&RunEvent::Progress { area: Area::Mail, count: self.count });
            if let Some(error) = stop {
                return Err(error.into());
            }
            if delivery.unsettled > 0 {
                end = ChunkEnd::Unsettled;
            }
            let Some(prepared) = next else { return Ok(end) };
            if self.ctx.cancel.is_cancelled() || (posted && !self.ctx.go_on(self.count.left).await) {
                return Ok(ChunkEnd::Stopped);
            }
            current = prepared;
        }
    }

    /// A set could not be read: its halves are tried in a new session, and a mail that fails alone is parked (V10).
    async fn single_out(
        &mut self,
        survey: &Survey,
        set: BTreeMap<u32, MailTraits>,
        sets: &mut VecDeque<BTreeMap<u32, MailTraits>>,
        error: EngineError,
    ) -> Result<Prepared, EngineError> {
        let reason = match &error {
            EngineError::Groupware(failure) => match classify::groupware(failure) {
                Remedy::Bisect { reason } if self.reconnects > 0 => reason,
                _ => return Err(error),
            },
            _ => return Err(error),
        };
        self.reconnects -= 1;
        self.store = self.connector.connect().await?;
        self.open = None;
        self.open_mailbox(&survey.source.mailbox).await?;
        let mut prepared = Prepared::default();
        if set.len() == 1 {
            prepared.unreadable = set.into_iter().map(|(uid, traits)| (uid, traits, reason.clone())).collect();
        } else {
            let (first, second) = halves(set.into_iter().collect());
            sets.push_front(second.into_iter().collect());
            sets.push_front(first.into_iter().collect());
        }
        Ok(prepared)
    }

    /// Selects a mailbox unless it is selected already.
    async fn open_mailbox(&mut self, name: &MailboxName) -> Result<Selected, EngineError> {
        if let Some((open, selected)) = &self.open
            && open == name
        {
            return Ok(selected.clone());
        }
        self.open = None;
        let selected = self.store.select(name, Access::ReadWrite).await?;
        self.open = Some((name.clone(), selected.clone()));
        Ok(selected)
    }

    /// Everything the survey found is settled: the next run starts behind it (V3).
    async fn move_cursor(&self, survey: &Survey) -> Result<(), EngineError> {
        let Some(uid_next) = survey.selected.uid_next else { return Ok(()) };
        let cursor = Cursor::Mailbox {
            uid_validity: survey.selected.uid_validity,
            uid_next,
            highest_modseq: survey.selected.highest_modseq,
            rules: self.job.rules.clone(),
        };
        let collection = survey.source.mailbox.0.clone();
        self.ctx.commit(vec![Change::SetCursor { account: self.ctx.account.clone(), area: Area::Mail, collection, cursor }]).await
    }
}

/// How a chunk of UIDs ended.
enum ChunkEnd {
    /// Every UID is settled.
    Done,
    /// Some are not: the cursor stays.
    Unsettled,
    /// The user stopped at a batch border.
    Stopped,
}
