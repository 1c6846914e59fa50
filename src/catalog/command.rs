//! What changes the catalog: one command per journal record, as JSON. Members are only ever added.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{CommitmentStatus, StreamMode};
use crate::types::{HashKey, ShardId, StreamKey, Timestamp};

/// One change. Times are part of it, so that a replay gives the same result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command")]
pub enum Command {
    /// The first command of a data directory.
    Genesis {
        /// Key of iterators and page tokens, in hexadecimal.
        secret: String,
    },
    /// A stream comes to be, in CREATING.
    CreateStream {
        /// Whose, and its name.
        stream: StreamKey,
        /// When.
        at: Timestamp,
        /// Provisioned or on demand.
        mode: StreamMode,
        /// Open shards at the start.
        shards: u32,
        /// Largest record, in KiB of data.
        max_record_kib: u32,
        /// Tags given along.
        tags: BTreeMap<String, String>,
        /// The service finds each record's shard.
        #[serde(default)]
        auto_distribution: bool,
        /// Capacity kept ready, in MiB/s.
        #[serde(default)]
        warm_mibps: Option<u32>,
    },
    /// A stream enters ACTIVE.
    ActivateStream {
        /// Which.
        stream: StreamKey,
        /// When.
        at: Timestamp,
    },
    /// A stream enters DELETING.
    DeleteStream {
        /// Which.
        stream: StreamKey,
        /// When.
        at: Timestamp,
    },
    /// A stream is gone, with its consumers and logs.
    RemoveStream {
        /// Which.
        stream: StreamKey,
    },
    /// Records of a stream are kept for another time.
    SetRetention {
        /// Of which stream.
        stream: StreamKey,
        /// When it was asked for.
        #[serde(default)]
        at: Timestamp,
        /// How long, in hours.
        hours: u32,
    },
    /// Shards close and their hash ranges are covered by new ones, at one instant.
    Reshard {
        /// Of which stream.
        stream: StreamKey,
        /// When.
        at: Timestamp,
        /// The shard (split), or the two neighbours (merge, the lower one first), that close.
        parents: Vec<ShardId>,
        /// First hash keys of the children, ascending; the first equals the first parent's.
        starts: Vec<HashKey>,
    },
    /// All open shards give way to others that begin at these hash keys, by splits and merges at one instant.
    Rescale {
        /// Of which stream.
        stream: StreamKey,
        /// When.
        at: Timestamp,
        /// First hash keys of the shards to come, ascending from 0.
        starts: Vec<HashKey>,
    },
    /// Closed shards are gone, with their logs: nothing they held is readable any more.
    ForgetShards {
        /// Of which stream.
        stream: StreamKey,
        /// Which, by id; none of them has a parent that stays.
        shards: Vec<ShardId>,
    },
    /// Who decides the number of shards changes.
    SetMode {
        /// Of which stream.
        stream: StreamKey,
        /// When.
        at: Timestamp,
        /// From now on.
        mode: StreamMode,
        /// Capacity kept ready, in MiB/s.
        warm_mibps: Option<u32>,
    },
    /// Records of another size are taken.
    SetMaxRecord {
        /// Of which stream.
        stream: StreamKey,
        /// When.
        at: Timestamp,
        /// Largest record, in KiB of data.
        kib: u32,
    },
    /// Another capacity is kept ready.
    SetWarmThroughput {
        /// Of which stream.
        stream: StreamKey,
        /// When.
        at: Timestamp,
        /// In MiB/s.
        mibps: u32,
    },
    /// Who finds each record's shard changes.
    SetDistribution {
        /// Of which stream.
        stream: StreamKey,
        /// The service does.
        auto: bool,
    },
    /// Records are encrypted under a key, or no longer.
    SetEncryption {
        /// Of which stream.
        stream: StreamKey,
        /// When.
        at: Timestamp,
        /// The key as the user names it.
        key: Option<String>,
    },
    /// Shard-level metrics are switched on or off.
    SetMonitoring {
        /// Of which stream.
        stream: StreamKey,
        /// Those that are on, by name.
        metrics: BTreeSet<String>,
    },
    /// Tags of a stream or of a consumer change.
    ChangeTags {
        /// Which stream.
        stream: StreamKey,
        /// Which of its consumers, unless the stream itself is meant.
        consumer: Option<String>,
        /// To be there.
        set: BTreeMap<String, String>,
        /// To be gone.
        remove: BTreeSet<String>,
    },
    /// Who may use a stream or a consumer changes.
    SetPolicy {
        /// Which stream.
        stream: StreamKey,
        /// Which of its consumers, unless the stream itself is meant.
        consumer: Option<String>,
        /// The policy as given; none takes it away.
        policy: Option<String>,
    },
    /// An account commits itself to a minimum throughput, or asks for the end of that.
    SetCommitment {
        /// Whose; none is the server's own.
        account: Option<String>,
        /// When.
        at: Timestamp,
        /// From now on.
        status: CommitmentStatus,
    },
    /// A consumer comes to be, in CREATING.
    RegisterConsumer {
        /// Of which stream.
        stream: StreamKey,
        /// Its name.
        consumer: String,
        /// When.
        at: Timestamp,
        /// Tags given along.
        #[serde(default)]
        tags: BTreeMap<String, String>,
    },
    /// A consumer enters ACTIVE.
    ActivateConsumer {
        /// Of which stream.
        stream: StreamKey,
        /// Which.
        consumer: String,
        /// When.
        at: Timestamp,
    },
    /// A consumer enters DELETING.
    DeregisterConsumer {
        /// Of which stream.
        stream: StreamKey,
        /// Which.
        consumer: String,
        /// When.
        at: Timestamp,
    },
    /// A consumer is gone.
    RemoveConsumer {
        /// Of which stream.
        stream: StreamKey,
        /// Which.
        consumer: String,
    },
}

/// Why a command does not apply. The catalog is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Rejection {
    /// The stream exists already.
    #[error("the stream exists")]
    StreamExists,
    /// There is no such stream.
    #[error("no such stream")]
    NoSuchStream,
    /// The stream is not in a state that allows it.
    #[error("the stream is in another state")]
    StreamState,
    /// There is no such shard, or it is closed, or the shards are no neighbours.
    #[error("the shards do not allow it")]
    Shards,
    /// The consumer exists already.
    #[error("the consumer exists")]
    ConsumerExists,
    /// There is no such consumer.
    #[error("no such consumer")]
    NoSuchConsumer,
}
