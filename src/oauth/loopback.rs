//! Waits on this computer for the browser to come back (RFC 8252 §7.3).

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use url::Url;

use super::OAuthError;
use super::answer::Refusal;

/// Longest request head in bytes. Codes of Microsoft have some 1,500.
const MAX_HEAD: usize = 16 * 1024;
/// A visitor says what it wants within this time. Browsers open connections ahead and leave them silent.
const VISITOR: Duration = Duration::from_secs(20);
/// Visitors at once.
const MAX_VISITORS: usize = 32;
/// Times another port is taken because the same one of IPv6 belongs to somebody else.
const TRIES: usize = 8;

/// A port that is held for one answer. Who has neither the state nor the address right is turned away, and the wait goes on.
#[derive(Debug)]
pub(super) struct Loopback {
    listeners: Vec<TcpListener>,
    host: &'static str,
    port: u16,
}

/// What the browser brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// The code.
    Code(String),
    /// The provider's no.
    Refused(Refusal),
}

impl Loopback {
    /// Takes `port`, or any free one for 0, on this computer alone.
    pub(super) async fn open(host: &'static str, port: u16) -> Result<Self, OAuthError> {
        let taken = |error: &std::io::Error| OAuthError::Port { port, cause: error.to_string() };
        for _ in 0..TRIES {
            let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| taken(&error))?;
            let bound = v4.local_addr().map_err(|error| taken(&error))?.port();
            // A browser may take `localhost` for ::1, and whoever listens there would get the code.
            match TcpListener::bind((Ipv6Addr::LOCALHOST, bound)).await {
                Ok(v6) => return Ok(Self { listeners: vec![v4, v6], host, port: bound }),
                Err(error) if error.kind() == ErrorKind::AddrInUse && port != 0 => return Err(taken(&error)),
                Err(error) if error.kind() == ErrorKind::AddrInUse => {}
                // No IPv6 here.
                Err(_) => return Ok(Self { listeners: vec![v4], host, port: bound }),
            }
        }
        Err(OAuthError::Port { port, cause: "every port that was tried belongs to another program at ::1".to_owned() })
    }

    /// The address to which the provider sends the browser.
    pub(super) fn redirect(&self) -> String {
        format!("http://{}:{}", self.host, self.port)
    }

    /// Waits for the answer to `state`, and serves that one alone.
    pub(super) async fn wait(self, state: &str, patience: Duration) -> Result<Arrival, OAuthError> {
        let mut visitors = JoinSet::new();
        let (first, second) = (self.listeners.first(), self.listeners.get(1));
        let end = tokio::time::sleep(patience);
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => return Err(OAuthError::GaveUp { after: patience }),
                stream = accept(first), if visitors.len() < MAX_VISITORS => {
                    visitors.spawn(serve(stream, state.to_owned(), self.port));
                }
                stream = accept(second), if visitors.len() < MAX_VISITORS => {
                    visitors.spawn(serve(stream, state.to_owned(), self.port));
                }
                Some(visitor) = visitors.join_next() => {
                    if let Ok(Some(arrival)) = visitor {
                        return Ok(arrival);
                    }
                }
            }
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    let Some(listener) = listener else { return std::future::pending().await };
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            return stream;
        }
        // Out of file handles, or the visitor has gone again.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Reads one request and answers it; what it brought, if it is ours.
async fn serve(mut stream: TcpStream, state: String, port: u16) -> Option<Arrival> {
    let head = tokio::time::timeout(VISITOR, read_head(&mut stream)).await.ok().flatten()?;
    let (status, text, arrival) = judge(&head, &state, port);
    let page = page(text);
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         Referrer-Policy: no-referrer\r\nContent-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\nConnection: close\r\n\r\n{page}",
        page.len()
    );
    let told = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    };
    // Whether the browser shows it changes nothing.
    let _ = tokio::time::timeout(VISITOR, told).await;
    arrival
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut chunk = [0; 2048];
    loop {
        let length = stream.read(&mut chunk).await.ok().filter(|length| *length > 0)?;
        // The end may lie across two pieces.
        let from = head.len().saturating_sub(3);
        head.extend_from_slice(chunk.get(..length)?);
        if head.get(from..)?.windows(4).any(|window| window == b"\r\n\r\n") {
            return String::from_utf8(head).ok();
        }
        if head.len() > MAX_HEAD {
            let _ = stream.write_all(b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n\r\n").await;
            return None;
        }
    }
}

