//! The policy against streams whose catalog is played here: any traffic, second by second.

use std::time::Duration;

use proptest::prelude::*;

use super::{Action, OpenShard, Plan, Rate, Scaler, Settings, StreamView};
use crate::limits;
use crate::types::hash_key::even_ranges;
use crate::types::{HashKey, HashKeyRange, Instant, LogId, ShardId, StreamKey};

/// A shard's limit here: few enough records to send them all.
const LIMIT: Rate = Rate { bytes: 100_000, records: 100 };
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// A stream, and the catalog as far as it matters.
struct Played {
    scaler: Scaler,
    stream: StreamView,
    now: Instant,
    next: u64,
    seed: u64,
}

impl Played {
    fn new(shards: u32, settings: Settings) -> Self {
        let ranges = even_ranges(shards);
        let shard = |(range, at): (HashKeyRange, u64)| OpenShard {
            id: ShardId(u32::try_from(at).expect("few")),
            log: LogId(at),
            range,
            parents: [None; 2],
        };
        let stream = StreamView {
            key: StreamKey::new(None, "orders"),
            shards: ranges.into_iter().zip(0..).map(shard).collect(),
            warm_bytes: 0,
            room: 10_000,
        };
        let now = Instant::from_nanos(0) + HOUR;
        let (scaler, next) = (Scaler::new(settings, now), u64::from(shards));
        Self { scaler, stream, now, next, seed: 1 }
    }

    fn put(&mut self, key: HashKey, bytes: u64) {
        let at = self.stream.shards.partition_point(|shard| shard.range.start <= key) - 1;
        let shard = self.stream.shards[at];
        self.scaler.written(shard.log, shard.range, key, bytes);
    }

    fn any_key(&mut self) -> HashKey {
        self.seed += 1;
        HashKey::of_partition_key(&self.seed.to_string())
    }

    /// Time passes, and what is decided is done.
    fn tick(&mut self, after: Duration) -> Plan {
        self.now = self.now + after;
        let plan = self.scaler.tick(std::slice::from_ref(&self.stream), self.now).remove(0);
        plan.actions.iter().for_each(|action| self.carry_out(*action));
        plan
    }

    /// A second of so many records of 100 bytes on evenly spread keys.
    fn second(&mut self, records: u64) -> Plan {
        for _ in 0..records {
            let key = self.any_key();
            self.put(key, 100);
        }
        self.tick(SECOND)
    }

    fn seconds(&mut self, count: usize, records: u64) -> Vec<Plan> {
        (0..count).map(|_| self.second(records)).collect()
    }

    fn carry_out(&mut self, action: Action) {
        let position = |id| self.stream.shards.iter().position(|shard| shard.id == id).expect("it is open");
        let (at, gone, starts) = match action {
            Action::Split { shard, at } => {
                let position = position(shard);
                (position, 1, vec![self.stream.shards[position].range.start, at])
            }
            Action::Merge { lower, upper } => {
                let lower = position(lower);
                assert_eq!(lower + 1, position(upper), "neighbours, the lower first");
                (lower, 2, vec![self.stream.shards[lower].range.start])
            }
        };
        let parents: Vec<_> = self.stream.shards.drain(at..at + gone).collect();
        let end = parents[parents.len() - 1].range.end;
        for (index, start) in starts.iter().enumerate() {
            let end = starts.get(index + 1).map_or(end, |next| HashKey(next.0 - 1));
            let shard = OpenShard {
                id: ShardId(u32::try_from(self.next).expect("few")),
                log: LogId(self.next),
                range: HashKeyRange { start: *start, end },
                parents: [parents.first(), parents.get(1)].map(|parent| Some(parent?.log)),
            };
            self.next += 1;
            self.stream.shards.insert(at + index, shard);
        }
    }

    fn open(&self) -> usize {
        self.stream.shards.len()
    }
}

fn played(shards: u32) -> Played {
    Played::new(shards, Settings::new(LIMIT))
}

