//! Contacts by the engine: a CRM and an address book in memory.

use super::*;
use crate::crm::{ContactFacts, ContactGroup, ContactRules, RecordKind, RecordLink, RecordView, Switch};
use crate::engine::contacts::{self, ContactJob};
use crate::groupware::Part;
use crate::journal::{ItemPlace, PairState};
use crate::model::contact::{Phone, Photo};
use crate::model::{Digest, FieldChanges, ReasonCode};
use crate::settings::ContactSettings;
use crate::sync::items::identity::part_key;

/// One computer whose user owns some contacts.
struct Book {
    store: FakeStore,
    crm: FakeCrm,
    agent: Agent,
    settings: ContactSettings,
}

fn contact_settings() -> ContactSettings {
    ContactSettings {
        items: ItemSettings { link_back: true, ..settings() },
        // What the one collection of the fake server is called.
        address_book: "Calendar".into(),
        owned: true,
        groups: true,
        search: None,
        organisations: true,
        photos: true,
        category: "CRMcorner".into(),
        country: None,
    }
}

fn person(given: &str, family: &str) -> Fields {
    [(Field::GivenName, text(given)), (Field::FamilyName, text(family))].into()
}

fn with(mut fields: Fields, field: Field, value: Value) -> Fields {
    fields.insert(field, value);
    fields
}

fn words(list: &[&str]) -> Value {
    Value::Words(list.iter().map(|&word| word.to_owned()).collect())
}

fn phones(numbers: &[&str]) -> Value {
    Value::phones(numbers.iter().map(|&number| Phone { kind: "work".into(), number: number.into(), preferred: false })).unwrap()
}

fn picture(name: &str) -> Photo {
    let bytes = [b"GIF89a", name.as_bytes()].concat();
    Photo { digest: Digest::of(&bytes), media_type: "image/gif".into(), bytes: Some(bytes.into()) }
}

fn to(field: Field, value: Value) -> FieldChanges {
    [(field, Some(value))].into()
}

impl Book {
    fn new() -> Self {
        let (store, crm, agent) = world();
        Self { store, crm, agent, settings: contact_settings() }
    }

    fn try_run(&mut self) -> Result<AreaCount, EngineError> {
        self.agent.runs += 1;
        let context = self.agent.context();
        let record = RunRecord {
            id: context.run.clone(),
            account: account(),
            started_at: context.now(),
            ended_at: None,
            end: RunEnd::Running,
            areas: BTreeMap::new(),
        };
        self.agent.journal.commit_blocking(vec![Change::PutRun(record)]).unwrap();
        let job = ContactJob {
            settings: Arc::new(self.settings.clone()),
            demands: ContactRules { max_photo_bytes: 100, ..ContactRules::default() },
            max_items: 5,
            crm_instance: "crm.example".into(),
        };
        let mut count = AreaCount::default();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(contacts::synchronise(&self.store, &self.crm, &job, &context, &mut count))?;
        let report = self.agent.journal.check().unwrap();
        assert!(report.is_sound(), "{:?}", report.faults);
        Ok(count)
    }

    #[track_caller]
    fn converge(&mut self) -> AreaCount {
        let count = self.try_run().unwrap();
        self.try_run().unwrap();
        let before = (self.store.writes(), self.crm.writes());
        self.try_run().unwrap();
        assert_eq!((self.store.writes(), self.crm.writes()), before, "v6: a converged system is quiet");
        count
    }

    /// A contact of the CRM.
    fn contact(&self, id: &str, owned: bool, fields: Fields) {
        let view = RecordView {
            link: RecordLink { id: id.into(), version: String::new(), link: Some(format!("https://crm.example/{id}")) },
            kind: RecordKind::Contact,
            activity_type: "CONTACT".into(),
            uid: None,
            recurrence_id: None,
            fields,
            origin: None,
            contact: Some(ContactFacts { owned, ..ContactFacts::default() }),
        };
        self.crm.lock().store(view);
    }

    fn facts(&self, id: &str, change: impl FnOnce(&mut ContactFacts)) {
        let mut view = self.crm.lock().records[id].clone();
        change(view.contact.as_mut().unwrap());
        self.crm.lock().store(view);
    }

    /// A card that the user wrote.
    fn card(&self, id: &str, uid: &str, record: Option<&str>, fields: Fields) {
        let part = Part { recurrence_id: None, fields, record: record.map(str::to_owned), link_block: None };
        let item = Item { uid: uid.into(), area: Area::Contacts, parts: vec![part], scheduled: false, original: "BEGIN:VCARD".into() };
        self.store.put_item(id, item);
    }

    /// Names and contents of the cards.
    fn cards(&self) -> BTreeMap<String, Item> {
        self.store.lock().items.iter().map(|(id, (_, item))| (id.clone(), item.clone())).collect()
    }

