//! CATEGORIES (RFC 6350 §6.7.1), one line or many ↔ categories. Words that stay keep their place and their spelling.

use std::collections::BTreeSet;

use super::{Source, Target, VcardFault};
use crate::groupware::lines::{split, unescape};
use crate::groupware::vcard::line::{Line, escaped};
use crate::groupware::vcard::source::Style;
use crate::model::{Field, Value};

const NAME: &str = "CATEGORIES";

pub(super) fn read(source: &Source<'_>) -> Option<Value> {
    let mut words = BTreeSet::new();
    for entry in source.all(NAME) {
        words.extend(split(&entry.value(), b',').map(word).filter(|word| !word.is_empty()));
    }
    (!words.is_empty()).then_some(Value::Words(words))
}

fn word(raw: &str) -> String {
    unescape(raw).split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), VcardFault> {
    let empty = BTreeSet::new();
    let wanted = match value {
        None => &empty,
        Some(Value::Words(words)) => words,
        Some(_) => return Err(VcardFault::BadField { field: Field::Categories }),
    };
    let source = target.source;
    let mut missing = wanted.clone();
    let mut lines: Vec<_> = source
        .all(NAME)
        .map(|entry| {
            let said: Vec<String> = split(&entry.value(), b',').map(str::to_owned).collect();
            let kept: Vec<String> = said.iter().filter(|raw| wanted.contains(&word(raw))).cloned().collect();
            for raw in &kept {
                missing.remove(&word(raw));
            }
            let changed = kept.len() != said.len();
            (entry, kept, changed)
        })
        .collect();
    if !missing.is_empty() {
        // Commas part the words in 2.1 too.
        let comma = if source.style == Style::V21 { "\\," } else { "," };
        let new = missing.iter().map(|word| escaped(source.style, word).replace(',', comma));
        // The last line that stays takes the new ones; where none stays, the first.
        let at = lines.iter().rposition(|(_, kept, _)| !kept.is_empty()).unwrap_or(0);
        match lines.get_mut(at) {
            Some((_, kept, changed)) => {
                kept.extend(new);
                *changed = true;
            }
            None => target.add(Line::new(NAME).value(new.collect::<Vec<_>>().join(","))),
        }
    }
    for (entry, kept, _) in lines.into_iter().filter(|(_, _, changed)| *changed) {
        if kept.is_empty() {
            target.remove(entry);
        } else {
            target.change(entry, Line::of(entry).value(kept.join(",")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{card, card21, edited, value};
    use super::*;

    fn words(words: &[&str]) -> Option<Value> {
        Some(Value::Words(words.iter().map(ToString::to_string).collect()))
    }

    #[test]
    fn r89_words_that_stay_are_not_touched() {
        let text = card("CATEGORIES:b\\, c, a \r\nX-A:1\r\nCATEGORIES:d,e");
        assert_eq!(value(&text, Field::Categories), words(&["a", "b, c", "d", "e"]));
        let written = edited(&text, Field::Categories, words(&["a", "b, c", "d", "CRMcorner"]));
        assert_eq!(written, card("CATEGORIES:b\\, c, a \r\nX-A:1\r\nCATEGORIES:d,CRMcorner"));
        assert_eq!(edited(&text, Field::Categories, None), card("X-A:1"));
        assert_eq!(edited(&card("X-A:1"), Field::Categories, words(&["x;y", "p,q"])), card("X-A:1\r\nCATEGORIES:p\\,q,x\\;y"));
        edited(&card21("X-A:1"), Field::Categories, words(&["ü, x", "y"]));
    }
}
