//! AUTHENTICATE (RFC 3501 §6.2.2), with the first answer in the command where the server takes it (SASL-IR, RFC 4959).

use std::collections::BTreeSet;

use bytes::Bytes;
use data_encoding::BASE64;

use crate::groupware::GroupwareError;

use super::super::LoginSecret;
use super::super::wire::{Connection, Response, Untagged};
use super::login;

/// A SASL mechanism that needs one message only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Mechanism {
    /// RFC 4616.
    Plain,
    /// Google's and Microsoft's.
    Xoauth2,
    /// RFC 7628.
    Oauthbearer,
}

impl Mechanism {
    /// Its name; `AUTH=` and this is the capability.
    pub(in super::super) const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Xoauth2 => "XOAUTH2",
            Self::Oauthbearer => "OAUTHBEARER",
        }
    }

    fn message(self, user: &str, secret: &str, host: &str, port: u16) -> String {
        match self {
            Self::Plain => format!("\0{user}\0{secret}"),
            Self::Xoauth2 => format!("user={user}\x01auth=Bearer {secret}\x01\x01"),
            // `=` and `,` delimit the user name (RFC 5801 §4).
            Self::Oauthbearer => {
                let user = user.replace('=', "=3D").replace(',', "=2C");
                format!("n,a={user},\x01host={host}\x01port={port}\x01auth=Bearer {secret}\x01\x01")
            }
        }
    }

    /// The answer to an error challenge; the server sends its tagged NO only after it.
    const fn acknowledgement(self) -> &'static [u8] {
        match self {
            // Nothing more can be said: cancel.
            Self::Plain => b"*\r\n",
            Self::Xoauth2 => b"\r\n",
            // %x01 (RFC 7628 §3.2.3).
            Self::Oauthbearer => b"AQ==\r\n",
        }
    }
}

/// Who logs in, and where.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Identity<'a> {
    pub(in super::super) user: &'a str,
    pub(in super::super) secret: &'a LoginSecret,
    pub(in super::super) host: &'a str,
    pub(in super::super) port: u16,
}

/// Logs in; gives the new capabilities, if the server names them by itself.
pub(in super::super) async fn run(
    connection: &mut Connection,
    mechanism: Mechanism,
    identity: Identity<'_>,
    sasl_ir: bool,
) -> Result<Option<BTreeSet<String>>, GroupwareError> {
    let message = BASE64.encode(mechanism.message(identity.user, identity.secret.expose(), identity.host, identity.port).as_bytes());
    connection.begin("AUTHENTICATE")?;
    let tag = connection.queue_tag();
    connection.queue(b"AUTHENTICATE ");
    connection.queue(mechanism.name().as_bytes());
    if sasl_ir {
        connection.queue(b" ");
        connection.queue(message.as_bytes());
    }
    connection.queue(b"\r\n");
    connection.flush().await?;
    connection.traffic.waited();

    let (mut sent, mut challenge, mut fresh) = (sasl_ir, None, None);
    loop {
        match connection.response().await? {
            Response::Continuation(_) if !sent => {
                sent = true;
                connection.queue(message.as_bytes());
                connection.queue(b"\r\n");
            }
            Response::Continuation(text) if challenge.is_none() => {
                challenge = Some(text);
                connection.queue(mechanism.acknowledgement());
            }
            Response::Continuation(_) => return Err(connection.protocol("too many challenges")),
            Response::Untagged(Untagged::Capability(names)) => {
                fresh = Some(names);
                continue;
            }
            Response::Untagged(_) => continue,
            Response::Tagged(answered, mut status) if answered.eq_ignore_ascii_case(&tag) => {
                connection.end();
                status.text.push_str(&explanation(challenge.as_ref()));
                return login::outcome(connection, "AUTHENTICATE", status, fresh);
            }
            Response::Tagged(..) => return Err(connection.protocol("a command was answered that is not under way")),
        }
        connection.flush().await?;
        connection.traffic.waited();
    }
}

/// What an error challenge says, in brackets: JSON such as `{"status":"401"}`.
fn explanation(challenge: Option<&Bytes>) -> String {
    let decoded = challenge.and_then(|text| BASE64.decode(text.trim_ascii()).ok()).and_then(|bytes| String::from_utf8(bytes).ok());
    decoded
        .filter(|text| (1..=300).contains(&text.len()) && !text.chars().any(char::is_control))
        .map_or_else(String::new, |text| format!(" ({text})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_those_of_the_mechanisms() {
        assert_eq!(Mechanism::Plain.message("a", "b", "h", 1), "\0a\0b");
        assert_eq!(Mechanism::Xoauth2.message("a@b", "t", "h", 1), "user=a@b\x01auth=Bearer t\x01\x01");
        assert_eq!(Mechanism::Oauthbearer.message("a=,b", "t", "h", 143), "n,a=a=3D=2Cb,\x01host=h\x01port=143\x01auth=Bearer t\x01\x01");
    }
}
