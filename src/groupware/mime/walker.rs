//! The streaming MIME walker: goes once through a mail of any size in bounded memory and gives its leaves, one after the other,
//! with their decoded content.
//!
//! Bounds: 64 KiB of line, 64 KiB of decoded content, [`MAX_HEADER`] of header fields, [`MAX_DEPTH`] multiparts within each other,
//! [`MAX_PARTS`] parts. What lies beyond the last two is content of the part before it. Time is linear in the size of the mail.

use std::borrow::Cow;
use std::io::{self, Read};
use std::sync::Arc;

use bytes::Bytes;

use super::lines::Lines;
use super::params::Parametrised;
use super::transfer::{Decoder, Encoding};

/// Multiparts within each other that are entered; a deeper one is an attachment.
pub(super) const MAX_DEPTH: usize = 100;
/// Parts that are told apart; what follows belongs to the last one.
pub(super) const MAX_PARTS: usize = 2_000;
/// Bytes of header fields that are kept of one part.
pub(super) const MAX_HEADER: usize = 512 * 1024;
/// Bytes that are kept of one header field.
const MAX_FIELD: usize = 128 * 1024;
/// Decoded bytes that are given at once, about.
const CHUNK: usize = 32 * 1024;

/// Fields of the mail itself that are kept beside `Content-*`.
const WANTED: [&str; 13] = [
    "from",
    "sender",
    "reply-to",
    "to",
    "cc",
    "bcc",
    "subject",
    "date",
    "message-id",
    "in-reply-to",
    "references",
    "sensitivity",
    "mime-version",
];

/// `Content-*` fields of nearly every part.
const OF_CONTENT: [&str; 4] = ["content-type", "content-transfer-encoding", "content-disposition", "content-id"];

/// One header field.
#[derive(Debug, Clone)]
pub(super) struct Field {
    /// In lower case.
    pub(super) name: Cow<'static, str>,
    /// Unfolded: without line ends, otherwise as written.
    pub(super) value: Vec<u8>,
    /// Where it begins in the mail.
    pub(super) start: u64,
    /// Where the next one begins.
    pub(super) end: u64,
}

/// The fields of one header.
#[derive(Debug, Clone, Default)]
pub(super) struct Header {
    pub(super) fields: Vec<Field>,
    size: usize,
}

impl Header {
    /// The first field of this name.
    pub(super) fn first(&self, name: &str) -> Option<&[u8]> {
        self.fields.iter().find(|field| field.name == name).map(|field| field.value.as_slice())
    }

    /// Every field of this name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |field| field.name == name).map(|field| field.value.as_slice())
    }

    fn push(&mut self, line: &[u8]) {
        let Some(field) = self.fields.last_mut() else { return };
        let line = trim_line_end(line);
        let room = MAX_FIELD.saturating_sub(field.value.len()).min(MAX_HEADER.saturating_sub(self.size));
        let taken = line.get(..line.len().min(room)).unwrap_or_default();
        field.value.extend_from_slice(taken);
        self.size += taken.len();
    }
}

/// A leaf of the mail's tree: a part that is no multipart.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// Its `Content-*` fields; for a mail that is one leaf, all fields of the mail.
    pub(super) header: Arc<Header>,
    /// `Content-Type`, with the default where there is none.
    pub(super) content_type: Parametrised,
    /// `Content-Disposition`.
    pub(super) disposition: Parametrised,
    /// The multipart it stands in, from 1 in order of appearance; 0 for a mail without parts.
    pub(super) parent: usize,
    /// Subtype of that multipart, in lower case; empty without one.
    pub(super) parent_subtype: String,
    /// Number of the outermost `multipart/alternative` around it.
    pub(super) alternative: Option<usize>,
    /// Where the delimiter before it begins; 0 for a mail without parts.
    pub(super) delimiter: u64,
    /// Where its header begins.
    pub(super) start: u64,
}

#[derive(Debug)]
struct Level {
    boundary: Vec<u8>,
    number: usize,
    subtype: String,
    alternative: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the header of a part.
    Header,
    /// In the content of a leaf.
    Content,
    /// In a preamble or epilogue.
    Between,
    /// At the end.
    Done,
}

