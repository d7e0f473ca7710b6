//! From the greeting to the login.

use std::collections::BTreeSet;

use crate::groupware::{GroupwareError, TlsFault};
use crate::model::AccountId;
use crate::settings::{AuthMethod, ImapAccess, Security};

use super::super::commands::authenticate::{self, Identity, Mechanism};
use super::super::commands::{capability, login, starttls};
use super::super::wire::{Code, Condition, Connection, Response, Untagged};
use super::super::{LoginSecret, refusal, transport};

/// What is known after the login.
pub(super) struct Welcome {
    /// The server's greeting, in its words.
    pub(super) greeting: String,
    /// Capabilities as of before the login.
    pub(super) before: BTreeSet<String>,
    /// Capabilities as of after it, where the server named them by itself.
    pub(super) after: Option<BTreeSet<String>>,
}

/// Reads the greeting, secures the connection where asked for, and logs in.
pub(super) async fn run(
    connection: &mut Connection,
    account: &AccountId,
    access: &ImapAccess,
    secret: &LoginSecret,
) -> Result<Welcome, GroupwareError> {
    if [secret.expose(), &access.user].iter().any(|text| text.contains(['\0', '\r', '\n'])) {
        let cause = "it holds a line break or a zero byte, which cannot be sent; store it anew".to_owned();
        return Err(GroupwareError::Secret { account: account.to_string(), cause });
    }
    let (greeting, mut capabilities, preauthenticated) = greeting(connection).await?;
    if access.security == Security::Starttls {
        // Whoever claims before TLS that the login is done already would keep it from being secured (RFC 9051 §11.1).
        if preauthenticated {
            return Err(connection.protocol("the session was authenticated before it could be secured"));
        }
        let offered = known(connection, capabilities).await?;
        if !offered.contains("STARTTLS") {
            return Err(GroupwareError::Tls { server: connection.server().to_owned(), fault: TlsFault::NoStartTls });
        }
        let stream = starttls::run(connection).await?;
        let server = connection.server().to_owned();
        let stream = transport::secure(stream, access, &server, &connection.limits).await?;
        connection.put_stream(stream);
        // What was said before TLS may have been said by anyone.
        capabilities = None;
    }
    let before = known(connection, capabilities).await?;
    let after = if preauthenticated {
        Some(before.clone())
    } else {
        connection.patience = connection.limits.login;
        let after = log_in(connection, access, secret, &before).await?;
        connection.patience = connection.limits.read;
        after
    };
    connection.authenticated = true;
    Ok(Welcome { greeting, before, after })
}

async fn greeting(connection: &mut Connection) -> Result<(String, Option<BTreeSet<String>>, bool), GroupwareError> {
    connection.begin("greeting")?;
    let Response::Untagged(Untagged::Status(status)) = connection.response_or_goodbye().await? else {
        return Err(connection.protocol("the server does not greet as an IMAP server does; check host and port in the settings"));
    };
    if !matches!(status.condition, Condition::Ok | Condition::Preauth) {
        return Err(refusal::unavailable(connection.server(), &status));
    }
    connection.end();
    let capabilities = match status.code {
        Some(Code::Capability(names)) => Some(names),
        _ => None,
    };
    Ok((status.text, capabilities, status.condition == Condition::Preauth))
}

async fn known(connection: &mut Connection, capabilities: Option<BTreeSet<String>>) -> Result<BTreeSet<String>, GroupwareError> {
    match capabilities {
        Some(names) => Ok(names),
        None => capability::run(connection).await,
    }
}

/// One attempt by one method: a second method after a rejection would be a second wrong password.
async fn log_in(
    connection: &mut Connection,
    access: &ImapAccess,
    secret: &LoginSecret,
    capabilities: &BTreeSet<String>,
) -> Result<Option<BTreeSet<String>>, GroupwareError> {
    connection.literal_plus = super::takes_literals_at_once(capabilities);
    let offers = |mechanism: Mechanism| capabilities.contains(&format!("AUTH={}", mechanism.name()));
    let mechanism = match access.auth {
        AuthMethod::Password if offers(Mechanism::Plain) => Mechanism::Plain,
        AuthMethod::Password if capabilities.contains("LOGINDISABLED") => {
            return Err(not_offered("LOGIN", "the server takes no passwords on this connection; use security = \"tls\", or another auth"));
        }
        AuthMethod::Password => return login::run(connection, &access.user, secret).await,
        AuthMethod::Xoauth2 => Mechanism::Xoauth2,
        AuthMethod::Oauthbearer => Mechanism::Oauthbearer,
    };
    if !offers(mechanism) {
        return Err(not_offered("AUTHENTICATE", &format!("the server does not offer {}; choose another auth", mechanism.name())));
    }
    let identity = Identity { user: &access.user, secret, host: &access.host, port: access.port };
    authenticate::run(connection, mechanism, identity, capabilities.contains("SASL-IR")).await
}

fn not_offered(command: &'static str, text: &str) -> GroupwareError {
    GroupwareError::Refused { command, code: None, text: text.to_owned() }
}
