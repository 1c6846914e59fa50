//! Logs go by the thousand: a stream of many shards, or shards past retention.

use super::*;

const LOGS: u64 = 400;

/// Each has something in memory, whose places among what is to be evicted are not looked through for each.
#[test]
fn what_many_logs_had_in_memory_is_forgotten_with_them() {
    let settings = Settings { durability: Durability::Sync, tail_bytes: 64 << 20, sizes: sizes() };
    let mut log = Fixture::on(SimDisk::new(1), settings);
    log.put(0, 10);
    for id in (100..).map(LogId).take(usize::try_from(LOGS).unwrap()) {
        log.engine.open_log(id);
        let arrival = Timestamp::from_millis(1);
        log.engine.append(id, b"key", &[7; 10], arrival, Instant::default()).unwrap();
        log.engine.submit(Instant::default());
    }
    log.settle();
    let kept = log.engine.logs[&LOG].tail.len();
    for id in (100..100 + LOGS).map(LogId) {
        log.engine.remove_log(id);
        let stale = log.engine.eviction_stale;
        assert!(2 * stale <= log.engine.eviction.len(), "{stale} of {}", log.engine.eviction.len());
    }
    log.settle();
    assert!(log.engine.eviction.len() <= 2 * kept, "{} places for {kept} batches", log.engine.eviction.len());
    assert_eq!(log.engine.logs[&LOG].tail.len(), kept);
    log.put(2, 10);
}
