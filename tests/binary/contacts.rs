//! Contacts by the program itself: a CardDAV server and a CRM on loopback, and a user at each of them.

use std::collections::BTreeMap;

use crmsync::model::{Field, Value};
use crmsync::sandbox::crm::StoredContact;
use crmsync::sandbox::dav::{Handle, RunningDav, SandboxDavOptions};
use crmsync::sandbox::imap::SandboxImapOptions;
use crmsync::sandbox::samples;
use serde_json::Value as Json;

use super::stage::{Side, Stage, USER};

const SYNC: &[&str] = &["sync", "--area", "contacts", "--all", "--yes"];

/// An installation whose account has address books, and a CRM with contacts.
struct Scene {
    stage: Stage,
    dav: RunningDav,
    /// Path of the address book for contacts of the CRM.
    book: String,
}

impl Scene {
    fn new() -> Self {
        let stage = Stage::new(SandboxImapOptions::default(), "");
        let dav = stage.start_dav(SandboxDavOptions::default());
        samples::contacts::populate(&dav.handle());
        let unique = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, b"CRM contacts").simple().to_string();
        let scene = Self { stage, dav, book: format!("crm-contacts-{}", &unique[..8]) };
        scene.configure("");
        scene
    }

    fn configure(&self, settings: &str) {
        self.stage.configure("");
        let text = std::fs::read_to_string(self.stage.config_file()).unwrap();
        let more = format!(
            "[sync]\nareas = [\"contacts\"]\n[accounts.work.carddav]\nurl = \"{}\"\n[contacts]\ncountry = \"DE\"\n{settings}\n",
            self.dav.url()
        );
        std::fs::write(self.stage.config_file(), text + &more).unwrap();
    }

    fn books(&self) -> Handle {
        self.dav.handle()
    }

    #[track_caller]
    fn sync(&self) -> Json {
        self.stage.json(SYNC)
    }

    /// Runs until nothing is written any more.
    #[track_caller]
    fn settle(&self) {
        self.sync();
        self.sync();
        let before = self.state();
        let answer = self.sync();
        assert_eq!(self.state(), before, "v6: a run over what is the same writes nothing: {answer}");
    }

    /// Requests that wrote something at the server of contacts, and the versions of the CRM.
    fn state(&self) -> (usize, Vec<(String, u64)>) {
        let writes = |request: &&String| ["PUT ", "DELETE ", "MKCOL ", "PROPPATCH "].iter().any(|verb| request.starts_with(verb));
        let versions = self.stage.crm.contacts().unwrap().into_iter().map(|contact| (contact.id, contact.version)).collect();
        (self.books().requests().iter().filter(writes).count(), versions)
    }

    /// The cards of the address book, by the contact they belong to.
    fn cards(&self) -> BTreeMap<String, (String, String)> {
        let all = self.books().items(USER, &self.book);
        let record = |text: &str| text.lines().find_map(|line| line.strip_prefix("X-CRMSYNC-RECORD:").map(|id| id.trim().to_owned()));
        all.into_iter().map(|(name, text)| (record(&text).unwrap_or_else(|| panic!("no id in {text}")), (name, text))).collect()
    }

    #[track_caller]
    fn card(&self, id: &str) -> (String, String) {
        self.cards().remove(id).unwrap_or_else(|| panic!("no card of {id} in {:?}", self.cards().keys()))
    }

    fn edit_card(&self, id: &str, from: &str, to: &str) {
        let (name, text) = self.card(id);
        assert!(text.contains(from), "{text}");
        self.books().put(USER, &self.book, &name, &text.replace(from, to));
    }

    #[track_caller]
    fn contact(&self, id: &str) -> StoredContact {
        self.stage.crm.contacts().unwrap().into_iter().find(|contact| contact.id == id).unwrap_or_else(|| panic!("no {id}"))
    }

    fn set(&self, id: &str, field: Field, value: &str) {
        let changed = self.stage.crm.edit_contact(id, |contact| drop(contact.fields.insert(field, Value::Text(value.to_owned()))));
        changed.unwrap().unwrap();
    }

    fn text(&self, id: &str, field: Field) -> String {
        match self.contact(id).fields.get(&field) {
            Some(Value::Text(text)) => text.clone(),
            _ => String::new(),
        }
    }

    fn named(&self, family: &str) -> Vec<StoredContact> {
        let all = self.stage.crm.contacts().unwrap();
        all.into_iter().filter(|one| one.fields.get(&Field::FamilyName) == Some(&Value::Text(family.to_owned()))).collect()
    }
}

