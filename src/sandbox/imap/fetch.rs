//! FETCH.

use bytes::Bytes;

use super::header::{header_len, select_fields};
use super::input::{Input, Refusal, bad};
use super::output::Output;
use super::quirks::ExpungedFetch;
use super::session::{Context, Open, Reply, joined};
use super::store::{Flags, Message};
use super::{envelope, sequence};

/// What is asked of each message.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    Uid,
    Flags,
    InternalDate,
    Size,
    Envelope,
    ModSeq,
    Body { label: String, section: Section, partial: Option<(usize, usize)>, peek: bool },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Section {
    Whole,
    Header,
    Text,
    Fields { names: Vec<String>, except: bool },
}

/// `(CHANGEDSINCE n [VANISHED])`, RFC 7162.
#[derive(Debug, Default)]
struct Since {
    modseq: Option<u64>,
    vanished: bool,
}

/// What Courier 5.0.13 delivers for a message that is gone.
const COURIER_FAKE: &str = "From: System Administrator <root@localhost>\r\nSubject: message unavailable\r\n\r\nThis message is no longer available on the server.\r\n";

pub(super) fn fetch(context: &mut Context<'_>, input: &mut Input, by_uid: bool) -> Result<Reply, Refusal> {
    input.space()?;
    let set = input.sequence_set()?;
    input.space()?;
    let mut items = items(input)?;
    if by_uid && !items.contains(&Item::Uid) {
        items.insert(0, Item::Uid);
    }
    let since = modifiers(input)?;
    input.end()?;
    let asks_modseq = since.modseq.is_some() || items.contains(&Item::ModSeq);
    if asks_modseq {
        if !context.quirks.condstore {
            return bad("Unknown FETCH item");
        }
        context.session.condstore = true;
        if !items.contains(&Item::ModSeq) {
            items.push(Item::ModSeq);
        }
    }
    if since.vanished && !(by_uid && context.session.qresync) {
        return bad("VANISHED needs UID FETCH and QRESYNC");
    }

    let mut open = context.open()?;
    let mut out = Output::default();
    if let Some(modseq) = since.modseq.filter(|_| since.vanished && open.quirks.tells_vanished) {
        let ranges = set.ranges(u32::MAX, true);
        let gone = sequence::write_set(open.mailbox.vanished_since(modseq).into_iter().filter(|uid| sequence::contains(&ranges, *uid)));
        if !gone.is_empty() {
            out.line(&format!("* VANISHED (EARLIER) {gone}"));
        }
    }
    let sees = !open.view.read_only && items.iter().any(|item| matches!(item, Item::Body { peek: false, .. }));
    let mut expunged = false;
    for (at, uid) in open.view.targets(&set, by_uid, open.quirks) {
        if sees {
            mark_seen(&mut open, uid);
        }
        let size_error = open.quirks.size_error;
        if let Some(message) = open.mailbox.messages.get(&uid) {
            if since.modseq.is_none_or(|modseq| message.modseq > modseq) {
                push_message(&mut out, at, uid, message, &items, size_error);
            }
            continue;
        }
        match open.quirks.expunged {
            ExpungedFetch::Nothing => {}
            ExpungedFetch::Nil => {
                expunged = true;
                push_gone(&mut out, at, uid, &items);
            }
            ExpungedFetch::StillDelivered => {
                if let Some(ghost) = open.mailbox.ghosts.get(&uid) {
                    push_message(&mut out, at, uid, ghost, &items, size_error);
                }
            }
            ExpungedFetch::Fake => push_message(&mut out, at, uid, &courier_fake(), &items, size_error),
        }
    }
    Ok(Reply::with(out, if expunged { "[EXPUNGEISSUED] Some messages were expunged" } else { "Fetch completed." }))
}

fn courier_fake() -> Message {
    Message {
        raw: Bytes::from_static(COURIER_FAKE.as_bytes()),
        flags: Flags::new(),
        internal_date: chrono::DateTime::UNIX_EPOCH.fixed_offset(),
        modseq: 1,
    }
}

/// Sets `\Seen`; the session is told of it like of any change.
fn mark_seen(open: &mut Open<'_>, uid: u32) {
    if let Some(message) = open.mailbox.messages.get(&uid) {
        let mut flags = message.flags.clone();
        flags.insert("\\Seen".into());
        open.mailbox.set_flags(uid, flags);
    }
}

fn push_message(out: &mut Output, at: usize, uid: u32, message: &Message, items: &[Item], size_error: i64) {
    out.push(&format!("* {at} FETCH ("));
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            out.push(" ");
        }
        match item {
            Item::Uid => out.push(&format!("UID {uid}")),
            Item::Flags => out.push(&format!("FLAGS ({})", joined(&message.flags))),
            Item::InternalDate => out.push(&format!("INTERNALDATE \"{}\"", message.internal_date.format("%e-%b-%Y %H:%M:%S %z"))),
            Item::Size => out.push(&format!("RFC822.SIZE {}", (message.raw.len() as u64).saturating_add_signed(size_error))),
            Item::ModSeq => out.push(&format!("MODSEQ ({})", message.modseq)),
            Item::Envelope => {
                out.push("ENVELOPE ");
                envelope::push(out, &message.raw);
            }
            Item::Body { label, section, partial, .. } => {
                out.push(&format!("{label} "));
                let bytes = section_bytes(&message.raw, section);
                out.literal(match *partial {
                    None => bytes,
                    Some((from, len)) => bytes.slice(from.min(bytes.len())..from.saturating_add(len).min(bytes.len())),
                });
            }
        }
    }
    out.line(")");
}

