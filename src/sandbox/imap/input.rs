//! One command of a client and a cursor over it. Bounded by the reader that made it; no recursion.

use bytes::Bytes;
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, TimeZone as _};

use super::sequence::SequenceSet;
use super::utf7;

/// Why a command is not executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Tagged BAD with this text.
    Bad(String),
    /// Tagged NO with this text.
    No(String),
    /// `* BYE` with this text, and the end.
    Bye(String),
}

pub(super) fn bad<T>(text: &str) -> Result<T, Refusal> {
    Err(Refusal::Bad(text.to_owned()))
}

pub(super) fn no<T>(text: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::No(text.into()))
}

/// Text up to a literal or to the end of the command, and that literal.
#[derive(Debug, Default)]
pub(super) struct Segment {
    pub(super) text: Vec<u8>,
    pub(super) literal: Option<Bytes>,
}

/// A cursor over a command.
#[derive(Debug)]
pub(super) struct Input {
    segments: Vec<Segment>,
    segment: usize,
    position: usize,
}

/// Longest mailbox name, flag or keyword argument that is looked at, in bytes.
const MAX_NAME: usize = 1000;

impl Input {
    pub(super) const fn new(segments: Vec<Segment>) -> Self {
        Self { segments, segment: 0, position: 0 }
    }

    fn rest(&self) -> &[u8] {
        self.segments.get(self.segment).and_then(|segment| segment.text.get(self.position..)).unwrap_or_default()
    }

    /// The rest of the text before the next literal, for the log.
    pub(super) fn rest_lossy(&self) -> String {
        String::from_utf8_lossy(self.rest()).into_owned()
    }

