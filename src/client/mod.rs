//! The command line that speaks to a server: `streams`, `put`, `tail` and `top`. A client like any other: it
//! knows the API and the metrics, and nothing of the server's inside.

mod args;
mod backoff;
mod events;
mod failure;
mod kinesis;
mod near;
mod put;
mod signature;
mod streams;
mod table;
mod tail;
mod time;
mod top;
mod transport;

use std::env;
use std::process::ExitCode;

use tokio::task::LocalSet;

pub use args::{Connect, PutArgs, StreamsArgs, StreamsOutput, StreamsVerb, TailArgs, TopArgs};

use backoff::Backoff;
use failure::Outcome;

/// Where a server listens unless it is told otherwise.
const ENDPOINT_DEFAULT: &str = "http://127.0.0.1:4567";

/// `fanlight streams`.
pub fn streams(args: StreamsArgs) -> ExitCode {
    exit_of(streams::run(args))
}

/// `fanlight put`.
pub fn put(args: PutArgs) -> ExitCode {
    exit_of(put::run(args))
}

/// `fanlight tail`.
pub fn tail(args: TailArgs) -> ExitCode {
    exit_of(tail::run(args))
}

/// `fanlight top`.
pub fn top(args: TopArgs) -> ExitCode {
    exit_of(top::run(args))
}

/// Runs a verb to its end, says what went wrong, and makes its exit status.
fn exit_of(verb: impl Future<Output = Outcome<()>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("fanlight: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = LocalSet::new().block_on(&runtime, verb);
    // A read of standard input that is still under way would be waited for.
    runtime.shutdown_background();
    let Err(failure) = outcome else { return ExitCode::SUCCESS };
    if failure.exit() != 0 {
        eprintln!("fanlight: {failure}");
    }
    ExitCode::from(failure.exit())
}

/// The endpoint as the flag, the environment or nobody gives it.
fn endpoint_text(connect: &Connect) -> String {
    let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    connect
        .endpoint
        .clone()
        .or_else(|| set("AWS_ENDPOINT_URL_KINESIS"))
        .or_else(|| set("AWS_ENDPOINT_URL"))
        .unwrap_or_else(|| ENDPOINT_DEFAULT.to_owned())
}
