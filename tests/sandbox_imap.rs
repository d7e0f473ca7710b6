//! The sandbox's IMAP server, seen by a raw client and by async-imap, which judges its grammar.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests fail as tests do")]

use std::time::{Duration, Instant};

use async_imap::extensions::idle::IdleResponse;
use crmsync::sandbox::imap::{
    DeletedMailbox, ExpungedFetch, Fault, Keywords, ListNames, Quirks, RunningImap, SandboxImap, SandboxImapOptions, Trigger, User,
};
use futures_util::TryStreamExt as _;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Nothing here takes as long, however busy the machine is: who waits this long waits for ever.
const FOREVER: Duration = Duration::from_mins(2);

const MAIL: &str = "From: Clara <clara@solaris.example>\r\nSubject: Offer\r\nMessage-ID: <1@solaris.example>\r\n\r\nDear Anna\r\n";

/// A client that speaks lines.
struct Client {
    stream: BufReader<TcpStream>,
    tag: u32,
}

#[derive(Debug)]
struct Answer {
    untagged: Vec<String>,
    status: String,
}

impl Answer {
    fn ok(self) -> Vec<String> {
        assert!(self.status.starts_with("OK"), "{}", self.status);
        self.untagged
    }

    fn has(&self, part: &str) -> bool {
        self.untagged.iter().any(|line| line.contains(part))
    }
}

impl Client {
    async fn connect(server: &RunningImap) -> Self {
        let mut client = Self { stream: BufReader::new(TcpStream::connect(server.addr()).await.unwrap()), tag: 0 };
        assert!(client.line().await.unwrap().starts_with("* OK"));
        client
    }

    async fn login(server: &RunningImap) -> Self {
        let mut client = Self::connect(server).await;
        client.run("LOGIN anna demo").await.ok();
        client
    }

    async fn selected(server: &RunningImap, mailbox: &str) -> Self {
        let mut client = Self::login(server).await;
        client.run(&format!("SELECT \"{mailbox}\"")).await.ok();
        client
    }

    /// One line with its literals in place; `None` at the end of the connection.
    async fn line(&mut self) -> Option<String> {
        timeout(FOREVER, async {
            let mut bytes = Vec::new();
            loop {
                if self.stream.read_until(b'\n', &mut bytes).await.ok()? == 0 {
                    return None;
                }
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let literal = text.strip_suffix("}\r\n").and_then(|t| t.rsplit_once('{')).and_then(|(_, n)| n.parse::<usize>().ok());
                let Some(len) = literal else { return Some(text.trim_end_matches("\r\n").to_owned()) };
                let from = bytes.len();
                bytes.resize(from + len, 0);
                self.stream.read_exact(&mut bytes[from..]).await.ok()?;
            }
        })
        .await
        .expect("an answer in time")
    }

    async fn send(&mut self, text: &str) {
        // A server that has hung up shows in the answer.
        let _ = self.stream.write_all(text.as_bytes()).await;
    }

    /// Answers up to the tagged one; `None` when the connection ended before.
    async fn try_run(&mut self, command: &str) -> Option<Answer> {
        self.tag += 1;
        let tag = format!("t{} ", self.tag);
        self.send(&format!("{tag}{command}\r\n")).await;
        let mut untagged = Vec::new();
        loop {
            let line = self.line().await?;
            match line.strip_prefix(&tag) {
                Some(status) => return Some(Answer { untagged, status: status.to_owned() }),
                None => untagged.push(line),
            }
        }
    }

    async fn run(&mut self, command: &str) -> Answer {
        self.try_run(command).await.expect("a tagged answer")
    }
}

async fn start() -> RunningImap {
    SandboxImap::start(SandboxImapOptions::default()).await.unwrap()
}

async fn with_mails(count: usize) -> RunningImap {
    let server = start().await;
    for n in 1..=count {
        server.append("anna", "INBOX", format!("Message-ID: <{n}@x.example>\r\nSubject: mail {n}\r\n\r\nbody {n}\r\n"), &[]);
    }
    server
}

async fn async_imap_session(server: &RunningImap) -> async_imap::Session<TcpStream> {
    let mut client = async_imap::Client::new(TcpStream::connect(server.addr()).await.unwrap());
    client.read_response().await.unwrap().unwrap();
    client.login("anna", "demo").await.map_err(|(error, _)| error).unwrap()
}

