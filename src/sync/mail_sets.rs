//! Which mails are fetched and posted together (R23).

use std::collections::BTreeMap;

use crate::crm::Limits;
use crate::groupware::MailTraits;

/// The largest batch any CRM takes (R23, C16).
const MAX_ITEMS: usize = 150;

/// Cuts mails into sets, in ascending order of UIDs: each at most `limits.max_items` mails (never above 150) and at most the smaller
/// of `limits.max_bytes` and `byte_bound` bytes, except that a single larger mail stands alone.
#[must_use]
pub fn plan_sets(traits: &BTreeMap<u32, MailTraits>, limits: &Limits, byte_bound: u64) -> Vec<Vec<u32>> {
    let max_items = limits.max_items.clamp(1, MAX_ITEMS);
    let max_bytes = limits.max_bytes.min(byte_bound);
    let mut sets = Vec::new();
    let mut set = Vec::new();
    let mut bytes = 0_u64;
    for (uid, mail) in traits {
        if !set.is_empty() && (set.len() >= max_items || bytes.saturating_add(mail.size) > max_bytes) {
            sets.push(std::mem::take(&mut set));
            bytes = 0;
        }
        set.push(*uid);
        bytes = bytes.saturating_add(mail.size);
    }
    if !set.is_empty() {
        sets.push(set);
    }
    sets
}

/// Cuts a failing or too large batch in two, in order; the first half is the larger one (V10).
#[must_use]
pub fn halves<T>(mut items: Vec<T>) -> (Vec<T>, Vec<T>) {
    let second = items.split_off(items.len().div_ceil(2));
    (items, second)
}
