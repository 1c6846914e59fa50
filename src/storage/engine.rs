//! The engine: gathers appends, commits them through the journal one write at a time, publishes what is
//! committed. A synchronous state machine over a [`Disk`]: it is told `now`, it never waits.

use std::collections::{BTreeMap, HashMap, VecDeque};

use metrics::counter;

use crate::limits;
use crate::platform::{AlignedBuf, BLOCK, Completion, Disk, Op, Outcome, Preallocation, Readiness, Token};
use crate::shard_log::{Batch, BatchBuilder, ENTRY_HEADER_BYTES, EntryHeader, seal_entry};
use crate::telemetry::names;
use crate::types::{Instant, LogId, Offset, Timestamp};

use super::journal::{Generation, Journal, JournalFile, Place};
use super::log::Log;
use super::meters::Meters;
use super::read::ReadJob;
use super::{Ack, Durability, Sizes, StorageError};

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
    /// Writing has stopped; every outstanding ack has been settled with the reason.
    Stopped,
}

/// What an append is promised.
#[derive(Clone, Debug)]
pub struct Appended {
    /// The record's place.
    pub offset: Offset,
    /// The arrival time it was given.
    pub arrival: Timestamp,
    /// Settled when it is committed, or has failed.
    pub ack: Ack,
}

/// A batch being gathered.
struct Gathered {
    log: LogId,
    base: Offset,
    builder: BatchBuilder,
    ack: Ack,
    appended_at: Instant,
}

/// The commit being written.
struct InFlight {
    generation: Generation,
    batches: Vec<(Batch, Ack, Instant)>,
    submitted_at: Instant,
}

