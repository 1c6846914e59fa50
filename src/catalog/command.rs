//! What changes the catalog: one command per journal record, as JSON. Members are only ever added.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::StreamMode;
use crate::types::{HashKey, ShardId, Timestamp};

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
        /// Its name.
        stream: String,
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
    },
    /// A stream enters ACTIVE.
    ActivateStream {
        /// Which.
        stream: String,
        /// When.
        at: Timestamp,
    },
    /// A stream enters DELETING.
    DeleteStream {
        /// Which.
        stream: String,
        /// When.
        at: Timestamp,
    },
    /// A stream is gone, with its consumers and logs.
    RemoveStream {
        /// Which.
        stream: String,
    },
    /// Records of a stream are kept for another time.
    SetRetention {
        /// Of which stream.
        stream: String,
        /// How long, in hours.
        hours: u32,
    },
    /// Shards close and their hash ranges are covered by new ones, at one instant.
    Reshard {
        /// Of which stream.
        stream: String,
        /// When.
        at: Timestamp,
        /// The shard (split), or the two neighbours (merge, the lower one first), that close.
        parents: Vec<ShardId>,
        /// First hash keys of the children, ascending; the first equals the first parent's.
        starts: Vec<HashKey>,
    },
    /// A consumer comes to be, in CREATING.
    RegisterConsumer {
        /// Of which stream.
        stream: String,
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
        stream: String,
        /// Which.
        consumer: String,
        /// When.
        at: Timestamp,
    },
    /// A consumer enters DELETING.
    DeregisterConsumer {
        /// Of which stream.
        stream: String,
        /// Which.
        consumer: String,
        /// When.
        at: Timestamp,
    },
    /// A consumer is gone.
    RemoveConsumer {
        /// Of which stream.
        stream: String,
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
