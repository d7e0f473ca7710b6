//! LIST and its kin: commands on mailboxes that need none selected.

use super::input::{Input, Refusal, bad, is_atom, no};
use super::output::{Output, quoted};
use super::quirks::{ListNames, Quirks};
use super::session::{Context, Reply};
use super::store::Mailbox;
use super::utf7;

/// UIDVALIDITY as the server states it.
pub(super) const fn stated_validity(mailbox: &Mailbox, quirks: &Quirks) -> u32 {
    if quirks.constant_uid_validity { 1 } else { mailbox.uid_validity }
}

/// Adds a mailbox name in its wire form.
fn push_name(out: &mut Output, name: &str, style: ListNames) {
    let wire = utf7::encode(name);
    match style {
        ListNames::Literals => out.literal(wire.into_bytes().into()),
        ListNames::Atoms if !wire.is_empty() && wire.bytes().all(|b| is_atom(b) || b == b']') => out.push(&wire),
        ListNames::Atoms | ListNames::Quoted => out.push(&quoted(&wire)),
    }
}

pub(super) fn namespace(context: &Context<'_>, input: &mut Input) -> Result<Reply, Refusal> {
    input.end()?;
    let mut out = Output::default();
    let (prefix, separator) = (quoted(&utf7::encode(&context.namespace.prefix)), context.namespace.separator);
    out.line(&format!("* NAMESPACE (({prefix} \"{separator}\")) NIL NIL"));
    Ok(Reply::with(out, "Namespace completed."))
}

/// What an extended LIST asks for (RFC 5258, RFC 5819, RFC 6154).
#[derive(Debug, Default)]
struct Wanted {
    only_subscribed: bool,
    only_special_use: bool,
    return_subscribed: bool,
    return_status: Option<Vec<String>>,
}

pub(super) fn list(context: &Context<'_>, input: &mut Input) -> Result<Reply, Refusal> {
    let mut wanted = Wanted::default();
    input.space()?;
    if input.peek() == Some(b'(') {
        need_extended(context)?;
        for option in input.word_list()? {
            match option.as_str() {
                "SUBSCRIBED" => wanted.only_subscribed = true,
                "SPECIAL-USE" if context.quirks.special_use => wanted.only_special_use = true,
                "REMOTE" | "RECURSIVEMATCH" => {}
                _ => return bad("Unknown LIST selection option"),
            }
        }
        input.space()?;
    }
    let reference = input.list_pattern()?;
    input.space()?;
    let mut patterns = Vec::new();
    if input.eat(b'(') {
        need_extended(context)?;
        while !input.eat(b')') {
            if !patterns.is_empty() {
                input.space()?;
            }
            patterns.push(input.list_pattern()?);
        }
    } else {
        patterns.push(input.list_pattern()?);
    }
    if input.eat_word(" RETURN (") {
        need_extended(context)?;
        return_options(context, input, &mut wanted)?;
    }
    input.end()?;

    let mut out = Output::default();
    let separator = context.namespace.separator;
    if patterns.iter().all(String::is_empty) {
        out.line(&format!("* LIST (\\Noselect) \"{separator}\" \"\""));
        return Ok(Reply::with(out, "List completed."));
    }
    let patterns: Vec<String> = patterns.iter().map(|pattern| format!("{reference}{pattern}")).collect();
    for mailbox in context.account.all().filter(|mailbox| patterns.iter().any(|pattern| matches(pattern, &mailbox.name, separator))) {
        let subscribed = context.account.subscribed.contains(&mailbox.name);
        let special_use = mailbox.special_use.filter(|_| context.quirks.special_use);
        if (wanted.only_subscribed && !subscribed) || (wanted.only_special_use && special_use.is_none()) {
            continue;
        }
        let has_children = context.account.has_below(&format!("{}{separator}", mailbox.name));
        let mut attributes = vec![if has_children { "\\HasChildren" } else { "\\HasNoChildren" }];
        if !mailbox.selectable {
            attributes.push("\\Noselect");
        }
        attributes.extend(special_use);
        if subscribed && (wanted.only_subscribed || wanted.return_subscribed) {
            attributes.push("\\Subscribed");
        }
        out.push(&format!("* LIST ({}) \"{separator}\" ", attributes.join(" ")));
        push_name(&mut out, &mailbox.name, context.quirks.list_names);
        out.line("");
        if let Some(items) = wanted.return_status.as_ref().filter(|_| mailbox.selectable) {
            push_status(&mut out, mailbox, items, context.quirks)?;
        }
    }
    Ok(Reply::with(out, "List completed."))
}

