//! A disk without room, or on which nothing becomes durable: what is refused, and that it is said.

use super::*;

/// Appends records, one a commit, until one is refused; answers how many were taken, and the refusal.
fn put_until_refused(log: &mut Fixture) -> (u64, StorageError) {
    for taken in 0..1000 {
        let arrival = Timestamp::from_millis(taken);
        match log.engine.append(LOG, b"key", &[7; 2900], arrival, Instant::default()) {
            Ok(appended) => {
                log.engine.submit(Instant::default());
                log.settle();
                if let Some(Err(error)) = appended.ack.outcome() {
                    return (taken, error);
                }
            }
            Err(error) => return (taken, error),
        }
    }
    panic!("nothing is ever refused");
}

/// With a write-behind that failed, puts were refused as soon as the last journal file was begun, though all
/// of it was free: a ring of two files took half of what it has room for, and a single failed write to a
/// segment refused every put for a tenth of a second.
#[test]
fn a_journal_is_full_when_it_is_full() {
    let mut log = Fixture::new(Durability::Sync);
    log.handle.set_full(true);
    let (taken, refusal) = put_until_refused(&mut log);
    assert!(matches!(refusal, StorageError::Full), "{refusal}");
    // Two files of eight blocks, of which a use's first entry takes one and every commit one.
    assert_eq!(taken, 14);
}

/// Readiness and the gauge of health knew only the log that has stopped: with the journal full, every put was
/// refused and both said that the server takes records.
#[test]
fn a_full_journal_is_told_until_there_is_room() {
    let mut log = Fixture::new(Durability::Sync);
    log.handle.set_full(true);
    assert_eq!(log.engine.refuses(), None);
    put_until_refused(&mut log);
    assert!(log.engine.refuses().is_some_and(|reason| reason.contains("full")));
    log.engine.retry_write_behinds(Instant::default());
    log.settle();
    assert!(log.engine.refuses().is_some(), "there is no room yet");
    log.handle.set_full(false);
    for _ in 0..3 {
        log.engine.retry_write_behinds(Instant::default());
        log.settle();
    }
    assert_eq!(log.engine.refuses(), None);
    log.put(2000, 100);
}

/// With two journal files, as by default, the third failure that stops the log never came: both files had
/// failed, puts were refused as if the disk were full, nobody asked for another file, and nothing told.
#[test]
fn a_log_without_a_file_to_write_to_stops_and_goes_on() {
    let at = |secs: u64| Instant::from_nanos(secs * 1_000_000_000);
    let mut log = Fixture::new(Durability::Sync);
    log.put(1, 100);
    (1..500).for_each(|n| log.handle.fail_nth(n, EIO));
    for n in 0..4 {
        let (taken, _) = put_until_refused(&mut log);
        assert_eq!(taken, 0);
        log.engine.retry_write_behinds(at(n));
        log.settle();
    }
    assert!(log.engine.stopped().is_some_and(|reason| reason.contains("no journal file")));
    log.handle.forget_faults();
    assert_eq!(log.offset_at(from(0)), Some(0), "reading does not wait for that");
    for n in 10..13 {
        log.engine.retry_write_behinds(at(n));
        log.settle();
    }
    assert_eq!(log.engine.refuses(), None);
    let next = log.put(3, 100);
    assert_eq!(log.restart().offset_at(from(1)), Some(next.offset.0));
}
