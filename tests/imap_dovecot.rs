//! The IMAP adapter against a real Dovecot, which `tests/run` starts and names in the environment.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crmsync::groupware::imap::{ImapStore, Limits, LoginGate, LoginSecret};
use crmsync::groupware::{Access, GroupwareError, MailStore, MailTraits, Query, UidSet, Wakeup};
use crmsync::model::{AccountId, MailboxName};
use crmsync::settings::{AuthMethod, ImapAccess, Secret, Security};
use crmsync::system::SystemResolver;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

struct Server {
    host: String,
    port: u16,
    tls_port: u16,
    ca: std::path::PathBuf,
    token: String,
}

fn server() -> Server {
    let variable = |name: &str| {
        let name = format!("CRMSYNC_TEST_{name}");
        std::env::var(&name).unwrap_or_else(|_| panic!("{name} is not set: run this test by `tests/run`, which starts the server"))
    };
    let address = variable("DOVECOT");
    let (host, port) = address.rsplit_once(':').unwrap();
    let tls = variable("DOVECOT_TLS");
    let (_, tls_port) = tls.rsplit_once(':').unwrap();
    Server {
        host: host.to_owned(),
        port: port.parse().unwrap(),
        tls_port: tls_port.parse().unwrap(),
        ca: variable("CA").into(),
        token: variable("DOVECOT_TOKEN"),
    }
}

impl Server {
    fn access(&self, security: Security, auth: AuthMethod, user: &str) -> ImapAccess {
        ImapAccess {
            host: self.host.clone(),
            port: if security == Security::Tls { self.tls_port } else { self.port },
            security,
            auth,
            user: user.to_owned(),
            secret: Secret::Environment("X".to_owned()),
            ca_file: Some(self.ca.clone()),
        }
    }

    async fn connect(&self, security: Security, auth: AuthMethod, user: &str, secret: &str) -> Result<ImapStore, GroupwareError> {
        ImapStore::connect(
            &AccountId::from("test"),
            &self.access(security, auth, user),
            &LoginSecret::new(secret),
            &LoginGate::new(),
            &SystemResolver,
            &std::env::temp_dir(),
            Limits::default(),
        )
        .await
    }

