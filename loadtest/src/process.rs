//! What `/proc` tells of a process and of this machine.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::units::{NANOS_PER_SEC, count};

/// CPU time a process has used so far, user and system; `None` once it is gone.
pub(crate) fn cpu_ns(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command's name may hold spaces: the fields after it start behind the last parenthesis.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(ticks * (NANOS_PER_SEC / rustix::param::clock_ticks_per_second()))
}

/// Resident memory of a process in bytes.
pub(crate) fn resident_bytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}

/// Where the numbers were measured.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Machine {
    /// Processor model.
    pub(crate) cpu: String,
    /// Cores this process may use.
    pub(crate) cores: u64,
    /// Kernel release.
    pub(crate) kernel: String,
    /// File system of the data, by mount.
    pub(crate) disk: String,
    /// Processes that ran or waited to over the minute before: other load shows here.
    pub(crate) load_average: f64,
}

impl Machine {
    /// This machine, with the file system that holds `dir`.
    pub(crate) fn here(dir: Option<&Path>) -> Self {
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model =
            cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown processor");
        Self {
            cpu: model.trim_start_matches([' ', '\t', ':']).to_owned(),
            cores: std::thread::available_parallelism().map_or(1, |n| count(n.get())),
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            load_average: load_average().unwrap_or(0.0),
            disk: dir.map_or_else(|| "the endpoint's own".into(), mount_of),
        }
    }
}

fn load_average() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

/// Device and type of the deepest mount that holds `dir`.
fn mount_of(dir: &Path) -> String {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let holds = |line: &&str| line.split(' ').nth(1).is_some_and(|point| dir.starts_with(point));
    let deepest = mounts.lines().filter(holds).max_by_key(|line| line.split(' ').nth(1).map_or(0, str::len));
    let mut fields = deepest.unwrap_or("unknown ? unknown").split(' ');
    let (device, kind) = (fields.next().unwrap_or("?"), fields.nth(1).unwrap_or("?"));
    format!("{device} ({kind})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_memory_and_time() {
        assert!(resident_bytes(std::process::id()).unwrap() > 1 << 16);
        assert!(cpu_ns(std::process::id()).is_some());
        assert!(!Machine::here(Some(Path::new("/"))).disk.is_empty());
    }
}
