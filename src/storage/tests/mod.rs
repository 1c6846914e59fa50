//! The engine's rules, one by one, on a simulated disk. What random schedules found once stands here by name.

use crate::limits;
use crate::platform::sim::{Fault, SimDisk, SimHandle};
use crate::shard_log::Record;
use crate::types::{Instant, LogId, Offset, Timestamp};

use super::*;

mod alarm;
mod full;
mod gaps;
mod removal;
mod secured;

const LOG: LogId = LogId(1);
const EIO: Fault = Fault::Errno(5);

struct Fixture {
    handle: SimHandle,
    engine: Engine,
    settings: Settings,
}

fn sizes() -> Sizes {
    Sizes {
        journal_file: 32 << 10,
        journal_files_max: 2,
        batch: 3000,
        commit: 8000,
        write_behind: 4000,
        segment_min: 20 << 10,
        segment_max: 20 << 10,
        read_block: 4096,
        scan_first: 4096,
        scan: 4096,
        ..Sizes::default()
    }
}

impl Fixture {
    fn new(durability: Durability) -> Self {
        Self::on(SimDisk::new(1), Settings { durability, tail_bytes: 0, sizes: sizes() })
    }

    fn on(disk: SimDisk, settings: Settings) -> Self {
        let handle = disk.handle();
        let mut engine = Engine::open(Box::new(disk), settings).unwrap();
        engine.open_log(LOG);
        Self { handle, engine, settings }
    }

    fn restart(self) -> Self {
        Self::on(self.handle.restart(), self.settings)
    }

    /// Appends a record that arrives at `millis` and commits it.
    fn put(&mut self, millis: u64, bytes: usize) -> Appended {
        let arrival = Timestamp::from_millis(millis);
        let appended = self.engine.append(LOG, b"key", &vec![7; bytes], arrival, Instant::default()).unwrap();
        self.engine.submit(Instant::default());
        self.settle();
        appended
    }

    fn settle(&mut self) {
        let mut turns = 0;
        while self.handle.in_flight() > 0 {
            self.engine.wait();
            self.engine.step(Instant::default());
            turns += 1;
            assert!(turns < 10_000, "the engine does not come to rest");
        }
    }

    fn flush(&mut self) {
        self.engine.want_all_written();
        self.engine.step(Instant::default());
        self.settle();
    }

    fn read(&mut self, from: From) -> Result<Vec<Record>, StorageError> {
        let mut reply = self.engine.read(LOG, from, 1);
        self.settle();
        let batches = reply.try_recv().expect("every read is answered")?;
        Ok(batches.iter().flat_map(crate::shard_log::Batch::records).collect())
    }

    fn offset_at(&mut self, from: From) -> Option<u64> {
        self.read(from).unwrap().first().map(|record| record.offset.0)
    }

    /// The first file whose path holds `part`, and where its first byte is that equals the one given.
    fn find(&self, part: &str, bytes: &[u8], nth: usize) -> (String, usize) {
        let path = self.handle.paths().into_iter().find(|path| path.contains(part)).unwrap();
        let contents = self.handle.contents(&path).unwrap();
        let mut places = (0..contents.len()).filter(|&at| contents[at..].starts_with(bytes));
        let at = places.nth(nth).unwrap();
        (path, at)
    }
}

fn at(millis: u64) -> From {
    From::Time(Timestamp::from_millis(millis))
}

fn from(offset: u64) -> From {
    From::Offset(Offset(offset))
}

#[test]
fn a_failed_commit_is_refused_and_the_log_goes_on_in_another_file() {
    for fault in [EIO, Fault::Short] {
        let mut log = Fixture::new(Durability::Sync);
        log.put(1, 100);
        log.handle.fail_nth(1, fault);
        let failed = log.put(2, 100);
        assert!(matches!(failed.ack.outcome(), Some(Err(StorageError::Failed(_)))));
        assert!(log.read(from(1)).unwrap().is_empty(), "a failed commit is not read");
        let next = log.put(3, 100);
        assert_eq!(next.offset, Offset(2), "the failed record's offset is not given out again");
        assert!(log.engine.stopped().is_none());
        assert_eq!(log.offset_at(from(1)), Some(2));
        for cut in [false, true] {
            let disk = if cut { log.handle.crash() } else { log.handle.restart() };
            log = Fixture::on(disk, log.settings);
            assert_eq!(log.offset_at(from(1)), Some(2), "and stays void");
        }
    }
}

