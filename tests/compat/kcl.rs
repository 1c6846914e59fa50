//! KCL's workers over a stream that is split and merged under load, one of them killed each minute: by
//! enhanced fan-out and by polling at once, two applications beside each other in each worker.
//!
//! Five minutes; `FANLIGHT_KCL_MINUTES=30` for longer.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::companion::Companion;
use crate::kcl_judge::Application;
use crate::producer::{Ledger, Producer, epoch_us};
use crate::reshard::{self, Shard};
use crate::sheet::Sheet;
use crate::support::kinesis::Kinesis;
use crate::support::program::{Program, Talk};
use crate::support::server::{Options, Server};
use crate::support::{patiently, say, tools, within};

const STREAM: &str = "orders";
const MODES: [&str; 2] = ["fanout", "polling"];
const SHARDS: u32 = 4;
const WORKERS: usize = 3;
/// The pace at first, for [`SLOW_SECS`], and then.
const RECORDS_PER_SEC: (u64, u64) = (1, 1000);
const SLOW_SECS: u64 = 15;
/// Within each minute: when the stream is resharded, and when a worker is killed.
const RESHARD_AT: Duration = Duration::from_secs(15);
const KILL_AT: Duration = Duration::from_secs(40);
const MINUTE: Duration = Duration::from_secs(60);
/// For leases to be taken, and what is left to be processed.
const TIME_TO_START: Duration = Duration::from_secs(400);
const TIME_TO_CATCH_UP: Duration = Duration::from_secs(300);
const TIME_TO_END: Duration = Duration::from_secs(60);

type Applications = Arc<BTreeMap<&'static str, Mutex<Application>>>;

/// The fleet: workers that come and go, each a process with a name of its own.
struct Fleet<'a> {
    server: &'a Server,
    companion: &'a Companion,
    class_path: String,
    applications: Applications,
    workers: Vec<(String, Talk)>,
    started: usize,
    losses_us: Vec<u64>,
}

impl Fleet<'_> {
    fn hire(&mut self) {
        self.started += 1;
        let name = format!("worker-{}", self.started);
        let program = Program::new(&name, "java", self.server)
            .args(["-Xmx384m", "-XX:+UseSerialGC", "-cp", &self.class_path, "Worker"])
            .env("FANLIGHT_COMPANION", &self.companion.endpoint())
            .env("FANLIGHT_STREAM", STREAM)
            .env("FANLIGHT_WORKER", &name)
            .env("FANLIGHT_MODES", &MODES.join(","));
        let applications = Arc::clone(&self.applications);
        let worker = program.talk(move |line| {
            let (mode, rest) = line.split_once(' ').unwrap_or((line, ""));
            match applications.get(mode) {
                Some(application) => application.lock().expect("nobody panics").take(rest),
                // A thread all applications share has something to say: it is said of each.
                None => applications.values().for_each(|it| it.lock().expect("nobody panics").take(rest)),
            }
        });
        self.workers.push((name, worker));
    }

    /// Kills the one that was hired first, and hires another.
    fn lose_one(&mut self) {
        let (_, worker) = self.workers.remove(0);
        self.losses_us.push(epoch_us());
        worker.kill_9();
        self.hire();
    }

    fn each_application(&self, mut ask: impl FnMut(&'static str, &mut Application)) {
        self.applications.iter().for_each(|(mode, it)| ask(mode, &mut it.lock().expect("nobody panics")));
    }

    fn have_all(&self, ledger: &Ledger) -> bool {
        let mut have = true;
        self.each_application(|_, it| have &= it.has_all(ledger));
        have
    }

    /// Fails with what the workers said when one has given up.
    fn look(&mut self) {
        for (name, worker) in &mut self.workers {
            assert!(!worker.has_ended(), "{name} ended:\n{}", worker.errors());
        }
    }

    /// Looks at the workers until then.
    fn until(&mut self, due: Instant) {
        patiently(due.saturating_duration_since(Instant::now()) + TIME_TO_END, "the time to pass", || {
            self.look();
            (Instant::now() >= due).then_some(())
        });
    }

    fn names(&self) -> HashSet<&str> {
        self.workers.iter().map(|(name, _)| name.as_str()).collect()
    }
}

