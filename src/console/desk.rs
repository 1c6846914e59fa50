//! The data thread's side: answers what only it can know. Each answer is a few look-ups and shared parts;
//! what is made of them is made on the admin thread.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_local;

use crate::api::{ApiError, Control, Service};
use crate::catalog::Stream;
use crate::limits;
use crate::push::Hub;
use crate::shard_log::Batch;
use crate::storage::{From, Store};
use crate::types::{LogId, Offset, StreamKey};

use super::Facts;

/// A question to the data thread.
pub(super) enum Ask {
    /// Streams of all accounts, the first so many; and how many there are.
    Streams(oneshot::Sender<(Vec<Arc<Stream>>, usize)>),
    /// One stream, where its shards end and where its consumers stand.
    Stream(StreamKey, oneshot::Sender<Option<StreamNow>>),
    /// What a log got since.
    Tail { log: LogId, from: Option<Offset>, reply: oneshot::Sender<Option<Page>> },
    /// A record to be put; the input of `PutRecord`.
    Put { account: Option<String>, input: Vec<u8>, reply: oneshot::Sender<Result<Bytes, ApiError>> },
}

/// A stream at one moment.
#[derive(Clone)]
pub(super) struct StreamNow {
    pub(super) stream: Arc<Stream>,
    /// Offsets past the last record, of the shards that are shown.
    pub(super) tips: Vec<u64>,
    /// By the consumers' ids.
    pub(super) standings: HashMap<u64, Standing>,
}

/// Where a consumer's subscriptions stand, together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Standing {
    pub(super) subscriptions: u64,
    /// Those with nothing due.
    pub(super) at_tip: u64,
    /// Records due, about: offsets may have gaps.
    pub(super) behind: u64,
}

/// A piece of a log's tail.
pub(super) struct Page {
    /// The first offset it holds; what lies before was left out.
    pub(super) from: Offset,
    pub(super) tip: Offset,
    pub(super) batches: Vec<Batch>,
}

/// What the answers come from.
pub struct Rooms {
    /// The catalog.
    pub control: Rc<Control>,
    /// The subscriptions.
    pub hub: Rc<Hub>,
    /// The log.
    pub store: Store,
    /// The operations.
    pub service: Rc<Service>,
}

/// Where the console's questions come in.
pub struct Desk {
    asked: mpsc::Receiver<Ask>,
    facts: Arc<OnceLock<Facts>>,
}

impl Desk {
    pub(super) fn new(asked: mpsc::Receiver<Ask>, facts: Arc<OnceLock<Facts>>) -> Self {
        Self { asked, facts }
    }

    /// Tells the facts, and answers until the console is gone.
    pub async fn run(mut self, facts: Facts, rooms: Rooms) {
        self.facts.get_or_init(|| facts);
        while let Some(ask) = self.asked.recv().await {
            // Who asked may have gone meanwhile, which is no concern here.
            match ask {
                Ask::Streams(reply) => drop(reply.send(rooms.streams())),
                Ask::Stream(key, reply) => drop(reply.send(rooms.stream(&key))),
                Ask::Tail { log, from, reply } => drop(reply.send(rooms.tail(log, from))),
                Ask::Put { account, input, reply } => {
                    let service = Rc::clone(&rooms.service);
                    let putting = async move {
                        drop(reply.send(service.put_unsigned(account.as_deref(), &input).await));
                    };
                    drop(spawn_local(putting));
                }
            }
        }
    }
}

impl Rooms {
    fn streams(&self) -> (Vec<Arc<Stream>>, usize) {
        let catalog = self.control.catalog();
        let first = catalog.streams().take(limits::CONSOLE_STREAMS_MAX).cloned();
        (first.collect(), catalog.stream_count())
    }

    fn stream(&self, key: &StreamKey) -> Option<StreamNow> {
        let stream = Arc::clone(self.control.catalog().stream(key)?);
        let shown = shown(&stream).iter();
        let tips: Vec<_> = shown.map(|shard| self.store.tip(shard.log).unwrap_or_default().0).collect();
        let mut standings: HashMap<u64, Standing> = HashMap::new();
        for (shard, &tip) in shown_logs(&stream).zip(&tips) {
            self.hub.each_standing(shard, |consumer, next| {
                standings.entry(consumer).or_default().add(tip.saturating_sub(next.0));
            });
        }
        Some(StreamNow { stream, tips, standings })
    }

    /// Only what memory holds: a tail reads no disk, and who cannot follow skips.
    fn tail(&self, log: LogId, from: Option<Offset>) -> Option<Page> {
        let tip = self.store.tip(log)?;
        let oldest = tip.0.saturating_sub(limits::CONSOLE_TAIL_RECORDS_MAX);
        let from = from.map_or(tip, |from| Offset(from.0.clamp(oldest, tip.0)));
        let read = self.store.engine().read_tail(log, From::Offset(from), limits::CONSOLE_TAIL_BYTES_MAX);
        match read {
            Some(batches) => Some(Page { from, tip, batches: batches.ok()? }),
            None => Some(Page { from: tip, tip, batches: Vec::new() }),
        }
    }
}

impl Standing {
    fn add(&mut self, behind: u64) {
        self.subscriptions += 1;
        self.at_tip += u64::from(behind == 0);
        self.behind += behind;
    }
}

/// The shards the console shows: the latest.
pub(super) fn shown(stream: &Stream) -> &[crate::catalog::Shard] {
    &stream.shards[stream.shards.len().saturating_sub(limits::CONSOLE_SHARDS_MAX)..]
}

fn shown_logs(stream: &Stream) -> impl Iterator<Item = LogId> {
    shown(stream).iter().map(|shard| shard.log)
}
