//! Load for a fanlight server: open-loop producers, push and pull consumers, every record checked, latency
//! from the intended send time.
//!
//! | file | owns |
//! |---|---|
//! | `cli`, `scenario` | what is asked; sets of flags with a name and bars |
//! | `run`, `watch`, `report` | how it goes, what it costs, what came of it |
//! | `html`, `compare` | the result as a page with charts; two results side by side |
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
//! | `timeline`, `periods`, `received`, `coarse` | the run over time, and consumer by consumer |
//! | `clock`, `latency`, `units`, `shared`, `progress` | time, histograms, sizes, what threads share |

mod checker;
mod cli;
mod client;
mod clock;
mod coarse;
mod compare;
mod consumer;
mod control;
mod disk_probe;
mod event_stream;
mod floor;
mod frames;
mod h1;
mod html;
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
mod received;
mod record_page;
mod report;
mod reshard;
mod route;
mod run;
mod scenario;
mod seen;
mod server_process;
mod session;
mod settled;
mod shared;
mod signature;
mod subscription;
mod timeline;
mod units;
mod verified;
mod watch;

use std::error::Error;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::LocalSet;

use crate::cli::{Cli, OutputFlags};
use crate::report::Report;

/// Something kept the run from happening; 1 is for a run that found a fault.
const EXIT_NO_RUN: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    let checked = cli.checked().map_err(Into::into);
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
    if cli.list_scenarios {
        print!("{}", scenario::list());
        return Ok(true);
    }
    if let [a, b] = cli.output.compare.as_slice() {
        return compare_files(cli, a, b);
    }
    if let (Some(json), Some(page)) = (&cli.output.render, &cli.output.report) {
        write_text(page, &html::page(&compare::read(json)?))?;
        return Ok(true);
    }
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
    write_all(&cli.output, &report)?;
    Ok(report.passed)
}

/// Writes what the flags want of a run.
fn write_all(output: &OutputFlags, report: &Report) -> Result<(), Box<dyn Error>> {
    if let Some(path) = &output.json {
        write_text(path, &serde_json::to_string_pretty(report)?)?;
    }
    if let Some(path) = &output.hgrm {
        let mut text = Vec::new();
        report.push_latency().write_hgrm(&mut text)?;
        write_text(path, &String::from_utf8(text)?)?;
    }
    if let Some(path) = &output.report {
        write_text(path, &html::page(report))?;
        println!("report: {}", path.display());
    }
    Ok(())
}

fn compare_files(cli: &Cli, a: &Path, b: &Path) -> Result<bool, Box<dyn Error>> {
    let (ours, theirs) = (compare::read(a)?, compare::read(b)?);
    let names = [a, b].map(|path| path.display().to_string());
    let compared = compare::Comparison::new(&ours, &theirs, names, cli.output.tolerance);
    print!("{}", compared.table());
    if let Some(path) = &cli.output.report {
        write_text(path, &html::comparison(&compared))?;
        println!("report: {}", path.display());
    }
    Ok(!compared.is_worse())
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

fn write_text(path: &Path, text: &str) -> Result<(), String> {
    let written = OpenOptions::new().create(true).write(true).truncate(true).open(path);
    let written = written.and_then(|mut file| file.write_all(text.as_bytes()));
    written
        .map_err(|error| format!("{}: {error}; is its directory there and yours to write?", path.display()))
}
