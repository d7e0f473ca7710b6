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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn traits(sizes: &[(u32, u64)]) -> BTreeMap<u32, MailTraits> {
        sizes.iter().map(|(uid, size)| (*uid, MailTraits { size: *size, ..MailTraits::default() })).collect()
    }

    fn limits(max_items: usize, max_bytes: u64) -> Limits {
        Limits { max_items, max_bytes, ..Limits::DEFAULT }
    }

    #[test]
    fn r23_a_set_holds_at_most_150_mails() {
        let mails = traits(&(1..=301).map(|uid| (uid, 1)).collect::<Vec<_>>());
        let lengths = |max_items| plan_sets(&mails, &limits(max_items, 1 << 20), u64::MAX).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(lengths(150), [150, 150, 1]);
        assert_eq!(lengths(100_000), [150, 150, 1], "whatever a CRM says");
        assert_eq!(lengths(0).len(), 301, "a CRM that says nothing useful takes one at a time");
        assert!(plan_sets(&traits(&[]), &Limits::DEFAULT, 1).is_empty());
    }

    #[test]
    fn a_mail_larger_than_the_bound_stands_alone() {
        let sets = plan_sets(&traits(&[(1, 10), (2, 500), (3, 60), (4, 40), (5, 1)]), &limits(150, 100), 1000);
        assert_eq!(sets, [vec![1], vec![2], vec![3, 4], vec![5]]);
        assert_eq!(plan_sets(&traits(&[(1, 10), (2, 10)]), &limits(150, 100), 15), [[1], [2]], "the smaller bound counts");
    }

    #[test]
    fn v10_halves_keep_the_order_and_end_at_a_single_item() {
        assert_eq!(halves(vec![1, 2, 3, 4, 5]), (vec![1, 2, 3], vec![4, 5]));
        assert_eq!(halves(vec![1]), (vec![1], vec![]));
        assert_eq!(halves(Vec::<u8>::new()), (vec![], vec![]));
    }

    proptest! {
        #[test]
        fn r23_every_uid_is_in_exactly_one_set_within_the_bounds(
            sizes in proptest::collection::btree_map(any::<u32>(), prop_oneof![0..200_u64, Just(u64::MAX)], 0..400),
            max_items in 0..200_usize,
            max_bytes in 0..2000_u64,
            bound in 0..2000_u64,
        ) {
            let mails = traits(&sizes.iter().map(|(uid, size)| (*uid, *size)).collect::<Vec<_>>());
            let sets = plan_sets(&mails, &limits(max_items, max_bytes), bound);
            prop_assert_eq!(sets.concat(), sizes.keys().copied().collect::<Vec<_>>());
            for set in sets {
                prop_assert!(!set.is_empty() && set.len() <= max_items.clamp(1, 150));
                let bytes = set.iter().map(|uid| u128::from(sizes[uid])).sum::<u128>();
                prop_assert!(set.len() == 1 || bytes <= u128::from(max_bytes.min(bound)));
            }
        }
    }
}
