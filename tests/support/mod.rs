//! Support shared by the integration tests: a real server in its own process, plain HTTP to it, the client
//! toolchains, and programs run to their end. Nothing here knows what a test asserts.

// Each test binary compiles this module for itself and uses a part of it; `pub` marks the module's face
// within such a binary; and tests live outside the server's rooms, so the system's clock and files are theirs
// to use.
#![allow(dead_code, unreachable_pub, clippy::disallowed_methods)]

use std::fs;
use std::path::Path;

pub mod http;
pub mod process;
pub mod program;
pub mod server;
pub mod tools;

/// Copies a directory's own files, making it anew where it exists.
pub fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the directory can be made");
    for entry in fs::read_dir(from).expect("the sources").flatten().filter(|it| it.path().is_file()) {
        fs::copy(entry.path(), to.join(entry.file_name())).expect("a source can be copied");
    }
}
