use chrono::NaiveDate;
use proptest::prelude::*;
use serde_json::json;

use super::super::schema;
use super::*;
use crate::model::Digest;
use crate::model::contact::{PHONE_KINDS, PLACE_KINDS, PartialDate, Photo};

fn moment() -> impl Strategy<Value = Moment> {
    let local = (1i32..9999, 1u32..=365, 0u32..86_400).prop_map(|(year, day, second)| {
        NaiveDate::from_yo_opt(year, day).unwrap().and_hms_opt(second / 3600, second / 60 % 60, second % 60).unwrap()
    });
    let zone = prop::sample::select(vec!["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia"]);
    prop_oneof![
        local.clone().prop_map(|time| Moment::Day(time.date())),
        local.clone().prop_map(Moment::Floating),
        (local, zone).prop_map(|(local, zone)| {
            let document = MomentDocument {
                local: Some(local.format("%Y-%m-%dT%H:%M:%S").to_string()),
                zone: Some(zone.to_owned()),
                ..MomentDocument::default()
            };
            document.read().unwrap()
        }),
    ]
}

fn text() -> impl Strategy<Value = String> {
    "[a-zA-Zäöß€ .,:;\"\\\\/-]{0,20}[a-zA-Zß😀]"
}

fn person() -> impl Strategy<Value = Person> {
    let role = prop::sample::select(vec!["", "organiser", "required", "optional", "informed", "resource"]);
    let answer = prop::sample::select(vec!["", "needs-action", "accepted", "declined", "tentative", "delegated"]);
    ("[a-z]{1,8}@[a-z]{1,8}\\.example", prop::option::of("[A-Z][a-zß]{0,8}"), role, answer).prop_map(|(address, name, role, answer)| {
        Person { address, name: name.unwrap_or_default(), role: role.to_owned(), answer: answer.to_owned() }
    })
}