/// What a request is worth. Pure.
fn judge(head: &str, state: &str, port: u16) -> (&'static str, &'static str, Option<Arrival>) {
    const BAD: &str = "400 Bad Request";
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some("GET"), Some(target), Some("HTTP/1.1" | "HTTP/1.0"), None) = (words.next(), words.next(), words.next(), words.next()) else {
        return (BAD, "This is not what crmsync waits for.", None);
    };
    // A page elsewhere that has its own name lead here (DNS rebinding) says that name.
    let named = lines.find_map(|line| line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("host")));
    let host = named.map_or("", |(_, value)| value.trim());
    let ours = ["localhost", "127.0.0.1", "[::1]"].iter().any(|name| {
        let rest = host.get(..name.len()).filter(|start| start.eq_ignore_ascii_case(name)).and_then(|_| host.get(name.len()..));
        rest == Some(format!(":{port}").as_str()) || (port == 80 && rest == Some(""))
    });
    if !ours {
        return (BAD, "This is not what crmsync waits for.", None);
    }
    let parsed = Url::parse("http://127.0.0.1/").ok().filter(|_| target.starts_with('/')).and_then(|base| base.join(target).ok());
    let Some(url) = parsed.filter(|url| url.path() == "/" && url.host_str() == Some("127.0.0.1")) else {
        return ("404 Not Found", "There is nothing here.", None);
    };
    let value = |name: &str| {
        let mut found = url.query_pairs().filter(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        found.next().filter(|_| found.next().is_none())
    };
    if url.query().is_none() {
        return ("404 Not Found", "There is nothing here.", None);
    }
    if value("state").as_deref() != Some(state) {
        return (BAD, "This answer is not to a question of crmsync. If you did not expect it, close this window.", None);
    }
    if let Some(code) = value("error") {
        let description = value("error_description").unwrap_or_default();
        let text = "The sign-in did not succeed. You can close this window; crmsync says more.";
        return ("200 OK", text, Some(Arrival::Refused(Refusal { code, description })));
    }
    match value("code").filter(|code| !code.is_empty()) {
        Some(code) => ("200 OK", "crmsync has got the answer. You can close this window.", Some(Arrival::Code(code))),
        None => (BAD, "There is no code in this answer.", None),
    }
}

