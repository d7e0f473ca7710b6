//! Plays a script and tells the promises it broke.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crmsync::crm::ContactRules;
use crmsync::engine::contacts::ContactJob;
use crmsync::engine::items::{ItemCapabilities, ItemJob};
use crmsync::engine::{self, Context, EngineError, RunPlan, Silent};
use crmsync::groupware::Item;
use crmsync::journal::fault::FaultBackend;
use crmsync::journal::{Change, ConflictLoser, Consent, Journal, RunEnd};
use crmsync::model::{AccountId, Area, Field, Instant, Moment, RunId, Value};
use crmsync::settings::{ContactSettings, ItemSettings, OnGroupwareDelete, UpdateScope, item_rules_digest};
use crmsync::sync::items::{Guards, Occurrence, Occurrences};
use tokio_util::sync::CancellationToken;

use crate::cards::{self, ADDRESS_BOOK, CATEGORY};
use crate::check;
use crate::crm::{BATCH, CrmState, FakeCrm};
use crate::groupware::{Connector, Mailbox, occurrences};
use crate::no_mail::NoMail;
use crate::script::{Cast, CrmAct, Fault, Script, Settings, Step};
use crate::users;
use crate::world::{SeededRandom, VirtualClock, World};

/// Areas in the order of a run, of a world without contacts.
const AREAS: [Area; 2] = [Area::Calendar, Area::Tasks];

/// Days ahead within which appointments, and tasks, are created in the groupware.
pub(crate) const FUTURE: [u32; 2] = [31, 3];
/// Days back within which items are created on the other side.
pub(crate) const PAST: u32 = 30;

/// How an agent's engine is made: with all its guards, or a mutant.
pub(crate) type Alter = fn(&mut ItemJob);

/// One computer.
pub(crate) struct Agent {
    pub number: usize,
    /// Whose mailbox, and which employee.
    pub mailbox: usize,
    pub account: AccountId,
    disk: FaultBackend,
    /// Open until the computer crashes: to open it anew costs more than a run.
    journal: Option<Journal>,
    random: Arc<SeededRandom>,
    runs: u64,
    /// Conflict losers of journals that are lost.
    pub losers: Vec<ConflictLoser>,
    /// The journal's "locked" was seen.
    locked: bool,
}

pub(crate) struct Stage {
    pub world: World,
    pub agents: Vec<Agent>,
    pub settings: Settings,
    pub script: Script,
    alter: Alter,
    runtime: tokio::runtime::Runtime,
    clock: Arc<VirtualClock>,
}

/// Plays a script. `Err` names the broken promises and tells the story.
pub(crate) fn play(script: &Script, alter: Alter) -> Result<(), Failure> {
    let outcome = tell(script, alter);
    if outcome.trouble.is_empty() { Ok(()) } else { Err(outcome) }
}

/// Plays a script and tells what happened, whether or not a promise was broken.
pub(crate) fn tell(script: &Script, alter: Alter) -> Failure {
    let mut stage = Stage::new(script, alter);
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| {
        for step in &script.steps {
            stage.step(step);
            if !stage.world.state().book.trouble.is_empty() {
                return;
            }
        }
        stage.settle();
    }));
    let mut state = stage.world.state();
    if let Err(panic) = outcome {
        let words = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        state.book.blame("no panic", words.unwrap_or_default());
    }
    Failure { trouble: std::mem::take(&mut state.book.trouble), story: std::mem::take(&mut state.book.log) }
}

/// Areas in the order of a run.
fn areas(script: &Script) -> &'static [Area] {
    if script.setup.contacts { &[Area::Contacts] } else { &AREAS }
}

/// What went wrong, and all that happened.
#[derive(Debug)]
pub(crate) struct Failure {
    pub trouble: Vec<String>,
    pub story: Vec<String>,
}

impl Failure {
    /// The promise that was broken first.
    pub(crate) fn promise(&self) -> &str {
        self.trouble.first().map_or("", |line| line.split(':').next().unwrap_or_default())
    }
}

