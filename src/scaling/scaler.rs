//! The decisions: which shards are split where, which are merged, never more than the bounds allow.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::history::{History, slot_at};
use super::load::{Load, Rate};
use super::settings::Settings;
use super::spread::Cut;
use crate::limits;
use crate::types::{HashKey, HashKeyRange, Instant, LogId, ShardId, StreamKey};

/// An open shard, as the catalog has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenShard {
    /// Its id.
    pub id: ShardId,
    /// Tells it from all other shards that ever were.
    pub log: LogId,
    /// Hash keys it takes.
    pub range: HashKeyRange,
    /// Logs of the shards it came from.
    pub parents: [Option<LogId>; 2],
}

/// A stream on demand, as the catalog has it.
#[derive(Clone, Debug)]
pub struct StreamView {
    /// Whose, and its name.
    pub key: StreamKey,
    /// Its open shards by hash key.
    pub shards: Vec<OpenShard>,
    /// Bytes per second to be kept ready.
    pub warm_bytes: u64,
    /// Shards its account may still open.
    pub room: usize,
}

/// A change of a stream's shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The shard gives way to two.
    Split {
        /// Which.
        shard: ShardId,
        /// First key of the upper one.
        at: HashKey,
    },
    /// Two neighbours give way to one.
    Merge {
        /// The one with the lower keys.
        lower: ShardId,
        /// The other.
        upper: ShardId,
    },
}

/// What is to be done for a stream, and what it is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In this order.
    pub actions: Vec<Action>,
    /// Present demand, throttled writes included.
    pub demand: Rate,
    /// The highest since the start.
    pub peak: Rate,
    /// Shards that would be split if their traffic were not all on one key.
    pub hot_keys: usize,
}

/// What it remembers of a stream.
#[derive(Clone, Copy, Debug, Default)]
struct Growth {
    peak: Rate,
    /// When the present spurt began, and from how many shards.
    spurt: Option<(Instant, usize)>,
}

/// The demand of all streams on demand.
#[derive(Debug)]
pub struct Scaler {
    settings: Settings,
    record_weight: u64,
    loads: HashMap<LogId, Load>,
    streams: HashMap<StreamKey, Growth>,
    last_tick: Instant,
}

impl Scaler {
    /// Nothing was written yet.
    pub fn new(settings: Settings, now: Instant) -> Self {
        let record_weight = settings.limit.bytes / settings.limit.records.max(1);
        let (loads, streams) = (HashMap::new(), HashMap::new());
        Self { settings, record_weight, loads, streams, last_tick: now }
    }

    /// One record was written to a shard, or refused by its throttle.
    pub fn written(&mut self, log: LogId, range: HashKeyRange, key: HashKey, bytes: u64) {
        let load = self.loads.entry(log).or_insert_with(|| Load::new(range));
        load.add(key, bytes, self.record_weight);
    }

    /// Closes the time since the last tick: a plan for each stream, in their order. Streams and shards that
    /// are not among them are forgotten.
    pub fn tick(&mut self, streams: &[StreamView], now: Instant) -> Vec<Plan> {
        let elapsed = now.since(std::mem::replace(&mut self.last_tick, now));
        let plans = streams.iter().map(|stream| self.plan(stream, elapsed, now)).collect();
        let logs: HashSet<_> = streams.iter().flat_map(|it| &it.shards).map(|shard| shard.log).collect();
        let keys: HashSet<_> = streams.iter().map(|it| &it.key).collect();
        self.loads.retain(|log, _| logs.contains(log));
        self.streams.retain(|key, _| keys.contains(key));
        plans
    }

    #[cfg(test)]
    pub(super) fn known_shards(&self) -> usize {
        self.loads.len()
    }

    fn plan(&mut self, stream: &StreamView, elapsed: Duration, now: Instant) -> Plan {
        let slot = slot_at(now.as_nanos(), self.settings.merge_hours);
        let mut demand = Rate::default();
        for shard in &stream.shards {
            let load = self.settle(shard, elapsed, now, slot);
            demand = demand.plus(load.rate());
        }
        let growth = self.streams.entry(stream.key.clone()).or_default();
        growth.peak = growth.peak.at_least(demand);
        let (peak, allowed) = (growth.peak, self.allowed(stream, now));
        let (hot, hot_keys) = self.hot(stream, now);
        let mut actions = hot;
        self.warm_up(stream, &mut actions);
        actions.truncate(allowed);
        if !actions.is_empty() {
            self.note_spurt(stream, now);
        }
        let left = limits::ON_DEMAND_ACTIONS_MAX - actions.len();
        actions.extend(self.merges(stream, left));
        for shard in &stream.shards {
            self.load(shard).fade();
        }
        Plan { actions, demand, peak, hot_keys }
    }

