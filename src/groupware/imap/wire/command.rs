//! One command as bytes.

/// A command to send, without its tag.
#[derive(Debug, Clone)]
pub(in super::super) struct Command {
    /// What it is called in messages: `UID SEARCH`.
    pub(in super::super) name: &'static str,
    /// Text up to a literal, and the literal.
    pub(super) literals: Vec<(Vec<u8>, Vec<u8>)>,
    /// Text after the last literal.
    pub(super) line: Vec<u8>,
}

impl Command {
    /// A command that begins with its name.
    pub(in super::super) fn new(name: &'static str) -> Self {
        Self { name, literals: Vec::new(), line: name.as_bytes().to_vec() }
    }

    /// A blank, then `text` as it is.
    #[must_use]
    pub(in super::super) fn arg(mut self, text: &str) -> Self {
        self.line.push(b' ');
        self.line.extend_from_slice(text.as_bytes());
        self
    }

    /// A blank, then a string: quoted if it is printable ASCII, else a literal.
    #[must_use]
    pub(in super::super) fn string(mut self, text: &[u8]) -> Self {
        if !text.iter().all(|b| matches!(b, b' '..=b'~')) {
            return self.literal(text);
        }
        self.line.extend_from_slice(b" \"");
        for byte in text {
            if matches!(byte, b'"' | b'\\') {
                self.line.push(b'\\');
            }
            self.line.push(*byte);
        }
        self.line.push(b'"');
        self
    }

    /// A blank, then a string that is quoted only when nothing in it needs an escape, for user names and passwords: a server that reads
    /// escapes wrongly would count it as a wrong password.
    #[must_use]
    pub(in super::super) fn credential(self, text: &[u8]) -> Self {
        if text.iter().any(|b| matches!(b, b'"' | b'\\')) { self.literal(text) } else { self.string(text) }
    }

    fn literal(mut self, text: &[u8]) -> Self {
        self.line.push(b' ');
        self.literals.push((std::mem::take(&mut self.line), text.to_vec()));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_quoted_and_what_cannot_be_quoted_is_a_literal() {
        let command = Command::new("SELECT").string(b"a \"b\" \\ c").arg("(CONDSTORE)");
        assert_eq!(command.line, br#"SELECT "a \"b\" \\ c" (CONDSTORE)"#);
        let command = Command::new("LOGIN").credential("jürgen".as_bytes()).credential(b"p\"w").credential(b"x y");
        assert_eq!(command.literals, [(b"LOGIN ".to_vec(), "jürgen".as_bytes().to_vec()), (b" ".to_vec(), b"p\"w".to_vec())]);
        assert_eq!(command.line, b" \"x y\"");
    }
}
