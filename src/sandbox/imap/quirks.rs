//! What the server offers and in what it deviates: the differences between real servers, as switches.

use std::collections::BTreeSet;
use std::time::Duration;

/// What the server offers and how it behaves. May be changed while it runs; commands read it anew each time.
#[derive(Debug, Clone)]
pub struct Quirks {
    /// MOVE (RFC 6851). Courier 5.0 lacks it.
    pub offers_move: bool,
    /// UIDPLUS (RFC 4315): UID EXPUNGE, APPENDUID, COPYUID. `DavMail` 6.0.1 lacks it.
    pub uid_plus: bool,
    /// CONDSTORE (RFC 7162). Courier and `DavMail` lack it: `SELECT x (CONDSTORE)` is a NO.
    pub condstore: bool,
    /// QRESYNC (RFC 7162); counts only beside [`Self::condstore`].
    pub qresync: bool,
    /// With QRESYNC, vanished UIDs are told. Stalwart 0.15.5 tells none.
    pub tells_vanished: bool,
    /// IDLE (RFC 2177) is offered.
    pub idle: bool,
    /// During IDLE, changes are pushed. Courier 5.0 and `DavMail` say nothing until DONE.
    pub idle_pushes: bool,
    /// LITERAL+ (RFC 7888). Without it, a non-synchronising literal is a BAD and the end of the connection.
    pub literal_plus: bool,
    /// SASL-IR (RFC 4959).
    pub sasl_ir: bool,
    /// ID (RFC 2971).
    pub id: bool,
    /// NAMESPACE (RFC 2342).
    pub namespace: bool,
    /// ENABLE (RFC 5161).
    pub enable: bool,
    /// UNSELECT (RFC 3691).
    pub unselect: bool,
    /// SPECIAL-USE (RFC 6154), in plain LIST too.
    pub special_use: bool,
    /// LIST-EXTENDED (RFC 5258). Without it, `LIST … RETURN` is a NO, as on Courier.
    pub list_extended: bool,
    /// LIST-STATUS (RFC 5819); counts only beside [`Self::list_extended`].
    pub list_status: bool,
    /// ESEARCH (RFC 4731).
    pub esearch: bool,
    /// The greeting carries CAPABILITY.
    pub capability_in_greeting: bool,
    /// The OK of a login carries CAPABILITY. Courier and `DavMail` do not.
    pub capability_after_login: bool,
    /// A refused login bears `[AUTHENTICATIONFAILED]`. Cyrus, Courier and `DavMail` send no code.
    pub login_failure_code: bool,
    /// What becomes of keywords.
    pub keywords: Keywords,
    /// What FETCH gives for a message that another session expunged.
    pub expunged: ExpungedFetch,
    /// What a session sees whose mailbox was deleted.
    pub deleted_mailbox: DeletedMailbox,
    /// UIDVALIDITY is always 1, as on `DavMail`.
    pub constant_uid_validity: bool,
    /// RENAME gives a new UIDVALIDITY, as on Courier and Stalwart.
    pub rename_changes_validity: bool,
    /// `n:*` with `n` beyond the end means the last message (RFC 9051 §9 `seq-range`). Courier finds nothing.
    pub star_returns_last: bool,
    /// Parents made by CREATE can be selected (Cyrus, Stalwart) or are `\Noselect` (Dovecot maildir, Courier).
    pub real_parents: bool,
    /// `SEARCH HEADER` finds nothing, as Stalwart 0.15.5 does for some Message-IDs.
    pub header_search_blind: bool,
    /// How LIST writes names.
    pub list_names: ListNames,
    /// Added to every RFC822.SIZE, in bytes.
    pub size_error: i64,
    /// Mailboxes (decoded names) that open read-only.
    pub read_only: BTreeSet<String>,
    /// APPEND, COPY and MOVE are refused with this text, for example `[OVERQUOTA] Quota exceeded`; Cyrus sends no code: `Over quota`.
    pub over_quota: Option<String>,
    /// Longest command line in bytes without literals. Stalwart: 4,096, beyond it BAD.
    pub max_line: usize,
    /// The same command more often in a row ends the connection (`DavMail` 6.0.1 at 100; NOOP and IDLE are free, the tag does not count).
    pub max_repeats: Option<u32>,
    /// Every answer waits this long.
    pub delay: Option<Duration>,
}

/// What becomes of keywords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keywords {
    /// They are kept.
    Kept,
    /// PERMANENTFLAGS lacks `\*`; STORE of a new keyword is an OK without effect.
    Ignored,
    /// PERMANENTFLAGS lacks `\*`; STORE of a new keyword is a NO.
    Refused,
    /// PERMANENTFLAGS has `\*`, yet a new keyword is dropped without a word.
    Dropped,
    /// At most so many in a mailbox, then `NO Too many user flags in mailbox` (Cyrus 3.6).
    AtMost(usize),
}

/// What FETCH gives for a message that another session expunged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpungedFetch {
    /// `BODY[] NIL` and `OK [EXPUNGEISSUED]` (Dovecot 2.3).
    Nil,
    /// Nothing, OK (Stalwart 0.15).
    Nothing,
    /// The message as it was (Cyrus 3.6); only for messages expunged while this is set.
    StillDelivered,
    /// A made-up message of 129 bytes (Courier 5.0).
    Fake,
}

