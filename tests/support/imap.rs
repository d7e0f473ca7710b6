//! A small blocking IMAP client that seeds mailboxes and looks at what became of them. Independent of the program's own client on purpose.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// A connection to a server on loopback, without TLS.
pub struct Imap {
    stream: BufReader<TcpStream>,
    tag: u32,
}

/// A mail as it lies in a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// UID.
    pub uid: u32,
    /// Flags and keywords, without `\Recent`.
    pub flags: BTreeSet<String>,
    /// The `Message-ID` header without angle brackets, empty when there is none.
    pub message_id: String,
}

/// One line of an answer, with the literals that stood in it taken out.
#[derive(Debug, Default)]
struct Line {
    text: String,
    literals: Vec<Vec<u8>>,
}

impl Imap {
    /// Connects and reads the greeting.
    pub fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap_or_else(|error| panic!("{address}: {error}"));
        stream.set_read_timeout(Some(Duration::from_mins(3))).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut imap = Self { stream: BufReader::new(stream), tag: 0 };
        assert!(imap.line().text.starts_with("* OK"), "{address}: no greeting");
        imap
    }

    /// Signs in.
    pub fn login(&mut self, user: &str, password: &str) {
        self.try_login(user, password).unwrap_or_else(|answer| panic!("LOGIN {user}: {answer}"));
    }

    /// Signs in; `Err` with the server's words when it refuses.
    pub fn try_login(&mut self, user: &str, password: &str) -> Result<(), String> {
        self.run(&format!("LOGIN {} {}", quoted(user), quoted(password)), None).map(|_| ())
    }

    /// Takes leave, so that the server need not find out that the connection has ended.
    pub fn logout(mut self) {
        self.ok("LOGOUT");
    }

    /// Creates a mailbox; it may be there.
    pub fn create(&mut self, mailbox: &str) {
        if !self.mailboxes().iter().any(|name| name == mailbox) {
            self.ok(&format!("CREATE {}", wire(mailbox)));
        }
    }

    /// Renames a mailbox.
    pub fn rename(&mut self, from: &str, to: &str) {
        self.ok(&format!("RENAME {} {}", wire(from), wire(to)));
    }

    /// Removes every mail and every mailbox that can be removed.
    pub fn empty(&mut self) {
        // Dovecot hangs up on who deletes the mailbox that is selected; without one, CLOSE is refused and that is fine.
        let _ = self.run("CLOSE", None);
        let mut mailboxes = self.mailboxes();
        mailboxes.sort_by_key(|name| std::cmp::Reverse(name.len()));
        for mailbox in mailboxes {
            let kept = mailbox.eq_ignore_ascii_case("INBOX") || ["Sent", "Trash"].iter().any(|name| mailbox.ends_with(name));
            if kept || self.run(&format!("DELETE {}", wire(&mailbox)), None).is_err() {
                self.remove_all(&mailbox);
            }
        }
    }

    /// Names of all selectable mailboxes, decoded.
    pub fn mailboxes(&mut self) -> Vec<String> {
        let lines = self.ok("LIST \"\" \"*\"");
        lines
            .iter()
            .filter(|line| {
                line.text.starts_with("* LIST") && !line.text.to_lowercase().contains("\\noselect") && !line.text.contains("NonExistent")
            })
            .map(|line| {
                let name =
                    line.literals.first().map_or_else(|| last_string(&line.text), |literal| String::from_utf8_lossy(literal).into_owned());
                decode_name(&name)
            })
            .collect()
    }

    /// Appends a mail; `Err` with the server's words when it refuses.
    pub fn try_append(&mut self, mailbox: &str, flags: &[&str], mail: &[u8]) -> Result<(), String> {
        self.run(&format!("APPEND {} ({}) {{{}}}", wire(mailbox), flags.join(" "), mail.len()), Some(mail)).map(|_| ())
    }

    /// Appends a mail.
    pub fn append(&mut self, mailbox: &str, flags: &[&str], mail: &[u8]) {
        self.try_append(mailbox, flags, mail).unwrap_or_else(|answer| panic!("APPEND to {mailbox}: {answer}"));
    }

    /// The mails of a mailbox by UID; none when it does not exist.
    pub fn messages(&mut self, mailbox: &str) -> Vec<Message> {
        if self.run(&format!("EXAMINE {}", wire(mailbox)), None).is_err() {
            return Vec::new();
        }
        let lines = self.ok("UID FETCH 1:* (UID FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])");
        let mut messages: Vec<Message> = lines
            .iter()
            .filter_map(|line| {
                let header = String::from_utf8_lossy(line.literals.first()?).into_owned();
                let uid = word_after(&line.text, "UID ")?.parse().ok()?;
                let flags = line.text.split_once("FLAGS (")?.1.split(')').next()?;
                let flags = flags.split_whitespace().filter(|flag| *flag != "\\Recent").map(str::to_owned).collect();
                let message_id = header.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                Some(Message { uid, flags, message_id })
            })
            .collect();
        messages.sort_by_key(|message| message.uid);
        messages
    }

    /// The Message-IDs of a mailbox, sorted.
    pub fn message_ids(&mut self, mailbox: &str) -> Vec<String> {
        let mut ids: Vec<String> = self.messages(mailbox).into_iter().map(|message| message.message_id).collect();
        ids.sort();
        ids
    }

    /// The bytes of every mail of a mailbox, as the server gives them.
    pub fn bodies(&mut self, mailbox: &str) -> Vec<Vec<u8>> {
        self.ok(&format!("EXAMINE {}", wire(mailbox)));
        let lines = self.ok("UID FETCH 1:* (UID BODY.PEEK[])");
        // An empty mail may come as "" instead of a literal.
        lines
            .into_iter()
            .filter(|line| line.text.contains("FETCH ("))
            .map(|line| line.literals.into_iter().next().unwrap_or_default())
            .collect()
    }

    /// Moves a mail without MOVE, which not every server has.
    pub fn move_mail(&mut self, from: &str, uid: u32, to: &str) {
        self.ok(&format!("SELECT {}", wire(from)));
        self.ok(&format!("UID COPY {uid} {}", wire(to)));
        self.ok(&format!("UID STORE {uid} +FLAGS.SILENT (\\Deleted)"));
        self.ok(&format!("UID EXPUNGE {uid}"));
    }

    fn remove_all(&mut self, mailbox: &str) {
        if self.run(&format!("SELECT {}", wire(mailbox)), None).is_ok() {
            self.ok("UID STORE 1:* +FLAGS.SILENT (\\Deleted)");
            self.ok("CLOSE");
        }
    }

    fn ok(&mut self, command: &str) -> Vec<Line> {
        self.run(command, None).unwrap_or_else(|answer| panic!("{command}: {answer}"))
    }

    /// Sends a command, with a literal after it where there is one; `Err` has the tagged answer when it is not OK.
    fn run(&mut self, command: &str, literal: Option<&[u8]>) -> Result<Vec<Line>, String> {
        self.tag += 1;
        let tag = format!("t{} ", self.tag);
        self.send(format!("{tag}{command}\r\n").as_bytes());
        let mut lines = Vec::new();
        loop {
            let line = self.line();
            if line.text.starts_with('+') {
                self.send(literal.unwrap_or_default());
                self.send(b"\r\n");
            } else if let Some(answer) = line.text.strip_prefix(&tag) {
                return if answer.starts_with("OK") { Ok(lines) } else { Err(answer.to_owned()) };
            } else {
                lines.push(line);
            }
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).expect("the server hung up");
    }

    fn line(&mut self) -> Line {
        let mut line = Line::default();
        loop {
            let mut bytes = Vec::new();
            let count = self.stream.read_until(b'\n', &mut bytes).expect("the server fell silent");
            assert!(count > 0, "the server hung up after: {}", line.text);
            line.text.push_str(String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']));
            let Some(size) = literal_size(&line.text) else { return line };
            let mut literal = vec![0; size];
            self.stream.read_exact(&mut literal).expect("the server hung up in a literal");
            line.literals.push(literal);
            line.text.push(' ');
        }
    }
}

