//! The console in headless Chromium: what it looks like at two widths in two colours, whether it is live,
//! can be used by keyboard and by those who do not see it, bears a thousand shards, and comes back with its
//! server. A report of the load-test tool is looked at likewise.
//! The browser's side is `browser/browser.mjs`; its pictures lie in the build directory.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::Duration;

use serde_json::json;

use crate::load::Load;
use crate::support::kinesis::Kinesis;
use crate::support::program::Program;
use crate::support::server::{Options, Server};
use crate::support::{PATIENCE, tools};

/// How long one part may take.
const PART_TIME_MAX: Duration = Duration::from_secs(900);
/// Factor on the browser's deadlines: this machine does other things meanwhile.
const SLOWNESS: &str = "3";

/// Where the pictures are.
fn pictures() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("console-pictures")
}

/// One part of the judgement; `None` where no browser can run.
fn browser(part: &str, server: &Server, subject: &str) -> Option<Program> {
    if !tools::toolchain("the console in a browser", "npm", "--version") {
        return None;
    }
    let chromium = tools::chromium("the console in a browser")?;
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/console/browser");
    let script = tools::javascript("console-browser", &sources).join("browser.mjs");
    let slowness = env::var("FANLIGHT_BROWSER_SLOWNESS").unwrap_or(SLOWNESS.to_owned());
    let program = Program::new(&format!("Chromium, {part}"), "node", server)
        .args([script.as_os_str(), part.as_ref(), subject.as_ref()])
        .env("CHROMIUM", &chromium.program.display().to_string())
        .env("PICTURES", &pictures().display().to_string())
        .env("PATIENCE", &slowness);
    Some(chromium.variables.iter().fold(program, |it, (name, value)| it.env(name, value)))
}

fn console(part: &str, server: &Server) -> Option<Program> {
    browser(part, server, &server.admin_address().to_string())
}

#[test]
fn it_is_live_legible_and_reachable_by_keyboard() {
    let server = Server::start(Options::default());
    let Some(program) = console("look", &server) else { return };
    let kinesis = Kinesis { address: server.address() };
    let load = Load::start(server.address(), "orders", 4, &["billing", "fraud-scoring", "search-index"], 400);
    kinesis.create("clicks", 2);
    let split = json!({"StreamName": "clicks", "ShardToSplit": "0", "NewStartingHashKey": "1000000000000"});
    kinesis.ok("SplitShard", &split);
    program.run(PART_TIME_MAX);
    load.stop();
}

#[test]
fn it_bears_a_thousand_shards() {
    let server = Server::start(Options { limits: "off", durability: "none", ..Options::default() });
    let Some(program) = console("many", &server) else { return };
    let kinesis = Kinesis { address: server.address() };
    let load = Load::start(server.address(), "many", 1000, &[], 2000);
    for shard in 0..2_u128 {
        let middle = (u128::MAX / 1000 * shard + u128::MAX / 2000).to_string();
        let id = format!("shardId-{shard:012}");
        kinesis.ok(
            "SplitShard",
            &json!({"StreamName": "many", "ShardToSplit": id, "NewStartingHashKey": middle}),
        );
        kinesis.wait_active("many");
    }
    program.run(PART_TIME_MAX);
    load.stop();
}

/// The browser says when to stop the server and when to start it again.
#[test]
fn it_comes_back_with_its_server() {
    let mut server = Server::start(Options::default());
    let Some(program) = console("restart", &server) else { return };
    Kinesis { address: server.address() }.create("orders", 2);
    let (sender, said) = channel();
    let talk = program.talk(move |line| {
        // Nobody listens any more once the test has failed.
        let _ = sender.send(line.to_owned());
    });
    let hear =
        || said.recv_timeout(PATIENCE * 4).unwrap_or_else(|error| panic!("{error}: {}", talk.errors()));
    assert_eq!(hear(), "stop");
    server.terminate();
    assert_eq!(hear(), "start");
    server.restart();
    let verdict = hear();
    assert!(verdict.contains(r#""ok":true"#), "{verdict}");
    talk.finish(PATIENCE);
}

/// What `loadtest --report` writes is a page, too: it loads nothing, complains of nothing and fits a phone.
#[test]
fn the_report_of_a_load_fits_both_widths() {
    let server = Server::start(Options::default());
    let file = pictures().with_file_name("console-report.html");
    let Some(program) = browser("report", &server, &file.display().to_string()) else { return };
    let load = Program::new("loadtest", tools::loadtest(), &server)
        .args(["--server-bin", env!("CARGO_BIN_EXE_fanlight"), "--duration", "3s", "--consumers", "3"])
        .args(["--rate", "200", "--report", &file.display().to_string()]);
    load.finish(PART_TIME_MAX);
    program.run(PART_TIME_MAX);
}
