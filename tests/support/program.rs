//! A client program: its environment and its deadline; run to its end with a verdict, one JSON object on the
//! last line, or beside the test, which takes its lines as they come.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::process::Process;
use super::server::Server;

/// A client against one server, not started yet.
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

    /// Runs it to its end; it must exit with success and say so in its verdict, within the time. Answers all
    /// it said.
    pub fn run(self, at_most: Duration) -> String {
        let name = self.name.clone();
        let output = self.finish(at_most);
        let verdict = output.lines().rev().find_map(|line| serde_json::from_str::<Value>(line).ok());
        assert!(verdict.as_ref().is_some_and(|it| it["ok"] == true), "{name}:\n{output}");
        super::say(&format!("{name}: {}", verdict.unwrap_or_default()));
        output
    }

    /// Runs it to its end, which must come within the time and with success; answers all it said.
    pub fn finish(self, at_most: Duration) -> String {
        let name = self.name.clone();
        let (status, output) = self.end(at_most);
        assert!(status.is_some(), "{name} did not end within {} s:\n{output}", at_most.as_secs());
        assert!(status.is_some_and(|it| it.success()), "{name}: {status:?}\n{output}");
        output
    }

    /// Runs it to its end or to the end of its time; answers all it said.
    pub fn end(mut self, at_most: Duration) -> (Option<ExitStatus>, String) {
        let scratch = scratch();
        let path = scratch.path().join("output");
        let output = File::create(&path).expect("an output file");
        self.command.stdout(output.try_clone().expect("a second handle")).stderr(output);
        let mut process = Process::start(&mut self.command);
        let status = process.wait(at_most);
        process.kill();
        (status, fs::read_to_string(path).expect("its output"))
    }

    /// Starts it to run beside the test, which takes each line it says.
    pub fn talk(mut self, mut take: impl FnMut(&str) + Send + 'static) -> Talk {
        let scratch = scratch();
        self.command.stderr(File::create(scratch.path().join("errors")).expect("an output file"));
        let (process, input, output) = Process::start_piped(&mut self.command);
        let reader = thread::spawn(move || {
            let mut output = BufReader::new(output);
            let mut line = String::new();
            // What a killed program could not write to the end of its line is not taken.
            while output.read_line(&mut line).is_ok() && line.ends_with('\n') {
                take(line.trim_end());
                line.clear();
            }
        });
        Talk { name: self.name, process, input: Some(input), reader, scratch }
    }
}

/// A program beside the test. It ends when its standard input does.
pub struct Talk {
    name: String,
    process: Process,
    input: Option<ChildStdin>,
    reader: JoinHandle<()>,
    scratch: TempDir,
}

impl Talk {
    /// Closes its input and waits for its clean end; every line it said has been taken then.
    pub fn finish(mut self, at_most: Duration) {
        drop(self.input.take());
        let status = self.process.wait(at_most);
        assert!(status.is_some_and(|it| it.success()), "{}: {status:?}\n{}", self.name, self.errors());
        // Whoever still holds its output would keep the reader waiting.
        self.process.kill();
        self.reader.join().expect("what takes the lines does not panic");
    }

    /// Ends it as a crash would; every line it said has been taken then.
    pub fn kill_9(mut self) {
        self.process.kill();
        self.reader.join().expect("what takes the lines does not panic");
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.process.wait(Duration::ZERO).is_some()
    }

    /// What it said on its standard error.
    pub fn errors(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.scratch.path().join("errors")).unwrap_or_default())
            .into_owned()
    }
}

fn scratch() -> TempDir {
    TempDir::with_prefix_in("program-", env!("CARGO_TARGET_TMPDIR")).expect("a scratch directory")
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
