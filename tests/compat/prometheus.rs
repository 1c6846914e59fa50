//! Prometheus itself as the judge: it scrapes a loaded server, evaluates the alert rules, and is asked every
//! query of every dashboard; what answers nothing would be an empty panel. Then the counters are held against
//! what the load-test tool counted itself.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::prometheus_load::{Load, Loadtest};
use crate::support::http;
use crate::support::process::Process;
use crate::support::server::{Options, Server, free_address};
use crate::support::{program, say, tools, wait_for};

/// How long the load lasts, where no other is asked for.
const LOAD_SECS: u64 = 20;
/// What Grafana makes of `$__rate_interval` when scrapes are a second apart.
const RATE_INTERVAL: &str = "5s";

/// Where `promtool` and `prometheus` are.
pub(crate) fn programs() -> PathBuf {
    let promtool = tools::debian("prometheus", "prometheus", "promtool");
    promtool.parent().expect("a directory").to_owned()
}

fn grafana() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("grafana")
}

/// What `promtool` says of the files, with a complaint as a failure.
pub(crate) fn check_rules() {
    let promtool = programs().join("promtool");
    let path = |name: &str| grafana().join(name).display().to_string();
    for arguments in [
        ["check", "rules", &path("alerts.yml")],
        ["check", "config", &path("prometheus.yml")],
        ["test", "rules", &path("alerts_test.yml")],
    ] {
        let remarks = program::filter(&promtool, &arguments, b"");
        assert!(remarks.contains("SUCCESS"), "{remarks}");
    }
}

/// The length asked for by `FANLIGHT_PROMETHEUS_MINUTES`, in seconds.
fn long_secs() -> Option<u64> {
    let minutes: f64 = env::var("FANLIGHT_PROMETHEUS_MINUTES").ok()?.parse().expect("minutes");
    Some(Duration::from_secs_f64(minutes * 60.0).as_secs())
}

/// Everything of this file's head, on one server.
pub(crate) fn judge() {
    let options =
        Options { extra: vec!["--data-max-bytes".into(), (1_u64 << 40).to_string()], ..Options::default() };
    let server = Server::start(options);
    let prometheus = Prometheus::start(&programs(), server.admin_address());
    let load = Load::run(&server, long_secs().unwrap_or(LOAD_SECS));
    prometheus.wait_for_scrape();
    prometheus.judge_rules();
    let asked = queries();
    let silent: Vec<_> = asked.iter().filter(|(_, query)| !prometheus.has_data(query)).collect();
    say(&format!("Prometheus: {} queries of dashboards, {} without data", asked.len(), silent.len()));
    assert!(silent.is_empty(), "no data: {silent:#?}");
    load.judge(&server);
}

/// The latencies the server tells, beside the load-test tool's own of the same run.
pub(crate) fn judge_latency() {
    let server = Server::start(Options::default());
    let flags = ["--shards", "1", "--consumers", "2", "--rate", "200", "--record-size", "1KiB"];
    let loadtest = Loadtest::start(&server, "paced", &flags, 10);
    loadtest.finish().judge_latency(&server, long_secs().is_some());
}

/// Every query of every dashboard as Grafana would send it, with the panel it is of.
fn queries() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(grafana().join("dashboards")).expect("the dashboards").flatten() {
        let text = fs::read_to_string(entry.path()).expect("a dashboard");
        let dashboard: Value = serde_json::from_str(&text).expect("JSON");
        for panel in dashboard["panels"].as_array().expect("panels") {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let title = format!("{}: {}", dashboard["title"], panel["title"]);
                all.push((title, filled(target["expr"].as_str().expect("a query"))));
            }
        }
    }
    assert!(all.len() > 100, "only {} queries were found", all.len());
    all
}

fn filled(query: &str) -> String {
    let rated = query.replace("$__rate_interval", RATE_INTERVAL).replace("$__range", "15s");
    let variables = ["$job", "$instance", "$stream", "$consumer"];
    let filled = variables.iter().fold(rated, |text, variable| text.replace(variable, ".+"));
    assert!(!filled.contains('$'), "unknown variable in {filled}");
    filled
}

/// What a rule compares, without what it is compared with; of `absent(…)`, what must not be so.
fn compared(rule: &str) -> &str {
    let at = [" > ", " < ", " == "].iter().filter_map(|sign| rule.rfind(sign)).max();
    let left = &rule[..at.expect("a comparison")];
    left.strip_prefix("absent(").and_then(|it| it.strip_suffix(')')).unwrap_or(left)
}