#[test]
fn each_doubling_is_followed_until_twice_of_it_would_fit() {
    let mut stream = played(4);
    for shards_of_traffic in [1, 2, 4, 8, 16] {
        stream.seconds(120, shards_of_traffic * 100);
        let capacity = stream.open() as u64;
        assert!(capacity >= 2 * shards_of_traffic, "{capacity} shards for {shards_of_traffic}");
        assert!(capacity <= 5 * shards_of_traffic.max(1), "{capacity} shards for {shards_of_traffic}");
    }
    let peak = stream.second(100).peak;
    assert!((1500..1700).contains(&peak.records), "{peak:?}");
    assert!((peak.bytes / 100).abs_diff(peak.records) < 40, "{peak:?}");
}

#[test]
fn a_short_burst_splits_nothing() {
    let mut stream = played(4);
    stream.seconds(30, 100);
    stream.seconds(2, 4 * 90);
    assert!(stream.seconds(30, 100).iter().all(|plan| plan.actions.is_empty()));
    assert_eq!(stream.open(), 4);
}

#[test]
fn bytes_count_as_well_as_records() {
    let mut stream = played(4);
    for _ in 0..20 {
        for _ in 0..30 {
            let key = stream.any_key();
            stream.put(key, 10_000);
        }
        stream.tick(SECOND);
    }
    assert!(stream.open() > 4, "three quarters of the bytes, under a tenth of the records");
}

#[test]
fn a_flood_doubles_the_shards_once_in_a_period() {
    let mut stream = played(4);
    let mut changes = Vec::new();
    for second in 0..150 {
        let before = stream.open();
        stream.second(4000);
        if stream.open() != before {
            changes.push((second, stream.open()));
        }
    }
    assert_eq!(changes.iter().map(|it| it.1).collect::<Vec<_>>(), [8, 16, 32], "{changes:?}");
    assert!(changes.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 60), "{changes:?}");
}

#[test]
fn one_hot_key_is_cut_free_and_then_left_alone() {
    let mut stream = played(4);
    let hot = HashKey(u128::MAX / 3);
    let mut last = Plan::default();
    for _ in 0..600 {
        (0..100).for_each(|_| stream.put(hot, 100));
        last = stream.second(120);
    }
    assert!(stream.open() <= 8, "{} shards for a key that no split helps", stream.open());
    assert_eq!(last.hot_keys, 1);
    let shard = stream.stream.shards.iter().find(|shard| shard.range.contains(hot)).expect("its shard");
    let width = shard.range.end.0 - shard.range.start.0;
    assert!(width < 1 << 123, "the others have left: {width}");
}

#[test]
fn nothing_but_one_key_is_not_split_at_all() {
    let mut stream = played(4);
    for _ in 0..300 {
        (0..500).for_each(|_| stream.put(HashKey(7), 100));
        stream.tick(SECOND);
    }
    assert_eq!(stream.open(), 4);
}

#[test]
fn skewed_keys_are_cut_where_half_of_their_traffic_lies() {
    let mut stream = played(4);
    let mut written = Vec::new();
    let split = (0..20).find_map(|_| {
        for at in 0..80_u64 {
            // Nine of ten into the first sixteenth of the shard.
            let shift = if at % 10 == 0 { 2 } else { 6 };
            let key = HashKey(stream.any_key().0 >> shift);
            written.push(key);
            stream.put(key, 100);
        }
        stream.tick(SECOND).actions.first().copied()
    });
    let Some(Action::Split { shard: ShardId(0), at }) = split else { panic!("{split:?}") };
    let below = written.iter().filter(|key| **key < at).count() * 100 / written.len();
    assert!((42..=58).contains(&below), "{below} % below the cut");
}

#[test]
fn a_quiet_day_takes_it_back_to_its_floor_at_once() {
    let mut stream = played(4);
    stream.seconds(200, 1600);
    let grown = stream.open();
    assert!(grown >= 16, "{grown}");
    for _ in 0..23 {
        stream.tick(HOUR);
        assert_eq!(stream.open(), grown, "a day is not over");
    }
    stream.tick(HOUR);
    stream.tick(HOUR);
    stream.seconds(10, 10);
    assert_eq!(stream.open(), limits::ON_DEMAND_SHARDS_MIN as usize);
}

#[test]
fn a_busy_minute_a_day_keeps_the_shards() {
    let mut stream = played(4);
    stream.seconds(200, 1600);
    let grown = stream.open();
    for _ in 0..4 {
        stream.seconds(60, 1600);
        for _ in 0..23 {
            stream.tick(HOUR);
        }
    }
    assert!(stream.open() >= grown, "{} of {grown}", stream.open());
}

