//! What the producer of a run is asked to send, and when.

use std::sync::Arc;
use std::time::Duration;

use super::{Load, Res};
use crate::cli::{Backlog, Rate, WRITE_BYTES_PER_SEC};
use crate::periods::Periods;
use crate::producer::ProducerPlan;
use crate::reshard::{self, Reshards};
use crate::shared::Stall;
use crate::timeline::Timeline;
use crate::units::{MIB, f64_of, nanos, whole};

impl Load<'_> {
    /// Tells all threads when the load begins, and what happens when after that.
    pub(super) fn set_times(&self, start_ns: u64) -> Res<()> {
        if self.cli.stall > 0 {
            let from_ns = start_ns + nanos(self.cli.duration) / 3;
            let stall = Stall { from_ns, to_ns: from_ns + nanos(self.cli.stall_secs) };
            self.shared.stall.set(stall).map_err(|_| "the load starts once")?;
        }
        if let Some(every) = self.cli.every {
            let periods = Periods::new(start_ns, every);
            self.shared.periods.set(periods).map_err(|_| "the load starts once")?;
        }
        if self.cli.reshard.is_asked() {
            self.start_resharding(start_ns)?;
        }
        let timeline = Timeline::new(start_ns, self.cli.duration);
        self.shared.timeline.set(timeline).map_err(|_| "the load starts once".into())
    }

    /// Has the number of shards changed while the load goes on. It is the shorter of the two.
    fn start_resharding(&self, start_ns: u64) -> Res<()> {
        let flags = self.cli.reshard.clone();
        let reshards = Reshards::new(flags.targets.len());
        self.shared.reshards.set(reshards).map_err(|_| "the load starts once")?;
        let (client, stream) = (self.client.clone(), self.stream.name.clone());
        let resharding = reshard::carry_out(flags, client, stream, start_ns, Arc::clone(self.shared));
        tokio::task::spawn_local(resharding);
        Ok(())
    }

    /// What is put: the load itself, or the backlog before it.
    pub(super) fn plan(&self, is_backlog: bool) -> Res<ProducerPlan> {
        let cli = self.cli;
        let backlog_bytes = cli.backlog.filter(|_| is_backlog).map(|backlog| match backlog {
            Backlog::Bytes(bytes) => bytes,
            Backlog::Span(span) => {
                whole(span.as_secs_f64() * f64_of(WRITE_BYTES_PER_SEC * u64::from(cli.shards)))
            }
        });
        // At the write limit, with as much again for back-off; without limits it is far sooner done.
        let backlog_span =
            |bytes| Duration::from_secs(60 + 2 * bytes / (WRITE_BYTES_PER_SEC * u64::from(cli.shards)));
        Ok(ProducerPlan {
            route: self.target.route.clone(),
            stream: self.stream.clone(),
            rate: if is_backlog { Rate::Max } else { cli.rate },
            record_bytes: usize::try_from(cli.record_size)?,
            records_max: backlog_bytes.map(|bytes| bytes / cli.record_size),
            duration: backlog_bytes.map_or(cli.duration, backlog_span),
            drain: cli.drain,
            batch: if is_backlog { cli.batch.max(backlog_batch(cli.record_size)) } else { cli.batch },
            in_flight: if is_backlog { cli.in_flight().min(4) } else { cli.in_flight() },
            ahead: cli.ahead.filter(|_| !is_backlog),
            producers: cli.producers,
            protocol: cli.put_protocol,
            keys: cli.keys,
            drops: cli.drops(),
            ramp: cli.ramp(),
        })
    }
}

/// A backlog is put in requests of about 512 KiB.
fn backlog_batch(record_bytes: u64) -> u32 {
    u32::try_from((MIB / 2 / record_bytes).clamp(1, 500)).unwrap_or(1)
}