const CHOSEN: [&str; 6] = ["CP2001", "CP2002", "CP2003", "CP2004", "CP2005", "CP2012"];

#[test]
fn r86_r88_what_the_rules_choose_is_in_an_address_book_of_its_own_and_both_sides_follow() {
    let scene = Scene::new();
    let planned = scene.stage.json(&["sync", "--area", "contacts", "--dry-run"]);
    assert_eq!(planned["contacts"]["items"].as_array().unwrap().len(), CHOSEN.len(), "{planned}");
    assert!(scene.cards().is_empty() && !scene.books().requests().iter().any(|request| request.starts_with("MKCOL")), "x1");

    scene.settle();
    assert_eq!(scene.cards().into_keys().collect::<Vec<_>>(), CHOSEN);
    let (_, clara) = scene.card("CP2001");
    assert!(clara.contains("FN:Clara Hofmann") && clara.contains("PHOTO;") && clara.contains("TEL;"), "r92, r94: {clara}");
    assert_eq!(scene.books().items(USER, "contacts").len(), 3, "the user's own book is as it was");

    scene.edit_card("CP2002", "END:VCARD", "ROLE:Planer\r\nEND:VCARD");
    scene.set("CP2002", Field::JobTitle, "Technischer Leiter");
    scene.set("CP2003", Field::FamilyName, "Müller-Lang");
    scene.stage.crm.put_contact_photo("CP2003", None).unwrap();
    scene.settle();
    assert_eq!(scene.text("CP2002", Field::Role), "Planer");
    assert!(scene.card("CP2002").1.contains("TITLE:Technischer Leiter"));
    let (_, mueller) = scene.card("CP2003");
    assert!(mueller.contains("FN:Jürgen Müller-Lang") && !mueller.contains("PHOTO"), "{mueller}");

    let shown = scene.stage.json(&["pairs", "list", "--area", "contacts"]);
    assert_eq!(shown.as_array().unwrap().len(), CHOSEN.len());
    assert_eq!(
        scene.stage.json(&["pairs", "show", "CP2001"])["crm"]["says"]["family-name"]["text"],
        scene.stage.json(&["pairs", "show", "CP2001"])["groupware"]["says"]["family-name"]["text"]
    );
    assert_eq!(scene.stage.json(&["why", "CP2001"])["pairs"].as_array().unwrap().len(), 1);
    let doctor = scene.stage.run(&["doctor", "--json"]);
    assert!(doctor.stdout.contains("address books: ") && doctor.stdout.contains("CRM contacts"), "{doctor:?}");
    assert!(scene.stage.run(&["status"]).stdout.contains("Contacts"));
}

#[test]
fn r94_a_picture_of_the_card_reaches_the_crm() {
    let scene = Scene::new();
    scene.settle();
    let before = scene.stage.crm.contact_photo("CP2001").unwrap().unwrap();
    let (name, text) = scene.card("CP2001");
    let unfolded = text.replace("\r\n ", "");
    let line = unfolded.lines().find(|line| line.starts_with("PHOTO")).unwrap();
    let gif = data_encoding::BASE64.encode(b"GIF89a of another day");
    scene.books().put(USER, &scene.book, &name, &unfolded.replace(line, &format!("PHOTO;ENCODING=b;TYPE=GIF:{gif}")));
    scene.settle();
    let after = scene.stage.crm.contact_photo("CP2001").unwrap().unwrap();
    assert_ne!(before, after);
    assert_eq!(after, b"GIF89a of another day");
}

