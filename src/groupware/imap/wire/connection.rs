//! The connection: reads frames within bounds of time and size, writes commands, matches tags.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, timeout};

use crate::groupware::GroupwareError;
use crate::model::{RawMail, RawMailWriter};

use super::super::{Limits, Traffic, refusal};
use super::command::Command;
use super::frame::{self, Frame, Kind, Literal};
use super::response::{Response, Untagged};
use super::scanner::Fault;
use super::status::{Condition, Status};

/// What is read from the system at once.
const CHUNK: usize = 64 * 1024;

/// DavMail 6 closes the connection at the 101st equal command line in a row (the tag aside, NOOP and IDLE aside): "Infinite loop on command
/// detected". A NOOP in between starts its count anew.
const MAX_REPEATS: u32 = 50;

/// Most literals in one response. A FETCH row or a LIST row has two or three.
const MAX_LITERALS: usize = 1_000;

/// A stream of bytes to and from the server.
pub(in super::super) trait Io: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Io for T {}

/// One connection. A future of its methods that is dropped halfway leaves it out of step; it notices, and refuses further commands.
pub(in super::super) struct Connection {
    io: Box<dyn Io>,
    inbox: BytesMut,
    outbox: Vec<u8>,
    server: String,
    spool_dir: PathBuf,
    pub(in super::super) limits: Limits,
    pub(in super::super) traffic: Arc<Traffic>,
    /// Literals need no `+` from the server (RFC 7888).
    pub(in super::super) literal_plus: bool,
    /// Set after the login: a BYE is then a lost connection, before it the server's own trouble.
    pub(in super::super) authenticated: bool,
    /// Longest wait for the next byte.
    pub(in super::super) patience: Duration,
    command: &'static str,
    deadline: Instant,
    midway: bool,
    /// Mails in the selected mailbox, as far as the server told.
    exists: u32,
    grown: bool,
    last_tag: u32,
    last_line: Vec<u8>,
    repeats: u32,
}

impl Connection {
    pub(in super::super) fn new(io: Box<dyn Io>, server: String, spool_dir: PathBuf, limits: Limits, traffic: Arc<Traffic>) -> Self {
        Self {
            io,
            inbox: BytesMut::new(),
            outbox: Vec::new(),
            server,
            spool_dir,
            patience: limits.read,
            deadline: Instant::now() + limits.command,
            limits,
            traffic,
            literal_plus: false,
            authenticated: false,
            command: "",
            midway: false,
            exists: 0,
            grown: false,
            last_tag: 0,
            last_line: Vec::new(),
            repeats: 0,
        }
    }

    /// `host:port`.
    pub(in super::super) fn server(&self) -> &str {
        &self.server
    }

    /// Begins an exchange that is called `command` in messages. [`Self::end`] ends it; a failure in between leaves the connection unusable.
    pub(in super::super) fn begin(&mut self, command: &'static str) -> Result<(), GroupwareError> {
        self.command = command;
        if self.midway {
            return Err(self.offline("an earlier command was broken off"));
        }
        self.midway = true;
        self.deadline = Instant::now() + self.limits.command;
        Ok(())
    }

    /// Ends an exchange: every tag was answered.
    pub(in super::super) fn end(&mut self) {
        self.midway = false;
    }

    /// Gives an exchange that waited on purpose its time anew.
    pub(in super::super) fn renew_deadline(&mut self) {
        self.deadline = Instant::now() + self.limits.command;
    }

    /// A mailbox was opened with so many mails.
    pub(in super::super) fn opened_with(&mut self, exists: u32) {
        self.exists = exists;
        self.grown = false;
    }

    /// Whether mails came since the mailbox was opened or since this was asked, told in passing while other commands ran.
    pub(in super::super) fn take_growth(&mut self) -> bool {
        std::mem::take(&mut self.grown)
    }

    /// Sends one command and waits for its end.
    pub(in super::super) async fn run(&mut self, command: Command, on_data: impl FnMut(Untagged) + Send) -> Result<Status, GroupwareError> {
        let mut statuses = self.run_all(&[command], on_data).await?;
        statuses.pop().ok_or_else(|| self.protocol("no answer"))
    }

