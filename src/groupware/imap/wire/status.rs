//! Status responses: condition, response code, text (RFC 3501 §7.1).

use std::collections::BTreeSet;

use bytes::Bytes;

use super::scanner::Scanner;

/// How a command or connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Condition {
    Ok,
    No,
    Bad,
    Bye,
    Preauth,
}

/// A status response, tagged or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Status {
    pub(in super::super) condition: Condition,
    pub(in super::super) code: Option<Code>,
    /// For people, control characters removed.
    pub(in super::super) text: String,
}

/// A response code. Those whose arguments matter are typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Code {
    Capability(BTreeSet<String>),
    CopyUid {
        source: String,
        target: String,
    },
    HighestModseq(u64),
    PermanentFlags(Vec<String>),
    ReadOnly,
    UidNext(u32),
    UidValidity(u32),
    /// Any other, by its name in upper case.
    Other(String),
}

impl Status {
    /// Reads what follows a tag or `*`. `None` when it is no status response.
    pub(super) fn read(rest: &Bytes) -> Option<Self> {
        let mut scanner = Scanner::over(rest.clone());
        let condition = match scanner.keyword().as_str() {
            "OK" => Condition::Ok,
            "NO" => Condition::No,
            "BAD" => Condition::Bad,
            "BYE" => Condition::Bye,
            "PREAUTH" => Condition::Preauth,
            _ => return None,
        };
        scanner.blanks();
        let rest = scanner.rest();
        let (code, text) = split_code(&rest);
        let text = String::from_utf8_lossy(text).trim().replace(|c: char| c.is_control(), " ");
        Some(Self { condition, code: code.map(|code| Code::read(rest.slice_ref(code))), text })
    }

    pub(in super::super) fn is_ok(&self) -> bool {
        self.condition == Condition::Ok
    }

    /// Name of the response code, in upper case.
    pub(in super::super) fn code_name(&self) -> Option<&str> {
        self.code.as_ref().map(Code::name)
    }
}

impl Code {
    fn read(code: Bytes) -> Self {
        let mut scanner = Scanner::over(code);
        let name = scanner.keyword();
        Self::typed(&name, &mut scanner).unwrap_or(Self::Other(name))
    }

    /// The typed form; `None` for an untyped code, and for arguments that make no sense.
    fn typed(name: &str, scanner: &mut Scanner) -> Option<Self> {
        Some(match name {
            "CAPABILITY" => Self::Capability(capabilities(&scanner.rest())),
            "COPYUID" => {
                scanner.number().ok()?;
                let mut set = || String::from_utf8_lossy(&scanner.atom()).into_owned();
                Self::CopyUid { source: set(), target: set() }
            }
            "HIGHESTMODSEQ" => Self::HighestModseq(scanner.number().ok()?),
            "PERMANENTFLAGS" => Self::PermanentFlags(scanner.word_list().ok()?),
            "READ-ONLY" => Self::ReadOnly,
            "UIDNEXT" => Self::UidNext(scanner.number32().ok()?),
            "UIDVALIDITY" => Self::UidValidity(scanner.number32().ok()?),
            _ => return None,
        })
    }

    fn name(&self) -> &str {
        match self {
            Self::Capability(_) => "CAPABILITY",
            Self::CopyUid { .. } => "COPYUID",
            Self::HighestModseq(_) => "HIGHESTMODSEQ",
            Self::PermanentFlags(_) => "PERMANENTFLAGS",
            Self::ReadOnly => "READ-ONLY",
            Self::UidNext(_) => "UIDNEXT",
            Self::UidValidity(_) => "UIDVALIDITY",
            Self::Other(name) => name,
        }
    }
}

/// Capability names in upper case. Any number of blanks between them (a server of Telekom HU sends two).
pub(super) fn capabilities(rest: &[u8]) -> BTreeSet<String> {
    String::from_utf8_lossy(rest).split_ascii_whitespace().map(str::to_ascii_uppercase).collect()
}

/// Cuts `[code]` off. Its closing bracket is the first one outside of parentheses and quotes, because Cyrus 3.6 and Stalwart 0.15 list
/// keywords such as `x]y`; failing that, the first one at all.
fn split_code(rest: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let Some(inner) = rest.strip_prefix(b"[") else { return (None, rest) };
    let (mut depth, mut quoted) = (0_u32, false);
    let outside = inner.iter().position(|byte| {
        match byte {
            b'"' => quoted = !quoted,
            b'(' if !quoted => depth += 1,
            b')' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        *byte == b']' && depth == 0 && !quoted
    });
    let Some(end) = outside.or_else(|| inner.iter().position(|b| *b == b']')) else { return (None, rest) };
    let (code, text) = inner.split_at(end);
    (Some(code), text.strip_prefix(b"]").unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(line: &'static str) -> Status {
        Status::read(&Bytes::from_static(line.as_bytes())).unwrap()
    }

    #[test]
    fn codes_are_typed() {
        assert_eq!(status("OK [UIDVALIDITY 42] UIDs valid").code, Some(Code::UidValidity(42)));
        assert_eq!(status("OK [COPYUID 7 1:2 5,9] Moved").code, Some(Code::CopyUid { source: "1:2".to_owned(), target: "5,9".to_owned() }));
        assert_eq!(status("NO [overquota]").code_name(), Some("OVERQUOTA"));
        assert_eq!(
            status("OK [PERMANENTFLAGS (\\Seen x]y \\*)] Limited").code,
            Some(Code::PermanentFlags(vec!["\\Seen".to_owned(), "x]y".to_owned(), "\\*".to_owned()]))
        );
    }

    #[test]
    fn nothing_but_the_condition_is_needed() {
        assert_eq!(status("BAD"), Status { condition: Condition::Bad, code: None, text: String::new() });
        assert_eq!(status("no  ").condition, Condition::No);
        assert_eq!(status("OK [BROKEN text").code, None);
        assert_eq!(status("OK [UIDNEXT -1] x").code, Some(Code::Other("UIDNEXT".to_owned())));
        assert!(Status::read(&Bytes::from_static(b"SEARCH 1")).is_none());
    }

    #[test]
    fn capabilities_may_stand_apart_by_more_than_one_blank() {
        assert_eq!(capabilities(b" IMAP4rev1  move "), BTreeSet::from(["IMAP4REV1".to_owned(), "MOVE".to_owned()]));
    }
}