impl Stage {
    fn new(script: &Script, alter: Alter) -> Self {
        let setup = &script.setup;
        let mailboxes = if setup.cast == Cast::TwoEmployees { 2 } else { 1 };
        let mailboxes = (0..mailboxes).map(|number| Mailbox::new(number, setup.groupware[number].clone(), setup.contacts)).collect();
        let world = World::new(mailboxes, CrmState::new(setup.crm.clone()), setup.contacts);
        let names: &[(usize, &str)] = match setup.cast {
            Cast::One => &[(0, "work")],
            Cast::TwoAgents => &[(0, "work"), (0, "office")],
            Cast::TwoEmployees => &[(0, "work"), (1, "work")],
        };
        let agent = |(number, (mailbox, name)): (usize, &(usize, &str))| Agent {
            number,
            mailbox: *mailbox,
            account: AccountId::from(*name),
            disk: FaultBackend::new(script.seed ^ number as u64),
            journal: None,
            random: Arc::new(SeededRandom(AtomicU64::new(script.seed ^ (number as u64) << 40))),
            runs: 0,
            losers: Vec::new(),
            locked: false,
        };
        let agents = names.iter().enumerate().map(agent).collect();
        let now = world.instant();
        for day in 0..setup.crowd {
            let act = if setup.contacts { CrmAct::NewContact { owned: true } } else { CrmAct::New { day: i64::from(1 + day) } };
            users::first_record(&mut world.state(), now, act);
        }
        let clock = Arc::new(VirtualClock(world.clone()));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut stage = Self { world, agents, settings: setup.settings, script: script.clone(), alter, runtime, clock };
        stage.set(setup.settings);
        stage
    }

