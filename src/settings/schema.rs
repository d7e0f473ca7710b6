//! Every setting, defined once: key, kind, default, documentation, and the CRM's name for it. The commented example, validation, the
//! merging of levels and `config show` all read this table.

use super::fault::Problem;
use super::value::{Element, Kind, Value};

/// Where the default of a setting comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fallback {
    /// This text, read like the value of an environment variable.
    Text(&'static str),
    /// It follows from other settings, as said first; then what the example shows.
    Derived(&'static str, &'static str),
    /// The setting is absent unless it is set; this is what the example shows.
    Absent(&'static str),
    /// There is none: the setting has to be set, for example so.
    Mandatory(&'static str),
}

/// Who may set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Every level, the CRM's too.
    Everywhere,
    /// This machine alone: policy file, configuration file, environment, command line. How to sign in, what to run to get a secret and
    /// the user's consent are never taken from a server.
    Machine,
}

/// How the levels of one setting come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Merge {
    /// The narrower level wins.
    Narrower,
    /// A narrower level adds to the wider ones and takes nothing away.
    Add,
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    /// Key; `*` stands for an account's name.
    pub(super) key: &'static str,
    pub(super) kind: Kind,
    pub(super) default: Fallback,
    /// One or two lines for the example and for `config show`.
    pub(super) doc: &'static str,
    /// The CRM's setting type that is the same.
    pub(super) crm: Option<&'static str>,
    pub(super) reach: Reach,
    pub(super) merge: Merge,
}

impl Setting {
    /// The environment variable that sets it: `CRMSYNC_` and the key in capitals.
    pub(super) fn variable(key: &str) -> String {
        let name: String = key.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
        format!("CRMSYNC_{name}")
    }

    /// The fixed default, if there is one.
    pub(super) fn default_value(&self) -> Option<Value> {
        match self.default {
            Fallback::Text(text) => self.kind.parse(text).ok(),
            Fallback::Derived(..) | Fallback::Absent(_) | Fallback::Mandatory(_) => None,
        }
    }
}

/// Languages there are names in.
pub(super) const LANGUAGES: &[&str] = &["en", "de", "nl"];

const LEAVE_OUT: &[&str] = &["skip", "import"];

const fn setting(key: &'static str, kind: Kind, default: Fallback, doc: &'static str) -> Setting {
    Setting { key, kind, default, doc, crm: None, reach: Reach::Everywhere, merge: Merge::Narrower }
}

const fn local(key: &'static str, kind: Kind, default: Fallback, doc: &'static str) -> Setting {
    Setting { reach: Reach::Machine, ..setting(key, kind, default, doc) }
}

const fn added(key: &'static str, kind: Kind, doc: &'static str) -> Setting {
    Setting { merge: Merge::Add, ..setting(key, kind, Fallback::Text(""), doc) }
}

const fn of_crm(crm: &'static str, setting: Setting) -> Setting {
    Setting { crm: Some(crm), ..setting }
}

use Fallback::{Absent, Derived, Mandatory, Text};

