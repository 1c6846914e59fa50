//! Clients that put, read and subscribe at once, on a server that loses power in the middle: what they saw is
//! recorded and judged by `history`. In this process, over the simulated disk, in time that costs nothing.
//!
//! `FANLIGHT_HISTORIES` sets how many, `FANLIGHT_HISTORY` repeats one.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::env;
use std::io::Write;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fanlight::platform::sim::SimDisk;
use fastrand::Rng;
use serde_json::{Value, json};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::sleep;

use crate::history::{Action, Call, Seen, check};
use crate::simulated_server::{Received, Simulated};
use crate::support::kinesis::{Record, blob, text};

/// Histories unless the environment says otherwise.
const HISTORIES: u64 = 2000;
/// Calls in each, at least.
const CALLS_MIN: usize = 200;
const STREAM: &str = "s";
/// Calls before the power goes: a number in this range.
const CALLS_BEFORE_CUT: std::ops::Range<usize> = 20..CALLS_MIN;
/// Between two looks of the one who cuts the power, in simulated time.
const LOOK: Duration = Duration::from_millis(10);

/// Notes what clients do, all in one order.
#[derive(Default)]
struct Recorder {
    moment: Cell<u64>,
    calls: RefCell<Vec<Call>>,
    names: Cell<u32>,
}

impl Recorder {
    fn now(&self) -> u64 {
        self.moment.replace(self.moment.get() + 1)
    }

    /// A name for a reader or a payload.
    fn name(&self) -> u32 {
        self.names.replace(self.names.get() + 1)
    }

    /// Notes that a call is made; what is known of its outcome before it returns is `action`.
    fn begin(&self, action: Action) -> usize {
        let call = Call { called: self.now(), returned: None, action };
        self.calls.borrow_mut().push(call);
        self.calls.borrow().len() - 1
    }

    fn end(&self, call: usize, action: Action) {
        let returned = Some(self.now());
        let call = &mut self.calls.borrow_mut()[call];
        (call.returned, call.action) = (returned, action);
    }
}

/// A client at work.
#[derive(Clone)]
struct Client {
    server: Rc<Simulated>,
    recorder: Rc<Recorder>,
    rng: Rng,
}

/// A reader's place, which it keeps when the server goes.
type Place = Rc<RefCell<Option<(u32, String)>>>;

impl Client {
    /// Puts one record after another.
    async fn put(mut self) {
        loop {
            self.pause().await;
            let payload = format!("payload {}", self.recorder.name());
            let call = self.recorder.begin(Action::Put(payload.clone(), None));
            let input = json!({"StreamName": STREAM, "PartitionKey": "k", "Data": blob(payload.as_bytes())});
            let (status, output) = self.server.call("PutRecord", input).await;
            let number = (status == 200).then(|| text(&output, "SequenceNumber"));
            self.recorder.end(call, Action::Put(payload, number));
        }
    }

    /// Reads page after page, from where it was on, or from the oldest record.
    async fn follow(mut self, place: Place) {
        loop {
            self.pause().await;
            let at = place.borrow().clone();
            let (reader, iterator) = match at {
                Some(at) => at,
                None => self.open("TRIM_HORIZON", Action::OpenOldest).await,
            };
            let next = self.page(reader, &iterator).await;
            *place.borrow_mut() = Some((reader, next));
        }
    }

    /// Asks for the tip again and again, and reads a few pages from there.
    async fn hop(mut self) {
        loop {
            let (reader, mut iterator) = self.open("LATEST", Action::OpenLatest).await;
            for _ in 0..self.rng.usize(1..5) {
                self.pause().await;
                iterator = self.page(reader, &iterator).await;
            }
        }
    }

    async fn open(&self, kind: &str, action: fn(u32) -> Action) -> (u32, String) {
        let reader = self.recorder.name();
        let call = self.recorder.begin(action(reader));
        let input = json!({"StreamName": STREAM, "ShardId": "0", "ShardIteratorType": kind});
        let output = self.server.ok("GetShardIterator", input).await;
        self.recorder.end(call, action(reader));
        (reader, text(&output, "ShardIterator"))
    }

    async fn page(&mut self, reader: u32, iterator: &str) -> String {
        let call = self.recorder.begin(Action::Page(reader, Vec::new(), false));
        let input = json!({"ShardIterator": iterator, "Limit": self.rng.u32(1..40)});
        let output = self.server.ok("GetRecords", input).await;
        let records = seen(&output);
        let at_tip = records.is_empty() && output["MillisBehindLatest"] == 0;
        self.recorder.end(call, Action::Page(reader, records, at_tip));
        text(&output, "NextShardIterator")
    }

    /// Subscribes at the tip; events are noted as they come.
    async fn subscribe(self, consumer: String) {
        let reader = self.recorder.name();
        let call = self.recorder.begin(Action::OpenLatest(reader));
        let Ok(events) = self.server.accept(&consumer).await else { return };
        self.recorder.end(call, Action::OpenLatest(reader));
        let recorder = Rc::clone(&self.recorder);
        let received = Received::telling(move |event| {
            let page = Action::Page(reader, seen(event), false);
            let call = recorder.begin(page.clone());
            recorder.end(call, page);
        });
        events.drive(received).await;
    }

