//! An engine on a simulated disk with its model beside it: whatever one does is checked against the other.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;
use fanlight::platform::sim::{Fault, SimDisk, SimHandle};
use fanlight::shard_log::{Batch, Marks, Record};
use fanlight::storage::{Durability, Engine, Event, From, ReadReply, Settings, Sizes, StorageError};
use fanlight::types::{Instant, LogId, Timestamp};
use tokio::sync::oneshot::Receiver;
use tokio::sync::oneshot::error::TryRecvError;

use super::model::LogModel;

/// Turns of the engine after which something that should have happened has not.
pub(crate) const PATIENCE: usize = 20_000;

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum End {
    /// The power goes.
    PowerCut,
    /// The process goes.
    Exit,
}

/// A read under way.
pub(crate) struct Reading {
    log: LogId,
    from: From,
    committed: usize,
    reply: Receiver<ReadReply>,
}

/// See the module's words.
pub(crate) struct World {
    pub(crate) handle: SimHandle,
    pub(crate) engine: Engine,
    pub(crate) settings: Settings,
    pub(crate) logs: BTreeMap<LogId, LogModel>,
    /// Milliseconds since the epoch; may jump back.
    pub(crate) wall: u64,
    /// Whether operations may fail in this run.
    pub(crate) faulty: bool,
    pub(crate) is_full: bool,
    /// Whether it was so at any time in this run.
    pub(crate) was_full: bool,
    /// Whether the disk ever had no space.
    pub(crate) ever_full: bool,
    /// Commits submitted so far.
    commits: u64,
    /// A fault planned, and how many operations this disk will have seen when it strikes.
    pub(crate) fault: Option<(u64, Fault)>,
    pub(crate) readings: Vec<Reading>,
    /// Logs with a batch in the very last commit.
    pub(crate) last_to_commit: Vec<LogId>,
    /// Power cuts, other ends, records acknowledged.
    counts: [u64; 3],
    turns: u64,
    next_log: u64,
    trace: DefaultHasher,
}

/// Sizes at which a few kilobytes meet every edge.
pub(crate) fn small_sizes() -> Sizes {
    Sizes {
        journal_file: 64 << 10,
        journal_files_min: 2,
        journal_files_max: 3,
        batch: 3000,
        commit: 10_000,
        gathered: 40_000,
        write_behind: 6000,
        segment_min: 16 << 10,
        segment_max: 48 << 10,
        scan_first: 4096,
        scan: 8192,
        segments_open: 2,
        read_block: 4096,
        read_block_small: 4096,
    }
}

impl World {
    /// An engine on an empty disk.
    pub(crate) fn new(seed: u64, settings: Settings) -> Self {
        fastrand::seed(seed);
        let disk = SimDisk::new(seed);
        let handle = disk.handle();
        let engine = Engine::open(Box::new(disk), settings).expect("an empty disk opens");
        Self {
            handle,
            engine,
            settings,
            logs: BTreeMap::new(),
            wall: 1_000_000,
            faulty: false,
            is_full: false,
            was_full: false,
            ever_full: false,
            commits: 0,
            fault: None,
            readings: Vec::new(),
            last_to_commit: Vec::new(),
            counts: [0; 3],
            turns: 0,
            next_log: 1,
            trace: DefaultHasher::new(),
        }
    }

    /// The same story on a copy of the disk, its process having ended.
    pub(crate) fn copy(&self, seed: u64) -> Self {
        let mut copy = Self::new(seed, self.settings);
        copy.handle = self.handle.copy(seed).handle();
        copy.logs.clone_from(&self.logs);
        copy.last_to_commit.clone_from(&self.last_to_commit);
        (copy.wall, copy.turns, copy.next_log) = (self.wall, self.turns, self.next_log);
        copy.commits = self.commits;
        copy
    }

    /// Counts the end of a process.
    pub(crate) fn count(&mut self, end: End) {
        self.note(end);
        self.counts[usize::from(end == End::Exit)] += 1;
    }

    /// Power cuts, other ends of the process, records acknowledged.
    pub(crate) fn counts(&self) -> [u64; 3] {
        self.counts
    }