/// All settings, in the order of the example.
pub(super) static SETTINGS: &[Setting] = &[
    of_crm("Language", setting("general.language", Kind::One(Element::Choice(LANGUAGES)), Text("en"), "Language of crmsync itself.")),
    of_crm(
        "OutlookLanguage",
        setting(
            "general.groupware_language",
            Kind::One(Element::Choice(LANGUAGES)),
            Text("en"),
            "Language of folder and category names in the groupware. Folders that are in use keep their names when it changes.",
        ),
    ),
    of_crm(
        "Outlook_SyncFolders",
        setting(
            "sync.areas",
            Kind::Many(Element::Choice(&["contacts", "mail", "calendar", "tasks"])),
            Text("mail"),
            "What is synchronised.",
        ),
    ),
    local(
        "sync.consent",
        Kind::Bool,
        Text("false"),
        "true: runs without a terminal may write, though nobody was shown before what the first run will write.",
    ),
    setting(
        "sync.result_display",
        Kind::One(Element::Choice(&["run", "today"])),
        Text("run"),
        "What a finished run shows: its own items, or all of today's.",
    ),
    local(
        "crm.url",
        Kind::One(Element::Url),
        Mandatory("https://crm.example.com/api/"),
        "Base address of the CRM. https, except to this machine.",
    ),
    local("crm.auth", Kind::One(Element::Choice(&["bearer", "basic"])), Text("bearer"), "A bearer token, or user name and password."),
    local("crm.user", Kind::One(Element::Text), Absent("anna"), "User name, for basic."),
    local(
        "crm.secret",
        Kind::Secret,
        Mandatory("crm"),
        "Where the token or password is; never the token or password itself. One of\n\
         { keyring = \"entry\" }, { env = \"VARIABLE\" }, { command = [\"pass\", \"show\", \"crm\"] }.",
    ),
    local("crm.ca_file", Kind::One(Element::Path), Absent("ca.pem"), "Certificate authorities of your organisation (PEM)."),
    setting(
        "mail.selectors",
        Kind::Many(Element::Choice(&["folder", "category", "inbox"])),
        Text("folder"),
        "How mails are found, in any combination: those in the import folder, those that bear the category, the whole\n\
         inbox (which may take long and never moves a mail).",
    ),
    setting(
        "mail.import_folder",
        Kind::One(Element::Folder),
        Derived("\"Import Folder\", \"Import Ordner\" or \"Importmap\" by groupware_language", "Import Folder"),
        "Import folder: a child of the inbox by its name, or a full mailbox name. The folders below it are import folders too.",
    ),
    setting(
        "mail.inbox_children",
        Kind::Bool,
        Text("true"),
        "Children of the inbox named like \"CRM Done [E]\" are import folders too; the letter in brackets is the status.",
    ),
    setting("mail.category_folders", Kind::Many(Element::Folder), Text("INBOX"), "Folders in which the category is looked for."),
    setting("mail.category", Kind::One(Element::Keyword), Text("CRMcorner"), "The category (IMAP keyword) that selects a mail."),
    setting(
        "mail.marks",
        Kind::Many(Element::Choice(&["move", "keyword", "subfolders"])),
        Derived("\"move\" with the folder selector, \"keyword\" with category or inbox", "move"),
        "What is done with an imported mail, in any combination: moved to the archive folder, marked by keyword, moved to\n\
         result sub-folders (where a server keeps no keywords). [] leaves the mail as it is.",
    ),
    setting(
        "mail.archive_folder",
        Kind::One(Element::Folder),
        Derived("\"CRM activities\", \"CRM-Aktivitäten\" or \"CRM-activiteiten\" by groupware_language", "CRM activities"),
        "Archive folder, created beside the import folder.",
    ),
    setting("mail.processed_keyword", Kind::One(Element::Keyword), Text("Processed"), "Keyword of an imported mail."),
    setting(
        "mail.not_found_keyword",
        Kind::One(Element::Keyword),
        Text("NotFound"),
        "Keyword of a mail of which the CRM knows no address.",
    ),
    setting("mail.keep_category", Kind::Bool, Text("false"), "Keep the category beside the keyword of an imported mail."),
    setting(
        "mail.unmatched",
        Kind::One(Element::Choice(&["by-selector", "store", "refuse"])),
        Text("by-selector"),
        "A mail of which the CRM knows no address: stored unassigned, or refused, marked and tried again.\n\
         by-selector: stored from a folder, refused by category and from the inbox.",
    ),
    setting(
        "mail.retry_hours",
        Kind::Integer { min: 0, max: 720 },
        Text("0"),
        "Hours between two tries of a refused mail; 0: at every run.",
    ),
    added(
        "mail.internal",
        Kind::Many(Element::AddressOrDomain),
        "Addresses and domains of your organisation. They never match as a customer.",
    ),
    setting("mail.internal_mail", Kind::One(Element::Choice(LEAVE_OUT)), Text("skip"), "Purely internal mail."),
    added(
        "mail.never_log",
        Kind::Many(Element::AddressOrDomain),
        "Addresses (\"a@example.com\") and domains (\"example.com\") whose mail never leaves this machine.\n\
         A domain covers its sub-domains. Entries of the organisation stay in force beside yours.",
    ),
    setting("mail.private", Kind::One(Element::Choice(LEAVE_OUT)), Text("skip"), "Mail that its sender marked private or personal."),
    setting("mail.encrypted", Kind::One(Element::Choice(LEAVE_OUT)), Text("skip"), "Encrypted mail."),
    added(
        "mail.freemail",
        Kind::Many(Element::Domain),
        "Domains that belong to nobody in particular, beside the built-in list (gmail.com, gmx.de, …).",
    ),
    setting(
        "mail.payload",
        Kind::One(Element::Choice(&["full", "no-attachments", "no-body", "headers-only"])),
        Text("full"),
        "What of a mail goes to the CRM.",
    ),
    setting("mail.max_size", Kind::Size { min: 1024, max: 1 << 40 }, Text("50 MB"), "Larger mails are parked and shown."),
    setting(
        "mail.attachment_max_size",
        Kind::Size { min: 0, max: 1 << 40 },
        Absent("10 MB"),
        "Larger attachments are not listed and not stored in the web folder; the original mail keeps them.",
    ),
    setting("mail.attachment_exclude", Kind::Many(Element::MediaType), Text(""), "Media types that are not listed, such as \"image/*\"."),
    setting("mail.inline_attachments", Kind::Bool, Text("false"), "List inline parts (pictures of a signature) as attachments."),
    setting(
        "mail.tnef",
        Kind::One(Element::Choice(&["unpack", "keep"])),
        Text("unpack"),
        "winmail.dat: list the attachments in it, or keep it as it is.",
    ),
    of_crm(
        "CRM_Webfoldername",
        setting(
            "mail.web_folder",
            Kind::One(Element::WebFolder),
            Absent("https://files.example.com/crm/"),
            "Attachments are stored here too: a folder, or an https address (WebDAV).",
        ),
    ),
    local("mail.web_folder_user", Kind::One(Element::Text), Absent("anna"), "User name at the WebDAV server."),
    local("mail.web_folder_secret", Kind::Secret, Absent("webdav"), "Where the password for the WebDAV server is."),
    of_crm(
        "CRM_MeetingFutureDays",
        setting(
            "calendar.future_days",
            Kind::Integer { min: 0, max: 3660 },
            Text("31"),
            "CRM appointments go to the groupware so many days ahead.",
        ),
    ),
    of_crm(
        "CRM_TaskFutureDays",
        setting("tasks.future_days", Kind::Integer { min: 0, max: 3660 }, Text("3"), "CRM tasks go to the groupware so many days ahead."),
    ),
    Setting {
        merge: Merge::Add,
        ..local(
            "accounts.*.addresses",
            Kind::Many(Element::Address),
            Derived("the user name, when it is an address; it counts beside those written here", "anna@example.com"),
            "Your own addresses in this account.",
        )
    },
    local("accounts.*.imap.host", Kind::One(Element::Host), Mandatory("imap.example.com"), "Mailbox server."),
    local("accounts.*.imap.port", Kind::Integer { min: 1, max: 65_535 }, Derived("993 with tls, else 143", "993"), "Port."),
    local(
        "accounts.*.imap.security",
        Kind::One(Element::Choice(&["tls", "starttls", "none"])),
        Text("tls"),
        "Kind of connection. none is accepted to this machine only.",
    ),
    local(
        "accounts.*.imap.auth",
        Kind::One(Element::Choice(&["password", "xoauth2", "oauthbearer"])),
        Text("password"),
        "A password, or an OAuth 2 access token by XOAUTH2 or OAUTHBEARER.",
    ),
    local("accounts.*.imap.user", Kind::One(Element::Text), Mandatory("anna@example.com"), "User name, often the address."),
    local("accounts.*.imap.secret", Kind::Secret, Mandatory("work"), "Where the password or token is; see crm.secret."),
    local("accounts.*.imap.ca_file", Kind::One(Element::Path), Absent("ca.pem"), "Certificate authorities of your organisation (PEM)."),
];

