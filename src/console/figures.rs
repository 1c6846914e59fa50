//! What is counted, read from the metrics registry at one moment, and what came of it between two.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::limits;
use crate::telemetry::{Counts, Exporter, Reading, SeriesView, names};
use crate::types::Instant;

/// Kinds of throttles of the data plane, as their label names them.
pub(super) const KINDS: [&str; 4] = ["write", "read", "iterator", "subscribe"];

/// Counts of one stream, or of all.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Traffic {
    pub(super) records_in: u64,
    pub(super) bytes_in: u64,
    pub(super) pushed: u64,
    pub(super) pushed_bytes: u64,
    pub(super) pulled: u64,
    pub(super) throttled: [u64; KINDS.len()],
}

/// The whole server at one moment.
pub(super) struct Look {
    at: Instant,
    pub(super) all: Traffic,
    streams: HashMap<String, Traffic>,
    calls_throttled: u64,
    commits: u64,
    commit: Option<Counts>,
    push: Option<Counts>,
    put_to_push: Option<Counts>,
}

/// Counts of one consumer.
#[derive(Clone, Debug, Default)]
pub(super) struct ConsumerCounts {
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) events: u64,
    pub(super) latency: Option<Counts>,
    /// Milliseconds behind the tip.
    pub(super) behind_ms: Option<f64>,
}

/// One stream's consumers and shards at one moment.
pub(super) struct StreamLook {
    pub(super) at: Instant,
    pub(super) consumers: HashMap<String, ConsumerCounts>,
    /// Offsets past the last record, by shard.
    pub(super) tips: HashMap<u32, u64>,
}

/// The last looks, the latest at the end.
pub(super) struct Looks<L>(VecDeque<Arc<L>>);

/// Something looked at, at a moment.
pub(super) trait Moment {
    fn at(&self) -> Instant;
}

impl Moment for Look {
    fn at(&self) -> Instant {
        self.at
    }
}

impl Moment for StreamLook {
    fn at(&self) -> Instant {
        self.at
    }
}

impl<L> Clone for Looks<L> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<L: Moment> Looks<L> {
    /// None yet.
    pub(super) fn none() -> Self {
        Self(VecDeque::new())
    }

    /// Adds the latest. What nobody followed up for a while tells of another time, and is forgotten.
    pub(super) fn add(&mut self, look: L) {
        if self.0.back().is_some_and(|last| look.at().since(last.at()) > limits::CONSOLE_LOOK * 5) {
            self.0.clear();
        }
        self.0.push_back(Arc::new(look));
        if self.0.len() > limits::CONSOLE_LOOKS_KEPT {
            self.0.pop_front();
        }
    }

    /// The latest, and the one before.
    pub(super) fn last_two(&self) -> Option<(&L, &L)> {
        let before = self.0.len().checked_sub(2)?;
        Some((self.0.get(before)?, self.0.back()?))
    }

    /// The oldest and the latest.
    pub(super) fn span(&self) -> Option<(&L, &L)> {
        self.last_two()?;
        Some((self.0.front()?, self.0.back()?))
    }
}

fn number(series: &SeriesView<'_>) -> u64 {
    match series.reading() {
        Reading::Counter(value) => whole(value),
        Reading::Gauge(_) | Reading::Histogram(_) => 0,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "counts of things are whole and above zero")]
fn whole(value: f64) -> u64 {
    value as u64
}

fn histogram(series: &SeriesView<'_>) -> Option<Counts> {
    match series.reading() {
        Reading::Histogram(counts) => Some(counts),
        Reading::Counter(_) | Reading::Gauge(_) => None,
    }
}

/// A gauge without labels.
pub(super) fn gauge(exporter: &Exporter, name: &str) -> Option<f64> {
    let read = exporter.read(name, |series| match series.reading() {
        Reading::Gauge(value) => Some(value),
        Reading::Counter(_) | Reading::Histogram(_) => None,
    });
    read.into_iter().flatten().find(|value| value.is_finite())
}

