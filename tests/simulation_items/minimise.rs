//! Cuts a failing script down to what it needs to fail.

use crate::play::{Alter, Failure, play};
use crate::script::{Script, Step};

/// The shortest script found that breaks the same promise.
pub(crate) fn minimise(script: &Script, failure: &Failure, alter: Alter) -> (Script, Failure) {
    let promise = failure.promise().to_owned();
    let fails = |script: &Script| play(script, alter).err().filter(|failure| failure.promise() == promise);
    let mut best = script.clone();
    let mut last = fails(&best);
    let mut smaller = true;
    while smaller {
        smaller = false;
        let mut size = best.steps.len().max(1);
        while size > 0 {
            let mut at = 0;
            while at < best.steps.len() {
                let mut shorter = best.clone();
                let end = (at + size).min(shorter.steps.len());
                shorter.steps.drain(at..end);
                if let Some(failure) = fails(&shorter) {
                    (best, last, smaller) = (shorter, Some(failure), true);
                } else {
                    at += size;
                }
            }
            size /= 2;
        }
        for candidate in simpler(&best) {
            if let Some(failure) = fails(&candidate) {
                (best, last, smaller) = (candidate, Some(failure), true);
                break;
            }
        }
    }
    let failure = last.unwrap_or_else(|| Failure { trouble: failure.trouble.clone(), story: failure.story.clone() });
    (best, failure)
}

/// The script with one complication less.
fn simpler(script: &Script) -> Vec<Script> {
    let mut all = Vec::new();
    for (index, step) in script.steps.iter().enumerate() {
        let Step::Run { agent, faults, meanwhile, crash_commit, crash_write } = step else { continue };
        let mut with = |faults: Vec<_>, meanwhile: Vec<_>, crash_commit, crash_write| {
            let mut simpler = script.clone();
            simpler.steps[index] = Step::Run { agent: *agent, faults, meanwhile, crash_commit, crash_write };
            all.push(simpler);
        };
        for drop in 0..faults.len() {
            let mut fewer = faults.clone();
            fewer.remove(drop);
            with(fewer, meanwhile.clone(), *crash_commit, *crash_write);
        }
        if !meanwhile.is_empty() {
            with(faults.clone(), Vec::new(), *crash_commit, *crash_write);
        }
        if crash_commit.is_some() || crash_write.is_some() {
            with(faults.clone(), meanwhile.clone(), None, None);
        }
    }
    let mut with = |change: fn(&mut Script)| {
        let mut simpler = script.clone();
        change(&mut simpler);
        if format!("{simpler:?}") != format!("{script:?}") {
            all.push(simpler);
        }
    };
    with(|script| script.setup.groupware = vec![Default::default(); 2]);
    with(|script| script.setup.crm = crate::crm::Quirks { takes_series: script.setup.crm.takes_series, ..Default::default() });
    with(|script| script.setup.crm.takes_series = true);
    with(|script| script.setup.crowd = 0);
    with(|script| script.setup.groupware.iter_mut().for_each(|quirks| quirks.shouts = false));
    with(|script| script.setup.groupware.iter_mut().for_each(|quirks| quirks.schedules = false));
    with(|script| script.setup.groupware.iter_mut().for_each(|quirks| quirks.versionless_writes = false));
    with(|script| script.setup.groupware.iter_mut().for_each(|quirks| quirks.repeating_versions = false));
    with(|script| script.setup.groupware.iter_mut().for_each(|quirks| quirks.drops.clear()));
    with(|script| script.setup.groupware.iter_mut().for_each(|quirks| quirks.drops_record = false));
    with(|script| script.setup.groupware.iter_mut().for_each(|quirks| quirks.drops_block = false));
    with(|script| script.setup.groupware.iter_mut().for_each(|quirks| quirks.no_delta = false));
    with(|script| script.setup.groupware.iter_mut().for_each(|quirks| quirks.no_state = false));
    with(|script| script.setup.groupware.iter_mut().for_each(|quirks| quirks.silent_reset = false));
    with(|script| script.setup.groupware.iter_mut().for_each(|quirks| quirks.repeats = false));
    with(|script| script.setup.groupware.iter_mut().for_each(|quirks| quirks.pieces = false));
    with(|script| script.setup.groupware.iter_mut().for_each(|quirks| quirks.delayed = false));
    with(|script| script.setup.groupware.iter_mut().for_each(|quirks| quirks.double_uids = false));
    with(|script| script.setup.groupware.iter_mut().for_each(|quirks| quirks.one_collection = false));
    with(|script| script.setup.groupware.iter_mut().for_each(|quirks| quirks.no_conditions = false));
    with(|script| script.setup.crm.repeats = false);
    with(|script| script.setup.crm.no_origin = false);
    with(|script| script.setup.crm.drops.clear());
    with(|script| script.setup.crm.cuts = false);
    with(|script| script.setup.settings.link_back = false);
    with(|script| script.setup.settings.conflicts = crmsync::settings::ConflictPolicy::TwoWay);
    with(|script| script.setup.settings.on_delete = crmsync::settings::OnGroupwareDelete::Keep);
    with(|script| script.setup.settings.private = crmsync::settings::PrivateItems::AsPrivate);
    with(|script| script.setup.settings.direction = crmsync::settings::SyncDirection::Both);
    all
}
