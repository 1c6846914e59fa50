//! What went in and out of one shard since the start, counted where it happens by adding to plain cells: the
//! data path pays nothing for series that exist only where enhanced monitoring asks for them.

use std::cell::Cell;

/// Totals of one shard. On one thread.
#[derive(Debug, Default)]
pub struct ShardTraffic {
    /// Bytes of data and keys accepted.
    pub incoming_bytes: Cell<u64>,
    /// Records accepted.
    pub incoming_records: Cell<u64>,
    /// Bytes of data and keys pulled and pushed.
    pub outgoing_bytes: Cell<u64>,
    /// Records pulled and pushed.
    pub outgoing_records: Cell<u64>,
    /// Records its write quota refused.
    pub throttled_writes: Cell<u64>,
    /// Calls its read quota refused.
    pub throttled_reads: Cell<u64>,
}

impl ShardTraffic {
    /// Counts one record accepted.
    pub fn accepted(&self, bytes: usize) {
        add(&self.incoming_records, 1);
        add(&self.incoming_bytes, bytes as u64);
    }

    /// Counts records that left.
    pub fn left(&self, records: u64, bytes: usize) {
        add(&self.outgoing_records, records);
        add(&self.outgoing_bytes, bytes as u64);
    }
}

/// Adds to a total.
pub fn add(total: &Cell<u64>, more: u64) {
    total.set(total.get().wrapping_add(more));
}
