//! One response, typed.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::super::uid_ranges;
use super::fetch_row::FetchRow;
use super::frame::Frame;
use super::scanner::{Fault, Scanner};
use super::status::{self, Condition, Status};

/// One response.
#[derive(Debug)]
pub(in super::super) enum Response {
    /// `+`: the server waits for more. With its text.
    Continuation(Bytes),
    /// The end of the command with this tag.
    Tagged(String, Status),
    /// Data, or news.
    Untagged(Untagged),
}

/// Untagged data.
#[derive(Debug)]
pub(in super::super) enum Untagged {
    Status(Status),
    Capability(BTreeSet<String>),
    List(ListRow),
    Search(Vec<u32>),
    /// ESEARCH with the ranges of ALL (RFC 9051 §7.3.4).
    Esearch(Vec<(u32, u32)>),
    Mailbox(StatusRow),
    Flags(Vec<String>),
    /// Personal prefix and separator of NAMESPACE.
    Namespace {
        prefix: String,
        separator: Option<char>,
    },
    /// Field and value pairs of ID.
    Id(Vec<(String, String)>),
    Exists(u32),
    Expunge,
    /// Ranges of UIDs that are gone (RFC 7162 §3.2.10).
    Vanished(Vec<(u32, u32)>),
    Fetch(Box<FetchRow>),
    /// Anything that no command here asks for.
    Other,
}

/// One LIST response.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct ListRow {
    /// In lower case.
    pub(in super::super) attributes: Vec<String>,
    pub(in super::super) separator: Option<char>,
    pub(in super::super) name: Bytes,
}

/// One STATUS response.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in super::super) struct StatusRow {
    /// The mailbox as on the wire.
    pub(in super::super) name: Bytes,
    pub(in super::super) messages: Option<u64>,
    pub(in super::super) uid_next: Option<u64>,
    pub(in super::super) uid_validity: Option<u64>,
    pub(in super::super) highest_modseq: Option<u64>,
}

impl Response {
    pub(super) fn read(frame: Frame) -> Result<Self, Fault> {
        let mut scanner = Scanner::new(frame);
        scanner.blanks();
        if scanner.take(b'+') {
            scanner.blanks();
            return Ok(Self::Continuation(scanner.rest()));
        }
        if scanner.peek() == Some(b'*') {
            // DavMail 6 sends `*` and blanks to stay alive while it counts: `*   1234 EXISTS`, `* * * 1234 EXISTS`.
            scanner.run(|b| matches!(b, b'*' | b' ' | b'\t'));
            return untagged(scanner).map(Self::Untagged);
        }
        let tag = String::from_utf8_lossy(&scanner.atom()).into_owned();
        scanner.blanks();
        let rest = scanner.rest();
        match Status::read(&rest) {
            Some(status) if !matches!(status.condition, Condition::Bye | Condition::Preauth) => Ok(Self::Tagged(tag, status)),
            _ => Err(Fault::Malformed("a line is no response")),
        }
    }
}

fn untagged(mut scanner: Scanner) -> Result<Untagged, Fault> {
    if scanner.peek().is_some_and(|b| b.is_ascii_digit()) {
        return numbered(&mut scanner);
    }
    if let Some(status) = Status::read(&scanner.ahead()) {
        return Ok(Untagged::Status(status));
    }
    Ok(match scanner.keyword().as_str() {
        "CAPABILITY" => Untagged::Capability(status::capabilities(&scanner.rest())),
        // XLIST is what old servers answered to LIST with special uses.
        "LIST" | "XLIST" => Untagged::List(list(&mut scanner)?),
        "SEARCH" => Untagged::Search(search(&mut scanner)?),
        "ESEARCH" => Untagged::Esearch(esearch(&mut scanner)?),
        "STATUS" => Untagged::Mailbox(mailbox_status(&mut scanner)?),
        "FLAGS" => Untagged::Flags(scanner.word_list()?),
        "NAMESPACE" => namespace(&mut scanner)?,
        "ID" => Untagged::Id(id(&mut scanner)?),
        "VANISHED" => Untagged::Vanished(vanished(&mut scanner)?),
        _ => Untagged::Other,
    })
}

fn numbered(scanner: &mut Scanner) -> Result<Untagged, Fault> {
    let number = scanner.number32()?;
    Ok(match scanner.keyword().as_str() {
        "EXISTS" => Untagged::Exists(number),
        "EXPUNGE" => Untagged::Expunge,
        "FETCH" => Untagged::Fetch(Box::new(FetchRow::read(scanner)?)),
        _ => Untagged::Other,
    })
}

