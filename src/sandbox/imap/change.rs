//! STORE, COPY, MOVE and EXPUNGE.

use super::folders::stated_validity;
use super::input::{Input, Refusal, bad, no};
use super::output::Output;
use super::quirks::{ExpungedFetch, Keywords, Quirks};
use super::sequence::{contains, write_set};
use super::session::{Context, Reply, joined};
use super::store::{Flags, KeywordRefused, Mailbox};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Add,
    Remove,
    Replace,
}

pub(super) fn store(context: &mut Context<'_>, input: &mut Input, by_uid: bool) -> Result<Reply, Refusal> {
    input.space()?;
    let set = input.sequence_set()?;
    input.space()?;
    let mut unchanged_since = None;
    if input.eat_word("(UNCHANGEDSINCE ") {
        if !context.quirks.condstore {
            return bad("Unknown STORE modifier");
        }
        unchanged_since = Some(input.number::<u64>()?);
        input.expect(b')')?;
        input.space()?;
        context.session.condstore = true;
    }
    let change = if input.eat(b'+') {
        Change::Add
    } else if input.eat(b'-') {
        Change::Remove
    } else {
        Change::Replace
    };
    let silent = match input.word()?.as_str() {
        "FLAGS" => false,
        "FLAGS.SILENT" => true,
        _ => return bad("Unknown STORE item"),
    };
    input.space()?;
    let flags = input.flags()?;
    input.end()?;

    let condstore = context.session.condstore;
    let open = context.open()?;
    if open.view.read_only {
        return no("[CANNOT] Mailbox is read-only");
    }
    // Taking a keyword away must not teach it to the mailbox.
    let policy = if change == Change::Remove { Keywords::Dropped } else { open.quirks.keywords };
    let flags = open.mailbox.intern(flags.iter().map(String::as_str), policy).map_err(|refused| match refused {
        KeywordRefused::NotPermitted => Refusal::No("[CANNOT] Keywords cannot be created here".to_owned()),
        KeywordRefused::TooMany => Refusal::No("Too many user flags in mailbox".to_owned()),
    })?;

    let mut out = Output::default();
    let mut modified = Vec::new();
    let mut expunged = false;
    for (at, uid) in open.view.targets(&set, by_uid, open.quirks) {
        let Some(message) = open.mailbox.messages.get(&uid) else {
            expunged = true;
            continue;
        };
        if unchanged_since.is_some_and(|modseq| message.modseq > modseq) {
            modified.push(if by_uid { uid } else { u32::try_from(at).unwrap_or(u32::MAX) });
            continue;
        }
        let new: Flags = match change {
            Change::Add => message.flags.union(&flags).cloned().collect(),
            Change::Remove => message.flags.difference(&flags).cloned().collect(),
            Change::Replace => flags.clone(),
        };
        let stored = joined(&new);
        let before = message.modseq;
        let changed = open.mailbox.set_flags(uid, new);
        open.view.own.extend(changed);
        if !silent || condstore {
            let uid_item = if by_uid { format!("UID {uid} ") } else { String::new() };
            let flags_item = if silent { String::new() } else { format!("FLAGS ({stored})") };
            let modseq_item = if condstore { format!("MODSEQ ({})", changed.unwrap_or(before)) } else { String::new() };
            let gap = if flags_item.is_empty() || modseq_item.is_empty() { "" } else { " " };
            out.line(&format!("* {at} FETCH ({uid_item}{flags_item}{gap}{modseq_item})"));
        }
    }
    let text = if !modified.is_empty() {
        format!("[MODIFIED {}] Conditional store failed", write_set(modified))
    } else if expunged {
        "[EXPUNGEISSUED] Some messages were expunged".to_owned()
    } else {
        "Store completed.".to_owned()
    };
    Ok(Reply::with(out, text))
}

