//! A deliberately broken engine must be caught: each guard is taken away in turn, and some seed must tell, which the whole engine passes.

use crmsync::engine::items::ItemJob;
use crmsync::sync::items::{Guard, Guards};

use crate::first_failure;
use crate::play::Alter;

/// Seeds within which a mutant must be caught.
const MOST: u64 = 4_000;

fn take_away(job: &mut ItemJob, guard: Guard) {
    job.guards = Guards::all_but(guard);
}

fn assert_caught(guard: Guard, alter: Alter) {
    std::panic::set_hook(Box::new(|_| {}));
    let found = first_failure(crate::script::Script::from_seed, 0, crate::number("CRMSYNC_MUTANT_SEEDS").unwrap_or(MOST), alter, true);
    let _ = std::panic::take_hook();
    match found {
        Some((script, failure)) => eprintln!("{guard:?}: seed {}: {}", script.seed, failure.promise()),
        None => panic!("nobody misses {guard:?} in {MOST} seeds"),
    }
}

macro_rules! mutants {
    ($($name:ident => $guard:ident;)*) => {
        $(
            #[test]
            fn $name() {
                assert_caught(Guard::$guard, |job| take_away(job, Guard::$guard));
            }
        )*
    };
}

mutants! {
    v2_a_mutant_that_sends_before_it_writes_the_intent_is_caught => IntendFirst;
    v2_a_mutant_that_forgets_writes_without_an_outcome_is_caught => ProbeIntents;
    v2_a_mutant_that_names_an_item_anew_at_every_attempt_is_caught => StableCreateId;
    v3_a_mutant_that_moves_cursors_first_is_caught => CursorWithItems;
    v4_a_mutant_that_does_not_know_what_belongs_together_is_caught => MatchByIdentity;
    v5_a_mutant_that_has_no_base_is_caught => ContentDecides;
    v6_a_mutant_that_believes_what_it_sent_is_caught => BaseIsStored;
    v7_a_mutant_that_writes_every_field_is_caught => ChangedFieldsOnly;
    v8_a_mutant_that_takes_absence_for_a_deletion_is_caught => ProofOfAbsence;
    v8_a_mutant_that_takes_lost_rights_for_a_deletion_is_caught => ProofOfDeletion;
    v8_a_mutant_that_deletes_without_limit_is_caught => MassChange;
    v9_a_mutant_that_mails_people_is_caught => NoInvitations;
    v10_a_mutant_that_stops_at_a_broken_item_is_caught => IsolatePoison;
    v11_a_mutant_that_tries_a_wrong_password_again_is_caught => LockOnRejection;
    v12_a_mutant_that_makes_records_of_its_own_is_caught => OneRecordPerPart;
    v13_a_mutant_that_tells_what_is_private_is_caught => PrivateStaysPrivate;
    c8_a_mutant_that_forgets_what_lost_is_caught => LoserKept;
}
