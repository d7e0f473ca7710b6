//! Pairs, what is known, and what is kept so that no run has to read all of it.

use super::samples::{at, work};
use crate::crm::{RecordKind, RecordLink};
use crate::journal::fault::FaultBackend;
use crate::journal::{Base, Change, ItemPlace, Journal, KnownItem, KnownRecord, LinkState, Pair, PairState, Wish};
use crate::model::{Area, Field, Fields, ItemKey, ReasonCode, Value};

const AREA: Area = Area::Calendar;

fn pair(uid: &str, record: &str, state: PairState, link: LinkState) -> Pair {
    Pair {
        uid: uid.to_owned(),
        recurrence_id: None,
        item: Some(ItemPlace { collection: "cal".to_owned(), id: uid.to_owned() }),
        record: Some(RecordLink { id: record.to_owned(), version: "1".to_owned(), link: None }),
        kind: RecordKind::Appointment,
        activity_type: "APPOINTMENT".to_owned(),
        base: Base::default(),
        state,
        link,
        choices: std::collections::BTreeMap::new(),
        since: at(1),
    }
}

fn put(key: &str, pair: Pair) -> Change {
    Change::PutPair { account: work(), area: AREA, key: key.into(), pair: Box::new(pair) }
}

fn journal(changes: Vec<Change>) -> Journal {
    let journal = Journal::open_with_backend(FaultBackend::new(1)).unwrap();
    journal.commit_blocking(changes).unwrap();
    assert!(journal.check().unwrap().is_sound());
    journal
}

#[test]
fn a_pair_is_found_by_its_record_and_by_its_item() {
    let active = |uid, record| pair(uid, record, PairState::Active, LinkState::None);
    let journal = journal(vec![put("uid:a", active("a", "R1")), put("uid:a#1", active("a", "R2")), put("uid:ab", active("ab", "R3"))]);
    assert_eq!(journal.pair_of_record(&work(), AREA, "R2").unwrap().unwrap().0, ItemKey::from("uid:a#1"));
    assert_eq!(journal.pair_of_record(&"home".into(), AREA, "R2").unwrap(), None);
    assert_eq!(journal.pairs_between(&work(), AREA, &"uid:a".into(), &"uid:a$".into()).unwrap().len(), 2);
    assert_eq!(journal.area_tally(&work(), AREA).unwrap().pairs, 3);
}

#[test]
fn the_indexes_and_the_tally_follow_the_pairs() {
    let journal = journal(vec![put("uid:a", pair("a", "R1", PairState::Active, LinkState::Pending))]);
    assert_eq!(journal.pairs_to_link(&work(), AREA, 9).unwrap(), [ItemKey::from("uid:a")]);
    journal.commit_blocking(vec![put("uid:a", pair("a", "R2", PairState::RemovedByUser, LinkState::Pending))]).unwrap();
    assert!(journal.pairs_to_link(&work(), AREA, 9).unwrap().is_empty());
    assert_eq!(journal.pair_of_record(&work(), AREA, "R1").unwrap(), None);
    assert!(journal.pair_of_record(&work(), AREA, "R2").unwrap().is_some());
    assert_eq!(journal.area_tally(&work(), AREA).unwrap().pairs, 0);
    // Another pair takes the record over before the first one goes.
    journal.commit_blocking(vec![put("uid:b", pair("b", "R2", PairState::Active, LinkState::None))]).unwrap();
    journal.commit_blocking(vec![Change::RemovePair { account: work(), area: AREA, key: "uid:a".into() }]).unwrap();
    assert_eq!(journal.pair_of_record(&work(), AREA, "R2").unwrap().unwrap().0, ItemKey::from("uid:b"));
    assert!(journal.check().unwrap().is_sound());
}

#[test]
fn items_and_records_are_looked_at_again_when_their_time_has_come() {
    let place = |id: &str| ItemPlace { collection: "cal".to_owned(), id: id.to_owned() };
    let known = |minute: Option<i64>| KnownItem { version: None, uid: "u".to_owned(), left_out: None, look_again: minute.map(at) };
    let know = |id, minute| Change::KnowItem { account: work(), area: AREA, place: place(id), known: known(minute) };
    let later = |record: &str, minute| Change::KnowRecord {
        account: work(),
        area: AREA,
        record: record.to_owned(),
        known: KnownRecord { version: "1".to_owned(), reason: ReasonCode::OutsideWindow.into(), look_again: at(minute) },
    };
    let journal =
        journal(vec![know("a", Some(5)), know("b", Some(3)), know("c", None), know("a", Some(2)), later("R1", 4), later("R1", 6)]);
    assert_eq!(journal.known_items_due(&work(), AREA, at(3), 9).unwrap(), [place("a"), place("b")]);
    assert_eq!(journal.known_items_page(&work(), AREA, "cal", None, 9).unwrap().len(), 3);
    assert!(journal.known_records_due(&work(), AREA, at(5), 9).unwrap().is_empty());
    assert_eq!(journal.known_records_due(&work(), AREA, at(6), 9).unwrap(), ["R1"]);
    journal.commit_blocking(vec![Change::ForgetItem { account: work(), area: AREA, place: place("a") }]).unwrap();
    assert_eq!(journal.known_items_due(&work(), AREA, at(9), 9).unwrap(), [place("b")]);
}

#[test]
fn risky_changes_are_remembered_for_a_day() {
    let risky = |minute, count| Change::AddRisky { account: work(), area: AREA, at: at(minute), count };
    let journal = journal(vec![risky(0, 3), risky(60, 4)]);
    let tally = journal.area_tally(&work(), AREA).unwrap();
    assert_eq!([at(60), at(24 * 60), at(26 * 60)].map(|now| tally.risky_lately(now)), [7, 7, 0]);
}

#[test]
fn a_base_keeps_both_forms_and_gives_them_back() {
    let text = |word: &str| Value::Text(word.to_owned());
    let groupware: Fields = [(Field::Subject, text("A")), (Field::Location, text("x"))].into();
    let crm: Fields = [(Field::Subject, text("a")), (Field::Url, text("u"))].into();
    let base = Base::of(groupware.clone(), &crm);
    assert_eq!((&base.groupware, base.crm_fields()), (&groupware, crm));
    assert_eq!(base.crm_value(Field::Location), None);
    let json = serde_json::to_string(&base).unwrap();
    assert_eq!(serde_json::from_str::<Base>(&json).unwrap(), base);
}

#[test]
fn everything_of_an_account_is_forgotten() {
    let journal = journal(vec![
        put("uid:a", pair("a", "R1", PairState::Active, LinkState::Pending)),
        Change::PutWish { account: work(), area: AREA, wish: Wish::Push { record: "R1".to_owned() } },
        Change::AddRisky { account: work(), area: AREA, at: at(1), count: 1 },
        Change::KnowItem {
            account: work(),
            area: AREA,
            place: ItemPlace { collection: "cal".to_owned(), id: "a".to_owned() },
            known: KnownItem { version: None, uid: "a".to_owned(), left_out: None, look_again: Some(at(2)) },
        },
    ]);
    journal.forget_account(&work()).unwrap();
    let report = journal.check().unwrap();
    assert!(report.is_sound());
    assert_eq!(report.records.iter().filter(|(table, _)| **table != "meta").map(|(_, count)| count).sum::<u64>(), 0);
}
