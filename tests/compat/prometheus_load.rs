//! Load for what is measured: four runs of the load-test tool at once on one server, each with its part
//! (push, pull, throttling, catching up), and what the server's counters must say of them afterwards.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use fanlight::telemetry::names::{self, LATENCY_BUCKETS_SECS};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::http::{self, call_once, is_rate_exceeded};
use crate::support::kinesis::Kinesis;
use crate::support::process::Process;
use crate::support::server::Server;
use crate::support::{PATIENCE, patiently, say, tools};

/// PUT payload units of a record of the backlog: 100 KiB and a key.
const LARGE_UNITS: u64 = 5;
/// How long a run may take beyond its load: its last records, a slow machine.
const SLACK_SECS: u64 = 180;
/// Calls after which one of the control plane is refused for its rate.
const CALLS_MAX: usize = 100;

/// Runs at once on one server.
pub(crate) struct Load {
    push: Ran,
    pull: Ran,
    hot: Ran,
    backlog: Ran,
}

/// One run of the load-test tool.
pub(crate) struct Loadtest {
    stream: &'static str,
    secs: u64,
    process: Process,
    scratch: TempDir,
}

/// What it came to.
pub(crate) struct Ran {
    stream: &'static str,
    report: Value,
}

/// The samples of a scrape.
struct Metrics(String);

impl Load {
    /// Runs all of it for so many seconds.
    pub(crate) fn run(server: &Server, secs: u64) -> Load {
        let start = |stream, flags: &[&str], secs| Loadtest::start(server, stream, flags, secs);
        let push = start("pushed", &["--shards", "2", "--consumers", "3", "--rate", "200"], secs);
        let pull = start("pulled", &["--consumers", "0", "--pull", "2", "--rate", "100"], secs);
        let hot = start("hot", &["--producer-multiple", "2", "--consumers", "1", "--batch", "10"], secs);
        // Large records: whoever reads them is fast enough to have to wait for the quota, on any machine.
        let large = ["--record-size", "100KiB", "--batch", "10", "--rate", "1"];
        let backlog = start("backlog", &[&["--backlog", "8MiB", "--consumers", "1"], &large[..]].concat(), 2);
        let kinesis = Kinesis { address: server.address() };
        ["pushed", "pulled", "hot", "backlog"].into_iter().for_each(|stream| watch_shards(kinesis, stream));
        elastic(kinesis);
        call_too_often(server.address());
        Load { push: push.finish(), pull: pull.finish(), hot: hot.finish(), backlog: backlog.finish() }
    }

    /// The counters say what the tool counted, to the record and byte.
    pub(crate) fn judge(&self, server: &Server) {
        let metrics = Metrics::read(server);
        let units = [(&self.push, 1), (&self.pull, 1), (&self.hot, 1), (&self.backlog, LARGE_UNITS)];
        for (ran, units_each) in units {
            let acked = ran.count("acked");
            ran.holds(&metrics, names::INCOMING_RECORDS, "", acked);
            ran.holds(&metrics, names::INCOMING_BYTES, "", ran.count("acked_bytes"));
            ran.holds(&metrics, names::BILLED_PUT_UNITS, "", acked * units_each);
            ran.holds(&metrics, names::THROTTLED, "kind=\"write\"", ran.count("put_throttles"));
        }
        for ran in [&self.push, &self.hot, &self.backlog] {
            ran.holds(&metrics, names::EFO_RECORDS, "", ran.count("pushed"));
            ran.holds(&metrics, names::EFO_BYTES, "", ran.count("pushed_bytes"));
            ran.holds(&metrics, names::EFO_EVENTS_FAILED, "", 0);
            ran.holds_consumers(&metrics);
        }
        self.pull.holds(&metrics, names::GET_RECORDS_RECORDS, "", self.pull.count("pulled"));
        self.pull.holds(&metrics, names::GET_RECORDS_BYTES, "", self.pull.count("pulled_bytes"));
        self.push.holds(&metrics, names::PUT_RECORD_REQUESTS, "result=\"success\"", self.push.count("acked"));
        self.hot.holds(&metrics, names::PUT_RECORDS_RECORDS, "result=\"success\"", self.hot.count("acked"));
        assert!(self.hot.count("put_throttles") > 0, "{}", self.hot.report);
    }
}

impl Loadtest {
    /// Starts it on a stream of its own.
    pub(crate) fn start(server: &Server, stream: &'static str, flags: &[&str], secs: u64) -> Loadtest {
        let scratch = TempDir::with_prefix_in("loadtest-", env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let log = fs::File::create(scratch.path().join("log")).expect("a log file");
        let mut command = Command::new(tools::loadtest());
        command.args(["--endpoint", &server.address().to_string(), "--stream", stream, "--no-disk-probe"]);
        command.args(["--duration", &format!("{secs}s"), "--drain", "60s"]).args(flags);
        command.arg("--json").arg(scratch.path().join("report"));
        command.stdout(log.try_clone().expect("a second handle")).stderr(log);
        Loadtest { stream, secs, process: Process::start(&mut command), scratch }
    }

    /// Waits for its end, which must come with nothing lost.
    pub(crate) fn finish(mut self) -> Ran {
        let status = self.process.wait(Duration::from_secs(self.secs + SLACK_SECS));
        let log = || fs::read_to_string(self.scratch.path().join("log")).unwrap_or_default();
        assert!(status.is_some_and(|it| it.success()), "{}: {status:?}\n{}", self.stream, log());
        let report = fs::read_to_string(self.scratch.path().join("report")).expect("a report");
        Ran { stream: self.stream, report: serde_json::from_str(&report).expect("JSON") }
    }
}

impl Ran {
    fn count(&self, name: &str) -> u64 {
        self.report["counts"][name].as_u64().unwrap_or_else(|| panic!("no {name} in {}", self.report))
    }

