//! What a start has read stays read, whatever the power takes next. All found by random schedules.

use crate::platform::BLOCK;

use super::*;

fn settings(durability: Durability) -> Settings {
    Settings { durability, tail_bytes: 0, sizes: sizes() }
}

/// Opens what was left, after the n-th operation of a first attempt has failed; none if that changed nothing.
fn open_after_a_failure(log: Fixture, n: u64) -> Option<Fixture> {
    let disk = log.handle.restart();
    let handle = disk.handle();
    handle.fail_nth(n, Fault::Errno(5));
    Engine::open(Box::new(disk), log.settings).err()?;
    let mut log = Fixture::on(handle.restart(), settings(Durability::Sync));
    log.handle.forget_faults();
    assert!(log.engine.retain_logs(&[LOG]).is_empty(), "what was not synced may be lost");
    Some(log)
}

/// Seeds 329285, 769547: a segment torn under durability `none` got its footer by a start that failed in
/// writing it. The next start read that footer; the one after it, when the power had taken it, saw damage.
#[test]
fn a_footer_left_by_a_start_that_failed_is_made_durable_by_the_next() {
    let mut met = 0;
    for (seed, n) in (0..20).flat_map(|seed| (1..40).map(move |n| (seed, n))) {
        let mut log = Fixture::on(SimDisk::new(seed), settings(Durability::None));
        for millis in 0..2 {
            log.put(millis, 10);
            log.flush();
        }
        log.engine.end_journal(Instant::default());
        log.settle();
        let segment = log.handle.paths().into_iter().find(|path| path.starts_with("segments")).unwrap();
        log.handle.flip_bits(&segment, 2 * BLOCK + 70, 1);
        let Some(mut log) = open_after_a_failure(log, n) else { continue };
        // Another log goes on: the journal tells nothing of this one any more.
        log.engine.open_log(LogId(2));
        let (arrival, now) = (Timestamp::from_millis(5), Instant::default());
        log.engine.append(LogId(2), b"key", b"", arrival, now).unwrap();
        log.engine.submit(now);
        log.settle();
        let mut log = Fixture::on(log.handle.crash(), log.settings);
        assert!(log.engine.retain_logs(&[LOG]).is_empty(), "seed {seed}, operation {n}");
        met += 1;
    }
    assert!(met > 0, "no start failed");
}

/// Seed 686081: a commit was cut short by the power, and the one put in its place by the next start too. What
/// the second left of its sectors completed the first, which nobody had seen after the first cut.
#[test]
fn a_commit_cut_short_is_not_completed_by_what_follows_it() {
    for seed in 0..400 {
        fastrand::seed(seed);
        let mut log = Fixture::on(SimDisk::new(seed), settings(Durability::Sync));
        log.put(0, 10);
        for millis in [5, 6] {
            let arrival = Timestamp::from_millis(millis);
            log.engine.append(LOG, b"key", &[7; 2800], arrival, Instant::default()).unwrap();
            log.engine.submit(Instant::default());
            log = Fixture::on(log.handle.crash(), log.settings);
            let behind = log.read(from(1)).unwrap();
            let mut arrivals = behind.iter().map(|record| record.arrival.as_millis());
            if millis == 5 && !behind.is_empty() {
                break;
            }
            assert!(arrivals.all(|arrival| arrival == millis), "seed {seed}: it is there, having not been");
        }
    }
}

/// Two processes give the log's first segment a footer, of which only part arrives: the one where the segment
/// is full, the next where the journal takes over, which is before. Tells whether the index of the second
/// makes up a whole footer with what there is of the first.
fn footers_of_two(mut log: Fixture, is_followed: bool) -> (Fixture, bool) {
    log.put(0, 10);
    log.engine.end_journal(Instant::default());
    log.settle();
    log.put(1, 10);
    // The journal takes the third record; the footer fails, and so does the next segment.
    [2, 3].into_iter().for_each(|n| log.handle.fail_nth(n, EIO));
    log.put(2, 10);
    let before = index_and_footer(&log);
    let mut log = log.restart();
    log.handle.fail_nth(1, EIO);
    if !is_followed {
        log.handle.fail_nth(2, EIO);
    }
    log.flush();
    let (index, footer) = index_and_footer(&log);
    (log, index != before.0 && footer == before.1 && footer.iter().any(|&byte| byte != 0))
}

/// The last two blocks of the log's first segment.
fn index_and_footer(log: &Fixture) -> (Vec<u8>, Vec<u8>) {
    let path = log.handle.paths().into_iter().find(|path| path.starts_with("segments")).unwrap();
    let mut index = log.handle.contents(&path).unwrap();
    index.drain(..index.len() - 2 * BLOCK);
    let footer = index.split_off(BLOCK);
    (index, footer)
}

/// Seed 504988: a segment was full and its footer failed; the footer's block arrived, the index did not. At
/// the next start the journal took over before the segment's end: it got a footer for that, and a next one
/// began there. That footer failed too: its index arrived, which was the same, and made the first one whole.
/// The start after that believed the first, had the segment end behind where the next begins, and saw damage.
#[test]
fn a_footer_made_up_of_two_does_not_reach_behind_the_next_segment() {
    let mut met = [0, 0];
    for (seed, is_followed) in (0..100).flat_map(|seed| [(seed, true), (seed, false)]) {
        let sizes = Sizes { read_block: 2 * BLOCK, ..sizes() };
        let log = Fixture::on(SimDisk::new(seed), Settings { sizes, ..settings(Durability::Sync) });
        let (mut log, is_whole) = footers_of_two(log, is_followed);
        for is_cut in [false, true] {
            let disk = if is_cut { log.handle.crash() } else { log.handle.restart() };
            log = Fixture::on(disk, log.settings);
            assert_eq!(log.engine.retain_logs(&[LOG]), [], "seed {seed}, {is_followed}, {is_cut}");
            (0..3).for_each(|offset| assert_eq!(log.offset_at(from(offset)), Some(offset)));
            log.flush();
        }
        met[usize::from(is_followed)] += u32::from(is_whole);
    }
    assert!(met.iter().all(|&met| met > 0), "no footer came about: {met:?}");
}
