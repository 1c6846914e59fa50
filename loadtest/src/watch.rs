//! What a run costs while it goes on: processor time, memory, progress.

use std::time::Duration;

use crate::clock::{now_ns, own_cpu_ns};
use crate::periods::ByPeriod;
use crate::process;
use crate::progress::Progress;
use crate::shared::Shared;
use crate::units::{f64_of, nanos};

/// What was seen of server and tool while the load ran.
#[derive(Default)]
pub(crate) struct Seen {
    /// CPU seconds of the server.
    pub(crate) server_cpu_secs: Option<f64>,
    /// CPU seconds of this tool.
    pub(crate) tool_cpu_secs: f64,
    /// How long was watched.
    pub(crate) secs: f64,
    /// Highest resident memory of the server, before, during and after a stall.
    pub(crate) resident_bytes_max: [u64; 3],
    /// The same by periods of the run.
    pub(crate) resident_bytes_by_period: ByPeriod<u64>,
    /// The server's CPU in nanoseconds and highest resident memory, by slices of the timeline.
    pub(crate) server_by_slice: ByPeriod<(u64, u64)>,
    /// Pushed records when the schedule ended, and how long that had taken.
    pub(crate) pushed_by_end: (u64, f64),
}

/// Watches one run: progress, processor time, memory.
pub(crate) struct Watch<'a> {
    /// What was seen so far.
    pub(crate) seen: Seen,
    pid: Option<u32>,
    shared: &'a Shared,
    progress: Progress,
    begin_ns: u64,
    end_ns: u64,
    server_cpu_ns: Option<u64>,
    cpu_ns_seen: Option<u64>,
    tool_cpu_ns: u64,
    pushed: u64,
    send_span: Duration,
}

impl<'a> Watch<'a> {
    /// A watch over the server's process, if it is known, and over this one.
    pub(crate) fn new(pid: Option<u32>, send_span: Duration, shared: &'a Shared) -> Self {
        Self {
            pid,
            shared,
            progress: Progress::new(send_span),
            begin_ns: now_ns(),
            end_ns: 0,
            server_cpu_ns: None,
            cpu_ns_seen: None,
            tool_cpu_ns: 0,
            pushed: 0,
            seen: Seen::default(),
            send_span,
        }
    }

    /// Starts (or starts over) what is measured: a part of the run that takes about so long.
    pub(crate) fn begin(&mut self, what: &'static str, span: Duration) {
        self.progress.begin(what, 0, span);
        self.begin_ns = now_ns();
        self.end_ns = self.begin_ns + nanos(self.send_span);
        self.server_cpu_ns = self.pid.and_then(process::cpu_ns);
        self.cpu_ns_seen = self.server_cpu_ns;
        self.tool_cpu_ns = own_cpu_ns();
        self.pushed = self.shared.live.pushed.value();
        self.seen = Seen::default();
    }

    /// Looks once; to be called every few dozen milliseconds.
    pub(crate) fn sample(&mut self) {
        let now = now_ns();
        self.progress.show(&self.shared.live, self.shared.ledger.sent(), now.saturating_sub(self.begin_ns));
        let phase = &mut self.seen.resident_bytes_max[self.shared.phase(now)];
        let resident_bytes = self.pid.and_then(process::resident_bytes).unwrap_or(0);
        *phase = resident_bytes.max(*phase);
        if let Some(period) = self.shared.period(now) {
            let most = self.seen.resident_bytes_by_period.of(period, || 0);
            *most = resident_bytes.max(*most);
        }
        self.sample_slice(now, resident_bytes);
        if now <= self.end_ns || self.seen.pushed_by_end.0 == 0 {
            let span = now.saturating_sub(self.begin_ns);
            self.seen.pushed_by_end = (self.shared.live.pushed.value() - self.pushed, f64_of(span) / 1e9);
        }
    }

    fn sample_slice(&mut self, now: u64, resident_bytes: u64) {
        let Some(slice) = self.shared.timeline.get().and_then(|timeline| timeline.at(now)) else { return };
        let Some(cpu_ns) = self.pid.and_then(process::cpu_ns) else { return };
        let before = self.cpu_ns_seen.replace(cpu_ns).unwrap_or(cpu_ns);
        let (used, most) = self.seen.server_by_slice.of(slice, || (0, 0));
        *used += cpu_ns.saturating_sub(before);
        *most = resident_bytes.max(*most);
    }

    /// What is measured goes on; only records under way are waited for.
    pub(crate) fn drain(&mut self, at_most: Duration) {
        self.progress.begin("draining", now_ns().saturating_sub(self.begin_ns), at_most);
    }

    /// Takes the last look.
    pub(crate) fn end(&mut self) {
        self.progress.finish();
        self.seen.secs = f64_of(now_ns() - self.begin_ns) / 1e9;
        let used = |before: u64| f64_of(self.pid.and_then(process::cpu_ns).unwrap_or(before) - before) / 1e9;
        self.seen.server_cpu_secs = self.server_cpu_ns.map(used);
        self.seen.tool_cpu_secs = f64_of(own_cpu_ns() - self.tool_cpu_ns) / 1e9;
    }
}