    #[track_caller]
    fn only_card(&self) -> (String, Item) {
        let mut cards = self.cards();
        assert_eq!(cards.len(), 1, "{cards:#?}");
        cards.pop_first().unwrap()
    }

    fn pairs(&self) -> Vec<Pair> {
        self.agent.journal.pairs_page(&account(), Area::Contacts, None, 1_000).unwrap().into_iter().map(|(_, pair)| pair).collect()
    }

    fn parked(&self) -> Vec<(String, ReasonCode)> {
        let list = self.agent.journal.parked(Some(&account())).unwrap();
        list.into_iter().map(|entry| (entry.title, entry.reason.code)).collect()
    }

    fn wish(&self, wish: Wish) {
        self.agent.journal.commit_blocking(vec![Change::PutWish { account: account(), area: Area::Contacts, wish }]).unwrap();
    }

    fn import(&self, id: &str, uid: &str, partner: &str) {
        let item = ItemPlace { collection: "cal".into(), id: id.into() };
        self.wish(Wish::Import { key: part_key(uid, None), item, partner: Some(partner.into()) });
    }
}

#[test]
fn r86_owned_contacts_become_cards_that_bear_their_id_and_both_follow_each_other() {
    let mut book = Book::new();
    book.contact("CP1", true, person("Clara", "Hofmann"));
    book.contact("CP2", false, person("Ben", "Other"));
    book.converge();
    let (id, card) = book.only_card();
    assert_eq!((card.parts[0].record.as_deref(), card.area), (Some("CP1"), Area::Contacts), "r99");
    assert_eq!(book.crm.lock().records["CP1"].uid, Some(card.uid), "the contact knows its card");

    book.store.edit(&id, &to(Field::JobTitle, text("Head of purchasing")));
    book.crm.edit("CP1", &to(Field::Phones, phones(&["+49 40 111"])));
    book.converge();
    assert_eq!(book.crm.fields("CP1")[&Field::JobTitle], text("Head of purchasing"));
    assert_eq!(book.store.fields(&id)[&Field::Phones], phones(&["+49 40 111"]));
}

#[test]
fn r92_both_sides_may_add_to_a_list_at_once() {
    let mut book = Book::new();
    book.contact("CP1", true, with(person("Clara", "Hofmann"), Field::Phones, phones(&["+49 40 111"])));
    book.converge();
    let (id, _) = book.only_card();
    book.store.edit(&id, &to(Field::Phones, phones(&["+49 40 111", "+49 40 222"])));
    book.crm.edit("CP1", &to(Field::Phones, phones(&["+49 40 333"])));
    book.converge();
    let expected = phones(&["+49 40 222", "+49 40 333"]);
    assert_eq!(
        (book.crm.fields("CP1")[&Field::Phones].clone(), book.store.fields(&id)[&Field::Phones].clone()),
        (expected.clone(), expected)
    );
}

#[test]
fn c8_the_policy_of_a_field_decides_a_true_conflict() {
    let mut book = Book::new();
    book.settings.items.field_conflicts.insert(Field::Role, ConflictPolicy::GroupwareWins);
    book.contact("CP1", true, person("Clara", "Hofmann"));
    book.converge();
    let (id, _) = book.only_card();
    book.store.edit(&id, &[(Field::Role, Some(text("card"))), (Field::JobTitle, Some(text("card")))].into());
    book.crm.edit("CP1", &[(Field::Role, Some(text("crm"))), (Field::JobTitle, Some(text("crm")))].into());
    book.converge();
    let fields = book.store.fields(&id);
    assert_eq!((&fields[&Field::Role], &fields[&Field::JobTitle]), (&text("card"), &text("crm")));
    assert_eq!(book.crm.fields("CP1")[&Field::Role], text("card"));
    assert_eq!(book.agent.journal.conflict_losers(&account(), Area::Contacts, 9).unwrap().len(), 2);
}

#[test]
fn r85_the_switch_takes_the_card_away_and_brings_it_back() {
    let mut book = Book::new();
    book.contact("CP1", true, person("Clara", "Hofmann"));
    book.converge();
    let (before, _) = book.only_card();
    book.facts("CP1", |facts| facts.switch = Switch::Off);
    book.converge();
    assert!(book.cards().is_empty() && book.pairs().is_empty(), "r112: {:?}", book.pairs());
    assert!(book.crm.lock().records.contains_key("CP1"), "the contact stays");
    book.facts("CP1", |facts| facts.switch = Switch::On);
    book.converge();
    assert_eq!(book.only_card().0, before, "r113");
}

#[test]
fn r88_members_of_groups_for_replication_are_chosen_and_lose_it_with_the_group() {
    let mut book = Book::new();
    book.crm.lock().groups = vec![ContactGroup {
        id: "G1".into(),
        name: "Phone".into(),
        main_group: "Outlook".into(),
        owned: true,
        public: false,
        memo: String::new(),
    }];
    book.contact("CP1", false, person("Clara", "Hofmann"));
    book.facts("CP1", |facts| facts.groups = vec!["G1".into()]);
    book.converge();
    book.only_card();
    book.crm.lock().groups[0].main_group = "Marketing".into();
    book.converge();
    assert!(book.cards().is_empty());
}