#[test]
fn what_gathered_behind_a_failed_commit_goes_with_the_next() {
    let mut log = Fixture::new(Durability::Sync);
    log.put(1, 100);
    log.handle.fail_nth(1, EIO);
    let arrival = Timestamp::from_millis(2);
    let append = |log: &mut Fixture| {
        let appended = log.engine.append(LOG, b"", b"x", arrival, Instant::default()).unwrap();
        log.engine.submit(Instant::default());
        appended
    };
    let failed = append(&mut log);
    let behind = append(&mut log);
    log.settle();
    assert!(matches!(failed.ack.outcome(), Some(Err(StorageError::Failed(_)))));
    let committed = log
        .engine
        .take_events()
        .into_iter()
        .any(|event| matches!(event, Event::Committed { batch, .. } if batch.base() == behind.offset));
    assert!(committed);
    assert_eq!(log.restart().offset_at(from(1)), Some(behind.offset.0));
}

/// Once the use that told of it was written over, nothing but a list in every later one kept a failed commit
/// from coming back.
#[test]
fn a_failed_commit_stays_void_when_the_use_that_followed_it_is_gone() {
    for seed in 0..40 {
        let settings = Settings { durability: Durability::Sync, tail_bytes: 0, sizes: sizes() };
        let mut log = Fixture::on(SimDisk::new(seed), settings);
        let idle = LogId(2);
        log.engine.open_log(idle);
        log.put(1, 100);
        log.handle.fail_nth(1, EIO);
        let arrival = Timestamp::from_millis(1);
        log.engine.append(idle, b"", b"failed", arrival, Instant::default()).unwrap();
        log.engine.submit(Instant::default());
        log.settle();
        for n in 0..30 {
            log.put(n, 2900);
        }
        let mut log = Fixture::on(log.handle.crash(), settings);
        log.engine.open_log(idle);
        assert_eq!(log.engine.tip(idle), Some(Offset(0)), "seed {seed}");
    }
}

#[test]
fn after_several_failures_the_log_stops_and_is_tried_until_it_goes_on() {
    let sizes = Sizes { journal_files_min: 4, journal_files_max: 4, ..sizes() };
    let settings = Settings { durability: Durability::Sync, tail_bytes: 0, sizes };
    let mut log = Fixture::on(SimDisk::new(1), settings);
    let at = |secs: u64| Instant::from_nanos(secs * 1_000_000_000);
    log.put(1, 100);
    (1..20).for_each(|n| log.handle.fail_nth(n, EIO));
    for _ in 0..2 {
        let refused = log.put(2, 100).ack.outcome();
        assert!(refused.is_some_and(|outcome| outcome.is_err()));
    }
    log.handle.forget_faults();
    assert!(log.engine.stopped().is_some());
    let refused = log.engine.append(LOG, b"", b"", Timestamp::default(), Instant::default());
    assert!(matches!(refused, Err(StorageError::Stopped(_))));
    assert_eq!(log.offset_at(from(0)), Some(0), "reads go on");
    for second in 2..5 {
        log.engine.retry_write_behinds(at(second));
        log.settle();
    }
    assert!(log.engine.stopped().is_none(), "the next attempt succeeds");
    let next = log.put(3, 100);
    assert_eq!(log.restart().offset_at(from(1)), Some(next.offset.0));
}

#[test]
fn a_failed_journal_file_is_removed_once_segments_hold_what_it_held() {
    let mut log = Fixture::new(Durability::Sync);
    log.put(1, 100);
    log.handle.fail_nth(1, EIO);
    log.put(2, 100);
    for n in 3..6 {
        log.put(n, 100);
        log.flush();
    }
    let journal: Vec<_> = log.handle.paths().into_iter().filter(|path| path.starts_with("journal")).collect();
    assert!(!journal.contains(&"journal/0000.log".to_owned()), "{journal:?}");
    assert_eq!(log.engine.doubtful_batches(), 0);
    assert_eq!(log.restart().offset_at(from(1)), Some(2));
}

