//! The scrubber's decisions: which segment is next, how much of it to read, when. It goes through all sealed
//! segments in order, a block at a time, at a bounded rate, and begins again an hour after it last began.
//! Pure: it is told the time, what there is and what was read; [`super::scrubbing`] asks the disk.

use std::time::Duration;

use bytes::Bytes;

use crate::limits;
use crate::platform::{BLOCK, FileId};
use crate::shard_log::{Link, SegmentFooter, SegmentHeader, footer_bytes, open_footer};
use crate::types::{Instant, LogId, Offset};

use super::log::Segment;
use super::verify::{Flaw, SegmentWalk};

/// Reads that were due go on in one go if they are not longer overdue than this.
const BURST: Duration = Duration::from_millis(100);

/// Where the scrubber is and when it goes on.
#[derive(Debug, Default)]
pub(super) struct Scrubber {
    /// 0 while it is off.
    bytes_per_sec: u64,
    /// The next block may be read from here on.
    due_at: Instant,
    /// The last segment this pass has begun.
    after: Option<(LogId, Offset)>,
    pass_began: Instant,
    pub(super) pass_ended: Instant,
    flaws_this_pass: u64,
    flaws_last_pass: u64,
    pub(super) work: Option<Work>,
}

/// What a pass comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Segment(LogId, Offset),
    PassOver,
}

impl Scrubber {
    /// Switches it on, or off with 0; what is under way ends with its block.
    pub(super) fn set_rate(&mut self, bytes_per_sec: u64, now: Instant) {
        self.bytes_per_sec = bytes_per_sec;
        (self.due_at, self.pass_began, self.pass_ended) = (now, now, now);
    }

    pub(super) fn is_on(&self) -> bool {
        self.bytes_per_sec > 0
    }

    /// Whether a block may be read now. A disk that is never quiet slows it down, but does not stop it.
    pub(super) fn is_due(&self, now: Instant, is_quiet: bool) -> bool {
        let overdue = now.since(self.due_at);
        self.is_on()
            && now >= self.due_at
            && (is_quiet || overdue >= Duration::from_secs(limits::SCRUB_PATIENCE_SECS))
    }

    /// Books a block that is being read.
    pub(super) fn charge(&mut self, bytes: usize, now: Instant) {
        let earliest = Instant::from_nanos(now.as_nanos().saturating_sub(nanos(BURST)));
        let cost = bytes as u64 * 1_000_000_000 / self.bytes_per_sec.max(1);
        self.due_at = self.due_at.max(earliest) + Duration::from_nanos(cost);
    }

    /// What follows in a pass, given the sealed segments from a log on, in order.
    pub(super) fn next(&mut self, sealed: impl Iterator<Item = (LogId, Offset)>) -> Next {
        let after = self.after;
        let mut ahead = sealed.skip_while(|&place| after.is_some_and(|after| place <= after));
        match ahead.next() {
            Some((log, base)) => {
                self.after = Some((log, base));
                Next::Segment(log, base)
            }
            None => Next::PassOver,
        }
    }

    /// From which log on segments are still to be looked at.
    pub(super) fn log(&self) -> LogId {
        self.after.map_or(LogId(0), |(log, _)| log)
    }

    /// A pass is over; the next begins an hour after this one did, or at once if that is past.
    pub(super) fn end_pass(&mut self, now: Instant) {
        let next = self.pass_began + Duration::from_secs(limits::SCRUB_PASS_SECS_MIN);
        self.after = None;
        self.due_at = next.max(now);
        self.pass_began = self.due_at;
        self.pass_ended = now;
        self.flaws_last_pass = std::mem::take(&mut self.flaws_this_pass);
    }

    pub(super) fn found(&mut self, flaws: usize) {
        self.flaws_this_pass += flaws as u64;
    }

    /// Places known to be damaged: those of the last whole pass, or of this one if they are more already.
    pub(super) fn flaws(&self) -> u64 {
        self.flaws_this_pass.max(self.flaws_last_pass)
    }
}

/// What of a segment's file is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Header,
    Batches,
    Footer,
    Over,
}

/// A segment being scrubbed.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) log: LogId,
    pub(super) base: Offset,
    pub(super) path: String,
    pub(super) file: FileId,
    file_bytes: u64,
    previous: Link,
    end: Offset,
    index_entries: usize,
    stage: Stage,
    walk: SegmentWalk,
    pub(super) in_flight: bool,
}

impl Work {
    pub(super) fn new(log: LogId, segment: &Segment, file: FileId) -> Self {
        let checksums = (segment.previous.checksum, segment.last.checksum);
        Self {
            log,
            base: segment.base,
            path: segment.path.clone(),
            file,
            file_bytes: segment.file_bytes,
            previous: segment.previous,
            end: segment.end,
            index_entries: segment.index.len(),
            stage: Stage::Header,
            walk: SegmentWalk::known(log, (segment.base, segment.extent()), segment.index.clone(), checksums),
            in_flight: false,
        }
    }