#[test]
fn r85_the_switch_by_command_takes_cards_away_and_brings_them() {
    let scene = Scene::new();
    scene.settle();
    let answer = scene.stage.json(&["contacts", "unlink", "CP2001", "CP2003"]);
    assert_eq!(answer["switched"].as_array().unwrap().len(), 2);
    assert!(!scene.cards().contains_key("CP2001") && !scene.cards().contains_key("CP2003"), "r112");
    assert_eq!(scene.named("Hofmann").len(), 1, "the contact stays");
    scene.stage.json(&["contacts", "link", "CP2001", "CP2008"]);
    assert!(scene.cards().contains_key("CP2001") && scene.cards().contains_key("CP2008"), "r113");
    scene.settle();
    let list = scene.stage.json(&["contacts", "list"]);
    let of = |id: &str| list.as_array().unwrap().iter().find(|one| one["id"] == id).cloned().unwrap();
    assert_eq!((of("CP2008")["switch"].clone(), of("CP2008")["card"].clone()), ("on".into(), "in-sync".into()));
    assert_eq!((of("CP2003")["replicated"].clone(), of("CP2003")["because"].clone()), (false.into(), "its switch".into()));

    // R97, R98: a search, hits that are in the address book already are selected, then go.
    let hits = scene.stage.json(&["contacts", "export", "--search", "dijk"]);
    let sanne = hits["found"].as_array().unwrap().iter().find(|one| one["id"] == "CP2005").cloned().unwrap();
    assert_eq!(sanne["replicated"], true, "{hits}");
    assert!(hits.get("run").is_none());
    scene.stage.json(&["contacts", "export", "--search", "dijk", "--select", "CP2006", "--deselect", "CP2005", "--yes"]);
    assert!(scene.cards().contains_key("CP2006") && !scene.cards().contains_key("CP2005"));
    assert_eq!(scene.stage.run(&["contacts", "link", "CP9999"]).code, Some(66));
}

#[test]
fn r93_what_is_deleted_in_the_address_book_stays_in_the_crm_and_comes_back_on_request() {
    let scene = Scene::new();
    scene.settle();
    let before = scene.contact("CP2002");
    let (name, _) = scene.card("CP2002");
    assert!(scene.books().remove(USER, &scene.book, &name));
    scene.settle();
    assert_eq!(scene.contact("CP2002"), before);
    assert!(!scene.cards().contains_key("CP2002"));
    scene.stage.json(&["contacts", "link", "CP2002"]);
    assert!(scene.cards().contains_key("CP2002"));
    // Deleted in the CRM: the card goes.
    scene.stage.crm.delete_contact("CP2003").unwrap();
    scene.settle();
    assert!(!scene.cards().contains_key("CP2003"));
}

