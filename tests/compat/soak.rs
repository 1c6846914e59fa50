//! Every SDK that has enhanced fan-out follows one stream at once, over each transport it has, while shards
//! are split and merged, subscriptions run out, and the server is stopped and killed.
//!
//! `FANLIGHT_SOAK_MINUTES=12` runs with the service's subscriptions of five minutes; without it the run is
//! short and so are they.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::clients::Client;
use crate::producer::{Producer, epoch_us};
use crate::reshard;
use crate::soak_judge::Told;
use crate::support::kinesis::Kinesis;
use crate::support::program::Talk;
use crate::support::server::{Options, Server};
use crate::support::{patiently, say};

const STREAM: &str = "soak";
const SHARDS: u32 = 4;
const RECORDS_PER_SEC: u64 = 200;
/// A short run, and how long a subscription lives in it.
const SHORT: (Duration, u64) = (Duration::from_secs(60), 8);
/// As at the service.
const SUBSCRIPTION_SECS: u64 = 300;
/// For what happens after the last record.
const TIME_TO_CATCH_UP: Duration = Duration::from_secs(60);
/// For a program to start beside nine others, and to end.
const TIME_TO_START: Duration = Duration::from_secs(120);
const TIME_TO_END: Duration = Duration::from_secs(20);

/// One consumer: an SDK over one transport.
struct Consumer {
    name: String,
    program: Talk,
    told: Arc<Mutex<Told>>,
}

/// What is done to the stream or the server, at a part of the run.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Split,
    Merge,
    Restart,
    Kill,
}

const DEEDS: [(f64, Deed); 5] =
    [(0.15, Deed::Split), (0.3, Deed::Merge), (0.5, Deed::Restart), (0.65, Deed::Split), (0.8, Deed::Kill)];

/// Runs it with these clients.
pub(crate) fn judge(clients: &[&Client]) {
    let (time, subscription_secs) = match std::env::var("FANLIGHT_SOAK_MINUTES") {
        Ok(minutes) => {
            (Duration::from_secs(60 * minutes.parse::<u64>().expect("minutes")), SUBSCRIPTION_SECS)
        }
        Err(_) => SHORT,
    };
    let extra = ["--plain-too", "--subscription-secs", &subscription_secs.to_string()];
    let extra = extra.map(str::to_owned).to_vec();
    let mut server = Server::start(Options { tls: true, extra, ..Options::default() });
    let kinesis = Kinesis { address: server.address() };
    kinesis.create(STREAM, SHARDS);
    let transports = clients.iter().flat_map(|client| client.soaks.iter().map(move |it| (client, it)));
    let mut consumers: Vec<_> = transports.map(|(client, it)| start(client, it, &server)).collect();
    for consumer in &consumers {
        let is_ready = || consumer.told.lock().expect("nobody panics").is_ready.then_some(());
        patiently(TIME_TO_START, &format!("{} to be ready", consumer.name), is_ready);
    }

    let producer = Producer::start(server.address(), STREAM, RECORDS_PER_SEC);
    let begun = Instant::now();
    for (part, deed) in DEEDS {
        wait_until(begun + time.mul_f64(part), &mut consumers);
        carry_out(deed, &mut server);
    }
    wait_until(begun + time, &mut consumers);
    let ledger = producer.stop();
    let shards = reshard::shards(kinesis, STREAM);
    let mut failures = Vec::new();
    for consumer in consumers {
        let name = consumer.name.clone();
        let has_all = || consumer.told.lock().expect("nobody panics").has_all(&ledger).then_some(());
        let _ = crate::support::within(TIME_TO_CATCH_UP, has_all);
        let errors = consumer.program.errors();
        consumer.program.finish(TIME_TO_END);
        let told = consumer.told.lock().expect("nobody panics");
        match told.verdict(&ledger, &shards) {
            Ok(figures) => {
                let troubles = told.troubles.len();
                say(&format!(
                    "{name}: {} of {} records, {figures}, {troubles} troubles",
                    told.records,
                    ledger.places.len()
                ));
            }
            Err(faults) => failures.push(format!(
                "{name}: {} faults, {:#?}\n{:#?}\n{errors}",
                faults.len(),
                &faults[..faults.len().min(10)],
                &told.troubles[..told.troubles.len().min(10)]
            )),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn start(client: &Client, transport: &str, server: &Server) -> Consumer {
    let told = Arc::new(Mutex::new(Told::default()));
    let taking = Arc::clone(&told);
    let consumer = format!("{}-{transport}", client.name.replace(' ', "-"));
    let program = client.program("soak", server).env("FANLIGHT_CONSUMER", &consumer);
    // The server takes both kinds of connections; programs are told the kind their transport asks for.
    let scheme = if transport.contains("tls") { "https" } else { "http" };
    let program = program
        .env("FANLIGHT_ENDPOINT", &format!("{scheme}://{}", server.address()))
        .env("FANLIGHT_STREAM", STREAM)
        .env("FANLIGHT_TRANSPORT", transport);
    let take = move |line: &str| taking.lock().expect("nobody panics").take(line, epoch_us());
    Consumer { name: consumer, program: program.talk(take), told }
}

/// Looks that nobody gave up meanwhile.
fn wait_until(due: Instant, consumers: &mut [Consumer]) {
    patiently(due.saturating_duration_since(Instant::now()) + TIME_TO_END, "the time to pass", || {
        for consumer in &mut *consumers {
            let ended = consumer.program.has_ended();
            assert!(!ended, "{} ended:\n{}", consumer.name, consumer.program.errors());
        }
        (Instant::now() >= due).then_some(())
    });
}

fn carry_out(deed: Deed, server: &mut Server) {
    let kinesis = Kinesis { address: server.address() };
    match deed {
        Deed::Split => reshard::split(kinesis, STREAM),
        Deed::Merge => reshard::merge(kinesis, STREAM),
        Deed::Restart => {
            server.terminate();
            server.restart();
        }
        Deed::Kill => {
            server.kill_9();
            server.restart();
        }
    }
}
