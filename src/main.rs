//! The `fanlight` binary: read the settings, start logging, run; or look at a data directory.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use fanlight::config::{Cli, Config, DumpArgs, LogFormat, Verb};
use fanlight::inspect::{self, Form, Selection};
use fanlight::server;
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
        None => serve(&Config::without_flags()),
    }
}

fn check(dir: &Path) -> io::Result<ExitCode> {
    let report = inspect::check(inspect::open(dir)?.as_mut())?;
    writeln!(io::stdout(), "{report}")?;
    Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_DAMAGED) })
}

fn dump(args: &DumpArgs) -> io::Result<ExitCode> {
    let selection = Selection { shard: args.shard.clone(), from: args.from, limit: args.limit };
    let form = if args.json { Form::Json } else { Form::Text };
    let mut out = BufWriter::new(io::stdout().lock());
    inspect::dump(inspect::open(&args.dir)?.as_mut(), &selection, form, &mut out)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
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
    start_logging(config.log_format);
    match server::run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fanlight: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Logs go to standard error; `RUST_LOG` chooses what.
fn start_logging(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
}
