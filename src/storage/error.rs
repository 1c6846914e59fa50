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
    /// A write failed and the engine stopped taking more, so that nothing unproven is acknowledged.
    #[error("the log has stopped after a failed write: {0}")]
    Stopped(String),
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
