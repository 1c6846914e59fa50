//! What one `GetRecords` call returns: the records from an offset on that fit its bounds and are not past
//! retention, and where the next call goes on.

use crate::shard_log::{Batch, Record};
use crate::types::{Offset, Timestamp};

/// Records of one answer.
#[derive(Debug)]
pub struct Page {
    /// In order.
    pub records: Vec<Record>,
    /// Data and partition keys of all of them.
    pub payload_bytes: usize,
    /// Where the next call begins.
    pub next: Offset,
    records_max: usize,
    bytes_max: usize,
    full: bool,
}

impl Page {
    /// An empty page from `from` on.
    pub fn new(from: Offset, records_max: usize, bytes_max: usize) -> Self {
        Self { records: Vec::new(), payload_bytes: 0, next: from, records_max, bytes_max, full: false }
    }

    /// Whether it takes no more.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Bytes it still takes.
    pub fn bytes_left(&self) -> usize {
        self.bytes_max.saturating_sub(self.payload_bytes)
    }

    /// Takes what is due and fits. Records that arrived before `horizon` are past retention: skipped.
    pub fn take(&mut self, batch: &Batch, horizon: Timestamp) {
        for record in batch.records() {
            if self.full || record.offset < self.next {
                continue;
            }
            if record.arrival >= horizon && !self.fits(&record) {
                self.full = true;
                return;
            }
            self.next = record.offset.plus(1);
            if record.arrival >= horizon {
                self.payload_bytes += record.payload_bytes();
                self.records.push(record);
            }
        }
    }

    /// A record larger than the bound still goes out, alone.
    fn fits(&self, record: &Record) -> bool {
        let bytes = self.payload_bytes + record.payload_bytes();
        self.records.len() < self.records_max && (self.records.is_empty() || bytes <= self.bytes_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard_log::{BatchBuilder, Link};
    use crate::types::LogId;

    fn batch(base: u64, arrivals: &[u64]) -> Batch {
        let mut builder = BatchBuilder::default();
        for &arrival in arrivals {
            builder.push(b"k", &[7; 99], Timestamp::from_millis(arrival));
        }
        builder.seal(LogId(1), Offset(base), 1, Link::default())
    }

    #[test]
    fn skips_what_is_past_retention_and_stops_at_its_bounds() {
        let mut page = Page::new(Offset(1), 10, 250);
        page.take(&batch(0, &[1, 5, 10, 20, 30]), Timestamp::from_millis(10));
        let offsets: Vec<_> = page.records.iter().map(|record| record.offset.0).collect();
        assert_eq!((offsets, page.next, page.payload_bytes), (vec![2, 3], Offset(4), 200));
        assert!(page.is_full());
        let mut few = Page::new(Offset(0), 1, 1000);
        few.take(&batch(0, &[1, 1]), Timestamp::default());
        assert_eq!((few.records.len(), few.next, few.is_full()), (1, Offset(1), true));
    }
}
