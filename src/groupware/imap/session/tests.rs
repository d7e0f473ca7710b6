//! Whole sessions against servers that play transcripts. Time is virtual: whoever waits in vain fails at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::groupware::{Access, GroupwareError, Known, MailStore as _, MailTraits, Query, UidSet, Wakeup};
use crate::model::MailboxName;
use crate::settings::{AuthMethod, Security};

use super::super::testing::{Scene, after_login, play};
use super::super::{ImapStore, Limits};

const FULL: &str = "MOVE UIDPLUS IDLE LITERAL+";

fn sized(size: u64) -> MailTraits {
    MailTraits { size, ..MailTraits::default() }
}

/// Selects INBOX with five mails, after a login with these capabilities.
fn selected(capabilities: &str, rest: &str) -> String {
    after_login(
        capabilities,
        &format!(
            "C: SELECT \"INBOX\"\nS: * 5 EXISTS\nS: * OK [UIDVALIDITY 7] ok\nS: * OK [PERMANENTFLAGS (\\Seen \\*)] ok\nS: % OK [READ-WRITE] in\n{rest}"
        ),
    )
}

async fn select(store: &mut ImapStore) {
    let selected = store.select(&"INBOX".into(), Access::ReadWrite).await.unwrap();
    assert_eq!((selected.uid_validity, selected.exists, selected.keywords_allowed), (7, 5, true));
}

/// Plays what a server answers to one search, and gives the outcome.
async fn search(answer: &str) -> Result<UidSet, GroupwareError> {
    let (mut store, _server) = play(&selected("", &format!("C: UID SEARCH\n{answer}"))).await;
    select(&mut store).await;
    store.search(&Query::default()).await
}

// ---- real servers ----------------------------------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn a_run_with_nothing_new_takes_three_round_trips_after_the_login() {
    let (mut store, server) = play(
        "S: * OK [CAPABILITY IMAP4rev1 SASL-IR ID ENABLE LITERAL+ AUTH=PLAIN] Dovecot ready.\n\
         C: AUTHENTICATE PLAIN AGFsaWNlAHB3\nS: % OK [CAPABILITY IMAP4rev1 ID NAMESPACE ENABLE CONDSTORE SPECIAL-USE MOVE] in\n\
         C: ID (\nC: NAMESPACE\nC: ENABLE CONDSTORE\nC: LIST \"\" \"*\" RETURN (SPECIAL-USE)\n\
         S: * ID (\"name\" \"Dovecot\")\nS: % OK a\nS: * NAMESPACE ((\"\" \"/\")) NIL NIL\nS: % OK b\nS: * ENABLED CONDSTORE\nS: % OK c\n\
         S: * LIST (\\HasNoChildren \\Sent) \"/\" Sent\nS: * LIST (\\Noselect) \"/\" \"CRM &ANw-\"\nS: * LIST () \"/\" INBOX\nS: % OK d\n\
         C: SELECT \"INBOX\" (CONDSTORE)\nS: * 100000 EXISTS\nS: * OK [UIDVALIDITY 7] ok\nS: * OK [HIGHESTMODSEQ 9] ok\nS: % OK in\n\
         C: UID SEARCH UID 100001:* UNDELETED\nS: * SEARCH 100000\nS: % OK done\nC: LOGOUT\n",
    )
    .await;
    let logged_in = store.traffic().snapshot().round_trips;
    assert_eq!(logged_in, 2, "the login, and the survey that counts as the first of the three");
    let mailboxes = store.mailboxes().await.unwrap();
    assert_eq!(mailboxes.len(), 3);
    assert!(mailboxes[0].special_use.is_some() && !mailboxes[1].selectable && mailboxes[1].name.0 == "CRM Ü");
    let opened = store.select(&"INBOX".into(), Access::ReadWrite).await.unwrap();
    assert_eq!((opened.exists, opened.highest_modseq), (100_000, Some(9)));
    // The server names its last mail though it is below what was asked for.
    assert!(store.search(&Query { from_uid: Some(100_001), ..Query::default() }).await.unwrap().is_empty());
    assert_eq!(store.traffic().snapshot().round_trips, logged_in + 2);
    assert_eq!(store.features().server, "Dovecot");
    store.close().await;
    server.await.unwrap().unwrap();
}

