//! The program itself between a CRM and an address book on a real server.

use std::sync::atomic::{AtomicUsize, Ordering};

use crmsync::model::{Field, Fields, Value};
use crmsync::sandbox::crm::StoredContact;
use serde_json::Value as Json;
use tokio::runtime::Runtime;

use crate::support::agent::{Account, Agent};
use crate::support::crm::SandboxCrm;
use crate::support::servers::{Server, variable};

pub const SYNC: &[&str] = &["sync", "--area", "contacts", "--all", "--yes"];

/// An account with an address book of its own, an installation, and a CRM.
pub struct Scene {
    pub server: &'static str,
    pub address: String,
    user: String,
    password: String,
    pub agent: Agent,
    pub crm: SandboxCrm,
    http: reqwest::Client,
    pub runtime: Runtime,
}

impl Scene {
    pub fn new(server: &'static str) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(131);
        let _ = rustls::crypto::ring::default_provider().install_default();
        let address = variable(server);
        let (user, password) = match server {
            "CYRUS_DAV" => {
                let user = Server::cyrus().user();
                (user.name, user.password)
            }
            name if name.starts_with("XANDIKOS") => ("alice".to_owned(), "pw-alice".to_owned()),
            _ => {
                let name = format!("user{:02}", NEXT.fetch_add(1, Ordering::Relaxed));
                (name.clone(), format!("pw-{name}"))
            }
        };
        let crm = SandboxCrm::start();
        let account = Account {
            address: "127.0.0.1:9".to_owned(),
            security: "none",
            ca_file: None,
            user: user.clone(),
            password: password.clone(),
            own_address: "anna@firma.example".to_owned(),
        };
        let agent = Agent::new(&account, &crm, "");
        let text = std::fs::read_to_string(agent.config_file()).unwrap();
        let book = format!("Kontakte [E] {}", uuid::Uuid::new_v4());
        let more = format!(
            "\n[accounts.work.carddav]\nurl = \"http://{address}/\"\n[contacts]\naddress_book = \"{book}\"\ncollections = [\"{book}\"]\ncountry = \"DE\"\n"
        );
        std::fs::write(agent.config_file(), text + &more).unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Self { server, address, user, password, agent, crm, http, runtime }
    }

    /// Lets the program reach the server somewhere else.
    pub fn through(&self, address: &str) {
        let text = std::fs::read_to_string(self.agent.config_file()).unwrap();
        let (before, after) = text.split_once("[accounts.work.carddav]\n").unwrap();
        let (_, rest) = after.split_once('\n').unwrap();
        let text = format!("{before}[accounts.work.carddav]\nurl = \"http://{address}/\"\n{rest}");
        std::fs::write(self.agent.config_file(), text).unwrap();
    }

    /// What another client, a phone, does.
    pub fn send(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let url = format!("http://{}{path}", self.address);
        let verb = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.http.request(verb, url).basic_auth(&self.user, Some(&self.password));
        if method == "PROPFIND" {
            request = request.header("depth", "1");
        }
        if !body.is_empty() {
            request = request.header("content-type", "text/vcard; charset=utf-8").body(body.to_owned());
        }
        self.runtime.block_on(async {
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        })
    }

    #[track_caller]
    pub fn put(&self, path: &str, card: &str) {
        let (status, words) = self.send("PUT", path, card);
        assert!(matches!(status, 200..300), "{}: {status} {words}", self.server);
    }

    /// A new contact of Anna's.
    pub fn contact(&self, given: &str, family: &str) -> String {
        let text = |text: &str| Value::Text(text.to_owned());
        let fields =
            Fields::from([(Field::GivenName, text(given)), (Field::FamilyName, text(family)), (Field::JobTitle, text("Einkauf; Süd"))]);
        self.crm.running().add_contact(Some("BP1"), Some("anna"), fields).unwrap().id
    }

    pub fn set(&self, id: &str, field: Field, value: &str) {
        let change = |contact: &mut StoredContact| drop(contact.fields.insert(field, Value::Text(value.to_owned())));
        self.crm.running().edit_contact(id, change).unwrap().unwrap();
    }

