//! Every series that exists: who records gets a handle to an atomic and never comes back here; who reads
//! walks the families. Series of what is gone (a stream, a consumer, a shard) are retired, stay readable for
//! some minutes so that a last scrape sees them, and go. Their number is bounded.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::{iter, mem};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Metadata, Recorder, SharedString, Unit};
use metrics_exporter_prometheus::formatting::{sanitize_label_key, sanitize_label_value};

use super::distribution::{Counts, Distribution};
use super::names::{self, Kind};
use crate::limits;

/// Where a series' value is.
#[derive(Clone)]
enum Slot {
    Counter(Arc<AtomicU64>),
    /// A counter of seconds, in milliseconds.
    Millis(Arc<AtomicU64>),
    /// The bits of an `f64`.
    Gauge(Arc<AtomicU64>),
    Histogram(Arc<Distribution>),
}

/// A value at one moment.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// Of a counter.
    Counter(f64),
    /// Of a gauge.
    Gauge(f64),
    /// Of a histogram.
    Histogram(Counts),
}

/// One series.
pub(super) struct Series {
    labels: Vec<Label>,
    slot: Slot,
    /// When it was last registered, by the registry's count of such events.
    registered: u64,
    /// How often it was swept since what it tells of has gone.
    retired: Option<u32>,
}

/// All series of one name.
pub(super) struct Family {
    pub(super) kind: Kind,
    pub(super) help: SharedString,
    /// By their labels as Prometheus writes them.
    pub(super) series: BTreeMap<String, Series>,
}

/// All families by name.
#[derive(Default)]
pub(super) struct Registry {
    families: RwLock<BTreeMap<String, Family>>,
    /// Series in all of them.
    size: AtomicU64,
    /// Series that were one too many.
    refused: AtomicU64,
    /// Counts registrations and retirements, so that it is known which came first.
    events: AtomicU64,
    /// Labels whose series the next sweep retires, as Prometheus writes them, and when they went.
    going: Mutex<HashMap<String, u64>>,
}

