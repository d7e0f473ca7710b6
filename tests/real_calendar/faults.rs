//! What goes wrong between the program and a real server: nothing is lost and nothing is doubled.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crmsync::journal::{Change, Cursor, Journal};
use crmsync::model::{AccountId, Area, Field, Fields, Moment, Slot, Value};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::scene::{SYNC, Scene, said};
use crate::support::killer::{Killer, sample, soak};
use crate::week::{at, day, event, week};

/// What both sides hold, by title.
type Holdings = (Vec<String>, Vec<String>);

/// Something new on both sides.
fn news(scene: &Scene) {
    week(scene);
    for (subject, days) in [("Offer talk", 3), ("Factory tour", 8)] {
        scene.crm.running().add_record("APPOINTMENT", "anna", appointment(subject, days)).unwrap();
    }
    let due = Value::Moment(Moment::Day(at(2).date_naive()));
    let task = [(Field::Subject, Value::Text("Call back".to_owned())), (Field::Due, due)];
    scene.crm.running().add_record("TASK", "anna", task.into()).unwrap();
}

fn appointment(subject: &str, days: u64) -> Fields {
    let slot = Slot { start: Moment::utc(at(days)), end: Moment::utc(at(days) + chrono::TimeDelta::hours(1)) };
    [(Field::Subject, Value::Text(subject.to_owned())), (Field::Slot, Value::Slot(slot))].into()
}

/// Changes on both sides of what is the same.
fn changes(scene: &Scene) {
    let visit = scene.item("visit.ics");
    scene.send("PUT", "visit.ics", visit.replace("SUMMARY:Visit", "SUMMARY:Visit at the harbour"));
    let planning = scene.item("planning.ics");
    scene.send("PUT", "planning.ics", planning.replace("SUMMARY:Planning (moved)", "SUMMARY:Planning (later)"));
    scene.send("DELETE", "dentist.ics", "");
    scene.change("Fair", Field::Location, "Hall 4");
    scene.change("Price list", Field::TaskStatus, "completed");
    scene.crm.running().delete_record(&scene.record("Factory tour").id()).unwrap();
    scene.crm.running().add_record("APPOINTMENT", "anna", appointment("Contract", 4)).unwrap();
}

fn holdings(scene: &Scene) -> Holdings {
    let titles = |text: &String| {
        let lines = text.replace("\r\n ", "").replace("\n ", "");
        lines.lines().filter(|line| line.starts_with("SUMMARY:")).map(str::to_owned).collect::<Vec<_>>()
    };
    let mut groupware: Vec<String> = scene.every_item().values().flat_map(titles).collect();
    let mut crm: Vec<String> = scene.records().iter().map(|record| said(record, Field::Subject)).collect();
    groupware.sort();
    crm.sort();
    (groupware, crm)
}

/// The two situations in which something is interrupted, and what comes of them when nothing is.
struct Plan {
    name: &'static str,
    /// The first run over what is new, or a run over changes.
    changed: bool,
}

const PLANS: [Plan; 2] = [Plan { name: "news", changed: false }, Plan { name: "changes", changed: true }];

impl Plan {
    fn prepare(&self, scene: &Scene) {
        news(scene);
        if self.changed {
            scene.settle();
            changes(scene);
        }
    }

    /// Whole again, and as if nothing had happened.
    fn heals(&self, scene: &Scene, expected: &Holdings, context: &str) {
        scene.sync();
        scene.settle();
        let context = format!("{} {}: {context}", scene.server, self.name);
        assert_eq!(&holdings(scene), expected, "{context}");
        let check = scene.agent.json(&["journal", "check"]);
        assert_eq!(check["faults"].as_array().map_or(0, Vec::len), 0, "{context}: {check}");
    }
}

/// Kill -9 of the program at every request to the server and at every answer.
pub fn v1_v2_killed_at_any_turn_with_the_server_each_item_is_once_on_each_side(server: &'static str) {
    let account = Scene::new(server);
    for plan in PLANS {
        let scene = |strike: Option<u64>| {
            let scene = account.beside();
            plan.prepare(&scene);
            let killer = Killer::before(scene.address.parse().unwrap(), strike, &scene.runtime);
            scene.configure(&killer.address(), "");
            let struck = killer.run(&scene.agent, SYNC);
            assert_eq!(struck.is_empty(), strike.is_none(), "{struck}");
            (scene, killer, struck)
        };
        let (reference, killer, _) = scene(None);
        let turns = killer.turns();
        reference.settle();
        let expected = holdings(&reference);
        println!("{server} {}: {turns} turns", plan.name);
        for turn in sample((1..=turns).collect(), 4) {
            let (scene, _killer, struck) = scene(Some(turn));
            plan.heals(&scene, &expected, &format!("killed {struck} (turn {turn})"));
        }
    }
}

/// The server goes in the middle of a run, wherever in an answer, and is there again for the next one.
pub fn v4_a_server_that_goes_in_the_middle_of_a_run_loses_and_doubles_nothing(server: &'static str) {
    let account = Scene::new(server);
    for plan in PLANS {
        let scene = |bytes: i64| {
            let scene = account.beside();
            plan.prepare(&scene);
            let left = Arc::new(AtomicI64::new(bytes));
            let entrance = scene.runtime.block_on(wire(scene.address.parse().unwrap(), Arc::clone(&left)));
            scene.configure(&entrance.to_string(), "");
            let finished = scene.agent.run(SYNC);
            (scene, left, finished)
        };
        let (reference, left, _) = scene(i64::MAX);
        let bytes = i64::MAX - left.load(Ordering::SeqCst);
        reference.settle();
        let expected = holdings(&reference);
        let cuts = if soak() { 40 } else { 3 };
        for cut in sample((1..=bytes).collect(), cuts) {
            let (scene, left, finished) = scene(cut);
            assert_eq!(finished.code, Some(75), "{server}: another try may do better: {finished:?}");
            left.store(i64::MAX, Ordering::SeqCst);
            plan.heals(&scene, &expected, &format!("cut after {cut} of {bytes} bytes"));
        }
    }
}

