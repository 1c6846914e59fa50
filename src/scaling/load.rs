//! What is asked of one shard: how much, for how long, and where in its range.

use std::time::Duration;

use super::history::History;
use super::settings::Settings;
use super::spread::{Cut, Spread};
use crate::types::{HashKey, HashKeyRange, Instant};

/// Shares of a shard's limit are counted in millionths.
pub(super) const PARTS: u64 = 1_000_000;
/// Demand is evened out over so long: a second's chance in where keys fall is no demand.
const SMOOTH_MILLIS: u64 = 4000;
/// And is counted in parts of a byte and of a record, or what is rounded off each second would add up.
const FINE: u64 = 1000;

/// Per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// Bytes of data and partition keys.
    pub bytes: u64,
    /// Records.
    pub records: u64,
}

/// One shard's demand, throttled writes included.
#[derive(Clone, Debug)]
pub(super) struct Load {
    since_tick: Rate,
    fine_rate: Rate,
    parts: u64,
    hot_since: Option<Instant>,
    spread: Spread,
    /// None until the first tick says whose child it is.
    pub(super) history: Option<History>,
}

impl Load {
    pub(super) fn new(range: HashKeyRange) -> Self {
        let nothing = Rate::default();
        let spread = Spread::new(range);
        Self { since_tick: nothing, fine_rate: nothing, parts: 0, hot_since: None, spread, history: None }
    }

    /// One record was written, or would have been. `record_weight` is what it weighs beside its bytes.
    pub(super) fn add(&mut self, key: HashKey, bytes: u64, record_weight: u64) {
        self.since_tick.bytes += bytes;
        self.since_tick.records += 1;
        self.spread.add(key, bytes + record_weight);
    }

    /// Closes the time since the last tick.
    pub(super) fn settle(&mut self, elapsed: Duration, now: Instant, settings: &Settings) {
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
        let told = std::mem::take(&mut self.since_tick);
        self.fine_rate.bytes = smoothed(self.fine_rate.bytes, told.bytes, millis);
        self.fine_rate.records = smoothed(self.fine_rate.records, told.records, millis);
        self.parts = self.rate().parts_of(settings.limit);
        if self.parts <= settings.split_parts() {
            self.hot_since = None;
        } else if self.hot_since.is_none() {
            self.hot_since = Some(now);
        }
    }

    /// Ends the tick: what was seen of the spread is worth less now.
    pub(super) fn fade(&mut self) {
        self.spread.decay();
        if self.hot_since.is_none() && self.spread.is_close_up() {
            self.spread.look_at_all();
        }
    }

    pub(super) fn rate(&self) -> Rate {
        let round = |fine: u64| (fine + FINE / 2) / FINE;
        Rate { bytes: round(self.fine_rate.bytes), records: round(self.fine_rate.records) }
    }

    /// Demand in millionths of the limit.
    pub(super) const fn parts(&self) -> u64 {
        self.parts
    }

    /// Whether it has been above the share for long enough.
    pub(super) fn is_due(&self, now: Instant, settings: &Settings) -> bool {
        self.hot_since.is_some_and(|since| now.since(since) >= settings.split_after())
    }

    pub(super) fn cut(&mut self) -> Cut {
        self.spread.cut()
    }
}

impl Rate {
    /// The larger of its two shares of a limit.
    pub(super) fn parts_of(self, limit: Self) -> u64 {
        let share = |of: u64, whole: u64| of.saturating_mul(PARTS) / whole.max(1);
        share(self.bytes, limit.bytes).max(share(self.records, limit.records))
    }

    pub(super) const fn plus(self, other: Self) -> Self {
        Self { bytes: self.bytes + other.bytes, records: self.records + other.records }
    }

    pub(super) fn at_least(self, other: Self) -> Self {
        Self { bytes: self.bytes.max(other.bytes), records: self.records.max(other.records) }
    }
}

fn smoothed(before: u64, told: u64, millis: u64) -> u64 {
    let fresh = told.saturating_mul(1000 * FINE) / millis;
    let weight = millis.min(SMOOTH_MILLIS);
    (before * (SMOOTH_MILLIS - weight)).saturating_add(fresh.saturating_mul(weight)) / SMOOTH_MILLIS
}
