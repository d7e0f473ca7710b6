//! Many items in one calendar, through the program: what the first pairing, a quiet run and single changes cost.

use crmsync::model::Field;
use serde_json::Value as Json;

use crate::scene::{SYNC, Scene, said};
use crate::week::{day, event};

const ITEMS: u64 = 2000;

pub fn two_thousand_items_are_paired_in_few_requests_and_a_quiet_run_costs_one(server: &'static str) {
    // Without links: fifty of them a run are written back, which would go on for days.
    let scene = Scene::with(server, "link_back = false");
    let items = (0..ITEMS).map(|n| {
        let lines =
            format!("DTSTART:{0}T{1:02}0000Z\nDTEND:{0}T{1:02}3000Z\nSUMMARY:Visit {n:04}\nLOCATION:Office\n", day(n % 200), n % 24);
        (format!("v{n:04}.ics"), event(&format!("v{n:04}"), &lines))
    });
    scene.put_all(items);

    let first = scene.agent.json(SYNC);
    assert_eq!(first["areas"]["calendar"]["changed"], ITEMS, "{}", first["areas"]);
    assert_eq!(scene.records().len() as u64, ITEMS);
    println!("{server}: first pairing: {}", first["traffic"]);
    // For each area the homes, the report, and the items 50 at a time; what is found on the way to the homes.
    let requests = first["traffic"]["dav"]["commands"].as_u64().unwrap();
    assert!(requests <= 2 * (ITEMS / 50) + 12, "{server}: {requests} requests");

    // It reads in the CRM's list of changes what it has written itself.
    assert_eq!(changed(&scene.agent.json(SYNC)), 0);
    let quiet = scene.agent.json(SYNC);
    println!("{server}: quiet: {}", quiet["traffic"]);
    assert_eq!(changed(&quiet), 0, "{quiet}");
    // The way to the home, which a process looks for once: two questions, the listing of the home, and what the server can do.
    assert_eq!(quiet["traffic"]["dav"]["commands"], 4, "the home is listed once, for both areas");
    assert_eq!(scene.records().iter().map(|record| record.version).max(), Some(1), "nothing is written");

    scene.change("Visit 0007", Field::Location, "Room 4");
    let item = scene.item("v1000.ics");
    scene.send("PUT", "v1000.ics", item.replace("SUMMARY:Visit 1000", "SUMMARY:Moved 1000"));
    let one = scene.agent.json(SYNC);
    println!("{server}: one change on each side: {}", one["traffic"]);
    assert_eq!(changed(&one), 2, "{one}");
    assert!(one["traffic"]["dav"]["commands"].as_u64().unwrap() <= 16, "{server}: {}", one["traffic"]);
    assert!(scene.item("v0007.ics").contains("LOCATION:Room 4"));
    assert_eq!(said(&scene.record("Moved 1000"), Field::Location), "Office");
    scene.settle();
}

fn changed(answer: &Json) -> u64 {
    answer["areas"]["calendar"]["changed"].as_u64().unwrap()
}