/// What a disk operation in flight is for.
pub(super) enum Pending {
    Commit,
    JournalSync,
    JournalFile,
    SegmentCreate { log: LogId, path: String, bytes: u64 },
    SegmentWrite { log: LogId, batches: usize, at: u64, len: u64, started: Instant },
    SegmentSeal { log: LogId },
    Read(Box<ReadJob>),
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
    offset_floor: Offset,
    gathered: VecDeque<Gathered>,
    /// Number of the slot at the front of `gathered`.
    gathered_first: u64,
    gathered_bytes: usize,
    in_flight: Option<InFlight>,
    pub(super) pending: HashMap<Token, Pending>,
    next_token: u64,
    completions: Vec<Completion>,
    events: Vec<Event>,
    spare: Option<AlignedBuf>,
    /// Which log's oldest batch in memory is next to go, in commit order.
    pub(super) eviction: VecDeque<LogId>,
    pub(super) tail_bytes: usize,
    pub(super) write_behind_queue: VecDeque<LogId>,
    pub(super) write_behinds: usize,
    pub(super) write_behind_failures: u64,
    /// Files to be removed, the first of them perhaps under way.
    pub(super) removals: VecDeque<String>,
    pub(super) is_removing: bool,
    pub(super) reads_waiting: VecDeque<ReadJob>,
    pub(super) reads_in_flight: usize,
    pub(super) files_read: VecDeque<(LogId, Offset)>,
    stopped: Option<String>,
    unsynced: bool,
    meters: Meters,
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
            next_token: 0,
            completions: Vec::new(),
            events: Vec::new(),
            spare: None,
            eviction: VecDeque::new(),
            tail_bytes: 0,
            write_behind_queue: VecDeque::new(),
            write_behinds: 0,
            write_behind_failures: 0,
            removals: VecDeque::new(),
            is_removing: false,
            reads_waiting: VecDeque::new(),
            reads_in_flight: 0,
            files_read: VecDeque::new(),
            stopped: None,
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
        self.logs.get(&log).is_some_and(|log| log.next > log.committed)
    }

    /// Why the engine has stopped taking writes, if it has.
    pub fn stopped(&self) -> Option<&str> {
        self.stopped.as_deref()
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

    /// Whether any disk operation is under way or due.
    pub fn is_busy(&self) -> bool {
        !self.pending.is_empty() || !self.gathered.is_empty()
    }

    /// Appends one record to what gathers for the next commit; [`Self::submit`] sends it off.
    pub fn append(
        &mut self,
        log_id: LogId,
        partition_key: &[u8],
        data: &[u8],
        wall: Timestamp,
        now: Instant,
    ) -> Result<Appended, StorageError> {
        if let Some(reason) = &self.stopped {
            return Err(StorageError::Stopped(reason.clone()));
        }
        if self.gathered_bytes > self.settings.sizes.gathered {
            return Err(StorageError::Backlog);
        }
        let log = self.logs.get_mut(&log_id).ok_or(StorageError::NoSuchLog(log_id))?;
        if let Some(what) = &log.damage {
            return Err(StorageError::Damaged { log: log_id, what: what.clone() });
        }
        let arrival = wall.max(log.last_arrival);
        let batch_bytes = self.settings.sizes.batch;
        let joins = |open: &BatchBuilder| {
            open.len() + data.len() <= batch_bytes
                && open.count() < limits::BATCH_RECORDS_MAX
                && open.reaches(arrival)
        };
        let slot = slot_for(&mut self.gathered, self.gathered_first, log, joins, now);
        let before = if slot.builder.is_empty() { 0 } else { slot.builder.len() };
        slot.builder.push(partition_key, data, arrival);
        self.gathered_bytes += slot.builder.len() - before;
        let appended = Appended { offset: log.next, arrival, ack: slot.ack.clone() };
        log.last_arrival = arrival;
        log.next = log.next.plus(1);
        Ok(appended)
    }

    /// Sends off what has gathered, unless a commit is in flight: then it gathers on until that completes.
    pub fn submit(&mut self, now: Instant) {
        if self.start_commit(now) {
            self.disk.kick();
        }
    }

    /// Collects what the disk has completed and starts what is due.
    pub fn step(&mut self, now: Instant) {
        let mut completions = std::mem::take(&mut self.completions);
        self.disk.reap(&mut completions);
        for completion in completions.drain(..) {
            self.complete(completion, now);
        }
        self.completions = completions;
        self.start_commit(now);
        self.start_write_behinds(now);
        self.start_reads();
        self.disk.kick();
    }

    /// Makes what was committed without a sync durable (durability `interval`).
    pub fn sync_journal(&mut self) {
        if std::mem::take(&mut self.unsynced) && self.settings.durability == Durability::Interval {
            let files: Vec<_> =
                self.journal.files.iter().filter(|f| f.generation.is_some()).map(|f| f.file).collect();
            for file in files {
                self.submit_op(Pending::JournalSync, Op::Sync { file });
            }
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
        self.disk.submit(token, op);
    }

    fn start_commit(&mut self, now: Instant) -> bool {
        if self.in_flight.is_some() || self.gathered.is_empty() || self.stopped.is_some() {
            return false;
        }
        let (slots, entry_bytes) = self.slots_that_fit();
        let padded = entry_bytes.next_multiple_of(BLOCK);
        if let Some(place) = self.journal.place(padded as u64) {
            self.write_commit(slots, padded, place, now);
        } else if let Some((place, left)) = self.journal.begin_use(padded as u64, fastrand::u32(..)) {
            // What has gathered follows once this first entry, which carries no batch, is there.
            left.iter().for_each(|&full| self.leave_journal_file(full));
            self.write_commit(0, BLOCK, place, now);
        } else {
            // Every file is needed, perhaps since before the last start: only write-behind frees one.
            self.want_journal_file();
            self.want_all_written();
            return false;
        }
        if self.journal.wants_file() {
            self.want_journal_file();
        }
        true
    }

    /// How many of the gathered batches the next entry takes, and its bytes.
    fn slots_that_fit(&self) -> (usize, usize) {
        let mut bytes = ENTRY_HEADER_BYTES;
        let mut slots = 0;
        for gathered in &self.gathered {
            if slots > 0 && bytes + gathered.builder.len() > self.settings.sizes.commit {
                break;
            }
            bytes += gathered.builder.len();
            slots += 1;
        }
        (slots, bytes)
    }

    fn write_commit(&mut self, slots: usize, padded: usize, place: Place, now: Instant) {
        let mut buf = self.commit_buffer(padded);
        buf.extend_from_slice(&[0; ENTRY_HEADER_BYTES]);
        let mut batches = Vec::with_capacity(slots);
        let mut records = 0;
        for gathered in self.gathered.drain(..slots) {
            let log = self.logs.get_mut(&gathered.log);
            let previous = log.as_ref().map_or(0, |log| log.last_checksum);
            let epoch = place.generation.count();
            self.gathered_bytes -= gathered.builder.len();
            let batch = gathered.builder.seal(gathered.log, gathered.base, epoch, previous);
            if let Some(log) = log {
                log.last_checksum = batch.checksum();
            }
            records += batch.count();
            buf.extend_from_slice(batch.frame());
            self.meters.gather.record(now.since(gathered.appended_at));
            batches.push((batch, gathered.ack, gathered.appended_at));
        }
        self.gathered_first += slots as u64;
        let header = EntryHeader {
            generation: place.generation.0,
            commit: self.journal.commit,
            previous_checksum: self.journal.previous_checksum,
            synced: self.settings.durability == Durability::Sync,
            offset_floor: self.offset_floor,
        };
        let count = u32::try_from(batches.len()).expect("an entry is bounded by COMMIT_BYTES_MAX");
        self.journal.previous_checksum = seal_entry(buf.as_mut_slice(), count, header);
        self.journal.commit += 1;
        buf.pad_to_block();
        self.meters.records.record(f64::from(records));
        self.meters.bytes.record(padded as f64);
        self.meters.gathered_bytes.set(self.gathered_bytes as f64);
        // A use's first entry tells the next start that acknowledged records may be missing, so it always
        // stays.
        let durable = header.synced || batches.is_empty();
        self.submit_op(Pending::Commit, Op::Write { file: place.file, at: place.at, buf, durable });
        if !batches.is_empty() {
            self.events.push(Event::Submitted(batches.iter().map(|(batch, ..)| batch.clone()).collect()));
        }
        self.in_flight = Some(InFlight { generation: place.generation, batches, submitted_at: now });
    }

    fn commit_buffer(&mut self, bytes: usize) -> AlignedBuf {
        match self.spare.take() {
            Some(mut buf) if buf.capacity() >= bytes => {
                buf.clear();
                buf
            }
            _ => AlignedBuf::with_capacity(bytes.max(self.settings.sizes.read_block)),
        }
    }

    fn complete(&mut self, completion: Completion, now: Instant) {
        let Some(what) = self.pending.remove(&completion.token) else {
            debug_assert!(false, "a completion nobody waits for");
            return;
        };
        match what {
            Pending::Commit => self.commit_completed(completion.result, now),
            Pending::JournalSync => self.journal_synced(completion.result),
            Pending::JournalFile => self.journal_file_created(completion.result),
            Pending::SegmentCreate { log, path, bytes } => {
                self.segment_created(log, path, bytes, completion.result);
            }
            Pending::SegmentWrite { log, batches, at, len, started } => {
                let done = completion.result.map(|_| (batches, at, len));
                self.segment_written(log, done, now.since(started));
            }
            Pending::SegmentSeal { log } => self.segment_sealed(log, completion.result),
            Pending::Read(job) => self.read_completed(*job, completion.result),
            Pending::Remove => self.removed(completion.result),
        }
    }

    fn commit_completed(&mut self, result: std::io::Result<Outcome>, now: Instant) {
        // None if a failed sync has stopped the engine meanwhile: then nobody was promised anything.
        let Some(commit) = self.in_flight.take() else { return };
        match result {
            Ok(Outcome::Buf(buf)) => {
                if buf.capacity() <= 2 * self.settings.sizes.read_block {
                    self.spare = Some(buf);
                }
                self.publish(commit, now);
            }
            Ok(_) => debug_assert!(false, "a write answers with its buffer"),
            Err(error) => {
                counter!(names::STORAGE_FAILURES, "operation" => "commit").increment(1);
                self.stop(format!("journal write: {error}"), commit);
            }
        }
    }

    fn publish(&mut self, commit: InFlight, now: Instant) {
        self.meters.commit.record(now.since(commit.submitted_at));
        self.meters.commits.increment(1);
        self.unsynced = true;
        for (batch, ack, appended_at) in commit.batches {
            if self.logs.contains_key(&batch.log()) {
                self.journal.committed(commit.generation, 1);
                self.take_into_tail(&batch, commit.generation);
            }
            self.events.push(Event::Committed { batch, ack, appended_at });
        }
        self.evict();
        self.meters.tail_bytes.set(self.tail_bytes as f64);
    }

    fn take_into_tail(&mut self, batch: &Batch, generation: Generation) {
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
                None | Some((None, None)) => {}
                Some((Some(bytes), _)) => self.tail_bytes -= bytes,
                Some((None, Some(end))) => {
                    self.want_write_behind(id, end);
                    return;
                }
            }
            self.eviction.pop_front();
        }
    }

    /// Stops taking writes: what failed is not tried again on the same file, and nothing behind it can be
    /// acknowledged. Reading goes on.
    fn stop(&mut self, reason: String, commit: InFlight) {
        tracing::error!(%reason, "the log stops accepting records");
        self.meters.healthy.set(0.0);
        let acks = commit.batches.into_iter().map(|(_, ack, _)| ack);
        for ack in acks.chain(self.gathered.drain(..).map(|gathered| gathered.ack)) {
            ack.settle(Err(StorageError::Stopped(reason.clone())));
        }
        self.gathered_bytes = 0;
        for log in self.logs.values_mut() {
            log.next = log.committed;
        }
        self.stopped = Some(reason);
        self.events.push(Event::Stopped);
    }

    fn journal_synced(&mut self, result: std::io::Result<Outcome>) {
        if let Err(error) = result {
            counter!(names::STORAGE_FAILURES, "operation" => "commit").increment(1);
            let nothing = InFlight {
                generation: self.journal.generation,
                batches: Vec::new(),
                submitted_at: Instant::default(),
            };
            let commit = self.in_flight.take().unwrap_or(nothing);
            self.stop(format!("journal sync: {error}"), commit);
        }
    }

    /// The journal moved on to another file: everything that only the full one holds goes to segments.
    fn leave_journal_file(&mut self, full: crate::platform::FileId) {
        if self.settings.durability == Durability::Interval {
            self.submit_op(Pending::JournalSync, Op::Sync { file: full });
        }
        let behind: Vec<_> = self
            .logs
            .values()
            .filter(|log| log.tail.len() > log.tail_flushed)
            .map(|log| (log.id, log.committed))
            .collect();
        for (id, committed) in behind {
            self.want_write_behind(id, committed);
        }
    }

    fn want_journal_file(&mut self) {
        if !self.journal.may_create() {
            return;
        }
        self.journal.creating = true;
        let op = self.create_journal_file();
        self.submit_op(Pending::JournalFile, op);
    }

    fn journal_file_created(&mut self, result: std::io::Result<Outcome>) {
        self.journal.creating = false;
        match result {
            Ok(Outcome::Created(file)) => {
                self.journal.files.push(JournalFile::fresh(file, self.settings.sizes.journal_file));
            }
            Ok(_) => debug_assert!(false, "a create answers with its file"),
            Err(error) => {
                self.journal.creation_failed = true;
                tracing::warn!(%error, "no further journal file: commits wait for write-behind");
            }
        }
    }

    /// The operation that makes a further journal file. Its name is not used again even if that fails: the
    /// file may be there all the same.
    pub(super) fn create_journal_file(&mut self) -> Op {
        let name = self.journal.next_name;
        self.journal.next_name += 1;
        create_journal_file(name, self.settings.sizes.journal_file)
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
    }
}