    fn holds(&self, metrics: &Metrics, name: &str, label: &str, expected: u64) {
        let found = metrics.sum(name, &[&format!("stream=\"{}\"", self.stream), label]);
        let expected = expected as f64;
        say(&format!("{}: {name}{{{label}}} {found}, loadtest {expected}", self.stream));
        assert!(
            (found - expected).abs() < 0.5,
            "{}: {name} {found}, not {expected}\n{}",
            self.stream,
            self.report
        );
    }

    /// The same of each consumer by itself.
    fn holds_consumers(&self, metrics: &Metrics) {
        let rows = self.report["consumers"].as_array().expect("a row for each consumer");
        assert!(!rows.is_empty(), "{}", self.report);
        for row in rows {
            let label = format!("consumer=\"{}\"", row["name"].as_str().expect("a name"));
            let count = |member: &str| row[member].as_u64().expect("a count");
            self.holds(metrics, names::EFO_RECORDS, &label, count("records"));
            self.holds(metrics, names::EFO_BYTES, &label, count("bytes"));
        }
    }

    /// What the server measures lies within what the tool does: never above it, and, where the machine is
    /// the run's alone, at most one bucket below. The tool counts from a record's intended send to its
    /// arrival, the server from its append to its event's hand-over: network and client are the difference.
    pub(crate) fn judge_latency(&self, server: &Server, is_alone: bool) {
        let metrics = Metrics::read(server);
        let stream = format!("stream=\"{}\"", self.stream);
        for (name, own) in [(names::EFO_LATENCY, "put_to_push"), (names::PUT_RECORD_LATENCY, "put_ack")] {
            let counts = metrics.buckets(name, &stream);
            for (quantile, word) in [(0.5, "p50"), (0.9, "p90"), (0.99, "p99")] {
                let millis = self.report["latency_ms"][own][word].as_f64().expect("a quantile");
                let theirs = LATENCY_BUCKETS_SECS.partition_point(|&bound| bound * 1e3 < millis);
                let ours = bucket_of(&counts, quantile);
                let bound = LATENCY_BUCKETS_SECS.get(ours).map_or(f64::INFINITY, |secs| secs * 1e3);
                say(&format!("{name} {word}: at most {bound} ms, loadtest's {own} {millis:.3} ms"));
                assert!(ours <= theirs, "{name} {word}: bucket {ours}, the client's {theirs}");
                assert!(
                    !is_alone || theirs - ours <= 1,
                    "{name} {word}: bucket {ours}, the client's {theirs}"
                );
            }
        }
    }
}

impl Metrics {
    fn read(server: &Server) -> Metrics {
        let answer = http::get(server.admin_address(), "/metrics").expect("the admin port answers");
        Metrics(String::from_utf8(answer.body).expect("text"))
    }

    /// The samples of a name: their labels and value.
    fn samples<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.0.lines().filter_map(move |line| {
            let (labels, value) = line.strip_prefix(name)?.strip_prefix('{')?.rsplit_once("} ")?;
            Some((labels, value.parse().ok()?))
        })
    }

    /// All samples with these labels, added up; there must be one.
    fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let is_asked = |found: &str| labels.iter().all(|label| found.contains(label));
        let values: Vec<_> =
            self.samples(name).filter(|(found, _)| is_asked(found)).map(|(_, it)| it).collect();
        assert!(!values.is_empty(), "there is no {name} with {labels:?}");
        values.iter().sum()
    }

    /// A histogram's cumulative counts, over all its series with this label.
    fn buckets(&self, name: &str, label: &str) -> Vec<f64> {
        let bucket = format!("{name}_bucket");
        let bounds = LATENCY_BUCKETS_SECS.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
        bounds.map(|bound| self.sum(&bucket, &[label, &format!("le=\"{bound}\"")])).collect()
    }
}

/// The bucket a quantile falls into.
fn bucket_of(cumulative: &[f64], quantile: f64) -> usize {
    let total = cumulative.last().copied().unwrap_or_default();
    assert!(total > 0.0, "nothing was measured");
    cumulative.partition_point(|&count| count < total * quantile)
}

/// Asks for the metrics of the stream's shards, once it is there.
fn watch_shards(kinesis: Kinesis, stream: &str) {
    let input = json!({"StreamName": stream, "ShardLevelMetrics": ["ALL"]});
    let asked = || (http::call(kinesis.address, "EnableEnhancedMonitoring", &input).0 == 200).then_some(());
    patiently(PATIENCE, "a stream to watch", asked);
}

/// A stream on demand with some records.
fn elastic(kinesis: Kinesis) {
    kinesis.ok(
        "CreateStream",
        &json!({"StreamName": "elastic", "StreamModeDetails": {"StreamMode": "ON_DEMAND"}}),
    );
    kinesis.wait_active("elastic");
    kinesis.put_all("elastic", "0", &vec![vec![7; 1000]; 100]);
    assert_eq!(kinesis.read_shard("elastic", "shardId-000000000000").len(), 100);
}

/// Calls an operation of the control plane until it is refused for that.
fn call_too_often(address: SocketAddr) {
    let refused = (0..CALLS_MAX).any(|_| is_rate_exceeded(&call_once(address, "DescribeLimits", &json!({}))));
    assert!(refused, "{CALLS_MAX} calls in a row were answered");
}

#[test]
fn a_quantile_falls_into_the_bucket_that_holds_it() {
    assert_eq!(bucket_of(&[0.0, 5.0, 9.0, 10.0], 0.5), 1);
    assert_eq!(bucket_of(&[0.0, 5.0, 9.0, 10.0], 0.9), 2);
    assert_eq!(bucket_of(&[0.0, 5.0, 9.0, 10.0], 0.99), 3);
}
