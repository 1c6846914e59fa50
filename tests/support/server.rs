//! The `fanlight` binary in its own process: free ports, a fresh data directory, every way to stop and
//! restart.

use std::collections::HashSet;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use super::http;
use super::process::Process;

/// From start to ready, on a loaded machine.
const READY_SECS_MAX: u64 = 30;
/// From SIGTERM to a clean exit: open subscriptions are ended first.
const DRAIN_SECS_MAX: u64 = 30;
/// Between two questions whether it is ready.
const READY_POLL: Duration = Duration::from_millis(20);

/// How a server is started. Fill in what matters to the test, take the rest from `default()`.
#[derive(Clone)]
pub struct Options {
    /// `--limits`: `aws` or `off`.
    pub limits: &'static str,
    /// `--durability`: `sync`, `interval` or `none`.
    pub durability: &'static str,
    /// Serve TLS with a certificate of its own making.
    pub tls: bool,
    /// Further flags.
    pub extra: Vec<String>,
    /// Where the data is to lie, if not in a directory of the server's own.
    pub data_dir: Option<PathBuf>,
    /// A bug to switch on, where the feature `seeded-bugs` has it compiled in.
    pub seeded_bug: Option<&'static str>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            limits: "aws",
            durability: "sync",
            tls: false,
            extra: Vec::new(),
            data_dir: None,
            seeded_bug: None,
        }
    }
}

/// A running server. Dropping it kills it and removes its data.
pub struct Server {
    options: Options,
    listen: SocketAddr,
    admin: SocketAddr,
    data: TempDir,
    process: Process,
}

impl Server {
    /// Starts a server and waits until it is ready.
    pub fn start(options: Options) -> Server {
        // Under the build's own directory, which is a real disk where /tmp may be memory.
        let data =
            TempDir::with_prefix_in("server-", env!("CARGO_TARGET_TMPDIR")).expect("a scratch directory");
        let (listen, admin) = (free_address(), free_address());
        let process = spawn(&options, listen, admin, data.path());
        let mut server = Server { options, listen, admin, data, process };
        server.wait_until_ready();
        server
    }

    /// The data port.
    pub fn address(&self) -> SocketAddr {
        self.listen
    }

    /// The admin port.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// What a client is given as its endpoint.
    pub fn endpoint(&self) -> String {
        let scheme = if self.options.tls { "https" } else { "http" };
        format!("{scheme}://{}", self.listen)
    }

    /// Where the server keeps its data.
    pub fn data_dir(&self) -> PathBuf {
        data_dir(&self.options, self.data.path())
    }

    /// The certificate of its own making.
    pub fn certificate(&self) -> PathBuf {
        self.data_dir().join("tls/cert.pem")
    }

    /// Bytes of memory it holds in RAM now.
    pub fn resident_bytes(&self) -> u64 {
        self.process.resident_bytes()
    }

    /// Asks it to stop, and does not wait.
    pub fn begin_to_terminate(&mut self) {
        self.process.signal(Signal::TERM);
    }

    /// Everything it has printed, over all its lives.
    pub fn output(&self) -> String {
        fs::read_to_string(log_path(self.data.path())).unwrap_or_default()
    }

    /// Ends it as a power cut would.
    pub fn kill_9(&mut self) {
        self.process.kill();
    }

    /// Asks it to stop, and waits for its clean exit.
    pub fn terminate(&mut self) {
        self.process.signal(Signal::TERM);
        let status = self.process.wait(Duration::from_secs(DRAIN_SECS_MAX));
        assert!(status.is_some_and(|it| it.success()), "SIGTERM: {status:?}\n{}", self.output());
    }

    /// Starts it again on the same data and ports; kills it first if it still runs.
    pub fn restart(&mut self) {
        self.process.kill();
        self.process = spawn(&self.options, self.listen, self.admin, self.data.path());
        self.wait_until_ready();
    }

    /// Starts it again on the same data with other options; kills it first if it still runs.
    pub fn restart_with(&mut self, change: impl FnOnce(&mut Options)) {
        change(&mut self.options);
        self.restart();
    }

    /// What `/readyz` answers: its status and text.
    pub fn readiness(&self) -> (u16, String) {
        let answer = http::get(self.admin, "/readyz").expect("the admin port answers");
        (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
    }

    /// A metric's value, by its name with its labels; 0 where it has not been counted yet.
    pub fn metric(&self, name: &str) -> f64 {
        let answer = http::get(self.admin, "/metrics").expect("the admin port answers");
        let text = String::from_utf8(answer.body).expect("text");
        let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
        text.lines().find_map(value).unwrap_or_default()
    }

    fn wait_until_ready(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(READY_SECS_MAX);
        while !http::get(self.admin, "/readyz").is_ok_and(|answer| answer.status == 200) {
            // Waiting for its end is the pause: a server that died is noticed at once.
            if let Some(status) = self.process.wait(READY_POLL) {
                panic!("the server ended before it was ready: {status}\n{}", self.output());
            }
            assert!(Instant::now() < deadline, "not ready after {READY_SECS_MAX} s\n{}", self.output());
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill();
        if thread::panicking() {
            eprintln!("--- the server on {} said:\n{}---", self.listen, self.output());
        }
    }
}

fn data_dir(options: &Options, scratch: &Path) -> PathBuf {
    options.data_dir.clone().unwrap_or_else(|| scratch.join("data"))
}

fn log_path(scratch: &Path) -> PathBuf {
    scratch.join("server.log")
}

fn spawn(options: &Options, listen: SocketAddr, admin: SocketAddr, scratch: &Path) -> Process {
    let log = File::options().create(true).append(true).open(log_path(scratch)).expect("a log file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanlight"));
    command.arg("serve").args(["--listen", &listen.to_string()]).args(["--admin-listen", &admin.to_string()]);
    command.arg("--data-dir").arg(data_dir(options, scratch));
    command.args(["--limits", options.limits, "--durability", options.durability]);
    if options.tls {
        command.arg("--tls-self-signed");
    }
    command.args(&options.extra);
    command.envs(options.seeded_bug.map(|bug| ("FANLIGHT_SEEDED_BUG", bug)));
    command.stdout(log.try_clone().expect("a second handle")).stderr(log);
    Process::start(&mut command)
}

/// A loopback address nobody listens on; never the same one twice in this process.
pub fn free_address() -> SocketAddr {
    static TAKEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);
    let mut taken = TAKEN.lock().expect("no holder panics");
    let taken = taken.get_or_insert_default();
    loop {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = socket.local_addr().expect("a bound address");
        if taken.insert(address.port()) {
            return address;
        }
    }
}