    /// Appends a mail as another client would. Each command waits for the answer to the one before: Dovecot's login process resets a
    /// connection whose later commands came while it was still handing the session over.
    async fn append(&self, mailbox: &str, mail: &str) {
        let stream = tokio::net::TcpStream::connect((self.host.as_str(), self.port)).await.unwrap();
        let mut lines = BufReader::new(stream).lines();
        assert!(lines.next_line().await.unwrap().unwrap().starts_with("* OK"));
        for (tag, command) in
            [("a", "LOGIN alice pw-alice".to_owned()), ("b", format!("APPEND \"{mailbox}\" {{{}+}}\r\n{mail}", mail.len()))]
        {
            lines.get_mut().write_all(format!("{tag} {command}\r\n").as_bytes()).await.unwrap();
            let answer = loop {
                let line = lines.next_line().await.unwrap().unwrap();
                if line.starts_with(tag) {
                    break line;
                }
            };
            assert!(answer.starts_with(&format!("{tag} OK")), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_real_dovecot_is_understood() {
    let server = server();
    let mut store = server.connect(Security::Tls, AuthMethod::Password, "alice", "pw-alice").await.unwrap();
    assert_eq!(store.traffic().snapshot().round_trips, 2, "login and survey");
    assert!(store.features().can_move && store.features().uid_plus && store.features().condstore && store.features().idle);
    assert!(store.features().server.contains("Dovecot"), "{}", store.features().server);
    assert!(store.mailboxes().await.unwrap().iter().any(|mailbox| mailbox.name.0 == "INBOX"));
    assert_eq!(store.traffic().snapshot().round_trips, 2, "the listing came along");

    let unique = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    let folder = MailboxName(format!("Test {unique}/CRM Überfällig [Ü] \"x\""));
    store.create_mailbox(&folder).await.unwrap();
    store.create_mailbox(&folder).await.unwrap();
    let archive = MailboxName(format!("Test {unique}/Archiv"));
    store.create_mailbox(&archive).await.unwrap();
    assert!(store.mailboxes().await.unwrap().iter().any(|mailbox| mailbox.name == folder && mailbox.selectable));

    let wire = format!("Test {unique}/CRM &ANw-berf&AOQ-llig [&ANw-] \\\"x\\\"");
    for number in 1..=5 {
        server.append(&wire, &format!("Message-ID: <m{number}.{unique}@x>\r\nSubject: {number}\r\n\r\nText {number}\r\n")).await;
    }
    let big = "x".repeat(76);
    server.append(&wire, &format!("Subject: big\r\n\r\n{}", format!("{big}\r\n").repeat(40_000))).await;

    assert!(matches!(store.select(&MailboxName::from("Nowhere"), Access::ReadWrite).await, Err(GroupwareError::NoSuchMailbox { .. })));
    let selected = store.select(&folder, Access::ReadWrite).await.unwrap();
    assert!(selected.exists == 6 && selected.keywords_allowed && !selected.read_only && selected.highest_modseq.is_some());
    let uids = store.search(&Query::default()).await.unwrap();
    assert_eq!(uids.len(), 6);
    assert!(store.search(&Query { from_uid: Some(1_000), ..Query::default() }).await.unwrap().is_empty());
    let by_id = Query { message_id: Some(format!("m3.{unique}@x")), ..Query::default() };
    assert_eq!(store.search(&by_id).await.unwrap().len(), 1);

    let traits = store.identities(&uids).await.unwrap();
    assert_eq!(traits.len(), 6);
    assert_eq!(traits[&1].message_id.as_deref(), Some(format!("m1.{unique}@x").as_str()));
    assert!(traits[&1].internal_date.is_some());
    let mut expected = traits.clone();
    expected.insert(99, MailTraits::default());
    let mails = store.fetch(&expected).await.unwrap();
    assert_eq!(mails.len(), 6);
    assert!(mails.iter().all(|mail| mail.raw.len() == traits[&mail.uid].size));
    assert!(mails.iter().any(|mail| mail.raw.spool_path().is_some()));

    let marks = store.store_keywords(&UidSet::from([1, 2, 99]), &["CRMcorner".to_owned()], &[]).await.unwrap();
    assert_eq!(marks, BTreeMap::from([(1, BTreeSet::from(["CRMcorner".to_owned()])), (2, BTreeSet::from(["CRMcorner".to_owned()]))]));
    let marks = store.store_keywords(&UidSet::from([1]), &["Processed".to_owned()], &["CRMcorner".to_owned()]).await.unwrap();
    assert_eq!(marks[&1], BTreeSet::from(["Processed".to_owned()]));
    let marked = Query { with_keyword: Some("crmCORNER".to_owned()), without_keyword: Some("Processed".to_owned()), ..Query::default() };
    assert_eq!(store.search(&marked).await.unwrap(), UidSet::from([2]));

    assert!(matches!(store.move_mails(&UidSet::from([1]), &"Nowhere".into()).await, Err(GroupwareError::NoSuchMailbox { .. })));
    assert_eq!(store.move_mails(&UidSet::from([1, 2, 99]), &archive).await.unwrap().targets, BTreeMap::from([(1, 1), (2, 2)]));
    assert_eq!(store.copy_mails(&UidSet::from([3]), &archive).await.unwrap().targets, BTreeMap::from([(3, 3)]));
    store.remove_mails(&UidSet::from([3])).await.unwrap();
    assert_eq!(store.search(&Query::default()).await.unwrap(), UidSet::from([4, 5, 6]));
    let status = store.status(&archive).await.unwrap();
    assert_eq!((status.messages, status.uid_next), (Some(3), Some(4)));

    assert_eq!(store.wait(Duration::from_millis(300)).await.unwrap(), Wakeup::Elapsed);
    let (wakeup, ()) = tokio::join!(store.wait(Duration::from_mins(2)), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        server.append(&wire, "Subject: new\r\n\r\nx\r\n").await;
    });
    assert_eq!(wakeup.unwrap(), Wakeup::Changed);
    assert_eq!(store.search(&Query { from_uid: Some(7), ..Query::default() }).await.unwrap(), UidSet::from([7]));
    assert!(store.select(&folder, Access::ReadOnly).await.unwrap().read_only);
    store.close().await;
}

#[tokio::test]
async fn every_way_to_log_in_to_a_real_dovecot_works() {
    let server = server();
    for security in [Security::Tls, Security::Starttls, Security::None] {
        let store = server.connect(security, AuthMethod::Password, "jürgen@example.test", "pä\"ss\\wörd").await.unwrap();
        store.close().await;
        let wrong = server.connect(security, AuthMethod::Password, "alice", "wrong").await;
        assert!(matches!(wrong, Err(GroupwareError::LoginRejected { .. })), "{wrong:?}");
    }
    for user in ["tempfail", "disabled"] {
        let failed = server.connect(Security::Tls, AuthMethod::Password, user, &format!("pw-{user}")).await.unwrap_err();
        assert!(!matches!(failed, GroupwareError::LoginRejected { .. }), "{user}: {failed:?}");
    }
    for auth in [AuthMethod::Xoauth2, AuthMethod::Oauthbearer] {
        let wrong = server.connect(Security::Tls, auth, "alice", "wrong").await;
        assert!(matches!(wrong, Err(GroupwareError::LoginRejected { .. })), "{wrong:?}");
        server.connect(Security::Starttls, auth, "alice", &server.token).await.unwrap().close().await;
    }
    let mut access = server.access(Security::Tls, AuthMethod::Password, "alice");
    access.ca_file = None;
    let untrusted = ImapStore::connect(
        &AccountId::from("test"),
        &access,
        &LoginSecret::new("x"),
        &LoginGate::new(),
        &SystemResolver,
        &std::env::temp_dir(),
        Limits::default(),
    )
    .await;
    assert!(matches!(untrusted, Err(GroupwareError::Tls { fault: crmsync::groupware::TlsFault::UnknownIssuer, .. })), "{untrusted:?}");
}
