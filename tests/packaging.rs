//! What the server is shipped in, judged by the tools that will take it: the Dockerfile, the seccomp
//! profiles, the systemd unit, the Debian package, the Kubernetes manifests. No container engine and no
//! running systemd is needed: what those would do to the server is done here, step by step, to the real
//! binary.
//!
//! A tool that is missing is reported as *not run*, and fails the test in CI. `FANLIGHT_PACKAGES=1` also
//! builds what takes minutes: the image's release binary by the Dockerfile's own steps, and the Debian
//! package.

// Tests live outside the server's rooms: the system's files and clock are theirs to use.
#![allow(clippy::disallowed_methods)]

mod support;

#[path = "packaging/confined.rs"]
mod confined;
#[path = "packaging/container.rs"]
mod container;
#[path = "packaging/debian.rs"]
mod debian;
#[path = "packaging/dockerfile.rs"]
mod dockerfile;
#[path = "packaging/kubernetes.rs"]
mod kubernetes;
#[path = "packaging/seccomp.rs"]
mod seccomp;
#[path = "packaging/settings.rs"]
mod settings;
#[path = "packaging/unit.rs"]
mod unit;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// Whether what takes minutes is to be built, too.
fn builds_packages() -> bool {
    std::env::var_os("FANLIGHT_PACKAGES").is_some()
}

/// A file of the repository.
fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn scratch() -> TempDir {
    TempDir::with_prefix_in("packaging-", env!("CARGO_TARGET_TMPDIR")).expect("a scratch directory")
}

/// Runs a program to its end; answers whether it was content, and all it said.
fn said(command: &mut Command) -> (bool, String) {
    let Output { status, stdout, stderr } =
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    (status.success(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

/// As [`said`], where it has to be content.
fn ok(command: &mut Command) -> String {
    let (is_content, text) = said(command);
    assert!(is_content, "{command:?}:\n{text}");
    text
}
