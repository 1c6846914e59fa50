//! The floor: the same fan-out with no Kinesis in it. A bare durable write, fixed bytes, plain sockets, one
//! thread; run in turns with the server, so that both meet the same disk, the same cores and the same hour.
//!
//! What it leaves out is what the server is measured against: HTTP, base64, JSON, checksums, windows, quotas,
//! and the check of every record on arrival.

mod client;
mod server;

use std::error::Error;
use std::fmt::Write;

use crate::cli::{Cli, Connections};
use crate::report::Figures;
use crate::run;

pub(crate) use server::serve;

/// Bytes of a message beside its record's: a frame's header, base64's growth and the JSON of an event.
fn message_bytes(record_bytes: usize) -> usize {
    const FRAME_AND_JSON_BYTES: usize = 372;
    record_bytes.div_ceil(3) * 4 + FRAME_AND_JSON_BYTES
}

/// Push connections, and the subscriptions on each.
fn layout(cli: &Cli) -> (u32, u32) {
    match cli.connections {
        Connections::Own => (cli.consumers, 1),
        Connections::Shared(n) => {
            let connections = n.min(cli.consumers).max(1);
            (connections, cli.consumers.div_ceil(connections))
        }
    }
}

/// Both sides' figures of each round.
pub(crate) struct Comparison {
    ours: Vec<Figures>,
    floor: Vec<Figures>,
}

/// Runs server and floor in turns, as often as the flags say; an error if a run of ours found a fault.
pub(crate) async fn compare(cli: &Cli, rounds: u32) -> Result<Comparison, Box<dyn Error>> {
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        let report = run::run(cli).await?;
        if !report.passed {
            return Err(format!("round {round} found a fault:\n{}", report.table()).into());
        }
        ours.push(report.figures());
        floor.push(client::run(cli).await?);
    }
    Ok(Comparison { ours, floor })
}

/// What is compared: name, and where it stands.
type Row = (&'static str, fn(&Figures) -> f64);

const ROWS: [Row; 8] = [
    ("put to push p50, ms", |figures| figures.push.p50),
    ("put to push p90, ms", |figures| figures.push.p90),
    ("put to push p99, ms", |figures| figures.push.p99),
    ("put to last consumer p50, ms", |figures| figures.last.p50),
    ("put to last consumer p99, ms", |figures| figures.last.p99),
    ("records put per second", |figures| figures.acked_per_sec),
    ("deliveries per second", |figures| figures.pushed_per_sec),
    ("server CPU per delivery, us", |figures| figures.cpu_us_per_delivery),
];

impl Comparison {
    /// Medians over the rounds, and their ratio.
    pub(crate) fn table(&self) -> String {
        let mut out = String::new();
        self.write(&mut out).expect("writing to a string cannot fail");
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let rounds = self.ours.len();
        writeln!(out, "\nmedians of {rounds} rounds in turns {:>10}{:>12}{:>10}", "ours", "floor", "ratio")?;
        for (name, of) in ROWS {
            let (ours, floor) = (median(&self.ours, of), median(&self.floor, of));
            writeln!(out, "{name:<30}{ours:>12.3}{floor:>12.3}{:>10.2}", ours / floor)?;
        }
        Ok(())
    }
}

fn median(figures: &[Figures], of: fn(&Figures) -> f64) -> f64 {
    let mut sorted: Vec<_> = figures.iter().map(of).collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
