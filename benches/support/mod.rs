//! What benches of the whole server share: starting it on a thread of this process, and an HTTP/2 client
//! that asks for operations.

// Each bench uses a part of it.
#![allow(dead_code)]

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use fanlight::config::{Config, Limits};
use fanlight::server;
use h2::client::SendRequest;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::spawn_local;

pub(crate) type Failure = Box<dyn std::error::Error>;

/// HTTP/2 window of each subscription and of the connection.
const WINDOW_BYTES: u32 = 1 << 20;
/// How long the server may take to start, and a resource to become active.
const READY_MAX: Duration = Duration::from_secs(10);
const READY_POLL: Duration = Duration::from_millis(5);
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=any/20261101/us-east-1/kinesis/aws4_request, \
                             SignedHeaders=host;x-amz-date, Signature=0";

/// A directory of its own, named after the bench, in that of the variable given or the system's.
pub(crate) fn place(bench: &str, variable: &str) -> io::Result<PathBuf> {
    let parent = std::env::var_os(variable).map_or_else(std::env::temp_dir, PathBuf::from);
    let place = parent.join(format!("{bench}-bench-{}", std::process::id()));
    std::fs::create_dir_all(&place)?;
    Ok(place)
}

/// Starts the server on free ports, without limits.
pub(crate) fn start(data_dir: PathBuf, tail_bytes: usize) -> io::Result<SocketAddr> {
    let free = || std::net::TcpListener::bind("127.0.0.1:0")?.local_addr();
    let config = Config {
        listen: free()?,
        admin_listen: free()?,
        data_dir,
        limits: Limits::Off,
        transition_millis: 1,
        tail_bytes,
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

/// Makes a stream of one shard; tells its ARN.
pub(crate) async fn create_stream(client: &SendRequest<Bytes>, stream: &str) -> Result<Value, Failure> {
    call(client, "CreateStream", &json!({"StreamName": stream, "ShardCount": 1})).await?;
    let named = json!({"StreamName": stream});
    let status = "/StreamDescriptionSummary/StreamStatus";
    let summary = until_active(client, "DescribeStreamSummary", &named, status).await?;
    Ok(summary["StreamDescriptionSummary"]["StreamARN"].clone())
}

/// Registers a consumer of the stream; tells its ARN.
pub(crate) async fn register(
    client: &SendRequest<Bytes>,
    stream_arn: &Value,
    name: &str,
) -> Result<Value, Failure> {
    let named = json!({"StreamARN": stream_arn, "ConsumerName": name});
    call(client, "RegisterStreamConsumer", &named).await?;
    let status = "/ConsumerDescription/ConsumerStatus";
    let described = until_active(client, "DescribeStreamConsumer", &named, status).await?;
    Ok(described["ConsumerDescription"]["ConsumerARN"].clone())
}

/// Subscribes the consumer to the stream's one shard.
pub(crate) async fn subscribe(
    client: &SendRequest<Bytes>,
    consumer_arn: &Value,
    from: &str,
) -> Result<h2::RecvStream, Failure> {
    let input = json!({
        "ConsumerARN": consumer_arn,
        "ShardId": "shardId-000000000000",
        "StartingPosition": {"Type": from},
    });
    Ok(send(client, "SubscribeToShard", &input).await?.into_body())
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
pub(crate) async fn call(
    client: &SendRequest<Bytes>,
    operation: &str,
    input: &Value,
) -> Result<Value, Failure> {
    let mut body = send(client, operation, input).await?.into_body();
    let mut whole = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len())?;
        whole.extend_from_slice(&piece);
    }
    Ok(if whole.is_empty() { Value::Null } else { serde_json::from_slice(&whole)? })
}

pub(crate) async fn send(
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
pub(crate) async fn connect(address: SocketAddr) -> Result<SendRequest<Bytes>, Failure> {
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
