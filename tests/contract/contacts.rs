//! Contacts: the adapter against the sandbox, what goes well and what goes wrong.

use std::collections::BTreeSet;

use crmsync::crm::contract::FieldsDocument;
use crmsync::crm::http::HttpCrm;
use crmsync::crm::{
    ContactQuery, Crm as _, CrmContacts as _, CrmError, CrmRecords as _, MailVerdict, MatchQuery, MatchedBy, PartnerQuery, RecordAction,
    RecordChange, RecordKind, RecordState, RecordView, RecordWrite, Switch, WriteVerdict,
};
use crmsync::model::contact::{ContactAddress, Photo};
use crmsync::model::{Digest, Field, FieldChanges, Fields, OpId, Value};
use crmsync::sandbox::crm::{Faults, RunningCrm, SandboxCrm, SandboxCrmOptions};
use serde_json::json;

use super::support::*;

fn fields(document: serde_json::Value) -> Fields {
    serde_json::from_value::<FieldsDocument>(document).unwrap().read().unwrap()
}

fn jana() -> Fields {
    fields(json!({
        "givenName": "Jana", "familyName": "Petersen", "jobTitle": "Einkauf", "birthday": {"month": 2, "day": 29},
        "emails": [{"kind": "work", "address": "Jana.Petersen@solaris-technik.example", "preferred": true}],
        "phones": [{"kind": "mobile", "number": "0151 5550 7777"}],
        "places": [{"kind": "work", "street": "Speicherstadt 4", "postalCode": "20457", "locality": "Hamburg", "country": "DE"}],
    }))
}

fn create(op: &str, uid: &str, partner: Option<&str>, fields: Fields) -> RecordWrite {
    let partner = partner.map(str::to_owned);
    RecordWrite {
        op: OpId::from(op),
        action: RecordAction::CreateContact { kind: RecordKind::Contact, uid: uid.to_owned(), partner, fields },
    }
}

fn update(op: &str, view: &RecordView, changes: impl Into<FieldChanges>, uid: Option<&str>) -> RecordWrite {
    let action = RecordAction::Update {
        id: view.link.id.clone(),
        if_version: view.link.version.clone(),
        activity_type: None,
        bind: uid.map(|uid| (uid.to_owned(), None)),
        changes: changes.into(),
    };
    RecordWrite { op: OpId::from(op), action }
}

async fn one(crm: &HttpCrm, write: RecordWrite) -> WriteVerdict {
    crm.write_records(&[write]).await.unwrap().remove(0).verdict
}

fn applied(verdict: WriteVerdict) -> RecordView {
    match verdict {
        WriteVerdict::Applied(view) => view,
        other => panic!("{other:?}"),
    }
}

fn refused(verdict: WriteVerdict) -> String {
    match verdict {
        WriteVerdict::Rejected { field, .. } => field.unwrap(),
        other => panic!("{other:?}"),
    }
}

async fn contact(crm: &HttpCrm, id: &str) -> RecordView {
    crm.record(id).await.unwrap().into_view().unwrap()
}

fn persons() -> BTreeSet<RecordKind> {
    [RecordKind::Contact].into()
}

async fn changes(crm: &HttpCrm, cursor: Option<&str>) -> (Vec<RecordChange>, String) {
    let (mut all, mut cursor) = (Vec::new(), cursor.map(str::to_owned));
    loop {
        let page = crm.changes(&persons(), cursor.as_deref()).await.unwrap();
        all.extend(page.changes);
        if !page.more {
            return (all, page.cursor);
        }
        cursor = Some(page.cursor);
    }
}

fn ids(changes: &[RecordChange]) -> Vec<&str> {
    fn present(change: &RecordChange) -> &str {
        match change {
            RecordChange::Present(view) => &view.link.id,
            other => panic!("{other:?}"),
        }
    }
    let mut ids: Vec<&str> = changes.iter().map(present).collect();
    ids.sort_unstable();
    ids
}

fn switch(view: &RecordView) -> Switch {
    view.contact.as_ref().unwrap().switch
}

