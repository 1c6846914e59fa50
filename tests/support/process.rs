//! A child process whose end can be waited for with a deadline, and which never outlives its owner.

use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

/// How long a killed process may take to be gone.
const KILL_SECS_MAX: u64 = 10;

/// A running child, the leader of its own process group.
pub struct Process {
    group: Pid,
    ended: Receiver<ExitStatus>,
    status: Option<ExitStatus>,
}

impl Process {
    /// Starts the command.
    pub fn start(command: &mut Command) -> Process {
        Process::watch(spawn(command))
    }

    /// Starts the command with its standard input and output in the caller's hands.
    pub fn start_piped(command: &mut Command) -> (Process, ChildStdin, ChildStdout) {
        let mut child = spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
        let (input, output) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        (Process::watch(child), input, output)
    }

    /// A thread waits for its end, so that others can wait with a deadline.
    fn watch(mut child: Child) -> Process {
        let group = Pid::from_child(&child);
        let (sender, ended) = channel();
        thread::spawn(move || {
            let status = child.wait().expect("a started child can be waited for");
            // The owner may be gone already; then nobody asks.
            let _ = sender.send(status);
        });
        Process { group, ended, status: None }
    }

    /// Bytes of memory it holds in RAM now.
    pub fn resident_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.group.as_raw_nonzero());
        let status = std::fs::read_to_string(path).expect("a running process has a status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it tells its memory");
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("in KiB");
        kib << 10
    }

    /// Waits for the end, at most this long.
    pub fn wait(&mut self, at_most: Duration) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.ended.recv_timeout(at_most).ok();
        }
        self.status
    }

    /// Signals the whole group; does nothing once the child has ended.
    pub fn signal(&mut self, signal: Signal) {
        if self.wait(Duration::ZERO).is_none() {
            // The group may vanish between the question and the signal.
            let _ = kill_process_group(self.group, signal);
        }
    }

    /// Ends the group at once, what its leader has left behind too, and waits until the leader is gone.
    pub fn kill(&mut self) {
        // A group nobody is in any more is none.
        let _ = kill_process_group(self.group, Signal::KILL);
        assert!(self.wait(Duration::from_secs(KILL_SECS_MAX)).is_some(), "a killed process is still there");
    }
}

fn spawn(command: &mut Command) -> Child {
    use std::os::unix::process::CommandExt;
    command.process_group(0).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = kill_process_group(self.group, Signal::KILL);
    }
}
