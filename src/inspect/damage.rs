//! A place that does not hold what it should, and what that means to whoever runs the server.

use std::fmt;

/// One damaged place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file, from the data directory.
    pub file: String,
    /// Byte position in it.
    pub at: u64,
    /// What is wrong.
    pub what: String,
    /// What follows from it.
    pub meaning: String,
}

impl Damage {
    pub(super) fn new(file: &str, at: u64, what: impl Into<String>, meaning: impl Into<String>) -> Self {
        Self { file: file.to_owned(), at, what: what.into(), meaning: meaning.into() }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, byte {}: {}: {}", self.file, self.at, self.what, self.meaning)
    }
}
