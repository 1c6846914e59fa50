//! A real server whose stream is resharded under load: do consumers that follow get every record once and in
//! order, do all puts come through, and is nobody left waiting?
//!
//! The bar is four seconds: this may run beside a build, on its disk. What it is there for is waits until the next idle event,
//! five seconds; the long run in the README has the bar that counts.

#![allow(clippy::unwrap_used)] // helpers of a test: a panic is its failure

mod tool;

use serde_json::Value;

/// Runs the tool against a server of its own; its exit code and JSON.
fn run(flags: &[&str]) -> (Option<i32>, Value) {
    let (code, _, report) =
        tool::own_server(&[&["--rate", "500", "--consumers", "2", "--pull", "1"], flags].concat());
    (code, report)
}

#[test]
fn consumers_that_follow_get_every_record_through_splits_and_merges() {
    let course = ["--shards", "8", "--reshard", "16,9,5,3", "--reshard-every", "1500ms", "--pause-max", "4s"];
    let (code, report) = run(&course);
    assert_eq!((code, &report["passed"]), (Some(0), &Value::Bool(true)), "{report:#}");
    assert_eq!(report["counts"]["received"].as_u64(), Some(3 * 3750), "two push consumers and a pull one");
    let reshards = &report["reshards"];
    assert!(reshards["followed"].as_u64().unwrap() >= 3 * (16 + 9 + 5 + 3 - 8), "{reshards:#}");
    for pause in reshards["each"].as_array().unwrap() {
        assert!(pause["put_to_push_ms"]["count"].as_u64().unwrap() > 0, "{reshards:#}");
    }
}

#[test]
fn a_pause_above_the_bar_fails_the_run() {
    let course = ["--shards", "2", "--reshard", "4", "--reshard-every", "500ms", "--pause-max", "0"];
    let (code, report) = run(&course);
    assert_eq!((code, &report["passed"]), (Some(1), &Value::Bool(false)), "{report:#}");
    assert_eq!(report["counts"]["lost"].as_u64(), Some(0));
}
