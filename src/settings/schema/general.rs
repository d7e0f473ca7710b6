//! Settings of crmsync as a whole and of the CRM.

use super::Fallback::{Absent, Mandatory, Text};
use super::{LANGUAGES, Setting, local, of_crm, setting};
use crate::settings::value::{Element, Kind};

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
        "secrets.store",
        Kind::One(Element::Choice(&["keyring", "file"])),
        Text("keyring"),
        "Where secrets of { keyring = \"entry\" } and tokens lie: the keyring of the system, or, where there is none, a file\n\
         beside this one that is encrypted with a passphrase.",
    ),
    local(
        "secrets.passphrase",
        Kind::Secret,
        Absent("$CRMSYNC_PASSPHRASE"),
        "Where the passphrase of that file is, { env = \"VARIABLE\" } or { command = [\"program\"] }; asked for on a terminal without it.",
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
];
