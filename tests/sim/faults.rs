//! Every operation failed in turn: a scenario runs again and again, its first, second, third ... disk
//! operation failing, until one run meets no fault any more. The same with pairs of operations, and with a
//! disk that is full from that operation on.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicU64, Ordering};

use fanlight::platform::sim::Fault;
use fanlight::storage::{Durability, Settings};

use super::lanes;
use super::scenarios::{self, Scenario};
use super::world::{End, World, small_sizes};

const FAULTS: [Fault; 3] = [Fault::Errno(5), Fault::Kind(ErrorKind::StorageFull), Fault::Short];
/// More operations than any scenario takes.
const OPERATIONS_MAX: u64 = 2000;
/// How far apart the two failures of a pair are at most.
const APART_MAX: u64 = 40;

/// Runs all scenarios with all faults; tells how many runs that took.
pub(crate) fn run_all(pairs: bool) -> u64 {
    each(FAULTS.len(), |scenario, kind| {
        let mut runs = 0;
        for apart in if pairs { 0..=APART_MAX } else { 0..=0 } {
            runs += until_no_fault(scenario, FAULTS[kind], apart);
        }
        runs
    })
}

/// One such run, all of them being numbered.
#[allow(dead_code, reason = "the proof runs them by scenario, the hunt for seeded bugs by number")]
pub(crate) fn run_one(number: u64) {
    let number = usize::try_from(number).expect("few runs");
    let (scenario, rest) = (&scenarios::ALL[number % scenarios::ALL.len()], number / scenarios::ALL.len());
    run(scenario, (rest / FAULTS.len()) as u64 + 1, FAULTS[rest % FAULTS.len()], 0);
}

/// Fills the disk up at every point of every scenario; tells how many points there were.
pub(crate) fn run_full() -> u64 {
    each(1, |scenario, _| {
        for n in 1..OPERATIONS_MAX {
            if !run_until_full(scenario, n) {
                return n;
            }
        }
        panic!("{} has no end", scenario.name)
    })
}

/// Adds up what `run` gives for every scenario and each of `kinds`.
fn each(kinds: usize, run: impl Fn(&Scenario, usize) -> u64 + Sync) -> u64 {
    let all = scenarios::ALL.len() * kinds;
    let pick = |number: u64| {
        let number = usize::try_from(number).expect("few scenarios");
        (&scenarios::ALL[number / kinds], number % kinds)
    };
    let sum = AtomicU64::new(0);
    let told = |number| format!("in the scenario {:?}, kind {}", pick(number).0.name, pick(number).1);
    lanes::all((0, all as u64), told, |number, (): &mut ()| {
        let (scenario, kind) = pick(number);
        sum.fetch_add(run(scenario, kind), Ordering::Relaxed);
    });
    sum.into_inner()
}

fn until_no_fault(scenario: &Scenario, fault: Fault, apart: u64) -> u64 {
    for n in 1..OPERATIONS_MAX {
        let met = std::panic::catch_unwind(|| run(scenario, n, fault, apart));
        match met {
            Ok(true) => {}
            Ok(false) => return n,
            Err(panic) => {
                eprintln!("{}: {fault:?} of operation {n} and {apart} later", scenario.name);
                std::panic::resume_unwind(panic);
            }
        }
    }
    panic!("{} has no end", scenario.name);
}

/// One run whose `n`-th operation fails, and another `apart` later; whether the first was met.
fn run(scenario: &Scenario, n: u64, fault: Fault, apart: u64) -> bool {
    let durability = scenario.durability;
    let mut world = World::new(n, Settings { durability, tail_bytes: 2000, sizes: small_sizes() });
    world.create_log();
    if apart > 0 {
        world.handle.fail_nth(n + apart, fault);
    }
    world.plan_fault(n, fault);
    (scenario.run)(&mut world);
    world.settle();
    let is_met = !world.awaits_fault();
    let end = if n.is_multiple_of(2) { End::PowerCut } else { End::Exit };
    world.reopen(end, Durability::Sync);
    scenarios::fill(&mut world, 5, 900);
    world.settle();
    world.reopen(End::PowerCut, Durability::Sync);
    is_met
}

/// One run in which the disk is full after `n` operations until the scenario has ended, and has space then:
/// all goes on by itself. Tells whether the disk was full before the end.
fn run_until_full(scenario: &Scenario, n: u64) -> bool {
    let durability = scenario.durability;
    let mut world = World::new(n, Settings { durability, tail_bytes: 2000, sizes: small_sizes() });
    world.create_log();
    world.fill_up_after(n);
    (scenario.run)(&mut world);
    world.set_full(false);
    world.settle();
    scenarios::fill(&mut world, 5, 900);
    world.settle();
    assert!(world.engine.stopped().is_none(), "a full disk has stopped the log for good");
    assert!(world.logs.values().all(|log| log.committed == log.records.len()), "writing does not resume");
    let end = if n.is_multiple_of(2) { End::PowerCut } else { End::Exit };
    let was_full = world.ever_full;
    world.reopen(end, Durability::Sync);
    was_full
}
