//! A shard: a range of the hash space for a span of time, and the log that holds its records.

use crate::types::{HashKeyRange, LogId, SequenceNumber, ShardId, Timestamp};

/// A shard, open or closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Its id within the stream.
    pub id: ShardId,
    /// Where its records are.
    pub log: LogId,
    /// Hash keys it takes, or took.
    pub range: HashKeyRange,
    /// When it was opened.
    pub created: Timestamp,
    /// The shard it came from by a split, or the lower one of a merge.
    pub parent: Option<ShardId>,
    /// The higher one of a merge.
    pub adjacent_parent: Option<ShardId>,
    /// When it was closed.
    pub closed: Option<Timestamp>,
    /// What took its place.
    pub children: Vec<ShardId>,
}

impl Shard {
    /// Whether it takes records.
    pub const fn is_open(&self) -> bool {
        self.closed.is_none()
    }

    /// Its parents, the lower first.
    pub fn parents(&self) -> impl Iterator<Item = ShardId> {
        self.parent.into_iter().chain(self.adjacent_parent)
    }

    /// The number before any record of it.
    pub fn starting_sequence_number(&self) -> SequenceNumber {
        SequenceNumber::shard_start(self.created.as_secs(), self.id)
    }

    /// The number after any record of it, once it is closed.
    pub fn ending_sequence_number(&self) -> Option<SequenceNumber> {
        Some(SequenceNumber::shard_end(self.created.as_secs(), self.closed?.as_secs(), self.id))
    }
}