    /// Notes something in the trace.
    pub(crate) fn note(&mut self, what: impl Hash) {
        what.hash(&mut self.trace);
    }

    /// A number that tells apart runs that differ in anything that was noted or in what the disk was asked.
    pub(crate) fn trace(&mut self) -> u64 {
        self.note(self.handle.operations());
        for path in self.handle.paths() {
            self.note(self.handle.contents(&path));
        }
        self.trace.finish()
    }

    pub(crate) fn create_log(&mut self) -> LogId {
        let id = LogId(self.next_log);
        self.next_log += 1;
        self.engine.open_log(id);
        self.logs.insert(id, LogModel::default());
        id
    }

    pub(crate) fn remove_log(&mut self, id: LogId) {
        self.engine.remove_log(id);
        self.logs.remove(&id);
    }

    /// Appends a record whose data nothing else holds.
    pub(crate) fn append(&mut self, id: LogId, key: &[u8], bytes: usize) {
        let salt = self.turns.wrapping_mul(0x9e37_79b9) + self.model(id).records.len() as u64;
        let mut data = salt.to_le_bytes().repeat(bytes / 8 + 1);
        data.truncate(bytes);
        let marks = Marks::new(salt % 2 == 1, key.is_empty());
        match self.engine.append_marked(
            id,
            (marks, key),
            &data,
            Timestamp::from_millis(self.wall),
            self.now(),
        ) {
            Ok(appended) => {
                self.note((id, appended.offset));
                let record = Record {
                    offset: appended.offset,
                    arrival: appended.arrival,
                    marks,
                    partition_key: Bytes::copy_from_slice(key),
                    data: Bytes::from(data),
                };
                self.model(id).append(record, appended.ack);
            }
            Err(StorageError::Backlog) => {}
            Err(StorageError::Stopped(_) | StorageError::Full) => {
                assert!(self.may_refuse(), "refused without a cause");
            }
            Err(error) => panic!("append to {id}: {error}"),
        }
    }

    pub(crate) fn submit(&mut self) {
        self.engine.submit(self.now());
        self.look();
    }

    /// Lets the disk complete some of what it does, and the engine see it.
    pub(crate) fn step(&mut self) {
        self.turns += 1;
        self.engine.step(self.now());
        self.look();
    }

    /// Steps until nothing is under way, trying again what had failed; with a sound disk all is committed
    /// then.
    pub(crate) fn settle(&mut self) {
        for turn in 0..PATIENCE {
            if !self.engine.is_busy() && self.readings.is_empty() {
                return;
            }
            if turn % 50 == 0 {
                self.engine.retry_write_behinds(self.now());
            }
            self.engine.wait();
            self.step();
        }
        panic!("no end in sight: {} operations in flight", self.handle.in_flight());
    }

    /// Steps until all that was appended is committed, and not a step further.
    pub(crate) fn commit(&mut self) {
        for _ in 0..PATIENCE {
            if self.logs.values().all(|log| log.committed == log.records.len()) {
                return;
            }
            self.engine.wait();
            self.step();
        }
        panic!("no end of committing in sight");
    }

    /// Like [`Self::settle`], unless a full disk keeps commits waiting.
    pub(crate) fn settle_if_sound(&mut self) {
        if !self.is_full {
            self.settle();
        }
    }

    /// Brings everything to segments; at once and with an end to the journal, as a clean stop does.
    pub(crate) fn write_all(&mut self, stop: bool) {
        self.engine.want_all_written();
        if stop {
            self.settle_if_sound();
            self.engine.end_journal(self.now());
        }
    }

    /// Fills the disk up, or makes space.
    pub(crate) fn set_full(&mut self, full: bool) {
        self.is_full = full;
        self.ever_full |= self.handle.is_full();
        self.was_full |= full || self.handle.is_full();
        self.handle.set_full(full);
    }

    /// Fills the disk up after `n` more operations.
    pub(crate) fn fill_up_after(&mut self, n: u64) {
        self.is_full = true;
        self.handle.fill_up_after(n);
    }

