//! Enhanced fan-out over HTTP/2 with the client's windows in the test's hand: a subscription whose events are
//! not asked for takes nothing off the wire.

use std::net::SocketAddr;

use bytes::{Buf, Bytes, BytesMut};
use fanlight::wire::event_stream::Message;
use h2::RecvStream;
use h2::client::SendRequest;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::PATIENCE;
use super::http::{AUTHORIZATION, JSON};
use super::kinesis::{Record, text};

/// HTTP/2's own initial window.
pub const DEFAULT_WINDOW: u32 = 65_535;

/// What the client lets the server send before it has read it.
#[derive(Clone, Copy)]
pub struct Windows {
    /// For each subscription.
    pub stream: u32,
    /// For all of them together.
    pub connection: u32,
}

impl Default for Windows {
    fn default() -> Self {
        Windows { stream: 1 << 20, connection: 16 << 20 }
    }
}

/// One HTTP/2 connection; clones share it.
#[derive(Clone)]
pub struct Connection {
    address: SocketAddr,
    requests: SendRequest<Bytes>,
}

/// One message of a subscription.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The first message.
    Initial,
    /// A `SubscribeToShardEvent`.
    Records(Value),
    /// The exception that ends a subscription: its name and text.
    Exception(String, String),
}

/// An accepted subscription.
pub struct Subscription {
    body: RecvStream,
    buffer: BytesMut,
}

/// A starting position without further members.
pub fn at(kind: &str) -> Value {
    json!({"Type": kind})
}

/// A starting position at or after a sequence number.
pub fn at_number(kind: &str, number: &str) -> Value {
    json!({"Type": kind, "SequenceNumber": number})
}

impl Connection {
    /// Connects by prior knowledge.
    pub async fn open(address: SocketAddr, windows: Windows) -> Connection {
        let socket = TcpStream::connect(address).await.expect("the server listens");
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(windows.stream).initial_connection_window_size(windows.connection);
        let (requests, connection) = builder.handshake(socket).await.expect("an HTTP/2 connection");
        tokio::spawn(connection);
        Connection { address, requests }
    }

    /// Subscribes; a refusal is the status and the error's body.
    pub async fn try_subscribe(
        &self,
        consumer: &str,
        shard: &str,
        position: Value,
    ) -> Result<Subscription, (u16, Value)> {
        let input = json!({"ConsumerARN": consumer, "ShardId": shard, "StartingPosition": position});
        let request = http::Request::post(format!("http://{}/", self.address))
            .header("content-type", JSON)
            .header("x-amz-target", "Kinesis_20131202.SubscribeToShard")
            .header("x-amz-date", "20261101T000000Z")
            .header("authorization", AUTHORIZATION)
            .body(())
            .expect("a request");
        let mut requests = self.requests.clone().ready().await.expect("an open connection");
        let (response, mut body) = requests.send_request(request, false).expect("an open connection");
        body.send_data(input.to_string().into(), true).expect("an open stream");
        let response = timeout(PATIENCE, response).await.expect("an answer in time").expect("an answer");
        let status = response.status().as_u16();
        let events = response.headers().get("content-type").cloned();
        let mut subscription = Subscription { body: response.into_body(), buffer: BytesMut::new() };
        if status != 200 {
            return Err((status, subscription.whole().await));
        }
        assert_eq!(events.expect("a content type"), "application/vnd.amazon.eventstream");
        Ok(subscription)
    }

    /// Subscribes, and takes the first message, which has to be the initial response.
    pub async fn subscribe(&self, consumer: &str, shard: &str, position: Value) -> Subscription {
        let accepted = self.try_subscribe(consumer, shard, position).await;
        let mut subscription = accepted.unwrap_or_else(|(status, body)| panic!("{status} {body}"));
        assert_eq!(subscription.next().await, Some(Event::Initial));
        subscription
    }
}

impl Subscription {
    /// The next message, or `None` at the stream's clean end.
    pub async fn next(&mut self) -> Option<Event> {
        self.try_next().await.unwrap_or_else(|error| panic!("the stream broke: {error}"))
    }

    /// The next message, or `None` at the stream's clean end; an error if the connection or the stream broke.
    pub async fn try_next(&mut self) -> Result<Option<Event>, h2::Error> {
        loop {
            let whole = Message::decode(&self.buffer).expect("well-formed messages");
            if let Some((message, bytes)) = whole {
                let event = event(&message);
                self.buffer.advance(bytes);
                return Ok(Some(event));
            }
            let chunk = timeout(PATIENCE, self.body.data()).await.expect("an event or the end in time");
            let Some(chunk) = chunk.transpose()? else {
                assert!(self.buffer.is_empty(), "the stream ended within a message");
                return Ok(None);
            };
            self.body.flow_control().release_capacity(chunk.len())?;
            self.buffer.extend_from_slice(&chunk);
        }
    }

    /// The next `SubscribeToShardEvent`.
    pub async fn event(&mut self) -> Value {
        match self.next().await {
            Some(Event::Records(event)) => event,
            other => panic!("not an event: {other:?}"),
        }
    }

    /// At least `count` records, and the continuation of the last event that brought some of them.
    pub async fn records(&mut self, count: usize) -> (Vec<Record>, String) {
        let mut records = Vec::new();
        loop {
            let event = self.event().await;
            records.extend(Record::read_all(&event));
            if records.len() >= count {
                return (records, text(&event, "ContinuationSequenceNumber"));
            }
        }
    }

    /// Gives the subscription up, as a client that has enough of it.
    pub async fn cancel(self) {
        // Dropping the body resets the stream; nothing has to be awaited for it.
        drop(self.body);
        tokio::task::yield_now().await;
    }

    async fn whole(&mut self) -> Value {
        let mut body = Vec::new();
        while let Some(chunk) = self.body.data().await {
            body.extend_from_slice(&chunk.expect("an error's body"));
        }
        serde_json::from_slice(&body).expect("a JSON error")
    }
}

fn event(message: &Message<'_>) -> Event {
    let payload: Value = serde_json::from_slice(message.payload).expect("JSON");
    if let Some(kind) = message.header(":exception-type") {
        assert_eq!(message.header(":message-type"), Some("exception"));
        return Event::Exception(kind.to_owned(), text(&payload, "message"));
    }
    assert_eq!(message.header(":message-type"), Some("event"));
    match message.header(":event-type") {
        Some("initial-response") => Event::Initial,
        Some("SubscribeToShardEvent") => Event::Records(payload),
        other => panic!("an unknown event: {other:?}"),
    }
}
