//! Do the metrics say what clients did? Each exactly, by the names the service has for it.

use std::time::Duration;

use serde_json::json;

use crate::support::efo::{Connection, Windows, at};
use crate::support::kinesis::{Kinesis, blob, hash_key, shard_id};
use crate::support::server::{Options, Server};
use crate::support::{block_on, patiently, wait_for};

const STREAM: &str = "counted";
/// Data of one record, which is two PUT payload units.
const LARGE: usize = 30 << 10;
const SMALL: usize = 1000;
/// How long a consumer that reads nothing has to be behind.
const BEHIND_SECS: f64 = 2.0;

/// Holds metrics of the stream against what they have to be, once the server has told of shards.
fn expect(server: &Server, metrics: &[(&str, &str, f64)]) {
    for &(name, labels, expected) in metrics {
        let labels = if labels.is_empty() { String::new() } else { format!(",{labels}") };
        let series = format!("{name}{{stream=\"{STREAM}\"{labels}}}");
        wait_for(&format!("{series} {expected}"), || {
            let is_it = (server.metric(&series) - expected).abs() < f64::EPSILON;
            is_it.then_some(())
        });
    }
}

#[test]
fn do_metrics_say_what_producers_and_readers_did() {
    let server = Server::start(Options { limits: "off", ..Options::default() });
    let kinesis = Kinesis { address: server.address() };
    kinesis.create(STREAM, 2);
    kinesis.ok("EnableEnhancedMonitoring", &json!({"StreamName": STREAM, "ShardLevelMetrics": ["ALL"]}));
    kinesis.wait_active(STREAM);
    let (low, high) = (hash_key(0, 2), hash_key(1, 2));
    kinesis.put(STREAM, &low, &vec![b'x'; LARGE]);
    kinesis.put(STREAM, &high, &vec![b'x'; SMALL]);
    kinesis.put_all(STREAM, &high, &vec![vec![b'y'; SMALL]; 3]);
    let too_large = json!({"StreamName": STREAM, "PartitionKey": "k", "Data": blob(&vec![0; 1 << 20 | 1])});
    kinesis.refused("PutRecord", &too_large);
    let read = kinesis.read_shard(STREAM, &shard_id(1)).len();
    assert_eq!(read, 4);
    let key = "k".len();
    let (large, small) = ((LARGE + key) as f64, (SMALL + key) as f64);
    expect(
        &server,
        &[
            ("kinesis_incoming_records_total", "", 5.0),
            ("kinesis_incoming_bytes_total", "", large + 4.0 * small),
            ("kinesis_put_record_bytes_total", "", large + small),
            ("kinesis_put_record_requests_total", "result=\"success\"", 2.0),
            ("kinesis_put_record_requests_total", "result=\"refused\"", 1.0),
            ("kinesis_put_record_latency_seconds_count", "", 2.0),
            ("kinesis_put_records_bytes_total", "", 3.0 * small),
            ("kinesis_put_records_requests_total", "result=\"success\"", 1.0),
            ("kinesis_put_records_records_total", "result=\"success\"", 3.0),
            ("kinesis_get_records_records_total", "", 4.0),
            ("kinesis_get_records_bytes_total", "", 4.0 * small),
            ("fanlight_billed_put_units_total", "", 2.0 + 4.0),
            ("fanlight_open_shards", "", 2.0),
            ("kinesis_shard_incoming_bytes_total", "shard=\"shardId-000000000000\"", large),
            ("kinesis_shard_incoming_records_total", "shard=\"shardId-000000000001\"", 4.0),
            ("kinesis_shard_outgoing_records_total", "shard=\"shardId-000000000001\"", 4.0),
            ("kinesis_shard_outgoing_bytes_total", "shard=\"shardId-000000000000\"", 0.0),
        ],
    );
    wait_for("shard seconds", || {
        let billed = server.metric(&format!("fanlight_billed_shard_seconds_total{{stream=\"{STREAM}\"}}"));
        (billed > 1.0).then_some(())
    });
}

#[test]
fn do_metrics_say_what_consumers_got_and_how_far_they_are_behind() {
    let server = Server::start(Options { limits: "off", ..Options::default() });
    let kinesis = Kinesis { address: server.address() };
    let arn = kinesis.create(STREAM, 1);
    let consumers = ["reads", "stalls"].map(|name| kinesis.register(&arn, name));
    let behind = |name: &str| {
        server.metric(&format!("kinesis_efo_behind_seconds{{stream=\"{STREAM}\",consumer=\"{name}\"}}"))
    };
    block_on(async {
        let wide = Windows { stream: 1 << 20, connection: 1 << 20 };
        let narrow = Windows { stream: 1 << 10, connection: 65_535 };
        let reads = Connection::open(server.address(), wide).await;
        let mut reads = reads.subscribe(&consumers[0], &shard_id(0), at("LATEST")).await;
        let stalls = Connection::open(server.address(), narrow).await;
        let mut stalls = stalls.subscribe(&consumers[1], &shard_id(0), at("LATEST")).await;
        let producing = tokio::task::spawn_blocking(move || {
            kinesis.put(STREAM, "0", &[b'x'; SMALL]);
            kinesis.put(STREAM, "0", &[b'x'; SMALL]);
        });
        producing.await.expect("both are put");
        assert_eq!(reads.records(2).await.0.len(), 2);
        patiently(Duration::from_secs(30), "a consumer falls behind", || {
            (behind("stalls") > BEHIND_SECS).then_some(())
        });
        assert!(behind("reads") < f64::EPSILON, "who reads is at the tip");
        assert!(server.metric("fanlight_unsent_bytes") > 0.0, "what waits for the other is held");
        assert_eq!(stalls.records(2).await.0.len(), 2);
    });
    wait_for("it has caught up", || (behind("stalls") < f64::EPSILON).then_some(()));
    let bytes = 2.0 * (SMALL + "k".len()) as f64;
    expect(
        &server,
        &[
            ("kinesis_efo_records_total", "consumer=\"reads\"", 2.0),
            ("kinesis_efo_bytes_total", "consumer=\"stalls\"", bytes),
            ("kinesis_efo_latency_seconds_count", "consumer=\"reads\"", 2.0),
            ("kinesis_subscribe_total", "consumer=\"reads\",result=\"success\"", 1.0),
            ("fanlight_consumers", "", 2.0),
        ],
    );
}