    /// Position and length of the next block; none once the segment is done with.
    pub(super) fn next_read(&mut self) -> Option<(u64, usize)> {
        if self.stage == Stage::Batches {
            match self.walk.next_read(limits::SCRUB_BLOCK_BYTES) {
                Some(place) => return Some(place),
                None => self.stage = Stage::Footer,
            }
        }
        match self.stage {
            Stage::Header => Some((0, BLOCK)),
            Stage::Footer => {
                let len = footer_bytes(self.index_entries);
                Some((self.file_bytes.saturating_sub(len as u64), len))
            }
            Stage::Batches | Stage::Over => None,
        }
    }

    /// Judges the block asked for.
    pub(super) fn take(&mut self, block: Bytes) -> Vec<Flaw> {
        match self.stage {
            Stage::Header => {
                self.stage = Stage::Batches;
                self.judge_header(&block).into_iter().collect()
            }
            Stage::Batches => self.walk.take(block, |_, _| {}),
            Stage::Footer | Stage::Over => {
                self.stage = Stage::Over;
                self.judge_footer(&block).into_iter().collect()
            }
        }
    }

    fn judge_header(&self, block: &[u8]) -> Option<Flaw> {
        let (log, base, file_bytes) = (self.log, self.base, self.file_bytes);
        let expected = SegmentHeader { log, base, file_bytes, previous: self.previous };
        let what = "the header is damaged";
        (SegmentHeader::open(block) != Some(expected)).then_some(Flaw { at: 0, what, records: None })
    }

    /// One that was never written is no flaw: the segment is then scanned at the next start.
    fn judge_footer(&self, blocks: &[u8]) -> Option<Flaw> {
        let footer_at = blocks.len().saturating_sub(BLOCK);
        let last = blocks.get(footer_at..).unwrap_or_default();
        if last.iter().all(|&byte| byte == 0) {
            return None;
        }
        let is_it = |footer: &SegmentFooter| footer.base == self.base && footer.end == self.end;
        let footer = open_footer(last).filter(|(footer, ..)| is_it(footer));
        let index = footer.and_then(|_| SegmentFooter::open_index(last, blocks));
        let what = if footer.is_none() { "the footer is damaged" } else { "the index is damaged" };
        let at = self.file_bytes - blocks.len() as u64 + if footer.is_none() { footer_at as u64 } else { 0 };
        index.is_none().then_some(Flaw { at, what, records: None })
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    fn scrubber(bytes_per_sec: u64) -> Scrubber {
        let mut scrubber = Scrubber::default();
        scrubber.set_rate(bytes_per_sec, at(0));
        scrubber
    }

    #[test]
    fn reads_no_more_than_its_rate_however_often_it_is_asked() {
        let mut scrubber = scrubber(1_000_000);
        let mut read = 0;
        for millis in 0..10_000 {
            while scrubber.is_due(at(millis), true) {
                scrubber.charge(50_000, at(millis));
                read += 50_000;
            }
        }
        assert!((9_900_000..=10_150_000).contains(&read), "{read} bytes in ten seconds");
    }

    #[test]
    fn what_it_could_not_read_for_long_is_not_made_up_for() {
        let mut scrubber = scrubber(1_000_000);
        let mut at_once = 0;
        while scrubber.is_due(at(60_000), true) {
            scrubber.charge(50_000, at(60_000));
            at_once += 50_000;
        }
        assert!(at_once <= 150_000, "{at_once} bytes at once");
    }

    #[test]
    fn waits_for_a_quiet_disk_but_not_for_ever() {
        let mut scrubber = scrubber(1_000_000);
        assert!(!scrubber.is_due(at(500), false));
        assert!(scrubber.is_due(at(500), true));
        assert!(scrubber.is_due(at(limits::SCRUB_PATIENCE_SECS * 1000), false));
        scrubber.set_rate(0, at(0));
        assert!(!scrubber.is_due(at(10_000), true), "off");
    }

    #[test]
    fn visits_every_segment_once_a_pass_and_rests_until_the_hour_is_over() {
        let mut scrubber = scrubber(1_000_000);
        let sealed = [(1, 0), (1, 7), (4, 0)].map(|(log, base)| (LogId(log), Offset(base)));
        for (log, base) in sealed {
            assert_eq!(scrubber.next(sealed.into_iter()), Next::Segment(log, base));
            assert_eq!(scrubber.log(), log);
        }
        assert_eq!(scrubber.next(sealed.into_iter()), Next::PassOver);
        scrubber.end_pass(at(5000));
        let hour = limits::SCRUB_PASS_SECS_MIN * 1000;
        assert!(!scrubber.is_due(at(hour - 1), true));
        assert!(scrubber.is_due(at(hour), true));
        assert_eq!(scrubber.next(sealed.into_iter()), Next::Segment(LogId(1), Offset(0)));
    }

    #[test]
    fn damage_is_remembered_until_a_whole_pass_has_not_met_it() {
        let mut scrubber = scrubber(1);
        scrubber.found(2);
        scrubber.end_pass(at(1));
        assert_eq!(scrubber.flaws(), 2);
        scrubber.end_pass(at(2));
        assert_eq!(scrubber.flaws(), 0);
    }
}