/// A login to a server that answers ENABLE QRESYNC so.
fn enabling_qresync(answer: &str, rest: &str) -> String {
    format!(
        "S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\nC: AUTHENTICATE PLAIN AGFsaWNlAHB3\n\
         S: % OK [CAPABILITY IMAP4rev1 ENABLE CONDSTORE QRESYNC] in\n\
         C: ENABLE QRESYNC\nC: LIST\nS: % {answer}\nS: * LIST () \"/\" INBOX\nS: % OK b\n{rest}"
    )
}

#[tokio::test(start_paused = true)]
async fn qresync_tells_which_mails_vanished() {
    let (mut store, _server) = play(&enabling_qresync(
        "OK enabled",
        "C: SELECT \"INBOX\" (QRESYNC (7 9))\nS: * 4 EXISTS\nS: * OK [UIDVALIDITY 7] ok\nS: * OK [HIGHESTMODSEQ 12] ok\n\
         S: * VANISHED (EARLIER) 2,5:6\nS: * 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (11))\nS: % OK [READ-WRITE] in\n",
    ))
    .await;
    assert!(store.features().qresync);
    let (opened, vanished) = store.resync(&"INBOX".into(), Known { uid_validity: 7, highest_modseq: 9 }).await.unwrap();
    assert_eq!((opened.exists, opened.highest_modseq), (4, Some(12)));
    assert_eq!(vanished, [(2, 2), (5, 6)]);
}

#[tokio::test(start_paused = true)]
async fn qresync_that_was_refused_is_not_used() {
    let (store, _server) = play(&enabling_qresync("NO not today", "")).await;
    assert!(!store.features().qresync && store.features().condstore);
}

