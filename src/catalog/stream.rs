//! A stream: its shards over time and its consumers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::{Consumer, Shard};
use crate::types::{HashKey, ShardId, StreamKey, Timestamp};

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
    /// Whose it is, and its name.
    pub key: StreamKey,
    /// Its name, unique in its account.
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
    /// What arrived before this had expired when retention was last changed: it does not come back.
    pub expired: Timestamp,
    /// Largest record, in KiB of data.
    pub max_record_kib: u32,
    /// All shards that still exist, by id. The last one is open: what closes has children, which come after.
    pub shards: Vec<Shard>,
    /// Since when all shards that were open are known: later than any was closed of those that are gone.
    pub whole_since: Timestamp,
    /// Consumers by name.
    pub consumers: BTreeMap<String, Consumer>,
    /// Tags by key.
    pub tags: BTreeMap<String, String>,
    /// The key its records are encrypted under, as the user names it.
    pub encryption_key: Option<String>,
    /// Shard-level metrics that are on, by name.
    pub metrics: BTreeSet<String>,
    /// Who may use it, as the user has put it.
    pub policy: Option<String>,
    /// Capacity kept ready, in MiB/s.
    pub warm_mibps: Option<u32>,
    /// The service finds each record's shard.
    pub auto_distribution: bool,
    /// What is counted over a day.
    pub recent: Recent,
    /// Indices into `shards` of the open ones, by first hash key.
    pub(super) open: Vec<usize>,
}

/// When the changes of the last day were made that the service counts: the latest last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recent {
    /// Changes of mode.
    pub modes: VecDeque<Timestamp>,
    /// Changes of the number of shards.
    pub scalings: VecDeque<Timestamp>,
    /// Keys taken into use.
    pub encryptions: VecDeque<Timestamp>,
    /// Ends of encryption.
    pub decryptions: VecDeque<Timestamp>,
}

/// Changes of one kind are remembered so far back.
const RECENT_MAX: usize = 32;
const DAY_MILLIS: u64 = 24 * 3_600_000;

impl Recent {
    /// How many of them fall into the day before `now`.
    pub fn in_a_day(of: &VecDeque<Timestamp>, now: Timestamp) -> usize {
        of.iter().filter(|at| now.millis_since(**at) < DAY_MILLIS).count()
    }

    pub(super) fn note(of: &mut VecDeque<Timestamp>, at: Timestamp) {
        if of.len() == RECENT_MAX {
            of.pop_front();
        }
        of.push_back(at);
    }
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

    /// The open shard whose turn it is, if they take turns, and a point of its range that falls anywhere in
    /// it: multiples of the golden ratio spread evenly however many there are.
    pub fn target_in_turn(&self, turn: usize) -> (&Shard, HashKey) {
        const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
        let shard = &self.shards[self.open[turn % self.open.len()]];
        (shard, shard.range.at((turn as u64).wrapping_mul(GOLDEN)))
    }

    /// MiB per second of the capacity to keep ready that are there: each open shard takes one.
    pub fn warm_mibps_now(&self) -> u32 {
        let open = u32::try_from(self.open.len()).unwrap_or(u32::MAX);
        self.warm_mibps.unwrap_or_default().min(open)
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
        now.minus_millis(u64::from(self.retention_hours) * 3_600_000).max(self.expired)
    }

    /// The id the next shard gets. None is given twice: the last shard stays as long as the stream.
    pub(super) fn next_shard_id(&self) -> ShardId {
        self.last_shard_id().map_or(ShardId(0), |last| ShardId(last.0 + 1))
    }

    /// The id the latest shard got.
    pub(super) fn last_shard_id(&self) -> Option<ShardId> {
        self.shards.last().map(|last| last.id)
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