#[tokio::test]
async fn r102_a_contact_is_made_under_a_business_partner_and_read_back_whole() {
    let crm = sandbox().await;
    let anna = anna(&crm).for_agent("laptop");
    assert_eq!(anna.capabilities().await.unwrap().contacts.mandatory, ["familyName"]);
    assert_eq!(refused(one(&anna, create("op-1", "card-1", None, jana())).await), "partner");
    assert_eq!(refused(one(&anna, create("op-2", "card-1", Some("BP9999"), jana())).await), "partner");
    assert_eq!(refused(one(&anna, create("op-2", "card-1", Some("CP2001"), jana())).await), "partner");
    let made = applied(one(&anna, create("op-3", "card-1", Some("BP1001"), jana())).await);
    assert_eq!((made.kind, made.uid.as_deref(), &made.fields), (RecordKind::Contact, Some("card-1"), &jana()));
    let facts = made.contact.clone().unwrap();
    assert_eq!((facts.partner.unwrap().name.as_str(), facts.owned, facts.switch), ("Solaris Technik AG", true, Switch::Unset));
    assert_eq!(made.origin.as_ref().map(|origin| (origin.agent.as_str(), origin.op.as_str())), Some(("laptop", "op-3")));
    assert_eq!(contact(&anna, &made.link.id).await, made);

    // The same operation again, and the same card with a lost journal.
    assert_eq!(applied(one(&anna, create("op-3", "card-1", Some("BP1001"), jana())).await), made);
    assert_eq!(one(&anna, create("op-4", "card-1", Some("BP1001"), jana())).await, WriteVerdict::Unchanged(made.clone()));
    let other = fields(json!({"familyName": "Other"}));
    assert_eq!(one(&anna, create("op-5", "card-1", Some("BP1001"), other)).await, WriteVerdict::Joined(made.clone()));
    assert_eq!(refused(one(&anna, create("op-3", "card-9", Some("BP1001"), jana())).await), "opId");

    // A new contact is known to the next mail.
    let mail = mail("hello", "jana.petersen@solaris-technik.example");
    let answer = anna.import_mails(&batch("1", vec![mail])).await.unwrap();
    assert_eq!((answer.results[0].verdict, answer.results[0].linked[0].id.as_str()), (MailVerdict::Created, made.link.id.as_str()));

    let changed = applied(
        one(&anna, update("op-6", &made, [(Field::JobTitle, None), (Field::Role, Some(Value::Text("Chefin".into())))], None)).await,
    );
    assert!(!changed.fields.contains_key(&Field::JobTitle) && changed.fields.contains_key(&Field::Role));
    assert_eq!(one(&anna, update("op-7", &made, [(Field::Role, None)], None)).await, WriteVerdict::Conflict(changed.clone()));
    crm.set_faults(Faults { conflicts: 1, drop_field: "suffix".into(), ..Faults::default() });
    let WriteVerdict::Conflict(current) = one(&anna, update("op-8", &changed, [(Field::Role, None)], None)).await else { panic!() };
    assert!(current.origin.is_none());
    let text = |text: &str| Some(Value::Text(text.into()));
    let stored = applied(one(&anna, update("op-9", &current, [(Field::Suffix, text("MBA")), (Field::Role, text("Chefin"))], None)).await);
    assert!(!stored.fields.contains_key(&Field::Suffix));
    assert_eq!(one(&anna, update("op-10", &stored, [(Field::Suffix, None)], None)).await, WriteVerdict::Unchanged(stored));
}

