//! Waiting for a disk inside a tokio runtime: one wake-up of the reactor that serves the sockets as well.

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::unix::AsyncFd;

use super::disk::Disk;
use super::uring::register_readable;

/// Tells when a disk has completions to reap. Belongs to the runtime it was made in.
#[derive(Debug)]
pub struct Readiness(AsyncFd<OwnedFd>);

impl Readiness {
    /// Watches a disk; none for one that has no descriptor (the simulation), which is stepped instead.
    pub fn of(disk: &dyn Disk) -> io::Result<Option<Self>> {
        disk.readiness().map(|fd| Self::on(fd.try_clone_to_owned()?)).transpose()
    }

    /// Watches a descriptor.
    pub fn on(fd: OwnedFd) -> io::Result<Self> {
        register_readable(fd).map(Self)
    }

    /// Waits until the disk has something; reap all of it before waiting again. May be dropped and called
    /// again at any time, as `select!` does.
    pub async fn wait(&self) -> io::Result<()> {
        // The reactor tells of changes only. Clearing before the caller reaps means that whatever completes
        // from here on is either reaped or told of again; the other way round it could be lost.
        self.0.readable().await?.clear_ready();
        Ok(())
    }
}
