//! A TCP proxy that cuts: it stands before a server and lets a test strike at every turn of a conversation.
//!
//! A **step** is a turn: the first bytes in a direction after the other direction spoke. So the steps of one conversation are
//! the same in every run, however TCP cuts the bytes. An IMAP command or an HTTP/1.1 request is one step, its answer the
//! next; an IMAP greeting is a step of its own, and so is each go-ahead for a literal. Pipelined commands are one step together.

use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The client; its bytes have not reached the server.
    Request,
    /// The server; it has acted, and its bytes have not reached the client.
    Answer,
}

/// One turn, before it is forwarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Counted from 1 over all connections.
    pub index: u64,
    /// Number of the connection, from 1.
    pub connection: u64,
    /// Who speaks.
    pub direction: Direction,
    /// Its first line without the line end, cut at 200 bytes. May hold secrets.
    pub line: String,
}

/// What becomes of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Forward,
    /// Both sides of the connection are closed and the step is lost.
    Cut,
    /// Nothing passes any more, and the connection stays open.
    Hold,
}

type OnStep = dyn Fn(&Step) -> Verdict + Send + Sync;

/// The proxy's entrance.
#[derive(Debug)]
pub struct CutProxy;

impl CutProxy {
    /// Listens on a free port of 127.0.0.1 and connects each client to `upstream`. `on_step` is called before a step is
    /// forwarded; it may block shortly, for example to kill a process.
    pub async fn start(upstream: SocketAddr, on_step: impl Fn(&Step) -> Verdict + Send + Sync + 'static) -> io::Result<RunningProxy> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        let steps = Arc::new(AtomicU64::new(0));
        let stop = CancellationToken::new();
        tokio::spawn(accept(listener, upstream, Arc::new(on_step), Arc::clone(&steps), stop.clone()));
        Ok(RunningProxy { addr, steps, stop })
    }
}

/// A proxy that runs until it is dropped; then every connection is closed.
#[derive(Debug)]
pub struct RunningProxy {
    addr: SocketAddr,
    steps: Arc<AtomicU64>,
    stop: CancellationToken,
}

impl RunningProxy {
    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How many steps there were.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps.load(Ordering::SeqCst)
    }
}

impl Drop for RunningProxy {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn accept(listener: TcpListener, upstream: SocketAddr, on_step: Arc<OnStep>, steps: Arc<AtomicU64>, stop: CancellationToken) {
    let mut connection = 0;
    loop {
        let client = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((client, _)) = client else {
            // Out of file handles, or the client has gone again: the next one may fare better.
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        connection += 1;
        let conversation = Conversation { connection, on_step: Arc::clone(&on_step), steps: Arc::clone(&steps), turn: Mutex::default() };
        let stop = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                _ = conversation.run(client, upstream) => {}
            }
        });
    }
}

struct Conversation {
    connection: u64,
    on_step: Arc<OnStep>,
    steps: Arc<AtomicU64>,
    turn: Mutex<Turn>,
}

#[derive(Debug, Default)]
struct Turn {
    speaker: Option<Direction>,
    held: bool,
}

impl Conversation {
    async fn run(&self, client: TcpStream, upstream: SocketAddr) -> io::Result<()> {
        let server = TcpStream::connect(upstream).await?;
        for stream in [&client, &server] {
            stream.set_nodelay(true)?;
        }
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::try_join!(self.pump(Direction::Request, from_client, to_server), self.pump(Direction::Answer, from_server, to_client))?;
        Ok(())
    }

