//! Judges documents by the schemas of the published text.
//!
//! It knows the keywords that text uses and no others; an unknown one is an error, so that no rule is silently left out. The sandbox
//! refuses what breaks a schema, and the tests hold adapter and sandbox to it.

use std::sync::OnceLock;

use serde_json::{Map, Value};

/// References followed and levels descended before a document counts as too deep.
const MAX_DEPTH: usize = 64;

/// The published text, parsed. An empty object if it were broken, which the tests exclude.
pub fn published() -> &'static Value {
    static TEXT: OnceLock<Value> = OnceLock::new();
    TEXT.get_or_init(|| serde_json::from_str(super::openapi::document()).unwrap_or_default())
}

/// Checks a document against the schema `name` of `#/components/schemas`.
pub fn check(name: &str, document: &Value) -> Result<(), String> {
    let schema = resolve(&format!("#/components/schemas/{name}"))?;
    judge(schema, document, &mut Place::default())
}

/// Checks one parameter of an operation, given as text. `Ok(None)` when the operation has no such parameter.
pub fn check_parameter(path: &str, method: &str, name: &str, text: &str) -> Result<Option<()>, String> {
    let Some(parameter) = parameters(path, method).into_iter().find(|parameter| parameter_name(parameter).eq_ignore_ascii_case(name))
    else {
        return Ok(None);
    };
    let schema = parameter.get("schema").unwrap_or(&Value::Null);
    let value = match schema.get("type").and_then(Value::as_str) {
        Some("integer") => text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from),
        Some("boolean") => text.parse::<bool>().map_or_else(|_| Value::from(text), Value::from),
        Some("array") => text.split(',').filter(|entry| !entry.is_empty()).collect(),
        _ => Value::from(text),
    };
    judge(schema, &value, &mut Place::default()).map(Some).map_err(|error| format!("parameter {name}: {error}"))
}

fn parameters(path: &str, method: &str) -> Vec<&'static Value> {
    let item = published().get("paths").and_then(|paths| paths.get(path));
    let of =
        |holder: Option<&'static Value>| holder.and_then(|holder| holder.get("parameters")).and_then(Value::as_array).into_iter().flatten();
    of(item)
        .chain(of(item.and_then(|item| item.get(method))))
        .filter_map(|parameter| match parameter.get("$ref").and_then(Value::as_str) {
            Some(reference) => resolve(reference).ok(),
            None => Some(parameter),
        })
        .collect()
}

fn parameter_name(parameter: &Value) -> &str {
    parameter.get("name").and_then(Value::as_str).unwrap_or_default()
}

fn resolve(reference: &str) -> Result<&'static Value, String> {
    reference.strip_prefix('#').and_then(|pointer| published().pointer(pointer)).ok_or_else(|| format!("the contract has no {reference}"))
}

/// Where in the document the judge stands, for messages and for the bound.
#[derive(Default)]
struct Place {
    path: Vec<String>,
    depth: usize,
}

impl Place {
    fn wrong<T>(&self, what: &str) -> Result<T, String> {
        let path = if self.path.is_empty() { "the document".to_owned() } else { self.path.join(".") };
        Err(format!("{path} {what}"))
    }

    fn within(&mut self, step: String, check: impl FnOnce(&mut Self) -> Result<(), String>) -> Result<(), String> {
        self.path.push(step);
        let result = check(self);
        self.path.pop();
        result
    }
}

fn judge(schema: &Value, value: &Value, place: &mut Place) -> Result<(), String> {
    place.depth += 1;
    if place.depth > MAX_DEPTH {
        return place.wrong("is nested too deeply");
    }
    let Some(keywords) = schema.as_object() else {
        return place.wrong("has no schema");
    };
    for (keyword, rule) in keywords {
        keyword_holds(keyword, rule, keywords, value, place)?;
    }
    place.depth -= 1;
    Ok(())
}

