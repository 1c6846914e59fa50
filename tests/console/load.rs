//! A small load beside a test: records at a steady pace, and consumers that follow every shard.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::json;

use crate::support::http::{AUTHORIZATION, Client, JSON};
use crate::support::kinesis::{Kinesis, blob, shard_id};

/// Batches of records put in a second.
const BATCHES_PER_SEC: u64 = 20;

/// A load at work, until it is stopped or dropped.
pub(crate) struct Load {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Load {
    /// Creates the stream and its consumers, subscribes them to every shard and begins to put.
    pub(crate) fn start(
        address: SocketAddr,
        stream: &str,
        shards: u32,
        consumers: &[&str],
        per_sec: u64,
    ) -> Load {
        let kinesis = Kinesis { address };
        let arn = kinesis.create(stream, shards);
        for consumer in consumers {
            let consumer = kinesis.register(&arn, consumer);
            (0..shards).for_each(|shard| subscribe(address, &consumer, &shard_id(shard)));
        }
        let (stop, stopped) = channel();
        let stream = stream.to_owned();
        let thread = thread::spawn(move || {
            let mut client = Client::connect(address).ok();
            let pause = Duration::from_millis(1000 / BATCHES_PER_SEC);
            let mut number = 0;
            while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                let records: Vec<_> = (0..per_sec / BATCHES_PER_SEC).map(|at| record(number + at)).collect();
                number += records.len() as u64;
                let input = json!({"StreamName": stream, "Records": records});
                // A server that is away for a while is found again.
                let is_there = client.as_mut().is_some_and(|it| it.call("PutRecords", &input).is_ok());
                if !is_there {
                    client = Client::connect(address).ok();
                }
            }
        });
        Load { stop, thread }
    }

    /// Ends it.
    pub(crate) fn stop(self) {
        drop(self.stop);
        self.thread.join().expect("the load does not panic");
    }
}

fn record(number: u64) -> serde_json::Value {
    let data = json!({"order": number, "total": number % 90 * 100}).to_string();
    json!({"PartitionKey": format!("customer-{}", number % 97), "Data": blob(data.as_bytes())})
}

/// A subscription whose events are read and forgotten, until the server ends it.
fn subscribe(address: SocketAddr, consumer_arn: &str, shard: &str) {
    let body = json!({"ConsumerARN": consumer_arn, "ShardId": shard, "StartingPosition": {"Type": "LATEST"}});
    let body = body.to_string();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: {JSON}\r\nX-Amz-Target: \
         Kinesis_20131202.SubscribeToShard\r\nX-Amz-Date: 20261101T000000Z\r\nAuthorization: \
         {AUTHORIZATION}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut socket = TcpStream::connect(address).expect("the server listens");
    socket.write_all((head + &body).as_bytes()).expect("a request");
    thread::spawn(move || io::copy(&mut socket, &mut io::sink()));
}