/// Dovecot 2.3: an expunged message has an empty FLAGS and `BODY[] NIL`.
fn push_gone(out: &mut Output, at: usize, uid: u32, items: &[Item]) {
    let mut parts = Vec::new();
    for item in items {
        match item {
            Item::Uid => parts.push(format!("UID {uid}")),
            Item::Body { label, .. } => parts.push(format!("{label} NIL")),
            _ => {}
        }
    }
    if parts.len() > 1 {
        out.line(&format!("* {at} FETCH ({})", parts.join(" ")));
    }
}

fn section_bytes(raw: &Bytes, section: &Section) -> Bytes {
    match section {
        Section::Whole => raw.clone(),
        Section::Header => raw.slice(..header_len(raw)),
        Section::Text => raw.slice(header_len(raw)..),
        Section::Fields { names, except } => select_fields(raw, names, *except),
    }
}

fn items(input: &mut Input) -> Result<Vec<Item>, Refusal> {
    let mut items = Vec::new();
    if !input.eat(b'(') {
        item(input, &mut items)?;
        return Ok(items);
    }
    loop {
        item(input, &mut items)?;
        if input.eat(b')') {
            return Ok(items);
        }
        input.space()?;
    }
}

fn item(input: &mut Input, items: &mut Vec<Item>) -> Result<(), Refusal> {
    let word = String::from_utf8_lossy(input.take(|b| b.is_ascii_alphanumeric() || b == b'.')?).to_ascii_uppercase();
    let body = |label: &str, section, peek| Item::Body { label: label.to_owned(), section, partial: None, peek };
    match word.as_str() {
        "UID" => items.push(Item::Uid),
        "FLAGS" => items.push(Item::Flags),
        "INTERNALDATE" => items.push(Item::InternalDate),
        "RFC822.SIZE" => items.push(Item::Size),
        "ENVELOPE" => items.push(Item::Envelope),
        "MODSEQ" => items.push(Item::ModSeq),
        "FAST" => items.extend([Item::Flags, Item::InternalDate, Item::Size]),
        "ALL" => items.extend([Item::Flags, Item::InternalDate, Item::Size, Item::Envelope]),
        "RFC822" => items.push(body("RFC822", Section::Whole, false)),
        "RFC822.HEADER" => items.push(body("RFC822.HEADER", Section::Header, true)),
        "RFC822.TEXT" => items.push(body("RFC822.TEXT", Section::Text, false)),
        "BODY" | "BODY.PEEK" if input.eat(b'[') => items.push(body_item(input, word == "BODY.PEEK")?),
        _ => return bad("Unknown FETCH item, or one the sandbox does not have"),
    }
    Ok(())
}

/// What follows `BODY[`.
fn body_item(input: &mut Input, peek: bool) -> Result<Item, Refusal> {
    let name = if input.peek() == Some(b']') { String::new() } else { input.word()? };
    let (section, mut label) = match name.as_str() {
        "" => (Section::Whole, "BODY[]".to_owned()),
        "HEADER" => (Section::Header, "BODY[HEADER]".to_owned()),
        "TEXT" => (Section::Text, "BODY[TEXT]".to_owned()),
        "HEADER.FIELDS" | "HEADER.FIELDS.NOT" => {
            input.space()?;
            let names = header_names(input)?;
            let label = format!("BODY[{name} ({})]", names.join(" "));
            (Section::Fields { names, except: name == "HEADER.FIELDS.NOT" }, label)
        }
        _ => return bad("Unknown section, or one the sandbox does not have"),
    };
    input.expect(b']')?;
    let mut partial = None;
    if input.eat(b'<') {
        let from: u32 = input.number()?;
        input.expect(b'.')?;
        let len: u32 = input.number()?;
        input.expect(b'>')?;
        if len == 0 {
            return bad("Empty partial");
        }
        label = format!("{label}<{from}>");
        partial = Some((from as usize, len as usize));
    }
    Ok(Item::Body { label, section, partial, peek })
}

fn header_names(input: &mut Input) -> Result<Vec<String>, Refusal> {
    input.expect(b'(')?;
    let mut names = Vec::new();
    loop {
        names.push(input.text()?.to_ascii_uppercase());
        if input.eat(b')') {
            return Ok(names);
        }
        input.space()?;
    }
}

fn modifiers(input: &mut Input) -> Result<Since, Refusal> {
    let mut since = Since::default();
    if !input.eat_word(" (") {
        return Ok(since);
    }
    loop {
        match input.word()?.as_str() {
            "CHANGEDSINCE" => {
                input.space()?;
                since.modseq = Some(input.number()?);
            }
            "VANISHED" => since.vanished = true,
            _ => return bad("Unknown FETCH modifier"),
        }
        if input.eat(b')') {
            break;
        }
        input.space()?;
    }
    if since.vanished && since.modseq.is_none() {
        return bad("VANISHED without CHANGEDSINCE");
    }
    Ok(since)
}
