//! `fanlight put`: one record, a record per line, and what is throttled on the way.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::command::{at, run, run_with};
use crate::support::kinesis::{Kinesis, shard_id};
use crate::support::server::{Options, Server};

#[test]
fn one_record_is_put_from_a_word_or_from_standard_input() {
    let server = Server::start(Options::default());
    let kinesis = Kinesis { address: server.address() };
    kinesis.create("orders", 1);
    let told = run(&mut at(&server), &["put", "orders", "hello", "--key", "k"]).ok();
    let told: Vec<_> = told.split_whitespace().collect();
    run_with(&mut at(&server), &["put", "orders", "-"], b"\xff\x00binary\n").ok();
    let json = run(&mut at(&server), &["put", "orders", "again", "--json"]).ok();
    let json: Value = serde_json::from_str(&json).expect("JSON");

    let records = kinesis.read_shard("orders", &shard_id(0));
    assert_eq!(told, [shard_id(0).as_str(), &records[0].number]);
    assert_eq!((records[0].key.as_str(), records[0].data.as_slice()), ("k", &b"hello"[..]));
    assert_eq!(records[1].data, b"\xff\x00binary\n");
    assert_eq!(
        (&json["sequenceNumber"], &json["shardId"]),
        (&Value::from(records[2].number.clone()), &Value::from(shard_id(0)))
    );
}

#[test]
fn lines_are_put_once_each_in_order_through_throttling() {
    const LINES: usize = 3000;
    let server = Server::start(Options::default());
    let kinesis = Kinesis { address: server.address() };
    kinesis.create("orders", 1);
    let text: String = (0..LINES).map(|line| format!("line {line}\n")).collect();
    let told = run_with(&mut at(&server), &["put", "orders", "--lines", "--key", "k"], text.as_bytes()).ok();
    // One shard takes 1,000 records a second: most of them were refused at first.
    assert!(told.starts_with("3000 records to 1 shards in ") && told.contains("put again"), "{told}");
    let records = kinesis.read_shard("orders", &shard_id(0));
    let read: BTreeSet<_> = records.iter().map(|record| record.data.clone()).collect();
    let put: BTreeSet<_> = text.lines().map(|line| line.as_bytes().to_vec()).collect();
    assert_eq!((records.len(), read == put), (LINES, true), "each once");
}

#[test]
fn each_line_is_told_where_it_was_stored() {
    let server = Server::start(Options { limits: "off", ..Options::default() });
    Kinesis { address: server.address() }.create("orders", 4);
    let text: String = (0..1200).map(|line| format!("{line}\n")).collect();
    let told = run_with(&mut at(&server), &["put", "orders", "--lines", "--json"], text.as_bytes()).ok();
    let told: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let lines: Vec<_> = told.iter().filter_map(|it| it["line"].as_u64()).collect();
    assert_eq!(lines, (1..=1200).collect::<Vec<_>>());
    let shards: BTreeSet<_> = told.iter().map(|it| it["shardId"].to_string()).collect();
    assert_eq!(shards.len(), 4, "keys of their own spread records over the shards");
}

#[test]
fn an_end_before_the_last_line_says_how_far_it_came() {
    let server = Server::start(Options::default());
    let missing = run_with(&mut at(&server), &["put", "nothing", "--lines"], b"one\ntwo\n");
    assert_eq!(missing.status, Some(1));
    assert!(missing.err.contains("0 records are stored; line 1 is the first"), "{}", missing.err);
    assert!(missing.err.contains("fanlight streams create nothing"), "{}", missing.err);
}