#[test]
fn r102_r111_cards_with_the_category_are_imported_under_their_partner_and_certain_duplicates_are_linked() {
    let scene = Scene::new();
    scene.settle();
    let found = scene.stage.json(&["contacts", "import"]);
    let of = |uid: &str| found["found"].as_array().unwrap().iter().find(|one| one["uid"] == uid).cloned().unwrap_or_default();
    assert_eq!(found["found"].as_array().unwrap().len(), 2, "r90, r99: neither private nor linked cards: {found}");
    let nora = of("nora-neumann@nordwind.example");
    assert_eq!((nora["partner"]["id"].clone(), nora["prefilled_by"].clone()), ("BP1001".into(), "company".into()), "r103: {nora}");
    assert_eq!(nora["duplicate"], "none", "{nora}");
    let clara = of("clara-private@nordwind.example");
    assert_eq!(clara["duplicate"], "certain", "r105: {clara}");
    assert!(clara["similar"][0]["evidence"][0].as_str().unwrap().contains("clara.hofmann@"), "{clara}");
    let duplicates = scene.stage.json(&["contacts", "duplicates"]);
    assert_eq!(duplicates.as_array().unwrap().len(), 1, "{duplicates}");

    let both = [
        "contacts",
        "import",
        "--select",
        "nora-neumann@nordwind.example",
        "--select",
        "clara-private@nordwind.example",
        "--yes",
        "--json",
    ];
    let answer = scene.stage.run(&both);
    assert_eq!(answer.code, Some(1), "{answer:?}");
    let answer = answer.json();
    assert_eq!((answer["selected"].clone(), answer["imported"].clone()), (1.into(), 1.into()), "r111: {answer}");
    assert!(answer["refused"]["clara-private@nordwind.example"].as_str().unwrap().contains("contacts link"), "{answer}");
    let imported = scene.named("Neumann");
    assert_eq!((imported.len(), imported[0].partner.as_deref()), (1, Some("BP1001")));
    let card = scene.books().get(USER, "contacts", "nora-neumann.vcf").unwrap();
    assert!(card.contains(&format!("X-CRMSYNC-RECORD:{}", imported[0].id)) && card.contains("CATEGORIES:CRMcorner"), "r99: {card}");

    // C17: linked instead, where the contact has no card yet.
    let refused = scene.stage.run(&["contacts", "link", "CP2001", "--card", "clara-private@nordwind.example"]);
    assert_eq!(refused.code, Some(64), "{refused:?}");
    scene.stage.json(&["contacts", "unlink", "CP2001"]);
    scene.stage.json(&["contacts", "link", "CP2001", "--card", "clara-private@nordwind.example"]);
    scene.settle();
    let clara = scene.books().get(USER, "contacts", "clara.vcf").unwrap();
    assert!(clara.contains("X-CRMSYNC-RECORD:CP2001") && clara.contains("TITLE:Leiterin Einkauf"), "{clara}");
    assert_eq!(scene.named("Hofmann").len(), 1);
    let left = scene.stage.run(&["contacts", "import"]);
    assert!(left.stdout.contains("no card left to import"), "r101: {left:?}");
}

#[test]
fn r102_a_card_without_a_partner_is_not_imported_until_one_is_named() {
    let scene = Scene::new();
    let card = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:lone\r\nN:Einzel;Eva;;;\r\nFN:Eva Einzel\r\nEMAIL:eva@gmx.de\r\nCATEGORIES:crmcorner\r\nEND:VCARD\r\n";
    scene.books().put(USER, "contacts", "lone.vcf", card);
    let answer = scene.stage.run(&["contacts", "import", "--select", "lone", "--yes", "--json"]);
    assert_eq!(answer.code, Some(1), "{answer:?}");
    assert!(answer.stdout.contains("--partner") && scene.named("Einzel").is_empty(), "{answer:?}");
    let answer = scene.stage.json(&["contacts", "import", "--select", "lone", "--partner", "lone=BP1005", "--yes"]);
    assert_eq!(answer["imported"], 1, "{answer}");
    assert_eq!(scene.named("Einzel")[0].partner.as_deref(), Some("BP1005"));
    assert_eq!(scene.stage.run(&["contacts", "import", "--partner", "BP0"]).code, Some(66));
}

#[test]
fn r90_v13_a_card_without_the_category_reaches_neither_crm_nor_journal_nor_log() {
    let scene = Scene::new();
    let finished = scene.stage.run(&[&["-vv"], SYNC].concat());
    assert_eq!(finished.code, Some(0), "{finished:?}");
    scene.stage.json(&["contacts", "import"]);
    let journal = scene.stage.run(&["journal", "export"]);
    for secret in ["Marianne", "Mama", "5550 999", "mum@nordwind.example"] {
        assert!(!finished.stderr.contains(secret) && !finished.stdout.contains(secret), "{secret}: {finished:?}");
        assert!(!journal.stdout.contains(secret), "{secret} is in the journal");
    }
    assert!(scene.named("Berger").is_empty());
}

