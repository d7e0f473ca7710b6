//! The shared world: two kinds of servers, a clock, a plan of faults for the run under way, and users who act between its requests.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crmsync::journal::fault::FaultBackend;
use crmsync::model::Instant;
use crmsync::system::{Clock, Random};

use crate::book::Book;
use crate::crm::CrmState;
use crate::groupware::Mailbox;
use crate::script::{Fault, Step};
use crate::users;

/// A run that asks for more than this never ends.
const MOST_REQUESTS: u32 = 4_000;

pub(crate) struct State {
    pub mailboxes: Vec<Mailbox>,
    pub crm: CrmState,
    pub book: Book,
    /// It is about contacts.
    pub contacts: bool,
    /// Requests since the world began.
    pub requests: u64,
    run: RunState,
    late: Vec<(u64, Box<dyn FnOnce(&mut State) + Send>)>,
}

/// The run under way.
#[derive(Default)]
struct RunState {
    requests: u32,
    faults: Vec<(u32, Fault)>,
    meanwhile: VecDeque<(u32, Step)>,
    disk: Option<FaultBackend>,
    dead: bool,
}

#[derive(Clone)]
pub(crate) struct World {
    state: Arc<Mutex<State>>,
    now: Arc<AtomicI64>,
}

impl World {
    pub(crate) fn new(mailboxes: Vec<Mailbox>, crm: CrmState, contacts: bool) -> Self {
        let state = State { mailboxes, crm, contacts, book: Book::default(), requests: 0, run: RunState::default(), late: Vec::new() };
        Self { state: Arc::new(Mutex::new(state)), now: Arc::new(AtomicI64::new(1_800_000_000)) }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn instant(&self) -> Instant {
        chrono::DateTime::from_timestamp(self.now.load(Ordering::Relaxed), 0).unwrap()
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.now.fetch_add(seconds, Ordering::Relaxed);
    }

    /// A run begins on a computer with this disk.
    pub(crate) fn begin_run(&self, disk: &FaultBackend, faults: &[(u32, Fault)], meanwhile: &[(u32, Step)]) {
        let mut meanwhile: Vec<_> = meanwhile.to_vec();
        meanwhile.sort_by_key(|(at, _)| *at);
        self.state().run =
            RunState { requests: 0, faults: faults.to_vec(), meanwhile: meanwhile.into(), disk: Some(disk.clone()), dead: false };
    }

    /// The run has ended. What users had planned for later in it they do now. Returns whether the computer was cut off.
    pub(crate) fn end_run(&self) -> bool {
        let run = std::mem::take(&mut self.state().run);
        for (_, step) in run.meanwhile {
            users::act(&mut self.state(), &step, self.instant());
        }
        run.dead
    }

    /// Late requests arrive at last.
    pub(crate) fn deliver_late(&self) {
        let late = std::mem::take(&mut self.state().late);
        for (_, work) in late {
            work(&mut self.state());
        }
    }

    /// One request: `work` is what it does at the server. Some are lost, with or without effect, doubled, or late.
    pub(crate) fn request<T: 'static, E: 'static>(
        &self,
        name: &str,
        trouble: impl Fn(bool) -> E,
        work: impl Fn(&mut State) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let now = self.instant();
        let mut state = self.state();
        let (at, count) = (state.run.requests, state.requests);
        state.run.requests += 1;
        state.requests += 1;
        if at == MOST_REQUESTS {
            state.book.blame("a run ends", format!("it did not after {MOST_REQUESTS} requests, the last of them {name}"));
        }
        if state.run.dead || at >= MOST_REQUESTS {
            return Err(trouble(false));
        }
        while state.run.meanwhile.front().is_some_and(|(when, _)| *when <= at) {
            if let Some((_, step)) = state.run.meanwhile.pop_front() {
                users::act(&mut state, &step, now);
            }
        }
        let due = state.late.iter().position(|(when, _)| *when <= count);
        if let Some(due) = due {
            let (_, work) = state.late.remove(due);
            work(&mut state);
        }
        let fault = state.run.faults.iter().find(|(when, _)| *when == at).map(|(_, fault)| *fault);
        if let Some(fault) = fault {
            state.book.note(format!("    request {at} ({name}): {fault:?}"));
        }
        match fault {
            None => work(&mut state),
            Some(Fault::LostBefore) => Err(trouble(false)),
            Some(Fault::LostAfter) => {
                let _ = work(&mut state);
                Err(trouble(false))
            }
            Some(Fault::Busy) => Err(trouble(true)),
            Some(Fault::Twice) => {
                let _ = work(&mut state);
                work(&mut state)
            }
            Some(Fault::Late(requests)) => {
                let late = move |state: &mut State| drop(work(state));
                state.late.push((count + u64::from(requests), Box::new(late)));
                Err(trouble(false))
            }
            Some(Fault::Slow) => {
                self.now.fetch_add(240, Ordering::Relaxed);
                work(&mut state)
            }
            Some(Fault::CrashBefore) => {
                state.crash();
                Err(trouble(false))
            }
            Some(Fault::CrashAfter) => {
                let _ = work(&mut state);
                state.crash();
                Err(trouble(false))
            }
        }
    }
}

impl State {
    fn crash(&mut self) {
        self.run.dead = true;
        if let Some(disk) = &self.run.disk {
            disk.crash();
        }
    }

    /// Whether things may be seen late now: about one write in three on servers that do so.
    pub(crate) const fn seen_from(&self, delayed: bool) -> u64 {
        if delayed && self.requests.is_multiple_of(3) { self.requests + 5 } else { 0 }
    }
}

/// A clock that runs only when somebody waits.
pub(crate) struct VirtualClock(pub World);

impl Clock for VirtualClock {
    fn now(&self) -> Instant {
        self.0.instant()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.0.advance(i64::try_from(duration.as_secs()).unwrap());
        Box::pin(std::future::ready(()))
    }
}

/// Random numbers that a seed decides.
pub(crate) struct SeededRandom(pub AtomicU64);

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            let mut rng = crate::rng::Rng::new(self.0.fetch_add(1, Ordering::Relaxed));
            *byte = u8::try_from(rng.next() & 0xFF).unwrap();
        }
    }
}
