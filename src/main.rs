//! The `fanlight` binary: read the settings, start logging, run; or look at a data directory.

mod manual;

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use fanlight::client;
use fanlight::config::{Cli, Config, DumpArgs, LogFormat, Tells, Verb};
use fanlight::inspect::{self, Form, Selection};
use fanlight::platform::{Disk, Watched};
use fanlight::server;
use indicatif::{ProgressBar, ProgressStyle};
use tracing_subscriber::EnvFilter;

/// The conventional exit status for settings that make no sense.
const EXIT_USAGE: u8 = 64;
/// A data directory is damaged; it could not be looked at.
const EXIT_DAMAGED: u8 = 1;
const EXIT_UNSEEN: u8 = 2;

fn main() -> ExitCode {
    match Cli::parse().command {
        Some(Verb::Serve(config)) => serve(&config),
        Some(Verb::Check(args)) => exit_of(&args.dir, check(&args.dir)),
        Some(Verb::Dump(args)) => exit_of(&args.dir, dump(&args)),
        Some(Verb::Streams(args)) => client::streams(args),
        Some(Verb::Put(args)) => client::put(args),
        Some(Verb::Tail(args)) => client::tail(args),
        Some(Verb::Top(args)) => client::top(args),
        Some(Verb::Completions(args)) => manual::completions(args.shell),
        Some(Verb::Man(args)) => manual::man(args.out.as_deref()),
        None => serve(&Config::without_flags()),
    }
}

fn check(dir: &Path) -> io::Result<ExitCode> {
    let report = watched(inspect::open(dir)?.as_mut(), inspect::check)?;
    writeln!(io::stdout(), "{report}")?;
    Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_DAMAGED) })
}

fn dump(args: &DumpArgs) -> io::Result<ExitCode> {
    let selection = Selection { shard: args.shard.clone(), from: args.from, limit: args.limit };
    let form = if args.json { Form::Json } else { Form::Text };
    let mut out = BufWriter::new(io::stdout().lock());
    let mut disk = inspect::open(&args.dir)?;
    let mut dump = |disk: &mut dyn Disk| inspect::dump(disk, &selection, form, &mut out);
    // On a terminal the lines themselves show how far it has come.
    if io::stdout().is_terminal() {
        dump(disk.as_mut())?
    } else {
        watched(disk.as_mut(), dump)?
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Looks at a disk with a bar over its bytes, where standard error is a terminal.
fn watched<T>(disk: &mut dyn Disk, look: impl FnOnce(&mut dyn Disk) -> io::Result<T>) -> io::Result<T> {
    let bar = ProgressBar::new(inspect::bytes_of(disk));
    let style = ProgressStyle::with_template("{bytes}/{total_bytes} {wide_bar} {eta}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let mut told = |bytes| bar.set_position(bytes);
    let outcome = look(&mut Watched::new(disk, &mut told));
    bar.finish_and_clear();
    outcome
}

/// Who reads only the first lines of a dump has not met an error.
fn exit_of(dir: &Path, outcome: io::Result<ExitCode>) -> ExitCode {
    match outcome {
        Ok(code) => code,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fanlight: cannot look at {}: {error}", dir.display());
            ExitCode::from(EXIT_UNSEEN)
        }
    }
}

fn serve(config: &Config) -> ExitCode {
    let problems = config.problems();
    if !problems.is_empty() {
        problems.iter().for_each(|problem| eprintln!("fanlight: {problem}"));
        return ExitCode::from(EXIT_USAGE);
    }
    start_logging(&config.tells);
    match server::run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fanlight: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Logs go to standard error; the flag, `RUST_LOG` or nobody chooses what.
fn start_logging(tells: &Tells) {
    let asked =
        tells.log_level.clone().or_else(|| std::env::var("RUST_LOG").ok().filter(|it| !it.is_empty()));
    let filter = EnvFilter::try_new(asked.as_deref().unwrap_or("info"));
    let problem = filter.as_ref().err().map(ToString::to_string);
    let filter = filter.unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match tells.log_format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
    if let Some(problem) = problem {
        tracing::warn!(problem, "RUST_LOG is no filter; logging at info");
    }
}