#[tokio::test]
async fn async_imap_understands_every_answer_of_a_mail_run() {
    let server = start().await;
    server.append("anna", "INBOX/Import Folder/CRM Überfällig [Ü]", MAIL, &["CRMcorner"]);
    let mut session = async_imap_session(&server).await;
    assert!(session.capabilities().await.unwrap().has_str("MOVE"));
    session.create("INBOX/Import Folder/CRM activities").await.unwrap();
    let names: Vec<_> = session.list(Some(""), Some("*")).await.unwrap().try_collect().await.unwrap();
    let names: Vec<&str> = names.iter().map(async_imap::types::Name::name).collect();
    assert_eq!(
        names,
        ["INBOX", "INBOX/Import Folder", "INBOX/Import Folder/CRM activities", "INBOX/Import Folder/CRM &ANw-berf&AOQ-llig [&ANw-]"]
    );
    let source = "INBOX/Import Folder/CRM &ANw-berf&AOQ-llig [&ANw-]";
    let mailbox = session.select_condstore(source).await.unwrap();
    assert_eq!((mailbox.exists, mailbox.uid_next), (1, Some(2)));
    assert!(mailbox.highest_modseq.is_some());
    assert_eq!(session.uid_search("UID 1:* KEYWORD CRMcorner UNDELETED").await.unwrap().into_iter().collect::<Vec<_>>(), [1]);
    let fetched: Vec<_> =
        session.uid_fetch("1", "(FLAGS INTERNALDATE RFC822.SIZE ENVELOPE MODSEQ BODY.PEEK[])").await.unwrap().try_collect().await.unwrap();
    assert_eq!(fetched[0].body(), Some(MAIL.as_bytes()));
    assert_eq!(fetched[0].size, Some(u32::try_from(MAIL.len()).unwrap()));
    assert!(fetched[0].internal_date().is_some() && fetched[0].modseq.is_some());
    assert_eq!(fetched[0].envelope().unwrap().subject.as_deref(), Some(&b"Offer"[..]));
    let stored: Vec<_> = session.uid_store("1", "+FLAGS (Processed)").await.unwrap().try_collect().await.unwrap();
    assert_eq!(stored.len(), 1);
    session.uid_mv("1", "INBOX/Import Folder/CRM activities").await.unwrap();
    session.append("INBOX", Some("(\\Seen)"), Some("\" 1-Feb-2026 10:00:00 +0100\""), MAIL).await.unwrap();
    let status = session.status("INBOX", "(MESSAGES UIDNEXT UIDVALIDITY)").await.unwrap();
    assert_eq!((status.exists, status.uid_next), (1, Some(2)));
    session.logout().await.unwrap();
    let archived = server.mails("anna", "INBOX/Import Folder/CRM activities");
    assert!(archived[0].has("Processed") && archived[0].has("crmCORNER"));
    assert_eq!(server.count("anna", "INBOX/Import Folder/CRM Überfällig [Ü]"), 0);
    assert_eq!(server.mails("anna", "INBOX")[0].internal_date.to_rfc3339(), "2026-02-01T10:00:00+01:00");
    server.shutdown().await;
}

