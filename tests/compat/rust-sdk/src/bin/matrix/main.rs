//! Runs every group of operations against a server and prints one JSON object per line: the client, each
//! group's verdict, and whether nothing failed. Arguments are the groups to run, none means all.

mod bench;
mod check;
mod consumers;
mod fan_out;
mod records;
mod refusals;
mod settings;
mod shards;
mod streams;
mod subscription;
mod tags;
mod throughput;

use std::env;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use fanlight_compat_rust_sdk::{Failure, connect, told};
use serde_json::{Value, json};

use bench::Bench;
use check::Absence;

/// Ends a group that waits for something that does not come.
const GROUP_TIME_MAX: Duration = Duration::from_secs(90);

const GROUPS: [&str; 19] = [
    "streams",
    "put",
    "get",
    "shards",
    "scaling",
    "consumers",
    "fan-out",
    "shard-end",
    "takeover",
    "retention",
    "monitoring",
    "encryption",
    "modes",
    "tags",
    "policies",
    "errors",
    "throttles",
    "large",
    "queues and channels",
];

async fn run(group: &str, bench: &Bench) -> Result<(), Failure> {
    match group {
        "streams" => streams::streams(bench).await,
        "put" => records::put(bench).await,
        "get" => records::get(bench).await,
        "shards" => shards::shards(bench).await,
        "scaling" => shards::scaling(bench).await,
        "consumers" => consumers::consumers(bench).await,
        "fan-out" => fan_out::fan_out(bench).await,
        "shard-end" => fan_out::shard_end(bench).await,
        "takeover" => consumers::takeover(bench).await,
        "retention" => settings::retention(bench).await,
        "monitoring" => settings::monitoring(bench).await,
        "encryption" => settings::encryption(bench).await,
        "modes" => settings::modes(bench).await,
        "tags" => tags::tags(bench).await,
        "policies" => tags::policies(bench).await,
        "errors" => refusals::errors(bench).await,
        "throttles" => throughput::throttles(bench).await,
        "large" => throughput::large(bench).await,
        "queues and channels" => refusals::queues_and_channels(bench).await,
        _ => Err("no group of this name".into()),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    println!("{}", json!({"client": "aws-sdk-kinesis", "version": aws_sdk_kinesis::meta::PKG_VERSION}));
    let passed = match bench() {
        Ok(bench) => run_all(&bench).await,
        Err(failure) => {
            eprintln!("{failure}");
            false
        }
    };
    println!("{}", json!({"program": "matrix", "ok": passed}));
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn bench() -> Result<Bench, Failure> {
    let life = env::var("FANLIGHT_SUBSCRIPTION_SECS")?.parse()?;
    Ok(Bench { kinesis: connect()?, life: Duration::from_secs(life) })
}

async fn run_all(bench: &Bench) -> bool {
    let asked: Vec<_> = env::args().skip(1).collect();
    let names = if asked.is_empty() { GROUPS.map(str::to_owned).to_vec() } else { asked };
    let mut passed = true;
    for name in names {
        let began = Instant::now();
        let result = tokio::time::timeout(GROUP_TIME_MAX, run(&name, bench)).await;
        eprintln!("{name} took {:.1} s", began.elapsed().as_secs_f32());
        let verdict = verdict(&name, result.map_err(Failure::from).flatten());
        passed &= verdict["ok"] != false;
        println!("{verdict}");
    }
    passed
}

fn verdict(name: &str, result: Result<(), Failure>) -> Value {
    let Err(failure) = result else { return json!({"group": name, "ok": true}) };
    if let Some(Absence(why)) = failure.downcast_ref() {
        return json!({"group": name, "absent": why});
    }
    eprintln!("{name}: {failure:?}");
    json!({"group": name, "ok": false, "why": told(&*failure)})
}