/// Courier 5.0 answers NO to the extended syntax.
fn need_extended(context: &Context<'_>) -> Result<(), Refusal> {
    if context.quirks.list_extended { Ok(()) } else { no("Error in IMAP command received by server.") }
}

fn return_options(context: &Context<'_>, input: &mut Input, wanted: &mut Wanted) -> Result<(), Refusal> {
    while !input.eat(b')') {
        input.eat(b' ');
        match input.word()?.as_str() {
            "SUBSCRIBED" => wanted.return_subscribed = true,
            "CHILDREN" => {}
            "SPECIAL-USE" if context.quirks.special_use => {}
            "STATUS" if context.quirks.list_status => {
                input.space()?;
                wanted.return_status = Some(input.word_list()?);
            }
            _ => return bad("Unknown LIST return option"),
        }
    }
    Ok(())
}

pub(super) fn lsub(context: &Context<'_>, input: &mut Input) -> Result<Reply, Refusal> {
    input.space()?;
    let reference = input.list_pattern()?;
    input.space()?;
    let pattern = format!("{reference}{}", input.list_pattern()?);
    input.end()?;
    let mut out = Output::default();
    let separator = context.namespace.separator;
    for name in context.account.subscribed.iter().filter(|name| matches(&pattern, name, separator)) {
        out.push(&format!("* LSUB () \"{separator}\" "));
        push_name(&mut out, name, context.quirks.list_names);
        out.line("");
    }
    Ok(Reply::with(out, "Lsub completed."))
}

/// Whether `name` fulfils a LIST pattern: `*` is anything, `%` anything without the separator. INBOX in any case.
fn matches(pattern: &str, name: &str, separator: char) -> bool {
    let name: Vec<char> = name.chars().collect();
    // `reached[i]`: the pattern so far can match the first i characters.
    let mut reached = vec![false; name.len() + 1];
    if let Some(start) = reached.first_mut() {
        *start = true;
    }
    let pattern = if pattern.eq_ignore_ascii_case("INBOX") { "INBOX" } else { pattern };
    for wanted in pattern.chars() {
        let mut open = false;
        let mut before = false;
        for (at, slot) in reached.iter_mut().enumerate() {
            let here = *slot;
            let last = at.checked_sub(1).and_then(|i| name.get(i)).copied();
            *slot = match wanted {
                '*' => {
                    open |= here;
                    open
                }
                '%' => {
                    open = here || (open && last != Some(separator));
                    open
                }
                c => before && last == Some(c),
            };
            before = here;
        }
    }
    reached.last().copied().unwrap_or(false)
}

/// Refuses names outside the namespace, as Dovecot and Courier do.
fn check_name(context: &Context<'_>, name: &str) -> Result<(), Refusal> {
    let super::session::Namespace { separator, prefix } = context.namespace;
    if name.is_empty() || name.split(*separator).any(str::is_empty) {
        return no("[CANNOT] Invalid mailbox name");
    }
    if *separator != '/' && name.contains('/') {
        return no("[CANNOT] Invalid mailbox name: Name must not have '/' characters");
    }
    if !prefix.is_empty() && name != "INBOX" && !name.starts_with(prefix.as_str()) {
        return no(format!("Client tried to access nonexistent namespace. (Mailbox name should probably be prefixed with: {prefix})"));
    }
    Ok(())
}

pub(super) fn create(context: &mut Context<'_>, input: &mut Input) -> Result<Reply, Refusal> {
    input.space()?;
    let name = input.mailbox()?;
    input.end()?;
    let separator = context.namespace.separator;
    let name = name.strip_suffix(separator).unwrap_or(&name).to_owned();
    check_name(context, &name)?;
    if context.account.get(&name).is_some_and(|mailbox| mailbox.selectable) {
        return no("[ALREADYEXISTS] Mailbox already exists");
    }
    create_with_parents(context, &name);
    Ok(Reply::ok("Create completed."))
}

fn create_with_parents(context: &mut Context<'_>, name: &str) {
    for (at, _) in name.match_indices(context.namespace.separator) {
        if let Some(parent) = name.get(..at)
            && context.account.get(parent).is_none()
        {
            context.account.create(parent).selectable = context.quirks.real_parents;
        }
    }
    context.account.create(name).selectable = true;
}

