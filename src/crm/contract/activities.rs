//! `GET /v1/activities`: the quick searches (R34).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::LinkedRecord;
use crate::model::{Direction, RunId};

/// One page of activities, newest import first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityPage {
    /// The activities.
    pub items: Vec<ActivityDocument>,
    /// Cursor of the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// An activity in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityDocument {
    /// Record id.
    pub id: String,
    /// Activity type.
    #[serde(rename = "type")]
    pub activity_type: String,
    /// Status key.
    pub status: String,
    /// Subject.
    pub subject: String,
    /// When the mail was sent, the appointment starts or the task is due, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// Which way it went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// What it is linked to; empty when unassigned.
    #[serde(default)]
    pub linked: Vec<LinkedRecord>,
    /// Address of its page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The origin mark, which never changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// Where an activity came from (C2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// The run that imported it; absent where no run is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// When.
    pub imported_at: DateTime<Utc>,
}
