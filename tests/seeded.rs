//! Has the proof teeth? Bugs are put in one at a time (`src/seeded.rs`), and each has to be found by the same
//! runs that find none without it:
//!
//! `cargo test --features seeded-bugs --test seeded -- --nocapture`
//!
//! `FANLIGHT_SEEDED_HUNT` names one to look for alone.

#![allow(dead_code, reason = "the layers are those of sim.rs; not every part of them is needed here")]

#[path = "sim/mod.rs"]
mod layers;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use fanlight::seeded::{Bug, switch};
use layers::{decay, faults, lanes, schedule};

/// How often each bug has to be found, every time from other seeds on.
const TRIALS: u64 = 5;
/// Runs in which a layer has to find it; seeds of two trials never meet.
const SCHEDULES_MAX: u64 = 3000;
const DIRECTORIES_MAX: u64 = 1000;

/// All scenarios with all faults, for this many operations each.
const FAILURES_MAX: u64 = 22 * 3 * 120;

/// Bugs below the simulated disk: `serve`'s power cuts find these.
const OF_THE_REAL_DISK: [Bug; 2] = [Bug::DirectoryNotSynced, Bug::WriteNotSynced];

/// A way to look for a bug: what one run is called, how many there are, and the run.
type Layer = (&'static str, u64, fn(u64));

const LAYERS: [Layer; 3] = [
    ("schedules", SCHEDULES_MAX, |seed| drop(schedule::run(seed))),
    ("directories harmed", DIRECTORIES_MAX, |seed| decay::run(seed, &mut decay::Tally::default())),
    ("failed operations", FAILURES_MAX, faults::run_one),
];

/// Runs of a layer, from a trial's first seed on, until the bug shows.
fn runs_until_found((_, most, run): Layer, trial: u64) -> Option<u64> {
    // Trials begin at places of their own; what has an end is gone through in a ring.
    let first = trial * most / TRIALS;
    let numbers = (first..most).chain(0..first);
    let failed = |number| catch_unwind(AssertUnwindSafe(|| run(number))).is_err();
    numbers.zip(1..).find(|&(number, _)| failed(number)).map(|(_, runs)| runs)
}

/// The layer that finds the bug in every trial, and the mean number of its runs.
fn hunt(bug: Bug) -> Option<(&'static str, f64)> {
    switch(Some(bug));
    let found = LAYERS.iter().find_map(|&layer| {
        let runs: Option<Vec<_>> = (0..TRIALS).map(|trial| runs_until_found(layer, trial)).collect();
        Some((layer.0, runs?.iter().sum::<u64>() as f64 / TRIALS as f64))
    });
    switch(None);
    found
}

#[test]
fn every_seeded_bug_is_found() {
    // Hundreds of panics are what is looked for: their words are of no interest.
    std::panic::set_hook(Box::new(|_| {}));
    let only = std::env::var("FANLIGHT_SEEDED_HUNT").ok();
    let wanted = |bug: &Bug| only.as_ref().is_none_or(|only| *only == format!("{bug:?}"));
    let simulated = |bug: &Bug| !OF_THE_REAL_DISK.contains(bug) && wanted(bug);
    let bugs: Vec<_> = Bug::ALL.into_iter().filter(simulated).collect();
    let found = Mutex::new(Vec::new());
    lanes::all(
        (0, bugs.len() as u64),
        |_| String::new(),
        |number, (): &mut ()| {
            let at = usize::try_from(number).expect("a few bugs");
            let result = hunt(bugs[at]);
            eprintln!("{:?}: {result:?}", bugs[at]);
            found.lock().expect("no holder panics").push((at, result));
        },
    );
    drop(std::panic::take_hook());
    let mut found = found.into_inner().expect("no holder panics");
    found.sort_by_key(|(at, _)| *at);
    for (at, result) in &found {
        let bug = format!("{:?}", bugs[*at]);
        match result {
            Some((layer, mean)) => println!("{bug:>26}  {mean:8.1} {layer}"),
            None => println!("{bug:>26}  NOT FOUND"),
        }
    }
    let count = found.iter().filter(|(_, result)| result.is_some()).count();
    println!("{count} of {} found", bugs.len());
    assert_eq!(count, bugs.len());
}
