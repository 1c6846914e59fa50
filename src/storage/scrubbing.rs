//! The scrubber at the disk: one block in flight, and only while nobody else waits for one. Damage is an
//! alarm, not a repair; a reader of that place meets it by itself and gets an error.

use std::io;

use metrics::{counter, gauge};

use crate::platform::{AlignedBuf, Op, Outcome};
use crate::telemetry::names;
use crate::types::Instant;

use super::engine::{Engine, Pending, report_failure};
use super::scrub::{Next, Work};
use super::verify::Flaw;

impl Engine {
    /// Has sealed segments verified in the background, so many bytes a second; 0 switches it off.
    pub fn set_scrub_rate(&mut self, bytes_per_sec: u64, now: Instant) {
        self.scrubber.set_rate(bytes_per_sec, now);
    }

    /// Tells how long the last whole pass is past.
    pub fn tell_scrub_age(&self, now: Instant) {
        if self.scrubber.is_on() {
            gauge!(names::SCRUB_PASS_AGE).set(now.since(self.scrubber.pass_ended).as_secs_f64());
            gauge!(names::SCRUB_DAMAGED).set(self.scrubber.flaws() as f64);
        }
    }

    pub(super) fn start_scrub(&mut self, now: Instant) {
        let is_quiet = self.in_flight.is_none() && self.write_behinds == 0 && self.readers.is_quiet();
        let is_reading = self.scrubber.work.as_ref().is_some_and(|work| work.in_flight);
        if is_reading || !self.scrubber.is_due(now, is_quiet) {
            return;
        }
        if self.scrubber.work.is_none() && !self.begin_next_segment(now) {
            return;
        }
        let Some(work) = &mut self.scrubber.work else { return };
        match work.next_read() {
            Some((at, len)) => {
                work.in_flight = true;
                let op = Op::Read { file: work.file, at, buf: AlignedBuf::zeroed(len) };
                self.scrubber.charge(len, now);
                self.submit_op(Pending::Scrub, op);
            }
            None => self.leave_scrubbed(),
        }
    }

    /// Opens the pass's next segment; false if there is none, or it cannot be opened.
    fn begin_next_segment(&mut self, now: Instant) -> bool {
        let from = self.scrubber.log();
        let sealed = self.logs.range(from..).flat_map(|(&id, log)| {
            let done_with = log.segments.iter().filter(|segment| segment.sealed && !segment.is_empty());
            done_with.map(move |segment| (id, segment.base))
        });
        let Next::Segment(id, base) = self.scrubber.next(sealed) else {
            counter!(names::SCRUB_PASSES).increment(1);
            self.scrubber.end_pass(now);
            return false;
        };
        let segments = self.logs.get(&id).map(|log| log.segments.as_slice()).unwrap_or_default();
        let Some(segment) = segments.iter().find(|segment| segment.base == base && !segment.is_empty())
        else {
            return false;
        };
        match self.disk.open(&segment.path) {
            Ok((file, _)) => self.scrubber.work = Some(Work::new(id, segment, file)),
            Err(error) => report_failure("scrub", Some(error)),
        }
        self.scrubber.work.is_some()
    }

    pub(super) fn block_scrubbed(&mut self, result: io::Result<Outcome>, now: Instant) {
        let Some(work) = &mut self.scrubber.work else { return };
        work.in_flight = false;
        match result {
            Ok(Outcome::Buf(buf)) => {
                counter!(names::SCRUB_BYTES).increment(buf.len() as u64);
                let flaws = work.take(buf.into_bytes());
                self.alarm(&flaws);
            }
            Ok(_) => debug_assert!(false, "a read answers with its buffer"),
            Err(error) => {
                // A sector nobody can read is damage too; the rest of this segment waits for the next pass.
                let (path, log) = (work.path.clone(), work.log);
                tracing::error!(file = %path, %log, %error, "the scrubber cannot read a segment");
                report_failure("scrub", Some(error));
                self.scrubber.found(1);
                self.leave_scrubbed();
            }
        }
        self.start_scrub(now);
    }

