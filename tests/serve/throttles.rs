//! Does a client get what the quotas promise, and not more? Each is offered several times its quota; what
//! passes is counted once the first second's burst is spent, and held against the time it took.
//!
//! `FANLIGHT_THROTTLE_SECS` measures for longer than the few seconds of the default.

use std::env;
use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::block_on;
use crate::support::efo::{Connection, Event, Windows, at};
use crate::support::http::Client;
use crate::support::kinesis::{Kinesis, Record, blob, shard_id, text};
use crate::support::server::{Options, Server};

const STREAM: &str = "metered";
const RATE_EXCEEDED: &str =
    "Rate exceeded for shard shardId-000000000000 in stream metered under account 000000000000.";
const PTE: &str = "ProvisionedThroughputExceededException";
const SECS: u64 = 3;
/// What may be lost of a quota to a client that was held up for over a second, whose tokens then overflowed.
const SHARE_MIN: f64 = 0.95;
/// What a loaded machine may hold up the last event by.
const HELD_UP_SECS: f64 = 0.5;

fn duration() -> Duration {
    Duration::from_secs(env::var("FANLIGHT_THROTTLE_SECS").map_or(SECS, |it| it.parse().expect("a number")))
}

fn server(factor: &str) -> (Server, Kinesis) {
    let extra = vec!["--limits-factor".to_owned(), factor.to_owned()];
    let server = Server::start(Options { limits: "aws", extra, ..Options::default() });
    let kinesis = Kinesis { address: server.address() };
    kinesis.create(STREAM, 1);
    (server, kinesis)
}

/// Repeats `offer`, which tells how much passed and whether something was refused, and measures what passes
/// against `rate`. `unit` is the most one offer can exceed the quota by.
///
/// A refusal means that the bucket is empty. Between two of them exactly the rate passes: at least what the
/// time from the first answer to the last question makes, at most what the time from the first question to
/// the last answer does.
fn measure(what: &str, rate: f64, unit: f64, mut offer: impl FnMut() -> (f64, bool)) {
    let mut before = Instant::now();
    while !offer().1 {
        before = Instant::now();
    }
    let (began_asking, began) = (before, Instant::now());
    let mut passed = 0.0;
    loop {
        let asked = Instant::now();
        let (amount, refused) = offer();
        passed += amount;
        if refused && began.elapsed() >= duration() {
            let (least, most) = ((asked - began).as_secs_f64(), began_asking.elapsed().as_secs_f64());
            let share = passed / (rate * most);
            say(&format!("{what}: {passed:.0} in {most:.2} s, {:.1} % of {rate:.0}/s", share * 100.0));
            assert!(passed >= rate * least * SHARE_MIN - unit, "{what}: too little passed");
            assert!(passed <= rate * most + unit, "{what}: too much passed");
            return;
        }
    }
}

fn say(line: &str) {
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).expect("standard error is open");
}

/// Offers records of so many bytes; tells how many were taken.
fn offer_records(client: &mut Client, records: usize, bytes: usize) -> (f64, bool) {
    let entry = json!({"PartitionKey": "k", "Data": blob(&vec![7; bytes - 1])});
    let input = json!({"StreamName": STREAM, "Records": vec![entry; records]});
    let (status, output) = client.call("PutRecords", &input).expect("an answer");
    assert_eq!(status, 200, "{output}");
    let entries = output["Records"].as_array().expect("entries");
    let refused: Vec<_> = entries.iter().filter(|entry| entry.get("ErrorCode").is_some()).collect();
    for entry in &refused {
        assert_eq!(**entry, json!({"ErrorCode": PTE, "ErrorMessage": RATE_EXCEEDED}));
    }
    assert_eq!(output["FailedRecordCount"], refused.len());
    ((records - refused.len()) as f64, !refused.is_empty())
}

#[test]
fn does_a_shard_take_its_records_per_second_and_no_more() {
    for (factor, rate) in [("1", 1000.0), ("0.25", 250.0)] {
        let (server, _) = server(factor);
        let mut client = Client::connect(server.address()).expect("a connection");
        let offer = || offer_records(&mut client, 100, 20);
        measure(&format!("records written, factor {factor}"), rate, 1.0, offer);
    }
}

#[test]
fn does_a_shard_take_its_bytes_per_second_and_no_more() {
    for (factor, rate) in [("1", 1_048_576.0), ("0.25", 262_144.0)] {
        let (server, _) = server(factor);
        let mut client = Client::connect(server.address()).expect("a connection");
        let bytes = 16 << 10;
        let offer = || {
            let (records, refused) = offer_records(&mut client, 8, bytes);
            (records * bytes as f64, refused)
        };
        measure(&format!("bytes written, factor {factor}"), rate, bytes as f64, offer);
    }
}