    async fn pause(&mut self) {
        sleep(Duration::from_millis(self.rng.u64(..80))).await;
    }
}

fn seen(value: &Value) -> Vec<Seen> {
    let known = |record: Record| (record.number, String::from_utf8(record.data).expect("text"));
    if value["Records"].is_array() {
        Record::read_all(value).into_iter().map(known).collect()
    } else {
        vec![]
    }
}

/// Records one history with a power cut in it and judges it; how many calls it has.
fn run(seed: u64) -> usize {
    let mut rng = Rng::with_seed(seed);
    fastrand::seed(seed);
    let recorder = Rc::new(Recorder::default());
    let place = Place::default();
    let disk = SimDisk::new(seed);
    let mut handle = disk.handle();
    life(disk, &mut rng, &recorder, &place, true);
    // Both at a moment of its own and in the midst of writes: the disk takes what was under way or not.
    let disk = if rng.u32(..4) > 0 { handle.crash() } else { handle.restart() };
    handle = disk.handle();
    life(disk, &mut rng, &recorder, &place, false);
    let log = read_all(handle.restart());
    let calls = recorder.calls.borrow();
    if let Err(what) = check(&calls, &log) {
        panic!("{what}\n{}", calls.iter().map(|call| format!("{call:?}\n")).collect::<String>());
    }
    calls.len()
}

/// One life of the server, until enough calls were made.
fn life(disk: SimDisk, rng: &mut Rng, recorder: &Rc<Recorder>, place: &Place, is_first: bool) {
    let until = if is_first { rng.usize(CALLS_BEFORE_CUT) } else { CALLS_MIN };
    simulated_on(disk, is_first, async |server| {
        if is_first {
            server.create(STREAM).await;
        }
        let server = Rc::new(server);
        let consumer = consumer(&server, is_first).await;
        let mut client = || Client {
            server: Rc::clone(&server),
            recorder: Rc::clone(recorder),
            rng: Rng::with_seed(rng.u64(..)),
        };
        (0..4).for_each(|_| drop(spawn_local(client().put())));
        spawn_local(client().follow(Rc::clone(place)));
        spawn_local(client().hop());
        spawn_local(client().subscribe(consumer));
        while recorder.calls.borrow().len() < until {
            sleep(LOOK).await;
        }
    });
}

async fn consumer(server: &Simulated, is_first: bool) -> String {
    let summary = server.ok("DescribeStreamSummary", json!({"StreamName": STREAM})).await;
    let arn = text(&summary["StreamDescriptionSummary"], "StreamARN");
    if is_first {
        return server.register(&arn, "c").await;
    }
    let described = json!({"StreamARN": arn, "ConsumerName": "c"});
    text(&server.ok("DescribeStreamConsumer", described).await["ConsumerDescription"], "ConsumerARN")
}

fn simulated_on(disk: SimDisk, is_first: bool, test: impl AsyncFnOnce(Simulated)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let later = Duration::from_secs(if is_first { 0 } else { 60 });
    LocalSet::new().block_on(&runtime.expect("a runtime"), async {
        test(Simulated::on(disk, later).await).await;
    });
}

/// The shard from its oldest record to its tip.
fn read_all(disk: SimDisk) -> Vec<Seen> {
    let mut log = Vec::new();
    simulated_on(disk, false, async |server| {
        let input = json!({"StreamName": STREAM, "ShardId": "0", "ShardIteratorType": "TRIM_HORIZON"});
        let mut iterator = server.ok("GetShardIterator", input).await["ShardIterator"].clone();
        loop {
            let output = server.ok("GetRecords", json!({"ShardIterator": iterator})).await;
            log.extend(seen(&output));
            if output["Records"].as_array().is_some_and(Vec::is_empty) && output["MillisBehindLatest"] == 0 {
                break;
            }
            iterator = output["NextShardIterator"].clone();
        }
    });
    log
}

#[test]
fn do_clients_see_one_log_across_a_power_cut() {
    if let Some(seed) = env::var("FANLIGHT_HISTORY").ok().and_then(|it| it.parse().ok()) {
        run(seed);
        return;
    }
    let histories = env::var("FANLIGHT_HISTORIES").map_or(HISTORIES, |it| it.parse().expect("a number"));
    let (next, calls) = (AtomicU64::new(0), AtomicU64::new(0));
    let lane = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= histories {
                return;
            }
            let made = std::panic::catch_unwind(|| run(seed)).unwrap_or_else(|panic| {
                eprintln!("FANLIGHT_HISTORY={seed} cargo test --test serve do_clients_see_one_log");
                next.store(histories, Ordering::Relaxed);
                std::panic::resume_unwind(panic)
            });
            assert!(made >= CALLS_MIN, "history {seed} has {made} calls only");
            calls.fetch_add(made as u64, Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        let lanes = std::thread::available_parallelism().map_or(1, usize::from);
        (0..lanes).for_each(|_| drop(scope.spawn(lane)));
    });
    let line = format!("{histories} histories of {} calls, 0 that cannot be\n", calls.into_inner());
    std::io::stderr().write_all(line.as_bytes()).expect("standard error is open");
}

#[test]
fn is_a_history_repeated_by_its_seed() {
    let runs: HashSet<_> = (0..2).map(|_| run(3)).collect();
    assert_eq!(runs.len(), 1);
}
