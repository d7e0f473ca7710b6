//! Reading from a client: lines and literals, within bounds.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt as _;
use tokio::net::tcp::OwnedReadHalf;

use super::input::Input;

/// A line beyond this many bytes ends the connection; up to here its end is awaited for the BAD.
const HOPELESS_LINE: usize = 16 * 1024 * 1024;

/// One line of the client.
pub(super) enum Line {
    Complete(Vec<u8>),
    /// Longer than the server takes; only its beginning was kept.
    TooLong(Vec<u8>),
}

/// The reading half of a connection.
pub(super) struct Reader {
    half: OwnedReadHalf,
    buffer: BytesMut,
}

impl Reader {
    pub(super) fn new(half: OwnedReadHalf) -> Self {
        Self { half, buffer: BytesMut::new() }
    }

    /// Whether the client has sent nothing that was not read yet, as far as is known.
    pub(super) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Reads to the end and forgets it.
    pub(super) async fn drain(&mut self) -> io::Result<u64> {
        tokio::io::copy(&mut self.half, &mut tokio::io::sink()).await
    }

    /// Reads to the next line end. May be cancelled between reads: what came so far stays in the buffer.
    pub(super) async fn read_line(&mut self, max: usize) -> io::Result<Line> {
        let mut scanned = 0;
        loop {
            if let Some(at) = self.buffer.iter().skip(scanned).position(|b| *b == b'\n') {
                let mut line = self.buffer.split_to(scanned + at + 1);
                line.truncate(scanned + at);
                if line.last() == Some(&b'\r') {
                    line.truncate(line.len() - 1);
                }
                return Ok(if line.len() > max {
                    Line::TooLong(line.split_to(max.min(1024)).to_vec())
                } else {
                    Line::Complete(line.to_vec())
                });
            }
            scanned = self.buffer.len();
            if scanned > HOPELESS_LINE.max(max) || self.half.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    pub(super) async fn read_literal(&mut self, len: usize) -> io::Result<Bytes> {
        let mut literal = self.buffer.split_to(len.min(self.buffer.len()));
        while literal.len() < len {
            literal.reserve((len - literal.len()).min(1024 * 1024));
            let mut rest = (&mut self.half).take((len - literal.len()) as u64);
            if rest.read_buf(&mut literal).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(literal.freeze())
    }
}

/// A line that announces a literal: what stands before it, its length, and whether the client waits for the go-ahead.
pub(super) fn split_literal(line: &[u8]) -> Option<(&[u8], usize, bool)> {
    let inner = line.strip_suffix(b"}")?;
    let open = inner.iter().rposition(|b| *b == b'{')?;
    let (before, announced) = inner.split_at_checked(open)?;
    let digits = announced.get(1..)?;
    let (digits, synchronising) = match digits.strip_suffix(b"+") {
        Some(digits) => (digits, false),
        None => (digits, true),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // A number too big for the machine is too big for the server as well.
    let len = std::str::from_utf8(digits).ok()?.parse().unwrap_or(usize::MAX);
    Some((before, len, synchronising))
}

pub(super) fn first_word(line: &[u8]) -> String {
    let word = line.split(|b| *b == b' ').next().unwrap_or_default();
    String::from_utf8_lossy(word.get(..word.len().min(64)).unwrap_or_default()).into_owned()
}

/// Reads the tag and the name; `UID` and what follows it are one name.
pub(super) fn tag_and_name(input: &mut Input) -> Option<(String, String)> {
    let tag = input.take(|b| b > b' ' && b < 0x7f && !b"(){%*\"\\+".contains(&b)).ok()?;
    let tag = String::from_utf8_lossy(tag.get(..64.min(tag.len()))?).into_owned();
    input.space().ok()?;
    let name = input.word().ok()?;
    if name != "UID" {
        return Some((tag, name));
    }
    input.space().ok()?;
    Some((tag, format!("UID {}", input.word().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_recognised_at_the_end_of_a_line_only() {
        assert_eq!(split_literal(b"a LOGIN {4}"), Some((&b"a LOGIN "[..], 4, true)));
        assert_eq!(split_literal(b"a LOGIN {4+}"), Some((&b"a LOGIN "[..], 4, false)));
        assert_eq!(split_literal(b"a LOGIN {4} x"), None);
        assert_eq!(split_literal(b"a X {}"), None);
        assert_eq!(split_literal(b"a X {99999999999999999999999}").unwrap().1, usize::MAX);
    }
}