fn page(text: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>crmsync</title>\
         <body style=\"font-family:sans-serif;margin:4em auto;max-width:30em\"><h1>crmsync</h1><p>{text}</p>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: &str = "st4te";

    fn judged(target: &str) -> (&'static str, Option<Arrival>) {
        let (status, _, arrival) = judge(&format!("GET {target} HTTP/1.1\r\nHost: localhost:4711\r\n\r\n"), STATE, 4711);
        (status, arrival)
    }

    #[test]
    fn only_the_answer_with_the_right_state_is_taken() {
        assert_eq!(judged("/?code=c%2Fd&state=st4te"), ("200 OK", Some(Arrival::Code("c/d".to_owned()))));
        assert_eq!(judged("/?state=st4te&code=c&session_state=x").1, Some(Arrival::Code("c".to_owned())));
        for target in [
            "/?code=c&state=forged",
            "/?code=c",
            "/?code=c&state=",
            "/?code=c&state=st4te&state=st4te",
            "/?error=access_denied&state=forged",
            "/?state=st4te",
            "/?code=&state=st4te",
            "/?code=a&code=b&state=st4te",
        ] {
            assert_eq!(judged(target), ("400 Bad Request", None), "{target}");
        }
        for target in ["/", "/favicon.ico", "/x?code=c&state=st4te", "//evil.example/?code=c&state=st4te", "*", "http://127.0.0.1/?code=c"]
        {
            assert_eq!(judged(target), ("404 Not Found", None), "{target}");
        }
        let refused = judged("/?error=access_denied&error_description=no%20way&state=st4te").1;
        assert!(matches!(refused, Some(Arrival::Refused(refusal)) if refusal.code == "access_denied" && refusal.description == "no way"));
    }

    #[test]
    fn whoever_calls_this_computer_by_another_name_is_turned_away() {
        let status = |host: &str| judge(&format!("GET /?code=c&state=st4te HTTP/1.1\r\n{host}\r\n\r\n"), STATE, 4711).0;
        for host in ["Host: evil.example:4711", "Host: localhost:1", "Host: localhost", "Host: localhost.evil.example:4711", "X: y"] {
            assert_eq!(status(host), "400 Bad Request", "{host}");
        }
        for host in ["host: LOCALHOST:4711", "Host: 127.0.0.1:4711", "Host: [::1]:4711"] {
            assert_eq!(status(host), "200 OK", "{host}");
        }
        for line in ["POST / HTTP/1.1", "GET /", "", "GET / HTTP/2 x", "GET  / HTTP/1.1"] {
            assert_eq!(judge(&format!("{line}\r\nHost: localhost:4711\r\n\r\n"), STATE, 4711).0, "400 Bad Request", "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_request_makes_it_panic_and_none_without_the_state_is_taken(head in "(GET )?[/?&=a-z%:\\[\\]\\. \r\né]{0,80}( HTTP/1.1\r\nHost: [a-zé:0-9\\[\\]]{0,20})?") {
            let (_, _, arrival) = judge(&head, STATE, 4711);
            proptest::prop_assert_eq!(arrival, None);
        }
    }

    async fn ask(port: u16, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[tokio::test]
    async fn strangers_do_not_end_the_wait_and_nobody_is_served_after_the_answer() {
        let loopback = Loopback::open("127.0.0.1", 0).await.unwrap();
        let port = loopback.port;
        assert_eq!(loopback.redirect(), format!("http://127.0.0.1:{port}"));
        let wait = tokio::spawn(loopback.wait(STATE, Duration::from_mins(1)));
        // A connection that a browser opens ahead.
        let silent = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n").into_bytes();
        assert!(ask(port, &get("/favicon.ico")).await.starts_with("HTTP/1.1 404"));
        assert!(ask(port, &get("/?code=c&state=forged")).await.starts_with("HTTP/1.1 400"));
        assert!(ask(port, &vec![b'x'; 20_000]).await.len() < 200);
        assert!(ask(port, b"\xff\xfe\r\n\r\n").await.is_empty());
        let answer = ask(port, &get("/?code=c&state=st4te")).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("close this window"), "{answer}");
        assert_eq!(wait.await.unwrap().unwrap(), Arrival::Code("c".to_owned()));
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err(), "the port is free again");
        drop(silent);
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_named_with_its_repair() {
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = held.local_addr().unwrap().port();
        let error = Loopback::open("localhost", port).await.unwrap_err();
        assert!(error.to_string().contains(&format!("port {port}")) && error.to_string().contains("redirect_port = 0"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_browser_that_was_closed_ends_the_wait() {
        let loopback = Loopback::open("127.0.0.1", 0).await.unwrap();
        let error = loopback.wait(STATE, Duration::from_mins(5)).await.unwrap_err();
        assert_eq!(error, OAuthError::GaveUp { after: Duration::from_mins(5) });
        assert!(error.to_string().contains("5 minutes"), "{error}");
    }

    #[tokio::test]
    async fn two_sign_ins_at_once_have_each_their_own_port() {
        let (a, b) = (Loopback::open("localhost", 0).await.unwrap(), Loopback::open("localhost", 0).await.unwrap());
        assert_ne!(a.port, b.port);
    }
}
