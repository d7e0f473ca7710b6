//! The areas of items in a simulated world: servers with the oddities of real ones, users on both sides, faults at every request, crashes
//! at every commit. Whatever happens, when the world is sound again both sides agree, nothing is lost or doubled, nobody was mailed, nothing
//! private left, and there is silence (V1 to V13).
//!
//! `CRMSYNC_SEEDS=n` plays n seeds, `CRMSYNC_FIRST=k` begins with another, `CRMSYNC_SEED=k` plays one and tells its story.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::too_many_lines,
    clippy::too_many_arguments,
    clippy::needless_pass_by_value,
    clippy::similar_names,
    clippy::single_match_else,
    clippy::unnecessary_wraps,
    clippy::default_trait_access,
    clippy::type_complexity,
    dead_code,
    missing_docs,
    reason = "a test may panic"
)]

mod book;
mod cards;
mod check;
mod contacts;
mod crm;
mod groupware;
mod minimise;
mod mutants;
mod no_mail;
mod play;
mod rng;
mod script;
mod users;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use minimise::minimise;
use play::{Alter, Failure, play};
use script::Script;

/// Seeds of a plain `cargo test`; the gate asks for more.
const SEEDS: u64 = 400;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Makes a world from its seed.
type World = fn(u64) -> Script;

fn keep_all(_: &mut crmsync::engine::items::ItemJob) {}

/// Plays seeds on every core, and gives one of the first that fail; of a mutant, one that the whole engine passes.
pub(crate) fn first_failure(world: World, first: u64, count: u64, alter: Alter, mutant: bool) -> Option<(Script, Failure)> {
    let next = AtomicU64::new(first);
    let stop = AtomicBool::new(false);
    let found: Mutex<Option<(Script, Failure)>> = Mutex::new(None);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        return;
                    }
                    let script = world(seed);
                    if let Err(failure) = play(&script, alter)
                        && (!mutant || play(&script, keep_all).is_ok())
                    {
                        stop.store(true, Ordering::Relaxed);
                        let mut found = found.lock().unwrap();
                        if found.as_ref().is_none_or(|(before, _)| before.seed > seed) {
                            *found = Some((script, failure));
                        }
                    }
                }
            });
        }
    });
    found.into_inner().unwrap()
}

/// A failing seed, cut down, for people.
fn report(script: &Script, failure: &Failure) -> String {
    let (script, failure) = minimise(script, failure, keep_all);
    let steps: Vec<String> = script.steps.iter().map(|step| format!("  {step:?}")).collect();
    format!(
        "seed {}\n{}\n\nsetup: {:?}\n\nsteps:\n{}\n\nstory:\n{}\n\n{}",
        script.seed,
        failure.trouble.join("\n"),
        script.setup,
        steps.join("\n"),
        failure.story.join("\n"),
        failure.trouble.join("\n"),
    )
}

#[test]
fn whatever_happens_both_sides_agree_and_nothing_is_lost_or_doubled() {
    assert_sound(Script::from_seed);
}

#[test]
fn whatever_happens_to_contacts_both_sides_agree_and_nothing_is_lost_or_doubled() {
    assert_sound(Script::of_contacts);
}

/// A world in which nothing happens keeps every promise.
#[test]
fn in_the_worlds_of_contacts_everything_happens_that_is_promised_about() {
    let stories = (0..200).flat_map(|seed| play::tell(&Script::of_contacts(seed), keep_all).story);
    let stories: Vec<String> = stories.collect();
    for words in [
        " creates crmsync-",
        " imports R",
        " switches R",
        " removes ",
        "Photo: Some(",
        "Phones: Some(",
        "Link {",
        "bytes: Some",
        ": LostAfter",
    ] {
        let count = stories.iter().filter(|line| line.contains(words)).count();
        eprintln!("{words:?}: {count}");
        assert!(count > 2, "{words:?}: {count} in {} lines", stories.len());
    }
}

fn assert_sound(world: World) {
    std::panic::set_hook(Box::new(|_| {}));
    let (first, count) = match number("CRMSYNC_SEED") {
        Some(seed) => (seed, 1),
        None => (number("CRMSYNC_FIRST").unwrap_or(0), number("CRMSYNC_SEEDS").unwrap_or(SEEDS)),
    };
    let begun = std::time::Instant::now();
    let found = first_failure(world, first, count, keep_all, false);
    let report = found.map(|(script, failure)| report(&script, &failure));
    let _ = std::panic::take_hook();
    if let Some(report) = report {
        panic!("{report}");
    }
    eprintln!("{count} seeds from {first} in {:.1} s", begun.elapsed().as_secs_f32());
}

/// Which promises break how often, with the first seeds of each: to see where to begin.
#[test]
#[ignore = "a tool for people: cargo test --test simulation_items survey -- --ignored --nocapture; CRMSYNC_CONTACTS=1 for contacts"]
fn survey() {
    std::panic::set_hook(Box::new(|_| {}));
    let world = if std::env::var_os("CRMSYNC_CONTACTS").is_some() { Script::of_contacts } else { Script::from_seed };
    let (first, count) = (number("CRMSYNC_FIRST").unwrap_or(0), number("CRMSYNC_SEEDS").unwrap_or(1_000));
    let next = AtomicU64::new(first);
    let broken: Mutex<std::collections::BTreeMap<String, Vec<u64>>> = Mutex::default();
    let begun = std::time::Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        return;
                    }
                    if let Err(failure) = play(&world(seed), keep_all) {
                        broken.lock().unwrap().entry(failure.promise().to_owned()).or_default().push(seed);
                    }
                }
            });
        }
    });
    for (promise, mut seeds) in broken.into_inner().unwrap() {
        seeds.sort_unstable();
        eprintln!("{:6} {promise}: {:?}", seeds.len(), &seeds[..seeds.len().min(8)]);
    }
    eprintln!("{count} seeds from {first} in {:.1} s", begun.elapsed().as_secs_f32());
}
