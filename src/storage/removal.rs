//! Removing logs and what is past retention: files go one at a time, oldest first.

use std::io;

use crate::platform::{Op, Outcome};
use crate::seeded::{self, Bug};
use crate::types::{LogId, Timestamp};

use super::StorageError;
use super::engine::{Engine, Pending, report_failure};
use super::log::Segment;
use super::read::tell;

impl Engine {
    /// Forgets a log, its files included.
    pub fn remove_log(&mut self, id: LogId) {
        let Some(log) = self.logs.remove(&id) else { return };
        for entry in log.tail.iter().skip(log.tail_flushed) {
            self.journal.flushed(entry.generation, 1);
        }
        self.tail_bytes -= log.tail.iter().map(|entry| entry.batch.frame().len()).sum::<usize>();
        self.forget_evictions(log.tail.len());
        tell(self.readers.forget(id), &StorageError::NoSuchLog(id));
        for segment in log.segments {
            self.remove_segment(segment);
        }
        self.remove_condemned();
        self.disk.kick();
    }

    /// Leaves out the places of logs that are gone once they are half of the queue: many go at once.
    fn forget_evictions(&mut self, gone: usize) {
        self.eviction_stale += gone;
        if 2 * self.eviction_stale > self.eviction.len() {
            self.eviction.retain(|id| self.logs.contains_key(id));
            self.eviction_stale = 0;
        }
    }

    /// Whether all it ever took arrived before `horizon`. Of a damaged log that is not known.
    pub fn is_past(&self, id: LogId, horizon: Timestamp) -> bool {
        self.logs.get(&id).is_none_or(|log| log.damage.is_none() && log.last_arrival < horizon)
    }

    /// Removes segments whose every record arrived before `horizon`, but never the newest that holds any: it
    /// carries the log's end across restarts. Records before the horizon in what remains are for readers to
    /// skip.
    pub fn trim(&mut self, id: LogId, horizon: Timestamp) {
        let Some(log) = self.logs.get_mut(&id) else { return };
        let keep_from = log.segments.iter().rposition(|segment| !segment.is_empty()).unwrap_or(0);
        let keep_from = if seeded::is(Bug::NewestSegmentTrimmed) { log.segments.len() } else { keep_from };
        let old = |last| last < horizon || (seeded::is(Bug::RetentionOffByOne) && last == horizon);
        let expired =
            log.segments.iter().take(keep_from).take_while(|s| s.sealed && old(s.last_arrival)).count();
        let mut removed: Vec<_> = log.segments.drain(..expired).collect();
        if let Some(last) = removed.last() {
            log.trimmed = log.trimmed.max(last.end);
        }
        if seeded::is(Bug::RemovedNewestFirst) {
            removed.reverse();
        }
        for segment in removed {
            self.remove_segment(segment);
        }
        self.disk.kick();
    }

    pub(super) fn remove_segment(&mut self, segment: Segment) {
        if let Some(file) = segment.file {
            self.disk.close(file);
        }
        self.removals.push_back(segment.path);
        self.start_removal();
    }

    /// Removes one file at a time, in order: whatever a power cut leaves of a log's segments is then without
    /// a gap, which would be taken for damage.
    pub(super) fn start_removal(&mut self) {
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
            if let Some(path) = self.removals.pop_front() {
                self.journal.removed(&path);
                self.meters.retired.set(self.journal.retired() as f64);
            }
            self.start_removal();
        }
        report_failure("remove", result.err());
    }
}