    /// Closes a shard's tick. A child was as busy as its parents at most: it need not be watched for a day
    /// before it is merged on.
    fn settle(&mut self, shard: &OpenShard, elapsed: Duration, now: Instant, slot: u64) -> &Load {
        let inherited = || {
            let histories = shard.parents.iter().flatten();
            let known = histories.map(|log| self.loads.get(log).and_then(|load| load.history.as_ref()));
            let all = known.collect::<Option<Vec<_>>>()?;
            all.into_iter().cloned().reduce(|sum, history| sum.with(&history))
        };
        let is_new = self.loads.get(&shard.log).is_none_or(|load| load.history.is_none());
        let history = is_new.then(|| inherited().unwrap_or_else(|| History::unknown(slot)));
        let settings = self.settings;
        let load = self.load(shard);
        load.history = history.or_else(|| load.history.take());
        load.settle(elapsed, now, &settings);
        let parts = load.parts();
        load.history.iter_mut().for_each(|history| history.note(slot, parts));
        load
    }

    fn load(&mut self, shard: &OpenShard) -> &mut Load {
        self.loads.entry(shard.log).or_insert_with(|| Load::new(shard.range))
    }

    /// Splits of shards that were above the share for long enough, the busiest first; and how many of them
    /// a split would not help.
    fn hot(&mut self, stream: &StreamView, now: Instant) -> (Vec<Action>, usize) {
        let settings = self.settings;
        let (mut hot, mut hot_keys) = (Vec::new(), 0);
        for shard in &stream.shards {
            let load = self.load(shard);
            if !load.is_due(now, &settings) {
                continue;
            }
            match load.cut() {
                Cut::At(at) => hot.push((Reverse(load.parts()), Action::Split { shard: shard.id, at })),
                Cut::OneKey => hot_keys += 1,
                Cut::Unclear => {}
            }
        }
        hot.sort_by_key(|(parts, _)| *parts);
        (hot.into_iter().map(|(_, split)| split).collect(), hot_keys)
    }

    /// Further splits, the widest shards first, until the stream has what is to be kept ready.
    fn warm_up(&self, stream: &StreamView, splits: &mut Vec<Action>) {
        let missing = self.warm_shards(stream).saturating_sub(stream.shards.len() + splits.len());
        let is_split =
            |id: ShardId| splits.iter().any(|it| matches!(it, Action::Split { shard, .. } if *shard == id));
        let mut others: Vec<_> = stream.shards.iter().filter(|shard| !is_split(shard.id)).collect();
        others.sort_by_key(|shard| Reverse(shard.range.end.0 - shard.range.start.0));
        let halves = others.into_iter().filter_map(|shard| {
            let HashKeyRange { start, end } = shard.range;
            let middle = start.0 + (end.0 - start.0) / 2 + 1;
            let is_inside = middle > start.0 + 1 && middle < end.0;
            is_inside.then_some(Action::Split { shard: shard.id, at: HashKey(middle) })
        });
        splits.extend(halves.take(missing).collect::<Vec<_>>());
    }

    fn warm_shards(&self, stream: &StreamView) -> usize {
        let shards = stream.warm_bytes.div_ceil(self.settings.limit.bytes.max(1));
        usize::try_from(shards).unwrap_or(usize::MAX)
    }

    /// How many splits the bounds leave: of the stream, its account, a second, and a spurt. What is to be
    /// kept ready does not wait for the next spurt.
    fn allowed(&self, stream: &StreamView, now: Instant) -> usize {
        let open = stream.shards.len();
        let base = self.spurt(stream, now).map_or(open, |(_, base)| base);
        let doubled = (2 * base).max(self.warm_shards(stream)).saturating_sub(open);
        let bound = usize::try_from(self.settings.shards_max).unwrap_or(usize::MAX).saturating_sub(open);
        doubled.min(bound).min(stream.room).min(limits::ON_DEMAND_ACTIONS_MAX)
    }

    /// The spurt under way.
    fn spurt(&self, stream: &StreamView, now: Instant) -> Option<(Instant, usize)> {
        let spurt = self.streams.get(&stream.key)?.spurt;
        spurt.filter(|(began, _)| now.since(*began) < self.settings.double_after())
    }

    fn note_spurt(&mut self, stream: &StreamView, now: Instant) {
        let spurt = self.spurt(stream, now).unwrap_or((now, stream.shards.len()));
        self.streams.entry(stream.key.clone()).or_default().spurt = Some(spurt);
    }

    /// Merges of neighbours that were cold together all the time, from the lowest keys up.
    fn merges(&self, stream: &StreamView, most: usize) -> Vec<Action> {
        let floor = self.warm_shards(stream).max(limits::ON_DEMAND_SHARDS_MIN as usize);
        let most = stream.shards.len().saturating_sub(floor).min(most);
        let mut merges = Vec::new();
        let mut shards = stream.shards.as_slice();
        while let [lower, upper, rest @ ..] = shards
            && merges.len() < most
        {
            if self.are_cold(lower, upper) {
                merges.push(Action::Merge { lower: lower.id, upper: upper.id });
                shards = rest;
            } else {
                shards = &shards[1..];
            }
        }
        merges
    }

    fn are_cold(&self, lower: &OpenShard, upper: &OpenShard) -> bool {
        let history = |shard: &OpenShard| self.loads.get(&shard.log)?.history.as_ref();
        let (Some(lower), Some(upper)) = (history(lower), history(upper)) else { return false };
        lower.with(upper).busiest() < self.settings.merge_parts()
    }
}
