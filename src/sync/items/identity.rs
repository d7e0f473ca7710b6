//! The names of parts, of items made from records, and of writes: the same on every machine and after a lost journal (V2, V12).

use std::fmt::Write as _;

use uuid::Uuid;

use crate::model::{AccountId, Action, Area, ItemKey, Moment, OpId};

/// Names made by crmsync live in a space of their own.
const SPACE: Uuid = Uuid::from_u128(0x6372_6d73_796e_6300_8000_6974_656d_7301);

/// Longer names are digests: some servers bound the length of a file's name.
const MAX_ENCODED: usize = 120;

/// Key of a part: `uid:UID`, or `uid:UID#OCCURRENCE`. `%` and `#` in a UID are escaped as `%25` and `%23`.
#[must_use]
pub fn part_key(uid: &str, recurrence_id: Option<&Moment>) -> ItemKey {
    let mut key = item_prefix(uid);
    if let Some(moment) = recurrence_id {
        key.push('#');
        key.push_str(&moment.key());
    }
    ItemKey(key)
}

/// The keys of all parts of an item lie from the first (its master's) to the second (excluded).
#[must_use]
pub fn part_range(uid: &str) -> (ItemKey, ItemKey) {
    let prefix = item_prefix(uid);
    // '$' follows '#'; a longer UID that begins alike may lie in between, so readers compare the UID too.
    let end = format!("{prefix}$");
    (ItemKey(prefix), ItemKey(end))
}

fn item_prefix(uid: &str) -> String {
    format!("uid:{}", uid.replace('%', "%25").replace('#', "%23"))
}

/// The UID that a part's key names.
#[must_use]
pub fn uid_of(key: &ItemKey) -> Option<String> {
    let uid = key.as_str().strip_prefix("uid:")?;
    let uid = uid.split_once('#').map_or(uid, |(uid, _)| uid);
    Some(uid.replace("%23", "#").replace("%25", "%"))
}

/// UID and create identity of an item made from a record: the same for every agent, however it calls the account. It tells the record to
/// agents of the same CRM ([`record_of`]), because no server drops a UID, and some drop every other mark.
#[must_use]
pub fn item_id(crm_instance: &str, record: &str) -> String {
    let encoded = encode(record);
    if encoded.len() > MAX_ENCODED { name(&["item", crm_instance, record]) } else { format!("{}{encoded}", item_id_prefix(crm_instance)) }
}

/// The record that an item of this UID was made from, by whichever agent of this CRM.
#[must_use]
pub fn record_of(crm_instance: &str, uid: &str) -> Option<String> {
    decode(uid.strip_prefix(&item_id_prefix(crm_instance))?)
}

fn item_id_prefix(crm_instance: &str) -> String {
    let instance = name(&["crm", crm_instance]);
    format!("crmsync-{}-", instance.get(..8).unwrap_or(&instance))
}

/// An id in ASCII letters, digits and `-`, which begins the two hexadecimal digits of every other byte.
fn encode(record: &str) -> String {
    let mut encoded = String::with_capacity(record.len());
    for byte in record.bytes() {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "-{byte:02x}");
        }
    }
    encoded
}

fn decode(encoded: &str) -> Option<String> {
    let mut parts = encoded.split('-');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend(part.get(2..)?.bytes());
    }
    String::from_utf8(bytes).ok().filter(|record| !record.is_empty())
}

/// Identity of a write: the same for the same write, so that a repetition is one. `salt` tells attempts apart that must not be taken for
/// repetitions: the user asked again, the record before it is gone.
#[must_use]
pub fn op_id(account: &AccountId, crm_instance: &str, area: Area, key: &ItemKey, action: &Action, salt: &str) -> OpId {
    let content = serde_json::to_string(action).unwrap_or_default();
    OpId(name(&["op", account.as_str(), crm_instance, area.name(), key.as_str(), &content, salt]))
}

/// A `UUIDv5` of several words, none of which can run into the next.
fn name(words: &[&str]) -> String {
    let mut text = String::new();
    for word in words {
        text.push_str(&word.len().to_string());
        text.push(':');
        text.push_str(word);
    }
    Uuid::new_v5(&SPACE, text.as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day() -> Moment {
        Moment::Day("2026-11-22".parse().unwrap())
    }

    #[test]
    fn a_part_is_named_by_its_uid_and_its_occurrence() {
        assert_eq!(part_key("a@b", None).as_str(), "uid:a@b");
        assert_eq!(part_key("a@b", Some(&day())).as_str(), "uid:a@b#20261122");
    }

    #[test]
    fn v12_names_differ_by_crm_and_record_and_are_the_same_for_every_agent() {
        let base = item_id("crm", "R1");
        assert_eq!(base, item_id("crm", "R1"));
        for other in [item_id("crm2", "R1"), item_id("crm", "R2")] {
            assert_ne!(base, other);
        }
        assert!(base.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
    }

    #[test]
    fn v12_an_items_uid_tells_the_record_it_was_made_from_to_agents_of_the_same_crm() {
        assert_eq!(record_of("crm", &item_id("crm", "4711-a/B")).as_deref(), Some("4711-a/B"));
        assert_eq!(record_of("crm2", &item_id("crm", "4711")), None);
        let long = "x".repeat(500);
        let id = item_id("crm", &long);
        assert!(id.len() < 60 && record_of("crm", &id).is_none());
        for foreign in ["040000008200E00074C5B7101A82E008", "crmsync-", "a@b", &item_id("crm", "")] {
            assert_eq!(record_of("crm", foreign), None, "{foreign}");
        }
    }

    proptest! {
        #[test]
        fn every_record_has_a_name_of_its_own_and_is_told_by_it(record in "\\PC{1,30}") {
            let id = item_id("crm", &record);
            prop_assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
            if encode(&record).len() <= MAX_ENCODED {
                prop_assert_eq!(record_of("crm", &id), Some(record));
            }
        }

        #[test]
        fn what_is_no_name_of_ours_never_panics(uid in ".{0,40}") {
            let _ = (decode(&uid), record_of("crm", &uid));
        }

        #[test]
        fn keys_of_different_parts_differ_and_tell_their_uid(a in "[a#%0-9]{0,12}", b in "[a#%0-9]{0,12}") {
            prop_assert_eq!(uid_of(&part_key(&a, Some(&day()))), Some(a.clone()));
            prop_assert_eq!(part_key(&a, None) == part_key(&b, None), a == b);
            prop_assert_ne!(part_key(&a, None), part_key(&b, Some(&day())));
        }

        #[test]
        fn the_range_of_an_item_holds_all_its_parts(uid in ".{0,20}") {
            let (first, last) = part_range(&uid);
            for key in [part_key(&uid, None), part_key(&uid, Some(&day()))] {
                prop_assert!(first <= key && key < last);
            }
        }
    }
}