#[tokio::test]
async fn r91_what_the_crm_refuses_is_named_by_its_field() {
    let crm = sandbox_with(Faults { reject_subject: "Reject".into(), retry_subject: "Later".into(), ..Faults::default() }).await;
    let anna = anna(&crm);
    let with = |member: &str, value: serde_json::Value| {
        let mut document = json!({"familyName": "Petersen"});
        document[member] = value;
        create(&format!("{member} {document}"), &document.to_string(), Some("BP1001"), fields(document))
    };
    for (member, value, field) in [
        ("familyName", json!(""), "familyName"),
        ("familyName", json!("Reject"), "familyName"),
        ("emails", json!([{"kind": "work", "address": "no address"}]), "emails"),
        ("phones", json!([{"kind": "work", "number": "Zentrale"}]), "phones"),
        ("places", json!([{"kind": "work", "street": "Kai 1"}]), "places"),
        ("places", json!([{"kind": "work", "locality": "Kiel", "country": "Germany"}]), "places"),
        ("places", json!([{"kind": "work", "locality": "Kiel", "country": "DE", "postalCode": "241"}]), "places"),
    ] {
        assert_eq!(refused(one(&anna, with(member, value.clone())).await), field, "{value}");
    }
    assert!(matches!(one(&anna, with("familyName", json!("Later"))).await, WriteVerdict::Retry { .. }));
    let action = RecordAction::CreateContact {
        kind: RecordKind::Organisation,
        uid: "o".into(),
        partner: None,
        fields: fields(json!({"company": "X"})),
    };
    assert_eq!(refused(one(&anna, RecordWrite { op: OpId::from("org"), action }).await), "kind");
    assert_eq!(crm.contacts().unwrap().iter().filter(|contact| !contact.organisation).count(), 15);
}

#[tokio::test]
async fn r86_changes_are_those_of_contacts_that_concern_the_employee_and_end_when_they_do_no_longer() {
    let crm = sandbox().await;
    let (anna, carla) = (anna(&crm), adapter_as(&crm.url, "carla"));
    // Owned, and in groups under the main group for replication.
    let (all, cursor) = changes(&anna, None).await;
    assert_eq!(ids(&all), ["CP2001", "CP2002", "CP2003", "CP2004", "CP2005", "CP2012"]);
    let (hers, carlas) = changes(&carla, None).await;
    assert_eq!(ids(&hers), ["CP2007"], "a group under another main group replicates nothing");
    assert!(changes(&anna, Some(&cursor)).await.0.is_empty());
    // Anybody is read by id, whom he concerns or not.
    let seen = contact(&carla, "CP2001").await;
    assert!(!seen.contact.as_ref().unwrap().owned);
    assert_eq!(seen.contact.unwrap().groups, ["G3004"], "the groups of others are not told");

    // The switch makes it the employee's, and unset ends it.
    assert_eq!(switch(&applied(carla.set_switch(&"s-1".into(), "CP2001", Switch::On).await.unwrap())), Switch::On);
    let (now, carlas) = changes(&carla, Some(&carlas)).await;
    assert!(matches!(&now[..], [RecordChange::Present(view)] if view.link.id == "CP2001" && switch(view) == Switch::On));
    assert!(matches!(carla.set_switch(&"s-2".into(), "CP2001", Switch::On).await.unwrap(), WriteVerdict::Unchanged(_)));
    assert_eq!(switch(&contact(&anna, "CP2001").await), Switch::Unset, "each employee has a switch of his own");
    applied(carla.set_switch(&"s-3".into(), "CP2001", Switch::Unset).await.unwrap());
    let (gone, carlas) = changes(&carla, Some(&carlas)).await;
    assert!(matches!(&gone[..], [RecordChange::Gone { id, .. }] if id == "CP2001"), "{gone:?}");
    assert_eq!(carla.set_switch(&"s-4".into(), "CP9999", Switch::On).await.unwrap(), WriteVerdict::Gone);

    // A card of his own as well.
    let seen = contact(&carla, "CP2002").await;
    assert_eq!(applied(one(&carla, update("b-1", &seen, [], Some("card-of-carla"))).await).uid.as_deref(), Some("card-of-carla"));
    assert_eq!(ids(&changes(&carla, Some(&carlas)).await.0), ["CP2002"]);
    let other = contact(&carla, "CP2003").await;
    assert_eq!(refused(one(&carla, update("b-2", &other, [], Some("card-of-carla"))).await), "uid");
    assert_eq!(contact(&anna, "CP2002").await.uid, None);

    // Deleted in the CRM.
    let (_, cursor) = changes(&anna, Some(&cursor)).await;
    crm.delete_contact("CP2003").unwrap();
    let (gone, _) = changes(&anna, Some(&cursor)).await;
    assert!(matches!(&gone[..], [RecordChange::Gone { id, .. }] if id == "CP2003"), "{gone:?}");
    assert_eq!(anna.record("CP2003").await.unwrap(), RecordState::Deleted);
    assert_eq!(adapter_as(&crm.url, "ben").record("CP2003").await.unwrap(), RecordState::Withheld, "it never was his");
    assert_eq!(ids(&changes(&anna, None).await.0).len(), 5);
    // Moved to another owner, out of the groups.
    let (_, cursor) = changes(&anna, None).await;
    crm.edit_contact("CP2002", |contact| contact.owner = Some("ben".into())).unwrap();
    assert!(matches!(&changes(&anna, Some(&cursor)).await.0[..], [RecordChange::Gone { .. }]));
    assert!(!contact(&anna, "CP2002").await.contact.unwrap().owned, "v8: it is there, and no longer hers");
    assert!(matches!(anna.changes(&[RecordKind::Organisation].into(), Some(&cursor)).await, Err(CrmError::CursorExpired)));
    crm.expire_cursors().unwrap();
    assert!(matches!(anna.changes(&persons(), Some(&cursor)).await, Err(CrmError::CursorExpired)));
}

