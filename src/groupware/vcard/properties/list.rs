//! Fields of many entries: which line becomes which, so that a line that says the same already is not touched.

use std::collections::{BTreeMap, VecDeque};

use super::{Source, Target};
use crate::groupware::vcard::line::Line;
use crate::groupware::vcard::source::Entry;

/// An element of such a field.
pub(super) trait Listed: Ord + Clone {
    /// It is the one to use first.
    fn preferred(&self) -> bool;

    fn prefer(&mut self, preferred: bool);

    /// A line is changed into an element that has the same of the first, else of the second, in common with what it said.
    fn likeness(&self) -> [String; 2];
}

/// A line and what it says.
pub(super) struct Present<'a, 's, T> {
    pub(super) entry: &'a Entry<'s>,
    pub(super) value: T,
}

/// What the entries of these names say. The one that is preferred most is the preferred one (RFC 6350 §5.3).
pub(super) fn present<'a, 's, T: Listed>(
    source: &'a Source<'s>,
    names: &[&str],
    value: impl Fn(&Source<'s>, &Entry<'s>) -> Option<T>,
) -> Vec<Present<'a, 's, T>> {
    let entries = source.any(names).into_iter();
    let mut list: Vec<Present<'a, 's, T>> =
        entries.filter_map(|entry| value(source, entry).map(|value| Present { entry, value })).collect();
    let first = list.iter_mut().filter(|one| one.entry.preference().is_some()).min_by_key(|one| one.entry.preference());
    if let Some(first) = first {
        first.value.prefer(true);
    }
    list
}

/// Writes a list. `change` makes a line say another value, `new` makes a new line.
pub(super) fn write<'s, T: Listed>(
    target: &mut Target<'_, 's>,
    present: &[Present<'_, 's, T>],
    wanted: &[T],
    change: impl Fn(&mut Target<'_, 's>, &Entry<'s>, &T, &T) -> Line,
    new: impl Fn(&mut Target<'_, 's>, &T) -> Line,
) {
    let style = target.source.style;
    let (becomes, met) = matched(present, wanted);
    let preferred = wanted.iter().position(T::preferred);
    let before = present.iter().position(|one| one.value.preferred());
    // Where the preferred one goes, the next one must not come up by itself.
    let moved = before.map(|at| becomes.get(at).copied().flatten()) != preferred.map(Some);
    let mut given = false;
    for (one, becomes) in present.iter().zip(&becomes) {
        let Some((at, value)) = becomes.and_then(|at| Some((at, wanted.get(at)?))) else {
            target.remove(one.entry);
            continue;
        };
        let same = key(&one.value) == key(value);
        let mut line = if same { Line::of(one.entry) } else { change(target, one.entry, &one.value, value) };
        let first = preferred == Some(at) && !given;
        given |= first;
        let mark = moved && (first || one.entry.preference().is_some());
        if mark {
            line = line.preferred(style, first);
        }
        if mark || !same {
            target.change(one.entry, line);
        }
    }
    for (value, _) in wanted.iter().zip(met).filter(|(_, met)| !met) {
        let line = new(target, value).preferred(style, value.preferred());
        target.add(line);
    }
}

fn key<T: Listed>(value: &T) -> T {
    let mut key = value.clone();
    key.prefer(false);
    key
}

/// Which wanted element each present one becomes, and which of the wanted ones are met by that.
fn matched<T: Listed>(present: &[Present<'_, '_, T>], wanted: &[T]) -> (Vec<Option<usize>>, Vec<bool>) {
    let places: BTreeMap<T, usize> = wanted.iter().enumerate().map(|(at, value)| (key(value), at)).collect();
    let mut becomes: Vec<Option<usize>> = present.iter().map(|one| places.get(&key(&one.value)).copied()).collect();
    let mut met = vec![false; wanted.len()];
    for at in becomes.iter().flatten() {
        if let Some(met) = met.get_mut(*at) {
            *met = true;
        }
    }
    for round in 0..2 {
        let like = |value: &T| value.likeness().into_iter().nth(round).unwrap_or_default();
        let mut open: BTreeMap<String, VecDeque<usize>> = BTreeMap::new();
        for (at, value) in wanted.iter().enumerate().filter(|(at, _)| met.get(*at) == Some(&false)) {
            open.entry(like(value)).or_default().push_back(at);
        }
        for (one, becomes) in present.iter().zip(&mut becomes).filter(|(_, becomes)| becomes.is_none()) {
            if let Some(at) = open.get_mut(&like(&one.value)).and_then(VecDeque::pop_front) {
                *becomes = Some(at);
                if let Some(met) = met.get_mut(at) {
                    *met = true;
                }
            }
        }
    }
    (becomes, met)
}
