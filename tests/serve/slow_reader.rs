//! Does a consumer that stops reading cost the others records, or the server memory?

use std::time::Duration;

use crate::support::block_on;
use crate::support::efo::{Connection, Subscription, Windows, at};
use crate::support::kinesis::{Kinesis, shard_id};
use crate::support::server::{Options, Server};
use crate::support::wait_for;

const CONSUMERS: usize = 20;
/// Calls of so many records of so many bytes each: 16 MiB, hardly any of which a stalled consumer may cost.
const CALLS: usize = 32;
const RECORDS_PER_CALL: usize = 8;
const RECORD_BYTES: usize = 64 << 10;
/// What a stalled consumer may cost: its connection's buffers, and what two runs differ by anyway.
const GROWTH_BYTES_MAX: u64 = 8 << 20;
/// Runs with a stalled consumer, until one shows that it cost little.
const RUNS_MAX: usize = 3;
const STREAM: &str = "firehose";

/// Sends the traffic through a new server, with one consumer stalled or none. Everybody who reads gets
/// everything, in order; answers what the server's memory came to.
fn run(with_stalled: bool) -> u64 {
    let extra = ["--tail-bytes", "1048576"].map(str::to_owned).to_vec();
    let server = Server::start(Options { limits: "off", extra, ..Options::default() });
    let kinesis = Kinesis { address: server.address() };
    let arn = kinesis.create(STREAM, 1);
    let consumers: Vec<_> =
        (0..CONSUMERS).map(|index| kinesis.register(&arn, &format!("c{index}"))).collect();
    block_on(async {
        let windows = Windows { stream: 65_535, connection: 65_535 };
        let mut subscriptions = Vec::new();
        for consumer in &consumers {
            let connection = Connection::open(server.address(), windows).await;
            subscriptions.push(connection.subscribe(consumer, &shard_id(0), at("LATEST")).await);
        }
        let stalled = with_stalled.then(|| subscriptions.remove(0));
        let readers: Vec<_> = subscriptions.into_iter().map(|it| tokio::spawn(count(it))).collect();
        let producer = tokio::task::spawn_blocking(move || produce(kinesis));
        producer.await.expect("every put succeeds");
        for reader in readers {
            reader.await.expect("every reader gets everything");
        }
        let bytes = server.resident_bytes();
        if let Some(stalled) = stalled {
            count(stalled).await;
        }
        bytes
    })
}

fn produce(kinesis: Kinesis) {
    for call in 0..CALLS {
        let payload = |index| vec![mark(call * RECORDS_PER_CALL + index); RECORD_BYTES];
        kinesis.put_all(STREAM, "0", &(0..RECORDS_PER_CALL).map(payload).collect::<Vec<_>>());
    }
}

/// The byte the record of this number is made of.
fn mark(number: usize) -> u8 {
    number.to_le_bytes()[0]
}

/// Reads until all records have come, each once and in order.
async fn count(mut subscription: Subscription) {
    let mut expected = 0;
    let mut last = String::new();
    while expected < CALLS * RECORDS_PER_CALL {
        for record in subscription.records(1).await.0 {
            assert!(record.number > last, "{} after {last}", record.number);
            assert_eq!((record.data[0], record.data.len()), (mark(expected), RECORD_BYTES));
            last = record.number;
            expected += 1;
        }
    }
}

#[test]
fn does_a_consumer_that_stops_reading_cost_others_records_or_the_server_memory() {
    let without = run(false);
    // Resident memory is what it once came to: on a busy machine nineteen readers may for a moment all be at
    // different places, each with an event of its own. What the stalled one costs is there in every run.
    let with: Vec<_> = (0..RUNS_MAX)
        .map(|_| run(true))
        .scan(true, |go_on, with| {
            let was = std::mem::replace(go_on, with > without + GROWTH_BYTES_MAX);
            was.then_some(with)
        })
        .collect();
    let least = with.iter().min().expect("one run at least");
    assert!(*least <= without + GROWTH_BYTES_MAX, "{with:?} bytes with, {without} without");
}

/// A client that goes without a word leaves nothing behind: its place is free for the next one.
#[test]
fn is_a_subscription_given_up_forgotten() {
    let server = Server::start(Options { limits: "off", ..Options::default() });
    let kinesis = Kinesis { address: server.address() };
    let consumer = kinesis.register(&kinesis.create(STREAM, 1), "fickle");
    let open = || {
        let metrics = crate::support::http::get(server.admin_address(), "/metrics").expect("the metrics");
        let metrics = String::from_utf8(metrics.body).expect("text");
        let line = metrics
            .lines()
            .find(|line| line.starts_with("fanlight_active_subscriptions "))
            .map(str::to_owned);
        line.unwrap_or_else(|| panic!("no gauge of subscriptions in {metrics}"))
    };
    block_on(async {
        let connection = Connection::open(server.address(), Windows::default()).await;
        let subscription = connection.subscribe(&consumer, &shard_id(0), at("LATEST")).await;
        assert!(open().ends_with(" 1"), "{}", open());
        subscription.cancel().await;
        // The reset is written by the connection's task; give it turns until the server has seen it.
        let closing = tokio::time::timeout(Duration::from_secs(30), async {
            while !open().ends_with(" 0") {
                tokio::task::yield_now().await;
            }
        });
        closing.await.expect("the subscription is closed");
    });
    wait_for("no subscription", || open().ends_with(" 0").then_some(()));
}