#[tokio::test]
async fn v13_a_private_contact_is_seen_by_its_owner_alone() {
    let crm = sandbox().await;
    let (anna, ben) = (anna(&crm), adapter_as(&crm.url, "ben"));
    crm.edit_contact("CP2012", |contact| drop(contact.fields.insert(Field::Private, Value::Flag(true)))).unwrap();
    let query = |text: &str| ContactQuery { text: Some(text.to_owned()), limit: 9, ..ContactQuery::default() };
    let mark = MatchQuery { addresses: vec!["tobias@brueckner.example".into()], ..MatchQuery::default() };
    assert!(anna.record("CP2012").await.unwrap().view().is_some() && ben.record("CP2012").await.unwrap() == RecordState::Withheld);
    assert_eq!(anna.find_contacts(&query("Brückner")).await.unwrap().contacts.len(), 3);
    assert_eq!(ben.find_contacts(&query("Brückner")).await.unwrap().contacts.len(), 2);
    assert_eq!(anna.match_contacts(std::slice::from_ref(&mark)).await.unwrap()[0].candidates.len(), 1);
    assert!(ben.match_contacts(&[mark]).await.unwrap()[0].candidates.is_empty());
    assert_eq!(ben.set_switch(&"s".into(), "CP2012", Switch::On).await.unwrap(), WriteVerdict::Gone);
    assert_eq!(ben.photo("CP2012").await.unwrap(), None);
}

#[tokio::test]
async fn r97_contacts_are_searched_by_text_owner_group_and_change_in_pages() {
    let crm = sandbox().await;
    let anna = anna(&crm);
    let names = |query: ContactQuery| {
        let anna = anna.clone();
        async move {
            let (mut names, mut query) = (Vec::new(), ContactQuery { limit: 2, ..query });
            loop {
                let page = anna.find_contacts(&query).await.unwrap();
                assert!(page.contacts.len() <= 2);
                names.extend(page.contacts.iter().map(|view| view.link.id.clone()));
                match page.next {
                    Some(next) => query.cursor = Some(next),
                    None => return names,
                }
            }
        }
    };
    let text = |text: &str| ContactQuery { text: Some(text.to_owned()), organisations: Some(false), ..ContactQuery::default() };
    assert_eq!(names(text("MUELLER")).await, ["CP2004", "CP2003"]);
    assert_eq!(names(text("solaris")).await, ["CP2001", "CP2002"]);
    assert_eq!(names(ContactQuery { owned: true, ..ContactQuery::default() }).await, ["CP2001", "CP2002", "CP2003", "CP2012"]);
    assert_eq!(names(ContactQuery { group: Some("G3002".into()), ..ContactQuery::default() }).await, ["CP2005", "CP2012"]);
    assert_eq!(names(ContactQuery { organisations: Some(true), ..ContactQuery::default() }).await.len(), 8);
    let since = chrono::Utc::now();
    crm.edit_contact("CP2009", |contact| drop(contact.fields.insert(Field::Role, Value::Text("neu".into())))).unwrap();
    assert_eq!(names(ContactQuery { changed_since: Some(since), ..ContactQuery::default() }).await, ["CP2009"]);
    assert_eq!(names(ContactQuery::default()).await.len(), 23);
    let groups = anna.groups().await.unwrap();
    let told: Vec<_> = groups.iter().map(|group| (group.id.as_str(), group.main_group.as_str(), group.owned)).collect();
    assert_eq!(told, [("G3001", "Outlook", true), ("G3002", "Outlook", true), ("G3003", "Outlook", false), ("G3004", "Marketing", false)]);
    let partners = |text: Option<&str>, domain: Option<&str>, limit| {
        let query = PartnerQuery { text: text.map(str::to_owned), domain: domain.map(str::to_owned), limit };
        let anna = anna.clone();
        async move { anna.partners(&query).await.unwrap().into_iter().map(|partner| partner.id).collect::<Vec<_>>() }
    };
    assert_eq!(partners(Some("mueller"), None, 9).await, ["BP1002"]);
    assert_eq!(partners(None, Some("KONZERN.example"), 9).await, ["BP1006", "BP1007"]);
    assert_eq!(partners(None, None, 3).await.len(), 3);
    assert!(partners(None, Some("gmx.example"), 9).await.is_empty());
}

