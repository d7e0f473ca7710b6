//! A durable CRM that implements the published contract, with a page to look at and switches for faults.
//!
//! It listens on loopback only. Requests below `/v1` need an employee's token; the page at `/` needs none, but answers to no other
//! host name than this machine's, and its one form has a token of its own.

mod activity;
mod answers;
mod api;
mod contacts;
mod decide;
mod directory;
mod fault_page;
mod faults;
mod imports;
mod listener;
mod matching;
mod page;
mod receive;
mod records;
mod searches;
mod server;
mod spoil;
mod store;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

pub use activity::{Owner, StoredActivity};
pub use contacts::{StoredContact, StoredGroup};
pub use directory::{Contact, Directory, Employee, Partner, sample_directory};
pub use faults::Faults;
pub use records::{StoredRecord, SyncAs};
pub use store::StoreError;

use crate::crm::contract::{CapabilitiesDocument, LimitsDocument};
use server::App;

/// How a sandbox CRM is set up.
#[derive(Debug, Clone)]
pub struct SandboxCrmOptions {
    /// Where everything is kept; a temporary folder when `None`.
    pub dir: Option<PathBuf>,
    /// Port on 127.0.0.1; any free one when 0.
    pub port: u16,
    /// Token of the first employee, in place of the sample's.
    pub token: Option<String>,
    /// Faults from the start.
    pub faults: Faults,
    /// Who is in the CRM.
    pub directory: Directory,
    /// Implemented profiles.
    pub profiles: Vec<String>,
    /// Stated and enforced limits.
    pub limits: LimitsDocument,
    /// Content codings stated in the capabilities; both are always taken.
    pub compression: Vec<String>,
    /// Recurring appointments are taken as series.
    pub series: bool,
    /// Read every batch and keep nothing of it: for measurements of the sender. Each mail counts as created.
    pub discard: bool,
}

impl Default for SandboxCrmOptions {
    fn default() -> Self {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            dir: None,
            port: 0,
            token: None,
            faults: Faults::default(),
            directory: sample_directory(),
            profiles: names(&["mail", "activities", "contacts", "settings", "events", "audit"]),
            limits: LimitsDocument { parallelism: 2, ..LimitsDocument::default() },
            compression: names(&["zstd", "gzip"]),
            series: true,
            discard: false,
        }
    }
}

/// Starts sandbox CRMs.
#[derive(Debug, Clone, Copy)]
pub struct SandboxCrm;

impl SandboxCrm {
    /// Starts a CRM on 127.0.0.1; it answers when this returns.
    pub async fn start(mut options: SandboxCrmOptions) -> Result<RunningCrm, StoreError> {
        let temporary = if options.dir.is_none() { Some(tempfile::Builder::new().prefix("crmsync-sandbox-").tempdir()?) } else { None };
        let dir = options.dir.clone().or_else(|| temporary.as_ref().map(|dir| dir.path().to_owned())).unwrap_or_default();
        if let (Some(token), Some(first)) = (options.token.take(), options.directory.employees.first_mut()) {
            first.token = token;
        }
        let token = options.directory.employees.first().map(|employee| employee.token.clone()).unwrap_or_default();
        let listener = tokio::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, options.port))).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let store = store::Store::open(&dir)?;
        let app = Arc::new(App::new(options, url.clone(), store));
        app.load_contacts()?;
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let router = server::router(Arc::clone(&app));
        let task = tokio::spawn(async move {
            let service = router.into_make_service_with_connect_info::<listener::Cut>();
            let serve = axum::serve(listener::CuttableListener(listener), service).with_graceful_shutdown(async {
                // A dropped sender means that the running CRM was dropped: stop as well.
                let _ = stopped.await;
            });
            if let Err(error) = serve.await {
                tracing::error!(%error, "the sandbox CRM stopped");
            }
        });
        Ok(RunningCrm { url, token, app, stop: Some(stop), task, _temporary: temporary })
    }
}

/// A running sandbox CRM. It stops when it is dropped; [`RunningCrm::shutdown`] also lets its database go at once.
#[derive(Debug)]
pub struct RunningCrm {
    /// Base address, `http://127.0.0.1:PORT`.
    pub url: String,
    /// Token of the first employee.
    pub token: String,
    app: Arc<App>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    task: tokio::task::JoinHandle<()>,
    _temporary: Option<tempfile::TempDir>,
}

impl RunningCrm {
    /// Stops listening, gives running requests a second, and lets the database go.
    pub async fn shutdown(mut self) {
        drop(self.stop.take());
        self.app.stopping.notify_waiters();
        if tokio::time::timeout(std::time::Duration::from_secs(1), &mut self.task).await.is_err() {
            self.task.abort();
        }
        self.app.store.close();
    }

    /// Changes the faults.
    pub fn set_faults(&self, faults: Faults) {
        *self.app.faults() = faults;
    }

    /// The faults as they are now.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.app.faults().clone()
    }

    /// Every activity, oldest first.
    pub fn activities(&self) -> Result<Vec<StoredActivity>, StoreError> {
        let mut all = Vec::new();
        self.app.store.activities(u64::MAX, |activity| {
            all.push(activity);
            std::ops::ControlFlow::Continue(())
        })?;
        all.reverse();
        Ok(all)
    }

    /// The original bytes of an activity.
    pub fn raw(&self, activity: &StoredActivity) -> Result<Vec<u8>, StoreError> {
        api::read_raw(&self.app.store, activity)
    }

    /// "Groupware password locked" of an employee.
    pub fn is_locked(&self, employee: &str) -> Result<bool, StoreError> {
        self.app.store.is_locked(employee)
    }

    /// Requests seen so far, as `METHOD path`, at most the last thousand.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.app.seen().iter().cloned().collect()
    }

    /// What the CRM says of itself.
    #[must_use]
    pub fn capabilities(&self) -> CapabilitiesDocument {
        self.app.capabilities()
    }
}
