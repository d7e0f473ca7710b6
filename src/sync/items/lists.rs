//! The merge of lists, entry by entry: what one side added, changed or took away happens to the other side's list, which keeps what it has
//! besides. So two people can each add a number, and what a server did not take of a list is not lost on the other side.

use std::collections::{BTreeMap, BTreeSet};

use crate::journal::ConflictSide;
use crate::model::contact::{ContactAddress, Handle, Phone, Place};
use crate::model::{Field, Value};

/// What the two sides are to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lists {
    pub(super) groupware: Option<Value>,
    pub(super) crm: Option<Value>,
    /// An entry was changed on both sides, differently.
    pub(super) conflict: bool,
}

/// What a side said in the base and says now.
pub(super) type Said<'a> = (Option<&'a Value>, Option<&'a Value>);

/// Merges lists. `winner` holds where both sides changed one entry differently. `None`: this is no list, or not one on both sides.
pub(super) fn merge(field: Field, groupware: Said<'_>, crm: Said<'_>, winner: ConflictSide) -> Option<Lists> {
    match field {
        Field::Emails => entries(groupware, crm, winner, addresses, |entry| entry.address.clone(), Value::addresses),
        Field::Phones => entries(groupware, crm, winner, phones, Phone::digits, Value::phones),
        Field::Messaging => entries(groupware, crm, winner, handles, |entry| (entry.service.clone(), entry.name.clone()), Value::handles),
        Field::Places => entries(groupware, crm, winner, places, |entry| entry.kind.clone(), Value::places),
        Field::Categories => entries(groupware, crm, winner, words, Clone::clone, |list| {
            let list: BTreeSet<String> = list.into_iter().collect();
            (!list.is_empty()).then_some(Value::Words(list))
        }),
        _ => None,
    }
}

fn addresses(value: &Value) -> Option<Vec<ContactAddress>> {
    if let Value::Addresses(list) = value { Some(list.clone()) } else { None }
}

fn phones(value: &Value) -> Option<Vec<Phone>> {
    if let Value::Phones(list) = value { Some(list.clone()) } else { None }
}

fn handles(value: &Value) -> Option<Vec<Handle>> {
    if let Value::Handles(list) = value { Some(list.clone()) } else { None }
}

fn places(value: &Value) -> Option<Vec<Place>> {
    if let Value::Places(list) = value { Some(list.clone()) } else { None }
}

fn words(value: &Value) -> Option<Vec<String>> {
    if let Value::Words(list) = value { Some(list.iter().cloned().collect()) } else { None }
}

fn entries<T: Clone + Eq, K: Ord + Clone>(
    groupware: Said<'_>,
    crm: Said<'_>,
    winner: ConflictSide,
    read: impl Fn(&Value) -> Option<Vec<T>>,
    key: impl Fn(&T) -> K,
    write: impl Fn(Vec<T>) -> Option<Value>,
) -> Option<Lists> {
    let map = |value: Option<&Value>| -> Option<BTreeMap<K, T>> {
        let list = value.map_or_else(|| Some(Vec::new()), &read)?;
        Some(list.into_iter().map(|entry| (key(&entry), entry)).collect())
    };
    let (g_base, g, c_base, c) = (map(groupware.0)?, map(groupware.1)?, map(crm.0)?, map(crm.1)?);
    let (mut g_after, mut c_after, mut conflict) = (g.clone(), c.clone(), false);
    let keys: BTreeSet<&K> = g_base.keys().chain(g.keys()).chain(c_base.keys()).chain(c.keys()).collect();
    for key in keys {
        let (mine, theirs) = (g.get(key), c.get(key));
        let (g_changed, c_changed) = (mine != g_base.get(key), theirs != c_base.get(key));
        let (into, value) = match (g_changed, c_changed) {
            _ if mine == theirs => continue,
            (false, false) => continue,
            (true, false) => (&mut c_after, mine),
            (false, true) => (&mut g_after, theirs),
            (true, true) => {
                conflict = true;
                match winner {
                    ConflictSide::Groupware => (&mut c_after, mine),
                    ConflictSide::Crm => (&mut g_after, theirs),
                }
            }
        };
        match value {
            Some(value) => drop(into.insert(key.clone(), value.clone())),
            None => drop(into.remove(key)),
        }
    }
    let list = |map: BTreeMap<K, T>| write(map.into_values().collect());
    Some(Lists { groupware: list(g_after), crm: list(c_after), conflict })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(numbers: &[&str]) -> Option<Value> {
        Value::phones(numbers.iter().map(|number| Phone { kind: "work".into(), number: (*number).into(), preferred: false }))
    }

    fn merged(base: (&[&str], &[&str]), g: &[&str], c: &[&str]) -> Lists {
        let (g_base, c_base, g, c) = (list(base.0), list(base.1), list(g), list(c));
        merge(Field::Phones, (g_base.as_ref(), g.as_ref()), (c_base.as_ref(), c.as_ref()), ConflictSide::Crm).unwrap()
    }

    #[test]
    fn r92_what_either_side_adds_or_takes_away_happens_to_both() {
        let both = merged((&["111", "222"], &["111", "222"]), &["111", "222", "333"], &["111", "444"]);
        assert_eq!((both.groupware, both.crm, both.conflict), (list(&["111", "333", "444"]), list(&["111", "333", "444"]), false));
    }

    #[test]
    fn v6_what_a_server_did_not_take_stays_on_the_other_side() {
        let both = merged((&["111"], &["111", "999"]), &["111", "333"], &["111", "999"]);
        assert_eq!((both.groupware, both.crm), (list(&["111", "333"]), list(&["111", "333", "999"])));
    }

    #[test]
    fn c8_an_entry_that_both_changed_is_a_conflict_and_the_others_are_not() {
        let kind = |kind: &str, number: &str| Phone { kind: kind.into(), number: number.into(), preferred: false };
        let value = |list: &[Phone]| Value::phones(list.iter().cloned());
        let (base, g, c) = (
            value(&[kind("work", "111")]),
            value(&[kind("home", "111"), kind("work", "222")]),
            value(&[kind("mobile", "111"), kind("work", "333")]),
        );
        let both = merge(Field::Phones, (base.as_ref(), g.as_ref()), (base.as_ref(), c.as_ref()), ConflictSide::Crm).unwrap();
        assert!(both.conflict);
        let expected = value(&[kind("mobile", "111"), kind("work", "222"), kind("work", "333")]);
        assert_eq!(both.groupware, expected);
        let other = merge(Field::Phones, (base.as_ref(), g.as_ref()), (base.as_ref(), c.as_ref()), ConflictSide::Groupware).unwrap();
        assert_eq!(other.crm, value(&[kind("home", "111"), kind("work", "222"), kind("work", "333")]));
    }
}