    /// Tries again what has failed.
    pub(crate) fn retry(&mut self) {
        self.engine.retry_write_behinds(self.now());
        self.look();
    }

    /// Begins a read; its answer is checked when it comes.
    pub(crate) fn read(&mut self, log: LogId, from: From, max_bytes: usize) {
        let committed = self.model(log).committed;
        let reply = self.engine.read(log, from, max_bytes);
        self.readings.push(Reading { log, from, committed, reply });
        self.look();
    }

    pub(crate) fn trim(&mut self, id: LogId, horizon: u64) {
        let horizon = Timestamp::from_millis(horizon);
        let model = self.model(id);
        model.horizon = model.horizon.max(horizon);
        self.engine.trim(id, horizon);
    }

    /// Makes everything committed so far durable, as the clock does with durability `interval`.
    pub(crate) fn sync(&mut self) {
        self.drain();
        let committed: Vec<_> = self.logs.values().map(|log| log.committed).collect();
        self.engine.sync_journal();
        self.drain();
        if self.settings.durability == Durability::Interval && self.engine.doubtful_batches() == 0 {
            for (log, committed) in self.logs.values_mut().zip(committed) {
                log.durable = log.durable.max(committed);
            }
        }
    }

    /// Steps until the disk has nothing to do; what waits for space goes on waiting.
    fn drain(&mut self) {
        for _ in 0..PATIENCE {
            if self.handle.in_flight() == 0 {
                return;
            }
            self.engine.wait();
            self.step();
        }
        panic!("no end in sight: {} operations in flight", self.handle.in_flight());
    }

    pub(crate) fn model(&mut self, id: LogId) -> &mut LogModel {
        self.logs.get_mut(&id).expect("a test speaks of logs it has made")
    }

    /// Whether there is a reason not to take records: a fault, or no space for what commits need. That is a
    /// segment, or a journal file where an earlier run has left none that had not failed.
    fn may_refuse(&self) -> bool {
        self.faulty || self.was_full || self.is_full
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::from_nanos(self.turns * 1_000_000)
    }

    /// Holds what the engine tells against the model.
    fn look(&mut self) {
        let is_durable = self.settings.durability == Durability::Sync;
        for event in self.engine.take_events() {
            match event {
                Event::Submitted(batches) => {
                    self.commits += 1;
                    self.last_to_commit = batches.iter().map(Batch::log).collect();
                    for batch in &batches {
                        let commit = self.commits;
                        self.logs.entry(batch.log()).and_modify(|log| log.submitted(commit, batch));
                    }
                }
                Event::Committed { batch, .. } => {
                    self.note((batch.log(), batch.base(), batch.count()));
                    self.counts[2] += u64::from(batch.count());
                    let commit = self.commits;
                    self.logs.values_mut().for_each(|log| log.went_on(commit));
                    self.logs.entry(batch.log()).and_modify(|log| log.commit(&batch, is_durable));
                }
                Event::Stopped => {
                    assert!(self.may_refuse(), "stopped without a cause: {:?}", self.engine.stopped());
                    self.logs.values_mut().for_each(LogModel::refuse);
                    self.logs.values().for_each(LogModel::stopped);
                }
            }
        }
        self.logs.values_mut().for_each(LogModel::refuse);
        let readings = std::mem::take(&mut self.readings);
        self.readings = readings.into_iter().filter_map(|reading| self.look_at(reading)).collect();
    }

    fn look_at(&mut self, mut reading: Reading) -> Option<Reading> {
        let answer = match reading.reply.try_recv() {
            Ok(answer) => answer,
            Err(TryRecvError::Empty) => return Some(reading),
            Err(TryRecvError::Closed) => panic!("a read is never answered"),
        };
        match (answer, self.logs.get(&reading.log)) {
            (Ok(batches), Some(log)) => log.check_read(reading.from, reading.committed, &batches),
            (Ok(_) | Err(_), None) => {}
            (Err(StorageError::Read { .. }), Some(_)) if self.faulty => {}
            (Err(error), Some(_)) => panic!("{:?} of {}: {error}", reading.from, reading.log),
        }
        None
    }
}
