//! How long records took to their consumers while the stream was resharded.
//!
//! ```text
//!        UpdateShardCount          ACTIVE        UpdateShardCount
//!  ───────────┼───────────────────────┼─────────────────┼─────▶
//!  before     │ within: due before ACTIVE,    after     │ ...
//!             │ received after the call                 │
//! ```
//! What counts is a record's whole way, from when it was due to be put until a consumer has it: put and delivery
//! may both pause.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::{Deserialize, Serialize};

use crate::latency::{Latency, Summary};
use crate::units::f64_of;

/// Not yet.
const NEVER: u64 = u64::MAX;

/// When each reshard began and ended, for all threads.
pub(crate) struct Reshards(Vec<Window>);

struct Window {
    called_ns: AtomicU64,
    active_ns: AtomicU64,
}

impl Reshards {
    /// So many, none of them called.
    pub(crate) fn new(reshards: usize) -> Self {
        let window = || Window { called_ns: AtomicU64::new(NEVER), active_ns: AtomicU64::new(NEVER) };
        Self(std::iter::repeat_with(window).take(reshards).collect())
    }

    /// UpdateShardCount is called now.
    pub(crate) fn called(&self, at: usize, now: u64) {
        self.0[at].called_ns.store(now, Relaxed);
    }

    /// The stream is ACTIVE again.
    pub(crate) fn active(&self, at: usize, now: u64) {
        self.0[at].active_ns.store(now, Relaxed);
    }

    /// The last that was called by then.
    fn last_by(&self, at_ns: u64) -> Option<usize> {
        self.0.iter().rposition(|window| window.called_ns.load(Relaxed) <= at_ns)
    }

    fn active_ns(&self, at: usize) -> u64 {
        self.0[at].active_ns.load(Relaxed)
    }

    fn secs(&self, at: usize) -> Option<f64> {
        let span_ns = self.active_ns(at).checked_sub(self.0[at].called_ns.load(Relaxed))?;
        (self.active_ns(at) != NEVER).then(|| f64_of(span_ns) / 1e9)
    }
}

/// What one thread measured around the reshards.
pub(crate) struct Pauses {
    before: Latency,
    around: Vec<Around>,
}

struct Around {
    /// Those that were due before the stream was ACTIVE again, as far as was known when they came.
    within: Vec<Way>,
    after: Latency,
}

#[derive(Clone, Copy)]
struct Way {
    consumer: u32,
    due_ns: u64,
    latency_ns: u64,
}

impl Pauses {
    /// Nothing measured yet.
    pub(crate) fn new() -> Self {
        Self { before: Latency::new(), around: Vec::new() }
    }

    /// Notes that a consumer received a record now.
    pub(crate) fn record(&mut self, reshards: &Reshards, consumer: u32, due_ns: u64, now: u64) {
        let latency_ns = now.saturating_sub(due_ns);
        let Some(at) = reshards.last_by(now) else { return self.before.record(latency_ns) };
        let around = self.around(at);
        if due_ns <= reshards.active_ns(at) {
            around.within.push(Way { consumer, due_ns, latency_ns });
        } else {
            around.after.record(latency_ns);
        }
    }

    fn around(&mut self, at: usize) -> &mut Around {
        if at >= self.around.len() {
            self.around.resize_with(at + 1, || Around { within: Vec::new(), after: Latency::new() });
        }
        &mut self.around[at]
    }

    /// Adds another thread's.
    pub(crate) fn add(&mut self, other: &Self) {
        self.before.add(&other.before);
        for (at, theirs) in other.around.iter().enumerate() {
            let mine = self.around(at);
            mine.within.extend_from_slice(&theirs.within);
            mine.after.add(&theirs.after);
        }
    }

    /// How it was before the first reshard.
    pub(crate) fn before(&self) -> Summary {
        self.before.summary()
    }

    /// How it was around one reshard.
    pub(crate) fn pause(&self, reshards: &Reshards, at: usize, (from, to): (u16, u16)) -> Pause {
        let (mut all, mut after) = (Latency::new(), Latency::new());
        let mut by_consumer = Vec::new();
        let active_ns = reshards.active_ns(at);
        if let Some(around) = self.around.get(at) {
            after.add(&around.after);
            for way in &around.within {
                if way.due_ns > active_ns {
                    after.record(way.latency_ns);
                    continue;
                }
                all.record(way.latency_ns);
                of_consumer(&mut by_consumer, way.consumer).record(way.latency_ns);
            }
        }
        let worst = by_consumer.iter().map(|latency| latency.summary().p99).fold(0.0, f64::max);
        Pause {
            from,
            to,
            secs: reshards.secs(at),
            put_to_push_ms: all.summary(),
            worst,
            after_ms: after.summary(),
        }
    }
}

fn of_consumer(by_consumer: &mut Vec<Latency>, consumer: u32) -> &mut Latency {
    let at = usize::try_from(consumer).unwrap_or(usize::MAX);
    if at >= by_consumer.len() {
        by_consumer.resize_with(at + 1, Latency::new);
    }
    &mut by_consumer[at]
}

/// One reshard, as it is reported.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Pause {
    /// Shards before.
    pub(crate) from: u16,
    /// Shards after.
    pub(crate) to: u16,
    /// From the call until the stream was ACTIVE again; `None` if it never was.
    pub(crate) secs: Option<f64>,
    /// Of the records under way meanwhile.
    pub(crate) put_to_push_ms: Summary,
    /// The 99th percentile of the consumer that had the worst.
    #[serde(rename = "worst_consumer_p99_ms")]
    pub(crate) worst: f64,
    /// Of the records after it, until the next.
    pub(crate) after_ms: Summary,
}

impl Pause {
    /// Whether it came to its end, was seen, and kept within the bar.
    pub(crate) fn is_within(&self, bar_ms: f64) -> bool {
        self.secs.is_some() && self.put_to_push_ms.count > 0 && self.worst <= bar_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn what_overlaps_a_reshard_counts_to_it() {
        let reshards = Reshards::new(2);
        let mut pauses = Pauses::new();
        pauses.record(&reshards, 0, 90 * MS, 95 * MS);
        reshards.called(0, 100 * MS);
        pauses.record(&reshards, 0, 99 * MS, 139 * MS);
        pauses.record(&reshards, 1, 110 * MS, 120 * MS);
        // Not known when it came: the stream has been ACTIVE since before it was due.
        pauses.record(&reshards, 0, 151 * MS, 152 * MS);
        reshards.active(0, 150 * MS);
        pauses.record(&reshards, 0, 149 * MS, 179 * MS);
        pauses.record(&reshards, 0, 160 * MS, 162 * MS);
        let mut whole = Pauses::new();
        whole.add(&pauses);
        let pause = whole.pause(&reshards, 0, (8, 16));
        assert_eq!((whole.before().count, pause.put_to_push_ms.count, pause.after_ms.count), (1, 3, 2));
        assert!(
            (pause.put_to_push_ms.max - 40.0).abs() < 0.1 && (pause.worst - 40.0).abs() < 0.1,
            "{pause:?}"
        );
        assert!(pause.is_within(41.0) && !pause.is_within(39.0));
    }

    #[test]
    fn a_reshard_that_did_not_end_or_was_not_seen_is_not_within_any_bar() {
        let (reshards, pauses) = (Reshards::new(1), Pauses::new());
        reshards.called(0, 5);
        assert!(!pauses.pause(&reshards, 0, (1, 2)).is_within(1e9));
        reshards.active(0, 9);
        assert!(!pauses.pause(&reshards, 0, (1, 2)).is_within(1e9));
    }
}