/// See the module.
pub(super) struct Walker<R> {
    lines: Lines<R>,
    stack: Vec<Level>,
    state: State,
    root: Option<Arc<Header>>,
    decoder: Decoder,
    out: Vec<u8>,
    multiparts: usize,
    parts: usize,
    delimiter: u64,
    next: u64,
    root_start: u64,
    root_end: u64,
    /// Media types of the multiparts met, `multipart/` left out, outermost first; with the root's parameters for signatures.
    pub(super) containers: Vec<String>,
    /// What was wrong with the structure, in plain words.
    pub(super) defects: Vec<String>,
    one_leaf: bool,
}

impl<R: Read> Walker<R> {
    /// A walker at the beginning of a mail. With `one_leaf`, a multipart is read as plain text: for mails in which no delimiter was found.
    /// `expected` is its length in bytes, a hint only.
    pub(super) fn new(reader: R, expected: u64, one_leaf: bool) -> io::Result<Self> {
        Ok(Self::over(Lines::new(reader, expected)?, expected, one_leaf))
    }

    /// The same of a mail in memory.
    pub(super) fn of(mail: Bytes, one_leaf: bool) -> Self {
        let len = mail.len() as u64;
        Self::over(Lines::of(mail), len, one_leaf)
    }

    fn over(lines: Lines<R>, expected: u64, one_leaf: bool) -> Self {
        Self {
            lines,
            stack: Vec::new(),
            state: State::Header,
            root: None,
            decoder: Decoder::new(Encoding::Identity),
            out: Vec::with_capacity(usize::try_from(expected).unwrap_or(usize::MAX).min(2 * CHUNK)),
            multiparts: 0,
            parts: 0,
            delimiter: 0,
            next: 0,
            root_start: 0,
            root_end: 0,
            containers: Vec::new(),
            defects: Vec::new(),
            one_leaf,
        }
    }

    /// The mail's own header; there after the first [`Self::next_part`].
    pub(super) const fn root(&self) -> Option<&Arc<Header>> {
        self.root.as_ref()
    }

    /// Where the mail's own header begins and where it ends, before its blank line.
    pub(super) const fn root_range(&self) -> (u64, u64) {
        (self.root_start, self.root_end)
    }

    /// Where what follows the content begins, which was read to its end: the next delimiter, or the end of the mail.
    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    /// Whether the content of the current leaf is read to its end: what [`Self::chunk`] gave was the last of it.
    pub(super) fn is_at_end(&self) -> bool {
        self.state != State::Content
    }

    /// What [`Self::chunk`] gave last.
    pub(super) fn last_chunk(&self) -> &[u8] {
        &self.out
    }

    /// The next leaf; what is left of the last one's content is passed over. `None` at the end of the mail.
    pub(super) fn next_part(&mut self) -> io::Result<Option<Part>> {
        while self.state == State::Content {
            self.chunk()?;
        }
        loop {
            match self.state {
                State::Header => {
                    if let Some(part) = self.part()? {
                        return Ok(Some(part));
                    }
                }
                State::Between => self.between()?,
                State::Content | State::Done => return Ok(None),
            }
        }
    }

    /// The next decoded bytes of the current leaf; empty at its end.
    pub(super) fn chunk(&mut self) -> io::Result<&[u8]> {
        self.out.clear();
        while self.state == State::Content && self.out.len() < CHUNK {
            if !self.lines.next()? {
                self.decoder.finish(false, &mut self.out);
                self.next = self.lines.offset();
                self.end_of_mail();
                break;
            }
            if let Some(found) = self.delimiter_here() {
                self.next = self.lines.offset();
                self.decoder.finish(true, &mut self.out);
                self.take(found);
                break;
            }
            self.decoder.feed(self.lines.current(), &mut self.out);
        }
        Ok(&self.out)
    }