fn total(exporter: &Exporter, name: &str) -> u64 {
    exporter.read(name, |series| number(&series)).into_iter().sum()
}

fn one_histogram(exporter: &Exporter, name: &str) -> Option<Counts> {
    exporter.read(name, |series| histogram(&series)).into_iter().flatten().next()
}

impl Look {
    /// Reads the registry.
    pub(super) fn take(exporter: &Exporter, at: Instant) -> Self {
        let mut streams: HashMap<String, Traffic> = HashMap::new();
        let mut add = |name: &str, place: fn(&mut Traffic) -> &mut u64| {
            for (stream, value) in exporter.read(name, |it| (it.label("stream").to_owned(), number(&it))) {
                *place(streams.entry(stream).or_default()) += value;
            }
        };
        add(names::INCOMING_RECORDS, |it| &mut it.records_in);
        add(names::INCOMING_BYTES, |it| &mut it.bytes_in);
        add(names::EFO_RECORDS, |it| &mut it.pushed);
        add(names::EFO_BYTES, |it| &mut it.pushed_bytes);
        add(names::GET_RECORDS_RECORDS, |it| &mut it.pulled);
        add_throttles(exporter, &mut streams);
        let all = streams.values().fold(Traffic::default(), |sum, it| sum.plus(it));
        Self {
            at,
            all,
            streams,
            calls_throttled: total(exporter, names::CALLS_THROTTLED),
            commits: total(exporter, names::COMMITS),
            commit: one_histogram(exporter, names::COMMIT_LATENCY),
            push: one_histogram(exporter, names::PUSH_LATENCY),
            put_to_push: one_histogram(exporter, names::PUT_TO_PUSH_LATENCY),
        }
    }

    /// What was counted of a stream, by its key.
    pub(super) fn stream(&self, key: &str) -> Traffic {
        self.streams.get(key).copied().unwrap_or_default()
    }
}

fn add_throttles(exporter: &Exporter, streams: &mut HashMap<String, Traffic>) {
    let throttles = exporter.read(names::THROTTLED, |series| {
        let kind = KINDS.iter().position(|kind| *kind == series.label("kind"));
        (series.label("stream").to_owned(), kind, number(&series))
    });
    for (stream, kind, count) in throttles {
        if let Some(kind) = kind {
            streams.entry(stream).or_default().throttled[kind] += count;
        }
    }
}

impl StreamLook {
    /// Reads what the registry has of a stream's consumers.
    pub(super) fn take(exporter: &Exporter, key: &str, tips: HashMap<u32, u64>, at: Instant) -> Self {
        let mut consumers: HashMap<String, ConsumerCounts> = HashMap::new();
        let mut add = |name: &str, take: fn(&mut ConsumerCounts, Reading)| {
            let ours = |series: SeriesView<'_>| {
                (series.label("stream") == key)
                    .then(|| (series.label("consumer").to_owned(), series.reading()))
            };
            for (consumer, reading) in exporter.read(name, ours).into_iter().flatten() {
                take(consumers.entry(consumer).or_default(), reading);
            }
        };
        add(names::EFO_RECORDS, |it, reading| it.records = counted(&reading));
        add(names::EFO_BYTES, |it, reading| it.bytes = counted(&reading));
        add(names::EFO_EVENTS, |it, reading| it.events = counted(&reading));
        add(names::EFO_LATENCY, |it, reading| {
            if let Reading::Histogram(counts) = reading {
                it.latency = Some(counts);
            }
        });
        add(names::EFO_BEHIND, |it, reading| {
            if let Reading::Gauge(secs) = reading {
                it.behind_ms = Some(secs * 1000.0);
            }
        });
        Self { at, consumers, tips }
    }
}

fn counted(reading: &Reading) -> u64 {
    if let Reading::Counter(value) = reading { whole(*value) } else { 0 }
}

