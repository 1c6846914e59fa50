//! The dashboards as code: each is a file of `tests/dashboards/`, what Grafana loads is made of it and held
//! equal to it. Every metric that a panel, a variable or an alert asks for exists, and every metric there is
//! can be seen somewhere.
//!
//! `FANLIGHT_WRITE_DASHBOARDS=1 cargo test --test dashboards` writes `grafana/dashboards/` anew.

// Tests live outside the server's rooms: the system's files are theirs to use. The builders' `pub` marks
// their face within this binary.
#![allow(clippy::disallowed_methods, unreachable_pub)]

#[path = "dashboards/board.rs"]
mod board;
#[path = "dashboards/compose.rs"]
mod compose;
#[path = "dashboards/fan_out.rs"]
mod fan_out;
#[path = "dashboards/overview.rs"]
mod overview;
#[path = "dashboards/queries.rs"]
mod queries;
#[path = "dashboards/storage.rs"]
mod storage;
#[path = "dashboards/streams.rs"]
mod streams;
#[path = "dashboards/throttles.rs"]
mod throttles;

use std::collections::{BTreeSet, HashSet};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use fanlight::telemetry::names::{self, Kind};
use serde_json::Value;

use board::Board;

/// What histograms are asked for by.
const HISTOGRAM_SUFFIXES: [&str; 3] = ["_bucket", "_count", "_sum"];
/// What Prometheus itself makes of its targets and rules.
const OF_PROMETHEUS: [&str; 2] = ["up", "ALERTS"];

fn grafana() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("grafana")
}

fn read(name: &str) -> String {
    let path = grafana().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn boards() -> [Board; 5] {
    [overview::board(), fan_out::board(), throttles::board(), storage::board(), streams::board()]
}

fn dashboards() -> Vec<(String, Value)> {
    let parsed = |board: Board| serde_json::from_str(&board.text()).expect("it was just written");
    boards().map(|board| (board.file_name(), parsed(board))).into()
}

/// Every query of a dashboard: its panels' and its variables'.
fn queries_of(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member.as_str() {
                    Some(text) if name == "expr" || name == "definition" => into.push(text.to_owned()),
                    _ => queries_of(member, into),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| queries_of(item, into)),
        _ => {}
    }
}

/// All queries there are, each with the file it is in.
fn all_queries() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (name, dashboard) in dashboards() {
        let mut asked = Vec::new();
        queries_of(&dashboard, &mut asked);
        assert!(asked.len() > 20, "{name}: only {} queries were found", asked.len());
        all.extend(asked.into_iter().map(|query| (name.clone(), query)));
    }
    let rules = queries::of_rules(&read("alerts.yml"));
    assert!(rules.len() > 10, "only {} rules were found", rules.len());
    all.extend(rules.into_iter().map(|query| ("alerts.yml".to_owned(), query)));
    all
}

/// The metric that a query's word is of.
fn metric_of(word: &str) -> Option<&'static str> {
    let of_kind = |name: &str, is_histogram: bool| {
        let metric = names::ALL.iter().find(|metric| metric.name == name)?;
        ((metric.kind == Kind::Histogram) == is_histogram).then_some(metric.name)
    };
    let mut bases = HISTOGRAM_SUFFIXES.iter().filter_map(|suffix| word.strip_suffix(suffix));
    of_kind(word, false).or_else(|| bases.find_map(|base| of_kind(base, true)))
}

#[test]
fn the_files_are_what_the_code_says() {
    let written = |entry: fs::DirEntry| entry.file_name().into_string().expect("a name");
    let files: BTreeSet<_> =
        fs::read_dir(grafana().join("dashboards")).expect("the dashboards").flatten().map(written).collect();
    let is_to_write = env::var_os("FANLIGHT_WRITE_DASHBOARDS").is_some();
    for board in boards() {
        let name = format!("dashboards/{}", board.file_name());
        if is_to_write {
            fs::write(grafana().join(&name), board.text()).expect("a dashboard can be written");
        }
        let is_same = fs::read_to_string(grafana().join(&name)).is_ok_and(|text| text == board.text());
        assert!(is_same, "{name} is old: FANLIGHT_WRITE_DASHBOARDS=1 cargo test --test dashboards writes it");
    }
    let expected: BTreeSet<_> = boards().iter().map(Board::file_name).collect();
    assert!(is_to_write || files == expected, "{files:?}");
}

#[test]
fn every_metric_that_is_asked_for_exists() {
    for (name, query) in all_queries() {
        let metrics = queries::metrics(&query);
        assert!(!metrics.is_empty(), "{name}: no metric in {query}");
        let exists = |word: &str| metric_of(word).is_some() || OF_PROMETHEUS.contains(&word);
        let unknown: Vec<_> = metrics.iter().filter(|word| !exists(word)).collect();
        assert!(unknown.is_empty(), "{name}: {unknown:?} in {query}");
    }
}

