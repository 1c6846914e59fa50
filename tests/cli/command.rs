//! Running `fanlight`: a command's words, what it says on both outputs, its exit status.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::support::server::Server;

/// What a command has come to.
pub(crate) struct Ended {
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    /// Its output, if it went well.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.status, Some(0), "{}{}", self.out, self.err);
        self.out
    }

    /// Its error text, if it ended with this status.
    pub(crate) fn failed(self, status: i32) -> String {
        assert_eq!(self.status, Some(status), "{}{}", self.out, self.err);
        self.err
    }
}

/// The binary without any of this machine's settings.
pub(crate) fn fanlight() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanlight"));
    let is_setting = |name: &str| name.starts_with("FANLIGHT_") || name.starts_with("AWS_");
    for (name, _) in std::env::vars().filter(|(name, _)| is_setting(name)) {
        command.env_remove(name);
    }
    command
}

/// The binary, told where a server is.
pub(crate) fn at(server: &Server) -> Command {
    let mut command = fanlight();
    command.env("FANLIGHT_ENDPOINT", server.endpoint());
    command.env("FANLIGHT_ADMIN", format!("http://{}", server.admin_address()));
    command
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command, words: &[&str]) -> Ended {
    run_with(command, words, b"")
}

/// The same with something on its standard input.
pub(crate) fn run_with(command: &mut Command, words: &[&str], input: &[u8]) -> Ended {
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let mut pipe = child.stdin.take().expect("a pipe");
    // A command that fails early does not read its input.
    let _ = pipe.write_all(input);
    drop(pipe);
    let output = child.wait_with_output().expect("a started child can be waited for");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Ended { status: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}
