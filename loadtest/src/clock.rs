//! The tool's one clock, `CLOCK_MONOTONIC` in nanoseconds, and an alarm finer than the runtime's millisecond
//! timer.

use std::io;
use std::os::fd::OwnedFd;

use rustix::time::{ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use tokio::io::unix::AsyncFd;

use crate::units::NANOS_PER_SEC;

/// Now, on the clock every latency is taken from.
pub(crate) fn now_ns() -> u64 {
    to_ns(rustix::time::clock_gettime(ClockId::Monotonic))
}

/// CPU time this process has used, user and system.
pub(crate) fn own_cpu_ns() -> u64 {
    to_ns(rustix::time::clock_gettime(ClockId::ProcessCPUTime))
}

/// Seconds since 1970, to say when a run was.
pub(crate) fn unix_secs() -> u64 {
    u64::try_from(rustix::time::clock_gettime(ClockId::Realtime).tv_sec).unwrap_or(0)
}

fn to_ns(t: Timespec) -> u64 {
    u64::try_from(t.tv_sec).unwrap_or(0) * NANOS_PER_SEC + u64::try_from(t.tv_nsec).unwrap_or(0)
}

/// How early the sender wakes: about what an idle core takes to.
const EARLY_NS: u64 = 120_000;

/// A timerfd: an open-loop sender that woke a millisecond late would charge the server for it.
pub(crate) struct Alarm(AsyncFd<OwnedFd>);

impl Alarm {
    /// An alarm on the current runtime.
    // Deprecated because a descriptor's owner could close it while it is registered; an OwnedFd moved in here
    // cannot, and the replacement is an unsafe fn, which this crate forbids.
    #[allow(deprecated)]
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        Ok(Self(AsyncFd::new(rustix::time::timerfd_create(TimerfdClockId::Monotonic, flags)?)?))
    }

    /// Returns once the clock has reached `at_ns`. Wakes a little early and spins the rest: what a sleeping
    /// core takes to wake is the sender's delay, not the server's.
    pub(crate) async fn until(&self, at_ns: u64) -> io::Result<()> {
        if at_ns > now_ns() + EARLY_NS {
            self.ring(at_ns - EARLY_NS).await?;
        }
        while now_ns() < at_ns {
            std::hint::spin_loop();
        }
        Ok(())
    }

    async fn ring(&self, at_ns: u64) -> io::Result<()> {
        let due = Timespec {
            tv_sec: i64::try_from(at_ns / NANOS_PER_SEC).unwrap_or(i64::MAX),
            tv_nsec: i64::try_from(at_ns % NANOS_PER_SEC).unwrap_or(0),
        };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: due };
        rustix::time::timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::ABSTIME, &once)?;
        loop {
            let mut ready = self.0.readable().await?;
            let mut fired = [0u8; 8];
            match ready.try_io(|fd| Ok(rustix::io::read(fd.get_ref(), &mut fired)?)) {
                Ok(read) => return read.map(drop),
                Err(_would_block) => continue,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alarm_rings_no_earlier_than_asked() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            let alarm = Alarm::new().unwrap();
            for ahead_ns in [0, 300_000] {
                let due = now_ns() + ahead_ns;
                alarm.until(due).await.unwrap();
                assert!(now_ns() >= due);
            }
        });
    }
}
