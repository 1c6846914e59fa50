//! CBOR bodies as the Java SDK writes them (indefinite maps and lists, tag 1 with milliseconds, byte
//! strings), over HTTP/1.1 and over HTTP/2 by prior knowledge, and the answers it can read.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bytes::Bytes;

use crate::cbor_value::{Item, read, structure, text};
use crate::support::http::{self, AUTHORIZATION, Answer, CBOR};
use crate::support::server::{Options, Server};
use crate::support::wait_for;

/// How a request travels.
type Send = fn(SocketAddr, &str, &[u8]) -> Answer;

fn over_h1(address: SocketAddr, operation: &str, body: &[u8]) -> Answer {
    http::post(address, operation, CBOR, body).unwrap_or_else(|error| panic!("{operation}: {error}"))
}

/// One HTTP/2 connection by prior knowledge, one request on it.
fn over_h2(address: SocketAddr, operation: &str, body: &[u8]) -> Answer {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let answer = runtime.block_on(exchange_h2(address, operation, Bytes::copy_from_slice(body)));
    answer.unwrap_or_else(|error| panic!("{operation}: {error}"))
}

async fn exchange_h2(
    address: SocketAddr,
    operation: &str,
    body: Bytes,
) -> Result<Answer, Box<dyn std::error::Error>> {
    let socket = tokio::net::TcpStream::connect(address).await?;
    let (mut client, connection) = h2::client::handshake(socket).await?;
    tokio::spawn(connection);
    let request = ::http::Request::post(format!("http://{address}/"))
        .header("content-type", CBOR)
        .header("x-amz-target", format!("Kinesis_20131202.{operation}"))
        .header("x-amz-date", "20261101T000000Z")
        .header("authorization", AUTHORIZATION);
    let (response, mut stream) = client.send_request(request.body(())?, false)?;
    stream.send_data(body, true)?;
    let (parts, mut received) = response.await?.into_parts();
    let mut body = Vec::new();
    while let Some(chunk) = received.data().await {
        let chunk = chunk?;
        received.flow_control().release_capacity(chunk.len())?;
        body.extend_from_slice(&chunk);
    }
    let field = |(name, value): (&::http::HeaderName, &::http::HeaderValue)| {
        format!("{name}: {}\n", value.to_str().unwrap_or_default())
    };
    Ok(Answer { status: parts.status.as_u16(), head: parts.headers.iter().map(field).collect(), body })
}

/// A call that must succeed; an empty answer is an empty map.
fn call(send: Send, address: SocketAddr, operation: &str, members: &[(&str, Item)]) -> Item {
    let answer = send(address, operation, &structure(members));
    assert_eq!(answer.status, 200, "{operation}: {answer:?}");
    assert_eq!(answer.header("content-type"), Some(CBOR), "{operation}");
    if answer.body.is_empty() { Item::Map(BTreeMap::new()) } else { read(&answer.body) }
}

/// Creates a stream of one shard and returns its description once it is active.
fn create(send: Send, address: SocketAddr, stream: &str) -> Item {
    let created = [("StreamName", text(stream)), ("ShardCount", Item::Integer(1))];
    assert_eq!(call(send, address, "CreateStream", &created), Item::Map(BTreeMap::new()));
    wait_for("an active stream", || {
        let answer = send(address, "DescribeStream", &structure(&[("StreamName", text(stream))]));
        // Who asks too often is refused, and asks again.
        let description =
            (answer.status == 200).then(|| read(&answer.body).get("StreamDescription").clone())?;
        (description.get("StreamStatus").text() == "ACTIVE").then_some(description)
    })
}

/// All records from a millisecond on.
fn read_since(send: Send, address: SocketAddr, stream: &str, milliseconds: i64) -> Item {
    let position = [
        ("StreamName", text(stream)),
        ("ShardId", text("shardId-000000000000")),
        ("ShardIteratorType", text("AT_TIMESTAMP")),
        ("Timestamp", Item::Tagged(1, Box::new(Item::Integer(milliseconds)))),
    ];
    let iterator = call(send, address, "GetShardIterator", &position).get("ShardIterator").clone();
    call(send, address, "GetRecords", &[("ShardIterator", iterator)])
}