/// `(attributes) separator name [extended data]`.
fn list(scanner: &mut Scanner) -> Result<ListRow, Fault> {
    let attributes = scanner.word_list()?.iter().map(|attribute| attribute.to_ascii_lowercase()).collect();
    let separator = separator(scanner)?;
    // A mailbox may be called NIL; a name is never absent.
    let name = scanner.text()?.unwrap_or_else(|| Bytes::from_static(b"NIL"));
    Ok(ListRow { attributes, separator, name })
}

fn separator(scanner: &mut Scanner) -> Result<Option<char>, Fault> {
    Ok(scanner.text()?.as_deref().and_then(<[u8]>::first).map(|byte| char::from(*byte)))
}

/// Numbers, then perhaps `(MODSEQ n)` (RFC 7162 §3.1.5).
fn search(scanner: &mut Scanner) -> Result<Vec<u32>, Fault> {
    let mut uids = Vec::new();
    loop {
        scanner.blanks();
        match scanner.peek() {
            None => return Ok(uids),
            Some(b'(') => scanner.skip_value()?,
            Some(_) => uids.push(scanner.number32()?),
        }
    }
}

/// `[(TAG "a1")] [UID] [name value]…`.
fn esearch(scanner: &mut Scanner) -> Result<Vec<(u32, u32)>, Fault> {
    let mut all = Vec::new();
    loop {
        scanner.blanks();
        match scanner.peek() {
            None => return Ok(all),
            Some(b'(') => scanner.skip_value()?,
            Some(_) => match scanner.keyword().as_str() {
                "UID" => {}
                "ALL" => all.extend(ranges(scanner)?),
                "" => return Err(Fault::Malformed("the name of an ESEARCH item was expected")),
                _ => scanner.skip_value()?,
            },
        }
    }
}

fn ranges(scanner: &mut Scanner) -> Result<Vec<(u32, u32)>, Fault> {
    let set = scanner.atom();
    std::str::from_utf8(&set).ok().and_then(uid_ranges::parse).ok_or(Fault::Malformed("a set of UIDs was expected"))
}

fn vanished(scanner: &mut Scanner) -> Result<Vec<(u32, u32)>, Fault> {
    scanner.blanks();
    if scanner.peek() == Some(b'(') {
        scanner.skip_value()?;
    }
    ranges(scanner)
}

/// `name (ITEM number …)`.
fn mailbox_status(scanner: &mut Scanner) -> Result<StatusRow, Fault> {
    let name = scanner.text()?.unwrap_or_default();
    scanner.open()?;
    let mut row = StatusRow { name, ..StatusRow::default() };
    while !scanner.closes()? {
        match scanner.keyword().as_str() {
            "MESSAGES" => row.messages = scanner.optional_number()?,
            "UIDNEXT" => row.uid_next = scanner.optional_number()?,
            "UIDVALIDITY" => row.uid_validity = scanner.optional_number()?,
            "HIGHESTMODSEQ" => row.highest_modseq = scanner.optional_number()?,
            "" => return Err(Fault::Malformed("the name of a STATUS item was expected")),
            _ => scanner.skip_value()?,
        }
    }
    Ok(row)
}

/// The first personal namespace of `((prefix separator …)…) others shared`.
fn namespace(scanner: &mut Scanner) -> Result<Untagged, Fault> {
    scanner.blanks();
    if scanner.peek() != Some(b'(') {
        return Ok(Untagged::Namespace { prefix: String::new(), separator: None });
    }
    scanner.open()?;
    scanner.open()?;
    let prefix = scanner.text()?.unwrap_or_default();
    let separator = separator(scanner)?;
    Ok(Untagged::Namespace { prefix: String::from_utf8_lossy(&prefix).into_owned(), separator })
}