    /// Sends several commands at once and waits for the end of all of them. Statuses come in the order of the commands.
    pub(in super::super) async fn run_all(
        &mut self,
        commands: &[Command],
        mut on_data: impl FnMut(Untagged) + Send,
    ) -> Result<Vec<Status>, GroupwareError> {
        let Some(first) = commands.first() else { return Ok(Vec::new()) };
        self.begin(first.name)?;
        let mut open = OpenTags::default();
        for command in commands {
            if self.is_one_repeat_too_many(command) {
                let tag = self.queue_tag();
                self.queue(b"NOOP\r\n");
                open.add(tag, false);
            }
            self.send(command, &mut open, &mut on_data).await?;
        }
        self.flush().await?;
        self.traffic.waited();
        while open.any() {
            match self.response().await? {
                Response::Tagged(tag, status) => self.settle(&mut open, &tag, status)?,
                Response::Untagged(data) => on_data(data),
                Response::Continuation(_) => return Err(self.protocol("a continuation was sent that nobody asked for")),
            }
        }
        self.end();
        Ok(open.statuses())
    }

    async fn send(
        &mut self,
        command: &Command,
        open: &mut OpenTags,
        on_data: &mut (impl FnMut(Untagged) + Send),
    ) -> Result<(), GroupwareError> {
        let tag = self.queue_tag();
        open.add(tag.clone(), true);
        for (line, literal) in &command.literals {
            self.queue(line);
            self.queue(format!("{{{}{}}}\r\n", literal.len(), if self.literal_plus { "+" } else { "" }).as_bytes());
            if !self.literal_plus {
                self.flush().await?;
                self.traffic.waited();
                loop {
                    match self.response().await? {
                        Response::Continuation(_) => break,
                        Response::Untagged(data) => on_data(data),
                        Response::Tagged(answered, status) => {
                            self.settle(open, &answered, status)?;
                            // The server refused the command before it saw all of it: the rest is not sent.
                            if answered == tag {
                                return Ok(());
                            }
                        }
                    }
                }
            }
            self.queue(literal);
        }
        self.queue(&command.line);
        self.queue(b"\r\n");
        Ok(())
    }

    /// Queues a new tag with its blank, and counts a command.
    pub(in super::super) fn queue_tag(&mut self) -> String {
        self.last_tag += 1;
        self.traffic.commanded();
        let tag = format!("c{}", self.last_tag);
        self.queue(tag.as_bytes());
        self.queue(b" ");
        tag
    }

    /// Queues bytes for [`Self::flush`].
    pub(in super::super) fn queue(&mut self, bytes: &[u8]) {
        self.outbox.extend_from_slice(bytes);
    }

    /// Sends what is queued.
    pub(in super::super) async fn flush(&mut self) -> Result<(), GroupwareError> {
        let bytes = std::mem::take(&mut self.outbox);
        let io = &mut self.io;
        let written = timeout(self.limits.read, async move {
            io.write_all(&bytes).await?;
            io.flush().await?;
            Ok::<_, std::io::Error>(bytes.len())
        });
        match written.await {
            Ok(Ok(len)) => {
                self.traffic.sent(len);
                Ok(())
            }
            Ok(Err(error)) => Err(self.offline(error)),
            Err(_) => Err(self.timed_out(self.limits.read)),
        }
    }

    /// The next response. A goodbye is an error.
    pub(in super::super) async fn response(&mut self) -> Result<Response, GroupwareError> {
        match self.response_or_goodbye().await? {
            Response::Untagged(Untagged::Status(status)) if status.condition == Condition::Bye => Err(if self.authenticated {
                self.offline(format_args!("the server said goodbye: {}", status.text))
            } else {
                refusal::unavailable(&self.server, &status)
            }),
            response => {
                self.note_growth(&response);
                Ok(response)
            }
        }
    }

    fn note_growth(&mut self, response: &Response) {
        match response {
            Response::Untagged(Untagged::Exists(now)) => {
                self.grown |= *now > self.exists;
                self.exists = *now;
            }
            Response::Untagged(Untagged::Expunge) => self.exists = self.exists.saturating_sub(1),
            Response::Untagged(Untagged::Vanished(ranges)) => {
                let gone = ranges.iter().fold(0_u32, |sum, (first, last)| sum.saturating_add(last - first).saturating_add(1));
                self.exists = self.exists.saturating_sub(gone);
            }
            _ => {}
        }
    }

