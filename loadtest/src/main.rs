//! Load for a fanlight server: open-loop producers, push and pull consumers, every record checked, latency
//! from the intended send time.
//!
//! | file | owns |
//! |---|---|
//! | `cli`, `run`, `watch`, `report` | what is asked, how it goes, what it costs, what came of it |
//! | `server_process`, `process`, `disk_probe` | the server, the machine, the bare disk |
//! | `producer`, `ramp`, `put`, `settled` | the schedule, its steps, the requests, what is settled |
//! | `floor` | the same fan-out without Kinesis, run in turns with the server |
//! | `consumer`, `session`, `frames` | push: threads and sockets, one connection, its HTTP/2 frames |
//! | `subscription`, `reader` | one consumer on one shard: where it stands, what it got |
//! | `lineage`, `seen` | one consumer over all shards: which it may begin, what it has got of any |
//! | `reshard` | the number of shards changed meanwhile, and how long deliveries paused |
//! | `pull` | GetRecords readers |
//! | `payload`, `verified`, `ledger`, `checker` | what a record carries, who has which, whether it is right |
//! | `route`, `client`, `h1`, `control`, `signature` | connections, with TLS or without; requests |
//! | `event_stream`, `record_page` | messages and their JSON, read in place |
//! | `clock`, `latency`, `units`, `shared`, `progress` | time, histograms, sizes, what threads share |

mod checker;
mod cli;
mod client;
mod clock;
mod consumer;
mod control;
mod disk_probe;
mod event_stream;
mod floor;
mod frames;
mod h1;
mod latency;
mod ledger;
mod lineage;
mod payload;
mod periods;
mod process;
mod producer;
mod progress;
mod pull;
mod put;
mod ramp;
mod reader;
mod record_page;
mod report;
mod reshard;
mod route;
mod run;
mod seen;
mod server_process;
mod session;
mod settled;
mod shared;
mod signature;
mod subscription;
mod units;
mod verified;
mod watch;

use std::error::Error;
use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::LocalSet;

use crate::cli::Cli;

/// Something kept the run from happening; 1 is for a run that found a fault.
const EXIT_NO_RUN: u8 = 2;

fn main() -> ExitCode {
    let checked = Cli::parse().checked().map_err(Into::into);
    match checked.and_then(|cli| carry_out(&cli)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("loadtest: {error}");
            ExitCode::from(EXIT_NO_RUN)
        }
    }
}

fn carry_out(cli: &Cli) -> Result<bool, Box<dyn Error>> {
    if let Some(dir) = &cli.serve_floor {
        floor::serve(cli, dir)?;
        return Ok(true);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if let Some(rounds) = cli.floor {
        let compared = LocalSet::new().block_on(&runtime, until_interrupted(floor::compare(cli, rounds)))?;
        print!("{}", compared.table());
        return Ok(true);
    }
    let report = LocalSet::new().block_on(&runtime, until_interrupted(run::run(cli)))?;
    print!("{}", report.table());
    if let Some(path) = &cli.json {
        let mut file = create(path)?;
        serde_json::to_writer_pretty(&mut file, &report)?;
        file.flush()?;
    }
    if let Some(path) = &cli.hgrm {
        let mut file = create(path)?;
        report.push_latency().write_hgrm(&mut file)?;
        file.flush()?;
    }
    Ok(report.passed)
}

/// Runs, unless told to stop; leaving early drops the server with the run.
async fn until_interrupted<T>(
    running: impl Future<Output = Result<T, Box<dyn Error>>>,
) -> Result<T, Box<dyn Error>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        done = running => done,
        _ = interrupt.recv() => Err("interrupted".into()),
        _ = terminate.recv() => Err("terminated".into()),
    }
}

fn create(path: &Path) -> std::io::Result<impl Write> {
    OpenOptions::new().create(true).write(true).truncate(true).open(path).map(BufWriter::new)
}
