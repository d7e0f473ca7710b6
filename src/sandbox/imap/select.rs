//! SELECT, EXAMINE, CLOSE, UNSELECT and ENABLE.

use std::collections::BTreeSet;

use super::folders::stated_validity;
use super::input::{Input, Refusal, bad, no};
use super::output::Output;
use super::quirks::Keywords;
use super::sequence::{SequenceSet, contains, write_set};
use super::session::{Context, Reply, View, joined};
use super::store::Mailbox;

pub(super) fn enable(context: &mut Context<'_>, input: &mut Input) -> Result<Reply, Refusal> {
    let mut enabled = String::new();
    while input.eat(b' ') {
        match input.word()?.as_str() {
            "CONDSTORE" if context.quirks.condstore => {
                context.session.condstore = true;
                enabled.push_str(" CONDSTORE");
            }
            "QRESYNC" if context.quirks.condstore && context.quirks.qresync => {
                context.session.condstore = true;
                context.session.qresync = true;
                enabled.push_str(" QRESYNC");
            }
            _ => {}
        }
    }
    input.end()?;
    let mut out = Output::default();
    out.line(&format!("* ENABLED{enabled}"));
    Ok(Reply::with(out, "Enabled."))
}

/// What the client knew when it was last here (RFC 7162 §3.2.5).
#[derive(Debug)]
struct Resync {
    uid_validity: u32,
    modseq: u64,
    known: Option<SequenceSet>,
}

pub(super) fn select(context: &mut Context<'_>, input: &mut Input, examine: bool) -> Result<Reply, Refusal> {
    input.space()?;
    let name = input.mailbox()?;
    let resync = parameters(context, input)?;
    input.end()?;

    let quirks = context.quirks;
    let mut out = Output::default();
    if context.session.selected.take().is_some() && context.session.qresync {
        out.line("* OK [CLOSED] Previous mailbox closed.");
    }
    let Some((key, mailbox)) = context.account.key(&name).and_then(|key| Some((key, context.account.by_key(key)?))) else {
        return no(format!("Mailbox doesn't exist: {name}"));
    };
    if !mailbox.selectable {
        return no("[NONEXISTENT] Mailbox cannot be selected");
    }
    let read_only = examine || quirks.read_only.contains(&name);
    let known: Vec<&str> = mailbox.keywords().collect();
    let system = "\\Answered \\Flagged \\Deleted \\Seen \\Draft";
    let all = if known.is_empty() { system.to_owned() } else { format!("{system} {}", known.join(" ")) };
    out.line(&format!("* FLAGS ({all})"));
    let permanent = match quirks.keywords {
        _ if read_only => String::new(),
        Keywords::Ignored | Keywords::Refused => all,
        Keywords::Kept | Keywords::Dropped | Keywords::AtMost(_) => format!("{all} \\*"),
    };
    out.line(&format!("* OK [PERMANENTFLAGS ({permanent})] Flags permitted."));
    out.line(&format!("* {} EXISTS", mailbox.messages.len()));
    out.line("* 0 RECENT");
    if let Some(at) = mailbox.messages.values().position(|message| !message.flags.contains("\\Seen")) {
        out.line(&format!("* OK [UNSEEN {}] First unseen.", at + 1));
    }
    out.line(&format!("* OK [UIDVALIDITY {}] UIDs valid", stated_validity(mailbox, quirks)));
    out.line(&format!("* OK [UIDNEXT {}] Predicted next UID", mailbox.uid_next));
    if quirks.condstore {
        out.line(&format!("* OK [HIGHESTMODSEQ {}] Highest", mailbox.highest_modseq));
    }
    let view = View {
        key,
        read_only,
        uids: mailbox.messages.keys().copied().collect(),
        known_next: mailbox.uid_next,
        seen_changes: mailbox.highest_modseq,
        seen_vanished: mailbox.highest_modseq,
        own: BTreeSet::new(),
    };
    if let Some(resync) = resync.filter(|resync| resync.uid_validity == stated_validity(mailbox, quirks)) {
        push_resync(&mut out, mailbox, &view, &resync, quirks.tells_vanished);
    }
    context.session.selected = Some(view);
    let access = if read_only { "READ-ONLY" } else { "READ-WRITE" };
    Ok(Reply::with(out, format_args!("[{access}] Select completed.")))
}

/// Reads `(CONDSTORE)` or `(QRESYNC (validity modseq [known [(sequences uids)]]))`.
fn parameters(context: &mut Context<'_>, input: &mut Input) -> Result<Option<Resync>, Refusal> {
    if !input.eat_word(" (") {
        return Ok(None);
    }
    if !context.quirks.condstore {
        // Courier 5.0.
        return no("Error in IMAP command received by server.");
    }
    let mut resync = None;
    loop {
        match input.word()?.as_str() {
            "CONDSTORE" => context.session.condstore = true,
            "QRESYNC" if context.session.qresync => {
                input.space()?;
                input.expect(b'(')?;
                let uid_validity = input.number()?;
                input.space()?;
                let modseq = input.number()?;
                let known = if input.eat_word(" (") || !input.eat(b' ') { None } else { Some(input.sequence_set()?) };
                if !input.eat(b')') {
                    // The sequence match data are a hint; a server may disregard them.
                    input.take(|b| b != b')')?;
                    input.expect(b')')?;
                    input.expect(b')')?;
                }
                resync = Some(Resync { uid_validity, modseq, known });
            }
            _ => return bad("Unknown SELECT parameter"),
        }
        if input.eat(b')') {
            return Ok(resync);
        }
        input.space()?;
    }
}

fn push_resync(out: &mut Output, mailbox: &Mailbox, view: &View, resync: &Resync, tells_vanished: bool) {
    let known = resync.known.as_ref().map(|set| set.ranges(u32::MAX, true));
    let in_known = |uid: u32| known.as_deref().is_none_or(|ranges| contains(ranges, uid));
    let vanished = write_set(mailbox.vanished_since(resync.modseq).into_iter().filter(|uid| in_known(*uid)));
    if !vanished.is_empty() && tells_vanished {
        out.line(&format!("* VANISHED (EARLIER) {vanished}"));
    }
    for (modseq, uid) in mailbox.changed.range(resync.modseq.saturating_add(1)..).filter(|(_, uid)| in_known(**uid)) {
        if let (Some(at), Some(message)) = (view.sequence(*uid), mailbox.messages.get(uid)) {
            out.line(&format!("* {at} FETCH (UID {uid} FLAGS ({}) MODSEQ ({modseq}))", joined(&message.flags)));
        }
    }
}

pub(super) fn close(context: &mut Context<'_>, input: &mut Input, expunge: bool) -> Result<Reply, Refusal> {
    input.end()?;
    let Some(view) = context.session.selected.take() else { return bad("No mailbox selected") };
    if expunge
        && !view.read_only
        && let Some(mailbox) = context.account.by_key_mut(view.key)
    {
        super::change::expunge_deleted(mailbox, None, context.quirks);
    }
    Ok(Reply::ok("Close completed."))
}
