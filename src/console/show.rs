//! Looks as JSON.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::catalog::{Consumer, Shard, Stream};
use crate::limits::CONSOLE_STREAM_ROWS_MAX;

use super::board::{Overview, Watched};
use super::desk::{Standing, shown};
use super::figures::{ConsumerCounts, KINDS, Look, StreamLook, quantiles, rate, totals};
use super::query::Query;

/// Totals, and the page of streams the query asks for.
pub(super) fn overview(overview: &Overview, query: &Query, why_not_ready: Option<&str>) -> Value {
    let mut sums = totals(&overview.looks);
    for (name, value) in &overview.gauges {
        sums[*name] = json!(value);
    }
    let throttles: Map<_, _> = kinds(overview, |look, kind| look.all.throttled[kind]).collect();
    json!({
        "ready": why_not_ready.is_none(),
        "why_not_ready": why_not_ready,
        "totals": sums,
        "throttles": throttles,
        "streams": streams(overview, query),
    })
}

fn kinds<'a>(
    overview: &'a Overview,
    count: impl Fn(&Look, usize) -> u64 + 'a,
) -> impl Iterator<Item = (String, Value)> + 'a {
    let two = overview.looks.last_two();
    KINDS.iter().enumerate().map(move |(at, kind)| {
        let last = two.map_or(0, |(_, last)| count(last, at));
        ((*kind).to_owned(), json!({"rate": rate(two, |look| count(look, at)), "total": last}))
    })
}

fn streams(overview: &Overview, query: &Query) -> Value {
    let wanted = query.q.to_lowercase();
    let matches =
        |stream: &&Arc<Stream>| wanted.is_empty() || stream.key.as_str().to_lowercase().contains(&wanted);
    let matching: Vec<_> = overview.streams.iter().filter(matches).collect();
    let rows = matching.iter().skip(query.offset).take(CONSOLE_STREAM_ROWS_MAX);
    json!({
        "count": overview.count,
        "looked_through": overview.streams.len(),
        "matching": matching.len(),
        "offset": query.offset,
        "page": CONSOLE_STREAM_ROWS_MAX,
        "rows": rows.map(|stream| row(overview, stream)).collect::<Vec<_>>(),
    })
}

fn row(overview: &Overview, stream: &Stream) -> Value {
    let two = overview.looks.last_two();
    let key = stream.key.as_str();
    json!({
        "account": stream.key.account().unwrap_or_default(),
        "name": stream.name,
        "status": stream.status.as_str(),
        "mode": stream.mode.as_str(),
        "open": stream.open_shard_count(),
        "consumers": stream.consumers.len(),
        "records_in": rate(two, |look| look.stream(key).records_in),
        "bytes_in": rate(two, |look| look.stream(key).bytes_in),
        "pushed": rate(two, |look| look.stream(key).pushed),
        "throttled": rate(two, |look| look.stream(key).throttled_total()),
    })
}

/// A stream's shards: what changes only when it is resharded.
pub(super) fn lineage(watched: &Watched) -> Value {
    let stream = &watched.now.stream;
    json!({
        "version": version(stream),
        "all": stream.shards.len(),
        "shards": shown(stream).iter().map(shard).collect::<Vec<_>>(),
    })
}

fn shard(shard: &Shard) -> Value {
    json!({
        "id": shard.id.0,
        "from": shard.range.start,
        "to": shard.range.end,
        "begin": turn(shard.range.start.0),
        "end": turn(shard.range.end.0),
        "parents": shard.parents().collect::<Vec<_>>(),
        "children": shard.children,
        "opened_ms": shard.created,
        "closed_ms": shard.closed,
    })
}

/// A point of the hash space as a part of it.
fn turn(key: u128) -> f64 {
    key as f64 / u128::MAX as f64
}

/// Another number whenever the shards have changed.
fn version(stream: &Stream) -> String {
    let mut hasher = DefaultHasher::new();
    stream.created.hash(&mut hasher);
    for shard in &stream.shards {
        (shard.id, shard.closed).hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

/// A stream's figures of this second.
pub(super) fn stream(watched: &Watched, overview: &Overview) -> Value {
    let stream = &watched.now.stream;
    let (two, key) = (overview.looks.last_two(), stream.key.as_str());
    let throttles: Map<_, _> = kinds(overview, |look, kind| look.stream(key).throttled[kind]).collect();
    json!({
        "account": stream.key.account().unwrap_or_default(),
        "name": stream.name,
        "status": stream.status.as_str(),
        "mode": stream.mode.as_str(),
        "retention_hours": stream.retention_hours,
        "encrypted": stream.encryption_key.is_some(),
        "created_ms": stream.created,
        "version": version(stream),
        "open": stream.open_shard_count(),
        "all": stream.shards.len(),
        "records_in": rate(two, |look| look.stream(key).records_in),
        "bytes_in": rate(two, |look| look.stream(key).bytes_in),
        "pushed": rate(two, |look| look.stream(key).pushed),
        "pulled": rate(two, |look| look.stream(key).pulled),
        "throttles": throttles,
        "shard_rates": shard_rates(watched),
        "consumers": stream.consumers.values().map(|it| consumer(watched, it)).collect::<Vec<_>>(),
    })
}

/// Records a second into each shard that is shown, in their order: how far its end moved on.
fn shard_rates(watched: &Watched) -> Vec<Value> {
    let two = watched.looks.last_two();
    let known = |id: &u32| two.is_some_and(|(before, _)| before.tips.contains_key(id));
    let moved = |shard: &Shard| match shard.id.0 {
        id if known(&id) => rate(two, |look| look.tips.get(&id).copied().unwrap_or_default()),
        _ => Value::Null,
    };
    shown(&watched.now.stream).iter().map(moved).collect()
}

fn consumer(watched: &Watched, consumer: &Consumer) -> Value {
    let name = consumer.name.as_str();
    let standing = watched.now.standings.get(&consumer.id).copied().unwrap_or_default();
    let Standing { subscriptions, at_tip, behind } = standing;
    let (two, span) = (watched.looks.last_two(), watched.looks.span());
    let of = |look: &StreamLook, count: fn(&ConsumerCounts) -> u64| {
        look.consumers.get(name).map(count).unwrap_or_default()
    };
    let latency = span.map_or(Value::Null, |(earlier, last)| {
        let counts = |look: &StreamLook| look.consumers.get(name).and_then(|counts| counts.latency.clone());
        quantiles(counts(earlier).as_ref(), counts(last).as_ref())
    });
    let behind_ms = two.and_then(|(_, last)| last.consumers.get(name)?.behind_ms);
    json!({
        "name": name,
        "status": consumer.status.as_str(),
        "subscriptions": subscriptions,
        "at_tip": at_tip,
        "behind_records": behind,
        "behind_ms": behind_ms,
        "records": rate(two, |look| of(look, |it| it.records)),
        "bytes": rate(two, |look| of(look, |it| it.bytes)),
        "events": rate(two, |look| of(look, |it| it.events)),
        "latency": latency,
    })
}
