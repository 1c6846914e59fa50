//! Every group of operations over every transport a client has, each transport against a server of its own.
//! The client's program judges; what it says becomes the published table.

use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::sheet::{Outcome, Sheet};
use crate::support::program::Program;
use crate::support::server::{Options, Server};

/// How long a subscription lives here, so that its end is seen often; more than the five seconds within which
/// a consumer may not subscribe again.
pub(crate) const SUBSCRIPTION_SECS: u64 = 6;
/// How long one transport may take, others running beside it.
const TIME_MAX: Duration = Duration::from_secs(400);
/// Transports tried at once: they mostly wait.
const AT_ONCE: usize = 3;

/// Runs the client's program once for each transport and publishes what it was served.
pub(crate) fn judge(client: &str, transports: &[&str], program: impl Fn(&Server, &str) -> Program + Sync) {
    let mut outputs = Vec::new();
    for some in transports.chunks(AT_ONCE) {
        thread::scope(|scope| {
            let running: Vec<_> = some.iter().map(|it| scope.spawn(|| output(it, &program))).collect();
            outputs.extend(running.into_iter().map(|it| it.join().expect("the program was served")));
        });
    }
    let outputs: Vec<Vec<Value>> = outputs.iter().map(|output| json_lines(output)).collect();
    let version = outputs.iter().flatten().find_map(|line| line["version"].as_str());
    let mut sheet = Sheet::new(client, version.expect("the program tells its client's version"));
    for (transport, lines) in transports.iter().zip(&outputs) {
        for (group, line) in lines.iter().filter_map(|line| Some((line["group"].as_str()?, line))) {
            sheet.add(transport, group, outcome(line));
        }
    }
    sheet.publish();
}

fn json_lines(output: &str) -> Vec<Value> {
    output.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn output(transport: &str, program: impl Fn(&Server, &str) -> Program) -> String {
    let extra = vec!["--subscription-secs".to_owned(), SUBSCRIPTION_SECS.to_string()];
    let server = Server::start(Options { tls: transport.contains("tls"), extra, ..Options::default() });
    // What follows its name is not about the connection.
    let name = transport.split(' ').next().unwrap_or(transport);
    let program = program(&server, transport).env("FANLIGHT_TRANSPORT", name);
    program.env("FANLIGHT_SUBSCRIPTION_SECS", &SUBSCRIPTION_SECS.to_string()).run(TIME_MAX)
}

fn outcome(line: &Value) -> Outcome {
    match line["absent"].as_str() {
        Some(why) => Outcome::Absent(why.to_owned()),
        None => {
            assert_eq!(line["ok"], true, "the program told success in spite of {line}");
            Outcome::Served
        }
    }
}
