//! Compatibility, judged by clients we did not write: each test starts the real server, installs a real
//! client under the build directory, and lets a program of that client say whether it was served as the
//! service would.
//!
//! A client whose toolchain is missing is reported as *not run* on standard error, and fails the test in CI.

// Tests live outside the server's rooms: the system's files and clock are theirs to use.
#![allow(clippy::disallowed_methods)]

mod support;

#[path = "compat/cbor.rs"]
mod cbor;
#[path = "compat/cbor_value.rs"]
mod cbor_value;
#[path = "compat/clients.rs"]
mod clients;
#[path = "compat/companion.rs"]
mod companion;
#[path = "compat/documented.rs"]
mod documented;
#[path = "compat/equal.rs"]
mod equal;
#[path = "compat/flink.rs"]
mod flink;
#[path = "compat/follow.rs"]
mod follow;
#[path = "compat/kcl.rs"]
mod kcl;
#[path = "compat/kcl_judge.rs"]
mod kcl_judge;
#[path = "compat/kpl.rs"]
mod kpl;
#[path = "compat/matrix.rs"]
mod matrix;
#[path = "compat/pollers.rs"]
mod pollers;
#[path = "compat/producer.rs"]
mod producer;
#[path = "compat/prometheus.rs"]
mod prometheus;
#[path = "compat/prometheus_load.rs"]
mod prometheus_load;
#[path = "compat/prometheus_scrape.rs"]
mod prometheus_scrape;
#[path = "compat/reshard.rs"]
mod reshard;
#[path = "compat/sheet.rs"]
mod sheet;
#[path = "compat/soak.rs"]
mod soak;
#[path = "compat/soak_judge.rs"]
mod soak_judge;

use std::time::Duration;

use clients::{AWS_CLI, BOTO3, Client, GO, JAVA, JAVA_JSON, JAVA_NEEDS, JAVASCRIPT, RUST, sources};
use support::server::{Options, Server};
use support::tools;

/// How long any client program may take, others running beside it.
const PROGRAM_TIME_MAX: Duration = Duration::from_secs(180);

fn matrix(client: &Client) {
    if client.can_run() {
        matrix::judge(client.name, client.transports, |server, _| client.program("matrix", server));
    }
}

#[test]
fn boto3_serves_every_operation() {
    matrix(&BOTO3);
}

#[test]
fn aws_cli_serves_every_operation() {
    matrix(&AWS_CLI);
}

#[test]
fn javascript_serves_every_operation() {
    matrix(&JAVASCRIPT);
}

#[test]
fn go_serves_every_operation() {
    matrix(&GO);
}

#[test]
fn rust_serves_every_operation() {
    matrix(&RUST);
}

#[test]
fn java_serves_every_operation() {
    if JAVA.can_run() {
        matrix::judge(JAVA.name, JAVA.transports, |server, transport| {
            let (name, value) = JAVA_JSON;
            let program = JAVA.program("matrix", server);
            if transport.ends_with("json") { program.env(name, value) } else { program }
        });
    }
}

/// The same calls in CBOR and in JSON: every member of every answer, and every refusal.
#[test]
fn java_gets_equal_answers_in_cbor_and_in_json() {
    if JAVA.can_run() {
        equal::judge();
    }
}

#[test]
fn every_sdk_follows_reshards_and_restarts() {
    let able: Vec<_> = clients::ALL.into_iter().filter(|it| !it.soaks.is_empty() && it.can_run()).collect();
    soak::judge(&able);
}

#[test]
fn the_quick_starts_do_what_they_say() {
    for client in clients::ALL.into_iter().filter(|it| it.can_run()) {
        let server = Server::start(Options::default());
        let program = client.program("quickstart", &server);
        let output = program.env("AWS_ENDPOINT_URL_KINESIS", &server.endpoint()).finish(PROGRAM_TIME_MAX);
        let expected = if client.soaks.is_empty() { "pulled: hello" } else { "pushed: hello" };
        assert!(output.lines().any(|line| line == expected), "{}: {output}", client.name);
    }
}

/// A script of boto3's against a server whose subscriptions are short.
fn boto3(script: &str, limits: &'static str) {
    if BOTO3.can_run() {
        let secs = matrix::SUBSCRIPTION_SECS.to_string();
        let extra = vec!["--subscription-secs".to_owned(), secs.clone()];
        let server = Server::start(Options { limits, extra, ..Options::default() });
        BOTO3.program(script, &server).env("FANLIGHT_SUBSCRIPTION_SECS", &secs).run(PROGRAM_TIME_MAX);
    }
}

#[test]
fn boto3_tutorial_loop() {
    boto3("tutorial_loop", "aws");
}