#[test]
fn r97_what_the_saved_search_finds_is_chosen() {
    let mut book = Book::new();
    book.settings.search = Some("Hofm".into());
    book.contact("CP1", false, person("Clara", "Hofmann"));
    book.contact("CP2", false, person("Ben", "Other"));
    book.converge();
    assert_eq!(book.only_card().1.parts[0].record.as_deref(), Some("CP1"));
}

#[test]
fn a_card_that_was_changed_before_its_contact_was_switched_off_is_asked_about() {
    let mut book = Book::new();
    book.contact("CP1", true, person("Clara", "Hofmann"));
    book.converge();
    let (id, _) = book.only_card();
    book.store.edit(&id, &to(Field::Role, text("buyer")));
    book.facts("CP1", |facts| facts.switch = Switch::Off);
    book.converge();
    assert_eq!(book.parked().len(), 1, "{:?}", book.parked());
    assert_eq!(book.parked()[0].1, ReasonCode::DeletedAndChanged);
    book.only_card();
}

#[test]
fn v8_many_contacts_that_lose_their_selection_are_asked_about() {
    let mut book = Book::new();
    for n in 0..20 {
        book.contact(&format!("CP{n}"), true, person("Clara", &format!("Nr{n}")));
    }
    book.converge();
    assert_eq!(book.cards().len(), 20);
    book.settings.owned = false;
    book.converge();
    assert_eq!(book.cards().len(), 20, "nothing goes before the user has spoken");
    assert!(book.parked().iter().all(|(_, code)| *code == ReasonCode::MassChange) && book.parked().len() == 20);
    book.settings.owned = true;
    book.converge();
    assert_eq!((book.cards().len(), book.parked().len()), (20, 0), "what is chosen again waits for nothing");
}

#[test]
fn r93_a_card_that_the_user_deletes_never_reaches_the_crm_and_is_not_made_again() {
    let mut book = Book::new();
    book.contact("CP1", true, person("Clara", "Hofmann"));
    book.converge();
    let (id, _) = book.only_card();
    let (before, writes) = (book.crm.fields("CP1"), book.crm.writes());
    book.store.delete(&id);
    book.converge();
    assert_eq!(book.pairs()[0].state, PairState::RemovedByUser);
    book.crm.edit("CP1", &to(Field::Role, text("buyer")));
    // Whatever the user says to it afterwards: there is nothing that could be cancelled.
    book.wish(Wish::Confirm { key: part_key(&book.pairs()[0].uid, None) });
    book.converge();
    assert!(book.cards().is_empty());
    assert_eq!((book.crm.fields("CP1"), book.crm.writes()), (with(before, Field::Role, text("buyer")), writes));
}

#[test]
fn r90_cards_without_the_category_leave_no_trace() {
    let mut book = Book::new();
    book.card("private", "Geheim-Uid", None, with(person("Geheim", "Geheim"), Field::Note, text("Geheim")));
    book.card(
        "marked-private",
        "uid-p",
        None,
        with(with(person("Geheim", "x"), Field::Categories, words(&["CRMcorner"])), Field::Private, Value::Flag(true)),
    );
    book.converge();
    assert!(book.crm.lock().records.is_empty());
    let mut dump = Vec::new();
    book.agent.journal.export(&mut dump).unwrap();
    assert!(!String::from_utf8_lossy(&dump).contains("Geheim"), "v13: the journal knows nothing of it");
}

#[test]
fn r102_a_card_with_the_category_waits_and_is_imported_under_its_partner() {
    let mut book = Book::new();
    book.card("new", "uid-new", None, with(person("Nora", "Neu"), Field::Categories, words(&["CRMcorner"])));
    book.converge();
    assert!(book.crm.lock().records.is_empty(), "nothing is imported by itself");
    book.import("new", "uid-new", "BP7");
    let count = book.converge();
    assert_eq!(count.changed, 2, "imported, and linked back");
    let view = book.crm.only();
    assert_eq!(view.uid.as_deref(), Some("uid-new"));
    let facts = view.contact.clone().unwrap();
    assert_eq!(
        (facts.partner.map(|partner| partner.id), facts.switch),
        (Some("BP7".into()), Switch::On),
        "its card stays though no rule names it"
    );
    let (_, card) = book.only_card();
    assert_eq!(card.parts[0].record, Some(view.link.id.clone()), "r99: it bears the id");
    book.store.edit("new", &to(Field::Role, text("buyer")));
    book.converge();
    assert_eq!(book.crm.fields(&view.link.id)[&Field::Role], text("buyer"), "r100");
}

