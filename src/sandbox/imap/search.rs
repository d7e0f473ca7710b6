//! SEARCH, with ESEARCH (RFC 4731). Strings are looked for in the raw text, encoded words are not decoded.

use chrono::{DateTime, NaiveDate};

use super::header::{header_len, values};
use super::input::{Input, Refusal, bad, no};
use super::output::Output;
use super::quirks::Quirks;
use super::sequence::{contains, write_set};
use super::session::{Context, Open, Reply};
use super::store::Message;

/// How deep NOT, OR and parentheses may nest.
const MAX_DEPTH: usize = 16;

/// A search key with sets already resolved.
#[derive(Debug)]
enum Key {
    All,
    None,
    Flag(String, bool),
    Uids(Vec<(u32, u32)>),
    Sequences(Vec<(u32, u32)>),
    Header(String, String),
    Body(String),
    Text(String),
    Received(NaiveDate, Day),
    Sent(NaiveDate, Day),
    Larger(usize),
    Smaller(usize),
    ModSeq(u64),
    Not(Box<Self>),
    Either(Box<Self>, Box<Self>),
    Every(Vec<Self>),
}

#[derive(Debug, Clone, Copy)]
enum Day {
    Before,
    On,
    Since,
}

impl Day {
    fn holds(self, date: NaiveDate, bound: NaiveDate) -> bool {
        match self {
            Self::Before => date < bound,
            Self::On => date == bound,
            Self::Since => date >= bound,
        }
    }
}

/// What ESEARCH shall return.
#[derive(Debug, Default)]
struct Return {
    min: bool,
    max: bool,
    all: bool,
    count: bool,
}

pub(super) fn search(context: &mut Context<'_>, input: &mut Input, by_uid: bool) -> Result<Reply, Refusal> {
    let mut wanted = None;
    if input.eat_word(" RETURN (") {
        if !context.quirks.esearch {
            return bad("Unknown SEARCH key RETURN");
        }
        wanted = Some(return_options(input)?);
    }
    if input.eat_word(" CHARSET ") {
        let charset = input.text()?;
        if !charset.eq_ignore_ascii_case("UTF-8") && !charset.eq_ignore_ascii_case("US-ASCII") {
            return no("[BADCHARSET (UTF-8 US-ASCII)] Unknown charset");
        }
    }
    let quirks = context.quirks;
    let open = context.open()?;
    let mut keys = Vec::new();
    while input.eat(b' ') {
        keys.push(key(input, &open, 0)?);
    }
    input.end()?;
    if keys.is_empty() {
        return bad("Missing search key");
    }
    let asks_modseq = keys.iter().any(|key| matches!(key, Key::ModSeq(_)));
    let found = run(&open, &keys, quirks);
    context.session.condstore |= asks_modseq;
    Ok(answer(&found, wanted.as_ref(), by_uid, &context.session.tag))
}

fn return_options(input: &mut Input) -> Result<Return, Refusal> {
    let mut wanted = Return::default();
    while !input.eat(b')') {
        input.eat(b' ');
        match input.word()?.as_str() {
            "MIN" => wanted.min = true,
            "MAX" => wanted.max = true,
            "ALL" => wanted.all = true,
            "COUNT" => wanted.count = true,
            _ => return bad("Unknown SEARCH return option"),
        }
    }
    if !(wanted.min || wanted.max || wanted.count) {
        wanted.all = true;
    }
    Ok(wanted)
}

/// (sequence number, UID) of the messages that fulfil every key. Messages the mailbox no longer has fulfil none.
fn run(open: &Open<'_>, keys: &[Key], quirks: &Quirks) -> Vec<(u32, u32)> {
    // A UID range at the top bounds the walk: a poll for new mails must not read the whole mailbox.
    let spans = keys.iter().find_map(|key| if let Key::Uids(ranges) = key { Some(ranges.as_slice()) } else { None });
    let uids = &open.view.uids;
    let mut found = Vec::new();
    for &(from, to) in spans.unwrap_or(&[(0, u32::MAX)]) {
        let first = uids.partition_point(|uid| *uid < from);
        for (at, uid) in uids.iter().enumerate().skip(first).take_while(|(_, uid)| **uid <= to) {
            let sequence = u32::try_from(at + 1).unwrap_or(u32::MAX);
            if open.mailbox.messages.get(uid).is_some_and(|message| keys.iter().all(|key| holds(key, sequence, *uid, message, quirks))) {
                found.push((sequence, *uid));
            }
        }
    }
    found
}

fn holds(key: &Key, sequence: u32, uid: u32, message: &Message, quirks: &Quirks) -> bool {
    let again = |key: &Key| holds(key, sequence, uid, message, quirks);
    match key {
        Key::All => true,
        Key::None => false,
        Key::Flag(flag, set) => message.flags.iter().any(|known| known.eq_ignore_ascii_case(flag)) == *set,
        Key::Uids(ranges) => contains(ranges, uid),
        Key::Sequences(ranges) => contains(ranges, sequence),
        Key::Header(name, part) => {
            !quirks.header_search_blind && values(&message.raw, name).iter().any(|value| value.to_lowercase().contains(part))
        }
        Key::Body(part) => contains_text(message.raw.get(header_len(&message.raw)..).unwrap_or_default(), part),
        Key::Text(part) => contains_text(&message.raw, part),
        Key::Received(date, day) => day.holds(message.internal_date.date_naive(), *date),
        Key::Sent(date, day) => values(&message.raw, "Date")
            .first()
            .and_then(|value| DateTime::parse_from_rfc2822(value).ok())
            .is_some_and(|sent| day.holds(sent.date_naive(), *date)),
        Key::Larger(size) => message.raw.len() > *size,
        Key::Smaller(size) => message.raw.len() < *size,
        Key::ModSeq(modseq) => message.modseq >= *modseq,
        Key::Not(key) => !again(key),
        Key::Either(one, other) => again(one) || again(other),
        Key::Every(keys) => keys.iter().all(again),
    }
}

