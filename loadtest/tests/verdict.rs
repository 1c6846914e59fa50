//! Does the tool pass an honest service, and does it catch each kind of lie?

#![allow(clippy::unwrap_used)] // helpers of a test: a panic is its failure

mod fake;

use std::process::{Command, Output};

use fake::Lie;
use serde_json::Value;

/// Runs the tool against a fake; its exit code and JSON.
fn run(lie: Lie, flags: &[&str]) -> (Option<i32>, Value) {
    let endpoint = fake::start(lie).to_string();
    let dir = tempfile::tempdir().unwrap();
    let json = dir.path().join("report.json");
    let output: Output = Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args([
            "--endpoint",
            &endpoint,
            "--duration",
            "500ms",
            "--rate",
            "200",
            "--consumers",
            "3",
            "--drain",
            "500ms",
        ])
        .args(flags)
        .arg("--json")
        .arg(&json)
        .output()
        .unwrap();
    let text = std::fs::read_to_string(json);
    let text = text.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code(), serde_json::from_str(&text).unwrap())
}

fn faults(report: &Value) -> [u64; 5] {
    ["lost", "duplicated", "reordered", "corrupt", "misplaced"]
        .map(|name| report["counts"][name].as_u64().unwrap())
}

#[test]
fn an_honest_service_passes() {
    let (code, report) = run(Lie::Never, &["--pull", "2"]);
    assert_eq!((code, faults(&report)), (Some(0), [0; 5]));
    let counts = &report["counts"];
    assert_eq!((counts["sent"].as_u64(), counts["acked"].as_u64()), (Some(100), Some(100)));
    assert_eq!(counts["received"].as_u64(), Some(500), "three push and two pull consumers");
    for row in ["put_ack", "put_to_push", "last_of_all", "put_to_pull"] {
        assert!(report["latency_ms"][row]["count"].as_u64().unwrap() >= 100, "{row}");
    }
}

#[test]
fn subscriptions_may_share_connections_and_records_a_request() {
    let flags = ["--connections", "2", "--batch", "5", "--client-threads", "2", "--producers", "2"];
    let (code, report) = run(Lie::Never, &flags);
    assert_eq!((code, report["counts"]["received"].as_u64()), (Some(0), Some(300)));
}

#[test]
fn a_closed_loop_and_a_backlog_pass_too() {
    let (code, report) = run(Lie::Never, &["--rate", "max", "--batch", "10", "--in-flight", "2"]);
    assert_eq!((code, faults(&report)), (Some(0), [0; 5]));
    let (code, report) = run(Lie::Never, &["--backlog", "256KiB"]);
    assert_eq!((code, report["counts"]["received"].as_u64()), (Some(0), Some(3 * 256)));
}

#[test]
fn an_ended_subscription_goes_on_where_it_was() {
    let (code, report) = run(Lie::Hurry, &[]);
    assert_eq!((code, faults(&report)), (Some(0), [0; 5]));
    assert!(report["counts"]["resubscribed"].as_u64().unwrap() > 3);
}

#[test]
fn consumers_that_stall_still_get_everything() {
    for connections in ["own", "1"] {
        let flags = ["--stall", "1", "--stall-secs", "150ms", "--connections", connections];
        let (code, report) = run(Lie::Never, &flags);
        assert_eq!((code, faults(&report)), (Some(0), [0; 5]), "{connections}");
        assert_eq!(report["latency_ms"]["stalled_consumers"]["count"].as_u64(), Some(100));
    }
}

#[test]
fn throttled_records_are_tried_again_or_dropped_as_asked() {
    let (code, report) = run(Lie::Throttle, &[]);
    assert_eq!((code, report["counts"]["acked"].as_u64()), (Some(0), Some(100)));
    assert!(report["counts"]["put_throttles"].as_u64().unwrap() > 0);
    let (code, report) = run(Lie::Throttle, &["--on-throttle", "drop", "--batch", "3"]);
    let counts = &report["counts"];
    assert_eq!(code, Some(0));
    assert_eq!(counts["acked"].as_u64().unwrap() + counts["dropped"].as_u64().unwrap(), 100);
}

/// What is throttled when the time is over is not tried again: the load was not put as asked.
#[test]
fn puts_given_up_fail_a_run_that_did_not_ask_for_that() {
    let hurried = ["--duration", "100ms", "--drain", "0s", "--rate", "500"];
    let (code, report) = run(Lie::Throttle, &hurried);
    assert!(report["counts"]["dropped"].as_u64().unwrap() > 0, "{report:#}");
    assert_eq!((code, report["passed"].as_bool(), faults(&report)), (Some(1), Some(false), [0; 5]));
    let (code, report) = run(Lie::Throttle, &[&hurried[..], &["--on-throttle", "drop"]].concat());
    assert_eq!((code, report["passed"].as_bool()), (Some(0), Some(true)));
}

#[test]
fn a_lost_record_fails_the_run() {
    let (code, report) = run(Lie::Lose, &[]);
    assert_eq!((code, faults(&report)), (Some(1), [3, 0, 0, 0, 0]));
}

#[test]
fn a_doubled_record_fails_the_run() {
    let (code, report) = run(Lie::Double, &["--pull", "1"]);
    assert_eq!((code, faults(&report)), (Some(1), [0, 4, 0, 0, 0]));
}

#[test]
fn swapped_records_fail_the_run() {
    let (code, report) = run(Lie::Reorder, &[]);
    assert_eq!((code, faults(&report)), (Some(1), [0, 0, 3, 0, 0]));
}

#[test]
fn a_record_in_anothers_place_fails_the_run() {
    let (code, report) = run(Lie::Misplace, &[]);
    assert_eq!(code, Some(1));
    // Each of the two once at least: how often depends on who hears of it first, the producer or the consumers.
    assert!(report["counts"]["misplaced"].as_u64().unwrap() >= 2, "{report}");
}

#[test]
fn a_changed_byte_fails_the_run() {
    let (code, report) = run(Lie::Corrupt, &[]);
    assert_eq!((code, faults(&report)), (Some(1), [3, 0, 0, 3, 0]), "damaged, hence also never received");
}