    /// Forwards one direction to its end. An error ends both.
    async fn pump(&self, direction: Direction, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let len = from.read(&mut buffer).await?;
            let bytes = buffer.get(..len).unwrap_or_default();
            if bytes.is_empty() {
                return to.shutdown().await;
            }
            match self.judge(direction, bytes) {
                Verdict::Forward => to.write_all(bytes).await?,
                Verdict::Cut => return Err(io::ErrorKind::ConnectionAborted.into()),
                Verdict::Hold => return pending().await,
            }
        }
    }

    /// The verdict over a chunk. The test is asked at a turn only; nothing passes after a hold.
    fn judge(&self, direction: Direction, bytes: &[u8]) -> Verdict {
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if turn.held {
            return Verdict::Hold;
        }
        if turn.speaker == Some(direction) {
            return Verdict::Forward;
        }
        turn.speaker = Some(direction);
        let line = bytes.split(|b| matches!(b, b'\r' | b'\n')).next().unwrap_or_default();
        let line = String::from_utf8_lossy(line.get(..line.len().min(200)).unwrap_or_default()).into_owned();
        let index = self.steps.fetch_add(1, Ordering::SeqCst) + 1;
        let verdict = (self.on_step)(&Step { index, connection: self.connection, direction, line });
        turn.held = verdict == Verdict::Hold;
        verdict
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    /// Who waits this long waits for ever.
    const FOREVER: Duration = Duration::from_mins(1);

    /// A server that answers each line with its length; what it read is kept.
    async fn echo() -> (SocketAddr, Arc<Mutex<Vec<u8>>>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let record = Arc::clone(&record);
                tokio::spawn(async move {
                    let mut buffer = [0; 100];
                    while let Ok(len @ 1..) = stream.read(&mut buffer).await {
                        record.lock().unwrap().extend_from_slice(&buffer[..len]);
                        stream.write_all(format!("{len}\n").as_bytes()).await.unwrap();
                    }
                });
            }
        });
        (addr, seen)
    }

    async fn ask(stream: &mut TcpStream, line: &[u8]) -> Option<String> {
        stream.write_all(line).await.ok()?;
        let mut buffer = [0; 100];
        let len = timeout(FOREVER, stream.read(&mut buffer)).await.unwrap().ok()?;
        (len > 0).then(|| String::from_utf8_lossy(&buffer[..len]).into_owned())
    }

    /// The proxy strikes at step `at`; the client asks twice.
    async fn strike(at: u64, verdict: Verdict) -> (Vec<Option<String>>, Vec<u8>) {
        let (upstream, seen) = echo().await;
        let proxy = CutProxy::start(upstream, move |step| if step.index == at { verdict } else { Verdict::Forward }).await.unwrap();
        let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
        let answers = vec![ask(&mut stream, b"one\n").await, ask(&mut stream, b"three\n").await];
        let seen = seen.lock().unwrap().clone();
        (answers, seen)
    }

    #[tokio::test]
    async fn without_a_strike_everything_passes() {
        let (answers, seen) = strike(99, Verdict::Forward).await;
        assert_eq!(answers, [Some("4\n".into()), Some("6\n".into())]);
        assert_eq!(seen, b"one\nthree\n");
    }

    #[tokio::test]
    async fn a_request_can_be_lost_before_the_server_sees_it() {
        let (answers, seen) = strike(3, Verdict::Cut).await;
        assert_eq!(answers, [Some("4\n".into()), None]);
        assert_eq!(seen, b"one\n");
    }

    #[tokio::test]
    async fn an_answer_can_be_lost_after_the_server_acted() {
        let (answers, seen) = strike(4, Verdict::Cut).await;
        assert_eq!(answers, [Some("4\n".into()), None]);
        assert_eq!(seen, b"one\nthree\n");
    }

    #[tokio::test]
    async fn a_held_connection_stays_open_and_silent() {
        let (upstream, _) = echo().await;
        let proxy = CutProxy::start(upstream, |step| if step.direction == Direction::Answer { Verdict::Hold } else { Verdict::Forward })
            .await
            .unwrap();
        let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
        stream.write_all(b"one\n").await.unwrap();
        let mut byte = [0];
        assert!(timeout(Duration::from_millis(100), stream.read(&mut byte)).await.is_err());
        assert_eq!(proxy.steps(), 2);
        drop(proxy);
        assert_eq!(timeout(FOREVER, stream.read(&mut byte)).await.unwrap().unwrap_or(0), 0);
    }
}
