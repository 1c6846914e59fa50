//! A server of our own: found or built, started in a directory that vanishes, stopped whatever happens.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use clap::ValueEnum;
use rustix::process::{Pid, Signal};

use crate::cli::Cli;
use crate::clock::now_ns;
use crate::route::Route;
use crate::units::nanos;

const READY_WITHIN: Duration = Duration::from_secs(30);
const STOP_WITHIN: Duration = Duration::from_secs(5);
const POLL_PAUSE: Duration = Duration::from_millis(20);
/// How much of the server's log a failed start shows.
const LOG_TAIL_LINES: usize = 20;

/// A running server and its directory; dropping it stops the one and removes the other.
pub(crate) struct Server {
    address: SocketAddr,
    /// What its binary says of itself.
    pub(crate) version: Option<String>,
    /// How it was started.
    pub(crate) command: Vec<OsString>,
    child: Child,
    dir: tempfile::TempDir,
    tls: bool,
}

impl Server {
    /// Starts a server as the flags want it and waits until it is ready.
    pub(crate) fn start(cli: &Cli) -> io::Result<Self> {
        let binary = find_or_build(cli.server_bin.as_deref())?;
        let root = cli.data_root.clone().map_or_else(build_dir, Ok)?;
        let dir = tempfile::Builder::new().prefix("loadtest-data-").tempdir_in(root)?;
        let (address, admin) = free_addresses()?;
        let log = OpenOptions::new().create(true).append(true).open(dir.path().join("server.log"))?;
        let mut command = Command::new(&binary);
        command
            .arg("serve")
            .args(["--listen", &address.to_string(), "--admin-listen", &admin.to_string()])
            .args(["--limits", &flag(cli.limits), "--durability", &flag(cli.durability)])
            .arg("--data-dir")
            .arg(dir.path().join("data"))
            .args(cli.tls.then_some("--tls-self-signed"))
            .args(cli.server_args.as_deref().unwrap_or_default().split_whitespace());
        let words =
            std::iter::once(command.get_program()).chain(command.get_args()).map(Into::into).collect();
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", binary.display())))?;
        let version = version_of(&binary);
        let mut server = Self { address, version, command: words, child, dir, tls: cli.tls };
        server.wait_ready(admin)?;
        Ok(server)
    }

    /// The way to it, once it is ready: a certificate of its own is made by then.
    pub(crate) fn route(&self) -> io::Result<Route> {
        if self.tls {
            return Route::trusting(self.address, &self.dir.path().join("data/tls/cert.pem"));
        }
        Ok(Route::plain(self.address))
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The directory it writes under.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    fn wait_ready(&mut self, admin: SocketAddr) -> io::Result<()> {
        let deadline = now_ns() + nanos(READY_WITHIN);
        while now_ns() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("the server ended with {status}\n{}", self.log_tail())));
            }
            if is_ready(admin).unwrap_or(false) {
                return Ok(());
            }
            std::thread::sleep(POLL_PAUSE);
        }
        Err(io::Error::other(format!(
            "the server was not ready within {READY_WITHIN:?}\n{}",
            self.log_tail()
        )))
    }

    fn log_tail(&self) -> String {
        let log = std::fs::read_to_string(self.dir.path().join("server.log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
    }
}

impl Drop for Server {
    /// Asks it to stop, and kills it if it does not.
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, Signal::TERM);
        }
        let deadline = now_ns() + nanos(STOP_WITHIN);
        while now_ns() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(POLL_PAUSE);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn version_of(binary: &Path) -> Option<String> {
    let told = Command::new(binary).arg("--version").stdin(Stdio::null()).output().ok()?;
    let line = String::from_utf8(told.stdout).ok()?.lines().next()?.trim().to_owned();
    Some(line).filter(|line| !line.is_empty())
}

fn flag(value: impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

/// Two free loopback ports. Both are held until both are known, so they differ.
fn free_addresses() -> io::Result<(SocketAddr, SocketAddr)> {
    let (one, two) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
    Ok((one.local_addr()?, two.local_addr()?))
}

fn is_ready(admin: SocketAddr) -> io::Result<bool> {
    let mut socket = TcpStream::connect_timeout(&admin, POLL_PAUSE)?;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    write!(socket, "GET /readyz HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n\r\n")?;
    let mut status = [0; 12];
    socket.read_exact(&mut status)?;
    Ok(status.ends_with(b" 200"))
}

/// `target/`, two levels above this executable.
pub(crate) fn build_dir() -> io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    own.ancestors()
        .nth(2)
        .map(Path::to_path_buf)
        .ok_or_else(|| io::Error::other("no directory above this program"))
}

/// The given binary, the one beside this program, the released one, or a new build.
fn find_or_build(given: Option<&Path>) -> io::Result<PathBuf> {
    if let Some(path) = given {
        return Ok(path.to_path_buf());
    }
    let target = build_dir()?;
    let released = target.join("release/fanlight");
    let beside = std::env::current_exe()?.with_file_name("fanlight");
    if let Some(found) = [beside, released.clone()].into_iter().find(|path| path.is_file()) {
        return Ok(found);
    }
    eprintln!("building the server (once)");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--release", "-p", "fanlight", "--bin", "fanlight", "--target-dir"]).arg(target);
    // Cargo sets this under `cargo run`, whatever directory that was called from.
    if let Some(member) = std::env::var_os("CARGO_MANIFEST_DIR") {
        build.current_dir(member);
    }
    match build.status()?.success() {
        true => Ok(released),
        false => Err(io::Error::other("the server does not build")),
    }
}