/// Runs it.
pub(crate) fn judge(sources: &Path) {
    let minutes = std::env::var("FANLIGHT_KCL_MINUTES").map_or(5, |it| it.parse().expect("minutes"));
    let class_path = tools::java("kcl", sources);
    let (server, companion) = (Server::start(Options::default()), Companion::start());
    let kinesis = Kinesis { address: server.address() };
    kinesis.create(STREAM, SHARDS);
    let applications = Arc::new(MODES.map(|mode| (mode, Mutex::default())).into());
    let mut fleet = Fleet {
        server: &server,
        companion: &companion,
        class_path,
        applications,
        workers: Vec::new(),
        started: 0,
        losses_us: Vec::new(),
    };
    // The first one makes the tables: several at once would get into each other's way there.
    fleet.hire();
    let producer = Producer::start(server.address(), STREAM, RECORDS_PER_SEC.0);
    patiently(TIME_TO_START, "the first records", || {
        fleet.look();
        let mut all_began = true;
        fleet.each_application(|_, it| all_began &= it.count() > 0);
        all_began.then_some(())
    });
    (1..WORKERS).for_each(|_| fleet.hire());
    fleet.until(Instant::now() + Duration::from_secs(SLOW_SECS));
    producer.pace(RECORDS_PER_SEC.1);
    let begun = Instant::now();
    for minute in 0..minutes {
        fleet.until(begun + MINUTE * minute + RESHARD_AT);
        let reshard = if minute % 2 == 0 { reshard::split } else { reshard::merge };
        reshard(kinesis, STREAM);
        fleet.until(begun + MINUTE * minute + KILL_AT);
        fleet.lose_one();
    }
    fleet.until(begun + MINUTE * minutes);
    let ledger = producer.stop();
    ledger.assert_pace(RECORDS_PER_SEC.1, MINUTE * minutes);
    assert_eq!(ledger.in_doubt(), 0, "puts failed");
    patiently(TIME_TO_CATCH_UP, "every record to be processed", || {
        fleet.look();
        fleet.have_all(&ledger).then_some(())
    });
    conclude(fleet, &ledger, &reshard::shards(kinesis, STREAM), sources);
}

fn conclude(mut fleet: Fleet<'_>, ledger: &Ledger, shards: &[Shard], sources: &Path) {
    for mode in MODES {
        let mut disagreement = Vec::new();
        let agreed = within(TIME_TO_CATCH_UP, || {
            fleet.look();
            let ends = fleet.applications[mode].lock().expect("nobody panics").ends.clone();
            disagreement = disagreements(fleet.companion, mode, shards, &fleet.names(), &ends);
            disagreement.is_empty().then_some(())
        });
        assert!(agreed.is_some(), "the leases of {mode}: {disagreement:#?}");
    }
    let losses_us = fleet.losses_us.clone();
    let workers = std::mem::take(&mut fleet.workers);
    let errors: Vec<_> = workers.iter().map(|(_, worker)| worker.errors()).collect();
    // Not asked to end: KCL 3.5 may wait without end then for processors of shards that have ended long ago.
    workers.into_iter().for_each(|(_, worker)| worker.kill_9());
    let mut failures = Vec::new();
    fleet.each_application(|mode, it| match it.verdict(ledger, shards, &losses_us) {
        Ok(figures) => say(&format!(
            "KCL {mode}: {} records, {} throttled, {figures}, {} shards ended, {} workers killed, \
             troubles {:#?}",
            ledger.places.len(),
            ledger.throttled,
            it.ends.len(),
            losses_us.len(),
            it.troubles
        )),
        Err(faults) => failures.push(format!(
            "{mode}: {} faults, {:#?}, troubles {:#?}",
            faults.len(),
            &faults[..faults.len().min(10)],
            it.troubles
        )),
    });
    assert!(failures.is_empty(), "{}\n{}", failures.join("\n"), errors.join("\n---\n"));
    publish(sources);
}

/// Each open shard is to be leased by a living worker, each closed one at its end (or told to have come to
/// it, and forgotten since), and no other one leased.
fn disagreements(
    companion: &Companion,
    mode: &str,
    shards: &[Shard],
    workers: &HashSet<&str>,
    ends: &BTreeMap<String, usize>,
) -> Vec<String> {
    let output = companion.dynamo("Scan", &json!({"TableName": format!("{STREAM}-{mode}")}));
    let items = output["Items"].as_array().expect("items");
    let text = |item: &Value, name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
    // What the table holds beside leases has keys that are no shards'.
    let is_lease = |item: &&Value| text(item, "leaseKey").starts_with("shardId-");
    let leases: BTreeMap<_, _> =
        items.iter().filter(is_lease).map(|item| (text(item, "leaseKey"), item)).collect();
    let agrees = |shard: &Shard| match leases.get(&shard.id) {
        Some(lease) if shard.is_open => workers.contains(text(lease, "leaseOwner").as_str()),
        Some(lease) => text(lease, "checkpoint") == "SHARD_END",
        None => !shard.is_open && ends.contains_key(&shard.id),
    };
    let known: HashSet<_> = shards.iter().map(|shard| shard.id.as_str()).collect();
    let foreign =
        leases.keys().filter(|id| !known.contains(id.as_str())).map(|id| format!("{id} is no shard"));
    let wrong = shards.iter().filter(|shard| !agrees(shard));
    foreign.chain(wrong.map(|shard| format!("{shard:?} has {:?}", leases.get(&shard.id)))).collect()
}

fn publish(sources: &Path) {
    const HELD: [&str; 6] = [
        "each record processed",
        "each key in order",
        "a child after its parents",
        "a worker killed each minute",
        "splits and merges under load",
        "leases consistent at the end",
    ];
    let version = tools::pom_version(&sources.join("pom.xml"), "amazon-kinesis-client");
    let sheet = Sheet::new("KCL", &version).served("fan-out, h2c", &HELD);
    sheet.served("polling, h2c", &HELD).publish();
}