pub(super) fn delete(context: &mut Context<'_>, input: &mut Input) -> Result<Reply, Refusal> {
    input.space()?;
    let name = input.mailbox()?;
    input.end()?;
    if name == "INBOX" {
        return no("[CANNOT] INBOX can't be deleted.");
    }
    let below = format!("{name}{}", context.namespace.separator);
    if !context.account.get(&name).is_some_and(|mailbox| mailbox.selectable || !context.account.has_below(&below)) {
        return no(format!("[NONEXISTENT] Mailbox doesn't exist: {name}"));
    }
    context.account.delete(&name);
    if context.account.has_below(&below) {
        context.account.create(&name).selectable = false;
    }
    Ok(Reply::ok("Delete completed."))
}

pub(super) fn rename(context: &mut Context<'_>, input: &mut Input) -> Result<Reply, Refusal> {
    input.space()?;
    let from = input.mailbox()?;
    input.space()?;
    let to = input.mailbox()?;
    input.end()?;
    check_name(context, &to)?;
    let separator = context.namespace.separator;
    let below = format!("{from}{separator}");
    if from == "INBOX" || to.starts_with(&below) {
        return no("[CANNOT] This rename is not possible");
    }
    if context.account.get(&from).is_none() {
        return no(format!("[NONEXISTENT] Mailbox doesn't exist: {from}"));
    }
    if context.account.get(&to).is_some() {
        return no("[ALREADYEXISTS] Target mailbox already exists");
    }
    // Makes the parents of the target; the target itself is then the renamed mailbox.
    create_with_parents(context, &to);
    context.account.delete(&to);
    let moved: Vec<String> =
        context.account.all().map(|mailbox| mailbox.name.clone()).filter(|name| *name == from || name.starts_with(&below)).collect();
    for old in moved {
        let new = format!("{to}{}", old.strip_prefix(from.as_str()).unwrap_or_default());
        context.account.rename(&old, &new, context.quirks.rename_changes_validity);
    }
    Ok(Reply::ok("Rename completed."))
}

pub(super) fn subscribe(context: &mut Context<'_>, input: &mut Input, on: bool) -> Result<Reply, Refusal> {
    input.space()?;
    let name = input.mailbox()?;
    input.end()?;
    if on {
        context.account.subscribed.insert(name);
    } else {
        context.account.subscribed.remove(&name);
    }
    Ok(Reply::ok("Done."))
}

pub(super) fn status(context: &Context<'_>, input: &mut Input) -> Result<Reply, Refusal> {
    input.space()?;
    let name = input.mailbox()?;
    input.space()?;
    let items = input.word_list()?;
    input.end()?;
    let Some(mailbox) = context.account.get(&name).filter(|mailbox| mailbox.selectable) else {
        return no(format!("Mailbox doesn't exist: {name}"));
    };
    let mut out = Output::default();
    push_status(&mut out, mailbox, &items, context.quirks)?;
    Ok(Reply::with(out, "Status completed."))
}

fn push_status(out: &mut Output, mailbox: &Mailbox, items: &[String], quirks: &Quirks) -> Result<(), Refusal> {
    let count = |flag: &str| mailbox.messages.values().filter(|message| message.flags.contains(flag)).count();
    let mut values = Vec::with_capacity(items.len());
    for item in items {
        let value = match item.as_str() {
            "MESSAGES" => mailbox.messages.len() as u64,
            "RECENT" => 0,
            "UIDNEXT" => u64::from(mailbox.uid_next),
            "UIDVALIDITY" => u64::from(stated_validity(mailbox, quirks)),
            "UNSEEN" => (mailbox.messages.len() - count("\\Seen")) as u64,
            "DELETED" => count("\\Deleted") as u64,
            "SIZE" => mailbox.messages.values().map(|message| message.raw.len() as u64).sum(),
            "HIGHESTMODSEQ" if quirks.condstore => mailbox.highest_modseq,
            _ => return bad("Unknown status item"),
        };
        values.push(format!("{item} {value}"));
    }
    out.push("* STATUS ");
    push_name(out, &mailbox.name, quirks.list_names);
    out.line(&format!(" ({})", values.join(" ")));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_patterns_match_as_rfc_9051_6_3_9_says() {
        for (pattern, name, expected) in [
            ("*", "INBOX/Import Folder/CRM Erledigt [E]", true),
            ("%", "INBOX", true),
            ("%", "INBOX/Import Folder", false),
            ("INBOX/%", "INBOX/Import Folder", true),
            ("INBOX/%", "INBOX/Import Folder/CRM", false),
            ("INBOX/*", "INBOX/Import Folder/CRM", true),
            ("inbox", "INBOX", true),
            ("%/%", "A/B", true),
            ("*B", "A/B", true),
            ("A%C", "ABC", true),
            ("", "A", false),
        ] {
            assert_eq!(matches(pattern, name, '/'), expected, "{pattern} {name}");
        }
    }
}
