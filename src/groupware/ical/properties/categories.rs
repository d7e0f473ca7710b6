//! CATEGORIES (RFC 5545 §3.8.1.2), one line or many ↔ categories. Words that stay keep their place and their spelling.

use std::collections::BTreeSet;

use super::{IcalFault, Source, Target};
use crate::groupware::lines::{escape, split, unescape};
use crate::model::{Field, Value};

const NAME: &str = "CATEGORIES";

pub(super) fn read(source: &Source<'_>) -> Result<Option<Value>, IcalFault> {
    let mut words = BTreeSet::new();
    for property in source.all(NAME) {
        words.extend(split(property.value(), b',').map(word).filter(|word| !word.is_empty()));
    }
    Ok((!words.is_empty()).then_some(Value::Words(words)))
}

fn word(raw: &str) -> String {
    unescape(raw).split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), IcalFault> {
    let empty = BTreeSet::new();
    let wanted = match value {
        None => &empty,
        Some(Value::Words(words)) => words,
        Some(_) => return Err(IcalFault::BadField { field: Field::Categories }),
    };
    let mut missing = wanted.clone();
    let mut lines: Vec<_> = target
        .source
        .all(NAME)
        .map(|property| {
            let said: Vec<String> = split(property.value(), b',').map(str::to_owned).collect();
            let kept: Vec<String> = said.iter().filter(|raw| wanted.contains(&word(raw))).cloned().collect();
            for raw in &kept {
                missing.remove(&word(raw));
            }
            let changed = kept.len() != said.len();
            (property, kept, changed)
        })
        .collect();
    if !missing.is_empty() {
        let new = missing.iter().map(|word| escape(word));
        // The last line that stays takes the new ones; where none stays, the first.
        let at = lines.iter().rposition(|(_, kept, _)| !kept.is_empty()).unwrap_or(0);
        match lines.get_mut(at) {
            Some((_, kept, changed)) => {
                kept.extend(new);
                *changed = true;
            }
            None => target.add(&format!("{NAME}:{}", new.collect::<Vec<_>>().join(","))),
        }
    }
    for (property, kept, _) in lines.into_iter().filter(|(_, _, changed)| *changed) {
        if kept.is_empty() {
            target.editor.remove(property.line);
        } else {
            target.editor.replace(property.line, property.with(&[], &kept.join(",")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{edited, event, value};
    use crate::model::{Field, Value};

    fn words(words: &[&str]) -> Option<Value> {
        Some(Value::Words(words.iter().map(ToString::to_string).collect()))
    }

    #[test]
    fn lines_and_lists_are_one_set() {
        let text = event("CATEGORIES:b\\, c, a ,\r\nCATEGORIES;LANGUAGE=de:d,a");
        assert_eq!(value(&text, Field::Categories), words(&["a", "b, c", "d"]));
    }

    #[test]
    fn r75_words_that_stay_are_not_touched() {
        let text = event("CATEGORIES:b\\, c, a \r\nX-A:1\r\nCATEGORIES;LANGUAGE=de:d,e");
        let written = edited(&text, Field::Categories, words(&["a", "b, c", "d", "new"]));
        assert_eq!(written, event("CATEGORIES:b\\, c, a \r\nX-A:1\r\nCATEGORIES;LANGUAGE=de:d,new"));
        assert_eq!(edited(&text, Field::Categories, words(&["x"])), event("CATEGORIES:x\r\nX-A:1"));
        assert_eq!(edited(&text, Field::Categories, None), event("X-A:1"));
        assert_eq!(edited(&event("X-A:1"), Field::Categories, words(&["x;y", "z"])), event("X-A:1\r\nCATEGORIES:x\\;y,z"));
    }
}
