//! Runs the tool: against a server built for the test, or against what its flags say.

// Each test program uses some of it.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// Names a server that is built already, to be tested instead.
const SERVER: &str = "LOADTEST_SERVER";

/// The server of the profile this test is built with, built if it is not up to date: with the features of the
/// workspace's tests, so that what they have built is not built again.
pub(crate) fn server() -> PathBuf {
    if let Some(built) = std::env::var_os(SERVER) {
        return built.into();
    }
    let tool = PathBuf::from(env!("CARGO_BIN_EXE_loadtest"));
    let profile_dir = tool.parent().unwrap();
    let mut build = Command::new(env!("CARGO"));
    build.args(["test", "--quiet", "--workspace", "--no-run", "--test", "tidy", "--target-dir"]);
    build.arg(profile_dir.parent().unwrap()).current_dir(env!("CARGO_MANIFEST_DIR"));
    if profile_dir.ends_with("release") {
        build.arg("--release");
    }
    let built = build.status();
    assert!(built.unwrap().success(), "the server does not build");
    profile_dir.join("fanlight")
}

/// Runs the tool with these flags.
pub(crate) fn tool(flags: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_loadtest")).args(flags).output().unwrap()
}

/// The same against a server of its own; its exit code, what it printed, its JSON.
pub(crate) fn own_server(flags: &[&str]) -> (Option<i32>, String, Value) {
    let dir = tempfile::tempdir().unwrap();
    let (json, server) = (dir.path().join("report.json"), server());
    let own = ["--server-bin", text(&server), "--no-disk-probe", "--json", text(&json)];
    let output = tool(&[&own, flags].concat());
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code(), printed, read(&json, &output))
}

/// A result that was written, or what was said instead.
pub(crate) fn read(json: &Path, output: &Output) -> Value {
    let result = std::fs::read_to_string(json);
    let result = result.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    serde_json::from_str(&result).unwrap()
}

/// A path as a flag's value.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
