//! What was looked at lately, for all viewers: the data thread is asked once a second, and only while
//! somebody looks.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{Mutex, mpsc, oneshot};

use crate::catalog::Stream;
use crate::limits::{CONSOLE_LOOK, CONSOLE_STREAMS_WATCHED_MAX};
use crate::platform::Clock;
use crate::telemetry::{Exporter, names};
use crate::types::{Instant, StreamKey};

use super::desk::{Ask, StreamNow, shown};
use super::figures::{Look, Looks, StreamLook, gauge};
use super::reply::{Failure, Unanswered, not_found};

/// The server as it was a moment ago.
pub(super) struct Overview {
    at: Instant,
    pub(super) streams: Vec<Arc<Stream>>,
    /// How many there are, shown or not.
    pub(super) count: usize,
    pub(super) looks: Looks<Look>,
    /// Gauges, by the names the page has for them.
    pub(super) gauges: Vec<(&'static str, Option<f64>)>,
}

/// A stream as it was a moment ago.
pub(super) struct Watched {
    at: Instant,
    pub(super) now: StreamNow,
    pub(super) looks: Looks<StreamLook>,
}

/// The latest of each.
pub(super) struct Board {
    exporter: Exporter,
    clock: Clock,
    asks: mpsc::Sender<Ask>,
    overview: Mutex<Option<Arc<Overview>>>,
    streams: Mutex<HashMap<StreamKey, Arc<Watched>>>,
}

impl Board {
    pub(super) fn new(exporter: Exporter, clock: Clock, asks: mpsc::Sender<Ask>) -> Self {
        let (overview, streams) = (Mutex::default(), Mutex::default());
        Self { exporter, clock, asks, overview, streams }
    }

    /// The server, not older than a second.
    pub(super) async fn overview(&self) -> Result<Arc<Overview>, Unanswered> {
        let mut kept = self.overview.lock().await;
        if let Some(overview) = kept.as_ref().filter(|it| self.is_fresh(it.at)) {
            return Ok(Arc::clone(overview));
        }
        let (streams, count) = self.ask(Ask::Streams).await?;
        let at = self.clock.now();
        let mut looks = kept.as_ref().map_or_else(Looks::none, |before| before.looks.clone());
        looks.add(Look::take(&self.exporter, at));
        let overview = Arc::new(Overview { at, streams, count, looks, gauges: self.gauges() });
        *kept = Some(Arc::clone(&overview));
        Ok(overview)
    }

    /// A stream, not older than a second.
    pub(super) async fn stream(&self, key: &StreamKey) -> Result<Arc<Watched>, Failure> {
        let mut kept = self.streams.lock().await;
        if let Some(watched) = kept.get(key).filter(|it| self.is_fresh(it.at)) {
            return Ok(Arc::clone(watched));
        }
        let now = self.ask(|reply| Ask::Stream(key.clone(), reply)).await?;
        let now = now.ok_or_else(|| not_found("stream"))?;
        let at = self.clock.now();
        let tips = shown(&now.stream).iter().map(|shard| shard.id.0).zip(now.tips.iter().copied()).collect();
        let mut looks = kept.get(key).map_or_else(Looks::none, |before| before.looks.clone());
        looks.add(StreamLook::take(&self.exporter, key.as_str(), tips, at));
        let watched = Arc::new(Watched { at, now, looks });
        make_room(&mut kept);
        kept.insert(key.clone(), Arc::clone(&watched));
        Ok(watched)
    }

    async fn ask<T>(&self, ask: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Result<T, Unanswered> {
        let (reply, answer) = oneshot::channel();
        self.asks.try_send(ask(reply)).map_err(|_| Unanswered)?;
        answer.await.map_err(|_| Unanswered)
    }

    /// A little less than a second, or viewers whose clocks run a little fast would see every other look.
    fn is_fresh(&self, at: Instant) -> bool {
        self.clock.now().since(at) < CONSOLE_LOOK * 9 / 10
    }

    fn gauges(&self) -> Vec<(&'static str, Option<f64>)> {
        const SHOWN: [(&str, &str); 6] = [
            ("subscriptions", names::SUBSCRIPTIONS),
            ("connections", names::CONNECTIONS),
            ("data_bytes", names::DATA_BYTES),
            ("disk_free_bytes", names::DISK_FREE_BYTES),
            ("tail_bytes", names::TAIL_BYTES),
            ("gathered_bytes", names::GATHERED_BYTES),
        ];
        SHOWN.map(|(name, metric)| (name, gauge(&self.exporter, metric))).into()
    }
}

/// Forgets the stream looked at longest ago, if there is one too many.
fn make_room(kept: &mut HashMap<StreamKey, Arc<Watched>>) {
    if kept.len() < CONSOLE_STREAMS_WATCHED_MAX {
        return;
    }
    let oldest = kept.iter().min_by_key(|(_, watched)| watched.at).map(|(key, _)| key.clone());
    oldest.and_then(|key| kept.remove(&key));
}
