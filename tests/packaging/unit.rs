//! The systemd unit: systemd's own tools read it and score what it leaves open, and the real binary serves
//! under the filter of system calls that systemd would make of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use fanlight::limits::DRAIN_SECS_MAX;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::confined::{backend_unconfined, is_possible, serve};
use crate::support::tools;
use crate::{ok, read, said, scratch};

/// Exposure by `systemd-analyze security`, in tenths; 100 is a service without any precaution. What is
/// left at 1.1 is the network and the host's root directory.
const EXPOSURE_TENTHS_MAX: u32 = 11;
/// How long a clean stop may take: connections, then what goes to segments.
const OWN_PATIENCE_SECS: u64 = 2 * DRAIN_SECS_MAX;
const EPERM: u32 = 1;
const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;
const PROT_WRITE: u32 = 2;
const PROT_EXEC: u32 = 4;

fn unit() -> String {
    read("docs/deploy/fanlight.service")
}

/// All values of a setting, in order.
fn values(name: &str) -> Vec<String> {
    let prefix = format!("{name}=");
    unit().lines().filter_map(|line| line.strip_prefix(&prefix)).map(str::to_owned).collect()
}

fn has_systemd(test: &str) -> bool {
    tools::toolchain(test, "systemd-analyze", "--version")
}

/// The unit, changed, where the tools find it under its own name; its binary is the one just built.
fn written(change: impl FnOnce(String) -> String) -> (TempDir, PathBuf) {
    let scratch = scratch();
    let file = scratch.path().join("fanlight.service");
    let text = change(unit()).replace("/usr/bin/fanlight", env!("CARGO_BIN_EXE_fanlight"));
    fs::write(&file, text).expect("a file");
    (scratch, file)
}

fn exposure(change: impl FnOnce(String) -> String) -> (bool, String) {
    let (_scratch, file) = written(change);
    let threshold = format!("--threshold={EXPOSURE_TENTHS_MAX}");
    said(
        Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--no-pager", &threshold])
            .arg(file),
    )
}

#[test]
fn does_systemd_understand_every_line() {
    if !has_systemd("the unit, verified") {
        return;
    }
    let verify = |change: fn(String) -> String| {
        let (_scratch, file) = written(change);
        let (_, remarks) = said(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(file));
        remarks
            .lines()
            .filter(|line| line.contains("fanlight.service"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(verify(|unit| unit), Vec::<String>::new());
    let remarks = verify(|unit| unit.replace("LockPersonality", "LockPersonalities"));
    assert!(remarks.iter().any(|it| it.contains("LockPersonalities")), "{remarks:?}");
}

#[test]
fn is_little_left_to_break() {
    if !has_systemd("the unit's exposure") {
        return;
    }
    let (is_low, told) = exposure(|unit| unit);
    assert!(is_low, "{told}");
    for line in ["CapabilityBoundingSet=\n", "PrivateUsers=yes", "RestrictNamespaces=yes"] {
        let (is_low, told) = exposure(|unit| unit.replace(line, ""));
        assert!(!is_low, "without {line}: {told}");
    }
}

/// The calls that lines of `SystemCallFilter=` leave: systemd lists its sets, each line adds or takes
/// away, and what is in `@default` stays.
fn calls() -> BTreeSet<String> {
    let mut left = members("@default");
    for line in values("SystemCallFilter") {
        match line.strip_prefix('~') {
            Some(line) => {
                let refused: BTreeSet<_> = line.split(' ').flat_map(members).collect();
                left.retain(|it| !refused.contains(it));
            }
            None => left.extend(line.split(' ').flat_map(members)),
        }
    }
    left.extend(members("@default"));
    left
}

fn members(set: &str) -> BTreeSet<String> {
    if !set.starts_with('@') {
        return BTreeSet::from([set.to_owned()]);
    }
    let listed = ok(Command::new("systemd-analyze").args(["syscall-filter", "--no-pager", set]));
    let indented =
        listed.lines().filter_map(|line| line.strip_prefix("    ")).filter(|it| !it.starts_with('#'));
    indented.flat_map(members).collect()
}

fn allow(name: &str, argument: u32, mask: u32, value: u32) -> Value {
    let comparison = json!({"index": argument, "value": mask, "valueTwo": value, "op": "SCMP_CMP_MASKED_EQ"});
    json!({"names": [name], "action": "SCMP_ACT_ALLOW", "args": [comparison]})
}

/// What systemd makes of the unit: calls, families of sockets, no memory that is written and then run.
fn filter() -> Value {
    let mut names = calls();
    for judged in ["socket", "mmap", "mprotect"] {
        assert!(names.remove(judged), "{judged} is not allowed at all");
    }
    assert_eq!(values("MemoryDenyWriteExecute"), ["yes"]);
    assert_eq!(values("RestrictAddressFamilies"), ["AF_INET AF_INET6"]);
    let mut rules = vec![json!({"names": names, "action": "SCMP_ACT_ALLOW"})];
    rules.extend([AF_INET, AF_INET6].map(|family| allow("socket", 0, u32::MAX, family)));
    rules.extend([PROT_WRITE, PROT_EXEC].map(|one_of| allow("mmap", 2, one_of, 0)));
    rules.push(allow("mprotect", 2, PROT_EXEC, 0));
    json!({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": EPERM, "syscalls": rules})
}

#[test]
fn does_the_server_serve_under_its_filter_of_system_calls() {
    if !has_systemd("the unit's filter of system calls") || !is_possible("the unit's filter of system calls")
    {
        return;
    }
    let outcome = serve(Some(&filter()), "auto");
    assert_eq!(outcome.backend(), backend_unconfined(), "io_uring is in @aio");
    assert!(outcome.status.is_some_and(|it| it.success()), "{}", outcome.said);
    let threads = serve(Some(&filter()), "threads");
    assert!(threads.status.is_some_and(|it| it.success()), "{}", threads.said);
    let mut without = filter();
    without["syscalls"][0]["names"].as_array_mut().expect("names").retain(|it| it != "epoll_wait");
    let outcome = serve(Some(&without), "auto");
    assert!(outcome.status.is_none_or(|it| !it.success()), "the filter is not there: {}", outcome.said);
}

#[test]
fn is_systemd_more_patient_than_the_server() {
    let [patience] = values("TimeoutStopSec").try_into().expect("one value");
    assert!(patience.parse::<u64>().expect("seconds") > OWN_PATIENCE_SECS);
    let manifest = read("docs/deploy/kubernetes/statefulset.yaml");
    assert!(manifest.contains(&format!("terminationGracePeriodSeconds: {patience}\n")), "Kubernetes, too");
}
