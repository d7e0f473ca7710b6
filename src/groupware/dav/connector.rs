//! Signs in to an account's DAV server with what the settings say.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::groupware::{GroupwareError, ItemConnector, LoginGate, Traffic, TrafficSnapshot, ical, vcard};
use crate::model::AccountId;
use crate::oauth::Credentials;
use crate::settings::DavAccess;
use crate::system::Clock;

use super::dialect::Dialect;
use super::discovery::{self, Site};
use super::format::{Calendars, Cards, Format};
use super::http::{self, Http};
use super::{DavLimits, DavStore};

/// What both connectors do: all stores of one account pass one login gate (V11) and share the way to the homes, which is looked for once.
struct Connector {
    account: AccountId,
    access: DavAccess,
    credentials: Credentials,
    gate: LoginGate,
    limits: DavLimits,
    dialect: Dialect,
    invitations: bool,
    format: Arc<dyn Format>,
    traffic: Arc<Traffic>,
    way: Arc<Mutex<Option<Arc<Site>>>>,
}

impl Connector {
    async fn connect(&self) -> Result<DavStore, GroupwareError> {
        if self.gate.is_locked() {
            return Err(GroupwareError::Locked { account: self.account.to_string() });
        }
        let proof = match self.credentials.read(&self.access.secret).await {
            Ok(proof) => proof,
            Err(error) => return Err(http::not_signed_in(&self.account, &self.gate, error)),
        };
        let http = Http::new(&self.account, &self.access, proof, &self.gate, self.limits.clone(), Arc::clone(&self.traffic))?;
        let http = Arc::new(http);
        let known = self.way.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let site = if let Some(site) = known {
            site
        } else {
            // Boxed: the search is the largest future here, and rare.
            let site = Arc::new(Box::pin(discovery::discover(&http, self.dialect)).await?);
            *self.way.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&site));
            site
        };
        let (format, way) = (Arc::clone(&self.format), Arc::clone(&self.way));
        Ok(DavStore::new(http, self.dialect, site, format, self.invitations, way))
    }
}

/// Opens stores of one account of appointments and tasks.
pub struct CalDavConnector(Connector);

/// What the account's settings say besides the way to it.
#[derive(Debug, Clone, Default)]
pub struct CalDavOptions {
    /// Mail addresses of the account's owner, lower case.
    pub own_addresses: BTreeSet<String>,
    /// Items with participants may be written on a server that mails them (V9).
    pub invitations: bool,
    /// Bounds in time and size.
    pub limits: DavLimits,
}

impl CalDavConnector {
    /// A connector for iCalendar. Nothing is sent yet.
    #[must_use]
    pub fn new(
        account: AccountId,
        access: DavAccess,
        credentials: impl Into<Credentials>,
        gate: LoginGate,
        clock: Arc<dyn Clock>,
        options: CalDavOptions,
    ) -> Self {
        let context = ical::Context { own_addresses: options.own_addresses.clone(), allow_attendees: options.invitations };
        let format = Arc::new(Calendars { context, clock });
        Self::with_format(account, access, credentials, gate, options, format)
    }

    /// The same with a format of its own.
    #[must_use]
    pub fn with_format(
        account: AccountId,
        access: DavAccess,
        credentials: impl Into<Credentials>,
        gate: LoginGate,
        options: CalDavOptions,
        format: Arc<dyn Format>,
    ) -> Self {
        let CalDavOptions { invitations, limits, .. } = options;
        let (dialect, traffic, way, credentials) = (Dialect::CalDav, Arc::default(), Arc::default(), credentials.into());
        Self(Connector { account, access, credentials, gate, limits, dialect, invitations, format, traffic, way })
    }

    /// What all stores together have cost.
    #[must_use]
    pub fn traffic(&self) -> TrafficSnapshot {
        self.0.traffic.snapshot()
    }

    /// Signs in and finds the collections, unless an earlier call found them: then nothing is sent before the first question.
    ///
    /// # Errors
    /// [`GroupwareError::LoginRejected`] once, then [`GroupwareError::Locked`] (V11); [`GroupwareError::Refused`] when no collections are found,
    /// with what was tried.
    pub async fn connect(&self) -> Result<DavStore, GroupwareError> {
        self.0.connect().await
    }
}

impl ItemConnector for CalDavConnector {
    type Store = DavStore;

    async fn connect(&self) -> Result<DavStore, GroupwareError> {
        self.0.connect().await
    }
}

/// Opens stores of one account of contacts.
pub struct CardDavConnector(Connector);

/// What the account's settings say besides the way to it.
#[derive(Debug, Clone, Default)]
pub struct CardDavOptions {
    /// The version of new cards; `None` leaves it to what an address book says it takes.
    pub version: Option<vcard::Version>,
    /// Bounds in time and size.
    pub limits: DavLimits,
}

impl CardDavConnector {
    /// A connector for vCard. Nothing is sent yet. With the gate of the account's other connectors a wrong password is sent once for all.
    #[must_use]
    pub fn new(
        account: AccountId,
        access: DavAccess,
        credentials: impl Into<Credentials>,
        gate: LoginGate,
        options: CardDavOptions,
    ) -> Self {
        let CardDavOptions { version, limits } = options;
        let format = Arc::new(Cards { version });
        let (dialect, traffic, way, credentials) = (Dialect::CardDav, Arc::default(), Arc::default(), credentials.into());
        Self(Connector { account, access, credentials, gate, limits, dialect, invitations: false, format, traffic, way })
    }

    /// What all stores together have cost.
    #[must_use]
    pub fn traffic(&self) -> TrafficSnapshot {
        self.0.traffic.snapshot()
    }

    /// Signs in and finds the address books, as [`CalDavConnector::connect`] does.
    ///
    /// # Errors
    /// The same.
    pub async fn connect(&self) -> Result<DavStore, GroupwareError> {
        self.0.connect().await
    }
}

impl ItemConnector for CardDavConnector {
    type Store = DavStore;

    async fn connect(&self) -> Result<DavStore, GroupwareError> {
        self.0.connect().await
    }
}