/// What a session sees whose mailbox was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletedMailbox {
    /// `* BYE` and the end (Dovecot 2.3).
    Bye,
    /// An EXPUNGE for each message, then an empty mailbox (Cyrus 3.6, Stalwart 0.15).
    Expunges,
}

/// How LIST writes names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListNames {
    /// As atoms where possible (Dovecot, Cyrus).
    Atoms,
    /// Always quoted (Courier, Stalwart).
    Quoted,
    /// As literals, which every server may send.
    Literals,
}

impl Default for Quirks {
    fn default() -> Self {
        Self::dovecot()
    }
}

impl Quirks {
    /// Like Dovecot 2.3.19, which has everything.
    #[must_use]
    pub fn dovecot() -> Self {
        Self {
            offers_move: true,
            uid_plus: true,
            condstore: true,
            qresync: true,
            tells_vanished: true,
            idle: true,
            idle_pushes: true,
            literal_plus: true,
            sasl_ir: true,
            id: true,
            namespace: true,
            enable: true,
            unselect: true,
            special_use: true,
            list_extended: true,
            list_status: true,
            esearch: true,
            capability_in_greeting: true,
            capability_after_login: true,
            login_failure_code: true,
            keywords: Keywords::Kept,
            expunged: ExpungedFetch::Nil,
            deleted_mailbox: DeletedMailbox::Bye,
            constant_uid_validity: false,
            rename_changes_validity: false,
            star_returns_last: true,
            real_parents: false,
            header_search_blind: false,
            list_names: ListNames::Atoms,
            size_error: 0,
            read_only: BTreeSet::new(),
            over_quota: None,
            max_line: 64 * 1024,
            max_repeats: None,
            delay: None,
        }
    }

    /// Like Cyrus 3.6.1.
    #[must_use]
    pub fn cyrus() -> Self {
        Self {
            capability_in_greeting: false,
            login_failure_code: false,
            keywords: Keywords::AtMost(80),
            expunged: ExpungedFetch::StillDelivered,
            deleted_mailbox: DeletedMailbox::Expunges,
            real_parents: true,
            ..Self::dovecot()
        }
    }

    /// Like Courier 5.0.13. Start the server with separator `.` and prefix `INBOX.`.
    #[must_use]
    pub fn courier() -> Self {
        Self {
            offers_move: false,
            condstore: false,
            qresync: false,
            idle_pushes: false,
            literal_plus: false,
            sasl_ir: false,
            special_use: false,
            list_extended: false,
            list_status: false,
            esearch: false,
            id: false,
            unselect: false,
            capability_after_login: false,
            login_failure_code: false,
            expunged: ExpungedFetch::Fake,
            rename_changes_validity: true,
            star_returns_last: false,
            list_names: ListNames::Quoted,
            max_line: 16 * 1024,
            ..Self::dovecot()
        }
    }

    /// Like Stalwart 0.15.5.
    #[must_use]
    pub fn stalwart() -> Self {
        Self {
            tells_vanished: false,
            expunged: ExpungedFetch::Nothing,
            deleted_mailbox: DeletedMailbox::Expunges,
            rename_changes_validity: true,
            real_parents: true,
            header_search_blind: true,
            list_names: ListNames::Quoted,
            max_line: 4096,
            ..Self::dovecot()
        }
    }

    /// Like `DavMail` 6.0.1 before Exchange.
    #[must_use]
    pub fn davmail() -> Self {
        Self {
            uid_plus: false,
            condstore: false,
            qresync: false,
            idle: false,
            literal_plus: false,
            sasl_ir: false,
            id: false,
            namespace: false,
            enable: false,
            unselect: false,
            list_extended: false,
            list_status: false,
            esearch: false,
            capability_in_greeting: false,
            capability_after_login: false,
            login_failure_code: false,
            expunged: ExpungedFetch::Nothing,
            constant_uid_validity: true,
            max_repeats: Some(100),
            real_parents: true,
            list_names: ListNames::Quoted,
            ..Self::dovecot()
        }
    }

    /// What CAPABILITY says, before or after the login.
    pub(super) fn capabilities(&self, logged_in: bool) -> String {
        let optional = [
            (self.literal_plus, "LITERAL+"),
            (self.sasl_ir && !logged_in, "SASL-IR"),
            (!logged_in, "AUTH=PLAIN"),
            (!logged_in, "AUTH=XOAUTH2"),
            (!logged_in, "AUTH=OAUTHBEARER"),
            (self.id, "ID"),
            (self.enable, "ENABLE"),
            (self.idle, "IDLE"),
            (self.namespace && logged_in, "NAMESPACE"),
            (self.unselect && logged_in, "UNSELECT"),
            (self.uid_plus && logged_in, "UIDPLUS"),
            (self.offers_move && logged_in, "MOVE"),
            (self.condstore && logged_in, "CONDSTORE"),
            (self.condstore && self.qresync && logged_in, "QRESYNC"),
            (self.special_use && logged_in, "SPECIAL-USE"),
            (self.list_extended && logged_in, "LIST-EXTENDED"),
            (self.list_extended && self.list_status && logged_in, "LIST-STATUS"),
            (self.esearch && logged_in, "ESEARCH"),
        ];
        let mut line = String::from("IMAP4rev1");
        for (_, name) in optional.iter().filter(|(offered, _)| *offered) {
            line.push(' ');
            line.push_str(name);
        }
        line
    }
}
