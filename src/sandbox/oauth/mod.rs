//! A small provider of OAuth 2 tokens on loopback, simulated: nobody signs in, whoever the client names is signed in at once.
//!
//! It offers the code with PKCE (S256 alone), the code typed elsewhere (RFC 8628), refresh tokens with rotation, of which a used one voids the
//! whole sign-in, revocation, and errors as Microsoft words them. Its tokens are JSON Web Tokens signed by HS256 (RFC 7515, RFC 7518) that a
//! real server can check, and that the sandbox's own servers check by [`Bearers`]. What goes wrong is a switch in [`Switches`].

mod handle;
mod jwt;
mod server;
mod state;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use handle::OAuthHandle;
pub use state::{Consent, Counts, Switches};

use state::State;

/// Judges bearer tokens for servers of the sandbox.
pub trait Bearers: fmt::Debug + Send + Sync {
    /// Whose token it is, if it is good.
    fn subject(&self, token: &str) -> Option<String>;

    /// Whether the bearer may open a mailbox.
    fn opens(&self, subject: &str, mailbox: &str) -> bool {
        subject == mailbox
    }
}

/// How the provider starts.
#[derive(Debug, Clone)]
pub struct SandboxOAuthOptions {
    /// TCP port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Id of the only client.
    pub client_id: String,
    /// The client's secret, if it has to have one.
    pub client_secret: Option<String>,
    /// Who can sign in; the first where the client names nobody.
    pub users: Vec<String>,
    /// Shared mailboxes: who may open which, besides their own.
    pub shared: Vec<(String, String)>,
    /// Key of the signatures.
    pub key: Vec<u8>,
    /// `iss` of the tokens.
    pub issuer: String,
    /// `aud` of the tokens, which servers demand.
    pub audience: String,
    /// How it behaves.
    pub switches: Switches,
}

impl Default for SandboxOAuthOptions {
    /// A free port, the user `anna`, the client `crmsync-test`.
    fn default() -> Self {
        Self {
            port: 0,
            client_id: "crmsync-test".to_owned(),
            client_secret: None,
            users: vec!["anna".to_owned()],
            shared: Vec::new(),
            key: b"a key that only the sandbox has, 32+".to_vec(),
            issuer: "https://idp.sandbox.example".to_owned(),
            audience: "https://outlook.sandbox.example".to_owned(),
            switches: Switches::default(),
        }
    }
}

/// The provider's entrance.
#[derive(Debug)]
pub struct SandboxOAuth;

impl SandboxOAuth {
    /// Starts the provider on the current tokio runtime. Fails when the port cannot be had.
    pub async fn start(options: SandboxOAuthOptions) -> io::Result<RunningOAuth> {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared(Mutex::new(State::new(options))));
        let router = server::router(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the sandbox's provider of tokens stopped");
            }
        });
        Ok(RunningOAuth { addr, handle: OAuthHandle::new(shared), task })
    }
}

/// What requests and handles share.
#[derive(Debug)]
struct Shared(Mutex<State>);

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running provider. It stops when it is dropped.
#[derive(Debug)]
pub struct RunningOAuth {
    addr: SocketAddr,
    handle: OAuthHandle,
    task: tokio::task::JoinHandle<()>,
}

impl RunningOAuth {
    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Address of an endpoint: `authorize`, `token`, `device` or `revoke`.
    #[must_use]
    pub fn endpoint(&self, leaf: &str) -> String {
        format!("http://{}/{leaf}", self.addr)
    }

    /// A way to look into it and to change it, that may outlive this value.
    #[must_use]
    pub fn handle(&self) -> OAuthHandle {
        self.handle.clone()
    }

    /// Stops listening; connections end.
    pub async fn shutdown(mut self) {
        self.task.abort();
        let _ = tokio::time::timeout(Duration::from_secs(1), &mut self.task).await;
    }
}

impl std::ops::Deref for RunningOAuth {
    type Target = OAuthHandle;

    fn deref(&self) -> &OAuthHandle {
        &self.handle
    }
}

impl Drop for RunningOAuth {
    fn drop(&mut self) {
        self.task.abort();
    }
}
