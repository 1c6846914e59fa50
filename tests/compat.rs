//! Compatibility, judged by clients we did not write: each test starts the real server, installs a real
//! client under the build directory, and lets a program of that client say whether it was served as the
//! service would.
//!
//! A client whose toolchain is missing is reported as *not run* on standard error, and fails the test in CI.

mod support;

#[path = "compat/cbor.rs"]
mod cbor;
#[path = "compat/cbor_value.rs"]
mod cbor_value;
#[path = "compat/companion.rs"]
mod companion;
#[path = "compat/kcl.rs"]
mod kcl;
#[path = "compat/kcl_judge.rs"]
mod kcl_judge;
#[path = "compat/matrix.rs"]
mod matrix;
#[path = "compat/producer.rs"]
mod producer;
#[path = "compat/reshard.rs"]
mod reshard;
#[path = "compat/sheet.rs"]
mod sheet;
#[path = "compat/soak.rs"]
mod soak;
#[path = "compat/soak_judge.rs"]
mod soak_judge;

use std::path::{Path, PathBuf};
use std::time::Duration;

use support::program::Program;
use support::server::{Options, Server};
use support::tools;

/// How long a subscription lives here, so that its end is seen often; more than the five seconds within which
/// a consumer may not subscribe again.
const SUBSCRIPTION_SECS: u64 = 6;
/// How long any client program may take.
const PROGRAM_TIME_MAX: Duration = Duration::from_secs(120);

/// Where the programs lie.
fn programs(client: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat").join(client)
}

/// A server whose subscriptions are short.
fn server(tls: bool, limits: &'static str) -> Server {
    let extra = vec!["--subscription-secs".to_owned(), SUBSCRIPTION_SECS.to_string()];
    Server::start(Options { tls, limits, extra, ..Options::default() })
}

/// Runs a client program against a server of its own.
fn judge(name: &str, executable: &Path, arguments: &[PathBuf], server: &Server) {
    let program = Program::new(name, executable, server).args(arguments);
    program.env("FANLIGHT_SUBSCRIPTION_SECS", &SUBSCRIPTION_SECS.to_string()).run(PROGRAM_TIME_MAX);
}

fn boto3(script: &str, tls: bool, limits: &'static str) {
    if tools::toolchain(script, "python3", "--version") {
        let python = tools::python("boto3", tools::BOTO3).join("python");
        judge(&format!("boto3 {script}"), &python, &[programs("boto3").join(script)], &server(tls, limits));
    }
}

#[test]
fn boto3_tutorial_loop() {
    boto3("tutorial_loop.py", false, "aws");
}

#[test]
fn boto3_tutorial_loop_over_tls() {
    boto3("tutorial_loop.py", true, "aws");
}

#[test]
fn boto3_fan_out() {
    boto3("fan_out.py", false, "aws");
}

#[test]
fn boto3_errors() {
    boto3("errors.py", false, "off");
}

#[test]
fn boto3_paginators_and_waiters() {
    boto3("pages.py", false, "aws");
}

#[test]
fn boto3_many_streams_in_a_loop() {
    boto3("many_streams.py", false, "aws");
}

#[test]
fn boto3_tags_and_policies() {
    boto3("tags_and_policies.py", false, "aws");
}

/// What moto's and LocalStack's own tests assert; `docs/published-assertions.md` tells which do not apply.
#[test]
fn boto3_published_assertions() {
    boto3("published.py", false, "off");
}

#[test]
fn aws_cli_round_trip() {
    if tools::toolchain("AWS CLI", "python3", "--version") {
        let bin = tools::python("awscli", "awscli==1.46.3");
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
        let server = server(false, "aws");
        let program = Program::new("AWS CLI", bin.join("python"), &server);
        program.args([programs("cli").join("round_trip.py")]).env("PATH", &path).run(PROGRAM_TIME_MAX);
    }
}

/// The scripts run from a directory of their own below `node_modules`' parent: there Node finds modules.
fn javascript(tls: bool) {
    if !tools::toolchain("JavaScript SDK", "node", "--version")
        || !tools::toolchain("JavaScript SDK", "npm", "-v")
    {
        return;
    }
    let scratch = tools::npm("js", &programs("js")).join(if tls { "tls" } else { "plain" });
    support::copy_directory(&programs("js"), &scratch);
    judge("JavaScript fan_out", Path::new("node"), &[scratch.join("fan_out.mjs")], &server(tls, "aws"));
}

#[test]
fn javascript_fan_out_over_h2c() {
    javascript(false);
}

#[test]
fn javascript_fan_out_over_tls() {
    javascript(true);
}

#[test]
fn rust_fan_out_over_tls() {
    let binary = tools::cargo("rust-sdk", &programs("rust-sdk"), "fanlight-compat-rust-sdk");
    judge("Rust fan_out", &binary, &[], &server(true, "aws"));
}

#[test]
fn kcl_survives_its_workers() {
    if java_toolchain("KCL") && tools::toolchain("KCL", "python3", "--version") {
        kcl::judge(&programs("kcl"));
    }
}

fn java_toolchain(client: &str) -> bool {
    let needed = [("java", "-version"), ("javac", "-version"), ("mvn", "--version")];
    needed.iter().all(|(program, flag)| tools::toolchain(client, program, flag))
}

#[test]
fn java_fan_out_in_cbor() {
    let needed = [("java", "-version"), ("javac", "-version"), ("mvn", "--version")];
    if needed.iter().all(|(program, flag)| tools::toolchain("Java SDK", program, flag)) {
        let class_path = tools::java("java", &programs("java"));
        let arguments = ["-cp".into(), class_path.into(), "FanOut".into()];
        judge("Java FanOut", Path::new("java"), &arguments, &server(false, "aws"));
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
    let h2spec = tools::go("h2spec", package, "h2spec");
    let server = server(false, "aws");
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
    let server = server(false, "aws");
    // Some traffic, so that counters and histograms carry samples.
    cbor::put_and_read_back(server.address(), "measured");
    let metrics = support::http::get(server.admin_address(), "/metrics").expect("the metrics");
    assert_eq!(metrics.status, 200);
    let remarks = support::program::filter(&promtool, &["check", "metrics"], &metrics.body);
    assert!(remarks.trim().is_empty(), "{remarks}");
}
