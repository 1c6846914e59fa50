//! The real binary under a seccomp profile, loaded by `confined.py`: it starts, and serves a record, or
//! says why not.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, ExitStatus};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::kinesis::{Kinesis, shard_id};
use crate::support::process::Process;
use crate::support::server::free_address;
use crate::support::{PATIENCE, http, patiently, tools};
use crate::{path, scratch};

/// What came of it.
pub(crate) struct Outcome {
    pub(crate) status: Option<ExitStatus>,
    pub(crate) said: String,
}

impl Outcome {
    /// The start-up line's word for how the disk is driven.
    pub(crate) fn backend(&self) -> &str {
        let (_, after) =
            self.said.split_once(", I/O ").unwrap_or_else(|| panic!("not started:\n{}", self.said));
        after.split_once(',').expect("more follows").0
    }
}

/// Whether the tools for it are there.
pub(crate) fn is_possible(test: &str) -> bool {
    tools::toolchain(test, "python3", "--version")
}

/// The backend this machine has for a process nobody confines.
pub(crate) fn backend_unconfined() -> String {
    serve(None, "auto").backend().to_owned()
}

/// Starts the server under the profile (none: as it is), puts a record and reads it back, and asks it to
/// stop. One that does not start is left to its end.
pub(crate) fn serve(profile: Option<&Value>, io: &str) -> Outcome {
    let scratch = scratch();
    let [listen, admin] = [free_address(), free_address()];
    let mut command = command(profile, scratch.path());
    command.args([
        "serve",
        "--io",
        io,
        "--listen",
        &listen.to_string(),
        "--admin-listen",
        &admin.to_string(),
    ]);
    command.arg("--data-dir").arg(scratch.path().join("data"));
    let log = File::create(scratch.path().join("said")).expect("a log file");
    command.stdout(log.try_clone().expect("a second handle")).stderr(log);
    let mut server = Process::start(&mut command);
    let is_ready = patiently(PATIENCE, "the server to start or to end", || {
        let is_ready = http::get(admin, "/readyz").is_ok_and(|answer| answer.status == 200);
        (is_ready || server.wait(std::time::Duration::ZERO).is_some()).then_some(is_ready)
    });
    if is_ready {
        let kinesis = Kinesis { address: listen };
        kinesis.create("confined", 1);
        kinesis.wait_active("confined");
        kinesis.put("confined", "0", b"hello");
        assert_eq!(kinesis.read_shard("confined", &shard_id(0))[0].data, b"hello");
        server.signal(Signal::TERM);
    }
    let status = server.wait(PATIENCE);
    Outcome { status, said: fs::read_to_string(scratch.path().join("said")).expect("its log") }
}

fn command(profile: Option<&Value>, scratch: &Path) -> Command {
    let binary = env!("CARGO_BIN_EXE_fanlight");
    let Some(profile) = profile else { return Command::new(binary) };
    let file = scratch.join("profile.json");
    fs::write(&file, profile.to_string()).expect("the profile can be written");
    let mut command = Command::new("python3");
    command.arg(path("tests/packaging/confined.py")).arg("run").arg(file).arg(binary);
    command
}
