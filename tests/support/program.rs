//! A client program run to its end: environment, deadline, and its verdict, one JSON object on the last line.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::process::Process;
use super::server::Server;

/// A client against one server.
pub struct Program {
    name: String,
    command: Command,
}

impl Program {
    /// A program, with the environment every SDK reads: keys, a region, none of this machine's settings.
    pub fn new(name: &str, executable: impl AsRef<OsStr>, server: &Server) -> Program {
        let mut command = Command::new(executable);
        command.env("FANLIGHT_ENDPOINT", server.endpoint());
        command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "secret");
        command.env("AWS_REGION", "us-east-1").env("AWS_DEFAULT_REGION", "us-east-1");
        command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
        command.env("AWS_EC2_METADATA_DISABLED", "true").env("NO_PROXY", "127.0.0.1,localhost");
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        for name in ["FANLIGHT_CERTIFICATE", "AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"] {
            if server.endpoint().starts_with("https:") {
                command.env(name, server.certificate());
            } else {
                command.env_remove(name);
            }
        }
        Program { name: name.to_owned(), command }
    }

    /// Adds arguments.
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Program {
        self.command.args(arguments);
        self
    }

    /// Adds a variable.
    pub fn env(mut self, name: &str, value: &str) -> Program {
        self.command.env(name, value);
        self
    }

    /// Runs it to its end; it must exit with success and say so in its verdict, within the time.
    pub fn run(mut self, at_most: Duration) {
        let scratch =
            TempDir::with_prefix_in("program-", env!("CARGO_TARGET_TMPDIR")).expect("a scratch directory");
        let path = scratch.path().join("output");
        let output = File::create(&path).expect("an output file");
        self.command.stdout(output.try_clone().expect("a second handle")).stderr(output);
        let mut process = Process::start(&mut self.command);
        let status = process.wait(at_most);
        process.kill();
        let output = fs::read_to_string(path).expect("its output");
        let verdict = output.lines().rev().find_map(|line| serde_json::from_str::<Value>(line).ok());
        let passed = verdict.as_ref().is_some_and(|it| it["ok"] == true);
        let name = &self.name;
        assert!(status.is_some(), "{name} did not end within {} s:\n{output}", at_most.as_secs());
        assert!(status.is_some_and(|it| it.success()) && passed, "{name}: {status:?}\n{output}");
        let line = format!("{name}: {}\n", verdict.unwrap_or_default());
        std::io::stderr().write_all(line.as_bytes()).expect("standard error is open");
    }
}

/// Runs a program that judges its standard input; answers its remarks. A non-zero exit fails the test.
pub fn filter(executable: &Path, arguments: &[&str], input: &[u8]) -> String {
    let mut command = Command::new(executable);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", executable.display()));
    child.stdin.take().expect("a pipe").write_all(input).expect("it reads its input to the end");
    let output = child.wait_with_output().expect("a started child can be waited for");
    let remarks = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&remarks).into_owned();
    assert!(output.status.success(), "{arguments:?}: {}\n{text}", output.status);
    text
}
