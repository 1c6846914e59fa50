//! Reading what the tail no longer holds: aligned blocks, read ahead for whoever goes through a shard in
//! order, verified batch by batch, a bounded number of them in flight.

use std::io;

use metrics::counter;
use tokio::sync::oneshot;

use crate::platform::{AlignedBuf, BLOCK, FileId, Op, Outcome};
use crate::shard_log::{Batch, IndexEntry};
use crate::telemetry::names;
use crate::types::{LogId, Offset, Timestamp};

use super::StorageError;
use super::cursor::{Cursor, Place, Start, Waiter};
use super::engine::{Engine, Pending};
use super::log::{Log, Segment, WriteBehind};
use super::readers::BlockId;
use super::unpack::Extent;

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
    /// once if memory holds it, else when the disk has delivered.
    pub fn read(&mut self, log: LogId, from: From, max_bytes: usize) -> oneshot::Receiver<ReadReply> {
        let (reply, receiver) = oneshot::channel();
        match self.read_tail(log, from, max_bytes) {
            Some(answer) => drop(reply.send(answer)),
            None => {
                self.ask(log, Waiter { from, max_bytes, reply });
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
            counter!(names::DAMAGED_READS).increment(1);
            return Some(Err(StorageError::Damaged { log: id, what: what.clone() }));
        }
        match from {
            From::Offset(offset) => log.in_tail(offset).then(|| Ok(log.tail_from(offset, max_bytes))),
            From::Time(time) => log.tail_covers_time(time).then(|| Ok(log.tail_from_time(time, max_bytes))),
        }
    }

    /// Hands a read to the cursor that has come to its place, or to a new one.
    fn ask(&mut self, log: LogId, waiter: Waiter) {
        let id = self.readers.find(log, waiter.from).or_else(|| self.readers.begin(log, waiter.from));
        match id.and_then(|id| Some((id, self.readers.get_mut(id)?))) {
            Some((id, cursor)) => {
                cursor.ask(waiter);
                self.readers.queue(id);
            }
            None => self.readers.waiting.push_back((log, waiter)),
        }
    }

    pub(super) fn start_reads(&mut self) {
        while let Some((log, waiter)) = self.readers.next_waiting() {
            self.ask(log, waiter);
        }
        while self.readers.in_flight < self.readers.in_flight_max(self.is_committing()) {
            let Some(id) = self.readers.next_in_line() else { return };
            self.read_block_for(id);
        }
    }

    /// Asks the disk for the cursor's next block.
    fn read_block_for(&mut self, id: u64) {
        let place = self.next_place(id);
        let Some(cursor) = self.readers.get_mut(id) else { return };
        match place {
            Ok(Some((file, place))) => {
                cursor.asked_for(place);
                counter!(names::DISK_READS).increment(1);
                self.readers.begin_block();
                let block = BlockId { cursor: id, base: place.base, at: place.at };
                let buf = AlignedBuf::zeroed(place.len);
                self.submit_op(Pending::Read(block), Op::Read { file, at: place.at, buf });
                self.readers.queue(id);
            }
            Ok(None) => self.exhausted(id),
            Err(error) => {
                let waiters = cursor.give_up();
                tell(waiters, &error);
            }
        }
    }

    /// No segment goes on from the cursor's place: those who wait there find it in the tail by now, or begin
    /// anew at what was left when expired segments went.
    fn exhausted(&mut self, id: u64) {
        let Some(cursor) = self.readers.get_mut(id) else { return };
        cursor.is_exhausted = true;
        if cursor.has_more_coming() {
            return; // It may be what they wait for.
        }
        let (log, was_at_start) = (cursor.log, cursor.reading.is_none());
        for waiter in cursor.give_up() {
            match self.read_tail(log, waiter.from, waiter.max_bytes) {
                Some(answer) => drop(waiter.reply.send(answer)),
                None if was_at_start => drop(waiter.reply.send(Err(StorageError::NoSuchLog(log)))),
                None => self.ask(log, waiter),
            }
        }
    }

    /// File and place of the block the cursor needs next.
    fn next_place(&mut self, id: u64) -> Result<Option<(FileId, Place)>, StorageError> {
        let block_bytes = self.readers.block_bytes(&self.settings.sizes) as u64;
        let Some(cursor) = self.readers.get_mut(id) else { return Ok(None) };
        let gone = StorageError::NoSuchLog(cursor.log);
        let log = self.logs.get_mut(&cursor.log).ok_or(gone)?;
        // What the tail holds need not be read ahead.
        if cursor.settled_end().is_some_and(|end| cursor.reading.is_some() && log.in_tail(end)) {
            return Ok(None);
        }
        let Some((index, at, start)) = log.next_part(cursor) else { return Ok(None) };
        let segment = &log.segments[index];
        let until = start.map_or_else(|| segment.data_bytes, |start| start.extent.data_bytes);
        let until =
            cursor.reading.filter(|_| start.is_none()).map_or(until, |(_, _, extent)| extent.data_bytes);
        let len = block_bytes.min(until.saturating_sub(at));
        let len = usize::try_from(len).unwrap_or_default().next_multiple_of(BLOCK);
        let (base, opened, log) = (segment.base, segment.file, cursor.log);
        let file = match opened {
            Some(file) => file,
            None => self.open_for_reading(log, index)?,
        };
        Ok(Some((file, Place { base, at, len, start })))
    }

    fn open_for_reading(&mut self, id: LogId, index: usize) -> Result<FileId, StorageError> {
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
        let is_idle = log.write_behind != WriteBehind::Busy;
        let is_it = |segment: &&mut Segment| {
            segment.base == base && (segment.sealed || is_idle) && !segment.is_empty()
        };
        if let Some(segment) = log.segments.iter_mut().find(is_it)
            && let Some(file) = segment.file.take()
        {
            self.disk.close(file);
        }
    }

    pub(super) fn block_read(&mut self, block: BlockId, result: io::Result<Outcome>) {
        self.readers.in_flight -= 1;
        // None if its log or everyone it was read for has gone.
        let Some(cursor) = self.readers.get_mut(block.cursor) else { return };
        let log = cursor.log;
        let arrived = match result {
            Ok(Outcome::Buf(buf)) => cursor.arrived(block.base, block.at, buf.into_bytes()),
            Ok(_) => return debug_assert!(false, "a read answers with its buffer"),
            Err(error) => {
                counter!(names::STORAGE_FAILURES, "operation" => "read").increment(1);
                Err(StorageError::Read { log, what: error.to_string() })
            }
        };
        if let Err(error) = arrived {
            if matches!(error, StorageError::Damaged { .. }) {
                counter!(names::DAMAGED_READS).increment(1);
                tracing::error!(%log, %error, "a segment is damaged");
            }
            tell(cursor.give_up(), &error);
        } else if cursor.is_exhausted {
            self.exhausted(block.cursor);
        }
        self.readers.queue(block.cursor);
    }
}

