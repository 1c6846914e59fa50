//! What a quota costs a record: token buckets asked when they hold enough, when they do not, and through a
//! shard's pair of them; and what it costs to tell the scaling of streams on demand. Nanoseconds per
//! question, with percentiles over batches.
//!
//! `cargo bench --bench throttle`

use std::hint::black_box;
use std::time::Duration;

use fanlight::platform::Clock;
use fanlight::scaling::{OpenShard, Rate, Scaler, Settings, StreamView};
use fanlight::throttle::{Quotas, ShardReads, ShardWrites, TokenBucket};
use fanlight::types::hash_key::even_ranges;
use fanlight::types::{HashKey, Instant, LogId, ShardId, StreamKey};
use hdrhistogram::Histogram;

/// Questions timed together, so that reading the clock does not count.
const BATCH: u32 = 256;
/// How long each case runs, after a tenth of it to warm up.
const RUN: Duration = Duration::from_millis(500);
const NANOS_MAX: u64 = 1_000_000;
/// Between two questions, in the buckets' own time: a shard at its limit of 1,000 records per second.
const STEP: Duration = Duration::from_millis(1);
const RECORD_BYTES: u64 = 1024;
const ON_DEMAND_SHARDS: u32 = 1024;

fn main() {
    println!("{:<52} {:>9} {:>9} {:>9}", "ns per question", "mean", "p50", "p99");
    let quotas = Quotas::aws();
    let start = Instant::from_nanos(0);

    let mut bucket = TokenBucket::full(u64::from(u32::MAX), u64::from(u32::MAX), start);
    measure("token bucket, taken", |now| bucket.take(black_box(1), now).is_ok());
    let mut empty = TokenBucket::full(1, 1, start);
    measure("token bucket, refused, and told until when", |now| empty.take(black_box(2), now).is_ok());
    let mut writes = ShardWrites::new(&quotas, start);
    measure("shard writes, a record of 1 KiB at the limit", |now| {
        writes.admit(black_box(RECORD_BYTES), now).is_ok()
    });
    let mut reads = ShardReads::new(&quotas, start);
    measure("shard reads, a call and its bytes", |now| {
        let admitted = reads.admit_call(now).is_ok();
        if admitted {
            reads.charge(black_box(RECORD_BYTES), now);
        }
        admitted
    });
    on_demand(&quotas);
}

/// A record told to the scaling of streams on demand, and a second's decisions for a large stream.
fn on_demand(quotas: &Quotas) {
    let limit = Rate { bytes: quotas.write_bytes, records: quotas.write_records };
    let mut scaler = Scaler::new(Settings::new(limit), Instant::from_nanos(0));
    let shard =
        |(range, at)| OpenShard { id: ShardId(at), log: LogId(u64::from(at)), range, parents: [None; 2] };
    let shards: Vec<_> = even_ranges(ON_DEMAND_SHARDS).into_iter().zip(0..).map(shard).collect();
    let mut key = HashKey(0);
    measure("scaling, a record told, of 1,024 shards", |_| {
        key.0 = key.0.wrapping_add(u128::MAX / 1_618_033);
        let shard = &shards[usize::try_from(key.0 >> 118).unwrap_or_default()];
        scaler.written(shard.log, shard.range, black_box(key), RECORD_BYTES);
        true
    });
    let stream = StreamView { key: StreamKey::new(None, "s"), shards, warm_bytes: 0, room: 0 };
    measure("scaling, a second's decisions for 1,024 shards", |now| {
        scaler.tick(std::slice::from_ref(&stream), now).is_empty()
    });
}

/// Asks in batches, each question one step later than the last, and prints a line.
fn measure(name: &str, mut ask: impl FnMut(Instant) -> bool) {
    let clock = Clock::system();
    let mut histogram = Histogram::<u64>::new_with_bounds(1, NANOS_MAX, 3).expect("the bounds are sound");
    let mut now = Instant::from_nanos(0);
    let began = clock.now();
    loop {
        let batch = clock.now();
        for _ in 0..BATCH {
            now = now + STEP;
            black_box(ask(now));
        }
        let nanos = clock.now().since(batch).as_nanos() / u128::from(BATCH);
        let elapsed = clock.now().since(began);
        if elapsed > RUN {
            break;
        }
        if elapsed > RUN / 10 {
            histogram.saturating_record(u64::try_from(nanos).unwrap_or(u64::MAX));
        }
    }
    let (p50, p99) = (histogram.value_at_quantile(0.5), histogram.value_at_quantile(0.99));
    println!("{name:<52} {:>9.1} {p50:>9} {p99:>9}", histogram.mean());
}
