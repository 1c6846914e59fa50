//! Every SDK that has enhanced fan-out follows one stream at once, over each transport it has, while shards
//! are split and merged, subscriptions run out, and the server is stopped and killed.
//!
//! `FANLIGHT_SOAK_MINUTES=12` runs with the service's subscriptions of five minutes; without it the run is
//! short and so are they.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::clients::Client;
use crate::producer::{Ledger, Producer, epoch_us};
use crate::reshard::{self, Shard};
use crate::soak_judge::Told;
use crate::support::kinesis::Kinesis;
use crate::support::program::Talk;
use crate::support::server::{Options, Server};
use crate::support::{patiently, say, within};

const STREAM: &str = "soak";
const SHARDS: u32 = 4;
const RECORDS_PER_SEC: u64 = 200;
/// How long records are put, how long a subscription lives, and how long nothing is put at first: in a short
/// run; in a long one a subscription lives as long as at the service, and idles longer than any client waits.
const SHORT: Times =
    Times { load: Duration::from_secs(60), subscription_secs: 8, idle: Duration::from_secs(5) };
const LONG: Times =
    Times { load: Duration::from_secs(0), subscription_secs: 300, idle: Duration::from_secs(25) };
/// For what happens after the last record.
const TIME_TO_CATCH_UP: Duration = Duration::from_secs(120);
/// For a program to start beside nine others, and to end.
const TIME_TO_START: Duration = Duration::from_secs(240);
const TIME_TO_END: Duration = Duration::from_secs(20);

#[derive(Clone, Copy)]
struct Times {
    load: Duration,
    subscription_secs: u64,
    idle: Duration,
}

impl Times {
    /// Of a shard that is never closed: the first, one after each stop of the server, and until the first
    /// stop one for each that ran out.
    fn subscriptions_min(self) -> usize {
        let undisturbed = self.load.mul_f64(UNTROUBLED_UNTIL).as_secs() / self.subscription_secs;
        3 + usize::try_from(undisturbed).expect("few")
    }

    fn from_environment() -> Times {
        let minutes = std::env::var("FANLIGHT_SOAK_MINUTES").map(|it| it.parse::<u64>().expect("minutes"));
        minutes.map_or(SHORT, |minutes| Times { load: Duration::from_secs(60 * minutes), ..LONG })
    }
}

/// Errors of a consumer in all: it looks for a server that is away a few times a second, for each shard.
const TROUBLES_MAX: usize = 500;

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

/// Until the server is first stopped nobody meets an error.
const UNTROUBLED_UNTIL: f64 = 0.5;

/// Runs it with these clients.
pub(crate) fn judge(clients: &[&Client]) {
    let times = Times::from_environment();
    let extra = ["--plain-too", "--subscription-secs", &times.subscription_secs.to_string()];
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

    wait_until(Instant::now() + times.idle, &mut consumers);

    let producer = Producer::start(server.address(), STREAM, RECORDS_PER_SEC);
    let begun = Instant::now();
    let mut undoubted = 0;
    for (part, deed) in DEEDS {
        wait_until(begun + times.load.mul_f64(part), &mut consumers);
        if part <= UNTROUBLED_UNTIL {
            consumers.iter().for_each(assert_untroubled);
            undoubted = producer.count();
        }
        carry_out(deed, &mut server);
    }
    wait_until(begun + times.load, &mut consumers);
    let ledger = producer.stop();
    // Nothing is put while the server is away.
    ledger.assert_pace(RECORDS_PER_SEC, times.load.mul_f64(0.8));
    assert!(
        ledger.places[..undoubted].iter().all(Option::is_some),
        "a put failed though nobody stopped the server"
    );
    let shards = reshard::shards(kinesis, STREAM);
    let failures: Vec<_> = consumers
        .into_iter()
        .filter_map(|consumer| conclude(consumer, &ledger, &shards, times).err())
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Lets a consumer catch up and end; says its figures, or answers what is wrong.
fn conclude(consumer: Consumer, ledger: &Ledger, shards: &[Shard], times: Times) -> Result<(), String> {
    let Consumer { name, program, told } = consumer;
    let has_all = || told.lock().expect("nobody panics").has_all(ledger).then_some(());
    // The verdict says what is missing.
    let _ = within(TIME_TO_CATCH_UP, has_all);
    let errors = program.errors();
    program.finish(TIME_TO_END);
    let told = told.lock().expect("nobody panics");
    let (put, troubles) = (ledger.places.len(), told.troubles.len());
    let few = |texts: &[String]| format!("{:#?}", &texts[..texts.len().min(10)]);
    let figures = told.verdict(ledger, shards).map_err(|faults| {
        format!("{name}: {} faults, {}\n{}\n{errors}", faults.len(), few(&faults), few(&told.troubles))
    })?;
    say(&format!("{name}: {} of {put} records, {figures}, met {:?}", told.records, told.kinds_of_troubles()));
    // All go on behind the last whole event they have seen: nothing may come again.
    let is_right = figures.doubled == 0
        && troubles <= TROUBLES_MAX
        && figures.subscriptions_max >= times.subscriptions_min();
    if is_right { Ok(()) } else { Err(format!("{name}: {figures}, {}", few(&told.troubles))) }
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

fn assert_untroubled(consumer: &Consumer) {
    let told = consumer.told.lock().expect("nobody panics");
    assert!(
        told.troubles.is_empty(),
        "{}: {:#?}\n{}",
        consumer.name,
        told.troubles,
        consumer.program.errors()
    );
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
