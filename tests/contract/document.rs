//! The published text: locked, sound, and the same as the types.

use crmsync::crm::contract::{self, ProblemKind, openapi, schema};
use crmsync::model::Digest;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Version and SHA-256 of the published text. A change of the text is a change of the contract: raise `info.version` in
/// `openapi.json` (a patch for words, a minor version for additions; 1.x takes nothing away), then put both here.
const PUBLISHED: (&str, &str) = ("1.2.0", "2eb90b3ee9ac255425314e1e14dd53327b878dfc82cdb0c2c71a78645d44ad16");

fn document() -> Value {
    serde_json::from_str(openapi::document()).unwrap()
}

#[test]
fn the_published_text_changes_only_on_purpose() {
    // A checkout may have other line ends.
    let digest = Digest::of(openapi::document().replace("\r\n", "\n").as_bytes());
    let document = document();
    assert_eq!((document["info"]["version"].as_str().unwrap(), digest.as_str()), PUBLISHED, "see the comment at PUBLISHED");
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["info"]["version"].as_str().unwrap().starts_with(contract::CONTRACT_VERSION));
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_can_be_judged() {
    fn walk(value: &Value, document: &Value) {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            assert!(document.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
        }
        match value {
            Value::Object(members) => members.values().for_each(|member| walk(member, document)),
            Value::Array(entries) => entries.iter().for_each(|entry| walk(entry, document)),
            _ => {}
        }
    }
    let document = document();
    walk(&document, &document);
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(schema["description"].is_string(), "{name} has no description");
        for example in schema.get("examples").and_then(Value::as_array).into_iter().flatten().filter(|_| schema["type"] == "object") {
            schema::check(name, example).unwrap_or_else(|error| panic!("example of {name}: {error}"));
        }
    }
}

/// The example of a schema is read by its type, and what the type writes follows the schema.
fn same<T: Serialize + DeserializeOwned>(name: &str) {
    let example = document()["components"]["schemas"][name]["examples"][0].clone();
    let read: T = serde_json::from_value(example.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let written = serde_json::to_value(&read).unwrap();
    schema::check(name, &written).unwrap_or_else(|error| panic!("{name}: {error}"));
    for (member, value) in example.as_object().unwrap() {
        assert_eq!(Some(value), written.get(member), "{name}.{member} is lost or changed");
    }
}

#[test]
fn every_document_type_reads_its_example_and_writes_what_the_schema_says() {
    same::<contract::CapabilitiesDocument>("Capabilities");
    same::<contract::SettingsDocument>("Settings");
    same::<contract::SettingsPatch>("SettingsPatch");
    same::<contract::ImportAnswer>("ImportAnswer");
    same::<contract::ActivityPage>("ActivityPage");
    same::<contract::CheckRequest>("CheckRequest");
    same::<contract::CheckAnswer>("CheckAnswer");
    same::<contract::AuditRequest>("AuditRequest");
    same::<contract::AuditAnswer>("AuditAnswer");
    same::<contract::ResolveRequest>("ResolveRequest");
    same::<contract::ResolveAnswer>("ResolveAnswer");
    same::<contract::Problem>("Problem");
    same::<contract::ChangesDocument>("Changes");
    same::<contract::ItemDocument>("Item");
    same::<contract::ItemBatch>("ItemBatch");
    same::<contract::ItemBatchAnswer>("ItemBatchAnswer");
    same::<contract::RecordList>("RecordList");
    same::<contract::ContactPageDocument>("ContactPage");
    same::<contract::MatchRequest>("MatchRequest");
    same::<contract::MatchAnswerDocument>("MatchAnswer");
    same::<contract::AddressWrite>("AddressWrite");
    same::<contract::SwitchWrite>("SwitchWrite");
    same::<contract::PartnerPage>("PartnerPage");
    same::<contract::GroupList>("GroupList");
    same::<contract::FieldsDocument>("Fields");
    same::<contract::MomentDocument>("Moment");
    let example = document()["components"]["schemas"]["Manifest"]["examples"][0].clone();
    let manifest: contract::Manifest<'static> = serde_json::from_value(example).unwrap();
    schema::check("Manifest", &serde_json::to_value(&manifest).unwrap()).unwrap();
}

#[test]
fn every_kind_of_problem_is_published_with_its_status() {
    let text = openapi::document();
    for kind in ProblemKind::ALL {
        assert!(text.contains(kind.uri()), "{}", kind.uri());
        schema::check("Problem", &serde_json::to_value(kind.document("x")).unwrap()).unwrap();
    }
}

#[test]
fn what_breaks_a_schema_is_refused_with_the_place() {
    let mut manifest = document()["components"]["schemas"]["Manifest"]["examples"][0].clone();
    manifest["items"][0]["rawDigest"] = "ABC".into();
    let error = schema::check("Manifest", &manifest).unwrap_err();
    assert!(error.starts_with("items.0.rawDigest"), "{error}");
    manifest["items"] = Value::Array(Vec::new());
    assert!(schema::check("Manifest", &manifest).is_err());
    assert!(schema::check("Manifest", &Value::Null).is_err());
    assert!(schema::check("Nothing", &Value::Null).is_err());
}