fn literal_size(text: &str) -> Option<usize> {
    text.strip_suffix('}')?.rsplit_once('{')?.1.parse().ok()
}

fn word_after<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split([' ', ')']).next()
}

/// The last string of a line: quoted or an atom.
fn last_string(text: &str) -> String {
    let Some(inner) = text.strip_suffix('"') else { return text.rsplit(' ').next().unwrap_or_default().to_owned() };
    let start = inner.rmatch_indices('"').map(|(at, _)| at).find(|at| !inner[..*at].ends_with('\\')).map_or(0, |at| at + 1);
    inner[start..].replace("\\\"", "\"").replace("\\\\", "\\")
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn wire(mailbox: &str) -> String {
    quoted(&encode_name(mailbox))
}

/// Modified UTF-7 (RFC 3501 §5.1.3), written here once more so that a fault in the program's own is seen.
fn encode_name(name: &str) -> String {
    let mut out = String::new();
    let mut shifted: Vec<u8> = Vec::new();
    for letter in name.chars().chain(['\0']) {
        if !(letter.is_ascii_graphic() || letter == ' ' || letter == '\0') {
            shifted.extend(letter.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_be_bytes()));
            continue;
        }
        if !shifted.is_empty() {
            out.push_str(&format!("&{}-", data_encoding::BASE64_NOPAD.encode(&shifted).replace('/', ",")));
            shifted.clear();
        }
        match letter {
            '\0' => {}
            '&' => out.push_str("&-"),
            _ => out.push(letter),
        }
    }
    out
}

fn decode_name(wire: &str) -> String {
    let mut parts = wire.split('&');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (shifted, rest) = part.split_once('-').expect("an unfinished shift in a mailbox name");
        if shifted.is_empty() {
            out.push('&');
        } else {
            let bytes = data_encoding::BASE64_NOPAD.decode(shifted.replace(',', "/").as_bytes()).expect("no modified UTF-7");
            let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
            out.push_str(&String::from_utf16_lossy(&units));
        }
        out.push_str(rest);
    }
    out
}