#[test]
fn a_failed_sync_refuses_the_commit_in_flight_too() {
    let mut log = Fixture::new(Durability::Interval);
    log.put(1, 100);
    log.handle.fail_nth(1, EIO);
    log.engine.sync_journal();
    let arrival = Timestamp::from_millis(2);
    let appended = log.engine.append(LOG, b"", b"", arrival, Instant::default()).unwrap();
    log.engine.submit(Instant::default());
    assert!(log.engine.has_uncommitted(LOG));
    log.settle();
    log.flush();
    assert!(log.engine.stopped().is_none() && !log.engine.has_uncommitted(LOG));
    assert_eq!(log.engine.doubtful_batches(), 0, "segments hold what the failed file held");
    let tip = log.engine.tip(LOG).unwrap();
    assert!(tip == Offset(1) || appended.ack.outcome().is_none());
}

#[test]
fn quiet_restarts_take_no_journal_file() {
    let mut log = Fixture::new(Durability::Sync);
    for n in 0..6 {
        log.put(n, 10);
        log = log.restart();
    }
    let uses = |log: &Fixture, path: &str| {
        let contents = log.handle.contents(path).unwrap();
        contents.iter().any(|&byte| byte != 0)
    };
    assert!(uses(&log, "journal/0000.log") && !uses(&log, "journal/0001.log"));
    assert_eq!(log.offset_at(from(5)), Some(5));
}

#[test]
fn each_start_claims_a_shard_with_its_first_commit_to_it() {
    let mut log = Fixture::new(Durability::Sync);
    for start in 1..4 {
        for n in 0..3 {
            let offset = log.put(n, 10).offset;
            let mut reply = log.engine.read(LOG, From::Offset(offset), 1);
            log.settle();
            let batch = reply.try_recv().unwrap().unwrap().pop().unwrap();
            assert_eq!((batch.epoch().number, batch.claims()), (start, n == 0));
        }
        if start == 2 {
            log.flush();
        }
        log = log.restart();
    }
}

#[test]
fn damage_in_the_middle_of_the_journal_is_an_error_at_open() {
    // The second entry's batch, the first entry of the use, and the header of the entry in between.
    for (magic, nth) in [(b"FLBA", 0), (b"FLJE", 0), (b"FLJE", 1)] {
        let mut log = Fixture::new(Durability::Sync);
        log.put(1, 100);
        log.put(2, 100);
        let (path, place) = log.find("journal", magic, nth);
        let disk = log.handle.restart();
        disk.handle().flip_bits(&path, place + 2, 1);
        let opened = Engine::open(Box::new(disk), log.settings);
        assert!(matches!(opened, Err(StorageError::JournalDamaged { .. })), "{nth}");
    }
}

#[test]
fn offsets_lost_or_not_are_left_out_and_read_across() {
    let mut log = Fixture::new(Durability::None);
    log.put(1, 100);
    log.flush();
    let mut log = log.restart();
    assert!(log.read(from(1)).unwrap().is_empty(), "the gap at the tip holds nothing");
    let next = log.put(2, 100).offset;
    assert!(next > Offset(1 << 20));
    assert_eq!(log.offset_at(from(0)), Some(0));
    assert_eq!(log.offset_at(from(1)), Some(next.0), "behind the gap it goes on");
    log.flush();
    assert_eq!(log.offset_at(from(1)), Some(next.0), "in segments too");
}

#[test]
fn a_stop_leaves_many_shards_to_the_journal_and_brings_few_to_segments() {
    for durability in [Durability::Sync, Durability::None] {
        let settings = Settings { durability, tail_bytes: 1 << 20, sizes: Sizes::default() };
        let mut engine = Engine::open(Box::new(SimDisk::new(1)), settings).unwrap();
        let many = limits::LOGS_FLUSHED_AT_STOP_MAX as u64 + 1;
        for log in (1..=many).map(LogId) {
            let is_few = engine.stops_in_segments();
            assert!(is_few, "{log}");
            engine.open_log(log);
            engine.append(log, b"k", b"data", Timestamp::from_millis(1), Instant::default()).unwrap();
            engine.submit(Instant::default());
            while engine.is_busy() {
                engine.wait();
                engine.step(Instant::default());
            }
        }
        assert_eq!(engine.stops_in_segments(), durability != Durability::Sync);
    }
}