#[test]
fn v4_after_a_lost_journal_there_are_no_duplicates() {
    let scene = Scene::new();
    scene.settle();
    scene.stage.json(&["contacts", "import", "--select", "all", "--yes"]);
    scene.settle();
    let (cards, contacts) = (scene.cards(), scene.stage.crm.contacts().unwrap().len());
    scene.stage.lose_the_journal();
    scene.settle();
    assert_eq!(scene.cards(), cards, "no card is written anew, and none is made");
    assert_eq!(scene.stage.crm.contacts().unwrap().len(), contacts);
    assert!(scene.stage.parked().is_empty(), "{:?}", scene.stage.parked());
}

#[test]
fn v4_two_cards_with_one_id_are_parked() {
    let scene = Scene::new();
    scene.settle();
    let (_, text) = scene.card("CP2002");
    let uid = text.lines().find(|line| line.starts_with("UID:")).unwrap();
    scene.books().put(USER, "contacts", "copy.vcf", &text.replace(uid, "UID:copy"));
    scene.settle();
    assert_eq!(scene.stage.parked().iter().map(|(_, code)| code.as_str()).collect::<Vec<_>>(), ["ambiguous"]);
    assert_eq!(scene.named("Lang").len(), 1);
}

#[test]
fn a_run_without_a_change_asks_each_home_once() {
    let scene = Scene::new();
    scene.settle();
    let before = scene.books().requests().len();
    let answer = scene.sync();
    let requests = scene.books().requests()[before..].to_vec();
    // Each command finds the way to the home anew; of the address books it asks once.
    assert!(
        requests.iter().filter(|request| request.starts_with("REPORT") || request.starts_with("GET")).count() == 0,
        "{requests:?} {answer}"
    );
}

/// Kill -9 at every third turn of the conversation with the CRM, then a run that heals it: contacts, pictures and an import.
#[test]
fn v1_v2_killed_at_every_turn_with_the_crm_no_contact_is_lost_or_doubled() {
    let names = |scene: &Scene| {
        let all = scene.stage.crm.contacts().unwrap();
        let mut names: Vec<String> = all.iter().map(|one| format!("{:?} {:?}", one.fields.get(&Field::FamilyName), one.partner)).collect();
        names.sort();
        (names, scene.books().items(USER, &scene.book).len())
    };
    let reference = Scene::new();
    reference.settle();
    let expected = names(&reference);
    let mut scene = Scene::new();
    scene.stage = scene.stage.behind_proxies("");
    scene.configure("");
    let mut turn = 0;
    while turn < 60 {
        let steps = scene.stage.steps(Side::Crm);
        scene.stage.strike_at(&[(Side::Crm, steps + turn)]);
        let _ = scene.stage.run(SYNC);
        let struck = scene.stage.struck().len();
        scene.stage.spare();
        scene.settle();
        assert_eq!(names(&scene), expected, "after {:?}", scene.stage.struck().last());
        // So that there is something to write again on both sides.
        scene.stage.lose_the_journal();
        scene.set("CP2001", Field::JobTitle, &format!("Turn {turn}"));
        let (name, text) = scene.card("CP2002");
        scene.books().put(
            USER,
            &scene.book,
            &name,
            &text.replace("END:VCARD", &format!("TEL;TYPE=WORK:+49 711 {}\r\nEND:VCARD", 1000 + turn)),
        );
        if struck == 0 {
            break;
        }
        turn += 3;
    }
}

#[test]
fn v10_a_broken_card_waits_with_its_reason_and_the_others_go_on() {
    let scene = Scene::new();
    scene.settle();
    scene.books().put(USER, &scene.book, "broken.vcf", "Half a card, or none at all\r\n");
    scene.set("CP2001", Field::JobTitle, "Leitung");
    scene.settle();
    let card = scene.books().items(USER, &scene.book).into_iter().find(|(_, text)| text.contains("CP2001")).unwrap().1;
    assert!(card.contains("TITLE:Leitung"), "{card}");
    let parked = scene.stage.json(&["parked"]).to_string();
    assert!(parked.contains("broken-item") && parked.contains("broken.vcf"), "{parked}");
    assert!(!parked.contains("Half"), "v13: {parked}");
}
