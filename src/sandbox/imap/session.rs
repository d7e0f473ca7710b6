//! What one connection knows, and the way from a command to its answer. No I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use super::super::oauth::Bearers;
use super::faults::{Counters, Faults};
use super::input::{Input, Refusal, bad, no};
use super::output::Output;
use super::quirks::{DeletedMailbox, Quirks};
use super::sequence::{SequenceSet, write_set};
use super::store::{Account, Flags, Mailbox, MailboxKey};
use super::{append, change, fetch, folders, search, select};

/// Everything the server holds.
#[derive(Debug)]
pub(super) struct State {
    pub(super) accounts: BTreeMap<String, Account>,
    pub(super) quirks: Quirks,
    pub(super) bearers: Option<Arc<dyn Bearers>>,
    pub(super) faults: Faults,
    pub(super) counters: Counters,
    pub(super) log: Vec<String>,
    pub(super) namespace: Namespace,
}

/// How names are built.
#[derive(Debug, Clone)]
pub(super) struct Namespace {
    pub(super) separator: char,
    pub(super) prefix: String,
}

/// What one connection knows.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// Tag of the current command.
    pub(super) tag: String,
    pub(super) user: Option<String>,
    pub(super) selected: Option<View>,
    pub(super) condstore: bool,
    pub(super) qresync: bool,
}

/// The selected mailbox as this session was told of it.
#[derive(Debug)]
pub(super) struct View {
    pub(super) key: MailboxKey,
    pub(super) read_only: bool,
    /// Ascending; the position is the sequence number minus one.
    pub(super) uids: Vec<u32>,
    /// UIDs from here on are not told yet.
    pub(super) known_next: u32,
    pub(super) seen_changes: u64,
    pub(super) seen_vanished: u64,
    /// Changes this session made and was told of by the command itself.
    pub(super) own: BTreeSet<u64>,
}

/// The answer to a command.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub(super) out: Output,
    /// The tagged line without its tag.
    pub(super) status: String,
    pub(super) close: bool,
}

impl Reply {
    pub(super) fn ok(text: impl std::fmt::Display) -> Self {
        Self::with(Output::default(), text)
    }

    pub(super) fn with(out: Output, text: impl std::fmt::Display) -> Self {
        Self { out, status: format!("OK {text}"), close: false }
    }

    pub(super) fn refused(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Bad(text) => Self { status: format!("BAD {text}"), ..Self::default() },
            Refusal::No(text) => Self { status: format!("NO {text}"), ..Self::default() },
            Refusal::Bye(text) => Self::bye(&text),
        }
    }

    /// `* BYE` without a tagged answer.
    pub(super) fn bye(text: &str) -> Self {
        let mut reply = Self { close: true, ..Self::default() };
        reply.out.line(&format!("* BYE {text}"));
        reply
    }
}

/// What a command of a logged-in session works on.
pub(super) struct Context<'a> {
    pub(super) account: &'a mut Account,
    pub(super) quirks: &'a Quirks,
    pub(super) namespace: &'a Namespace,
    pub(super) session: &'a mut Session,
}

/// The selected mailbox and what the session knows of it.
pub(super) struct Open<'a> {
    pub(super) mailbox: &'a mut Mailbox,
    pub(super) view: &'a mut View,
    pub(super) quirks: &'a Quirks,
}

impl Context<'_> {
    /// The selected mailbox; BAD when there is none.
    pub(super) fn open(&mut self) -> Result<Open<'_>, Refusal> {
        let Some(view) = self.session.selected.as_mut() else { return bad("No mailbox selected") };
        let Some(mailbox) = self.account.by_key_mut(view.key) else { return no("Mailbox does not exist") };
        Ok(Open { mailbox, view, quirks: self.quirks })
    }
}

impl View {
    /// Sequence number of a UID.
    pub(super) fn sequence(&self, uid: u32) -> Option<usize> {
        self.uids.binary_search(&uid).ok().map(|at| at + 1)
    }

