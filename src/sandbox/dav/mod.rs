//! A small CalDAV and CardDAV server (RFC 4791, RFC 6352, RFC 6578 in part) with switches for quirks.
//!
//! It listens on loopback without TLS and holds items in memory: `PROPFIND`, `REPORT` (sync-collection, multiget, query by component),
//! `PUT`, `GET`, `DELETE`, `MKCALENDAR`, `MKCOL`, `OPTIONS`; queries also by UID. Each deviation measured on a real server is a switch in [`Quirks`]. Not there:
//! time ranges, expansion, ACLs, real scheduling (what would be mailed is counted in the outbox instead).

mod answer;
mod handle;
mod methods;
mod quirks;
mod reports;
mod rewrite;
mod server;
mod store;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

pub use handle::Handle;
pub use quirks::{CardVersions, Failure, InvalidToken, Quirks, TokenAnswer};
pub use store::Kind;

use super::oauth::Bearers;
use store::State;

/// How the server starts.
#[derive(Debug, Clone)]
pub struct SandboxDavOptions {
    /// TCP port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Login names with passwords. Each has the calendar `calendar` (events), `tasks` (to-dos) and the address book `contacts`.
    pub users: Vec<(String, String)>,
    /// How it behaves.
    pub quirks: Quirks,
    /// Who judges bearer tokens.
    pub bearers: Option<Arc<dyn Bearers>>,
}

impl Default for SandboxDavOptions {
    /// A free port, the user `anna` with the password `demo`, no quirks.
    fn default() -> Self {
        Self { port: 0, users: vec![("anna".to_owned(), "demo".to_owned())], quirks: Quirks::default(), bearers: None }
    }
}

/// The server's entrance.
#[derive(Debug)]
pub struct SandboxDav;

impl SandboxDav {
    /// Starts the server on the current tokio runtime. Fails when the port cannot be had.
    pub async fn start(options: SandboxDavOptions) -> io::Result<RunningDav> {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        let addr = listener.local_addr()?;
        let passwords: BTreeMap<String, String> = options.users.into_iter().collect();
        let state = Mutex::new(State::new(passwords.keys(), options.quirks));
        let shared = Arc::new(Shared { state, passwords, bearers: options.bearers });
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let router = server::router(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            let serve = axum::serve(listener, router).with_graceful_shutdown(async {
                // A dropped sender means that the server was dropped: stop as well.
                let _ = stopped.await;
            });
            if let Err(error) = serve.await {
                tracing::error!(%error, "the sandbox DAV server stopped");
            }
        });
        Ok(RunningDav { addr, shared, stop: Some(stop), task })
    }
}

/// What the requests share.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    passwords: BTreeMap<String, String>,
    bearers: Option<Arc<dyn Bearers>>,
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running server. It stops when it is dropped.
#[derive(Debug)]
pub struct RunningDav {
    addr: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    task: tokio::task::JoinHandle<()>,
}

impl RunningDav {
    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its base address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.addr)
    }

    /// A way to look at and change what it holds, as another client or the user would.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::clone(&self.shared))
    }

    /// Stops listening and gives running requests a second.
    pub async fn shutdown(mut self) {
        drop(self.stop.take());
        if tokio::time::timeout(std::time::Duration::from_secs(1), &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}