/// A call that is either answered or refused for its rate.
fn attempt(client: &mut Client, operation: &str, input: &Value) -> Option<Value> {
    let (status, output) = client.call(operation, input).expect("an answer");
    if status == 200 {
        return Some(output);
    }
    assert_eq!((status, output), (400, json!({"__type": PTE, "message": RATE_EXCEEDED})));
    None
}

#[test]
fn does_a_shard_answer_five_reads_and_five_iterators_a_second() {
    let (server, kinesis) = server("1");
    let mut client = Client::connect(server.address()).expect("a connection");
    let iterator = kinesis.iterator(STREAM, &shard_id(0), json!({"ShardIteratorType": "LATEST"}));
    let mut calls = |operation, input: Value| {
        measure(operation, 5.0, 1.0, || {
            let passed = attempt(&mut client, operation, &input).is_some();
            (f64::from(u8::from(passed)), !passed)
        });
    };
    calls("GetRecords", json!({"ShardIterator": iterator}));
    let latest = json!({"StreamName": STREAM, "ShardId": shard_id(0), "ShardIteratorType": "LATEST"});
    calls("GetShardIterator", latest);
}

/// A server with so many MiB in its stream's one shard, written without limits and now under them.
fn loaded(mib: usize) -> (Server, Kinesis) {
    let mut server = Server::start(Options { limits: "off", ..Options::default() });
    let kinesis = Kinesis { address: server.address() };
    kinesis.create(STREAM, 1);
    for _ in 0..mib {
        kinesis.put_all(STREAM, "0", &vec![vec![7; (16 << 10) - 1]; 64]);
    }
    server.terminate();
    server.restart_with(|options| options.limits = "aws");
    (server, kinesis)
}

/// MiB that outlast the measurement at two a second, its burst included.
fn enough_mib() -> usize {
    2 * (usize::try_from(duration().as_secs()).expect("a short time") + 4)
}

#[test]
fn does_a_shard_return_its_bytes_per_second_and_no_more() {
    let (server, kinesis) = loaded(enough_mib());
    let mut client = Client::connect(server.address()).expect("a connection");
    let mut iterator = kinesis.iterator(STREAM, &shard_id(0), json!({"ShardIteratorType": "TRIM_HORIZON"}));
    let offer = || {
        // A MiB and its keys: less than a second's worth.
        let input = json!({"ShardIterator": iterator, "Limit": 64});
        let Some(output) = attempt(&mut client, "GetRecords", &input) else { return (0.0, true) };
        iterator = text(&output, "NextShardIterator");
        let records = Record::read_all(&output);
        assert!(!records.is_empty(), "the shard ran dry");
        (payload_bytes(&records), false)
    };
    measure("bytes read", 2_097_152.0, 1_048_576.0, offer);
}

fn payload_bytes(records: &[Record]) -> f64 {
    records.iter().map(|record| record.data.len() + record.key.len()).sum::<usize>() as f64
}

#[test]
fn does_a_consumer_catching_up_get_its_bytes_per_second_and_no_more() {
    let mib = enough_mib();
    let (server, kinesis) = loaded(mib);
    let arn = kinesis.wait_active(STREAM);
    let consumer = kinesis.register(&arn, "late");
    let (rate, total) = (2_097_152.0, mib as f64 * 1_048_576.0);
    block_on(async {
        let connection = Connection::open(server.address(), Windows::default()).await;
        let asked = Instant::now();
        let mut subscription = connection.subscribe(&consumer, &shard_id(0), at("TRIM_HORIZON")).await;
        let (mut received, mut burst_over) = (0.0, None);
        while received < total {
            let Some(Event::Records(event)) = subscription.next().await else { panic!("no event") };
            let bytes = payload_bytes(&Record::read_all(&event));
            received += bytes;
            // One second's burst, and the event that overdraws the quota.
            let most = rate * (1.0 + asked.elapsed().as_secs_f64()) + bytes;
            assert!(received <= most, "{received} bytes after {:?}", asked.elapsed());
            if received > rate {
                burst_over.get_or_insert((Instant::now(), received));
            }
        }
        let (began, already) = burst_over.expect("there is more than a burst");
        let (took, passed) = (began.elapsed().as_secs_f64(), received - already);
        say(&format!(
            "bytes pushed: {passed:.0} in {took:.2} s, {:.1} % of 2 MiB/s",
            passed / took / rate * 100.0
        ));
        assert!(passed >= rate * (took - HELD_UP_SECS) * SHARE_MIN, "too little passed");
    });
}