/// The operation that makes the journal file of this name.
pub(super) fn create_journal_file(name: u32, bytes: u64) -> Op {
    let path = format!("journal/{name:04}.log");
    Op::Create { path, bytes, preallocation: Preallocation::Zeroed }
}

/// Logs and counts a failed operation whose failure costs nothing but space.
pub(super) fn report_failure(operation: &'static str, error: Option<std::io::Error>) {
    if let Some(error) = error {
        counter!(names::STORAGE_FAILURES, "operation" => operation).increment(1);
        tracing::warn!(%error, operation, "a disk operation failed");
    }
}

/// The slot a record of `log` joins: the one it is gathering in while that has room, else a new one.
fn slot_for<'a>(
    gathered: &'a mut VecDeque<Gathered>,
    first: u64,
    log: &mut Log,
    joins: impl Fn(&BatchBuilder) -> bool,
    now: Instant,
) -> &'a mut Gathered {
    let open = log
        .gathering
        .and_then(|slot| usize::try_from(slot.checked_sub(first)?).ok())
        .filter(|&slot| gathered.get(slot).is_some_and(|open| joins(&open.builder)));
    let slot = open.unwrap_or_else(|| {
        log.gathering = Some(first + gathered.len() as u64);
        let (builder, ack) = (BatchBuilder::default(), Ack::default());
        gathered.push_back(Gathered { log: log.id, base: log.next, builder, ack, appended_at: now });
        gathered.len() - 1
    });
    &mut gathered[slot]
}
