//! Appointments and tasks: the adapter against the sandbox, what goes well and what goes wrong.

use std::collections::BTreeSet;
use std::time::Duration;

use crmsync::crm::contract::{MomentDocument, schema};
use crmsync::crm::http::HttpCrm;
use crmsync::crm::{
    ActivityQuery, Crm as _, CrmError, CrmHint, CrmRecords as _, MainLink, RecordAction, RecordChange, RecordKind, RecordState, RecordView,
    RecordWrite, WriteVerdict,
};
use crmsync::model::{Field, FieldChanges, Fields, Moment, OpId, Person, Recurrence, Slot, Value};
use crmsync::sandbox::crm::{Faults, RunningCrm, SandboxCrm, SandboxCrmOptions, SyncAs};

use super::support::*;

fn berlin(local: &str) -> Moment {
    let document = MomentDocument { local: Some(local.into()), zone: Some("Europe/Berlin".into()), ..MomentDocument::default() };
    document.read().unwrap()
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn appointment(subject: &str) -> Fields {
    let slot = Slot { start: berlin("2026-11-23T09:00:00"), end: berlin("2026-11-23T10:00:00") };
    Fields::from([(Field::Subject, text(subject)), (Field::Slot, Value::Slot(slot))])
}

fn with(address: &str) -> Fields {
    let person = Person { address: address.to_owned(), name: String::new(), role: "required".to_owned(), answer: String::new() };
    let mut fields = appointment("Jahresgespräch");
    fields.insert(Field::Participants, Value::People(vec![person]));
    fields
}

fn write(op: &str, action: RecordAction) -> RecordWrite {
    RecordWrite { op: OpId::from(op), action }
}

fn create(op: &str, uid: &str, fields: Fields) -> RecordWrite {
    write(op, RecordAction::Create { activity_type: "MEETING".to_owned(), uid: uid.to_owned(), recurrence_id: None, fields })
}

fn update(op: &str, view: &RecordView, changes: impl Into<FieldChanges>) -> RecordWrite {
    let (id, if_version) = (view.link.id.clone(), view.link.version.clone());
    write(op, RecordAction::Update { id, if_version, activity_type: None, bind: None, changes: changes.into() })
}

fn delete(op: &str, view: &RecordView) -> RecordWrite {
    write(op, RecordAction::Delete { id: view.link.id.clone(), if_version: view.link.version.clone() })
}

async fn one(crm: &HttpCrm, write: RecordWrite) -> WriteVerdict {
    let results = crm.write_records(std::slice::from_ref(&write)).await.unwrap();
    assert_eq!((results.len(), &results[0].op), (1, &write.op));
    results.into_iter().next().unwrap().verdict
}

fn applied(verdict: WriteVerdict) -> RecordView {
    match verdict {
        WriteVerdict::Applied(view) => view,
        other => panic!("{other:?}"),
    }
}

fn both() -> BTreeSet<RecordKind> {
    [RecordKind::Appointment, RecordKind::Task].into()
}

/// All changes after a cursor, and the cursor after them.
async fn changes(crm: &HttpCrm, cursor: Option<&str>) -> (Vec<RecordChange>, String) {
    let (mut all, mut cursor) = (Vec::new(), cursor.map(str::to_owned));
    loop {
        let page = crm.changes(&both(), cursor.as_deref()).await.unwrap();
        all.extend(page.changes);
        if !page.more {
            return (all, page.cursor);
        }
        cursor = Some(page.cursor);
    }
}

fn id(change: &RecordChange) -> &str {
    match change {
        RecordChange::Present(view) => &view.link.id,
        RecordChange::Gone { id, .. } | RecordChange::Unreadable { id, .. } => id,
    }
}

fn ids(changes: &[RecordChange]) -> Vec<&str> {
    changes.iter().map(id).collect()
}

#[tokio::test]
async fn a_record_is_created_read_changed_and_deleted_with_the_view_that_is_stored() {
    let crm = sandbox().await;
    let anna = anna(&crm).for_agent("laptop");
    let mut fields = with(CLARA);
    fields.insert(Field::Recurrence, Value::Recurrence(Recurrence { rules: vec!["FREQ=WEEKLY;COUNT=4".into()], ..Recurrence::default() }));
    let made = applied(one(&anna, create("op-1", "uid-1", fields.clone())).await);
    assert_eq!((made.kind, made.activity_type.as_str(), made.uid.as_deref()), (RecordKind::Appointment, "MEETING", Some("uid-1")));
    assert_eq!(made.fields, fields);
    let origin = made.origin.clone().unwrap();
    assert_eq!((origin.agent.as_str(), origin.op.as_str()), ("laptop", "op-1"));
    assert_eq!(anna.record(&made.link.id).await.unwrap(), RecordState::Present(made.clone()));
    let stored = crm.records().unwrap();
    assert_eq!(stored[0].linked.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(), ["CP2001", "BP1001"]);

    let changed = applied(one(&anna, update("op-2", &made, [(Field::Location, Some(text("Hamburg"))), (Field::Recurrence, None)])).await);
    fields.remove(&Field::Recurrence);
    fields.insert(Field::Location, text("Hamburg"));
    assert_eq!(changed.fields, fields);
    assert_ne!(changed.link.version, made.link.version);
    let nothing = update("op-3", &changed, [(Field::Location, Some(text("Hamburg"))), (Field::Url, None)]);
    assert_eq!(one(&anna, nothing).await, WriteVerdict::Unchanged(changed.clone()));
    // The old version is worth nothing any longer, even for what is there already.
    assert_eq!(
        one(&anna, update("op-4", &made, [(Field::Location, Some(text("Hamburg")))])).await,
        WriteVerdict::Conflict(changed.clone())
    );

    assert_eq!(one(&anna, delete("op-5", &made)).await, WriteVerdict::Conflict(changed.clone()));
    let last = applied(one(&anna, delete("op-6", &changed)).await);
    assert_eq!(last.fields, changed.fields);
    assert_eq!(one(&anna, delete("op-7", &changed)).await, WriteVerdict::Gone);
    assert_eq!(one(&anna, update("op-8", &changed, [(Field::Url, None)])).await, WriteVerdict::Gone);
    // V8: the one is deleted, the other may be somebody else's.
    assert_eq!(anna.record(&made.link.id).await.unwrap(), RecordState::Deleted);
    assert_eq!(anna.record("no such/record?").await.unwrap(), RecordState::Withheld);
}

#[tokio::test]
async fn v12_the_second_owner_joins_the_record_and_leaves_it_to_the_first() {
    let crm = sandbox().await;
    let (anna, ben) = (anna(&crm), adapter_as(&crm.url, "ben"));
    let made = applied(one(&anna, create("op-1", "uid-1", with(CLARA))).await);
    assert_eq!(ben.record(&made.link.id).await.unwrap(), RecordState::Withheld);
    let (none, cursor) = changes(&ben, None).await;
    assert!(none.is_empty());
    let WriteVerdict::Joined(joined) = one(&ben, create("op-1", "uid-1", appointment("as Ben calls it"))).await else { panic!() };
    assert_eq!((joined.link.id.as_str(), &joined.fields), (made.link.id.as_str(), &made.fields));
    // The same with a lost journal: nothing is joined twice.
    assert!(matches!(one(&ben, create("op-2", "uid-1", appointment("again"))).await, WriteVerdict::Joined(_)));
    assert!(matches!(one(&ben, create("op-3", "uid-1", joined.fields.clone())).await, WriteVerdict::Unchanged(_)));
    assert_eq!(crm.records().unwrap()[0].owners, ["anna", "ben"]);
    assert_eq!(ids(&changes(&ben, Some(&cursor)).await.0), ["R000001"]);
    // Another occurrence of the series is another record.
    let mut occurrence = create("op-4", "uid-1", appointment("moved"));
    if let RecordAction::Create { recurrence_id, .. } = &mut occurrence.action {
        *recurrence_id = Some(berlin("2026-11-30T09:00:00"));
    }
    let occurrence = applied(one(&ben, occurrence).await);
    assert_eq!((occurrence.link.id.as_str(), occurrence.recurrence_id), ("R000002", Some(berlin("2026-11-30T09:00:00"))));

    let (_, cursor) = changes(&ben, Some(&cursor)).await;
    let shared = ben.record(&made.link.id).await.unwrap().into_view().unwrap();
    applied(one(&ben, delete("op-5", &shared)).await);
    assert!(matches!(&changes(&ben, Some(&cursor)).await.0[..], [RecordChange::Gone { id, .. }] if *id == made.link.id));
    assert!(anna.record(&made.link.id).await.unwrap().view().is_some());
    assert_eq!(ben.record(&made.link.id).await.unwrap(), RecordState::Withheld, "v8: it is no longer his, and not deleted");
}

#[tokio::test]
async fn r72_what_is_private_is_seen_and_joined_by_nobody_else() {
    let crm = sandbox().await;
    let (anna, ben) = (anna(&crm), adapter_as(&crm.url, "ben"));
    let mut private = appointment("Zahnarzt");
    private.insert(Field::Private, Value::Flag(true));
    let hers = applied(one(&anna, create("op-1", "uid-1", private.clone())).await);
    assert_eq!(ben.record(&hers.link.id).await.unwrap(), RecordState::Withheld);
    let his = applied(one(&ben, create("op-1", "uid-1", appointment("Zahnarzt"))).await);
    assert_ne!(his.link.id, hers.link.id);
    let query = |limit| ActivityQuery { limit, ..ActivityQuery::default() };
    assert_eq!(ben.activities(&query(9)).await.unwrap().len(), 1);
    assert_eq!(anna.activities(&query(9)).await.unwrap().len(), 2);
    // A shared one cannot be hidden from those who take part, and a private one not be published where there is one already.
    let shared = applied(one(&anna, create("op-2", "uid-2", appointment("Treffen"))).await);
    one(&ben, create("op-2", "uid-2", appointment("Treffen"))).await;
    let shared = anna.record(&shared.link.id).await.unwrap().into_view().unwrap();
    let hide = one(&anna, update("op-3", &shared, [(Field::Private, Some(Value::Flag(true)))])).await;
    assert!(matches!(&hide, WriteVerdict::Rejected { field: Some(field), .. } if field == "private"), "{hide:?}");
    let publish = one(&anna, update("op-4", &hers, [(Field::Private, None)])).await;
    assert!(matches!(&publish, WriteVerdict::Rejected { field: Some(field), .. } if field == "uid"), "{publish:?}");
}

#[tokio::test]
async fn i9_a_lost_or_spoilt_answer_is_given_again_for_the_same_operations() {
    for faults in [
        Faults { lost_answers: 1, ..Faults::default() },
        Faults { half_answers: 1, ..Faults::default() },
        Faults { garbage: 1, ..Faults::default() },
        Faults { missing_results: 1, ..Faults::default() },
        Faults { doubled_results: 1, ..Faults::default() },
    ] {
        let spoils_contract = faults.garbage + faults.missing_results + faults.doubled_results > 0;
        let crm = sandbox_with(faults).await;
        let anna = anna(&crm);
        let writes: Vec<_> = (0..3).map(|n| create(&format!("op-{n}"), &format!("uid-{n}"), appointment("a"))).collect();
        let error = anna.write_records(&writes).await.unwrap_err();
        assert_eq!(matches!(error, CrmError::Contract(_)), spoils_contract, "{error}");
        assert_eq!(crm.records().unwrap().len(), 3, "it was stored all the same");
        // What happens meanwhile does not change the first result.
        crm.change_record("R000002", [(Field::Location, Some(text("elsewhere")))].into()).unwrap();
        let results = anna.write_records(&writes).await.unwrap();
        assert!(results.iter().zip(&writes).all(|(result, write)| {
            matches!(&result.verdict, WriteVerdict::Applied(view) if view.link.version == "1") && result.op == write.op
        }));
        assert_eq!(crm.records().unwrap().len(), 3);
        let other = one(&anna, create("op-1", "uid-9", appointment("another write"))).await;
        assert!(matches!(other, WriteVerdict::Rejected { .. }), "{other:?}");
    }
}

#[tokio::test]
async fn whole_requests_fail_with_their_own_errors_and_store_nothing() {
    for faults in [
        Faults { too_many_requests: 1, retry_after: 7, ..Faults::default() },
        Faults { unavailable: 1, retry_after: 7, ..Faults::default() },
    ] {
        let crm = sandbox_with(faults).await;
        let error = anna(&crm).write_records(&[create("op-1", "uid-1", appointment("a"))]).await.unwrap_err();
        assert!(matches!(error, CrmError::Busy { retry_after: Some(wait), .. } if wait == Duration::from_secs(7)), "{error}");
        assert!(crm.records().unwrap().is_empty());
    }
    let crm = sandbox_with(Faults { changes_unavailable: 1, retry_after: 3, poison_subject: "POISON".into(), ..Faults::default() }).await;
    assert!(matches!(anna(&crm).changes(&both(), None).await, Err(CrmError::Busy { retry_after: Some(_), .. })));
    let poisoned = [create("op-1", "uid-1", appointment("good")), create("op-2", "uid-2", appointment("POISON"))];
    assert!(matches!(anna(&crm).write_records(&poisoned).await, Err(CrmError::Failed { status: 500, .. })));
    assert!(crm.records().unwrap().is_empty());
    assert!(matches!(adapter_as(&crm.url, "nobody").changes(&both(), None).await, Err(CrmError::Unauthorized { .. })));
}

#[tokio::test]
async fn v10_single_writes_are_refused_with_their_reason_beside_those_that_are_stored() {
    let options = SandboxCrmOptions {
        series: false,
        faults: Faults { reject_subject: "REJECT".into(), retry_subject: "RETRY".into(), reverse_order: true, ..Faults::default() },
        ..SandboxCrmOptions::default()
    };
    let crm = SandboxCrm::start(options).await.unwrap();
    let anna = anna(&crm);
    assert!(!anna.capabilities().await.unwrap().series_taken);
    let of_type = |op: &str, activity_type: &str| {
        let mut write = create(op, op, appointment("x"));
        if let RecordAction::Create { activity_type: of, .. } = &mut write.action {
            activity_type.clone_into(of);
        }
        write
    };
    let mut series = appointment("series");
    series.insert(Field::Recurrence, Value::Recurrence(Recurrence { rules: vec!["FREQ=DAILY".into()], ..Recurrence::default() }));
    let writes = [
        create("fine", "1", appointment("fine")),
        create("reject", "2", appointment("REJECT")),
        create("retry", "3", appointment("RETRY")),
        create("empty", "4", Fields::new()),
        of_type("followup", "FOLLOWUP"),
        of_type("unknown", "DANCE"),
        of_type("call", "CALL"),
        create("series", "8", series),
        create("no-uid", "", appointment("x")),
    ];
    let results = anna.write_records(&writes).await.unwrap();
    let fields: Vec<String> = results
        .iter()
        .map(|result| match &result.verdict {
            WriteVerdict::Applied(_) => "applied".to_owned(),
            WriteVerdict::Retry { .. } => "retry".to_owned(),
            WriteVerdict::Rejected { field, reason } if !reason.is_empty() => field.clone().unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(fields, ["applied", "subject", "retry", "subject", "type", "type", "type", "recurrence", "uid"]);
    assert_eq!(crm.records().unwrap().len(), 1);
    // R69: what was refused is judged anew once its cause is gone.
    crm.set_faults(Faults::default());
    assert!(matches!(one(&anna, writes[1].clone()).await, WriteVerdict::Applied(_)));
}

#[tokio::test]
async fn a_batch_too_large_is_cut_and_a_single_write_too_large_is_refused_alone() {
    let crm = sandbox_with(Faults { max_bytes: 3_000, ..Faults::default() }).await;
    let anna = anna(&crm);
    let mut writes: Vec<_> = (0..40).map(|n| create(&format!("op-{n}"), &format!("uid-{n}"), appointment("a"))).collect();
    writes[17] = create("op-17", "uid-17", appointment(&"long ".repeat(1000)));
    let results = anna.write_records(&writes).await.unwrap();
    assert!(results.iter().zip(&writes).all(|(result, write)| result.op == write.op));
    let refused: Vec<_> =
        results.iter().enumerate().filter(|(_, result)| !matches!(result.verdict, WriteVerdict::Applied(_))).map(|(n, _)| n).collect();
    assert_eq!(refused, [17]);
    assert_eq!(crm.records().unwrap().len(), 39);
    // The limit of items is heeded without being told by a refusal, once the capabilities are known.
    crm.set_faults(Faults::default());
    anna.capabilities().await.unwrap();
    let before = anna.traffic().count().requests;
    let writes: Vec<_> = (100..350).map(|n| create(&format!("op-{n}"), &format!("uid-{n}"), appointment("a"))).collect();
    assert_eq!(anna.write_records(&writes).await.unwrap().len(), 250);
    assert_eq!(anna.traffic().count().requests, before + 2);
    assert!(anna.write_records(&[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn changes_come_in_pages_each_at_least_once_and_deletions_as_tombstones() {
    let crm = sandbox().await;
    let anna = anna(&crm);
    let writes: Vec<_> = (0..450).map(|n| create(&format!("op-{n}"), &format!("uid-{n}"), appointment("a"))).collect();
    anna.write_records(&writes).await.unwrap();
    let first = anna.changes(&both(), None).await.unwrap();
    assert!(first.more && first.changes.len() == 200);
    // A change behind the reader comes on a later page.
    crm.change_record("R000003", [(Field::Location, Some(text("Kiel")))].into()).unwrap();
    crm.delete_record("R000004").unwrap();
    crm.delete_record("R000400").unwrap();
    let (rest, cursor) = changes(&anna, Some(&first.cursor)).await;
    assert_eq!(rest.len(), 249 + 3);
    assert!(matches!(&rest[249], RecordChange::Present(view) if view.link.id == "R000003" && view.origin.is_none()));
    let gone = |change: &RecordChange, wanted: &str| matches!(change, RecordChange::Gone { id, .. } if id == wanted);
    assert!(gone(&rest[250], "R000004") && gone(&rest[251], "R000400"));
    assert!(changes(&anna, Some(&cursor)).await.0.is_empty());
    let snapshot = changes(&anna, None).await.0;
    assert_eq!(snapshot.iter().filter(|change| matches!(change, RecordChange::Present(_))).count(), 448);
    crm.set_faults(Faults { repeat_changes: 5, ..Faults::default() });
    let (again, cursor) = changes(&anna, Some(&cursor)).await;
    assert_eq!(again.len(), 5);
    crm.set_faults(Faults::default());
    assert!(changes(&anna, Some(&cursor)).await.0.is_empty());
}

#[tokio::test]
async fn v4_a_cursor_that_is_too_old_or_of_elsewhere_is_told_and_a_snapshot_helps() {
    let crm = sandbox().await;
    let anna = anna(&crm);
    one(&anna, create("op-1", "uid-1", appointment("a"))).await;
    one(&anna, create("op-2", "uid-2", appointment("b"))).await;
    let (_, cursor) = changes(&anna, None).await;
    crm.delete_record("R000001").unwrap();
    crm.expire_cursors().unwrap();
    let expired = |result| matches!(result, Err(CrmError::CursorExpired));
    assert!(expired(anna.changes(&both(), Some(&cursor)).await));
    let (snapshot, cursor) = changes(&anna, None).await;
    assert_eq!(ids(&snapshot), ["R000002"]);
    assert!(changes(&anna, Some(&cursor)).await.0.is_empty());
    assert!(expired(anna.changes(&[RecordKind::Task].into(), Some(&cursor)).await));
    assert!(expired(anna.changes(&both(), Some("nonsense")).await));
    let other = sandbox().await;
    let elsewhere = super::support::anna(&other);
    assert!(expired(anna.changes(&both(), Some(&changes(&elsewhere, None).await.1)).await));
    crm.set_faults(Faults { expired_cursors: 1, ..Faults::default() });
    assert!(expired(anna.changes(&both(), Some(&cursor)).await));
    assert!(anna.changes(&both(), Some(&cursor)).await.is_ok());
    // Numbers are not given twice.
    assert_eq!(applied(one(&anna, create("op-3", "uid-1", appointment("a"))).await).link.id, "R000003");
}

#[tokio::test]
async fn an_update_that_comes_too_late_and_a_field_that_is_dropped_show_in_the_view() {
    let crm = sandbox().await;
    let anna = anna(&crm);
    let made = applied(one(&anna, create("op-1", "uid-1", appointment("a"))).await);
    crm.set_faults(Faults { conflicts: 1, drop_field: "reminder".into(), ..Faults::default() });
    let WriteVerdict::Conflict(current) = one(&anna, update("op-2", &made, [(Field::Subject, Some(text("b")))])).await else { panic!() };
    assert!(current.fields.contains_key(&Field::Location) && current.origin.is_none());
    let changes = [(Field::Subject, Some(text("b"))), (Field::Reminder, Some(Value::Number(15)))];
    let stored = applied(one(&anna, update("op-3", &current, changes)).await);
    assert_eq!(stored.fields.get(&Field::Subject), Some(&text("b")));
    assert!(!stored.fields.contains_key(&Field::Reminder));
}

#[tokio::test]
async fn r78_an_activity_of_another_type_concerns_the_groupware_once_it_is_sent_and_until_its_entry_is_deleted() {
    let crm = sandbox().await;
    let anna = anna(&crm);
    let call = crm.add_record("CALL", "anna", appointment("Anruf")).unwrap();
    let meeting = crm.add_record("MEETING", "anna", appointment("Treffen")).unwrap();
    let (all, cursor) = changes(&anna, None).await;
    assert_eq!(ids(&all), [meeting.id()]);
    assert!(!crm.send_record(&meeting.id(), SyncAs::Task).unwrap());
    assert!(crm.send_record(&call.id(), SyncAs::Task).unwrap() && !crm.send_record(&call.id(), SyncAs::Appointment).unwrap());
    let (sent, cursor) = changes(&anna, Some(&cursor)).await;
    let RecordChange::Present(view) = &sent[0] else { panic!() };
    assert_eq!((view.kind, view.activity_type.as_str(), view.uid.as_deref()), (RecordKind::Task, "CALL", None));
    // The write that makes the pair binds the record to the groupware's item.
    let mut bind = update("op-1", view, []);
    if let RecordAction::Update { bind, .. } = &mut bind.action {
        *bind = Some(("uid-of-the-call".to_owned(), None));
    }
    assert_eq!(applied(one(&anna, bind).await).uid.as_deref(), Some("uid-of-the-call"));
    assert!(crm.send_record(&call.id(), SyncAs::Nothing).unwrap());
    let (ended, _) = changes(&anna, Some(&cursor)).await;
    assert!(matches!(&ended[..], [RecordChange::Present(view)] if view.kind == RecordKind::Other && view.uid.is_some()), "{ended:?}");
}

#[tokio::test]
async fn r74_a_record_is_linked_through_the_people_it_names_and_never_by_their_domain() {
    let crm = sandbox().await;
    let anna = anna(&crm);
    one(&anna, create("op-1", "uid-1", with("info@hafen-energie.example"))).await;
    assert!(crm.records().unwrap()[0].linked.is_empty());
}

#[tokio::test]
async fn r32_records_for_the_main_links_are_found_by_their_names() {
    let crm = sandbox().await;
    let anna = anna(&crm);
    let names = |link, text: &'static str| {
        let anna = anna.clone();
        async move { anna.find_records(link, text, 10).await.unwrap().into_iter().map(|record| record.name).collect::<Vec<_>>() }
    };
    assert_eq!(names(MainLink::DelegatedTo, "").await, ["Anna Berger", "Ben Vogt", "Carla Nowak"]);
    assert_eq!(names(MainLink::ActivityWith, "müller").await, ["Heike Müller", "Jürgen Müller", "Müller & Söhne KG"]);
    assert_eq!(names(MainLink::MainInquiry, "in5002").await.len(), 1);
    assert_eq!(names(MainLink::MainProject, "hamburg").await, ["Dachanlage Hamburg"]);
}

#[tokio::test]
async fn r34_quick_searches_find_mails_and_records_by_origin_day_type_and_text() {
    let crm = sandbox().await;
    let anna = anna(&crm);
    anna.import_mails(&batch("1", (0..3).map(|n| mail(&format!("mail {n}"), CLARA)).collect())).await.unwrap();
    one(&anna, create("op-1", "uid-1", with(CLARA))).await;
    crm.add_record("TASK", "anna", Fields::from([(Field::Subject, text("Nachfassen"))])).unwrap();
    let subjects = |query: ActivityQuery| {
        let anna = anna.clone();
        async move { anna.activities(&query).await.unwrap().into_iter().map(|activity| activity.subject).collect::<Vec<_>>() }
    };
    let all = ActivityQuery { limit: 100, ..ActivityQuery::default() };
    assert_eq!(subjects(all.clone()).await, ["mail 2", "mail 1", "mail 0", "Nachfassen", "Jahresgespräch"]);
    assert_eq!(subjects(ActivityQuery { from_agent: Some(false), ..all.clone() }).await, ["Nachfassen"]);
    assert_eq!(subjects(ActivityQuery { from_agent: Some(true), ..all.clone() }).await.len(), 4);
    assert_eq!(subjects(ActivityQuery { day: "2026-11-23".parse().ok(), ..all.clone() }).await, ["Jahresgespräch"]);
    assert_eq!(subjects(ActivityQuery { day: "2026-11-20".parse().ok(), ..all.clone() }).await.len(), 3);
    assert_eq!(subjects(ActivityQuery { activity_type: Some("TASK".into()), ..all.clone() }).await, ["Nachfassen"]);
    assert_eq!(subjects(ActivityQuery { text: Some("JAHRES".into()), ..all.clone() }).await, ["Jahresgespräch"]);
    assert_eq!(subjects(ActivityQuery { unassigned: true, ..all.clone() }).await, ["Nachfassen"]);
    // Pages of one, through both kinds.
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let (mut cursor, mut found) = (String::new(), Vec::new());
    loop {
        let url = format!("{}/v1/activities?limit=1{cursor}", crm.url);
        let page: serde_json::Value = client.get(url).bearer_auth("anna").send().await.unwrap().json().await.unwrap();
        schema::check("ActivityPage", &page).unwrap();
        found.push(page["items"][0]["subject"].as_str().unwrap().to_owned());
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(found, subjects(all).await);
}

#[tokio::test]
async fn records_survive_a_restart_with_their_cursors_and_operations() {
    let dir = tempfile::tempdir().unwrap();
    let start = || SandboxCrm::start(SandboxCrmOptions { dir: Some(dir.path().to_owned()), ..SandboxCrmOptions::default() });
    let crm = start().await.unwrap();
    let first = applied(one(&anna(&crm), create("op-1", "uid-1", appointment("a"))).await);
    let (_, cursor) = changes(&anna(&crm), None).await;
    crm.shutdown().await;
    let crm = start().await.unwrap();
    let again = applied(one(&anna(&crm), create("op-1", "uid-1", appointment("a"))).await);
    assert_eq!((again.link.id, again.link.version, again.fields), (first.link.id, first.link.version, first.fields));
    assert!(changes(&anna(&crm), Some(&cursor)).await.0.is_empty());
    crm.shutdown().await;
}

#[tokio::test]
async fn what_the_sandbox_answers_follows_the_published_schemas() {
    let crm = sandbox().await;
    crm.seed_records(chrono::DateTime::from_timestamp(1_795_338_000, 0).unwrap()).unwrap();
    crm.delete_record("R000002").unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for (path, name) in [
        ("capabilities", "Capabilities"),
        ("changes", "Changes"),
        ("changes?kinds=task,other&limit=1", "Changes"),
        ("items/R000001", "Item"),
        ("records?kind=activity-with", "RecordList"),
        ("activities", "ActivityPage"),
    ] {
        let answer = client.get(format!("{}/v1/{path}", crm.url)).bearer_auth("anna").send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        schema::check(name, &answer.json().await.unwrap()).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    for path in ["changes?kinds=dreams", "changes?limit=0", "records", "records?kind=x", "activities?day=today", "activities?origin=x"] {
        let answer = client.get(format!("{}/v1/{path}", crm.url)).bearer_auth("anna").send().await.unwrap();
        assert_eq!(answer.status(), 400, "{path}");
    }
}

async fn hinted(crm: &RunningCrm, act: impl FnOnce()) -> Vec<CrmHint> {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let listener = anna(crm);
    let task = tokio::spawn(async move { listener.events(move |hint| tell.send(hint).unwrap_or_default()).await });
    // The request is counted once it is being answered.
    while !crm.requests().iter().any(|request| request == "GET /v1/events") {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    act();
    let hint = tokio::time::timeout(Duration::from_secs(10), told.recv()).await.unwrap();
    task.abort();
    hint.into_iter().collect()
}

#[tokio::test]
async fn events_hint_at_changes_and_end_with_the_crm() {
    let crm = sandbox().await;
    let hints = hinted(&crm, || drop(crm.add_record("TASK", "anna", appointment("x")).unwrap())).await;
    assert_eq!(hints, [CrmHint::Records]);
    let listener = anna(&crm);
    let listening = tokio::spawn(async move { listener.events(|_| {}).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    crm.shutdown().await;
    // Ended or cut off, but over.
    let _ = tokio::time::timeout(Duration::from_secs(5), listening).await.unwrap().unwrap();

    let crm = SandboxCrm::start(SandboxCrmOptions { profiles: vec!["mail".to_owned()], ..SandboxCrmOptions::default() }).await.unwrap();
    assert!(matches!(anna(&crm).events(|_| {}).await, Err(CrmError::NotOffered { .. })));
    assert!(matches!(anna(&crm).changes(&both(), None).await, Err(CrmError::NotOffered { .. })));
    assert!(matches!(anna(&crm).write_records(&[create("op", "uid", appointment("x"))]).await, Err(CrmError::NotOffered { .. })));
}

/// A CRM that gives one answer to everything.
async fn foreign(answer: serde_json::Value) -> HttpCrm {
    let router = axum::Router::new().fallback(move || {
        let answer = answer.clone();
        async move { axum::Json(answer) }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    adapter_as(&url, "anna")
}

#[tokio::test]
async fn v10_a_record_nobody_can_read_does_not_hold_up_the_others() {
    let item = |id: &str, subject: serde_json::Value| serde_json::json!({"item": {"id": id, "version": "1", "kind": "dream", "type": "X", "fields": {"subject": subject, "aura": "blue"}, "x": 1}});
    let page =
        serde_json::json!({"changes": [item("1", "a".into()), item("2", 7.into()), item("3", "c".into())], "cursor": "k", "later": true});
    let page = foreign(page).await.changes(&both(), None).await.unwrap();
    assert_eq!(ids(&page.changes), ["1", "2", "3"]);
    assert!(matches!(&page.changes[0], RecordChange::Present(view) if view.kind == RecordKind::Other && view.fields.len() == 1));
    assert!(matches!(&page.changes[1], RecordChange::Unreadable { reason, .. } if reason.starts_with("subject")));

    let result = serde_json::json!({"opId": "op", "verdict": "applied", "item": item("2", 7.into())["item"]});
    let crm = foreign(serde_json::json!({ "results": [result] })).await;
    assert!(matches!(one(&crm, create("op", "uid", appointment("x"))).await, WriteVerdict::Retry { .. }));
}

#[tokio::test]
async fn an_answer_outside_of_the_contract_is_told_as_such() {
    let contract = |result: Result<(), CrmError>| assert!(matches!(result, Err(CrmError::Contract(_))), "{result:?}");
    let still = foreign(serde_json::json!({"changes": [], "cursor": "k", "more": true})).await;
    contract(still.changes(&both(), Some("k")).await.map(drop));
    contract(foreign(serde_json::json!({"changes": [{}], "cursor": "k"})).await.changes(&both(), None).await.map(drop));
    let item = serde_json::json!({"id": "R2", "version": "1", "kind": "task", "type": "TASK"});
    contract(foreign(item.clone()).await.record("R1").await.map(drop));
    for results in [
        serde_json::json!([]),
        serde_json::json!([{"opId": "op", "verdict": "enchanted"}]),
        serde_json::json!([{"opId": "op", "verdict": "applied"}]),
        serde_json::json!([{"opId": "op", "verdict": "gone"}, {"opId": "op", "verdict": "gone"}]),
        serde_json::json!([{"opId": "op", "verdict": "gone"}, {"opId": "other", "verdict": "gone"}]),
        serde_json::json!([{"opId": "op", "verdict": "applied", "item": item}]),
    ] {
        let crm = foreign(serde_json::json!({ "results": results })).await;
        let delete = write("op", RecordAction::Delete { id: "R1".into(), if_version: "1".into() });
        contract(crm.write_records(&[delete]).await.map(drop));
    }
}