impl Registry {
    /// The families, to be read.
    pub(super) fn families(&self) -> RwLockReadGuard<'_, BTreeMap<String, Family>> {
        // Who panicked while holding it left whole entries: every change is one insertion or removal.
        self.families.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn families_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Family>> {
        self.families.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn describe(&self, kind: Kind, name: &KeyName, help: SharedString) {
        let family = Family { kind, help, series: BTreeMap::new() };
        self.families_mut().entry(name.as_str().to_owned()).or_insert(family);
    }

    /// The slot of a series, made if need be; `None` if it is of another kind or there are too many.
    fn slot(&self, kind: Kind, key: &Key) -> Option<Slot> {
        let mut families = self.families_mut();
        let family = families.entry(key.name().to_owned()).or_insert_with(|| Family {
            kind,
            help: SharedString::const_str(""),
            series: BTreeMap::new(),
        });
        if family.kind != kind {
            return None;
        }
        let labels = text_of(key.labels().map(|label| (label.key(), label.value())));
        let registered = self.events.fetch_add(1, Ordering::Relaxed);
        if let Some(series) = family.series.get_mut(&labels) {
            (series.registered, series.retired) = (registered, None);
            return Some(series.slot.clone());
        }
        if self.size.load(Ordering::Relaxed) >= limits::SERIES_MAX {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        self.size.fetch_add(1, Ordering::Relaxed);
        let slot = Slot::new(kind, key.name());
        let labels_of = key.labels().cloned().collect();
        let series = Series { labels: labels_of, slot: slot.clone(), registered, retired: None };
        family.series.insert(labels, series);
        Some(slot)
    }

    /// Has all series whose labels begin with these go in a while; those registered from now on stay.
    pub(super) fn retire(&self, labels: &[(&'static str, String)]) {
        let text = text_of(labels.iter().map(|(name, value)| (*name, value.as_str())));
        let at = self.events.fetch_add(1, Ordering::Relaxed);
        self.going.lock().unwrap_or_else(PoisonError::into_inner).insert(text, at);
    }

    /// Lets go of what was retired long ago, and begins to with what went since.
    pub(super) fn sweep(&self) {
        let going = mem::take(&mut *self.going.lock().unwrap_or_else(PoisonError::into_inner));
        let mut gone = 0;
        for family in self.families_mut().values_mut() {
            let before = family.series.len();
            family.series.retain(|labels, series| {
                let went = scopes(labels).filter_map(|scope| going.get(scope)).max();
                series.outlives_a_sweep(went.is_some_and(|&at| series.registered < at))
            });
            gone += (before - family.series.len()) as u64;
        }
        self.size.fetch_sub(gone, Ordering::Relaxed);
    }

    /// How many series there are, and how many more were asked for.
    pub(super) fn size(&self) -> (u64, u64) {
        (self.size.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }
}

impl Recorder for Registry {
    fn describe_counter(&self, name: KeyName, _unit: Option<Unit>, help: SharedString) {
        self.describe(Kind::Counter, &name, help);
    }

    fn describe_gauge(&self, name: KeyName, _unit: Option<Unit>, help: SharedString) {
        self.describe(Kind::Gauge, &name, help);
    }

    fn describe_histogram(&self, name: KeyName, _unit: Option<Unit>, help: SharedString) {
        self.describe(Kind::Histogram, &name, help);
    }

    fn register_counter(&self, key: &Key, _metadata: &Metadata<'_>) -> Counter {
        match self.slot(Kind::Counter, key) {
            Some(Slot::Counter(value) | Slot::Millis(value)) => Counter::from_arc(value),
            _ => Counter::noop(),
        }
    }

    fn register_gauge(&self, key: &Key, _metadata: &Metadata<'_>) -> Gauge {
        match self.slot(Kind::Gauge, key) {
            Some(Slot::Gauge(value)) => Gauge::from_arc(value),
            _ => Gauge::noop(),
        }
    }

    fn register_histogram(&self, key: &Key, _metadata: &Metadata<'_>) -> Histogram {
        match self.slot(Kind::Histogram, key) {
            Some(Slot::Histogram(value)) => Histogram::from_arc(value),
            _ => Histogram::noop(),
        }
    }
}

impl Slot {
    fn new(kind: Kind, name: &str) -> Self {
        match kind {
            Kind::Counter if names::is_in_millis(name) => Self::Millis(Arc::default()),
            Kind::Counter => Self::Counter(Arc::default()),
            Kind::Gauge => Self::Gauge(Arc::default()),
            Kind::Histogram => Self::Histogram(Arc::new(match names::number_buckets(name) {
                Some(bounds) => Distribution::of_numbers(bounds),
                None => Distribution::of_seconds(&names::LATENCY_BUCKETS_SECS),
            })),
        }
    }
}

impl Series {
    /// Its value now.
    pub(super) fn read(&self) -> Reading {
        match &self.slot {
            Slot::Counter(value) => Reading::Counter(value.load(Ordering::Relaxed) as f64),
            Slot::Millis(value) => Reading::Counter(value.load(Ordering::Relaxed) as f64 / 1e3),
            Slot::Gauge(value) => Reading::Gauge(f64::from_bits(value.load(Ordering::Relaxed))),
            Slot::Histogram(value) => Reading::Histogram(value.read()),
        }
    }

    /// A label's value.
    pub(super) fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|label| label.key() == name).map(Label::value)
    }

    fn outlives_a_sweep(&mut self, is_going: bool) -> bool {
        match &mut self.retired {
            Some(sweeps) => *sweeps += 1,
            None if is_going => self.retired = Some(0),
            None => {}
        }
        self.retired.is_none_or(|sweeps| sweeps <= limits::SERIES_RETIRED_SWEEPS)
    }
}

/// `stream="orders",consumer="billing"`
fn text_of<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (name, value) in labels {
        let comma = if text.is_empty() { "" } else { "," };
        write!(text, "{comma}{}=\"{}\"", sanitize_label_key(name), sanitize_label_value(value))
            .expect("text grows");
    }
    text
}

/// The text of the first label, of the first two, and so on. What a comma in a value cuts off is no scope's
/// text: its quotes are open.
fn scopes(labels: &str) -> impl Iterator<Item = &str> {
    let commas = labels.match_indices(',').map(|(at, _)| &labels[..at]);
    commas.chain(iter::once(labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: Metadata<'_> = Metadata::new("", metrics::Level::INFO, None);

    fn key(name: &'static str, labels: &[(&'static str, &'static str)]) -> Key {
        Key::from_parts(name, labels)
    }

    fn value(registry: &Registry, name: &str, labels: &str) -> Option<Reading> {
        registry.families().get(name)?.series.get(labels).map(Series::read)
    }

    #[test]
    fn handles_of_the_same_labels_share_a_value() {
        let registry = Registry::default();
        let orders = key("puts", &[("stream", "orders")]);
        registry.register_counter(&orders, &METADATA).increment(2);
        registry.register_counter(&orders, &METADATA).increment(3);
        registry.register_counter(&key("puts", &[("stream", "b\"\n")]), &METADATA).increment(1);
        assert_eq!(value(&registry, "puts", "stream=\"orders\""), Some(Reading::Counter(5.0)));
        assert_eq!(value(&registry, "puts", r#"stream="b\"\n""#), Some(Reading::Counter(1.0)));
    }

    #[test]
    fn a_name_has_one_kind() {
        let registry = Registry::default();
        registry.register_gauge(&key("level", &[]), &METADATA).set(2.5);
        registry.register_counter(&key("level", &[]), &METADATA).increment(1);
        assert_eq!(value(&registry, "level", ""), Some(Reading::Gauge(2.5)));
    }

    #[test]
    fn what_is_retired_goes_after_a_while_unless_it_comes_back() {
        let registry = Registry::default();
        let put = |stream: &'static str| {
            registry
                .register_counter(&key("puts", &[("stream", stream), ("kind", "a,b")]), &METADATA)
                .increment(1);
        };
        ["gone", "back", "at once", "other"].into_iter().for_each(put);
        ["gone", "back", "at once"]
            .into_iter()
            .for_each(|stream| registry.retire(&[("stream", stream.to_owned())]));
        put("at once");
        (0..limits::SERIES_RETIRED_SWEEPS).for_each(|_| registry.sweep());
        assert_eq!(registry.size(), (4, 0));
        put("back");
        registry.sweep();
        registry.sweep();
        let left = |stream: &str| value(&registry, "puts", &format!("stream=\"{stream}\",kind=\"a,b\""));
        assert_eq!(left("gone"), None);
        assert_eq!(
            [left("back"), left("at once")],
            [Some(Reading::Counter(2.0)), Some(Reading::Counter(2.0))]
        );
        assert_eq!(registry.size(), (3, 0));
    }

    #[test]
    fn there_are_not_more_than_the_bound() {
        let registry = Registry::default();
        for at in 0..limits::SERIES_MAX + 3 {
            let key = Key::from_parts("puts", vec![Label::new("at", at.to_string())]);
            registry.register_counter(&key, &METADATA).increment(1);
        }
        assert_eq!(registry.size(), (limits::SERIES_MAX, 3));
    }
}
