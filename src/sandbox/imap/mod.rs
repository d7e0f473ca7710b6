//! A small IMAP server (RFC 3501, RFC 9051 in part) with switches for faults.
//!
//! It listens on loopback without TLS, holds mails in memory, and shows the demo and the tests what real servers do: each deviation
//! measured on one is a switch in [`Quirks`], each accident a [`Fault`] that strikes at a chosen command. A mailbox of 100,000 mails
//! is no burden. Not there: MIME part numbers and BODYSTRUCTURE, decoding of encoded words in SEARCH, SORT, COMPRESS, STARTTLS.

mod append;
mod change;
mod connection;
mod envelope;
mod faults;
mod fetch;
mod folders;
mod handle;
mod header;
mod input;
mod output;
mod quirks;
mod reader;
mod search;
mod select;
mod sequence;
mod session;
mod store;
mod utf7;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use faults::{Counters, Fault, Trigger};
pub use handle::StoredMail;
pub use quirks::{DeletedMailbox, ExpungedFetch, Keywords, ListNames, Quirks};

use super::oauth::Bearers;
use connection::Connection;
use session::{Namespace, State};
use store::Account;

/// Someone who may log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Login name.
    pub name: String,
    /// Password, for LOGIN and AUTHENTICATE PLAIN.
    pub password: String,
    /// Bearer token, for AUTHENTICATE XOAUTH2 and OAUTHBEARER.
    pub token: Option<String>,
}

impl User {
    /// A user with a password.
    #[must_use]
    pub fn new(name: &str, password: &str) -> Self {
        Self { name: name.to_owned(), password: password.to_owned(), token: None }
    }
}

/// How the server starts.
#[derive(Debug, Clone)]
pub struct SandboxImapOptions {
    /// TCP port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Who may log in; each has an empty INBOX.
    pub users: Vec<User>,
    /// Hierarchy separator.
    pub separator: char,
    /// Prefix of the personal namespace, for example `INBOX.`; empty for most servers.
    pub prefix: String,
    /// What it offers and how it behaves.
    pub quirks: Quirks,
    /// Who judges bearer tokens besides those of [`User::token`].
    pub bearers: Option<Arc<dyn Bearers>>,
}

impl Default for SandboxImapOptions {
    /// A free port, the user `anna` with the password `demo`, `/`, like Dovecot.
    fn default() -> Self {
        Self {
            port: 0,
            users: vec![User::new("anna", "demo")],
            separator: '/',
            prefix: String::new(),
            quirks: Quirks::default(),
            bearers: None,
        }
    }
}

impl SandboxImapOptions {
    /// Like Courier 5.0.13, with its `.` and `INBOX.`.
    #[must_use]
    pub fn courier() -> Self {
        Self { separator: '.', prefix: "INBOX.".to_owned(), quirks: Quirks::courier(), ..Self::default() }
    }
}

/// The server's entrance.
#[derive(Debug)]
pub struct SandboxImap;

impl SandboxImap {
    /// Starts the server on the current tokio runtime. Fails when the port cannot be had.
    pub async fn start(options: SandboxImapOptions) -> io::Result<RunningImap> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        let addr = listener.local_addr()?;
        let accounts: BTreeMap<String, Account> =
            options.users.iter().map(|user| (user.name.clone(), Account::new(&user.password, user.token.as_deref()))).collect();
        let state = State {
            accounts,
            quirks: options.quirks,
            bearers: options.bearers,
            faults: faults::Faults::default(),
            counters: Counters::default(),
            log: Vec::new(),
            namespace: Namespace { separator: options.separator, prefix: options.prefix },
        };
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changes: watch::Sender::new(0),
            connections: Mutex::new(stop.child_token()),
            stop,
            tasks: TaskTracker::new(),
        });
        let handle = ImapHandle { shared };
        handle.shared.tasks.spawn(accept(listener, handle.clone()));
        Ok(RunningImap { addr, handle })
    }
}

async fn accept(listener: TcpListener, handle: ImapHandle) {
    let mut number = 0;
    let stop = handle.shared.stop.clone();
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = stream else {
            // Out of file handles, or the client has gone again: the next one may fare better.
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        // Without it small answers may wait for the client's delayed ACK.
        let _ = stream.set_nodelay(true);
        number += 1;
        handle.shared.state.lock().unwrap_or_else(PoisonError::into_inner).counters.connections += 1;
        let ended = handle.shared.connections.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let connection = Connection::new(handle.clone(), number, stream);
        handle.shared.tasks.spawn(async move {
            tokio::select! {
                () = ended.cancelled() => {}
                () = connection.run() => {}
            }
        });
    }
}

/// What connections, handles and the running server share.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Counts changes; sessions in IDLE wait for it.
    changes: watch::Sender<u64>,
    /// Ends the connections of now.
    connections: Mutex<CancellationToken>,
    /// Ends everything.
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Shared {
    fn kick(&self) {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *connections, self.stop.child_token()).cancel();
    }
}

/// Looks into the server and changes it while it runs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ImapHandle {
    shared: Arc<Shared>,
}

/// A server that runs until it is dropped or shut down.
#[derive(Debug)]
pub struct RunningImap {
    addr: SocketAddr,
    handle: ImapHandle,
}

impl RunningImap {
    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// A handle that may outlive this value.
    #[must_use]
    pub fn handle(&self) -> ImapHandle {
        self.handle.clone()
    }

    /// Ends every connection and waits for it.
    pub async fn shutdown(self) {
        self.handle.shared.stop.cancel();
        self.handle.shared.tasks.close();
        self.handle.shared.tasks.wait().await;
    }
}

impl std::ops::Deref for RunningImap {
    type Target = ImapHandle;

    fn deref(&self) -> &ImapHandle {
        &self.handle
    }
}

impl Drop for RunningImap {
    fn drop(&mut self) {
        self.handle.shared.stop.cancel();
    }
}
