//! Server-sent events as a program reads them, and what they tell: figures that follow the load, records as
//! they come, an end when the server stops.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use crate::load::Load;
use crate::support::PATIENCE;
use crate::support::http;
use crate::support::kinesis::{Kinesis, hash_key};
use crate::support::server::{Options, Server};

/// An open event stream.
pub(crate) struct Events(BufReader<TcpStream>);

impl Events {
    /// Opens one; `None` if it is refused.
    pub(crate) fn open(admin: SocketAddr, path: &str) -> Option<Events> {
        let mut socket = TcpStream::connect(admin).expect("the admin port listens");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        write!(socket, "GET /console/api/{path} HTTP/1.1\r\nHost: {admin}\r\n\r\n").expect("a request");
        let mut reader = BufReader::new(socket);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(reader.read_line(&mut head).expect("a head") > 0, "{head}");
        }
        let is_stream = head.starts_with("HTTP/1.1 200 ") && head.contains("content-type: text/event-stream");
        is_stream.then_some(Events(reader))
    }

    /// The next event of this name; `None` once the stream has ended.
    pub(crate) fn next(&mut self, name: &str) -> Option<Value> {
        let wanted = format!("event: {name}");
        let mut line = String::new();
        let mut is_next = false;
        loop {
            line.clear();
            if self.0.read_line(&mut line).ok()? == 0 {
                return None;
            }
            // Between events stand the lengths of the pieces they came in.
            match line.trim_end().strip_prefix("data: ") {
                Some(data) if is_next => return Some(serde_json::from_str(data).expect("JSON")),
                _ => is_next = line.trim_end() == wanted || (is_next && !line.starts_with("data: ")),
            }
        }
    }

    /// The first event of this name that will do.
    pub(crate) fn until(&mut self, name: &str, will_do: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..60 {
            let event = self.next(name).expect("another event");
            if will_do(&event) {
                return event;
            }
        }
        panic!("no such {name} event in a minute");
    }
}

fn above(value: &Value, least: f64) -> bool {
    value.as_f64().is_some_and(|value| value > least)
}

#[test]
fn figures_follow_the_load() {
    let server = Server::start(Options::default());
    let load = Load::start(server.address(), "orders", 2, &["billing"], 300);
    let mut live = Events::open(server.admin_address(), "live?name=orders").expect("a live view");
    let overview = live.until("overview", |it| above(&it["totals"]["records_in"], 150.0));
    assert!(above(&overview["totals"]["pushed"], 50.0), "{overview}");
    assert!(above(&overview["totals"]["commit"]["p99_us"], 1.0), "{overview}");
    assert_eq!(overview["totals"]["subscriptions"], 2.0, "{overview}");
    assert_eq!(overview["streams"]["rows"][0]["name"], "orders", "{overview}");

    let stream = live.until("stream", |it| above(&it["consumers"][0]["records"], 50.0));
    let consumer = &stream["consumers"][0];
    assert_eq!((&consumer["name"], &consumer["subscriptions"]), (&"billing".into(), &2.into()), "{stream}");
    assert!(above(&consumer["latency"]["p99_us"], 1.0) && !consumer["behind_ms"].is_null(), "{stream}");
    let rates = stream["shard_rates"].as_array().expect("a rate for each shard");
    let sum: f64 = rates.iter().filter_map(Value::as_f64).sum();
    assert!(rates.len() == 2 && sum > 100.0, "{stream}");

    load.stop();
    live.until("overview", |it| it["totals"]["records_in"] == 0.0);
    live.until("stream", |it| it["shard_rates"].as_array().is_some_and(|it| it.iter().all(|it| *it == 0.0)));
}

#[test]
fn a_stream_that_is_not_there_is_told() {
    let server = Server::start(Options::default());
    let mut live = Events::open(server.admin_address(), "live?name=nothing").expect("a live view");
    assert_eq!(live.next("stream").expect("an event")["error"], "NotFound");
    assert_eq!(http::get(server.admin_address(), "/console/api/stream?name=nothing").unwrap().status, 404);
    assert!(Events::open(server.admin_address(), "live?name=no%2Fname").is_none());
}

#[test]
fn a_tail_shows_what_comes_and_says_what_it_skips() {
    let server = Server::start(Options { limits: "off", ..Options::default() });
    let kinesis = Kinesis { address: server.address() };
    kinesis.create("orders", 2);
    kinesis.put("orders", &hash_key(0, 2), b"before");
    let mut tail = Events::open(server.admin_address(), "tail?name=orders&shard=0").expect("a tail");
    let first = tail.next("records").expect("where it begins");
    assert_eq!((&first["records"], &first["skipped"]), (&Value::Array(Vec::new()), &0.into()));

    let number = kinesis.put("orders", &hash_key(0, 2), b"hello");
    kinesis.put("orders", &hash_key(1, 2), b"of another shard");
    let event = tail.next("records").expect("the record");
    let records = event["records"].as_array().expect("records");
    assert_eq!(records.len(), 1, "{event}");
    assert_eq!((&records[0]["sequence"], &records[0]["data"]), (&number.into(), &"aGVsbG8=".into()));

    // More than a look shows: the rest is told.
    let batch: Vec<_> = (0..500).map(|at: u32| at.to_string().into_bytes()).collect();
    kinesis.put_all("orders", &hash_key(0, 2), &batch);
    let (mut shown, mut skipped) = (0, 0);
    while shown + skipped < 500 {
        let event = tail.next("records").expect("more");
        shown += event["records"].as_array().expect("records").len();
        skipped += usize::try_from(event["skipped"].as_u64().expect("a number")).expect("few");
    }
    assert_eq!(shown + skipped, 500);
    assert!((1..=100).contains(&shown) && skipped >= 400, "{shown} shown, {skipped} skipped");
}

#[test]
fn views_end_with_the_server() {
    let mut server = Server::start(Options::default());
    let mut live = Events::open(server.admin_address(), "live").expect("a live view");
    live.next("overview").expect("an event");
    server.terminate();
    let mut rest = Vec::new();
    // Closed, or cut off: ended in any case.
    let _ = live.0.read_to_end(&mut rest);
}
