//! Settings as the CRM holds them, with the level each stands at.

use serde::{Deserialize, Serialize};

/// The signed-in employee, and settings with their levels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CrmSettings {
    /// Name of the employee, for people.
    pub employee: String,
    /// Automatic synchronisation is on (R58).
    pub auto_sync: bool,
    /// Interactive use is allowed (R62).
    pub interactive: bool,
    /// "Groupware password locked" as the CRM has it (R63).
    pub password_locked: bool,
    /// The employee's own addresses.
    pub own_addresses: Vec<String>,
    /// Domains and addresses of the organisation.
    pub internal: Vec<String>,
    /// Every setting the CRM holds, known or not.
    pub settings: Vec<KeyedSetting>,
}

/// One setting as the CRM holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedSetting {
    /// Its type, for example `Outlook_SyncFolders`.
    pub key: String,
    /// Its value as text.
    pub value: String,
    /// Where it stands.
    pub level: SettingLevel,
    /// Narrower levels may not change it.
    pub locked: bool,
}

/// Where a setting stands, widest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum SettingLevel {
    Organisation,
    Group,
    User,
}