    /// The messages of a set, as (sequence number, UID), ascending.
    pub(super) fn targets(&self, set: &SequenceSet, by_uid: bool, quirks: &Quirks) -> Vec<(usize, u32)> {
        let last = if by_uid { self.uids.last().copied().unwrap_or(0) } else { u32::try_from(self.uids.len()).unwrap_or(u32::MAX) };
        let mut targets = Vec::new();
        for (from, to) in set.ranges(last, quirks.star_returns_last) {
            let span = if by_uid {
                self.uids.partition_point(|uid| *uid < from)..self.uids.partition_point(|uid| *uid <= to)
            } else {
                (from.max(1) as usize - 1).min(self.uids.len())..(to as usize).min(self.uids.len())
            };
            let first = span.start + 1;
            targets.extend(self.uids.get(span).unwrap_or_default().iter().enumerate().map(|(at, uid)| (first + at, *uid)));
        }
        targets
    }
}

impl Session {
    /// Tells what changed in the selected mailbox since this session was last told. Expunges only where the protocol allows them
    /// (RFC 9051 §7.5.1). Returns false when the session must end.
    pub(super) fn tell(&mut self, account: &Account, quirks: &Quirks, expunges: bool, out: &mut Output) -> bool {
        let (condstore, qresync) = (self.condstore, self.qresync);
        let Some(view) = self.selected.as_mut() else { return true };
        let Some(mailbox) = account.by_key(view.key) else {
            if quirks.deleted_mailbox == DeletedMailbox::Bye {
                out.line("* BYE IMAP session state is inconsistent, please relogin.");
                return false;
            }
            if expunges {
                for _ in view.uids.drain(..) {
                    out.line("* 1 EXPUNGE");
                }
            }
            return true;
        };
        if expunges {
            tell_expunges(view, mailbox, qresync, out);
        }
        let told_next = view.known_next;
        view.uids.extend(mailbox.messages.range(told_next..).map(|(uid, _)| *uid));
        if view.uids.last().is_some_and(|last| *last >= told_next) {
            out.line(&format!("* {} EXISTS", view.uids.len()));
        }
        view.known_next = mailbox.uid_next;
        for (modseq, uid) in mailbox.changed.range(view.seen_changes.saturating_add(1)..) {
            let (Some(at), Some(message)) = (view.sequence(*uid), mailbox.messages.get(uid)) else { continue };
            if *uid < told_next && !view.own.contains(modseq) {
                let modseq = if condstore { format!(" MODSEQ ({modseq})") } else { String::new() };
                out.line(&format!("* {at} FETCH (UID {uid} FLAGS ({}){modseq})", joined(&message.flags)));
            }
        }
        view.seen_changes = mailbox.highest_modseq;
        view.own.clear();
        true
    }
}

fn tell_expunges(view: &mut View, mailbox: &Mailbox, qresync: bool, out: &mut Output) {
    let mut gone: Vec<(usize, u32)> =
        mailbox.vanished_since(view.seen_vanished).into_iter().filter_map(|uid| Some((view.sequence(uid)?, uid))).collect();
    view.seen_vanished = mailbox.highest_modseq;
    gone.dedup();
    if gone.is_empty() {
        return;
    }
    if qresync {
        out.line(&format!("* VANISHED {}", write_set(gone.iter().map(|(_, uid)| *uid))));
    } else {
        for (before, (sequence, _)) in gone.iter().enumerate() {
            out.line(&format!("* {} EXPUNGE", sequence - before));
        }
    }
    let gone: BTreeSet<u32> = gone.into_iter().map(|(_, uid)| uid).collect();
    view.uids.retain(|uid| !gone.contains(uid));
}

/// Flags with blanks between them.
pub(super) fn joined(flags: &Flags) -> String {
    let mut text = String::new();
    for flag in flags {
        let _ = write!(text, "{}{flag}", if text.is_empty() { "" } else { " " });
    }
    text
}

/// Executes a command. IDLE and AUTHENTICATE are the connection's, because they read more lines.
pub(super) fn execute(state: &mut State, session: &mut Session, name: &str, input: &mut Input) -> Reply {
    let reply = match session.user.clone() {
        None => before_login(state, session, name, input),
        Some(user) => after_login(state, session, &user, name, input),
    };
    reply.unwrap_or_else(Reply::refused)
}