    /// The next response, whatever it is.
    pub(in super::super) async fn response_or_goodbye(&mut self) -> Result<Response, GroupwareError> {
        let frame = self.frame().await?;
        Response::read(frame).map_err(|fault| match fault {
            Fault::Malformed(what) => self.protocol(what),
            Fault::TooDeep => self.too_large("an answer with too many nested parentheses"),
        })
    }

    /// Waits until the server sends something; `false` when it did not within `at_most`.
    pub(in super::super) async fn readable(&mut self, at_most: Duration) -> Result<bool, GroupwareError> {
        if !self.inbox.is_empty() {
            return Ok(true);
        }
        match timeout(at_most, self.read_more()).await {
            Ok(read) => read.map(|()| true),
            Err(_) => Ok(false),
        }
    }

    /// Gives the stream away for TLS to be put over it. Bytes that came already would be read as if they had come securely: an attack (RFC 3207 §5
    /// tells of it for SMTP), so they are an error.
    pub(in super::super) fn take_stream(&mut self) -> Result<Box<dyn Io>, GroupwareError> {
        if !self.inbox.is_empty() {
            return Err(self.protocol("bytes came between the answer to STARTTLS and the TLS handshake"));
        }
        Ok(std::mem::replace(&mut self.io, Box::new(tokio::io::empty())))
    }

    /// Takes the stream with TLS over it.
    pub(in super::super) fn put_stream(&mut self, io: Box<dyn Io>) {
        self.io = io;
    }

    /// Ends the writing side. Never fails: the connection is given up anyway.
    pub(in super::super) async fn shutdown(&mut self) {
        let _ = timeout(Duration::from_secs(1), self.io.shutdown()).await;
    }

    pub(in super::super) fn offline(&self, cause: impl std::fmt::Display) -> GroupwareError {
        GroupwareError::Offline { server: self.server.clone(), cause: cause.to_string() }
    }

    pub(in super::super) fn protocol(&self, text: &str) -> GroupwareError {
        GroupwareError::Protocol { server: self.server.clone(), command: self.command, text: text.to_owned() }
    }

    fn too_large(&self, text: &str) -> GroupwareError {
        GroupwareError::TooLarge { server: self.server.clone(), text: text.to_owned() }
    }

    fn timed_out(&self, after: Duration) -> GroupwareError {
        GroupwareError::Timeout { server: self.server.clone(), command: self.command, after }
    }

    fn settle(&self, open: &mut OpenTags, tag: &str, status: Status) -> Result<(), GroupwareError> {
        if open.settle(tag, status) { Ok(()) } else { Err(self.protocol("a command was answered that is not under way")) }
    }

    fn is_one_repeat_too_many(&mut self, command: &Command) -> bool {
        if command.line == self.last_line && command.literals.is_empty() {
            self.repeats += 1;
        } else {
            self.last_line.clone_from(&command.line);
            self.repeats = 1;
        }
        let too_many = self.repeats > MAX_REPEATS && command.name != "NOOP";
        if too_many {
            self.repeats = 1;
        }
        too_many
    }

    /// Reads one whole response.
    async fn frame(&mut self) -> Result<Frame, GroupwareError> {
        let mut line = self.line(0).await?;
        // Blank lines between responses are stepped over.
        while line.iter().all(|b| matches!(b, b' ' | b'\t')) {
            line = self.line(0).await?;
        }
        let kind = Kind::of(&line);
        let Some(mut announced) = frame::announced(&line, kind) else { return Ok(Frame { line, literals: VecDeque::new() }) };
        let mut whole = Vec::from(line);
        let mut literals = VecDeque::new();
        let mut held = whole.len();
        loop {
            let (brace, len) = announced;
            let literal = if kind == Kind::Fetch && frame::is_body(&whole, brace) {
                Literal::Mail(self.mail(len).await?)
            } else {
                held = held.saturating_add(usize::try_from(len).unwrap_or(usize::MAX));
                if len > self.limits.literal || held > self.limits.line {
                    return Err(self.too_large("a literal beyond the bound"));
                }
                Literal::Bytes(self.literal(len).await?)
            };
            literals.push_back((brace, literal));
            if literals.len() > MAX_LITERALS {
                return Err(self.too_large("an answer with too many literals"));
            }
            let part = self.line(held).await?;
            held += part.len();
            let start = whole.len();
            whole.extend_from_slice(&part);
            match frame::announced(&part, kind) {
                Some((brace, len)) => announced = (start + brace, len),
                None => return Ok(Frame { line: whole.into(), literals }),
            }
        }
    }

