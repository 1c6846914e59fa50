//! One shard's log as bytes: batches of records in checksummed frames, the journal entries that commit
//! them, the segment files they end up in. Pure: no file, ring, clock or HTTP.

mod batch;
mod bytes_at;
mod checksum;
mod fold;
mod journal;
mod marks;
mod segment;

pub use batch::{BATCH_HEADER_BYTES, Batch, BatchBuilder, BatchError, Link, Record, peek_len};
pub use fold::{Act, Epoch, Fold, Verdict};
pub use journal::{
    ENTRY_HEADER_BYTES, Entry, EntryError, EntryHeader, USES_TOLD_MAX, UseEnd, entry_len, open_entry,
    opening_entry, seal_entry,
};
pub use marks::Marks;
pub use segment::{
    IndexEntry, SegmentFooter, SegmentHeader, SegmentIndex, footer_bytes, is_index, open_footer,
    segment_bytes_after,
};
