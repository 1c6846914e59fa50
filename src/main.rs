//! The `fanlight` binary: read the settings, start logging, run.

use std::process::ExitCode;

use clap::Parser;
use fanlight::config::{Cli, Config, LogFormat, Verb};
use fanlight::server;
use tracing_subscriber::EnvFilter;

/// The conventional exit status for settings that make no sense.
const EXIT_USAGE: u8 = 64;

fn main() -> ExitCode {
    let config = match Cli::parse().command {
        Some(Verb::Serve(config)) => *config,
        None => Config::without_flags(),
    };
    let problems = config.problems();
    if !problems.is_empty() {
        problems.iter().for_each(|problem| eprintln!("fanlight: {problem}"));
        return ExitCode::from(EXIT_USAGE);
    }
    start_logging(config.log_format);
    match server::run(&config) {
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
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
}
