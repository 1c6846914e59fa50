//! The engine's rules, one by one, on a simulated disk. What random schedules found once stands here by name.

use crate::platform::sim::{Fault, SimDisk, SimHandle};
use crate::shard_log::Record;
use crate::types::{Instant, LogId, Offset, Timestamp};

use super::*;

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
fn a_failed_commit_is_refused_and_stops_writing_but_not_reading() {
    for fault in [EIO, Fault::Short] {
        let mut log = Fixture::new(Durability::Sync);
        log.put(1, 100);
        log.handle.fail_nth(1, fault);
        let failed = log.put(2, 100);
        assert!(matches!(failed.ack.outcome(), Some(Err(StorageError::Stopped(_)))));
        let next = log.engine.append(LOG, b"", b"", Timestamp::default(), Instant::default());
        assert!(matches!(next, Err(StorageError::Stopped(_))));
        assert_eq!(log.read(from(0)).unwrap().len(), 1);
        assert!(log.read(from(1)).unwrap().is_empty(), "a failed commit is not read");
    }
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
    log.settle();
    assert!(log.engine.stopped().is_some());
    assert!(matches!(appended.ack.outcome(), None | Some(Err(_))));
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
    for n in 0..30 {
        log.put(n, 2900);
    }
    let readable = log.engine.tip(LOG).unwrap();
    assert!(readable < Offset(30) && log.engine.stopped().is_none(), "commits wait");
    assert_eq!(log.offset_at(from(0)), Some(0));
    log.handle.set_full(false);
    for _ in 0..20 {
        log.engine.retry_write_behinds(Instant::default());
        log.settle();
    }
    assert_eq!(log.engine.tip(LOG), Some(Offset(30)));
    assert_eq!(log.offset_at(from(29)), Some(29));
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
