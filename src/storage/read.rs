//! Reading what the tail no longer holds: one aligned block at a time, verified batch by batch, a bounded
//! number of blocks in flight.

use std::io;

use bytes::Bytes;
use metrics::counter;
use tokio::sync::oneshot;

use crate::limits;
use crate::platform::{AlignedBuf, BLOCK, Op, Outcome};
use crate::shard_log::{BATCH_HEADER_BYTES, Batch, BatchError, peek_len};
use crate::telemetry::names;
use crate::types::{LogId, Offset, Timestamp};

use super::StorageError;
use super::engine::{Engine, Pending};
use super::log::{Log, Segment};

/// Segment files kept open for readers.
const FILES_READ_MAX: usize = 64;

/// Where reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// At the record with this offset, or the first after it.
    Offset(Offset),
    /// At the first record that arrived at this time or later.
    Time(Timestamp),
}

/// Batches from the one asked for on; empty at the tip. The first may begin before the place asked for.
pub type ReadReply = Result<Vec<Batch>, StorageError>;

/// A read under way.
pub(super) struct ReadJob {
    log: LogId,
    from: From,
    max_bytes: usize,
    reply: oneshot::Sender<ReadReply>,
    /// Base of the segment being read.
    segment: Offset,
    /// Where in the segment the next batch begins; `None` before the index was asked.
    position: Option<u64>,
    /// Where the segment's last batch ends: as an offset, and in bytes from the start of the file.
    end: (Offset, u64),
    /// Checksum of the batch before `position`, if that was read.
    last_checksum: Option<u32>,
    /// Bytes to read: more than a block only for a batch that is larger.
    len: usize,
}

impl Engine {
    /// Reads about `max_bytes` (at least one batch, where there is one). Answers through the channel: at
    /// once if the tail holds it, else when the disk has delivered.
    pub fn read(&mut self, log: LogId, from: From, max_bytes: usize) -> oneshot::Receiver<ReadReply> {
        let (reply, receiver) = oneshot::channel();
        match self.read_tail(log, from, max_bytes) {
            Some(answer) => drop(reply.send(answer)),
            None => {
                self.reads_waiting.push_back(ReadJob::new(log, from, max_bytes, reply));
                self.start_reads();
                self.disk.kick();
            }
        }
        receiver
    }

    /// The same without a wait; `None` if the disk has to be asked.
    pub fn read_tail(&self, id: LogId, from: From, max_bytes: usize) -> Option<ReadReply> {
        let Some(log) = self.logs.get(&id) else { return Some(Err(StorageError::NoSuchLog(id))) };
        if let Some(what) = &log.damage {
            return Some(Err(StorageError::Damaged { log: id, what: what.clone() }));
        }
        match from {
            From::Offset(offset) => log.in_tail(offset).then(|| Ok(log.tail_from(offset, max_bytes))),
            From::Time(time) => log.tail_covers_time(time).then(|| Ok(log.tail_from_time(time, max_bytes))),
        }
    }

    pub(super) fn start_reads(&mut self) {
        while self.reads_in_flight < limits::READS_IN_FLIGHT_MAX {
            let Some(job) = self.reads_waiting.pop_front() else { return };
            self.continue_read(job);
        }
    }

    /// Asks the disk for the job's next block, or answers it.
    fn continue_read(&mut self, mut job: ReadJob) {
        if job.reply.is_closed() {
            return;
        }
        if let Some(answer) = self.read_tail(job.log, job.from, job.max_bytes) {
            return drop(job.reply.send(answer));
        }
        match self.place_of(&mut job) {
            Ok((file, at, len)) => {
                counter!(names::DISK_READS).increment(1);
                self.reads_in_flight += 1;
                let buf = AlignedBuf::zeroed(len);
                self.submit_op(Pending::Read(Box::new(job)), Op::Read { file, at, buf });
            }
            Err(error) => drop(job.reply.send(Err(error))),
        }
    }

