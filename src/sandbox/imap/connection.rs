//! One connection: reads commands within bounds, lets faults strike, writes answers.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncWriteExt as _, BufWriter};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;

use super::ImapHandle;
use super::faults::Fault;
use super::input::{Input, Refusal, Segment, bad};
use super::output::Output;
use super::reader::{Line, Reader, first_word, split_literal, tag_and_name};
use super::session::{Reply, Session, State, execute, login};

/// Largest literal of a logged-in client in bytes; before the login [`MAX_LITERAL_BEFORE_LOGIN`].
const MAX_LITERAL: usize = 256 * 1024 * 1024;
const MAX_LITERAL_BEFORE_LOGIN: usize = 8 * 1024;
/// Most literals of one command.
const MAX_LITERALS: usize = 64;
/// Commands kept for [`ImapHandle::log`].
const MAX_LOG: usize = 20_000;

/// How a connection ends.
enum Ended {
    /// Everything was said. What the client still sends is read for a moment, lest it lose the last answer to a TCP reset.
    Politely,
    /// Failed, or dropped by a fault.
    Abruptly,
}

impl From<std::io::Error> for Ended {
    fn from(_: std::io::Error) -> Self {
        Self::Abruptly
    }
}

type Flow = Result<(), Ended>;

/// How long a connection that ended politely is read on.
const LINGER: Duration = Duration::from_millis(500);

/// One command, or why it could not be read.
enum Incoming {
    Command(Input),
    Refused { tag: String, reply: Reply },
}

pub(super) struct Connection {
    handle: ImapHandle,
    number: u64,
    reader: Reader,
    writer: BufWriter<OwnedWriteHalf>,
    session: Session,
    /// The last command without its tag, and how often it came in a row.
    repeated: (String, u32),
}

impl Connection {
    pub(super) fn new(handle: ImapHandle, number: u64, stream: TcpStream) -> Self {
        let (reader, writer) = stream.into_split();
        Self {
            handle,
            number,
            reader: Reader::new(reader),
            writer: BufWriter::with_capacity(64 * 1024, writer),
            session: Session::default(),
            repeated: (String::new(), 0),
        }
    }