#[test]
fn after_a_restart_a_day_has_to_be_seen_first() {
    let mut stream = played(16);
    for _ in 0..24 {
        stream.tick(HOUR);
        assert_eq!(stream.open(), 16);
    }
    for _ in 0..5 {
        stream.tick(HOUR);
    }
    assert_eq!(stream.open(), 4);
}

#[test]
fn warm_throughput_is_there_at_once_and_kept() {
    let mut stream = played(4);
    stream.stream.warm_bytes = 11 * LIMIT.bytes;
    stream.seconds(3, 0);
    assert_eq!(stream.open(), 11);
    for _ in 0..60 {
        stream.tick(HOUR);
    }
    assert_eq!(stream.open(), 11);
    stream.stream.warm_bytes = 0;
    stream.seconds(4, 0);
    assert_eq!(stream.open(), 4, "given back: the days before were quiet");
}

#[test]
fn fewer_shards_than_the_floor_are_left_as_they_are() {
    let mut stream = played(2);
    for _ in 0..60 {
        stream.tick(HOUR);
    }
    assert_eq!(stream.open(), 2, "as the stream was provisioned before");
}

#[test]
fn the_bounds_of_stream_and_account_hold() {
    let mut stream = Played::new(4, Settings { shards_max: 7, ..Settings::new(LIMIT) });
    stream.seconds(200, 4000);
    assert_eq!(stream.open(), 7);
    let mut stream = played(4);
    stream.stream.room = 1;
    let plans = stream.seconds(10, 4000);
    assert!(plans.iter().all(|plan| plan.actions.len() <= 1));
}

#[test]
fn what_is_gone_is_forgotten() {
    let mut stream = played(4);
    stream.seconds(20, 1000);
    assert!(stream.open() > 4);
    stream.tick(SECOND);
    assert_eq!(stream.scaler.known_shards(), stream.open(), "closed shards are forgotten");
    stream.scaler.tick(&[], stream.now + SECOND);
    assert_eq!(stream.scaler.known_shards(), 0);
}

/// A second of traffic: how many records, on keys of which part of the space, and how long it lasts.
fn traffic() -> impl Strategy<Value = Vec<(u64, u32, u64)>> {
    let skipped = prop_oneof![8 => Just(1_u64), 1 => Just(3600), 1 => Just(90_000)];
    prop::collection::vec((0..600_u64, 0..128_u32, skipped), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever comes: cuts lie where `SplitShard` would take them, shards cover all keys once, the bounds
    /// hold, and the same events lead to the same decisions.
    #[test]
    fn any_traffic_leaves_a_sound_stream(shards in 1..9_u32, seconds in traffic(), warm in 0..20_u64) {
        let settings = Settings { shards_max: 24, ..Settings::new(LIMIT) };
        let (mut one, mut other) = (Played::new(shards, settings), Played::new(shards, settings));
        for (records, shift, secs) in seconds {
            let before = one.stream.shards.clone();
            one.stream.warm_bytes = warm * LIMIT.bytes;
            other.stream.warm_bytes = warm * LIMIT.bytes;
            for _ in 0..records {
                let key = HashKey(one.any_key().0 >> shift);
                one.put(key, 100);
                other.put(key, 100);
            }
            let after = Duration::from_secs(secs);
            let plan = one.tick(after);
            prop_assert_eq!(&plan, &other.tick(after));
            for action in &plan.actions {
                let Action::Split { shard, at } = action else { continue };
                let range = before.iter().find(|it| it.id == *shard).expect("it was open").range;
                prop_assert!(at.0 > range.start.0 + 1 && at.0 < range.end.0);
            }
            let open = &one.stream.shards;
            let ends = (open[0].range.start, open[open.len() - 1].range.end);
            prop_assert_eq!(ends, (HashKey(0), HashKey::MAX));
            prop_assert!(open.windows(2).all(|pair| pair[0].range.end.0 + 1 == pair[1].range.start.0));
            prop_assert!(open.len() <= 24.max(shards as usize));
            prop_assert!(open.len() >= before.len().min(limits::ON_DEMAND_SHARDS_MIN as usize));
            prop_assert!(plan.actions.len() <= limits::ON_DEMAND_ACTIONS_MAX);
            prop_assert!(open.len() <= 2 * before.len(), "at most doubled");
        }
    }
}
