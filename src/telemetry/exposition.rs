//! The text exposition format, version 0.0.4, as `promtool check metrics` wants it: families in the order of
//! their names, each with help and type, histograms with buckets that add up.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};

use metrics_exporter_prometheus::formatting::{write_help_line, write_type_line};

use super::distribution::Counts;
use super::names::{Kind, LATENCY_BUCKETS_SECS};
use super::registry::{Family, Reading};

/// About what a line takes.
const LINE_BYTES: usize = 120;

/// All families that have series.
pub(super) fn render(families: &BTreeMap<String, Family>) -> String {
    let lines: usize = families.values().map(Family::lines).sum();
    let mut text = String::with_capacity(lines * LINE_BYTES);
    for (name, family) in families.iter().filter(|(_, family)| !family.series.is_empty()) {
        write_help_line(&mut text, name, None, None, &family.help);
        write_type_line(&mut text, name, None, None, family.kind.as_str());
        for (labels, series) in &family.series {
            match series.read() {
                Reading::Counter(value) => line(&mut text, (name, ""), (labels, ""), value),
                Reading::Gauge(value) => line(&mut text, (name, ""), (labels, ""), value),
                Reading::Histogram(counts) => histogram(&mut text, name, labels, &counts),
            }
        }
        text.push('\n');
    }
    text
}

fn histogram(text: &mut String, name: &str, labels: &str, counts: &Counts) {
    let mut total = 0;
    let mut bound_label = String::new();
    for (at, count) in counts.counts.iter().enumerate() {
        total += count;
        bound_label.clear();
        match counts.bounds.get(at) {
            Some(bound) => write!(bound_label, "le=\"{bound}\""),
            None => write!(bound_label, "le=\"+Inf\""),
        }
        .expect("text grows");
        line(text, (name, "_bucket"), (labels, &bound_label), total);
    }
    line(text, (name, "_sum"), (labels, ""), counts.sum);
    line(text, (name, "_count"), (labels, ""), total);
}

/// One sample.
fn line(text: &mut String, (name, suffix): (&str, &str), (labels, last): (&str, &str), value: impl Display) {
    text.push_str(name);
    text.push_str(suffix);
    if !(labels.is_empty() && last.is_empty()) {
        let comma = if labels.is_empty() || last.is_empty() { "" } else { "," };
        for part in ["{", labels, comma, last, "}"] {
            text.push_str(part);
        }
    }
    writeln!(text, " {value}").expect("text grows");
}

impl Family {
    fn lines(&self) -> usize {
        // A histogram's: a bucket more than bounds, the sum and the count.
        let each = if self.kind == Kind::Histogram { LATENCY_BUCKETS_SECS.len() + 3 } else { 1 };
        2 + self.series.len() * each
    }
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

#[cfg(test)]
mod tests {
    use metrics::{Key, Metadata, Recorder};

    use super::super::registry::Registry;
    use super::*;

    #[test]
    fn families_come_by_name_with_help_type_and_samples() {
        let registry = Registry::default();
        let metadata = Metadata::new("", metrics::Level::INFO, None);
        registry.describe_counter("puts_total".into(), None, "Puts, \\ all.".into());
        registry.describe_gauge("never_set".into(), None, "Nothing.".into());
        let orders = Key::from_parts("puts_total", &[("stream", "orders")]);
        registry.register_counter(&orders, &metadata).increment(7);
        let latency = Key::from_name("a_seconds");
        registry.register_histogram(&latency, &metadata).record(0.000_07);
        let text = render(&registry.families());
        let buckets = text.lines().filter(|line| line.starts_with("a_seconds_bucket")).count();
        assert_eq!(buckets, LATENCY_BUCKETS_SECS.len() + 1);
        assert!(text.contains("a_seconds_bucket{le=\"0.00005\"} 0\na_seconds_bucket{le=\"0.0001\"} 1\n"));
        assert!(text.contains("a_seconds_bucket{le=\"+Inf\"} 1\na_seconds_sum 0.00007\na_seconds_count 1\n"));
        let puts =
            "# HELP puts_total Puts, \\\\ all.\n# TYPE puts_total counter\nputs_total{stream=\"orders\"} 7\n";
        assert!(text.ends_with(&format!("{puts}\n")), "{text}");
        assert!(!text.contains("never_set"));
    }
}