#[test]
fn r91_what_the_crm_would_refuse_is_told_with_its_field() {
    let mut book = Book::new();
    book.card("new", "uid-new", None, [(Field::GivenName, text("Nora")), (Field::Categories, words(&["CRMcorner"]))].into());
    book.converge();
    book.import("new", "uid-new", "BP7");
    book.converge();
    assert!(book.crm.lock().records.is_empty());
    let entry = &book.agent.journal.parked(Some(&account())).unwrap()[0];
    assert_eq!(entry.reason.code, ReasonCode::RejectedByCrm);
    assert!(entry.reason.detail.contains("familyName"), "{:?}", entry.reason);
}

#[test]
fn v2_an_import_whose_answer_was_lost_makes_one_contact() {
    let mut book = Book::new();
    book.card("new", "uid-new", None, with(person("Nora", "Neu"), Field::Categories, words(&["CRMcorner"])));
    book.converge();
    book.import("new", "uid-new", "BP7");
    book.crm.lock().lose_answers = 1;
    book.try_run().unwrap_err();
    book.converge();
    assert_eq!(book.crm.only().uid.as_deref(), Some("uid-new"));
    assert_eq!(book.pairs().len(), 1);
}

#[test]
fn c17_a_card_is_linked_to_the_contact_that_is_there_already() {
    let mut book = Book::new();
    book.settings.owned = false;
    book.contact("CP1", false, with(person("Nora", "Neu"), Field::Role, text("buyer")));
    book.facts("CP1", |facts| facts.switch = Switch::On);
    book.card(
        "new",
        "uid-new",
        None,
        with(with(person("Nora", "Neu"), Field::Categories, words(&["CRMcorner"])), Field::JobTitle, text("Head")),
    );
    let item = ItemPlace { collection: "cal".into(), id: "new".into() };
    book.wish(Wish::Link { key: part_key("uid-new", None), item, record: "CP1".into() });
    book.converge();
    let (_, card) = book.only_card();
    assert_eq!(card.parts[0].record.as_deref(), Some("CP1"));
    assert_eq!((&card.parts[0].fields[&Field::Role], &book.crm.fields("CP1")[&Field::JobTitle]), (&text("buyer"), &text("Head")));
}

#[test]
fn v4_after_a_lost_journal_cards_are_known_by_id_and_uid() {
    let mut book = Book::new();
    book.contact("CP1", true, person("Clara", "Hofmann"));
    book.contact("CP2", true, person("Ben", "Vogt"));
    book.converge();
    let before = book.cards();
    book.agent.lose_journal();
    // The server has dropped the id of one of them.
    let (first, item) = before.first_key_value().unwrap();
    let mut item = item.clone();
    item.parts[0].record = None;
    book.store.put_item(first, item);
    book.converge();
    assert_eq!(book.cards().keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>(), "no duplicates");
    assert_eq!((book.pairs().len(), book.parked()), (2, Vec::new()));
}

#[test]
fn v4_a_card_that_came_back_with_another_uid_is_known_by_its_id() {
    let mut book = Book::new();
    book.contact("CP1", true, person("Clara", "Hofmann"));
    book.converge();
    let (id, item) = book.only_card();
    book.store.delete(&id);
    book.agent.lose_journal();
    book.card("restored", "uid-restored", Some("CP1"), item.parts[0].fields.clone());
    book.converge();
    assert_eq!((book.only_card().0.as_str(), book.pairs().len(), book.parked()), ("restored", 1, Vec::new()));
}

#[test]
fn v4_two_cards_with_one_id_are_parked_and_not_paired_twice() {
    let mut book = Book::new();
    book.contact("CP1", true, person("Clara", "Hofmann"));
    book.converge();
    let (id, item) = book.only_card();
    book.card("copy", "uid-copy", Some("CP1"), item.parts[0].fields.clone());
    book.converge();
    assert_eq!((book.pairs().len(), book.parked().len()), (1, 1));
    assert_eq!(book.parked()[0].1, ReasonCode::Ambiguous);
    book.store.edit(&id, &to(Field::Role, text("buyer")));
    book.converge();
    assert_eq!(book.crm.fields("CP1")[&Field::Role], text("buyer"), "the paired one goes on");
    // Without the journal nobody knows which of two foreign cards it is.
    book.store.delete(&id);
    book.card("second", "uid-second", Some("CP1"), item.parts[0].fields.clone());
    book.agent.lose_journal();
    book.converge();
    assert_eq!((book.pairs().len(), book.parked().len(), book.cards().len()), (0, 2, 2));
    book.crm.edit("CP1", &to(Field::Role, text("seller")));
    book.converge();
    assert_eq!(book.cards().len(), 2, "and no third one is made");
    book.store.delete("copy");
    book.agent.later(TimeDelta::days(2));
    book.converge();
    assert_eq!((book.pairs().len(), book.parked()), (1, Vec::new()), "one alone is the contact's");
}