/// COPY, and MOVE (RFC 6851) when `remove`.
pub(super) fn copy(context: &mut Context<'_>, input: &mut Input, by_uid: bool, remove: bool) -> Result<Reply, Refusal> {
    input.space()?;
    let set = input.sequence_set()?;
    input.space()?;
    let name = input.mailbox()?;
    input.end()?;

    let quirks = context.quirks;
    let open = context.open()?;
    if remove && open.view.read_only {
        return no("[CANNOT] Mailbox is read-only");
    }
    let uids: Vec<u32> = open
        .view
        .targets(&set, by_uid, quirks)
        .into_iter()
        .map(|(_, uid)| uid)
        .filter(|uid| open.mailbox.messages.contains_key(uid))
        .collect();
    let messages: Vec<_> = uids.iter().filter_map(|uid| open.mailbox.messages.get(uid)).cloned().collect();
    let source = open.view.key;

    let Some(target) = context.account.get_mut(&name).filter(|mailbox| mailbox.selectable) else {
        return no(format!("[TRYCREATE] Mailbox doesn't exist: {name}"));
    };
    writable(quirks, &name)?;
    if uids.is_empty() {
        return Ok(Reply::ok(if remove { "No messages were moved." } else { "No messages were copied." }));
    }
    let mut copies = Vec::with_capacity(messages.len());
    for message in messages {
        let flags = carried(target, &message.flags, quirks.keywords);
        copies.push(target.add(message.raw, flags, message.internal_date));
    }
    let validity = stated_validity(target, quirks);
    let copy_uid = if quirks.uid_plus {
        format!("[COPYUID {validity} {} {}] ", write_set(uids.iter().copied()), write_set(copies))
    } else {
        String::new()
    };
    if !remove {
        return Ok(Reply::ok(format_args!("{copy_uid}Copy completed.")));
    }
    if let Some(mailbox) = context.account.by_key_mut(source) {
        for uid in uids {
            mailbox.expunge(uid, haunts(quirks));
        }
    }
    let mut out = Output::default();
    if quirks.uid_plus {
        // RFC 6851 §4.3: before the EXPUNGEs, which the session tells afterwards.
        out.line(&format!("* OK {copy_uid}Moved UIDs."));
    }
    Ok(Reply::with(out, "Move completed."))
}

/// The flags of a copy; keywords the target cannot keep are left out.
fn carried(target: &mut Mailbox, flags: &Flags, policy: Keywords) -> Flags {
    let mut carried = Flags::new();
    for flag in flags {
        carried.extend(target.intern([flag.as_ref()], policy).unwrap_or_default());
    }
    carried
}

/// Refuses what a full or read-only mailbox refuses.
pub(super) fn writable(quirks: &Quirks, name: &str) -> Result<(), Refusal> {
    if quirks.read_only.contains(name) {
        return no("[NOPERM] Permission denied");
    }
    match &quirks.over_quota {
        Some(text) => no(text.clone()),
        None => Ok(()),
    }
}

/// Whether expunged messages stay readable for sessions that know them.
pub(super) fn haunts(quirks: &Quirks) -> bool {
    quirks.expunged == ExpungedFetch::StillDelivered
}

pub(super) fn expunge(context: &mut Context<'_>, input: &mut Input, by_uid: bool) -> Result<Reply, Refusal> {
    let mut set = None;
    if by_uid {
        input.space()?;
        set = Some(input.sequence_set()?);
    }
    input.end()?;
    let open = context.open()?;
    if open.view.read_only {
        return no("[CANNOT] Mailbox is read-only");
    }
    let last = open.view.uids.last().copied().unwrap_or(0);
    let ranges = set.map(|set| set.ranges(last, open.quirks.star_returns_last));
    expunge_deleted(open.mailbox, ranges.as_deref(), open.quirks);
    Ok(Reply::ok("Expunge completed."))
}

/// Removes what bears `\Deleted`, within `ranges` if given.
pub(super) fn expunge_deleted(mailbox: &mut Mailbox, ranges: Option<&[(u32, u32)]>, quirks: &Quirks) {
    let doomed: Vec<u32> = mailbox
        .messages
        .iter()
        .filter(|(uid, message)| message.flags.contains("\\Deleted") && ranges.is_none_or(|ranges| contains(ranges, **uid)))
        .map(|(uid, _)| *uid)
        .collect();
    for uid in doomed {
        mailbox.expunge(uid, haunts(quirks));
    }
}