    /// Serves until the client or a fault ends it.
    pub(super) async fn run(mut self) {
        let Err(ended) = self.serve().await else { return };
        if self.writer.shutdown().await.is_ok() && matches!(ended, Ended::Politely) {
            let _ = tokio::time::timeout(LINGER, self.reader.drain()).await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.handle.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&mut self) -> Flow {
        self.greet().await?;
        loop {
            let waited = self.reader.is_empty();
            match self.read_command().await? {
                Incoming::Command(input) => self.command(input, waited).await?,
                Incoming::Refused { tag, reply } => self.answer(&tag, reply, usize::MAX).await?,
            }
        }
    }

    async fn greet(&mut self) -> Flow {
        let (faults, greeting) = {
            let mut state = self.state();
            let code = if state.quirks.capability_in_greeting {
                format!("[CAPABILITY {}] ", state.quirks.capabilities(false))
            } else {
                String::new()
            };
            (state.faults.strike("GREETING"), format!("* OK {code}crmsync sandbox ready."))
        };
        let mut limit = usize::MAX;
        match self.before(faults).await? {
            None => {}
            Some(Fault::Answer(text) | Fault::AnswerAfter(text)) => return self.write_text(&format!("* {text}\r\n")).await,
            Some(Fault::Raw(bytes)) => return self.write(vec![bytes.into()]).await,
            Some(Fault::Bye(text)) => return self.answer("", Reply::bye(&text), limit).await,
            Some(Fault::SilenceBefore | Fault::SilenceAfter) => return std::future::pending().await,
            Some(Fault::Truncate(bytes)) => limit = bytes,
            Some(_) => return Err(Ended::Abruptly),
        }
        let mut out = Output::default();
        out.line(&greeting);
        self.write(out.into_pieces(limit)).await?;
        if limit == usize::MAX { Ok(()) } else { Err(Ended::Abruptly) }
    }

    /// Lets faults strike that happen before a command; the last one that decides about its answer is returned.
    async fn before(&self, faults: Vec<Fault>) -> Result<Option<Fault>, Ended> {
        let mut decisive = None;
        for fault in faults {
            match fault {
                Fault::Delay(time) => tokio::time::sleep(time).await,
                Fault::Run(run) => run(&self.handle),
                other => decisive = Some(other),
            }
        }
        Ok(decisive)
    }

    async fn command(&mut self, mut input: Input, waited: bool) -> Flow {
        let Some((tag, name)) = tag_and_name(&mut input) else {
            return self.answer("*", Reply::refused(Refusal::Bad("Error in IMAP command: no tag or name".into())), usize::MAX).await;
        };
        self.session.tag.clone_from(&tag);
        let (faults, delay) = self.count(&name, &input, waited);
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
        if self.loops(&name, &input) {
            return Err(Ended::Abruptly);
        }
        let mut limit = usize::MAX;
        let mut forged = None;
        let fault = self.before(faults).await?;
        match &fault {
            Some(Fault::Answer(text)) => {
                let reply = Reply { status: text.clone(), ..Reply::default() };
                return self.answer(&tag, reply, limit).await;
            }
            Some(Fault::Raw(bytes)) => {
                let text = String::from_utf8_lossy(bytes);
                let raw = if text.contains("{tag}") { text.replace("{tag}", &tag).into_bytes() } else { bytes.clone() };
                return self.write(vec![raw.into()]).await;
            }
            Some(Fault::Bye(text)) => return self.answer(&tag, Reply::bye(text), limit).await,
            Some(Fault::DropBefore) => return Err(Ended::Abruptly),
            Some(Fault::SilenceBefore) => return std::future::pending().await,
            Some(Fault::Truncate(bytes)) => limit = *bytes,
            Some(Fault::AnswerAfter(text)) => forged = Some(text.clone()),
            Some(Fault::DropAfter | Fault::SilenceAfter | Fault::Delay(_) | Fault::Run(_)) | None => {}
        }
        let mut reply = match name.as_str() {
            "AUTHENTICATE" if self.session.user.is_none() => self.authenticate(&mut input).await?,
            "IDLE" if self.session.user.is_some() => self.idle(&mut input).await?,
            _ => {
                let reply = execute(
                    &mut self.handle.shared.state.lock().unwrap_or_else(PoisonError::into_inner),
                    &mut self.session,
                    &name,
                    &mut input,
                );
                self.handle.shared.tell_change();
                reply
            }
        };
        match fault {
            Some(Fault::DropAfter) => return Err(Ended::Abruptly),
            Some(Fault::SilenceAfter) => return std::future::pending().await,
            _ => {}
        }
        if let Some(status) = forged {
            reply.status = status;
        }
        self.answer(&tag, reply, limit).await
    }

    /// Counts and logs a command; what shall strike it, and the general delay.
    fn count(&self, name: &str, input: &Input, waited: bool) -> (Vec<Fault>, Option<Duration>) {
        let mut state = self.state();
        let state = &mut *state;
        state.counters.round_trips += u64::from(waited);
        *state.counters.commands.entry(name.to_owned()).or_default() += 1;
        let secret = matches!(name, "LOGIN" | "AUTHENTICATE");
        state.counters.logins_tried += u64::from(secret);
        if state.log.len() < MAX_LOG {
            let arguments = if secret { String::new() } else { input.rest_lossy() };
            state.log.push(format!("{} {name}{arguments}", self.number));
        }
        (state.faults.strike(name), state.quirks.delay)
    }

    /// Whether the same line came once too often in a row (`DavMail` 6.0.1).
    fn loops(&mut self, name: &str, input: &Input) -> bool {
        let limit = self.state().quirks.max_repeats;
        let (line, times) = &mut self.repeated;
        let this = format!("{name}{}", input.rest_lossy());
        *times = if *line == this { *times + 1 } else { 1 };
        *line = this;
        !matches!(name, "NOOP" | "IDLE") && limit.is_some_and(|limit| *times > limit)
    }

    /// AUTHENTICATE PLAIN (RFC 4616), XOAUTH2 and OAUTHBEARER (RFC 7628), with or without an initial response.
    async fn authenticate(&mut self, input: &mut Input) -> Result<Reply, Ended> {
        let arguments = (|| {
            input.space()?;
            let mechanism = input.word()?;
            let initial = if input.eat(b' ') { Some(input.take(|b| b > b' ')?.to_vec()) } else { None };
            input.end()?;
            Ok((mechanism, initial))
        })();
        let (mechanism, initial) = match arguments {
            Ok(arguments) => arguments,
            Err(refusal) => return Ok(Reply::refused(refusal)),
        };
        if !matches!(mechanism.as_str(), "PLAIN" | "XOAUTH2" | "OAUTHBEARER") {
            return Ok(Reply::refused(Refusal::No("Unsupported authentication mechanism.".into())));
        }
        let response = match initial {
            Some(_) if !self.state().quirks.sasl_ir => return Ok(Reply::refused(Refusal::Bad("No initial response here".into()))),
            Some(initial) => initial,
            None => self.challenge("").await?,
        };
        let decoded = data_encoding::BASE64.decode(&response).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let Some(decoded) = decoded else {
            let text = if response == b"*" { "Authentication aborted" } else { "Invalid base64" };
            return Ok(Reply::refused(Refusal::Bad(text.into())));
        };
        if mechanism == "PLAIN" {
            let mut parts = decoded.split('\0').skip(1);
            let (user, password) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            return Ok(self.login(user, |account| account.password == password));
        }
        let field = |name: &str| decoded.split('\x01').find_map(|part| part.strip_prefix(name)).unwrap_or_default();
        let token = field("auth=Bearer ");
        let user = match mechanism.as_str() {
            "XOAUTH2" => field("user=").to_owned(),
            // The name stands in the header of GS2, with `=` and `,` escaped (RFC 5801 §4).
            _ => decoded.split(',').find_map(|part| part.strip_prefix("a=")).unwrap_or_default().replace("=2C", ",").replace("=3D", "="),
        };
        let judge = self.state().bearers.clone();
        let good = judge.is_some_and(|judge| judge.subject(token).is_some_and(|subject| judge.opens(&subject, &user)));
        let reply = self.login(&user, |account| good || account.token.as_deref() == Some(token));
        if self.session.user.is_none() {
            // The mechanisms want the error as a challenge, which the client answers with an empty line, or with %x01.
            let status = if mechanism == "XOAUTH2" { "401" } else { "invalid_token" };
            let error = format!(r#"{{"status":"{status}","schemes":"bearer","scope":"mail"}}"#);
            self.challenge(&data_encoding::BASE64.encode(error.as_bytes())).await?;
        }
        Ok(reply)
    }

    fn login(&mut self, user: &str, proof: impl FnOnce(&super::store::Account) -> bool) -> Reply {
        let mut state = self.handle.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        login(&mut state, &mut self.session, user, proof)
    }

    /// Sends a continuation request and reads one line.
    async fn challenge(&mut self, text: &str) -> Result<Vec<u8>, Ended> {
        self.write_text(&format!("+ {text}\r\n")).await?;
        self.state().counters.round_trips += 1;
        match self.reader.read_line(MAX_LITERAL_BEFORE_LOGIN).await? {
            Line::Complete(line) => Ok(line),
            Line::TooLong(_) => Err(Ended::Abruptly),
        }
    }

    /// IDLE (RFC 2177): tells changes as they come, until DONE.
    async fn idle(&mut self, input: &mut Input) -> Result<Reply, Ended> {
        if !self.state().quirks.idle || input.end().is_err() {
            return Ok(Reply::refused(Refusal::Bad("IDLE is not offered".into())));
        }
        let mut changes = self.handle.shared.changes.subscribe();
        self.write_text("+ idling\r\n").await?;
        let done = loop {
            if self.state().quirks.idle_pushes && !self.push_changes().await? {
                return Err(Ended::Politely);
            }
            tokio::select! {
                line = self.reader.read_line(1024) => break line?,
                alive = changes.changed() => alive.map_err(|_| Ended::Abruptly)?,
            }
        };
        let mut out = Output::default();
        if !self.tell(&mut out) {
            return Ok(Reply { out, close: true, ..Reply::default() });
        }
        match done {
            Line::Complete(line) if line.eq_ignore_ascii_case(b"DONE") => Ok(Reply::with(out, "Idle completed.")),
            _ => Ok(Reply { out, ..Reply::refused(Refusal::Bad("Expected DONE.".into())) }),
        }
    }

    async fn push_changes(&mut self) -> Result<bool, Ended> {
        let mut out = Output::default();
        let goes_on = self.tell(&mut out);
        if !out.is_empty() {
            self.write(out.into_pieces(usize::MAX)).await?;
        }
        Ok(goes_on)
    }

    fn tell(&mut self, out: &mut Output) -> bool {
        let state = self.handle.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(account) = self.session.user.as_ref().and_then(|user| state.accounts.get(user)) else { return false };
        self.session.tell(account, &state.quirks, true, out)
    }

    async fn answer(&mut self, tag: &str, reply: Reply, limit: usize) -> Flow {
        let Reply { mut out, status, close } = reply;
        if !status.is_empty() {
            out.line(&format!("{tag} {status}"));
        }
        self.write(out.into_pieces(limit)).await?;
        if limit != usize::MAX {
            return Err(Ended::Abruptly);
        }
        if close { Err(Ended::Politely) } else { Ok(()) }
    }

    async fn write_text(&mut self, text: &str) -> Flow {
        self.write(vec![Bytes::copy_from_slice(text.as_bytes())]).await
    }

    async fn write(&mut self, pieces: Vec<Bytes>) -> Flow {
        for piece in pieces {
            self.writer.write_all(&piece).await?;
        }
        Ok(self.writer.flush().await?)
    }

    /// Reads a command with its literals.
    async fn read_command(&mut self) -> Result<Incoming, Ended> {
        let mut segments: Vec<Segment> = Vec::new();
        loop {
            let max_line = self.state().quirks.max_line;
            let text = match self.reader.read_line(max_line).await? {
                Line::Complete(text) => text,
                Line::TooLong(start) => {
                    let tag = first_word(segments.first().map_or(&start, |segment| &segment.text));
                    let reply = Reply::refused(Refusal::Bad(format!("Command exceeds maximum length of {max_line}")));
                    return Ok(Incoming::Refused { tag, reply });
                }
            };
            let Some((text, len, synchronising)) = split_literal(&text) else {
                segments.push(Segment { text, literal: None });
                return Ok(Incoming::Command(Input::new(segments)));
            };
            let tag = first_word(segments.first().map_or(text, |segment| &segment.text));
            match self.literal_allowed(len, synchronising, segments.len()) {
                Ok(()) => {}
                Err(Refusal::Bye(text)) => {
                    self.answer(&tag, Reply { close: true, ..Reply::refused(Refusal::Bad(text)) }, usize::MAX).await?;
                }
                Err(refusal) => return Ok(Incoming::Refused { tag, reply: Reply::refused(refusal) }),
            }
            if synchronising {
                self.write_text("+ OK\r\n").await?;
                self.state().counters.round_trips += 1;
            }
            let text = text.to_vec();
            let literal = self.reader.read_literal(len).await?;
            segments.push(Segment { text, literal: Some(literal) });
        }
    }

    /// A refusal of a literal that comes anyway has to end the connection: `Bye`.
    fn literal_allowed(&self, len: usize, synchronising: bool, before: usize) -> Result<(), Refusal> {
        let max = if self.session.user.is_some() { MAX_LITERAL } else { MAX_LITERAL_BEFORE_LOGIN };
        if !synchronising && !self.state().quirks.literal_plus {
            return Err(Refusal::Bye("Non-synchronising literals are not offered".into()));
        }
        if len <= max && before < MAX_LITERALS {
            return Ok(());
        }
        if synchronising { bad("Literal too large") } else { Err(Refusal::Bye("Literal too large".into())) }
    }
}

impl super::Shared {
    /// Wakes the sessions in IDLE.
    pub(super) fn tell_change(self: &Arc<Self>) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }
}
