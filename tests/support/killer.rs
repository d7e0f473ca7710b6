//! Kill -9 of the program at a turn of its conversation with a server, and the choice of turns.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crmsync::sandbox::proxy::{CutProxy, Direction, RunningProxy, Verdict};
use tokio::runtime::Runtime;

use super::agent::Agent;
use super::wait_for;

type Kill = Box<dyn Fn() + Send + Sync>;

#[derive(Default)]
struct Hand {
    strike: AtomicU64,
    kill: Mutex<Option<Kill>>,
    struck: Mutex<String>,
}

/// Stands before a server and kills who talks to it.
pub struct Killer {
    proxy: RunningProxy,
    hand: Arc<Hand>,
}

impl Killer {
    /// Strikes at the request or answer of this number, from 1; never without one.
    pub fn before(upstream: SocketAddr, strike: Option<u64>, runtime: &Runtime) -> Self {
        let hand = Arc::new(Hand::default());
        hand.strike.store(strike.unwrap_or(0), Ordering::SeqCst);
        let held = Arc::clone(&hand);
        let proxy = CutProxy::start(upstream, move |step| {
            if held.strike.load(Ordering::SeqCst) != step.index {
                return Verdict::Forward;
            }
            let side = if step.direction == Direction::Request { "before" } else { "after" };
            *held.struck.lock().unwrap() = format!("{side} {}", step.line);
            wait_for("the process to kill", Duration::from_secs(10), || held.kill.lock().unwrap().as_ref().map(|kill| kill()));
            Verdict::Cut
        });
        Self { proxy: runtime.block_on(proxy).unwrap(), hand }
    }

    /// Where the program finds the server.
    pub fn address(&self) -> String {
        self.proxy.addr().to_string()
    }

    /// Requests and answers so far.
    pub fn turns(&self) -> u64 {
        self.proxy.steps()
    }

    /// Runs the program, and tells where it was struck.
    pub fn run(&self, agent: &Agent, arguments: &[&str]) -> String {
        let running = agent.start(arguments);
        *self.hand.kill.lock().unwrap() = Some(Box::new(running.killer()));
        let finished = running.finish();
        let struck = self.hand.struck.lock().unwrap().clone();
        assert_eq!(finished.code.is_none(), !struck.is_empty(), "{finished:?}");
        struck
    }
}

/// Whether every case is to be run: `CRMSYNC_SOAK=1`.
pub fn soak() -> bool {
    std::env::var_os("CRMSYNC_SOAK").is_some_and(|value| value != "0" && !value.is_empty())
}

/// So many of the cases, drawn by a seed that is printed; all of a soak's, unless there are thousands.
pub fn sample<T>(mut cases: Vec<T>, most: usize) -> Vec<T> {
    if soak() && cases.len() < 1000 {
        return cases;
    }
    let given = std::env::var("CRMSYNC_SEED").ok().and_then(|text| text.parse().ok());
    let seed: u64 = given.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos().into());
    println!("{most} of {} cases, CRMSYNC_SEED={seed}", cases.len());
    let mut state = seed;
    let mut chosen = Vec::new();
    while chosen.len() < most && !cases.is_empty() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let index = usize::try_from(state >> 33).unwrap() % cases.len();
        chosen.push(cases.swap_remove(index));
    }
    chosen
}