#[test]
fn r94_a_picture_goes_both_ways_and_does_not_echo() {
    let mut book = Book::new();
    book.contact("CP1", true, person("Clara", "Hofmann"));
    let put = |book: &Book, name: &str| {
        book.crm.lock().photos.insert("CP1".into(), picture(name));
        book.crm.edit("CP1", &to(Field::Photo, Value::Photo(Photo { bytes: None, ..picture(name) })));
    };
    put(&book, "one");
    book.converge();
    let (id, card) = book.only_card();
    let Value::Photo(photo) = &card.parts[0].fields[&Field::Photo] else { panic!() };
    assert_eq!(photo.bytes, picture("one").bytes, "the picture itself, though the journal and the change hold none");

    put(&book, "two");
    book.converge();
    assert_eq!(book.store.fields(&id)[&Field::Photo], Value::Photo(picture("two")));

    book.store.edit(&id, &[(Field::Photo, Some(Value::Photo(picture("three")))), (Field::Role, Some(text("buyer")))].into());
    book.converge();
    assert_eq!(book.crm.lock().photos["CP1"].bytes, picture("three").bytes);
    assert_eq!(book.crm.fields("CP1")[&Field::Role], text("buyer"));

    book.store.edit(&id, &[(Field::Photo, None)].into());
    book.converge();
    assert!(book.crm.lock().photos.is_empty(), "and it goes");
}

#[test]
fn r94_a_picture_is_had_after_a_crash_too() {
    let mut book = Book::new();
    book.contact("CP1", true, person("Clara", "Hofmann"));
    book.converge();
    let (id, _) = book.only_card();
    book.crm.lock().photos.insert("CP1".into(), picture("one"));
    book.crm.edit("CP1", &to(Field::Photo, Value::Photo(Photo { bytes: None, ..picture("one") })));
    book.crm.lock().lose_photo = true;
    book.try_run().unwrap_err();
    book.converge();
    assert_eq!(book.store.fields(&id)[&Field::Photo], Value::Photo(picture("one")));
    // The answer to the write of a card is lost.
    book.crm.lock().photos.insert("CP1".into(), picture("two"));
    book.crm.edit("CP1", &to(Field::Photo, Value::Photo(Photo { bytes: None, ..picture("two") })));
    book.store.lock().lose_answers = 1;
    book.try_run().unwrap_err();
    book.converge();
    assert_eq!((book.store.fields(&id)[&Field::Photo].clone(), book.parked()), (Value::Photo(picture("two")), Vec::new()));
}

#[test]
fn an_imported_picture_goes_into_the_crm_after_its_contact() {
    let mut book = Book::new();
    let fields = with(person("Nora", "Neu"), Field::Categories, words(&["CRMcorner"]));
    book.card("new", "uid-new", None, with(fields, Field::Photo, Value::Photo(picture("nora"))));
    book.converge();
    book.import("new", "uid-new", "BP7");
    book.converge();
    let id = book.crm.only().link.id;
    assert_eq!(book.crm.lock().photos[&id].bytes, picture("nora").bytes);
}

#[test]
fn pictures_can_be_left_out() {
    let mut book = Book::new();
    book.settings.photos = false;
    book.contact("CP1", true, person("Clara", "Hofmann"));
    book.crm.lock().photos.insert("CP1".into(), picture("one"));
    book.crm.edit("CP1", &to(Field::Photo, Value::Photo(Photo { bytes: None, ..picture("one") })));
    book.converge();
    let (id, card) = book.only_card();
    assert!(!card.parts[0].fields.contains_key(&Field::Photo));
    book.store.edit(&id, &to(Field::Photo, Value::Photo(picture("mine"))));
    book.converge();
    assert_eq!(book.crm.lock().photos["CP1"], picture("one"));
}

#[test]
fn r92_a_new_last_name_is_shown_on_the_phone() {
    let mut book = Book::new();
    book.store.lock().alter = Some(|fields| {
        // As every card does, it shows a name.
        let name = |field| if let Some(Value::Text(text)) = fields.get(&field) { text.clone() } else { String::new() };
        let shown = format!("{} {}", name(Field::GivenName), name(Field::FamilyName));
        fields.entry(Field::FileAs).or_insert_with(|| Value::Text(shown));
    });
    book.contact("CP1", true, person("Clara", "Hofmann"));
    book.converge();
    let (id, _) = book.only_card();
    assert!(!book.crm.fields("CP1").contains_key(&Field::FileAs), "what the card shows is no change of the CRM's");
    book.crm.edit("CP1", &to(Field::FamilyName, text("Brandt")));
    book.converge();
    assert_eq!(book.store.fields(&id)[&Field::FileAs], text("Clara Brandt"));
    // Nor is it one when the card changes, or the journal is lost.
    book.store.edit(&id, &to(Field::Role, text("buyer")));
    book.converge();
    book.agent.lose_journal();
    book.converge();
    assert!(!book.crm.fields("CP1").contains_key(&Field::FileAs));
    book.store.edit(&id, &to(Field::FileAs, text("Brandt, Clara")));
    book.converge();
    assert_eq!(book.crm.fields("CP1")[&Field::FileAs], text("Brandt, Clara"), "what somebody wrote is");
}

