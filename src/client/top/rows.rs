//! The board's rows as words, the same for the live view and for plain text.

use std::time::Duration;

use crate::types::Timestamp;

use super::board::{ConsumerRow, ServerRow, StreamRow};
use super::units;

/// The columns of the streams.
pub(super) const STREAMS: [&str; 8] =
    ["STREAM", "STATUS", "SHARDS", "IN/s", "BYTES IN/s", "OUT/s", "BYTES OUT/s", "THROTTLED/s"];
/// The columns of the consumers.
pub(super) const CONSUMERS: [&str; 7] = ["CONSUMER", "STREAM", "PUSHED/s", "BYTES/s", "p50", "p99", "BEHIND"];

/// A stream's cells.
pub(super) fn stream(row: &StreamRow) -> [String; 8] {
    [
        row.name.clone(),
        row.status.to_lowercase(),
        row.shards.map_or_else(|| "-".into(), |shards| shards.to_string()),
        units::rate(row.records_in),
        units::byte_rate(row.bytes_in),
        units::rate(row.records_out),
        units::byte_rate(row.bytes_out),
        units::rate(row.throttled),
    ]
}

/// A consumer's cells.
pub(super) fn consumer(row: &ConsumerRow) -> [String; 7] {
    let [p50, p99] = pair(row.latency_secs);
    [
        row.name.clone(),
        row.stream.clone(),
        units::rate(row.records),
        units::byte_rate(row.bytes),
        p50,
        p99,
        units::span(row.behind_secs),
    ]
}

/// The server in two lines.
pub(super) fn server(row: &ServerRow, now: Timestamp) -> [String; 2] {
    let health = match row.healthy {
        Some(true) => "taking records",
        Some(false) => "NOT taking records: /readyz says why",
        None => "-",
    };
    let up =
        row.started.map(|started| Duration::try_from_secs_f64(to_secs(now) - started).unwrap_or_default());
    let up = up.map_or_else(|| "-".into(), units::since);
    let ([commit_p50, commit_p99], [push_p50, push_p99]) = (pair(row.commit_secs), pair(row.push_secs));
    let rate = |value: Option<f64>| value.map_or_else(|| "-".into(), units::rate);
    let size = |value: Option<f64>| value.map_or_else(|| "-".into(), units::bytes);
    [
        format!(
            "{health}, up {up}, durability {}   memory {} (recent records {})   on disk {}",
            row.durability,
            size(row.resident_bytes),
            size(row.tail_bytes),
            size(row.data_bytes)
        ),
        format!(
            "commits {}/s, sync p50 {commit_p50} p99 {commit_p99}   put to push p50 {push_p50} p99 {push_p99}   \
             requests {}/s   subscriptions {}   connections {}",
            rate(row.commits),
            rate(row.requests),
            units::count(row.subscriptions),
            units::count(row.connections)
        ),
    ]
}

fn pair(secs: Option<[f64; 2]>) -> [String; 2] {
    secs.map_or([None, None], |pair| pair.map(Some)).map(units::span)
}

fn to_secs(now: Timestamp) -> f64 {
    super::super::time::to_secs(now)
}
