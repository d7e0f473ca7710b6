//! A server that plays a transcript, in-process.
//!
//! Transcript: `S: ` is a line the server sends, with `%` at its beginning standing for the tag of the oldest command not yet answered; `C: ` is text that the next line
//! of the client must contain; `H: ` holds the connection open in silence. Lines of `#` are comments.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream};
use tokio::task::JoinHandle;

use crate::groupware::GroupwareError;
use crate::model::AccountId;
use crate::settings::{AuthMethod, ImapAccess, Secret, Security};

use super::wire::Connection;
use super::{ImapStore, Limits, LoginSecret};

/// What a server is and how it is reached, for tests.
pub(super) struct Scene {
    pub(super) access: ImapAccess,
    pub(super) password: &'static str,
    pub(super) limits: Limits,
    /// The server hangs up after this many bytes.
    pub(super) cut_after: usize,
    pub(super) spool: PathBuf,
}

impl Default for Scene {
    fn default() -> Self {
        let access = ImapAccess {
            host: "mail.example.test".to_owned(),
            port: 143,
            security: Security::None,
            auth: AuthMethod::Password,
            user: "alice".to_owned(),
            secret: Secret::Environment("UNUSED".to_owned()),
            ca_file: None,
        };
        Self { access, password: "pw", limits: Limits::default(), cut_after: usize::MAX, spool: std::env::temp_dir() }
    }
}

impl Scene {
    /// Plays the transcript and logs in. The handle ends with whether the transcript was played to its end.
    pub(super) async fn play(&self, transcript: &str) -> (Result<ImapStore, GroupwareError>, JoinHandle<Result<(), String>>) {
        let (ours, theirs) = tokio::io::duplex(256 * 1024);
        let server = tokio::spawn(serve(theirs, transcript.to_owned(), self.cut_after));
        let connection =
            Connection::new(Box::new(ours), "mail.example.test:143".to_owned(), self.spool.clone(), self.limits.clone(), Arc::default());
        let store = ImapStore::establish(connection, &AccountId::from("test"), &self.access, &LoginSecret::new(self.password)).await;
        (store, server)
    }
}

/// Plays the transcript with everything as usual; the login must succeed.
pub(super) async fn play(transcript: &str) -> (ImapStore, JoinHandle<Result<(), String>>) {
    let (store, server) = Scene::default().play(transcript).await;
    (store.unwrap(), server)
}

/// A login to a server with these capabilities and an INBOX, to be followed by `rest`.
pub(super) fn after_login(capabilities: &str, rest: &str) -> String {
    format!(
        "S: * OK [CAPABILITY IMAP4rev1] ready\nC: LOGIN \"alice\" \"pw\"\nS: % OK [CAPABILITY IMAP4rev1 {capabilities}] in\n\
         C: LIST \"\" \"*\"\nS: * LIST () \"/\" INBOX\nS: % OK listed\n{rest}"
    )
}

async fn serve(stream: DuplexStream, transcript: String, cut_after: usize) -> Result<(), String> {
    let mut stream = BufReader::new(stream);
    let mut tags = std::collections::VecDeque::new();
    let (mut left, mut midline, mut conversing) = (cut_after, false, false);
    for step in transcript.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(expected) = step.strip_prefix("C: ") {
            let mut line = Vec::new();
            stream.read_until(b'\n', &mut line).await.map_err(|error| error.to_string())?;
            let line = String::from_utf8_lossy(&line);
            if !line.contains(expected) {
                return Err(format!("expected {expected:?}, got {line:?}"));
            }
            if !midline {
                tags.push_back(line.split(' ').next().unwrap_or_default().to_owned());
            }
            // A command goes on after a literal, and until an IDLE or AUTHENTICATE is answered.
            conversing |= line.contains(" IDLE") || line.contains(" AUTHENTICATE ");
            midline = conversing || line.trim_end().ends_with('}');
        } else if let Some(text) = step.strip_prefix("S: ") {
            let bytes = match text.strip_prefix('%') {
                Some(text) => {
                    (midline, conversing) = (false, false);
                    format!("{}{text}\r\n", tags.pop_front().unwrap_or_default())
                }
                None => format!("{text}\r\n"),
            };
            let part = &bytes.as_bytes()[..bytes.len().min(left)];
            left -= part.len();
            stream.write_all(part).await.map_err(|error| error.to_string())?;
            if left == 0 {
                return Ok(());
            }
        } else if step.starts_with("H:") {
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.map_err(|error| error.to_string())?;
        } else {
            return Err(format!("a transcript has no line such as {step:?}"));
        }
    }
    Ok(())
}