fn before_login(state: &mut State, session: &mut Session, name: &str, input: &mut Input) -> Result<Reply, Refusal> {
    match name {
        "LOGIN" => {
            input.space()?;
            let user = input.text()?;
            input.space()?;
            let password = input.text()?;
            input.end()?;
            Ok(login(state, session, &user, |account| account.password == password))
        }
        _ => any_state(&state.quirks, name, input, false),
    }
}

/// Logs in if `proof` holds for the account, and says so.
pub(super) fn login(state: &mut State, session: &mut Session, user: &str, proof: impl FnOnce(&Account) -> bool) -> Reply {
    if !state.accounts.get(user).is_some_and(proof) {
        state.counters.logins_failed += 1;
        let code = if state.quirks.login_failure_code { "[AUTHENTICATIONFAILED] " } else { "" };
        return Reply { status: format!("NO {code}Authentication failed."), ..Reply::default() };
    }
    session.user = Some(user.to_owned());
    if state.quirks.capability_after_login {
        Reply::ok(format!("[CAPABILITY {}] Logged in", state.quirks.capabilities(true)))
    } else {
        Reply::ok("Logged in")
    }
}

fn any_state(quirks: &Quirks, name: &str, input: &mut Input, logged_in: bool) -> Result<Reply, Refusal> {
    let mut out = Output::default();
    match name {
        "CAPABILITY" => {
            input.end()?;
            out.line(&format!("* CAPABILITY {}", quirks.capabilities(logged_in)));
        }
        "NOOP" => input.end()?,
        "LOGOUT" => {
            input.end()?;
            out.line("* BYE Logging out");
            return Ok(Reply { close: true, ..Reply::with(out, "Logout completed.") });
        }
        "ID" if quirks.id => out.line(&format!("* ID (\"name\" \"crmsync sandbox\" \"version\" \"{}\")", env!("CARGO_PKG_VERSION"))),
        _ => return bad("Error in IMAP command: unknown command or not allowed now"),
    }
    Ok(Reply::with(out, format_args!("{name} completed.")))
}

fn after_login(state: &mut State, session: &mut Session, user: &str, name: &str, input: &mut Input) -> Result<Reply, Refusal> {
    let State { accounts, quirks, namespace, .. } = state;
    let Some(account) = accounts.get_mut(user) else { return Err(Refusal::Bye("Account is gone".to_owned())) };
    let mut context = Context { account, quirks, namespace, session };
    let mut reply = dispatch(&mut context, name, input).unwrap_or_else(Reply::refused);
    // Sequence numbers must not change under commands that use them.
    let expunges = !matches!(name, "FETCH" | "STORE" | "SEARCH");
    if !reply.close && name != "SELECT" && name != "EXAMINE" && !session.tell(account, quirks, expunges, &mut reply.out) {
        reply.close = true;
        reply.status.clear();
    }
    Ok(reply)
}

