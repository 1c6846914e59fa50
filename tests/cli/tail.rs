//! `fanlight tail`: what is there, what comes, by both ways; through a split, a restart and the end of
//! subscriptions, each record once.

use std::io::{BufRead, BufReader};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::command::{at, run};
use crate::support::kinesis::{Kinesis, hash_key, shard_id};
use crate::support::process::Process;
use crate::support::server::{Options, Server};
use crate::support::{PATIENCE, wait_for};

/// A `tail --follow` under way.
struct Tail {
    process: Process,
    lines: Receiver<String>,
}

impl Tail {
    /// Starts it, and waits until it is subscribed to (or polls) so many shards.
    fn start(server: &Server, words: &[&str], shards: f64) -> Tail {
        let before = server.metric("fanlight_active_subscriptions");
        let mut command = at(server);
        command.args(["tail", "orders", "--follow"]).args(words).stderr(Stdio::null());
        let tail = Tail::run(&mut command);
        if !words.contains(&"--pull") {
            wait_for("its subscriptions", || {
                (server.metric("fanlight_active_subscriptions") >= before + shards).then_some(())
            });
        }
        tail
    }

    fn run(command: &mut Command) -> Tail {
        let (process, input, output) = Process::start_piped(command);
        drop(input);
        let (sender, lines) = channel();
        thread::spawn(move || each_line(output, |line| sender.send(line).is_ok()));
        Tail { process, lines }
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line in time")
    }

    /// Asks it to end, as Ctrl-C does, and waits for its clean end.
    fn stop(mut self) {
        self.process.signal(Signal::INT);
        let status = self.process.wait(PATIENCE);
        assert!(status.is_some_and(|it| it.success()), "{status:?}");
        assert_eq!(self.lines.try_iter().collect::<Vec<_>>(), Vec::<String>::new(), "lines nobody asked for");
    }
}

fn each_line(output: ChildStdout, mut take: impl FnMut(String) -> bool) {
    let lines = BufReader::new(output).lines().map_while(Result::ok);
    lines.take_while(|line| take(line.clone())).for_each(drop);
}

fn consumers(kinesis: Kinesis, arn: &str) -> usize {
    let listed = kinesis.ok("ListStreamConsumers", &json!({"StreamARN": arn}));
    listed["Consumers"].as_array().map_or(0, Vec::len)
}

fn data_of(line: &str) -> String {
    line.split(' ').next_back().expect("words").to_owned()
}

#[test]
fn what_is_there_is_shown_from_where_it_is_asked() {
    let server = Server::start(Options { limits: "off", ..Options::default() });
    let kinesis = Kinesis { address: server.address() };
    kinesis.create("orders", 2);
    let numbers = kinesis.put_all("orders", &hash_key(0, 2), &payloads(0..30));
    kinesis.put_all("orders", &hash_key(1, 2), &payloads(30..33));
    let words = |words: &[&str]| {
        let all = [&["tail", "orders"], words].concat();
        let told = run(&mut at(&server), &all).ok();
        told.lines().map(data_of).collect::<Vec<_>>()
    };
    let named = |range: std::ops::Range<u32>| range.map(|it| it.to_string()).collect::<Vec<_>>();
    assert_eq!(words(&[]), [named(20..30), named(30..33)].concat(), "the last ten of each shard");
    assert_eq!(words(&["--from", "-2", "--shard", "0"]), named(28..30));
    assert_eq!(words(&["--from", "trim-horizon"]), named(0..33));
    assert_eq!(words(&["--from", "1h", "--shard", &shard_id(1)]), named(30..33));
    assert_eq!(run(&mut at(&server), &["tail", "orders", "--from", "-1", "--raw"]).ok(), "29\n32\n");
    let line = run(&mut at(&server), &["tail", "orders", "--from", "-1", "--shard", "0", "--json"]).ok();
    let record: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!((&record["sequenceNumber"], &record["data"]), (&json!(numbers[29]), &json!("29")));
    let usage = run(&mut at(&server), &["tail", "orders", "--shard", "7"]).failed(64);
    assert!(usage.contains("has no shard 7; it has shardId-000000000000"), "{usage}");
}

fn payloads(range: std::ops::Range<u32>) -> Vec<Vec<u8>> {
    range.map(|it| it.to_string().into_bytes()).collect()
}

#[test]
fn a_pushed_record_is_printed_and_the_consumer_goes_with_it() {
    let server = Server::start(Options::default());
    let kinesis = Kinesis { address: server.address() };
    let arn = kinesis.create("orders", 2);
    let tail = Tail::start(&server, &[], 2.0);
    assert_eq!(consumers(kinesis, &arn), 1);
    let number = kinesis.put("orders", &hash_key(1, 2), b"hello");
    let line = tail.line();
    assert!(line.ends_with(&format!(" {} {number} k hello", shard_id(1))), "{line}");
    tail.stop();
    wait_for("the consumer's end", || (consumers(kinesis, &arn) == 0).then_some(()));
}