#[tokio::test]
async fn r105_many_are_matched_at_once_by_address_name_and_mobile_however_they_are_written() {
    let crm = sandbox().await;
    let anna = anna(&crm);
    let query = |document: serde_json::Value| serde_json::from_value::<MatchQuery>(document).unwrap();
    let queries = [
        query(json!({"addresses": ["C.Hofmann@Solaris-Technik.example"]})),
        query(json!({"familyName": "MUELLER", "mobiles": ["+491605550456"]})),
        query(json!({"givenName": "Mueller", "familyName": "Juergen"})),
        query(json!({"familyName": "Nobody", "mobiles": ["+49 171 5550123"]})),
        query(json!({"company": "solaris technik"})),
        query(json!({})),
    ];
    let answers = anna.match_contacts(&queries).await.unwrap();
    let found: Vec<Vec<(&str, &[MatchedBy])>> = answers
        .iter()
        .map(|answer| answer.candidates.iter().map(|found| (found.contact.link.id.as_str(), found.matched.as_slice())).collect())
        .collect();
    assert_eq!(found[0], [("CP2001", &[MatchedBy::Address][..])]);
    assert_eq!(found[1], [("CP2003", &[MatchedBy::LastNameAndMobile, MatchedBy::Mobile][..])]);
    assert_eq!(found[2], [("CP2003", &[MatchedBy::Name][..])]);
    assert_eq!(found[3], [("CP2001", &[MatchedBy::Mobile][..])]);
    assert_eq!(found[4], [("BP1001", &[MatchedBy::Company][..])]);
    assert!(found[5].is_empty());
    // As many as there are, in as few requests as the contract allows.
    let before = anna.traffic().count().requests;
    let many: Vec<_> = (0..450).map(|n| query(json!({"addresses": vec![format!("{n}@x.example"); 50]}))).collect();
    assert_eq!(anna.match_contacts(&many).await.unwrap().len(), 450);
    assert_eq!(anna.traffic().count().requests, before + 3);
    for n in 0..30 {
        crm.add_contact(None, None, fields(json!({"givenName": "Eva", "familyName": format!("Schmidt"), "role": n.to_string()}))).unwrap();
    }
    let answer = anna.match_contacts(&[query(json!({"givenName": "Eva", "familyName": "Schmidt"}))]).await.unwrap().remove(0);
    assert!(answer.candidates.len() == 20 && answer.more);
}

fn picture(bytes: &[u8]) -> Photo {
    Photo { digest: Digest::of(bytes), media_type: "image/jpeg".to_owned(), bytes: Some(bytes.into()) }
}