fn dispatch(context: &mut Context<'_>, name: &str, input: &mut Input) -> Result<Reply, Refusal> {
    let quirks = context.quirks;
    match name {
        "LIST" => folders::list(context, input),
        "LSUB" => folders::lsub(context, input),
        "CREATE" => folders::create(context, input),
        "DELETE" => folders::delete(context, input),
        "RENAME" => folders::rename(context, input),
        "SUBSCRIBE" | "UNSUBSCRIBE" => folders::subscribe(context, input, name == "SUBSCRIBE"),
        "STATUS" => folders::status(context, input),
        "NAMESPACE" if quirks.namespace => folders::namespace(context, input),
        "ENABLE" if quirks.enable => select::enable(context, input),
        "SELECT" | "EXAMINE" => select::select(context, input, name == "EXAMINE"),
        "CLOSE" => select::close(context, input, true),
        "UNSELECT" if quirks.unselect => select::close(context, input, false),
        "CHECK" => {
            context.open()?;
            input.end()?;
            Ok(Reply::ok("CHECK completed."))
        }
        "SEARCH" | "UID SEARCH" => search::search(context, input, name == "UID SEARCH"),
        "FETCH" | "UID FETCH" => fetch::fetch(context, input, name == "UID FETCH"),
        "STORE" | "UID STORE" => change::store(context, input, name == "UID STORE"),
        "COPY" | "UID COPY" => change::copy(context, input, name == "UID COPY", false),
        "MOVE" | "UID MOVE" if quirks.offers_move => change::copy(context, input, name == "UID MOVE", true),
        "EXPUNGE" => change::expunge(context, input, false),
        "UID EXPUNGE" if quirks.uid_plus => change::expunge(context, input, true),
        "APPEND" => append::append(context, input),
        _ => any_state(quirks, name, input, true),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::super::input::Segment;
    use super::*;

    fn state() -> State {
        let mut account = Account::new("demo", None);
        for _ in 0..3 {
            account.create("INBOX").add(
                Bytes::from_static(b"Subject: a\r\n\r\nb"),
                Flags::new(),
                chrono::DateTime::UNIX_EPOCH.fixed_offset(),
            );
        }
        account.create("Done");
        State {
            accounts: BTreeMap::from([("anna".to_owned(), account)]),
            quirks: Quirks::default(),
            bearers: None,
            faults: Faults::default(),
            counters: Counters::default(),
            log: Vec::new(),
            namespace: Namespace { separator: '/', prefix: String::new() },
        }
    }

    const NAMES: &[&str] = &[
        "LIST",
        "LSUB",
        "CREATE",
        "DELETE",
        "RENAME",
        "SUBSCRIBE",
        "STATUS",
        "ENABLE",
        "SELECT",
        "CLOSE",
        "SEARCH",
        "UID SEARCH",
        "FETCH",
        "UID FETCH",
        "STORE",
        "UID STORE",
        "COPY",
        "UID MOVE",
        "EXPUNGE",
        "UID EXPUNGE",
        "APPEND",
        "NOOP",
        "NOSUCH",
    ];
    const PARTS: &[&str] = &[
        " ",
        " ",
        " ",
        "(",
        ")",
        "1:*",
        "4294967295",
        "*",
        "\"\"",
        "\"",
        "\\",
        "[",
        "]",
        "<0.1>",
        "INBOX",
        "Done",
        "FLAGS",
        "+FLAGS.SILENT",
        "BODY.PEEK[",
        "HEADER.FIELDS",
        "ENVELOPE",
        "NOT",
        "OR",
        "UID",
        "KEYWORD",
        "X",
        "\\Deleted",
        "QRESYNC",
        "CHANGEDSINCE",
        "RETURN",
        "STATUS",
        "MESSAGES",
        "&-",
        "NIL",
        "1-Jan-2026",
        "%",
    ];

    proptest! {
        #[test]
        fn no_command_ends_in_a_panic_or_without_a_status(
            commands in prop::collection::vec((prop::sample::select(NAMES), prop::collection::vec(prop::sample::select(PARTS), 0..12), any::<bool>()), 1..8)
        ) {
            let mut state = state();
            let mut session = Session { user: Some("anna".into()), ..Session::default() };
            for (name, parts, literal) in commands {
                let literal = literal.then(|| Bytes::from_static(b"lit"));
                let mut segments = vec![Segment { text: parts.concat().into_bytes(), literal }];
                segments.push(Segment::default());
                let reply = execute(&mut state, &mut session, name, &mut Input::new(segments));
                prop_assert!(reply.close || !reply.status.is_empty());
                let open = session.selected.as_ref().and_then(|view| Some((view, state.accounts.get("anna")?.by_key(view.key)?)));
                if let Some((view, mailbox)) = open && reply.status.starts_with("OK") && !matches!(name, "FETCH" | "STORE" | "SEARCH") {
                    let uids: Vec<u32> = mailbox.messages.keys().copied().collect();
                    prop_assert_eq!(&view.uids, &uids, "the session knows what there is");
                }
            }
        }
    }
}
