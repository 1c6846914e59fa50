//! Proof of the log engine on a simulated disk: random schedules of appends, reads, faults, power cuts and
//! restarts; every operation failed in turn; a disk that is full at every point; every kind of damage to the
//! files. All against a model. CONTRIBUTING tells the long tiers.

#[path = "sim/mod.rs"]
mod layers;

use std::time::Instant;

use layers::lanes::{self, number};
use layers::{decay, faults, scenarios, schedule};

/// Schedules of the short tier.
const SCHEDULES: u64 = 200_000;
/// Harms done to closed directories in the short tier.
const FLIPS: u64 = 107_000;

/// `FANLIGHT_SIM_SEED` runs one schedule, `FANLIGHT_SIM_SCHEDULES` so many of them, from
/// `FANLIGHT_SIM_FIRST` on.
#[test]
fn random_schedules_keep_every_promise() {
    if let Some(seed) = number("FANLIGHT_SIM_SEED") {
        schedule::run(seed);
        return;
    }
    let count = number("FANLIGHT_SIM_SCHEDULES").unwrap_or(SCHEDULES);
    let first = number("FANLIGHT_SIM_FIRST").unwrap_or(0);
    let repeat = |seed| format!("FANLIGHT_SIM_SEED={seed} cargo test --test sim random_schedules");
    let began = now();
    let counts = lanes::all((first, count), repeat, |seed, counts: &mut [u64; 3]| {
        let world = schedule::run(seed);
        let [cuts, ends, records] = world.counts();
        *counts = [counts[0] + cuts, counts[1] + ends, counts[2] + records];
    });
    let [cuts, ends, records] = [0, 1, 2].map(|kind| counts.iter().map(|lane| lane[kind]).sum::<u64>());
    println!(
        "{count} schedules, {cuts} power cuts and {ends} other ends of a process, {records} records acknowledged, \
         0 lost, 0 phantom, 0 reordered: {:.0?}",
        began.elapsed()
    );
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 0..5 {
        assert_eq!(schedule::run(seed).trace(), schedule::run(seed).trace());
        assert_ne!(schedule::run(seed).trace(), schedule::run(seed + 1000).trace());
    }
}

/// `FANLIGHT_SIM_PAIRS=1` fails pairs of operations too.
#[test]
fn whichever_operation_fails_every_promise_is_kept() {
    let began = now();
    let runs = faults::run_all(number("FANLIGHT_SIM_PAIRS").is_some());
    println!(
        "{} scenarios, {runs} runs with a failed operation: {:.0?}",
        scenarios::ALL.len(),
        began.elapsed()
    );
}

#[test]
fn whenever_the_disk_is_full_nothing_is_lost_and_writing_resumes() {
    let began = now();
    println!("{} points at which the disk was full: {:.0?}", faults::run_full(), began.elapsed());
}

/// `FANLIGHT_SIM_FLIPS` does so many harms, `FANLIGHT_SIM_FLIP` repeats those of one directory.
#[test]
fn a_flipped_bit_is_noticed_or_harmless() {
    if let Some(seed) = number("FANLIGHT_SIM_FLIP") {
        return decay::run(seed, &mut decay::Tally::default());
    }
    let flips = number("FANLIGHT_SIM_FLIPS").unwrap_or(FLIPS);
    let repeat = |seed| format!("FANLIGHT_SIM_FLIP={seed} cargo test --test sim a_flipped_bit");
    let began = now();
    let directories = flips.div_ceil(decay::HARMS_EACH);
    let lanes = lanes::all((0, directories), repeat, decay::run);
    let tally = lanes.into_iter().reduce(decay::Tally::plus).unwrap_or_default();
    println!("{tally}{directories} directories, {} harms: {:.0?}", tally.harms(), began.elapsed());
    tally.check(flips);
}

/// A reader that begins in the middle of a segment has no batch before it to chain to. It took any intact
/// batch of its log for the one the index had sent it to: blocks of a later segment written over an earlier
/// one were served in its place, and what they had covered was skipped. Now the index says what begins there.
#[test]
fn a_segment_over_another_of_its_log_is_noticed() {
    (0..20).for_each(decay::misplace_many);
}

/// A process ends between the rename that makes a journal file and the sync of its directory. The next one
/// finds the file, uses it, and acknowledges what it wrote there. Then the power goes, the name with it, and
/// all that was in the file. Opening makes the names durable that it finds.
#[test]
fn a_name_found_at_the_start_survives_the_next_power_cut() {
    (0..300).for_each(schedule::ends_while_files_are_made);
}

/// Tests measure by the system's clock; nothing of what they decide follows from it.
#[expect(clippy::disallowed_methods)]
fn now() -> Instant {
    Instant::now()
}

/// A start removed the one file that still told what the journal's next batch follows, an attempt at a
/// segment that held nothing, in favour of a later attempt that held nothing either and was not durable: a
/// power cut took that one, and the batches, written with another durability than `sync`, were no longer
/// believed.
#[test]
fn an_empty_segment_stands_until_another_attempt_holds_something() {
    schedule::run(56_569);
}