#[test]
fn boto3_errors() {
    boto3("errors", "off");
}

#[test]
fn boto3_paginators_and_waiters() {
    boto3("pages", "aws");
}

#[test]
fn boto3_many_streams_in_a_loop() {
    boto3("many_streams", "aws");
}

#[test]
fn boto3_tags_and_policies() {
    boto3("tags_and_policies", "aws");
}

/// What moto's and LocalStack's own tests assert; `docs/published-assertions.md` tells which do not apply.
#[test]
fn boto3_published_assertions() {
    boto3("published", "off");
}

fn can_run_java(client: &str) -> bool {
    JAVA_NEEDS.iter().all(|(program, flag)| tools::toolchain(client, program, flag))
}

#[test]
fn kcl_survives_its_workers() {
    if can_run_java("KCL") && tools::toolchain("KCL", "python3", "--version") {
        kcl::judge(&sources("kcl"));
    }
}

#[test]
fn kpl_aggregates_what_kcl_takes_apart() {
    if can_run_java("KPL") && tools::toolchain("KPL", "python3", "--version") {
        kpl::judge();
    }
}

#[test]
fn the_documented_commands_run_kcl_and_kpl() {
    let can_run = |program| tools::toolchain("KCL and KPL", program, "--version");
    if can_run_java("KCL and KPL") && can_run("python3") && can_run("curl") {
        documented::judge();
    }
}

#[test]
fn flink_follows_a_stream() {
    if can_run_java("Flink") {
        flink::judge();
    }
}

#[test]
fn kclpy_follows_a_stream() {
    if can_run_java("amazon_kclpy") && tools::toolchain("amazon_kclpy", "python3", "--version") {
        pollers::kclpy();
    }
}

#[test]
fn telegraf_follows_a_stream() {
    if tools::toolchain("Telegraf", "go", "version") {
        pollers::telegraf();
    }
}

/// Left out: the case that sends no preface at all. What begins so is HTTP/1.1 on this port, and is answered
/// so.
#[test]
fn h2spec_accepts_the_connections() {
    const PARTS: [&str; 8] =
        ["generic", "hpack", "http2/3.5/1", "http2/4", "http2/5", "http2/6", "http2/7", "http2/8"];
    if !tools::toolchain("h2spec", "go", "version") {
        return;
    }
    let package = "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible";
    let h2spec = tools::go("h2spec", package, "", "h2spec");
    let server = Server::start(Options::default());
    let port = server.address().port().to_string();
    let arguments = [&["-h", "127.0.0.1", "-p", &port, "-o", "5"], &PARTS[..]].concat();
    let verdict = support::program::filter(&h2spec, &arguments, b"");
    assert!(verdict.contains("144 tests, 144 passed, 0 skipped, 0 failed"), "{verdict}");
}

#[test]
fn promtool_accepts_the_metrics() {
    if !tools::toolchain("promtool", "apt-get", "--version") {
        return;
    }
    let promtool = tools::debian("prometheus", "prometheus", "promtool");
    let server = Server::start(Options::default());
    // Some traffic, so that counters and histograms carry samples.
    cbor::put_and_read_back(server.address(), "measured");
    let metrics = support::http::get(server.admin_address(), "/metrics").expect("the metrics");
    assert_eq!(metrics.status, 200);
    let remarks = support::program::filter(&promtool, &["check", "metrics"], &metrics.body);
    assert!(remarks.trim().is_empty(), "{remarks}");
}

/// The alert rules: accepted, and each of them fires where it should and nowhere else.
#[test]
fn promtool_accepts_and_tries_the_alerts() {
    if tools::toolchain("promtool", "apt-get", "--version") {
        prometheus::check_rules();
    }
}

#[test]
fn prometheus_has_data_for_every_panel_and_alert() {
    if tools::toolchain("Prometheus", "apt-get", "--version") {
        prometheus::judge();
    }
}

#[test]
fn latencies_are_what_the_load_test_measures() {
    prometheus::judge_latency();
}

#[test]
fn a_scrape_of_a_large_server_is_small_and_quick() {
    prometheus_scrape::judge();
}

/// The specification's own loader, which is also the one in Docker Compose.
#[test]
fn compose_accepts_the_file() {
    if !tools::toolchain("compose-go", "go", "version") {
        return;
    }
    let loader = tools::go("compose-go", "github.com/compose-spec/compose-go/v2/cmd@v2.16.2", "", "cmd");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/grafana/compose.yaml");
    let project = support::program::filter(&loader, &[file], b"");
    assert_eq!(project.matches("host_ip: 127.0.0.1").count(), 4, "{project}");
    assert!(["fanlight:", "prometheus:", "grafana:"].iter().all(|it| project.contains(it)), "{project}");
}
