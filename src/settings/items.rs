//! The settings in force for an area of items: calendar, tasks, contacts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use super::Secret;
use crate::model::Field;
use crate::model::dialling::Country;

/// How a server of appointments, tasks and contacts (CalDAV, CardDAV) is reached.
#[derive(Debug, Clone, PartialEq)]
pub struct DavAccess {
    /// Where to begin: the server, a home or a collection. HTTPS, except to loopback.
    pub url: Url,
    /// User name.
    pub user: String,
    /// How to sign in.
    pub auth: DavAuth,
    /// Where the password or token is.
    pub secret: Secret,
    /// Certificate authorities of the organisation, PEM.
    pub ca_file: Option<PathBuf>,
}

/// How to sign in to a DAV server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DavAuth {
    /// User name and password (RFC 7617).
    Basic,
    /// An OAuth 2 access token (RFC 6750).
    Bearer,
}

/// Synchronisation of one area of items.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemSettings {
    /// Which way changes go (X19).
    pub direction: SyncDirection,
    /// New groupware items come into the CRM (X19).
    pub create_in_crm: bool,
    /// New CRM records come into the groupware (X19).
    pub create_in_groupware: bool,
    /// What happens when both sides changed a field (C8).
    pub conflicts: ConflictPolicy,
    /// Exceptions from `conflicts` by field.
    pub field_conflicts: BTreeMap<Field, ConflictPolicy>,
    /// What a deletion in the groupware does in the CRM (C9).
    pub on_groupware_delete: OnGroupwareDelete,
    /// Items that begin (tasks: are due) at most so many days ahead are created in the groupware (R70, R71).
    pub future_days: u32,
    /// Items that began at most so many days ago are created on the other side.
    pub past_days: u32,
    /// What of private groupware items goes to the CRM (V13).
    pub private: PrivateItems,
    /// Only groupware items with this label come into the CRM; all without it.
    pub category: Option<String>,
    /// Names or ids of the collections that take part; all that fit when empty.
    pub collections: BTreeSet<String>,
    /// Write the link to the CRM record into groupware items (R76).
    pub link_back: bool,
    /// Attendees may be written, so that the server may send invitations (V9).
    pub invitations: bool,
    /// What an update covers (C7, R42).
    pub update_scope: UpdateScope,
    /// Show-as of an appointment made from a CRM record (R66).
    pub default_show_as: String,
}

/// Synchronisation of contacts.
#[derive(Debug, Clone, PartialEq)]
pub struct ContactSettings {
    /// What contacts have in common with other items. Nothing is created in the CRM unless it is imported (R102), and deletions never
    /// reach it (R93).
    pub items: ItemSettings,
    /// Name of the address book that contacts of the CRM go into; it is made when there is none.
    pub address_book: String,
    /// Contacts the employee owns go there (R86).
    pub owned: bool,
    /// Members of the employee's groups under the main group for replication go there (R88).
    pub groups: bool,
    /// What this search finds goes there.
    pub search: Option<String>,
    /// Organisations are cards of their own (R87).
    pub organisations: bool,
    /// Pictures are kept the same (R94).
    pub photos: bool,
    /// Marks cards for the import (R89).
    pub category: String,
    /// Country of telephone numbers without a country code.
    pub country: Option<Country>,
}

/// Which way changes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SyncDirection {
    /// Both ways.
    Both,
    /// Groupware to CRM.
    ToCrm,
    /// CRM to groupware.
    ToGroupware,
}

/// What happens when both sides changed a field differently (C8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictPolicy {
    /// The CRM wins a true conflict; a change on one side alone is carried over.
    TwoWay,
    /// The CRM's value holds whenever the two differ.
    CrmWins,
    /// The groupware's value holds whenever the two differ.
    GroupwareWins,
    /// The item is parked until the user has chosen.
    Ask,
}

/// What a deletion in the groupware does in the CRM (C9). It never deletes there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnGroupwareDelete {
    /// Nothing; the pair becomes "removed by user".
    Keep,
    /// The CRM activity is cancelled.
    Cancel,
    /// The user is asked.
    Ask,
}

/// What of private groupware items goes to the CRM (V13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrivateItems {
    /// All of it, visible to the owner only.
    AsPrivate,
    /// Only when it takes place, visible to the owner only.
    BusyOnly,
    /// Nothing.
    Skip,
}

/// What an update covers (C7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UpdateScope {
    /// Every mapped field.
    All,
    /// Start, end, all-day and zone only (R42).
    Time,
}
