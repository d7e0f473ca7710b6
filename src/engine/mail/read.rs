//! Fetches a set of mails, reads them, and decides what becomes of each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::crm::MailImport;
use crate::engine::context::Context;
use crate::engine::error::EngineError;
use crate::groupware::mime::{ReadOptions, read_mail, reduce};
use crate::groupware::{FetchedMail, MailStore, MailTraits};
use crate::journal::{Parked, SettledMail};
use crate::model::{Area, Direction, ItemKey, Mail, MailLocation, RawMail, Reason, ReasonCode};
use crate::sync::{left_out, on_unmatched, reduced_mail, too_large};

use super::MailJob;
use super::survey::Survey;

/// Threads that read mails at the same time, whatever the machine has: each needs up to 2 MiB, and the server is not faster.
const MOST_READERS: usize = 4;

/// A mail that was read, with where it lies.
#[derive(Debug, Clone)]
pub(super) struct ReadMail {
    /// Its identity: that of its content, unless it was settled under another one and its bytes were changed since.
    key: ItemKey,
    pub location: MailLocation,
    pub traits: MailTraits,
    pub mail: Arc<Mail>,
    pub raw: RawMail,
}

impl ReadMail {
    pub(super) fn key(&self) -> ItemKey {
        self.key.clone()
    }
}

/// A set of mails with what becomes of each.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    /// Fetched, and not yet read by [`read`].
    pub fetched: Vec<FetchedMail>,
    /// Read, and not yet sorted in by [`sort`].
    pub unsorted: Vec<ReadMail>,
    /// To be posted. Each key stands here once.
    pub imports: Vec<(ReadMail, MailImport)>,
    /// Further copies of a mail in `imports`: they share its outcome (I2).
    pub copies: Vec<ReadMail>,
    /// Settled before: only their mark or move is missing (I2).
    pub known: Vec<(ReadMail, SettledMail)>,
    /// Parked before under another UID, and not due.
    pub waiting: Vec<(ReadMail, Parked)>,
    /// Left out by a rule.
    pub left_out: Vec<(ReadMail, Reason)>,
    /// Never fetched: too large.
    pub too_large: Vec<(u32, MailTraits, Reason)>,
    /// The server does not deliver its content.
    pub unreadable: Vec<(u32, MailTraits, Reason)>,
    /// Gone before they could be read.
    pub gone: Vec<u32>,
}

impl Prepared {
    /// The same with more UIDs that are gone.
    pub(super) fn with_gone(mut self, gone: Vec<u32>) -> Self {
        self.gone.extend(gone);
        self
    }
}

/// Fetches a set, for [`read`] and then [`sort`]. Bodies stay in memory or in the spool until the set is settled.
pub(super) async fn fetch<S: MailStore>(store: &mut S, job: &MailJob, set: &BTreeMap<u32, MailTraits>) -> Result<Prepared, EngineError> {
    let mut prepared = Prepared::default();
    let mut wanted = BTreeMap::new();
    for (uid, traits) in set {
        match too_large(traits.size, &job.settings, &job.capabilities.limits) {
            Some(reason) => prepared.too_large.push((*uid, traits.clone(), reason)),
            None => {
                wanted.insert(*uid, traits.clone());
            }
        }
    }
    if !wanted.is_empty() {
        prepared.fetched = store.fetch(&wanted).await?;
    }
    let present: BTreeSet<u32> = prepared.fetched.iter().map(|mail| mail.uid).collect();
    let absent: BTreeSet<u32> = wanted.into_keys().filter(|uid| !present.contains(uid)).collect();
    if !absent.is_empty() {
        // Gone, or there and withheld: only the latter waits, and neither may be passed over in silence.
        let withheld = store.traits(&absent).await?;
        prepared.gone = absent.into_iter().filter(|uid| !withheld.contains_key(uid)).collect();
        prepared.unreadable = withheld.into_iter().map(|(uid, traits)| (uid, traits, ReasonCode::Unreadable.into())).collect();
    }
    Ok(prepared)
}

/// Reads the mails of a set that was fetched.
pub(super) async fn read(mut prepared: Prepared, job: &MailJob, ctx: &Context, survey: &Survey) -> Result<Prepared, EngineError> {
    prepared.unsorted = read_all(std::mem::take(&mut prepared.fetched), job, ctx, survey).await?;
    Ok(prepared)
}

/// Decides what becomes of the mails of a set, by what the journal knows now.
pub(super) fn sort(prepared: &mut Prepared, job: &MailJob, ctx: &Context, survey: &Survey) -> Result<(), EngineError> {
    let mut unsorted = std::mem::take(&mut prepared.unsorted);
    let present = unsorted.iter().map(|mail| mail.location.uid).collect();
    let located = ctx.journal.located_in(&ctx.account, &survey.source.mailbox, survey.selected.uid_validity, &present)?;
    for mail in &mut unsorted {
        if let Some(before) = located.get(&mail.location.uid).and_then(|located| located.key.as_ref()) {
            keep_identity(mail, before, ctx)?;
        }
    }
    let keys = unsorted.iter().map(ReadMail::key).collect();
    let earlier = Earlier {
        settled: ctx.journal.settled_among(&ctx.account, &keys)?,
        parked: ctx.journal.parked_among(Area::Mail, &ctx.account, &keys)?,
    };
    for mail in unsorted {
        sort_in(mail, &earlier, prepared, job, ctx, survey)?;
    }
    Ok(())
}

