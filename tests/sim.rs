//! Proof of the log engine on a simulated disk: random schedules of appends, reads, faults, power cuts and
//! restarts; every operation failed in turn; every kind of damage to the files. All against a model.

#[path = "sim/decay.rs"]
mod decay;
#[path = "sim/faults.rs"]
mod faults;
#[path = "sim/model.rs"]
mod model;
#[path = "sim/reopen.rs"]
mod reopen;
#[path = "sim/schedule.rs"]
mod schedule;
#[path = "sim/world.rs"]
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Schedules of the short tier.
const SCHEDULES: u64 = 2000;
/// Bits flipped in the short tier.
const FLIPS: u64 = 1000;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// `FANLIGHT_SIM_SEED` runs one schedule, `FANLIGHT_SIM_SCHEDULES` so many of them.
#[test]
fn random_schedules_keep_every_promise() {
    if let Some(seed) = number("FANLIGHT_SIM_SEED") {
        schedule::run(seed);
        return;
    }
    let schedules = number("FANLIGHT_SIM_SCHEDULES").unwrap_or(SCHEDULES);
    let first = number("FANLIGHT_SIM_FIRST").unwrap_or(0);
    for seed in first..first + schedules {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| schedule::run(seed))) {
            eprintln!("FANLIGHT_SIM_SEED={seed} cargo test --test sim random_schedules");
            std::panic::resume_unwind(panic);
        }
    }
    println!("{schedules} schedules");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 0..5 {
        assert_eq!(schedule::run(seed), schedule::run(seed));
        assert_ne!(schedule::run(seed), schedule::run(seed + 1000));
    }
}

#[test]
fn whichever_operation_fails_every_promise_is_kept() {
    println!("{} runs with one failed operation each", faults::run_all());
}

/// `FANLIGHT_SIM_FLIPS` flips so many bits.
#[test]
fn a_flipped_bit_is_noticed_or_harmless() {
    let flips = number("FANLIGHT_SIM_FLIPS").unwrap_or(FLIPS);
    let mut noticed = 0;
    for seed in 0..flips {
        match catch_unwind(|| decay::run(seed)) {
            Ok(verdict) => noticed += u64::from(verdict == decay::Verdict::Noticed),
            Err(panic) => {
                eprintln!("flip {seed}");
                std::panic::resume_unwind(panic);
            }
        }
    }
    println!("{flips} flips, {noticed} noticed, the rest harmless");
    assert!(noticed * 4 > flips, "most flips hit what is read: only {noticed} of {flips} were noticed");
}