#[tokio::test]
async fn async_imap_is_woken_from_idle_by_a_new_mail() {
    let server = start().await;
    let mut session = async_imap_session(&server).await;
    session.select("INBOX").await.unwrap();
    let mut idle = session.idle();
    idle.init().await.unwrap();
    let (wait, _stop) = idle.wait_with_timeout(FOREVER);
    let handle = server.handle();
    tokio::spawn(async move {
        handle.append("anna", "INBOX", MAIL, &[]);
    });
    assert!(matches!(wait.await.unwrap(), IdleResponse::NewData(_)));
    let mut session = idle.done().await.unwrap();
    assert_eq!(session.uid_search("ALL").await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_login_works_quoted_by_literal_and_by_sasl() {
    let user = User { token: Some("tok".into()), ..User::new("anna b", "p \"w\" \\") };
    let server = SandboxImap::start(SandboxImapOptions { users: vec![user], ..SandboxImapOptions::default() }).await.unwrap();
    Client::connect(&server).await.run(r#"LOGIN "anna b" "p \"w\" \\""#).await.ok();
    Client::connect(&server).await.run("LOGIN {6+}\r\nanna b {7+}\r\np \"w\" \\").await.ok();
    let plain = data_encoding::BASE64.encode("\0anna b\0p \"w\" \\".as_bytes());
    Client::connect(&server).await.run(&format!("AUTHENTICATE PLAIN {plain}")).await.ok();
    let xoauth = data_encoding::BASE64.encode(b"user=anna b\x01auth=Bearer tok\x01\x01");
    Client::connect(&server).await.run(&format!("AUTHENTICATE XOAUTH2 {xoauth}")).await.ok();

    let mut waits = Client::connect(&server).await;
    waits.send("a AUTHENTICATE PLAIN\r\n").await;
    assert_eq!(waits.line().await.unwrap(), "+ ");
    waits.send(&format!("{plain}\r\n")).await;
    assert!(waits.line().await.unwrap().starts_with("a OK [CAPABILITY"));

    let mut literal = Client::connect(&server).await;
    literal.send("a LOGIN {6}\r\n").await;
    assert_eq!(literal.line().await.unwrap(), "+ OK");
    literal.send("anna b nothing\r\n").await;
    assert_eq!(literal.line().await.unwrap(), "a NO [AUTHENTICATIONFAILED] Authentication failed.");

    let mut refused = Client::connect(&server).await;
    refused.send(&format!("a AUTHENTICATE XOAUTH2 {}\r\n", data_encoding::BASE64.encode(b"user=anna b\x01auth=Bearer old\x01\x01"))).await;
    assert!(refused.line().await.unwrap().starts_with("+ ey"));
    refused.send("\r\n").await;
    assert!(refused.line().await.unwrap().starts_with("a NO [AUTHENTICATIONFAILED]"));
    assert_eq!((server.counters().logins_tried, server.counters().logins_failed), (7, 2));
    assert!(!server.log().iter().any(|line| line.contains("p \"w\"") || line.contains("tok")), "no secret in the log");
}

#[tokio::test]
async fn sessions_see_each_others_changes_with_right_sequence_numbers() {
    let server = with_mails(5).await;
    let mut one = Client::selected(&server, "INBOX").await;
    let mut other = Client::selected(&server, "INBOX").await;
    other.run("UID STORE 2,4 +FLAGS.SILENT (\\Deleted)").await.ok();
    assert_eq!(other.run("EXPUNGE").await.ok(), ["* 2 EXPUNGE", "* 3 EXPUNGE"]);
    other.run("UID STORE 5 +FLAGS (Processed)").await.ok();
    server.append("anna", "INBOX", MAIL, &[]);
    // FETCH by sequence number must not renumber.
    let fetched = one.run("FETCH 4 (UID)").await;
    assert!(fetched.has("EXISTS") && !fetched.has("EXPUNGE"), "{fetched:?}");
    let told = one.run("NOOP").await.ok();
    assert_eq!(told, ["* 2 EXPUNGE", "* 3 EXPUNGE"]);
    assert_eq!(one.run("FETCH 1:* (UID)").await.ok().len(), 4);
    assert_eq!(one.run("UID SEARCH KEYWORD processed").await.ok(), ["* SEARCH 5"]);
    assert_eq!(one.run("SEARCH KEYWORD processed").await.ok(), ["* SEARCH 3"]);
}

#[tokio::test]
async fn search_keys_select_what_they_say() {
    let server = with_mails(9).await;
    server.set_flags("anna", "INBOX", 3, &["CRMcorner", "\\Seen"]);
    server.set_flags("anna", "INBOX", 4, &["\\Deleted"]);
    let mut client = Client::selected(&server, "INBOX").await;
    for (query, expected) in [
        ("ALL UID 2:3", "2 3"),
        ("UID 20:*", "9"),
        ("KEYWORD crmcorner", "3"),
        ("UNKEYWORD CRMcorner UNDELETED UID 2:5", "2 5"),
        ("HEADER Message-ID \"<7@x.example>\"", "7"),
        ("NOT UID 2:9", "1"),
        ("OR UID 1 (SEEN UID 1:5)", "1 3"),
        ("SUBJECT \"mail 6\"", "6"),
        ("BODY \"body 8\"", "8"),
        ("SINCE 1-Jan-2020 UID 1", "1"),
        ("BEFORE 1-Jan-2020", ""),
        ("LARGER 10 SMALLER 1000 UID 5", "5"),
        ("2:3", "2 3"),
    ] {
        let expected = if expected.is_empty() { "* SEARCH".to_owned() } else { format!("* SEARCH {expected}") };
        assert_eq!(client.run(&format!("UID SEARCH {query}")).await.ok(), [expected], "{query}");
    }
    let answer = client.run("UID SEARCH RETURN (MIN MAX COUNT ALL) UNSEEN UNDELETED").await.ok();
    assert!(answer[0].ends_with(" UID MIN 1 MAX 9 COUNT 7 ALL 1:2,5:9"), "{answer:?}");
    assert!(answer[0].starts_with("* ESEARCH (TAG \"t"));
    let deep = format!("UID SEARCH {}ALL", "NOT ".repeat(5000));
    assert!(client.run(&deep).await.status.starts_with("BAD"));
    assert!(client.run("UID SEARCH CHARSET KOI8-R ALL").await.status.contains("BADCHARSET"));
}

#[tokio::test]
async fn bodies_come_whole_in_parts_and_by_section() {
    let server = start().await;
    server.append("anna", "INBOX", MAIL, &[]);
    let mut client = Client::selected(&server, "INBOX").await;
    assert_eq!(client.run("UID FETCH 1 BODY.PEEK[]<6.5>").await.ok(), ["* 1 FETCH (UID 1 BODY[]<6> {5}\r\nClara)"]);
    assert_eq!(client.run("UID FETCH 1 BODY.PEEK[]<9999.5>").await.ok(), ["* 1 FETCH (UID 1 BODY[]<9999> {0}\r\n)"]);
    assert_eq!(client.run("FETCH 1 BODY.PEEK[TEXT]").await.ok(), ["* 1 FETCH (BODY[TEXT] {11}\r\nDear Anna\r\n)"]);
    assert_eq!(
        client.run("UID FETCH 1 (BODY.PEEK[HEADER.FIELDS (Message-ID)])").await.ok(),
        ["* 1 FETCH (UID 1 BODY[HEADER.FIELDS (MESSAGE-ID)] {37}\r\nMessage-ID: <1@solaris.example>\r\n\r\n)"]
            .map(|s| s.replace("{37}", "{35}"))
    );
    assert!(!server.mails("anna", "INBOX")[0].has("\\Seen"), "a peek leaves no trace");
    let seen = client.run("UID FETCH 1 BODY[TEXT]").await;
    assert!(seen.has("FLAGS (\\Seen)"), "{seen:?}");
    assert!(client.run("UID FETCH 1 BODYSTRUCTURE").await.status.starts_with("BAD"));
}

#[tokio::test]
async fn uidplus_and_move_name_the_new_uids() {
    let server = with_mails(4).await;
    server.create_mailbox("anna", "Done");
    let validity = server.uid_validity("anna", "Done").unwrap();
    let mut client = Client::selected(&server, "INBOX").await;
    assert_eq!(client.run("UID COPY 2:3 Done").await.status, format!("OK [COPYUID {validity} 2:3 1:2] Copy completed."));
    let moved = client.run("UID MOVE 1,4 Done").await;
    assert_eq!(moved.ok(), [format!("* OK [COPYUID {validity} 1,4 3:4] Moved UIDs."), "* 1 EXPUNGE".into(), "* 3 EXPUNGE".into()]);
    assert_eq!(client.run("UID MOVE 77 Done").await.status, "OK No messages were moved.");
    assert!(client.run("UID COPY 2 Absent").await.status.starts_with("NO [TRYCREATE]"));
    assert_eq!(
        client.run("APPEND Done (\\Seen Kw) \" 1-Feb-2026 10:00:00 +0100\" {4+}\r\na\r\nb").await.status,
        format!("OK [APPENDUID {validity} 5] Append completed.")
    );
    client.run("UID STORE 2,3 +FLAGS (\\Deleted)").await.ok();
    assert_eq!(client.run("UID EXPUNGE 3").await.ok(), ["* 2 EXPUNGE"]);
    assert_eq!(server.mails("anna", "INBOX").iter().map(|mail| mail.uid).collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn condstore_and_qresync_tell_only_what_changed() {
    let server = with_mails(6).await;
    let mut client = Client::login(&server).await;
    assert_eq!(client.run("ENABLE QRESYNC").await.ok(), ["* ENABLED QRESYNC"]);
    let opened = client.run("SELECT INBOX").await.ok();
    let number = |code: &str| -> u64 {
        let line = opened.iter().find(|line| line.contains(code)).unwrap();
        line.split(['[', ']']).nth(1).unwrap().rsplit(' ').next().unwrap().parse().unwrap()
    };
    let (validity, modseq) = (number("UIDVALIDITY"), number("HIGHESTMODSEQ"));
    server.set_flags("anna", "INBOX", 5, &["Processed"]);
    server.expunge("anna", "INBOX", &[2, 3]);
    let changed = client.run(&format!("UID FETCH 1:* (FLAGS) (CHANGEDSINCE {modseq} VANISHED)")).await;
    assert!(changed.has("VANISHED (EARLIER) 2:3") && changed.has("UID 5 FLAGS (Processed) MODSEQ"), "{changed:?}");
    client.run("UNSELECT").await.ok();
    let again = client.run(&format!("SELECT INBOX (QRESYNC ({validity} {modseq} 1:9))")).await;
    assert!(again.has("VANISHED (EARLIER) 2:3") && again.has("* 3 FETCH (UID 5"), "{again:?}");
    let refused = client.run(&format!("UID STORE 5 (UNCHANGEDSINCE {modseq}) +FLAGS.SILENT (X)")).await;
    assert!(refused.status.starts_with("OK [MODIFIED 5]"), "{refused:?}");
    server.expunge("anna", "INBOX", &[6]);
    assert_eq!(client.run("NOOP").await.ok(), ["* VANISHED 6"]);
}

#[tokio::test]
async fn idle_tells_changes_at_once_or_only_at_done() {
    let server = with_mails(1).await;
    let mut client = Client::selected(&server, "INBOX").await;
    client.send("a IDLE\r\n").await;
    assert_eq!(client.line().await.unwrap(), "+ idling");
    server.append("anna", "INBOX", MAIL, &[]);
    assert_eq!(client.line().await.unwrap(), "* 2 EXISTS");
    server.quirks(|quirks| quirks.idle_pushes = false);
    server.expunge("anna", "INBOX", &[1]);
    let mut byte = [0];
    assert!(timeout(Duration::from_millis(100), client.stream.read_exact(&mut byte)).await.is_err(), "Courier says nothing");
    client.send("DONE\r\n").await;
    assert_eq!(client.line().await.unwrap(), "* 1 EXPUNGE");
    assert_eq!(client.line().await.unwrap(), "a OK Idle completed.");
}

#[tokio::test]
async fn folders_are_listed_created_renamed_and_deleted() {
    let server = start().await;
    let mut client = Client::login(&server).await;
    client.run("CREATE \"INBOX/Import Folder/CRM Erledigt [E]\"").await.ok();
    assert!(client.run("CREATE \"INBOX/Import Folder/CRM Erledigt [E]\"").await.status.contains("[ALREADYEXISTS]"));
    let list = client.run("LIST \"\" *").await.ok();
    assert!(list.contains(&"* LIST (\\HasChildren \\Noselect) \"/\" \"INBOX/Import Folder\"".to_owned()), "{list:?}");
    assert!(client.run("SELECT \"INBOX/Import Folder\"").await.status.starts_with("NO"));
    assert_eq!(client.run("LIST \"\" \"\"").await.ok(), ["* LIST (\\Noselect) \"/\" \"\""]);
    server.create_mailbox("anna", "Sent");
    server.set_special_use("anna", "Sent", Some("\\Sent"));
    let extended = client.run("LIST (SPECIAL-USE) \"\" (\"%\" \"INBOX/*\") RETURN (CHILDREN STATUS (MESSAGES))").await.ok();
    assert_eq!(extended, ["* LIST (\\HasNoChildren \\Sent) \"/\" Sent", "* STATUS Sent (MESSAGES 0)"]);
    client.run("SUBSCRIBE Sent").await.ok();
    assert_eq!(client.run("LSUB \"\" *").await.ok(), ["* LSUB () \"/\" Sent"]);
    client.run("RENAME \"INBOX/Import Folder\" Imports").await.ok();
    assert_eq!(server.mailboxes("anna"), ["INBOX", "Imports/CRM Erledigt [E]", "Sent"]);
    client.run("DELETE Sent").await.ok();
    assert!(client.run("STATUS Sent (MESSAGES)").await.status.starts_with("NO"));
    assert!(client.run("CREATE &A-").await.status.starts_with("NO [CANNOT]"));
    assert_eq!(client.run("NAMESPACE").await.ok(), ["* NAMESPACE ((\"\" \"/\")) NIL NIL"]);
}

#[tokio::test]
async fn a_server_like_courier_lacks_what_courier_lacks() {
    let server = SandboxImap::start(SandboxImapOptions::courier()).await.unwrap();
    server.append("anna", "INBOX.Import Folder", MAIL, &[]);
    assert_eq!(server.name(&["INBOX", "Import Folder"]), "INBOX.Import Folder");
    assert_eq!(server.name(&["Sent"]), "INBOX.Sent");
    let mut client = Client::login(&server).await;
    let capability = client.run("CAPABILITY").await.ok();
    assert!(!capability[0].contains("MOVE") && !capability[0].contains("LITERAL+") && capability[0].contains("UIDPLUS"));
    assert_eq!(client.run("NAMESPACE").await.ok(), ["* NAMESPACE ((\"INBOX.\" \".\")) NIL NIL"]);
    assert!(client.run("LIST \"\" * RETURN (CHILDREN)").await.status.starts_with("NO"));
    assert!(client.run("SELECT INBOX (CONDSTORE)").await.status.starts_with("NO"));
    assert!(client.run("CREATE Elsewhere").await.status.contains("INBOX."));
    client.run("SELECT \"INBOX.Import Folder\"").await.ok();
    assert!(client.run("UID MOVE 1 INBOX").await.status.starts_with("BAD"));
    assert_eq!(client.run("UID SEARCH UID 9:*").await.ok(), ["* SEARCH"]);
    server.expunge("anna", "INBOX.Import Folder", &[1]);
    let fake = client.run("UID FETCH 1 (BODY.PEEK[])").await;
    assert!(fake.has("message unavailable"), "{fake:?}");
    let mut plus = Client::connect(&server).await;
    plus.send("a LOGIN {4+}\r\nanna demo\r\n").await;
    assert!(plus.line().await.unwrap().starts_with("a BAD"));
    assert_eq!(plus.line().await, None);
}

#[tokio::test]
async fn an_expunged_mail_reads_as_each_server_has_it() {
    for (mode, expected) in [(ExpungedFetch::Nil, "BODY[] NIL"), (ExpungedFetch::Nothing, ""), (ExpungedFetch::StillDelivered, "body 1")] {
        let server = with_mails(1).await;
        server.quirks(|quirks| quirks.expunged = mode);
        let mut client = Client::selected(&server, "INBOX").await;
        server.fault(Trigger::next("UID FETCH"), Fault::run(|server| server.expunge("anna", "INBOX", &[1])));
        let answer = client.run("UID FETCH 1 (BODY.PEEK[])").await;
        assert_eq!(answer.status.contains("EXPUNGEISSUED"), mode == ExpungedFetch::Nil);
        let bodies: Vec<_> = answer.untagged.iter().filter(|line| line.contains("FETCH")).collect();
        assert_eq!(bodies.is_empty(), expected.is_empty());
        assert!(bodies.iter().all(|line| line.contains(expected)), "{bodies:?}");
    }
}

#[tokio::test]
async fn keywords_stick_or_do_not_as_the_server_is_made() {
    for (policy, status, kept, star) in [
        (Keywords::Kept, "OK", true, true),
        (Keywords::Ignored, "OK", false, false),
        (Keywords::Refused, "NO", false, false),
        (Keywords::Dropped, "OK", false, true),
        (Keywords::AtMost(0), "NO Too many user flags in mailbox", false, true),
    ] {
        let server = with_mails(1).await;
        server.quirks(|quirks| quirks.keywords = policy);
        let mut client = Client::login(&server).await;
        assert_eq!(client.run("SELECT INBOX").await.has("\\*)]"), star, "{policy:?}");
        let answer = client.run("UID STORE 1 +FLAGS (Processed)").await;
        assert!(answer.status.starts_with(status), "{policy:?} {answer:?}");
        assert_eq!(server.mails("anna", "INBOX")[0].has("Processed"), kept, "{policy:?}");
    }
    let server = with_mails(1).await;
    let mut client = Client::selected(&server, "INBOX").await;
    assert!(client.run("UID STORE 1 +FLAGS (\"Not Found\")").await.status.starts_with("BAD"));
    assert!(client.run("UID STORE 1 +FLAGS (Not Found)").await.has("FLAGS (Found Not)"));
    assert!(client.run("EXAMINE INBOX").await.has("[PERMANENTFLAGS ()]"));
    assert!(client.run("UID STORE 1 +FLAGS (X)").await.status.starts_with("NO"));
}

#[tokio::test]
async fn faults_strike_at_the_command_they_are_set_on() {
    let server = with_mails(3).await;
    server.create_mailbox("anna", "Done");
    let mut client = Client::selected(&server, "INBOX").await;
    server.fault(Trigger::nth("NOOP", 2), Fault::Answer("NO [UNAVAILABLE] later".into()));
    client.run("NOOP").await.ok();
    assert_eq!(client.run("NOOP").await.status, "NO [UNAVAILABLE] later");
    client.run("NOOP").await.ok();

    server.fault(Trigger::next("UID FETCH"), Fault::AnswerAfter("NO [SERVERBUG] half".into()));
    let half = client.run("UID FETCH 1:3 (FLAGS)").await;
    assert_eq!((half.untagged.len(), half.status.as_str()), (3, "NO [SERVERBUG] half"));

    server.fault(Trigger::next("NOOP"), Fault::Raw(b"* 1 FETCH (((\r\n{tag} OK\r\n".to_vec()));
    assert!(client.run("NOOP").await.has("((("));

    server.fault(Trigger::next("UID MOVE"), Fault::DropBefore);
    assert!(client.try_run("UID MOVE 1 Done").await.is_none());
    assert_eq!(server.count("anna", "Done"), 0, "not executed");

    let mut client = Client::selected(&server, "INBOX").await;
    server.fault(Trigger::next("UID MOVE"), Fault::DropAfter);
    assert!(client.try_run("UID MOVE 1 Done").await.is_none());
    assert_eq!(server.count("anna", "Done"), 1, "executed, answer lost");

    let mut client = Client::selected(&server, "INBOX").await;
    server.fault(Trigger::next("UID FETCH"), Fault::Truncate(40));
    client.send("a UID FETCH 2 (BODY.PEEK[])\r\n").await;
    let mut cut = Vec::new();
    client.stream.read_to_end(&mut cut).await.unwrap();
    assert_eq!(cut.len(), 40);

    let mut client = Client::selected(&server, "INBOX").await;
    server.fault(Trigger::any(1), Fault::Bye("Server shutting down.".into()));
    client.send("a NOOP\r\n").await;
    assert_eq!(client.line().await.unwrap(), "* BYE Server shutting down.");
    assert_eq!(client.line().await, None);

    let mut client = Client::selected(&server, "INBOX").await;
    server.fault(Trigger::next("NOOP"), Fault::SilenceBefore);
    client.send("a NOOP\r\n").await;
    assert!(timeout(Duration::from_millis(100), client.stream.read_u8()).await.is_err());
    server.drop_connections();
    assert_eq!(client.line().await, None);

    let started = Instant::now();
    server.fault(Trigger::next("LOGIN"), Fault::Delay(Duration::from_millis(60)));
    Client::login(&server).await;
    assert!(started.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn trouble_at_login_and_greeting_is_no_rejection() {
    let server = start().await;
    server.fault(Trigger::next("LOGIN"), Fault::Answer("NO [LIMIT] Maximum number of connections".into()));
    let mut client = Client::connect(&server).await;
    assert!(client.run("LOGIN anna demo").await.status.starts_with("NO [LIMIT]"));
    client.run("LOGIN anna demo").await.ok();
    server.fault(Trigger::next("GREETING"), Fault::Bye("Auth process broken".into()));
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    let mut all = String::new();
    stream.read_to_string(&mut all).await.unwrap();
    assert_eq!(all, "* BYE Auth process broken\r\n");
    let counters = server.counters();
    assert_eq!((counters.connections, counters.logins_tried, counters.logins_failed), (2, 2, 0));
}

#[tokio::test]
async fn quota_read_only_sizes_and_uid_validity_can_be_turned_while_running() {
    let server = with_mails(2).await;
    server.create_mailbox("anna", "Done");
    let mut client = Client::selected(&server, "INBOX").await;
    server.quirks(|quirks| quirks.over_quota = Some("[OVERQUOTA] Quota exceeded (mailbox for user is full)".into()));
    for command in ["UID COPY 1 Done", "UID MOVE 1 Done", "APPEND Done {1+}\r\nx"] {
        assert!(client.run(command).await.status.starts_with("NO [OVERQUOTA]"), "{command}");
    }
    server.quirks(|quirks| {
        quirks.over_quota = None;
        quirks.size_error = 7;
        quirks.read_only.insert("Done".into());
        quirks.list_names = ListNames::Literals;
    });
    let true_size = server.mails("anna", "INBOX")[0].raw.len();
    assert!(client.run("UID FETCH 1 RFC822.SIZE").await.has(&format!("SIZE {}", true_size + 7)));
    assert!(client.run("UID MOVE 1 Done").await.status.starts_with("NO [NOPERM]"));
    assert!(client.run("LIST \"\" Done").await.has("{4}\r\nDone"));
    server.bump_uid_validity("anna", "INBOX");
    client.send("a NOOP\r\n").await;
    assert!(client.line().await.unwrap().starts_with("* BYE"));
    server.quirks(|quirks| *quirks = Quirks::davmail());
    let mut client = Client::login(&server).await;
    assert!(client.run("SELECT INBOX").await.has("[UIDVALIDITY 1]"));
    assert_eq!(client.run("UID COPY 1 Done").await.status, "OK Copy completed.");
    assert!(client.run("UID EXPUNGE 1").await.status.starts_with("BAD"));
}

#[tokio::test]
async fn no_input_of_a_client_ends_the_server() {
    let server = start().await;
    for garbage in [
        "\r\n",
        "a\r\n",
        "a UID\r\n",
        "a LOGIN\r\n",
        "a LOGIN {99999999999999999999}\r\n",
        "a LOGIN {9000000000+}\r\n",
        "\0\0\0\r\n",
        "a FETCH 1 (((((\r\n",
        "a AUTHENTICATE PLAIN !!!\r\n",
        "a SELECT \"\\\r\n",
        "a APPEND INBOX {3}\r\n",
        "a X {1+}\r\n",
    ] {
        for logged_in in [false, true] {
            let mut client = if logged_in { Client::login(&server).await } else { Client::connect(&server).await };
            client.send(garbage).await;
            client.send(&"x".repeat(100_000)).await;
            client.send("\r\nz LOGOUT\r\n").await;
            let mut rest = Vec::new();
            let _ = timeout(Duration::from_millis(200), client.stream.read_to_end(&mut rest)).await;
        }
    }
    Client::login(&server).await.run("NOOP").await.ok();
}

#[tokio::test]
async fn a_mailbox_deleted_by_another_client_ends_or_empties_the_session() {
    for (mode, ended) in [(DeletedMailbox::Bye, true), (DeletedMailbox::Expunges, false)] {
        let server = start().await;
        server.append("anna", "Old", MAIL, &[]);
        server.append("anna", "Old", MAIL, &[]);
        server.quirks(|quirks| quirks.deleted_mailbox = mode);
        let mut client = Client::selected(&server, "Old").await;
        server.fault(Trigger::next("UID SEARCH"), Fault::run(|server| server.delete_mailbox("anna", "Old")));
        let answer = client.try_run("UID SEARCH ALL").await;
        assert_eq!(answer.is_none(), ended);
        if let Some(answer) = answer {
            assert_eq!(answer.untagged, ["* 1 EXPUNGE", "* 1 EXPUNGE"]);
            assert_eq!(answer.status, "NO Mailbox does not exist");
        }
    }
}

#[tokio::test]
async fn davmail_ends_a_connection_that_repeats_itself() {
    let server = with_mails(1).await;
    server.quirks(|quirks| *quirks = Quirks::davmail());
    let mut client = Client::login(&server).await;
    for _ in 0..100 {
        client.run("STATUS INBOX (UIDNEXT)").await.ok();
    }
    assert!(client.try_run("STATUS INBOX (UIDNEXT)").await.is_none());
    let mut client = Client::login(&server).await;
    for _ in 0..150 {
        client.run("NOOP").await.ok();
    }
}

#[tokio::test]
async fn pipelined_commands_are_one_round_trip() {
    let server = with_mails(1).await;
    let mut client = Client::login(&server).await;
    server.reset_counters();
    client.send("a SELECT INBOX\r\nb UID SEARCH ALL\r\nc NOOP\r\n").await;
    while !client.line().await.unwrap().starts_with("c OK") {}
    let counters = server.counters();
    assert_eq!(counters.of("UID SEARCH"), 1);
    assert!(counters.round_trips <= 3);
    assert_eq!(server.log(), ["1 SELECT INBOX", "1 UID SEARCH ALL", "1 NOOP"]);
}

#[tokio::test]
async fn a_mailbox_of_100_000_mails_is_served_in_linear_time() {
    let server = start().await;
    let body = bytes::Bytes::from_static(MAIL.as_bytes());
    for _ in 0..100_000 {
        server.append("anna", "INBOX", body.clone(), &[]);
    }
    server.create_mailbox("anna", "Done");
    let mut client = Client::selected(&server, "INBOX").await;
    let started = Instant::now();
    assert!(client.run("UID SEARCH UNKEYWORD Processed UNDELETED").await.ok()[0].ends_with(" 100000"));
    assert_eq!(client.run("UID FETCH 1:* (FLAGS)").await.ok().len(), 100_000);
    client.run("UID STORE 1:100000 +FLAGS.SILENT (Processed)").await.ok();
    assert_eq!(client.run("UID MOVE 1:99999 Done").await.ok().len(), 100_000);
    // Quadratic work would take half an hour; a busy machine must not fail the test.
    assert!(started.elapsed() < Duration::from_mins(5), "{:?}", started.elapsed());
}

#[tokio::test]
async fn the_samples_lie_where_the_demo_looks_for_them() {
    use crmsync::sandbox::samples;
    let servers = [SandboxImapOptions::default(), SandboxImapOptions::courier()];
    for options in servers {
        let server = SandboxImap::start(options).await.unwrap();
        samples::populate(&server);
        let mut client = Client::login(&server).await;
        let folder = server.name(samples::SETTLED);
        client.run(&format!("SELECT \"{folder}\"")).await.ok();
        assert_eq!(server.count(samples::USER, &folder), 2);
        assert!(server.count(samples::USER, &server.name(samples::IMPORT)) > 18);
        for sample in samples::SAMPLES {
            let there = server.mails(samples::USER, &server.name(sample.folder));
            assert!(there.iter().any(|mail| mail.raw == sample.raw()), "{}", sample.name);
        }
    }
}

#[tokio::test]
async fn the_proxy_counts_turns_of_imap_and_cuts_before_or_after_the_server_acted() {
    use crmsync::sandbox::proxy::{CutProxy, Direction, Verdict};
    // Greeting, LOGIN, its answer, SELECT, its answer, MOVE, its answer.
    for (at, moved) in [(6, 0), (7, 1)] {
        let server = with_mails(1).await;
        server.create_mailbox("anna", "Done");
        let proxy = CutProxy::start(server.addr(), move |step| {
            assert_eq!(step.index.is_multiple_of(2), step.direction == Direction::Request);
            if step.index == at { Verdict::Cut } else { Verdict::Forward }
        })
        .await
        .unwrap();
        let mut client = Client { stream: BufReader::new(TcpStream::connect(proxy.addr()).await.unwrap()), tag: 0 };
        client.line().await.unwrap();
        client.run("LOGIN anna demo").await.ok();
        client.run("SELECT INBOX").await.ok();
        assert!(client.try_run("UID MOVE 1 Done").await.is_none());
        assert_eq!((server.count("anna", "Done"), proxy.steps()), (moved, at));
    }
}
