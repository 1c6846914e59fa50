//! What is told to whoever watches the server, not only to the reader.

use metrics_exporter_prometheus::PrometheusBuilder;

use crate::telemetry::names;

use super::*;

/// Whoever came upon damage was told and a line was logged, but no metric said so: with the scrubber off, or
/// in the hours before it came to the place, nobody who watches metrics knew.
#[test]
fn readers_who_meet_damage_are_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let counted = || {
        let value = |line: &str| line.strip_prefix(names::DAMAGED_READS)?.trim().parse().ok();
        handle.render().lines().find_map(value).unwrap_or(0)
    };
    metrics::with_local_recorder(&recorder, || {
        let mut log = Fixture::new(Durability::Sync);
        for n in 0..6 {
            log.put(n, 1800);
        }
        log.flush();
        let (path, place) = log.find("segments", b"FLBA", 1);
        log.handle.flip_bits(&path, place + 100, 1);
        assert_eq!((log.offset_at(from(0)), counted()), (Some(0), 0), "what lies before is served");
        for readers in 1..3 {
            assert!(matches!(log.read(from(1)), Err(StorageError::Damaged { .. })));
            assert_eq!(counted(), readers);
        }
        // A log that is damaged since the start answers without a look at the disk.
        log.handle.flip_bits(&path, 20, 1);
        let mut log = log.restart();
        assert!(matches!(log.read(from(0)), Err(StorageError::Damaged { .. })));
        assert_eq!(counted(), 3);
    });
}
