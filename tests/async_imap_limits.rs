//! Why the IMAP adapter has a wire layer of its own: what async-imap 0.12 makes of answers that real and hostile servers give, and beside each what the adapter makes of
//! the same bytes. Should a later version of async-imap do better, these tests fail, and the decision can be looked at again.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::time::Duration;

use crmsync::groupware::imap::{ImapStore, Limits, LoginGate, LoginSecret};
use crmsync::groupware::{Access, GroupwareError, MailStore as _, MailTraits, Query};
use crmsync::model::AccountId;
use crmsync::settings::{AuthMethod, ImapAccess, Secret, Security};
use crmsync::system::SystemResolver;
use futures_util::TryStreamExt as _;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A server that answers every login, LIST and SELECT, and `answer` to any other command (`%` stands for its tag); then it hangs up, unless the answer is a NO.
async fn server(answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                stream.write_all(b"* OK [CAPABILITY IMAP4rev1 IDLE] hi\r\n").await?;
                let mut line = String::new();
                while stream.read_line(&mut line).await? > 0 {
                    let (tag, command) = line.split_once(' ').unwrap_or_default();
                    let (reply, known) = match command.split_whitespace().next() {
                        Some("LOGIN") => ("% OK [CAPABILITY IMAP4rev1 IDLE] in\r\n", true),
                        Some("LIST") => ("* LIST () \"/\" INBOX\r\n% OK\r\n", true),
                        Some("SELECT") => ("* 3 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n% OK in\r\n", true),
                        _ => (answer, false),
                    };
                    stream.write_all(reply.replace('%', tag).as_bytes()).await?;
                    if !known && !answer.starts_with("% NO") {
                        break;
                    }
                    line.clear();
                }
                Ok::<_, std::io::Error>(())
            });
        }
    });
    port
}

async fn theirs(port: u16) -> async_imap::Session<TcpStream> {
    let mut client = async_imap::Client::new(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    client.read_response().await.unwrap();
    let mut session = client.login("alice", "pw").await.unwrap();
    session.select("INBOX").await.unwrap();
    session
}

async fn ours(port: u16) -> ImapStore {
    let access = ImapAccess {
        host: "127.0.0.1".to_owned(),
        port,
        security: Security::None,
        auth: AuthMethod::Password,
        user: "alice".to_owned(),
        secret: Secret::Environment("UNUSED".to_owned()),
        ca_file: None,
    };
    let (account, secret, gate) = (AccountId::from("test"), LoginSecret::new("pw"), LoginGate::new());
    let folder = std::env::temp_dir();
    let mut store = ImapStore::connect(&account, &access, &secret, &gate, &SystemResolver, &folder, Limits::default()).await.unwrap();
    store.select(&"INBOX".into(), Access::ReadWrite).await.unwrap();
    store
}

fn expected() -> BTreeMap<u32, MailTraits> {
    (1..=3).map(|uid| (uid, MailTraits::default())).collect()
}

#[tokio::test]
async fn a_refused_search_reads_as_an_empty_mailbox() {
    for answer in ["% NO [THROTTLED] Suggested Backoff Time: 9 milliseconds\r\n", "% BAD what?\r\n"] {
        let port = server(answer).await;
        assert!(theirs(port).await.uid_search("ALL").await.unwrap().is_empty(), "async-imap: success, nothing found");
        let error = ours(port).await.search(&Query::default()).await.unwrap_err();
        assert!(matches!(error, GroupwareError::Unavailable { .. } | GroupwareError::Protocol { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_lost_connection_reads_as_a_complete_answer() {
    let port = server("* SEARCH 1 2\r\n").await;
    assert_eq!(theirs(port).await.uid_search("ALL").await.unwrap().len(), 2, "async-imap: success, two found");
    assert!(matches!(ours(port).await.search(&Query::default()).await, Err(GroupwareError::Offline { .. })));

    let port = server("* 1 FETCH (UID 1 RFC822.SIZE 2 FLAGS () BODY[] {2}\r\nhi)\r\n").await;
    let mut session = theirs(port).await;
    let rows: Vec<_> = session.uid_fetch("1:3", "(UID BODY.PEEK[])").await.unwrap().try_collect().await.unwrap();
    assert_eq!(rows.len(), 1, "async-imap: success, two mails are gone");
    assert!(matches!(ours(port).await.fetch(&expected()).await, Err(GroupwareError::Offline { .. })));
}

#[tokio::test]
async fn a_date_that_is_nil_is_a_panic() {
    let port = server("* 1 FETCH (UID 1 RFC822.SIZE 2 FLAGS () INTERNALDATE NIL BODY[HEADER.FIELDS (MESSAGE-ID)] NIL)\r\n% OK\r\n").await;
    let panicked = tokio::spawn(async move {
        let mut session = theirs(port).await;
        let rows = session.uid_fetch("1", "(INTERNALDATE)").await.unwrap();
        rows.try_collect::<Vec<_>>().await.map(|rows| rows.len())
    })
    .await;
    assert!(panicked.unwrap_err().is_panic(), "async-imap: panic");
    let traits = ours(port).await.traits(&[1].into()).await.unwrap();
    assert_eq!(traits.get(&1).map(|traits| (traits.size, traits.internal_date)), Some((2, None)));
}

#[tokio::test]
async fn one_odd_line_ends_the_session() {
    // RFC 7162 §3.1.5 as Dovecot and Cyrus send it after CONDSTORE, and RFC 9051 as IMAP4rev2 servers send it.
    for answer in ["* SEARCH 1 2 (MODSEQ 5)\r\n% OK\r\n", "* ESEARCH (TAG \"%\") UID ALL 1:2\r\n% OK\r\n"] {
        let port = server(answer).await;
        let found = theirs(port).await.uid_search("ALL").await;
        assert!(found.as_ref().map_or(true, |found| found.len() != 2), "async-imap: {found:?}");
        assert_eq!(ours(port).await.search(&Query::default()).await.unwrap(), [1, 2].into(), "{answer}");
    }
}

#[tokio::test]
async fn a_refused_idle_waits_for_ever() {
    let port = server("% NO not now\r\n").await;
    let mut idle = theirs(port).await.idle();
    let outcome = tokio::time::timeout(Duration::from_secs(1), idle.init()).await;
    assert!(outcome.is_err(), "async-imap: it waits for a continuation that never comes");
    // Ours goes over to polling, which this server refuses too.
    let outcome = ours(port).await.wait(Duration::from_millis(200)).await;
    assert!(matches!(outcome, Err(GroupwareError::Refused { command: "NOOP", .. })), "{outcome:?}");
}
