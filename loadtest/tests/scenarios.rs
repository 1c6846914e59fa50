//! Each scenario, shortened, against a real server: does it end in the verdict it is there for, and does a bar
//! that is missed fail it?
//!
//! What counts as normal is four seconds here: this may run beside a build, on its disk. The bars that count are the
//! scenarios' own.

#![allow(clippy::unwrap_used)] // helpers of a test: a panic is its failure

mod tool;

use serde_json::Value;

const PATIENT: [&str; 4] = ["--p99-max", "4s", "--pause-max", "4s"];

/// Runs one, shortened; its exit code, the line with its verdict, its JSON.
fn run(name: &str, flags: &[&str]) -> (Option<i32>, String, Value) {
    let (code, printed, report) = tool::own_server(&[&["--scenario", name], &PATIENT[..], flags].concat());
    let verdict = printed.lines().rfind(|line| line.starts_with("PASS") || line.starts_with("FAIL"));
    (code, verdict.unwrap_or_else(|| panic!("no verdict:\n{printed}")).to_owned(), report)
}

fn passes(name: &str, flags: &[&str]) -> Value {
    let (code, verdict, report) = run(name, flags);
    let expected = format!("PASS {name}: every record once, intact, in order");
    assert!(code == Some(0) && verdict.starts_with(&expected), "{verdict}\n{report:#}");
    assert_eq!(report["scenario"], name);
    assert!(report["bars"].as_array().unwrap().iter().all(|bar| bar["kept"] == true));
    report
}

#[test]
fn fanout_reaches_every_consumer_and_counts_each() {
    let report = passes("fanout", &["--consumers", "4", "--rate", "200", "--duration", "2s"]);
    let (counts, consumers) = (&report["counts"], report["consumers"].as_array().unwrap());
    assert_eq!(counts["acked_bytes"].as_u64(), Some(400 * (1024 + 8)));
    assert_eq!((consumers.len(), report["bars"].as_array().unwrap().len()), (4, 1));
    for consumer in consumers {
        let got = ["records", "bytes"].map(|name| consumer[name].as_u64().unwrap());
        assert_eq!(got, [400, 400 * (1024 + 8)], "{consumer}");
        assert!(consumer["events"].as_u64().unwrap() > 0 && consumer["latency_ms"]["count"] == 400);
    }
    let slices = report["over_time"]["slices"].as_array().unwrap();
    let sum = |name: &str| slices.iter().map(|slice| slice[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!([sum("acked"), sum("pushed")], [400, 1600], "every record is in some slice");
}

#[test]
fn a_missed_bar_fails_a_scenario_though_every_record_came() {
    let short = ["--consumers", "2", "--rate", "100", "--duration", "1s", "--p99-max", "0"];
    let (code, verdict, report) = run("fanout", &short);
    assert_eq!((code, report["passed"].as_bool()), (Some(1), Some(false)));
    assert!(verdict.starts_with("FAIL fanout: every record once, intact, in order; p99"), "{verdict}");
    assert_eq!(
        (report["counts"]["lost"].as_u64(), &report["bars"][0]["kept"]),
        (Some(0), &Value::Bool(false))
    );
}

#[test]
fn bursts_above_the_limit_drain_and_settle() {
    let report = passes("burst", &["--consumers", "2", "--ramp", "0.1,2,0.1", "--ramp-secs", "3s"]);
    let counts = &report["counts"];
    assert!(counts["put_throttles"].as_u64().unwrap() > 0, "the burst is above the limit: {counts:#}");
    assert_eq!((counts["dropped"].as_u64(), &counts["acked"]), (Some(0), &counts["sent"]));
}

#[test]
fn a_slow_reader_gets_everything_and_costs_the_others_nothing() {
    let short = ["--consumers", "3", "--rate", "200", "--duration", "3s", "--stall-secs", "1s"];
    let report = passes("slow-reader", &short);
    assert_eq!(report["consumers"][0]["stalled"], true);
    assert_eq!(report["consumers"][0]["records"].as_u64(), Some(600));
    let stalled_max = report["latency_ms"]["stalled_consumers"]["max"].as_f64().unwrap();
    assert!(stalled_max > 900.0, "it stopped for a second: {stalled_max} ms");
}

#[test]
fn a_backlog_is_read_at_the_quotas_pace_while_records_keep_coming() {
    let short = ["--consumers", "2", "--backlog", "6MiB", "--rate", "100", "--duration", "6s"];
    let report = passes("catch-up", &short);
    let (counts, backlog) = (&report["counts"], 6 * 1024);
    assert_eq!(counts["acked"].as_u64(), Some(backlog + 600), "backlog and live");
    assert_eq!(report["latency_ms"]["put_to_push"]["count"].as_u64(), Some(2 * 600), "of what is live");
    assert_eq!(report["bars"].as_array().unwrap().len(), 2);
}

#[test]
fn shards_split_under_load() {
    let report =
        passes("reshard", &["--shards", "2", "--reshard", "4", "--reshard-every", "1s", "--rate", "200"]);
    assert_eq!(report["reshards"]["each"].as_array().unwrap().len(), 1);
}

#[test]
fn the_list_names_every_scenario_with_its_flags_and_bars() {
    let output = tool::tool(&["--list-scenarios"]);
    let listed = String::from_utf8(output.stdout).unwrap();
    for name in ["fanout", "burst", "slow-reader", "catch-up", "reshard"] {
        assert!(listed.contains(&format!("\n{name}: ")), "{listed}");
    }
    assert_eq!((listed.matches("    flags  ").count(), listed.matches("    bars   ").count()), (5, 5));
}
