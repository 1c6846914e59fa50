//! Random schedules: everything that can happen to an engine, in any order, from one seed.

use std::io::ErrorKind;

use fanlight::platform::sim::Fault;
use fanlight::storage::{Durability, From, Settings, Sizes};
use fanlight::types::{LogId, Offset, Timestamp};
use fastrand::Rng;

use super::world::{End, World, small_sizes};

const EIO: i32 = 5;
const LOGS_MAX: usize = 4;

/// Runs the schedule of `seed`; gives what it came to.
pub(crate) fn run(seed: u64) -> World {
    let mut rng = Rng::with_seed(seed);
    let mut world = World::new(seed, settings(&mut rng));
    world.create_log();
    for _ in 0..rng.usize(40..160) {
        act(&mut world, &mut rng);
    }
    // Whatever has happened, with a sound disk it goes on.
    let end = end(&mut rng);
    world.forget_fault();
    world.reopen(end, Durability::Sync);
    for id in ids(&world) {
        world.append(id, b"last", 100);
    }
    world.submit();
    world.settle();
    assert!(world.logs.values().all(|log| log.committed == log.records.len()), "not all is committed");
    world.reopen(End::PowerCut, Durability::Sync);
    world
}

/// Ends of the process in the midst of making files, each followed by commits and a power cut.
#[allow(dead_code, reason = "a test of sim.rs")]
pub(crate) fn ends_while_files_are_made(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let settings = Settings { durability: Durability::Sync, tail_bytes: 0, sizes: small_sizes() };
    let mut world = World::new(seed, settings);
    let id = world.create_log();
    for _ in 0..4 {
        for _ in 0..rng.usize(10..60) {
            world.append(id, b"k", 2500);
            world.submit();
            world.step();
        }
        world.reopen(if rng.bool() { End::Exit } else { End::PowerCut }, Durability::Sync);
    }
}

fn settings(rng: &mut Rng) -> Settings {
    let sizes = Sizes {
        journal_file: [32 << 10, 64 << 10][rng.usize(..2)],
        journal_files_max: rng.usize(2..5),
        write_behind: [500, 6000, 20_000][rng.usize(..3)],
        read_block: [4096, 8192][rng.usize(..2)],
        read_block_small: 4096,
        // With the larger one a segment left by the run before is filled on.
        scan: [8192, 64 << 10][rng.usize(..2)],
        ..small_sizes()
    };
    Settings { durability: durability(rng), tail_bytes: [0, 3000, 40_000][rng.usize(..3)], sizes }
}

fn durability(rng: &mut Rng) -> Durability {
    match rng.u32(..6) {
        0 | 1 => Durability::Interval,
        2 => Durability::None,
        _ => Durability::Sync,
    }
}

fn end(rng: &mut Rng) -> End {
    if rng.bool() { End::PowerCut } else { End::Exit }
}

fn ids(world: &World) -> Vec<LogId> {
    world.logs.keys().copied().collect()
}

fn act(world: &mut World, rng: &mut Rng) {
    let ids = ids(world);
    let id = ids[rng.usize(..ids.len())];
    match rng.u32(..100) {
        0..40 => append_some(world, rng, id),
        40..65 => (0..rng.usize(1..6)).for_each(|_| world.step()),
        65..80 => read(world, rng, id),
        80 => world.settle_if_sound(),
        81..85 => trim(world, rng, id),
        85 if ids.len() < LOGS_MAX => drop(world.create_log()),
        86 if ids.len() > 1 => world.remove_log(id),
        87 => world.write_all(rng.bool()),
        88..91 => world.retry(),
        91 => world.set_full(rng.bool()),
        92..95 => plan_fault(world, rng),
        95 => sync(world, rng),
        96..99 => world.reopen(end(rng), durability(rng)),
        _ => world.step(),
    }
}

/// Now and then the sync itself fails.
fn sync(world: &mut World, rng: &mut Rng) {
    if rng.u32(..4) == 0 && world.settings.durability == Durability::Interval {
        world.plan_fault(1, Fault::Errno(EIO));
    }
    world.sync();
}

fn append_some(world: &mut World, rng: &mut Rng, id: LogId) {
    world.wall = (world.wall + rng.u64(..300)).saturating_sub(rng.u64(..20));
    for _ in 0..rng.usize(1..5) {
        let bytes = match rng.u32(..12) {
            0 => 0,
            1 => rng.usize(3000..16_000),
            2..5 => rng.usize(300..3000),
            _ => rng.usize(..300),
        };
        world.append(id, &vec![b'k'; rng.usize(..20)], bytes);
    }
    if rng.u32(..4) > 0 {
        world.submit();
    }
}

fn read(world: &mut World, rng: &mut Rng, id: LogId) {
    let records = &world.logs[&id].records;
    let near = records.get(rng.usize(..=records.len())).map(|known| known.record.clone());
    let from = match (near, rng.bool()) {
        (Some(near), true) => {
            From::Time(Timestamp::from_millis((near.arrival.as_millis() + rng.u64(..3)) - 1))
        }
        (Some(near), false) => From::Offset(Offset((near.offset.0 + rng.u64(..3)).saturating_sub(1))),
        (None, true) => From::Time(Timestamp::from_millis(rng.u64(..2_000_000))),
        (None, false) => From::Offset(world.engine.tip(id).unwrap_or_default()),
    };
    world.read(id, from, [1, 1000, 20_000][rng.usize(..3)]);
}

fn trim(world: &mut World, rng: &mut Rng, id: LogId) {
    // The horizon falls on a record as often as between two.
    let records = &world.logs[&id].records;
    let on = records.get(rng.usize(..=records.len())).map(|known| known.record.arrival.as_millis());
    let between = world.wall.saturating_sub(rng.u64(..2000));
    world.trim(id, if rng.bool() { on.unwrap_or(between).min(world.wall) } else { between });
}

fn plan_fault(world: &mut World, rng: &mut Rng) {
    let fault = [Fault::Errno(EIO), Fault::Short, Fault::Kind(ErrorKind::StorageFull)][rng.usize(..3)];
    // Now and then one after another, until the log stops and is tried again.
    let first = rng.u64(1..12);
    let faults = [1, 1, 1, 12][rng.usize(..4)];
    (first..first + faults).for_each(|n| world.plan_fault(n, fault));
}
