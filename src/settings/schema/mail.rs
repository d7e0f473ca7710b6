//! Settings of the mail import.

use super::Fallback::{Absent, Derived, Text};
use super::{Setting, added, local, of_crm, setting};
use crate::settings::value::{Element, Kind};

const LEAVE_OUT: &[&str] = &["skip", "import"];

pub(super) static SETTINGS: &[Setting] = &[
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
];