/// The setting with this key; `accounts.work.imap.host` finds `accounts.*.imap.host`.
pub(super) fn by_key(key: &str) -> Option<&'static Setting> {
    let pattern = pattern(key);
    SETTINGS.iter().find(|setting| setting.key == pattern)
}

/// The setting that equals a setting type of the CRM: by the CRM's name or by our key.
pub(super) fn by_crm_type(name: &str) -> Option<&'static Setting> {
    SETTINGS
        .iter()
        .find(|setting| setting.crm.is_some_and(|crm| crm.eq_ignore_ascii_case(name)))
        .or_else(|| by_key(name))
        .filter(|setting| setting.reach == Reach::Everywhere)
}

/// Whether some setting lies below this path, so that a table is right there.
pub(super) fn is_table(path: &str) -> bool {
    if path == "accounts" {
        return true;
    }
    let prefix = format!("{}.", pattern(path));
    SETTINGS.iter().any(|setting| setting.key.starts_with(&prefix))
}

/// A key with the account's name replaced by `*`.
pub(super) fn pattern(key: &str) -> String {
    match key.strip_prefix("accounts.").map(|rest| rest.split_once('.').unwrap_or((rest, ""))) {
        Some((_, "")) => "accounts.*".to_owned(),
        Some((_, rest)) => format!("accounts.*.{rest}"),
        None => key.to_owned(),
    }
}