fn contains_text(raw: &[u8], part: &str) -> bool {
    String::from_utf8_lossy(raw).to_lowercase().contains(part)
}

/// One search key; `depth` bounds the nesting.
fn key(input: &mut Input, open: &Open<'_>, depth: usize) -> Result<Key, Refusal> {
    if depth > MAX_DEPTH {
        return bad("Search is nested too deeply");
    }
    if input.eat(b'(') {
        let mut keys = vec![key(input, open, depth + 1)?];
        while input.eat(b' ') {
            keys.push(key(input, open, depth + 1)?);
        }
        input.expect(b')')?;
        return Ok(Key::Every(keys));
    }
    if input.peek().is_some_and(|b| b.is_ascii_digit() || b == b'*') {
        let last = u32::try_from(open.view.uids.len()).unwrap_or(u32::MAX);
        return Ok(Key::Sequences(input.sequence_set()?.ranges(last, open.quirks.star_returns_last)));
    }
    let word = input.word()?;
    Ok(match word.as_str() {
        "ALL" | "OLD" => Key::All,
        "NEW" | "RECENT" => Key::None,
        "ANSWERED" | "DELETED" | "DRAFT" | "FLAGGED" | "SEEN" => Key::Flag(format!("\\{word}"), true),
        "UNANSWERED" | "UNDELETED" | "UNDRAFT" | "UNFLAGGED" | "UNSEEN" => {
            Key::Flag(format!("\\{}", word.strip_prefix("UN").unwrap_or_default()), false)
        }
        "KEYWORD" | "UNKEYWORD" => {
            input.space()?;
            Key::Flag(input.flag()?, word == "KEYWORD")
        }
        "UID" => {
            input.space()?;
            let last = open.view.uids.last().copied().unwrap_or(0);
            Key::Uids(input.sequence_set()?.ranges(last, open.quirks.star_returns_last))
        }
        "FROM" | "TO" | "CC" | "BCC" | "SUBJECT" => Key::Header(word, argument(input)?),
        "HEADER" => {
            input.space()?;
            let name = input.text()?;
            Key::Header(name, argument(input)?)
        }
        "BODY" => Key::Body(argument(input)?),
        "TEXT" => Key::Text(argument(input)?),
        "BEFORE" | "ON" | "SINCE" | "SENTBEFORE" | "SENTON" | "SENTSINCE" => {
            input.space()?;
            let date = input.date()?;
            let day = match word.trim_start_matches("SENT") {
                "BEFORE" => Day::Before,
                "ON" => Day::On,
                _ => Day::Since,
            };
            if word.starts_with("SENT") { Key::Sent(date, day) } else { Key::Received(date, day) }
        }
        "LARGER" | "SMALLER" => {
            input.space()?;
            let size = input.number()?;
            if word == "LARGER" { Key::Larger(size) } else { Key::Smaller(size) }
        }
        "MODSEQ" if open.quirks.condstore => {
            input.space()?;
            Key::ModSeq(input.number()?)
        }
        "NOT" => {
            input.space()?;
            Key::Not(Box::new(key(input, open, depth + 1)?))
        }
        "OR" => {
            input.space()?;
            let one = key(input, open, depth + 1)?;
            input.space()?;
            Key::Either(Box::new(one), Box::new(key(input, open, depth + 1)?))
        }
        _ => return bad("Unknown SEARCH key"),
    })
}

/// A string to look for, in lower case.
fn argument(input: &mut Input) -> Result<String, Refusal> {
    input.space()?;
    Ok(input.text()?.to_lowercase())
}

fn answer(found: &[(u32, u32)], wanted: Option<&Return>, by_uid: bool, tag: &str) -> Reply {
    let numbers = || found.iter().map(|&(sequence, uid)| if by_uid { uid } else { sequence });
    let mut out = Output::default();
    match wanted {
        None => {
            out.push("* SEARCH");
            for number in numbers() {
                out.push(&format!(" {number}"));
            }
            out.line("");
        }
        Some(wanted) => {
            out.push(&format!("* ESEARCH (TAG \"{tag}\"){}", if by_uid { " UID" } else { "" }));
            if let Some(min) = numbers().min().filter(|_| wanted.min) {
                out.push(&format!(" MIN {min}"));
            }
            if let Some(max) = numbers().max().filter(|_| wanted.max) {
                out.push(&format!(" MAX {max}"));
            }
            if wanted.count {
                out.push(&format!(" COUNT {}", found.len()));
            }
            if wanted.all && !found.is_empty() {
                out.push(&format!(" ALL {}", write_set(numbers())));
            }
            out.line("");
        }
    }
    Reply::with(out, "Search completed.")
}
