//! From boto3's put to the line `tail --follow` prints. A negative time is right: consumers are pushed to
//! before the producer is answered.

use std::path::Path;
use std::time::Duration;

use crate::support::program::Program;
use crate::support::server::{Options, Server};
use crate::support::tools;

const TIME_MAX: Duration = Duration::from_secs(180);

#[test]
fn a_record_put_by_boto3_is_printed_within_50_ms() {
    if !tools::toolchain("boto3", "python3", "--version") {
        return;
    }
    let server = Server::start(Options::default());
    let python = tools::python("boto3", tools::BOTO3).join("python");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/latency.py");
    Program::new("boto3 to fanlight tail", python, &server)
        .args([script])
        .env("FANLIGHT_BINARY", env!("CARGO_BIN_EXE_fanlight"))
        .run(TIME_MAX);
}
