//! What a shard gets, as it gets it: looked at a few times a second in memory only. A viewer is nobody's
//! consumer: it holds nothing back, and where more comes than it is shown it is told how much was skipped.

use http::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_local;
use tokio::time::interval;

use crate::limits::{CONSOLE_TAIL_DATA_BYTES_MAX, CONSOLE_TAIL_LOOK, CONSOLE_TAIL_QUIET_LOOKS};
use crate::push::ShardIdentity;
use crate::shard_log::Record;
use crate::types::{LogId, Offset, ShardId};

use super::desk::{Ask, Page};
use super::live::{Lost, Viewer};
use super::query::Query;
use super::reply::{Failure, not_found};
use super::{Body, Console};

/// A shard being followed.
struct Tail {
    asks: mpsc::Sender<Ask>,
    log: LogId,
    identity: ShardIdentity,
    /// The next record due; `None` before the first look.
    next: Option<Offset>,
    quiet_looks: u32,
}

/// Begins at the shard's end.
pub(super) async fn begin(console: &Console, query: &Query) -> Result<Response<Body>, Failure> {
    console.require_full()?;
    let id = ShardId::parse(&query.shard).ok_or_else(|| {
        let text = "shard is not a shard's id".to_owned();
        Failure(StatusCode::BAD_REQUEST, "BadRequest", text)
    })?;
    let watched = console.board.stream(&query.key()?).await?;
    let shard = watched.now.stream.shard(id).ok_or_else(|| not_found("shard"))?;
    let identity = ShardIdentity { shard: id, created_secs: shard.created.as_secs() };
    let asks = console.asks.clone();
    let tail = Tail { asks, log: shard.log, identity, next: None, quiet_looks: 0 };
    let (viewer, response) = Viewer::admit(console)?;
    drop(spawn_local(tail.follow(viewer)));
    Ok(response)
}

impl Tail {
    async fn follow(mut self, viewer: Viewer) {
        let mut tick = interval(CONSOLE_TAIL_LOOK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = viewer.gone() => return,
            }
            let (reply, answer) = oneshot::channel();
            // A desk that is full now is not at the next look.
            if self.asks.try_send(Ask::Tail { log: self.log, from: self.next, reply }).is_err() {
                continue;
            }
            let told = match answer.await {
                Ok(Some(page)) => self.tell(&viewer, &page),
                Ok(None) => viewer.tell("gone", &json!({"message": "the shard is gone"})).and(Err(Lost)),
                Err(_) => return,
            };
            if told.is_err() {
                return;
            }
        }
    }

    fn tell(&mut self, viewer: &Viewer, page: &Page) -> Result<(), Lost> {
        let from = page.from;
        let is_first = self.next.is_none();
        let mut skipped = from.0 - self.next.unwrap_or(from).0;
        let records = page.batches.iter().flat_map(|batch| batch.records());
        let shown: Vec<_> = records.filter(|it| it.offset >= from).map(|it| self.show(&it)).collect();
        // What did not fit into one look is due at the next.
        let end = page.batches.last().map_or(page.tip, |last| last.end());
        skipped += end.0.saturating_sub(from.0).saturating_sub(shown.len() as u64);
        self.next = Some(end);
        if shown.is_empty() && skipped == 0 && !is_first {
            return self.quiet(viewer);
        }
        self.quiet_looks = 0;
        viewer.tell("records", &json!({"skipped": skipped, "records": shown}))
    }

    fn quiet(&mut self, viewer: &Viewer) -> Result<(), Lost> {
        self.quiet_looks += 1;
        if !self.quiet_looks.is_multiple_of(CONSOLE_TAIL_QUIET_LOOKS) {
            return Ok(());
        }
        viewer.keep_alive()
    }

    fn show(&self, record: &Record) -> Value {
        let shown = &record.data[..record.data.len().min(CONSOLE_TAIL_DATA_BYTES_MAX)];
        json!({
            "sequence": self.identity.sequence_number(record.offset, record.arrival).to_string(),
            "arrived_ms": record.arrival,
            "key": String::from_utf8_lossy(&record.partition_key),
            "bytes": record.data.len(),
            "data": base64_simd::STANDARD.encode_to_string(shown),
        })
    }
}
