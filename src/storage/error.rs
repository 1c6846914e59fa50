//! What can go wrong in the log, in its own words.

use std::io;

use thiserror::Error;

use crate::types::LogId;

/// Why the log did not do what it was asked.
#[derive(Clone, Debug, Error)]
pub enum StorageError {
    /// The log does not exist (any more).
    #[error("log {0} does not exist")]
    NoSuchLog(LogId),
    /// Too much waits for the disk already; later attempts may pass.
    #[error("too many bytes wait for the disk")]
    Backlog,
    /// The commit's write failed: it is not acknowledged, and the log goes on without it.
    #[error("a commit failed: {0}")]
    Failed(String),
    /// Several commits failed in a row: the engine takes no more until an attempt of its own succeeds.
    #[error("the log has stopped after failed writes: {0}")]
    Stopped(String),
    /// The journal is full of records that segments cannot take: the disk is full, or fails.
    #[error("the journal is full and nothing can be moved to segments")]
    Full,
    /// The data directory has reached the bytes it was allowed.
    #[error("the data directory has reached --data-max-bytes")]
    DataLimit,
    /// Another writer has claimed the log since.
    #[error("log {0} belongs to another writer now")]
    Fenced(LogId),
    /// What was read is not what was written.
    #[error("log {log} is damaged: {what}")]
    Damaged {
        /// Whose log.
        log: LogId,
        /// Where and how.
        what: String,
    },
    /// A read failed.
    #[error("reading log {log} failed: {what}")]
    Read {
        /// Whose log.
        log: LogId,
        /// The disk's words.
        what: String,
    },
    /// The journal contradicts itself, so acknowledged records may be missing.
    #[error("{file} is damaged at byte {at}: an entry is unreadable although later ones exist")]
    JournalDamaged {
        /// Which file.
        file: String,
        /// Where.
        at: u64,
    },
    /// The data directory could not be opened or prepared.
    #[error("preparing {what} failed: {error}")]
    Prepare {
        /// What was being prepared.
        what: String,
        /// The disk's words.
        error: String,
    },
}

impl StorageError {
    /// A failure to prepare `what`.
    pub(super) fn prepare(what: impl Into<String>, error: &io::Error) -> Self {
        Self::Prepare { what: what.into(), error: error.to_string() }
    }
}