/// Tells everyone who waits what went wrong.
pub(super) fn tell(waiters: Vec<Waiter>, error: &StorageError) {
    for waiter in waiters {
        drop(waiter.reply.send(Err(error.clone())));
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

    /// Where a cursor goes on: index of the segment, position, and start and extent if a walk begins there.
    fn next_part(&self, cursor: &Cursor) -> Option<(usize, u64, Option<Start>)> {
        let Some((base, at, extent)) = cursor.reading else {
            let index = self.segment_for(cursor.start())?;
            let entry = self.segments[index].entry_for(cursor.start());
            let at = entry.map_or(BLOCK as u64, |entry| entry.position);
            let begins = entry.map(|entry| entry.offset);
            let start = Start { at, extent: self.segments[index].extent(), begins };
            return Some((index, at - at % BLOCK as u64, Some(start)));
        };
        let index = self.segments.iter().rposition(|segment| segment.base == base && !segment.is_empty())?;
        let segment = &self.segments[index];
        if at < extent.data_bytes {
            return Some((index, at, None));
        }
        // It may have grown since.
        if segment.end > extent.end {
            return Some((index, at, Some(Start { at, extent: segment.extent(), begins: None })));
        }
        let next = (index + 1..self.segments.len()).find(|&index| !self.segments[index].is_empty())?;
        let at = BLOCK as u64;
        Some((next, at, Some(Start { at, extent: self.segments[next].extent(), begins: None })))
    }
}

impl Segment {
    /// Up to where it is believed.
    pub(super) fn extent(&self) -> Extent {
        Extent { data_bytes: self.data_bytes, end: self.end }
    }

    fn entry_for(&self, from: From) -> Option<IndexEntry> {
        match from {
            From::Offset(offset) => self.index.entry_of(offset),
            From::Time(time) => self.index.position_at(time),
        }
    }
}
