//! Write-behind: committed batches go from memory into their shard's segment in large blocks, so that the
//! journal can be used again. Off the fast path: nothing waits for it but the journal's recycling.
//!
//! A block that failed to be written is written again elsewhere: its batches are still in memory and in
//! the journal, so the segment is left as it is and the next one begins where it verifiably ends.

use std::io;
use std::time::Duration;

use metrics::counter;

use crate::limits;
use crate::platform::{AlignedBuf, BLOCK, Op, Outcome, Preallocation};
use crate::shard_log::{Batch, IndexEntry, SegmentFooter, SegmentHeader, footer_bytes, segment_bytes_after};
use crate::telemetry::names;
use crate::types::{Instant, LogId, Offset, Timestamp};

use super::Sizes;
use super::engine::{Engine, Pending, report_failure};
use super::journal::Generation;
use super::log::{Log, Segment, WriteBehind};
use super::segment_name::SegmentName;

impl Engine {
    /// Asks that segments come to hold the log's records up to `wanted`.
    pub(super) fn want_write_behind(&mut self, id: LogId, wanted: Offset) {
        let Some(log) = self.logs.get_mut(&id) else { return };
        log.wanted = log.wanted.max(wanted);
        if log.write_behind == WriteBehind::Idle && log.wants_write_behind() {
            log.write_behind = WriteBehind::Queued;
            self.write_behind_queue.push_back(id);
        }
    }

    /// Asks that segments come to hold everything (before a clean stop).
    pub fn want_all_written(&mut self) {
        let all: Vec<_> = self.logs.values().map(|log| (log.id, log.committed)).collect();
        for (id, committed) in all {
            self.want_write_behind(id, committed);
        }
    }

    /// Tries again what failed for want of space or for another passing reason.
    pub fn retry_write_behinds(&mut self, now: Instant) {
        let stuck: Vec<_> = self
            .logs
            .values()
            .filter(|log| log.write_behind == WriteBehind::Failed)
            .map(|log| log.id)
            .collect();
        for id in stuck {
            self.logs.entry(id).and_modify(|log| log.write_behind = WriteBehind::Idle);
            self.want_write_behind(id, Offset::ZERO);
        }
        self.journal.creation_failed = false;
        self.start_removal();
        self.start_write_behinds(now);
        self.disk.kick();
    }

    pub(super) fn start_write_behinds(&mut self, now: Instant) {
        while self.write_behinds < limits::WRITE_BEHINDS_MAX {
            let Some(id) = self.write_behind_queue.pop_front() else { return };
            self.start_write_behind(id, now);
        }
    }

    fn start_write_behind(&mut self, id: LogId, now: Instant) {
        let Some(log) = self.logs.get_mut(&id) else { return };
        log.write_behind = WriteBehind::Idle;
        if !log.wants_write_behind() {
            return;
        }
        log.write_behind = WriteBehind::Busy;
        self.write_behinds += 1;
        let (pending, op) = match log.segments.last().filter(|segment| !segment.sealed) {
            Some(open) => match gather_block(log, open, self.settings.sizes.write_behind) {
                Some(block) => block.write_into(id, open, now),
                None => seal(id, open),
            },
            None => create(log, &self.settings.sizes),
        };
        self.submit_op(pending, op);
    }

    pub(super) fn segment_created(
        &mut self,
        id: LogId,
        path: String,
        bytes: u64,
        result: io::Result<Outcome>,
    ) {
        let file = match result {
            Ok(Outcome::Created(file)) => file,
            Ok(_) => return debug_assert!(false, "a create answers with its file"),
            Err(error) => {
                // The file may be there all the same: the next attempt takes another name.
                self.logs.entry(id).and_modify(|log| log.attempts += 1);
                return self.write_behind_failed(id, &error);
            }
        };
        let Some(log) = self.logs.get_mut(&id) else {
            self.disk.close(file);
            self.write_behinds -= 1;
            self.removals.push_back(path);
            return self.start_removal();
        };
        // Arrivals never decrease from segment to segment: searches by time count on it.
        let last_arrival = log.segments.last().map_or_else(Timestamp::default, |last| last.last_arrival);
        let previous_checksum =
            log.tail.get(log.tail_flushed).map_or(0, |entry| entry.batch.previous_checksum());
        let empty = Segment::empty(path, bytes, log.unflushed_end(), log.attempts);
        let file = Some(file);
        log.segments.push(Segment { file, last_arrival, previous_checksum, sealed: false, ..empty });
        log.attempts += 1;
        self.write_behind_done(id);
    }

    pub(super) fn segment_written(
        &mut self,
        id: LogId,
        result: io::Result<(usize, u64, u64)>,
        took: Duration,
    ) {
        let (batches, at, len) = match result {
            Ok(written) => written,
            Err(error) => {
                self.abandon_segment(id);
                return self.write_behind_failed(id, &error);
            }
        };
        self.record_write_behind(took);
        let Some(log) = self.logs.get_mut(&id) else { return self.write_behinds -= 1 };
        let flushed = note_written(log, batches, at, len, self.settings.sizes.read_block);
        for generation in flushed {
            self.journal.flushed(generation, 1);
        }
        self.evict();
        self.write_behind_done(id);
    }

