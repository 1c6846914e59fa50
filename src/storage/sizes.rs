//! The engine's sizes in one place: what the server runs with by default, and what a test shrinks so that
//! every edge is met in a few kilobytes.

use crate::limits;

/// Bounds of the engine's files, buffers and queues.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Bytes of one journal file: it has room for the largest commit and two blocks.
    pub journal_file: u64,
    /// Journal files made at the start.
    pub journal_files_min: usize,
    /// Journal files at most.
    pub journal_files_max: usize,
    /// Bytes of a batch before the next one begins.
    pub batch: usize,
    /// Bytes of one commit, unless a single batch is larger.
    pub commit: usize,
    /// Bytes that may wait for a commit.
    pub gathered: usize,
    /// Bytes of a log that wait in memory before they are written behind, and of one such write.
    pub write_behind: usize,
    /// Bytes of a log's first segment.
    pub segment_min: u64,
    /// Bytes of a segment at most, unless one batch is larger.
    pub segment_max: u64,
    /// Bytes of the first read from a segment that is opened, at its start and at its end.
    pub scan_first: usize,
    /// Bytes read at a time at most from a segment that has to be scanned.
    pub scan: usize,
    /// Segments that are written to and keep a descriptor open.
    pub segments_open: usize,
    /// Bytes of one read, and between two entries of a segment's index.
    pub read_block: usize,
    /// Bytes of one read while commits keep the disk busy, too.
    pub read_block_small: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            journal_file: limits::JOURNAL_FILE_BYTES,
            journal_files_min: limits::JOURNAL_FILES_MIN,
            journal_files_max: limits::JOURNAL_FILES_MAX,
            batch: limits::BATCH_BYTES_MAX,
            commit: limits::COMMIT_BYTES_MAX,
            gathered: limits::GATHERED_BYTES_MAX,
            write_behind: limits::WRITE_BEHIND_BYTES,
            segment_min: limits::SEGMENT_BYTES_MIN,
            segment_max: limits::SEGMENT_BYTES_MAX,
            scan_first: limits::SCAN_FIRST_BYTES,
            scan: limits::SCAN_BYTES,
            segments_open: limits::SEGMENTS_OPEN_MAX,
            read_block: limits::READ_BLOCK_BYTES,
            read_block_small: limits::READ_BLOCK_BYTES_SMALL,
        }
    }
}
