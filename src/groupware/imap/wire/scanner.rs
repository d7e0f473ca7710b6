//! Reads the words of a [`Frame`], tolerant of what real servers add: double and trailing blanks, `NIL` anywhere, literals anywhere.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::model::RawMail;

use super::frame::{Frame, Literal};

/// Deepest nesting of parentheses that is read. Real answers stay below ten.
const MAX_DEPTH: u32 = 100;

/// Why a frame could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not what the grammar says; with what was expected.
    Malformed(&'static str),
    /// Parentheses are nested deeper than is accepted.
    TooDeep,
}

/// A word: atom, quoted string, or literal.
#[derive(Debug)]
pub(super) enum Word {
    Nil,
    Text(Bytes),
    Mail(RawMail),
}

/// A position in a frame.
#[derive(Debug)]
pub(super) struct Scanner {
    line: Bytes,
    pos: usize,
    literals: VecDeque<(usize, Literal)>,
}

impl Scanner {
    pub(super) fn new(frame: Frame) -> Self {
        Self { line: frame.line, pos: 0, literals: frame.literals }
    }

    pub(super) fn over(line: Bytes) -> Self {
        Self { line, pos: 0, literals: VecDeque::new() }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.line.get(self.pos).copied()
    }

    /// Steps over `byte` if it stands here.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let here = self.peek() == Some(byte);
        self.pos += usize::from(here);
        here
    }

    /// Steps over any number of blanks.
    pub(super) fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.pos += 1;
        }
    }

    /// Steps over bytes as long as `keep` says so.
    pub(super) fn run(&mut self, keep: impl Fn(u8) -> bool) -> Bytes {
        let rest = self.line.get(self.pos..).unwrap_or_default();
        let end = self.pos + rest.iter().position(|b| !keep(*b)).unwrap_or(rest.len());
        let run = self.line.slice(self.pos..end);
        self.pos = end;
        run
    }

    /// What is left of the line, without stepping over it.
    pub(super) fn ahead(&self) -> Bytes {
        self.line.slice(self.pos.min(self.line.len())..)
    }

    /// What is left of the line.
    pub(super) fn rest(&mut self) -> Bytes {
        self.run(|_| true)
    }

    /// The next atom, blanks before it skipped; empty at a delimiter.
    pub(super) fn atom(&mut self) -> Bytes {
        self.blanks();
        self.run(|b| !matches!(b, b' ' | b'\t' | b'(' | b')' | b'"'))
    }

    /// The next atom in upper case.
    pub(super) fn keyword(&mut self) -> String {
        String::from_utf8_lossy(&self.atom()).to_ascii_uppercase()
    }

    /// The next unsigned number.
    pub(super) fn number(&mut self) -> Result<u64, Fault> {
        self.blanks();
        let digits = self.run(|b| b.is_ascii_digit());
        std::str::from_utf8(&digits).ok().and_then(|digits| digits.parse().ok()).ok_or(Fault::Malformed("a number was expected"))
    }

    /// The next number, if it is one of 32 bits.
    pub(super) fn number32(&mut self) -> Result<u32, Fault> {
        u32::try_from(self.number()?).map_err(|_| Fault::Malformed("a number of 32 bits was expected"))
    }

    /// A number, or `NIL`.
    pub(super) fn optional_number(&mut self) -> Result<Option<u64>, Fault> {
        self.blanks();
        if self.peek().is_some_and(|b| b.is_ascii_digit()) {
            return self.number().map(Some);
        }
        self.skip_value()?;
        Ok(None)
    }

    /// Steps over `(`, blanks before it skipped.
    pub(super) fn open(&mut self) -> Result<(), Fault> {
        self.blanks();
        if self.take(b'(') { Ok(()) } else { Err(Fault::Malformed("an opening parenthesis was expected")) }
    }

    /// Steps over `)` if it comes next. The end of the line before it is a fault: the answer was cut.
    pub(super) fn closes(&mut self) -> Result<bool, Fault> {
        self.blanks();
        if self.peek().is_none() {
            return Err(Fault::Malformed("a closing parenthesis is missing"));
        }
        Ok(self.take(b')'))
    }

    /// The next word. An atom is read up to a blank or parenthesis.
    pub(super) fn word(&mut self) -> Result<Word, Fault> {
        self.blanks();
        match self.peek() {
            None => Err(Fault::Malformed("the line ends too early")),
            Some(b'"') => self.quoted().map(Word::Text),
            Some(b'{' | b'~') if self.literal_is_here() => match self.literal() {
                Some(Literal::Bytes(bytes)) => Ok(Word::Text(bytes)),
                Some(Literal::Mail(mail)) => Ok(Word::Mail(mail)),
                None => Err(Fault::Malformed("a literal is missing")),
            },
            Some(_) => {
                let atom = self.atom();
                match &*atom {
                    [] => Err(Fault::Malformed("a word was expected")),
                    nil if nil.eq_ignore_ascii_case(b"NIL") => Ok(Word::Nil),
                    _ => Ok(Word::Text(atom)),
                }
            }
        }
    }

    /// A string, or `None` for `NIL`.
    pub(super) fn text(&mut self) -> Result<Option<Bytes>, Fault> {
        match self.word()? {
            Word::Nil => Ok(None),
            Word::Text(text) => Ok(Some(text)),
            Word::Mail(_) => Err(Fault::Malformed("a mail body was not expected")),
        }
    }

    /// A list of words in parentheses, lossily as text; `NIL` is an empty one.
    pub(super) fn word_list(&mut self) -> Result<Vec<String>, Fault> {
        self.blanks();
        if self.peek() != Some(b'(') {
            return match self.word()? {
                Word::Nil => Ok(Vec::new()),
                _ => Err(Fault::Malformed("a list was expected")),
            };
        }
        self.open()?;
        let mut words = Vec::new();
        while !self.closes()? {
            if self.peek() == Some(b'(') {
                self.skip_value()?;
            } else if let Some(word) = self.text()? {
                words.push(String::from_utf8_lossy(&word).into_owned());
            }
        }
        Ok(words)
    }

    /// Steps over one value, whatever it is. Counts parentheses; never recurses.
    pub(super) fn skip_value(&mut self) -> Result<(), Fault> {
        let mut depth = 0_u32;
        loop {
            self.blanks();
            if self.take(b'(') {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(Fault::TooDeep);
                }
            } else if self.peek() == Some(b')') {
                if depth == 0 {
                    return Err(Fault::Malformed("a value was expected"));
                }
                self.pos += 1;
                depth -= 1;
            } else {
                self.word()?;
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    fn quoted(&mut self) -> Result<Bytes, Fault> {
        self.pos += 1;
        let plain = self.run(|b| !matches!(b, b'"' | b'\\'));
        if self.take(b'"') {
            return Ok(plain);
        }
        let mut text = plain.to_vec();
        loop {
            if self.take(b'"') {
                return Ok(text.into());
            }
            if self.take(b'\\') {
                let Some(byte) = self.peek() else { break };
                text.push(byte);
                self.pos += 1;
            }
            let more = self.run(|b| !matches!(b, b'"' | b'\\'));
            text.extend_from_slice(&more);
            if self.peek().is_none() {
                break;
            }
        }
        Err(Fault::Malformed("a closing quote is missing"))
    }

    fn literal_is_here(&self) -> bool {
        let brace = self.pos + usize::from(self.peek() == Some(b'~'));
        self.literals.front().is_some_and(|(offset, _)| *offset == brace)
    }

    fn literal(&mut self) -> Option<Literal> {
        self.run(|b| b != b'}');
        self.take(b'}');
        self.literals.pop_front().map(|(_, literal)| literal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn over(line: &'static [u8]) -> Scanner {
        Scanner::over(Bytes::from_static(line))
    }

    #[test]
    fn blanks_may_be_doubled() {
        let mut scanner = over(b"  A   (b  \"c \\\" d\"  NIL ( x (y) ) ) 7 ");
        assert_eq!(scanner.keyword(), "A");
        assert_eq!(scanner.word_list().unwrap(), ["b", "c \" d"]);
        assert_eq!(scanner.number(), Ok(7));
    }

    #[test]
    fn nesting_is_bounded_without_recursion() {
        let line = Bytes::from([vec![b'('; 20_000], vec![b')'; 20_000]].concat());
        assert_eq!(Scanner::over(line).skip_value(), Err(Fault::TooDeep));
    }

    #[test]
    fn a_cut_answer_is_a_fault() {
        assert!(over(b"(a b").word_list().is_err());
        assert!(over(b"\"abc").text().is_err());
        assert!(over(b"\"abc\\").text().is_err());
        assert!(over(b"((a)").skip_value().is_err());
        assert!(over(b"").word().is_err());
        assert!(over(b")").skip_value().is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_scanned_in_bounded_steps(line in proptest::collection::vec(prop_oneof![any::<u8>(), proptest::sample::select(&b"(){}\"\\ *~0"[..])], 0..300)) {
            let mut scanner = Scanner::over(line.clone().into());
            for _ in 0..=line.len() {
                if scanner.skip_value().is_err() {
                    break;
                }
            }
            let mut scanner = Scanner::over(line.into());
            let _ = scanner.word_list();
            let _ = scanner.number();
            let _ = scanner.text();
        }
    }
}
