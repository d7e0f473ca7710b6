//! The mail import: find → fetch → read → match → post → journal → mark or move.
//!
//! While one batch is being posted, the next is read and the one after it fetched. A mail leaves its folder, or gets its mark, only after the CRM's
//! answer for it is in the journal (V1); whatever is cut off in between is taken up by the next run.

mod attachments;
mod deliver;
mod job;
mod parking;
mod place;
mod plan;
mod read;
mod recover;
mod settle;
mod survey;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::crm::{Crm, CrmError};
use crate::groupware::{Access, MailConnector, MailStore, MailTraits, Selected};
use crate::journal::{AreaCount, Change, Cursor};
use crate::model::{Area, Instant, ItemKey, MailboxName};
use crate::sync::{Remedy, classify, halves, plan_sets};

use super::context::Context;
use super::error::EngineError;
use super::events::RunEvent;
use super::run::sign_in;

pub use job::MailJob;
pub use plan::{MailPreview, plan};

use read::Prepared;
use settle::Ledger;
use survey::{Survey, is_of_mailbox};

/// UIDs whose sizes are asked for at once, so that the first batch is on its way before the last size is known.
const PLAN_AHEAD: usize = 1_500;

/// Sessions opened anew in one run after a session broke at a mail: enough to single out a handful of poison mails.
const RECONNECTS: usize = 40;

/// Bytes of bodies of a batch. Three are in memory at the same time: one being posted, one being read, one being fetched.
const BATCH_BYTES: u64 = 4 * 1024 * 1024;