/// Leads to a server whose answers end after so many bytes, all together.
async fn wire(upstream: SocketAddr, left: Arc<AtomicI64>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let left = Arc::clone(&left);
            tokio::spawn(async move {
                if left.load(Ordering::SeqCst) <= 0 {
                    return;
                }
                let Ok(mut server) = TcpStream::connect(upstream).await else { return };
                let (mut from_client, mut to_client) = client.split();
                let (mut from_server, mut to_server) = server.split();
                let answers = async {
                    let mut buffer = vec![0; 16 * 1024];
                    while let Ok(count @ 1..) = from_server.read(&mut buffer).await {
                        let before = left.fetch_sub(i64::try_from(count).unwrap(), Ordering::SeqCst);
                        let allowed = usize::try_from(before).unwrap_or(0).min(count);
                        if to_client.write_all(&buffer[..allowed]).await.is_err() || allowed < count {
                            break;
                        }
                    }
                };
                tokio::select! {
                    () = answers => {}
                    _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
                }
            });
        }
    });
    address
}

/// The server knows the token of the last run no more, as after a restore from a backup.
pub fn v4_an_unknown_sync_token_loses_and_doubles_nothing(server: &'static str) {
    let scene = Scene::new(server);
    week(&scene);
    scene.settle();
    let count = scene.records().len();
    {
        let journal = Journal::open(&scene.agent.data_dir().join("journal.redb")).unwrap();
        let account = AccountId::from("work");
        for area in [Area::Calendar, Area::Tasks] {
            let Some(Cursor::Items { token: Some(token), rules, .. }) = journal.cursor(&account, area, &scene.calendar).unwrap() else {
                panic!("{server}: no cursor of {area:?}");
            };
            let mut token: serde_json::Value = serde_json::from_str(&token).unwrap();
            token["token"] = format!("http://radicale.org/ns/sync/{}", "0".repeat(64)).into();
            let cursor = Cursor::Items { token: Some(token.to_string()), state: None, rules };
            let change = Change::SetCursor { account: account.clone(), area, collection: scene.calendar.clone(), cursor };
            scene.runtime.block_on(journal.commit(vec![change])).unwrap();
        }
    }
    let visit = scene.item("visit.ics");
    scene.send("PUT", "visit.ics", visit.replace("SUMMARY:Visit", "SUMMARY:Visit at the harbour"));
    scene.send("DELETE", "dentist.ics", "");
    scene.put("lunch.ics", &event("lunch", &format!("DTSTART:{0}T110000Z\nDTEND:{0}T120000Z\nSUMMARY:Lunch\n", day(3))));
    scene.settle();
    scene.record("Visit at the harbour");
    scene.record("Lunch");
    assert_eq!(scene.records().len(), count + 1, "{server}");
    assert_eq!(scene.parked(), ["deleted-in-groupware"], "{server}: what went meanwhile is noticed");
}

/// The calendar is deleted and made anew under the same address: a mishap, not a hundred deletions.
pub fn v8_a_calendar_made_anew_deletes_nothing_in_the_crm(server: &'static str) {
    let scene = Scene::new(server);
    for number in 0..14 {
        let lines = format!("DTSTART:{0}T110000Z\nDTEND:{0}T120000Z\nSUMMARY:Visit {number}\n", day(number % 20 + 1));
        scene.put(&format!("v{number}.ics"), &event(&format!("v{number}"), &lines));
    }
    scene.settle();
    let records = scene.records();
    assert_eq!(records.len(), 14, "{server}");
    scene.send("DELETE", "", "");
    scene.sync();
    assert_eq!(scene.parked(), ["folder-refused", "folder-refused"], "{server}: for appointments and for tasks");
    // Cyrus counts the lives of a mailbox in seconds.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(scene.send("MKCALENDAR", "", "").0, 201, "{server}");
    scene.put("other.ics", &event("other", &format!("DTSTART:{0}T110000Z\nDTEND:{0}T120000Z\nSUMMARY:Other\n", day(5))));
    scene.settle();
    scene.record("Other");
    assert_eq!(scene.records()[..14], records, "{server}: the CRM keeps what it has");
    assert_eq!(scene.parked(), ["mass-change"; 14], "{server}: the user is asked");
}

/// A disk without room, as far as the program is concerned.
pub fn a_full_disk_ends_the_run_and_the_next_one_with_room_takes_everything_up(server: &'static str) {
    let scene = Scene::new(server);
    news(&scene);
    for number in 0..150 {
        let lines = format!(
            "DTSTART:{0}T110000Z\nDTEND:{0}T120000Z\nSUMMARY:Visit {number:03}\nDESCRIPTION:{1}\n",
            day(number % 20 + 1),
            "x".repeat(4000)
        );
        scene.put(&format!("v{number}.ics"), &event(&format!("v{number}"), &lines));
    }
    // Blocks of 512 bytes, or of 1024: while items are read, and between writes.
    for blocks in [3000, 5000] {
        let refused = scene.agent.run_wrapped(&format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\""), SYNC);
        assert_eq!(refused.code, Some(74), "{server}: {refused:?}");
        assert!(refused.stderr.contains("the disk with the journal is full"), "{server}: {refused:?}");
    }
    scene.settle_within(8);
    let (groupware, crm) = holdings(&scene);
    assert_eq!((groupware.len(), crm.len()), (159, 159), "{server}");
}
