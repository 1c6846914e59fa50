//! The engine: gathers appends, commits them through the journal one write at a time, publishes what is
//! committed. A synchronous state machine over a [`Disk`]: it is told `now`, it never waits.

use std::collections::{BTreeMap, HashMap, VecDeque};

use metrics::{counter, gauge};

use crate::limits;
use crate::platform::{AlignedBuf, Completion, Disk, FileId, Op, Readiness, Token};
use crate::seeded::{self, Bug};
use crate::shard_log::Batch;
use crate::telemetry::names;
use crate::types::{Instant, LogId, Offset};

use super::budget::Budget;
use super::commit::InFlight;
use super::gather::Gathered;
use super::journal::{Generation, Journal};
use super::log::Log;
use super::meters::Meters;
use super::readers::{BlockId, Readers};
use super::scrub::Scrubber;
use super::trouble::Trouble;
use super::{Ack, Durability, Sizes};

/// What the engine is told once.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// When appends are acknowledged.
    pub durability: Durability,
    /// Bytes of recent batches kept in memory.
    pub tail_bytes: usize,
    /// Bounds of files, buffers and queues.
    pub sizes: Sizes,
}

/// Something the engine's owner has to pass on.
#[derive(Debug)]
pub enum Event {
    /// These batches are being written; what can be prepared for their readers can be prepared now.
    Submitted(Vec<Batch>),
    /// This batch is committed: readable from now on. Its ack is the receiver's to settle, after the
    /// consumers have been served.
    Committed {
        /// The batch.
        batch: Batch,
        /// Its promise.
        ack: Ack,
        /// When its first record was appended.
        appended_at: Instant,
    },
    /// Writing has stopped for now; every outstanding ack has been settled with the reason.
    Stopped,
}

/// What a disk operation in flight is for.
pub(super) enum Pending {
    Commit,
    JournalSync(FileId),
    JournalFile,
    SegmentCreate { log: LogId, path: String, bytes: u64 },
    SegmentWrite { log: LogId, batches: usize, at: u64, len: u64, started: Instant },
    SegmentSeal { log: LogId },
    SegmentVerify { log: LogId },
    Read(BlockId),
    Scrub,
    Remove,
}

/// The log engine of one data directory.
pub struct Engine {
    pub(super) disk: Box<dyn Disk>,
    pub(super) settings: Settings,
    /// In order, so that the same calls always give the same run.
    pub(super) logs: BTreeMap<LogId, Log>,
    pub(super) journal: Journal,
    /// Where logs without records begin; see [`EntryHeader::offset_floor`].
    pub(super) offset_floor: Offset,
    pub(super) gathered: VecDeque<Gathered>,
    /// Number of the slot at the front of `gathered`.
    pub(super) gathered_first: u64,
    pub(super) gathered_bytes: usize,
    pub(super) in_flight: Option<InFlight>,
    pub(super) pending: HashMap<Token, Pending>,
    /// Most of them at once since it was last told.
    pub(super) pending_most: usize,
    next_token: u64,
    completions: Vec<Completion>,
    pub(super) events: Vec<Event>,
    pub(super) spare: Option<AlignedBuf>,
    /// Which log's oldest batch in memory is next to go, in commit order.
    pub(super) eviction: VecDeque<LogId>,
    /// How many of these are of logs that are gone.
    pub(super) eviction_stale: usize,
    pub(super) tail_bytes: usize,
    pub(super) write_behind_queue: VecDeque<LogId>,
    pub(super) write_behinds: usize,
    pub(super) write_behind_failures: u64,
    /// Logs whose last segment has a descriptor open for writing, by the number of their last write.
    pub(super) segments_open: BTreeMap<u64, LogId>,
    /// Write-behinds begun so far.
    pub(super) writes: u64,
    /// Files to be removed, the first of them perhaps under way.
    pub(super) removals: VecDeque<String>,
    pub(super) is_removing: bool,
    pub(super) readers: Readers,
    pub(super) scrubber: Scrubber,
    pub(super) files_read: VecDeque<(LogId, Offset)>,
    pub(super) trouble: Trouble,
    pub(super) budget: Budget,
    /// Names this start in the epochs it claims.
    pub(super) writer: u32,
    pub(super) unsynced: bool,
    pub(super) meters: Meters,
}

