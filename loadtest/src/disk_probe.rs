//! The disk's own bare latency: durable 4 KiB writes, one at a time, beside the data the server will write.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};

use crate::clock::now_ns;
use crate::latency::{Latency, Summary};
use crate::units::{count, nanos};

const BLOCK_BYTES: usize = 4096;
/// The file is written over in turn; it is filled first, as a log's preallocated segment is.
const BLOCKS: u64 = 1024;
const PROBE_TIME: Duration = Duration::from_secs(1);

#[repr(align(4096))]
struct Block([u8; BLOCK_BYTES]);

/// What the disk does without a server.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct DiskLatency {
    /// How it was written.
    pub(crate) method: String,
    /// Milliseconds per durable write.
    pub(crate) latency_ms: Summary,
}

/// Measures for about a second in `dir`; the file is removed.
pub(crate) fn measure(dir: &Path) -> io::Result<DiskLatency> {
    let path = dir.join("disk-probe");
    let direct = OFlags::DIRECT | OFlags::DSYNC;
    let (file, method) = match open(&path, direct) {
        Ok(file) => (file, "4 KiB O_DIRECT|O_DSYNC"),
        // A file system without direct I/O (tmpfs) still has a latency.
        Err(_) => (open(&path, OFlags::DSYNC)?, "4 KiB O_DSYNC"),
    };
    let latency = write_for(&file, PROBE_TIME);
    rustix::fs::unlink(&path)?;
    Ok(DiskLatency { method: method.into(), latency_ms: latency?.summary() })
}

fn open(path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    rustix::fs::open(
        path,
        flags | OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC,
        Mode::from_raw_mode(0o600),
    )
}

fn write_for(file: &OwnedFd, span: Duration) -> io::Result<Latency> {
    let block = Box::new(Block([0; BLOCK_BYTES]));
    for at in 0..BLOCKS {
        write_block(file, &block, at)?;
    }
    let mut latency = Latency::new();
    let end = now_ns() + nanos(span);
    for at in (0..BLOCKS).cycle() {
        let begin = now_ns();
        if begin >= end {
            break;
        }
        write_block(file, &block, at)?;
        latency.record(now_ns() - begin);
    }
    Ok(latency)
}

fn write_block(file: &OwnedFd, block: &Block, at: u64) -> io::Result<()> {
    let written = rustix::io::pwrite(file, &block.0, at * count(BLOCK_BYTES))?;
    if written == BLOCK_BYTES { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durable_writes_take_time() {
        let dir = tempfile::tempdir().unwrap();
        let file = open(&dir.path().join("probe"), OFlags::DSYNC).unwrap();
        let row = write_for(&file, Duration::from_millis(5)).unwrap().summary();
        assert!(row.count > 0 && row.max > 0.0, "{row:?}");
    }
}