/// What the journal knows of the mails of a set.
struct Earlier {
    settled: BTreeMap<ItemKey, SettledMail>,
    parked: BTreeMap<ItemKey, Parked>,
}

/// A mail that was settled under this UID stays the one it was, though its bytes have changed since. No server may change them (RFC 9051
/// §2.3.1.1), but a scanner behind one may; with another Message-ID it is another mail all the same.
fn keep_identity(mail: &mut ReadMail, before: &ItemKey, ctx: &Context) -> Result<(), EngineError> {
    if mail.key != *before
        && mail.mail.message_id.is_some()
        && ctx.journal.settled_mail(&ctx.account, before)?.is_some_and(|settled| settled.message_id == mail.mail.message_id)
    {
        mail.key = before.clone();
    }
    Ok(())
}

/// Reads mails on threads of their own: parsing is work, not waiting, and the longest part of an import.
async fn read_all(mut fetched: Vec<FetchedMail>, job: &MailJob, ctx: &Context, survey: &Survey) -> Result<Vec<ReadMail>, EngineError> {
    let location = MailLocation {
        account: ctx.account.clone(),
        mailbox: survey.source.mailbox.clone(),
        uid_validity: survey.selected.uid_validity,
        uid: 0,
    };
    let count = fetched.len();
    let share = count.div_ceil(std::thread::available_parallelism().map_or(1, usize::from).min(MOST_READERS)).max(1);
    let mut readers = Vec::new();
    while !fetched.is_empty() {
        let rest = fetched.split_off(share.min(fetched.len()));
        let (mails, options, location) = (std::mem::replace(&mut fetched, rest), job.read_options(), location.clone());
        readers.push(tokio::task::spawn_blocking(move || read_some(mails, &options, &location)));
    }
    let mut read = Vec::with_capacity(count);
    for reader in readers {
        let mails = reader.await.map_err(|error| EngineError::Task(error.to_string()))?;
        read.extend(mails.map_err(|cause| EngineError::Folder { path: ctx.spool.display().to_string(), cause })?);
    }
    Ok(read)
}

fn read_some(fetched: Vec<FetchedMail>, options: &ReadOptions, location: &MailLocation) -> std::io::Result<Vec<ReadMail>> {
    let read_one = |fetched: FetchedMail| {
        let mail = Arc::new(read_mail(&fetched.raw, options)?);
        let location = MailLocation { uid: fetched.uid, ..location.clone() };
        Ok(ReadMail { location, traits: fetched.traits, key: mail.item_key(), mail, raw: fetched.raw })
    };
    fetched.into_iter().map(read_one).collect()
}

/// Decides what becomes of one mail.
fn sort_in(
    read: ReadMail,
    earlier: &Earlier,
    prepared: &mut Prepared,
    job: &MailJob,
    ctx: &Context,
    survey: &Survey,
) -> Result<(), EngineError> {
    let key = read.key();
    if let Some(settled) = earlier.settled.get(&key) {
        prepared.known.push((read, settled.clone()));
        return Ok(());
    }
    if let Some(reason) = left_out(&read.mail, &job.addresses, &job.settings) {
        prepared.left_out.push((read, reason));
        return Ok(());
    }
    if let Some(parked) = earlier.parked.get(&key)
        && parked.next_try.is_none_or(|at| at > ctx.now())
        && parked.location.as_ref() != Some(&read.location)
    {
        prepared.waiting.push((read, parked.clone()));
        return Ok(());
    }
    if prepared.imports.iter().any(|(_, import)| import.key == key) {
        prepared.copies.push(read);
        return Ok(());
    }
    let raw = reduce(&read.raw, job.settings.payload, &ctx.spool)
        .map_err(|cause| EngineError::Folder { path: ctx.spool.display().to_string(), cause })?;
    let direction = job.addresses.direction(&read.mail);
    let types = &job.capabilities.mail_types;
    let import = MailImport {
        key,
        mail: reduced_mail(&read.mail, &job.settings),
        raw,
        activity_type: if direction == Direction::Sent { types.sent.clone() } else { types.received.clone() },
        status: survey.source.status.clone(),
        folder: survey.source.mailbox.0.clone(),
        direction,
        external: job.addresses.external(&read.mail),
        on_unmatched: on_unmatched(survey.source.selector, job.settings.unmatched),
        filings: BTreeMap::new(),
    };
    prepared.imports.push((read, import));
    Ok(())
}
