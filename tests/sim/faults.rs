//! Every operation failed in turn: a scenario runs again and again, its first, second, third ... disk
//! operation failing, until one run meets no fault any more.

use std::io::ErrorKind;

use fanlight::platform::sim::Fault;
use fanlight::storage::{Durability, From, Settings};
use fanlight::types::Offset;

use super::world::{End, World, small_sizes};

const FAULTS: [Fault; 3] = [Fault::Errno(5), Fault::Kind(ErrorKind::StorageFull), Fault::Short];
/// More operations than any scenario takes.
const OPERATIONS_MAX: u64 = 2000;

type Scenario = fn(&mut World);

const SCENARIOS: [(&str, Durability, Scenario); 10] = [
    ("one commit", Durability::Sync, one_commit),
    ("journal files in turn", Durability::Sync, |world| fill(world, 60, 1800)),
    ("many small segments", Durability::Sync, |world| fill(world, 40, 5000)),
    ("batches larger than a read block", Durability::Sync, |world| fill(world, 12, 14_000)),
    ("several logs", Durability::Sync, several_logs),
    ("reading behind the tail", Durability::Sync, catch_up),
    ("trimming and removing", Durability::Sync, trim_and_remove),
    ("restarts", Durability::Sync, |world| restarts(world, End::Exit)),
    ("power cuts", Durability::Sync, |world| restarts(world, End::PowerCut)),
    ("durability by the clock", Durability::Interval, by_the_clock),
];

/// Runs all scenarios with all faults; tells how many runs that took.
pub(crate) fn run_all() -> u64 {
    SCENARIOS.iter().flat_map(|scenario| FAULTS.map(|fault| run(*scenario, fault))).sum()
}

fn run((name, durability, scenario): (&str, Durability, Scenario), fault: Fault) -> u64 {
    for n in 1..OPERATIONS_MAX {
        eprintln!("{name}, operation {n}: {fault:?}");
        let mut world = World::new(n, Settings { durability, tail_bytes: 2000, sizes: small_sizes() });
        world.create_log();
        world.plan_fault(n, fault);
        scenario(&mut world);
        world.settle();
        let is_over = world.awaits_fault();
        let end = if n % 2 == 0 { End::PowerCut } else { End::Exit };
        world.reopen(end, Durability::Sync);
        fill(&mut world, 5, 900);
        world.settle();
        world.reopen(End::PowerCut, Durability::Sync);
        if is_over {
            return n;
        }
    }
    panic!("{name} has no end");
}

fn one_commit(world: &mut World) {
    fill(world, 1, 100);
    world.settle();
}

/// Appends to each log in turn, one commit after the other.
fn fill(world: &mut World, records: usize, bytes: usize) {
    let ids: Vec<_> = world.logs.keys().copied().collect();
    for n in 0..records {
        world.wall += 10;
        world.append(ids[n % ids.len()], b"key", bytes);
        world.submit();
        world.engine.wait();
        world.step();
    }
}

fn several_logs(world: &mut World) {
    world.create_log();
    world.create_log();
    fill(world, 45, 1500);
    world.engine.want_all_written();
    world.settle();
}

fn catch_up(world: &mut World) {
    fill(world, 30, 1500);
    world.engine.want_all_written();
    world.settle();
    for id in world.logs.keys().copied().collect::<Vec<_>>() {
        for offset in 0..30 {
            world.read(id, From::Offset(Offset(offset)), 4000);
        }
    }
    world.settle();
}

fn trim_and_remove(world: &mut World) {
    let other = world.create_log();
    fill(world, 50, 2000);
    world.settle();
    for id in world.logs.keys().copied().collect::<Vec<_>>() {
        world.trim(id, world.wall - 100);
    }
    world.step();
    world.remove_log(other);
    fill(world, 10, 2000);
}

fn restarts(world: &mut World, end: End) {
    for _ in 0..3 {
        fill(world, 15, 2500);
        world.reopen(end, Durability::Sync);
    }
    fill(world, 15, 2500);
}

fn by_the_clock(world: &mut World) {
    for _ in 0..3 {
        fill(world, 15, 1800);
        world.sync();
    }
    world.reopen(End::PowerCut, Durability::Interval);
    fill(world, 10, 500);
}