#[test]
fn a_named_consumer_stays_and_is_used_again() {
    let server = Server::start(Options::default());
    let kinesis = Kinesis { address: server.address() };
    let arn = kinesis.create("orders", 1);
    for round in ["one", "two"] {
        let tail = Tail::start(&server, &["--consumer", "mine", "--raw"], 1.0);
        kinesis.put("orders", "0", round.as_bytes());
        assert_eq!(tail.line(), round);
        tail.stop();
        assert_eq!(consumers(kinesis, &arn), 1);
        wait_for("the subscription's end", || {
            (server.metric("fanlight_active_subscriptions") == 0.0).then_some(())
        });
    }
}

#[test]
fn too_many_consumers_are_told_with_a_way_out() {
    let server = Server::start(Options::default());
    let kinesis = Kinesis { address: server.address() };
    let arn = kinesis.create("orders", 1);
    for index in 0..19 {
        kinesis.register(&arn, &format!("app-{index}"));
    }
    kinesis.register(&arn, "fanlight-tail-left");
    let told = run(&mut at(&server), &["tail", "orders", "--follow"]).failed(1);
    assert!(
        told.contains("--pull") && told.contains("streams deregister orders fanlight-tail-left"),
        "{told}"
    );
}

/// Puts numbered records all the while, splits, merges, restarts, lets subscriptions end: what is printed is
/// each number once, in each shard's order, and nothing else.
fn followed(words: &[&str], is_pulled: bool) {
    let extra = vec!["--subscription-secs".to_owned(), "2".to_owned()];
    let mut server = Server::start(Options { limits: "off", extra, ..Options::default() });
    let kinesis = Kinesis { address: server.address() };
    kinesis.create("orders", 2);
    let words = [words, &["--raw", "--from", "trim-horizon"]].concat();
    let tail = Tail::start(&server, &words, if is_pulled { 0.0 } else { 2.0 });
    let mut next = 0;
    let mut seen = Vec::new();
    let mut put = |seen: &mut Vec<u32>, count: u32| {
        for number in next..next + count {
            kinesis.put("orders", &hash_key(u128::from(number % 8), 8), number.to_string().as_bytes());
        }
        next += count;
        while seen.len() < next as usize {
            seen.push(tail.line().parse().expect("a number"));
        }
    };
    put(&mut seen, 40);
    let quarter = hash_key(1, 4);
    let split = json!({"StreamName": "orders", "ShardToSplit": shard_id(0), "NewStartingHashKey": quarter});
    kinesis.ok("SplitShard", &split);
    kinesis.wait_active("orders");
    put(&mut seen, 40);
    server.restart();
    put(&mut seen, 40);
    let merge =
        json!({"StreamName": "orders", "ShardToMerge": shard_id(2), "AdjacentShardToMerge": shard_id(3)});
    let merge_or =
        json!({"StreamName": "orders", "ShardToMerge": shard_id(2), "AdjacentShardToMerge": shard_id(1)});
    let merged = crate::support::http::call(server.address(), "MergeShards", &merge).0 == 200;
    if !merged {
        kinesis.ok("MergeShards", &merge_or);
    }
    kinesis.wait_active("orders");
    put(&mut seen, 40);
    server.kill_9();
    server.restart();
    put(&mut seen, 40);
    let mut sorted = seen.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..200).collect::<Vec<_>>(), "each once");
    for key in 0..8 {
        let of_key: Vec<_> = seen.iter().filter(|it| **it % 8 == key).collect();
        assert!(of_key.is_sorted(), "key {key}: {of_key:?}");
    }
    tail.stop();
}

#[test]
fn pushed_records_come_once_through_reshards_and_restarts() {
    followed(&[], false);
}

#[test]
fn pulled_records_come_once_through_reshards_and_restarts() {
    followed(&["--pull"], true);
}

/// The server goes away before anything was pushed, and the record is put as soon as it is back: the tip the
/// reader began at is not forgotten.
#[test]
fn a_restart_before_the_first_record_loses_none() {
    for words in [&["--raw"][..], &["--raw", "--pull"]] {
        let mut server = Server::start(Options::default());
        let kinesis = Kinesis { address: server.address() };
        kinesis.create("orders", 1);
        kinesis.put("orders", "0", b"before");
        let tail = Tail::start(&server, words, 1.0);
        if words.contains(&"--pull") {
            wait_for("its first read", || {
                let name = "fanlight_requests_total{operation=\"GetRecords\",status=\"ok\"}";
                (server.metric(name) >= 1.0).then_some(())
            });
        }
        server.restart();
        kinesis.put("orders", "0", b"after");
        assert_eq!(tail.line(), "after");
        tail.stop();
    }
}

#[test]
fn a_single_shard_is_followed_to_its_end() {
    let server = Server::start(Options::default());
    let kinesis = Kinesis { address: server.address() };
    kinesis.create("orders", 1);
    let mut tail = Tail::start(&server, &["--shard", "0", "--raw"], 1.0);
    kinesis.put("orders", "0", b"last");
    let split = json!({"StreamName": "orders", "ShardToSplit": shard_id(0), "NewStartingHashKey": "9"});
    kinesis.ok("SplitShard", &split);
    assert_eq!(tail.line(), "last");
    assert!(tail.process.wait(Duration::from_secs(20)).is_some_and(|it| it.success()));
}
