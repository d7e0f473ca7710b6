//! Sets of UIDs or sequence numbers, RFC 9051 §9 `sequence-set`.

use std::fmt::Write as _;

/// A set as the client wrote it. `None` is `*`.
#[derive(Debug, Clone)]
pub(super) struct SequenceSet(Vec<(Option<u32>, Option<u32>)>);

impl SequenceSet {
    /// Reads `1,3:5,9:*`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| match text {
            "*" => Some(None),
            digits if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok().filter(|n| *n > 0).map(Some),
            _ => None,
        };
        text.split(',')
            .map(|part| match part.split_once(':') {
                Some((from, to)) => Some((number(from)?, number(to)?)),
                None => number(part).map(|n| (n, n)),
            })
            .collect::<Option<_>>()
            .map(Self)
    }

    /// Ascending ranges that do not overlap, `*` being `last`. With `star_reaches_back`, `n:*` beyond the end means `last`.
    pub(super) fn ranges(&self, last: u32, star_reaches_back: bool) -> Vec<(u32, u32)> {
        let mut ranges: Vec<(u32, u32)> = self
            .0
            .iter()
            .filter_map(|&(from, to)| {
                let open = from.is_none() != to.is_none();
                let (from, to) = (from.unwrap_or(last), to.unwrap_or(last));
                if open && from > to && !star_reaches_back { None } else { Some((from.min(to), from.max(to))) }
            })
            .collect();
        ranges.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (from, to) in ranges {
            match merged.last_mut() {
                Some((_, end)) if from <= end.saturating_add(1) => *end = (*end).max(to),
                _ => merged.push((from, to)),
            }
        }
        merged
    }
}

/// Whether `n` lies in ascending `ranges`.
pub(super) fn contains(ranges: &[(u32, u32)], n: u32) -> bool {
    let after = ranges.partition_point(|&(from, _)| from <= n);
    after.checked_sub(1).and_then(|at| ranges.get(at)).is_some_and(|&(_, to)| n <= to)
}

/// Numbers as a set, in their order, with neighbours joined to ranges.
pub(super) fn write_set(numbers: impl IntoIterator<Item = u32>) -> String {
    let mut text = String::new();
    let mut run: Option<(u32, u32)> = None;
    for n in numbers {
        run = match run {
            Some((from, to)) if to.checked_add(1) == Some(n) => Some((from, n)),
            Some(done) => {
                write_range(&mut text, done);
                Some((n, n))
            }
            None => Some((n, n)),
        };
    }
    if let Some(done) = run {
        write_range(&mut text, done);
    }
    text
}

fn write_range(text: &mut String, (from, to): (u32, u32)) {
    let comma = if text.is_empty() { "" } else { "," };
    let _ = if from == to { write!(text, "{comma}{from}") } else { write!(text, "{comma}{from}:{to}") };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(text: &str, last: u32) -> Vec<(u32, u32)> {
        SequenceSet::parse(text).unwrap().ranges(last, true)
    }

    #[test]
    fn ranges_are_ascending_and_joined() {
        assert_eq!(ranges("7,1:3,4,9:8", 10), [(1, 4), (7, 9)]);
        assert_eq!(ranges("5:*", 8), [(5, 8)]);
        assert_eq!(ranges("20:*", 8), [(8, 20)]);
        assert_eq!(SequenceSet::parse("20:*").unwrap().ranges(8, false), []);
        for bad in ["", "0", "1,", "a", "1:2:3", "4294967296", "+1"] {
            assert!(SequenceSet::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn membership_and_writing() {
        let set = ranges("2:4,9", 9);
        let members: Vec<u32> = (1..12).filter(|n| contains(&set, *n)).collect();
        assert_eq!(members, [2, 3, 4, 9]);
        assert_eq!(write_set(members), "2:4,9");
        assert_eq!(write_set([]), "");
    }
}
