//! Lines of any length out of a reader, in bounded memory.

use std::io::{self, Read};

use bytes::Bytes;

/// Bytes held at once; a longer line comes in pieces of this size.
const CAPACITY: usize = 64 * 1024;

/// Reads lines with their ends. Lines end with `\n`; in a mail without any `\n` at its beginning, with `\r`.
pub(super) struct Lines<R> {
    /// Absent for a mail in memory.
    inner: Option<R>,
    buf: Buffer,
    /// The current line is `buf[start..stop]`, what is read ahead is `buf[stop..filled]`.
    start: usize,
    stop: usize,
    filled: usize,
    /// Position of `buf[start]` in the mail.
    offset: u64,
    /// The current piece begins a line.
    starts_line: bool,
    terminator: u8,
    held: bool,
    end_of_input: bool,
}

/// What lines are cut from.
enum Buffer {
    /// What is read ahead.
    Window(Box<[u8]>),
    /// All of a mail in memory: nothing is copied.
    Whole(Bytes),
}

impl<R: Read> Lines<R> {
    /// Lines of a mail in memory.
    pub(super) fn of(mail: Bytes) -> Self {
        let filled = mail.len();
        Self::at_start(None, Buffer::Whole(mail), filled)
    }

    /// Lines of a reader of about `expected` bytes. A small mail gets a small buffer: most are, and a large one for each costs more than reading it.
    pub(super) fn new(inner: R, expected: u64) -> io::Result<Self> {
        // One byte more, so that the end is seen when all is in the buffer.
        let capacity = usize::try_from(expected).unwrap_or(CAPACITY).saturating_add(1).clamp(1024, CAPACITY);
        let mut lines = Self::at_start(Some(inner), Buffer::Window(vec![0; capacity].into_boxed_slice()), 0);
        while lines.fill()? {}
        lines.choose_terminator();
        Ok(lines)
    }

    fn at_start(inner: Option<R>, buf: Buffer, filled: usize) -> Self {
        let end_of_input = inner.is_none();
        let mut lines =
            Self { inner, buf, start: 0, stop: 0, filled, offset: 0, starts_line: true, terminator: b'\n', held: false, end_of_input };
        lines.choose_terminator();
        lines
    }

    fn choose_terminator(&mut self) {
        let head = self.bytes(0, self.filled.min(CAPACITY));
        // A `\r` at the very end may have its `\n` after it.
        let before_last = head.split_last().map_or(head, |(_, before)| before);
        if memchr::memchr(b'\n', head).is_none() && before_last.contains(&b'\r') {
            self.terminator = b'\r';
        }
    }

    fn bytes(&self, from: usize, to: usize) -> &[u8] {
        match &self.buf {
            Buffer::Window(bytes) => bytes.get(from..to),
            Buffer::Whole(bytes) => bytes.get(from..to),
        }
        .unwrap_or_default()
    }

    /// Moves to the next line or piece of one. `false` at the end.
    pub(super) fn next(&mut self) -> io::Result<bool> {
        if std::mem::take(&mut self.held) {
            return Ok(true);
        }
        let ended = self.ends_line();
        if self.stop > self.start {
            self.starts_line = ended;
        }
        self.offset += (self.stop - self.start) as u64;
        self.start = self.stop;
        let mut searched = self.start;
        loop {
            let end = self.filled.min(self.start + CAPACITY);
            if let Some(at) = memchr::memchr(self.terminator, self.bytes(searched, end)) {
                self.stop = searched + at + 1;
                return Ok(true);
            }
            let Buffer::Window(window) = &mut self.buf else {
                self.stop = end;
                break;
            };
            if self.start > 0 {
                window.copy_within(self.start..self.filled, 0);
                self.filled -= self.start;
                self.start = 0;
            }
            searched = self.filled;
            if !self.fill()? {
                self.stop = self.filled;
                break;
            }
        }
        // A `\r` at the end of a piece waits for its `\n`.
        let is_cut = !self.end_of_input || self.stop < self.filled;
        if is_cut && self.stop > self.start + 1 && self.current().last() == Some(&b'\r') {
            self.stop -= 1;
        }
        Ok(self.stop > self.start)
    }