    /// Raises the alarm, unless the segment has expired meanwhile.
    fn alarm(&mut self, flaws: &[Flaw]) {
        let Some(work) = &self.scrubber.work else { return };
        let segments = self.logs.get(&work.log).map(|log| log.segments.as_slice()).unwrap_or_default();
        if !segments.iter().any(|segment| segment.path == work.path) {
            return;
        }
        for Flaw { at, what, records } in flaws {
            let (from, until) = records.map(|(from, until)| (from.0, until.0)).unzip();
            let (file, log) = (&work.path, work.log);
            tracing::error!(%file, byte = at, %log, records_from = from, records_until = until, what, "damage found");
        }
        self.scrubber.found(flaws.len());
        gauge!(names::SCRUB_DAMAGED).set(self.scrubber.flaws() as f64);
    }

    fn leave_scrubbed(&mut self) {
        if let Some(work) = self.scrubber.work.take() {
            self.disk.close(work.file);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::limits;
    use crate::platform::sim::{SimDisk, SimHandle};
    use crate::storage::{Durability, Settings, Sizes};
    use crate::types::{LogId, Timestamp};

    use super::*;

    const LOG: LogId = LogId(1);

    /// An engine with a few sealed segments.
    fn filled() -> (SimHandle, Engine) {
        let disk = SimDisk::new(1);
        let handle = disk.handle();
        let sizes = Sizes {
            journal_file: 64 << 10,
            segment_min: 24 << 10,
            segment_max: 24 << 10,
            write_behind: 6000,
            read_block: 4096,
            ..Sizes::default()
        };
        let settings = Settings { durability: Durability::Sync, tail_bytes: 0, sizes };
        let mut engine = Engine::open(Box::new(disk), settings).unwrap();
        engine.open_log(LOG);
        for millis in 0..40 {
            let arrival = Timestamp::from_millis(millis);
            engine.append(LOG, b"key", &[7; 2000], arrival, Instant::default()).unwrap();
            engine.submit(Instant::default());
            while handle.in_flight() > 0 {
                engine.wait();
                engine.step(Instant::default());
            }
        }
        (handle, engine)
    }

    /// Lets it read until the pass is over; tells the damage it knows of.
    fn scrub(handle: &SimHandle, engine: &mut Engine) -> u64 {
        engine.set_scrub_rate(1 << 20, Instant::default());
        for millis in 1..limits::SCRUB_PASS_SECS_MIN {
            engine.step(Instant::from_nanos(millis * 1_000_000));
            while handle.in_flight() > 0 {
                engine.wait();
                engine.step(Instant::from_nanos(millis * 1_000_000));
            }
        }
        assert_eq!(engine.scrubber.log(), LogId(0), "the pass is over");
        engine.scrubber.flaws()
    }

    #[test]
    fn every_flipped_byte_of_a_sealed_segment_is_found_and_nothing_else() {
        let (handle, mut engine) = filled();
        assert_eq!(scrub(&handle, &mut engine), 0);
        let segment = &engine.logs[&LOG].segments[1];
        assert!(segment.sealed && segment.data_bytes > 8000);
        let (path, footer) = (segment.path.clone(), usize::try_from(segment.file_bytes).unwrap() - 4096);
        // Header, batch, padding's neighbour, index, footer.
        for at in [9, 4096 + 20, 4096 + 1500, footer - 4096 + 30, footer + 50] {
            handle.flip_bits(&path, at, 0x10);
            assert_eq!(scrub(&handle, &mut engine), 1, "byte {at}");
            handle.flip_bits(&path, at, 0x10);
        }
        assert_eq!(scrub(&handle, &mut engine), 0);
    }

    #[test]
    fn it_rests_while_others_want_the_disk_and_once_it_is_switched_off() {
        let (handle, mut engine) = filled();
        engine.set_scrub_rate(1 << 20, Instant::default());
        engine.append(LOG, b"key", b"data", Timestamp::default(), Instant::default()).unwrap();
        engine.submit(Instant::default());
        engine.start_scrub(Instant::from_nanos(1));
        assert!(engine.scrubber.work.is_none(), "a commit is in flight");
        engine.set_scrub_rate(0, Instant::default());
        while handle.in_flight() > 0 {
            engine.wait();
            engine.step(Instant::from_nanos(2));
        }
        assert!(engine.scrubber.work.is_none() && !engine.is_busy());
    }
}
