//! Reading what the tail no longer holds: one aligned block at a time, verified batch by batch, a bounded
//! number of blocks in flight.

use std::io;

use bytes::Bytes;
use metrics::counter;
use tokio::sync::oneshot;

use crate::limits;
use crate::platform::{AlignedBuf, BLOCK, Op, Outcome};
use crate::shard_log::{Batch, BatchError, peek_len};
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
    /// Its end: behind the batch that reaches it lies nothing to be read (a sealed segment's zeros up to its
    /// index, what a torn write left).
    segment_end: Offset,
    /// Where in the segment the next batch begins; `None` before the index was asked.
    position: Option<u64>,
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
                let len = limits::READ_BLOCK_BYTES;
                let (segment, segment_end) = (Offset::ZERO, Offset::ZERO);
                let job = ReadJob { log, from, max_bytes, reply, segment, segment_end, position: None, len };
                self.reads_waiting.push_back(job);
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
        }
        job.segment_end = segment.end;
        let position = job.position.unwrap_or_default();
        let at = position - position % BLOCK as u64;
        let wanted = (job.len as u64 + (position - at)).next_multiple_of(BLOCK as u64);
        let len = wanted.min(segment.data_bytes.saturating_sub(at)).max(BLOCK as u64);
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
        if let Some(segment) = log.segments.iter_mut().find(|segment| segment.base == base && segment.sealed)
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

/// Takes the wanted batches out of a block that begins at the aligned position before `job.position`, and
/// moves the job's position past what was looked at.
fn scan(block: &Bytes, job: &mut ReadJob) -> Result<Vec<Batch>, StorageError> {
    let start = job.position.unwrap_or_default();
    let origin = start - start % BLOCK as u64;
    let mut at = usize::try_from(start - origin).unwrap_or_default();
    let mut batches = Vec::new();
    let mut bytes = 0;
    job.len = limits::READ_BLOCK_BYTES;
    while at < block.len() {
        match peek_len(&block[at..]) {
            Ok(len) if at + len > block.len() => {
                job.len = len.max(limits::READ_BLOCK_BYTES);
                break;
            }
            Ok(len) => {
                let batch = open_at(block, at, origin, job)?;
                at += len;
                let end = batch.end();
                if is_wanted(&batch, job.from) {
                    if bytes > 0 && bytes + batch.payload_bytes() > job.max_bytes {
                        break;
                    }
                    bytes += batch.payload_bytes().max(1);
                    batches.push(batch);
                }
                if end >= job.segment_end {
                    break;
                }
            }
            // A header may straddle the block's end; elsewhere zeros pad up to the next block boundary.
            Err(BatchError::Absent) if block.len() - at < crate::shard_log::BATCH_HEADER_BYTES => break,
            Err(BatchError::Absent) if !at.is_multiple_of(BLOCK) => at = at.next_multiple_of(BLOCK),
            Err(_) => return Err(damaged(job, origin + at as u64)),
        }
    }
    job.position = Some(origin + at as u64);
    Ok(batches)
}

fn open_at(block: &Bytes, at: usize, origin: u64, job: &ReadJob) -> Result<Batch, StorageError> {
    Batch::open(&block.slice(at..), job.log).map_err(|_| damaged(job, origin + at as u64))
}

fn damaged(job: &ReadJob, position: u64) -> StorageError {
    let what = format!("segment from offset {}, byte {position}: no intact batch", job.segment);
    StorageError::Damaged { log: job.log, what }
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
        (index < self.segments.len()).then_some(index)
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