#[test]
fn r100_a_private_mark_freezes_a_card_where_the_settings_say_so() {
    let mut book = Book::new();
    book.settings.items.private = PrivateItems::Skip;
    book.contact("CP1", true, person("Clara", "Hofmann"));
    book.converge();
    let (id, _) = book.only_card();
    book.store.edit(&id, &[(Field::Private, Some(Value::Flag(true))), (Field::Role, Some(text("secret")))].into());
    book.converge();
    assert!(!book.crm.fields("CP1").contains_key(&Field::Role), "v13");
}

#[test]
fn v8_a_contact_that_is_out_of_sight_keeps_its_card_and_one_that_lost_its_owner_does_not() {
    let mut book = Book::new();
    book.contact("CP1", true, person("Clara", "Hofmann"));
    book.contact("CP2", true, person("Ben", "Vogt"));
    book.converge();
    // Rights were lost: nobody can say what became of it.
    book.crm.lock().withheld.insert("CP1".into());
    book.crm.delete("CP1");
    // A colleague has it now: the changes say that it is gone, the contact itself that it is not.
    book.crm.lock().unconcerned.insert("CP2".into());
    book.facts("CP2", |facts| facts.owned = false);
    book.converge();
    assert_eq!(book.only_card().1.parts[0].record.as_deref(), Some("CP1"));
    assert_eq!(book.pairs()[0].state, PairState::RecordGone);
}

#[test]
fn a_contact_that_is_deleted_in_the_crm_loses_its_card() {
    let mut book = Book::new();
    book.contact("CP1", true, person("Clara", "Hofmann"));
    book.converge();
    book.crm.delete("CP1");
    book.converge();
    assert!(book.cards().is_empty() && book.pairs().is_empty());
}

#[test]
fn r94_a_picture_that_the_address_book_does_not_take_keeps_nothing_else_back() {
    let mut book = Book::new();
    book.store.lock().refuses_photos = true;
    book.contact("CP1", true, with(person("Clara", "Hofmann"), Field::Photo, Value::Photo(Photo { bytes: None, ..picture("one") })));
    book.crm.lock().photos.insert("CP1".into(), picture("one"));
    book.converge();
    let (id, card) = book.only_card();
    assert!(!card.parts[0].fields.contains_key(&Field::Photo));
    book.crm.lock().photos.insert("CP1".into(), picture("two"));
    book.crm.edit(
        "CP1",
        &[(Field::Photo, Some(Value::Photo(Photo { bytes: None, ..picture("two") }))), (Field::Role, Some(text("buyer")))].into(),
    );
    book.converge();
    assert_eq!((book.store.fields(&id)[&Field::Role].clone(), book.parked()), (text("buyer"), Vec::new()));
}

#[test]
fn r91_a_picture_too_large_for_the_crm_waits_with_its_field_and_the_rest_goes_on() {
    let mut book = Book::new();
    book.contact("CP1", true, person("Clara", "Hofmann"));
    book.converge();
    let (id, _) = book.only_card();
    let large = picture(&"x".repeat(200));
    book.store.edit(&id, &[(Field::Photo, Some(Value::Photo(large))), (Field::Role, Some(text("buyer")))].into());
    book.converge();
    assert_eq!(book.crm.fields("CP1")[&Field::Role], text("buyer"));
    assert!(book.crm.lock().photos.is_empty());
    let entry = &book.agent.journal.parked(Some(&account())).unwrap()[0];
    assert!(entry.reason.detail.starts_with("photo"), "{:?}", entry.reason);
    book.store.edit(&id, &to(Field::Photo, Value::Photo(picture("small"))));
    book.converge();
    assert_eq!((book.crm.lock().photos["CP1"].clone(), book.parked()), (picture("small"), Vec::new()));
}

#[test]
fn x19_each_direction_can_be_closed() {
    let mut book = Book::new();
    book.settings.items.direction = SyncDirection::ToGroupware;
    book.contact("CP1", true, person("Clara", "Hofmann"));
    book.converge();
    let (id, _) = book.only_card();
    book.store.edit(&id, &to(Field::Role, text("buyer")));
    book.crm.edit("CP1", &to(Field::JobTitle, text("Head")));
    book.converge();
    assert!(!book.crm.fields("CP1").contains_key(&Field::Role));
    assert_eq!(book.store.fields(&id)[&Field::JobTitle], text("Head"));

    let mut book = Book::new();
    book.settings.items.direction = SyncDirection::ToCrm;
    book.contact("CP1", true, person("Clara", "Hofmann"));
    book.converge();
    assert!(book.cards().is_empty());
}