    /// The next line without its end, which may be a bare LF. `held` bytes of the same response are in memory already.
    async fn line(&mut self, held: usize) -> Result<Bytes, GroupwareError> {
        let mut scanned = 0;
        loop {
            let fresh = self.inbox.get(scanned..).unwrap_or_default();
            if let Some(at) = memchr::memchr(b'\n', fresh) {
                let mut line = self.inbox.split_to(scanned + at + 1);
                while matches!(line.last(), Some(b'\n' | b'\r')) {
                    line.truncate(line.len() - 1);
                }
                return Ok(line.freeze());
            }
            scanned = self.inbox.len();
            if held.saturating_add(scanned) > self.limits.line {
                return Err(self.too_large("a line beyond the bound"));
            }
            self.fill().await?;
        }
    }

    /// A literal that is kept in memory; memory grows only as bytes arrive.
    async fn literal(&mut self, len: u64) -> Result<Bytes, GroupwareError> {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        while self.inbox.len() < len {
            self.fill().await?;
        }
        Ok(self.inbox.split_to(len).freeze())
    }

    /// A mail body, passed on as it arrives.
    async fn mail(&mut self, len: u64) -> Result<RawMail, GroupwareError> {
        if len > self.limits.body {
            return Err(self.too_large("a mail body beyond the bound"));
        }
        let mut writer = RawMailWriter::new(&self.spool_dir, len);
        let mut left = len;
        while left > 0 {
            if self.inbox.is_empty() {
                self.fill().await?;
            }
            let here = self.inbox.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let chunk = self.inbox.split_to(here);
            writer.write(&chunk).map_err(GroupwareError::Spool)?;
            left -= here as u64;
        }
        writer.finish().map_err(GroupwareError::Spool)
    }

    /// Reads more bytes within the patience and the deadline.
    async fn fill(&mut self) -> Result<(), GroupwareError> {
        let wait = self.patience.min(self.deadline.saturating_duration_since(Instant::now()));
        if wait.is_zero() {
            return Err(self.timed_out(self.limits.command));
        }
        match timeout(wait, self.read_more()).await {
            Ok(read) => read,
            Err(_) => Err(self.timed_out(wait)),
        }
    }

    async fn read_more(&mut self) -> Result<(), GroupwareError> {
        self.inbox.reserve(CHUNK);
        match self.io.read_buf(&mut self.inbox).await {
            Ok(0) => Err(self.offline("the server closed the connection")),
            Ok(len) => {
                self.traffic.received(len);
                Ok(())
            }
            // TLS that ends without a farewell: an end all the same.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err(self.offline("the server closed the connection")),
            Err(error) => Err(self.offline(error)),
        }
    }
}

/// The commands under way, in order.
#[derive(Default)]
struct OpenTags(VecDeque<OpenTag>);

struct OpenTag {
    tag: String,
    /// Its status is reported.
    wanted: bool,
    status: Option<Status>,
}

impl OpenTags {
    fn add(&mut self, tag: String, wanted: bool) {
        self.0.push_back(OpenTag { tag, wanted, status: None });
    }

    fn any(&self) -> bool {
        self.0.iter().any(|open| open.status.is_none())
    }

    /// `false` when no command with this tag is under way.
    fn settle(&mut self, tag: &str, status: Status) -> bool {
        let open = self.0.iter_mut().find(|open| open.status.is_none() && open.tag.eq_ignore_ascii_case(tag));
        open.map(|open| open.status = Some(status)).is_some()
    }

    fn statuses(self) -> Vec<Status> {
        self.0.into_iter().filter(|open| open.wanted).filter_map(|open| open.status).collect()
    }
}