impl Traffic {
    fn plus(self, other: &Self) -> Self {
        let mut throttled = self.throttled;
        throttled.iter_mut().zip(other.throttled).for_each(|(sum, more)| *sum += more);
        Self {
            records_in: self.records_in + other.records_in,
            bytes_in: self.bytes_in + other.bytes_in,
            pushed: self.pushed + other.pushed,
            pushed_bytes: self.pushed_bytes + other.pushed_bytes,
            pulled: self.pulled + other.pulled,
            throttled,
        }
    }

    /// Throttles of all kinds.
    pub(super) fn throttled_total(&self) -> u64 {
        self.throttled.iter().sum()
    }
}

/// How much a count grew in a second, between two looks; `null` without them.
pub(super) fn rate<L: Moment>(looks: Option<(&L, &L)>, count: impl Fn(&L) -> u64) -> Value {
    let Some((before, last)) = looks else { return Value::Null };
    let secs = last.at().since(before.at()).as_secs_f64();
    if secs == 0.0 {
        return Value::Null;
    }
    json!(rounded(count(last).saturating_sub(count(before)) as f64 / secs))
}

/// Median and 99th percentile in microseconds, and how many values they are of.
pub(super) fn quantiles(earlier: Option<&Counts>, now: Option<&Counts>) -> Value {
    let Some(now) = now else { return Value::Null };
    let since = earlier.map_or_else(|| now.clone(), |earlier| now.since(earlier));
    let micros = |quantile| since.quantile(quantile).map(|secs| (secs * 1e6).round());
    json!({"p50_us": micros(0.5), "p99_us": micros(0.99), "count": since.total()})
}

fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// The figures of the whole server but the gauges.
pub(super) fn totals(looks: &Looks<Look>) -> Value {
    let (two, span) = (looks.last_two(), looks.span());
    let spread = |of: fn(&Look) -> Option<&Counts>| {
        span.map_or(Value::Null, |(earlier, last)| quantiles(of(earlier), of(last)))
    };
    json!({
        "records_in": rate(two, |it| it.all.records_in),
        "bytes_in": rate(two, |it| it.all.bytes_in),
        "pushed": rate(two, |it| it.all.pushed),
        "pushed_bytes": rate(two, |it| it.all.pushed_bytes),
        "pulled": rate(two, |it| it.all.pulled),
        "commits": rate(two, |it| it.commits),
        "throttled": rate(two, |it| it.all.throttled_total() + it.calls_throttled),
        "calls_throttled": rate(two, |it| it.calls_throttled),
        "commit": spread(|it| it.commit.as_ref()),
        "push": spread(|it| it.push.as_ref()),
        "put_to_push": spread(|it| it.put_to_push.as_ref()),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Count(Instant, u64);

    impl Moment for Count {
        fn at(&self) -> Instant {
            self.0
        }
    }

    fn look(millis: u64, count: u64) -> Count {
        Count(Instant::from_nanos(0) + Duration::from_millis(millis), count)
    }

    #[test]
    fn a_rate_needs_two_looks_of_the_same_time() {
        let mut looks = Looks::none();
        let now = |looks: &Looks<Count>| rate(looks.last_two(), |it| it.1);
        looks.add(look(0, 100));
        assert_eq!(now(&looks), Value::Null);
        looks.add(look(2000, 150));
        assert_eq!(now(&looks), json!(25.0));
        // Nobody looked for a while: what came meanwhile tells nothing of now.
        looks.add(look(60_000, 9000));
        assert_eq!(now(&looks), Value::Null);
        // A count that began anew did not go backwards.
        looks.add(look(61_000, 10));
        assert_eq!(now(&looks), json!(0.0));
    }

    #[test]
    fn looks_are_kept_for_a_while() {
        let mut looks = Looks::none();
        (0..30).for_each(|second| looks.add(look(second * 1000, second)));
        let (oldest, latest) = looks.span().expect("a span");
        assert_eq!((oldest.1, latest.1), (20, 29));
    }
}
