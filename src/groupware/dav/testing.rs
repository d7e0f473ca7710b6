//! A server that plays a transcript, in-process, and a format that knows a UID and a title.
//!
//! Transcript: `C: METHOD /path` is the next request, `C+ text` stands in its head or body, `C- text` does not; `S: 207` is the status of the answer, further
//! `S: ` lines its headers, and what follows up to the next `C: ` its body. Lines of `#` before the first request are comments.
//! `S: silence` never answers, `S: hangup` closes.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::groupware::{Draft, DraftPart, GroupwareError, Item, LoginGate, Part, PartEdit};
use crate::model::{AccountId, Area, Field, Value};
use crate::settings::{DavAccess, DavAuth, Secret, SecretValue};

use super::dialect::Dialect;
use super::discovery::{self, ServerKind, Site};
use super::format::Cards;
use super::http::Http;
use super::{DavLimits, DavStore, Format, FormatFault};

/// A transcript being played.
pub(super) struct Player {
    address: String,
    task: JoinHandle<Result<(), String>>,
}

struct Exchange {
    request: String,
    holds: Vec<String>,
    lacks: Vec<String>,
    head: Vec<String>,
    body: String,
}

fn exchanges(transcript: &str) -> Vec<Exchange> {
    let mut list: Vec<Exchange> = Vec::new();
    for line in transcript.lines() {
        if let Some(request) = line.strip_prefix("C: ") {
            list.push(Exchange { request: request.to_owned(), holds: vec![], lacks: vec![], head: vec![], body: String::new() });
        } else if let Some(last) = list.last_mut() {
            if let Some(text) = line.strip_prefix("C+ ") {
                last.holds.push(text.to_owned());
            } else if let Some(text) = line.strip_prefix("C- ") {
                last.lacks.push(text.to_owned());
            } else if let Some(text) = line.strip_prefix("S: ") {
                last.head.push(text.to_owned());
            } else {
                last.body.push_str(line);
                last.body.push('\n');
            }
        } else {
            assert!(line.starts_with('#') || line.is_empty(), "{line}");
        }
    }
    list
}

impl Player {
    pub(super) async fn start(transcript: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let exchanges = exchanges(transcript);
        let task = tokio::spawn(async move {
            for exchange in exchanges {
                let (stream, _) = listener.accept().await.map_err(|error| error.to_string())?;
                play(stream, exchange).await?;
            }
            Ok(())
        });
        Self { address, task }
    }

    pub(super) fn http(&self, gate: &LoginGate, limits: DavLimits) -> Http {
        let access = DavAccess {
            url: format!("http://{}/dav/", self.address).parse().unwrap(),
            user: "alice".to_owned(),
            auth: DavAuth::Basic,
            secret: Secret::Environment("UNUSED".to_owned()),
            ca_file: None,
        };
        Http::new(&AccountId::from("test"), &access, SecretValue::new("pw".to_owned()).into(), gate, limits, Arc::default()).unwrap()
    }

    /// The search for the homes.
    pub(super) async fn discover(&self) -> Result<Site, GroupwareError> {
        Box::pin(discovery::discover(&self.http(&LoginGate::new(), DavLimits::default()), Dialect::CalDav)).await
    }

    /// The search for the address books.
    pub(super) async fn discover_contacts(&self) -> Result<Site, GroupwareError> {
        Box::pin(discovery::discover(&self.http(&LoginGate::new(), DavLimits::default()), Dialect::CardDav)).await
    }

    /// A store of contacts beyond the search, with the real format.
    pub(super) fn contacts(&self, kind: ServerKind) -> DavStore {
        let http = Arc::new(self.http(&LoginGate::new(), DavLimits::default()));
        DavStore::new(http, Dialect::CardDav, Arc::new(site(kind, false)), Arc::new(Cards { version: None }), false, Arc::default())
    }

    /// A store beyond the search.
    pub(super) fn store(&self, kind: ServerKind, schedules: bool) -> DavStore {
        self.store_within(kind, schedules, DavLimits::default())
    }

