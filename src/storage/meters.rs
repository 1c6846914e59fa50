//! Metric handles of the commit path, looked up once.

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use crate::telemetry::names;

/// Metric handles of the commit path, looked up once.
pub(super) struct Meters {
    pub(super) gather: Histogram,
    pub(super) commit: Histogram,
    pub(super) records: Histogram,
    pub(super) bytes: Histogram,
    pub(super) commits: Counter,
    pub(super) tail_bytes: Gauge,
    pub(super) gathered_bytes: Gauge,
    pub(super) healthy: Gauge,
    pub(super) retired: Gauge,
    pub(super) write_behind: Histogram,
    pub(super) data_bytes: Gauge,
    pub(super) data_limit: Gauge,
    pub(super) data_limit_reached: Gauge,
    pub(super) disk_in_flight: Gauge,
}

impl Meters {
    pub(super) fn new() -> Self {
        Self {
            gather: histogram!(names::GATHER_LATENCY),
            commit: histogram!(names::COMMIT_LATENCY),
            records: histogram!(names::COMMIT_RECORDS),
            bytes: histogram!(names::COMMIT_BYTES),
            commits: counter!(names::COMMITS),
            tail_bytes: gauge!(names::TAIL_BYTES),
            gathered_bytes: gauge!(names::GATHERED_BYTES),
            healthy: gauge!(names::STORAGE_HEALTHY),
            retired: gauge!(names::JOURNAL_FILES_RETIRED),
            write_behind: histogram!(names::WRITE_BEHIND_LATENCY),
            data_bytes: gauge!(names::DATA_BYTES),
            data_limit: gauge!(names::DATA_LIMIT_BYTES),
            data_limit_reached: gauge!(names::DATA_LIMIT_REACHED),
            disk_in_flight: gauge!(names::DISK_IN_FLIGHT),
        }
    }
}
