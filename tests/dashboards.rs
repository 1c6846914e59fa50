//! Every metric a dashboard asks for exists, so that no panel stays empty after a metric was renamed.

// Tests live outside the server's rooms: the system's files are theirs to use.
#![allow(clippy::disallowed_methods)]

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use fanlight::telemetry::names::{self, Kind};
use serde_json::Value;

/// Words of the query language that are neither functions nor metrics.
const KEYWORDS: [&str; 10] =
    ["and", "bool", "by", "group_left", "group_right", "ignoring", "offset", "on", "unless", "without"];
/// What histograms are asked for by.
const HISTOGRAM_SUFFIXES: [&str; 3] = ["_bucket", "_count", "_sum"];

fn dashboards() -> Vec<(PathBuf, Value)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("grafana/dashboards");
    let paths = fs::read_dir(&dir).expect("the dashboards").flatten().map(|entry| entry.path());
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a dashboard");
        let dashboard = serde_json::from_str(&text);
        let dashboard = dashboard.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path, dashboard)
    };
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "json")).map(read).collect()
}

/// Every query of a dashboard: its panels' and its variables'.
fn queries(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member.as_str() {
                    Some(text) if name == "expr" || name == "definition" => into.push(text.to_owned()),
                    _ => queries(member, into),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| queries(item, into)),
        _ => {}
    }
}

/// The metrics a query names: its words, but for functions, keywords, labels and quoted text.
fn metrics(query: &str) -> Vec<String> {
    let bare = without_labels(query);
    let is_word = |character: char| character.is_alphanumeric() || matches!(character, '_' | ':' | '$');
    let mut found = Vec::new();
    let mut rest = bare.as_str();
    while let Some(start) = rest.find(is_word) {
        let end = rest[start..].find(|character| !is_word(character)).map_or(rest.len(), |end| start + end);
        let word = &rest[start..end];
        rest = &rest[end..];
        let is_function = rest.trim_start().starts_with('(');
        let is_name = word.starts_with(|first: char| first.is_alphabetic() || first == '_');
        if is_name && !is_function && !KEYWORDS.contains(&word) {
            found.push(word.to_owned());
        }
    }
    found
}

/// The query without what stands in braces, brackets or quotes and without the labels of groupings and of
/// `label_values`.
fn without_labels(query: &str) -> String {
    let mut bare = String::new();
    let mut closing = None;
    for character in query.chars() {
        match (closing, character) {
            (Some(end), _) if character == end => closing = None,
            (Some(_), _) => {}
            (None, '{') => closing = Some('}'),
            (None, '[') => closing = Some(']'),
            (None, '"') => closing = Some('"'),
            (None, '(') if let Some(word_at) = grouping(&bare) => {
                bare.truncate(word_at);
                closing = Some(')');
            }
            (None, ',') if bare.trim_start().starts_with("label_values(") => closing = Some(')'),
            (None, _) => bare.push(character),
        }
    }
    bare
}

/// Where the word begins that makes a list of labels of what follows, if one stands at the end.
fn grouping(before: &str) -> Option<usize> {
    let words = [" by", " without", " on", " ignoring"].into_iter();
    words.filter_map(|word| before.trim_end().strip_suffix(word)).map(str::len).next()
}

fn exists(metric: &str) -> bool {
    let kind = |name: &str| names::ALL.iter().find(|metric| metric.name == name).map(|metric| metric.kind);
    let of_histogram = HISTOGRAM_SUFFIXES.iter().filter_map(|suffix| metric.strip_suffix(suffix));
    kind(metric).is_some_and(|kind| kind != Kind::Histogram)
        || of_histogram.into_iter().any(|base| kind(base) == Some(Kind::Histogram))
}

#[test]
fn every_metric_on_a_dashboard_exists() {
    let dashboards = dashboards();
    assert!(!dashboards.is_empty());
    for (path, dashboard) in dashboards {
        let mut asked = Vec::new();
        queries(&dashboard, &mut asked);
        assert!(asked.len() > 20, "{}: only {} queries were found", path.display(), asked.len());
        for query in asked {
            let metrics = metrics(&query);
            assert!(!metrics.is_empty(), "{}: no metric in {query}", path.display());
            let unknown: Vec<_> = metrics.iter().filter(|metric| !exists(metric)).collect();
            assert!(unknown.is_empty(), "{}: {unknown:?} in {query}", path.display());
        }
    }
}

/// Grafana drops one of two panels with the same id, and draws one of two in the same place over the other.
#[test]
fn panels_stand_apart() {
    for (path, dashboard) in dashboards() {
        let mut ids = HashSet::new();
        let mut cells = HashSet::new();
        for panel in dashboard["panels"].as_array().expect("panels") {
            let title = &panel["title"];
            assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{}: {title}", path.display());
            let place = |key: &str| panel["gridPos"][key].as_u64().expect("a place");
            for cell in (0..place("h")).flat_map(|h| (0..place("w")).map(move |w| (h, w))) {
                let cell = (place("y") + cell.0, place("x") + cell.1);
                assert!(cell.1 < 24 && cells.insert(cell), "{}: {title}", path.display());
            }
        }
    }
}

#[test]
fn queries_are_read_as_the_query_language_is() {
    let quantile =
        "histogram_quantile(0.99, sum by (le, stream) (rate(fanlight_x_seconds_bucket{a=\"b_c\"}[5m])))";
    assert_eq!(metrics(quantile), ["fanlight_x_seconds_bucket"]);
    assert_eq!(metrics("sum(rate(a_sum[$__rate_interval])) / on (job) b_count > 0"), ["a_sum", "b_count"]);
    assert_eq!(metrics("label_values(kinesis_x_total, stream)"), ["kinesis_x_total"]);
    assert_eq!(metrics("sum by (by_kind) (metric)"), ["metric"]);
}

#[test]
fn what_does_not_exist_is_noticed() {
    for metric in ["kinesis_incoming_bytes", "up", "fanlight_commits_total_bucket", names::COMMIT_LATENCY] {
        assert!(!exists(metric), "{metric}");
    }
    for metric in [names::COMMITS, "fanlight_commit_duration_seconds_bucket", "fanlight_commit_bytes_sum"] {
        assert!(exists(metric), "{metric}");
    }
}