#[test]
fn nothing_left_of_an_unsynced_journal_is_enough_to_leave_offsets_out() {
    for seed in 0..30 {
        let settings = Settings { durability: Durability::None, tail_bytes: 0, sizes: sizes() };
        let mut log = Fixture::on(SimDisk::new(seed), settings);
        let lost = (0..4).map(|n| log.put(n, 100).offset).max().unwrap();
        let mut log = Fixture::on(log.handle.crash(), settings);
        assert!(log.put(9, 100).offset > lost, "seed {seed}");
    }
}

#[test]
fn a_time_is_found_while_the_newest_segment_is_still_empty() {
    let mut log = Fixture::new(Durability::Sync);
    log.put(10, 9000);
    log.put(20, 9000);
    // Write-behind has made a further segment for this one, and failed to fill it.
    log.handle.fail_nth(4, EIO);
    log.put(30, 9000);
    log.flush();
    assert_eq!(log.offset_at(at(5)), Some(0));
    assert_eq!(log.offset_at(at(15)), Some(1));
    assert_eq!(log.offset_at(at(25)), Some(2));
}

#[test]
fn a_sealed_segment_with_room_left_reads_to_its_end_after_a_restart() {
    let mut log = Fixture::new(Durability::Sync);
    for n in 0..8 {
        log.put(n, 5000);
    }
    log.flush();
    let mut log = log.restart();
    for n in 0..8 {
        assert_eq!(log.offset_at(from(n)), Some(n));
        assert_eq!(log.offset_at(at(n)), Some(n));
    }
}

#[test]
fn trimming_leaves_the_newest_segment_that_holds_records() {
    let mut log = Fixture::new(Durability::Sync);
    for n in 0..20 {
        log.put(n, 5000);
        log.engine.trim(LOG, Timestamp::from_millis(n + 1));
        log.settle();
        log = Fixture::on(log.handle.crash(), log.settings);
        assert!(log.engine.retain_logs(&[LOG]).is_empty());
        assert_eq!(log.engine.tip(LOG), Some(Offset(n + 1)));
    }
    assert!(log.handle.paths().iter().filter(|path| path.starts_with("segments")).count() < 6);
}

#[test]
fn a_journal_full_since_before_the_start_is_freed() {
    let mut log = Fixture::new(Durability::Sync);
    log.settings.sizes.write_behind = usize::MAX;
    let mut log = log.restart();
    for n in 0..40 {
        let put = log.put(n, 2900);
        assert_eq!(put.offset, Offset(n));
        if n % 3 == 0 {
            log = log.restart();
        }
    }
    assert_eq!(log.engine.tip(LOG), Some(Offset(40)));
}

#[test]
fn a_full_disk_costs_nothing_once_there_is_space_again() {
    let mut log = Fixture::new(Durability::Sync);
    log.handle.set_full(true);
    let mut refused = 0;
    for n in 0..30 {
        let arrival = Timestamp::from_millis(n);
        match log.engine.append(LOG, b"key", &[7; 2900], arrival, Instant::default()) {
            Ok(_) => log.engine.submit(Instant::default()),
            Err(error) => {
                assert!(matches!(error, StorageError::Full));
                refused += 1;
            }
        }
        log.settle();
    }
    let readable = log.engine.tip(LOG).unwrap();
    assert!(refused > 0 && readable > Offset(0) && log.engine.stopped().is_none());
    assert!(!log.engine.is_busy(), "nothing is left to wait for space");
    assert_eq!(log.offset_at(from(0)), Some(0), "reads go on");
    log.handle.set_full(false);
    for _ in 0..20 {
        log.engine.retry_write_behinds(Instant::default());
        log.settle();
    }
    let next = log.put(40, 100).offset;
    assert_eq!(log.offset_at(from(readable.0)), Some(next.0), "and go on by themselves");
}