    pub fn all(&self) -> Vec<StoredContact> {
        self.crm.running().contacts().unwrap()
    }

    pub fn says(&self, id: &str, field: Field) -> String {
        match self.all().into_iter().find(|contact| contact.id == id).unwrap().fields.get(&field) {
            Some(Value::Text(text)) => text.clone(),
            _ => String::new(),
        }
    }

    /// Runs until nothing is written any more.
    #[track_caller]
    pub fn settle(&self) {
        self.agent.json(SYNC);
        self.agent.json(SYNC);
        let before: Vec<(String, u64)> = self.all().into_iter().map(|contact| (contact.id, contact.version)).collect();
        let answer = self.agent.json(SYNC);
        let after: Vec<(String, u64)> = self.all().into_iter().map(|contact| (contact.id, contact.version)).collect();
        assert_eq!((&answer["areas"]["contacts"]["changed"], after), (&Json::from(0), before), "v6 {}: {answer}", self.server);
    }

    /// Pairs that are in sync: contact and path of its card.
    pub fn pairs(&self) -> Vec<(String, String)> {
        let pairs = self.agent.json(&["pairs", "list", "--area", "contacts"]);
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        let path = |pair: &Json| {
            let (collection, id) = (text(&pair["item"]["collection"]), text(&pair["item"]["id"]));
            if id.starts_with('/') { id } else { format!("{collection}{id}") }
        };
        pairs
            .as_array()
            .unwrap()
            .iter()
            .filter(|pair| pair["state"] == "active")
            .map(|pair| (text(&pair["record"]["id"]), path(pair)))
            .collect()
    }

    #[track_caller]
    pub fn path(&self, id: &str) -> String {
        let pairs = self.pairs();
        pairs.iter().find(|(record, _)| record == id).unwrap_or_else(|| panic!("{}: no card of {id} in {pairs:?}", self.server)).1.clone()
    }

    /// The card of a contact, unfolded.
    #[track_caller]
    pub fn card(&self, id: &str) -> String {
        let (status, text) = self.send("GET", &self.path(id), "");
        assert_eq!(status, 200, "{}", self.server);
        text.replace("\r\n ", "").replace("\n ", "")
    }

    /// Paths of the cards in the address book, or none where it is not there.
    pub fn cards_in(&self, book: &str) -> Vec<String> {
        let (_, answer) = self.send("PROPFIND", &format!("{book}/"), "");
        let hrefs = answer.split("href>").filter_map(|part| part.split_once("</").map(|(href, _)| href.to_owned()));
        hrefs.filter(|href| href.starts_with('/') && !href.ends_with('/')).collect()
    }

    #[track_caller]
    pub fn edit(&self, id: &str, change: impl FnOnce(&str) -> String) {
        let (before, path) = (self.card(id), self.path(id));
        self.put(&path, &change(&before));
    }
}

pub fn with(line: &str) -> impl FnOnce(&str) -> String {
    let line = line.to_owned();
    move |card| card.replace("END:VCARD", &format!("{line}\r\nEND:VCARD"))
}

pub fn gif(name: &str) -> Vec<u8> {
    [b"GIF89a", name.as_bytes(), &[0; 3000]].concat()
}