    fn set(&mut self, settings: Settings) {
        self.settings = settings;
        let private = (0..self.agents.len()).map(|agent| (agent, settings.private)).collect();
        self.world.state().crm.private = private;
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Groupware { .. } | Step::Crm { .. } => {
                let now = self.world.instant();
                users::act(&mut self.world.state(), step, now);
                return;
            }
            Step::Run { agent, faults, meanwhile, crash_commit, crash_write } => {
                self.note(format!("run of agent {agent}, commit crash {crash_commit:?}, write crash {crash_write:?}, {faults:?}"));
                let _ = self.journal(*agent);
                if let Some(at) = crash_commit {
                    self.agents[*agent].disk.crash_at_commit(*at);
                } else if let Some(at) = crash_write {
                    self.agents[*agent].disk.crash_at_write(*at);
                }
                self.run(*agent, faults, meanwhile);
                // A crash that did not come in this run does not come in another.
                self.agents[*agent].disk.crash_at_commit(u64::MAX);
                self.agents[*agent].disk.crash_at_write(u64::MAX);
                return;
            }
            Step::Choose { agent, link, pick } => return self.choose(*agent, *link, *pick),
            _ => self.note(format!("{step:?}")),
        }
        match step {
            Step::Wait { hours } => self.world.advance(hours * 3600),
            Step::LoseJournal { agent } => self.lose_journal(*agent),
            Step::ExpireGroupware { mailbox } => {
                if let Some(server) = self.world.state().mailboxes.get_mut(*mailbox) {
                    server.folders.values_mut().for_each(|folder| folder.generation += 1);
                }
            }
            Step::Truncate { mailbox } => {
                let state = &mut *self.world.state();
                if let Some(server) = state.mailboxes.get_mut(*mailbox) {
                    server.folders.values_mut().for_each(|folder| {
                        folder.truncate = true;
                        folder.generation += 1;
                    });
                }
            }
            Step::ExpireCrm => self.world.state().crm.expire(),
            Step::Retry { writes } => self.world.state().crm.retries = *writes,
            Step::Set(settings) => self.set(*settings),
            Step::WrongPassword { agent } => self.wrong_password(*agent),
            Step::Groupware { .. } | Step::Crm { .. } | Step::Run { .. } | Step::Choose { .. } => {}
        }
    }

    fn note(&self, line: String) {
        self.world.state().book.note(line);
    }

    fn lose_journal(&mut self, number: usize) {
        let seed = self.script.seed.wrapping_add(self.agents[number].runs);
        if let Some(journal) = self.journal(number) {
            self.keep_losers(number, &journal);
            self.agents[number].journal = None;
            journal.close();
        }
        self.agents[number].disk = FaultBackend::new(seed);
        self.forget_risky(number);
    }

    /// The guard counts in the journal; a crash between a write and its count may lose one.
    fn forget_risky(&self, number: usize) {
        self.world.state().book.risky.retain(|(agent, _), _| *agent != number);
    }

    fn keep_losers(&mut self, number: usize, journal: &Journal) {
        let agent = &mut self.agents[number];
        for area in areas(&self.script) {
            let losers = journal.conflict_losers(&agent.account, *area, 10_000).unwrap();
            agent.losers.extend(losers);
        }
    }

    /// V11: with a wrong password there is one attempt, whatever happens; then the user clears the lock.
    fn wrong_password(&mut self, number: usize) {
        let mailbox = self.agents[number].mailbox;
        self.world.state().mailboxes[mailbox].password_is_right = false;
        self.world.state().book.rejected.clear();
        for _ in 0..3 {
            self.run(number, &[], &[]);
        }
        let attempts = self.world.state().book.rejected.get(&number).copied().unwrap_or_default();
        if attempts != 1 || !self.agents[number].locked {
            let locked = self.agents[number].locked;
            self.world.state().book.blame("V11 one rejected login locks", format!("{attempts} attempts, locked: {locked}"));
        }
        self.world.state().mailboxes[mailbox].password_is_right = true;
        let account = self.agents[number].account.clone();
        if let Some(journal) = self.journal(number) {
            journal.commit_blocking(vec![Change::UnlockAccount(account)]).unwrap();
        }
    }

    pub(crate) fn journal(&mut self, number: usize) -> Option<Journal> {
        let agent = &mut self.agents[number];
        if agent.disk.crashed() {
            if let Some(journal) = agent.journal.take() {
                journal.close();
            }
            agent.disk = agent.disk.image_after_crash();
        }
        if agent.journal.is_none() {
            agent.journal = Journal::open_with_backend(agent.disk.clone()).ok();
        }
        agent.journal.clone()
    }

    fn item_settings(&self, area: usize) -> ItemSettings {
        ItemSettings {
            direction: self.settings.direction,
            create_in_crm: true,
            create_in_groupware: true,
            conflicts: self.settings.conflicts,
            field_conflicts: BTreeMap::new(),
            on_groupware_delete: self.settings.on_delete,
            future_days: FUTURE[area],
            past_days: PAST,
            private: self.settings.private,
            category: None,
            collections: BTreeSet::new(),
            link_back: self.settings.link_back,
            invitations: false,
            update_scope: UpdateScope::All,
            default_show_as: "busy".into(),
        }
    }

    fn job(&self, area: usize) -> ItemJob {
        let settings = self.item_settings(area);
        let mut job = ItemJob {
            area: AREAS[area],
            capabilities: ItemCapabilities { max_items: BATCH, takes_series: self.script.setup.crm.takes_series },
            own_addresses: ["anna@nordwind.example".to_owned()].into(),
            crm_instance: "crm.example".into(),
            rules: item_rules_digest(&settings, self.script.setup.crm.takes_series, ["anna@nordwind.example"]),
            settings: Arc::new(settings),
            expander: expand,
            contacts: None,
            guards: Guards::default(),
        };
        (self.alter)(&mut job);
        job
    }

    fn contact_job(&self) -> ContactJob {
        let items = ItemSettings { on_groupware_delete: OnGroupwareDelete::Keep, ..self.item_settings(0) };
        let settings = ContactSettings {
            items,
            address_book: ADDRESS_BOOK.into(),
            owned: true,
            groups: false,
            search: None,
            organisations: true,
            photos: true,
            category: CATEGORY.into(),
            country: None,
        };
        ContactJob { settings: Arc::new(settings), demands: ContactRules::default(), max_items: BATCH, crm_instance: "crm.example".into() }
    }

    pub(crate) fn areas(&self) -> &'static [Area] {
        areas(&self.script)
    }

    /// The user chooses a card for the import, or links it with a contact.
    fn choose(&mut self, number: usize, link: bool, pick: usize) {
        let (mailbox, account) = (self.agents[number].mailbox, self.agents[number].account.clone());
        let Some(journal) = self.journal(number) else { return };
        let Some(wish) = cards::choose(&mut self.world.state(), mailbox, link, pick) else { return };
        self.note(format!("  {wish:?}"));
        journal.commit_blocking(vec![Change::PutWish { account, area: Area::Contacts, wish }]).unwrap();
    }

    /// One run in a fresh process. Whether it completed.
    pub(crate) fn run(&mut self, number: usize, faults: &[(u32, Fault)], meanwhile: &[(u32, Step)]) -> bool {
        let contacts = self.script.setup.contacts.then(|| self.contact_job());
        let jobs = if contacts.is_some() { Vec::new() } else { (0..AREAS.len()).map(|area| self.job(area)).collect() };
        let opened = self.journal(number);
        let agent = &mut self.agents[number];
        agent.runs += 1;
        self.world.begin_run(&agent.disk, faults, meanwhile);
        let Some(journal) = opened else {
            // The crash came while the journal was opened.
            self.world.end_run();
            return false;
        };
        let instance = journal.instance().to_string();
        let ctx = Context {
            account: agent.account.clone(),
            run: RunId(format!("run-{number}-{:04}", agent.runs)),
            journal: journal.clone(),
            clock: Arc::clone(&self.clock) as _,
            random: Arc::clone(&agent.random) as _,
            observer: Arc::new(Silent),
            cancel: CancellationToken::new(),
            spool: PathBuf::new(),
        };
        let consent = Consent { at: self.world.instant(), how: "test".into(), shown: String::new() };
        let plan = RunPlan { mail: None, items: jobs, consent: Some(consent) };
        let connector = Connector { world: self.world.clone(), mailbox: agent.mailbox, agent: number };
        let crm = FakeCrm { world: self.world.clone(), employee: agent.mailbox, agent: number, instance };
        let report = match contacts {
            Some(job) => self.runtime.block_on(engine::run_with_contacts(&NoMail, &connector, (&connector, &job), &crm, &plan, &ctx)),
            None => self.runtime.block_on(engine::run_all(&NoMail, &connector, &crm, &plan, &ctx)),
        };
        drop(ctx);
        let crashed = agent.disk.crashed();
        agent.locked = matches!(report, Err(EngineError::Locked { .. }));
        let cut_off = self.world.end_run();
        let (done, said) = match report {
            Ok(report) if report.error.is_none() && report.record.end == RunEnd::Completed => (true, String::new()),
            Ok(report) => (false, report.error.map(|error| error.to_string()).unwrap_or_default()),
            Err(error) => (false, error.to_string()),
        };
        self.note(format!("  run of agent {number} ended: {done} {said}"));
        self.world.deliver_late();
        if crashed || cut_off {
            self.forget_risky(number);
        }
        done
    }

    /// The world is sound again and nobody changes anything: what is due is done, then there is silence.
    fn settle(&mut self) {
        self.note("the world is sound again".into());
        self.world.state().crm.retries = 0;
        let everybody: Vec<usize> = (0..self.agents.len()).collect();
        for round in 0..4 {
            if round < 2 {
                self.world.advance(7 * 3600);
            }
            for agent in &everybody {
                if !self.run(*agent, &[], &[]) && round > 0 {
                    self.world.state().book.blame("V10 a run completes when the servers are sound", format!("agent {agent}"));
                    return;
                }
                // Slow listings are complete by the next run.
                self.world.state().requests += 50;
            }
        }
        let writes = self.world.state().book.writes;
        for agent in &everybody {
            self.run(*agent, &[], &[]);
        }
        if self.world.state().book.writes != writes {
            self.world.state().book.blame("V6 a converged system is quiet", "the third run after the last change wrote");
            return;
        }
        for number in everybody {
            let Some(journal) = self.journal(number) else { continue };
            self.keep_losers(number, &journal);
            check::agent(self, number, &journal);
        }
        check::world(self);
    }
}

