//! `GET` and `PATCH /v1/settings`: the signed-in employee, and settings with their levels.

use serde::{Deserialize, Serialize};

use crate::model::SettingLevel;

/// The signed-in employee and the settings that concern him.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsDocument {
    /// The employee.
    pub employee: EmployeeDocument,
    /// Domains (`b`) and addresses (`a@b`) of the organisation.
    #[serde(default)]
    pub internal: Vec<String>,
    /// Settings, known or not.
    #[serde(default)]
    pub settings: Vec<SettingDocument>,
}

/// An employee.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EmployeeDocument {
    /// Id.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Automatic synchronisation is on (R58).
    #[serde(default)]
    pub auto_sync: bool,
    /// Interactive use is allowed (R62).
    #[serde(default = "yes")]
    pub interactive: bool,
    /// "Groupware password locked" (R63).
    #[serde(default)]
    pub password_locked: bool,
    /// The employee's own addresses.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// Groups the employee is in.
    #[serde(default)]
    pub groups: Vec<String>,
    /// What the employee may do, in the CRM's own words.
    #[serde(default)]
    pub rights: Vec<String>,
}

const fn yes() -> bool {
    true
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingDocument {
    /// Application it belongs to, often empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub application: String,
    /// Type, for example `Outlook_SyncFolders`.
    pub key: String,
    /// Value as text.
    pub value: String,
    /// Level it stands at.
    pub level: SettingLevel,
    /// Narrower levels may not change it.
    #[serde(default)]
    pub locked: bool,
}

/// A change of the signed-in employee (JSON merge patch, RFC 7396).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SettingsPatch {
    /// "Groupware password locked".
    pub password_locked: bool,
}