    /// Passes over lines up to a delimiter.
    fn between(&mut self) -> io::Result<()> {
        while self.lines.next()? {
            if let Some(found) = self.delimiter_here() {
                self.take(found);
                return Ok(());
            }
        }
        self.end_of_mail();
        Ok(())
    }

    fn end_of_mail(&mut self) {
        if !self.stack.is_empty() {
            self.defect("a multipart is not closed");
        }
        self.state = State::Done;
    }

    /// Which open multipart the current line delimits, and whether it closes it.
    fn delimiter_here(&self) -> Option<(usize, bool)> {
        if !self.lines.starts_line() {
            return None;
        }
        let line = self.lines.current().strip_prefix(b"--")?.trim_ascii_end();
        let closed = line.strip_suffix(b"--");
        // The innermost first; a delimiter of an outer one ends those within, which lack theirs.
        self.stack.iter().enumerate().rev().find_map(|(at, level)| {
            if line == level.boundary {
                Some((at, false))
            } else if closed == Some(&level.boundary) {
                Some((at, true))
            } else {
                None
            }
        })
    }

    fn take(&mut self, (level, closes): (usize, bool)) {
        if level + 1 < self.stack.len() {
            self.defect("a multipart is not closed");
        }
        self.delimiter = self.lines.offset();
        if closes {
            self.stack.truncate(level);
            self.state = State::Between;
        } else {
            self.stack.truncate(level + 1);
            self.state = State::Header;
        }
    }

    /// Reads the header of a part. `None` when it is a multipart, which is entered.
    fn part(&mut self) -> io::Result<Option<Part>> {
        let (header, start, end) = self.header()?;
        let header = Arc::new(header);
        let is_root = self.root.is_none();
        self.parts += 1;
        let mut content_type = header.first("content-type").map(Parametrised::parse).unwrap_or_default();
        let in_digest = self.stack.last().is_some_and(|level| level.subtype == "digest");
        if !content_type.value.contains('/') {
            match content_type.value.as_str() {
                "" if in_digest => "message/rfc822",
                "" | "text" => "text/plain",
                _ => "application/octet-stream",
            }
            .clone_into(&mut content_type.value);
        }
        if is_root {
            self.root = Some(Arc::clone(&header));
            (self.root_start, self.root_end) = (start, end);
        }
        let subtype = content_type.value.strip_prefix("multipart/").map(str::to_owned);
        if let Some(subtype) = subtype {
            if self.enter(&content_type, subtype) {
                return Ok(None);
            }
            let readable = self.stack.len() < MAX_DEPTH;
            if readable { "text/plain" } else { "application/octet-stream" }.clone_into(&mut content_type.value);
        }
        let encoding = header
            .first("content-transfer-encoding")
            .map_or(Some(Encoding::Identity), |value| Encoding::from_header(&String::from_utf8_lossy(value)));
        if encoding.is_none() {
            self.defect("a part has an unknown transfer encoding and is kept as it is");
        }
        self.decoder = Decoder::new(encoding.unwrap_or(Encoding::Identity));
        self.state = State::Content;
        let level = self.stack.last();
        let part = Part {
            disposition: header.first("content-disposition").map(Parametrised::parse).unwrap_or_default(),
            header,
            content_type,
            parent: level.map_or(0, |level| level.number),
            parent_subtype: level.map(|level| level.subtype.clone()).unwrap_or_default(),
            alternative: level.and_then(|level| level.alternative),
            delimiter: self.delimiter,
            start,
        };
        if self.parts >= MAX_PARTS {
            self.defect("the mail has more than 2000 parts; those beyond are read as one");
            self.stack.clear();
        }
        Ok(Some(part))
    }

    /// Enters a multipart, if its delimiter is known and it is not too deep.
    fn enter(&mut self, content_type: &Parametrised, subtype: String) -> bool {
        if self.one_leaf {
            return false;
        }
        let boundary = content_type.raw("boundary").unwrap_or_default().trim_ascii_end().to_vec();
        if boundary.is_empty() || boundary.len() > 1000 {
            self.defect("a multipart names no delimiter and is read as text");
            return false;
        }
        if self.stack.len() >= MAX_DEPTH {
            self.defect("multiparts are nested more than 100 deep; the innermost are kept as they are");
            return false;
        }
        self.multiparts += 1;
        self.containers.push(subtype.clone());
        let outer = self.stack.last().and_then(|level| level.alternative);
        let alternative = outer.or_else(|| (subtype == "alternative").then_some(self.multiparts));
        self.stack.push(Level { boundary, number: self.multiparts, subtype, alternative });
        self.state = State::Between;
        true
    }