#[test]
fn at_its_byte_limit_the_log_refuses_puts_and_deletes_nothing_until_there_is_room() {
    let mut log = Fixture::new(Durability::Sync);
    for n in 0..20 {
        log.put(n, 5000);
    }
    log.flush();
    log.engine.set_data_bytes_max(Some(log.engine.data_bytes()));
    let append =
        |log: &mut Fixture, id| log.engine.append(id, b"", b"", Timestamp::default(), Instant::default());
    assert!(matches!(append(&mut log, LOG), Err(StorageError::DataLimit)));
    log.engine.open_log(LogId::CATALOG);
    assert!(append(&mut log, LogId::CATALOG).is_ok(), "streams can be deleted");
    assert_eq!(log.offset_at(from(0)), Some(0));
    log.engine.trim(LOG, Timestamp::from_millis(15));
    log.settle();
    log.engine.account_data();
    assert!(append(&mut log, LOG).is_ok());
}

#[test]
fn a_quiet_shard_keeps_its_one_segment_over_clean_restarts() {
    let sizes = Sizes { segment_min: 64 << 10, segment_max: 64 << 10, scan: 64 << 10, ..sizes() };
    let settings = Settings { durability: Durability::Sync, tail_bytes: 0, sizes };
    let mut log = Fixture::on(SimDisk::new(1), settings);
    for n in 0..8 {
        log.put(n, 10);
        log.flush();
        log.engine.end_journal(Instant::default());
        log.settle();
        log = log.restart();
    }
    let segments = log.handle.paths().into_iter().filter(|path| path.starts_with("segments")).count();
    assert_eq!(segments, 1);
    for n in 0..8 {
        assert_eq!(log.offset_at(from(n)), Some(n));
    }
}

#[test]
fn no_more_segments_than_allowed_keep_a_descriptor_for_writing() {
    let sizes = Sizes { segments_open: 3, ..sizes() };
    let settings = Settings { durability: Durability::Sync, tail_bytes: 0, sizes };
    let mut log = Fixture::on(SimDisk::new(1), settings);
    for round in 0..2 {
        for id in 1..20 {
            log.engine.open_log(LogId(id));
            let arrival = Timestamp::from_millis(round);
            log.engine.append(LogId(id), b"", b"x", arrival, Instant::default()).unwrap();
        }
        log.engine.submit(Instant::default());
        log.settle();
        log.flush();
        let open = log.engine.logs.values().flat_map(|log| &log.segments).filter(|s| s.file.is_some());
        assert!(open.count() <= 3);
    }
    let segments = log.handle.paths().into_iter().filter(|path| path.starts_with("segments")).count();
    assert_eq!(segments, 19, "a segment that was closed is filled on");
}

#[test]
fn a_damaged_batch_is_an_error_to_its_readers_only() {
    // Its magic, its length (for more than there is, and less), a byte of its data.
    for (byte, mask) in [(1, 1), (8, 1), (11, 0x40), (100, 1)] {
        let mut log = Fixture::new(Durability::Sync);
        for n in 0..6 {
            log.put(n, 1800);
        }
        log.flush();
        let (path, place) = log.find("segments", b"FLBA", 1);
        log.handle.flip_bits(&path, place + byte, mask);
        assert_eq!(log.offset_at(from(0)), Some(0));
        assert!(matches!(log.read(from(1)), Err(StorageError::Damaged { .. })), "byte {byte}");
    }
}

#[test]
fn a_log_may_go_while_its_commit_write_behind_and_read_are_under_way() {
    for steps in 0..12 {
        let mut log = Fixture::new(Durability::Sync);
        for n in 0..3 {
            log.put(n, 3000);
        }
        let arrival = Timestamp::from_millis(9);
        log.engine.append(LOG, b"", &[1; 3000], arrival, Instant::default()).unwrap();
        log.engine.submit(Instant::default());
        log.engine.want_all_written();
        let reply = log.engine.read(LOG, from(0), 1);
        for _ in 0..steps {
            log.engine.step(Instant::default());
        }
        log.engine.remove_log(LOG);
        log.settle();
        drop(reply);
        assert!(!log.handle.paths().iter().any(|path| path.starts_with("segments")), "after {steps} steps");
        assert_eq!(log.engine.tail_bytes, 0);
    }
}