fn value(field: Field) -> BoxedStrategy<Value> {
    let pick = |words: &'static [&'static str]| prop::sample::select(words).prop_map(|word| Value::Text(word.to_owned())).boxed();
    match field {
        Field::Subject
        | Field::Location
        | Field::MeetingLink
        | Field::Url
        | Field::Prefix
        | Field::GivenName
        | Field::MiddleName
        | Field::FamilyName
        | Field::Suffix
        | Field::PhoneticGivenName
        | Field::PhoneticFamilyName
        | Field::FileAs
        | Field::Company
        | Field::Department
        | Field::JobTitle
        | Field::Role => text().prop_map(|text| Value::Text(text.trim().to_owned())).boxed(),
        Field::ShowAs => pick(&["free", "tentative", "busy", "out-of-office", "elsewhere"]),
        Field::TaskStatus => pick(&["in-process", "completed", "cancelled"]),
        Field::Note => (prop::collection::vec(text(), 1..4), prop::option::of(text()))
            .prop_map(|(lines, html)| Value::Note(Note { text: lines.join("\n"), html }))
            .boxed(),
        Field::Slot => (moment(), 0i64..5_000_000)
            .prop_filter_map("in range", |(start, seconds)| {
                let length = chrono::TimeDelta::seconds(seconds);
                let end = match &start {
                    Moment::Day(day) => Moment::Day(day.checked_add_signed(length.max(chrono::TimeDelta::days(1)))?),
                    Moment::Floating(local) => Moment::Floating(local.checked_add_signed(length)?),
                    Moment::Zoned { instant, .. } => Moment::utc(instant.checked_add_signed(length)?),
                };
                let year = chrono::Datelike::year(&end.approximate_instant());
                (1..=9999).contains(&year).then_some(Value::Slot(Slot { start, end }))
            })
            .boxed(),
        Field::Start | Field::Due => moment().prop_map(Value::Moment).boxed(),
        Field::Completed => (0i64..4_000_000_000)
            .prop_map(|seconds| Value::Moment(Moment::utc(chrono::DateTime::from_timestamp(seconds, 0).unwrap())))
            .boxed(),
        Field::Recurrence => {
            (prop::collection::btree_set("FREQ=(DAILY|WEEKLY);COUNT=[1-9];BYDAY=(MO|TU)", 1..3), prop::collection::vec(moment(), 0..4))
                .prop_map(|(rules, mut excluded)| {
                    excluded.sort_by_cached_key(Moment::key);
                    excluded.dedup();
                    Value::Recurrence(Recurrence { rules: rules.into_iter().collect(), additional: Vec::new(), excluded })
                })
                .boxed()
        }
        Field::Private | Field::Cancelled | Field::Declined | Field::Organisation => Just(Value::Flag(true)).boxed(),
        Field::Categories => prop::collection::btree_set("[A-Za-zä]{1,8}", 1..4).prop_map(Value::Words).boxed(),
        Field::Priority => (1i64..=9).prop_map(Value::Number).boxed(),
        Field::Percent => (1i64..=100).prop_map(Value::Number).boxed(),
        Field::Reminder => (-100i64..100_000).prop_map(Value::Number).boxed(),
        Field::Participants | Field::Contacts => {
            prop::collection::btree_set(person(), 1..4).prop_map(|people| Value::People(people.into_iter().collect())).boxed()
        }
        Field::Emails => entries(("[a-z]{1,8}@[a-z]{1,8}\\.example", kind(&PLACE_KINDS), text(), any::<bool>()), |list| {
            Value::addresses(list.into_iter().map(|(address, kind, name, preferred)| ContactAddress { address, kind, name, preferred }))
        }),
        Field::Phones => entries((r"\+?[0-9][0-9 /-]{3,12}[0-9]", kind(&PHONE_KINDS), any::<bool>()), |list| {
            Value::phones(list.into_iter().map(|(number, kind, preferred)| Phone { kind, number, preferred }))
        }),
        Field::Messaging => {
            entries(("[a-z]{1,8}", text()), |list| Value::handles(list.into_iter().map(|(service, name)| Handle { service, name })))
        }
        Field::Places => entries((kind(&PLACE_KINDS), text(), "[0-9]{5}", text()), |list| {
            let places = list.into_iter();
            let place = |(kind, street, postal_code, locality)| Place { kind, street, postal_code, locality, ..Place::default() };
            Value::places(places.map(place))
        }),
        Field::Birthday | Field::Anniversary => (prop::option::of(1900..2100), 1u32..=12, 1u32..=28)
            .prop_map(|(year, month, day)| Value::PartialDate(PartialDate { year, month, day }))
            .boxed(),
        Field::Photo => any::<[u8; 4]>()
            .prop_map(|bytes| Value::Photo(Photo { digest: Digest::of(&bytes), media_type: "image/jpeg".to_owned(), bytes: None }))
            .boxed(),
    }
}

fn kind(kinds: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(kinds).prop_map(str::to_owned)
}

fn entries<S: Strategy + 'static>(entry: S, list: impl Fn(Vec<S::Value>) -> Option<Value> + 'static) -> BoxedStrategy<Value> {
    prop::collection::vec(entry, 1..4).prop_filter_map("says something", list).boxed()
}

fn fields() -> impl Strategy<Value = Fields> {
    prop::sample::subsequence(Field::ALL.to_vec(), 0..=Field::ALL.len()).prop_flat_map(|chosen| {
        chosen
            .into_iter()
            .map(|field| value(field).prop_map(move |value| (field, value)))
            .collect::<Vec<_>>()
            .prop_map(|pairs| pairs.into_iter().collect())
    })
}

