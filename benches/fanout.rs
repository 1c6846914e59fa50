//! What a commit costs on its way to N consumers at the tip, without sockets: encoding its event once, while
//! the journal write is in flight, and handing it to N sinks once the write is done. Through the log and the
//! hub as the server uses them, on the simulated disk, whose time is not counted. Each row with its metrics
//! counted, as in the server, and without, in turns: the difference is what metrics cost.
//!
//! `cargo bench --bench fanout`

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use fanlight::platform::Clock;
use fanlight::platform::sim::SimDisk;
use fanlight::push::{Accept, EventSink, Gone, Hub, HubSettings, ShardIdentity};
use fanlight::storage::{Durability, Engine, Settings, Sizes, Store};
use fanlight::telemetry::Exporter;
use fanlight::types::{LogId, Offset, ShardId, Timestamp};
use hdrhistogram::Histogram;
use metrics::NoopRecorder;
use tokio::runtime::Runtime;
use tokio::task::{LocalSet, spawn_local, yield_now};

const CONSUMERS: [usize; 4] = [1, 20, 100, 1000];
/// Records in a commit.
const RECORDS: [u32; 2] = [1, 50];
const RECORD_BYTES: usize = 1024;
/// How long each round runs: shorter than the five seconds after which an idle consumer speaks up.
const RUN: Duration = Duration::from_millis(600);
const WARM_UP: Duration = Duration::from_millis(100);
/// Rounds of each kind in a row; figures are their medians.
const ROUNDS: usize = 7;
const NANOS_MAX: u64 = 10_000_000_000;
const LOG: LogId = LogId(1);

fn main() {
    // Counters are counted as in the server.
    let _exporter = Exporter::install().expect("the first recorder of this process");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime of one thread");
    println!(
        "{:<10} {:>8} {:>13} {:>13} {:>13} {:>15} {:>15} {:>15}",
        "consumers",
        "records",
        "encode p50 us",
        "offer p50 us",
        "offer p99 us",
        "ns per delivery",
        "without metrics",
        "metrics' ns"
    );
    for records in RECORDS {
        for consumers in CONSUMERS {
            row(&runtime, consumers, records);
        }
    }
}

fn row(runtime: &Runtime, consumers: usize, records: u32) {
    let (mut counted, mut silent) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        counted.push(LocalSet::new().block_on(runtime, round(consumers, records)));
        let _nobody = metrics::set_default_local_recorder(&NoopRecorder);
        silent.push(LocalSet::new().block_on(runtime, round(consumers, records)));
    }
    let figures = |of: fn(&Figures) -> f64| (median(counted.iter().map(of)), median(silent.iter().map(of)));
    let per_delivery = figures(|figures| figures.offer_p50_us);
    let (with, without) = (per_delivery.0 * 1e3 / consumers as f64, per_delivery.1 * 1e3 / consumers as f64);
    println!(
        "{consumers:<10} {records:>8} {:>13.1} {:>13.1} {:>13.1} {with:>15.0} {without:>15.0} {:>15.0}",
        figures(|figures| figures.encode_p50_us).0,
        per_delivery.0,
        figures(|figures| figures.offer_p99_us).0,
        with - without
    );
}

/// What one round came to.
struct Figures {
    encode_p50_us: f64,
    offer_p50_us: f64,
    offer_p99_us: f64,
}

async fn round(consumers: usize, records: u32) -> Figures {
    let clock = Clock::system();
    let settings = Settings { durability: Durability::Sync, tail_bytes: 16 << 20, sizes: Sizes::default() };
    let engine = Engine::open(Box::new(SimDisk::new(1)), settings).expect("an empty disk opens");
    let store = Store::new(engine, clock.clone());
    store.engine().open_log(LOG);
    let settings = HubSettings { quotas: None, lifetime: Duration::from_secs(300) };
    let hub = Hub::new(store.clone(), clock.clone(), settings);
    let received = subscribe(&hub, consumers).await;

    let (mut encode, mut offer) = (histogram(), histogram());
    let mut commits = 0;
    let began = clock.now();
    while clock.now().since(began) < RUN {
        let (encoding, offering) = commit(&store, &clock, records);
        commits += 1;
        if clock.now().since(began) > WARM_UP {
            encode.saturating_record(encoding);
            offer.saturating_record(offering);
        }
    }
    // Each consumer also got the initial response. Had one fallen behind, the figures would be of fewer.
    assert_eq!(received.get(), consumers * (commits + 1), "everyone is served by the commit itself");
    hub.shut_down();
    let micros = |histogram: &Histogram<u64>, quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
    Figures {
        encode_p50_us: micros(&encode, 0.5),
        offer_p50_us: micros(&offer, 0.5),
        offer_p99_us: micros(&offer, 0.99),
    }
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<_> = figures.collect();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Subscribes consumers and lets each come to rest at the tip; counts what all of them are sent.
async fn subscribe(hub: &Rc<Hub>, consumers: usize) -> Rc<Cell<usize>> {
    let received = Rc::new(Cell::new(0));
    for consumer in 0..consumers {
        let accept = Accept {
            consumer: consumer as u64,
            log: LOG,
            identity: ShardIdentity { shard: ShardId(0), created_secs: 1_777_319_237 },
            children: None,
            start: Offset::ZERO,
            horizon: Box::new(Timestamp::default),
            traffic: Rc::default(),
            stream: "bench".to_owned(),
            consumer_name: format!("consumer-{consumer}"),
            label: "bench".to_owned(),
        };
        let stream = hub.accept(accept).expect("nobody has subscribed before");
        spawn_local(stream.drive(CountingSink(Rc::clone(&received))));
    }
    while received.get() < consumers {
        yield_now().await;
    }
    // A turn more, in which each asks for its next step and finds that it is at the tip.
    yield_now().await;
    received
}

/// Commits so many records; tells the nanoseconds until its event was prepared and, from the end of the
/// write, until everyone had it.
fn commit(store: &Store, clock: &Clock, records: u32) -> (u64, u64) {
    let data = [b'x'; RECORD_BYTES];
    let mut ack = None;
    for _ in 0..records {
        ack = Some(store.append(LOG, b"customer-4711", &data).expect("the log takes records").ack);
    }
    let ack = ack.expect("at least one record");
    let submitting = clock.now();
    store.submit();
    let prepared = clock.now().since(submitting);
    loop {
        store.engine().wait();
        store.engine().step(clock.now());
        let completed = clock.now();
        store.submit();
        if ack.outcome().is_some() {
            return (nanos(prepared), nanos(clock.now().since(completed)));
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(NANOS_MAX, 3).expect("three digits are in range")
}

/// A peer whose window is always open.
struct CountingSink(Rc<Cell<usize>>);

impl EventSink for CountingSink {
    fn capacity(&mut self, wanted: usize) -> usize {
        wanted
    }

    fn send(&mut self, bytes: Bytes) -> Result<(), Gone> {
        drop(bytes);
        self.0.set(self.0.get() + 1);
        Ok(())
    }

    fn flush(&mut self) {}

    fn poll_capacity(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        Poll::Ready(Ok(()))
    }

    fn poll_gone(&mut self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    fn finish(&mut self) {}
}
