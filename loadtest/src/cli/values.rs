//! What the flags' values are, and how they are read.

use std::time::Duration;

use clap::ValueEnum;

use crate::units::{parse_size, parse_span};

/// Whose limits apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Limits {
    /// The service's.
    Aws,
    /// None.
    Off,
}

/// When the own server acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Durability {
    /// After the disk has it.
    Sync,
    /// After the kernel has it; synced at intervals.
    Interval,
    /// Never synced.
    None,
}

/// How records find their shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Keys {
    /// By the hash of a partition key, as most producers do.
    Hashed,
    /// By an explicit hash key, evenly in turn.
    Explicit,
}

/// What to do with a throttled record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnThrottle {
    /// Try again after a pause.
    Retry,
    /// Give it up.
    Drop,
}

/// How subscriptions are spread over connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connections {
    /// One per consumer.
    Own,
    /// This many, shared.
    Shared(u32),
}

/// The offered load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rate {
    /// Records per second, sent when due.
    Open(f64),
    /// The next as soon as one is answered.
    Max,
}

/// How much to put before anyone reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backlog {
    /// Of records' data.
    Bytes(u64),
    /// At the write limit of all shards.
    Span(Duration),
}

/// Reads `own` or a number.
pub(super) fn parse_connections(text: &str) -> Result<Connections, String> {
    match (text, text.parse()) {
        ("own", _) => Ok(Connections::Own),
        (_, Ok(n @ 1..=20_000)) => Ok(Connections::Shared(n)),
        _ => Err("`own`, or a number from 1 to 20000".into()),
    }
}

/// Reads `max` or records per second.
pub(super) fn parse_rate(text: &str) -> Result<Rate, String> {
    match (text, text.parse()) {
        ("max", _) => Ok(Rate::Max),
        (_, Ok(rate)) if (0.001..=1e7).contains(&rate) => Ok(Rate::Open(rate)),
        _ => Err("`max`, or records per second up to 10 million".into()),
    }
}

/// Reads a span or a size.
pub(super) fn parse_backlog(text: &str) -> Result<Backlog, String> {
    parse_span(text).map(Backlog::Span).or_else(|_| parse_size(text).map(Backlog::Bytes))
}
