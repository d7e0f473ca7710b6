//! What an appointment, a task or a contact says, apart from the form either side keeps it in: named fields with normalised values.
//!
//! Both sides are read into [`Fields`], compared, merged and written field by field. A field that is empty is absent. Two values that
//! mean the same are equal: mappers normalise (line ends, trailing blanks, order of words, order of rule parts) before they build one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Value;

/// The fields of one item that are not empty.
pub type Fields = BTreeMap<Field, Value>;

/// A change of fields: `None` empties one; what is not named stays.
pub type FieldChanges = BTreeMap<Field, Option<Value>>;

/// A field of an appointment, a task or a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    /// Title. [`Value::Text`].
    Subject,
    /// Place. [`Value::Text`].
    Location,
    /// Body text, without the delimited block that crmsync writes at its end. [`Value::Note`].
    Note,
    /// Start and end of an appointment; one field, because half of it means nothing. [`Value::Slot`].
    Slot,
    /// Start of a task. [`Value::Moment`].
    Start,
    /// When a task is due. [`Value::Moment`].
    Due,
    /// Rules of a series; only on its master. [`Value::Recurrence`].
    Recurrence,
    /// `free`, `tentative`, `busy`, `out-of-office` or `elsewhere` (C15). [`Value::Text`].
    ShowAs,
    /// Seen by its owner only (R72). [`Value::Flag`], absent for public.
    Private,
    /// Labels. [`Value::Words`].
    Categories,
    /// 1 (high) to 9 (low) (RFC 5545 §3.8.1.9). [`Value::Number`].
    Priority,
    /// Minutes before the start (before the due time of a task). [`Value::Number`].
    Reminder,
    /// Who takes part, the organiser among them. [`Value::People`].
    Participants,
    /// Whom the item names besides (RFC 5545 §3.8.4.2). [`Value::People`].
    Contacts,
    /// The appointment is cancelled. [`Value::Flag`].
    Cancelled,
    /// The account's owner declined it. [`Value::Flag`].
    Declined,
    /// Where an online meeting takes place. [`Value::Text`].
    MeetingLink,
    /// Its page. [`Value::Text`].
    Url,
    /// `needs-action`, `in-process`, `completed` or `cancelled`. [`Value::Text`], absent for `needs-action`.
    TaskStatus,
    /// Per cent done, 1 to 100. [`Value::Number`].
    Percent,
    /// When a task was completed. [`Value::Moment`], always UTC.
    Completed,
    /// Form of address before a name: `Dr.`. [`Value::Text`], like every part of a name.
    Prefix,
    /// First name.
    GivenName,
    /// Further names, as written.
    MiddleName,
    /// Last name.
    FamilyName,
    /// What follows a name: `jun.`, `MBA`.
    Suffix,
    /// First name as it is spoken.
    PhoneticGivenName,
    /// Last name as it is spoken.
    PhoneticFamilyName,
    /// The whole name as it is shown and sorted (file-as). [`Value::Text`].
    FileAs,
    /// The card is an organisation's own, not a person's. [`Value::Flag`].
    Organisation,
    /// Name of the company. [`Value::Text`].
    Company,
    /// Department, the widest unit first, joined by `; `. [`Value::Text`].
    Department,
    /// Title of the position: `Head of purchasing`. [`Value::Text`].
    JobTitle,
    /// What the contact does there: `decision maker`. [`Value::Text`].
    Role,
    /// Mail addresses. [`Value::Addresses`].
    Emails,
    /// Telephone numbers. [`Value::Phones`].
    Phones,
    /// Names in messaging services. [`Value::Handles`].
    Messaging,
    /// Where the contact lives and works. [`Value::Places`].
    Places,
    /// Birthday. [`Value::PartialDate`].
    Birthday,
    /// Wedding or jubilee. [`Value::PartialDate`].
    Anniversary,
    /// Picture. [`Value::Photo`].
    Photo,
}

impl Field {
    /// Every field.
    pub const ALL: &'static [Self] = &[
        Self::Subject,
        Self::Location,
        Self::Note,
        Self::Slot,
        Self::Start,
        Self::Due,
        Self::Recurrence,
        Self::ShowAs,
        Self::Private,
        Self::Categories,
        Self::Priority,
        Self::Reminder,
        Self::Participants,
        Self::Contacts,
        Self::Cancelled,
        Self::Declined,
        Self::MeetingLink,
        Self::Url,
        Self::TaskStatus,
        Self::Percent,
        Self::Completed,
        Self::Prefix,
        Self::GivenName,
        Self::MiddleName,
        Self::FamilyName,
        Self::Suffix,
        Self::PhoneticGivenName,
        Self::PhoneticFamilyName,
        Self::FileAs,
        Self::Organisation,
        Self::Company,
        Self::Department,
        Self::JobTitle,
        Self::Role,
        Self::Emails,
        Self::Phones,
        Self::Messaging,
        Self::Places,
        Self::Birthday,
        Self::Anniversary,
        Self::Photo,
    ];

    /// The name used in settings, plans and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Location => "location",
            Self::Note => "note",
            Self::Slot => "slot",
            Self::Start => "start",
            Self::Due => "due",
            Self::Recurrence => "recurrence",
            Self::ShowAs => "show-as",
            Self::Private => "private",
            Self::Categories => "categories",
            Self::Priority => "priority",
            Self::Reminder => "reminder",
            Self::Participants => "participants",
            Self::Contacts => "contacts",
            Self::Cancelled => "cancelled",
            Self::Declined => "declined",
            Self::MeetingLink => "meeting-link",
            Self::Url => "url",
            Self::TaskStatus => "task-status",
            Self::Percent => "percent",
            Self::Completed => "completed",
            Self::Prefix => "prefix",
            Self::GivenName => "given-name",
            Self::MiddleName => "middle-name",
            Self::FamilyName => "family-name",
            Self::Suffix => "suffix",
            Self::PhoneticGivenName => "phonetic-given-name",
            Self::PhoneticFamilyName => "phonetic-family-name",
            Self::FileAs => "file-as",
            Self::Organisation => "organisation",
            Self::Company => "company",
            Self::Department => "department",
            Self::JobTitle => "job-title",
            Self::Role => "role",
            Self::Emails => "emails",
            Self::Phones => "phones",
            Self::Messaging => "messaging",
            Self::Places => "places",
            Self::Birthday => "birthday",
            Self::Anniversary => "anniversary",
            Self::Photo => "photo",
        }
    }

    /// The field of this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.name() == name)
    }
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