#[test]
fn r87_organisations_are_cards_of_their_own_where_they_are_wanted() {
    let organisation = [(Field::Organisation, Value::Flag(true)), (Field::Company, text("Solaris"))];
    for wanted in [true, false] {
        let mut book = Book::new();
        book.settings.organisations = wanted;
        book.contact("BP1", true, organisation.clone().into());
        let mut view = book.crm.lock().records["BP1"].clone();
        view.kind = RecordKind::Organisation;
        book.crm.lock().store(view);
        book.converge();
        assert_eq!(book.cards().len(), usize::from(wanted));
        assert!(book.pairs().iter().all(|pair| pair.kind == RecordKind::Organisation));
    }
}

#[test]
fn v13_a_card_that_became_private_before_its_import_stays_where_it_is() {
    let mut book = Book::new();
    let fields = with(person("Nora", "Neu"), Field::Categories, words(&["CRMcorner"]));
    book.card("new", "uid-new", None, fields.clone());
    book.converge();
    book.import("new", "uid-new", "BP7");
    book.card("new", "uid-new", None, with(fields, Field::Private, Value::Flag(true)));
    book.converge();
    assert!(book.crm.lock().records.is_empty() && book.parked().is_empty(), "{:?}", book.parked());
}

#[test]
fn v10_lists_of_contacts_lie_beside_cards_and_are_nobodys_business() {
    let mut book = Book::new();
    let list = Item { uid: "list".into(), area: Area::Contacts, parts: Vec::new(), scheduled: false, original: "BEGIN:VCARD".into() };
    book.store.put_item("list", list);
    book.contact("CP1", true, person("Clara", "Hofmann"));
    let count = book.converge();
    assert_eq!((count.errors, book.cards().len(), book.parked()), (0, 2, Vec::new()));
}

#[test]
fn c17_a_contact_that_has_a_card_is_not_given_to_another_one() {
    let mut book = Book::new();
    book.contact("CP1", true, person("Clara", "Hofmann"));
    book.converge();
    book.card("new", "uid-new", None, with(person("Clara", "H."), Field::Categories, words(&["CRMcorner"])));
    book.wish(Wish::Link {
        key: part_key("uid-new", None),
        item: ItemPlace { collection: "cal".into(), id: "new".into() },
        record: "CP1".into(),
    });
    book.converge();
    assert_eq!((book.pairs().len(), book.store.fields("new")[&Field::FamilyName].clone()), (1, text("H.")));
}

#[test]
fn v10_a_card_that_cannot_be_read_keeps_no_other_one_back() {
    let mut book = Book::new();
    book.card("broken", "uid-b", None, person("Geheim", "Geheim"));
    book.store.lock().broken.insert("broken".into());
    book.contact("CP1", true, person("Clara", "Hofmann"));
    book.converge();
    assert_eq!(book.pairs().len(), 1);
    assert_eq!(book.parked(), [(String::new(), ReasonCode::BrokenItem)], "and is told without its name");
}

/// Whatever is cut off, at whatever request: in the end there is one card a contact and one contact a card.
#[test]
fn v2_writes_that_are_cut_off_double_and_lose_nothing() {
    for cut in 0..12_u64 {
        let mut book = Book::new();
        book.contact("CP1", true, with(person("Clara", "Hofmann"), Field::Photo, Value::Photo(Photo { bytes: None, ..picture("one") })));
        book.crm.lock().photos.insert("CP1".into(), picture("one"));
        let fields = with(person("Nora", "Neu"), Field::Categories, words(&["CRMcorner"]));
        book.card("new", "uid-new", None, with(fields, Field::Photo, Value::Photo(picture("nora"))));
        book.import("new", "uid-new", "BP7");
        match cut % 3 {
            0 => book.store.lock().lose_answers = 1 + cut / 3,
            1 => book.crm.lock().lose_answers = 1 + cut / 3,
            _ => (book.store.lock().lose_answers, book.crm.lock().lose_answers) = (1, 1 + cut / 3),
        }
        let mut runs = 0;
        while book.try_run().is_err() {
            runs += 1;
            assert!(runs < 20, "{cut}");
            if runs == 3 && cut % 2 == 0 {
                book.agent.lose_journal();
                book.import("new", "uid-new", "BP7");
            }
        }
        book.agent.later(TimeDelta::days(2));
        book.converge();
        let (contacts, cards, pairs) = (book.crm.lock().records.len(), book.cards().len(), book.pairs());
        assert_eq!((contacts, cards, pairs.len()), (2, 2, 2), "{cut}");
        assert!(pairs.iter().all(|pair| pair.state == PairState::Active && pair.record.is_some()), "{cut}: {pairs:#?}");
        assert_eq!(book.crm.lock().photos.len(), 2, "{cut}");
        assert!(book.cards().values().all(|card| card.parts[0].fields.contains_key(&Field::Photo)), "{cut}");
        assert!(book.parked().is_empty(), "{cut}: {:?}", book.parked());
    }
}