#[tokio::test]
async fn r94_a_picture_is_put_read_and_taken_away_once_and_conditionally() {
    let crm = sandbox().await;
    let anna = anna(&crm).for_agent("laptop");
    let sample = anna.photo("CP2001").await.unwrap().unwrap();
    assert_eq!((sample.media_type.as_str(), Digest::of(sample.bytes.as_ref().unwrap())), ("image/png", sample.digest.clone()));
    assert_eq!(contact(&anna, "CP2001").await.fields.get(&Field::Photo), Some(&Value::Photo(sample)));
    assert_eq!(anna.photo("CP2002").await.unwrap(), None);
    assert_eq!(anna.photo("no/such ?").await.unwrap(), None);

    let photo = picture(&[0xFF, 0xD8, 0xFF, 1, 2, 3]);
    let before = contact(&anna, "CP2002").await;
    let version = Some(before.link.version.as_str());
    let put = applied(anna.put_photo(&"p-1".into(), "CP2002", version, Some(&photo)).await.unwrap());
    assert_eq!(put.origin.as_ref().unwrap().op.as_str(), "p-1");
    assert_eq!(put.fields.get(&Field::Photo), Some(&Value::Photo(photo.clone())));
    assert_eq!(anna.photo("CP2002").await.unwrap().unwrap().bytes, photo.bytes);
    assert_eq!(applied(anna.put_photo(&"p-1".into(), "CP2002", version, Some(&photo)).await.unwrap()), put);
    assert_eq!(anna.put_photo(&"p-2".into(), "CP2002", version, Some(&photo)).await.unwrap(), WriteVerdict::Conflict(put.clone()));
    assert_eq!(anna.put_photo(&"p-3".into(), "CP2002", None, Some(&photo)).await.unwrap(), WriteVerdict::Unchanged(put.clone()));
    // In a write of fields it says nothing.
    assert_eq!(one(&anna, update("w-1", &put, [(Field::Photo, None)], None)).await, WriteVerdict::Unchanged(put.clone()));
    let gone = applied(anna.put_photo(&"p-4".into(), "CP2002", Some(&put.link.version), None).await.unwrap());
    assert!(!gone.fields.contains_key(&Field::Photo));
    assert_eq!(anna.photo("CP2002").await.unwrap(), None);
    assert_eq!(anna.put_photo(&"p-5".into(), "CP9999", None, Some(&photo)).await.unwrap(), WriteVerdict::Gone);

    for refused_photo in [
        Photo { bytes: None, ..photo.clone() },
        Photo { media_type: "image/tiff".into(), ..photo.clone() },
        Photo { media_type: "a\nb".into(), ..photo.clone() },
        picture(b"no picture"),
        picture(&[&[0xFF, 0xD8, 0xFF][..], &vec![0; 1024 * 1024]].concat()),
        picture(&[&[0xFF, 0xD8, 0xFF][..], &vec![0; 5 * 1024 * 1024]].concat()),
    ] {
        assert_eq!(refused(anna.put_photo(&"p-6".into(), "CP2002", None, Some(&refused_photo)).await.unwrap()), "photo");
    }
}

#[tokio::test]
async fn i9_a_lost_answer_to_a_single_write_is_given_again() {
    for faults in [
        Faults { lost_answers: 1, ..Faults::default() },
        Faults { half_answers: 1, ..Faults::default() },
        Faults { garbage: 1, ..Faults::default() },
        Faults { missing_results: 1, ..Faults::default() },
    ] {
        let crm = sandbox_with(faults).await;
        let anna = anna(&crm);
        let photo = picture(&[0xFF, 0xD8, 0xFF, 7]);
        anna.put_photo(&"p-1".into(), "CP2002", None, Some(&photo)).await.unwrap_err();
        assert!(crm.contact_photo("CP2002").unwrap().is_some(), "it was stored all the same");
        let view = applied(anna.put_photo(&"p-1".into(), "CP2002", None, Some(&photo)).await.unwrap());
        assert_eq!(view.link.version, "2");
        assert_eq!(refused(anna.put_photo(&"p-1".into(), "CP2001", None, Some(&photo)).await.unwrap()), "opId");
    }
    let crm = sandbox_with(Faults { unavailable: 1, retry_after: 7, ..Faults::default() }).await;
    assert!(matches!(anna(&crm).set_switch(&"s".into(), "CP2001", Switch::On).await, Err(CrmError::Busy { .. })));
}

