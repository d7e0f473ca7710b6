//! The settings in force, typed. Built by the loader from all levels; every other room reads only these.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use super::{ContactSettings, DavAccess, ItemSettings, SecretSettings, SignInSettings};
use crate::model::{AccountId, Area};

/// All settings in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Areas that run, `Outlook_SyncFolders`. Mail alone by default (R41).
    pub areas: BTreeSet<Area>,
    /// How runs behave.
    pub sync: SyncSettings,
    /// Where secrets lie.
    pub secrets: SecretSettings,
    /// The CRM.
    pub crm: CrmAccess,
    /// Groupware accounts by name.
    pub accounts: BTreeMap<AccountId, Account>,
    /// Mail import.
    pub mail: MailSettings,
    /// Appointments and meetings.
    pub calendar: ItemSettings,
    /// Tasks.
    pub tasks: ItemSettings,
    /// Contacts.
    pub contacts: ContactSettings,
    /// Language of folder and category names, `OutlookLanguage`: `en`, `de` or `nl`.
    pub groupware_language: String,
    /// Language of crmsync itself, `Language`.
    pub language: String,
}

/// How runs behave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncSettings {
    /// Consent to writes given in the configuration (R55).
    pub consent: bool,
    /// What a finished run shows (R51).
    pub result_display: ResultDisplay,
}

/// What a finished run shows (R51).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResultDisplay {
    /// The items of this run.
    Run,
    /// All of today's.
    Today,
}

/// How the CRM is reached.
#[derive(Debug, Clone, PartialEq)]
pub struct CrmAccess {
    /// Base address; `v1/…` is appended. HTTPS, except to loopback.
    pub url: Url,
    /// How to sign in.
    pub auth: CrmAuth,
    /// User name for basic authentication.
    pub user: Option<String>,
    /// Where the token or password is.
    pub secret: Secret,
    /// Certificate authorities of the organisation, PEM.
    pub ca_file: Option<PathBuf>,
}

/// How to sign in to the CRM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CrmAuth {
    /// Bearer token.
    Bearer,
    /// User name and password.
    Basic,
}

/// Where a secret is. Never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// The keyring of the operating system, under this entry name.
    Keyring(String),
    /// An environment variable.
    Environment(String),
    /// A command with its arguments, whose first output line is the secret.
    Command(Vec<String>),
    /// The access token of the account's sign-in by OAuth 2. It stands in no file: it follows from `[accounts.NAME.oauth]`.
    SignIn,
}

/// A groupware account.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// The employee's addresses in this account: own addresses (R24).
    pub addresses: Vec<String>,
    /// The mailbox server.
    pub imap: ImapAccess,
    /// The server of calendar and tasks.
    pub dav: Option<DavAccess>,
    /// The server of contacts; the same, unless another is named.
    pub carddav: Option<DavAccess>,
    /// How the account signs in by OAuth 2, where it does.
    pub oauth: Option<SignInSettings>,
}

/// How the mailbox server is reached.
#[derive(Debug, Clone, PartialEq)]
pub struct ImapAccess {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Kind of connection.
    pub security: Security,
    /// How to sign in.
    pub auth: AuthMethod,
    /// User name.
    pub user: String,
    /// Where the password or token is.
    pub secret: Secret,
    /// Certificate authorities of the organisation, PEM.
    pub ca_file: Option<PathBuf>,
}

/// Kind of connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// TLS from the first byte.
    Tls,
    /// STARTTLS, demanded.
    Starttls,
    /// None: accepted to a loopback address only.
    None,
}

/// How to sign in to the groupware.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthMethod {
    /// A password: AUTHENTICATE PLAIN where offered, else LOGIN.
    Password,
    /// An OAuth 2 access token by XOAUTH2.
    Xoauth2,
    /// An OAuth 2 access token by OAUTHBEARER (RFC 7628).
    Oauthbearer,
}