impl Engine {
    /// An engine over what recovery found.
    pub(super) fn assemble(
        disk: Box<dyn Disk>,
        settings: Settings,
        logs: BTreeMap<LogId, Log>,
        journal: Journal,
        offset_floor: Offset,
    ) -> Self {
        let mut engine = Self {
            disk,
            settings,
            logs,
            journal,
            offset_floor,
            gathered: VecDeque::new(),
            gathered_first: 0,
            gathered_bytes: 0,
            in_flight: None,
            pending: HashMap::new(),
            pending_most: 0,
            next_token: 0,
            completions: Vec::new(),
            events: Vec::new(),
            spare: None,
            eviction: VecDeque::new(),
            eviction_stale: 0,
            tail_bytes: 0,
            write_behind_queue: VecDeque::new(),
            write_behinds: 0,
            write_behind_failures: 0,
            segments_open: BTreeMap::new(),
            writes: 0,
            removals: VecDeque::new(),
            is_removing: false,
            readers: Readers::default(),
            scrubber: Scrubber::default(),
            files_read: VecDeque::new(),
            trouble: Trouble::default(),
            budget: Budget::default(),
            writer: fastrand::u32(..),
            unsynced: false,
            meters: Meters::new(),
        };
        engine.meters.healthy.set(1.0);
        engine.account_recovered_tail();
        engine
    }

    /// Makes sure the log exists. Costs no I/O: files come with the first write-behind.
    pub fn open_log(&mut self, log: LogId) {
        self.logs.entry(log).or_insert_with(|| Log::new(log, self.offset_floor));
    }

    /// Every log there is.
    pub fn log_ids(&self) -> Vec<LogId> {
        self.logs.keys().copied().collect()
    }

    /// Offset past the last committed record.
    pub fn tip(&self, log: LogId) -> Option<Offset> {
        self.logs.get(&log).map(|log| log.committed)
    }

    /// Whether records were appended that are not committed yet.
    pub fn has_uncommitted(&self, log: LogId) -> bool {
        let in_flight = self.in_flight.iter().flat_map(|commit| &commit.batches);
        self.gathered.iter().any(|gathered| gathered.log == log)
            || in_flight.map(|(batch, ..)| batch.log()).any(|other| other == log)
    }