pub fn a_contact_lives_at_both_ends(server: &'static str) {
    let scene = Scene::new(server);
    let (clara, ben, eva) = (scene.contact("Clara", "Hofmann"), scene.contact("Ben", "Öztürk"), scene.contact("Eva", "Weg"));
    scene.crm.running().put_contact_photo(&clara, Some(&gif("one"))).unwrap();
    scene.settle();
    assert_eq!(scene.pairs().len(), 3, "r86 {server}: {:?}", scene.pairs());
    let card = scene.card(&clara);
    assert!(card.contains("Hofmann;Clara") && card.contains("PHOTO") && card.contains(&clara), "{server}: {card}");

    // Either side, and both at once.
    scene.edit(&clara, with("ROLE:Entscheiderin"));
    scene.set(&ben, Field::FamilyName, "Öztürk-Lang");
    scene.set(&eva, Field::JobTitle, "Leitung");
    scene.edit(&eva, with("TEL;TYPE=WORK:+49 711 5550"));
    scene.settle();
    assert_eq!(scene.says(&clara, Field::Role), "Entscheiderin", "{server}");
    assert!(scene.card(&ben).contains("FN:Ben Öztürk-Lang"), "{server}: {}", scene.card(&ben));
    assert!(scene.card(&eva).contains("TITLE:Leitung"), "{server}: {}", scene.card(&eva));
    let phones = scene.all().into_iter().find(|contact| contact.id == eva).unwrap().fields.get(&Field::Phones).cloned();
    assert!(matches!(&phones, Some(Value::Phones(list)) if list.len() == 1), "{server}: {phones:?}");

    // R94: the picture on either side.
    scene.crm.running().put_contact_photo(&clara, Some(&gif("two"))).unwrap();
    scene.edit(&ben, with(&format!("PHOTO;ENCODING=b;TYPE=GIF:{}", data_encoding::BASE64.encode(&gif("ben")))));
    scene.settle();
    assert_eq!(scene.crm.running().contact_photo(&ben).unwrap(), Some(gif("ben")), "{server}");
    assert!(scene.card(&clara).contains(&data_encoding::BASE64.encode(&gif("two"))), "{server}: {}", scene.card(&clara));

    // R102: a card with the category is imported under its partner; one without is never read.
    let book = scene.path(&clara).rsplit_once('/').unwrap().0.to_owned();
    let new = |uid: &str, name: &str, more: &str| {
        format!(
            "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nN:{name};Nora;;;\r\nFN:Nora {name}\r\nEMAIL:{uid}@kunde.example\r\n{more}END:VCARD\r\n"
        )
    };
    scene.put(&format!("{book}/nora.vcf"), &new("nora", "Neu", "CATEGORIES:CRMcorner\r\n"));
    scene.put(&format!("{book}/private.vcf"), &new("private", "Geheim", ""));
    let report = scene.agent.json(&["contacts", "import", "--select", "all", "--yes"]);
    assert_eq!((report["found"].as_array().unwrap().len(), &report["imported"]), (1, &Json::from(1)), "{server}: {report}");
    scene.settle();
    let families: Vec<Option<Value>> = scene.all().into_iter().map(|contact| contact.fields.get(&Field::FamilyName).cloned()).collect();
    assert!(
        families.contains(&Some(Value::Text("Neu".to_owned()))) && !families.contains(&Some(Value::Text("Geheim".to_owned()))),
        "r90 {server}"
    );

    // R93: a deletion in the address book stays there; one in the CRM takes the card.
    assert!(matches!(scene.send("DELETE", &scene.path(&ben), "").0, 200..300), "{server}");
    let eva_path = scene.path(&eva);
    scene.crm.running().delete_contact(&eva).unwrap();
    scene.settle();
    assert_eq!(scene.says(&ben, Field::FamilyName), "Öztürk-Lang", "r93 {server}");
    assert_eq!(scene.send("GET", &eva_path, "").0, 404, "{server}");
    assert_eq!(scene.pairs().len(), 2, "{server}: {:?}", scene.pairs());

    // The card that was deleted may come back, because nobody remembers it: nothing else happens.
    let (contacts, cards) = (scene.all().len(), [scene.card(&clara), scene.send("GET", &format!("{book}/nora.vcf"), "").1]);
    scene.agent.lose_the_journal();
    scene.settle();
    assert_eq!(scene.all().len(), contacts, "v4 {server}: no contact twice");
    assert_eq!([scene.card(&clara), scene.send("GET", &format!("{book}/nora.vcf"), "").1], cards, "v4 {server}: no card is written anew");
    assert_eq!(scene.pairs().len(), 3, "v4 {server}: no card twice: {:?}", scene.pairs());
    let parked = scene.agent.json(&["parked"]);
    assert!(parked.as_array().unwrap().is_empty(), "{server}: {parked}");
}
