//! The least a client can do, as the yardstick of the benchmarks: reads every mail of a mailbox and throws it away, or moves all of them.
//!
//! `raw_client fetch ADDRESS USER PASSWORD MAILBOX`: one `UID FETCH` of all bodies.
//! `raw_client fetch ADDRESS USER PASSWORD MAILBOX SET`: the same in sets of `SET` mails, each asked for when the last has come.
//! `raw_client move ADDRESS USER PASSWORD MAILBOX TARGET SET`: `UID MOVE` in sets of `SET` mails.
//! Prints mails, bytes received and seconds after the sign-in, as JSON.

use std::io::{BufRead, BufReader, Error, Read, Result, Write};
use std::net::TcpStream;
use std::time::Instant;

/// A connection without TLS that counts.
struct Client {
    stream: BufReader<TcpStream>,
    tag: u32,
    bytes: u64,
    /// Untagged answers that carried a literal.
    literals: u64,
}

impl Client {
    fn connect(address: &str, user: &str, password: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let mut client = Self { stream: BufReader::with_capacity(256 * 1024, stream), tag: 0, bytes: 0, literals: 0 };
        client.line()?;
        client.command(&format!("LOGIN \"{user}\" \"{password}\""))?;
        Ok(client)
    }

    /// Sends a command and throws its answers away; gives the lines that are no FETCH.
    fn command(&mut self, command: &str) -> Result<Vec<String>> {
        self.tag += 1;
        let tag = format!("r{} ", self.tag);
        self.stream.get_mut().write_all(format!("{tag}{command}\r\n").as_bytes())?;
        let mut lines = Vec::new();
        loop {
            let line = self.line()?;
            if let Some(answer) = line.strip_prefix(&tag) {
                return if answer.starts_with("OK") { Ok(lines) } else { Err(Error::other(format!("{command}: {answer}"))) };
            }
            if !line.contains("FETCH (") && !line.contains("EXPUNGE") {
                lines.push(line);
            }
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut whole = String::new();
        loop {
            let mut line = Vec::new();
            let count = self.stream.read_until(b'\n', &mut line)?;
            if count == 0 {
                return Err(Error::other("the server hung up"));
            }
            self.bytes += count as u64;
            whole.push_str(String::from_utf8_lossy(&line).trim_end());
            let Some(size) = whole.strip_suffix('}').and_then(|text| text.rsplit_once('{')).and_then(|(_, size)| size.parse::<u64>().ok())
            else {
                return Ok(whole);
            };
            let copied = std::io::copy(&mut (&mut self.stream).take(size), &mut std::io::sink())?;
            if copied < size {
                return Err(Error::other("the server hung up in a mail"));
            }
            self.bytes += size;
            self.literals += 1;
            whole.push(' ');
        }
    }

    /// All UIDs of the selected mailbox.
    fn uids(&mut self) -> Result<Vec<u32>> {
        let lines = self.command("UID SEARCH ALL")?;
        let found = lines.iter().find_map(|line| line.strip_prefix("* SEARCH")).unwrap_or_default();
        Ok(found.split_whitespace().filter_map(|word| word.parse().ok()).collect())
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (mails, bytes, seconds) = match words.as_slice() {
        ["fetch", address, user, password, mailbox] => {
            let mut client = Client::connect(address, user, password)?;
            let start = Instant::now();
            client.command(&format!("EXAMINE \"{mailbox}\""))?;
            client.command("UID FETCH 1:* (UID BODY.PEEK[])")?;
            (client.literals, client.bytes, start.elapsed())
        }
        ["fetch", address, user, password, mailbox, set] => {
            let mut client = Client::connect(address, user, password)?;
            let set: usize = set.parse().map_err(Error::other)?;
            let start = Instant::now();
            client.command(&format!("EXAMINE \"{mailbox}\""))?;
            let uids = client.uids()?;
            for chunk in uids.chunks(set.max(1)) {
                let (Some(first), Some(last)) = (chunk.first(), chunk.last()) else { continue };
                client.command(&format!("UID FETCH {first}:{last} (UID RFC822.SIZE FLAGS INTERNALDATE BODY.PEEK[])"))?;
            }
            (client.literals, client.bytes, start.elapsed())
        }
        ["move", address, user, password, mailbox, target, set] => {
            let mut client = Client::connect(address, user, password)?;
            let set: usize = set.parse().map_err(Error::other)?;
            client.command(&format!("SELECT \"{mailbox}\""))?;
            let uids = client.uids()?;
            let start = Instant::now();
            for chunk in uids.chunks(set.max(1)) {
                let (Some(first), Some(last)) = (chunk.first(), chunk.last()) else { continue };
                client.command(&format!("UID MOVE {first}:{last} \"{target}\""))?;
            }
            (uids.len() as u64, client.bytes, start.elapsed())
        }
        _ => {
            return Err(Error::other(
                "usage: raw_client fetch ADDRESS USER PASSWORD MAILBOX [SET] | move ADDRESS USER PASSWORD MAILBOX TARGET SET",
            ));
        }
    };
    writeln!(std::io::stdout(), "{{\"mails\":{mails},\"bytes\":{bytes},\"seconds\":{:.3}}}", seconds.as_secs_f64())
}