    /// Makes [`Self::next`] give the current line once more.
    pub(super) const fn hold(&mut self) {
        self.held = true;
    }

    /// The current line or piece, with its end.
    pub(super) fn current(&self) -> &[u8] {
        self.bytes(self.start, self.stop)
    }

    /// Whether the current piece begins a line.
    pub(super) const fn starts_line(&self) -> bool {
        self.starts_line
    }

    /// Where the current piece begins in the mail.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Where the current piece ends in the mail.
    pub(super) const fn end_offset(&self) -> u64 {
        self.offset + (self.stop - self.start) as u64
    }

    fn ends_line(&self) -> bool {
        self.current().last() == Some(&self.terminator)
    }

    /// Reads more; `false` when the buffer is full or the input has ended.
    fn fill(&mut self) -> io::Result<bool> {
        let (Buffer::Window(window), Some(inner)) = (&mut self.buf, &mut self.inner) else { return Ok(false) };
        let Some(room) = window.get_mut(self.filled..).filter(|room| !room.is_empty() && !self.end_of_input) else { return Ok(false) };
        loop {
            match inner.read(room) {
                Ok(0) => {
                    self.end_of_input = true;
                    return Ok(false);
                }
                Ok(count) => {
                    self.filled += count;
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Gives one byte less each time it is asked, then starts anew: lines must not depend on how bytes arrive.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.1 = self.1 % 7 + 1;
            let count = self.1.min(buf.len()).min(self.0.len());
            buf[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn all(bytes: &[u8]) -> Vec<(u64, bool, Vec<u8>)> {
        found(Lines::new(Trickle(bytes, 0), bytes.len() as u64).unwrap())
    }

    fn whole(bytes: &[u8]) -> Vec<(u64, bool, Vec<u8>)> {
        found(Lines::<Trickle<'_>>::of(Bytes::copy_from_slice(bytes)))
    }

    fn found<R: Read>(mut lines: Lines<R>) -> Vec<(u64, bool, Vec<u8>)> {
        let mut found = Vec::new();
        while lines.next().unwrap() {
            found.push((lines.offset(), lines.starts_line(), lines.current().to_vec()));
        }
        found
    }

    #[test]
    fn lines_keep_their_ends_and_offsets() {
        let found = all(b"a\r\nbc\n\nd");
        let expected: Vec<(u64, bool, Vec<u8>)> =
            vec![(0, true, b"a\r\n".to_vec()), (3, true, b"bc\n".to_vec()), (6, true, b"\n".to_vec()), (7, true, b"d".to_vec())];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_mail_of_bare_carriage_returns_has_lines() {
        assert_eq!(all(b"a\rb\r\rc").len(), 4);
        assert_eq!(whole(b"a\rb\r\rc").len(), 4);
    }

    #[test]
    fn a_line_beyond_the_buffer_comes_in_pieces() {
        let mut text = vec![b'x'; CAPACITY - 1];
        text.extend_from_slice(b"\r\nnext\r\n");
        assert_eq!(all(&text), whole(&text), "in memory as out of a file");
        let found = all(&text);
        assert_eq!(found.iter().map(|(_, starts, _)| *starts).collect::<Vec<_>>(), [true, false, true]);
        assert_eq!(found[1].2, b"\r\n");
    }

    proptest! {
        #[test]
        fn pieces_put_together_are_the_input(bytes in prop::collection::vec(prop::sample::select(b"ab\r\n".to_vec()), 0..400)) {
            let joined: Vec<u8> = all(&bytes).into_iter().flat_map(|(_, _, line)| line).collect();
            prop_assert_eq!(all(&bytes), whole(&bytes));
            prop_assert_eq!(joined, bytes);
        }
    }
}
