//! A stream: its shards over time and its consumers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Consumer, Shard};
use crate::types::{HashKey, ShardId, Timestamp};

/// `Creating → Active ↔ Updating`, and from any of them `→ Deleting →` gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamStatus {
    /// Made, not usable yet.
    Creating,
    /// Usable.
    Active,
    /// Usable while something changes.
    Updating,
    /// On its way out.
    Deleting,
}

impl StreamStatus {
    /// The service's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "CREATING",
            Self::Active => "ACTIVE",
            Self::Updating => "UPDATING",
            Self::Deleting => "DELETING",
        }
    }
}

/// Who decides the number of shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StreamMode {
    /// The user.
    #[serde(rename = "PROVISIONED")]
    Provisioned,
    /// The service.
    #[serde(rename = "ON_DEMAND")]
    OnDemand,
}

impl StreamMode {
    /// The service's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Provisioned => "PROVISIONED",
            Self::OnDemand => "ON_DEMAND",
        }
    }
}

/// A stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Its name, unique.
    pub name: String,
    /// When it was created; tells incarnations of a name apart.
    pub created: Timestamp,
    /// Where it is in its life.
    pub status: StreamStatus,
    /// When it entered that status.
    pub since: Timestamp,
    /// Provisioned or on demand.
    pub mode: StreamMode,
    /// How long records are kept.
    pub retention_hours: u32,
    /// Largest record, in KiB of data.
    pub max_record_kib: u32,
    /// All shards that still exist, by id.
    pub shards: Vec<Shard>,
    /// Consumers by name.
    pub consumers: BTreeMap<String, Consumer>,
    /// Tags by key.
    pub tags: BTreeMap<String, String>,
    /// Indices into `shards` of the open ones, by first hash key.
    pub(super) open: Vec<usize>,
}

impl Stream {
    /// Whether data operations work.
    pub const fn takes_data(&self) -> bool {
        !matches!(self.status, StreamStatus::Creating)
    }

    /// The open shard a hash key belongs to. There always is one: open shards cover the hash space.
    pub fn shard_for(&self, key: HashKey) -> &Shard {
        let after = self.open.partition_point(|&index| self.shards[index].range.start <= key);
        &self.shards[self.open[after.saturating_sub(1)]]
    }

    /// The shard with this id.
    pub fn shard(&self, id: ShardId) -> Option<&Shard> {
        let index = self.shards.binary_search_by_key(&id, |shard| shard.id).ok()?;
        self.shards.get(index)
    }

    /// Shards that take records, by first hash key.
    pub fn open_shards(&self) -> impl Iterator<Item = &Shard> {
        self.open.iter().map(|&index| &self.shards[index])
    }

    /// How many shards take records.
    pub fn open_shard_count(&self) -> usize {
        self.open.len()
    }

    /// Arrivals before this time are no longer readable at `now`.
    pub fn trim_horizon(&self, now: Timestamp) -> Timestamp {
        now.minus_millis(u64::from(self.retention_hours) * 3_600_000)
    }

    pub(super) fn shard_mut(&mut self, id: ShardId) -> Option<&mut Shard> {
        let index = self.shards.binary_search_by_key(&id, |shard| shard.id).ok()?;
        self.shards.get_mut(index)
    }

    /// Recomputes what is derived from `shards`.
    pub(super) fn index_open(&mut self) {
        self.open = (0..self.shards.len()).filter(|&index| self.shards[index].is_open()).collect();
        self.open.sort_by_key(|&index| self.shards[index].range.start);
    }
}