/// A Prometheus that scrapes one server every second.
struct Prometheus {
    address: SocketAddr,
    started: f64,
    _process: Process,
    _scratch: TempDir,
}

impl Prometheus {
    fn start(programs: &Path, target: SocketAddr) -> Prometheus {
        let scratch =
            TempDir::with_prefix_in("prometheus-", env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let config = fs::read_to_string(grafana().join("prometheus.yml")).expect("the configuration");
        let config =
            config.replace("127.0.0.1:4568", &target.to_string()).replace("interval: 5s", "interval: 1s");
        let path = scratch.path().join("prometheus.yml");
        fs::write(&path, config).expect("the configuration");
        fs::copy(grafana().join("alerts.yml"), scratch.path().join("alerts.yml")).expect("the rules");
        let address = free_address();
        let log = fs::File::create(scratch.path().join("log")).expect("a log file");
        let mut command = Command::new(programs.join("prometheus"));
        command.arg(format!("--config.file={}", path.display()));
        command.arg(format!("--storage.tsdb.path={}", scratch.path().join("data").display()));
        command.arg(format!("--web.listen-address={address}"));
        command.stdout(log.try_clone().expect("a second handle")).stderr(log);
        let process = Process::start(&mut command);
        wait_for("Prometheus", || {
            http::get(address, "/-/ready").is_ok_and(|it| it.status == 200).then_some(())
        });
        Prometheus { address, started: unix_secs(), _process: process, _scratch: scratch }
    }

    fn get(&self, path: &str) -> Value {
        let answer = http::get(self.address, path).expect("Prometheus answers");
        let text = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error} in {text}"))
    }

    /// Waits until it has seen what there is now.
    fn wait_for_scrape(&self) {
        let now = unix_secs();
        let query =
            "/api/v1/query?query=".to_owned() + &encoded("min(timestamp(up{job=\"fanlight\"}) * (up == 1))");
        let scraped = || {
            let answer = self.get(&query);
            let at = answer["data"]["result"][0]["value"][1].as_str()?.parse::<f64>().ok()?;
            (at > now).then_some(())
        };
        wait_for("a scrape", scraped);
    }

    /// Whether there was a number at any time since it was started.
    fn has_data(&self, query: &str) -> bool {
        let (start, end) = (self.started, unix_secs());
        let query = encoded(query);
        let answer = self.get(&format!("/api/v1/query_range?query={query}&start={start}&end={end}&step=1"));
        let series = answer["data"]["result"].as_array().expect("series");
        let is_number = |value: &Value| value[1].as_str().is_some_and(|text| text != "NaN");
        series.iter().any(|one| one["values"].as_array().is_some_and(|values| values.iter().any(is_number)))
    }

    /// Every rule was evaluated without an error, and what it compares is there.
    fn judge_rules(&self) {
        let answer = self.get("/api/v1/rules");
        let groups = answer["data"]["groups"].as_array().expect("groups");
        let rules: Vec<_> =
            groups.iter().flat_map(|group| group["rules"].as_array().expect("rules")).collect();
        assert!(rules.len() > 15, "{answer}");
        for rule in &rules {
            assert_eq!(rule["health"], json!("ok"), "{rule}");
            let query = rule["query"].as_str().expect("a query");
            assert!(self.has_data(compared(query)), "{}: no data for {}", rule["name"], compared(query));
        }
        let firing =
            rules.iter().filter(|rule| rule["state"] != "inactive").map(|rule| rule["name"].to_string());
        say(&format!(
            "Prometheus: {} rules, pending or firing: {:?}",
            rules.len(),
            firing.collect::<Vec<_>>()
        ));
    }
}

fn unix_secs() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock after 1970").as_secs_f64()
}

/// A query as it stands in an address.
fn encoded(query: &str) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let one = |byte: u8| if is_plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    query.bytes().map(one).collect()
}

#[test]
fn rules_are_taken_apart() {
    assert_eq!(compared("a / (b > c) > 0.01"), "a / (b > c)");
    assert_eq!(compared("absent(up{job=\"fanlight\"}) == 1"), "up{job=\"fanlight\"}");
    assert_eq!(filled("rate(a{s=~\"$stream\"}[$__rate_interval])"), "rate(a{s=~\".+\"}[5s])");
    assert_eq!(encoded("a{b=\"c\"}"), "a%7Bb%3D%22c%22%7D");
}
