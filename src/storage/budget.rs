//! How much of the disk the log takes, and where it ends: at `--data-max-bytes` puts are refused and reads
//! go on. Nothing inside its retention is deleted to make room; retention does that, or who deletes streams.

use super::engine::Engine;

/// Bytes of the data directory, and how many there may be.
#[derive(Debug, Default)]
pub(super) struct Budget {
    bytes_max: Option<u64>,
    /// Puts are refused.
    pub(super) is_spent: bool,
}

impl Engine {
    /// Sets the bytes of journal and segments at which puts are refused; `None` for no such bound.
    pub fn set_data_bytes_max(&mut self, bytes_max: Option<u64>) {
        self.budget.bytes_max = bytes_max;
        self.meters.data_limit.set(bytes_max.map_or(f64::INFINITY, |bytes| bytes as f64));
        self.account_data();
    }

    /// Adds up the files' sizes and decides whether puts are taken: to be called now and then. What is
    /// written between two calls comes on top of the bound.
    pub fn account_data(&mut self) {
        let bytes = self.data_bytes();
        self.meters.data_bytes.set(bytes as f64);
        self.meters.disk_in_flight.set(std::mem::take(&mut self.pending_most) as f64);
        let is_spent = self.budget.bytes_max.is_some_and(|bytes_max| bytes >= bytes_max);
        self.meters.data_limit_reached.set(f64::from(u8::from(is_spent)));
        match (self.budget.is_spent, is_spent) {
            (false, true) => tracing::error!(bytes, "--data-max-bytes is reached: puts are refused"),
            (true, false) => tracing::info!(bytes, "below --data-max-bytes again: puts are taken"),
            _ => {}
        }
        self.budget.is_spent = is_spent;
    }

    /// Bytes of all journal and segment files.
    pub fn data_bytes(&self) -> u64 {
        let journal: u64 = self.journal.files.iter().map(|file| file.bytes).sum();
        let segments = self.logs.values().flat_map(|log| &log.segments).map(|segment| segment.file_bytes);
        journal + segments.sum::<u64>()
    }
}