/// Expands the two rules of this world.
fn expand(item: &Item, from: Instant, to: Instant, limit: usize) -> Occurrences {
    let Some(master) = item.parts.iter().position(|part| part.recurrence_id.is_none()) else { return Occurrences::default() };
    let fields = &item.parts[master].fields;
    let excluded: BTreeSet<String> = match fields.get(&Field::Recurrence) {
        Some(Value::Recurrence(rule)) => rule.excluded.iter().map(Moment::key).collect(),
        _ => BTreeSet::new(),
    };
    let mut list = Vec::new();
    if excluded.is_empty()
        && !fields.contains_key(&Field::Recurrence)
        && let Some(Value::Slot(slot)) = fields.get(&Field::Slot)
    {
        list.push(Occurrence { recurrence_id: None, slot: slot.clone(), part: master });
    }
    for slot in occurrences(fields).into_iter().filter(|slot| !excluded.contains(&slot.start.key())) {
        let part = item.parts.iter().position(|part| part.recurrence_id.as_ref().is_some_and(|moment| moment.key() == slot.start.key()));
        let said = part.and_then(|part| match item.parts[part].fields.get(&Field::Slot) {
            Some(Value::Slot(slot)) => Some(slot.clone()),
            _ => None,
        });
        let recurrence_id = Some(slot.start.clone());
        list.push(Occurrence { recurrence_id, slot: said.unwrap_or(slot), part: part.unwrap_or(master) });
    }
    list.retain(|one| one.slot.end.approximate_instant() > from && one.slot.start.approximate_instant() < to);
    list.sort_by_key(|one| one.slot.start.approximate_instant());
    let complete = list.len() <= limit;
    list.truncate(limit);
    Occurrences { list, complete }
}