    /// File, aligned position and length of the block the job needs next.
    fn place_of(&mut self, job: &mut ReadJob) -> Result<(crate::platform::FileId, u64, usize), StorageError> {
        let gone = StorageError::NoSuchLog(job.log);
        let log = self.logs.get_mut(&job.log).ok_or_else(|| gone.clone())?;
        let index = log.segment_for(job.from).ok_or(gone)?;
        let segment = &mut log.segments[index];
        if segment.base != job.segment || job.position.is_none() {
            job.segment = segment.base;
            job.position = Some(segment.position_for(job.from));
            job.last_checksum = None;
        }
        job.end = (segment.end, segment.data_bytes);
        let position = job.position.unwrap_or_default();
        let at = position - position % BLOCK as u64;
        let at_least = job.len.max(self.settings.sizes.read_block) as u64;
        let wanted = (at_least + (position - at)).next_multiple_of(BLOCK as u64);
        let len = wanted.min(segment.data_bytes.saturating_sub(at));
        let file = match segment.file {
            Some(file) => file,
            None => self.open_for_reading(job.log, index)?,
        };
        Ok((file, at, usize::try_from(len).unwrap_or(usize::MAX)))
    }

    fn open_for_reading(&mut self, id: LogId, index: usize) -> Result<crate::platform::FileId, StorageError> {
        if self.files_read.len() >= FILES_READ_MAX {
            self.close_one_read();
        }
        let log = self.logs.get_mut(&id).ok_or(StorageError::NoSuchLog(id))?;
        let segment = &mut log.segments[index];
        let opened = self.disk.open(&segment.path);
        let (file, _) = opened.map_err(|error| StorageError::Read { log: id, what: error.to_string() })?;
        segment.file = Some(file);
        self.files_read.push_back((id, segment.base));
        Ok(file)
    }

    fn close_one_read(&mut self) {
        let Some((id, base)) = self.files_read.pop_front() else { return };
        let Some(log) = self.logs.get_mut(&id) else { return };
        let is_it = |segment: &&mut Segment| segment.base == base && segment.sealed && !segment.is_empty();
        if let Some(segment) = log.segments.iter_mut().find(is_it)
            && let Some(file) = segment.file.take()
        {
            self.disk.close(file);
        }
    }

    pub(super) fn read_completed(&mut self, mut job: ReadJob, result: io::Result<Outcome>) {
        self.reads_in_flight -= 1;
        let block = match result {
            Ok(Outcome::Buf(buf)) => buf.into_bytes(),
            Ok(_) => return debug_assert!(false, "a read answers with its buffer"),
            Err(error) => {
                counter!(names::STORAGE_FAILURES, "operation" => "read").increment(1);
                let error = StorageError::Read { log: job.log, what: error.to_string() };
                return drop(job.reply.send(Err(error)));
            }
        };
        match scan(&block, &mut job) {
            Ok(batches) if batches.is_empty() => self.continue_read(job),
            Ok(batches) => drop(job.reply.send(Ok(batches))),
            Err(error) => {
                tracing::error!(log = %job.log, %error, "a segment is damaged");
                drop(job.reply.send(Err(error)));
            }
        }
    }
}

impl ReadJob {
    fn new(log: LogId, from: From, max_bytes: usize, reply: oneshot::Sender<ReadReply>) -> Self {
        let (segment, position, end) = (Offset::ZERO, None, (Offset::ZERO, 0));
        Self { log, from, max_bytes, reply, segment, position, end, last_checksum: None, len: 0 }
    }

    fn damaged(&self, position: u64) -> StorageError {
        let what = format!("segment from offset {}, byte {position}: no intact batch", self.segment);
        StorageError::Damaged { log: self.log, what }
    }

