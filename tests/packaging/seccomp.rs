//! The seccomp profiles in `docs/deploy`: Docker's own and three calls, and the same for Kubernetes'
//! nodes. What the server makes of them and of the default, by starting it under each.

use std::process::Command;

use serde_json::{Value, json};

use crate::confined::{backend_unconfined, is_possible, serve};
use crate::support::{say, tools};
use crate::{ok, path, read, scratch};

/// Where Docker's default is published.
const DEFAULT: &str = "github.com/moby/profiles/seccomp@v0.3.0";
const CALLS: [&str; 3] = ["io_uring_enter", "io_uring_register", "io_uring_setup"];

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn ours() -> Value {
    json(&read("docs/deploy/seccomp.json"))
}

/// Docker's default profile; none where there is no Go to fetch it with.
fn default(test: &str) -> Option<Value> {
    if !tools::toolchain(test, "go", "version") {
        return None;
    }
    let scratch = scratch();
    let mut fetch = Command::new("go");
    let told =
        fetch.args(["mod", "download", "-json", DEFAULT]).current_dir(&scratch).output().expect("go runs");
    let told = json(&String::from_utf8_lossy(&told.stdout));
    let directory = told["Dir"].as_str().unwrap_or_else(|| panic!("{DEFAULT} did not come: {told}"));
    Some(json(&std::fs::read_to_string(format!("{directory}/default.json")).expect("the default profile")))
}

#[test]
fn is_the_profile_dockers_own_and_three_calls() {
    let Some(default) = default("the seccomp profile beside Docker's") else { return };
    let mut ours = ours();
    let rules = ours["syscalls"].as_array_mut().expect("rules");
    let added = rules.remove(0);
    assert_eq!((&added["names"], &added["action"]), (&json!(CALLS), &json!("SCMP_ACT_ALLOW")));
    assert_eq!(ours, default);
    let names = default["syscalls"].as_array().expect("rules").iter().map(|rule| rule["names"].to_string());
    assert_eq!(names.filter(|names| names.contains("io_uring")).count(), 0, "the default refuses them");
}

/// What Kubernetes reads knows no conditions: they are decided for a process without capabilities.
#[test]
fn is_the_one_for_kubernetes_the_same() {
    if !is_possible("the seccomp profile for Kubernetes") {
        return;
    }
    let confined = path("tests/packaging/confined.py");
    let flat = ok(Command::new("python3").arg(confined).arg("flatten").arg(path("docs/deploy/seccomp.json")));
    let shown = read("docs/deploy/kubernetes/seccomp.json");
    assert_eq!(shown, flat, "`confined.py flatten` makes it anew");
    for word in ["includes", "excludes", "\"caps\"", "\"bpf\"", "\"mount\"", "\"setns\""] {
        assert!(!shown.contains(word), "{word}");
    }
}

#[test]
fn is_the_ring_used_where_the_profile_lets_it() {
    if !is_possible("the server under seccomp profiles") {
        return;
    }
    let unconfined = backend_unconfined();
    if !unconfined.starts_with("io_uring") {
        return say("\n*** NOT RUN: the server under seccomp profiles: this kernel has no io_uring ***");
    }
    for profile in [ours(), json(&read("docs/deploy/kubernetes/seccomp.json"))] {
        let outcome = serve(Some(&profile), "uring");
        assert_eq!(outcome.backend(), unconfined);
        assert!(outcome.status.is_some_and(|it| it.success()), "{}", outcome.said);
    }
}

#[test]
fn does_it_fall_back_and_say_so_where_the_profile_does_not() {
    let Some(default) = default("the server under Docker's default profile") else { return };
    if !is_possible("the server under Docker's default profile") {
        return;
    }
    let outcome = serve(Some(&default), "auto");
    assert_eq!(outcome.backend(), "pwritev2");
    assert!(outcome.said.contains("no io_uring here (a container's seccomp profile?), using threads"));
    assert!(outcome.status.is_some_and(|it| it.success()), "{}", outcome.said);
    let insisting = serve(Some(&default), "uring");
    assert!(insisting.status.is_some_and(|it| !it.success()), "{}", insisting.said);
    assert!(insisting.said.contains("as the data directory: Operation not permitted"), "{}", insisting.said);
}
