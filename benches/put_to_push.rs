//! From a producer's put to its consumers' hands, end to end: the whole server on a thread of this process,
//! real sockets on the loopback, a real disk. One record at a time, so this is latency without queueing; what
//! a load makes of it is the load-test tool's to say.
//!
//! `cargo bench --bench put_to_push`; `PUT_TO_PUSH_DIR` sets where the data directory is made.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use fanlight::config::{Config, Limits};
use fanlight::platform::Clock;
use fanlight::server;
use fanlight::types::Instant;
use fanlight::wire::event_stream::Message;
use h2::client::SendRequest;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{LocalSet, spawn_local};

type Failure = Box<dyn std::error::Error>;

/// Consumers of each row, all on one connection.
const CONSUMERS: [usize; 2] = [1, 20];
const RUN: Duration = Duration::from_secs(4);
/// Puts left out of the figures.
const WARM_UP: usize = 100;
const RECORD_BYTES: usize = 1024;
/// HTTP/2 window of each subscription and of the connection.
const WINDOW_BYTES: u32 = 1 << 20;
/// How long the server may take to start, and a resource to become active.
const READY_MAX: Duration = Duration::from_secs(10);
const READY_POLL: Duration = Duration::from_millis(5);
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=any/20261101/us-east-1/kinesis/aws4_request, \
                             SignedHeaders=host;x-amz-date, Signature=0";