/// JSON of any shape.
fn anything() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        ".{0,12}".prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map("date|local|zone|start|end|text|rules|address|role", inner, 0..4)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_follows_the_schema_and_is_read_back_the_same(fields in fields()) {
        let document = FieldsDocument::from(&fields);
        let json = serde_json::to_value(&document).unwrap();
        prop_assert!(schema::check("Fields", &json).is_ok(), "{:?} {json}", schema::check("Fields", &json));
        prop_assert_eq!(&document.read().unwrap(), &fields);
        // The HTML travels as well, though notes are compared by their text.
        if let (Some(Value::Note(sent)), Some(Value::Note(read))) = (fields.get(&Field::Note), document.read().unwrap().get(&Field::Note)) {
            prop_assert_eq!(&sent.html, &read.html);
        }
    }

    #[test]
    fn a_change_is_read_back_the_same(fields in fields(), cleared in prop::sample::subsequence(Field::ALL.to_vec(), 0..5)) {
        let mut changes: FieldChanges = fields.into_iter().map(|(field, value)| (field, Some(value))).collect();
        changes.extend(cleared.into_iter().map(|field| (field, None)));
        let (set, clear) = write_changes(&changes);
        prop_assert_eq!(set.read_changes(&clear).unwrap(), changes);
    }

    #[test]
    fn whatever_a_crm_sends_is_read_or_refused_and_what_is_read_stays_the_same(name in prop::sample::select(Field::ALL.to_vec()), json in anything()) {
        let document = FieldsDocument([(field_name(name), json)].into());
        if let Ok(fields) = document.read() {
            let again = FieldsDocument::from(&fields).read();
            prop_assert_eq!(again, Ok(fields));
        }
    }
}

fn read_json(json: Json) -> Result<Fields, FieldFault> {
    serde_json::from_value::<FieldsDocument>(json).unwrap().read()
}

#[test]
fn names_are_those_of_the_model_in_camel_case() {
    assert_eq!(field_name(Field::ShowAs), "showAs");
    assert_eq!(field_name(Field::MeetingLink), "meetingLink");
    for &field in Field::ALL {
        assert_eq!(field_named(&field_name(field)), Some(field));
    }
}

#[test]
fn members_of_a_later_contract_are_ignored_and_empty_ones_are_absent() {
    let fields = read_json(json!({
        "subject": " \u{7} ", "location": null, "private": false, "categories": ["", " "], "percent": 0, "priority": 0,
        "taskStatus": "needs-action", "showAs": "in-deep-thought", "mood": {"a": 1}, "note": {"text": "\r\n \r\n"},
        "participants": [{"role": "required"}]
    }));
    assert_eq!(fields, Ok(Fields::new()));
}

#[test]
fn contents_that_mean_the_same_are_the_same_values() {
    let one = read_json(json!({
        "note": {"text": "a  \r\nb\n\n"}, "recurrence": {"rules": ["rrule:byday=mo;interval=1;freq=weekly;wkst=mo"]},
        "participants": [{"address": "B@x.example", "role": "juggler"}, {"address": "a@x.example", "answer": "accepted"}],
        "percent": 250, "slot": {"start": {"date": "2026-11-22"}, "end": {"date": "2026-11-22"}}
    }));
    let other = read_json(json!({
        "note": {"text": "a\nb"}, "recurrence": {"rules": ["FREQ=WEEKLY;BYDAY=MO"]},
        "participants": [{"address": "a@x.example", "answer": "accepted"}, {"address": "b@x.example"}],
        "percent": 100.0, "slot": {"start": {"date": "2026-11-22"}, "end": {"date": "2026-11-23"}}
    }));
    assert_eq!(one, other);
    assert!(one.is_ok());
}

#[test]
fn what_cannot_be_understood_safely_names_its_field() {
    let fault = |json: Json| read_json(json).unwrap_err().field;
    assert_eq!(fault(json!({"taskStatus": "paused"})), "taskStatus");
    assert_eq!(fault(json!({"subject": 7})), "subject");
    assert_eq!(fault(json!({"due": {"date": "tomorrow"}})), "due");
    let slot = |start: Json, end: Json| json!({"slot": {"start": start, "end": end}});
    assert_eq!(fault(slot(json!({"date": "2026-11-23"}), json!({"date": "2026-11-22"}))), "slot");
    assert_eq!(fault(slot(json!({"date": "2026-11-23"}), json!({"local": "2026-11-23T10:00:00"}))), "slot");
}
