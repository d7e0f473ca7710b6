//! Why an item was not imported, or waits: a stable code for programs and a sentence for people.

use serde::{Deserialize, Serialize};

/// A reason with its particulars. Shown to the user; never logged at the default level, because the detail may name people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The stable code.
    pub code: ReasonCode,
    /// Particulars of this case, may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl Reason {
    /// A reason with particulars.
    pub fn new(code: ReasonCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

impl From<ReasonCode> for Reason {
    fn from(code: ReasonCode) -> Self {
        Self { code, detail: String::new() }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code.sentence())?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $code:ident => $sentence:literal, $repair:literal;)*) => {
        /// Stable codes of reasons.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum ReasonCode {
            $($(#[$doc])* $code,)*
        }

        impl ReasonCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$code,)*];

            /// One plain sentence.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$code => $sentence,)* }
            }

            /// What the user can do about it.
            #[must_use]
            pub const fn repair(self) -> &'static str {
                match self { $(Self::$code => $repair,)* }
            }
        }
    };
}

impl ReasonCode {
    /// Whether what is parked for this waits for the user's yes or no.
    #[must_use]
    pub const fn waits_for_word(self) -> bool {
        matches!(self, Self::MassChange | Self::DeletedInGroupware | Self::DeletedAndChanged)
    }
}

