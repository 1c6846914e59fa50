//! The engine as the rest of the server sees it: a shared handle on one thread, with a task that waits for
//! the disk and passes on what was committed.

use std::cell::{RefCell, RefMut};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use crate::limits;
use crate::platform::{Clock, Readiness};
use crate::shard_log::{Batch, Marks};
use crate::telemetry::names;
use crate::types::{Instant, LogId, Offset};
use metrics::{Counter, Histogram, counter, histogram};
use tokio::sync::Notify;

use super::{Appended, Engine, Event, From, ReadReply, StorageError};

/// How often failed write-behinds are tried again, and journals synced with durability `interval`.
const TICK: Duration = Duration::from_millis(100);

/// Who wants to see batches pass: told on the same thread, between the disk and the acks.
pub trait Tap {
    /// A batch is being written. What its readers will need can be prepared meanwhile.
    fn submitted(&self, _batch: &Batch) {}
    /// A batch is committed: push it.
    /// Its first record was appended at `appended_at`.
    fn committed(&self, _batch: &Batch, _appended_at: Instant, _now: Instant) {}
    /// The commit's last batch was told: what waits for others may leave.
    fn flush(&self);
    /// It has left, and the producers have their answers.
    fn left(&self, _at: Instant) {}
}

/// The log store. Clones share it.
#[derive(Clone)]
pub struct Store(Rc<Inner>);

struct Inner {
    engine: RefCell<Engine>,
    clock: Clock,
    taps: RefCell<Vec<Rc<dyn Tap>>>,
    /// Told after each commit, once everyone at the tip was served.
    committed: Notify,
    push_latency: Histogram,
    put_to_push_latency: Histogram,
    tail_hits: Counter,
    tail_misses: Counter,
}

impl Store {
    /// A store over an opened engine. [`Self::run`] has to be driven for anything to commit.
    pub fn new(engine: Engine, clock: Clock) -> Self {
        Self(Rc::new(Inner {
            engine: RefCell::new(engine),
            clock,
            taps: RefCell::default(),
            committed: Notify::new(),
            push_latency: histogram!(names::PUSH_LATENCY),
            put_to_push_latency: histogram!(names::PUT_TO_PUSH_LATENCY),
            tail_hits: counter!(names::TAIL_READS, "result" => "hit"),
            tail_misses: counter!(names::TAIL_READS, "result" => "miss"),
        }))
    }

    /// Adds one who sees batches pass, after those that were added before.
    pub fn add_tap(&self, tap: Rc<dyn Tap>) {
        self.0.taps.borrow_mut().push(tap);
    }

