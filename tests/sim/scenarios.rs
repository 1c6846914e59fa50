//! Stories in which every disk operation is failed in turn: each takes another way through the engine.

use fanlight::storage::{Durability, From};
use fanlight::types::{LogId, Offset, Timestamp};

use super::world::{End, World};

/// One story.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) durability: Durability,
    pub(crate) run: fn(&mut World),
}

const fn sync(name: &'static str, run: fn(&mut World)) -> Scenario {
    Scenario { name, durability: Durability::Sync, run }
}

const fn unsynced(name: &'static str, durability: Durability, run: fn(&mut World)) -> Scenario {
    Scenario { name, durability, run }
}

/// All of them.
pub(crate) const ALL: [Scenario; 22] = [
    sync("one commit", |world| fill(world, 1, 100)),
    sync("empty records", |world| fill(world, 20, 0)),
    sync("journal files in turn", |world| fill(world, 60, 1800)),
    sync("many small segments", |world| fill(world, 40, 5000)),
    sync("batches larger than a read block", |world| fill(world, 12, 14_000)),
    sync("several logs", several_logs),
    sync("a busy log beside idle ones", a_busy_log),
    sync("commits in company", in_company),
    sync("everything written behind at once", all_written),
    sync("reading behind the tail", catch_up),
    sync("reading by time", by_time),
    sync("reading while segments go", read_and_trim),
    sync("trimming and removing", trim_and_remove),
    sync("a log made and removed again", made_and_removed),
    sync("restarts", |world| restarts(world, End::Exit)),
    sync("power cuts", |world| restarts(world, End::PowerCut)),
    sync("restart after everything is in segments", written_and_restarted),
    sync("restart of a full journal", full_journal),
    sync("clocks that go back", clock_goes_back),
    unsynced("durability by the clock", Durability::Interval, by_the_clock),
    unsynced("no durability", Durability::None, |world| restarts(world, End::Exit)),
    unsynced("from no durability to all", Durability::None, |world| restarts(world, End::PowerCut)),
];

fn ids(world: &World) -> Vec<LogId> {
    world.logs.keys().copied().collect()
}

/// Appends to each log in turn, one commit after the other.
pub(crate) fn fill(world: &mut World, records: usize, bytes: usize) {
    let ids = ids(world);
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
    world.settle_if_sound();
}

fn a_busy_log(world: &mut World) {
    for _ in 0..3 {
        world.create_log();
    }
    fill(world, 4, 50);
    let busy = ids(world)[0];
    for _ in 0..40 {
        world.append(busy, b"busy", 2500);
        world.submit();
        world.engine.wait();
        world.step();
    }
}

fn in_company(world: &mut World) {
    world.create_log();
    world.create_log();
    for _ in 0..12 {
        for id in ids(world) {
            (0..4).for_each(|n| world.append(id, b"k", 400 * n));
        }
        world.wall += 3;
        world.submit();
        world.engine.wait();
        world.step();
    }
}

fn all_written(world: &mut World) {
    world.create_log();
    for _ in 0..6 {
        fill(world, 4, 700);
        world.engine.want_all_written();
        (0..6).for_each(|_| world.step());
    }
    world.settle_if_sound();
}

fn catch_up(world: &mut World) {
    fill(world, 30, 1500);
    world.engine.want_all_written();
    world.settle_if_sound();
    for id in ids(world) {
        for offset in 0..30 {
            world.read(id, From::Offset(Offset(offset)), 4000);
        }
    }
    world.settle_if_sound();
}

fn by_time(world: &mut World) {
    let begin = world.wall;
    fill(world, 30, 1500);
    for id in ids(world) {
        for time in (begin..world.wall + 10).step_by(10) {
            world.read(id, From::Time(Timestamp::from_millis(time)), 1);
        }
    }
    world.settle_if_sound();
}

fn read_and_trim(world: &mut World) {
    fill(world, 50, 2500);
    world.settle_if_sound();
    for id in ids(world) {
        for back in [400, 300, 200, 100] {
            (0..5).for_each(|n| world.read(id, From::Offset(Offset(n * 9)), 3000));
            world.trim(id, world.wall - back);
            world.step();
        }
    }
    world.settle_if_sound();
}

fn trim_and_remove(world: &mut World) {
    let other = world.create_log();
    fill(world, 50, 2000);
    world.settle_if_sound();
    for id in ids(world) {
        world.trim(id, world.wall - 100);
    }
    world.step();
    world.remove_log(other);
    fill(world, 10, 2000);
}

fn made_and_removed(world: &mut World) {
    for _ in 0..4 {
        let passing = world.create_log();
        fill(world, 8, 2000);
        world.remove_log(passing);
    }
    fill(world, 6, 2000);
}

fn restarts(world: &mut World, end: End) {
    let durability = world.settings.durability;
    for n in 0..3 {
        fill(world, 15, 2500);
        world.reopen(end, if n == 1 { Durability::Sync } else { durability });
    }
    fill(world, 15, 2500);
}

fn written_and_restarted(world: &mut World) {
    for _ in 0..3 {
        fill(world, 6, 3000);
        world.engine.want_all_written();
        world.settle_if_sound();
        world.reopen(End::Exit, Durability::Sync);
    }
}

fn full_journal(world: &mut World) {
    for _ in 0..2 {
        let id = ids(world)[0];
        for _ in 0..40 {
            world.append(id, b"k", 2900);
            world.submit();
            world.step();
        }
        world.reopen(End::PowerCut, Durability::Sync);
    }
}

fn clock_goes_back(world: &mut World) {
    for _ in 0..5 {
        fill(world, 5, 1200);
        world.wall -= 300;
    }
    world.reopen(End::PowerCut, Durability::Sync);
    world.wall -= 300;
    fill(world, 5, 1200);
}

fn by_the_clock(world: &mut World) {
    for _ in 0..3 {
        fill(world, 15, 1800);
        world.sync();
    }
    world.reopen(End::PowerCut, Durability::Interval);
    fill(world, 10, 500);
}
