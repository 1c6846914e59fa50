//! Flink reads a stream that is resharded under load: its older source by enhanced fan-out and by polling,
//! its newer one by polling; and its sink writes one.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;

use crate::clients::{java_program, sources};
use crate::follow;
use crate::producer::epoch_us;
use crate::sheet::Sheet;
use crate::soak_judge::{Lineage, Told};
use crate::support::kinesis::{Kinesis, shard_id};
use crate::support::server::{Options, Server};
use crate::support::tools;

const STREAM: &str = "followed";
const SHARDS: u32 = 4;
const MODES: [&str; 3] = ["efo", "polling", "source"];
const SINK: &str = "sunk";
/// The stream of the program the README shows.
const QUICKSTART: &str = "quickstart";
/// What the sink is told to write.
const SUNK: usize = 1000;
/// For a job to start and to end.
const TIME_TO_START: Duration = Duration::from_secs(180);
const TIME_TO_END: Duration = Duration::from_secs(60);
/// A subscription's life, so that its end is seen.
const SUBSCRIPTION_SECS: &str = "6";

/// Runs it.
pub(crate) fn judge() {
    let extra = ["--subscription-secs", SUBSCRIPTION_SECS].map(str::to_owned).to_vec();
    let server = Server::start(Options { extra, ..Options::default() });
    let kinesis = Kinesis { address: server.address() };
    for mode in MODES {
        let stream = format!("{STREAM}-{mode}");
        kinesis.create(&stream, SHARDS);
        read(&server, mode, &stream);
    }
    kinesis.create(SINK, 1);
    write(&server, kinesis);
    kinesis.create(QUICKSTART, 1);
    let quickstart = program("Quickstart", &server).env("AWS_ENDPOINT_URL_KINESIS", &server.endpoint());
    let said = quickstart.finish(TIME_TO_START);
    assert!(said.lines().any(|line| line == "pushed: hello"), "{said}");
    const HELD: [&str; 3] = ["each record once", "each shard in order", "splits and merges under load"];
    let version = |artifact| tools::pom_version(&sources("flink").join("pom.xml"), artifact);
    let connector = version("flink-connector-kinesis");
    let version = format!("{}, connector {connector}", version("flink-streaming-java"));
    let mut sheet = Sheet::new("Flink", &version);
    for mode in
        ["FlinkKinesisConsumer, fan-out, h2c", "FlinkKinesisConsumer, polling", "KinesisStreamsSource"]
    {
        sheet = sheet.served(mode, &HELD);
    }
    sheet.served("KinesisStreamsSink", &HELD[..1]).publish();
}

fn program(class: &str, server: &Server) -> crate::support::program::Program {
    let options = "--add-opens=java.base/java.util=ALL-UNNAMED -Xmx768m \
                   -Dorg.slf4j.simpleLogger.defaultLogLevel=warn";
    java_program(&format!("Flink {class}"), "flink", class, server).env("JDK_JAVA_OPTIONS", options)
}

fn read(server: &Server, mode: &str, stream: &str) {
    let told = Arc::new(Mutex::new(Told::new(Lineage::Ignored)));
    let taking = Arc::clone(&told);
    let mut job = program("Consume", server)
        .env("FANLIGHT_STREAM", stream)
        .env("FANLIGHT_MODE", mode)
        .env("FANLIGHT_CONSUMER", "flink")
        .talk(move |line| match line.split(' ').collect::<Vec<_>>().as_slice() {
            // A job that starts again has failed, which is no line the judge knows.
            ["started", _, "0"] | ["checkpoint", ..] => (),
            _ => taking.lock().expect("nobody panics").take(line, epoch_us()),
        });
    let load = follow::load(Kinesis { address: server.address() }, stream, || {
        assert!(!job.has_ended(), "Flink {mode} ended:\n{}", job.errors());
        told.lock().expect("nobody panics").records > 0
    });
    load.judge(&format!("Flink {mode}"), TIME_TO_START, || Arc::clone(&told));
    job.finish(TIME_TO_END);
}

fn write(server: &Server, kinesis: Kinesis) {
    let sink =
        program("Produce", server).env("FANLIGHT_STREAM", SINK).env("FANLIGHT_RECORDS", &SUNK.to_string());
    sink.finish(TIME_TO_START);
    let records = kinesis.read_shard(SINK, &shard_id(0));
    let mut sunk: Vec<_> = records.into_iter().map(|it| String::from_utf8(it.data).expect("text")).collect();
    sunk.sort();
    let mut expected: Vec<_> = (1..=SUNK).map(|number| format!("record-{number}")).collect();
    expected.sort();
    assert_eq!(sunk, expected, "{}", json!(sunk.len()));
}