reasons! {
    /// Only addresses of the organisation take part (R24).
    InternalOnly => "only internal addresses take part", "set mail.internal = \"import\" to import internal mail too";
    /// The sender marked it private or personal (X5).
    Private => "the mail is marked private", "clear the mark, or set mail.private = \"import\"";
    /// It is encrypted (X5).
    Encrypted => "the mail is encrypted", "set mail.encrypted = \"import\" to file encrypted mail unread";
    /// An address or domain is on the never-log list (X4).
    NeverLog => "an address is on the never-log list", "remove the entry from mail.never_log";
    /// No address is known to the CRM (R22, R27, I5).
    NotFound => "no address is known to the CRM", "add the address to a contact person in the CRM; the next run imports the mail";
    /// Larger than the CRM or the settings allow.
    TooLarge => "the mail is larger than allowed", "raise mail.max_size, or remove large attachments";
    /// The status key in the folder's name is not one of the CRM's (R16).
    UnknownStatus => "the folder's status key is unknown to the CRM", "rename the folder so that it ends in a status key of the CRM in square brackets";
    /// The server does not let the folder be opened or searched.
    FolderRefused => "the server does not let the folder be opened", "ask for the right to read it, or take it out of the settings; it is tried again by itself";
    /// The CRM refused the item and said why.
    RejectedByCrm => "the CRM refused it", "see the CRM's reason; `crmsync parked retry` tries again";
    /// The CRM skipped the item by a rule of its own.
    SkippedByCrm => "the CRM skipped it by a rule of its own", "ask the CRM's administrator";
    /// The CRM could not take the item now and asked for a later try.
    CrmRetry => "the CRM asked to try again later", "nothing; it is tried again by itself";
    /// A request fails whenever the item is in it.
    PoisonItem => "every request with this item fails at the CRM", "report it to the CRM's vendor; `crmsync parked retry` tries again";
    /// It went from the mailbox before it could be read.
    Gone => "the mail was gone before it could be read", "nothing to do";
    /// Equal traits, so that it cannot be told which one is meant (V4).
    Ambiguous => "two items cannot be told apart", "remove one of them, then `crmsync parked retry`";
    /// The keyword was accepted but is not there when read back.
    KeywordDidNotStick => "the server did not keep the keyword", "use mail.marks = [\"move\"] or [\"subfolders\"] with this server";
    /// The mailbox cannot be written.
    ReadOnly => "the mailbox is read-only", "ask for the right to change it, or use mail.marks = []";
    /// The target mailbox is full.
    OverQuota => "the mailbox is full", "make room; it is tried again by itself";
    /// The server refused the move, the copy or the mark.
    PlacementRefused => "the server refused to move or mark the mail", "see the server's answer; `crmsync parked retry` tries again";
    /// The server did not deliver the body though the mail is there.
    Unreadable => "the server did not deliver the mail's content", "open the mail in your mail program; `crmsync parked retry` tries again";
    /// A private appointment or task, left out by the settings (V13).
    PrivateItem => "it is private", "clear the mark, or change the area's setting for private items";
    /// It lacks the label that the settings ask for.
    NoCategory => "it does not bear the label that the settings ask for", "give it the label, or change the area's category";
    /// It lies outside of the days that are synchronised (R70, R71).
    OutsideWindow => "it lies outside of the days that are synchronised", "nothing; it follows when its time comes, or widen the days in the settings";
    /// The settings do not create new items in this direction (X19).
    DirectionOff => "the settings do not create new items in this direction", "change the area's direction in the settings";
    /// It is cancelled, declined or completed, and the other side has never had it.
    NotTakingPlace => "it is cancelled, declined or completed", "nothing to do";
    /// It is of another area, in a collection that holds several.
    OtherArea => "it belongs to another area", "nothing to do";
    /// A card that may be imported, and was not yet (R102).
    AwaitsImport => "it has not been imported", "choose it with `crmsync contacts import`";
    /// A contact that no rule puts into the address book (R85).
    NotSelected => "no rule puts it into the address book", "switch it on with `crmsync contacts link`, or change the rules of contacts";
    /// The user ended the pair, or removed the item (R81, C9).
    PairEnded => "its pair was ended", "send the record to the groupware again";
    /// A change would mail the attendees (V9).
    NeedsInvitations => "the change would mail the people invited", "make the change in your calendar, or allow invitations for this account";
    /// More would be deleted or emptied at once than is usual (V8).
    MassChange => "very many items would be deleted or emptied at once", "look at the list, then confirm or refuse it";
    /// Deleted in the groupware; whether the CRM activity is cancelled is the user's choice (C9).
    DeletedInGroupware => "it was deleted in the groupware", "confirm to cancel it in the CRM, or refuse to keep it there";
    /// Deleted in the CRM and changed in the groupware since.
    DeletedAndChanged => "it was deleted in the CRM, but changed in the groupware since", "confirm to delete it in the groupware too, or refuse to keep it";
    /// Both sides changed the same field (C8).
    Conflict => "both sides changed the same field", "choose whose value holds";
    /// It changed again whenever it was to be written.
    KeepsChanging => "it changed again whenever it was to be written", "nothing; it is tried again by itself";
    /// Its series is not there yet.
    NoSeries => "the series it belongs to is not there", "nothing; it follows when its series is synchronised";
    /// The server refused the item and said why.
    RefusedByGroupware => "the groupware server refused it", "see the server's words; `crmsync parked retry` tries again";
    /// The item's content cannot be read.
    BrokenItem => "its content cannot be read", "open and save it in your calendar program; it is tried again when it changes";
    /// A record names an item that was not found, and something in the collections cannot be read: it may be that item.
    MayBeThere => "its item may be one that cannot be read", "open and save what cannot be read in your calendar program (see `crmsync parked`); it is tried again by itself";
    /// The record that an item was made from is out of the employee's sight.
    RecordWithheld => "the record it was made from is not visible to you", "ask for the right to see it; it is tried again by itself";
    /// Nothing can be written where it lies.
    ReadOnlyCollection => "it lies in a collection that cannot be written", "ask for the right to change it, or take it out of the settings";
    /// No collection takes new items of the area.
    NoCollection => "there is no collection for new items", "name one in the area's settings";
    /// An attachment could not be stored in the web folder (R37).
    WebFolder => "an attachment could not be stored in the web folder", "check CRM_Webfoldername and its rights; it is tried again by itself";
}
