//! Mails to seed with.

/// A mail with CRLF line ends.
#[derive(Debug, Clone)]
pub struct Letter<'a> {
    /// `Message-ID` without angle brackets.
    pub message_id: &'a str,
    /// `From`.
    pub from: &'a str,
    /// `To`.
    pub to: &'a str,
    /// `Subject`.
    pub subject: &'a str,
}

impl Letter<'_> {
    /// The bytes. `trace` is a header that differs from copy to copy.
    pub fn bytes(&self, trace: &str) -> Vec<u8> {
        let Self { message_id, from, to, subject } = self;
        format!(
            "Received: {trace}\r\nFrom: {from}\r\nTo: {to}\r\nSubject: {subject}\r\nDate: Mon, 16 Nov 2026 09:30:00 +0100\r\n\
             Message-ID: <{message_id}>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGuten Tag,\r\n\r\n{subject}\r\n"
        )
        .into_bytes()
    }
}

/// Only CRLF line ends: the form every server takes.
pub fn with_crlf(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 40);
    let mut last = 0;
    for &byte in bytes {
        match byte {
            b'\n' if last != b'\r' => out.extend_from_slice(b"\r\n"),
            0 => out.push(b' '),
            _ => out.push(byte),
        }
        last = byte;
    }
    out
}
