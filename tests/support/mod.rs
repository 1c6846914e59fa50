//! Support shared by the integration tests: a real server in its own process, plain HTTP to it, the client
//! toolchains, and programs run to their end. Nothing here knows what a test asserts.

// Each test binary compiles this module for itself and uses a part of it; `pub` marks the module's face
// within such a binary; and tests live outside the server's rooms, so the system's clock and files are theirs
// to use.
#![allow(dead_code, unreachable_pub, clippy::disallowed_methods)]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

pub mod efo;
pub mod http;
pub mod kinesis;
pub mod process;
pub mod program;
pub mod server;
pub mod tools;

/// Between two looks at something that is waited for.
const POLL: Duration = Duration::from_millis(5);
/// The same, for what is looked at for minutes.
const SLOW_POLL: Duration = Duration::from_millis(200);
/// How long anything that is waited for may take, on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Looks again and again until there is an answer; fails the test after [`PATIENCE`].
pub fn wait_for<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    poll(PATIENCE, POLL, look).unwrap_or_else(|| panic!("waited in vain for {what}"))
}

/// As [`wait_for`], for what takes its time: looks a few times a second.
pub fn patiently<T>(patience: Duration, what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(patience, look).unwrap_or_else(|| panic!("waited in vain for {what}"))
}

/// As [`patiently`], where it does not matter whether there is an answer.
pub fn within<T>(patience: Duration, look: impl FnMut() -> Option<T>) -> Option<T> {
    poll(patience, SLOW_POLL, look)
}

fn poll<T>(patience: Duration, pause: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + patience;
    loop {
        let found = look();
        if found.is_some() || Instant::now() >= deadline {
            return found;
        }
        thread::sleep(pause);
    }
}

/// Says a line on the real standard error, past the test harness's capture.
pub fn say(line: &str) {
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).expect("standard error is open");
}

/// Runs a client's future to its end.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(future)
}

/// Copies a directory's own files, making it anew where it exists.
pub fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the directory can be made");
    for entry in fs::read_dir(from).expect("the sources").flatten().filter(|it| it.path().is_file()) {
        fs::copy(entry.path(), to.join(entry.file_name())).expect("a source can be copied");
    }
}