    pub(super) fn segment_sealed(&mut self, id: LogId, result: io::Result<Outcome>) {
        let Some(log) = self.logs.get_mut(&id) else { return self.write_behinds -= 1 };
        if let Some(segment) = log.segments.last_mut() {
            segment.sealed = true;
            if let Some(file) = segment.file.take() {
                self.disk.close(file);
            }
        }
        // Without its footer the segment is scanned at the next start; nothing else is lost.
        report_failure("seal", result.err());
        self.write_behind_done(id);
    }

    /// Forgets a log, its files included.
    pub fn remove_log(&mut self, id: LogId) {
        let Some(log) = self.logs.remove(&id) else { return };
        for entry in log.tail.iter().skip(log.tail_flushed) {
            self.journal.flushed(entry.generation, 1);
        }
        self.tail_bytes -= log.tail.iter().map(|entry| entry.batch.frame().len()).sum::<usize>();
        self.eviction.retain(|&queued| queued != id);
        for segment in log.segments {
            self.remove_segment(segment);
        }
        self.disk.kick();
    }

    /// Removes segments whose every record arrived before `horizon`, but never the newest that holds any: it
    /// carries the log's end across restarts. Records before the horizon in what remains are for readers to
    /// skip.
    pub fn trim(&mut self, id: LogId, horizon: Timestamp) {
        let Some(log) = self.logs.get_mut(&id) else { return };
        let keep_from = log.segments.iter().rposition(|segment| !segment.is_empty()).unwrap_or(0);
        let expired =
            log.segments.iter().take(keep_from).take_while(|s| s.sealed && s.last_arrival < horizon).count();
        let removed: Vec<_> = log.segments.drain(..expired).collect();
        if let Some(last) = removed.last() {
            log.trimmed = log.trimmed.max(last.end);
        }
        for segment in removed {
            self.remove_segment(segment);
        }
        self.disk.kick();
    }

    fn remove_segment(&mut self, segment: Segment) {
        if let Some(file) = segment.file {
            self.disk.close(file);
        }
        self.removals.push_back(segment.path);
        self.start_removal();
    }

    /// Removes one file at a time, in order: whatever a power cut leaves of a log's segments is then without
    /// a gap, which would be taken for damage.
    fn start_removal(&mut self) {
        if !self.is_removing
            && let Some(path) = self.removals.front().cloned()
        {
            self.is_removing = true;
            self.submit_op(Pending::Remove, Op::Remove { path });
        }
    }

    /// What could not be removed stays first in line until the next retry.
    pub(super) fn removed(&mut self, result: io::Result<Outcome>) {
        self.is_removing = false;
        if result.is_ok() {
            self.removals.pop_front();
            self.start_removal();
        }
        report_failure("remove", result.err());
    }

    fn write_behind_done(&mut self, id: LogId) {
        self.write_behinds -= 1;
        if let Some(log) = self.logs.get_mut(&id) {
            log.write_behind = WriteBehind::Idle;
        }
        self.want_write_behind(id, Offset::ZERO);
    }

    /// The batches stay where they are, in memory and in the journal; [`Self::retry_write_behinds`] comes
    /// back to them.
    fn write_behind_failed(&mut self, id: LogId, error: &io::Error) {
        counter!(names::STORAGE_FAILURES, "operation" => "write_behind").increment(1);
        self.write_behinds -= 1;
        self.write_behind_failures += 1;
        // Thousands of shards try again ten times a second: the metric counts them all, the log every doubling.
        if self.write_behind_failures.is_power_of_two() {
            let failures = self.write_behind_failures;
            tracing::error!(log = %id, %error, failures, "write-behind failed and will be tried again");
        }
        if let Some(log) = self.logs.get_mut(&id) {
            log.write_behind = WriteBehind::Failed;
        }
    }

    /// Leaves the segment a write to which has failed: what is there of that write is never looked at, since
    /// the next segment begins before it. One that has remained empty makes way if another stands in its
    /// place.
    fn abandon_segment(&mut self, id: LogId) {
        let Some(log) = self.logs.get_mut(&id) else { return };
        let Some(segment) = log.open_segment() else { return };
        segment.sealed = true;
        if let Some(file) = segment.file.take() {
            self.disk.close(file);
        }
        let spare = |before: &Segment, last: &Segment| last.is_empty() && before.end == last.base;
        let is_spare = matches!(log.segments.as_slice(), [.., before, last] if spare(before, last));
        if is_spare && let Some(segment) = log.segments.pop() {
            self.remove_segment(segment);
        }
    }
}

/// Batches laid out for one write.
struct Block {
    buf: AlignedBuf,
    batches: usize,
}

