//! A small mailbox with a mail of every fate, and what must have become of it.

use crmsync::sandbox::imap::SandboxImapOptions;

use super::stage::{Stage, USER};

/// The import folder.
pub const IMPORT: &str = "INBOX/Import Folder";
/// An import folder below it, for status E.
pub const SETTLED: &str = "INBOX/Import Folder/CRM Erledigt [E]";
/// Where imported mails go.
pub const ARCHIVE: &str = "INBOX/CRM activities";

/// The folder selector with the archive.
pub const BY_FOLDER: &str = "selectors = [\"folder\"]\nmarks = [\"move\"]";
/// The folder selector, keyword and archive.
pub const BY_FOLDER_WITH_BOTH_MARKS: &str = "selectors = [\"folder\"]\nmarks = [\"move\", \"keyword\"]";
/// The category selector, marks by keyword alone; what matches nobody is not asked for at every run.
pub const BY_CATEGORY: &str = "selectors = [\"category\"]\nmarks = [\"keyword\"]\nretry_hours = 24";

/// A mail by its subject, which is unique.
pub fn letter(from: &str, subject: &str) -> String {
    let id: String = subject.chars().filter(char::is_ascii_alphanumeric).collect();
    format!(
        "From: {from}\r\nTo: Anna Berger <anna.berger@nordwind.example>\r\nSubject: {subject}\r\nDate: Mon, 16 Nov 2026 10:00:00 +0100\r\n\
         Message-ID: <{id}@scene.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGuten Tag,\r\n\r\n{subject}\r\n"
    )
}

/// A mail of a contact person whom the sandbox CRM knows.
pub fn known(subject: &str) -> String {
    letter("Clara Hofmann <clara.hofmann@solaris-technik.example>", subject)
}

/// The mails of the scene.
pub struct Scene {
    pub offer: String,
    pub order: String,
    pub settled: String,
    pub stranger: String,
    pub internal: String,
}

impl Scene {
    pub fn new() -> Self {
        Self {
            offer: known("Offer one"),
            order: letter("Sanne van Dijk <sanne@vandijk.example>", "Order two"),
            settled: known("Settled three"),
            stranger: letter("Someone <who@stranger.example>", "Stranger four"),
            internal: letter("Ben Vogt <ben.vogt@nordwind.example>", "Lunch five"),
        }
    }

    /// Puts the mails into the import folders, the offer twice.
    pub fn fill_folders(&self, stage: &Stage) {
        for mail in [&self.offer, &self.stranger, &self.internal, &self.offer, &self.order] {
            stage.imap.append(USER, IMPORT, mail.clone(), &["\\Seen"]);
        }
        stage.imap.append(USER, SETTLED, self.settled.clone(), &[]);
    }

    /// Puts the mails into the inbox with the category; the settled one has none.
    pub fn fill_inbox(&self, stage: &Stage) {
        for mail in [&self.offer, &self.stranger, &self.internal, &self.offer, &self.order] {
            stage.imap.append(USER, "INBOX", mail.clone(), &["CRMcorner"]);
        }
        stage.imap.append(USER, "INBOX", self.settled.clone(), &["\\Seen"]);
    }

    /// Every mail of the import folders is in the CRM once and in the archive as often as it was there.
    pub fn check_folders(&self, stage: &Stage, context: &str) {
        for (mail, archived) in [(&self.offer, 2), (&self.order, 1), (&self.settled, 1), (&self.stranger, 1)] {
            let subject = subject(mail);
            assert_eq!(records(stage, mail), 1, "{context}: {subject} in the CRM");
            let places = [copies(stage, IMPORT, mail), copies(stage, SETTLED, mail), copies(stage, ARCHIVE, mail)];
            assert_eq!(places, [0, 0, archived], "{context}: {subject} in import folder, folder below, archive");
        }
        assert_eq!(records(stage, &self.internal), 0, "{context}: V13: internal mail stays out of the CRM");
        assert_eq!([copies(stage, IMPORT, &self.internal), copies(stage, ARCHIVE, &self.internal)], [1, 0], "{context}: and where it is");
        assert_eq!(stage.activities().len(), 4, "{context}");
        let status = |mail: &String| stage.activities().iter().find(|a| a.subject == subject(mail)).map(|a| a.status.clone());
        assert_eq!([status(&self.offer), status(&self.settled)], [Some("I".into()), Some("E".into())], "{context}: R15");
        for mail in stage.imap.mails(USER, ARCHIVE) {
            assert!(!mail.has("\\Deleted"), "{context}: nothing in the archive is marked as deleted");
        }
    }

    /// Every mail with the category bears its mark and lies where it lay.
    pub fn check_inbox(&self, stage: &Stage, context: &str) {
        for (mail, in_crm) in [(&self.offer, 1), (&self.order, 1), (&self.stranger, 0), (&self.internal, 0), (&self.settled, 0)] {
            assert_eq!(records(stage, mail), in_crm, "{context}: {} in the CRM", subject(mail));
        }
        let mails = stage.imap.mails(USER, "INBOX");
        assert_eq!(mails.len(), 6, "{context}: nothing is moved or deleted");
        for mail in mails {
            let text = String::from_utf8_lossy(&mail.raw).into_owned();
            let marks = ["CRMcorner", "Processed", "NotFound"].map(|keyword| mail.has(keyword));
            let expected = match &text {
                text if *text == self.offer || *text == self.order => [false, true, false],
                text if *text == self.stranger => [true, false, true],
                text if *text == self.internal => [true, false, false],
                _ => [false, false, false],
            };
            assert_eq!(marks, expected, "{context}: category, Processed, NotFound of {}", subject(&text));
        }
    }
}

/// The subject of a mail of [`letter`].
pub fn subject(mail: &str) -> &str {
    mail.split_once("Subject: ").unwrap().1.split("\r\n").next().unwrap()
}

/// Activities of a mail.
pub fn records(stage: &Stage, mail: &str) -> usize {
    let subject = subject(mail);
    stage.activities().iter().filter(|activity| activity.subject == subject).count()
}

/// Copies of a mail in a mailbox.
pub fn copies(stage: &Stage, mailbox: &str, mail: &str) -> usize {
    stage.imap.mails(USER, mailbox).iter().filter(|stored| stored.raw == mail.as_bytes()).count()
}

/// A server without MOVE.
pub fn without_move() -> SandboxImapOptions {
    let mut options = SandboxImapOptions::default();
    options.quirks.offers_move = false;
    options
}