fn main() -> Result<(), Failure> {
    let place = place()?;
    let address = start(place.join("data"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = LocalSet::new().block_on(&runtime, run(address));
    // The server's thread ends with the process: nothing here has to survive.
    std::fs::remove_dir_all(&place)?;
    outcome
}

fn place() -> io::Result<PathBuf> {
    let parent = std::env::var_os("PUT_TO_PUSH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let place = parent.join(format!("put-to-push-bench-{}", std::process::id()));
    std::fs::create_dir_all(&place)?;
    Ok(place)
}

/// Starts the server on free ports.
fn start(data_dir: PathBuf) -> io::Result<SocketAddr> {
    let free = || std::net::TcpListener::bind("127.0.0.1:0")?.local_addr();
    let config = Config {
        listen: free()?,
        admin_listen: free()?,
        data_dir,
        limits: Limits::Off,
        transition_millis: 1,
        ..Config::without_flags()
    };
    let address = config.listen;
    std::thread::Builder::new().name("server".into()).spawn(move || {
        if let Err(error) = server::run(&config) {
            eprintln!("the server ended: {error}");
        }
    })?;
    Ok(address)
}

async fn run(address: SocketAddr) -> Result<(), Failure> {
    let puts = connect(address).await?;
    let pushes = connect(address).await?;
    println!(
        "{:<10} {:<28} {:>7} {:>9} {:>9} {:>9} {:>9}",
        "consumers", "from the put sent", "puts", "p50 us", "p99 us", "p99.9 us", "max us"
    );
    for consumers in CONSUMERS {
        let stream = format!("bench-{consumers}");
        let received = subscribe(&pushes, &stream, consumers).await?;
        measure(&puts, &stream, consumers, received).await?;
    }
    Ok(())
}

/// Puts one record after another, each once everyone has the one before.
async fn measure(
    puts: &SendRequest<Bytes>,
    stream: &str,
    consumers: usize,
    mut received: UnboundedReceiver<Instant>,
) -> Result<(), Failure> {
    let clock = Clock::system();
    let put = json!({"StreamName": stream, "PartitionKey": "k", "Data": "eHh4".repeat(RECORD_BYTES / 3)});
    let (mut acked, mut first, mut last) = (histogram(), histogram(), histogram());
    let began = clock.now();
    let mut round = 0;
    while clock.now().since(began) < RUN {
        let sent = clock.now();
        call(puts, "PutRecord", &put).await?;
        let acked_at = clock.now();
        let mut pushed_at = Vec::with_capacity(consumers);
        for _ in 0..consumers {
            pushed_at.push(received.recv().await.ok_or("a subscription has ended")?);
        }
        round += 1;
        if round > WARM_UP {
            let micros = |at: Instant| u64::try_from(at.since(sent).as_micros()).unwrap_or(u64::MAX);
            acked.saturating_record(micros(acked_at));
            first.saturating_record(pushed_at.iter().copied().map(micros).min().unwrap_or(0));
            last.saturating_record(pushed_at.into_iter().map(micros).max().unwrap_or(0));
        }
    }
    print(consumers, "to its acknowledgement", &acked);
    print(consumers, "to the first consumer", &first);
    print(consumers, "to the last consumer", &last);
    Ok(())
}

fn histogram() -> Histogram<u64> {
    const MICROS_MAX: u64 = 60_000_000;
    Histogram::new_with_max(MICROS_MAX, 3).expect("three digits are in range")
}

fn print(consumers: usize, what: &str, histogram: &Histogram<u64>) {
    let at = |quantile| histogram.value_at_quantile(quantile);
    println!(
        "{consumers:<10} {what:<28} {:>7} {:>9} {:>9} {:>9} {:>9}",
        histogram.len(),
        at(0.5),
        at(0.99),
        at(0.999),
        histogram.max()
    );
}

/// Makes a stream of one shard and its consumers, and subscribes each; tells when an event with a record
/// came.
async fn subscribe(
    pushes: &SendRequest<Bytes>,
    stream: &str,
    consumers: usize,
) -> Result<UnboundedReceiver<Instant>, Failure> {
    call(pushes, "CreateStream", &json!({"StreamName": stream, "ShardCount": 1})).await?;
    let named = json!({"StreamName": stream});
    let summary =
        until_active(pushes, "DescribeStreamSummary", &named, "/StreamDescriptionSummary/StreamStatus");
    let arn = summary.await?["StreamDescriptionSummary"]["StreamARN"].clone();
    let (sender, received) = unbounded_channel();
    for consumer in 0..consumers {
        let named = json!({"StreamARN": arn, "ConsumerName": format!("consumer-{consumer}")});
        call(pushes, "RegisterStreamConsumer", &named).await?;
        let status = "/ConsumerDescription/ConsumerStatus";
        let described = until_active(pushes, "DescribeStreamConsumer", &named, status).await?;
        let input = json!({
            "ConsumerARN": described["ConsumerDescription"]["ConsumerARN"],
            "ShardId": "shardId-000000000000",
            "StartingPosition": {"Type": "TRIM_HORIZON"},
        });
        let events = send(pushes, "SubscribeToShard", &input).await?.into_body();
        spawn_local(listen(events, sender.clone()));
    }
    Ok(received)
}

/// Reports each event that carries a record.
async fn listen(mut events: h2::RecvStream, sender: UnboundedSender<Instant>) {
    let clock = Clock::system();
    let mut buffer = BytesMut::new();
    while let Some(Ok(piece)) = events.data().await {
        buffer.extend_from_slice(&piece);
        let released = events.flow_control().release_capacity(piece.len());
        if released.is_err() {
            return;
        }
        while let Ok(Some((message, len))) = Message::decode(&buffer) {
            let has_record = message.payload.windows(8).any(|window| window == b"\"Data\":\"");
            if has_record && sender.send(clock.now()).is_err() {
                return;
            }
            drop(buffer.split_to(len));
        }
    }
}

async fn until_active(
    client: &SendRequest<Bytes>,
    operation: &str,
    input: &Value,
    status: &str,
) -> Result<Value, Failure> {
    let active = async {
        loop {
            let output = call(client, operation, input).await?;
            if output.pointer(status) == Some(&json!("ACTIVE")) {
                return Ok(output);
            }
            tokio::time::sleep(READY_POLL).await;
        }
    };
    tokio::time::timeout(READY_MAX, active).await?
}

/// An operation that must succeed.
async fn call(client: &SendRequest<Bytes>, operation: &str, input: &Value) -> Result<Value, Failure> {
    let mut body = send(client, operation, input).await?.into_body();
    let mut whole = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len())?;
        whole.extend_from_slice(&piece);
    }
    Ok(if whole.is_empty() { Value::Null } else { serde_json::from_slice(&whole)? })
}

async fn send(
    client: &SendRequest<Bytes>,
    operation: &str,
    input: &Value,
) -> Result<http::Response<h2::RecvStream>, Failure> {
    let request = http::Request::post("http://localhost/")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("Kinesis_20131202.{operation}"))
        .header("x-amz-date", "20261101T000000Z")
        .header("authorization", AUTHORIZATION)
        .body(())?;
    let mut client = client.clone().ready().await?;
    let (response, mut stream) = client.send_request(request, false)?;
    stream.send_data(Bytes::from(input.to_string()), true)?;
    let response = response.await?;
    if response.status().is_success() { Ok(response) } else { Err(format!("{operation} failed").into()) }
}

/// Connects once the server listens.
async fn connect(address: SocketAddr) -> Result<SendRequest<Bytes>, Failure> {
    let connecting = async {
        loop {
            match TcpStream::connect(address).await {
                Ok(socket) => return socket,
                Err(_) => tokio::time::sleep(READY_POLL).await,
            }
        }
    };
    let socket = tokio::time::timeout(READY_MAX, connecting).await?;
    socket.set_nodelay(true)?;
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(WINDOW_BYTES).initial_connection_window_size(WINDOW_BYTES);
    let (client, connection) = builder.handshake(socket).await?;
    spawn_local(connection);
    Ok(client)
}