    /// The batch at `at` of `block`, which is the next one of the segment.
    fn next_batch(&mut self, block: &Bytes, at: usize) -> Option<Batch> {
        let batch = Batch::open(&block.slice(at..), self.log).ok()?;
        let follows = self.last_checksum.is_none_or(|checksum| checksum == batch.previous_checksum());
        self.last_checksum = Some(batch.checksum());
        follows.then_some(batch)
    }
}

/// Takes the wanted batches out of a block that begins at the aligned position before `job.position`, and
/// moves the job's position past what was looked at. What is damaged is an error only to who asks for it.
fn scan(block: &Bytes, job: &mut ReadJob) -> Result<Vec<Batch>, StorageError> {
    let start = job.position.unwrap_or_default();
    let origin = start - start % BLOCK as u64;
    let mut at = usize::try_from(start - origin).unwrap_or_default();
    let mut batches: Vec<Batch> = Vec::new();
    let mut bytes = 0;
    job.len = 0;
    loop {
        let damaged = job.damaged(origin + at as u64);
        match next(block, at, origin, job) {
            Next::Padding(zeros) => at += zeros,
            Next::Batch(batch) => {
                at += batch.frame().len();
                let is_full = bytes > 0 && bytes + batch.payload_bytes() > job.max_bytes;
                let is_last = batch.end() >= job.end.0;
                if is_wanted(&batch, job.from) && !is_full {
                    bytes += batch.payload_bytes().max(1);
                    batches.push(batch);
                }
                if is_full || (is_last && !batches.is_empty()) {
                    break;
                }
            }
            Next::Beyond => break,
            Next::Damaged if batches.is_empty() => return Err(damaged),
            Next::Damaged => break,
        }
    }
    job.position = Some(origin + at as u64);
    Ok(batches)
}

/// What comes next in a block.
enum Next {
    Batch(Batch),
    /// So many zeros.
    Padding(usize),
    /// The block ends; the rest of the segment goes on behind it.
    Beyond,
    /// Neither a batch nor padding, or the segment's end without its last batch.
    Damaged,
}

fn next(block: &Bytes, at: usize, origin: u64, job: &mut ReadJob) -> Next {
    let rest = block.get(at..).unwrap_or_default();
    let is_all = origin + block.len() as u64 >= job.end.1;
    match peek_len(rest) {
        Ok(len) if len > rest.len() && !is_all => {
            job.len = len;
            Next::Beyond
        }
        Ok(_) => job.next_batch(block, at).map_or(Next::Damaged, Next::Batch),
        // A header may straddle the block's end; elsewhere zeros pad up to the next block boundary.
        Err(_) if rest.len() < BATCH_HEADER_BYTES && !is_all => Next::Beyond,
        Err(BatchError::Absent) if !at.is_multiple_of(BLOCK) => {
            let zeros = at.next_multiple_of(BLOCK) - at;
            let is_padding = rest.iter().take(zeros).all(|&byte| byte == 0);
            if is_padding { Next::Padding(zeros) } else { Next::Damaged }
        }
        Err(_) => Next::Damaged,
    }
}

fn is_wanted(batch: &Batch, from: From) -> bool {
    match from {
        From::Offset(offset) => batch.end() > offset,
        From::Time(time) => batch.last_arrival() >= time,
    }
}

impl Log {
    /// Index of the first segment that can hold what is asked for.
    fn segment_for(&self, from: From) -> Option<usize> {
        let index = match from {
            From::Offset(offset) => self.segments.partition_point(|segment| segment.end <= offset),
            From::Time(time) => self.segments.partition_point(|segment| segment.last_arrival < time),
        };
        (index..self.segments.len()).find(|&index| !self.segments[index].is_empty())
    }
}

impl Segment {
    fn position_for(&self, from: From) -> u64 {
        let position = match from {
            From::Offset(offset) => self.index.position_of(offset),
            From::Time(time) => self.index.position_at(time).map(|entry| entry.position),
        };
        position.unwrap_or(BLOCK as u64)
    }
}