/// Mail import (sections 2 and 3 of the requirements).
#[derive(Debug, Clone, PartialEq)]
pub struct MailSettings {
    /// How mails are found; any combination.
    pub selectors: BTreeSet<MailSelector>,
    /// Import folder: a child of INBOX by name, or a full mailbox name.
    pub import_folder: String,
    /// Direct children of INBOX that follow `CRM <description> [<status>]` are import folders too (R14).
    pub inbox_children: bool,
    /// Folders in which the category is looked for; INBOX by default.
    pub category_folders: Vec<String>,
    /// The category (IMAP keyword) that selects a mail.
    pub category: String,
    /// What is done with a mail after its import; any combination, empty for the journal alone.
    pub marks: BTreeSet<MailMark>,
    /// Archive folder, beside the import folder.
    pub archive_folder: String,
    /// Keyword of an imported mail.
    pub processed_keyword: String,
    /// Keyword of a mail of which no address is known.
    pub not_found_keyword: String,
    /// Keep the category beside `processed_keyword` (R22).
    pub keep_category: bool,
    /// What becomes of a mail of which no address is known (C12).
    pub unmatched: UnmatchedPolicy,
    /// Addresses (`a@b`) and domains (`b`) of the organisation.
    pub internal: Vec<String>,
    /// Purely internal mail (R24).
    pub internal_mail: LeaveOut,
    /// Addresses and domains whose mail never leaves the machine (X4).
    pub never_log: Vec<String>,
    /// Mail marked private or personal (X5).
    pub private: LeaveOut,
    /// Encrypted mail (X5).
    pub encrypted: LeaveOut,
    /// Domains that belong to nobody in particular, beside the built-in list (R31).
    pub freemail: Vec<String>,
    /// What of a mail goes to the CRM (X12).
    pub payload: Payload,
    /// Largest mail in bytes; larger ones are parked.
    pub max_size: u64,
    /// Attachments above this size in bytes are left out of the list and of the web folder (X17); the original bytes keep them.
    pub attachment_max_size: Option<u64>,
    /// Media types left out, such as `image/*` (X17).
    pub attachment_exclude: Vec<String>,
    /// List inline parts as attachments (X17).
    pub inline_attachments: bool,
    /// `winmail.dat` (X17).
    pub tnef: TnefPolicy,
    /// Where attachments are stored beside the CRM (R37), `CRM_Webfoldername`.
    pub web_folder: Option<WebFolder>,
    /// Hours between two tries of a mail of which no address is known.
    pub retry_hours: u32,
}

/// How mails are found (C11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailSelector {
    /// By folder (R11).
    Folder,
    /// By category (R20).
    Category,
    /// The whole inbox (R12); never moves.
    Inbox,
}

/// What is done with a mail after its import (C11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailMark {
    /// Moved to the archive folder (R18).
    Move,
    /// Marked by keyword (R21).
    Keyword,
    /// Moved to result sub-folders of the folder it was found in, where keywords do not stick.
    Subfolders,
}

/// What becomes of a mail of which no address is known (C12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnmatchedPolicy {
    /// From a folder: stored unassigned. By category or from the inbox: marked NotFound and tried again.
    BySelector,
    /// Always stored unassigned.
    Store,
    /// Always marked NotFound and tried again.
    Refuse,
}

/// Whether a kind of mail is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LeaveOut {
    /// It stays out.
    Skip,
    /// It is imported like any other.
    Import,
}

/// What of a mail goes to the CRM (X12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Payload {
    /// The original bytes, text, attachments.
    Full,
    /// The mail with its attachments cut off.
    NoAttachments,
    /// Headers and attachments, no text.
    NoBody,
    /// Headers alone.
    HeadersOnly,
}

/// What is done with `winmail.dat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TnefPolicy {
    /// Its attachments are listed beside it.
    Unpack,
    /// It is an attachment like any other.
    Keep,
}

/// Where attachments are stored (R37).
#[derive(Debug, Clone, PartialEq)]
pub enum WebFolder {
    /// A local or mounted folder.
    Path(PathBuf),
    /// A WebDAV collection, with user name and secret.
    WebDav {
        /// Its address.
        url: Url,
        /// User name.
        user: Option<String>,
        /// Where the password is.
        secret: Option<Secret>,
    },
}
