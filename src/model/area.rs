//! The four areas a run can cover (R8).

use serde::{Deserialize, Serialize};

/// One of the four areas of `Outlook_SyncFolders`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Area {
    /// Contact persons and organisations.
    Contacts,
    /// Mail, one way: groupware to CRM.
    Mail,
    /// Appointments and meetings.
    Calendar,
    /// Tasks and follow-ups.
    Tasks,
}

impl Area {
    /// Every area, in the order of the setting `Outlook_SyncFolders`.
    pub const ALL: [Self; 4] = [Self::Contacts, Self::Mail, Self::Calendar, Self::Tasks];

    /// The name used in settings, arguments and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Contacts => "contacts",
            Self::Mail => "mail",
            Self::Calendar => "calendar",
            Self::Tasks => "tasks",
        }
    }
}

impl std::fmt::Display for Area {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Area {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|area| area.name().eq_ignore_ascii_case(text.trim()))
            .ok_or_else(|| format!("\"{text}\" is no area; use contacts, mail, calendar or tasks"))
    }
}