    /// The engine itself, for what is not on the data path. Not to be held across an await.
    pub fn engine(&self) -> RefMut<'_, Engine> {
        self.0.engine.borrow_mut()
    }

    /// Appends one record without marks; it goes off with [`Self::submit`].
    pub fn append(&self, log: LogId, partition_key: &[u8], data: &[u8]) -> Result<Appended, StorageError> {
        self.append_marked(log, (Marks::default(), partition_key), data)
    }

    /// The same for a record with marks.
    pub fn append_marked(
        &self,
        log: LogId,
        marked_key: (Marks, &[u8]),
        data: &[u8],
    ) -> Result<Appended, StorageError> {
        let (wall, now) = (self.0.clock.wall(), self.0.clock.now());
        self.engine().append_marked(log, marked_key, data, wall, now)
    }

    /// Sends off what was appended, or leaves it to the commit in flight to take along next.
    pub fn submit(&self) {
        self.engine().submit(self.0.clock.now());
        self.pass_on();
    }

    /// Whether a commit is being written.
    pub fn is_committing(&self) -> bool {
        self.engine().is_committing()
    }

    /// Offset past the last committed record.
    pub fn tip(&self, log: LogId) -> Option<Offset> {
        self.engine().tip(log)
    }

    /// Reads about `max_bytes` from `from` on.
    pub async fn read(&self, log: LogId, from: From, max_bytes: usize) -> ReadReply {
        if let Some(answer) = self.engine().read_tail(log, from, max_bytes) {
            self.0.tail_hits.increment(1);
            return answer;
        }
        self.0.tail_misses.increment(1);
        let receiver = self.engine().read(log, from, max_bytes);
        let answer = receiver.await.unwrap_or(Err(StorageError::NoSuchLog(log)));
        self.give_way().await;
        answer
    }

    /// Waits for the commit under way, if there is one: what a reader from disk makes of what it read is not
    /// to be in the way of those at the tip.
    async fn give_way(&self) {
        if self.engine().is_committing() {
            let patience = Duration::from_millis(limits::CATCH_UP_GIVES_WAY_MILLIS_MAX);
            // Where commits take long it goes on beside them.
            let _ = tokio::time::timeout(patience, self.0.committed.notified()).await;
        }
    }

    /// Waits for the disk and passes on what it did, for ever.
    pub async fn run(&self) -> io::Result<()> {
        let disk = self.engine().readiness()?;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                ready = readable(disk.as_ref()) => ready?,
                _ = tick.tick() => self.tick(),
            }
            self.step();
        }
    }

    /// Has the scrubber rest: nothing but what is being stopped for should keep the disk busy.
    pub fn stop_scrubbing(&self) {
        self.engine().set_scrub_rate(0, self.0.clock.now());
    }

    /// Brings everything to where the next start finds it fast; gives up after `patience`.
    pub async fn flush(&self, patience: Duration) {
        let to_segments = self.engine().stops_in_segments();
        let flushing = async {
            loop {
                if to_segments {
                    self.engine().want_all_written();
                }
                self.step();
                let now = self.0.clock.now();
                self.engine().end_journal(now);
                if !self.engine().is_busy() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        if tokio::time::timeout(patience, flushing).await.is_err() {
            tracing::warn!("stopped before every record reached its segment; the journal holds them");
        }
    }

    fn tick(&self) {
        let now = self.0.clock.now();
        let mut engine = self.engine();
        engine.sync_journal();
        engine.retry_write_behinds(now);
    }

    fn step(&self) {
        self.engine().collect(self.0.clock.now());
        self.pass_on();
        self.engine().start_background(self.0.clock.now());
    }

    /// Serves the consumers first, then the producers: both wait for the same commit.
    fn pass_on(&self) {
        let events = self.engine().take_events();
        if events.is_empty() {
            return;
        }
        let taps = self.0.taps.borrow();
        let mut acks = Vec::new();
        let committed_at = self.0.clock.now();
        for event in events {
            match event {
                Event::Submitted(batches) => {
                    taps.iter().for_each(|tap| batches.iter().for_each(|batch| tap.submitted(batch)));
                }
                Event::Committed { batch, ack, appended_at } => {
                    taps.iter().for_each(|tap| tap.committed(&batch, appended_at, committed_at));
                    acks.push((ack, appended_at));
                }
                Event::Stopped => {}
            }
        }
        if !acks.is_empty() {
            taps.iter().for_each(|tap| tap.flush());
        }
        if let Some(pushed_at) = self.settle(acks, committed_at) {
            taps.iter().for_each(|tap| tap.left(pushed_at));
        }
        self.0.committed.notify_waiters();
    }

    /// Answers the producers; tells when the consumers had been served.
    fn settle(&self, acks: Vec<(super::Ack, Instant)>, committed_at: Instant) -> Option<Instant> {
        if acks.is_empty() {
            return None;
        }
        let pushed_at = self.0.clock.now();
        self.0.push_latency.record(pushed_at.since(committed_at));
        for (ack, appended_at) in acks {
            self.0.put_to_push_latency.record(pushed_at.since(appended_at));
            ack.settle(Ok(()));
        }
        Some(pushed_at)
    }
}

async fn readable(disk: Option<&Readiness>) -> io::Result<()> {
    match disk {
        Some(disk) => disk.wait().await,
        None => std::future::pending().await,
    }
}