    pub(super) fn store_within(&self, kind: ServerKind, schedules: bool, limits: DavLimits) -> DavStore {
        let http = Arc::new(self.http(&LoginGate::new(), limits));
        DavStore::new(http, Dialect::CalDav, Arc::new(site(kind, schedules)), Arc::new(PlainFormat), false, Arc::default())
    }

    /// The transcript was played to its end, and every request was the one it says.
    pub(super) async fn played(self) {
        if !self.task.is_finished() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert!(self.task.is_finished(), "the transcript goes on");
        self.task.await.unwrap().unwrap();
    }
}

fn site(kind: ServerKind, schedules: bool) -> Site {
    let homes = vec!["/dav/".to_owned()];
    Site { homes, single: None, steps: vec![], server: String::new(), schedules, syncs: true, kind, listed: Mutex::default() }
}

async fn play(mut stream: TcpStream, exchange: Exchange) -> Result<(), String> {
    let mut request = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    let text = loop {
        let read = stream.read(&mut buffer).await.map_err(|error| error.to_string())?;
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                break text;
            }
        }
        if read == 0 {
            return Err(format!("the request breaks off: {text}"));
        }
    };
    let line = text.lines().next().unwrap_or_default();
    let wrong = if line.strip_suffix(" HTTP/1.1") == Some(exchange.request.as_str()) {
        let missing = exchange.holds.iter().find(|part| !text.contains(part.as_str()));
        missing.or_else(|| exchange.lacks.iter().find(|part| text.contains(part.as_str())))
    } else {
        Some(&exchange.request)
    };
    if let Some(wrong) = wrong {
        let _ = stream.write_all(b"HTTP/1.1 599 Unexpected\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
        return Err(format!("expected {wrong:?}, came {text}"));
    }
    match exchange.head.first().map(String::as_str) {
        Some("silence") => {
            tokio::time::sleep(std::time::Duration::from_mins(1)).await;
        }
        Some("hangup") | None => {}
        Some(status) => {
            let headers = exchange.head[1..].iter().fold(String::new(), |all, header| all + header + "\r\n");
            let length = exchange.body.len();
            let head = format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).await.map_err(|error| error.to_string())?;
            stream.write_all(exchange.body.as_bytes()).await.map_err(|error| error.to_string())?;
        }
    }
    let _ = stream.shutdown().await;
    Ok(())
}

/// Reads and writes UID and SUMMARY. What holds `X-BROKEN` cannot be read.
pub(super) struct PlainFormat;

impl Format for PlainFormat {
    fn read(&self, text: &str) -> Result<Item, FormatFault> {
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::to_owned);
        if text.contains("X-BROKEN") {
            return Err(FormatFault("it is broken".to_owned()));
        }
        Ok(Item {
            uid: value("UID").ok_or_else(|| FormatFault("it has no UID".to_owned()))?,
            area: Area::Calendar,
            parts: vec![Part {
                recurrence_id: None,
                fields: value("SUMMARY").map(|title| (Field::Subject, Value::Text(title))).into_iter().collect(),
                record: None,
                link_block: None,
            }],
            scheduled: text.contains("ATTENDEE"),
            original: Arc::from(text),
        })
    }

    fn edit(&self, item: &Item, _: &[PartEdit]) -> Result<String, FormatFault> {
        Ok(item.original.replace("SUMMARY:", "SUMMARY:Re "))
    }

    fn build(&self, draft: &Draft) -> Result<String, FormatFault> {
        let people =
            if draft.parts.iter().any(|part| part.fields.contains_key(&Field::Participants)) { "ATTENDEE:mailto:a@b\r\n" } else { "" };
        Ok(format!("BEGIN:VEVENT\r\nUID:{}\r\nSUMMARY:New\r\n{people}END:VEVENT\r\n", draft.uid))
    }
}

/// A new event.
pub(super) fn draft(uid: &str) -> Draft {
    let part = DraftPart { recurrence_id: None, fields: [].into_iter().collect(), link: None };
    Draft { create_id: format!("c-{uid}"), uid: uid.to_owned(), area: Area::Calendar, parts: vec![part] }
}
