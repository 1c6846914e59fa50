//! Reading what the tail no longer holds: one aligned block at a time, verified batch by batch, a bounded
//! number of blocks in flight.

use std::io;

use metrics::counter;
use tokio::sync::oneshot;

use crate::limits;
use crate::platform::{AlignedBuf, BLOCK, Op, Outcome};
use crate::shard_log::{Batch, IndexEntry};
use crate::telemetry::names;
use crate::types::{LogId, Offset, Timestamp};

use super::StorageError;
use super::engine::{Engine, Pending};
use super::log::{Log, Segment};
use super::read_block::{ReadJob, scan};

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
            let entry = segment.entry_for(job.from);
            job.position = Some(entry.map_or(BLOCK as u64, |entry| entry.position));
            job.begins = entry.map(|entry| entry.offset);
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
    fn entry_for(&self, from: From) -> Option<IndexEntry> {
        match from {
            From::Offset(offset) => self.index.entry_of(offset),
            From::Time(time) => self.index.position_at(time),
        }
    }
}