    /// The next byte of text; `None` before a literal and at the end.
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    /// Steps over `byte` if it is next.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        if there {
            self.position += 1;
        }
        there
    }

    /// Steps over `word` if it is next, in any case.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let there = self.rest().get(..word.len()).is_some_and(|next| next.eq_ignore_ascii_case(word.as_bytes()));
        if there {
            self.position += word.len();
        }
        there
    }

    /// Demands `byte`.
    pub(super) fn expect(&mut self, byte: u8) -> Result<(), Refusal> {
        if self.eat(byte) { Ok(()) } else { Err(Refusal::Bad(format!("Expected {:?}", char::from(byte)))) }
    }

    /// Demands one blank.
    pub(super) fn space(&mut self) -> Result<(), Refusal> {
        self.expect(b' ')
    }

    /// Demands the end; blanks before it are overlooked.
    pub(super) fn end(&mut self) -> Result<(), Refusal> {
        while self.eat(b' ') {}
        if self.at_end() { Ok(()) } else { bad("Unexpected arguments") }
    }

    /// Whether nothing is left, not even a literal.
    pub(super) fn at_end(&self) -> bool {
        self.rest().is_empty() && self.segments.get(self.segment).is_none_or(|segment| segment.literal.is_none())
    }

    /// The bytes that fulfil `wanted`, at least one.
    pub(super) fn take(&mut self, wanted: impl Fn(u8) -> bool) -> Result<&[u8], Refusal> {
        let from = self.position;
        let len = self.rest().iter().take_while(|b| wanted(**b)).count();
        if len == 0 {
            return bad("Argument missing");
        }
        self.position += len;
        let text = self.segments.get(self.segment).map(|segment| segment.text.as_slice()).unwrap_or_default();
        Ok(text.get(from..from + len).unwrap_or_default())
    }

    /// An atom, in upper case.
    pub(super) fn word(&mut self) -> Result<String, Refusal> {
        Ok(String::from_utf8_lossy(self.take(is_atom)?).to_ascii_uppercase())
    }

    /// A decimal number.
    pub(super) fn number<T: std::str::FromStr>(&mut self) -> Result<T, Refusal> {
        let digits = self.take(|b| b.is_ascii_digit())?;
        let number = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok());
        number.ok_or_else(|| Refusal::Bad("Number out of range".to_owned()))
    }

    /// A literal, if one is next.
    pub(super) fn literal(&mut self) -> Option<Bytes> {
        let segment = self.segments.get_mut(self.segment).filter(|segment| self.position >= segment.text.len())?;
        let literal = segment.literal.take()?;
        self.segment += 1;
        self.position = 0;
        Some(literal)
    }

    /// A quoted string or a literal, if one is next.
    fn string(&mut self) -> Result<Option<Vec<u8>>, Refusal> {
        if let Some(literal) = self.literal() {
            return Ok(Some(literal.into()));
        }
        if !self.eat(b'"') {
            return Ok(None);
        }
        let mut text = Vec::new();
        loop {
            match self.peek() {
                None => return bad("Quoted string without an end"),
                Some(b'"') => {
                    self.position += 1;
                    return Ok(Some(text));
                }
                Some(b'\\') => {
                    self.position += 1;
                    match self.peek() {
                        Some(escaped @ (b'"' | b'\\')) => text.push(escaped),
                        _ => return bad("Invalid escape in a quoted string"),
                    }
                }
                Some(byte) => text.push(byte),
            }
            self.position += 1;
        }
    }

    /// An atom, quoted string or literal.
    pub(super) fn astring(&mut self) -> Result<Vec<u8>, Refusal> {
        match self.string()? {
            Some(text) => Ok(text),
            None => Ok(self.take(|b| is_atom(b) || b == b']')?.to_vec()),
        }
    }

    /// Like [`Self::astring`], as text.
    pub(super) fn text(&mut self) -> Result<String, Refusal> {
        String::from_utf8(self.astring()?).map_err(|_| Refusal::Bad("Argument is not UTF-8".to_owned()))
    }

    /// A mailbox name, decoded; any case of INBOX becomes INBOX.
    pub(super) fn mailbox(&mut self) -> Result<String, Refusal> {
        let wire = self.astring()?;
        let Some(name) = utf7::decode(&wire).filter(|_| wire.len() <= MAX_NAME) else {
            return no("[CANNOT] Mailbox name is not valid modified UTF-7");
        };
        Ok(if name.eq_ignore_ascii_case("INBOX") { "INBOX".to_owned() } else { name })
    }

    /// A pattern of LIST, decoded.
    pub(super) fn list_pattern(&mut self) -> Result<String, Refusal> {
        let wire = match self.string()? {
            Some(text) => text,
            None => self.take(|b| is_atom(b) || matches!(b, b']' | b'%' | b'*'))?.to_vec(),
        };
        utf7::decode(&wire).filter(|_| wire.len() <= MAX_NAME).ok_or_else(|| Refusal::Bad("Invalid pattern".to_owned()))
    }

    /// A set of UIDs or sequence numbers.
    pub(super) fn sequence_set(&mut self) -> Result<SequenceSet, Refusal> {
        let text = self.take(|b| b.is_ascii_digit() || matches!(b, b':' | b',' | b'*'))?;
        std::str::from_utf8(text).ok().and_then(SequenceSet::parse).ok_or_else(|| Refusal::Bad("Invalid message set".to_owned()))
    }

    /// A flag or keyword as the client spelled it. The refusals are those of Dovecot 2.3.
    pub(super) fn flag(&mut self) -> Result<String, Refusal> {
        let system = self.eat(b'\\');
        if self.peek() == Some(b'"') {
            return bad("Flags list contains non-atoms");
        }
        let name = String::from_utf8_lossy(self.take(|b| is_atom(b) || b == b']')?).into_owned();
        if system {
            return system_flag(&name).map(str::to_owned).ok_or_else(|| Refusal::Bad(format!("Invalid system flag \\{name}")));
        }
        if name.contains([']', '[']) {
            return no("[CANNOT] Invalid keyword: invalid characters");
        }
        if name.len() > 50 {
            return no(format!("[CANNOT] Keyword length too long ({})", name.len()));
        }
        Ok(name)
    }

    /// Flags in parentheses.
    pub(super) fn flag_list(&mut self) -> Result<Vec<String>, Refusal> {
        self.expect(b'(')?;
        let mut flags = Vec::new();
        while !self.eat(b')') {
            if !flags.is_empty() {
                self.space()?;
            }
            flags.push(self.flag()?);
        }
        Ok(flags)
    }

    /// Flags in parentheses or bare, up to the end.
    pub(super) fn flags(&mut self) -> Result<Vec<String>, Refusal> {
        if self.peek() == Some(b'(') {
            return self.flag_list();
        }
        let mut flags = vec![self.flag()?];
        while self.eat(b' ') {
            flags.push(self.flag()?);
        }
        Ok(flags)
    }

    /// Words in parentheses, in upper case; each a word of its own.
    pub(super) fn word_list(&mut self) -> Result<Vec<String>, Refusal> {
        self.expect(b'(')?;
        let mut words = Vec::new();
        while !self.eat(b')') {
            if !words.is_empty() {
                self.space()?;
            }
            words.push(String::from_utf8_lossy(self.take(|b| is_atom(b) || b == b'\\')?).to_ascii_uppercase());
        }
        Ok(words)
    }

    /// A day as SEARCH writes it: `1-Feb-2026`, quoted or not.
    pub(super) fn date(&mut self) -> Result<NaiveDate, Refusal> {
        let text = self.text()?;
        NaiveDate::parse_from_str(&text, "%d-%b-%Y").map_err(|_| Refusal::Bad("Invalid date".to_owned()))
    }

    /// An instant as APPEND writes it: `" 1-Feb-2026 10:00:00 +0100"`.
    pub(super) fn date_time(&mut self) -> Result<DateTime<FixedOffset>, Refusal> {
        let text = self.text()?;
        parse_date_time(&text).ok_or_else(|| Refusal::Bad("Invalid date-time".to_owned()))
    }
}

