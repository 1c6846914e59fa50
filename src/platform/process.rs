//! What the process takes of the machine at this moment, for its metrics.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use rustix::fs::statvfs;
use rustix::param::page_size;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// Figures of this process.
#[derive(Clone, Copy, Debug)]
pub struct ProcessFigures {
    /// Of all its threads, in user and kernel mode.
    pub cpu: Duration,
    /// Memory that is in RAM.
    pub resident_bytes: u64,
    /// Open file descriptors.
    pub descriptors: u64,
    /// How many it may have; none for no limit.
    pub descriptors_max: Option<u64>,
}

/// This process as it is now. What the system does not tell is 0.
pub fn process_figures() -> ProcessFigures {
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    let (secs, nanos) = (u64::try_from(cpu.tv_sec), u32::try_from(cpu.tv_nsec));
    ProcessFigures {
        cpu: Duration::new(secs.unwrap_or_default(), nanos.unwrap_or_default()),
        resident_bytes: resident_pages().unwrap_or_default() * page_size() as u64,
        descriptors: fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64),
        descriptors_max: getrlimit(Resource::Nofile).current,
    }
}

/// Bytes the file system of a directory has left for this process.
pub fn free_bytes(directory: &Path) -> io::Result<u64> {
    let figures = statvfs(directory)?;
    Ok(figures.f_bavail * figures.f_frsize)
}

/// The second number of `statm`.
fn resident_pages() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    text.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory_descriptors_and_cpu() {
        let before = process_figures();
        assert!(before.resident_bytes > 1 << 20 && before.descriptors >= 3, "{before:?}");
        assert!(before.descriptors_max.is_none_or(|max| max >= before.descriptors));
        while process_figures().cpu == before.cpu {}
        assert!(free_bytes(Path::new("/")).unwrap() > 0);
        assert!(free_bytes(Path::new("/does/not/exist")).is_err());
    }
}
