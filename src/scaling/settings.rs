//! The constants of the policy, each of which an operator can set.

use std::time::Duration;

use super::load::{PARTS, Rate};
use crate::limits;

/// When shards are split and merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What a shard takes per second: demand is measured by it.
    pub limit: Rate,
    /// A shard is split above this share of its limit. At a half, what is there takes twice what comes.
    pub split_percent: u32,
    /// It has to be above it for so long: longer than a burst that the shard's bucket evens out.
    pub split_secs: u32,
    /// A stream at most doubles its shards in so many seconds.
    pub double_secs: u32,
    /// Neighbours are merged whose demands together stayed below this share of one shard's limit,
    pub merge_percent: u32,
    /// for so many hours.
    pub merge_hours: u32,
    /// Shards a stream grows to at most.
    pub shards_max: u32,
}

impl Settings {
    /// The defaults, for shards of this limit.
    pub const fn new(limit: Rate) -> Self {
        Self {
            limit,
            split_percent: limits::ON_DEMAND_SPLIT_PERCENT,
            split_secs: limits::ON_DEMAND_SPLIT_SECS,
            double_secs: limits::ON_DEMAND_DOUBLE_SECS,
            merge_percent: limits::ON_DEMAND_MERGE_PERCENT,
            merge_hours: limits::ON_DEMAND_MERGE_HOURS,
            shards_max: limits::SHARDS_BY_SCALING_MAX,
        }
    }

    pub(super) fn split_parts(&self) -> u64 {
        u64::from(self.split_percent) * PARTS / 100
    }

    pub(super) fn merge_parts(&self) -> u64 {
        u64::from(self.merge_percent) * PARTS / 100
    }

    pub(super) fn split_after(&self) -> Duration {
        Duration::from_secs(u64::from(self.split_secs))
    }

    pub(super) fn double_after(&self) -> Duration {
        Duration::from_secs(u64::from(self.double_secs))
    }
}
