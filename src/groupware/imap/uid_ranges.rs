//! Sets of UIDs as IMAP writes them: `1:3,7`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::groupware::UidSet;

/// Longest set in one command. Stalwart 0.15 takes 4,096 bytes a line, Courier 5.0 closes the connection somewhere above 7,400; 2,000 with the rest
/// of the command is safe everywhere.
const MAX_SET_LEN: usize = 1_800;

/// Most UIDs that are accepted from one answer.
const MAX_UIDS: u64 = 4_000_000;

/// `uids` written in as many sets as are needed to keep each command line short.
pub(super) fn batches(uids: &UidSet) -> Vec<String> {
    let mut sets = Vec::new();
    let mut set = String::new();
    let mut uids = uids.iter().copied().peekable();
    while let Some(first) = uids.next() {
        let mut last = first;
        while let Some(next) = uids.next_if(|next| last.checked_add(1) == Some(*next)) {
            last = next;
        }
        // 22 bytes hold the longest range with its comma.
        if set.len() + 22 > MAX_SET_LEN {
            sets.push(std::mem::take(&mut set));
        }
        if !set.is_empty() {
            set.push(',');
        }
        // Writing to a string cannot fail.
        let _ = if first == last { write!(set, "{first}") } else { write!(set, "{first}:{last}") };
    }
    if !set.is_empty() {
        sets.push(set);
    }
    sets
}

/// A set as a server wrote it, in its order. `None` when it is no set, or absurdly large.
pub(super) fn parse(text: &str) -> Option<Vec<(u32, u32)>> {
    let mut ranges = Vec::new();
    let mut total = 0_u64;
    for part in text.split(',') {
        let (first, last) = part.split_once(':').unwrap_or((part, part));
        let (first, last) = (number(first)?, number(last)?);
        let range = (first.min(last), first.max(last));
        total += u64::from(range.1 - range.0) + 1;
        if total > MAX_UIDS {
            return None;
        }
        ranges.push(range);
    }
    Some(ranges)
}

/// Every UID of a parsed set.
pub(super) fn uids(ranges: &[(u32, u32)]) -> impl Iterator<Item = u32> + '_ {
    ranges.iter().flat_map(|(first, last)| *first..=*last)
}

/// Source UID → target UID of a COPYUID code (RFC 4315 §3), for the UIDs in `wanted`. Empty when both sets do not match.
pub(super) fn pairs(source: &str, target: &str, wanted: &UidSet) -> BTreeMap<u32, u32> {
    let (Some(source), Some(target)) = (parse(source), parse(target)) else { return BTreeMap::new() };
    if uids(&source).count() != uids(&target).count() {
        return BTreeMap::new();
    }
    uids(&source).zip(uids(&target)).filter(|(from, _)| wanted.contains(from)).collect()
}

fn number(text: &str) -> Option<u32> {
    // `u32::from_str` takes a sign.
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn consecutive_uids_become_ranges() {
        assert_eq!(batches(&UidSet::from([1, 2, 3, 7, 9, 10, u32::MAX])), ["1:3,7,9:10,4294967295"]);
        assert!(batches(&UidSet::new()).is_empty());
    }

    #[test]
    fn every_set_stays_below_the_length_of_a_command_line() {
        let sets = batches(&(1..200_000).step_by(2).collect());
        assert!(sets.iter().all(|set| set.len() <= MAX_SET_LEN));
        assert_eq!(sets.iter().map(|set| set.split(',').count()).sum::<usize>(), 100_000);
    }

    #[test]
    fn copyuid_pairs_in_the_order_given() {
        assert_eq!(pairs("304,319:320", "3956:3958", &UidSet::from([304, 320])), BTreeMap::from([(304, 3956), (320, 3958)]));
        assert!(pairs("1:3", "1:2", &UidSet::from([1])).is_empty());
    }

    #[test]
    fn an_absurd_set_is_refused_without_being_expanded() {
        assert_eq!(parse("1:4294967295"), None);
        assert_eq!(parse("1,,2"), None);
        assert_eq!(parse("*"), None);
        assert_eq!(parse("+1"), None);
        assert_eq!(parse("5:3"), Some(vec![(3, 5)]));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(set in proptest::collection::btree_set(1_u32..5_000, 0..500)) {
            let read: UidSet = batches(&set).iter().flat_map(|text| uids(&parse(text).unwrap()).collect::<Vec<_>>()).collect();
            prop_assert_eq!(read, set);
        }
    }
}
