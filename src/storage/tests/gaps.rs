//! A gap in a log that a start has found stays found, whatever is written behind it.

use crate::platform::BLOCK;

use super::*;

/// Found by flipping bits: a batch of the last segment was damaged, the journal held only later ones, and the
/// segment begun with those was made to follow the one before. The next start served the log with the gap.
#[test]
fn a_gap_found_at_one_start_is_told_at_the_next() {
    let mut met = 0;
    for records in 8..40 {
        let mut log = Fixture::new(Durability::Sync);
        (0..records).for_each(|n| drop(log.put(n, 10)));
        let Some(last) = log.handle.paths().into_iter().rfind(|path| path.starts_with("segments")) else {
            continue;
        };
        log.handle.flip_bits(&last, BLOCK + 60, 1);
        let mut log = log.restart();
        let told = log.engine.retain_logs(&[LOG]);
        log.flush();
        let told_again = log.restart().engine.retain_logs(&[LOG]);
        assert!(told.is_empty() || !told_again.is_empty(), "after {records} records");
        met += told.len();
    }
    assert!(met > 0, "no such gap came about");
}
