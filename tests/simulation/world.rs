//! A mailbox server and a CRM in memory, with a step counter: at any step the program can be cut off, before or after the step took
//! effect, and any request can fail by seed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use crmsync::crm::{BatchAnswer, CrmError, OnUnmatched};
use crmsync::model::{BatchKey, Digest, ItemKey};

/// A mail on the fake server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerMail {
    pub raw: Vec<u8>,
    pub keywords: BTreeSet<String>,
    pub deleted: bool,
}

/// A mailbox on the fake server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ServerMailbox {
    pub uid_validity: u32,
    pub uid_next: u32,
    pub modseq: u64,
    pub mails: BTreeMap<u32, ServerMail>,
}

/// A mail in the fake CRM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CrmMail {
    pub key: ItemKey,
    pub raw_digest: Digest,
    pub status: String,
    pub external: Vec<String>,
    pub on_unmatched: OnUnmatched,
}

/// What the server can do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServerKind {
    pub can_move: bool,
    pub condstore: bool,
    pub keeps_keywords: bool,
}

impl ServerKind {
    pub(crate) const FULL: Self = Self { can_move: true, condstore: true, keeps_keywords: true };
    pub(crate) const PLAIN: Self = Self { can_move: false, condstore: false, keeps_keywords: true };
    pub(crate) const NO_KEYWORDS: Self = Self { can_move: true, condstore: false, keeps_keywords: false };
}

/// Faults by seed: one in `one_in` steps fails. 0 means never.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Chaos {
    pub seed: u64,
    pub one_in: u64,
}

/// Everything outside of the program.
#[derive(Debug)]
pub(crate) struct State {
    pub kind: ServerKind,
    pub mailboxes: BTreeMap<String, ServerMailbox>,
    /// Records by employee's item key: each `CREATED` is one activity.
    pub crm: Vec<CrmMail>,
    pub answers: BTreeMap<BatchKey, BatchAnswer>,
    /// Addresses the CRM knows.
    pub known: BTreeSet<String>,
    /// Mails whose presence makes the CRM fail with 500.
    pub poison: BTreeSet<Digest>,
    /// UIDs whose body breaks the session.
    pub unreadable: BTreeSet<(String, u32)>,
    /// Nobody may create a mailbox.
    pub refuse_create: bool,
    /// Mailboxes that cannot be opened.
    pub refused: BTreeSet<String>,
    /// The password is wrong from this login on.
    pub reject_login: Option<u64>,
    /// What the CRM fails with at the next imports; an import that fails stores nothing.
    pub crm_errors: Vec<fn() -> CrmError>,
    /// Writes made at either side.
    pub writes: u64,
    /// Logins.
    pub logins: u64,
    pub steps: u64,
    cut_at: Option<u64>,
    dead: bool,
    chaos: Chaos,
}

/// Shared access to the state.
#[derive(Debug, Clone)]
pub(crate) struct World(Arc<Mutex<State>>);

/// What happens at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It takes effect and is answered.
    Done,
    /// It takes no effect and no answer comes.
    LostBefore,
    /// It takes effect and no answer comes.
    LostAfter,
    /// The server says it is busy; no effect.
    Busy,
}

impl World {
    pub(crate) fn new(kind: ServerKind) -> Self {
        let mut mailboxes = BTreeMap::new();
        mailboxes.insert("INBOX".to_owned(), ServerMailbox { uid_validity: 7, uid_next: 1, modseq: 1, mails: BTreeMap::new() });
        Self(Arc::new(Mutex::new(State {
            kind,
            mailboxes,
            crm: Vec::new(),
            answers: BTreeMap::new(),
            known: BTreeSet::new(),
            poison: BTreeSet::new(),
            unreadable: BTreeSet::new(),
            refuse_create: false,
            refused: BTreeSet::new(),
            reject_login: None,
            crm_errors: Vec::new(),
            writes: 0,
            logins: 0,
            steps: 0,
            cut_at: None,
            dead: false,
            chaos: Chaos::default(),
        })))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Cuts the program off at cut point `n`: point 2k loses the k-th request, point 2k+1 its answer. Nothing gets through afterwards.
    pub(crate) fn cut_at(&self, n: Option<u64>) {
        let mut state = self.state();
        state.steps = 0;
        state.cut_at = n;
        state.dead = false;
    }

    pub(crate) fn chaos(&self, chaos: Chaos) {
        self.state().chaos = chaos;
    }

    /// The fate of the next step.
    pub(crate) fn step(&self) -> Fate {
        let mut state = self.state();
        let step = state.steps;
        state.steps += 1;
        if state.dead {
            return Fate::LostBefore;
        }
        match state.cut_at {
            Some(cut) if cut / 2 == step => {
                state.dead = true;
                if cut % 2 == 0 { Fate::LostBefore } else { Fate::LostAfter }
            }
            _ => state.chaos.fate(),
        }
    }

    pub(crate) fn add_mail(&self, mailbox: &str, raw: &str, keywords: &[&str]) -> u32 {
        self.state().append(mailbox, raw.replace('\n', "\r\n").into_bytes(), keywords.iter().map(|k| (*k).to_owned()).collect())
    }
}

impl State {
    pub(crate) fn append(&mut self, mailbox: &str, raw: Vec<u8>, keywords: BTreeSet<String>) -> u32 {
        let kept = self.kind.keeps_keywords;
        let target = self.mailboxes.entry(mailbox.to_owned()).or_insert_with(|| ServerMailbox {
            uid_validity: 7,
            uid_next: 1,
            modseq: 1,
            mails: BTreeMap::new(),
        });
        let uid = target.uid_next;
        target.uid_next += 1;
        target.modseq += 1;
        let keywords = if kept { keywords } else { BTreeSet::new() };
        target.mails.insert(uid, ServerMail { raw, keywords, deleted: false });
        uid
    }

    /// How often a mail with these bytes lies in a mailbox.
    pub(crate) fn copies(&self, mailbox: &str, raw: &str) -> usize {
        let raw = raw.replace('\n', "\r\n").into_bytes();
        self.mailboxes.get(mailbox).map_or(0, |mailbox| mailbox.mails.values().filter(|mail| mail.raw == raw && !mail.deleted).count())
    }

    /// How often the CRM holds a mail with these bytes.
    pub(crate) fn records(&self, raw: &str) -> usize {
        let digest = Digest::of(raw.replace('\n', "\r\n").as_bytes());
        self.crm.iter().filter(|mail| mail.raw_digest == digest).count()
    }
}

impl Chaos {
    /// A small generator of its own (`xorshift64*`), so that a seed means the same for ever.
    fn next(&mut self) -> u64 {
        self.seed ^= self.seed >> 12;
        self.seed ^= self.seed << 25;
        self.seed ^= self.seed >> 27;
        self.seed.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn fate(&mut self) -> Fate {
        if self.one_in == 0 || !self.next().is_multiple_of(self.one_in) {
            return Fate::Done;
        }
        match self.next() % 3 {
            0 => Fate::LostBefore,
            1 => Fate::LostAfter,
            _ => Fate::Busy,
        }
    }
}
