//! Who is shown what a walk over a data directory finds.

use std::io;

use crate::shard_log::{Batch, SegmentFooter};
use crate::storage::SegmentName;

use super::Damage;

/// Where a batch stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) file: &'a str,
    pub(super) at: u64,
    /// In the journal a batch may be one that a segment holds too.
    pub(super) is_repeated: bool,
    pub(super) is_journal: bool,
}

/// A segment before its batches are shown.
#[derive(Clone, Debug)]
pub(super) struct SegmentFound<'a> {
    pub(super) name: SegmentName,
    pub(super) path: &'a str,
    pub(super) bytes: u64,
    /// Of a sealed one.
    pub(super) footer: Option<SegmentFooter>,
    pub(super) index_entries: usize,
}

/// Is shown everything in order: the segments of log after log, then the journal.
pub(super) trait Visit {
    /// Whether the batches of a segment are to be read.
    fn segment(&mut self, segment: &SegmentFound<'_>) -> io::Result<bool>;
    /// An intact batch that goes on from what is before it.
    fn batch(&mut self, place: Place<'_>, batch: &Batch) -> io::Result<()>;
    /// A journal file, after its entries.
    fn journal_file(&mut self, path: &str, entries: u64, generation: Option<u64>) -> io::Result<()>;
    /// Something is wrong.
    fn damage(&mut self, damage: Damage);
    /// Nothing is wrong, but one may wonder.
    fn note(&mut self, note: String);
}
