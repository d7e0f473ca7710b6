mod contacts;
mod fakes;
mod flow;
mod random;
mod safety;
mod series;
mod unlisted;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use super::{ItemCapabilities, ItemJob, synchronise};
use crate::engine::context::Context;
use crate::engine::error::EngineError;
use crate::engine::events::Silent;
use crate::groupware::Item;
use crate::journal::fault::FaultBackend;
use crate::journal::{AreaCount, Change, Journal, Pair, Parked, RunEnd, RunRecord, Wish};
use crate::model::{AccountId, Area, Field, Fields, Instant, Moment, RunId, Slot, Value};
use crate::settings::{ConflictPolicy, ItemSettings, OnGroupwareDelete, PrivateItems, SyncDirection, UpdateScope};
use crate::sync::items::Occurrences;
use crate::system::{Clock, Random};

use fakes::{FakeCrm, FakeStore};

struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Instant {
        chrono::DateTime::from_timestamp(self.0.load(Ordering::Relaxed), 0).unwrap()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.0.fetch_add(duration.as_secs().try_into().unwrap(), Ordering::Relaxed);
        Box::pin(std::future::ready(()))
    }
}

struct TestRandom(AtomicU64);

impl Random for TestRandom {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = u8::try_from((self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed) >> 40) & 0xFF).unwrap();
        }
    }
}

/// One computer with its journal.
struct Agent {
    store: FakeStore,
    crm: FakeCrm,
    settings: ItemSettings,
    takes_series: bool,
    expander: crate::sync::items::Expander,
    rules: String,
    journal: Journal,
    clock: Arc<TestClock>,
    random: Arc<TestRandom>,
    runs: u32,
}

fn settings() -> ItemSettings {
    ItemSettings {
        direction: SyncDirection::Both,
        create_in_crm: true,
        create_in_groupware: true,
        conflicts: ConflictPolicy::TwoWay,
        field_conflicts: BTreeMap::new(),
        on_groupware_delete: OnGroupwareDelete::Keep,
        future_days: 31,
        past_days: 30,
        private: PrivateItems::AsPrivate,
        category: None,
        collections: BTreeSet::new(),
        link_back: false,
        invitations: false,
        update_scope: UpdateScope::All,
        default_show_as: "busy".into(),
    }
}

fn account() -> AccountId {
    "work".into()
}

fn no_series(_: &Item, _: Instant, _: Instant, _: usize) -> Occurrences {
    Occurrences::default()
}

impl Agent {
    fn new(store: &FakeStore, crm: &FakeCrm) -> Self {
        Self {
            store: store.clone(),
            crm: crm.clone(),
            settings: settings(),
            takes_series: true,
            expander: no_series,
            rules: "rules".into(),
            journal: Journal::open_with_backend(FaultBackend::new(1)).unwrap(),
            clock: Arc::new(TestClock(AtomicI64::new(1_800_000_000))),
            random: Arc::new(TestRandom(AtomicU64::new(7))),
            runs: 0,
        }
    }

    fn job(&self) -> ItemJob {
        ItemJob {
            area: Area::Calendar,
            settings: Arc::new(self.settings.clone()),
            capabilities: ItemCapabilities { max_items: 5, takes_series: self.takes_series },
            own_addresses: ["anna@nordwind.example".to_owned()].into(),
            crm_instance: "crm.example".into(),
            rules: self.rules.clone(),
            expander: self.expander,
            contacts: None,
            guards: crate::sync::items::Guards::default(),
        }
    }

    fn context(&self) -> Context {
        Context {
            account: account(),
            run: RunId(format!("run-{:04}", self.runs)),
            journal: self.journal.clone(),
            clock: Arc::clone(&self.clock) as _,
            random: Arc::clone(&self.random) as _,
            observer: Arc::new(Silent),
            cancel: CancellationToken::new(),
            spool: std::env::temp_dir(),
        }
    }

    fn try_run(&mut self) -> Result<AreaCount, EngineError> {
        self.runs += 1;
        let mut count = AreaCount::default();
        let record = RunRecord {
            id: self.context().run,
            account: account(),
            started_at: self.clock.now(),
            ended_at: None,
            end: RunEnd::Running,
            areas: BTreeMap::new(),
        };
        self.journal.commit_blocking(vec![Change::PutRun(record)]).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(synchronise(&self.store, &self.crm, &self.job(), &self.context(), &mut count))?;
        let report = self.journal.check().unwrap();
        assert!(report.is_sound(), "{:?}", report.faults);
        Ok(count)
    }

    fn run(&mut self) -> AreaCount {
        self.try_run().unwrap()
    }

    /// Runs, then runs again and demands that the second run writes nothing (V6).
    fn converge(&mut self) -> AreaCount {
        let count = self.run();
        let (groupware, crm) = (self.store.writes(), self.crm.writes());
        self.run();
        assert_eq!((self.store.writes(), self.crm.writes()), (groupware, crm), "a converged system is quiet");
        count
    }

    fn later(&self, time: TimeDelta) {
        self.clock.0.fetch_add(time.num_seconds(), Ordering::Relaxed);
    }

    fn lose_journal(&mut self) {
        self.journal = Journal::open_with_backend(FaultBackend::new(2)).unwrap();
    }

    fn pairs(&self) -> Vec<Pair> {
        self.journal.pairs_page(&account(), Area::Calendar, None, 1_000).unwrap().into_iter().map(|(_, pair)| pair).collect()
    }

    fn parked(&self) -> Vec<Parked> {
        self.journal.parked(Some(&account())).unwrap()
    }

    fn wish(&self, wish: Wish) {
        self.journal.commit_blocking(vec![Change::PutWish { account: account(), area: Area::Calendar, wish }]).unwrap();
    }
}

fn text(value: &str) -> Value {
    Value::Text(value.into())
}

/// An hour so many days from the beginning of the test.
fn slot(days: i64) -> Value {
    let start = chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::days(days);
    Value::Slot(Slot { start: Moment::utc(start), end: Moment::utc(start + TimeDelta::hours(1)) })
}

fn event(subject: &str, days: i64) -> Fields {
    [(Field::Subject, text(subject)), (Field::Slot, slot(days))].into()
}

fn world() -> (FakeStore, FakeCrm, Agent) {
    let (store, crm) = (FakeStore::new(), FakeCrm::default());
    let agent = Agent::new(&store, &crm);
    (store, crm, agent)
}
