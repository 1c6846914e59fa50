//! Consumers that bring their own way of reading: `amazon_kclpy` under the MultiLangDaemon, by fan-out and by
//! polling, and Telegraf, which polls. What they read they write to a file.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::clients::sources;
use crate::companion::Companion;
use crate::follow::{load, told_in};
use crate::sheet::Sheet;
use crate::soak_judge::Lineage;
use crate::support::kinesis::Kinesis;
use crate::support::program::{Program, Talk};
use crate::support::server::{Options, Server};
use crate::support::tools;

const STREAM: &str = "followed";
const SHARDS: u32 = 2;
/// For leases to be taken, and everything to be read.
const PATIENCE: Duration = Duration::from_secs(240);
/// What the published table says was held.
const HELD: [&str; 3] = ["each record processed", "each shard in order", "a child after its parents"];

const KCLPY: &str = "amazon_kclpy==3.2.0";
const TELEGRAF: &str = "github.com/influxdata/telegraf/cmd/telegraf@v1.37.2";
const TELEGRAF_PARTS: &str = "custom,inputs.kinesis_consumer,outputs.file,parsers.value,serializers.json";

/// Both ways of reading, each with a stream and an application of its own.
pub(crate) fn kclpy() {
    let server = Server::start(Options::default());
    let companion = Companion::start();
    let kinesis = Kinesis { address: server.address() };
    let scratch = scratch();
    let modes = ["FANOUT", "POLLING"].map(|mode| {
        let stream = format!("{STREAM}-{mode}");
        kinesis.create(&stream, SHARDS);
        let daemon = start_daemon(&server, &companion, mode, &stream, scratch.path());
        (mode, stream, daemon)
    });
    for (mode, stream, mut daemon) in modes {
        let output = output(scratch.path(), mode);
        let load = load(kinesis, &stream, || {
            assert!(!daemon.has_ended(), "the daemon ended:\n{}", said(scratch.path(), mode));
            has_records(&output)
        });
        load.judge(&format!("amazon_kclpy {mode}"), PATIENCE, || {
            told_in(&output, Lineage::Told, |line| Some(line.to_owned()))
        });
        daemon.kill_9();
    }
    let (_, version) = KCLPY.split_once("==").expect("a version");
    let sheet = Sheet::new("amazon_kclpy", version).served("fan-out, h2c", &HELD);
    sheet.served("polling, h2c", &HELD).publish();
}

fn start_daemon(server: &Server, companion: &Companion, mode: &str, stream: &str, scratch: &Path) -> Talk {
    // Its own installation builds a directory of jars, for which Maven is the better client.
    let library = tools::python_sources("kclpy-python", KCLPY);
    let sources = sources("kclpy");
    let class_path = tools::jars("kclpy", &sources);
    let settings = fs::read_to_string(sources.join("kclpy.properties")).expect("the settings");
    let own = format!(
        "executableName = python3 {}\nstreamName = {stream}\napplicationName = {stream}\nretrievalMode = {mode}\n\
         kinesisEndpoint = {}\ndynamoDBEndpoint = {}\n",
        sources.join("record_processor.py").display(),
        server.endpoint(),
        companion.endpoint(),
    );
    let properties = scratch.join(format!("{mode}.properties"));
    fs::write(&properties, settings + &own).expect("the settings can be written");
    let daemon = Program::new(&format!("amazon_kclpy {mode}"), "java", server)
        .args(["-Xmx384m", "-XX:+UseSerialGC", "-cp", &class_path])
        .args(["software.amazon.kinesis.multilang.MultiLangDaemon", "--properties-file"])
        .args([&properties])
        .env("PYTHONPATH", &library.display().to_string())
        .env("FANLIGHT_OUTPUT", &output(scratch, mode).display().to_string());
    // The daemon logs on its standard output.
    let mut log = fs::File::create(log_path(scratch, mode)).expect("a log file");
    daemon.talk(move |line| writeln!(log, "{line}").expect("the log can be written"))
}

fn log_path(scratch: &Path, mode: &str) -> PathBuf {
    scratch.join(format!("{mode}.log"))
}

fn said(scratch: &Path, mode: &str) -> String {
    fs::read_to_string(log_path(scratch, mode)).unwrap_or_default()
}

fn has_records(output: &Path) -> bool {
    fs::read_to_string(output).is_ok_and(|text| text.contains("record ") || text.contains("\"value\""))
}

fn output(scratch: &Path, mode: &str) -> PathBuf {
    scratch.join(format!("{mode}.lines"))
}

/// Polls without leases.
pub(crate) fn telegraf() {
    let telegraf = tools::go("telegraf", TELEGRAF, TELEGRAF_PARTS, "telegraf");
    let server = Server::start(Options::default());
    let kinesis = Kinesis { address: server.address() };
    kinesis.create(STREAM, SHARDS);
    let scratch = scratch();
    let output = output(scratch.path(), "telegraf");
    let mut running = Program::new("Telegraf", telegraf, &server)
        .args(["--config".as_ref(), sources("telegraf").join("telegraf.conf").as_os_str()])
        .env("FANLIGHT_STREAM", STREAM)
        .env("FANLIGHT_OUTPUT", &output.display().to_string())
        // Telegraf 1.37 begins all new shards at once and writes them to a map none of them has locked: on
        // several threads it now and then ends itself with `concurrent map writes`.
        .env("GOMAXPROCS", "1")
        .talk(|_| ());
    let load = load(kinesis, STREAM, || {
        assert!(!running.has_ended(), "Telegraf ended:\n{}", running.errors());
        has_records(&output)
    });
    // Telegraf tells a record's data only.
    let line_of = |line: &str| {
        let point: Value = serde_json::from_str(line).ok()?;
        Some(load.line_of(point["fields"]["value"].as_str()?))
    };
    load.judge("Telegraf", PATIENCE, || told_in(&output, Lineage::Ignored, line_of));
    running.kill_9();
    let (_, version) = TELEGRAF.split_once('@').expect("a version");
    Sheet::new("Telegraf", version).served("polling, http1", &HELD[..2]).publish();
}

fn scratch() -> TempDir {
    TempDir::with_prefix_in("followers-", env!("CARGO_TARGET_TMPDIR")).expect("a scratch directory")
}
