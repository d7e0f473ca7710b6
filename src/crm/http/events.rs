//! `GET /v1/events`: server-sent events (WHATWG HTML §9.2), of which only the names are read.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};

use super::answer::{Answer, Purpose};
use super::client::HttpCrm;
use super::request::Request;
use crate::crm::{CrmError, CrmHint};

/// Longest silence: the contract wants a comment every 30 seconds.
const SILENCE: Duration = Duration::from_secs(90);

/// Longest line that is looked at; the rest of a longer one is skipped.
const MAX_LINE: usize = 1024;

/// Most bytes that are read of a refusal.
const MAX_REFUSAL: usize = 64 * 1024;

impl HttpCrm {
    /// Listens to the CRM's events and calls `on_hint` for each, until the CRM ends the connection (`Ok`) or it fails. It never connects
    /// again by itself. What happened before it listened is not told: look for changes once it was called.
    pub async fn events(&self, mut on_hint: impl FnMut(CrmHint) + Send) -> Result<(), CrmError> {
        let request =
            Request::new(Method::GET, self.address(&["v1", "events"])).header(ACCEPT, HeaderValue::from_static("text/event-stream"));
        let mut response = self.open(request, SILENCE).await?;
        let what = response.url().path().to_owned();
        let media_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let is_stream = media_type.to_ascii_lowercase().starts_with("text/event-stream");
        if !response.status().is_success() {
            let mut answer = Answer { what, status: response.status(), headers: response.headers().clone(), body: Vec::new() };
            while let Ok(Ok(Some(chunk))) = tokio::time::timeout(SILENCE, response.chunk()).await {
                answer.body.extend_from_slice(&chunk);
                if answer.body.len() > MAX_REFUSAL {
                    break;
                }
            }
            return answer.accept(Purpose::Other).map(drop);
        }
        if !is_stream {
            return Err(CrmError::Contract(format!("{what}: not a stream of events")));
        }
        let mut events = Events::default();
        loop {
            match tokio::time::timeout(SILENCE, response.chunk()).await {
                Err(_) => return Err(CrmError::Timeout { after: SILENCE }),
                Ok(chunk) => match chunk.map_err(|error| self.failure(error))? {
                    None => return Ok(()),
                    Some(chunk) => events.read(&chunk, &mut on_hint),
                },
            }
        }
    }
}

/// Reads lines of a stream, whatever pieces it comes in.
#[derive(Debug, Default)]
struct Events {
    line: Vec<u8>,
    name: String,
    has_data: bool,
    after_cr: bool,
}

impl Events {
    fn read(&mut self, bytes: &[u8], on_hint: &mut impl FnMut(CrmHint)) {
        for &byte in bytes {
            // A line ends with CR, LF, or both.
            let second_half = std::mem::replace(&mut self.after_cr, byte == b'\r') && byte == b'\n';
            if second_half {
                continue;
            }
            if byte == b'\r' || byte == b'\n' {
                self.end_line(on_hint);
            } else if self.line.len() < MAX_LINE {
                self.line.push(byte);
            }
        }
    }

    fn end_line(&mut self, on_hint: &mut impl FnMut(CrmHint)) {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let name = std::mem::take(&mut self.name);
            // An event without data is none.
            if std::mem::take(&mut self.has_data) {
                match name.as_str() {
                    "records" => on_hint(CrmHint::Records),
                    "settings" => on_hint(CrmHint::Settings),
                    _ => {}
                }
            }
            return;
        }
        let line = String::from_utf8_lossy(&line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        match field {
            "event" => value.strip_prefix(' ').unwrap_or(value).clone_into(&mut self.name),
            "data" => self.has_data = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints(pieces: &[&str]) -> Vec<CrmHint> {
        let (mut events, mut hints) = (Events::default(), Vec::new());
        for piece in pieces {
            events.read(piece.as_bytes(), &mut |hint| hints.push(hint));
        }
        hints
    }

    #[test]
    fn events_are_read_whatever_pieces_and_line_ends_they_come_in() {
        use CrmHint::{Records, Settings};
        assert_eq!(hints(&["event: records\ndata: {}\n\nevent:settings\r\ndata\r\n\r\n"]), [Records, Settings]);
        assert_eq!(hints(&["ev", "ent: rec", "ords\r", "\nda", "ta: x\r", "\n\r", "\n"]), [Records]);
        assert_eq!(hints(&[": alive\n\nevent: later\ndata: 1\n\ndata: 1\n\nevent: records\n\n"]), []);
        // The last event is not there before its empty line.
        assert_eq!(hints(&["event: records\ndata: 1\n"]), []);
    }

    #[test]
    fn a_line_without_end_takes_no_memory() {
        let mut events = Events::default();
        for _ in 0..100 {
            events.read(&[b'x'; 4096], &mut |_| panic!("no event"));
        }
        assert!(events.line.len() <= MAX_LINE);
    }
}