#[tokio::test]
async fn r28_an_address_that_is_added_is_known_to_the_next_mail() {
    let crm = sandbox().await;
    let ben = adapter_as(&crm.url, "ben");
    let address = |address: &str| ContactAddress { address: address.into(), kind: "home".into(), name: String::new(), preferred: false };
    let first = ben.import_mails(&batch("1", vec![mail("a", "clara@home.example")])).await.unwrap();
    assert!(first.results[0].linked.is_empty());
    let view = applied(ben.add_address(&"a-1".into(), "CP2001", &address("Clara@home.example")).await.unwrap());
    let Some(Value::Addresses(list)) = view.fields.get(&Field::Emails) else { panic!() };
    assert_eq!(list.iter().filter(|entry| entry.preferred).count(), 1);
    assert!(list.iter().any(|entry| entry.address == "clara@home.example" && entry.kind == "home"));
    assert!(matches!(ben.add_address(&"a-2".into(), "CP2001", &address("clara@HOME.example")).await.unwrap(), WriteVerdict::Unchanged(_)));
    assert_eq!(refused(ben.add_address(&"a-3".into(), "CP2001", &address("no address")).await.unwrap()), "emails");
    let second = ben.import_mails(&batch("2", vec![mail("b", "clara@home.example")])).await.unwrap();
    assert_eq!(second.results[0].linked[0].id, "CP2001");
}

#[tokio::test]
async fn without_the_profile_nothing_of_it_is_offered_and_the_rest_works() {
    let profiles = vec!["mail".to_owned(), "activities".to_owned()];
    let crm = SandboxCrm::start(SandboxCrmOptions { profiles, ..SandboxCrmOptions::default() }).await.unwrap();
    let anna = anna(&crm);
    let not = |result: Result<(), CrmError>| assert!(matches!(result, Err(CrmError::NotOffered { .. })), "{result:?}");
    not(anna.find_contacts(&ContactQuery::default()).await.map(drop));
    not(anna.match_contacts(&[MatchQuery::default()]).await.map(drop));
    not(anna.changes(&persons(), None).await.map(drop));
    not(anna.write_records(&[create("op", "uid", Some("BP1001"), jana())]).await.map(drop));
    not(anna.set_switch(&"s".into(), "CP2001", Switch::On).await.map(drop));
    not(anna.partners(&PartnerQuery { limit: 1, ..PartnerQuery::default() }).await.map(drop));
    not(anna.groups().await.map(drop));
    assert_eq!(anna.record("CP2001").await.unwrap(), RecordState::Withheld);
    anna.changes(&[RecordKind::Task].into(), None).await.unwrap();
    // And the other way round.
    let crm = SandboxCrm::start(SandboxCrmOptions { profiles: vec!["contacts".to_owned()], ..SandboxCrmOptions::default() }).await.unwrap();
    let anna = super::support::anna(&crm);
    assert_eq!(changes(&anna, None).await.0.len(), 6);
    assert_eq!(anna.changes(&BTreeSet::new(), None).await.unwrap().changes.len(), 6);
    not(anna.changes(&[RecordKind::Task].into(), None).await.map(drop));
}

async fn start_in(dir: &std::path::Path) -> RunningCrm {
    SandboxCrm::start(SandboxCrmOptions { dir: Some(dir.to_owned()), ..SandboxCrmOptions::default() }).await.unwrap()
}

