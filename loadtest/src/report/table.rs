//! The report as a table for people.

use std::fmt::Write;

use super::Report;
use super::reshards::write_put_errors;

impl Report {
    /// The table.
    pub(crate) fn table(&self) -> String {
        let mut out = String::new();
        let machine = &self.machine;
        let place =
            format!("{}, {} cores, Linux {}, {}", machine.cpu, machine.cores, machine.kernel, machine.disk);
        self.write(&mut out, &place).expect("writing to a string cannot fail");
        out
    }

    fn write(&self, out: &mut String, place: &str) -> std::fmt::Result {
        writeln!(out, "{}\n{place}\n", self.setup)?;
        self.write_counts(out)?;
        self.write_latencies(out)?;
        self.write_periods(out)?;
        self.write_steps(out)?;
        if let Some(reshards) = &self.reshards {
            reshards.write(out)?;
        }
        self.write_throughput(out)?;
        for complaint in &self.complaints {
            writeln!(out, "note: {complaint}")?;
        }
        self.write_bars(out)?;
        let name = self.scenario.as_ref().map_or_else(String::new, |name| format!(" {name}"));
        writeln!(out, "\n{}{name}: {}", self.verdict(), self.claim())
    }

    /// PASS or FAIL.
    pub(crate) fn verdict(&self) -> &'static str {
        if self.passed { "PASS" } else { "FAIL" }
    }

    fn write_bars(&self, out: &mut String) -> std::fmt::Result {
        for bar in &self.bars {
            let kept = if bar.kept { "kept" } else { "MISSED" };
            writeln!(out, "{kept:<8}{}", bar.words())?;
        }
        Ok(())
    }

    fn write_counts(&self, out: &mut String) -> std::fmt::Result {
        let (c, f) = (&self.counts, &self.counts.faults);
        let top = [("sent", c.sent), ("acked", c.acked), ("dropped", c.dropped), ("unknown", c.unknown)];
        let middle = [("received", c.received), ("lost", c.lost), ("duplicated", f.duplicated)];
        let faults = [("reordered", f.reordered), ("corrupt", f.corrupt), ("misplaced", f.misplaced)];
        let rest = [("unexpected", c.unexpected), ("put throttles", c.put_throttles)];
        let last = [("pull throttles", c.pull_throttles), ("resubscribed", c.resubscribed)];
        for (name, value) in top.iter().chain(&middle).chain(&faults).chain(&rest).chain(&last) {
            writeln!(out, "{name:<16}{value:>14}")?;
        }
        write_put_errors(out, &self.put_errors)
    }

    fn write_latencies(&self, out: &mut String) -> std::fmt::Result {
        let l = &self.latency_ms;
        writeln!(
            out,
            "\n{:<24}{:>10}{:>10}{:>10}{:>10}{:>10}{:>12}",
            "ms", "p50", "p90", "p99", "p99.9", "max", "count"
        )?;
        let rows = [
            ("put to ack", Some(l.put_ack)),
            ("put to push", Some(l.put_to_push)),
            ("put to last consumer", Some(l.last_of_all)),
            ("put to pull", Some(l.put_to_pull)),
            ("push before stall", l.before_stall),
            ("push during stall", l.during_stall),
            ("push after stall", l.after_stall),
            ("push to the stalled", l.stalled_consumers),
            (self.disk.as_ref().map_or("", |d| &d.method), self.disk.as_ref().map(|d| d.latency_ms)),
        ];
        for (name, row) in rows {
            let Some(r) = row.filter(|row| row.count > 0) else { continue };
            write!(out, "{name:<24}{:>10.3}{:>10.3}{:>10.3}", r.p50, r.p90, r.p99)?;
            writeln!(out, "{:>10.3}{:>10.3}{:>12}", r.p99_9, r.max, r.count)?;
        }
        Ok(())
    }

    fn write_periods(&self, out: &mut String) -> std::fmt::Result {
        for (at, period) in self.periods.iter().enumerate() {
            let (name, r) = (format!("push in period {}", at + 1), &period.put_to_push_ms);
            write!(out, "{name:<24}{:>10.3}{:>10.3}{:>10.3}", r.p50, r.p90, r.p99)?;
            write!(out, "{:>10.3}{:>10.3}{:>12}", r.p99_9, r.max, r.count)?;
            writeln!(out, "   resident {:.0} MiB", period.server_resident_mib_max)?;
        }
        Ok(())
    }

    fn write_steps(&self, out: &mut String) -> std::fmt::Result {
        let Some(steps) = &self.steps else { return Ok(()) };
        write!(out, "\n{:>8}{:>12}{:>24}", "MiB/s", "offered", "throttled, 1st minute")?;
        writeln!(out, "{:>12}{:>16}", "after", "shards at end")?;
        for step in steps {
            let (early, late) = (step.throttled_percent_first_minute, step.throttled_percent_after);
            write!(out, "{:>8.3}{:>12}{early:>22.3} %", step.mib_per_sec, step.offered)?;
            writeln!(out, "{late:>10.3} %{:>16}", step.shards_at_end)?;
        }
        Ok(())
    }

    fn write_throughput(&self, out: &mut String) -> std::fmt::Result {
        let (t, c) = (&self.throughput, &self.cost);
        writeln!(out, "\nin    {:>12.1} records/s {:>10.2} MiB/s", t.acked_per_sec, t.acked_mib_per_sec)?;
        write!(out, "out   {:>12.1} records/s {:>10.2} MiB/s", t.pushed_per_sec, t.pushed_mib_per_sec)?;
        writeln!(out, "   {:.1} records per event", t.records_per_event)?;
        if t.sender_behind_ms_max > 1.0 {
            writeln!(out, "the sender fell behind its schedule by up to {:.1} ms", t.sender_behind_ms_max)?;
        }
        if let (Some(cores), Some(each)) = (c.server_cores, c.server_cpu_us_per_delivery) {
            let [before, during, after] = c.server_resident_mib_max;
            write!(
                out,
                "server {cores:>6.2} cores, {each:.2} us CPU per delivery, resident {before:.0} MiB"
            )?;
            let stalled = self.latency_ms.during_stall.is_some();
            let tail =
                if stalled { format!(", {during:.0} in the stall, {after:.0} after") } else { String::new() };
            writeln!(out, "{tail}")?;
        }
        writeln!(out, "tool   {:>6.2} cores, {:.2} s CPU", c.tool_cores, c.tool_cpu_secs)?;
        for (shard, a) in self.accepted_per_shard.iter().flatten().enumerate() {
            writeln!(
                out,
                "shard {shard}: {:.3} MiB/s, {:.1} records/s accepted",
                a.mib_per_sec, a.records_per_sec
            )?;
        }
        let Some(pace) = &self.catch_up else { return Ok(()) };
        write!(out, "catching up, MiB/s per consumer and shard: min {:.3}", pace.mib_per_sec_min)?;
        write!(out, ", median {:.3}, max {:.3}", pace.mib_per_sec_median, pace.mib_per_sec_max)?;
        writeln!(out, " (median {:.1} % of the limit)", pace.median_share_of_limit * 100.0)
    }
}