fn keyword_holds(keyword: &str, rule: &Value, all: &Map<String, Value>, value: &Value, place: &mut Place) -> Result<(), String> {
    let holds = match keyword {
        "description" | "title" | "examples" | "example" | "default" | "contentMediaType" | "deprecated" => true,
        "$ref" => return judge(resolve(rule.as_str().unwrap_or_default())?, value, place),
        "type" => has_type(rule.as_str().unwrap_or_default(), value),
        "enum" => rule.as_array().is_some_and(|allowed| allowed.contains(value)),
        "const" => rule == value,
        "format" => has_format(rule.as_str().unwrap_or_default(), value)?,
        "pattern" => matches_pattern(rule.as_str().unwrap_or_default(), value)?,
        "minimum" => value.as_f64().is_none_or(|number| rule.as_f64().is_some_and(|bound| number >= bound)),
        "maximum" => value.as_f64().is_none_or(|number| rule.as_f64().is_some_and(|bound| number <= bound)),
        "minLength" => value.as_str().is_none_or(|text| at_least(rule, text.chars().count())),
        "maxLength" => value.as_str().is_none_or(|text| at_most(rule, text.chars().count())),
        "minItems" => value.as_array().is_none_or(|list| at_least(rule, list.len())),
        "maxItems" => value.as_array().is_none_or(|list| at_most(rule, list.len())),
        "required" => value.as_object().is_none_or(|object| {
            rule.as_array().is_some_and(|names| names.iter().all(|name| object.contains_key(name.as_str().unwrap_or_default())))
        }),
        "items" => {
            for (index, entry) in value.as_array().into_iter().flatten().enumerate() {
                place.within(index.to_string(), |place| judge(rule, entry, place))?;
            }
            true
        }
        "properties" => {
            let (rules, object) = (rule.as_object(), value.as_object());
            for (name, schema) in rules.into_iter().flatten() {
                if let Some(member) = object.and_then(|object| object.get(name)) {
                    place.within(name.clone(), |place| judge(schema, member, place))?;
                }
            }
            true
        }
        "additionalProperties" => {
            let known = all.get("properties").and_then(Value::as_object);
            for (name, member) in value.as_object().into_iter().flatten() {
                if known.is_none_or(|known| !known.contains_key(name)) {
                    if rule == &Value::Bool(false) {
                        return place.wrong("has a member that is not allowed");
                    }
                    place.within(name.clone(), |place| judge(rule, member, place))?;
                }
            }
            true
        }
        other => return Err(format!("the contract uses the unknown keyword {other}")),
    };
    if holds { Ok(()) } else { place.wrong(&format!("breaks the rule \"{keyword}\": {rule}")) }
}

fn has_type(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        // `3.0` is an integer (JSON Schema 2020-12 §4.2.3).
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        "null" => value.is_null(),
        _ => false,
    }
}

fn has_format(name: &str, value: &Value) -> Result<bool, String> {
    let Some(text) = value.as_str() else { return Ok(true) };
    Ok(match name {
        "date" => chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok_and(|date| text == date.to_string()),
        "date-time" => chrono::DateTime::parse_from_rfc3339(text).is_ok(),
        "uri" => url::Url::parse(text).is_ok(),
        "uri-template" | "binary" => true,
        other => return Err(format!("the contract uses the unknown format {other}")),
    })
}

/// The patterns of the contract, by name rather than by an engine for regular expressions.
fn matches_pattern(pattern: &str, value: &Value) -> Result<bool, String> {
    let Some(text) = value.as_str() else { return Ok(true) };
    let all = |range: std::ops::RangeInclusive<usize>, allowed: fn(&u8) -> bool| {
        range.contains(&text.len()) && text.as_bytes().iter().all(allowed)
    };
    Ok(match pattern {
        "^[0-9a-f]{64}$" => all(64..=64, |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
        "^[A-Za-z0-9._~-]{8,128}$" => all(8..=128, |byte| byte.is_ascii_alphanumeric() || b"._~-".contains(byte)),
        "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}$" => is_local_time(text),
        "^mail-[0-9]{1,3}$" => is_mail_part(text),
        other => return Err(format!("the contract uses the unknown pattern {other}")),
    })
}

/// Whether a text has the form of a wall-clock time.
fn is_local_time(text: &str) -> bool {
    const FORM: &[u8] = b"0000-00-00T00:00:00";
    text.len() == FORM.len() && text.bytes().zip(FORM).all(|(byte, form)| if *form == b'0' { byte.is_ascii_digit() } else { byte == *form })
}

/// Whether a text is the name of a part with a mail: `mail-` and one to three digits.
#[must_use]
pub fn is_mail_part(text: &str) -> bool {
    text.strip_prefix("mail-").is_some_and(|number| matches!(number.len(), 1..=3) && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn at_least(rule: &Value, count: usize) -> bool {
    rule.as_u64().is_some_and(|bound| count as u64 >= bound)
}

fn at_most(rule: &Value, count: usize) -> bool {
    rule.as_u64().is_some_and(|bound| count as u64 <= bound)
}