#[tokio::test]
async fn a_restart_keeps_contacts_pictures_groups_and_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let crm = start_in(dir.path()).await;
    let made = applied(one(&anna(&crm), create("op-1", "card-1", Some("BP1001"), jana())).await);
    crm.delete_contact("CP2009").unwrap();
    assert!(crm.put_contact_photo("CP2002", Some(&[0xFF, 0xD8, 0xFF, 9])).unwrap());
    let (_, cursor) = changes(&anna(&crm), None).await;
    let (contacts, groups) = (crm.contacts().unwrap(), crm.groups().unwrap());
    crm.shutdown().await;
    let crm = start_in(dir.path()).await;
    assert_eq!((crm.contacts().unwrap(), crm.groups().unwrap()), (contacts, groups));
    let anna = anna(&crm);
    assert!(changes(&anna, Some(&cursor)).await.0.is_empty());
    assert_eq!(anna.photo("CP2002").await.unwrap().unwrap().media_type, "image/jpeg");
    let mails = vec![mail("a", "jana.petersen@solaris-technik.example"), mail("b", "emil.kraus@gmx.example")];
    let answer = anna.import_mails(&batch("1", mails)).await.unwrap();
    assert_eq!(answer.results[0].linked[0].id, made.link.id);
    assert!(answer.results[1].linked.is_empty(), "who was deleted stays so");
    crm.shutdown().await;
}

#[tokio::test]
async fn the_page_shows_contacts_and_lets_the_visitor_edit_them() {
    let crm = sandbox().await;
    let browser = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let page = |path: String| {
        let request = browser.get(format!("{}{path}", crm.url));
        async move { request.send().await.unwrap().text().await.unwrap() }
    };
    let list = page("/contacts".into()).await;
    assert!(list.contains("Clara Hofmann") && list.contains("/contacts/CP2001/picture") && list.contains("Telefonbuch Anna"));
    assert!(page("/partners".into()).await.contains("Solaris Technik AG"));
    let shown = page("/contacts/CP2001".into()).await;
    let value = |name: &str| shown.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap().split('"').next().unwrap().to_owned();
    let picture = browser.get(format!("{}/contacts/CP2001/picture", crm.url)).send().await.unwrap();
    assert_eq!(picture.headers()["content-type"], "image/png");
    let send = |path: &str, form: &[(&str, &str)]| {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.append_pair("token", &value("token")).extend_pairs(form);
        let request = browser.post(format!("{}{path}", crm.url)).header("origin", &crm.url).body(body.finish());
        async move {
            let answer = request.send().await.unwrap();
            let location = answer.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
            (answer.status().as_u16(), location.unwrap_or_default())
        }
    };
    let version = value("version");
    let edited = [
        ("version", version.as_str()),
        ("familyName", "Hofmann-Lang"),
        ("emails", "work clara@solaris-technik.example *"),
        ("partner", "BP1002"),
        ("group-G3002", "true"),
        ("switch-ben", "off"),
        ("do", "save"),
    ];
    assert_eq!(send("/contacts/CP2001", &edited).await, (303, "/contacts/CP2001?saved".into()));
    assert_eq!(send("/contacts/CP2001", &edited).await.1, "/contacts/CP2001?changed");
    let anna = anna(&crm);
    let view = contact(&anna, "CP2001").await;
    assert_eq!(view.fields.get(&Field::FamilyName), Some(&Value::Text("Hofmann-Lang".into())));
    assert!(view.fields.contains_key(&Field::Phones), "what was not sent stays");
    let facts = view.contact.unwrap();
    assert_eq!((facts.partner.unwrap().id.as_str(), facts.groups), ("BP1002", vec!["G3002".to_owned()]));
    assert_eq!(switch(&contact(&adapter_as(&crm.url, "ben"), "CP2001").await), Switch::Off);
    assert_eq!(send("/contacts/CP2002", &[("do", "picture")]).await.0, 303);
    assert!(anna.photo("CP2002").await.unwrap().is_some());
    assert_eq!(send("/contacts/CP2002", &[("do", "no-picture")]).await.0, 303);
    assert_eq!(anna.photo("CP2002").await.unwrap(), None);
    assert_eq!(send("/contacts/new", &[("familyName", "Neu"), ("owner", "anna"), ("partner", "")]).await.0, 303);
    assert_eq!(send("/contacts/new", &[("givenName", "only")]).await.0, 400);
    assert_eq!(send("/contacts/CP2002", &[("do", "delete")]).await.1, "/contacts?deleted");
    assert_eq!(anna.record("CP2002").await.unwrap().view(), None);
}
