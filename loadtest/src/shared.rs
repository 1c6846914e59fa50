//! What all load threads see of one run: the ledger, live counts for the progress bar, the stall, the
//! complaints.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock, PoisonError};

use tokio::sync::Notify;

use crate::latency::Latency;
use crate::ledger::Ledger;
use crate::periods::{ByPeriod, Periods};
use crate::received::ByConsumer;
use crate::reshard::{Pauses, Reshards};
use crate::timeline::{Slices, Timeline};
use crate::verified::Verified;

/// Complaints kept in words; the rest only count.
const MAX_COMPLAINTS: usize = 20;

/// A counter any thread may raise.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Raises it.
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// Reads it.
    pub(crate) fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Counts that move while the run goes on.
#[derive(Default)]
pub(crate) struct Live {
    /// Records acknowledged.
    pub(crate) acked: Counter,
    /// Records throttled, each time.
    pub(crate) throttled: Counter,
    /// Records pushed to a consumer, over all consumers.
    pub(crate) pushed: Counter,
    /// Bytes of those, data and partition keys.
    pub(crate) pushed_bytes: Counter,
    /// Push events, empty ones included.
    pub(crate) events: Counter,
    /// Records read by pull consumers.
    pub(crate) pulled: Counter,
    /// Bytes of those, data and partition keys.
    pub(crate) pulled_bytes: Counter,
    /// GetRecords calls throttled.
    pub(crate) pull_throttled: Counter,
    /// Subscriptions (and pull readers) that stand for the first time.
    pub(crate) subscribed: Counter,
    /// Subscriptions (and pull readers) of shards that took another's place.
    pub(crate) followed: Counter,
    /// Subscriptions taken up again.
    pub(crate) resubscribed: Counter,
}

/// The moment some consumers stop reading, and the moment they go on.
#[derive(Clone, Copy)]
pub(crate) struct Stall {
    /// First nanosecond of silence.
    pub(crate) from_ns: u64,
    /// First nanosecond after it.
    pub(crate) to_ns: u64,
}

/// One run, seen by all threads.
pub(crate) struct Shared {
    /// Who sent and has what.
    pub(crate) ledger: Ledger,
    /// Live counts.
    pub(crate) live: Live,
    /// Set once the load starts, if consumers are to stall.
    pub(crate) stall: OnceLock<Stall>,
    /// Set once the load starts, if the run is reported by periods.
    pub(crate) periods: OnceLock<Periods>,
    /// Set once the load starts: how the run is cut for what is drawn over time.
    pub(crate) timeline: OnceLock<Timeline>,
    /// Records of the backlog, known once it is put.
    pub(crate) backlog: OnceLock<u64>,
    /// Set before the load starts, if it is resharded under.
    pub(crate) reshards: OnceLock<Reshards>,
    /// Told of every event, while a producer waits for its consumers.
    pub(crate) progress: Notify,
    /// Whether one does.
    pub(crate) is_awaited: AtomicBool,
    complaints: Mutex<Vec<String>>,
}

impl Shared {
    /// A run over this ledger.
    pub(crate) fn new(ledger: Ledger) -> Self {
        let (live, complaints) = (Live::default(), Mutex::default());
        let (stall, periods, timeline) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        let (backlog, reshards) = (OnceLock::new(), OnceLock::new());
        let (progress, is_awaited) = (Notify::new(), AtomicBool::new(false));
        Self { ledger, live, stall, periods, timeline, backlog, reshards, progress, is_awaited, complaints }
    }

    /// Tells a producer that waits for its consumers that they have got on.
    pub(crate) fn tell_progress(&self) {
        if self.is_awaited.load(Relaxed) {
            self.progress.notify_one();
        }
    }

    /// Waits until the push consumers have received `records` each, on the average.
    pub(crate) async fn received_by_all(&self, records: u64) {
        let wanted = records * u64::from(self.ledger.push_consumers);
        self.is_awaited.store(true, Relaxed);
        while self.live.pushed.value() < wanted {
            self.progress.notified().await;
        }
        self.is_awaited.store(false, Relaxed);
    }

    /// Keeps a complaint for the report; each wording once.
    pub(crate) fn complain(&self, what: impl Into<String>) {
        let what = what.into();
        let mut complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        if complaints.len() < MAX_COMPLAINTS && !complaints.contains(&what) {
            complaints.push(what);
        }
    }

    /// All complaints so far.
    pub(crate) fn complaints(&self) -> Vec<String> {
        self.complaints.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The period that holds this moment, if the run is reported by periods.
    pub(crate) fn period(&self, at_ns: u64) -> Option<usize> {
        self.periods.get().map(|periods| periods.at(at_ns))
    }

    /// Whether a record belongs to the backlog that was put before anyone read.
    pub(crate) fn is_backlog(&self, sequence: u64) -> bool {
        self.backlog.get().is_some_and(|records| sequence < *records)
    }

    /// Before, during or after the stall; without one everything is before.
    pub(crate) fn phase(&self, at_ns: u64) -> usize {
        self.stall
            .get()
            .map_or(0, |stall| usize::from(at_ns >= stall.from_ns) + usize::from(at_ns >= stall.to_ns))
    }
}

/// What one receiving thread keeps for all its consumers: the latencies it measured, the payloads it
/// verified.
pub(crate) struct Tally {
    /// Put-to-push of consumers that always read: before, during and after the stall.
    pub(crate) push: [Latency; 3],
    /// The same by periods of the run.
    pub(crate) push_by_period: ByPeriod<Latency>,
    /// The same around the reshards.
    pub(crate) pauses: Pauses,
    /// Put-to-push of those that stalled.
    pub(crate) stalled: Latency,
    /// From the intended send time until the last consumer had the record.
    pub(crate) last_of_all: Latency,
    /// Put-to-pull.
    pub(crate) pull: Latency,
    /// What was pushed, over time.
    pub(crate) pushed: Slices,
    /// What was pulled, over time.
    pub(crate) pulled: Slices,
    /// What each push consumer got.
    pub(crate) by_consumer: ByConsumer,
    /// What each pull consumer got.
    pub(crate) by_puller: ByConsumer,
    /// Payloads found right.
    pub(crate) verified: Verified,
}

impl Tally {
    /// Nothing measured yet, for a run with this ledger.
    pub(crate) fn new(ledger: &Ledger) -> Self {
        let new = Latency::new;
        Self {
            push: [new(), new(), new()],
            push_by_period: ByPeriod::default(),
            pauses: Pauses::new(),
            stalled: new(),
            last_of_all: new(),
            pull: new(),
            pushed: Slices::default(),
            pulled: Slices::default(),
            by_consumer: ByConsumer::new(ledger.push_consumers),
            by_puller: ByConsumer::new(ledger.pull_consumers),
            verified: Verified::shared(),
        }
    }

    /// Put-to-push of all consumers at all times.
    pub(crate) fn all_pushed(&self) -> Latency {
        let mut all = self.stalled.clone();
        self.push.iter().for_each(|phase| all.add(phase));
        all
    }

    /// Adds another thread's.
    pub(crate) fn add(&mut self, other: &Self) {
        self.push.iter_mut().zip(&other.push).for_each(|(mine, theirs)| mine.add(theirs));
        self.push_by_period.add(&other.push_by_period);
        self.pauses.add(&other.pauses);
        self.stalled.add(&other.stalled);
        self.last_of_all.add(&other.last_of_all);
        self.pull.add(&other.pull);
        self.pushed.add(&other.pushed);
        self.pulled.add(&other.pulled);
        self.by_consumer.add(&other.by_consumer);
        self.by_puller.add(&other.by_puller);
    }
}
