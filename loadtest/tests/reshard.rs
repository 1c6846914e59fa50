//! A real server whose stream is resharded under load: do consumers that follow get every record once and in
//! order, do all puts come through, and is nobody left waiting?
//!
//! The bar is a second: this may run beside a build. What it is there for is waits until the next idle event,
//! five seconds; the long run in the README has the bar that counts.

#![allow(clippy::unwrap_used)] // helpers of a test: a panic is its failure

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// The server of the profile this test is built with, built if it is not up to date.
fn server() -> PathBuf {
    let tool = PathBuf::from(env!("CARGO_BIN_EXE_loadtest"));
    let profile_dir = tool.parent().unwrap();
    let profile = match profile_dir.file_name().unwrap().to_str().unwrap() {
        "debug" => "dev",
        named => named,
    };
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "-p", "fanlight", "--bin", "fanlight", "--profile", profile])
        .arg("--target-dir")
        .arg(profile_dir.parent().unwrap())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(built.unwrap().success(), "the server does not build");
    profile_dir.join("fanlight")
}

/// Runs the tool against a server of its own; its exit code and JSON.
fn run(flags: &[&str]) -> (Option<i32>, Value) {
    let dir = tempfile::tempdir().unwrap();
    let json = dir.path().join("report.json");
    let output = Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .arg("--server-bin")
        .arg(server())
        .args(["--no-disk-probe", "--rate", "500", "--consumers", "2", "--pull", "1"])
        .args(flags)
        .arg("--json")
        .arg(&json)
        .output()
        .unwrap();
    let text = std::fs::read_to_string(json);
    let text = text.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code(), serde_json::from_str(&text).unwrap())
}

#[test]
fn consumers_that_follow_get_every_record_through_splits_and_merges() {
    let course = ["--shards", "8", "--reshard", "16,9,5,3", "--reshard-every", "1500ms", "--pause-max", "1s"];
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