    /// Reads a header with its blank line: the fields, where it begins and where the blank line does, or the content if there is none.
    fn header(&mut self) -> io::Result<(Header, u64, u64)> {
        let is_root = self.root.is_none();
        let mut header = Header::default();
        let mut keep = false;
        let mut any = false;
        let mut start = None;
        while self.lines.next()? {
            let line = self.lines.current();
            if !self.lines.starts_line() {
                if keep {
                    header.push(line);
                    extend(&mut header, self.lines.end_offset());
                }
                continue;
            }
            let is_delimiter = self.delimiter_here().is_some();
            let line = trim_line_end(line);
            if line.is_empty() && !is_delimiter {
                if is_root && !any {
                    start = None;
                    continue; // Blank lines before the header of the mail.
                }
                let at = self.lines.offset();
                return Ok((header, start.unwrap_or(at), at));
            }
            start = start.or(Some(self.lines.offset()));
            if any && !is_delimiter && line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
                if keep {
                    header.push(line);
                    extend(&mut header, self.lines.end_offset());
                }
                continue;
            }
            if is_root && !any && line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
                start = None;
                continue; // What a gateway left before the header, such as a line of blanks.
            }
            // Envelope lines of mbox files that got into a mail.
            if line.starts_with(b"From ") || line.starts_with(b">From ") {
                keep = false;
                if !any {
                    start = None;
                }
                continue;
            }
            let Some((name, value)) = field(line).filter(|_| !is_delimiter) else {
                if !is_delimiter {
                    let what = if any { "a header is not separated from its content" } else { "a part or the mail has no header" };
                    self.defect(what);
                }
                let at = self.lines.offset();
                self.lines.hold();
                return Ok((header, start.unwrap_or(at), at));
            };
            any = true;
            let name = kept_name(name, is_root);
            keep = name.is_some();
            if keep && header.size >= MAX_HEADER {
                keep = false;
                self.defect("a header is larger than 512 KiB; the rest of it is left out");
            } else if let Some(name) = name {
                let field = Field { name, value: Vec::new(), start: self.lines.offset(), end: self.lines.end_offset() };
                header.fields.push(field);
                header.size += 32;
                header.push(value);
            }
        }
        let at = self.lines.end_offset();
        Ok((header, start.unwrap_or(at), at))
    }

    fn defect(&mut self, text: &str) {
        if !self.defects.iter().any(|found| found == text) {
            self.defects.push(text.to_owned());
        }
    }
}

fn extend(header: &mut Header, end: u64) {
    if let Some(field) = header.fields.last_mut() {
        field.end = end;
    }
}

/// The name in lower case, if fields of this name are kept.
fn kept_name(name: &[u8], is_root: bool) -> Option<Cow<'static, str>> {
    let known = |names: &[&'static str]| names.iter().find(|known| known.as_bytes().eq_ignore_ascii_case(name)).copied();
    if !name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"content-")) {
        return if is_root { known(&WANTED).map(Cow::Borrowed) } else { None };
    }
    Some(known(&OF_CONTENT).map_or_else(|| String::from_utf8_lossy(name).to_ascii_lowercase().into(), Cow::Borrowed))
}

/// Name and value of a header line.
fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = line.iter().take(200).position(|byte| *byte == b':')?;
    let (name, value) = line.split_at(at);
    let name = name.trim_ascii_end();
    // A delimiter may hold a colon; a name never begins with two dashes.
    if name.is_empty() || name.starts_with(b"--") || !name.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    Some((name, value.get(1..)?))
}

fn trim_line_end(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |at| at + 1);
    line.get(..end).unwrap_or_default()
}
