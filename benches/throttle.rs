//! What a quota costs a record: token buckets asked when they hold enough, when they do not, and through a
//! shard's pair of them. Nanoseconds per question, with percentiles over batches.
//!
//! `cargo bench --bench throttle`

use std::hint::black_box;
use std::time::Duration;

use fanlight::platform::Clock;
use fanlight::throttle::{Quotas, ShardReads, ShardWrites, TokenBucket};
use fanlight::types::Instant;
use hdrhistogram::Histogram;

/// Questions timed together, so that reading the clock does not count.
const BATCH: u32 = 256;
/// How long each case runs, after a tenth of it to warm up.
const RUN: Duration = Duration::from_millis(500);
const NANOS_MAX: u64 = 1_000_000;
/// Between two questions, in the buckets' own time: a shard at its limit of 1,000 records per second.
const STEP: Duration = Duration::from_millis(1);
const RECORD_BYTES: u64 = 1024;

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
