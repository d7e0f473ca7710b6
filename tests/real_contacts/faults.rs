//! What goes wrong between the program and an address book on a real server: nothing is lost and nothing is doubled.

use crmsync::model::{Field, Value};

use crate::program::{SYNC, Scene, gif, with};
use crate::support::killer::{Killer, sample};

/// What both sides hold: what the cards say of names, pictures and roles, and the contacts.
type Holdings = (Vec<String>, Vec<String>);

fn prepare(scene: &Scene, changed: bool) {
    let clara = scene.contact("Clara", "Hofmann");
    let ben = scene.contact("Ben", "Weg");
    scene.contact("Eva", "Lang");
    scene.crm.running().put_contact_photo(&clara, Some(&gif("one"))).unwrap();
    if !changed {
        return;
    }
    scene.settle();
    scene.crm.running().put_contact_photo(&clara, Some(&gif("two"))).unwrap();
    scene.edit(&clara, with("ROLE:Entscheiderin"));
    let eva = scene.all().into_iter().find(|contact| contact.fields.get(&Field::GivenName) == Some(&Value::Text("Eva".into()))).unwrap().id;
    scene.edit(&eva, with(&format!("PHOTO;ENCODING=b;TYPE=GIF:{}", data_encoding::BASE64.encode(&gif("eva")))));
    scene.crm.running().delete_contact(&ben).unwrap();
    scene.contact("Ida", "Neu");
}

fn holdings(scene: &Scene) -> Holdings {
    let book = scene.pairs().first().map(|(_, path)| path.rsplit_once('/').unwrap().0.to_owned()).unwrap_or_default();
    let said = |path: &String| {
        let card = scene.send("GET", path, "").1.replace("\r\n ", "").replace("\n ", "");
        let told = ["FN", "PHOTO", "ROLE"];
        let mut lines: Vec<String> = card
            .lines()
            .filter_map(|line| line.split_once(':'))
            .filter(|(name, _)| told.contains(&name.split(';').next().unwrap_or_default()))
            .map(|(name, value)| format!("{}:{}", name.split(';').next().unwrap_or_default(), value.trim()))
            .collect();
        lines.sort();
        lines.join(" ")
    };
    let mut cards: Vec<String> = scene.cards_in(&book).iter().map(said).collect();
    let text = |fields: &crmsync::model::Fields, field| match fields.get(&field) {
        Some(Value::Text(text)) => text.clone(),
        _ => String::new(),
    };
    let mut contacts: Vec<String> = scene
        .all()
        .iter()
        .filter(|contact| !contact.deleted)
        .map(|contact| {
            let picture = scene.crm.running().contact_photo(&contact.id).unwrap().map_or(0, |bytes| bytes.len() + usize::from(bytes[6]));
            format!("{} {} {picture}", text(&contact.fields, Field::FamilyName), text(&contact.fields, Field::Role))
        })
        .collect();
    cards.sort();
    contacts.sort();
    (cards, contacts)
}

/// Kill -9 of the program at requests to the server and at answers, in the first run over what is new and in one over changes.
pub fn v1_v2_killed_at_any_turn_with_the_server_each_contact_is_once_on_each_side(server: &'static str) {
    for changed in [false, true] {
        let scene = |strike: Option<u64>| {
            let scene = Scene::new(server);
            prepare(&scene, changed);
            let killer = Killer::before(scene.address.parse().unwrap(), strike, &scene.runtime);
            scene.through(&killer.address());
            let struck = killer.run(&scene.agent, SYNC);
            (scene, killer, struck)
        };
        let (reference, killer, _) = scene(None);
        let turns = killer.turns();
        reference.settle();
        let expected = holdings(&reference);
        assert_eq!(expected.0.len(), 3, "{expected:?}");
        println!("{server}, changes {changed}: {turns} turns");
        for turn in sample((1..=turns).collect(), 4) {
            let (scene, _killer, struck) = scene(Some(turn));
            scene.settle();
            assert_eq!(holdings(&scene), expected, "{server}: killed {struck} (turn {turn})");
            let check = scene.agent.json(&["journal", "check"]);
            assert_eq!(check["faults"].as_array().map_or(0, Vec::len), 0, "{server}: {check}");
        }
    }
}

pub fn r94_a_picture_that_is_too_large_keeps_nothing_else_back(server: &'static str) {
    let scene = Scene::new(server);
    let clara = scene.contact("Clara", "Hofmann");
    scene.settle();
    // More than the CRM takes.
    let large = [b"GIF89a".as_slice(), &vec![7; 1_100_000]].concat();
    scene.edit(&clara, |card| {
        let lines = format!("ROLE:Entscheiderin\r\nPHOTO;ENCODING=b;TYPE=GIF:{}\r\nEND:VCARD", data_encoding::BASE64.encode(&large));
        card.replace("END:VCARD", &lines)
    });
    scene.settle();
    assert_eq!(scene.says(&clara, Field::Role), "Entscheiderin", "{server}");
    assert_eq!(scene.crm.running().contact_photo(&clara).unwrap(), None, "{server}");
    let parked = scene.agent.json(&["parked"]).to_string();
    assert!(parked.contains("photo") && parked.contains("larger than"), "{server}: {parked}");
    assert!(scene.card(&clara).contains("PHOTO"), "{server}: the user keeps his picture");
}

/// The user deletes the address book; the next run makes it again. Deletions never reach the CRM, and what is asked for comes back once.
pub fn v8_an_address_book_made_anew_changes_nothing_in_the_crm(server: &'static str) {
    let scene = Scene::new(server);
    let ids: Vec<String> = (0..12).map(|number| scene.contact("Nr", &format!("Kontakt{number:02}"))).collect();
    scene.settle();
    let before: Vec<_> = scene.all().into_iter().map(|contact| (contact.id.clone(), contact.fields)).collect();
    let book = scene.path(&ids[0]).rsplit_once('/').unwrap().0.to_owned();
    let (status, words) = scene.send("DELETE", &format!("{book}/"), "");
    assert!(matches!(status, 200..300), "{server}: {status} {words}");
    scene.settle();
    let after: Vec<_> = scene.all().into_iter().map(|contact| (contact.id.clone(), contact.fields)).collect();
    assert_eq!(after, before, "r93 {server}");
    let parked = scene.agent.json(&["parked"]);
    println!("{server}: {} parked, {} cards", parked.as_array().unwrap().len(), scene.cards_in(&book).len());
    // All that waits is to be as it was.
    let all: Vec<&str> = ["contacts", "link", "--yes"].into_iter().chain(ids.iter().map(String::as_str)).collect();
    scene.agent.json(&all);
    scene.settle();
    let pairs = scene.pairs();
    assert_eq!(pairs.len(), 12, "{server}: {pairs:?}");
    let book = scene.path(&ids[0]).rsplit_once('/').unwrap().0.to_owned();
    assert_eq!(scene.cards_in(&book).len(), 12, "{server}: each once");
    assert_eq!(scene.all().len(), before.len(), "{server}");
}
