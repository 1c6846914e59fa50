//! The shell around the scaling of streams on demand: writes are told to it, and once a second what it
//! decides is journaled as ordinary resharding.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use metrics::{counter, gauge};

use crate::catalog::{Catalog, Command, Shard, Stream, StreamMode, StreamStatus};
use crate::limits;
use crate::scaling::{Action, OpenShard, Plan, Scaler, Settings, StreamView};
use crate::telemetry::names;
use crate::types::{HashKey, Instant, ShardId, StreamKey, Timestamp};

use super::{ApiError, Context};

/// How often it is asked what to do.
const TICK: Duration = Duration::from_secs(1);

/// The demand on streams on demand; nothing where they are not scaled.
pub(super) struct OnDemand(Option<RefCell<Scaler>>);

impl OnDemand {
    pub(super) fn new(settings: Option<Settings>, now: Instant) -> Self {
        Self(settings.map(|settings| RefCell::new(Scaler::new(settings, now))))
    }

    /// A record was written to a shard, or refused by its throttle.
    pub(super) fn written(&self, stream: &Stream, shard: &Shard, key: HashKey, bytes: usize) {
        if let Some(scaler) = self.0.as_ref().filter(|_| stream.mode == StreamMode::OnDemand) {
            scaler.borrow_mut().written(shard.log, shard.range, key, bytes as u64);
        }
    }
}

impl Context {
    /// Splits and merges shards of streams on demand as their traffic asks for, for ever.
    pub async fn run_scaling(self: Rc<Self>) {
        if self.on_demand.0.is_none() {
            return;
        }
        loop {
            tokio::time::sleep(TICK).await;
            for (stream, plan) in self.plans() {
                tell(&stream, &plan);
                self.reshard(&stream, &plan).await;
            }
        }
    }

    /// Does what can be done now; what cannot is decided anew in a second.
    async fn reshard(&self, stream: &StreamView, plan: &Plan) {
        if !self.control.stream(&stream.key).is_some_and(|stream| is_scaled(&stream)) {
            return;
        }
        for action in &plan.actions {
            // The log may have stopped for a while.
            if !self.carry_out(stream, *action, plan).await {
                return;
            }
        }
    }

    fn plans(&self) -> Vec<(StreamView, Plan)> {
        let Some(scaler) = &self.on_demand.0 else { return Vec::new() };
        let catalog = self.control.catalog();
        // Those that change for a moment too: what is known of their demand is to be kept.
        let on_demand = catalog.streams().filter(|stream| stream.mode == StreamMode::OnDemand);
        let views: Vec<_> = on_demand.map(|stream| self.view(&catalog, stream)).collect();
        let plans = scaler.borrow_mut().tick(&views, self.clock.now());
        views.into_iter().zip(plans).collect()
    }

    fn view(&self, catalog: &Catalog, stream: &Stream) -> StreamView {
        let log_of = |id: ShardId| stream.shard(id).map(|shard| shard.log);
        let shard = |shard: &Shard| OpenShard {
            id: shard.id,
            log: shard.log,
            range: shard.range,
            parents: [shard.parent, shard.adjacent_parent].map(|parent| parent.and_then(log_of)),
        };
        StreamView {
            key: stream.key.clone(),
            shards: stream.open_shards().map(shard).collect(),
            warm_bytes: u64::from(stream.warm_mibps.unwrap_or(0)) << 20,
            room: self.room(catalog, &stream.key),
        }
    }

    /// Shards the stream's account may still open.
    fn room(&self, catalog: &Catalog, stream: &StreamKey) -> usize {
        limits::SHARDS_PER_ACCOUNT_MAX.saturating_sub(catalog.open_shard_count(stream.account()))
    }

    async fn carry_out(&self, stream: &StreamView, action: Action, plan: &Plan) -> bool {
        let decide = |catalog: &Catalog| {
            let found = catalog.stream(&stream.key).filter(|found| is_scaled(found));
            let room = self.room(catalog, &stream.key);
            let command = found.and_then(|found| command(found, action, self.clock.wall(), room));
            command.ok_or_else(|| ApiError::invalid_argument("The stream has changed meanwhile."))
        };
        let name = stream.key.as_str();
        let outcome = self.control.change(decide).await;
        match &outcome {
            Ok(()) => {
                counter!(names::ON_DEMAND_RESHARDS, "stream" => name.to_owned(), "kind" => kind(action))
                    .increment(1);
                let (demand, peak) = (plan.demand, plan.peak);
                tracing::info!(stream = name, ?action, ?demand, ?peak, "a stream on demand is resharded");
            }
            Err(error) => tracing::warn!(stream = name, ?action, ?error, "not resharded now"),
        }
        outcome.is_ok()
    }
}

/// Whether the service decides the stream's shards, and may now.
fn is_scaled(stream: &Stream) -> bool {
    stream.mode == StreamMode::OnDemand && stream.status == StreamStatus::Active
}

/// The command that does it, if the shards are still there to do it with.
fn command(stream: &Stream, action: Action, at: Timestamp, room: usize) -> Option<Command> {
    let open = |id| stream.shard(id).filter(|shard| shard.is_open());
    let (parents, starts) = match action {
        Action::Split { shard, at } if room > 0 => (vec![shard], vec![open(shard)?.range.start, at]),
        Action::Split { .. } => return None,
        Action::Merge { lower, upper } => {
            open(upper)?;
            (vec![lower, upper], vec![open(lower)?.range.start])
        }
    };
    Some(Command::Reshard { stream: stream.key.clone(), at, parents, starts })
}

const fn kind(action: Action) -> &'static str {
    match action {
        Action::Split { .. } => "split",
        Action::Merge { .. } => "merge",
    }
}

#[expect(clippy::cast_precision_loss, reason = "metrics are floats")]
fn tell(stream: &StreamView, plan: &Plan) {
    let name = stream.key.as_str();
    gauge!(names::ON_DEMAND_PEAK_BYTES, "stream" => name.to_owned()).set(plan.peak.bytes as f64);
    gauge!(names::ON_DEMAND_PEAK_RECORDS, "stream" => name.to_owned()).set(plan.peak.records as f64);
    gauge!(names::ON_DEMAND_HOT_KEYS, "stream" => name.to_owned()).set(plan.hot_keys as f64);
    // There from the start, so that a rate can be told of the first.
    for kind in ["split", "merge"] {
        counter!(names::ON_DEMAND_RESHARDS, "stream" => name.to_owned(), "kind" => kind).increment(0);
    }
}