fn id(scanner: &mut Scanner) -> Result<Vec<(String, String)>, Fault> {
    scanner.blanks();
    let mut fields = Vec::new();
    if scanner.peek() != Some(b'(') {
        return Ok(fields);
    }
    scanner.open()?;
    while !scanner.closes()? {
        let name = scanner.text()?.unwrap_or_default();
        scanner.blanks();
        let value = if scanner.peek() == Some(b')') { None } else { scanner.text()? };
        fields
            .push((String::from_utf8_lossy(&name).to_ascii_lowercase(), String::from_utf8_lossy(&value.unwrap_or_default()).into_owned()));
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::super::frame::Literal;
    use super::*;

    fn read(line: &'static str) -> Result<Response, Fault> {
        Response::read(Frame { line: Bytes::from_static(line.as_bytes()), literals: VecDeque::new() })
    }

    fn data(line: &'static str) -> Untagged {
        match read(line) {
            Ok(Response::Untagged(data)) => data,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn lines_that_real_servers_send_are_read() {
        assert!(matches!(data("* SEARCH 1 2 (MODSEQ 5)"), Untagged::Search(uids) if uids == [1, 2]));
        assert!(matches!(data("* SEARCH "), Untagged::Search(uids) if uids.is_empty()));
        assert!(matches!(data("* ESEARCH (TAG \"a1\") UID COUNT 3 ALL 1,3:4"), Untagged::Esearch(all) if all == [(1, 1), (3, 4)]));
        assert!(matches!(data("* ESEARCH (TAG \"a1\") UID"), Untagged::Esearch(all) if all.is_empty()));
        assert!(matches!(data("*   1234 EXISTS"), Untagged::Exists(1234)));
        assert!(matches!(data("* * ** 1234 EXISTS "), Untagged::Exists(1234)));
        assert!(matches!(data("* VANISHED (EARLIER) 1:3,5"), Untagged::Vanished(all) if all == [(1, 3), (5, 5)]));
        assert!(matches!(data("* CAPABILITY IMAP4rev1  IDLE "), Untagged::Capability(all) if all.len() == 2));
        assert!(matches!(
            data("* STATUS \"a b\" (MESSAGES 3 SIZE 12 MAILBOXID (abc) DELETED 0 APPENDLIMIT NIL UIDNEXT 9 )"),
            Untagged::Mailbox(StatusRow { name, messages: Some(3), uid_next: Some(9), uid_validity: None, highest_modseq: None }) if name == "a b"
        ));
        assert!(matches!(
            data("* NAMESPACE ((\"INBOX.\" \".\" \"X-PARAM\" (\"a\" \"b\"))) NIL ((\"#shared.\" \".\"))"),
            Untagged::Namespace { prefix, separator: Some('.') } if prefix == "INBOX."
        ));
        assert!(matches!(data("* NAMESPACE NIL NIL NIL"), Untagged::Namespace { separator: None, .. }));
        assert!(matches!(data("* ID (\"name\" \"Dovecot\" \"version\" NIL)"), Untagged::Id(fields) if fields.len() == 2));
        assert!(matches!(data("* ID NIL"), Untagged::Id(fields) if fields.is_empty()));
        assert!(matches!(data("* THREAD (1 2 (3)(4))"), Untagged::Other));
        assert!(matches!(read("+"), Ok(Response::Continuation(text)) if text.is_empty()));
        assert!(matches!(read("+ idling"), Ok(Response::Continuation(text)) if text == "idling"));
        assert!(matches!(read("a1 BAD"), Ok(Response::Tagged(tag, _)) if tag == "a1"));
    }

    #[test]
    fn listings_are_read_in_every_form() {
        let row = |line| match data(line) {
            Untagged::List(row) => row,
            other => panic!("{other:?}"),
        };
        assert_eq!(row("* LIST (\\HasNoChildren \\drafts) \"/\" Entw&APw-rfe").attributes, ["\\hasnochildren", "\\drafts"]);
        assert_eq!(row("* LIST () NIL INBOX").separator, None);
        assert_eq!(row("* LIST () \"\\\\\" \"a \\\" b\"").name, "a \" b");
        assert_eq!(row("* LIST () \"\\\\\" \"a\"").separator, Some('\\'));
        assert_eq!(row("* LIST (\\NonExistent) \"/\" \"a\" (\"CHILDINFO\" (\"SUBSCRIBED\"))").name, "a");
        let line = Bytes::from_static(b"* LIST () \"/\" {5}");
        let literals = VecDeque::from([(14, Literal::Bytes(Bytes::from_static(b"a\"b\\c")))]);
        assert!(matches!(Response::read(Frame { line, literals }), Ok(Response::Untagged(Untagged::List(row))) if row.name == "a\"b\\c"));
    }

    #[test]
    fn what_is_cut_or_senseless_is_a_fault_never_an_empty_answer() {
        for line in [
            "* SEARCH 1 x",
            "* SEARCH 99999999999",
            "* ESEARCH UID ALL 1:",
            "* ESEARCH UID ALL 1:4294967295",
            "* LIST (\\HasChildren \"/\" a",
            "* LIST () \"/\"",
            "* STATUS a (MESSAGES",
            "* 1 FETCH (UID",
            "* 99999999999 EXISTS",
            "* VANISHED x",
            "garbage",
            "a1 BYE",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(
            head in proptest::sample::select(&["", "* ", "* 1 FETCH (", "* LIST (", "* SEARCH ", "* ESEARCH ", "* STATUS a (", "* OK [", "a1 ", "* ID (", "* NAMESPACE (("][..]),
            tail in proptest::collection::vec(prop_oneof![any::<u8>(), proptest::sample::select(&b"(){}[]\"\\ *~:,019"[..])], 0..200),
        ) {
            let line = Bytes::from([head.as_bytes(), &tail].concat());
            let _ = Response::read(Frame { line, literals: VecDeque::new() });
        }
    }
}