/// A key with `*` replaced by the account's name.
pub(super) fn of_account(pattern: &str, account: &str) -> String {
    pattern.replacen('*', account, 1)
}

/// The problem of a key that is none, with the key that was probably meant: the nearest one, else one of the same name in another table.
pub(super) fn unknown(key: &str) -> Problem {
    let wanted = pattern(key);
    let account = key.strip_prefix("accounts.").and_then(|rest| rest.split('.').next()).unwrap_or("NAME");
    let leaf = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let keys = || SETTINGS.iter().map(|setting| setting.key);
    let meant = nearest(&wanted, keys()).or_else(|| keys().find(|key| leaf(key) == leaf(&wanted)));
    let repair = meant.map_or_else(
        || "`crmsync config example` lists all settings".to_owned(),
        |meant| format!("did you mean {}?", of_account(meant, account)),
    );
    Problem::new("there is no such setting", repair)
}

/// The nearest of the candidates, if it is near: a third of the letters may differ, at least two.
pub(super) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let bound = (word.chars().count() / 3).clamp(2, 4);
    candidates
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= bound && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance, without regard to case. Words beyond 100 letters are nobody's neighbours.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(101).map(|c| c.to_ascii_lowercase()).collect();
    if a.len() > 100 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=a.len()).collect();
    for (i, d) in b.chars().map(|c| c.to_ascii_lowercase()).enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (c, above) in a.iter().zip(row.iter().skip(1)) {
            let replaced = diagonal + usize::from(*c != d);
            left = replaced.min(left + 1).min(above + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_one_key_one_variable_and_a_default_that_is_valid() {
        let mut keys = std::collections::BTreeSet::new();
        let mut variables = std::collections::BTreeSet::new();
        for setting in SETTINGS {
            assert!(keys.insert(setting.key), "{} twice", setting.key);
            assert!(variables.insert(Setting::variable(setting.key)));
            assert!(!setting.doc.is_empty() && setting.doc.lines().all(|line| line.chars().count() <= 125), "{}", setting.key);
            if let Text(text) = setting.default {
                assert!(setting.kind.parse(text).is_ok(), "{}", setting.key);
            }
        }
    }

    #[test]
    fn a_misspelt_key_finds_its_neighbour() {
        assert_eq!(unknown("mail.selektors").repair, "did you mean mail.selectors?");
        assert_eq!(unknown("accounts.work.imap.hots").repair, "did you mean accounts.work.imap.host?");
        assert_eq!(unknown("payload").repair, "did you mean mail.payload?");
        assert_eq!(unknown("quantum.flux").repair, "`crmsync config example` lists all settings");
    }

    #[test]
    fn distance_counts_letters() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "ab"), 2);
        assert_eq!(distance("Mail", "mail"), 0);
        assert_eq!(distance(&"x".repeat(1_000_000), "mail"), usize::MAX);
    }
}
