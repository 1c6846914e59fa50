//! Proof of the log engine on a simulated disk: random schedules of appends, reads, faults, power cuts and
//! restarts; every operation failed in turn; every kind of damage to the files. All against a model.

#[path = "sim/model.rs"]
mod model;
#[path = "sim/schedule.rs"]
mod schedule;
#[path = "sim/world.rs"]
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Schedules of the short tier.
const SCHEDULES: u64 = 3000;

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