    /// The disk's way of doing I/O.
    pub fn disk_name(&self) -> &'static str {
        self.disk.name()
    }

    /// Tells when [`Self::step`] has something to do; none for a simulated disk.
    pub fn readiness(&self) -> std::io::Result<Option<Readiness>> {
        Readiness::of(self.disk.as_ref())
    }

    /// Blocks until the disk has completed something.
    pub fn wait(&mut self) {
        self.disk.wait();
    }

    /// Whether a commit is being written.
    pub fn is_committing(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Whether any disk operation is under way or due.
    pub fn is_busy(&self) -> bool {
        !self.pending.is_empty() || !self.gathered.is_empty()
    }

    /// Sends off what has gathered, unless a commit is in flight: then it gathers on until that completes.
    pub fn submit(&mut self, now: Instant) {
        self.start_commit(now);
        self.start_write_behinds(now);
        self.disk.kick();
    }

    /// Collects what the disk has completed and starts what is due.
    pub fn step(&mut self, now: Instant) {
        self.collect(now);
        self.start_background(now);
    }

    /// Collects what the disk has completed; takes the end of a commit in and starts the next one.
    pub fn collect(&mut self, now: Instant) {
        self.disk.reap(&mut self.completions);
        let is_commit = |completion: &mut Completion| {
            matches!(self.pending.get(&completion.token), Some(Pending::Commit))
        };
        let commit = self.completions.extract_if(.., is_commit).next();
        commit.into_iter().for_each(|completion| self.complete(completion, now));
        self.start_commit(now);
        self.disk.kick();
    }

    /// Takes in what else was collected and starts what else is due: all that nobody waits for as consumers
    /// wait for a commit.
    pub fn start_background(&mut self, now: Instant) {
        let mut completions = std::mem::take(&mut self.completions);
        completions.drain(..).for_each(|completion| self.complete(completion, now));
        self.completions = completions;
        self.start_commit(now);
        self.start_write_behinds(now);
        self.start_reads();
        self.start_scrub(now);
        self.disk.kick();
    }

    /// Makes what was committed without a sync durable (durability `interval`).
    pub fn sync_journal(&mut self) {
        if std::mem::take(&mut self.unsynced) && self.settings.durability == Durability::Interval {
            for file in self.journal.files_to_sync() {
                self.submit_op(Pending::JournalSync(file), Op::Sync { file });
            }
            self.disk.kick();
        }
    }

    /// Whether a clean stop brings everything to segments: not where many shards would each need a file for
    /// the little that a durable journal holds of them.
    pub fn stops_in_segments(&self) -> bool {
        let behind = self.logs.values().filter(|log| log.tail.len() > log.tail_flushed).count();
        self.settings.durability != Durability::Sync || behind <= limits::LOGS_FLUSHED_AT_STOP_MAX
    }

    /// For a clean stop, once segments hold everything: begins a use of the journal that tells of no other,
    /// so that the next start reads none of them.
    pub fn end_journal(&mut self, now: Instant) {
        let has_more = self.journal.files.iter().any(|file| file.unflushed > 0);
        if !has_more && !self.is_busy() && !self.journal.is_fresh() && self.stopped().is_none() {
            self.open_use(0, now);
            self.disk.kick();
        }
    }

    /// Takes what has happened since the last call.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    pub(super) fn submit_op(&mut self, what: Pending, op: Op) {
        let token = Token(self.next_token);
        self.next_token += 1;
        self.pending.insert(token, what);
        self.pending_most = self.pending_most.max(self.pending.len());
        self.disk.submit(token, op);
    }

    fn complete(&mut self, completion: Completion, now: Instant) {
        let Some(what) = self.pending.remove(&completion.token) else {
            debug_assert!(false, "a completion nobody waits for");
            return;
        };
        match what {
            Pending::Commit => self.commit_completed(completion.result, now),
            Pending::JournalSync(file) => self.journal_synced(file, completion.result),
            Pending::JournalFile => self.journal_file_created(completion.result, now),
            Pending::SegmentCreate { log, path, bytes } => {
                self.segment_created(log, path, bytes, completion.result);
            }
            Pending::SegmentWrite { log, batches, at, len, started } => {
                let is_booked = completion.result.is_ok() || seeded::is(Bug::FailedSegmentWriteBooked);
                let done =
                    if is_booked { Ok((batches, at, len)) } else { completion.result.map(|_| (0, 0, 0)) };
                self.segment_written(log, done, now.since(started));
            }
            Pending::SegmentSeal { log } => self.segment_sealed(log, completion.result),
            Pending::SegmentVerify { log } => self.segment_verified(log, completion.result),
            Pending::Read(block) => self.block_read(block, completion.result),
            Pending::Scrub => self.block_scrubbed(completion.result, now),
            Pending::Remove => self.removed(completion.result),
        }
    }

    pub(super) fn take_into_tail(&mut self, batch: &Batch, generation: Generation) {
        let Some(log) = self.logs.get_mut(&batch.log()) else { return };
        log.push_tail(batch.clone(), generation);
        self.tail_bytes += batch.frame().len();
        self.eviction.push_back(log.id);
        if log.unflushed_bytes >= self.settings.sizes.write_behind {
            let (id, committed) = (log.id, log.committed);
            self.want_write_behind(id, committed);
        }
    }

    /// Forgets the oldest batches beyond the budget. One that no segment holds yet stays, and is asked to
    /// be written behind; what the tail can exceed its budget by is bounded by the journal's size.
    pub(super) fn evict(&mut self) {
        while self.tail_bytes > self.settings.tail_bytes {
            let Some(&id) = self.eviction.front() else { return };
            match self.logs.get_mut(&id).map(|log| (log.evict(), log.tail.front().map(|_| log.committed))) {
                None => self.eviction_stale = self.eviction_stale.saturating_sub(1),
                Some((None, None)) => {}
                Some((Some(bytes), _)) => self.tail_bytes -= bytes,
                Some((None, Some(end))) => {
                    self.want_write_behind(id, end);
                    return;
                }
            }
            self.eviction.pop_front();
        }
    }

    pub(super) fn record_write_behind(&self, took: std::time::Duration) {
        self.meters.write_behind.record(took);
    }

    fn account_recovered_tail(&mut self) {
        let mut order: Vec<_> = Vec::new();
        for log in self.logs.values() {
            for entry in &log.tail {
                self.tail_bytes += entry.batch.frame().len();
                order.push((entry.batch.last_arrival(), log.id));
            }
        }
        order.sort_unstable();
        self.eviction = order.into_iter().map(|(_, id)| id).collect();
        gauge!(names::RECOVERED_BYTES).set(self.tail_bytes as f64);
    }
}

/// Logs and counts a failed operation whose failure costs nothing but space.
pub(super) fn report_failure(operation: &'static str, error: Option<std::io::Error>) {
    if let Some(error) = error {
        counter!(names::STORAGE_FAILURES, "operation" => operation).increment(1);
        tracing::warn!(%error, operation, "a disk operation failed");
    }
}
