//! Spans as a collector gets them: decoded by the protocol's own messages; and a collector that does not
//! answer, which must cost nobody anything.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::json;

use crate::support::http::{self, Client, JSON};
use crate::support::kinesis::{Kinesis, blob};
use crate::support::server::{Options, Server};
use crate::support::{PATIENCE, wait_for};

/// A stand-in for a collector.
struct Collector {
    address: SocketAddr,
    requests: Receiver<ExportTraceServiceRequest>,
}

impl Collector {
    /// One that answers, or one that takes requests and never does.
    fn start(answers: bool) -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (sender, requests) = channel();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sender = sender.clone();
                thread::spawn(move || serve(stream, &sender, answers));
            }
        });
        Collector { address, requests }
    }

    fn options(&self, extra: &[&str]) -> Options {
        let endpoint = format!("http://{}", self.address);
        let words = [&["--otlp-endpoint", &endpoint], extra].concat();
        Options { limits: "off", extra: words.into_iter().map(str::to_owned).collect(), ..Options::default() }
    }

    /// Waits for a span.
    fn span(&self, is_it: impl Fn(&Span) -> bool) -> Span {
        loop {
            let request = self.requests.recv_timeout(PATIENCE).expect("spans in time");
            let mut spans =
                request.resource_spans.into_iter().flat_map(|it| it.scope_spans).flat_map(|it| it.spans);
            if let Some(span) = spans.find(&is_it) {
                return span;
            }
        }
    }
}

fn serve(stream: TcpStream, sender: &Sender<ExportTraceServiceRequest>, answers: bool) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).unwrap_or_default() == 0 {
                return;
            }
        }
        assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
        let lower = head.to_lowercase();
        assert!(lower.contains("content-type: application/x-protobuf"), "{head}");
        let length = lower.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.expect("a length").trim().parse().expect("a number")];
        stream.read_exact(&mut body).expect("a body");
        let request = ExportTraceServiceRequest::decode(body.as_slice()).expect("the protocol's message");
        // The test may be over.
        let _ = sender.send(request);
        if answers {
            let answer =
                "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
            let _ = stream.get_mut().write_all(answer.as_bytes());
        }
    }
}

/// An attribute in words.
fn attribute(span: &Span, name: &str) -> Option<String> {
    let found = span.attributes.iter().find(|it| it.key == name)?;
    match found.value.clone()?.value? {
        Any::StringValue(text) => Some(text),
        Any::IntValue(number) => Some(number.to_string()),
        other => Some(format!("{other:?}")),
    }
}

#[test]
fn a_request_is_a_span_and_so_is_its_commit() {
    let collector = Collector::start(true);
    let server = Server::start(collector.options(&[]));
    let kinesis = Kinesis { address: server.address() };
    kinesis.create("orders", 1);
    kinesis.put("orders", "0", b"hello");
    let put = collector.span(|span| span.name == "PutRecord");
    assert_eq!(attribute(&put, "aws.kinesis.stream_name").as_deref(), Some("orders"));
    assert_eq!(attribute(&put, "http.response.status_code").as_deref(), Some("200"));
    assert!(attribute(&put, "aws.request_id").is_some_and(|id| id.len() == 36));
    assert!(
        attribute(&put, "http.request.body.size").is_some_and(|it| it.parse::<u64>().is_ok_and(|it| it > 20))
    );
    assert_eq!((put.trace_id.len(), put.span_id.len(), put.kind), (16, 8, 2));
    let took = put.end_time_unix_nano - put.start_time_unix_nano;
    assert!(took > 0 && took < 10_000_000_000, "{took} ns");
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let apart = since_epoch.as_nanos().abs_diff(u128::from(put.start_time_unix_nano));
    assert!(apart < 60_000_000_000, "{apart} ns from now");

    kinesis.put("orders", "0", b"again");
    let commit =
        collector.span(|span| span.name == "commit" && attribute(span, "fanlight.commit.records").is_some());
    assert_eq!(attribute(&commit, "fanlight.commit.shards").as_deref(), Some("1"));
}

#[test]
fn a_refusal_names_its_error_and_a_clients_trace_goes_on() {
    let collector = Collector::start(true);
    let server = Server::start(collector.options(&["--otlp-sample", "0"]));
    http::post(server.address(), "DescribeStream", JSON, br#"{"StreamName":"none"}"#).expect("an answer");
    let body = r#"{"StreamName":"missing"}"#;
    let request = format!(
        "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {JSON}\r\n\
         X-Amz-Target: Kinesis_20131202.DescribeStream\r\nX-Amz-Date: 20261101T000000Z\r\n\
         traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\
         Authorization: {}\r\nContent-Length: {}\r\n\r\n{body}",
        http::AUTHORIZATION,
        body.len()
    );
    http::raw(server.address(), request.as_bytes());
    let span = collector.span(|span| span.name == "DescribeStream");
    // The one before it was of no share.
    assert_eq!(attribute(&span, "aws.kinesis.stream_name").as_deref(), Some("missing"));
    assert_eq!(attribute(&span, "error.type").as_deref(), Some("ResourceNotFoundException"));
    assert_eq!(span.parent_span_id, [0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31]);
    assert_eq!(span.trace_id[..2], [0x0a, 0xf7]);
}

/// Thousands of puts while the collector holds on to its first message: all are taken at once, what does not
/// fit into the queue is dropped, and counted.
#[test]
fn a_collector_that_does_not_answer_holds_nobody_up() {
    const PUTS: u64 = 3500;
    let collector = Collector::start(false);
    let server = Server::start(Options { durability: "none", ..collector.options(&[]) });
    Kinesis { address: server.address() }.create("orders", 1);
    let mut client = Client::connect(server.address()).expect("the server listens");
    let record = json!({"StreamName": "orders", "PartitionKey": "k", "Data": blob(b"hello")});
    for _ in 0..PUTS {
        assert_eq!(client.call("PutRecord", &record).expect("an answer").0, 200);
    }
    wait_for("what was dropped", || {
        (server.metric("fanlight_spans_total{result=\"dropped\"}") > 0.0).then_some(())
    });
    let puts = server.metric("fanlight_requests_total{operation=\"PutRecord\",status=\"ok\"}");
    assert!((puts - PUTS as f64).abs() < 0.5, "{puts} puts");
}
