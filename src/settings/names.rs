//! Default names of folders, by the language of the groupware (C19). A name counts only until its folder is bound: from then on the
//! mailbox counts, and a change of language never makes a second folder.

/// Default name of the import folder.
#[must_use]
pub fn import_folder(language: &str) -> &'static str {
    match language {
        "de" => "Import Ordner",
        "nl" => "Importmap",
        _ => "Import Folder",
    }
}

/// Default name of the archive folder.
#[must_use]
pub fn archive_folder(language: &str) -> &'static str {
    match language {
        "de" => "CRM-Aktivitäten",
        "nl" => "CRM-activiteiten",
        _ => "CRM activities",
    }
}
