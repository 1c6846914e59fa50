//! What the fan-out tests play on: a server without quotas and one stream.

use crate::support::efo::{Connection, Windows};
use crate::support::kinesis::{Kinesis, Record};
use crate::support::server::{Options, Server};

/// The stream.
pub(crate) const STREAM: &str = "clicks";

/// A server without quotas and a stream on it.
pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) kinesis: Kinesis,
    pub(crate) arn: String,
}

impl Stage {
    /// Starts it, with further flags.
    pub(crate) fn set(shards: u32, flags: &[&str]) -> Stage {
        let extra = flags.iter().map(|&flag| flag.to_owned()).collect();
        let server = Server::start(Options { limits: "off", extra, ..Options::default() });
        let kinesis = Kinesis { address: server.address() };
        let arn = kinesis.create(STREAM, shards);
        Stage { server, kinesis, arn }
    }

    /// A connection whose subscriptions have this window each.
    pub(crate) async fn connect(&self, stream_window: u32) -> Connection {
        let windows = Windows { stream: stream_window, ..Windows::default() };
        Connection::open(self.server.address(), windows).await
    }

    /// Registers an active consumer; answers its ARN.
    pub(crate) fn consumer(&self, name: &str) -> String {
        self.kinesis.register(&self.arn, name)
    }

    /// Puts a record of so many bytes, all of them `byte`.
    pub(crate) fn put(&self, byte: u8, bytes: usize) -> String {
        self.kinesis.put(STREAM, "0", &vec![byte; bytes])
    }
}

/// The sequence numbers of records.
pub(crate) fn numbers(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| record.number.as_str()).collect()
}
