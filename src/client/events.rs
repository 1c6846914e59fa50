//! A subscription as the client sees it: messages taken off the wire one by one, records as they are told.

use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::timeout;

use crate::limits::CLIENT_SILENCE_SECS_MAX;
use crate::types::Timestamp;
use crate::wire::event_stream::Message;

use super::failure::{Failure, Outcome, Refusal};
use super::time;

/// A record as an event or a page shows it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Record {
    /// Its place in its shard.
    pub(super) sequence_number: String,
    /// What chose its shard.
    pub(super) partition_key: String,
    approximate_arrival_timestamp: f64,
    data: String,
}

impl Record {
    /// When it came to the server.
    pub(super) fn arrival(&self) -> Timestamp {
        time::from_secs(self.approximate_arrival_timestamp)
    }

    /// What it carries.
    pub(super) fn data(&self) -> Vec<u8> {
        base64_simd::STANDARD.decode_to_vec(&self.data).unwrap_or_default()
    }

    /// The same in base64.
    pub(super) fn base64(&self) -> &str {
        &self.data
    }
}

/// A shard that goes on where others have ended.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ChildShard {
    /// Its id.
    pub(super) shard_id: String,
    /// Those that ended: one of a split, two of a merge.
    pub(super) parent_shards: Vec<String>,
}

/// Some records of a shard: what an event brings, or an answer of `GetRecords`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Batch {
    /// In the shard's order.
    pub(super) records: Vec<Record>,
    /// Of an event: where to go on.
    #[serde(default)]
    pub(super) continuation_sequence_number: Option<String>,
    /// Of a page: where to go on, unless the shard has ended.
    #[serde(default)]
    pub(super) next_shard_iterator: Option<String>,
    /// How far behind the tip its last record is.
    #[serde(default)]
    pub(super) millis_behind_latest: u64,
    /// Given where the shard has ended.
    #[serde(default)]
    pub(super) child_shards: Option<Vec<ChildShard>>,
}

/// An open subscription.
pub(super) struct Events {
    body: Incoming,
    buffer: BytesMut,
}

impl Events {
    pub(super) fn new(body: Incoming) -> Self {
        Self { body, buffer: BytesMut::new() }
    }

    /// The next event, or `None` at the subscription's end. Servers send one every few seconds whether there
    /// are records or not: longer silence means that nobody is there any more.
    pub(super) async fn next(&mut self) -> Outcome<Option<Batch>> {
        loop {
            if let Some(batch) = self.take()? {
                return Ok(Some(batch));
            }
            let patience = Duration::from_secs(CLIENT_SILENCE_SECS_MAX);
            let Ok(frame) = timeout(patience, self.body.frame()).await else {
                return Err(broken(&format!("nothing came for {CLIENT_SILENCE_SECS_MAX} s")));
            };
            let Some(frame) = frame else { return Ok(None) };
            if let Ok(chunk) = frame.map_err(|error| broken(&error.to_string()))?.into_data() {
                self.buffer.extend_from_slice(&chunk);
            }
        }
    }

    /// The next whole event among what has come; other messages are passed over.
    fn take(&mut self) -> Outcome<Option<Batch>> {
        loop {
            let decoded =
                Message::decode(&self.buffer).map_err(|_| broken("an event's checksum is wrong"))?;
            let Some((message, bytes)) = decoded else { return Ok(None) };
            let batch = read(&message)?;
            self.buffer.advance(bytes);
            if batch.is_some() {
                return Ok(batch);
            }
        }
    }
}

fn read(message: &Message<'_>) -> Outcome<Option<Batch>> {
    if let Some(code) = message.header(":exception-type") {
        let body: Value = serde_json::from_slice(message.payload).unwrap_or_default();
        let text = body["message"].as_str().unwrap_or_default().to_owned();
        // A subscription that ends with an exception of the server's is begun again, as after a 500.
        let status = if code.starts_with("Internal") { 500 } else { 400 };
        return Err(Failure::Refused(Refusal {
            operation: "SubscribeToShard",
            status,
            code: code.to_owned(),
            message: text,
            hint: None,
        }));
    }
    if message.header(":event-type") != Some("SubscribeToShardEvent") {
        return Ok(None);
    }
    serde_json::from_slice(message.payload).map(Some).map_err(|error| broken(&error.to_string()))
}

fn broken(why: &str) -> Failure {
    Failure::unreachable(format!("the subscription broke: {why}"), "Try again; the server's log says more.")
}
