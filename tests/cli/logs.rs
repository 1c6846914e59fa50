//! What the server logs: lines a machine can read, chosen by the flag, with errors that say enough.

use std::time::Duration;

use serde_json::Value;

use crate::command::{fanlight, run};
use crate::support::kinesis::Kinesis;
use crate::support::patiently;
use crate::support::server::{Options, Server};

/// The lines that are no start-up lines; each has to be an object.
fn logged(server: &Server) -> Vec<Value> {
    let text = server.output();
    let lines = text.lines().filter(|line| !line.starts_with("fanlight 0"));
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn every_json_line_has_its_parts_and_an_error_its_reason() {
    // A collector nobody runs: its export fails, which is logged.
    let nobody = format!("http://{}", crate::support::server::free_address());
    let words = ["--log-format", "json", "--log-level", "debug", "--otlp-endpoint", &nobody];
    let extra = words.map(str::to_owned).to_vec();
    let mut server = Server::start(Options { extra, ..Options::default() });
    let kinesis = Kinesis { address: server.address() };
    kinesis.create("orders", 1);
    kinesis.put("orders", "0", b"hello");
    let failure = patiently(Duration::from_secs(60), "an error", || {
        logged(&server).into_iter().find(|line| line["fields"]["message"] == "spans were not exported")
    });
    assert_eq!(failure["level"], "WARN");
    assert!(failure["fields"]["error"].as_str().is_some_and(|error| !error.is_empty()), "{failure}");
    server.terminate();
    let lines = logged(&server);
    assert!(
        lines
            .iter()
            .any(|line| line["fields"]["message"].as_str().is_some_and(|it| it.starts_with("stopping")))
    );
    for line in lines {
        let is_text = |name: &str| line[name].as_str().is_some_and(|text| !text.is_empty());
        assert!(["timestamp", "level", "target"].into_iter().all(is_text), "{line}");
        assert!(line["fields"]["message"].is_string(), "{line}");
    }
}

#[test]
fn a_filter_that_is_none_is_told_before_anything_else() {
    let told = run(&mut fanlight(), &["serve", "--log-level", "info,=x="]).failed(64);
    assert!(told.contains("--log-level") && told.contains("is no filter"), "{told}");
}