#[tokio::test(start_paused = true)]
async fn davmail_is_understood() {
    let (mut store, server) = play(include_str!("../../../../protocol-fixtures/imap/davmail-6.0.1.txt")).await;
    assert_eq!(store.features().separator, Some('/'));
    assert!(store.features().can_move && !store.features().uid_plus && !store.features().condstore);
    let opened = store.select(&"INBOX".into(), Access::ReadWrite).await.unwrap();
    assert_eq!((opened.uid_validity, opened.exists), (1, 1234));
    assert!(matches!(store.select(&"Weg".into(), Access::ReadWrite).await, Err(GroupwareError::NoSuchMailbox { .. })));
    let traits = store.traits(&UidSet::from([1, 2])).await.unwrap();
    assert_eq!(traits[&1].keywords, BTreeSet::from(["Found".to_owned(), "Not".to_owned()]), "a category with a blank reads as two");
    assert!(matches!(store.search(&Query::default()).await, Err(GroupwareError::Unavailable { .. })));
    server.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn courier_is_understood() {
    let (mut store, server) = play(include_str!("../../../../protocol-fixtures/imap/courier-5.0.13.txt")).await;
    assert_eq!((store.features().separator, store.features().personal_prefix.as_str()), (Some('.'), "INBOX."));
    assert!(!store.features().can_move && store.features().uid_plus && !store.features().condstore);
    let selected = store.select(&"INBOX.Import".into(), Access::ReadWrite).await.unwrap();
    assert!(selected.keywords_allowed);
    // UID 2 was expunged elsewhere, and Courier makes up a message for it; the size of UID 3 is merely inexact.
    let mails = store.fetch(&BTreeMap::from([(1, sized(6)), (2, sized(400)), (3, sized(7))])).await.unwrap();
    assert_eq!(mails.iter().map(|mail| mail.uid).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(store.copy_mails(&UidSet::from([1, 3]), &"INBOX.Archiv".into()).await.unwrap().targets, BTreeMap::from([(1, 11), (3, 12)]));
    store.remove_mails(&UidSet::from([1, 3])).await.unwrap();
    store.create_mailbox(&"INBOX.Archiv".into()).await.unwrap();
    server.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn davmail_never_sees_one_command_a_hundred_times_in_a_row() {
    let mut transcript = after_login("", "");
    for number in 1..=120 {
        if number % 50 == 1 && number > 1 {
            transcript.push_str("C: NOOP\nC: STATUS\nS: % OK noop\n");
        } else {
            transcript.push_str("C: STATUS\n");
        }
        transcript.push_str("S: * STATUS \"INBOX\" (MESSAGES 3)\nS: % OK done\n");
    }
    let (mut store, server) = play(&transcript).await;
    for _ in 1..=120 {
        assert_eq!(store.status(&"INBOX".into()).await.unwrap().messages, Some(3));
    }
    server.await.unwrap().unwrap();
}

// ---- login -----------------------------------------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn a_password_that_cannot_be_quoted_goes_as_literals_even_without_literal_plus() {
    let mut scene = Scene { password: "pä\"ss\\wörd", ..Scene::default() };
    scene.access.user = "jürgen@example.test".to_owned();
    let (store, server) = scene
        .play(
            "S: * OK ready\nC: CAPABILITY\nS: * CAPABILITY IMAP4rev1  IDLE \nS: % OK done\nC: LOGIN {20}\nS: * OK one moment\nS: + go\n\
             C: jürgen@example.test {12}\nS: + go\nC: pä\"ss\\wörd\nS: % OK in\nC: CAPABILITY\nC: LIST\n\
             S: * CAPABILITY IMAP4rev1 IDLE LOGINDISABLED\nS: % OK done\nS: * LIST () NIL INBOX\nS: % OK done\n",
        )
        .await;
    assert!(store.unwrap().features().idle);
    server.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn v11_an_expired_token_is_acknowledged_and_rejected() {
    for (auth, offer, acknowledgement) in [
        (AuthMethod::Xoauth2, "XOAUTH2 SASL-IR", ""),
        (AuthMethod::Oauthbearer, "OAUTHBEARER", "AQ=="),
        (AuthMethod::Xoauth2, "XOAUTH2", ""),
    ] {
        let mut scene = Scene::default();
        scene.access.auth = auth;
        let initial = if offer.contains("SASL-IR") { "" } else { "S: + \nC: \n" };
        let (store, server) = scene
            .play(&format!(
                "S: * OK [CAPABILITY IMAP4rev1 AUTH={offer}] ready\nC: AUTHENTICATE\n{initial}S: + eyJzdGF0dXMiOiI0MDEifQ==\nC: {acknowledgement}\nS: % NO [AUTHENTICATIONFAILED] Failed\n"
            ))
            .await;
        assert!(matches!(&store, Err(GroupwareError::LoginRejected { refusal, .. }) if refusal.text.contains("401")), "{offer}: {store:?}");
        server.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn v11_what_is_no_rejection_is_told_apart() {
    for (answer, rejected) in [
        ("S: % NO [AUTHENTICATIONFAILED] Authentication failed.", true),
        ("S: % NO Login failed.", true),
        ("S: % NO [UNAVAILABLE] Internal error occurred.", false),
        ("S: % NO [LIMIT] Maximum number of connections from user+IP exceeded", false),
        ("S: % BAD", false),
        ("S: * BYE Auth process broken", false),
        ("", false),
    ] {
        let (store, _server) =
            Scene::default().play(&format!("S: * OK [CAPABILITY IMAP4rev1] hi\nC: LOGIN \"alice\" \"pw\"\n{answer}\n")).await;
        let error = store.unwrap_err();
        assert_eq!(matches!(error, GroupwareError::LoginRejected { .. }), rejected, "{answer}: {error:?}");
    }
    for greeting in ["S: * BYE Too many connections\n", "S: HTTP/1.1 400 Bad Request\n", "S: * NO not now\n"] {
        let (store, _server) = Scene::default().play(greeting).await;
        assert!(!matches!(store.unwrap_err(), GroupwareError::LoginRejected { .. }), "{greeting}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_is_not_sent_to_a_server_that_does_not_offer_the_method() {
    let mut scene = Scene::default();
    scene.access.auth = AuthMethod::Xoauth2;
    let (store, _server) = scene.play("S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\n").await;
    assert!(matches!(store, Err(GroupwareError::Refused { .. })));
    let (store, _server) = Scene::default().play("S: * OK [CAPABILITY IMAP4rev1 LOGINDISABLED STARTTLS] hi\n").await;
    assert!(matches!(store, Err(GroupwareError::Refused { .. })));
}

#[tokio::test(start_paused = true)]
async fn what_comes_before_the_tls_handshake_is_never_believed() {
    let mut scene = Scene::default();
    scene.access.security = Security::Starttls;
    for transcript in [
        "S: * OK [CAPABILITY IMAP4rev1] hi\n",
        "S: * PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hi\n",
        "S: * OK [CAPABILITY IMAP4rev1 STARTTLS] hi\nC: STARTTLS\nS: % NO not now\n",
    ] {
        assert!(scene.play(transcript).await.0.is_err(), "{transcript}");
    }
    // Both lines in one write, as an attacker would send them.
    let (client, mut server) = tokio::io::duplex(4096);
    tokio::io::AsyncWriteExt::write_all(
        &mut server,
        b"* OK [CAPABILITY IMAP4rev1 STARTTLS] hi\r\nc1 OK go\r\nc2 OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] in\r\n",
    )
    .await
    .unwrap();
    let connection = super::Connection::new(Box::new(client), "s:143".to_owned(), std::env::temp_dir(), Limits::default(), Arc::default());
    let store = ImapStore::establish(connection, &"a".into(), &scene.access, &super::LoginSecret::new("pw")).await;
    assert!(matches!(store, Err(GroupwareError::Protocol { command: "STARTTLS", .. })), "{store:?}");
}

// ---- never partial ---------------------------------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn v8_a_search_is_complete_or_an_error() {
    assert_eq!(search("S: * SEARCH 1 2 (MODSEQ 5)\nS: * SEARCH  3 \nS: % OK done").await.unwrap(), UidSet::from([1, 2, 3]));
    assert_eq!(search("S: * ESEARCH (TAG \"x\") UID ALL 1,3:4\nS: % OK done").await.unwrap(), UidSet::from([1, 3, 4]));
    assert!(search("S: * SEARCH\nS: \nS: % OK done").await.unwrap().is_empty());
    for answer in [
        "S: * SEARCH 1 2\nS: % NO [THROTTLED] Suggested Backoff Time: 5 milliseconds",
        "S: * SEARCH 1 2\nS: % BAD",
        "S: * SEARCH 1 2\nS: * BYE shutting down",
        "S: * SEARCH 1 2",
        "S: * SEARCH 1 x\nS: % OK done",
        "S: * SEARCH 1 2\nS: zz OK done",
    ] {
        let error = search(answer).await.unwrap_err();
        assert_eq!(matches!(error, GroupwareError::Unavailable { .. }), answer.contains("THROTTLED"), "{answer}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn v8_a_session_cut_at_any_byte_never_ends_well() {
    let transcript = include_str!("../../../../protocol-fixtures/imap/whole-session.txt");
    let whole: usize =
        transcript.lines().filter_map(|line| line.strip_prefix("S: ")).map(|line| line.replacen('%', "c0", 1).len() + 2).sum();
    let full = whole_session(usize::MAX, transcript).await.unwrap();
    assert_eq!(full, 5);
    // Tags grow to two digits, so that a few bytes more are sent than counted; cutting stops where the last line surely is incomplete.
    for cut in 0..whole {
        let outcome = whole_session(cut, transcript).await;
        assert!(outcome.is_err(), "cut after {cut} of {whole} bytes: {outcome:?}");
    }
}

async fn whole_session(cut_after: usize, transcript: &str) -> Result<usize, GroupwareError> {
    let (store, _server) = Scene { cut_after, ..Scene::default() }.play(transcript).await;
    let mut store = store?;
    let mut done = 0;
    done += usize::from(store.mailboxes().await?.len() == 2);
    store.select(&"INBOX".into(), Access::ReadWrite).await?;
    let uids = store.search(&Query::default()).await?;
    let traits = store.identities(&uids).await?;
    done += usize::from(traits.len() == 2);
    done += usize::from(store.fetch(&traits).await?.len() == 2);
    done += usize::from(store.store_keywords(&uids, &["Processed".to_owned()], &["CRMcorner".to_owned()]).await?.len() == 2);
    done += usize::from(store.move_mails(&uids, &"Archive".into()).await?.targets.len() == 2);
    Ok(done)
}

#[tokio::test(start_paused = true)]
async fn a_command_that_was_dropped_halfway_makes_the_session_unusable() {
    let (mut store, _server) = play(&selected("", "C: UID SEARCH\nS: * SEARCH 1\nH: \n")).await;
    select(&mut store).await;
    assert!(tokio::time::timeout(Duration::from_millis(1), store.search(&Query::default())).await.is_err());
    assert!(matches!(store.search(&Query::default()).await, Err(GroupwareError::Offline { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_times_out() {
    let (ours, _theirs) = tokio::io::duplex(4096);
    let scene = Scene::default();
    let connection = super::Connection::new(Box::new(ours), "s:143".to_owned(), scene.spool, scene.limits, Arc::default());
    let store = ImapStore::establish(connection, &"a".into(), &scene.access, &super::LoginSecret::new("pw")).await;
    assert!(matches!(store, Err(GroupwareError::Timeout { command: "greeting", .. })), "{store:?}");
}

// ---- commands --------------------------------------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn answers_come_in_any_order_mixed_with_news_and_what_is_absent_is_gone() {
    let (mut store, server) = play(&selected(
        FULL,
        "C: UID FETCH 1:4 (UID RFC822.SIZE FLAGS INTERNALDATE BODY.PEEK[])\n\
         S: * 3 FETCH (BODY[] {3}\nS: a\nS:  FLAGS (\\Seen) UID 3 RFC822.SIZE 3)\n\
         S: * 1 FETCH (FLAGS (\\Answered))\nS: * 9 FETCH (UID 9 BODY[] \"no\" RFC822.SIZE 2)\nS: * 4 FETCH (UID 4 BODY[] NIL)\n\
         S: * 1 FETCH (UID 1 RFC822.SIZE 2 BODY[] \"hi\" FLAGS () INTERNALDATE NIL)\nS: * 3 FETCH (UID 3 FLAGS (CRMcorner))\nS: * 5 EXPUNGE\n\
         S: % NO [EXPUNGEISSUED] Some messages were already expunged\n",
    ))
    .await;
    select(&mut store).await;
    let mails = store.fetch(&BTreeMap::from([(1, sized(2)), (2, sized(9)), (3, sized(3)), (4, sized(9))])).await.unwrap();
    assert_eq!(mails.iter().map(|mail| (mail.uid, mail.raw.len())).collect::<Vec<_>>(), [(1, 2), (3, 3)]);
    assert_eq!(mails[1].traits.keywords, BTreeSet::from(["CRMcorner".to_owned()]));
    server.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn r21_the_category_goes_only_where_the_new_mark_stuck() {
    let (mut store, server) = play(&selected(
        FULL,
        "C: UID STORE 1:2 +FLAGS.SILENT (Processed)\nC: UID FETCH 1:2 (UID FLAGS)\n\
         S: % OK stored\nS: * 1 FETCH (UID 1 FLAGS (CRMcorner processed))\nS: * 2 FETCH (UID 2 FLAGS (CRMcorner))\nS: % OK fetched\n\
         C: UID STORE 1 -FLAGS.SILENT (CRMcorner)\nC: UID FETCH 1 (UID FLAGS)\nS: % OK stored\nS: * 1 FETCH (UID 1 FLAGS (processed))\nS: % OK fetched\n\
         C: UID STORE 1 +FLAGS.SILENT (Other)\nC: UID FETCH 1 (UID FLAGS)\nS: % NO Too many user flags in mailbox\nS: % OK fetched\n",
    ))
    .await;
    select(&mut store).await;
    let keywords = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let after = store.store_keywords(&UidSet::from([1, 2]), &keywords(&["Processed"]), &keywords(&["CRMcorner"])).await.unwrap();
    assert_eq!(after[&1], BTreeSet::from(["processed".to_owned()]));
    assert_eq!(after[&2], BTreeSet::from(["CRMcorner".to_owned()]));
    let refused = store.store_keywords(&UidSet::from([1]), &keywords(&["Other"]), &keywords(&["CRMcorner"])).await;
    assert!(matches!(refused, Err(GroupwareError::Refused { .. })), "nothing is cleared when the new mark is refused");
    assert!(store.store_keywords(&UidSet::from([1]), &keywords(&["Not Found"]), &[]).await.is_err());
    server.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_uidplus_nothing_is_expunged_while_others_are_marked_deleted() {
    let (mut store, server) = play(&selected(
        "MOVE",
        "C: UID STORE 1 +FLAGS.SILENT (\\Deleted)\nS: % OK\nC: UID SEARCH DELETED\nS: * SEARCH 1 2\nS: % OK\n\
         C: UID STORE 1 +FLAGS.SILENT (\\Deleted)\nS: % OK\nC: UID SEARCH DELETED\nS: * SEARCH 1\nS: % OK\nC: EXPUNGE\nS: * 1 EXPUNGE\nS: % OK\n",
    ))
    .await;
    select(&mut store).await;
    store.remove_mails(&UidSet::from([1])).await.unwrap();
    store.remove_mails(&UidSet::from([1])).await.unwrap();
    server.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_mailbox_is_created_with_its_parents_and_its_odd_name_is_found_again() {
    let (mut store, server) = play(&after_login(
        "",
        "C: CREATE \"INBOX/a/b\"\nS: % NO no parent\nC: LIST\nS: * LIST () \"/\" INBOX\nS: * LIST () \"/\" {4}\nS: &!-x\nS: % OK\n\
         C: CREATE \"INBOX/a\"\nS: % OK\nC: SUBSCRIBE \"INBOX/a\"\nS: % NO never\nC: CREATE \"INBOX/a/b\"\nS: % OK\nC: SUBSCRIBE\nS: % OK\n\
         C: CREATE \"INBOX/a/b\"\nS: % NO [ALREADYEXISTS] is there\nC: CREATE \"INBOX/&ANw-\"\nS: % NO [OVERQUOTA] full\n\
         C: STATUS \"&!-x\"\nS: * STATUS \"&!-x\" (MESSAGES 1 SIZE 4 APPENDLIMIT NIL)\nS: * STATUS Other (MESSAGES 9)\nS: % OK\n",
    ))
    .await;
    store.create_mailbox(&"INBOX/a/b".into()).await.unwrap();
    store.create_mailbox(&"INBOX/a/b".into()).await.unwrap();
    assert!(matches!(store.create_mailbox(&"INBOX/Ü".into()).await, Err(GroupwareError::OverQuota { .. })));
    assert_eq!(store.status(&MailboxName::from("&!-x")).await.unwrap().messages, Some(1));
    server.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_move_over_quota_or_to_nowhere_says_so() {
    let (mut store, server) = play(&selected(
        FULL,
        "C: UID MOVE 1:2 \"Archive\"\nS: * OK [COPYUID 9 1:2 21:22] moved\nS: * 1 EXPUNGE\nS: % OK done\n\
         C: UID MOVE\nS: % NO Over quota\nC: UID MOVE\nS: % NO [TRYCREATE] no\nC: UID MOVE\nS: % OK No messages were moved.\n",
    ))
    .await;
    select(&mut store).await;
    let (uids, archive) = (UidSet::from([1, 2]), MailboxName::from("Archive"));
    assert_eq!(store.move_mails(&uids, &archive).await.unwrap().targets, BTreeMap::from([(1, 21), (2, 22)]));
    assert!(matches!(store.move_mails(&uids, &archive).await, Err(GroupwareError::OverQuota { .. })));
    assert!(matches!(store.move_mails(&uids, &archive).await, Err(GroupwareError::NoSuchMailbox { .. })));
    assert!(store.move_mails(&uids, &archive).await.unwrap().targets.is_empty());
    server.await.unwrap().unwrap();
}

// ---- waiting ---------------------------------------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn a_refused_idle_is_replaced_by_polling() {
    for refusal in ["S: % NO not now", "S: % BAD", "S: % OK what?"] {
        let (mut store, server) =
            play(&selected(FULL, &format!("C: IDLE\n{refusal}\nC: NOOP\nS: % OK\nC: NOOP\nS: * 6 EXISTS\nS: % OK\n"))).await;
        select(&mut store).await;
        assert_eq!(store.wait(Duration::from_mins(10)).await.unwrap(), Wakeup::Changed, "{refusal}");
        server.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_is_renewed_and_ends_with_what_comes_at_its_end() {
    let (mut store, server) = play(&selected(
        FULL,
        "C: IDLE\nS: + idling\nS: * OK Still here\nC: DONE\nS: % OK\nC: IDLE\nS: + idling\nC: DONE\nS: * 6 EXISTS\nS: % OK\n\
         C: IDLE\nS: * OK first\nS: + idling\nS: * 7 EXISTS\nC: DONE\nS: % OK\nC: IDLE\nS: + idling\nS: * BYE shutting down\n",
    ))
    .await;
    select(&mut store).await;
    for _ in 0..2 {
        assert_eq!(store.wait(Duration::from_mins(10)).await.unwrap(), Wakeup::Changed);
    }
    assert!(matches!(store.wait(Duration::from_mins(10)).await, Err(GroupwareError::Offline { .. })));
    server.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn mail_that_came_while_a_command_ran_ends_the_next_wait_at_once() {
    let (mut store, server) = play(&selected(FULL, "C: UID SEARCH\nS: * SEARCH 1\nS: * 6 EXISTS\nS: % OK\n")).await;
    select(&mut store).await;
    store.search(&Query::default()).await.unwrap();
    assert_eq!(store.wait(Duration::from_mins(10)).await.unwrap(), Wakeup::Changed);
    server.await.unwrap().unwrap();
}

// ---- hostile ---------------------------------------------------------------------------------------------------------------------------

async fn hostile(data: &str) -> GroupwareError {
    let (mut store, _server) = play(&selected(FULL, &format!("C: UID FETCH\n{data}\nS: % OK\n"))).await;
    select(&mut store).await;
    store.fetch(&BTreeMap::from([(1, sized(1))])).await.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn twenty_thousand_parentheses_are_refused() {
    let nested = format!("S: * 1 FETCH (BODYSTRUCTURE {}{} UID 1)", "(".repeat(20_000), ")".repeat(20_000));
    assert!(matches!(hostile(&nested).await, GroupwareError::TooLarge { .. }));
}

#[tokio::test(start_paused = true)]
async fn announced_gigabytes_are_refused_before_they_are_awaited() {
    for announced in ["BODY[] {4294967296}", "BODY[] {99999999999999999999}", "BODY[HEADER] {400000000}"] {
        assert!(matches!(hostile(&format!("S: * 1 FETCH (UID 1 {announced}")).await, GroupwareError::TooLarge { .. }), "{announced}");
    }
    let many = "S: * 1 FETCH (UID 1 X {0}\n".to_owned() + &"S:  X {0}\n".repeat(1_100);
    assert!(matches!(hostile(&many).await, GroupwareError::TooLarge { .. }));
}

#[tokio::test(start_paused = true)]
async fn long_lines_are_read_in_linear_time_up_to_the_bound() {
    let started = std::time::Instant::now();
    let uids: Vec<String> = (1..=1_300_000_u32).map(|uid| (uid + 1_000_000).to_string()).collect();
    let found = search(&format!("S: * SEARCH {}\nS: % OK done", uids.join(" "))).await.unwrap();
    assert_eq!(found.len(), 1_300_000);
    let blanks = format!("S: * SEARCH {}\nS: % OK done", " ".repeat(17 * 1024 * 1024));
    assert!(matches!(search(&blanks).await, Err(GroupwareError::TooLarge { .. })));
    assert!(started.elapsed() < Duration::from_mins(2), "quadratic would take hours: {:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_large_body_is_spooled_as_it_arrives() {
    let line = format!("{}\n", "x".repeat(78));
    let body = format!("S: {line}").repeat(40_000);
    let (mut store, server) =
        play(&selected(FULL, &format!("C: UID FETCH\nS: * 1 FETCH (UID 1 RFC822.SIZE 3200000 BODY[] {{3200000}}\n{body}S: )\nS: % OK\n")))
            .await;
    select(&mut store).await;
    let mails = store.fetch(&BTreeMap::from([(1, sized(3_200_000))])).await.unwrap();
    assert_eq!(mails[0].raw.len(), 3_200_000);
    assert!(mails[0].raw.spool_path().is_some());
    server.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_body_that_cannot_be_spooled_is_an_error_of_this_computer() {
    let scene = Scene { spool: "/nonexistent/spool".into(), ..Scene::default() };
    let body = format!("S: {}\n", "x".repeat(78)).repeat(40_000);
    let (store, _server) = scene
        .play(&selected("", &format!("C: UID FETCH\nS: * 1 FETCH (UID 1 RFC822.SIZE 3200000 BODY[] {{3200000}}\n{body}S: )\nS: % OK\n")))
        .await;
    let mut store = store.unwrap();
    select(&mut store).await;
    assert!(matches!(store.fetch(&BTreeMap::from([(1, sized(3_200_000))])).await, Err(GroupwareError::Spool(_))));
}

// ---- scale -----------------------------------------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn the_traits_of_a_hundred_thousand_mails_take_one_command_and_little_memory() {
    use std::fmt::Write as _;
    let mut rows = String::new();
    for uid in 1..=100_000 {
        let header = format!("Message-ID: <message.{uid}@mail.example.test>");
        writeln!(rows, "S: * {uid} FETCH (UID {uid} RFC822.SIZE {uid} FLAGS (\\Seen) INTERNALDATE \" 1-Jan-2024 10:00:00 +0000\" BODY[HEADER.FIELDS (MESSAGE-ID)] {{{}}}\nS: {header}\nS:  )", header.len() + 2).unwrap();
    }
    let (mut store, server) = play(&selected("", &format!("C: UID FETCH 1:100000 (\n{rows}S: % OK\n"))).await;
    select(&mut store).await;
    let before = store.traffic().snapshot().round_trips;
    let traits = store.traits(&(1..=100_000).collect()).await.unwrap();
    assert_eq!((traits.len(), store.traffic().snapshot().round_trips - before), (100_000, 1));
    // What a row holds on to is its own: no piece of the connection's buffer.
    let held: usize = traits.values().map(|row| size_of::<MailTraits>() + row.message_id.as_ref().map_or(0, String::capacity)).sum();
    assert!(held < 100_000 * 300, "{held}");
    server.await.unwrap().unwrap();
}

// ---- the gate --------------------------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn v11_after_one_rejection_no_other_connection_sends_a_byte() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut scene = Scene::default();
    (scene.access.host, scene.access.port) = ("127.0.0.1".to_owned(), listener.local_addr().unwrap().port());
    let connections = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            stream.write_all(b"* OK [CAPABILITY IMAP4rev1] hi\r\n").await.unwrap();
            let _ = stream.read(&mut [0; 100]).await;
            stream.write_all(b"c1 NO wrong\r\n").await.unwrap();
        }
    });
    let gate = super::LoginGate::new();
    let connect = || async {
        let account = "a".into();
        let (secret, resolver) = (super::LoginSecret::new("pw"), crate::system::SystemResolver);
        ImapStore::connect(&account, &scene.access, &secret, &gate, &resolver, &scene.spool, Limits::default()).await.unwrap_err()
    };
    let (first, second, third) = tokio::join!(connect(), connect(), connect());
    let all = [first, second, third, connect().await];
    assert_eq!(all.iter().filter(|error| matches!(error, GroupwareError::LoginRejected { .. })).count(), 1, "{all:?}");
    assert_eq!(all.iter().filter(|error| matches!(error, GroupwareError::Locked { .. })).count(), 3, "{all:?}");
    assert_eq!(connections.load(std::sync::atomic::Ordering::SeqCst), 1);
}