fn parse_date_time(text: &str) -> Option<DateTime<FixedOffset>> {
    let (local, zone) = text.trim().rsplit_once(' ')?;
    let local = NaiveDateTime::parse_from_str(local, "%d-%b-%Y %H:%M:%S").ok()?;
    zone.parse::<FixedOffset>().ok()?.from_local_datetime(&local).single()
}

/// A byte of an atom (RFC 9051 §9 `ATOM-CHAR`).
pub(super) const fn is_atom(byte: u8) -> bool {
    byte > b' ' && byte < 0x7f && !matches!(byte, b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\' | b']')
}

/// The canonical spelling of a system flag a client may set.
fn system_flag(name: &str) -> Option<&'static str> {
    ["\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft"]
        .into_iter()
        .find(|flag| flag.trim_start_matches('\\').eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(text: &str) -> Input {
        Input::new(vec![Segment { text: text.as_bytes().to_vec(), literal: None }])
    }

    #[test]
    fn strings_come_as_atom_quoted_or_literal() {
        assert_eq!(input("a]b rest").text().unwrap(), "a]b");
        assert_eq!(input(r#""say \"hi\" \\ x""#).text().unwrap(), r#"say "hi" \ x"#);
        let mut literal = Input::new(vec![
            Segment { text: Vec::new(), literal: Some(Bytes::from_static(b"a\r\nb")) },
            Segment { text: b" next".to_vec(), literal: None },
        ]);
        assert_eq!(literal.astring().unwrap(), b"a\r\nb");
        literal.space().unwrap();
        assert_eq!(literal.word().unwrap(), "NEXT");
        assert!(literal.at_end());
        assert!(input("\"open").text().is_err());
        assert!(input(r#""\x""#).text().is_err());
    }

    #[test]
    fn flags_refuse_what_dovecot_refuses() {
        assert_eq!(input("(\\seen CRMcorner $Forwarded)").flag_list().unwrap(), ["\\Seen", "CRMcorner", "$Forwarded"]);
        assert!(matches!(input("(\"Not Found\")").flag_list(), Err(Refusal::Bad(_))));
        assert!(matches!(input("([E])").flag_list(), Err(Refusal::No(_))));
        assert!(matches!(input("(100%)").flag_list(), Err(Refusal::Bad(_))));
        assert!(matches!(input("(\\Recent)").flag_list(), Err(Refusal::Bad(_))));
    }

    #[test]
    fn dates_are_read() {
        assert_eq!(input("\" 1-Feb-2026 10:00:00 +0100\"").date_time().unwrap().to_rfc3339(), "2026-02-01T10:00:00+01:00");
        assert_eq!(input("1-Feb-2026").date().unwrap().to_string(), "2026-02-01");
        assert!(input("31-Feb-2026").date().is_err());
    }
}