/// Mails to be fetched together.
type Set = BTreeMap<u32, MailTraits>;

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
    /// When the import began: what is due is judged by it.
    started: Instant,
    /// Parked entries whose next try had come when the import began.
    due: BTreeSet<String>,
    /// Parked entries of mails that could not be read.
    unread: BTreeSet<String>,
    /// Mailboxes that were searched, with their UIDVALIDITY.
    surveyed: BTreeSet<(MailboxName, u32)>,
    /// No mailbox was passed over.
    all_seen: bool,
    /// A batch was posted since the user was last asked whether to go on.
    posted: bool,
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
        Self {
            connector,
            store,
            crm,
            job,
            ctx,
            open: None,
            archive,
            count: AreaCount::default(),
            recovered: BTreeSet::new(),
            reconnects: RECONNECTS,
            started: ctx.now(),
            due: BTreeSet::new(),
            unread: BTreeSet::new(),
            surveyed: BTreeSet::new(),
            all_seen: true,
            posted: false,
        }
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
        self.release_lost().await?;
        Ok(false)
    }

    /// Imports one mailbox and moves its cursor. `false` when the user stopped it.
    async fn import_mailbox(&mut self, survey: Survey) -> Result<bool, EngineError> {
        let mut complete = true;
        if !survey.uids.is_empty() {
            match self.import_found(&survey).await? {
                ImportEnd::Done => {}
                ImportEnd::Unsettled => complete = false,
                ImportEnd::Lost => (complete, self.all_seen) = (false, false),
                ImportEnd::Stopped => return Ok(false),
            }
        }
        if complete && survey.moves_cursor {
            self.move_cursor(&survey).await?;
        }
        Ok(true)
    }

    /// Fetches, posts, settles and places what the survey found, batch after batch.
    async fn import_found(&mut self, survey: &Survey) -> Result<ImportEnd, EngineError> {
        let mut settled = Ledger::default();
        let end = self.import_sets(survey, &mut settled).await;
        // Whatever ended it: what the CRM has answered is settled before any error is looked at.
        self.ctx.commit(std::mem::take(&mut settled.changes)).await?;
        let end = end?;
        self.finish_set(&mut settled).await?;
        Ok(end)
    }

    /// While one set is being posted, the next is read and the one after it fetched. The outcome of a set goes to disk together with the batch of
    /// the next one, one commit for both, and only then are its mails placed; until that it is in `settled`. When the session breaks, what
    /// was fetched before is imported all the same.
    async fn import_sets(&mut self, survey: &Survey, settled: &mut Ledger) -> Result<ImportEnd, EngineError> {
        let mut plan = SetPlan::new(survey);
        let mut end = ImportEnd::Done;
        let (mut current, mut fetched): (Prepared, Option<Prepared>) = (Prepared::default(), None);
        let mut broken = None;
        loop {
            // Placing mails may have closed or changed it.
            if !plan.is_done() && !self.open_surveyed(survey).await? {
                return Ok(ImportEnd::Lost);
            }
            let (store, crm, job, ctx) = (&mut self.store, self.crm, self.job, self.ctx);
            let fetch = async {
                let PlannedSet { set, gone } = match plan.next(store, job).await {
                    Ok(Some(planned)) => planned,
                    Ok(None) => return Ok(None),
                    Err(error) => return Err((error, None)),
                };
                match read::fetch(store, job, &set).await {
                    Ok(prepared) => Ok(Some(prepared.with_gone(gone))),
                    Err(error) => Err((error, Some(PlannedSet { set, gone }))),
                }
            };
            let reading = async {
                match fetched.take() {
                    Some(fetched) => read::read(fetched, job, ctx, survey).await.map(Some),
                    None => Ok(None),
                }
            };
            let delivery = async {
                read::sort(&mut current, job, ctx, survey)?;
                let imports = std::mem::take(&mut current.imports);
                deliver::deliver(crm, job, ctx, imports, std::mem::take(&mut settled.changes)).await
            };
            let (delivery, next, after_next) = tokio::join!(delivery, reading, fetch);
            let delivery = delivery?;
            self.posted |= !delivery.answered.is_empty();
            let stop: Option<CrmError> = delivery.stop;
            // On disk by now: the mails of the set before may be placed.
            let intents = std::mem::take(&mut settled.intents);
            *settled = self.settle(survey, current, delivery.answered, delivery.finished).await?;
            fetched = match after_next {
                Ok(fetched) => fetched,
                Err((error, set)) => match self.single_out(set, &mut plan, error).await {
                    Ok(fetched) => Some(fetched),
                    Err(error) => {
                        broken = Some(error);
                        plan.give_up();
                        None
                    }
                },
            };
            let next = next?;
            if broken.is_none() {
                self.place(intents).await?;
            }
            self.ctx.tell(&RunEvent::Progress { area: Area::Mail, count: self.count });
            if let Some(error) = stop {
                self.finish_set(settled).await?;
                return Err(error.into());
            }
            if delivery.unsettled > 0 {
                end = ImportEnd::Unsettled;
            }
            if next.is_none() && fetched.is_none() && plan.is_done() {
                return broken.map_or(Ok(end), Err);
            }
            if self.ctx.cancel.is_cancelled() {
                return Ok(ImportEnd::Stopped);
            }
            if std::mem::take(&mut self.posted) && self.ctx.observer.asks() {
                // The user may take long, and finds nothing half done meanwhile.
                self.finish_set(settled).await?;
                if !self.ctx.go_on(self.count.left).await {
                    return Ok(ImportEnd::Stopped);
                }
            }
            current = next.unwrap_or_default();
        }
    }

    /// Writes the outcome of a set to disk, then places its mails.
    async fn finish_set(&mut self, settled: &mut Ledger) -> Result<(), EngineError> {
        let Ledger { changes, intents } = std::mem::take(settled);
        self.ctx.commit(changes).await?;
        self.place(intents).await
    }

    /// A set could not be read: its halves are tried in a new session, and a mail that fails alone is parked (V10).
    async fn single_out(&mut self, planned: Option<PlannedSet>, plan: &mut SetPlan, error: EngineError) -> Result<Prepared, EngineError> {
        let Some(PlannedSet { set, gone }) = planned else { return Err(error) };
        let reason = match &error {
            EngineError::Groupware(failure) => match classify::groupware(failure) {
                Remedy::Bisect { reason } if self.reconnects > 0 => reason,
                _ => return Err(error),
            },
            _ => return Err(error),
        };
        self.reconnects -= 1;
        self.open = None;
        // A rejection locks here as anywhere (V11).
        self.store = sign_in(self.connector, self.crm, self.ctx).await?;
        let mut prepared = Prepared { gone, ..Prepared::default() };
        if set.len() == 1 {
            prepared.unreadable = set.into_iter().map(|(uid, traits)| (uid, traits, reason.clone())).collect();
        } else {
            let (first, second) = halves(set.into_iter().collect());
            plan.sets.push_front(second.into_iter().collect());
            plan.sets.push_front(first.into_iter().collect());
        }
        Ok(prepared)
    }

    /// Selects the surveyed mailbox. `false` when it was recreated since, or cannot be opened any more: the next run surveys it anew.
    async fn open_surveyed(&mut self, survey: &Survey) -> Result<bool, EngineError> {
        match self.open_mailbox(&survey.source.mailbox).await {
            Ok(selected) => Ok(selected.uid_validity == survey.selected.uid_validity),
            Err(EngineError::Groupware(error)) if is_of_mailbox(&error) => Ok(false),
            Err(error) => Err(error),
        }
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

/// What a survey found, cut into sets bit by bit.
struct SetPlan {
    /// UIDs whose sizes were not asked for yet.
    ahead: VecDeque<u32>,
    sets: VecDeque<Set>,
    /// Of the UIDs that were asked for: those that are there no more.
    gone: Vec<u32>,
}

/// The next set, and UIDs that turned out to be gone.
struct PlannedSet {
    set: Set,
    gone: Vec<u32>,
}

impl SetPlan {
    fn new(survey: &Survey) -> Self {
        Self { ahead: survey.uids.iter().copied().collect(), sets: VecDeque::new(), gone: Vec::new() }
    }

    fn is_done(&self) -> bool {
        self.ahead.is_empty() && self.sets.is_empty()
    }

    /// Nothing more is fetched.
    fn give_up(&mut self) {
        self.ahead.clear();
        self.sets.clear();
    }

    /// The next set of the selected mailbox; without mails when all of its UIDs are gone.
    async fn next<S: MailStore>(&mut self, store: &mut S, job: &MailJob) -> Result<Option<PlannedSet>, EngineError> {
        if self.is_done() {
            return Ok(None);
        }
        if self.sets.is_empty() {
            let asked = self.ahead.drain(..PLAN_AHEAD.min(self.ahead.len())).collect();
            let traits = store.traits(&asked).await?;
            self.gone.extend(asked.iter().copied().filter(|uid| !traits.contains_key(uid)));
            let sets = plan_sets(&traits, &job.capabilities.limits, BATCH_BYTES);
            self.sets.extend(
                sets.into_iter().map(|set| set.into_iter().filter_map(|uid| Some((uid, traits.get(&uid)?.clone()))).collect::<Set>()),
            );
        }
        Ok(Some(PlannedSet { set: self.sets.pop_front().unwrap_or_default(), gone: std::mem::take(&mut self.gone) }))
    }
}

/// How the import of a mailbox ended.
enum ImportEnd {
    /// Every UID is settled.
    Done,
    /// Some are not: the cursor stays.
    Unsettled,
    /// The mailbox is another one now, or gone: the cursor stays.
    Lost,
    /// The user stopped at a batch border.
    Stopped,
}