impl Block {
    fn write_into(self, log: LogId, segment: &Segment, started: Instant) -> (Pending, Op) {
        let file = segment.file.expect("a segment being filled is open");
        let (batches, len) = (self.batches, self.buf.len() as u64);
        let (at, buf) = if segment.data_bytes == 0 {
            (0, self.with_header(log, segment))
        } else {
            (segment.data_bytes, self.buf)
        };
        let first_data = if at == 0 { BLOCK as u64 } else { at };
        let pending = Pending::SegmentWrite { log, batches, at: first_data, len, started };
        (pending, Op::Write { file, at, buf, durable: true })
    }

    fn with_header(self, log: LogId, segment: &Segment) -> AlignedBuf {
        let Segment { base, file_bytes, previous_checksum, .. } = *segment;
        let header = SegmentHeader { log, base, file_bytes, previous_checksum };
        let mut whole = AlignedBuf::with_capacity(BLOCK + self.buf.len());
        whole.extend_from_slice(&header.to_block());
        whole.extend_from_slice(self.buf.as_slice());
        whole
    }
}

impl Segment {
    /// Whether `bytes` more of data in `batches` batches leave room for the index and footer that sealing
    /// adds.
    fn has_room(&self, bytes: usize, batches: usize) -> bool {
        let footer = footer_bytes(self.index.len() + batches) as u64;
        let data = bytes.next_multiple_of(BLOCK) as u64;
        self.data_bytes.max(BLOCK as u64) + data + footer <= self.file_bytes
    }
}

/// The oldest batches no segment holds, about `max_bytes` of them and as many as `into` has room for; `None`
/// if it is full.
fn gather_block(log: &Log, into: &Segment, max_bytes: usize) -> Option<Block> {
    let mut bytes = 0;
    let mut batches = 0;
    for entry in log.tail.range(log.tail_flushed..) {
        let with_this = bytes + entry.batch.frame().len();
        let enough = batches > 0 && with_this > max_bytes;
        if enough || !into.has_room(with_this, batches + 1) {
            break;
        }
        bytes = with_this;
        batches += 1;
    }
    let mut buf = AlignedBuf::with_capacity(bytes.next_multiple_of(BLOCK));
    for entry in log.tail.range(log.tail_flushed..log.tail_flushed + batches) {
        buf.extend_from_slice(entry.batch.frame());
    }
    buf.pad_to_block();
    (batches > 0).then_some(Block { buf, batches })
}

/// The next segment: at least large enough for the oldest batch that waits.
fn create(log: &Log, sizes: &Sizes) -> (Pending, Op) {
    let first = log.tail.get(log.tail_flushed).map_or(0, |entry| entry.batch.frame().len());
    let needed = (BLOCK + first.next_multiple_of(BLOCK) + footer_bytes(1)) as u64;
    let previous = log.segments.last().map_or(0, |segment| segment.data_bytes);
    let bytes = segment_bytes_after(previous, needed, sizes.segment_min..=sizes.segment_max);
    let path = SegmentName { log: log.id, base: log.unflushed_end(), attempt: log.attempts }.path();
    let op = Op::Create { path: path.clone(), bytes, preallocation: Preallocation::Reserved };
    (Pending::SegmentCreate { log: log.id, path, bytes }, op)
}

fn seal(log: LogId, segment: &Segment) -> (Pending, Op) {
    let file = segment.file.expect("a segment being filled is open");
    let (at, buf) = segment.footer();
    (Pending::SegmentSeal { log }, Op::Write { file, at, buf, durable: true })
}

/// Books `batches` batches, now at `at` in the open segment; tells the journal uses they came from.
fn note_written(log: &mut Log, batches: usize, at: u64, len: u64, index_every: usize) -> Vec<Generation> {
    let first = log.tail_flushed;
    let segment = log.segments.last_mut().expect("a write goes to the last segment");
    let mut position = at;
    let mut generations = Vec::with_capacity(batches);
    for entry in log.tail.range(first..first + batches) {
        segment.take(&entry.batch, position, index_every);
        position += entry.batch.frame().len() as u64;
        log.unflushed_bytes -= entry.batch.frame().len();
        generations.push(entry.generation);
    }
    segment.data_bytes = at + len;
    log.tail_flushed += batches;
    log.attempts = 0;
    generations
}

impl Segment {
    /// What seals it, and where that goes.
    pub(super) fn footer(&self) -> (u64, AlignedBuf) {
        let footer = SegmentFooter {
            base: self.base,
            end: self.end,
            first_arrival: self.first_arrival,
            last_arrival: self.last_arrival,
            last_checksum: self.last_checksum,
            data_bytes: self.data_bytes,
        };
        let buf = footer.to_blocks(&self.index, self.file_bytes);
        (self.file_bytes - buf.len() as u64, buf)
    }

    /// Books one batch at `position`.
    pub(super) fn take(&mut self, batch: &Batch, position: u64, index_every: usize) {
        if self.index.is_empty() {
            self.first_arrival = batch.first_arrival();
        }
        let entry = IndexEntry { offset: batch.base(), arrival: batch.first_arrival(), position };
        self.index.note(entry, index_every);
        self.end = batch.end();
        self.last_arrival = batch.last_arrival();
        self.last_checksum = batch.checksum();
    }
}