#[test]
fn v13_a_card_that_is_marked_private_after_it_was_chosen_stays_out_and_its_contact_gets_a_card() {
    let mut book = Book::new();
    book.contact("CP1", true, person("Nora", "Neu"));
    let card = with(person("Geheim", "Neu"), Field::Categories, words(&["CRMcorner"]));
    book.card("new", "uid-new", None, with(card, Field::Private, Value::Flag(true)));
    let item = ItemPlace { collection: "cal".into(), id: "new".into() };
    book.wish(Wish::Link { key: part_key("uid-new", None), item, record: "CP1".into() });
    book.converge();
    assert_eq!(book.cards().len(), 2);
    assert_eq!(book.cards()["new"].parts[0].record, None);
    assert_eq!(book.crm.fields("CP1")[&Field::GivenName], text("Nora"));
    assert!(book.agent.journal.wishes(&account(), Area::Contacts).unwrap().is_empty());
}

#[test]
fn v12_a_card_is_not_linked_with_a_contact_that_has_another_card_already() {
    let mut book = Book::new();
    book.contact("CP1", true, person("Nora", "Neu"));
    book.converge();
    let (first, _) = book.only_card();
    // Another computer's journal, or this one's after its disk was lost, does not know the pair; the card cannot be read just now.
    book.agent.lose_journal();
    book.store.lock().broken.insert(first.clone());
    book.card("new", "uid-new", None, with(person("Nora", "Neu"), Field::Categories, words(&["CRMcorner"])));
    let item = ItemPlace { collection: "cal".into(), id: "new".into() };
    book.wish(Wish::Link { key: part_key("uid-new", None), item, record: "CP1".into() });
    book.converge();
    assert_eq!(book.cards()["new"].parts[0].record, None);
    assert!(book.parked().contains(&("Nora Neu".into(), ReasonCode::Ambiguous)), "{:?}", book.parked());
    book.store.lock().broken.clear();
    book.store.edit(&first, &to(Field::Role, text("buyer")));
    book.converge();
    assert_eq!(book.pairs().len(), 1, "{:?}", book.pairs());
    assert_eq!(book.pairs()[0].item.as_ref().map(|place| place.id.clone()), Some(first));
}

#[test]
fn v5_what_a_user_added_to_a_card_whose_creation_was_cut_off_is_asked_about_before_it_goes() {
    let mut book = Book::new();
    book.contact("CP1", true, person("Nora", "Neu"));
    book.crm.lock().lose_answers = 1;
    book.try_run().unwrap_err();
    let (id, _) = book.only_card();
    book.store.edit(&id, &to(Field::Phones, phones(&["+49 40 1234"])));
    book.facts("CP1", |facts| facts.switch = Switch::Off);
    book.converge();
    assert_eq!(book.store.fields(&id)[&Field::Phones], phones(&["+49 40 1234"]));
    assert_eq!(book.parked()[0].1, ReasonCode::DeletedAndChanged);
}

#[test]
fn v8_cards_of_an_address_book_that_was_deleted_come_back_when_the_user_asks_for_them() {
    let mut book = Book::new();
    let ids: Vec<String> = (0..12).map(|number| format!("CP{number}")).collect();
    for id in &ids {
        book.contact(id, true, person("Clara", id));
    }
    book.converge();
    for id in book.cards().into_keys() {
        book.store.delete(&id);
    }
    book.converge();
    assert_eq!((book.cards().len(), book.parked().len()), (0, 12), "so many are asked about");
    for id in &ids {
        book.wish(Wish::Push { record: id.clone() });
    }
    book.converge();
    assert_eq!((book.cards().len(), book.pairs().len(), book.parked()), (12, 12, Vec::new()));
    assert_eq!(book.crm.lock().records.len(), 12);
}

#[test]
fn v5_what_a_colleague_changes_between_an_import_and_its_switch_reaches_the_card_which_stays() {
    for lost in [0, 1] {
        let mut book = Book::new();
        book.card("new", "uid-new", None, with(person("Nora", "Neu"), Field::Categories, words(&["CRMcorner"])));
        book.converge();
        book.import("new", "uid-new", "BP7");
        {
            let mut office = book.crm.lock();
            office.lose_answers = lost;
            office.race_switch = Some((Field::JobTitle, text("Head")));
        }
        if lost > 0 {
            book.try_run().unwrap_err();
        }
        book.converge();
        let (_, card) = book.only_card();
        assert_eq!(card.parts[0].fields.get(&Field::JobTitle), Some(&text("Head")), "{lost} answers lost");
    }
}