#[test]
fn every_metric_can_be_seen() {
    let words = all_queries().into_iter().flat_map(|(_, query)| queries::metrics(&query));
    let seen: HashSet<_> = words.filter_map(|word| metric_of(&word)).collect();
    let unseen: Vec<_> =
        names::ALL.iter().map(|metric| metric.name).filter(|it| !seen.contains(it)).collect();
    assert!(unseen.is_empty(), "on no dashboard: {unseen:?}");
}

/// Labels that a query selects by or groups by are the metric's own, or Prometheus'.
#[test]
fn every_label_of_a_panel_is_its_metrics() {
    for (name, query) in all_queries() {
        let metrics: Vec<_> = queries::metrics(&query).iter().filter_map(|word| metric_of(word)).collect();
        let has = |label: &str| {
            let of =
                |metric: &&str| names::ALL.iter().find(|it| it.name == *metric).expect("it exists").labels;
            ["job", "instance", "le", "alertname", "alertstate"].contains(&label)
                || metrics.iter().any(|metric| of(metric).contains(&label))
        };
        let unknown: Vec<_> = queries::labels(&query).into_iter().filter(|label| !has(label)).collect();
        assert!(unknown.is_empty(), "{name}: {unknown:?} in {query}");
    }
}

/// Grafana drops one of two panels with the same id, and draws one of two in the same place over the other.
#[test]
fn panels_stand_apart_and_say_what_they_show() {
    for (name, dashboard) in dashboards() {
        let mut ids = HashSet::new();
        let mut cells = HashSet::new();
        for panel in dashboard["panels"].as_array().expect("panels") {
            let title = &panel["title"];
            assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{name}: {title}");
            let place = |key: &str| panel["gridPos"][key].as_u64().expect("a place");
            for cell in (0..place("h")).flat_map(|h| (0..place("w")).map(move |w| (h, w))) {
                let cell = (place("y") + cell.0, place("x") + cell.1);
                assert!(cell.1 < 24 && cells.insert(cell), "{name}: {title}");
            }
            let is_told = panel["description"].as_str().is_some_and(|text| text.ends_with('.'));
            assert!(panel["type"] == "row" || is_told, "{name}: {title} has no description");
        }
    }
}

/// Each alert has its case in which it fires, says how bad it is, what is the matter and what to do.
#[test]
fn every_alert_is_tried_and_says_what_to_do() {
    let rules = read("alerts.yml");
    let tests = read("alerts_test.yml");
    let alerts: Vec<_> = rules.split("\n      - alert: ").skip(1).collect();
    assert!(alerts.len() > 15, "{}", alerts.len());
    for alert in alerts {
        let name = alert.lines().next().expect("a name");
        for part in ["expr:", "for:", "severity:", "summary:", "description:"] {
            assert!(alert.contains(part), "{name} has no {part}");
        }
        let case = format!("alertname=\"{name}\"");
        assert!(tests.contains(&case), "{name} fires nowhere in grafana/alerts_test.yml");
    }
}

#[test]
fn queries_are_read_as_the_query_language_is() {
    let quantile =
        "histogram_quantile(0.99, sum by (le, stream) (rate(fanlight_x_seconds_bucket{a=\"b_c\"}[5m])))";
    assert_eq!(queries::metrics(quantile), ["fanlight_x_seconds_bucket"]);
    assert_eq!(queries::labels(quantile), ["le", "stream", "a"]);
    assert_eq!(
        queries::metrics("sum(rate(a_sum[$__rate_interval])) / on (job) b_count > 0"),
        ["a_sum", "b_count"]
    );
    assert_eq!(queries::metrics("label_values(kinesis_x_total, stream)"), ["kinesis_x_total"]);
    assert_eq!(queries::metrics("sum by (by_kind) (metric)"), ["metric"]);
    let one = "  - alert: A\n    expr: up == 0\n    for: 1m\n";
    let rules = format!("{one}  - alert: B\n    expr: >-\n      a\n      > 1\n    for: 1m\n");
    assert_eq!(queries::of_rules(&rules), ["up == 0", "a > 1"]);
}

#[test]
fn what_does_not_exist_is_noticed() {
    for word in ["kinesis_incoming_bytes", "up", "fanlight_commits_total_bucket", names::COMMIT_LATENCY] {
        assert_eq!(metric_of(word), None, "{word}");
    }
    for word in [names::COMMITS, "fanlight_commit_duration_seconds_bucket", "fanlight_commit_bytes_sum"] {
        assert!(metric_of(word).is_some(), "{word}");
    }
}