/// The round trip: one record by itself, two in a batch, read back by time.
fn round_trip(send: Send, address: SocketAddr, stream: &str) {
    let created = create(send, address, stream).get("StreamCreationTimestamp").milliseconds();
    let blob = |data: &[u8]| Item::Bytes(data.to_vec());
    let one = [("StreamName", text(stream)), ("PartitionKey", text("k")), ("Data", blob(&[0, 255, 1]))];
    let put = call(send, address, "PutRecord", &one);
    let entry =
        |data: &[u8]| Item::Map([("Data".into(), blob(data)), ("PartitionKey".into(), text("k"))].into());
    let batch = [("StreamName", text(stream)), ("Records", Item::List(vec![entry(b"two"), entry(b"")]))];
    assert_eq!(call(send, address, "PutRecords", &batch).get("FailedRecordCount"), &Item::Integer(0));
    let answer = read_since(send, address, stream, created);
    let records = answer.get("Records").list();
    let data: Vec<_> = records.iter().map(|record| record.get("Data").clone()).collect();
    assert_eq!(data, [blob(&[0, 255, 1]), blob(b"two"), blob(b"")]);
    assert_eq!(records[0].get("SequenceNumber"), put.get("SequenceNumber"));
    let arrived = records[0].get("ApproximateArrivalTimestamp").milliseconds();
    assert!((0..600_000).contains(&(arrived - created)), "created {created}, first record {arrived}");
    assert!(matches!(answer.get("MillisBehindLatest"), Item::Integer(0..)));
    // From the millisecond after the last arrival there is nothing left.
    let last = records[2].get("ApproximateArrivalTimestamp").milliseconds();
    if last > arrived {
        let later = read_since(send, address, stream, arrived + 1);
        assert!(later.get("Records").list().len() < records.len(), "the time was not taken as milliseconds");
    }
}

/// Tags go in as a map and come out as a list; a policy comes out as it went in.
fn tags_and_policies(send: Send, address: SocketAddr, stream: &str) {
    let arn = create(send, address, stream).get("StreamARN").clone();
    let tags = Item::Map([("b".into(), text("2")), ("a".into(), text(""))].into());
    let nothing = Item::Map(BTreeMap::new());
    let of = [("ResourceARN", arn.clone())];
    let with = |name, value| [of[0].clone(), (name, value)];
    assert_eq!(call(send, address, "TagResource", &with("Tags", tags)), nothing);
    let tag = |key, value| Item::Map([("Key".into(), text(key)), ("Value".into(), text(value))].into());
    let listed = call(send, address, "ListTagsForResource", &of);
    assert_eq!(listed.get("Tags").list(), [tag("a", ""), tag("b", "2")]);
    let page = [("StreamARN", arn.clone()), ("Limit", Item::Integer(1))];
    let page = call(send, address, "ListTagsForStream", &page);
    assert_eq!((page.get("Tags").list(), page.get("HasMoreTags")), (&[tag("a", "")][..], &Item::Bool(true)));
    let policy = format!(
        r#"{{ "Version": "2012-10-17", "Statement": {{ "Effect": "Allow", "Principal": "*", "Action": "kinesis:*",
           "Resource": "{}" }} }}"#,
        arn.text()
    );
    assert_eq!(call(send, address, "PutResourcePolicy", &with("Policy", text(&policy))), nothing);
    assert_eq!(call(send, address, "GetResourcePolicy", &of).get("Policy").text(), policy);
    assert_eq!(call(send, address, "DeleteResourcePolicy", &of), nothing);
    assert_eq!(call(send, address, "GetResourcePolicy", &of).get("Policy").text(), "{}");
}

/// An unknown stream: the JSON error's members, in CBOR.
fn error(send: Send, address: SocketAddr) {
    let answer = send(address, "DescribeStream", &structure(&[("StreamName", text("nowhere"))]));
    assert_eq!((answer.status, answer.header("content-type")), (400, Some(CBOR)), "{answer:?}");
    let body = read(&answer.body);
    assert_eq!(body.get("__type").text(), "ResourceNotFoundException");
    let message = body.get("message").text();
    assert!(
        message.starts_with("Stream nowhere under account ") && message.ends_with(" not found."),
        "{message}"
    );
}

/// A body that is no CBOR, and one that ends too soon.
fn malformed(send: Send, address: SocketAddr) {
    for body in [&b"{}"[..], &[0xbf, 0x6a, b'S'], &[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]] {
        let answer = send(address, "DescribeStream", body);
        assert_eq!(answer.status, 400, "{body:02x?}: {answer:?}");
        assert_eq!(read(&answer.body).get("__type").text(), "SerializationException", "{body:02x?}");
    }
}

/// Puts records and reads them back over HTTP/1.1: traffic for tests about something else.
pub(crate) fn put_and_read_back(address: SocketAddr, stream: &str) {
    round_trip(over_h1, address, stream);
}

#[test]
fn cbor_over_h1() {
    let server = Server::start(Options { limits: "off", ..Options::default() });
    round_trip(over_h1, server.address(), "cbor-h1");
    tags_and_policies(over_h1, server.address(), "cbor-h1-settings");
    error(over_h1, server.address());
    malformed(over_h1, server.address());
}

#[test]
fn cbor_over_h2_prior_knowledge() {
    let server = Server::start(Options { limits: "off", ..Options::default() });
    round_trip(over_h2, server.address(), "cbor-h2");
    tags_and_policies(over_h2, server.address(), "cbor-h2-settings");
    error(over_h2, server.address());
    malformed(over_h2, server.address());
}
