//! Write-behind: committed batches go from memory into their shard's segment in large blocks, so that the
//! journal can be used again. Off the fast path: nothing waits for it but the journal's recycling.
//!
//! A block that failed to be written is written again elsewhere: its batches are still in memory and in
//! the journal, so the segment is left as it is and the next one begins where it verifiably ends.

use std::io;
use std::time::Duration;

use metrics::counter;

use crate::limits;
use crate::platform::Outcome;
use crate::telemetry::names;
use crate::types::{Instant, LogId, Offset, Timestamp};

use super::engine::{Engine, report_failure};
use super::layout::{note_written, write_behind_step};
use super::log::{Found, Segment, WriteBehind};

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
        self.retry_journal();
        self.readers.tick();
        self.tell_scrub_age(now);
        self.try_resume(now);
        self.start_commit(now);
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
        match write_behind_step(log, self.disk.as_mut(), &self.settings.sizes, now) {
            Ok((pending, op)) => {
                self.submit_op(pending, op);
                self.note_open(id);
            }
            Err(error) => self.write_behind_failed(id, &error),
        }
    }

    /// Notes that a log's last segment has a descriptor open, and closes that of the log written to longest
    /// ago if there are too many.
    fn note_open(&mut self, id: LogId) {
        let Some(log) = self.logs.get_mut(&id) else { return };
        self.writes += 1;
        let earlier = log.last_write.replace(self.writes);
        if let Some(earlier) = earlier {
            self.segments_open.remove(&earlier);
        }
        self.segments_open.insert(self.writes, id);
        if self.segments_open.len() <= self.settings.sizes.segments_open {
            return;
        }
        let is_idle = |id: &LogId| self.logs.get(id).is_none_or(|log| log.write_behind != WriteBehind::Busy);
        let victim = self.segments_open.iter().find(|(_, id)| is_idle(id)).map(|(write, id)| (*write, *id));
        let Some((write, id)) = victim else { return };
        self.segments_open.remove(&write);
        let Some(log) = self.logs.get_mut(&id) else { return };
        log.last_write = None;
        if let Some(file) = log.open_segment().and_then(|segment| segment.file.take()) {
            self.disk.close(file);
        }
    }

    /// What stands behind the batches of a segment that an earlier process left: only zeros, or it is not
    /// filled on.
    pub(super) fn segment_verified(&mut self, id: LogId, result: io::Result<Outcome>) {
        let is_blank = match result {
            Ok(Outcome::Buf(buf)) => buf.as_slice().iter().all(|&byte| byte == 0),
            Ok(_) => false,
            Err(error) => {
                report_failure("read", Some(error));
                false
            }
        };
        if let Some(segment) = self.logs.get_mut(&id).and_then(|log| log.segments.last_mut()) {
            segment.found = if is_blank { Found::Settled } else { Found::Unsealed };
            segment.sealed = !is_blank;
        }
        self.write_behind_done(id);
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
        let previous = log.flushed_link();
        let empty = Segment::empty(path, bytes, log.unflushed_end(), log.attempts);
        let file = Some(file);
        log.segments.push(Segment { file, last_arrival, previous, sealed: false, ..empty });
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
        self.remove_condemned();
        self.evict();
        self.write_behind_done(id);
    }

    pub(super) fn segment_sealed(&mut self, id: LogId, result: io::Result<Outcome>) {
        let Some(log) = self.logs.get_mut(&id) else { return self.write_behinds -= 1 };
        if let Some(segment) = log.segments.last_mut() {
            segment.sealed = true;
            segment.found = Found::Settled;
            if let Some(file) = segment.file.take() {
                self.disk.close(file);
            }
        }
        // Without its footer the segment is scanned at the next start; nothing else is lost.
        report_failure("seal", result.err());
        self.write_behind_done(id);
    }

    fn write_behind_done(&mut self, id: LogId) {
        self.write_behinds -= 1;
        self.trouble.write_behind_stuck = false;
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
        self.trouble.write_behind_stuck = true;
        // Thousands of shards try again ten times a second: the metric counts all, the log every doubling.
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
        let is_spare = match log.segments.as_slice() {
            [.., before, last] => last.is_empty() && before.end == last.base,
            _ => false,
        };
        if is_spare && let Some(segment) = log.segments.pop() {
            self.remove_segment(segment);
        }
    }
}
